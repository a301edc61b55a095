"""What texture synthesis is measured beside: image quilting, written here, and GPDM, run from its authors' checkout.

GPDM is at https://github.com/ariel415el/GPDM and needs torch; benchmarks take the folder by ``--gpdm DIR``. It takes
many minutes for an image, so its results are kept in a folder, with the seconds that they took on this machine.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from bench import report
from bench.measures import Image
from bench.peers import Missing

#: Defaults of GPDM's command line, with which its README synthesizes textures.
_PATCH = 7
_PROJECTIONS = 64
_COARSEST = 21
_SHRINK = 0.85
_STEPS = 300
_RATE = 0.01
_NOISE = 1.5


def quilted(
    source: Image, height: int, width: int, *, block: int = 36, overlap: int = 6, tolerance: float = 0.1, seed: int = 0
) -> Image:
    """Image quilting: Efros and Freeman 2001, "Image Quilting for Texture Synthesis and Transfer", section 2.

    Blocks of the source are laid in raster order, each one of those that fit what lies there nearly as well as the
    best, and cut to it along the path of least error. The result does not repeat.

    Args:
        source: ``H x W x 3``.
        height: of the result.
        width: of the result.
        block: side of the blocks in pixels.
        overlap: of neighboring blocks; a sixth of the block in the paper.
        tolerance: by how much the error of a block may exceed the best one's; 0.1 in the paper.
        seed: of the choice among them.
    """
    generator = np.random.default_rng(seed)
    block = min(block, *source.shape[:2])
    step = block - overlap
    down, across = (max(1, -(-(side - overlap) // step)) for side in (height, width))
    result = np.zeros((down * step + overlap, across * step + overlap, source.shape[2]))
    differences = _differences(source, block)
    for row in range(down):
        for column in range(across):
            top, left = row * step, column * step
            there = result[top : top + block, left : left + block]
            laid = np.zeros((block, block), dtype=bool)
            laid[: overlap if row else 0] = True
            laid[:, : overlap if column else 0] = True
            errors = differences(there, laid)
            # Rounding of the Fourier transforms leaves exact fits a little beside zero.
            near = np.flatnonzero(errors.ravel() <= max(errors.min(), 1e-9) * (1 + tolerance))
            y, x = divmod(int(generator.choice(near)), errors.shape[1])
            chosen = source[y : y + block, x : x + block]
            error = np.square(chosen - there).sum(axis=2)
            kept = np.zeros((block, block), dtype=bool)
            if column:
                kept[:, :overlap] |= _before_cut(error[:, :overlap])
            if row:
                kept[:overlap] |= _before_cut(error[:overlap].T).T
            result[top : top + block, left : left + block] = np.where(kept[..., np.newaxis], there, chosen)
    return result[:height, :width]


def gpdm(checkout: Path | None, threads: int = report.THREADS) -> Callable[..., Image]:
    """GPDM: Elnekave and Weiss 2022, "Generating Natural Images with Direct Patch Distribution Matching".

    Args:
        checkout: folder with its ``GPDM.py``.
        threads: of torch.

    Returns:
        A function of the source ``H x W x 3`` in [0, 1], the height and width of the result, and a seed.

    Raises:
        Missing: without the folder or torch.
    """
    if checkout is None or not (checkout / "GPDM.py").is_file():
        raise Missing("git clone https://github.com/ariel415el/GPDM, and give its folder by --gpdm")
    try:
        import torch
    except ImportError:
        raise Missing("pip install torch") from None
    with _stand_ins(), _first_on_path(checkout):
        theirs, distance, pyramid = (importlib.import_module(name) for name in _THEIR_MODULES)

    def synthesized(source: Image, height: int, width: int, seed: int = 0) -> Image:
        torch.set_num_threads(threads)
        torch.manual_seed(seed)
        planes = torch.from_numpy(source.transpose(2, 0, 1).astype(np.float32))[None] * 2 - 1
        made, _ = theirs.generate(
            planes,
            distance.PatchSWDLoss(patch_size=_PATCH, num_proj=_PROJECTIONS, c=source.shape[2]),
            init_from="zeros",
            pyramid_scales=pyramid.get_pyramid_scales(source.shape[0], _COARSEST, _SHRINK),
            lr=_RATE,
            num_steps=_STEPS,
            aspect_ratio=(height / source.shape[0], width / source.shape[1]),
            additive_noise_sigma=_NOISE,
            device="cpu",
        )
        return made[0].numpy().transpose(1, 2, 0).astype(np.float64) / 2 + 0.5

    return synthesized


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark's command line say where GPDM and its results are."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--gpdm", type=Path, metavar="DIR", help="checkout of GPDM; without, only kept results count")
    parser.add_argument(
        "--kept", type=Path, metavar="DIR", default=cache / "matshot" / "gpdm",
        help="folder with GPDM's results, where those that are missing are put (default: %(default)s)",
    )  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A texture, and what making it took.

    Attributes:
        pixels: ``H x W x 3``.
        seconds: by the clock on the wall.
        processor: seconds of all processors together, which a busy machine does not lengthen much.
        threads: that it was allowed.
    """

    pixels: Image
    seconds: float
    processor: float
    threads: int = report.THREADS


def timed(make: Callable[[], Image]) -> Made:
    """Run a function once."""
    began, used = time.perf_counter(), time.process_time()
    pixels = make()
    return Made(pixels, time.perf_counter() - began, time.process_time() - used)


def gpdm_result(source: Image, name: str, options: argparse.Namespace) -> Made:
    """What GPDM makes of a source in its own size; kept from an earlier run if there.

    Args:
        source: ``H x W x 3`` in [0, 1].
        name: of the file that keeps it.
        options: of :func:`add_options`.

    Raises:
        Missing: when it is neither kept nor can be made.
    """
    file = options.kept / f"{name} {source.shape[1]}x{source.shape[0]}.npz"
    if file.exists():
        kept = np.load(file)
        if np.array_equal(kept["source"], source):
            return Made(kept["result"], float(kept["seconds"]), float(kept["processor"]), int(kept["threads"]))
    synthesized = gpdm(options.gpdm)
    report.say(f"GPDM: {name}, {source.shape[1]} x {source.shape[0]} px; takes many minutes")
    made = timed(lambda: synthesized(source, *source.shape[:2]))
    keep(file, source, made)
    return made


def keep(file: Path, source: Image, made: Made) -> None:
    """Store a result beside its source, for :func:`gpdm_result`."""
    figures = {"seconds": made.seconds, "processor": made.processor, "threads": made.threads}
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, source=source, result=made.pixels, **figures)


#: What is imported from the checkout, by the names that its own files use.
_THEIR_MODULES = ("GPDM", "patch_swd", "utils")


@contextmanager
def _first_on_path(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in _THEIR_MODULES:
            sys.modules.pop(name, None)


@contextmanager
def _stand_ins() -> Iterator[None]:
    """Modules that GPDM imports: its resizing, silence instead of its progress bar, and nothing for its pictures."""
    modules: dict[str, dict[str, Any]] = {
        "torchvision": {},
        "torchvision.transforms": {"Resize": _Resize},
        "torchvision.utils": {"save_image": None},
        "tqdm": {"tqdm": _silent_bar},
        "matplotlib": {"pyplot": None},
        "PIL": {"Image": None},
    }
    before = {name: sys.modules.get(name) for name in modules}
    for name, contents in modules.items():
        stand_in = ModuleType(name)
        vars(stand_in).update(contents)
        sys.modules[name] = stand_in
    vars(sys.modules["torchvision"])["transforms"] = sys.modules["torchvision.transforms"]
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


class _Resize:
    """``torchvision.transforms.Resize``: bilinear; of one number, the shorter side becomes that."""

    def __init__(self, size: int | Sequence[int], antialias: bool) -> None:
        self.size, self.antialias = size, antialias

    def __call__(self, images: Any) -> Any:
        from torch.nn.functional import interpolate

        size = self.size
        if isinstance(size, int):
            shorter = min(images.shape[-2:])
            size = [side * size // shorter for side in images.shape[-2:]]
        return interpolate(images, list(size), mode="bilinear", align_corners=False, antialias=self.antialias)


def _silent_bar(total: int, desc: str) -> SimpleNamespace:
    def nothing(*_: object) -> None:
        pass

    return SimpleNamespace(update=nothing, set_description=nothing, close=nothing)


def _differences(source: Image, block: int) -> Callable[[Image, NDArray[np.bool_]], Image]:
    """A function that gives, of each block of the source, the squared difference from another where that is laid."""
    shape = [scipy.fft.next_fast_len(side, real=True) for side in source.shape[:2]]
    valid = tuple(slice(0, side - block + 1) for side in source.shape[:2])
    transformed = scipy.fft.rfft2(source, shape, axes=(0, 1))
    energy = scipy.fft.rfft2(np.square(source).sum(axis=2), shape)
    known: dict[bytes, Image] = {}

    def correlation(spectrum: NDArray[np.complexfloating]) -> Image:
        return np.asarray(scipy.fft.irfft2(spectrum, shape)[valid])

    def differences(there: Image, laid: NDArray[np.bool_]) -> Image:
        own = known.setdefault(laid.tobytes(), correlation(energy * scipy.fft.rfft2(laid.astype(float), shape).conj()))
        masked = there * laid[..., np.newaxis]
        products = transformed * scipy.fft.rfft2(masked, shape, axes=(0, 1)).conj()
        return own - 2 * correlation(products.sum(axis=2)) + np.square(masked).sum()

    return differences


def _before_cut(error: Image) -> NDArray[np.bool_]:
    """What of a strip stays before the path of least error from its first to its last row (section 2.1)."""
    reached = error.copy()
    for row in range(1, len(error)):
        padded = np.pad(reached[row - 1], 1, constant_values=np.inf)
        reached[row] += np.minimum(np.minimum(padded[:-2], padded[2:]), padded[1:-1])
    before = np.zeros(error.shape, dtype=bool)
    column = int(reached[-1].argmin())
    for row in range(len(error) - 1, -1, -1):
        if row < len(error) - 1:
            first = max(column - 1, 0)
            column = first + int(reached[row, first : column + 2].argmin())
        before[row, :column] = True
    return before
