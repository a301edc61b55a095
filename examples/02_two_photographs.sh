#!/usr/bin/env bash
# Two photographs, with flash and without, become a material that tiles.
# Usage: bash examples/02_two_photographs.sh [FOLDER]
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" photographs

matshot twoshot "$out/flash.png" "$out/ambient.png" -o "$out/wall" --fov 60
matshot preview "$out/wall" -o "$out/picture.jpg" --size 256

echo "See $out/picture.jpg"
