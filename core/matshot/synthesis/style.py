"""The style tool: one material with the look of another.

Gatys, Ecker and Bethge 2015, "A Neural Algorithm of Artistic Style", equation (7): the base color keeps its features
where they are and gets the correlations of the look's. It is done octave by octave from coarse to fine, and the
distributions of patches are matched too, which takes the look's colours over exactly. Then the look's own patches are
arranged so that they look like the result. They give it their grain, and tell which of the look's roughness and relief
belongs where.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import cv2
import numpy as np

from ..errors import MatshotError
from ..image.color import Pixels, linear_from_srgb, luma, srgb_from_linear
from ..image.types import Texture, Wrap
from ..inference.cards import Registry
from ..inference.session import DEVICES, Device, usable_threads
from ..material.types import Material
from ..progress import Listener, Progress
from .neural import SMALLEST, doubled, halved
from .patches import matched
from .style_maps import following
from .texture_loss import Objectives, Wanted, with_features_of, with_patches_of

#: The shorter side at the coarsest octave is this or up to twice as much.
_COARSEST = 64
#: What a picture is continued by, mirrored, where it does not repeat, in pixels.
_MARGIN = 64
#: Iterations of L-BFGS and steps of patches in each octave, and the part of a full step that these go.
_ITERATIONS, _STEPS, _RATE = 20, 2, 0.7
#: Weight of the content at full strength, and what it gains, squared, without any. Below half of it the content is
#: mixed in.
_CONTENT, _MORE_CONTENT, _HALF = 1.0, 33.0, 0.5
#: What is coarser than this comes from the optimisation, and what is finer from the look's patches; in pixels.
_GRAIN = 1.5
#: Range in which keeping colours scales the contrast of the look's luma.
_LEAST_GAIN, _MOST_GAIN = 0.25, 4.0


@dataclass(frozen=True)
class StyleOptions:
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    Attributes:
        strength: 0 leaves the content as it is, 1 keeps little more than its coarse structure.
        keep_color: only lightness takes the style.
        seed: equal seeds give equal results.
        memory: bound on the memory of the process, such as ``2G``; empty for a share of what is free.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: of the CPU; 0 for all.
    """

    strength: float = 0.7
    keep_color: bool = False
    seed: int = 0
    memory: str = ""
    device: Device = "auto"
    threads: int = 0

    def __post_init__(self) -> None:
        """Refuse what does not exist, in one sentence."""
        if not 0 <= self.strength <= 1:
            raise MatshotError(f"The strength is between 0 and 1, not {self.strength:g}.")
        if self.device not in DEVICES:
            raise MatshotError(f"There is no device {self.device!r}; there are {', '.join(DEVICES)}.")
        if self.seed < 0 or self.threads < 0:
            raise MatshotError("Seed and threads are 0 or more.")


def style(
    content: Material,
    look: Material,
    options: StyleOptions | None = None,
    *,
    models: Registry | None = None,
    progress: Listener | None = None,
) -> Material:
    """A material in the style of another's base color.

    The base color takes the style, and the other maps follow: see :func:`~matshot.synthesis.style_maps.following`.

    Args:
        content: with a base color of at least ``SMALLEST`` pixels a side.
        look: likewise, of any other size, at the same scale: a pixel of one becomes like a pixel of the other.
        options: see :class:`StyleOptions`.
        models: to choose from; those installed by default.
        progress: told ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        Of the content's size, with its kinds of maps, encodings, alpha and wrap. ``parameters`` holds the options and
        what the user should be told, ``notes``.

    Raises:
        MatshotError: without a base color, for pictures that are too small, too little memory or a missing model.
        Cancelled: when the listener says so.
    """
    chosen = options or StyleOptions()
    whole = Progress(progress)
    before, wanted = _displayed_color(content, "content"), _displayed_color(look, "look")
    notes: tuple[str, ...] = ()
    if chosen.strength > 0:
        objectives = Objectives(chosen.device, chosen.threads, models, memory=chosen.memory)
        start, goal = before, wanted
        if chosen.keep_color:
            start, goal = _in_gray(before), _with_luma_of(before, wanted)
        threads = chosen.threads or usable_threads()
        after = _styled(start, goal, (content.wrap, look.wrap), chosen, objectives, whole.part(0.0, 0.9, "style"))
        transfer = matched(
            goal,
            after,
            wrap=content.wrap,
            source_wrap=look.wrap,
            seed=chosen.seed,
            threads=threads,
            progress=whole.part(0.9, 0.97, "other maps"),
        )
        grained = transfer.apply(goal)
        grained = grained + _blurred(after - grained, _GRAIN, content.wrap)
        after = start + np.float32(min(1.0, chosen.strength / _HALF)) * (grained - start)
        if chosen.keep_color:
            # Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving Color in Neural Artistic Style Transfer", 3.2.
            after = before + (luma(after) - luma(before))[..., np.newaxis]
        color = _with_displayed_color(content.maps["basecolor"], after.clip(0, 1))
        followed = following(content.with_maps({**content.maps, "basecolor": color}), look, transfer, chosen.strength)
        content, notes = followed.material, followed.notes
    whole(1.0, "style")
    parameters = {"tool": "style", **asdict(chosen), "look": look.name, "notes": list(notes)}
    return replace(content, parameters=parameters)


def _styled(
    content: Pixels,
    look: Pixels,
    wraps: tuple[Wrap, Wrap],
    options: StyleOptions,
    objectives: Objectives,
    progress: Progress,
) -> Pixels:
    """The content in the look's style, display-encoded ``H x W x 3``; may leave [0, 1] slightly."""
    random = np.random.default_rng(options.seed)
    wide, inner = _continued(content, wraps[0])
    contents, looks = [wide], [look]
    while min(contents[-1].shape[:2]) >= 2 * _COARSEST and min(looks[-1].shape[:2]) >= 2 * SMALLEST:
        contents.append(halved(contents[-1]))
        looks.append(halved(looks[-1]))
    weight = _CONTENT + _MORE_CONTENT * (1 - options.strength) ** 2
    pixels = [picture.shape[0] * picture.shape[1] for picture in contents]
    picture = contents[-1]
    for number in reversed(range(len(contents))):
        reached = sum(pixels[number + 1 :])
        part = progress.part(reached / sum(pixels), (reached + pixels[number]) / sum(pixels))
        octave = contents[number]
        if number < len(contents) - 1:
            picture = doubled(picture, *octave.shape[:2])
        # Halves of an odd side do not fit together where they wrap, so only the given picture's borders count.
        repeats = wraps[1] if number == 0 else "none"
        wanted = Wanted(objectives, looks[number], repeats, random)
        picture = with_features_of(
            objectives,
            wanted,
            picture,
            _ITERATIONS,
            random,
            content=octave,
            content_weight=weight,
            progress=part.part(0, 0.8),
        )
        picture = with_patches_of(objectives, wanted, picture, _STEPS, random, rate=_RATE, progress=part.part(0.8, 1))
    return np.ascontiguousarray(picture[inner])


def _displayed_color(material: Material, role: str) -> Pixels:
    """Its base color, display-encoded ``H x W x 3``."""
    texture = material.maps.get("basecolor")
    if texture is None:
        raise MatshotError(f"The {role}, {material.name}, has no base color map, which style is about.")
    if min(texture.height, texture.width) < SMALLEST:
        raise MatshotError(f"The {role}, {material.name}, is smaller than {SMALLEST} x {SMALLEST} pixels.")
    color = srgb_from_linear(texture.color) if texture.encoding == "linear" else texture.color
    if not np.isfinite(color).all():
        raise MatshotError(f"The {role}, {material.name}, holds values that are not numbers.")
    return np.ascontiguousarray(np.broadcast_to(color, (*color.shape[:2], 3)), dtype=np.float32).clip(0, 1)


def _with_displayed_color(texture: Texture, color: Pixels) -> Texture:
    """The texture with another colour, which has three channels even if it was gray."""
    pixels = linear_from_srgb(color) if texture.encoding == "linear" else color
    if texture.alpha is not None:
        pixels = np.concatenate([pixels, texture.alpha], axis=2)
    return texture.with_pixels(np.ascontiguousarray(pixels, dtype=np.float32))


def _continued(picture: Pixels, wrap: Wrap) -> tuple[Pixels, tuple[slice, slice]]:
    """The picture with a mirrored margin on axes on which it does not repeat, and where it lies in that."""
    ends = [min(_MARGIN, side) if axis not in wrap else 0 for axis, side in zip("yx", picture.shape[:2], strict=True)]
    wide = np.pad(picture, ((ends[0], ends[0]), (ends[1], ends[1]), (0, 0)), mode="symmetric")
    return wide, (slice(ends[0], ends[0] + picture.shape[0]), slice(ends[1], ends[1] + picture.shape[1]))


def _in_gray(color: Pixels) -> Pixels:
    return np.repeat(luma(color)[..., np.newaxis], 3, axis=2)


def _with_luma_of(content: Pixels, look: Pixels) -> Pixels:
    """The look in gray, with the content's mean and spread: Gatys et al. 2016, equation (10)."""
    own, other = luma(content), luma(look)
    gain = np.clip(own.std() / max(float(other.std()), 1e-4), _LEAST_GAIN, _MOST_GAIN)
    return np.repeat(((other - other.mean()) * gain + own.mean())[..., np.newaxis], 3, axis=2).astype(np.float32)


def _blurred(picture: Pixels, sigma: float, wrap: Wrap) -> Pixels:
    """``H x W x C`` under a Gaussian, mirrored on axes on which it does not repeat."""
    reach = int(np.ceil(3 * sigma))
    wide = picture
    for axis, letter in enumerate("yx"):
        ends = [(0, 0)] * 3
        ends[axis] = (reach, reach)
        wide = np.pad(wide, ends, mode="wrap" if letter in wrap else "symmetric")
    soft = cv2.GaussianBlur(wide, (2 * reach + 1, 2 * reach + 1), sigma).reshape(wide.shape)
    return np.asarray(soft[reach : reach + picture.shape[0], reach : reach + picture.shape[1]], dtype=np.float32)
