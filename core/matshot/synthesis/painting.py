"""What is painted where: guides and masks of the multiply tool, read against the material that they are for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import MatshotError
from ..image.color import Pixels
from ..image.normals import unit_normals
from ..image.types import Texture, Wrap
from ..image.wrap import measured_wrap
from ..material.planes import Planes, planes_of
from ..material.types import MapKind, Material
from .guides import Guide, GuideType, guide_of, mask_of, nearest_levels
from .patches import Repair

#: Part of a mask up to which it is black; half a step of 8 bits.
_BLACK = 0.5 / 255


@dataclass(frozen=True)
class Painting:
    """Guides and masks, of any pixels in [0, 1].

    Attributes:
        source_guide: map of the source.
        target_guide: map of the result in the same colors or grays.
        source_mask: white where the source may be used.
        target_mask: white where the material is replaced; the rest stays.
        fill_from: material that this is made from; None for the rest of the same.
    """

    source_guide: Texture | None = None
    target_guide: Texture | None = None
    source_mask: Texture | None = None
    target_mask: Texture | None = None
    fill_from: Material | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is painted."""
        return all(part is None for part in vars(self).values())


@dataclass(frozen=True)
class Plan:
    """What the engine is to do.

    Attributes:
        source: material that pixels are taken from.
        planes: of it.
        size: rows and columns of the result.
        wrap: axes on which the result repeats.
        source_wrap: axes on which the source repeats.
        guide: what of the source belongs where.
        allowed: pixels of the source that may be used; None for all.
        repair: hole in the material; None where all is made.
        mask: ``h x w x 1`` in [0, 1], how much of the result replaces the material; None where all does.
        notes: for the user.
    """

    source: Material
    planes: Planes
    size: tuple[int, int]
    wrap: Wrap
    source_wrap: Wrap
    guide: Guide | None = None
    allowed: NDArray[np.bool_] | None = None
    repair: Repair | None = None
    mask: Pixels | None = None
    notes: tuple[str, ...] = ()


def plan_of(
    material: Material,
    painting: Painting,
    *,
    size: tuple[int, int] | None,
    tileable: bool,
    wrap: Wrap | Literal["auto"],
    guide_type: GuideType,
) -> Plan:
    """What the engine is to do with a material.

    Args:
        material: to change, or to make another like it.
        painting: guides and masks.
        size: rows and columns of the result; None for those of the target's map or mask, else twice the source's.
        tileable: whether the result has to repeat on both axes.
        wrap: axes on which the material repeats; ``auto`` measures it.
        guide_type: how guides are read.

    Raises:
        MatshotError: for maps and masks that do not fit to each other or to the material.
    """
    _check_together(painting, size)
    own = planes_of(material)
    own_wrap = measured_wrap(own.values) if wrap == "auto" else wrap
    source, planes, source_wrap = material, own, own_wrap
    if painting.fill_from is not None:
        source = _with_maps_of(painting.fill_from, material)
        planes = planes_of(source)
        source_wrap = measured_wrap(planes.values)
    if painting.target_mask is not None:
        size = (material.height, material.width)
    elif size is None and painting.target_guide is not None:
        size = (painting.target_guide.height, painting.target_guide.width)
    elif size is None:
        size = (2 * material.height, 2 * material.width)
    plan = Plan(source, planes, size, "xy" if tileable else "none", source_wrap)
    source_size = (source.height, source.width)
    if painting.source_guide is not None and painting.target_guide is not None:
        hole = None
        if painting.target_mask is not None:
            hole = mask_of(painting.target_mask.pixels, size, "target mask") > _BLACK
        maps = painting.source_guide.pixels, painting.target_guide.pixels
        guide = guide_of(*maps, source_size, size, guide_type, hole)
        tiles = measured_wrap(guide.target)
        notes: tuple[str, ...] = ()
        if tileable and tiles != "xy":
            notes = ("the target guide does not tile, so what it paints ends at the edges of the output",)
        plan = replace(plan, guide=guide, wrap="xy" if tileable else tiles, notes=notes)
    if painting.source_mask is not None:
        plan = replace(plan, allowed=mask_of(painting.source_mask.pixels, source_size, "source mask") > 0.5)
    if painting.target_mask is not None:
        mask = mask_of(painting.target_mask.pixels, size, "target mask")
        hole = mask > _BLACK
        if tileable and own_wrap != "xy":
            raise MatshotError(
                "Only what is in the target mask changes, so an input that does not tile stays so; "
                "make it seamless first, or leave out the mask."
            )
        if painting.fill_from is None:
            if hole.all():
                what = (
                    "is white everywhere" if mask.min() >= 1 - _BLACK else "is black nowhere, and gray is replaced too"
                )
                raise MatshotError(f"The target mask {what}, so nothing is left to fill from; paint black what stays.")
            plan = replace(plan, allowed=~hole if plan.allowed is None else plan.allowed & ~hole)
        repair = Repair(own.values, hole)
        plan = replace(plan, wrap=own_wrap, repair=repair, mask=np.where(hole, mask, 0)[..., np.newaxis])
    return _with_offered_labels(plan)


def merged(material: Material, result: Material, mask: Pixels) -> Material:
    """A material of which a result replaces what a mask says; the rest is as it was, bit for bit.

    Args:
        material: as it was.
        result: of the same size and kinds of maps.
        mask: ``h x w x 1`` in [0, 1].
    """
    maps: dict[MapKind, Texture] = {}
    for kind, texture in material.maps.items():
        old, new = texture.pixels, result.maps[kind].pixels
        mixed = old + mask * (new - old)
        if texture.encoding == "normal":
            mixed = unit_normals(mixed)
        pixels = np.where(mask >= 1, new, np.where(mask > 0, mixed, old))
        maps[kind] = texture.with_pixels(np.ascontiguousarray(pixels, dtype=np.float32))
    return replace(material, maps=maps)


def _check_together(painting: Painting, size: tuple[int, int] | None) -> None:
    if (painting.source_guide is None) != (painting.target_guide is None):
        given, missing = ("source", "target") if painting.target_guide is None else ("target", "source")
        raise MatshotError(f"A {given} guide needs a {missing} guide as well; give both or none.")
    if painting.fill_from is not None and painting.target_mask is None:
        raise MatshotError("Fill From needs a target mask that says what to fill; give one.")
    if painting.target_mask is not None and size is not None:
        raise MatshotError("With a target mask the output has the size of the input; leave out the size.")


def _with_maps_of(source: Material, material: Material) -> Material:
    """A source reduced to the kinds of maps of a material."""
    missing = [kind for kind in material.maps if kind not in source.maps]
    if missing:
        raise MatshotError(
            f"{source.name} cannot fill {material.name}: it has no {', '.join(missing)}; choose a material with the "
            "same maps."
        )
    maps: dict[MapKind, Texture] = {}
    for kind, texture in material.maps.items():
        other = source.maps[kind]
        own, count = texture.pixels.shape[2], other.pixels.shape[2]
        if own != count:
            other = _with_channels(other, own)
        if other.encoding != texture.encoding:
            raise MatshotError(
                f"The {kind} of {source.name} is {other.encoding}, but that of {material.name} is {texture.encoding}; "
                "convert one of them."
            )
        maps[kind] = other
    return replace(source, maps=maps)


def _with_channels(texture: Texture, count: int) -> Texture:
    """Gray as color, color as gray, and alpha as a map without transparency has it."""
    color = texture.pixels[..., :-1] if texture.alpha is not None else texture.pixels
    if count <= 2 and color.shape[2] == 3:
        color = color.mean(axis=2, keepdims=True)
    elif count >= 3 and color.shape[2] == 1:
        color = np.repeat(color, 3, axis=2)
    if count in (2, 4):
        alpha = np.ones_like(color[..., :1]) if texture.alpha is None else texture.alpha
        color = np.concatenate([color, alpha], axis=2)
    return texture.with_pixels(np.ascontiguousarray(color, dtype=np.float32))


def _with_offered_labels(plan: Plan) -> Plan:
    """The plan with every label that is wanted offered by what may be used of the source; levels become the nearest."""
    guide = plan.guide
    if guide is None or guide.source_labels is None or guide.target_labels is None or plan.allowed is None:
        return plan
    offered = np.unique(guide.source_labels[plan.allowed])
    if guide.tolerance:
        if not len(offered):
            return plan
        return replace(plan, guide=replace(guide, target_labels=nearest_levels(guide.target_labels, offered)))
    wanted = guide.target_labels if plan.repair is None else guide.target_labels[plan.repair.hole]
    missing = np.setdiff1d(wanted, offered)
    if len(missing):
        colors = ", ".join(guide.colors[number] for number in missing)
        raise MatshotError(
            f"The target guide wants {colors}, but no part of the source that may be used has that color; "
            "change a mask or a guide."
        )
    return plan
