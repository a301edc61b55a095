#!/usr/bin/env bash
# A texture that does not tile, made seamless with little change.
# Usage: bash examples/07_make_seamless.sh [FOLDER]
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" plaster

matshot tile "$out/plaster.png" -o "$out/plaster_tile.png"
matshot preview "$out/plaster.png" "$out/plaster_tile.png" -o "$out/picture.jpg" --view tiled --size 256

echo "See $out/picture.jpg"
