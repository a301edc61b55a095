"""The two-shot tool: a material from a flash photograph and an ambient one of a surface that repeats itself.

Aittala, Weyrich and Lehtinen 2015, "Two-Shot SVBRDF Capture for Stationary Materials". What is ours: the
fit begins at, and is pulled to, what the network sees in the pair, instead of at a uniform surface; slopes come from
the quotient of the two photographs (:mod:`matshot.capture.pair_relief`); and base color keeps what both show.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields, replace
from typing import ClassVar

import numpy as np

from matshot_host.tools import TWOSHOT

from ..errors import MatshotError
from ..image.color import Mask, Pixels
from ..image.types import Texture, Wrap
from ..inference.session import usable_threads
from ..material.planes import normals_of_slopes, slopes
from ..material.types import DIELECTRIC_REFLECTANCE, Material
from ..progress import Listener, Progress
from ..shading.brdf import SMOOTHEST
from ..shading.render import Camera, PointLight
from ..shading.surface import DIELECTRIC, Surface
from .alignment import aligned
from .assumptions import photograph_notes
from .composition import as_lit_from, bounded_shading, composed_surface, evened
from .filling import filled
from .finish import LARGEST, CaptureOptions, captured_material
from .fitting import NO_PRIORS, estimated_scale, fitted_surface
from .flattening import detail, flattened
from .lamp import Lamp, fitted_lamp, lamp_notes
from .lumitexels import best_matches, matches_in_place, neighborhood_descriptors, transported_lumitexels
from .pair_relief import PairRelief, pair_relief
from .photograph import photograph_file, read_photograph, resized
from .photometric import fitted_exposure, with_even_color, with_explained_color
from .prediction import predicted_surface
from .relief_reading import READ_SIDE, read_relief, with_bands_by_agreement, with_reading
from .response import response_of_lamp
from .shading import GuidedSlopes
from .tile_statistics import with_tile_statistics
from .tiles import Tile, grid_of_tiles, master_side, master_tile

#: Roughness of the mean highlight from which on, and at which altogether, a surface is as bright as the room shows it;
#: and how bright a room that is exposed for may show one.
_BRIGHT_AS_SHOWN = ((0.4, 0.6), (0.0, 1.0))
_USUAL = (0.02, 0.8)
#: Quantile of the darkest channels that bounds what is mirrored of the room.
_DARKEST_SEEN = 0.05

#: How much the room's photograph counts in the base color's detail, the deviation of what is detail, in longer sides,
#: the same of metals, which mirror the room, by how much the two may differ, as a logarithm, and what is added before
#: logarithms are taken, in means.
_ROOMS_SHARE = 0.7
_ROOMS_DETAIL = 0.25
_METALS_DETAIL = 0.1
_MOST_APART = np.float32(1.5)
_ROOMS_FLOOR = 0.01
#: By how much brightness in the two differs, and that of a glint from what is around, as logarithms, from which on the
#: color is more and more the room's, and at which altogether; and how much that may change.
_APART = (0.3, 1.0)
_MOST_CHANGE = np.float32(4.0)
#: Strength of bands of relief in which what both photographs show and what is read do not agree.
_SEEN_BY_ONE = 0.6
#: Side of the tile at which it is fitted; detail beyond it is the guess's.
_FITTED_SIDE = 256
#: Part of a pixel that must be usable when photographs are made smaller.
_MOSTLY = 0.75
#: Range of the factor on predicted relief that is too fine to be found.
_FINE_GAINS = (0.5, 2.5)
#: Least base color that another is compared with.
_DARK = 2e-3


@dataclass(frozen=True)
class TwoShotOptions(CaptureOptions):
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    The last four are for measuring what each stage brings, and no face offers them.

    Attributes:
        seamless: axes to make tileable; maps of the whole photograph are left as they are.
        full: maps of the whole photograph instead of a tile.
        tile: column and row of the tile's middle in the photograph as it is worked on; negative to have it chosen.
        network: whether the fit starts from the network's answer.
        matching: whether pixels are recognized elsewhere, instead of taken from the same place of each tile.
        statistics: whether transported pictures get their tile's statistics.
        priors: whether parameters are expected to be smooth, alike and integrable.
    """

    table: ClassVar = TWOSHOT

    seamless: Wrap = "xy"
    full: bool = False
    tile: tuple[int, int] = (-1, -1)
    network: bool = True
    matching: bool = True
    statistics: bool = True
    priors: bool = True


@dataclass(frozen=True)
class Shots:
    """A registered pair in light values.

    Attributes:
        flash: ``H x W x 3``, scene-linear, the flash's light alone.
        ambient: ``H x W x 3``, scene-linear.
        mask: ``H x W``, where both can be trusted.
        shown: ``H x W``, where the ambient photograph can.
        camera: of the flash photograph.
        lamp: of it.
    """

    flash: Pixels
    ambient: Pixels
    mask: Mask
    shown: Mask
    camera: Camera
    lamp: Lamp

    @property
    def light(self) -> PointLight:
        """The flash, of intensity 1."""
        return PointLight(self.lamp.position, 1.0, self.lamp.falloff)


@dataclass(frozen=True)
class FittedTile:
    """What the fit found.

    Attributes:
        tile: where in the photograph.
        surface: of the tile.
        exposure: intensity of the flash with which the surface looks like the photograph.
    """

    tile: Tile
    surface: Surface
    exposure: float


def twoshot(
    flash_photograph: str | os.PathLike[str] | Texture,
    ambient_photograph: str | os.PathLike[str] | Texture,
    options: TwoShotOptions | None = None,
    *,
    progress: Listener | None = None,
) -> Material:
    """A material from two photographs of one place of a flat, repetitive surface.

    Args:
        flash_photograph: file or texture, taken with flash, straight from above.
        ambient_photograph: file or texture, taken without, from nearly the same place.
        options: see :class:`TwoShotOptions`.
        progress: told ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        Maps of a tile, or of the whole photograph. ``parameters`` holds the options, the field of view, ``rectangle``
        (column, row, width and height in the photograph of what was fitted), ``exposure``, and ``notes`` for the user.

    Raises:
        MatshotError: for photographs that nothing can be made of, or that do not belong together.
        Cancelled: when the listener says so.
    """
    chosen = options or TwoShotOptions()
    whole = Progress(progress)
    whole(0.0, "reading")
    largest = chosen.size or LARGEST
    lit = read_photograph(flash_photograph, chosen.fov or None, largest)
    # Its own field of view is not needed, so nothing need be said of it.
    even = read_photograph(ambient_photograph, lit.fov, largest)
    pair = aligned(lit, even, whole.part(0.02, 0.12, "aligning"))
    width, height = lit.size
    camera = Camera(width, height, lit.fov)
    lamp = fitted_lamp(pair.flash_only, ~pair.mask, camera)
    assumed = [*photograph_notes(lit, "flash"), *photograph_notes(even, "even"), *lamp_notes(lamp)]
    shots = Shots(pair.flash_only, pair.ambient, pair.mask, pair.shown, camera, lamp)
    guess, read = None, None
    if chosen.network:
        guess, read = guessed_surface(shots, chosen, whole.part(0.12, 0.3, "predicting"))
    relief = None
    # A metal mirrors the room, so that the quotient of the two says little of its slopes.
    if chosen.priors and not (lamp.metallic and guess is not None):
        whole(0.3, "finding relief")
        relief = found_relief(_resized_shots(shots, min(1.0, READ_SIDE / min(width, height))), guess, read)
    if guess is not None:
        guess = with_pairs_detail(guess, relief, shots)
    seamless = chosen
    if chosen.full and guess is not None:
        surface = with_rooms_color(guess, shots.ambient, shots.mask, shots.lamp)
        exposure = fitted_exposure(surface, camera, shots.flash, shots.mask, shots.light)
    else:
        found = fitted_tile(shots, guess, relief, chosen, whole.part(0.35, 0.85))
        surface, exposure, tile = found.surface, found.exposure, found.tile
        if chosen.full:
            surface, exposure = spread(shots, found, whole.part(0.85, 0.93, "spreading"))
    if chosen.full:
        tile = Tile(0, 0, height, width)
        seamless = replace(chosen, seamless="none")
    recorded = {k: v for k, v in asdict(chosen).items() if k not in _MEASURED}
    return captured_material(
        surface,
        seamless,
        wrap="none",
        name=photograph_file(flash_photograph).stem,
        origin=f"{photograph_file(flash_photograph).name} and {photograph_file(ambient_photograph).name}",
        span=tile.width / max(width, height),
        parameters={
            **recorded,
            "tool": "twoshot",
            "fov": lit.fov,
            "fov_source": lit.fov_source,
            "exposure": exposure,
            "lamp": asdict(lamp),
            "rectangle": [tile.column, tile.row, tile.width, tile.height],
            "notes": list(dict.fromkeys([*lit.notes, *even.notes, *assumed, *pair.notes])),
        },
        progress=whole.part(0.93, 1.0, "finishing"),
    )


#: Options that are not the user's.
_MEASURED = ("network", "matching", "statistics", "priors")


def guessed_surface(shots: Shots, options: CaptureOptions, progress: Progress) -> tuple[Surface, Pixels | None]:
    """What the network sees in the pair, with base color and what is alike all over from the flash photograph.

    Returns:
        The surface, and the slopes that the network for relief reads in the pair, of any size; None for a metal.
    """
    flat = evened(
        filled(
            flattened(shots.flash, ~shots.mask, shots.camera, shots.lamp, shots.ambient),
            threads=options.threads or usable_threads(),
            progress=progress.part(0.0, 0.1),
        )
    )
    seen = as_lit_from(shots.lamp.position, flat, shots.lamp, shots.camera)
    guesses = [
        predicted_surface(
            flash,
            shots.ambient,
            shots.camera,
            light=shots.lamp.position,
            memory=options.memory,
            device=options.device,
            threads=options.threads,
            progress=part,
        )
        for flash, part in ((seen, progress.part(0.1, 0.45)), (None, progress.part(0.45, 0.8)))
    ]
    composed = composed_surface(guesses[0], guesses[1], flat, shots.lamp, shots.camera, final=False)
    if shots.lamp.metallic:
        return composed.surface, None
    read = read_relief(
        flat,
        shots.lamp,
        shots.camera,
        shots.ambient,
        memory=options.memory,
        device=options.device,
        threads=options.threads,
        progress=progress.part(0.8, 1.0),
    )
    return composed.surface, read


def found_relief(shots: Shots, guess: Surface | None, read: Pixels | None = None) -> PairRelief:
    """Relief that both photographs show, at the size of these.

    Args:
        shots: the pair.
        guess: maps of the whole photograph by the network, of any size, or None.
        read: slopes by the network for relief, of the size of these, or None.

    Raises:
        MatshotError: if too little of the photographs is usable.
    """
    camera, lamp = shots.camera, shots.lamp
    size = (camera.width, camera.height)
    predicted = None if guess is None else resized(slopes(guess.normal), size)
    response = response_of_lamp(lamp, camera)
    found = pair_relief(shots.flash, shots.ambient, shots.mask, camera, lamp.position, response, predicted)
    if read is None:
        return found
    both = with_reading(found.slopes, read, shots.mask)
    return replace(found, slopes=with_bands_by_agreement(both, found.slopes, read, shots.mask, _SEEN_BY_ONE))


def with_pairs_detail(guess: Surface, relief: PairRelief | None, shots: Shots) -> Surface:
    """The guess with the relief and with the detail of base color that both photographs show.

    Args:
        guess: maps of the whole photograph by the network.
        relief: found at a smaller size or the same; finer relief is the guess's. None for the guess's own.
        shots: the pair, of the size of the guess.
    """
    reach = _METALS_DETAIL if shots.lamp.metallic else _ROOMS_DETAIL
    if relief is None:
        color = color_of_both(guess.base_color, shots.ambient, shots.mask, shots.shown, reach)
        return replace(guess, base_color=color)
    size, own = (shots.camera.width, shots.camera.height), slopes(guess.normal)
    steepness = relief.slopes
    if steepness.shape != own.shape:
        soft = resized(own, (steepness.shape[1], steepness.shape[0]))
        # What is finer is as much stronger than predicted as the rest.
        gain = np.sqrt(np.square(steepness).mean() / max(float(np.square(soft).mean()), 1e-9)).clip(*_FINE_GAINS)
        steepness = resized(steepness, size) + np.float32(gain) * (own - resized(soft, size))
    shading = bounded_shading(steepness @ np.asarray(relief.room, np.float32))
    even = shots.ambient * np.exp(-shading)[..., np.newaxis]
    color = color_of_both(guess.base_color, even, shots.mask, shots.shown, reach)
    return replace(guess, base_color=color, normal=normals_of_slopes(steepness))


def color_of_both(
    base_color: Pixels, ambient: Pixels, usable: Mask, shown: Mask, reach: float = _ROOMS_DETAIL
) -> Pixels:
    """Base color with the detail that both photographs show, ``H x W x 3``, scene-linear.

    What the flash makes of relief has little in common with what the room makes of it, so that the mean of their
    logarithms has less shading than either. What is black, a glint or over-exposed in the light of the flash alone is
    the room's altogether. Only detail is: the room's light need not be even.

    Args:
        base_color: ``H x W x 3``, from the flash photograph.
        ambient: ``H x W x 3``, scene-linear, registered.
        usable: ``H x W``, where both can be trusted.
        shown: ``H x W``, where ``ambient`` can.
        reach: deviation of what is detail, in longer sides.
    """
    if not usable.any():
        return base_color
    floor = np.float32(_ROOMS_FLOOR * max(float(ambient[usable].mean()), 1e-6))
    own = np.log(np.maximum(base_color, np.float32(1e-4)))
    deviation = reach * max(usable.shape)
    off = detail(np.log(np.maximum(ambient, 0) + floor) - own, usable, deviation)
    # As far as it is no more than texture: a shadow in the room is not.
    both = np.float32(_ROOMS_SHARE) * np.tanh(off / _MOST_APART) * _MOST_APART
    # What turns away from the flash is black in its photograph, of whatever color it is, and what mirrors it white.
    brighter = off.mean(axis=2, keepdims=True)
    unlit = np.interp(brighter, _APART, (0.0, 1.0))
    glint = np.interp(-brighter, _APART, (0.0, 1.0))
    glint *= np.interp(detail(own, usable, deviation).mean(axis=2, keepdims=True), _APART, (0.0, 1.0))
    rooms = off.clip(-_MOST_CHANGE, _MOST_CHANGE)
    both += np.maximum(unlit, glint).astype(np.float32) * (rooms - both)
    both = np.where(usable[..., np.newaxis], both, rooms * shown[..., np.newaxis])
    color = base_color * np.exp(both)
    return np.asarray(color.clip(0, 1), dtype=np.float32)


def with_rooms_color(surface: Surface, ambient: Pixels, usable: Mask, lamp: Lamp) -> Surface:
    """The surface with the mean color that it has in the light of the room.

    The camera's white balance is for that light. Its exposure is as well: of a rough surface, whose highlight hardly
    tells how bright it is, the photograph does it better. But a dielectric mirrors the room evenly, which is none of
    its color: it makes dark and strong ones pale. The darkest channel says how much of that there can be. All that a
    metal shows is mirrored, and what of the room that is, is not known: it keeps its color.

    Args:
        surface: of a tile.
        ambient: ``H x W x 3``, of the same tile, scene-linear.
        usable: ``H x W``.
        lamp: of the flash photograph.
    """
    if not usable.any() or lamp.metallic:
        return surface
    wanted, mean = ambient[usable].mean(axis=0), surface.base_color[usable].mean(axis=0)
    own, shown = float(mean.mean()), float(wanted.mean())
    rough = float(np.interp(lamp.roughness, *_BRIGHT_AS_SHOWN))
    share = rough if _USUAL[0] < shown < _USUAL[1] else 0.0
    level = own ** (1 - share) * shown**share
    darkest = float(np.quantile(ambient[usable].min(axis=1), _DARKEST_SEEN)) * own / max(shown, 1e-4)
    sheen = min(DIELECTRIC_REFLECTANCE * DIELECTRIC, darkest)
    gain = wanted / np.maximum(mean + sheen, 1e-4)
    gain *= level / max(float((mean * gain).mean()), 1e-6)
    return replace(surface, base_color=np.minimum(surface.base_color * gain.astype(np.float32), np.float32(1)))


def fitted_tile(
    shots: Shots,
    guess: Surface | None,
    relief: PairRelief | None,
    options: TwoShotOptions,
    progress: Progress,
) -> FittedTile:
    """The reflectance of one tile, from what its pixels' likes look like all over the photograph.

    Args:
        shots: the pair.
        guess: maps of the whole photograph to start from, if there are any, with the relief.
        relief: of the whole photograph, of any size, if it is expected to be like that.
        options: of the tool.
        progress: of this part.

    Raises:
        MatshotError: for photographs that are too small or not usable.
        Cancelled: when the listener says so.
    """
    tile = _chosen_tile(shots, options)
    initial = guess.cut(tile.rows, tile.columns) if guess is not None else None
    shrink = min(1.0, _FITTED_SIDE / tile.height)
    small, place, start = shots, tile, initial
    if shrink < 1:
        small = _resized_shots(shots, shrink)
        place = _resized_tile(tile, small.camera, shrink)
        start = _resized_surface(initial, (place.width, place.height)) if initial is not None else None
    surface = _fit(small, place, start, relief, options, progress)
    if shrink < 1:
        surface = _with_detail(surface, start, initial, (tile.width, tile.height))
    camera, lamp = shots.camera, shots.light
    eye = camera.cut(tile.rows, tile.columns)
    light, usable = shots.flash[tile.rows, tile.columns], shots.mask[tile.rows, tile.columns]
    if initial is None:
        # The exact color has all of the detail, and the shading of relief that was not found; the fit has neither.
        exact = with_explained_color(surface, eye, light, usable, lamp)
        surface = replace(surface, base_color=np.sqrt(exact.base_color * surface.base_color))
    else:
        # A fit takes slopes that it does not find for roughness, and says little of where either varies.
        surface = replace(surface, normal=initial.normal, roughness=initial.roughness)
        if relief is not None or shots.lamp.metallic:
            # Relief that the flash photograph does not show would be taken off the base color, and a metal's mirroring.
            share = np.float32(0 if relief is None else relief.integrability**2)
            mean = surface.base_color[usable].mean() if usable.any() else np.float32(1)
            smooth = initial.base_color * (mean / np.maximum(initial.base_color.mean(), np.float32(1e-4)))
            surface = replace(surface, base_color=share * surface.base_color + (1 - share) * smooth)
    surface = with_rooms_color(surface, shots.ambient[tile.rows, tile.columns], usable, shots.lamp)
    return FittedTile(tile, surface, fitted_exposure(surface, eye, light, usable, lamp))


def _fit(
    shots: Shots,
    tile: Tile,
    initial: Surface | None,
    relief: PairRelief | None,
    options: TwoShotOptions,
    progress: Progress,
) -> Surface:
    """The surface of a tile that explains its pixels' likes."""
    camera, lamp = shots.camera, shots.light
    tiles = grid_of_tiles(camera.height, camera.width)
    if options.matching:
        descriptors = neighborhood_descriptors(shots.ambient, shots.mask)
        matches = best_matches(descriptors, shots.mask, tile, tiles, progress=progress.part(0.0, 0.5, "matching"))
    else:
        matches = matches_in_place(tile, tiles)
    lumitexels = transported_lumitexels(shots.flash, shots.ambient, shots.mask, tile, matches, relit=options.matching)
    if options.statistics:
        part = progress.part(0.5, 0.55, "statistics")
        lumitexels = with_tile_statistics(lumitexels, shots.flash, shots.mask, progress=part)
    guided = None
    if relief is not None:
        here = resized(relief.slopes, (camera.width, camera.height))[tile.rows, tile.columns]
        guided = GuidedSlopes(here, relief.deviation, relief.integrability)
    fit = fitted_surface(
        lumitexels,
        camera,
        lamp,
        estimated_scale(lumitexels, camera, lamp, initial),
        shots.ambient[tile.rows, tile.columns],
        guided=guided,
        initial=initial,
        priors=None if options.priors else NO_PRIORS,
        threads=options.threads or usable_threads(),
        progress=progress.part(0.6, 1.0, "fitting"),
    )
    return fit.surface


def _resized_shots(shots: Shots, factor: float) -> Shots:
    if factor == 1:
        return shots
    size = (round(shots.camera.width * factor), round(shots.camera.height * factor))
    mask, shown = (resized(known.astype(np.float32), size) > _MOSTLY for known in (shots.mask, shots.shown))
    return Shots(
        resized(shots.flash, size),
        resized(shots.ambient, size),
        mask,
        shown,
        Camera(*size, shots.camera.fov),
        shots.lamp,
    )


def _resized_tile(tile: Tile, camera: Camera, factor: float) -> Tile:
    side = round(tile.height * factor)
    row, column = round(tile.row * factor), round(tile.column * factor)
    return Tile(min(row, camera.height - side), min(column, camera.width - side), side, side)


def _resized_surface(surface: Surface, size: tuple[int, int]) -> Surface:
    """Maps at another size, columns and rows; normals as slopes."""
    planes = {
        field.name: resized(getattr(surface, field.name), size).reshape(size[1], size[0], -1)
        for field in fields(Surface)
        if field.name != "normal"
    }
    return Surface(normal=normals_of_slopes(resized(slopes(surface.normal), size)), **planes)


def _with_detail(fit: Surface, start: Surface | None, initial: Surface | None, size: tuple[int, int]) -> Surface:
    """A fit in small made large, with the detail that the guess has and its small version has not."""
    large = _resized_surface(fit, size)
    if start is None or initial is None:
        return large
    soft = _resized_surface(start, size)
    steepness = slopes(large.normal) + slopes(initial.normal) - slopes(soft.normal)
    color = large.base_color * (initial.base_color / np.maximum(soft.base_color, np.float32(_DARK))).clip(0.2, 5)
    return replace(
        large,
        base_color=color.clip(0, 1),
        normal=normals_of_slopes(steepness),
        roughness=(large.roughness + initial.roughness - soft.roughness).clip(SMOOTHEST, 1),
        metallic=large.metallic.clip(0, 1),
    )


def _chosen_tile(shots: Shots, options: TwoShotOptions) -> Tile:
    height, width = shots.mask.shape
    column, row = options.tile
    if min(column, row) < 0:
        return master_tile(shots.flash, shots.ambient, shots.mask, shots.camera, shots.lamp.position)
    if column >= width or row >= height:
        raise MatshotError(f"The tile's middle, {column} {row}, lies outside the photograph of {width} x {height}.")
    side = master_side(height, width)
    return Tile(min(max(row - side // 2, 0), height - side), min(max(column - side // 2, 0), width - side), side, side)


def spread(shots: Shots, found: FittedTile, progress: Progress) -> tuple[Surface, float]:
    """Maps of the whole photograph: every pixel takes those of its like in the tile, and its own base color.

    Reverse matching, section 5 of the paper; base color is what makes the lit maps equal to the photograph.

    Returns:
        The maps and the exposure.

    Raises:
        Cancelled: when the listener says so.
    """
    height, width = shots.mask.shape
    tile = found.tile
    everywhere = np.ones((height, width), dtype=bool)
    descriptors = neighborhood_descriptors(shots.ambient, shots.mask)
    matches = best_matches(descriptors, everywhere, Tile(0, 0, height, width), [tile], progress=progress)
    rows, columns = matches.rows[..., 0] - tile.row, matches.columns[..., 0] - tile.column
    maps = {field.name: getattr(found.surface, field.name)[rows, columns] for field in fields(Surface)}
    surface = Surface(**maps)
    surface = with_explained_color(surface, shots.camera, shots.flash, shots.mask, shots.light)
    surface = with_even_color(surface, shots.camera, shots.mask)
    surface = with_rooms_color(surface, shots.ambient, shots.mask, shots.lamp)
    return surface, fitted_exposure(surface, shots.camera, shots.flash, shots.mask, shots.light)
