#!/usr/bin/env bash
# The tools over HTTP: start the service, upload a texture, wait for the job, fetch the result.
# Usage: bash examples/12_service_over_http.sh [FOLDER]       needs: pip install 'matshot[service]', curl
set -euo pipefail
here="$(dirname "$0")"
out="${1:-$(mktemp -d)}"
python "$here/inputs.py" "$out" wall

port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
matshot serve --port "$port" --data "$out/service" --workers 1 &
trap 'kill %1; wait %1 || true' EXIT
service="http://127.0.0.1:$port"
curl() { command curl --silent --show-error --fail --noproxy '*' "$@"; }
id() { python -c 'import json, sys; print(json.load(sys.stdin)["id"])'; }
until curl "$service/healthz" >/dev/null 2>&1; do sleep 0.3; done

asset=$(curl --data-binary "@$out/wall.png" "$service/v1/assets?name=wall.png" | id)
job=$(curl -H 'Content-Type: application/json' "$service/v1/jobs" \
  -d "{\"tool\": \"upscale\", \"inputs\": [\"$asset\"], \"parameters\": {\"scale\": 2}}" | id)
curl --no-buffer "$service/v1/jobs/$job/events" >"$out/events.txt"   # ends with the job
curl --output "$out/wall_2x.png" "$service/v1/jobs/$job/results/0"
matshot preview "$out/wall.png" "$out/wall_2x.png" -o "$out/picture.jpg" --size 256

echo "See $out/picture.jpg"
