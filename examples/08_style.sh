#!/usr/bin/env bash
# The wall with the look of rust.
# Usage: bash examples/08_style.sh [FOLDER]
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" wall rust

matshot style "$out/wall.png" "$out/rust.png" -o "$out/rusty_wall.png" --strength 0.4
matshot preview "$out/wall.png" "$out/rust.png" "$out/rusty_wall.png" -o "$out/picture.jpg" --size 256

echo "See $out/picture.jpg"
