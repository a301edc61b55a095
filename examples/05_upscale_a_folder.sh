#!/usr/bin/env bash
# A folder of textures, mirrored; names say which are normal maps and which hold data.
# Usage: bash examples/05_upscale_a_folder.sh [FOLDER]
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" textures

matshot upscale "$out/textures" -o "$out/textures_2x" --scale 2
cd "$out/textures_2x"
matshot preview wall.png concrete_rough.png props/crate_n.png -o "$out/picture.jpg" --size 256

echo "See $out/picture.jpg"
