#!/usr/bin/env bash
# Three walls like this one, each from another seed, all of them tileable.
# Usage: bash examples/06_multiply.sh [FOLDER]
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" wall

size="${SIZE:-128}x${SIZE:-128}"
matshot multiply "$out/wall.png" -o "$out/walls" --count 3 --size "$size" --tileable --variety 0.8
matshot preview "$out/wall.png" "$out"/walls/wall_*.png -o "$out/picture.jpg" --size 256

echo "See $out/picture.jpg"
