"""Pack the nodes: a zip that is unpacked into ComfyUI's `custom_nodes` folder.

python plugins/comfyui/build.py               # into dist/
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]

sys.path.insert(0, str(_CHECKOUT / "core"))

from matshot.hosts.install import copy_plugin  # noqa: E402  found by the line above


def build(into: Path) -> Path:
    """Pack the nodes with all that they need.

    Args:
        into: folder for the zip.

    Returns:
        Path of the zip.
    """
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = copy_plugin("comfyui", Path(place))
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        target = into / f"{project['name']}-comfyui-{project['version']}.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder.parent))
            archive.write(_CHECKOUT / "LICENSE", f"{folder.name}/LICENSE")
    return target


def main() -> None:
    """Build the zip, and print its size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=_CHECKOUT / "dist", help="folder for the zip")
    archive = build(parser.parse_args().into)
    print(f"{archive}  {archive.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
