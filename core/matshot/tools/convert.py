"""The convert tool: a material as another program wants it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from matshot_host.tools import CONVERT

from ..errors import MatshotError
from ..image.formats import COMPRESSED
from ..image.types import Convention, Depth, Texture
from ..material.compressed import Compression
from ..material.folder import load_material, material_storage_notes
from ..material.raw import raw_maps
from ..material.resize import downsampled_material
from ..material.scenes import Scene, check_scenes, scene_notes, write_scenes
from ..material.template import load_template, save_template, template_plan
from ..material.types import MapKind, Material, pack_orm, roughness_map
from ..options import ToolOptions
from ..progress import Listener, Progress
from .assets import delivered
from .blender_asset import blender_command, write_blend
from .job import OnTexture, ToolWork

Packing = Literal["none", "orm"]
Format = Literal["same", "png", "tif", "exr", "tga", "jpg", "dds", "ktx2"]

#: Maps that a packed one takes in.
_TAKEN_IN: tuple[MapKind, ...] = ("ao", "roughness", "metallic", "gloss")


@dataclass(frozen=True)
class ConvertOptions(ToolOptions):
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    Attributes:
        normal: green channel of the normal map's file: ``gl`` (+Y up) or ``dx`` (+Y down).
        source_normal: green channel of the normal map that is read; ``auto`` goes by its name, else it is measured.
        pack: ``orm`` joins ambient occlusion, roughness and metallic in R, G and B of one map instead of their own;
            ``none`` takes such a map apart.
        size: pixels of the longer side at most; 0 keeps it.
        format: of the maps; ``same`` keeps that of each. ``dds`` and ``ktx2`` are block-compressed and hold mips.
        depth: bits of all maps; ``same`` keeps those of each, or the closest that the format holds.
        compression: codecs of ``dds`` and ``ktx2``: ``best`` is BC7 for color, ``small`` BC1, or BC3 with alpha.
        scene: what else is written: ``usd``, a plane in ``material.usda``; ``gltf``, a plane and a ball in
            ``material.glb``; ``both``; ``blend``, a Blender asset in ``material.blend``; or ``none``.
        template: name of an export template, or path of a TOML file; empty for none. It says names, packing,
            convention, format and depth; ``format``, ``depth`` and ``size`` go before it.
    """

    table: ClassVar = CONVERT

    normal: Convention = "gl"
    source_normal: Convention | Literal["auto"] = "auto"
    pack: Packing = "none"
    size: int = 0
    format: Format = "same"
    depth: Depth | Literal["same"] = "same"
    compression: Compression = "best"
    scene: Scene = "none"
    template: str = ""

    def __post_init__(self) -> None:
        """Check the values, and that they go together."""
        super().__post_init__()
        if self.template and self.pack != "none":
            raise MatshotError("A template says how channels are packed. Set Channel Packing to none, or leave it out.")
        if self.template and self.scene != "none":
            raise MatshotError("A scene needs Matshot's own files. Set Scene to none, or leave out the template.")
        if f".{self.format}" in COMPRESSED and self.depth != "same":
            raise MatshotError(f"{self.format.upper()} files have the depth of their codecs. Set Bit Depth to same.")
        if f".{self.format}" in COMPRESSED and self.scene not in ("none", "gltf"):
            raise MatshotError(
                f"USD and Blender do not read the normals of two numbers in {self.format.upper()}. "
                "Set Scene to gltf, or choose another format."
            )
        if self.template:
            load_template(self.template)


def convert(material: Material, options: ConvertOptions | None = None, *, progress: Listener | None = None) -> Material:
    """What of a conversion concerns the maps themselves: which there are, and their size.

    A packed map gets what shaders take where a map is missing: open, as rough as without a map, no metal. Without any
    map that it could hold, none is made.

    Args:
        material: of any maps.
        options: see :class:`ConvertOptions`.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        The material, whose ``parameters`` hold the options under ``converted`` beside how it was made.

    Raises:
        MatshotError: for a packed map that is none.
        Cancelled: when the listener says so.
    """
    chosen = options or ConvertOptions()
    part = Progress(progress)
    part(0.0, "shrinking")
    size = chosen.size or (load_template(chosen.template).size if chosen.template else 0)
    made = downsampled_material(material, size) if size else material
    part(0.6, "packing")
    made = _packed(made.unpacked()) if chosen.pack == "orm" else made.unpacked()
    same_size = (made.width, made.height) == (material.width, material.height)
    part(1.0)
    return replace(
        made,
        parameters={**made.parameters, "converted": asdict(chosen)},
        raw=raw_maps(material) if same_size else None,
    )


def save_converted(
    material: Material, folder: Path, options: ConvertOptions | None = None, original: Material | None = None
) -> Path:
    """Write what :func:`convert` made, in the convention, format and depth that the options name.

    Args:
        material: to write.
        folder: target.
        options: see :class:`ConvertOptions`.
        original: as :func:`~matshot.material.folder.save_material` takes it.

    Raises:
        MatshotError: when a map does not fit the format or the folder cannot be written.
    """
    chosen = options or ConvertOptions()
    suffix, depth, convention = stored_form(chosen)
    if chosen.template:
        template = load_template(chosen.template)
        return save_template(material, folder, template, suffix=suffix, depth=depth, compression=chosen.compression)
    check_scenes(chosen.scene, folder)
    if chosen.scene == "blend":
        blender_command()  # before the maps are written
    delivered(
        material, folder, suffix=suffix, depth=depth, convention=convention, original=original,
        compression=chosen.compression,
    )  # fmt: skip
    write_scenes(material, folder, chosen.scene)
    if chosen.scene == "blend":
        write_blend(material, folder)
    return folder


def stored_form(options: ConvertOptions) -> tuple[str | None, Depth | None, Convention]:
    """Suffix, depth and convention as :func:`~matshot.material.folder.save_material` takes them."""
    suffix = None if options.format == "same" else f".{options.format}"
    return suffix, None if options.depth == "same" else options.depth, options.normal


def form_notes(material: Material, options: ConvertOptions) -> tuple[str, ...]:
    """Sentences about what the files of :func:`save_converted` will not hold as the material does."""
    suffix, depth, convention = stored_form(options)
    if options.template:
        template = load_template(options.template)
        notes = template_plan(material, template, suffix, depth, options.compression)[1]
        if options.normal == "dx" and template.normal == "gl":
            notes.append(
                f"{template.title} takes OpenGL normals (+Y up); the template says so, whatever the convention."
            )
        return tuple(notes)
    stored = material_storage_notes(
        material, suffix=suffix, depth=depth, convention=convention, compression=options.compression
    )
    return (*stored, *scene_notes(material, options.scene))


def _packed(material: Material) -> Material:
    """With ``orm`` instead of the maps that it holds; at the place of the first of them."""
    taken = [kind for kind in material.maps if kind in _TAKEN_IN]
    if not taken:
        return material
    orm = pack_orm(material.with_maps({**material.maps, "roughness": roughness_map(material, taken[0])}))
    maps: dict[MapKind, Texture] = {}
    for kind, texture in material.maps.items():
        if kind == taken[0]:
            maps["orm"] = orm
        elif kind not in taken:
            maps[kind] = texture
    return material.with_maps(maps)


def convert_work(inputs: Sequence[Path], parameters: Mapping[str, Any]) -> ToolWork:
    """Work of ``convert`` on a material folder; arguments as :meth:`~matshot.tools.registry.ToolEntry.work`."""
    options = ConvertOptions(**parameters)
    material = load_material(inputs[0], normal=options.source_normal, size=options.size)

    def materials(progress: Listener, on_texture: OnTexture | None) -> Iterator[Material]:
        yield convert(material, options, progress=progress)

    return ToolWork(inputs[0], materials, form=options)
