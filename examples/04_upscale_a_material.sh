#!/usr/bin/env bash
# A whole material twice as large: every map by its kind, all of them aligned.
# Usage: bash examples/04_upscale_a_material.sh [FOLDER]
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" bricks

matshot upscale "$out/bricks" -o "$out/bricks_2x" --scale 2
matshot preview "$out/bricks_2x" -o "$out/picture.jpg" --size 256

echo "See $out/picture.jpg"
