"""The multiply tool: variations of a texture or material, of any size."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import cv2
import numpy as np

from matshot_host.tools import MULTIPLY

from ..errors import MatshotError
from ..image.color import Pixels
from ..image.normals import unit_normals
from ..image.types import Texture, Unfinished, Wrap
from ..inference.memory import memory_budget, resident_bytes
from ..inference.session import Device, usable_threads
from ..material.planes import anisotropy_of_directions, directions, planes_of
from ..material.resize import resized_map
from ..material.types import MapKind, Material
from ..options import ToolOptions
from ..progress import Listener, Progress
from .copies import largest_copy, largest_square
from .correspondence import PATCH, Arrangement, Transfer
from .guides import GuideType
from .labeled import guided_transfer
from .painting import Painting, Plan, merged, plan_of
from .parts import parts_of
from .patches import LARGEST_COPY, matching_transfer, synthesized_transfer
from .periodicity import is_of_cells, regularity, structure
from .quiet_edges import lay_edges
from .symmetry import Symmetry, check_symmetry, symmetric_material

if TYPE_CHECKING:
    from .texture_net import TextureNet

Engine = Literal["auto", "patch", "neural", "feedforward"]

#: Engines that make pixels of their own.
_MAKES_PIXELS = ("neural", "feedforward")
#: Bytes that an engine needs for each pixel of a result.
_BYTES = {"auto": 12, "patch": 12, "neural": 12, "feedforward": 72}
#: Bytes that it needs for each pixel of a source.
_SOURCE_BYTES = 400


@dataclass(frozen=True)
class MultiplyOptions(ToolOptions):
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    Attributes:
        size: of every result, ``1024x512``, ``1024`` for both or (width, height); empty for twice the source's.
        seed: of the first result; each further one has the next.
        tileable: whether results repeat on both axes.
        symmetry: ``mirror_x``, ``mirror_y`` or ``mirror_xy`` at the middle, ``rotate_2`` or ``rotate_4`` about it.
        count: results.
        variety: 0 keeps large pieces of the source together, 1 none that is larger than the structure needs.
        engine: ``patch`` arranges pixels of the source, ``neural`` makes new ones with the same statistics, and
            ``feedforward`` makes them in one pass of a network that is fitted to the source once for all results.
        source_guide: path of the source's map; its pixels, and those of the next ones, come as a ``Painting``.
        target_guide: path of the result's map.
        guide_type: ``labels`` for guides of a few colors, ``values`` for those that vary.
        source_mask: path of the mask of what may be used.
        target_mask: path of the mask of what is replaced.
        fill_from: path of what that is made from.
        wrap: axes on which the source repeats; ``auto`` measures it.
        memory: bound, such as ``2G``.
        device: where networks run.
        threads: 0 for all.
    """

    table: ClassVar = MULTIPLY

    size: str | tuple[int, int] = ""
    seed: int = 0
    tileable: bool = False
    symmetry: Symmetry = "none"
    count: int = 1
    variety: float = 0.5
    engine: Engine = "auto"
    source_guide: str = ""
    target_guide: str = ""
    guide_type: GuideType = "auto"
    source_mask: str = ""
    target_mask: str = ""
    fill_from: str = ""
    wrap: Wrap | Literal["auto"] = "auto"
    memory: str = ""
    device: Device = "auto"
    threads: int = 0

    def __post_init__(self) -> None:
        """Check the values; two numbers are a size, too.

        Raises:
            MatshotError: for a value that the tool table refuses.
        """
        size = self.size
        if isinstance(size, list | tuple) and len(size) == 2:
            object.__setattr__(self, "size", "x".join(map(str, size)))
        super().__post_init__()
        if not isinstance(size, str):
            object.__setattr__(self, "size", tuple(size))

    def sides(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the outputs, given those of the source."""
        if not self.size:
            return 2 * width, 2 * height
        if isinstance(self.size, str):
            numbers = [int(number) for number in re.findall("[0-9]+", self.size)]
            return numbers[0], numbers[-1]
        return self.size


def multiply(
    material: Material,
    options: MultiplyOptions | None = None,
    *,
    painting: Painting | None = None,
    progress: Listener | None = None,
    shown: Callable[[Unfinished], None] | None = None,
) -> list[Material]:
    """Materials like a given one; see :func:`variations`, which yields them one by one."""
    return list(variations(material, options, painting=painting, progress=progress, shown=shown))


def variations(
    material: Material,
    options: MultiplyOptions | None = None,
    *,
    painting: Painting | None = None,
    progress: Listener | None = None,
    shown: Callable[[Unfinished], None] | None = None,
) -> Iterator[Material]:
    """Materials like a given one, each made when the iterator reaches it.

    All maps are arranged alike: every pixel of a result is, in all maps, the same pixel of the source, or the same
    mean of a few. Patches are moved and never rotated, so normals keep their meaning. The neural and the feed-forward
    engine make pixels of their own only for a single color image.

    Args:
        material: source; at least 8 pixels per side, unless it is of one color.
        options: see :class:`MultiplyOptions`.
        painting: guides and masks; none if not given.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.
        shown: called after every octave with what makes its picture: the base color, else the first map, with the
            symmetry of the result, and around what is replaced the input; smaller than the result.

    Yields:
        A material of the requested size, whose ``parameters`` hold the options, its own seed, its engine, of the patch
        engine ``largest_copy`` (see :func:`~matshot.synthesis.copies.largest_copy`), and ``notes`` for the user.

    Raises:
        MatshotError: for a source that is too small, too little memory, or guides and masks that do not fit.
        Cancelled: when the listener raises it.
    """
    chosen = options or MultiplyOptions()
    painting = painting or Painting()
    masks = (painting.source_mask, painting.target_mask, painting.fill_from)
    makes_pixels = chosen.engine in _MAKES_PIXELS
    if makes_pixels and any(mask is not None for mask in masks):
        raise MatshotError(f"Masks need the patch engine, got {chosen.engine}; choose auto or patch.")
    if chosen.symmetry != "none" and (makes_pixels or painting.target_mask is not None):
        needed = "an output that is all new; leave out the target mask"
        if makes_pixels:
            needed = f"the patch engine, got {chosen.engine}; choose auto or patch"
        raise MatshotError(f"The symmetry {chosen.symmetry} needs {needed}.")
    width, height = _sides(material, chosen, painting)
    check_symmetry(chosen.symmetry, (height, width))
    _check_memory(material, chosen, width, height)
    stated = chosen.sides(material.width, material.height)[::-1] if chosen.size else None
    plan = plan_of(
        material, painting, size=stated, tileable=chosen.tileable, wrap=chosen.wrap, guide_type=chosen.guide_type
    )
    if plan.guide is not None and chosen.symmetry != "none":
        note = "the target guide counts in the upper left part, from which the symmetry makes the rest"
        plan = replace(plan, notes=(*plan.notes, note))

    def presented(unfinished: Unfinished) -> None:
        if shown is not None:
            pixels = unfinished.pixels if plan.mask is None else material.width * material.height
            shown(Unfinished(pixels, lambda: _as_result(unfinished(), material, chosen, plan)))

    whole = Progress(progress)
    maker = _PictureMaker(plan, chosen, presented)
    for number in range(chosen.count):
        part = whole.part(number / chosen.count, (number + 1) / chosen.count, "synthesizing")
        result = _variation(maker, chosen.seed + number, part)
        if chosen.symmetry != "none":
            result = symmetric_material(result, chosen.symmetry)
        if plan.mask is not None:
            result = replace(merged(material, result, plan.mask), parameters=result.parameters)
        yield result


def _sides(material: Material, options: MultiplyOptions, painting: Painting) -> tuple[int, int]:
    """Width and height of the results."""
    if painting.target_mask is not None:
        return material.width, material.height
    if painting.target_guide is not None and not options.size:
        return painting.target_guide.width, painting.target_guide.height
    return options.sides(material.width, material.height)


def _variation(maker: _PictureMaker, seed: int, progress: Progress) -> Material:
    plan, options, shown = maker.plan, maker.options, maker.shown
    material, planes, values = plan.source, plan.planes, plan.planes.values
    size, wrap, source_wrap = plan.size, plan.wrap, plan.source_wrap
    weights = planes.balanced_weights()
    balanced = values * np.sqrt(np.asarray(weights, dtype=np.float32))
    repeats = regularity(balanced)
    bears = structure(balanced, repeats)
    # The patch engine keeps what is regular, and of the rest it keeps the sharpness.
    engine = options.engine if options.engine in _MAKES_PIXELS else "patch"
    threads = options.threads or usable_threads()
    notes = [
        f"repeats every {repeat.period:.1f} pixels {way}; the period was kept"
        for repeat, way in zip(repeats, ("down", "across"), strict=True)
        if repeat.period is not None and engine == "patch"
    ]
    result: Material | None = None
    copied: float | None = None
    notes += plan.notes
    if not np.ptp(values, axis=(0, 1)).any():
        result = _constant(material, size, wrap)
        notes = ["the source has a single color, and so has the result"]
    elif engine in _MAKES_PIXELS:
        picture = maker.picture(seed, progress.part(0, 0.9))
        if len(material.maps) == 1 and values.shape[2] == 3 and "normal" not in material.maps:
            result = planes.material(picture, wrap)
        else:
            guide = _picture(material)
            transfer = matching_transfer(
                guide, picture, wrap=wrap, source_wrap=source_wrap, seed=seed, threads=threads,
                progress=progress.part(0.9, 1), guide=plan.guide,
            )  # fmt: skip
            result = rearranged_material(material, guided_transfer(transfer, plan.guide, seed))
    else:
        transfer = synthesized_transfer(
            values,
            weights,
            *size,
            wrap=wrap,
            source_wrap=source_wrap,
            repeats=repeats,
            seed=seed,
            variety=options.variety,
            structure=bears,
            threads=threads,
            progress=progress,
            shown=lambda octave, number: shown(
                Unfinished(octave.width * octave.height, lambda: _octave(material, octave, number))
            ),
            guide=plan.guide,
            allowed=plan.allowed,
            repair=plan.repair,
        )
        result = rearranged_material(material, guided_transfer(transfer, plan.guide, seed, plan.allowed))
        if plan.repair is None:
            copied = round(largest_copy(transfer), 3)
            notes += _copy_notes(copied, largest_square(transfer), is_of_cells(repeats))
    if plan.repair is None and plan.guide is None:
        lay_edges(result, "" if wrap == "none" else wrap)
    parameters: dict[str, Any] = {**asdict(options), "tool": "multiply", "size": [size[1], size[0]], "seed": seed}
    parameters |= {"count": 1, "engine": engine, "wrap": source_wrap, "notes": notes}
    if copied is not None:
        parameters["largest_copy"] = copied
    return Material(
        result.maps, material.name, result.physical_size, material.height_scale, material.origin, parameters
    )


def _copy_notes(area: float, square: float, of_cells: bool) -> Iterator[str]:
    """What is told of the largest copy.

    Args:
        area: square root of its area, in parts of that of the source.
        square: side of the largest square in a copy, in parts of the source's shorter side.
        of_cells: whether the source is laid of cells.
    """
    if square > LARGEST_COPY:
        reason = "nothing else of it fits there; for smaller ones, raise the variety or choose the neural engine"
        if of_cells:
            reason = "its repeats do not allow smaller ones; the neural engine makes new pixels instead"
        yield f"the largest piece copied from the source is {square:.0%} of its side; {reason}"
    elif area > LARGEST_COPY:
        yield (
            f"the largest piece copied from the source has {area**2:.1%} of its area, and no square in it is larger "
            "than an eighth of its side"
        )


def rearranged_material(material: Material, transfer: Arrangement) -> Material:
    """A material whose every map is arranged by the same transfer; normals are unit vectors afterward."""
    maps: dict[MapKind, Texture] = {}
    for kind, texture in material.maps.items():
        if kind == "anisotropy_angle":
            size = material.maps["anisotropy"].pixels if "anisotropy" in material.maps else np.ones_like(texture.pixels)
            blended = transfer.apply(directions(size, 2 * np.pi * texture.pixels))
            pixels = np.mod(anisotropy_of_directions(blended)[1] / (2 * np.pi), 1).astype(np.float32)
        else:
            pixels = transfer.apply(texture.pixels)
            if texture.encoding == "normal":
                pixels = unit_normals(pixels)
        maps[kind] = Texture(pixels, texture.encoding, transfer.wrap, texture.source)
    return _material_of_size(material, maps, (transfer.height, transfer.width))


@dataclass(frozen=True)
class _PictureMaker:
    """The engines that make pixels.

    Attributes:
        plan: of all pictures.
        options: of the tool.
        shown: called with unfinished pictures.
        nets: fitted so far, by parts of the source.
    """

    plan: Plan
    options: MultiplyOptions
    shown: Callable[[Unfinished], None]
    nets: dict[int, TextureNet] = field(default_factory=dict)

    def picture(self, seed: int, progress: Progress) -> Pixels:
        """A picture of the plan's size, with a guide each part like its own part of the source."""
        plan, wrap = self.plan, self.plan.wrap
        source, parts = _picture(plan.source), None if plan.guide is None else parts_of(plan.guide)
        if parts is None:

            def shown_whole(picture: Pixels) -> None:
                pixels = picture.shape[0] * picture.shape[1]
                self.shown(Unfinished(pixels, lambda: Texture(picture.clip(0, 1), "srgb", wrap)))

            return self._part(0, source, seed, progress, shown_whole)
        owns = list(parts.pictures(source, plan.source_wrap))
        # Until it is made, a part shows its mean color.
        pictures = [np.broadcast_to(own.mean(axis=(0, 1)), (*plan.size, 3)) for own in owns]
        for number, own in enumerate(owns):
            part = progress.part(number / len(owns), (number + 1) / len(owns))

            def shown_part(picture: Pixels, number: int = number) -> None:
                joined = partial(parts.joined_with, pictures, number, picture, wrap)
                pixels = len(owns) * plan.size[0] * plan.size[1]
                self.shown(Unfinished(pixels, lambda: Texture(joined().clip(0, 1), "srgb", wrap)))

            pictures[number] = self._part(number, own, seed, part, shown_part)
        return parts.joined(pictures, wrap)

    def _part(
        self, number: int, source: Pixels, seed: int, progress: Progress, shown: Callable[[Pixels], None]
    ) -> Pixels:
        """A picture of the plan's size like a part of the source."""
        plan, options = self.plan, self.options
        if options.engine == "feedforward":
            from .texture_net import fitted_net, texture_of

            if number not in self.nets:
                self.nets[number] = fitted_net(
                    source,
                    *plan.size,
                    source_wrap=plan.source_wrap,
                    variety=options.variety,
                    threads=options.threads,
                    progress=progress.part(0, 0.5),
                )
            return texture_of(
                self.nets[number],
                *plan.size,
                wrap=plan.wrap,
                seed=seed,
                threads=options.threads,
                progress=progress.part(0.5, 1),
                shown=shown,
            )
        from .neural import optimized_texture

        return optimized_texture(
            source,
            *plan.size,
            wrap=plan.wrap,
            source_wrap=plan.source_wrap,
            seed=seed,
            variety=options.variety,
            device=options.device,
            threads=options.threads,
            progress=progress,
            shown=shown,
        )


def _picture(material: Material) -> Pixels:
    """The base color as displayed, else the first map, as three channels in [0, 1], for engines that make pixels."""
    kind = _leading(material)
    texture = material.maps[kind]
    values = planes_of(Material({kind: texture})).values
    if texture.encoding == "normal":
        values = 0.5 + 0.5 * texture.pixels[..., :3]
    elif texture.alpha is not None:
        values = values[..., :-1]
    return np.ascontiguousarray(np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values[..., :3])


def _leading(material: Material) -> MapKind:
    """The base color, else the first map."""
    return "basecolor" if "basecolor" in material.maps else next(iter(material.maps))


def _octave(material: Material, transfer: Transfer, number: int) -> Texture:
    """The leading map, as an octave has it."""
    texture = material.maps[_leading(material)]
    if number:
        shape = (transfer.source_width, transfer.source_height)
        small = cv2.resize(texture.pixels, shape, interpolation=cv2.INTER_AREA)
        texture = texture.with_pixels(np.ascontiguousarray(small.reshape(*shape[::-1], -1)))
    return Texture(transfer.apply(texture.pixels), texture.encoding, transfer.wrap)


def _as_result(octave: Texture, material: Material, options: MultiplyOptions, plan: Plan) -> Texture:
    """An octave of the leading map with the result's symmetry, and with the input around what is replaced."""
    kind = _leading(material)
    if options.symmetry != "none" and min(octave.width, octave.height) >= 2 * PATCH:
        octave = symmetric_material(Material({kind: octave}), options.symmetry).maps[kind]
    if plan.mask is None:
        return octave
    large = resized_map(octave, (material.width, material.height))
    return merged(Material({kind: material.maps[kind]}), Material({kind: large}), plan.mask).maps[kind]


def _constant(material: Material, size: tuple[int, int], wrap: Wrap) -> Material:
    maps: dict[MapKind, Texture] = {}
    for kind, texture in material.maps.items():
        pixels = np.broadcast_to(texture.pixels[:1, :1], (*size, texture.pixels.shape[2]))
        maps[kind] = Texture(np.ascontiguousarray(pixels), texture.encoding, wrap, texture.source)
    return _material_of_size(material, maps, size)


def _material_of_size(material: Material, maps: dict[MapKind, Texture], size: tuple[int, int]) -> Material:
    """A material with maps of another size, whose pixels have the same physical size."""
    physical = material.physical_size
    if physical is not None:
        physical = (physical[0] * size[1] / material.width, physical[1] * size[0] / material.height)
    return Material(maps, material.name, physical, material.height_scale, material.origin, material.parameters)


def _check_memory(material: Material, options: MultiplyOptions, width: int, height: int) -> None:
    channels = sum(texture.pixels.shape[2] for texture in material.maps.values())
    source = material.width * material.height * (_SOURCE_BYTES + 8 * channels)
    needed = resident_bytes() + source + width * height * (_BYTES[options.engine] + 4 * channels)
    allowed = memory_budget(options.memory)
    if needed > allowed:
        raise MatshotError(
            f"A result of {width} x {height} pixels needs about {needed / 2**30:.1f} GB of memory, but the limit is "
            f"{allowed / 2**30:.1f} GB; choose a smaller size."
        )
