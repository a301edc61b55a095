"""Whether every tool still writes what it wrote before, bit for bit.

``--write FILE`` runs every tool on generated inputs and notes the SHA-256 of each file written; ``--compare FILE`` does
so again and lists what differs. Outputs depend on processor and library versions, so both runs belong on one machine.

    python bench/golden_outputs.py --write before.json     # on the commit before
    python bench/golden_outputs.py --compare before.json   # on the commit after
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

#: Commands by the name of their output; ``{demo}`` is the folder of ``matshot demo``, which comes first.
COMMANDS = {
    "upscale_image": "upscale {demo}/tile/basecolor.png -o {out}/wall.png --scale 4",
    "upscale_detail": "upscale {demo}/tile/basecolor.png -o {out}/wall.png --scale 2 --look detail",
    "upscale_eight": "upscale {demo}/tile/roughness.png -o {out}/rough.tif --scale 8 --depth uint16",
    "upscale_old": "upscale {demo}/tile/basecolor.png -o {out}/wall.exr --method srcae --device cpu",
    "upscale_folder": "upscale {demo}/tile -o {out}/material --scale 2",
    "oneshot_flash": "oneshot {demo}/photographs/flash.png -o {out}/material --size 384 --roughness 0.1",
    "oneshot_even": "oneshot {demo}/photographs/ambient.png -o {out}/material --size 384 --light even --seamless xy",
    "oneshot_refine": "oneshot {demo}/photographs/flash.png -o {out}/material --size 256 --refine",
    "twoshot_full": "twoshot {demo}/photographs/flash.png {demo}/photographs/ambient.png -o {out}/full --full --size 384",
    "multiply_image": "multiply {demo}/tile/basecolor.png -o {out}/walls --size 300x260 --count 2 --seed 4",
    "multiply_material": "multiply {demo}/tile -o {out}/material --size 320x320 --tileable --variety 0.8",
    "multiply_neural": "multiply {demo}/tile/basecolor.png -o {out}/wall.png --size 128x128 --engine neural",
    "tile_image": "tile {demo}/photographs/ambient.png -o {out}/tile.png",
    "tile_material": "tile {demo}/tile -o {out}/tile --axes x --size crop",
    "style_image": "style {demo}/tile/basecolor.png {demo}/multiplied -o {out}/styled.png",
    "convert_unreal": "convert {demo}/tile -o {out}/unreal --normal dx --pack orm --size 128",
    "convert_float": "convert {demo}/tile -o {out}/float --format exr --depth half",
    "preview_lit": "preview {demo}/tile -o {out}/preview.png",
    "preview_tiled": "preview {demo}/tile -o {out}/preview.png --view tiled",
    "preview_two": "preview {demo}/tile {demo}/multiplied -o {out}/preview.png",
}


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def outputs(folder: Path) -> dict[str, str]:
    """Run every command in a folder; digests of all that they wrote.

    Raises:
        subprocess.CalledProcessError: when a command fails.
    """
    # Records name their sources by relative paths, so every run sees the same names.
    run("demo -o demo", folder)
    for name, command in COMMANDS.items():
        (folder / name).mkdir()
        run(command.format(demo="demo", out=name), folder)
        print(name, flush=True)
    return digests(folder)


def run(command: str, folder: Path) -> None:
    """Run ``matshot`` with arguments; every path has no spaces."""
    subprocess.run([sys.executable, "-m", "matshot", *command.split()], cwd=folder, check=True, stderr=subprocess.PIPE)


def main() -> int:
    """Write or compare; the exit status says whether outputs agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path)
    parser.add_argument("--compare", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = outputs(Path(folder))
    if chosen.write:
        chosen.write.write_text(json.dumps(found, indent=1))
    if not chosen.compare:
        return 0
    wanted = json.loads(chosen.compare.read_text())
    different = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    for name in different:
        print(f"differs: {name}")
    print(f"{len(found) - len(different)} of {len(wanted)} files are the same, bit for bit")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
