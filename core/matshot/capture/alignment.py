"""A flash and an ambient photograph of one surface brought together, and the light of the flash alone.

The flash photograph shows the light of the flash and of the room, so the room's is taken away: what the ambient
photograph holds, times the ratio of the exposures. How that ratio is found:

1. EXIF tells both exposures: it is their quotient, ``(t ISO / N^2)_flash / (t ISO / N^2)_ambient``.
2. No light is negative. If the quotient takes away a little more than there is (phones bend tones), it is lowered to
   what can be; if it takes far more, the room was lit otherwise when the flash photograph was taken, and EXIF says
   nothing.
3. Without EXIF, auto exposure makes both pictures equally bright, so brightness says nothing, but the falling off of
   the flash does. A matte surface in even room light has ``flash / ambient = ratio + b cos^3(angle off the axis)``, and
   the intercept of a robust line is the ratio. Highlights, bumps and the beam of a real flash all steepen the line, so
   the intercept errs towards too little. If it is not clearly above 0 nothing is taken away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..errors import MatshotError
from ..image.color import Mask, Pixels
from ..progress import Progress
from .photograph import AT_END, Photograph, resized
from .registration import AGREEING, Fit, Matrix, covered, registered, resizing, warped_to

#: Part of the flash photograph that the other one must show too.
_LEAST_OVERLAP = 0.6

#: Largest residual: in pixels, and in longer sides, whichever is more.
_MOST_RESIDUAL = 1.5
_MOST_RELATIVE_RESIDUAL = 1.5e-3

#: Part of agreeing blocks from which on no other way of holding the camera is tried. Half a regular wall fits its own
#: reverse.
_CERTAIN = 0.7

#: Mean difference, relative to the mean, below which two files hold the same picture.
_SAME = 0.005

#: Deviation of flash / ambient over the picture, relative to its mean, below which no flash was involved.
_LEAST_CHANGE = 0.04

#: The flash's light falls off, so flash / ambient does: as a power of cos^3. Below this, and with such a correlation,
#: it rises instead, and the photographs are swapped.
_SWAPPED_SLOPE = -0.35
_SWAPPED_CORRELATION = 0.6

#: Blocks along the longer side in which the light of the two is compared.
_LIGHT_BLOCKS = 16

#: A quotient of exposures is lowered to what is possible if it is beyond by no more than this factor.
_BENT_TONES = 1.5

#: Ambient light counts if it is proven to be more than this part of the flash photograph.
_LEAST_AMBIENT = 0.05

#: How even the room's light is: it may change by this part of its mean from the middle of the picture to its corners.
_UNEVEN = 0.05

#: Sides of photographs nearer to a square than this say nothing about which way up they are.
_SQUARE = 1.05


@dataclass(frozen=True)
class Pair:
    """Two photographs of one surface, pixel on pixel.

    Attributes:
        flash: linear light with the flash, ``H x W x 3``, in its own exposure.
        ambient: linear light without, ``H x W x 3``, in its own exposure; outside ``valid`` its border continues.
        flash_only: the flash's light alone, ``max(flash - ratio * ambient, 0)``, in the exposure of ``flash``; a
            channel at its end stays there, so that it is still known to be.
        valid: ``H x W``; where the ambient photograph shows the surface.
        shown: ``H x W``; valid and not over-exposed in the ambient photograph.
        mask: ``H x W``; shown, and not over-exposed in the flash photograph.
        ratio: room light in ``flash`` for that in ``ambient``; 0 if there is none or it cannot be known.
        homography: 3 x 3, from pixel centers (column, row) of the flash photograph to those of the ambient one.
        residual: median distance in pixels by which blocks of the two still miss.
        agreement: part of the blocks, in [0, 1], that lie where the homography puts them.
        fov: of the flash photograph, in degrees across the longer side.
        notes: sentences for the user.
    """

    flash: Pixels
    ambient: Pixels
    flash_only: Pixels
    valid: Mask
    shown: Mask
    mask: Mask
    ratio: float
    homography: Matrix
    residual: float
    agreement: float
    fov: float
    notes: tuple[str, ...] = ()


def aligned(flash: Photograph, ambient: Photograph, progress: Progress) -> Pair:
    """Bring the ambient photograph onto the flash photograph, and take its light away.

    Sizes may differ, and a photograph that the camera took for turned by a quarter or upside down is turned back.

    Args:
        flash: with the flash on.
        ambient: without, from nearly the same spot.
        progress: called between steps.

    Raises:
        MatshotError: the two are the same, swapped or lit alike, show different surfaces, overlap by less than 60 %, or
            fit nowhere better than to 1.5 pixels (or 0.15 % of the longer side).
    """
    _refuse_same(flash, ambient)
    if flash.flash_fired is False and ambient.flash_fired:
        raise MatshotError(_swapped(flash, ambient))
    fit, notes = _registered(flash, ambient, progress.part(0, 0.85, "aligning"))
    size = flash.size
    valid = covered(fit.homography, (size[1], size[0]), (ambient.size[1], ambient.size[0]))
    _refuse_misfit(fit, valid, flash, ambient)
    warped, clipped = _warped(ambient, fit.homography, size)
    progress(0.95, "separating the flash's light")
    shown = valid & ~clipped
    mask = shown & ~flash.saturated
    light = _light_ratio(flash, warped, mask)
    _refuse_swapped_or_alike(light, flash, ambient)
    ratio, said = _ambient_ratio(flash, ambient, light)
    flash_only = np.maximum(flash.pixels - np.float32(ratio) * warped, 0)
    at_end = flash.saturated[..., np.newaxis] & (flash.pixels >= AT_END)
    progress(1.0)
    return Pair(
        flash=flash.pixels,
        ambient=warped,
        flash_only=np.where(at_end, flash.pixels, flash_only),
        valid=valid,
        shown=shown,
        mask=mask,
        ratio=ratio,
        homography=fit.homography,
        residual=fit.residual,
        agreement=fit.agreement,
        fov=flash.fov,
        notes=(*flash.notes, *notes, *said),
    )


@dataclass(frozen=True)
class _Light:
    """How the light of two photographs differs, in blocks.

    Attributes:
        ratio: flash / ambient, ``N``.
        falloff: cos^3 of the angle off the axis, ``N``; how a flash at the lens lights a matte surface.
        change: deviation of the ratio, relative to its mean.
        slope: power of the falloff with which the ratio goes.
        correlation: of the logarithms of both.
    """

    ratio: Matrix
    falloff: Matrix
    change: float
    slope: float
    correlation: float


def _refuse_same(flash: Photograph, ambient: Photograph) -> None:
    if flash.size != ambient.size:
        return
    difference = float(np.abs(flash.pixels - ambient.pixels).mean())
    if difference <= _SAME * float(flash.pixels.mean()):
        raise MatshotError(
            f"{flash.name} and {ambient.name} are the same photograph; one with flash and one without are needed."
        )


def _swapped(flash: Photograph, ambient: Photograph) -> str:
    return f"The photographs are swapped: {ambient.name} is the one with the flash, {flash.name} the one without."


def _registered(flash: Photograph, ambient: Photograph, progress: Progress) -> tuple[Fit, list[str]]:
    """The best fit over the ways in which the camera may have been held, between places of both photographs."""
    if not (_is_oblong(flash) and _is_oblong(ambient)):
        ways = [0, 2, 1, 3]
    elif _is_upright(flash) == _is_upright(ambient):
        ways = [0, 2]
    else:
        ways = [1, 3]
    fits = []
    for number, quarters in enumerate(ways):
        fit = _fit(flash, ambient, quarters, progress.part(number / len(ways), (number + 1) / len(ways)))
        fits.append((fit, quarters))
        if quarters == 0 and fit.agreement >= _CERTAIN:
            break
    best, turned = max(fits, key=lambda tried: tried[0].agreement)
    notes = [f"{ambient.name} was turned by {90 * turned} degrees to lie like {flash.name}."] if turned else []
    return best, notes


def _is_oblong(photograph: Photograph) -> bool:
    return max(photograph.size) > _SQUARE * min(photograph.size)


def _is_upright(photograph: Photograph) -> bool:
    return photograph.size[1] > photograph.size[0]


def _fit(flash: Photograph, ambient: Photograph, quarters: int, progress: Progress) -> Fit:
    """The fit of the ambient photograph turned counter-clockwise by so many quarters."""
    width, height = ambient.size
    back = {
        0: np.eye(3),
        1: np.array([[0, -1, width - 1], [1, 0, 0], [0, 0, 1]]),
        2: np.array([[-1, 0, width - 1], [0, -1, height - 1], [0, 0, 1]]),
        3: np.array([[0, 1, 0], [-1, 0, height - 1], [0, 0, 1]]),
    }[quarters]
    framed, place = _framed(np.ascontiguousarray(np.rot90(ambient.pixels, quarters)), flash.size)
    fit = registered(flash.pixels, framed, ~flash.saturated, progress)
    homography = back @ place @ fit.homography
    return replace(fit, homography=homography / homography[2, 2])


def _framed(pixels: Pixels, size: tuple[int, int]) -> tuple[Pixels, Matrix]:
    """The picture with its longer side made that of ``size``, in the middle of it; and where its places come from."""
    own = (pixels.shape[1], pixels.shape[0])
    factor = max(size) / max(own)
    scaled = (round(own[0] * factor), round(own[1] * factor))
    across, down = ((of - length) // 2 for of, length in zip(size, scaled, strict=True))
    shift = np.array([[1.0, 0, -across], [0, 1, -down], [0, 0, 1]])
    framed = resized(pixels, scaled)
    if scaled != size:
        framed = warped_to(framed, shift, (size[1], size[0]))
    return framed, resizing(scaled, own) @ shift


def _refuse_misfit(fit: Fit, valid: Mask, flash: Photograph, ambient: Photograph) -> None:
    if fit.agreement < AGREEING or not math.isfinite(fit.residual):
        raise MatshotError(
            f"{ambient.name} cannot be aligned with {flash.name}: only {fit.agreement:.0%} of its parts fit, so it "
            "shows another surface, or this one from too far off, or not sharply enough.",
            f"agreement {fit.agreement:.3f}, correlation {fit.correlation:.3f}",
        )
    if (overlap := float(valid.mean())) < _LEAST_OVERLAP:
        raise MatshotError(
            f"The camera moved too far: {ambient.name} shows only {overlap:.0%} of what {flash.name} does, and "
            f"{_LEAST_OVERLAP:.0%} is needed."
        )
    most = max(_MOST_RESIDUAL, _MOST_RELATIVE_RESIDUAL * max(flash.size))
    if fit.residual > most:
        raise MatshotError(
            f"{ambient.name} and {flash.name} fit only to {fit.residual:.1f} pixels, and {most:.1f} is needed; the "
            "surface is not flat, or it moved in between."
        )


def _warped(ambient: Photograph, homography: Matrix, size: tuple[int, int]) -> tuple[Pixels, Mask]:
    """The ambient photograph on the flash photograph's pixels, and where it is over-exposed."""
    pixels, clipped = ambient.pixels, ambient.saturated.astype(np.float32)
    factor = max(size) / max(ambient.size)
    if factor < 1:
        small = (round(ambient.size[0] * factor), round(ambient.size[1] * factor))
        pixels, clipped = resized(pixels, small), resized(clipped, small)
        homography = resizing(ambient.size, small) @ homography
    shape = (size[1], size[0])
    return np.maximum(warped_to(pixels, homography, shape), 0), warped_to(clipped, homography, shape) > 0.01


def _light_ratio(flash: Photograph, ambient: Pixels, mask: Mask) -> _Light:
    width, height = flash.size
    longest = max(width, height)
    blocks = (max(2, round(_LIGHT_BLOCKS * width / longest)), max(2, round(_LIGHT_BLOCKS * height / longest)))
    column = ((np.arange(width) + 0.5 - width / 2) / longest)[np.newaxis]
    row = ((np.arange(height) + 0.5 - height / 2) / longest)[:, np.newaxis]
    distance = 0.5 / math.tan(math.radians(flash.fov) / 2)
    falloff = (1 + (column**2 + row**2) / distance**2) ** -1.5
    seen = mask.astype(np.float32)
    share = resized(seen, blocks).astype(np.float64)
    lit, dim, fall = (
        resized((values * seen).astype(np.float32), blocks).astype(np.float64)
        for values in (flash.pixels.mean(axis=2), ambient.mean(axis=2), falloff)
    )
    some = (share > 0.25) & (lit > 0) & (dim > 0)
    if some.sum() < 8:
        raise MatshotError(f"Hardly any part of {flash.name} is well exposed in both photographs.")
    ratio, fall = lit[some] / dim[some], fall[some] / share[some]
    across, along = np.log(fall), np.log(ratio)
    across, along = across - across.mean(), along - along.mean()
    slope = float((across * along).sum() / (across**2).sum())
    change = float(ratio.std() / ratio.mean())
    correlation = float(slope * math.sqrt((across**2).sum() / max((along**2).sum(), 1e-12)))
    return _Light(ratio, fall, change, slope, correlation)


def _refuse_swapped_or_alike(light: _Light, flash: Photograph, ambient: Photograph) -> None:
    if light.change < _LEAST_CHANGE:
        raise MatshotError(
            f"{flash.name} and {ambient.name} are lit alike; one must be taken with the flash, one without."
        )
    if light.slope < _SWAPPED_SLOPE and light.correlation < -_SWAPPED_CORRELATION:
        raise MatshotError(_swapped(flash, ambient))


def _ambient_ratio(flash: Photograph, ambient: Photograph, light: _Light) -> tuple[float, list[str]]:
    """Room light in the flash photograph for that in the ambient one, and what is to be said about it."""
    why = f"EXIF does not state the exposure of {' and '.join(_unexposed(flash, ambient))}"
    if flash.exposure is not None and ambient.exposure is not None:
        ratio, possible = flash.exposure / ambient.exposure, float(np.quantile(light.ratio, 0.02))
        if ratio <= possible:
            return ratio, []
        if ratio <= _BENT_TONES * possible:
            return possible, [
                f"{flash.name} holds {possible / ratio:.0%} of the room light that its EXIF suggests. That much is "
                "removed. Photographs without HDR or night mode are more exact."
            ]
        why = f"{flash.name} holds less room light than its EXIF suggests, so the room was darker for it"
    ratio = _proven_ratio(light)
    taken = ratio / float(light.ratio.mean())
    if taken < _LEAST_AMBIENT:
        return 0.0, [f"{why}, and no room light can be told apart in it. Darken the room for the flash photograph."]
    return ratio, [
        f"{why}. Its room light, {taken:.0%}, is estimated from how brightness falls off, and removed. Darken the room "
        "for the flash photograph, or use originals with EXIF."
    ]


def _unexposed(*photographs: Photograph) -> list[str]:
    """Names of those whose exposure is not known."""
    return [one.name for one in photographs if one.exposure is None]


def _proven_ratio(light: _Light) -> float:
    """The intercept of ``ratio = intercept + b falloff``, less what it may be off; robust by Cauchy's weights.

    It may be off by two standard errors, and by what an uneven room does: through a narrow lens the flash hardly falls
    off either, and its line is drawn out far. A line that rises outwards is no flash's, and proves nothing.
    """
    weights = np.ones(len(light.ratio))
    basis = np.stack([np.ones(len(light.ratio)), light.falloff], axis=1)
    for _ in range(20):
        normal = np.linalg.inv((basis * weights[:, None]).T @ basis)
        line = normal @ (basis * weights[:, None]).T @ light.ratio
        error = light.ratio - basis @ line
        spread = 1.4826 * float(np.median(np.abs(error))) + 1e-9
        weights = 1 / (1 + np.square(error / (2 * spread)))
    if line[1] <= 0:
        return 0.0
    uneven = _UNEVEN * float(light.ratio.mean()) / max(float(np.ptp(light.falloff)), 1e-6)
    return float(np.clip(line[0] - 2 * spread * math.sqrt(normal[0, 0]) - uneven, 0, light.ratio.min()))
