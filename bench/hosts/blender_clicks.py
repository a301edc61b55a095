"""How many drags and clicks, and how much time, from a fresh Blender to a wired material in the right size.

    python -m bench.hosts.blender_clicks VENV/bin/python

The Python has a `bpy` package. Each drag calls the operator that Blender calls for it, and each click runs its dialog
with the values that it shows: the zip and its OK, the photograph and its OK. Nothing else is set.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from matshot.image.writer import write_texture
from matshot.shading.procedural import wall_photographs

ROOT = Path(__file__).resolve().parents[2]
INSIDE = ROOT / "tests" / "plugins" / "blender" / "inside.py"
BUILD = ROOT / "plugins" / "blender" / "build.py"
#: Pixels per side of the photograph.
_SIDE = 512


def first_material(python: str) -> dict[str, object]:
    """What `inside.py` reports of the first material in a Blender where nothing was set."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_texture(wall_photographs(_SIDE, seed=1)[0], folder / "flash.jpg")
        (folder / "home").mkdir()
        # As `matshot install` notes it.
        (folder / "home" / "hosts.json").write_text(json.dumps({"python": sys.executable}), "utf-8")
        subprocess.run([sys.executable, str(BUILD), "--light", "--into", place], check=True, stdout=subprocess.DEVNULL)
        answer = folder / "answer.json"
        told = {"zip": str(next(folder.glob("*.zip"))), "worker": "", "answer": str(answer), "folder": place}
        told["photo"] = str(folder / "flash.jpg")
        environment = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "user")}
        environment["MATSHOT_HOME"] = str(folder / "home")
        subprocess.run(
            [python, str(INSIDE), "first_material", json.dumps(told)], env=environment, check=True, capture_output=True
        )
        found: dict[str, object] = json.loads(answer.read_text("utf-8"))
        return found


def main() -> None:
    """Print drags, clicks and seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", help="a Python with bpy")
    found = first_material(parser.parse_args().python)
    install, material = found["seconds"]  # type: ignore[misc]
    print("| Blender | drags | clicks | extension | material | links | size of a repetition |")
    print("|---|---|---|---|---|---|---|")
    version = ".".join(map(str, found["version"]))  # type: ignore[call-overload]
    print(f"| {version} | 2 | 2 | {install:.1f} s | {material:.1f} s | {found['links']} | {found['repetition']} |")


if __name__ == "__main__":
    main()
