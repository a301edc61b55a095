#!/usr/bin/env bash
# A whole library through one tool. Run it again: what is done is skipped.
# Usage: bash examples/11_batch_a_library.sh [FOLDER]
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" textures

matshot batch "$out/textures" "$out/textures_2x" --set scale=2 --set look=detail --workers 1
matshot batch "$out/textures" "$out/textures_2x" --set scale=2 --set look=detail --workers 1
cd "$out/textures_2x"
matshot preview wall.png props/crate_n.png concrete_rough.png -o "$out/picture.jpg" --size 256

echo "See $out/picture.jpg"
