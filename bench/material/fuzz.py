"""Damaged headers of every format: no crash, and no silent change of the mean.

    python -m bench.material.fuzz [--minutes 10] [--seed 0] [--formats png,exr]

Small files of every format, depth and number of channels are written, and bytes of their headers are changed at
random. Each is then read and stored again, in a process of its own that may die. Right is a sentence, or a result whose
channels have the means of what was read, within 1/255, or notes that say what changed. Exit status 1 if any file is
treated otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from matshot.errors import MatshotError
from matshot.image.formats import WRITABLE, stored_depth
from matshot.image.reader import read_texture
from matshot.image.types import Depth, Texture
from matshot.image.writer import storage_notes, write_texture

#: How far the mean of a channel may move without a note.
MEAN = 1 / 255

#: Bytes at the start of a file that count as its header.
HEADER = 600

#: Files that one process looks at.
BATCH = 150

#: Memory of a process, in bytes: headers that claim more are refused for want of memory.
MEMORY = 4 << 30

#: Suffixes, each with the numbers of channels that it holds.
FORMATS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys((".png", ".tif", ".exr", ".tga"), (1, 3, 4)),
    **dict.fromkeys((".jpg", ".bmp", ".hdr"), (3,)),
    ".webp": (3, 4),
    ".dds": (4,),
}


def seed_files(folder: Path, formats: Sequence[str]) -> list[Path]:
    """A small file of every format, depth and number of channels."""
    rng = np.random.default_rng(5)
    files = []
    for suffix in formats:
        if suffix == ".dds":
            files.append(folder / "four.dds")
            files[-1].write_bytes(plain_dds(rng.integers(0, 256, (16, 16, 4)).astype(np.uint8)))
            continue
        depths: set[Depth] = {stored_depth(Path(f"a{suffix}"), one) for one in ("uint8", "uint16", "half", "float")}
        for depth in sorted(depths):
            for channels in FORMATS[suffix]:
                pixels = rng.random((16, 20, channels), dtype=np.float32)
                encoding = "srgb" if depth in ("uint8", "uint16") else "linear"
                target = folder / f"{depth}{channels}{suffix}"
                files.append(write_texture(Texture(pixels, encoding), target, depth=depth))  # type: ignore[arg-type]
    return files


def plain_dds(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    """An uncompressed DDS, 8 bits a channel, in the order B, G, R, A."""
    height, width, _ = pixels.shape
    head = np.zeros(32, np.uint32)
    head[[0, 1, 2, 3, 4]] = 0x20534444, 124, 0x100F, height, width
    head[5], head[19], head[20], head[22] = width * 4, 32, 0x41, 32
    head[23:27] = 0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000
    head[27] = 0x1000
    return head.tobytes() + np.ascontiguousarray(pixels[..., [2, 1, 0, 3]]).tobytes()


def damaged(whole: bytes, rng: np.random.Generator) -> bytes:
    """A file with up to six bytes of its header changed, or with its end cut off."""
    data = bytearray(whole)
    if rng.random() < 0.1:
        return bytes(data[: int(rng.integers(1, len(data)))])
    for _ in range(int(rng.integers(1, 7))):
        place = int(rng.integers(0, min(HEADER, len(data))))
        data[place] = int(rng.choice([0, 1, 255, data[place] ^ (1 << int(rng.integers(8))), rng.integers(256)]))
    return bytes(data)


def outcome(path: Path, out: Path) -> str:
    """What becomes of a file that is read and stored again: ``refused``, ``noted``, ``kept``, or what is wrong."""
    try:
        texture = read_texture(path)
        target = out / f"out{path.suffix if path.suffix in WRITABLE else '.png'}"
        assert texture.source is not None
        notes = texture.notes + storage_notes(texture, target, stored_depth(target, texture.source.depth))
        write_texture(texture, target)
        again = read_texture(target)
    except MatshotError as error:
        return "refused" if error.sentence.strip() else "WRONG: refused without a sentence"
    except MemoryError:
        return "refused"
    except Exception as error:
        return f"WRONG: {type(error).__name__}: {error}"
    if notes:
        return "noted"
    before, after = (np.atleast_1d(one.pixels.mean(axis=(0, 1), dtype=np.float64)) for one in (texture, again))
    if before.shape != after.shape:
        return f"WRONG: {len(before)} channels became {len(after)}"
    scale = max(1.0, float(np.abs(texture.pixels).max()))
    off = float(np.abs(before - after).max()) / scale
    return "kept" if off <= MEAN else f"WRONG: the mean moved by {off * 255:.1f} of 255"


def attempts(files: Sequence[Path], folder: Path, seed: int, count: int) -> list[tuple[str, str]]:
    """Outcomes of ``count`` damaged files, each with the name of the file that was damaged."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        source = files[int(rng.integers(len(files)))]
        path = folder / f"in{source.suffix}"
        path.write_bytes(damaged(source.read_bytes(), rng))
        said = outcome(path, folder)
        found.append((source.name, said))
        print(f"{number}\t{source.name}\t{said}", flush=True)
    return found


def _child(seed: int, formats: Sequence[str]) -> None:
    """One batch, in a process of its own."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "seeds").mkdir()
        attempts(seed_files(folder / "seeds", formats), folder, seed, BATCH)


def main(arguments: Sequence[str] | None = None) -> int:
    """Damage files until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long")
    parser.add_argument("--seed", type=int, default=0, help="of the first batch")
    parser.add_argument("--formats", default=",".join(one[1:] for one in FORMATS), help="to damage")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    formats = [f".{one}" for one in options.formats.split(",")]
    if options.child:
        _child(options.seed, formats)
        return 0
    end, seed, counts, wrong = time.monotonic() + 60 * options.minutes, options.seed, Counter[str](), []
    start = time.monotonic()
    while time.monotonic() < end:
        command = [sys.executable, "-m", "bench.material.fuzz", "--child", "--seed", str(seed)]
        command += ["--formats", options.formats]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=os.environ, check=False)
        lines = [line.split("\t") for line in done.stdout.splitlines() if line.count("\t") == 2]
        for number, name, said in lines:
            counts["wrong" if said.startswith("WRONG") else said] += 1
            if said.startswith("WRONG"):
                wrong.append(f"seed {seed}, file {number}, {name}: {said}")
        if done.returncode != 0:
            counts["crashed"] += 1
            wrong.append(f"seed {seed}, file {len(lines)}: the process ended with {done.returncode}")
        seed += 1
    minutes = (time.monotonic() - start) / 60
    print("\n".join(wrong[:40]))
    print(f"{sum(counts.values())} damaged files in {minutes:.1f} minutes: {dict(counts)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
