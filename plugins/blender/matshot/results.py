# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of jobs in the .blend file. Data-blocks are referenced by name and library, since undo replaces them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import bpy
from bpy.types import Context, Image, Material, Node, NodeSocket, Object

from . import color_spaces, nodes, storage, surface, textures
from .blocks import BlockReference, check_local, check_target, reference
from .images import stem
from .matshot_host.errors import MatshotError
from .matshot_host.graph import Image as ImageNode
from .matshot_host.graph import MaterialGraph, material_graph
from .matshot_host.jobs import Job, Result, discard_result
from .matshot_host.udim import normalized_path, tile_number

#: Property of an adjusted image with the image that it was adjusted from, which Blender keeps with it.
RAW_IMAGE = "matshot_raw"


class Outcome(NamedTuple):
    """What became of results.

    Attributes:
        summary: for the artist.
        created: collection in ``bpy.data`` and name of each new data-block, the most important first.
        built: the material, if one was built.
    """

    summary: str
    created: Sequence[tuple[str, str]]
    built: "BuiltMaterial | None" = None


class ResultHandler(Protocol):
    """Brings the results of a job into the .blend file."""

    def apply(self, context: Context, job: Job) -> Outcome:
        """Apply the results.

        Raises:
            MatshotError: when they cannot be applied.
        """


def discard(job: Job) -> None:
    """Delete the files of a job's results; other files in a material folder are kept."""
    for result in job.results:
        discard_result(result)


@dataclass(frozen=True)
class NewImages:
    """New images, shown in the editors that show their source.

    Attributes:
        source: the source image; None if it was a file.
        packed: whether they are packed into the .blend file.
    """

    source: BlockReference | None
    packed: bool

    def apply(self, context: Context, job: Job) -> Outcome:
        """See :class:`ResultHandler`."""
        source = self.source.block() if self.source is not None else None
        name = f"{stem(self.source.name)}_{job.tool}" if self.source is not None else ""
        if source is not None and source.source == "TILED":
            images = [storage.load_image([result.path for result in job.results], name, self.packed)]
        else:
            images = [storage.load_image([result.path], name or _name(result), self.packed) for result in job.results]
        if not images:
            raise MatshotError(f"{job.title} produced no output.")
        for image in images:
            if source is not None:
                storage.copy_color_settings(image, source)
            # Blender discards images without users when the file is closed.
            image.use_fake_user = True
        if source is not None:
            for space in _image_editors(context):
                if space.image == source:
                    space.image = images[0]
        # The size of the image itself would make Blender decode it now.
        first = job.results[0]
        summary = f"{job.title}: {', '.join(image.name for image in images)}, {first.width} x {first.height}."
        return Outcome(summary, [("images", image.name) for image in images])


class BuiltMaterial(NamedTuple):
    """A material as it was built, without data-blocks, which undo replaces.

    Attributes:
        material: the material.
        images: its images by map.
        graph: that it was built from.
        aspect: width of its maps divided by their height.
        target: object that got it; None for none.
        plane: whether that is a new plane.
    """

    material: BlockReference
    images: Mapping[str, BlockReference]
    graph: MaterialGraph
    aspect: float
    target: BlockReference | None
    plane: bool


class Destination(NamedTuple):
    """What gets a new material.

    Attributes:
        target: object; None for none.
        slot: index of its material slot; -1 for the active one.
        plane: whether a new plane gets the material instead.
        column: number of planes between the 3D cursor and the new one.
        unwrap: whether a mesh without a UV map gets one.
        asset: whether the material is marked as an asset.
    """

    target: BlockReference | None = None
    slot: int = -1
    plane: bool = False
    column: int = 0
    unwrap: bool = False
    asset: bool = False


@dataclass(frozen=True)
class NewMaterial:
    """A new material, assigned to an object, to a new plane or to nothing.

    Attributes:
        destination: of the material.
        packed: whether its images are packed into the .blend file.
    """

    destination: Destination
    packed: bool

    def apply(self, context: Context, job: Job) -> Outcome:
        """See :class:`ResultHandler`."""
        if not job.results:
            raise MatshotError(f"{job.title} produced no output.")
        result = job.results[0]
        outcome = import_material(context, result.path, self.destination, self.packed, result.width / result.height)
        return outcome._replace(summary=f"{job.title}: {outcome.summary}")


def import_material(
    context: Context, folder: str, destination: Destination, packed: bool, aspect: float = 0.0
) -> Outcome:
    """Create a material of a folder, in the right size for what it is assigned to.

    Args:
        context: for new objects.
        folder: with a ``material.json``.
        destination: of the material.
        packed: whether its images are packed into the .blend file.
        aspect: width of the maps divided by their height; 0 reads it from them.

    Raises:
        MatshotError: for a folder that is not a material, and an object that cannot get one.
    """
    graph = material_graph(folder)
    images: dict[str, Image] = {}
    for node in graph.images():
        images[node.name] = storage.load_image([node.file], f"{graph.name} {node.label}", packed)
        color_spaces.set_color_space(images[node.name], node)
    if not aspect:
        width, height = next(iter(images.values())).size
        aspect = width / height
    created: list[tuple[str, str]] = []
    target = destination.target.block() if destination.target is not None else None
    if destination.plane:
        width, height = graph.physical_size or (max(aspect, 1.0), max(aspect, 1.0) / aspect)
        target = surface.new_plane(context, graph.name, width, height, destination.column)
        created.append(("objects", target.name))
    notes = []
    if target is not None:
        check_target(target)
        if surface.needs_unwrap(target) and destination.unwrap:
            surface.unwrap(target.data)
            notes.append(f"{target.name} got a UV map")
        elif surface.needs_unwrap(target):
            notes.append(f"{target.name} has no UV map, so it shows a single color")
    elif destination.target is not None:
        notes.append(f"{destination.target.name} no longer exists")
    size = surface.uv_size(target)
    # A plane is as large as its material.
    tiling = (1.0, 1.0) if destination.plane else surface.tiling(graph, aspect, size)
    graph = graph._replace(mapping=graph.mapping._replace(tiling=tiling))
    scale = surface.height_scale(graph, target, size, tiling[0]) if graph.displacement is not None else 0.0
    material = nodes.build(graph, lambda node: images[node.name], scale)
    created.insert(0, ("materials", material.name))
    if destination.asset:
        mark_asset(material, os.path.join(folder, "preview.png"))
        notes.append("marked as an asset")
    if target is None:
        # Blender discards materials without users when the file is closed.
        material.use_fake_user = True
    else:
        _assign(material, target, destination.slot)
        nodes.show_all(context, material)
        notes.insert(0, f"assigned to {target.name}")
    built = BuiltMaterial(
        reference("materials", material),
        {name: reference("images", image) for name, image in images.items()},
        graph,
        aspect,
        reference("objects", target) if target is not None else None,
        destination.plane,
    )
    return Outcome(f"{', '.join([material.name, *notes])}.", created, built)


def mark_asset(material: Material, preview: str) -> None:
    """Mark a material as an asset, with a picture where there is one."""
    material.asset_mark()
    if os.path.isfile(preview):
        with bpy.context.temp_override(id=material):
            bpy.ops.ed.lib_id_load_custom_preview(filepath=preview)


def _assign(material: Material, target: Object, slot: int) -> None:
    if not target.material_slots:
        target.data.materials.append(material)
        return
    index = slot if 0 <= slot < len(target.material_slots) else target.active_material_index
    target.material_slots[index].material = material


@dataclass(frozen=True)
class FullSize:
    """The maps of a draft in full size, in place of the draft's; what an artist changed since is kept.

    Attributes:
        draft: that was built first.
        packed: whether the new images are packed into the .blend file.
    """

    draft: BuiltMaterial
    packed: bool

    def apply(self, context: Context, job: Job) -> Outcome:
        """See :class:`ResultHandler`."""
        if not job.results:
            raise MatshotError(f"{job.title} produced no output.")
        material = self.draft.material.block()
        if material is None:
            raise MatshotError(f"The material {self.draft.material.name} no longer exists, so its draft was kept.")
        check_local(material)
        result = job.results[0]
        graph = material_graph(result.path)
        replaced: dict[BlockReference, Image] = {}
        painted = []
        for node in graph.images():
            one = self.draft.images.get(node.name)
            old = one.block() if one is not None else None
            if one is None or old is None:
                continue
            if old.is_dirty:
                painted.append(old.name)
                continue
            replaced[one] = storage.load_image([node.file], f"{graph.name} {node.label}", self.packed)
            color_spaces.set_color_space(replaced[one], node)
        textures.replace(material, replaced)
        for one, image in replaced.items():
            old = one.block()
            if not old.users:
                name = old.name
                bpy.data.images.remove(old)
                image.name = name
        self._scale(material, graph, result.width / result.height)
        if material.asset_data is not None:
            mark_asset(material, os.path.join(result.path, "preview.png"))
        summary = f"{job.title}: {material.name}, {result.width} x {result.height}"
        summary += f"; kept what was painted on {', '.join(painted)}." if painted else "."
        return Outcome(summary, [("materials", material.name)])

    def _scale(self, material: Material, graph: MaterialGraph, aspect: float) -> None:
        """Change size and relief by as much as those of the maps differ from the draft's."""
        draft = self.draft
        target = draft.target.block() if draft.target is not None else None
        size = surface.uv_size(target)
        before = surface.tiling(draft.graph, draft.aspect, size)
        after = before if draft.plane else surface.tiling(graph, aspect, size)
        for node in material.node_tree.nodes:
            if node.type == "MAPPING" and node.label == "Tiling":
                scale = node.inputs["Scale"].default_value
                scale[0], scale[1] = (scale[axis] * after[axis] / before[axis] for axis in (0, 1))
            elif node.type == "DISPLACEMENT" and graph.displacement and draft.graph.displacement:
                old = surface.height_scale(draft.graph, target, size, before[0])
                new = surface.height_scale(graph, target, size, after[0])
                if old and new:
                    node.inputs["Scale"].default_value *= new / old


@dataclass(frozen=True)
class ReplacedTextures:
    """New images in the texture nodes of a material.

    Attributes:
        material: whose textures they are.
        sources: images by their file, which may contain ``<UDIM>``.
        packed: whether the new images are packed into the .blend file.
    """

    material: BlockReference
    sources: Mapping[str, tuple[BlockReference, ...]]
    packed: bool

    def apply(self, context: Context, job: Job) -> Outcome:
        """See :class:`ResultHandler`."""
        replaced: dict[BlockReference, Image] = {}
        for source, references in self.sources.items():
            paths = [result.path for result in job.results if _is_from(result, source)]
            for one in references if paths else ():
                old = one.block()
                if old is None:
                    continue
                replaced[one] = storage.load_image(sorted(paths), f"{stem(one.name)}_{job.tool}", self.packed)
                storage.copy_color_settings(replaced[one], old)
        return _replace(self.material, replaced, job, sum(map(len, self.sources.values())))


@dataclass(frozen=True)
class ReplacedMaps:
    """The maps of a material folder in the texture nodes of a material.

    Attributes:
        material: whose textures they are.
        sources: its images by map.
        raw: images that the new ones are adjusted from, by map, so that the next adjustment starts there too.
        packed: whether the new images are packed into the .blend file.
    """

    material: BlockReference
    sources: Mapping[str, BlockReference]
    raw: Mapping[str, BlockReference]
    packed: bool

    def apply(self, context: Context, job: Job) -> Outcome:
        """See :class:`ResultHandler`."""
        if not job.results:
            raise MatshotError(f"{job.title} produced no output.")
        maps = {image.name: image.file for image in material_graph(job.results[0].path).images()}
        replaced: dict[BlockReference, Image] = {}
        for kind, one in self.sources.items():
            old = one.block()
            if old is None or kind not in maps:
                continue
            replaced[one] = storage.load_image([maps[kind]], f"{stem(one.name)}_{job.tool}", self.packed)
            storage.copy_color_settings(replaced[one], old)
            if kind in self.raw:
                replaced[one][RAW_IMAGE] = self.raw[kind].block()
        return _replace(self.material, replaced, job, len(self.sources))


@dataclass(frozen=True)
class DerivedMap:
    """A map that was predicted from an image, as a node beside it.

    Attributes:
        material: in which the image is used; None for a new image only.
        source: the image.
        kind: ``normal`` or ``height``.
        packed: whether the new image is packed into the .blend file.
    """

    material: BlockReference | None
    source: BlockReference
    kind: str
    packed: bool

    def apply(self, context: Context, job: Job) -> Outcome:
        """See :class:`ResultHandler`."""
        if not job.results:
            raise MatshotError(f"{job.title} produced no output.")
        graph = material_graph(job.results[0].path)
        node = next((image for image in graph.images() if image.name == self.kind), None)
        if node is None:
            raise MatshotError(f"{job.title} produced no {self.kind} map.")
        image = storage.load_image([node.file], f"{stem(self.source.name)} {node.label}", self.packed)
        color_spaces.set_color_space(image, node)
        material = self.material.block() if self.material is not None else None
        source = self.source.block()
        used = [one for _, one in textures.image_nodes(material) if one.image == source] if material else []
        if used:
            _wire_map(used[0], image, node, graph)
        else:
            image.use_fake_user = True
        return Outcome(f"{job.title}: {image.name}.", [("images", image.name)])


def _wire_map(used: Node, image: Image, node: ImageNode, graph: MaterialGraph) -> None:
    """Connect a derived map below the node of its source."""
    tree = used.id_data
    created = tree.nodes.new("ShaderNodeTexImage")
    created.image, created.label, created.extension = image, node.label, used.extension
    created.location = used.location.x, used.location.y - 320.0
    for link in tree.links:
        if link.to_node == used:
            tree.links.new(link.from_socket, created.inputs["Vector"])
    principled = next((one for one in tree.nodes if one.type == "BSDF_PRINCIPLED"), None)
    output = next((one for one in tree.nodes if one.type == "OUTPUT_MATERIAL" and one.is_active_output), None)
    if node.name == "normal":
        helper = tree.nodes.new("ShaderNodeNormalMap")
        tree.links.new(created.outputs["Color"], helper.inputs["Color"])
        ends: tuple[NodeSocket | None, str] = (principled.inputs["Normal"] if principled else None, "Normal")
    else:
        helper = tree.nodes.new("ShaderNodeDisplacement")
        displacement = graph.displacement
        widths = displacement.widths if displacement is not None else None
        helper.inputs["Scale"].default_value = widths or nodes.UNKNOWN_SCALE
        tree.links.new(created.outputs["Color"], helper.inputs["Height"])
        ends = (output.inputs["Displacement"] if output else None, "Displacement")
    helper.location = created.location.x + 320.0, created.location.y
    if ends[0] is not None and not ends[0].is_linked:
        tree.links.new(helper.outputs[ends[1]], ends[0])


def _replace(material: BlockReference, replaced: Mapping[BlockReference, Image], job: Job, count: int) -> Outcome:
    """Put new images into the nodes of a material."""
    found = material.block()
    if found is None:
        raise MatshotError(f"The material {material.name} no longer exists, so its textures were not replaced.")
    check_local(found)
    textures.replace(found, replaced)
    created = [("images", image.name) for image in replaced.values()]
    return Outcome(f"{job.title}: replaced {len(replaced)} of {count} textures.", created)


def _name(result: Result) -> str:
    return os.path.splitext(os.path.basename(result.path))[0]


def _is_from(result: Result, source: str) -> bool:
    """Whether a result was made from a file or one of its tiles."""
    return normalized_path(result.source) == normalized_path(source) or bool(tile_number(result.source, source))


def _image_editors(context: Context) -> list:
    return [
        area.spaces.active
        for window in context.window_manager.windows
        for area in window.screen.areas
        if area.type == "IMAGE_EDITOR"
    ]
