#!/usr/bin/env bash
# A first material: one photograph, taken with flash, becomes a material folder.
# Usage: bash examples/01_first_material.sh [FOLDER]
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" photographs

matshot oneshot "$out/flash.png" -o "$out/wall" --fov 60
matshot preview "$out/wall" -o "$out/picture.jpg" --size 256

echo "See $out/picture.jpg"
