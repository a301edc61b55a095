"""The neural engine: textures optimized octave by octave until their statistics are the source's.

The coarsest octaves, where a few pixels are a whole brick or stone, are the patch engine's. Every finer one begins as
the finer pixels of the same places and is then moved until its features correlate, and its patches are distributed, as
the source's at this octave. What an octave has changed, the next one keeps. In the last one, before its patches are
moved, whatever was blended becomes crisp by being made of the source's patches again.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ..errors import MatshotError
from ..image.color import Pixels
from ..image.types import Wrap
from ..inference.cards import Registry
from ..inference.session import Device, usable_threads
from ..progress import Progress
from .correspondence import Transfer
from .patches import enlarged_transfer, matching_transfer, synthesized_transfer
from .periodicity import Repetition, regularity
from .texture_loss import Objectives, TargetStatistics, with_features_of, with_patches_of

#: Shortest side of source and result, in pixels.
SMALLEST = 16

#: Shorter side at most of the octave that the patch engine makes.
_PATCH_ENGINE_SIDE = 64
#: Iterations of L-BFGS in every finer octave.
_ITERATIONS = 8
#: Steps of patches after them.
_STEPS = 6
#: Steps of patches at the end.
_LAST_STEPS = 16
#: Squared distance of patches, in parts of their variance, at which the last steps stop early.
_CONVERGED = 3e-4


def optimized_texture(
    source: Pixels,
    height: int,
    width: int,
    *,
    wrap: Wrap = "none",
    source_wrap: Wrap = "none",
    seed: int = 0,
    variety: float = 0.5,
    device: Device = "auto",
    threads: int = 0,
    models: Registry | None = None,
    progress: Progress | None = None,
    shown: Callable[[Pixels], None] | None = None,
) -> Pixels:
    """A texture like a source.

    Args:
        source: ``H x W x 3``, display-encoded in [0, 1].
        height: of the result.
        width: of the result.
        wrap: axes on which the result must repeat. The others do too, at no cost.
        source_wrap: axes on which the source repeats.
        seed: equal seeds give equal results.
        variety: 0 to 1, as the patch engine takes it in the coarse octaves.
        device: where networks run.
        threads: of the CPU; 0 for all.
        models: to choose from; those installed by default.
        progress: called many times in each octave.
        shown: called with the picture after each octave, smaller than the result except for the last.

    Returns:
        ``height x width x 3``, within the source's range of each channel.

    Raises:
        MatshotError: for sizes below ``SMALLEST``, values that are not numbers, or a missing model.
        Cancelled: when the listener raises it.
    """
    check_texture(source, height, width)
    lowest, highest = source.min(axis=(0, 1)), source.max(axis=(0, 1))
    if np.array_equal(lowest, highest):
        return np.broadcast_to(lowest, (height, width, 3)).astype(np.float32)
    random = np.random.default_rng(seed)
    objectives = Objectives(device, threads, models)
    threads = threads or usable_threads()
    count = octave_count(source.shape[:2], (height, width))
    octaves = halved_sources(source, source_wrap, count)
    sizes = [(-(-height // (1 << number)), -(-width // (1 << number))) for number in range(count)]
    whole = progress or Progress(None)
    pixels = [high * wide for high, wide in sizes]
    down, right = (Repetition(r.period and r.period / 2 ** (count - 1), r.strength) for r in regularity(source))
    transfer: Transfer | None = None
    picture = source
    for number in reversed(range(count)):
        reached = sum(pixels[number + 1 :])
        part = whole.part(reached / sum(pixels), (reached + pixels[number]) / sum(pixels))
        example, repeats = octaves[number]
        target = TargetStatistics(objectives, example, repeats, random)
        if transfer is None:
            transfer = synthesized_transfer(
                example,
                (1.0, 1.0, 1.0),
                *sizes[number],
                wrap="xy",
                source_wrap=repeats,
                repeats=(down, right),
                seed=seed,
                variety=variety,
                threads=threads,
                progress=part.part(0, 0.3),
            )
            picture = transfer.apply(example)
        else:
            transfer = enlarged_transfer(transfer, sizes[number], example.shape[:2])
            picture = _with_low_frequencies(transfer.apply(example), picture)
        if number < max(1, count - 1):
            picture = with_features_of(objectives, target, picture, _ITERATIONS, random, progress=part.part(0.3, 0.5))
            picture = with_patches_of(objectives, target, picture, _STEPS, random, progress=part.part(0.5, 0.7))
        if number == 0:
            picture = matching_transfer(
                example,
                picture,
                wrap="xy",
                source_wrap=repeats,
                seed=seed,
                threads=threads,
                progress=part.part(0.7, 0.8),
            ).apply(example)
            picture = with_patches_of(
                objectives, target, picture, _LAST_STEPS, random, enough=_CONVERGED, progress=part.part(0.8, 1)
            )
        if shown is not None and number:
            shown(picture.clip(0, 1))
    result = picture.clip(lowest, highest)
    if shown is not None:
        shown(result)
    return result


def check_texture(source: Pixels, height: int, width: int) -> None:
    """Check source and size.

    Raises:
        MatshotError: for sizes below ``SMALLEST``, or values that are not numbers.
    """
    if min(source.shape[:2]) < SMALLEST or min(height, width) < SMALLEST:
        raise MatshotError(
            f"Source and result need at least {SMALLEST} x {SMALLEST} pixels; choose a larger image or size."
        )
    if not np.isfinite(source).all():
        raise MatshotError("The texture contains NaN or infinite values; fix it in the program that rendered it.")


def octave_count(source_size: tuple[int, ...], size: tuple[int, int]) -> int:
    """Octaves, the patch engine's included, in which a texture is made from a source."""
    count = 1 + max(0, int(np.ceil(np.log2(min(source_size) / _PATCH_ENGINE_SIDE))))
    return max(1, min(count, int(np.log2(min(size) / SMALLEST)) + 1))


def halved_sources(source: Pixels, wrap: Wrap, count: int) -> list[tuple[Pixels, Wrap]]:
    """The source, ever half as large, each with the axes on which it repeats.

    Lines that do not fill a pixel of the coarsest octave are cut off; the axis does not repeat then.
    """
    step = 1 << (count - 1)
    height, width = (side // step * step for side in source.shape[:2])
    kept = "".join(
        letter
        for letter, cut, whole in zip("xy", (width, height), source.shape[1::-1], strict=True)
        if letter in wrap and cut == whole
    )
    repeats: Wrap = kept or "none"  # type: ignore[assignment]
    octaves = [(np.ascontiguousarray(source[:height, :width], dtype=np.float32), repeats)]
    for _ in range(count - 1):
        picture = octaves[-1][0]
        octaves.append((half_size(picture), repeats))
    return octaves


def half_size(picture: Pixels) -> Pixels:
    """Each pixel the mean of four; an odd side's last line is repeated."""
    even = np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)), mode="edge")
    size = (even.shape[1] // 2, even.shape[0] // 2)
    return np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def double_size(picture: Pixels, height: int, width: int) -> Pixels:
    """A wrapping picture at twice its size or one less, by cubic interpolation."""
    margin = 4
    wide = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="wrap")
    large = cv2.resize(wide, (2 * wide.shape[1], 2 * wide.shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large[2 * margin : 2 * margin + height, 2 * margin : 2 * margin + width], dtype=np.float32)


def _with_low_frequencies(picture: Pixels, coarser: Pixels) -> Pixels:
    """A picture with the low frequencies of another one at half its size."""
    height, width = picture.shape[:2]
    return picture + double_size(coarser - half_size(picture), height, width)
