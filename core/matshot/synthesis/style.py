"""The style tool: one material with the look of another.

Gatys, Ecker and Bethge 2015, "A Neural Algorithm of Artistic Style", equation (7): the base color keeps its features
where they are and gets the correlations of the look's. It is done octave by octave from coarse to fine, and the
distributions of patches are matched too, which takes the look's colors over exactly. Then the look's own patches are
arranged so that they look like the result. They give it their grain, and tell which of the look's roughness and relief
belongs where. The fast engine has a network do in one pass what is optimized otherwise
(:mod:`~matshot.synthesis.fast_style`), and needs no patches but for other maps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import ClassVar, Literal

import cv2
import numpy as np

from matshot_host.tools import STYLE

from ..errors import MatshotError
from ..image.color import Pixels, linear_from_srgb, luma, srgb_from_linear
from ..image.types import Texture, Unfinished, Wrap
from ..inference.cards import Registry
from ..inference.session import Device, usable_threads
from ..material.types import Material
from ..options import ToolOptions
from ..progress import Listener, Progress
from .correspondence import Arrangement
from .fast_style import fast_styled
from .guides import Guide, GuideType, guide_of, mask_of
from .labeled import guided_transfer
from .neural import SMALLEST, double_size, half_size
from .painting import merged
from .parts import parts_of
from .patches import matching_transfer
from .style_maps import following, styled_maps
from .texture_loss import Objectives, TargetStatistics, with_features_of, with_patches_of

Engine = Literal["optimize", "fast"]
#: Called with the number of pixels that are computed for a picture of unfinished work, and with what makes it.
_Shown = Callable[[int, Callable[[], Pixels]], None]

#: The shorter side at the coarsest octave is this or up to twice as much.
_COARSEST = 64
#: Width in pixels of the mirrored margin of pictures that do not repeat.
_MARGIN = 64
#: Iterations of L-BFGS in each octave.
_ITERATIONS = 20
#: Steps of patches in each octave.
_STEPS = 2
#: Part of a full step that these go.
_RATE = 0.7
#: Weight of the content at full strength.
_CONTENT = 1.0
#: What it gains at strength 0; the gain grows with the square of the distance from full strength.
_MORE_CONTENT = 33.0
#: Strength below which the content is mixed in.
_MIXING = 0.5
#: Deviation in pixels that separates coarser detail, of the optimization, from finer, of the look's patches.
_GRAIN = 1.5
#: Least factor on the contrast of the look's luma when colors are kept.
_MIN_GAIN = 0.25
#: Greatest factor.
_MAX_GAIN = 4.0


@dataclass(frozen=True)
class StyleOptions(ToolOptions):
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    Attributes:
        strength: 0 leaves the content as it is, 1 keeps little more than its coarse structure.
        keep_color: only lightness takes the style.
        engine: ``optimize`` changes the picture until its statistics are the look's, ``fast`` paints it in one pass.
        content_guide: path of a map of the content; its pixels, and those of the next one, come as an argument.
        style_guide: path of a map of the look in the same colors or grays.
        guide_type: ``labels`` for guides of a few colors, ``values`` for those that vary.
        mask: path of the mask of where the style is taken; its pixels come as an argument.
        seed: equal seeds give equal results.
        memory: bound on the memory of the process, such as ``2G``; empty for a share of what is free.
        device: where networks run.
        threads: of the CPU; 0 for all.
    """

    table: ClassVar = STYLE

    strength: float = 0.7
    keep_color: bool = False
    engine: Engine = "optimize"
    content_guide: str = ""
    style_guide: str = ""
    guide_type: GuideType = "auto"
    mask: str = ""
    seed: int = 0
    memory: str = ""
    device: Device = "auto"
    threads: int = 0


def style(
    content: Material,
    look: Material,
    options: StyleOptions | None = None,
    *,
    guides: tuple[Texture | None, Texture | None] = (None, None),
    mask: Texture | None = None,
    models: Registry | None = None,
    progress: Listener | None = None,
    shown: Callable[[Unfinished], None] | None = None,
) -> Material:
    """A material in the style of another's base color.

    The base color takes the style, and the other maps follow: see :func:`~matshot.synthesis.style_maps.styled_maps`.

    Args:
        content: with a base color of at least ``SMALLEST`` pixels per side.
        look: likewise, of any other size, at the same scale: a pixel of one becomes like a pixel of the other.
        options: see :class:`StyleOptions`.
        guides: maps of content and look in the same colors or grays: each part of the content takes the style of the
            part of the look that has its color; both or none.
        mask: white where the style is taken; where it is black the content stays, bit for bit. Everywhere if not given.
        models: to choose from; those installed by default.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.
        shown: called after every octave of the optimizing engine with what makes a picture of the base color, smaller
            than the result.

    Returns:
        Of the content's size, with its kinds of maps, encodings, alpha and wrap. ``parameters`` holds the options and
        ``notes`` for the user.

    Raises:
        MatshotError: without a base color, for pictures that are too small, too little memory or a missing model.
        Cancelled: when the listener raises it.
    """
    chosen = options or StyleOptions()
    whole = Progress(progress)
    before, target = _displayed_color(content, "content"), _displayed_color(look, "look")
    original = content
    share = None if mask is None else mask_of(mask.pixels, (content.height, content.width), "mask")[..., np.newaxis]
    guide = _guide_of(guides, (before.shape[:2], target.shape[:2]), chosen.guide_type)
    notes: tuple[str, ...] = ()
    if chosen.strength > 0:
        start, goal = before, target
        if chosen.keep_color:
            start, goal = _in_gray(before), _with_luma_of(before, target)
        wraps = (content.wrap, look.wrap)
        end = 0.97 if chosen.engine == "fast" and not following(content) else 0.85

        def presented(pixels: int, make: Callable[[], Pixels]) -> None:
            if shown is not None:
                mixed = partial(_as_result, start=start, before=before, share=share, options=chosen)
                shown(Unfinished(pixels, lambda: Texture(mixed(make()), "srgb", original.wrap)))

        after = _styled_in_parts(start, goal, wraps, guide, chosen, models, whole.part(0.0, end, "style"), presented)
        transfer: Arrangement | None = None
        if chosen.engine == "optimize" or following(content):
            transfer = matching_transfer(
                goal,
                after,
                wrap=content.wrap,
                source_wrap=look.wrap,
                seed=chosen.seed,
                threads=chosen.threads or usable_threads(),
                progress=whole.part(end, 0.97, "other maps"),
                guide=guide,
            )
            transfer = guided_transfer(transfer, guide, chosen.seed)
        if transfer is not None and chosen.engine == "optimize":
            grained = transfer.apply(goal)
            after = grained + _blurred(after - grained, _GRAIN, content.wrap)
        color = _with_displayed_color(content.maps["basecolor"], _mixed(after, start, before, chosen))
        content = content.with_maps({**content.maps, "basecolor": color})
        if transfer is not None:
            followed = styled_maps(content, look, transfer, chosen.strength, in_range=share is not None)
            content, notes = followed.material, followed.notes
        if share is not None:
            content = merged(original, content, share)
    whole(1.0, "style")
    parameters = {"tool": "style", **asdict(chosen), "look": look.name, "notes": list(notes)}
    return replace(content, parameters=parameters)


def _mixed(after: Pixels, start: Pixels, before: Pixels, options: StyleOptions) -> Pixels:
    """A styled picture at its strength, with the content's colors if they are kept.

    Args:
        after: ``H x W x 3``, styled.
        start: what it was made from.
        before: the content.
        options: of the tool.
    """
    after = start + np.float32(min(1.0, options.strength / _MIXING)) * (after - start)
    if options.keep_color:
        # Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving Color in Neural Artistic Style Transfer", 3.2.
        after = before + (luma(after) - luma(before))[..., np.newaxis]
    return np.asarray(after.clip(0, 1), dtype=np.float32)


def _as_result(picture: Pixels, start: Pixels, before: Pixels, share: Pixels | None, options: StyleOptions) -> Pixels:
    """An octave as :func:`style` would mix and mask it; the others are reduced to its size."""

    def reduced(one: Pixels) -> Pixels:
        small = cv2.resize(one, picture.shape[1::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.float32).reshape(*picture.shape[:2], -1)

    mixed = _mixed(picture, reduced(start), reduced(before), options)
    return mixed if share is None else reduced(before) + reduced(share) * (mixed - reduced(before))


def _guide_of(
    guides: tuple[Texture | None, Texture | None], sizes: tuple[tuple[int, ...], tuple[int, ...]], kind: GuideType
) -> Guide | None:
    """The guide that maps of content and look are, if they are given.

    Raises:
        MatshotError: for one without the other, and for maps that do not fit.
    """
    own, other = guides
    if own is None and other is None:
        return None
    if own is None or other is None:
        given, missing = ("content", "style") if other is None else ("style", "content")
        raise MatshotError(f"A {given} guide needs a {missing} guide as well; give both or none.")
    (height, width), (high, wide) = sizes
    return guide_of(
        other.pixels, own.pixels, (high, wide), (height, width), kind, names=("style guide", "content guide")
    )


def _styled_in_parts(
    content: Pixels,
    look: Pixels,
    wraps: tuple[Wrap, Wrap],
    guide: Guide | None,
    options: StyleOptions,
    models: Registry | None,
    progress: Progress,
    shown: _Shown,
) -> Pixels:
    """The content in the look's style, each part in that of its own part of the look."""
    parts = None if guide is None else parts_of(guide)
    if parts is None:
        return _styled_by_engine(content, look, wraps, options, models, progress, shown)
    # Until it is made, a part shows the content.
    pictures = [content] * len(parts.numbers)
    for number, (own_look, own_content) in enumerate(parts.pairs(look, content, (wraps[1], wraps[0]))):
        part = progress.part(number / len(parts.numbers), (number + 1) / len(parts.numbers))

        def shown_part(_: int, make: Callable[[], Pixels], number: int = number) -> None:
            joined = partial(parts.joined_with, pictures, number)
            shown(len(pictures) * content[..., 0].size, lambda: joined(make(), wraps[0]))

        pictures[number] = _styled_by_engine(own_content, own_look, wraps, options, models, part, shown_part)
    return parts.joined(pictures, wraps[0])


def _styled_by_engine(
    content: Pixels,
    look: Pixels,
    wraps: tuple[Wrap, Wrap],
    options: StyleOptions,
    models: Registry | None,
    progress: Progress,
    shown: _Shown,
) -> Pixels:
    if options.engine == "fast":
        return fast_styled(
            content,
            look,
            wraps,
            strength=options.strength,
            seed=options.seed,
            memory=options.memory,
            device=options.device,
            threads=options.threads,
            models=models,
            progress=progress,
        )
    objectives = Objectives(options.device, options.threads, models, memory=options.memory)
    return _styled(content, look, wraps, options, objectives, progress, shown)


def _styled(
    content: Pixels,
    look: Pixels,
    wraps: tuple[Wrap, Wrap],
    options: StyleOptions,
    objectives: Objectives,
    progress: Progress,
    shown: _Shown,
) -> Pixels:
    """The content in the look's style, display-encoded ``H x W x 3``; may leave [0, 1] slightly."""
    random = np.random.default_rng(options.seed)
    wide, inner = _with_margin(content, wraps[0])
    contents, looks = [wide], [look]
    while min(contents[-1].shape[:2]) >= 2 * _COARSEST and min(looks[-1].shape[:2]) >= 2 * SMALLEST:
        contents.append(half_size(contents[-1]))
        looks.append(half_size(looks[-1]))
    weight = _CONTENT + _MORE_CONTENT * (1 - options.strength) ** 2
    pixels = [picture.shape[0] * picture.shape[1] for picture in contents]
    picture = contents[-1]
    for number in reversed(range(len(contents))):
        reached = sum(pixels[number + 1 :])
        part = progress.part(reached / sum(pixels), (reached + pixels[number]) / sum(pixels))
        octave = contents[number]
        if number < len(contents) - 1:
            picture = double_size(picture, *octave.shape[:2])
        # Halves of an odd side do not fit together where they wrap, so only the given picture's borders count.
        repeats = wraps[1] if number == 0 else "none"
        target = TargetStatistics(objectives, looks[number], repeats, random)
        picture = with_features_of(
            objectives,
            target,
            picture,
            _ITERATIONS,
            random,
            content=octave,
            content_weight=weight,
            progress=part.part(0, 0.8),
        )
        picture = with_patches_of(objectives, target, picture, _STEPS, random, rate=_RATE, progress=part.part(0.8, 1))
        within = tuple(slice(round(one.start / 2**number), round(one.stop / 2**number)) for one in inner)
        shown(pixels[number], partial(np.ascontiguousarray, picture[within]))
    return np.ascontiguousarray(picture[inner])


def _displayed_color(material: Material, role: str) -> Pixels:
    """Its base color, display-encoded ``H x W x 3``."""
    texture = material.maps.get("basecolor")
    if texture is None:
        raise MatshotError(f"The {role}, {material.name}, has no base color map, which the style tool needs.")
    if min(texture.height, texture.width) < SMALLEST:
        raise MatshotError(
            f"The {role}, {material.name}, has {texture.width} x {texture.height} pixels; "
            f"at least {SMALLEST} x {SMALLEST} are needed."
        )
    color = srgb_from_linear(texture.color) if texture.encoding == "linear" else texture.color
    if not np.isfinite(color).all():
        raise MatshotError(
            f"The {role}, {material.name}, contains NaN or infinite values; fix it in the program that rendered it."
        )
    return np.ascontiguousarray(np.broadcast_to(color, (*color.shape[:2], 3)), dtype=np.float32).clip(0, 1)


def _with_displayed_color(texture: Texture, color: Pixels) -> Texture:
    """The texture with another color, which has three channels even if it was gray."""
    pixels = linear_from_srgb(color) if texture.encoding == "linear" else color
    if texture.alpha is not None:
        pixels = np.concatenate([pixels, texture.alpha], axis=2)
    return texture.with_pixels(np.ascontiguousarray(pixels, dtype=np.float32))


def _with_margin(picture: Pixels, wrap: Wrap) -> tuple[Pixels, tuple[slice, slice]]:
    """The picture with a mirrored margin on axes on which it does not repeat, and where it lies in that."""
    ends = [min(_MARGIN, side) if axis not in wrap else 0 for axis, side in zip("yx", picture.shape[:2], strict=True)]
    wide = np.pad(picture, ((ends[0], ends[0]), (ends[1], ends[1]), (0, 0)), mode="symmetric")
    return wide, (slice(ends[0], ends[0] + picture.shape[0]), slice(ends[1], ends[1] + picture.shape[1]))


def _in_gray(color: Pixels) -> Pixels:
    return np.repeat(luma(color)[..., np.newaxis], 3, axis=2)


def _with_luma_of(content: Pixels, look: Pixels) -> Pixels:
    """The look in gray, with the content's mean and spread: Gatys et al. 2016, equation (10)."""
    own, other = luma(content), luma(look)
    gain = np.clip(own.std() / max(float(other.std()), 1e-4), _MIN_GAIN, _MAX_GAIN)
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
