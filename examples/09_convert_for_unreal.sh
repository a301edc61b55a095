#!/usr/bin/env bash
# A material as Unreal wants it: DirectX normals, occlusion, roughness and metallic in one map, TGA.
# Usage: bash examples/09_convert_for_unreal.sh [FOLDER]
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" bricks

matshot convert "$out/bricks" -o "$out/bricks_unreal" --normal dx --pack orm --format tga
matshot preview "$out/bricks_unreal" -o "$out/picture.jpg" --size 256

echo "See $out/picture.jpg"
