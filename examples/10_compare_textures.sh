#!/usr/bin/env bash
# Textures and materials on one sheet, each shown 3 x 3: seams show here before they show in a scene.
# Usage: bash examples/10_compare_textures.sh [FOLDER]
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" bricks rust wall plaster

matshot preview "$out/bricks" "$out/wall.png" "$out/plaster.png" "$out/rust.png" \
  -o "$out/picture.jpg" --view tiled --size 256

echo "See $out/picture.jpg"
