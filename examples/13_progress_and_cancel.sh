#!/usr/bin/env bash
# Progress for machines: one JSON object per line. Ctrl-C cancels: the exit code is 130, and nothing half-written remains.
# Usage: bash examples/13_progress_and_cancel.sh [FOLDER]
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" wall

matshot upscale "$out/wall.png" -o "$out/wall_4x.png" --tile 32 --json | while read -r line; do
  case "$line" in
    *'"event": "progress"'*) echo "working: $line" ;;
    *'"event": "done"'*) echo "done: $line" ;;
  esac
done
matshot preview "$out/wall.png" "$out/wall_4x.png" -o "$out/picture.jpg" --size 256

echo "See $out/picture.jpg"
