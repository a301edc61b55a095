"""Relief that a network for relief alone reads off how a photograph is shaded: one more opinion on slopes.

The network of all maps and the windows of the photograph err in other ways than it does, so the mean is better than
each, where they agree. Where they do not, as on cloth that shades as no matt surface does, it reads patches of relief
with nothing between, which of one photograph are seen even where they agree.
What it reads is too weak, as are all answers that are best on average; how strong relief is, windows tell better. Of
two photographs, fine relief that both opinions see is still weaker in each than it is, since noise and the lens hide it
first; what only one of them sees is rather less.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..image.color import Mask, Pixels
from ..image.types import Wrap
from ..image.wrap import continued
from ..inference.cards import installed_models
from ..inference.session import Device
from ..progress import Progress
from ..shading.render import Camera
from .flattening import Flattened
from .lamp import Lamp
from .photograph import resized
from .prediction import Shaded, predicted_slopes, relief_method
from .response import response_of_lamp
from .rings import ring_gain, rings_of
from .seen_relief import ShadingEvidence
from .shading import Response

#: Shorter side of the photograph in which it reads, as in training, and in which a pair's relief is found; finer relief
#: is that which is found otherwise.
READ_SIDE = 640
#: Agreement with what is found from which on what is read counts a little, and half; by how much it is strengthened at
#: most to be as strong.
_AGREES = ((0.3, 0.6), (0.0, 0.5))
#: Patchiness from which on what is read counts less, and not at all; cells along the longer side in which it is seen,
#: the known part of a cell that counts, and the part of the mean power that no cell is below.
_PATCHY = ((0.25, 0.5), (1.0, 0.0))
_CELLS = 12
_CELL_SHARE = 0.5
_LEAST_POWER = 0.03
_MOST_STRENGTHENED = 4.0
#: Bands of relief from fine to coarse: agreement from which on it is strengthened, and at which most, and by how much.
_DARED = ((0.7, 0.85, 1.4), (0.8, 0.9, 1.2), (0.8, 0.92, 1.1), (0.8, 0.92, 1.0), (0.8, 0.92, 1.0))
#: Deviation of the first blur, in pixels; each of the next is twice as wide. Agreement in a band that says nothing.
_FINEST = 0.8
_UNRELATED = 0.3
#: How far slopes that are guessed from a pattern alone are believed.
_GUESSED = np.float32(0.8)
#: Of a pair, which takes its time anyway, and of a photograph without flash, which takes least, the mean over so many
#: quarter turns is read.
_TURNS = 4


def read_relief(
    flat: Flattened,
    lamp: Lamp,
    camera: Camera,
    ambient: Pixels | None = None,
    *,
    memory: str = "",
    device: Device = "auto",
    threads: int = 0,
    progress: Progress | None = None,
) -> Pixels:
    """Slopes by the network for relief, n_x / n_z and n_y / n_z, ``h x w x 2``, of a large photograph made smaller.

    Args:
        flat: the flash photograph without its lamp, its hole filled.
        lamp: of it.
        camera: likewise.
        ambient: ``H x W x 3``, scene-linear, a registered photograph without flash; or None.
        memory: see :func:`~matshot.capture.prediction.predicted_slopes`; likewise the rest.
        device: where networks run.
        threads: of the CPU; 0 for all.
        progress: told after every tile.

    Raises:
        MatshotError: for too little memory, or a model that is missing.
        Cancelled: when the listener says so.
    """
    shrink = min(1.0, READ_SIDE / min(camera.width, camera.height))
    if shrink < 1:
        camera = Camera(round(camera.width * shrink), round(camera.height * shrink), camera.fov)
        size = (camera.width, camera.height)
        flat = Flattened(
            resized(flat.color, size),
            _mostly(flat.hole, size),
            resized(flat.distance, size),
            resized(flat.tone, size),
            _mostly(flat.burnt, size),
            _mostly(flat.other, size),
        )
        ambient = None if ambient is None else resized(ambient, size)
    response = response_of_lamp(lamp, camera)
    evidence = ShadingEvidence.of(flat, response, camera)
    strengths = None if evidence is None else evidence.strengths()
    slopes = _mean_over_turns(
        Shaded(flat.color, response, ~flat.burnt, strengths),
        ambient,
        turns=1 if ambient is None else _TURNS,
        memory=memory,
        device=device,
        threads=threads,
        progress=progress or Progress(None),
    )
    # What a surface that is alike all over looks like must not depend on where the lamp is.
    ring, sector = rings_of(flat.distance, camera, flat.known)
    strength = np.hypot(slopes[..., 0], slopes[..., 1])
    gain = ring_gain(strength, ring, sector, flat.known, flat.distance)
    return np.asarray(slopes * gain[..., np.newaxis], dtype=np.float32)


def read_even_relief(
    photograph: Pixels,
    wrap: Wrap = "none",
    *,
    memory: str = "",
    device: Device = "auto",
    threads: int = 0,
    progress: Progress | None = None,
) -> Pixels:
    """The same of an evenly lit photograph; nobody knows where its light comes from.

    Args:
        photograph: ``H x W x 3``, scene-linear; exposure does not matter.
        wrap: axes on which it repeats; the slopes then do so too.
        memory: see :func:`~matshot.capture.prediction.predicted_slopes`; likewise the rest.
        device: where networks run.
        threads: of the CPU; 0 for all.
        progress: told after every tile.

    Raises:
        MatshotError: for too little memory, or a model that is missing.
        Cancelled: when the listener says so.
    """
    height, width = photograph.shape[:2]
    shrink = min(1.0, READ_SIDE / min(height, width))
    if shrink < 1:
        photograph = resized(photograph, (round(width * shrink), round(height * shrink)))
    reach = installed_models().require("capture", relief_method(True)).receptive_field
    wide, inside = continued(photograph, reach, wrap)
    slopes = _mean_over_turns(
        None,
        wide,
        turns=_TURNS,
        memory=memory,
        device=device,
        threads=threads,
        progress=progress or Progress(None),
    )
    return slopes[inside]


def _mean_over_turns(
    shaded: Shaded | None,
    ambient: Pixels | None,
    *,
    turns: int,
    memory: str,
    device: Device,
    threads: int,
    progress: Progress,
) -> Pixels:
    """Slopes of what is turned by so many quarters, turned back, on average."""
    slopes: Pixels | None = None
    for turn in range(turns):
        read = predicted_slopes(
            None if shaded is None else _turned(shaded, turn),
            None if ambient is None else np.rot90(ambient, turn),
            memory=memory,
            device=device,
            threads=threads,
            progress=progress.part(turn / turns, (turn + 1) / turns),
        )
        back = np.dstack(_turned_vectors(read[..., 0], read[..., 1], -turn)) / np.float32(turns)
        slopes = back if slopes is None else slopes + back
    return np.asarray(slopes, dtype=np.float32)


def _turned(shaded: Shaded, turns: int) -> Shaded:
    light = _turned_vectors(shaded.response.along_x, shaded.response.along_y, turns)
    response = Response(*light, np.rot90(shaded.response.glare, turns))
    return Shaded(np.rot90(shaded.color, turns), response, np.rot90(shaded.known, turns), shaded.evidence)


def _turned_vectors(along_x: Pixels, along_y: Pixels, turns: int) -> tuple[Pixels, Pixels]:
    """Planes of vectors, x to the right and y upwards, after quarter turns to the left; vectors turn along."""
    x, y = np.rot90(along_x, turns), np.rot90(along_y, turns)
    for _ in range(turns % 4):
        x, y = -y, x
    return x, y


def _mostly(mask: Mask, size: tuple[int, int]) -> Mask:
    """A mask of ``(width, height)``: where it holds for half of a pixel or more."""
    return np.asarray(resized(mask.astype(np.float32), size) >= 0.5)


def with_reading(found: Pixels, read: Pixels, known: Mask, *, patches: bool = True) -> Pixels:
    """Slopes that were found otherwise with those that were read, made as strong, as far as both agree.

    Args:
        found: ``H x W x 2``.
        read: ``h x w x 2``, as large or smaller.
        known: ``H x W``, pixels by which they are compared.
        patches: whether what is read in patches counts: of a pair it is relief still, of one photograph it is not.
    """
    if read.shape != found.shape:
        # What is finer than what is read stays as it was found.
        small, large = ((each.shape[1], each.shape[0]) for each in (read, found))
        coarse = resized(found, small)
        both = _mean_by_agreement(coarse, read, _mostly(known, small), patches)
        return np.asarray(found + resized(both - coarse, large), dtype=np.float32)
    return _mean_by_agreement(found, read, known, patches)


def with_even_reading(guessed: Pixels, read: Pixels) -> Pixels:
    """Slopes that were read off even light, and as far as it shows none, those that were guessed from the pattern.

    Under an overcast sky hollows are darker, which the network for relief reads. Of a texture without any light in it,
    it reads next to nothing, and what is known of such patterns is left.

    Args:
        guessed: ``H x W x 2``, by the network of all maps.
        read: ``h x w x 2``, as large or smaller.
    """
    small, large = ((each.shape[1], each.shape[0]) for each in (read, guessed))
    coarse = resized(guessed, small)
    strengths = [float(np.sqrt(np.square(each).mean())) for each in (read, coarse)]
    shown = np.float32(min(strengths[0] / max(strengths[1], 1e-9), 1.0))
    both = read + _GUESSED * (1 - shown) * coarse
    # What is finer than what is read stays as it was guessed.
    return np.asarray(both if small == large else guessed + resized(both - coarse, large), dtype=np.float32)


def with_bands_by_agreement(both: Pixels, found: Pixels, read: Pixels, known: Mask, doubtful: float) -> Pixels:
    """Slopes of a pair whose fine bands are stronger where both opinions agree, and weaker where they do not.

    Of one photograph alone fine relief is too uncertain to be strengthened: under other light it looks worse.

    Args:
        both: ``H x W x 2``, see :func:`with_reading`.
        found: likewise, without what was read.
        read: likewise.
        known: ``H x W``, pixels by which they are compared.
        doubtful: strength of bands in which they do not agree.
    """
    strong = np.zeros_like(found)
    for band, first, second, dared in zip(_bands(both), _bands(found), _bands(read), _DARED, strict=True):
        from_on, at, gain = dared
        alike = agreement(first, second, known)
        strong += band * np.float32(np.interp(alike, (_UNRELATED, from_on, at), (doubtful, 1.0, gain)))
    return strong


def _mean_by_agreement(found: Pixels, read: Pixels, known: Mask, patches: bool) -> Pixels:
    """Of slopes of one size; the less they agree, the more of what was found."""
    share = np.float32(np.interp(agreement(found, read, known), *_AGREES))
    if not patches:
        share *= np.float32(np.interp(patchiness(found, read, known), *_PATCHY))
    strength, own = (float(np.sqrt(np.square(each).mean())) for each in (found, read))
    gain = np.float32(min(strength / max(own, 1e-9), _MOST_STRENGTHENED))
    return np.asarray(found + share * (gain * read - found), dtype=np.float32)


def patchiness(found: Pixels, read: Pixels, known: Mask) -> float:
    """Deviation over cells of how much stronger than what was found that is which was read, as a logarithm.

    Of photographs like those that it learned from, the network reads relief everywhere, if weaker or stronger; of
    others, in patches.

    Args:
        found: ``H x W x 2``.
        read: likewise.
        known: ``H x W``, pixels that count.
    """
    shrink = _CELLS / max(known.shape)
    size = (max(1, round(known.shape[1] * shrink)), max(1, round(known.shape[0] * shrink)))
    weight = known.astype(np.float32)
    share = resized(weight, size)
    seen = share > _CELL_SHARE
    if seen.sum() < 2:
        return 0.0
    logarithms = []
    for each in (found, read):
        power = resized(np.square(each).sum(axis=2) * weight, size)[seen] / share[seen]
        logarithms.append(np.log(power / max(float(power.mean()), 1e-12) + _LEAST_POWER) / 2)
    return float(np.std(logarithms[1] - logarithms[0]))


def _bands(steepness: Pixels) -> list[Pixels]:
    """Parts from fine to coarse, as many as there are strengths, whose sum is the whole."""
    parts, rest = [], steepness
    for number in range(len(_DARED) - 1):
        soft = np.asarray(cv2.GaussianBlur(rest, (0, 0), _FINEST * 2**number), np.float32)
        parts.append(rest - soft)
        rest = soft
    return [*parts, rest]


def agreement(first: Pixels, second: Pixels, known: Mask) -> float:
    """Correlation of two predictions ``H x W x C`` or ``H x W`` of what varies around zero, where pixels are known.

    Their errors have causes of their own, so what they have in common is the surface's. Where a pattern of color is
    taken for relief they have hardly anything.
    """
    a, b = first[known].astype(np.float64), second[known].astype(np.float64)
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-9))
