"""Training data in a few files of bounded size, to be brought to another machine.

A pack is a ZIP file, not compressed, with the paths of a data folder inside. Images of 8 bits a channel are in it as
the files that they were; others as PNG of 8 bits, which is all that training reads of them. So nothing is lost.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import OpenImageIO as oiio

from .data import PHOTOGRAPHS, SOURCES, load_map

#: Largest size of a pack in MiB.
MEGABYTES = 59

#: Name of a pack, by its number and how many there are.
_NAME = "pack-{}-of-{}.zip"

#: Bytes that a file costs besides its own: headers, and its name twice.
_OVERHEAD = 512


def write_packs(data: Path, out: Path, megabytes: float = MEGABYTES) -> list[Path]:
    """Write what training reads of a data folder into packs; the same data give the same bytes.

    Args:
        data: folder as :mod:`matshot_export.data` describes.
        out: folder that the packs go into.
        megabytes: largest size of a pack in MiB.

    Returns:
        The packs.

    Raises:
        FileExistsError: when there are packs in ``out``.
        FileNotFoundError: when there is nothing to pack.
        ValueError: when an image alone is larger than a pack.
    """
    if there := sorted(out.glob(_NAME.format("*", "*"))):
        raise FileExistsError(f"{out} holds packs already ({there[0].name}); move them away.")
    images = sorted(path for path in data.glob("materials/*/*/*") if path.stem in sum(SOURCES.values(), ()))
    images += sorted(path for path in (data / "photos").glob("*") if path.suffix.lower() in PHOTOGRAPHS)
    if not images:
        raise FileNotFoundError(f"No maps under {data}/materials and no images under {data}/photos.")
    out.mkdir(parents=True, exist_ok=True)
    limit = int(megabytes * 2**20)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        parts: list[Path] = []
        left = 0
        for path in images:
            name, content = _packed(path)
            inner = (path.parent / name).relative_to(data).as_posix()
            need = len(content) + 2 * len(inner) + _OVERHEAD
            if need > limit:
                raise ValueError(f"{path} takes {need / 2**20:.1f} MiB, but a pack holds at most {megabytes:g} MiB.")
            if need > left:
                parts.append(Path(folder) / str(len(parts)))
                left = limit
            left -= need
            with zipfile.ZipFile(parts[-1], "a") as file:
                # Its date is fixed.
                file.writestr(zipfile.ZipInfo(inner), content)
        packs = [out / _NAME.format(number, len(parts)) for number in range(1, len(parts) + 1)]
        for part, pack in zip(parts, packs, strict=True):
            part.rename(pack)
    return packs


@contextmanager
def training_folder(data: Path) -> Iterator[Path]:
    """A data folder as it is, or a temporary one with what its packs hold.

    Args:
        data: folder as :mod:`matshot_export.data` describes, or with the packs of :func:`write_packs`.

    Raises:
        FileNotFoundError: when one of several packs is missing.
    """
    packs = sorted(data.glob(_NAME.format("*", "*")))
    if not packs:
        yield data
        return
    count = packs[0].stem.rpartition("-")[2]
    for number in range(1, int(count) + 1):
        if not (data / _NAME.format(number, count)).exists():
            raise FileNotFoundError(f"{_NAME.format(number, count)} is missing in {data}.")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, int(count) + 1):
            with zipfile.ZipFile(data / _NAME.format(number, count)) as pack:
                pack.extractall(folder)
        yield Path(folder)


def _packed(path: Path) -> tuple[str, bytes]:
    """Name and content of an image in a pack."""
    image = oiio.ImageInput.open(str(path))
    if image is None:
        raise OSError(f"{path} cannot be read: {oiio.geterror()}")
    eight_bits = image.spec().format == oiio.UINT8
    image.close()
    if eight_bits:
        return path.name, path.read_bytes()
    kind = next((kind for kind, stems in SOURCES.items() if path.stem in stems), "color")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{path.stem}.png"
        buffer = oiio.ImageBuf(load_map(path, kind))
        if not buffer.write(str(file)):
            raise OSError(f"{path} cannot be packed: {buffer.geterror()}")
        return file.name, file.read_bytes()
