"""One surface out of what the lamp's fit, the flattened photograph and the network say.

What the whole photograph says (how bright, how rough, metal or not) comes from the lamp's fit, base color from the
photograph without its lamp, and only what varies from place to place from the network. What the network says of a
surface that is alike all over must not depend on where in the photograph it is: in the middle, where light comes from
the lens, nothing tells slopes, and at the border nothing tells gloss. So slopes get the same strength in all rings
around the highlight, and roughness has no trend over them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from scipy.special import expit, logit

from ..image.color import Mask, Pixels
from ..material.planes import normals_of_slopes, slopes
from ..shading.render import Camera, Vector
from ..shading.surface import Surface
from .flattening import Flattened, blurred, with_even_contrast
from .glints import without_glints
from .lamp import Lamp, Shading
from .metals import metal_color, metal_slopes
from .relief_reading import agreement, with_reading
from .response import response_of_lamp
from .rings import ring_gain, rings_of, trend_by_distance
from .seen_relief import ShadingEvidence, seen_relief, shading_there_is
from .shading import Response, between, integrable_slopes

#: Longer side at which the network's slopes are compared with the photograph.
_COMPARED_SIDE = 640
#: Range of roughness, and deviation of its logarithm of odds from place to place at most.
_SMOOTHEST = 0.08
_ROUGHEST = 0.95
_VARIED = 0.8
#: Share of the way to the usual roughness that a smoother dielectric is moved: seen from elsewhere, a highlight that is
#: too narrow errs more than one that is too wide.
_CAUTION = 0.4
_USUAL_ROUGHNESS = 0.5
#: How much of a highlight's tail is taken for the lamp's strength: its power of roughness would be 4, were all that the
#: photograph shows of it tail.
_TAIL = 1.0
#: Base color above which nearly nothing is made brighter by that.
_BRIGHT = 0.9
#: Roughness of the mean highlight, and the part of its width that relief may account for: of a smooth surface little.
_RELIEF_SHARE = ((0.25, 0.6), (0.1, 0.5))
#: Variance of a surface's slopes over that of the slopes that are found.
_UNSEEN_RELIEF = 2.0
#: Range of the highlight's share from which on it makes spots.
_LEAST_HIGHLIGHT = 0.2
#: What the lamp's fit may leave of the cells' brightness for a surface to be alike all over, and when it is not at all.
_ALIKE = ((0.35, 0.5), (1.0, 0.0))
#: Agreement of two predictions from which on relief is believed a little, and fully; strength of what is not.
_SURE = ((0.2, 0.4), (0.0, 1.0))
_CAUTIOUS = 0.85
#: The same for how roughness varies; and what is left of what is not believed, since no surface is alike everywhere.
_SURE_OF_ROUGHNESS = ((0.0, 0.5), (0.35, 1.0))
#: Shading that there is over what the prediction of the photograph as lit explains, from which on this counts a little,
#: and as much as the other, where the two do not agree.
_REAL = ((0.0, 0.3), (0.0, 0.5))
#: Mean visibility of relief from which on it is believed a little, and as far as it is then.
_SEEN = ((0.1, 0.2), (0.0, 0.6))
#: Part of the shading that is taken out of the base color, and most of it, as a logarithm of brightness.
_SHADING_SHARE = 0.75
_MOST_SHADING = np.float32(0.8)
#: Deviations in pixels between which slopes are compared with the photograph's detail.
_DETAIL = (1.0, 12.0)
#: Range in which slopes are strengthened.
_WEAKEST = 0.8
_STRONGEST = 2.0
#: Quantile of slopes by which what was filled is compared with the rest, and how soft its border is, in longer sides.
_STEEP = 0.75
_SOFT_BORDER = 1 / 160
#: Most of brightness and chroma that depends on the distance to the highlight after all else, and how near to it.
_MOST_LEFT = np.float32(0.25)
_MOST_CHROMA_LEFT = np.float32(0.1)
_NEAR = np.float32(0.12)
#: Rings by whose contrast slopes are bounded, pixels that something is learnt from, and a bound's own error.
_BOUNDING_RINGS = 12
_LEAST_PIXELS = 100
_OVER_BOUND = 1.3
#: Correlation of expected and seen detail below which nothing is learnt from it.
_LEAST_CORRELATION = 0.05


def evened(flat: Flattened) -> Flattened:
    """The same without the little that depends on the distance to the highlight still, once holes are filled.

    Next to what has burnt out a camera's tone curve bends, and no cell is small enough to see it.

    Args:
        flat: its hole filled.
    """
    if not flat.hole.any():
        return flat
    everywhere = np.ones_like(flat.hole)
    tone = np.log(np.maximum(flat.color, np.float32(1e-3)))
    brightness = tone.mean(axis=2)
    off = np.empty_like(tone)
    for channel in range(3):
        chroma = tone[..., channel] - brightness
        trend = trend_by_distance(chroma, flat.distance, everywhere) - np.float32(np.median(chroma))
        off[..., channel] = _MOST_CHROMA_LEFT * np.tanh(trend / _MOST_CHROMA_LEFT)
    trend = trend_by_distance(brightness, flat.distance, everywhere) - np.float32(np.median(brightness))
    off += (_MOST_LEFT * np.tanh(trend / _MOST_LEFT))[..., np.newaxis]
    near = np.clip(2 - flat.distance / _NEAR, 0, 1)[..., np.newaxis]
    return replace(flat, color=np.asarray(flat.color * np.exp(-off * near), dtype=np.float32).clip(0, 1))


def as_lit_from(place: Vector, flat: Flattened, lamp: Lamp, camera: Camera) -> Pixels:
    """The photograph as a flash elsewhere would have taken it, without fall-off and tilt, ``H x W x 3``.

    Args:
        place: of that flash: the lamp's own, so that detail is lit as it shows, or the lens's.
        flat: of the photograph, its hole filled.
        lamp: of the photograph.
        camera: likewise.
    """
    ideal = replace(lamp, position=place, falloff=0.0, tilt=(0.0, 0.0), anisotropy=(0.0, 0.0))
    shading: Shading = ideal.shading(camera)
    return np.asarray(shading.light * (flat.color / np.asarray(lamp.base_color, np.float32)), dtype=np.float32)


@dataclass(frozen=True)
class Composed:
    """A surface, and where its relief is known best.

    Attributes:
        surface: as :func:`composed_surface` describes it.
        visibility: ``H x W``, [0, 1], see :class:`~matshot.capture.seen_relief.SeenRelief`.
    """

    surface: Surface
    visibility: Pixels


def composed_surface(
    predicted: Surface,
    evenly_predicted: Surface,
    flat: Flattened,
    lamp: Lamp,
    camera: Camera,
    *,
    read: Pixels | None = None,
    final: bool = True,
) -> Composed:
    """The surface whose mean is the lamp's, whose base color the flattened photograph's, and that varies as predicted.

    Of a flash photograph the network sees slopes towards the lamp, and their sign; of an even one how a texture lies,
    alike everywhere. Their errors have little in common, so that their mean is better than both, unless the first reads
    a print as relief.

    Args:
        predicted: by the network, of the photograph as lit from the lamp's place.
        evenly_predicted: by the network, of the flattened photograph as if it were evenly lit.
        flat: its hole filled.
        lamp: see :func:`~matshot.capture.lamp.fitted_lamp`.
        camera: of the photograph.
        read: slopes that the network for relief reads, of any size; None for a metal, whose relief is known otherwise.
        final: off where a fit starts from it, which finds what is missing better than it corrects what is wrong.
    """
    # On a surface that is not alike all over, windows have nothing in common.
    alike = np.float32(np.interp(lamp.residual, *_ALIKE))
    response = response_of_lamp(lamp, camera)
    relief = _relief((predicted, evenly_predicted), flat, lamp, camera, response, alike, final)
    # How rough it is was fitted with all of the relief that the photograph may show.
    fitted = _mean_roughness(relief.shown, lamp)
    wider = fitted if lamp.metallic else fitted + _CAUTION * max(0.0, _USUAL_ROUGHNESS - fitted)
    rough = _roughness(predicted.roughness, evenly_predicted.roughness, wider, _mirrored(lamp, camera), flat)
    steepness = relief.believed
    if read is not None:
        steepness = with_reading(steepness, read, flat.known, patches=False)
    if lamp.metallic:
        steepness = metal_slopes(flat, response)
        light = lamp.shading(camera).light.mean(axis=2) * flat.color.mean(axis=2)
        color = metal_color(flat.color, light)
    else:
        steepness = as_steep_in_holes(steepness, flat, alike)
        color = without_glints(without_shading(flat, steepness, response, camera), flat, camera)
        # Far from its middle a wider highlight is stronger: the lamp was weaker by that, and the surface is brighter.
        brighter = min((wider / fitted) ** _TAIL, max(1.0, _BRIGHT / float(np.quantile(color[::4, ::4], 0.99))))
        color = color * np.float32(brighter)
    return Composed(Surface.of(color, normals_of_slopes(steepness), rough, lamp.metallic), relief.visibility)


@dataclass(frozen=True)
class _Relief:
    """Slopes ``H x W x 2`` that two predictions and the photograph's light tell.

    Attributes:
        shown: all that the photograph may show.
        believed: as far as there is no doubt of it.
        visibility: see :class:`Composed`.
    """

    shown: Pixels
    believed: Pixels
    visibility: Pixels


def _relief(
    predictions: tuple[Surface, Surface],
    flat: Flattened,
    lamp: Lamp,
    camera: Camera,
    response: Response,
    alike: np.float32,
    final: bool,
) -> _Relief:
    """The relief that a surface has by two predictions of it, see :func:`composed_surface`.

    Args:
        predictions: of the photograph as lit from the lamp's place, and as if it were evenly lit.
        flat: the photograph without its lamp, its hole filled.
        lamp: of the photograph.
        camera: likewise.
        response: of a level surface to slopes.
        alike: how far the surface is alike all over, [0, 1].
        final: off where a fit starts from it.
    """
    ring, sector = rings_of(flat.distance, camera, flat.known)
    each: list[Pixels] = []
    for guess in predictions:
        seen = slopes(guess.normal)
        gain = ring_gain(np.hypot(seen[..., 0], seen[..., 1]), ring, sector, flat.known, flat.distance)
        each.append(np.asarray(seen * gain[..., np.newaxis], dtype=np.float32))
    sure = np.float32(np.interp(agreement(each[0], each[1], flat.known), *_SURE))
    share = np.float32(0.5)
    doubt = (1 - sure) * alike
    # Of a pair, the quotient tells a print from relief, and better.
    evidence = ShadingEvidence.of(flat, response, camera) if alike > 0 else None
    if final and doubt > 0 and evidence is not None:
        real = shading_there_is(each[0], evidence)
        if real is not None:
            share += doubt * (np.float32(np.interp(real, *_REAL)) - share)
    shown = _half_integrable(np.asarray(share * each[0] + (1 - share) * each[1], dtype=np.float32))
    shown = np.asarray(shown * np.float32(slope_strength(shown, flat, lamp, camera)), dtype=np.float32)
    visibility: Pixels = np.ones(flat.hole.shape, np.float32)
    seen_there = seen_relief(shown, evidence) if evidence is not None else None
    if seen_there is not None:
        shown, visibility = shown + alike * (seen_there.slopes - shown), seen_there.visibility
        if final:
            # What light itself shows needs no second opinion.
            sure = max(sure, alike * np.float32(np.interp(visibility.mean(), *_SEEN)))
    believed = shown
    if sure < 1:
        doubtful = _cautious(each[0], each[1], share)
        # What is doubtful is never stronger than what the photograph shows.
        doubtful *= min(np.float32(1), _strength(shown) / max(_strength(doubtful), np.float32(1e-9)))
        believed = np.asarray(shown + (1 - sure) * (doubtful - shown), dtype=np.float32)
    return _Relief(shown, believed, visibility)


def without_shading(flat: Flattened, steepness: Pixels, response: Response, camera: Camera) -> Pixels:
    """Base color less most of what relief makes of the lamp's light, ``H x W x 3``, scene-linear.

    What light responds to slopes with, in the first order (Pentland 1990), is shading and not color: left in, it would
    be seen twice under the lamp, and under any other on the wrong side. In the second, what scatters light is darker by
    the cosine of its slope, from wherever light comes. Not all of it goes, since slopes that are in doubt would leave
    their negative behind.

    Args:
        flat: the photograph without its lamp, its hole filled.
        steepness: ``H x W x 2``, slopes of the surface.
        response: of a level surface to slopes, as the logarithm of brightness.
        camera: of the photograph.
    """
    shading = response.along_x * steepness[..., 0] + response.along_y * steepness[..., 1]
    shading -= (1 - response.glare) * np.log1p(np.square(steepness).sum(axis=2)) / 2
    # What fills a hole was lit elsewhere.
    shading = np.where(flat.hole, 0, bounded_shading(shading))
    tone = np.log(np.maximum(flat.color, np.float32(1e-3))) - np.float32(_SHADING_SHARE) * shading[..., np.newaxis]
    # In the middle, where light shows no slopes, there was none to take away.
    brightness = np.asarray(tone.mean(axis=2, keepdims=True), np.float32)
    even = with_even_contrast(brightness, flat.distance, camera, flat.known, kept=flat.other)
    return np.asarray(np.exp(tone + (even - brightness)).clip(0, 1), dtype=np.float32)


def bounded_shading(shading: Pixels) -> Pixels:
    """Shading as a logarithm of brightness, of which relief that is too steep by mistake makes not too much."""
    return np.asarray(_MOST_SHADING * np.tanh(shading / _MOST_SHADING), dtype=np.float32)


def _cautious(lit: Pixels, even: Pixels, share: np.float32) -> Pixels:
    """Slopes of two predictions that agree little: as strong as each other, and both weakened.

    Args:
        lit: ``H x W x 2``.
        even: likewise.
        share: of the first.
    """
    power = [max(float(np.square(each).mean()), 1e-9) for each in (lit, even)]
    middle = (power[0] * power[1]) ** 0.25
    mean = lit * (share * middle / np.sqrt(power[0])) + even * ((1 - share) * middle / np.sqrt(power[1]))
    return np.asarray(_CAUTIOUS * _half_integrable(np.asarray(mean, dtype=np.float32)), dtype=np.float32)


def as_steep_in_holes(steepness: Pixels, flat: Flattened, alike: np.float32) -> Pixels:
    """Slopes that are as steep in what was filled as around it, as far as a surface is alike all over.

    Filled in was color, lit from straight above as it would have been there, which shows a network little relief.

    Args:
        steepness: ``H x W x 2``.
        flat: the photograph without its lamp, its hole filled.
        alike: how far the surface is alike all over, [0, 1].
    """
    there, elsewhere = (np.hypot(*np.moveaxis(steepness[mask], 1, 0)) for mask in (flat.hole, flat.known))
    if min(there.size, elsewhere.size) < _LEAST_PIXELS:
        return steepness
    own, usual = (max(float(np.quantile(each, _STEEP)), 1e-6) for each in (there, elsewhere))
    more = alike * np.float32(min(max(usual / own, 1.0), _STRONGEST) - 1)
    soft = blurred(flat.hole.astype(np.float32)[..., np.newaxis], _SOFT_BORDER * max(flat.hole.shape))
    return np.asarray(steepness * (1 + more * soft), dtype=np.float32)


def _strength(steepness: Pixels) -> np.float32:
    return np.float32(np.sqrt(np.square(steepness).mean()))


def _half_integrable(steepness: Pixels) -> Pixels:
    """Half the way to a height field's slopes: all of it would blur what is finest."""
    return np.asarray((steepness + integrable_slopes(steepness)) / 2, dtype=np.float32)


def _mirrored(lamp: Lamp, camera: Camera) -> Pixels:
    """How far the highlight lies over pixels, ``H x W``: 0 where it does least, 1 where it does most."""
    shading = lamp.shading(camera)
    share = shading.highlight.mean(axis=2) / np.maximum(shading.light.mean(axis=2), np.float32(1e-9))
    least, most = float(np.quantile(share[::4, ::4], 0.3)), float(share.max())
    return np.asarray(((share - least) / max(most - least, _LEAST_HIGHLIGHT)).clip(0, 1), dtype=np.float32)


def slope_strength(steepness: Pixels, flat: Flattened, lamp: Lamp, camera: Camera) -> float:
    """By how much the photograph's detail is stronger than that of a surface with these slopes would be.

    Least squares of the logarithm of brightness against the slopes' component towards the lamp times how a level
    surface responds to it, over bands of detail and where light is slanted.
    """
    shrink = min(1.0, _COMPARED_SIDE / max(camera.width, camera.height))
    size = (round(camera.width * shrink), round(camera.height * shrink))
    eye = Camera(*size, camera.fov)
    small, distance = (
        np.asarray(cv2.resize(planes, size, interpolation=cv2.INTER_AREA), np.float32)
        for planes in (steepness, flat.distance)
    )
    known = cv2.resize(flat.hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) == 0
    seen = between(np.asarray(cv2.resize(flat.tone, size, interpolation=cv2.INTER_AREA), np.float32), *_DETAIL)
    response = response_of_lamp(lamp, eye)
    expected = between(response.along_x * small[..., 0] + response.along_y * small[..., 1], *_DETAIL)
    slanted = known & (distance > np.quantile(distance, 0.4))
    a, b = expected[slanted].astype(np.float64), seen[slanted].astype(np.float64)
    strength = 1.0
    if a.size >= _LEAST_PIXELS and min(a.std(), b.std()) > 1e-6 and np.corrcoef(a, b)[0, 1] > _LEAST_CORRELATION:
        # Half of it, as a logarithm: what is seen is only partly what is expected.
        strength = float(np.clip(np.sqrt((a @ b) / (a @ a)), _WEAKEST, _STRONGEST))
    small = np.stack([between(np.ascontiguousarray(small[..., axis]), *_DETAIL) for axis in (0, 1)], axis=2)
    own = float(np.sqrt(np.square(small[known]).mean())) if known.any() else 0.0
    return min(strength, _steepest(seen, response, distance, known) / max(own, 1e-6))


def _steepest(seen: Pixels, response: Response, distance: Pixels, known: Mask) -> float:
    """Deviation of slopes along an axis at most.

    All of a ring's contrast, had base color none in it, comes from its slopes; where the highlight's flank lies over
    the surface, that is little for each unit of slope.
    """
    squared = (np.square(response.along_x) + np.square(response.along_y)) / 2
    bounds = []
    for inner, outer in pairwise(np.quantile(distance, np.linspace(0, 1, _BOUNDING_RINGS + 1))):
        ring = known & (distance >= inner) & (distance < outer)
        if ring.sum() >= _LEAST_PIXELS:
            contrast = float(np.square(seen[ring]).mean())
            bounds.append(np.sqrt(contrast / max(float(squared[ring].mean()), 1e-9)))
    return _OVER_BOUND * float(min(bounds)) if bounds else np.inf


def _mean_roughness(steepness: Pixels, lamp: Lamp) -> float:
    """Roughness that, with what relief adds to it, is that of the mean highlight."""
    width = lamp.roughness**4
    # Slopes widen a highlight: alpha^2 of microfacets is twice the variance of their slopes along an axis.
    relief = _UNSEEN_RELIEF * float(np.minimum(np.square(steepness), 1).mean())
    most = float(np.interp(lamp.roughness, *_RELIEF_SHARE))
    own = (width - min(2 * relief, most * width)) ** 0.25
    return float(np.clip(own, _SMOOTHEST, _ROUGHEST))


def _roughness(lit: Pixels, even: Pixels, mean: float, mirrored: Pixels, flat: Flattened) -> Pixels:
    """Roughness of a mean that varies as two predictions agree that it does, save for its trend around the highlight.

    Args:
        lit: ``H x W x 1``, predicted from the photograph as lit.
        even: the same, from the flattened photograph.
        mean: of the result.
        mirrored: ``H x W``, how far the highlight lies there: of it the first makes a spot of gloss.
        flat: the photograph without its lamp.
    """
    everywhere = np.ones_like(flat.hole)

    def varied(odds: Pixels) -> Pixels:
        return np.asarray(odds - trend_by_distance(odds, flat.distance, everywhere), dtype=np.float32)

    first, second = (np.asarray(logit(each[..., 0].clip(0.02, 0.98)), np.float32) for each in (lit, even))
    sure = np.float32(np.interp(agreement(varied(first), varied(second), flat.known), *_SURE_OF_ROUGHNESS))
    both = varied(np.asarray(first + (second - first) * (1 + mirrored) / 2, np.float32))
    rough = np.asarray(expit(sure * _VARIED * np.tanh(both / _VARIED) + logit(mean)), dtype=np.float32)
    return rough.clip(_SMOOTHEST, _ROUGHEST)[..., np.newaxis]
