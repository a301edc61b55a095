"""Relief that a network for relief alone reads off how a photograph is shaded: one more opinion on slopes.

The network of all maps and the windows of the photograph err in other ways than it does, so the mean is better than
each, where they agree. Where they do not, as on cloth that shades as no matt surface does, it reads patches of relief.
What it reads is too weak, as are all answers that are best on average; how strong relief is, windows tell better.
"""

from __future__ import annotations

import numpy as np

from ..image.color import Pixels
from ..inference.session import Device
from ..progress import Progress
from ..shading.render import Camera
from .flattening import Flattened, ring_gain, rings_of
from .lamp import Lamp
from .photograph import resized
from .prediction import predicted_slopes
from .response import response_of_lamp
from .seen_relief import ShadingEvidence
from .tiles import Mask

#: Shorter side of the photograph in which it reads, as in training; finer relief is that which is found otherwise.
_READ_SIDE = 640
#: Agreement with what is found from which on what is read counts a little, and half; by how much it is strengthened at
#: most to be as strong.
_AGREES = ((0.3, 0.6), (0.0, 0.5))
_MOST_STRENGTHENED = 4.0


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
    shrink = min(1.0, _READ_SIDE / min(camera.width, camera.height))
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
    slopes = predicted_slopes(
        flat.color,
        response,
        ~flat.burnt,
        None if evidence is None else evidence.strengths(),
        ambient,
        memory=memory,
        device=device,
        threads=threads,
        progress=progress,
    )
    # What a surface that is alike all over looks like must not depend on where the lamp is.
    ring, sector = rings_of(flat.distance, camera, flat.known)
    strength = np.hypot(slopes[..., 0], slopes[..., 1])
    gain = ring_gain(strength, ring, sector, flat.known, flat.distance)
    return np.asarray(slopes * gain[..., np.newaxis], dtype=np.float32)


def _mostly(mask: Mask, size: tuple[int, int]) -> Mask:
    """A mask of ``(width, height)``: where it holds for half of a pixel or more."""
    return np.asarray(resized(mask.astype(np.float32), size) >= 0.5)


def with_reading(found: Pixels, read: Pixels, known: Mask) -> Pixels:
    """Slopes that were found otherwise with those that were read, made as strong, as far as both agree.

    Args:
        found: ``H x W x 2``.
        read: ``h x w x 2``, as large or smaller.
        known: ``H x W``, pixels by which they are compared.
    """
    if read.shape != found.shape:
        small, large = ((each.shape[1], each.shape[0]) for each in (read, found))
        coarse = resized(found, small)
        both = with_reading(coarse, read, _mostly(known, small))
        return np.asarray(found + resized(both - coarse, large), dtype=np.float32)
    share = np.float32(np.interp(agreement(found, read, known), *_AGREES))
    strength, own = (float(np.sqrt(np.square(each).mean())) for each in (found, read))
    gain = np.float32(min(strength / max(own, 1e-9), _MOST_STRENGTHENED))
    return np.asarray(found + share * (gain * read - found), dtype=np.float32)


def agreement(first: Pixels, second: Pixels, known: Mask) -> float:
    """Correlation of two predictions ``H x W x C`` or ``H x W`` of what varies around zero, where pixels are known.

    Their errors have causes of their own, so what they have in common is the surface's. Where a pattern of color is
    taken for relief they have hardly anything.
    """
    a, b = first[known].astype(np.float64), second[known].astype(np.float64)
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-9))
