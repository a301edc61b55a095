"""How many drags and clicks, and how much time, from a fresh Blender to a wired material in the right size.

    python -m bench.hosts.blender_clicks VENV/bin/python [--write]

The Python has a `bpy` package. Each drag calls the operator that Blender calls for it, and each click runs its dialog
with the values that it shows: the zip and its OK, the photograph and its OK. Nothing else is set, and nobody looks at a
dialog while the worker starts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import report
from matshot.image.writer import write_texture
from matshot.shading.procedural import wall_photographs

NAME = "hosts.blender_clicks"

ROOT = Path(__file__).resolve().parents[2]
INSIDE = ROOT / "tests" / "plugins" / "blender" / "inside.py"
BUILD = ROOT / "plugins" / "blender" / "build.py"
#: Pixels per side of the photographs: one that is worked on as it is, and one that is shown as a draft first.
_SIDES = (512, 1536)


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    rows = []
    for side in _SIDES[:1] if options.skip_slow else _SIDES:
        found = first_material(options.python, side)
        install, material, full = found["seconds"]
        rows.append(
            [
                ".".join(map(str, found["version"])), f"{side} px", "2", "2", f"{install:.1f}", f"{material:.1f}",
                f"{found['processor']:.1f}", f"{full:.1f}" if full else "", f"{found['load']:.1f}",
                found["repetition"],
            ]
        )  # fmt: skip
        report.say(f"{NAME}: {side} px")
    header = ["Blender", "photograph", "drags", "clicks", "extension, s", "material, s", "its processor time, s"]
    header += ["in full size, s", "load", "a repetition on the cube"]
    text = [
        report.conditions(f"{report.command(NAME, options)} VENV/bin/python"),
        report.table(header, rows, ["photograph", "a repetition on the cube"]),
        "*Material* is the time from the drop to a material that is wired and rightly scaled: for large photographs a "
        "draft, whose textures are replaced *in full size* later. Processor time counts Blender and the worker "
        "on all cores. *Load* is the machine's average load while it ran: with more than one process per core, the "
        "rest of the time was spent waiting for others.",
    ]
    return report.Section(NAME, "From a fresh Blender to a material", "\n\n".join(text))


def first_material(python: str, side: int) -> dict[str, Any]:
    """What `inside.py` reports of the first material in a Blender where nothing was set."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_texture(wall_photographs(side, seed=1)[0], folder / "flash.jpg")
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
        found: dict[str, Any] = json.loads(answer.read_text("utf-8"))
        return found


def parser() -> argparse.ArgumentParser:
    """The options of the benchmark."""
    made = report.parser(__doc__, data=False)
    made.add_argument("python", help="a Python with bpy")
    return made


if __name__ == "__main__":
    report.run_alone(measure, parser())
