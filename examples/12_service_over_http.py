"""The tools over HTTP: start the service, upload a texture, wait for the job, fetch the result."""

import json
import socket
import subprocess
import sys
import time
import urllib.request

from inputs import output_folder, write_wall

import matshot

out = output_folder()
wall = write_wall(out)

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
service = f"http://127.0.0.1:{port}"
web = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(path: str, data: bytes | None = None, content: str = "application/octet-stream") -> bytes:
    """The answer to a request; with data it is a POST."""
    with web.open(urllib.request.Request(service + path, data, {"Content-Type": content})) as answer:
        return answer.read()


command = [sys.executable, "-m", "matshot", "serve", "--port", str(port), "--data", str(out / "service")]
server = subprocess.Popen([*command, "--workers", "1"])
try:
    while server.poll() is None:
        try:
            call("/healthz")
            break
        except OSError:
            time.sleep(0.3)
    asset = json.loads(call("/v1/assets?name=wall.png", wall.read_bytes()))
    job = {"tool": "upscale", "inputs": [asset["id"]], "parameters": {"scale": 2}}
    job = json.loads(call("/v1/jobs", json.dumps(job).encode(), "application/json"))
    call(f"/v1/jobs/{job['id']}/events")  # ends with the job
    (out / "wall_2x.png").write_bytes(call(f"/v1/jobs/{job['id']}/results/0"))
finally:
    server.terminate()
    server.wait()

matshot.preview(wall, out / "wall_2x.png", size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
