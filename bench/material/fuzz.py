"""Damaged headers of every format: no crash, and no silent change of the mean.

    python -m bench.material.fuzz [--minutes 10] [--seed 0] [--formats png,exr]

Small files of every format, depth and number of channels are written, and Hypothesis changes their headers: bytes,
numbers at the ends of their ranges, check sums, the length. Each is then read and stored again, in a process of its own
that may die. Right is a sentence, or a result whose channels have the means of what was read, within 1/255, or notes
that say what changed. What is wrong is reported by its smallest damage. Exit status 1 if any file is treated otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from matshot.errors import MatshotError
from matshot.image.formats import WRITABLE, stored_depth
from matshot.image.reader import read_texture
from matshot.image.types import Depth, Texture
from matshot.image.writer import storage_notes, write_texture

#: How far the mean of a channel may move without a note.
MEAN = 1 / 255

#: Bytes at the start of a file that count as its header.
HEADER = 600

#: What is written over bytes of a header: numbers at the ends of their ranges, in one, two and four bytes.
NUMBERS = tuple(
    bytes.fromhex(text)
    for text in (
        *("00", "01", "ff", "0000", "0001", "0100", "ffff", "00000000", "00000001", "01000000", "7fffffff", "ffffff7f"),
        *("80000000", "ffffffff", "0000c07f", "7fc00000", "0000807f", "7f800000", "000080bf"),
    )
)

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


@dataclass(frozen=True)
class Damage:
    """What is done to a file.

    Attributes:
        file: that is damaged.
        edits: places, each with the bytes that are written there.
        length: bytes that remain, 0 for all.
        sealed: whether check sums of a PNG are corrected, so that a reader goes by the header.
    """

    file: Path
    edits: tuple[tuple[int, bytes], ...]
    length: int = 0
    sealed: bool = False

    def __repr__(self) -> str:
        """In one word, as the report shows it."""
        changes = ",".join(f"{place}={value.hex()}" for place, value in self.edits)
        return f"{self.file.name}:{changes}{f':length={self.length}' if self.length else ''}{':sealed' * self.sealed}"

    def result(self) -> bytes:
        """The damaged file."""
        data = bytearray(self.file.read_bytes())
        for place, value in self.edits:
            data[place : place + len(value)] = value
        data = data[: self.length] if self.length else data
        return sealed(bytes(data)) if self.sealed else bytes(data)


@st.composite
def damages(draw: st.DrawFn, files: Sequence[Path]) -> Damage:
    """Up to six changes in the header of any of the files, or its end cut off."""
    file = draw(st.sampled_from(files))
    size = file.stat().st_size
    if draw(st.integers(0, 9)) == 9:
        return Damage(file, (), draw(st.integers(1, size - 1)))
    edit = st.tuples(
        st.integers(0, min(HEADER, size) - 1), st.sampled_from(NUMBERS) | st.binary(min_size=1, max_size=1)
    )
    edits = draw(st.lists(edit, min_size=1, max_size=6))
    return Damage(file, tuple(edits), sealed=file.suffix == ".png" and draw(st.booleans()))


def sealed(png: bytes) -> bytes:
    """A PNG whose chunks have the right check sums, as far as they can be found."""
    data, place = bytearray(png), 8
    while place + 12 <= len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4], "big")
        if end + 4 > len(data):
            break
        data[end : end + 4] = zlib.crc32(data[place + 4 : end]).to_bytes(4, "big")
        place = end + 4
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
    """Outcomes of ``count`` damaged files, each with its damage; after a wrong one the smallest damage that does it."""
    found: list[tuple[str, str]] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
    )
    @given(damages(files))
    def attempt(damage: Damage) -> None:
        path = folder / f"in{damage.file.suffix}"
        path.write_bytes(damage.result())
        print(f"{damage!r}\t", end="", flush=True)
        said = outcome(path, folder)
        print(said.replace("\n", " "), flush=True)
        found.append((repr(damage), said))
        assert not said.startswith("WRONG")

    # Found again at every step towards the smallest damage; the last one is it.
    with contextlib.suppress(AssertionError):
        attempt()
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
    seed, counts, wrong = options.seed, Counter[str](), []
    start = time.monotonic()
    while time.monotonic() < start + 60 * options.minutes:
        command = [sys.executable, "-m", "bench.material.fuzz", "--child", "--seed", str(seed)]
        command += ["--formats", options.formats]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=os.environ, check=False)
        lines = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
        said = [one[1] for one in lines]
        first = next((index for index, one in enumerate(said) if one.startswith("WRONG")), len(said))
        counts.update(one for one in said[:first] if one)
        if first < len(said):
            counts["wrong"] += 1
            smallest = [line for line in lines if line[1].startswith("WRONG")][-1]
            wrong.append(f"seed {seed}, {': '.join(smallest)}")
        if done.returncode != 0:
            counts["crashed"] += 1
            last = f" at {lines[-1][0]}" if lines and not lines[-1][1] else f": {done.stderr.strip()[-300:]}"
            wrong.append(f"seed {seed}: the process ended with {done.returncode}{last}")
        if (seed - options.seed) % 20 == 19:
            print(_summary(counts, start, wrong), flush=True)
        seed += 1
    print("\n".join(wrong[:40]))
    print(_summary(counts, start, []))
    return 1 if wrong else 0


def _summary(counts: Counter[str], start: float, wrong: Sequence[str]) -> str:
    """Figures so far, with the latest finding."""
    figures = f"{counts.total()} damaged files in {(time.monotonic() - start) / 60:.1f} minutes: {dict(counts)}"
    return f"{figures}; {wrong[-1]}" if wrong else figures


if __name__ == "__main__":
    sys.exit(main())
