"""The tile tool: a texture or material becomes tileable, with as little change as possible."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import ClassVar, Literal

import cv2
import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from matshot_host.tools import TILE

from ..errors import MatshotError
from ..image.color import LUMA_601, Pixels, linear_from_srgb, srgb_from_linear
from ..image.types import Texture, Wrap
from ..image.wrap import TOLERANCE
from ..material.planes import Planes, normals_of_slopes, planes_of, slopes
from ..material.types import MapKind, Material
from ..options import ToolOptions
from ..progress import Listener, Progress
from .delight import delit_color, detrended
from .guides import mask_of
from .painting import merged
from .patches import inpainted_planes
from .periodicity import Repetition, best_period_crop, regularity
from .seam_closing import closed_by_overlap, closed_in_place
from .seams import with_even_tone

Array = NDArray[np.float64]

#: Shorter side in pixels that a cut needs.
_SMALLEST = 16
#: Width in pixels of the narrowest strip that can be cut.
_NARROWEST = 4
#: Sizes of the blocks whose means must be continuous across the border, for tones as well as grain.
_SCALES = (1, 4)
#: Part of a period by which a size may differ from whole repeats, since a cut hides such a shift.
_PHASE_TOLERANCE = 1 / 16
#: Uncertainty of all repeats together, in parts of the size.
_UNCERTAINTY = 1 / 100
#: Strength of a repetition that cannot be a mistake: a size that does not fit it does not wrap.
_CERTAIN = 0.4
#: Repeats that count even where they are weaker.
_SEVERAL = 3
#: Rows that are compared to find the best start of a piece of a repetition.
_COMPARED_ROWS = 5
#: Ratio to nearly all steps inside that the step across the edge of maps other than color may have.
_BLOCK_TOLERANCE = 1.4
#: Blocks across an edge below which chance is allowed for.
_FEW_BLOCKS = 24
#: Rows around a phase of the period that count as the same phase.
_NEAR = 2
#: Columns at each end that a step from the last to the first is compared with.
_BESIDE = 4
#: Deviation of planes that are constant except for rounding.
_FLAT = 1e-4
#: Mean slope along an axis from which it is removed, 1.7 degrees; less comes from the content.
_TILT = 0.03
#: Difference of tone between opposite borders from which it is evened out, in deviations of the contrast.
_TONE_STEP = 2.0
#: Change of tone that is invisible, so that a plane is left alone.
_INVISIBLE = 1 / 255
#: Ratio to the texture's own squared steps from which a cut is visible.
_VISIBLE = 4.0
#: Deviation in pixels of the blur along a cut before that.
_CUT_BLUR = 4.0
#: Distance in pixels around a visible part of a cut that is inpainted.
_INPAINTING_MARGIN = 6

#: Notes on what was removed from maps.
_REMOVED = {
    "basecolor": "Uneven lighting was removed from the color.",
    "height": "Tilt was removed from the height.",
    "normal": "The mean slope was removed from the normals.",
}
#: Axes by their letters.
_AXES: dict[str, Wrap] = {"": "none", "x": "x", "y": "y", "xy": "xy"}


@dataclass(frozen=True)
class TileOptions(ToolOptions):
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    Attributes:
        axes: to make tileable: ``x`` (columns), ``y`` (rows) or both.
        size: ``same`` keeps width and height: a strip along the border is replaced. Only where a repetition requires
            it, the part that holds whole repeats is kept. ``crop`` invents nothing: opposite borders are laid over
            each other and cut, and the result is smaller by the band.
        band: width of the strip, or of the overlap, in which pixels may change, as a part of the shorter side below
            1, in pixels from 1 up.
        even: whether uneven lighting is removed from color, and tilt from heights and normals.
        protect: path of the mask of what stays; its pixels come as an argument.
        seed: of the inpainting.
        wrap: axes on which it repeats already; ``auto`` is what the material states, else measured.
    """

    table: ClassVar = TILE

    axes: Literal["x", "y", "xy"] = "xy"
    size: Literal["same", "crop"] = "same"
    band: float = 0.08
    even: bool = True
    protect: str = ""
    seed: int = 0
    wrap: Wrap | Literal["auto"] = "auto"


def tile(
    material: Material,
    options: TileOptions | None = None,
    *,
    protect: Texture | None = None,
    progress: Listener | None = None,
) -> Material:
    """A tileable material, all its maps registered.

    Axes on which it wraps already stay as they are. On the others uneven lighting is removed from the color; of a
    texture that repeats whole periods are kept; the border is cut along the path of least difference; where that cut
    stays visible, a few pixels around it are inpainted from the rest.

    Args:
        material: any maps; a single image is a material of one map.
        options: see :class:`TileOptions`.
        protect: white where the material stays, bit for bit; it must not touch a border that is closed. Nothing is
            protected if not given.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        The material with ``wrap`` set. With ``size="same"`` it has the size of the given one, or along an axis that
        repeats the largest number of whole periods in it; with ``crop`` it is smaller by the band, too. Pixels that
        did not have to change are those of the given maps, bit for bit. ``parameters`` holds the options and
        ``notes`` for the user.

    Raises:
        MatshotError: for less than 16 pixels per side, unless it is tileable already, and for a protected part at a
            border or in a result of another size.
        Cancelled: when the listener raises it.
    """
    chosen = options or TileOptions()
    whole = Progress(progress)
    whole(0.0, "measuring")
    planes = planes_of(material)
    periods = _periods(planes)
    repeating = chosen.wrap.replace("none", "")
    if chosen.wrap == "auto":
        repeating = _repeating(material, planes.values, periods)
        if len(repeating) == 1 and chosen.even and repeating not in material.wrap and _is_lit(material, repeating):
            # A photograph, whose light happens to be alike at two borders.
            repeating = ""
    axes = [letter for letter in chosen.axes if letter not in repeating]
    notes = [f"Axis {letter} is tileable already and unchanged." for letter in chosen.axes if letter in repeating]
    result = material
    # A mask that cannot be used is named even where nothing has to change.
    kept = None if protect is None else _protected(protect, material, axes, chosen)
    if axes:
        _check_size(material)
        result = _tiled(material, axes, repeating, periods, chosen, notes, whole)
        if kept is not None:
            result = _with_protected(material, result, kept)
    wrap = _AXES["".join(letter for letter in "xy" if letter in repeating or letter in axes)]
    maps = {kind: replace(texture, wrap=wrap) for kind, texture in result.maps.items()}
    whole(1.0, "done")
    return replace(result, maps=maps, raw=None, parameters={**asdict(chosen), "tool": "tile", "notes": notes})


def _tiled(
    material: Material,
    axes: list[str],
    repeating: str,
    periods: dict[str, Repetition],
    options: TileOptions,
    notes: list[str],
    progress: Progress,
) -> Material:
    wrap = _AXES["".join(axes)]
    # A lens darkens corners alike: such a photograph leads over from border to border, and its light shows no less.
    lit = _AXES["".join(letter for letter in options.axes if letter not in material.wrap)]
    planes = planes_of(_delit(material, lit, wrap, notes) if options.even else material)
    importance = np.array(planes.weights)
    side = _side(options.band, material)
    if options.size == "same":
        rows, columns = (_whole_periods(planes, letter, periods, axes, notes) for letter in "yx")
    else:
        rows, columns = best_period_crop(_guide(planes), 2 * side, wrap)
    values = planes.values[rows, columns]
    misfit = np.zeros(values.shape[:2])
    uncut = {"x": material.width, "y": material.height}
    for number, letter in enumerate(axes):
        progress(0.2 + 0.4 * number / len(axes), f"cutting along {letter}")
        upright, before = (values, misfit) if letter == "x" else (values.swapaxes(0, 1), misfit.T)
        rows_closed = bool(set(repeating) - {letter})
        repeating += letter
        if upright.shape[1] < uncut[letter] and options.size == "same" and _seam_is_hidden(upright):
            continue
        # What lies at the border itself is replaced.
        toned = with_even_tone(upright, side, closed=rows_closed, inset=side, deviations=_TONE_STEP)
        seen = np.abs(toned - upright).max(axis=(0, 1)) > _INVISIBLE
        upright = np.where(seen, toned, upright)
        if options.size == "same":
            closed = closed_in_place(upright, side, importance, closed=rows_closed, period=periods[letter].period)
        else:
            closed = closed_by_overlap(upright, 2 * side, importance, closed=rows_closed)
            before = np.concatenate(
                [np.maximum(before[:, : 2 * side], before[:, -2 * side :]), before[:, 2 * side : -2 * side]], axis=1
            )
        values, misfit = closed.planes, np.maximum(closed.misfit, before)
        if letter == "y":
            values, misfit = values.swapaxes(0, 1), misfit.T
    values = np.ascontiguousarray(values, dtype=np.float32)
    whole = _AXES["".join(sorted(repeating))]
    hole = _visible(values, misfit, importance)
    if hole.any():
        notes.append(f"{100 * hole.mean():.1f} % of the pixels, where the cut was visible, were inpainted.")
        values = inpainted_planes(
            values,
            hole,
            weights=planes.weights,
            wrap=whole,
            seed=options.seed,
            progress=progress.part(0.6, 0.95, "inpainting"),
        )
    result = planes.material(values, whole)
    if options.size == "same":
        return _with_unchanged_pixels(
            result, planes.material(planes.values[rows, columns], whole), planes.like, rows, columns
        )
    return result


def _protected(protect: Texture, material: Material, axes: list[str], options: TileOptions) -> Pixels:
    """How much of each pixel is protected, ``H x W``."""
    kept = mask_of(protect.pixels, (material.height, material.width), "protect mask")
    if options.size == "crop":
        raise MatshotError("A protected part cannot be cropped; use the size same, or leave out the mask.")
    side = _side(options.band, material)
    for letter in axes:
        upright = kept if letter == "y" else kept.T
        if max(upright[:side].max(), upright[-side:].max()) > _INVISIBLE:
            raise MatshotError(
                f"The protect mask is white within {side} pixels of a border that is closed along {letter}, where "
                "pixels have to change; paint it black there, or use a narrower band."
            )
    return kept


def _with_protected(material: Material, result: Material, kept: Pixels) -> Material:
    if (result.width, result.height) != (material.width, material.height):
        raise MatshotError(
            f"The repeats of {material.name} fit only into {result.width} x {result.height} pixels, which moves the "
            "protected part; leave out the mask."
        )
    wraps = {kind: texture.wrap for kind, texture in result.maps.items()}
    mixed = merged(material, result, 1 - kept[..., np.newaxis])
    return mixed.with_maps({kind: replace(texture, wrap=wraps[kind]) for kind, texture in mixed.maps.items()})


def _check_size(material: Material) -> None:
    if min(material.width, material.height) < _SMALLEST:
        raise MatshotError(
            f"{material.name} is too small to make tileable: {material.width} x {material.height} pixels; at least "
            f"{_SMALLEST} x {_SMALLEST} are needed."
        )


def _guide(planes: Planes) -> Pixels:
    """The planes with deviations as their weights say, in which repetitions are looked for."""
    deviation = planes.values.std(axis=(0, 1), dtype=np.float64)
    scale = np.where(deviation > _FLAT, np.sqrt(planes.weights) / np.maximum(deviation, _FLAT), 0)
    return np.asarray(planes.values * scale, dtype=np.float32)


def _periods(planes: Planes) -> dict[str, Repetition]:
    if min(planes.values.shape[:2]) < _SMALLEST:
        return dict.fromkeys("xy", Repetition(None, 0.0))
    along_y, along_x = regularity(_guide(planes))
    return {"x": along_x, "y": along_y}


def _repeating(material: Material, values: Pixels, periods: dict[str, Repetition]) -> str:
    """Axes on which all maps wrap: as stated, or as measured on grain, tones and the texture's own repetition."""
    if all((texture.pixels == texture.pixels[:1, :1]).all() for texture in material.maps.values()):
        return "xy"
    planes = _test_planes(material, values)
    axes = ""
    for letter, axis in (("x", 1), ("y", 0)):
        period, strength = periods[letter].period, periods[letter].strength
        course = None if period is None else period / periods[letter].courses
        fits = period is None or strength < _CERTAIN or _fits(values.shape[axis], period)
        if letter in material.wrap or (
            fits
            and all(
                _is_continuous(plane if axis == 0 else plane.T, scale, course, tolerance)
                for plane, tolerance in planes
                for scale in _SCALES
            )
        ):
            axes += letter
    return axes


def _test_planes(material: Material, values: Pixels) -> list[tuple[Pixels, float]]:
    """Planes that show whether a material repeats, and how much rougher than inside an edge may be.

    Of a color that is lightness, strictly. The other maps are often stored with strong JPEG compression, whose blocks
    of 8 end at the edge and make steps of their own.
    """
    if "basecolor" not in material.maps or material.maps["basecolor"].color.shape[2] != 3:
        return [(plane, TOLERANCE) for plane in np.moveaxis(values, 2, 0)]
    color = planes_of(Material({"basecolor": material.maps["basecolor"]})).values
    lightness = np.asarray(color[..., :3] @ LUMA_601, dtype=np.float32)
    rest = list(np.moveaxis(color[..., 3:], 2, 0))
    others: dict[MapKind, Texture] = dict(material.maps)
    del others["basecolor"]
    if others:
        rest += list(np.moveaxis(planes_of(Material(others)).values, 2, 0))
    return [(lightness, TOLERANCE), *((plane, _BLOCK_TOLERANCE) for plane in rest)]


def _seam_is_hidden(planes: Pixels) -> bool:
    """Whether what the last column differs by from the first is no more than what columns beside them do."""
    seam = np.abs(planes[:, -1] - planes[:, 0]).mean(axis=0)
    beside = np.abs(np.diff(np.concatenate([planes[:, -_BESIDE:], planes[:, :_BESIDE]], axis=1), axis=1)).mean(axis=0)
    beside = np.delete(beside, _BESIDE - 1, axis=0)
    return bool((seam <= TOLERANCE * beside.max(axis=0)).all())


def _is_continuous(plane: Pixels, scale: int, period: float | None, tolerance: float) -> bool:
    """Whether the last rows lead over to the first ones as rows inside do, in means over blocks.

    As in :func:`~matshot.image.wrap.measured_wrap`, but blocks may begin at every row: joints are where they are. Of a
    texture that repeats, the rows inside are those at the same place of the period, or of each course in it: a tile
    that is of two tones would be nothing beside its joints.
    """
    rows, columns = plane.shape[0], plane.shape[1] // scale * scale
    if rows < max(_SMALLEST, 4 * scale) or columns == 0:
        return scale > 1
    coarse = plane[:, :columns].reshape(rows, -1, scale).mean(axis=2)
    means = scipy.ndimage.uniform_filter1d(coarse, scale, axis=0, mode="wrap", origin=-(scale // 2))
    steps = np.abs(means - np.roll(means, scale, axis=0)).mean(axis=1)
    inside = steps[scale : rows - scale + 1]
    if period is not None:
        alike = np.rint(np.arange(1, int(rows / period)) * period).astype(int)
        near = (alike[:, np.newaxis] + np.arange(-_NEAR, _NEAR + 1)).ravel()
        near = near[(near >= scale) & (near <= rows - scale)]
        if near.size:
            return bool(steps[0] <= max(tolerance * float(steps[near].max()), _INVISIBLE))
    allowed = max(TOLERANCE * float(np.quantile(inside, 0.98)), float(inside.max()))
    blocks = coarse.shape[1]
    if scale > 1 and blocks < _FEW_BLOCKS:
        # The mean of n absolute differences of normal deviates varies by 0.75 / sqrt(n) of itself.
        allowed *= 1 + 0.75 / np.sqrt(blocks)
    return bool(steps[0] <= allowed * tolerance / TOLERANCE)


def _side(band: float, material: Material) -> int:
    shorter = min(material.width, material.height)
    side = round((band if band >= 1 else band * shorter) / 2)
    # A strip of two sides has to come from somewhere else.
    return min(max(side, _NARROWEST), shorter // 4)


def _delit(material: Material, lit: Wrap, axes: Wrap, notes: list[str]) -> Material:
    """Without uneven light in the color, and without what climbs in heights and normals; masks stay as they are."""
    maps: dict[MapKind, Texture] = dict(material.maps)
    for kind in ("basecolor", "height", "normal"):
        if kind not in maps:
            continue
        texture = maps[kind]
        color, alpha = texture.color, texture.pixels[..., texture.color.shape[2] :]
        if kind == "height":
            even = detrended(color, axes)
        elif kind == "normal":
            even = _untilted(color, axes)
        elif texture.encoding == "linear":
            displayed = srgb_from_linear(color)
            delit = delit_color(displayed, lit)
            even = color if delit is displayed else linear_from_srgb(delit)
        else:
            even = delit_color(color, lit)
        if even is not color and not np.array_equal(even, color):
            notes.append(_REMOVED[kind])
            maps[kind] = texture.with_pixels(np.concatenate([even, alpha], axis=2))
    return material.with_maps(maps)


def _is_lit(material: Material, axis: str) -> bool:
    """Whether the light on the color is uneven along an axis."""
    if "basecolor" not in material.maps:
        return False
    texture = material.maps["basecolor"]
    color = srgb_from_linear(texture.color) if texture.encoding == "linear" else texture.color
    return delit_color(color, _AXES[axis]) is not color


def _untilted(normals: Pixels, axes: Wrap) -> Pixels:
    """Normals whose mean slope along the axes is zero, since what repeats cannot climb."""
    steepness = slopes(normals)
    mean = np.where([letter in axes for letter in "xy"], steepness.mean(axis=(0, 1), dtype=np.float64), 0)
    if np.abs(mean).max() < _TILT:
        return normals
    return normals_of_slopes((steepness - mean).astype(np.float32))


def _whole_periods(
    planes: Planes, letter: str, periods: dict[str, Repetition], axes: list[str], notes: list[str]
) -> slice:
    """Rows or columns of the part that holds whole periods."""
    size = planes.values.shape["yx".index(letter)]
    period = periods[letter].period
    if letter not in axes or period is None or _fits(size, period):
        return slice(0, size)
    count = int(size / period)
    if count < _SEVERAL and periods[letter].strength < _CERTAIN:
        # Rather one patch that somebody copied.
        return slice(0, size)
    upright = planes.values if letter == "y" else planes.values.swapaxes(0, 1)
    kept = round(count * period)
    start = _best_beginning(upright, kept, np.array(planes.weights))
    notes.append(f"Axis {letter}: {count} repeats of {period:.1f} pixels are kept, {kept} of {size} pixels.")
    return slice(start, start + kept)


def _best_beginning(upright: Pixels, kept: int, weights: Array) -> int:
    """Where a piece of some rows begins so that its end meets its beginning best, as at a joint.

    There what follows the end looks like the beginning, in parts of the steps that are there anyway.
    """
    unlike = (np.square(upright[kept:] - upright[:-kept]) @ weights).mean(axis=1)
    steps = (np.square(np.diff(upright, axis=0)) @ weights).mean(axis=1)
    own = scipy.ndimage.uniform_filter1d(steps, _COMPARED_ROWS, mode="nearest")[: len(unlike)]
    unlike = scipy.ndimage.uniform_filter1d(unlike, _COMPARED_ROWS, mode="nearest")
    return int(np.argmin(unlike / np.maximum(own, 1e-12)))


def _fits(size: int, period: float) -> bool:
    """Whether a size holds whole periods, as nearly as a cut can hide and a period is known."""
    return abs(round(size / period) * period - size) <= min(_PHASE_TOLERANCE * period + _UNCERTAINTY * size, period / 3)


def _visible(values: Pixels, misfit: Array, weights: Array) -> NDArray[np.bool_]:
    """Pixels around the parts of cuts whose misfit stands out of the texture's own steps."""
    own = np.mean([np.mean(np.square(np.diff(values, axis=axis)) @ weights) for axis in (0, 1)])
    on_cut = misfit > 0
    # Cuts lie at the border, so that what an axis that ends has beyond it does not matter.
    along = scipy.ndimage.gaussian_filter(misfit, _CUT_BLUR, mode="wrap")
    count = scipy.ndimage.gaussian_filter(on_cut.astype(np.float64), _CUT_BLUR, mode="wrap")
    seen = on_cut & (along > _VISIBLE * own * np.maximum(count, 1e-6))
    reach = _INPAINTING_MARGIN
    padded = np.pad(seen, [(reach, reach)] * 2, mode="wrap")
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(padded.astype(np.uint8), disc)[reach:-reach, reach:-reach] > 0


def _with_unchanged_pixels(
    result: Material, unchanged: Material, original: Material, rows: slice, columns: slice
) -> Material:
    """The result with the given pixels where its planes are those of the input, free of rounding on the way."""
    maps: dict[MapKind, Texture] = {}
    for kind, texture in result.maps.items():
        same = np.isclose(texture.pixels, unchanged.maps[kind].pixels, rtol=1e-6, atol=1e-7).all(axis=2, keepdims=True)
        maps[kind] = texture.with_pixels(np.where(same, original.maps[kind].pixels[rows, columns], texture.pixels))
    return result.with_maps(maps)
