# SPDX-License-Identifier: GPL-3.0-or-later
"""Pack the extension: a zip per platform with all packages, or a light one for users of `matshot install`.

    python plugins/blender/build.py                              # all platforms, into dist/
    python plugins/blender/build.py --platform linux-x64
    python plugins/blender/build.py --light

Needs pip and, for the first build, the package index; wheels are cached in `dist/wheels`. Zips are checked by
Blender's validator if a `bpy` package or a Blender application is found.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]

sys.path.insert(0, str(_CHECKOUT / "core"))

from matshot.hosts.install import copy_plugin  # noqa: E402  found by the line above

#: Wheel tags by Blender's name of a platform, oldest systems that Blender 4.2 runs on.
PLATFORMS = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "windows-x64": ("win_amd64",),
    "macos-arm64": ("macosx_13_0_arm64", "macosx_13_0_universal2"),
    "macos-x64": ("macosx_13_0_x86_64", "macosx_13_0_universal2"),
}

#: What the worker needs by the Python of Blender: 3.11 in 4.2 to 5.0, 3.13 from 5.1. NumPy is Blender's own: 1.24 in
#: 4.2, which later versions of SciPy refuse.
WHEELS = {
    "3.11": (
        "onnxruntime>=1.19",
        "scipy==1.13.1",
        "opencv-python-headless==4.11.0.86",
        "OpenImageIO>=3.0",
        "zlib-ng>=1.0",
    ),
    "3.13": (
        "onnxruntime>=1.20",
        "scipy>=1.15",
        "opencv-python-headless==4.11.0.86",
        "OpenImageIO>=3.0",
        "zlib-ng>=1.0",
    ),
}
_NEXT = WHEELS["3.13"]

#: Size in bytes that a zip may have on Blender's extension platform.
_LIMIT = 300_000_000


def build(into: Path, wheels: Sequence[Path] = (), platform: str = "", website: str = "") -> Path:
    """Pack the extension.

    Args:
        into: folder for the zip.
        wheels: to include.
        platform: Blender's name of the wheels' platform; empty for all platforms.
        website: address that Blender shows for the extension; empty for none.

    Returns:
        Path of the zip.
    """
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = copy_plugin("blender", Path(place))
        manifest = folder / "blender_manifest.toml"
        text = manifest.read_text("utf-8")
        if website:
            text = text.replace('type = "add-on"', f'website = "{website}"\ntype = "add-on"')
            manifest.write_text(text, "utf-8")
        if wheels:
            listed = "".join(f'    "./wheels/{wheel.name}",\n' for wheel in wheels)
            head, table, tail = text.partition("[permissions]")
            text = f'{head}platforms = ["{platform}"]\nwheels = [\n{listed}]\n\n{table}{tail}'
            manifest.write_text(text, "utf-8")
            (folder / "wheels").mkdir()
            for wheel in wheels:
                shutil.copy2(wheel, folder / "wheels")
        name = f"matshot-{_version(text)}-{platform.replace('-', '_') if platform else 'light'}.zip"
        target = into / name
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                # A wheel is a zip already.
                kind = zipfile.ZIP_STORED if path.suffix == ".whl" else zipfile.ZIP_DEFLATED
                archive.write(path, path.relative_to(folder), kind)
    return target


def download_wheels(platform: str, cache: Path, pythons: Sequence[str]) -> list[Path]:
    """Download the wheels for a platform, unless they are cached.

    Returns:
        Their paths.

    Raises:
        subprocess.CalledProcessError: when a wheel does not exist.
    """
    found: dict[str, Path] = {}
    for python in pythons:
        folder = cache / platform / python
        if not folder.is_dir():
            part = folder.with_name(folder.name + ".part")
            tags = [word for tag in PLATFORMS[platform] for word in ("--platform", tag)]
            abi = "cp" + python.replace(".", "")
            _pip(
                *("download", "--no-deps", "--only-binary", ":all:", "--dest", str(part), "--implementation", "cp"),
                *("--python-version", python, "--abi", abi, "--abi", "abi3", "--abi", "none", *tags),
                *WHEELS.get(python, _NEXT),
            )
            part.rename(folder)
        found.update((wheel.name, wheel) for wheel in folder.glob("*.whl"))
    return sorted(found.values())


def build_wheel(into: Path) -> Path:
    """Build the wheel of this checkout; wheels of other versions stay."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into) as place:
        _pip("wheel", "--no-deps", "--wheel-dir", place, str(_CHECKOUT))
        wheel = next(Path(place).glob("matshot-*.whl"))
        return wheel.replace(into / wheel.name)


def validator() -> list[str]:
    """Command of Blender's validator, without the path of the zip; empty if none is found."""
    found = importlib.util.find_spec("bpy")
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        for script in Path(folder).glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"):
            return [sys.executable, str(script), "validate"]
    blender = shutil.which("blender")
    return [blender, "--command", "extension", "validate"] if blender else []


def _version(manifest: str) -> str:
    return next(line.split('"')[1] for line in manifest.splitlines() if line.startswith("version ="))


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


def _build_all(options: argparse.Namespace) -> Iterator[Path]:
    into: Path = options.into
    if options.light:
        yield build(into, website=options.website)
        return
    cache = into / "wheels"
    own = build_wheel(cache)
    for platform in options.platform or PLATFORMS:
        try:
            wheels = download_wheels(platform, cache, options.python)
        except subprocess.CalledProcessError:
            print(f"{platform}: skipped, since some wheels do not exist")
            continue
        yield build(into, [own, *wheels], platform, options.website)


def main() -> int:
    """Build and validate the zips, and print their sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=_CHECKOUT / "dist", help="folder for the zips")
    parser.add_argument("--platform", action="append", choices=PLATFORMS, help="build for this platform (repeatable)")
    parser.add_argument("--python", nargs="+", default=list(WHEELS), help="Python versions of the wheels")
    parser.add_argument("--light", action="store_true", help="leave out the wheels, for users of `matshot install`")
    parser.add_argument("--website", default="", help="address of the project, which Blender shows for the extension")
    options = parser.parse_args()
    command = validator()
    failed = False
    for archive in _build_all(options):
        size = archive.stat().st_size
        valid = subprocess.run([*command, str(archive)], stdout=subprocess.DEVNULL).returncode == 0 if command else None
        state = {True: "valid", False: "NOT VALID", None: "not validated: no Blender found"}[valid]
        print(f"{archive}  {size / 1e6:.1f} MB  {state}{'  TOO LARGE' if size > _LIMIT else ''}")
        failed = failed or valid is False or size > _LIMIT
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
