"""The Blender extension on several versions of Blender: its tests, and its zip with everything inside.

    python -m bench.hosts.blender_matrix VENV/bin/python ... [--zip dist/matshot-0.1.0-linux_x64.zip]

Each Python has a `bpy` package: `pip install bpy==4.2.23 numpy==1.24.3`, `bpy==4.5.15`, `bpy==5.0.1`. With a zip of
`plugins/blender/build.py`, the worker also runs on Blender's own Python with the packages of the zip.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from matshot.cli.demo import photographed_wall
from matshot.image.types import Texture
from matshot.image.writer import write_texture

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "plugins" / "blender"
TOOLS = ("test", "upscale", "tile", "multiply", "style", "oneshot")


def tested(python: str) -> str:
    """Outcome of the extension's tests with a Blender, as pytest sums it up."""
    environment = {**os.environ, "MATSHOT_BPY_PYTHON": python}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS / "test_extension.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, cwd=ROOT)
    return done.stdout.strip().splitlines()[-1]


def bundled(python: str, archive: Path) -> dict[str, Any]:
    """What the zip with everything inside does in a Blender where nothing else is installed."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_texture(Texture(photographed_wall(160, seed=1)["flash"], "srgb"), folder / "flash.png")
        answer = folder / "answer.json"
        told = {"zip": str(archive), "worker": "", "answer": str(answer), "folder": place, "photographs": place}
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment |= {"BLENDER_USER_RESOURCES": str(folder / "user"), "MATSHOT_HOME": str(folder / "home")}
        command = [python, str(TESTS / "inside.py"), "bundled", json.dumps(told)]
        begun = time.monotonic()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        if not answer.is_file():
            return {"failed": (done.stderr or done.stdout).strip().splitlines()[-1:]}
        return {**json.loads(answer.read_text("utf-8")), "seconds": time.monotonic() - begun}


def main() -> None:
    """Print a line for each Blender."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", nargs="+", help="a Python with bpy")
    parser.add_argument("--zip", type=Path, help="extension with its wheels, for this platform")
    parser.add_argument("--only-zip", action="store_true", help="leave the tests out")
    options = parser.parse_args()
    print("| Blender | Python | NumPy | tests | zip with everything |\n|---|---|---|---|---|")
    for python in options.python:
        asked = (
            "import bpy, numpy, sys; print(bpy.app.version_string, sys.version.split()[0], numpy.__version__, sep='|')"
        )
        answered = subprocess.run([python, "-c", asked], capture_output=True, text=True).stdout
        versions = next(line for line in answered.splitlines() if re.match(r"\d+\.\d+.*\|.*\|", line))
        outcome = "not run" if options.only_zip else tested(python)
        zipped = "not run"
        if options.zip:
            found = bundled(python, options.zip.resolve())
            wrong = [name for name in TOOLS if found.get(name) != ["FINISHED"]]
            zipped = (
                f"{found['seconds']:.0f} s" if not wrong else f"failed: {', '.join(wrong)} {found.get('failed', '')}"
            )
            for name in wrong:
                print(found.get(name), file=sys.stderr)
        print(f"| {' | '.join(versions.split('|'))} | {outcome} | {zipped} |", flush=True)


if __name__ == "__main__":
    main()
