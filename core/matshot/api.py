"""The public functions of Matshot: one for each tool, for pipelines, notebooks and scripts.

All have one form. The first argument is a path, a :class:`~matshot.image.types.Texture` or a
:class:`~matshot.material.types.Material`; the result is of the same kind and stays in memory: the path of an image
gives a texture, the path of a material folder a material. Parameters are keywords, with the names, defaults and ranges
of the command line. Two more are common to all:

- ``output`` also writes the result, as the command does: an image to that file or into that folder, a material to that
  folder. The path is checked before the work begins, and nothing half-written remains after an error.
- ``progress`` is called as ``progress(fraction, stage)`` between units of work, with a fraction in [0, 1] that never
  falls. When it raises :class:`~matshot.errors.Cancelled`, the function stops and lets it through.

What a user should know of a result, such as what was detected, is logged by the logger ``matshot`` at level ``INFO``
and kept in a material's ``parameters["notes"]``. Values that a tool does not take raise
:class:`~matshot.errors.MatshotError`, whose text is one sentence for the artist; arguments of another type
``TypeError``.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, cast, overload

from matshot_host.tools import (
    ADJUST,
    CONVERT,
    MULTIPLY,
    ONESHOT,
    PREVIEW,
    SIZE_FORM,
    STYLE,
    TILE,
    TWOSHOT,
    UPSCALE,
    Tool,
)

from .errors import MatshotError
from .image.formats import WRITABLE
from .image.types import Convention, Depth, Texture, Wrap
from .inference.session import Device
from .material.types import Material
from .progress import Listener, Progress

if TYPE_CHECKING:
    from .tools.assets import Asset

__all__ = ["adjust", "convert", "multiply", "oneshot", "preview", "style", "tile", "twoshot", "upscale"]

PathLike: TypeAlias = str | os.PathLike[str]
Source: TypeAlias = PathLike | Texture | Material

Scale = Literal[2, 4, 8]
Look = Literal["fidelity", "detail"]
Method = Literal["network", "srcae", "sparse_coding", "lanczos_sharp", "lanczos", "bicubic", "nearest"]
WrapChoice = Literal["auto", "none", "x", "y", "xy"]
Kind = Literal["auto", "color", "normal", "data"]
NormalConvention = Literal["auto", "gl", "dx"]
ImageFormat = Literal["same", "png", "jpg", "tif", "exr", "tga", "bmp", "webp", "hdr"]
MapFormat = Literal["same", "png", "tif", "exr", "tga", "jpg", "dds", "ktx2"]
DepthChoice = Literal["same", "uint8", "uint16", "half", "float"]
Light = Literal["flash", "even"]
Area = Literal["photograph", "tile", "auto"]
Metal = Literal["auto", "on", "off"]
Engine = Literal["auto", "patch", "neural", "feedforward"]
StyleEngine = Literal["optimize", "fast"]
Symmetry = Literal["none", "mirror_x", "mirror_y", "mirror_xy", "rotate_2", "rotate_4"]
GuideType = Literal["auto", "labels", "values"]
Axes = Literal["x", "y", "xy"]
TileSize = Literal["same", "crop"]
Packing = Literal["none", "orm"]
Compression = Literal["best", "small"]
Scene = Literal["none", "usd", "gltf", "both", "blend"]
View = Literal["material", "tiled"]

_P = ParamSpec("_P")
_Function = TypeVar("_Function", bound=Callable[..., Any])

_log = logging.getLogger("matshot")

#: Fraction of the work that is done when a result is ready to be written.
_WORK = 0.95


class SameKind(Protocol[_P]):
    """A function whose result is of its first argument's kind."""

    @overload
    def __call__(self, source: Texture, /, *args: _P.args, **kwargs: _P.kwargs) -> Texture: ...
    @overload
    def __call__(self, source: Material, /, *args: _P.args, **kwargs: _P.kwargs) -> Material: ...
    @overload
    def __call__(self, source: PathLike, /, *args: _P.args, **kwargs: _P.kwargs) -> Texture | Material: ...


def _same_kind(function: Callable[Concatenate[Source, _P], Texture | Material]) -> SameKind[_P]:
    """Tell type checkers that a texture gives a texture and a material a material."""
    return cast("SameKind[_P]", function)


def _checked_by(tool: Tool) -> Callable[[_Function], _Function]:
    """Check the values of a tool's parameters by its table before the function runs."""
    names = {parameter.name for parameter in tool.parameters}

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def checking(*args: Any, **kwargs: Any) -> Any:
            values = {name: value for name, value in kwargs.items() if name in names}
            for one in tool.files:
                value = values.get(one.name)
                if isinstance(value, os.PathLike):
                    values[one.name] = os.fspath(value)
                elif isinstance(value, Texture | Material):
                    del values[one.name]
            size = values.get("size")
            if isinstance(size, tuple) and len(size) == 2:
                values["size"] = "x".join(map(str, size))
            elif isinstance(size, int) and not isinstance(size, bool) and tool.parameter("size").form is SIZE_FORM:
                values["size"] = str(size)
            return function(*args, **{**kwargs, **tool.check(values)})

        return cast("_Function", checking)

    return decorate


@_same_kind
@_checked_by(UPSCALE)
def upscale(
    source: Source,
    /,
    *,
    scale: Scale = 4,
    look: Look = "fidelity",
    wrap: WrapChoice = "auto",
    method: Method = "network",
    protect: PathLike | Texture = "",
    kind: Kind = "auto",
    normal: NormalConvention = "auto",
    colorspace: str = "",
    format: ImageFormat = "same",
    depth: DepthChoice = "same",
    memory: str = "",
    device: Device = "auto",
    threads: int = 0,
    tile: int = 0,
    output: PathLike | None = None,
    progress: Listener | None = None,
) -> Texture | Material:
    """Enlarge a texture or a whole material; tiling, alpha, normals and bit depth are kept.

    The result is whole in memory. For files larger than memory, folders of images and UDIM sets use the command
    ``matshot upscale`` or :func:`matshot.super_resolution.upscale_all`.

    Args:
        source: an image file, a material folder, a texture or a material.
        scale: how many times larger on each side; 8 is a cascade.
        look: ``fidelity`` stays closest to the truth; ``detail`` adds plausible texture and cleans compression.
        wrap: axes on which the source tiles; ``auto`` takes what a texture or material states, else measures it.
        method: ``network``, or an older method to compare with.
        protect: an image file or a texture, white where pixels are only interpolated, such as a logo.
        kind: what an image file holds; ``auto`` goes by its name (``brick_n.png`` is a normal map).
        normal: green channel of normal maps in files: ``gl`` is +Y up, ``dx`` is +Y down; ``auto`` goes by the name.
        colorspace: OCIO name of the files' color space, such as ``ACEScg``.
        format: of what is written into the folder ``output``.
        depth: bits per sample of what is written to ``output``.
        memory: bound on memory, such as ``2G``; empty for a share of what is free.
        device: where networks run; ``auto`` takes the GPU where it works.
        threads: of the CPU; 0 for all.
        tile: side of the tiles in input pixels; 0 for what memory allows.
        output: file or folder to write the result to as well.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        A texture for an image or a texture, a material for a folder or a material: ``scale`` times as high and wide,
        in the same encodings, with the wrap that was found.

    Raises:
        MatshotError: for a value out of range, an unreadable source, too little memory, or an output that cannot be
            written.
        Cancelled: when ``progress`` raises it.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import brick_material
        >>> bricks = brick_material(32)
        >>> matshot.upscale(bricks, scale=2, look="detail")
        <Material bricks, 64 x 64, tiles on x and y: basecolor, normal, roughness, height>

        From file to file:

        >>> wall = matshot.write_texture(bricks.maps["basecolor"], "wall.png")
        >>> matshot.upscale(wall, scale=2, output="wall_2x.png")
        <Texture 64 x 64, 3 channels, srgb, tiles on x and y, from wall.png>
    """
    from .super_resolution import UpscaleOptions
    from .super_resolution import upscale as upscaled
    from .super_resolution.material import upscaled_material

    _require_output(UPSCALE, output, format=format, depth=depth)
    whole = Progress(progress)
    whole(0.0, "reading")
    asset = _asset(source, kind=kind, normal=normal, colorspace=colorspace)
    place = _place(output, source, asset, _suffix(format))
    options = UpscaleOptions(
        scale=scale,
        look=look,
        method=method,
        protect=_file_name(protect),
        wrap=_stated_wrap(asset, wrap),
        memory=memory,
        device=device,
        threads=threads,
        tile=tile,
    )
    mask = _painted(UPSCALE, "protect", protect) if _is_given(protect) else None
    part = whole.part(0.0, _WORK)
    if asset.image:
        larger = upscaled(_image(asset.material), mask=mask, progress=part, **asdict(options))
        material = _with_image(asset.material, larger)
    else:
        material = upscaled_material(asset.material, options, protect=mask, progress=part)
    convention = _convention(asset.material)
    return _finished(asset, material, place, whole, _suffix(format), None if depth == "same" else depth, convention)


@_checked_by(ONESHOT)
def oneshot(
    photograph: PathLike | Texture,
    /,
    *,
    light: Light = "flash",
    area: Area = "photograph",
    refine: bool = False,
    seamless: Wrap = "none",
    wrap: WrapChoice = "auto",
    fov: float = 0.0,
    size: int = 0,
    width: float = 0.0,
    roughness: float = 0.0,
    normal: float = 1.0,
    height: float = 1.0,
    metal: Metal = "auto",
    memory: str = "",
    device: Device = "auto",
    threads: int = 0,
    output: PathLike | None = None,
    progress: Listener | None = None,
) -> Material:
    """A material from one photograph of a flat surface, taken straight from above with flash or in even light.

    Args:
        photograph: an image file, or a texture that was read from one, whose EXIF counts as well.
        light: how it was lit: ``flash`` at the lens, or ``even``, which also suits textures without other maps.
        area: ``photograph`` for maps of all of it, ``tile`` for a seamless tile of a surface that looks alike all over,
            ``auto`` for a tile where it does.
        refine: whether the lit maps are made to match the photograph's texture, which takes a minute longer.
        seamless: axes on which to make the maps tileable.
        wrap: axes on which an evenly lit texture tiles already; ``auto`` measures it.
        fov: field of view in degrees across the longer side; 0 for EXIF's, else 60.
        size: longer side in pixels at which the photograph is worked on; 0 keeps it, up to 2048.
        width: meters that the longer side shows; 0 for unknown.
        roughness: shift of roughness, [-1, 1]; below 0 is smoother.
        normal: strength of the normals, [0, 4]; 0 is flat.
        height: strength of the height, [0, 4].
        metal: whether the surface is metal; ``auto`` leaves it as found.
        memory: bound on memory, such as ``2G``; empty for a share of what is free.
        device: where networks run; ``auto`` takes the GPU where it works.
        threads: of the CPU; 0 for all.
        output: folder to write the material to as well.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        A material with ``basecolor``, ``normal``, ``roughness``, ``metallic``, ``height``, ``ao`` and others, pixel for
        pixel on the photograph unless it was made seamless. ``parameters`` holds the options, the field of view,
        ``rectangle`` and ``span`` (what of the photograph the maps show, in pixels and in longer sides), and ``notes``
        for the user.

    Raises:
        MatshotError: for a value out of range, a photograph that shows nothing usable, or an output that cannot be
            written.
        Cancelled: when ``progress`` raises it.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import wall_photographs
        >>> flash, _ = wall_photographs(64)
        >>> matshot.oneshot(flash, fov=60)
        <Material photograph, 64 x 64, does not tile: basecolor, normal, roughness, metallic, height, ao>
    """
    from .capture.oneshot import OneShotOptions
    from .capture.oneshot import oneshot as captured

    options = OneShotOptions(
        light=light,
        area=area,
        refine=refine,
        seamless=seamless,
        wrap=wrap,
        fov=fov,
        size=size,
        width=width,
        roughness=roughness,
        normal=normal,
        height=height,
        metal=metal,
        memory=memory,
        device=device,
        threads=threads,
    )
    place, whole = _folder(output), Progress(progress)
    material = captured(_photograph(photograph), options, progress=whole.part(0.0, _WORK))
    return _finished_material(material, place, whole)


@_checked_by(TWOSHOT)
def twoshot(
    flash: PathLike | Texture,
    ambient: PathLike | Texture,
    /,
    *,
    full: bool = False,
    tile: tuple[int, int] = (-1, -1),
    seamless: Wrap = "xy",
    fov: float = 0.0,
    size: int = 0,
    width: float = 0.0,
    roughness: float = 0.0,
    normal: float = 1.0,
    height: float = 1.0,
    metal: Metal = "auto",
    memory: str = "",
    device: Device = "auto",
    threads: int = 0,
    output: PathLike | None = None,
    progress: Listener | None = None,
) -> Material:
    """A material from two photographs of a flat, repetitive surface: one with flash, one without.

    Args:
        flash: an image file or a texture, taken with flash, straight from above.
        ambient: likewise, taken without flash from nearly the same place.
        full: whether the maps cover the whole photograph instead of a tile.
        tile: column and row of the tile's center in the photograph; negative to have it chosen.
        seamless: axes on which to make the tile repeat.
        fov: field of view in degrees across the longer side; 0 for EXIF's, else 60.
        size: longer side in pixels at which the photographs are worked on; 0 keeps it, up to 2048.
        width: meters that the longer side shows; 0 for unknown.
        roughness: shift of roughness, [-1, 1]; below 0 is smoother.
        normal: strength of the normals, [0, 4]; 0 is flat.
        height: strength of the height, [0, 4].
        metal: whether the surface is metal; ``auto`` leaves it as found.
        memory: bound on memory, such as ``2G``; empty for a share of what is free.
        device: where networks run; ``auto`` takes the GPU where it works.
        threads: of the CPU; 0 for all.
        output: folder to write the material to as well.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        A material of a tile, or of the whole photograph; ``parameters`` holds the options, the ``rectangle`` of the
        photograph that was fitted, and ``notes`` for the user.

    Raises:
        MatshotError: for a value out of range, photographs that do not show one place, or an output that cannot be
            written.
        Cancelled: when ``progress`` raises it.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import wall_photographs
        >>> flash, ambient = wall_photographs(128)
        >>> material = matshot.twoshot(flash, ambient, fov=60)
        >>> material.wrap
        'xy'
    """
    from .capture.twoshot import TwoShotOptions
    from .capture.twoshot import twoshot as captured

    options = TwoShotOptions(
        full=full,
        tile=tile,
        seamless=seamless,
        fov=fov,
        size=size,
        width=width,
        roughness=roughness,
        normal=normal,
        height=height,
        metal=metal,
        memory=memory,
        device=device,
        threads=threads,
    )
    place, whole = _folder(output), Progress(progress)
    material = captured(_photograph(flash), _photograph(ambient), options, progress=whole.part(0.0, _WORK))
    return _finished_material(material, place, whole)


@_checked_by(ADJUST)
def adjust(
    material: PathLike | Material,
    /,
    *,
    roughness: float = 0.0,
    normal: float = 1.0,
    height: float = 1.0,
    metal: Metal = "auto",
    width: float = 0.0,
    output: PathLike | None = None,
    progress: Listener | None = None,
) -> Material:
    """A material with the sliders of its capture set again, without capturing it again.

    Every call starts from the raw maps, which a captured material keeps: sliders that are left out return to their
    defaults, and what was set before does not add up.

    Args:
        material: a material folder or a material. One that no capture made starts from its maps as they are.
        roughness: shift of roughness, [-1, 1]; below 0 is smoother.
        normal: strength of the normals, [0, 4]; 0 is flat.
        height: strength of the height, [0, 4].
        metal: whether the surface is metal; ``auto`` leaves it as found.
        width: meters that the width of the maps spans; its height and the scale of the height map follow. 0 leaves
            what is known.
        output: folder to write the material to as well; its own folder changes it in place.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        The adjusted material.

    Raises:
        MatshotError: for a value out of range, an unreadable material, or an output that cannot be written.
        Cancelled: when ``progress`` raises it.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import wall_photographs
        >>> flash, _ = wall_photographs(64)
        >>> wall = matshot.oneshot(flash, fov=60)
        >>> rough = matshot.adjust(wall, roughness=0.5, metal="off", width=0.4)
        >>> rough.physical_size
        (0.4, 0.4)
    """
    from .capture.adjustments import AdjustOptions, adjusted_material
    from .tools.adjust import form_of
    from .tools.convert import save_converted

    options = AdjustOptions(roughness=roughness, normal=normal, height=height, metal=metal, width=width)
    whole = Progress(progress)
    whole(0.0, "reading")
    source, place = _whole_material(material, "adjust"), _folder(output, in_place=True)
    result = adjusted_material(source, options, progress=whole.part(0.0, _WORK))
    _log_notes(result)
    if place is not None:
        whole(_WORK, "writing")
        save_converted(result, place, form_of(source), source)
    whole(1.0, "done")
    return result


@_same_kind
@_checked_by(MULTIPLY)
def multiply(
    source: Source,
    /,
    *,
    size: str | int | tuple[int, int] = "",
    seed: int = 0,
    tileable: bool = False,
    symmetry: Symmetry = "none",
    variety: float = 0.5,
    engine: Engine = "auto",
    source_guide: PathLike | Texture = "",
    target_guide: PathLike | Texture = "",
    guide_type: GuideType = "auto",
    source_mask: PathLike | Texture = "",
    target_mask: PathLike | Texture = "",
    fill_from: Source = "",
    wrap: WrapChoice = "auto",
    kind: Kind = "auto",
    normal: NormalConvention = "auto",
    memory: str = "",
    device: Device = "auto",
    threads: int = 0,
    output: PathLike | None = None,
    progress: Listener | None = None,
) -> Texture | Material:
    """A new texture or material like the given one, of any size, all maps aligned.

    One call gives one result. Each seed gives another, and what the command does with ``--count 8`` is
    ``[matshot.multiply(wall, seed=seed) for seed in range(8)]``.

    Args:
        source: an image file, a material folder, a texture or a material; at least 8 pixels per side.
        size: width and height of the result in pixels, as ``(1024, 512)`` or ``"1024x512"``; one number for both, and
            empty for twice the source's.
        seed: the same seed always gives the same result.
        tileable: whether the result tiles on both axes.
        symmetry: ``mirror_x``, ``mirror_y`` or ``mirror_xy`` for a result that is mirrored at its middle, ``rotate_2``
            or ``rotate_4`` for one that a half or a quarter turn about its middle does not change.
        variety: 0 keeps large pieces of the source together, 1 mixes as much as it can.
        engine: ``patch`` arranges pixels of the source, ``neural`` makes new ones; ``auto`` takes what keeps the
            source's structure.
        source_guide: an image file or a texture, painted with a color for each kind of surface in the source, or gray
            for values such as its height; empty for none.
        target_guide: the same of the result, in the same colors or grays: what belongs where. Without a size, the
            result has its size.
        guide_type: ``labels`` for guides of a few colors, ``values`` for grays or colors that vary.
        source_mask: white where the source may be used.
        target_mask: white where the source is replaced; the rest stays as it is, bit for bit, and so does the size.
        fill_from: an image file, a material folder, a texture or a material that this is made from; empty for the rest
            of the source.
        wrap: axes on which the source tiles; ``auto`` takes what a texture or material states, else measures it.
        kind: what an image file holds; ``auto`` goes by its name (``brick_n.png`` is a normal map).
        normal: green channel of normal maps in files: ``gl`` is +Y up, ``dx`` is +Y down; ``auto`` goes by the name.
        memory: bound on memory, such as ``2G``; empty for a share of what is free.
        device: where networks run; ``auto`` takes the GPU where it works.
        threads: of the CPU; 0 for all.
        output: file or folder to write the result to as well.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        A texture for an image or a texture, a material for a folder or a material.

    Raises:
        MatshotError: for a value out of range, an unreadable or too small source, guides and masks that do not fit,
            too little memory, or an output that cannot be written.
        Cancelled: when ``progress`` raises it.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import brick_material
        >>> bricks = brick_material(32)
        >>> matshot.multiply(bricks, size=(48, 32), tileable=True, seed=1)
        <Material bricks, 48 x 32, tiles on x and y: basecolor, normal, roughness, height>

        Several at once:

        >>> walls = [matshot.multiply(bricks.maps["basecolor"], size="32", seed=seed) for seed in range(3)]
        >>> len(walls)
        3
    """
    from .synthesis.multiply import MultiplyOptions
    from .synthesis.multiply import multiply as multiplied
    from .synthesis.painting import Painting

    painted = {
        "source_guide": source_guide, "target_guide": target_guide, "source_mask": source_mask,
        "target_mask": target_mask,
    }  # fmt: skip
    whole = Progress(progress)
    whole(0.0, "reading")
    asset = _asset(source, kind=kind, normal=normal)
    place = _place(output, source, asset)
    names: dict[str, Any] = {name: _file_name(value) for name, value in painted.items()}
    options = MultiplyOptions(
        size=str(size) if isinstance(size, int) else size,
        seed=seed,
        tileable=tileable,
        symmetry=symmetry,
        variety=variety,
        engine=engine,
        guide_type=guide_type,
        wrap=_stated_wrap(asset, wrap),
        memory=memory,
        device=device,
        threads=threads,
        **names,
    )
    given: dict[str, Any] = {
        name: _painted(MULTIPLY, name, value) for name, value in painted.items() if _is_given(value)
    }
    filling = _asset(fill_from, wrap="auto").material if _is_given(fill_from) else None
    painting = Painting(**given, fill_from=filling)
    (material,) = multiplied(asset.material, options, painting=painting, progress=whole.part(0.0, _WORK))
    return _finished(asset, material, place, whole)


@_same_kind
@_checked_by(TILE)
def tile(
    source: Source,
    /,
    *,
    axes: Axes = "xy",
    size: TileSize = "same",
    band: float = 0.08,
    even: bool = True,
    protect: PathLike | Texture = "",
    seed: int = 0,
    wrap: WrapChoice = "auto",
    kind: Kind = "auto",
    normal: NormalConvention = "auto",
    output: PathLike | None = None,
    progress: Listener | None = None,
) -> Texture | Material:
    """The texture or material made seamless, changing as little of it as possible.

    Args:
        source: an image file, a material folder, a texture or a material; at least 16 pixels per side.
        axes: axes to make tileable: ``x`` (columns), ``y`` (rows) or both.
        size: ``same`` keeps the size, unless whole repeats require a crop; ``crop`` lays opposite borders over each
            other and loses the band.
        band: width of the strip that may change: a fraction of the shorter side below 1, pixels from 1 up.
        even: whether uneven lighting is removed from color and tilt from height.
        protect: an image file or a texture, white where the source stays, bit for bit; not at a border that is closed.
        seed: of what is filled in along the seam.
        wrap: axes on which the source tiles already; ``auto`` takes what a texture or material states, else measures
            it.
        kind: what an image file holds; ``auto`` goes by its name (``brick_n.png`` is a normal map).
        normal: green channel of normal maps in files: ``gl`` is +Y up, ``dx`` is +Y down; ``auto`` goes by the name.
        output: file or folder to write the result to as well.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        A texture for an image or a texture, a material for a folder or a material, whose ``wrap`` is set.

    Raises:
        MatshotError: for a value out of range, an unreadable or too small source, or an output that cannot be written.
        Cancelled: when ``progress`` raises it.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import brick_wall
        >>> wall = brick_wall(96)["basecolor"]
        >>> cut = matshot.Texture(wall.pixels[:64, :80].copy())
        >>> matshot.tile(cut, axes="x").wrap
        'x'
    """
    from .synthesis.tile import TileOptions
    from .synthesis.tile import tile as tiled

    whole = Progress(progress)
    whole(0.0, "reading")
    asset = _asset(source, kind=kind, normal=normal)
    place = _place(output, source, asset)
    options = TileOptions(axes=axes, size=size, band=band, even=even, protect=_file_name(protect), seed=seed, wrap=wrap)
    kept = _painted(TILE, "protect", protect) if _is_given(protect) else None
    material = tiled(asset.material, options, protect=kept, progress=whole.part(0.0, _WORK))
    return _finished(asset, material, place, whole)


@_same_kind
@_checked_by(STYLE)
def style(
    content: Source,
    look: Source,
    /,
    *,
    strength: float = 0.7,
    keep_color: bool = False,
    engine: StyleEngine = "optimize",
    content_guide: PathLike | Texture = "",
    style_guide: PathLike | Texture = "",
    guide_type: GuideType = "auto",
    mask: PathLike | Texture = "",
    seed: int = 0,
    wrap: WrapChoice = "auto",
    kind: Kind = "auto",
    normal: NormalConvention = "auto",
    memory: str = "",
    device: Device = "auto",
    threads: int = 0,
    output: PathLike | None = None,
    progress: Listener | None = None,
) -> Texture | Material:
    """A texture or material with the look of another; what it shows stays.

    Args:
        content: what is shown: an image file, a material folder, a texture or a material with a base color.
        look: what it is to look like: likewise, and of either kind. Where both are materials, roughness and relief
            follow.
        strength: 0 leaves the content as it is, 1 takes over all of the look.
        keep_color: whether colors stay and only lightness follows the look.
        engine: ``optimize`` refines the picture step by step, ``fast`` paints it in one pass, for previews and large
            textures.
        content_guide: an image file or a texture, painted with a color for each kind of surface in the content, or gray
            for values such as its height; empty for none.
        style_guide: the same of the look, in the same colors or grays: each part of the content takes the look of its
            own part.
        guide_type: ``labels`` for guides of a few colors, ``values`` for grays or colors that vary.
        mask: an image file or a texture, white where the look is applied; elsewhere the content stays, bit for bit.
        seed: the same seed always gives the same result.
        wrap: axes on which the content tiles; ``auto`` takes what a texture or material states, else measures it.
        kind: what an image file holds; ``auto`` goes by its name (``brick_n.png`` is a normal map).
        normal: green channel of normal maps in files: ``gl`` is +Y up, ``dx`` is +Y down; ``auto`` goes by the name.
        memory: bound on memory, such as ``2G``; empty for a share of what is free.
        device: where networks run; ``auto`` takes the GPU where it works.
        threads: of the CPU; 0 for all.
        output: file or folder to write the result to as well.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        A texture for an image or a texture, a material for a folder or a material, of the content's size.

    Raises:
        MatshotError: for a value out of range, an unreadable or too small source, a missing base color, too little
            memory, or an output that cannot be written.
        Cancelled: when ``progress`` raises it.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import brick_wall
        >>> wall, rust = brick_wall(64, seed=1)["basecolor"], brick_wall(64, seed=2)["basecolor"]
        >>> matshot.style(wall, rust, strength=0.5)
        <Texture 64 x 64, 3 channels, srgb, tiles on x and y>
    """
    from .synthesis.style import StyleOptions
    from .synthesis.style import style as styled

    whole = Progress(progress)
    whole(0.0, "reading")
    asset = _asset(content, wrap=wrap, kind=kind, normal=normal)
    other = _asset(look, wrap="auto").material
    place = _place(output, content, asset)
    options = StyleOptions(
        strength=strength,
        keep_color=keep_color,
        engine=engine,
        content_guide=_file_name(content_guide),
        style_guide=_file_name(style_guide),
        guide_type=guide_type,
        mask=_file_name(mask),
        seed=seed,
        memory=memory,
        device=device,
        threads=threads,
    )
    given = {"content_guide": content_guide, "style_guide": style_guide, "mask": mask}
    own_guide, other_guide, where = (
        _painted(STYLE, name, value) if _is_given(value) else None for name, value in given.items()
    )
    guides = own_guide, other_guide
    part = whole.part(0.0, _WORK)
    material = styled(asset.material, other, options, guides=guides, mask=where, progress=part)
    return _finished(asset, material, place, whole)


@_checked_by(CONVERT)
def convert(
    material: PathLike | Material,
    /,
    *,
    normal: Convention = "gl",
    source_normal: NormalConvention = "auto",
    pack: Packing = "none",
    size: int = 0,
    format: MapFormat = "same",
    depth: DepthChoice = "same",
    compression: Compression = "best",
    scene: Scene = "none",
    template: str = "",
    output: PathLike | None = None,
    progress: Listener | None = None,
) -> Material:
    """A material as another program wants it: normal convention, packed channels, format, depth and size.

    In memory normals are always +Y up: ``normal``, ``format``, ``depth``, ``scene`` and ``template`` concern files and
    require ``output``.

    Args:
        material: a material folder or a material.
        normal: green channel of the normal map's file: ``gl`` is +Y up (Blender, Maya), ``dx`` is +Y down (Unreal).
        source_normal: green channel of the normal map in a material folder; ``auto`` goes by its name, or is measured.
        pack: ``orm`` packs ambient occlusion, roughness and metallic into one map; ``none`` unpacks them.
        size: longer side at most, in pixels; 0 keeps it.
        format: of the maps' files.
        depth: bits per sample of the maps' files.
        compression: codec of colors in ``dds`` and ``ktx2``: ``best`` is BC7, ``small`` BC1, or BC3 with alpha.
        scene: written beside them: ``usd`` for a plane in ``material.usda``, ``gltf`` for a plane and a ball in
            ``material.glb``, ``both``, ``blend`` for a Blender asset in ``material.blend``, or ``none``.
        template: names, packing and formats of another program's files: ``unreal``, ``unity-hdrp``, ``gltf``, or
            the path of a TOML file. Empty for none.
        output: folder to write the material to as well.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        The material with the maps and the size that were asked for.

    Raises:
        MatshotError: for a value out of range, an unreadable material, or an output that cannot be written.
        Cancelled: when ``progress`` raises it.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import brick_material
        >>> matshot.convert(brick_material(64), pack="orm", size=32, normal="dx", output="bricks_unreal")
        <Material bricks, 32 x 32, tiles on x and y: basecolor, normal, orm, height>
    """
    from .material.types import with_notes
    from .tools.assets import Asset
    from .tools.convert import ConvertOptions, form_notes, save_converted
    from .tools.convert import convert as converted

    _require_output(
        CONVERT,
        output,
        normal=normal,
        format=format,
        depth=depth,
        compression=compression,
        scene=scene,
        template=template,
    )
    options = ConvertOptions(
        normal=normal,
        source_normal=source_normal,
        pack=pack,
        size=size,
        format=format,
        depth=depth,
        compression=compression,
        scene=scene,
        template=template,
    )
    whole = Progress(progress)
    whole(0.0, "reading")
    source = _whole_material(material, "convert", source_normal)
    place = _place(output, material, Asset(source, False), own_names=not template)
    result = converted(source, options, progress=whole.part(0.0, _WORK))
    if place is not None:
        whole(_WORK, "writing")
        result = with_notes(result, form_notes(result, options))
        _log_notes(result)
        save_converted(result, place, options)
    whole(1.0, "done")
    return result


@_checked_by(PREVIEW)
def preview(
    source: Source,
    /,
    *others: Source,
    size: int = 512,
    view: View = "material",
    output: PathLike | None = None,
    progress: Listener | None = None,
) -> Texture:
    """A picture of a material: a lit plane, a sphere and its maps; of several materials, a sheet to compare them on.

    Args:
        source: an image file, a material folder, a texture or a material with a base color.
        *others: to compare it with.
        size: side of each picture in pixels.
        view: ``tiled`` shows the material 3 x 3 beside itself, lit and unlit.
        output: image file to write the picture to as well.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        The picture, ``srgb`` with 3 channels.

    Raises:
        MatshotError: for a value out of range, an unreadable source, a missing base color, or an output that cannot be
            written.
        Cancelled: when ``progress`` raises it.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import brick_material
        >>> picture = matshot.preview(brick_material(64), size=128)
        >>> picture.encoding, picture.pixels.shape[2]
        ('srgb', 3)
    """
    from .shading.preview import preview as material_sheet
    from .shading.preview import variations_sheet
    from .tools.assets import write_image

    whole = Progress(progress)
    whole(0.0, "reading")
    place = None if output is None else _image_file(Path(output))
    part = whole.part(0.0, _WORK)
    materials = [_shown(one) for one in (source, *others)]
    if others:
        picture = variations_sheet(materials, size=size, view=view, progress=part)
    else:
        picture = material_sheet(materials[0], size=size, view=view, progress=part)
    if place is not None:
        whole(_WORK, "writing")
        write_image(picture, place)
    whole(1.0, "done")
    return picture


def _is_given(value: Source) -> bool:
    return not isinstance(value, str) or bool(value)


def _file_name(value: PathLike | Texture) -> str:
    """Name of a file, as results keep it; empty for none and for what is in memory."""
    return Path(value).name if isinstance(value, str | os.PathLike) else ""


def _painted(tool: Tool, name: str, value: PathLike | Texture) -> Texture:
    """A guide or a mask: an image file, or a texture in memory."""
    from .tools.assets import painted_image

    if isinstance(value, Texture):
        return value
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} takes a path or a Texture, got {type(value).__name__}.")
    return painted_image(os.fspath(value), tool.parameter(name).label)


def _asset(
    source: Source,
    *,
    wrap: WrapChoice | None = None,
    kind: Kind = "auto",
    normal: NormalConvention = "auto",
    colorspace: str = "",
) -> Asset:
    """What a function works on: always a material, of a single map if it is an image.

    Args:
        source: the function's argument.
        wrap: axes on which it tiles; ``auto`` measures where it states none; None leaves what it states.
        kind: of an image file.
        normal: convention of normal maps in files.
        colorspace: OCIO name of colors in files.
    """
    from .tools.assets import Asset, read_asset, with_measured_wrap

    if isinstance(source, str | os.PathLike):
        if Path(source).is_dir():
            if kind != "auto":
                raise MatshotError(f"kind describes an image file, and {source} is a folder.")
            material = _read_folder(source, normal, colorspace)
        else:
            return read_asset(source, wrap=wrap, kind=kind, normal=normal, colorspace=colorspace)
    elif not isinstance(source, Texture | Material):
        raise TypeError(f"Expected a path, a Texture or a Material, got {type(source).__name__}.")
    else:
        for name, value in (("kind", kind), ("normal", normal), ("colorspace", colorspace)):
            if value not in ("", "auto"):
                raise MatshotError(f"{name} describes files; a {type(source).__name__} in memory states it itself.")
        material = source if isinstance(source, Material) else _image_material(source)
    if wrap == "auto":
        material = with_measured_wrap(material)
    elif wrap is not None:
        material = material.with_wrap(wrap)
    return Asset(material, isinstance(source, Texture))


def _whole_material(source: PathLike | Material, verb: str, normal: NormalConvention = "auto") -> Material:
    """The material that a function works on which takes no images."""
    if isinstance(source, Texture):
        raise TypeError(f"{verb} takes a material folder or a Material, got a Texture.")
    asset = _asset(source, normal=normal)
    if asset.image:
        raise MatshotError(f"{source} is an image; {verb} takes a material folder.")
    return asset.material


def _read_folder(folder: PathLike, normal: NormalConvention, colorspace: str) -> Material:
    """A material folder, read in the convention and color space that are given instead of those that it states."""
    from .material.folder import find_material, load_material

    found = find_material(folder, nested=True)
    if found is None or not colorspace:
        return load_material(folder if found is None else found, normal=normal)
    entries = tuple(replace(entry, colorspace=colorspace) for entry in found.entries)
    return load_material(replace(found, entries=entries), normal=normal)


def _image_material(texture: Texture) -> Material:
    from .tools.assets import image_material

    if texture.source is None:
        return image_material(texture)
    return image_material(texture, texture.source.path.stem, str(texture.source.path))


def _stated_wrap(asset: Asset, wrap: WrapChoice) -> WrapChoice:
    """What a texture or material states, where ``auto`` leaves it open; ``none`` is also what knows nothing."""
    return asset.material.wrap if wrap == "auto" and asset.material.wrap != "none" else wrap


def _photograph(source: PathLike | Texture) -> PathLike | Texture:
    if not isinstance(source, str | os.PathLike | Texture):
        raise TypeError(f"Expected a path or a Texture, got {type(source).__name__}.")
    return source


def _shown(source: Source) -> Material:
    if isinstance(source, Material) or (isinstance(source, str | os.PathLike) and Path(source).is_dir()):
        return _asset(source).material
    return _asset(source, wrap="auto").material


def _require_output(tool: Tool, output: PathLike | None, **values: str) -> None:
    """Refuse values that concern files only where none is written."""
    for parameter in tool.parameters:
        if output is None and values.get(parameter.name, parameter.default) != parameter.default:
            raise MatshotError(
                f"{parameter.name}={values[parameter.name]!r} concerns the files that are written; set output as well."
            )


def _place(
    output: PathLike | None, source: Source, asset: Asset, suffix: str = "", *, own_names: bool = True
) -> Path | None:
    """Where a result goes, checked before the work: a file for an image, else a folder.

    Args:
        output: that was given.
        source: that was given.
        asset: that was read of it.
        suffix: of an image; empty for that of the source.
        own_names: whether a folder gets files with Matshot's names, not those of a template.
    """
    from .files import check_folder
    from .material.claims import check_unchanged
    from .tools.assets import check_own, targets

    if output is None:
        return None
    place = Path(output)
    if isinstance(source, Texture) and source.source is None:
        return _image_file(place)
    if isinstance(source, Material):
        check_folder(place)
    else:
        if isinstance(source, Texture):
            assert source.source is not None
            source = source.source.path
        (found,) = targets(source, place, image=asset.image)
        place = found.with_suffix(suffix) if suffix and found != place else found
    if not asset.image and not own_names:
        check_unchanged(place)
    elif not asset.image:
        check_own(place, preview="basecolor" in asset.material.maps)
    return place


def _folder(output: PathLike | None, *, in_place: bool = False) -> Path | None:
    from .files import check_folder
    from .tools.assets import check_own

    if output is None:
        return None
    check_folder(Path(output))
    check_own(Path(output), in_place=in_place)
    return Path(output)


def _image_file(output: Path) -> Path:
    from .files import check_folder

    if output.suffix.lower() not in WRITABLE or output.is_dir():
        raise MatshotError(f"Output must be an image file ({', '.join(WRITABLE)}), got {output}.")
    check_folder(output.parent)
    return output


def _suffix(format: str) -> str:
    """Of files of a format; empty for that of the source."""
    return "" if format == "same" else f".{format}"


def _image(material: Material) -> Texture:
    """The only map of a material that stands for an image."""
    (texture,) = material.maps.values()
    return texture


def _with_image(material: Material, texture: Texture) -> Material:
    (kind,) = material.maps
    return material.with_maps({kind: texture})


def _convention(material: Material) -> Convention:
    """The convention in which a material's normal map was stored."""
    normal = material.maps.get("normal")
    return normal.source.convention if normal is not None and normal.source is not None else "gl"


def _finished(
    asset: Asset,
    material: Material,
    place: Path | None,
    progress: Progress,
    suffix: str | None = ".png",
    depth: Depth | None = None,
    convention: Convention = "gl",
) -> Texture | Material:
    """The result in the form of its source, written if it has a place.

    Args:
        asset: what the function worked on.
        material: what came of it.
        place: file or folder, None to write nothing.
        progress: of the whole function.
        suffix: of a material's files; empty for those of the sources.
        depth: bits per sample of files; None for those of the sources.
        convention: of a material's normal map.
    """
    from .material.types import with_notes

    material = with_notes(material, asset.material.parameters.get("notes", ()), first=True)
    if not asset.image:
        return _finished_material(material, place, progress, suffix or None, depth, convention)
    _log_notes(material)
    texture = _image(material)
    if place is not None:
        from .tools.assets import write_image

        progress(_WORK, "writing")
        write_image(texture, place, depth=depth)
    progress(1.0, "done")
    return texture


def _finished_material(
    material: Material,
    place: Path | None,
    progress: Progress,
    suffix: str | None = ".png",
    depth: Depth | None = None,
    convention: Convention = "gl",
) -> Material:
    from .tools.assets import delivered

    _log_notes(material)
    if place is not None:
        progress(_WORK, "writing")
        delivered(material, place, suffix=suffix, depth=depth, convention=convention)
    progress(1.0, "done")
    return material


def _log_notes(material: Material) -> None:
    for note in material.parameters.get("notes", ()):
        _log.info("%s: %s", material.name, note)
