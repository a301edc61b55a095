#!/usr/bin/env bash
# A network of one's own: an ONNX file and a card in a folder that $MATSHOT_MODELS names.
# Usage: bash examples/14_custom_network.sh [FOLDER]          needs: pip install onnx
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" wall

python "$here/network.py" "$out/models"
matshot upscale "$out/wall.png" -o "$out/shipped.png" --scale 2 --look detail
export MATSHOT_MODELS="$out/models"
matshot upscale "$out/wall.png" -o "$out/custom.png" --scale 2 --look detail
matshot preview "$out/wall.png" "$out/shipped.png" "$out/custom.png" -o "$out/picture.jpg" --size 256

echo "See $out/picture.jpg"
