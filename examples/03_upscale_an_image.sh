#!/usr/bin/env bash
# An image four times larger, in both looks, beside plain interpolation.
# Usage: bash examples/03_upscale_an_image.sh [FOLDER]
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" wall

matshot upscale "$out/wall.png" -o "$out/bicubic.png" --method bicubic
matshot upscale "$out/wall.png" -o "$out/fidelity.png"
matshot upscale "$out/wall.png" -o "$out/detail.png" --look detail
matshot preview "$out/bicubic.png" "$out/fidelity.png" "$out/detail.png" -o "$out/picture.jpg" --size 256

echo "See $out/picture.jpg"
