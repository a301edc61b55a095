# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on whole materials: all maps together in place, maps of a texture, and folders into the asset library."""

import json
import os
from collections.abc import Mapping
from typing import Any, ClassVar

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty
from bpy.types import Context, Event, Image, Material, Node, Operator

from . import images, parameters, review, storage, textures
from .blocks import BlockReference, named, reference, takes_material
from .job_operator import JobOperator, JobRequest
from .matshot_host.description import DESCRIPTION
from .matshot_host.errors import MatshotError
from .matshot_host.graph import PACKED_MAPS
from .matshot_host.jobs import Job
from .matshot_host.tools import ADJUST, MULTIPLY, ONESHOT, PHOTOGRAPH_SUFFIXES, STYLE, TILE, Tool
from .operators import ToolOperator, edited_image, shown_material, start_job, tool_operator
from .results import RAW_IMAGE, DerivedMap, Destination, NewMaterial, ReplacedMaps, import_material

#: Parameters that links of a material answer, and the number of results, which is 1 in place.
_KNOWN = ("kind", "normal", "count")
#: Options of properties that change what is there: a remembered value would change it again at the next click.
_FACTOR = {"SKIP_SAVE"}


class _WholeMaterialOperator(ToolOperator):
    """A tool for all maps of a material together, so that they stay aligned."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether the context has a local material with maps."""
        if context.area is None or context.area.type not in ("NODE_EDITOR", "PROPERTIES", "VIEW_3D"):
            return True
        try:
            reason = "" if textures.maps(shown_material(context)) else "The material has no connected image textures"
        except MatshotError as error:
            reason = error.sentence.rstrip(".")
        cls.poll_message_set(reason)
        return not reason

    def draw(self, context: Context) -> None:
        """Draw the dialog."""
        self.layout.use_property_split = True
        if self.tool is STYLE:
            self.layout.prop_search(self, "style", bpy.data, "materials", text="Look")
        # The width of a material is in its Mapping node, which Adjust Size and Relief changes.
        known = ("width",) if self.tool is ADJUST else _KNOWN
        parameters.draw(self.layout, self, self.tool, without=known)

    def execute(self, context: Context) -> set[str]:
        """Start the job."""
        try:
            name = shown_material(context, self.material).name
        except MatshotError as error:
            return self.fail(error)
        return self.run(context, self.tool.name, f"{self.tool.title} {name}")

    def request(self, context: Context, job: Job) -> JobRequest:
        """See base class."""
        material = shown_material(context, self.material)
        output = storage.output_folder()
        sources = textures.maps(material)
        sizes = [tuple(one.block().size) for one in sources.values()]
        values = self.values(job, max(sizes, default=(0, 0)))
        if values.get("count", 1) > 1:
            raise MatshotError(f"{self.bl_label} changes one material. Count must be 1, got {values['count']}.")
        used = _raw_images(sources) if self.tool is ADJUST else sources
        folder = _material_folder(material, used, os.path.join(job.folder, "material"), used != sources)
        inputs = [folder]
        if self.tool is STYLE:
            look = named("materials", self.style)
            if look is None:
                raise MatshotError(f"Unknown material '{self.style}'." if self.style else "Choose the look first.")
            inputs.append(_material_folder(look, textures.maps(look), os.path.join(job.folder, "look")))
        raw = used if self.tool is ADJUST else {}
        return JobRequest(
            inputs, values, output, ReplacedMaps(reference("materials", material), sources, raw, not output)
        )


def _raw_images(sources: Mapping[str, BlockReference]) -> dict[str, BlockReference]:
    """Images from which maps were adjusted, by map; a map that was not adjusted, or painted since, is its own."""
    found = {}
    for kind, source in sources.items():
        image = source.block()
        raw = None if image.is_dirty else image.get(RAW_IMAGE)
        found[kind] = source if raw is None else reference("images", raw)
    return found


def _material_folder(material: Material, maps: Mapping[str, BlockReference], folder: str, raw: bool = False) -> str:
    """A material's maps as a folder for the worker.

    Args:
        material: whose maps they are.
        maps: image of each map.
        folder: to create.
        raw: whether they are the maps as captured.

    Raises:
        MatshotError: when there are no maps, or one of them cannot be written or has tiles.
    """
    if not maps:
        raise MatshotError(f"{material.name} has no connected image textures.")
    description: dict[str, Any] = {"name": material.name, "maps": {}}
    for kind, one in maps.items():
        image = one.block()
        if image.source == "TILED":
            raise MatshotError(f"{image.name} has UDIM tiles, which only Upscale Material Textures supports.")
        place = os.path.join(folder, kind)
        os.makedirs(place, exist_ok=True)
        # Absolute, since images without changes stay where they are.
        description["maps"][kind] = {"file": images.file_of(image, place)}
        if kind == "normal":
            description["maps"][kind]["convention"] = "gl"
    if raw:
        description["raw"] = {"maps": [part for kind in maps for part in (PACKED_MAPS if kind == "orm" else (kind,))]}
    images.write(os.path.join(folder, DESCRIPTION), json.dumps(description).encode())
    return folder


class MATSHOT_OT_derive(JobOperator, Operator):
    """Predict normals, height or a whole material from a texture"""

    bl_idname = "matshot.derive"
    bl_label = "Predict Maps"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    image: StringProperty(name="Image", description="Name of an image. Default: the one that is selected or shown")
    map: EnumProperty(
        name="Map",
        description="What is predicted",
        items=(
            ("normal", "Normal", "A normal map, connected to the material if the texture is used in one"),
            ("height", "Height", "A height map, connected as displacement if the texture is used in a material"),
            ("material", "Material", "A new material with all maps, on the active object"),
        ),
    )
    from_dialog: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether a texture is selected or shown."""
        reason = images.unusable(_texture(context)) if context.area is not None and not bpy.app.background else ""
        cls.poll_message_set("Select an Image Texture node or open an image" if reason else "")
        return not reason

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Start the job."""
        self._interactive = True
        return self.execute(context)

    def execute(self, context: Context) -> set[str]:
        """Start the job."""
        image = named("images", self.image) if self.image else _texture(context)
        name = image.name if image is not None else self.image
        return self.run(context, ONESHOT.name, f"{self.map.title()} of {name}".strip())

    def request(self, context: Context, job: Job) -> JobRequest:
        """See base class."""
        image = named("images", self.image) if self.image else _texture(context)
        if image is None:
            raise MatshotError(f"Unknown image '{self.image}'." if self.image else "Open an image first.")
        output = storage.output_folder()
        path = images.file_of(image, job.folder)
        source = reference("images", image)
        if self.map == "material":
            target = context.active_object
            usable = target is not None and takes_material(target)
            handler: Any = NewMaterial(Destination(reference("objects", target) if usable else None), not output)
        else:
            material = _material_with(context, image)
            handler = DerivedMap(reference("materials", material) if material else None, source, self.map, not output)
        return JobRequest([path], ONESHOT.check({"light": "even"}), output, handler, path)

    def keywords(self) -> dict[str, Any]:
        """See base class."""
        return self.as_keywords()


def _texture(context: Context) -> Image | None:
    """The image of the selected Image Texture node, or the open one."""
    node = getattr(context, "active_node", None)
    if node is not None and node.type == "TEX_IMAGE":
        return node.image
    return edited_image(context)


def _material_with(context: Context, image: Image) -> Material | None:
    """The local material that uses an image: the one that is shown, otherwise the first."""
    try:
        shown = [shown_material(context)]
    except MatshotError:
        shown = []
    for material in [*shown, *bpy.data.materials]:
        if material.library is None and any(node.image == image for _, node in textures.image_nodes(material)):
            return material
    return None


class MATSHOT_OT_import_folder(Operator):
    """Import a folder of photographs and materials as assets with previews"""

    bl_idname = "matshot.import_folder"
    bl_label = "Folder to Asset Library"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    directory: StringProperty(name="Folder", subtype="DIR_PATH", options={"SKIP_SAVE"})
    light: parameters.bpy_property(ONESHOT.parameter("light"))

    _interactive = False

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Choose the folder."""
        self._interactive = True
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Context) -> set[str]:
        """Import material folders now, and start a job for each photograph."""
        folder = os.path.abspath(bpy.path.abspath(self.directory))
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        materials = [name for name in names if os.path.isfile(os.path.join(folder, name, DESCRIPTION))]
        photographs = [name for name in names if os.path.splitext(name)[1].lower() in PHOTOGRAPH_SUFFIXES]
        if not materials and not photographs:
            self.report({"ERROR"}, f"{folder or 'The folder'} has neither photographs nor material folders.")
            return {"CANCELLED"}
        created: list[tuple[str, str]] = []
        imported = started = 0
        for name in materials:
            try:
                outcome = import_material(context, os.path.join(folder, name), Destination(asset=True), True)
            except MatshotError as error:
                self.report({"WARNING"}, error.sentence)
                continue
            imported += 1
            created += outcome.created
        for name in photographs:
            keywords = {"photo": os.path.join(folder, name), "light": self.light, "assign": False, "asset": True}
            try:
                start_job(ONESHOT.name, self._interactive, keywords)
            except RuntimeError as error:
                # A script waits for each job, and one that fails does not end the others.
                self.report({"WARNING"}, str(error).strip().removeprefix("Error: "))
                continue
            started += 1
            if not self._interactive:
                created += [(one.kind, one.name) for one in context.window_manager.matshot_created]
        review.list_created(context, created)
        self.report({"INFO"}, f"Material folders imported: {imported}. Photographs started: {started}.")
        return {"FINISHED"}


class MATSHOT_OT_adjust_mapping(Operator):
    """Change the size of the texture and the displacement of the active material"""

    bl_idname = "matshot.adjust_mapping"
    bl_label = "Adjust Size and Relief"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    size: FloatProperty(
        name="Size", description="Factor on the size of the texture", default=1, min=0.01, soft_max=10, options=_FACTOR
    )
    rotation: FloatProperty(name="Rotation", description="Rotation of the texture", subtype="ANGLE", options=_FACTOR)
    relief: FloatProperty(
        name="Relief", description="Factor on the displacement", default=1, min=0, soft_max=4, options=_FACTOR
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether the active material was made by Matshot."""
        cls.poll_message_set("Select an object with a material of Matshot")
        return _mapping_of(context) is not None

    def execute(self, context: Context) -> set[str]:
        """Change the nodes."""
        mapping = _mapping_of(context)
        assert mapping is not None
        scale = mapping.inputs["Scale"].default_value
        mapping.inputs["Scale"].default_value = (scale[0] / self.size, scale[1] / self.size, scale[2])
        mapping.inputs["Rotation"].default_value[2] += self.rotation
        for node in context.active_object.active_material.node_tree.nodes:
            if node.type == "DISPLACEMENT":
                node.inputs["Scale"].default_value *= self.relief
        return {"FINISHED"}


def _mapping_of(context: Context) -> Node | None:
    """The mapping node of the active object's material, if Matshot built it."""
    material = getattr(context.active_object, "active_material", None) if context.active_object else None
    if material is None or material.library is not None or material.node_tree is None:
        return None
    return next((node for node in material.node_tree.nodes if node.type == "MAPPING" and node.label == "Tiling"), None)


def _whole(tool: Tool, label: str) -> type:
    text = StringProperty(name="Material", description="Name of the material. Default: the one in the editor")
    properties = {"material": text}
    if tool is STYLE:
        properties["style"] = StringProperty(name="Look", description="Name of the material whose look is applied")
    return tool_operator(tool, _WholeMaterialOperator, properties, f"{tool.name}_material", label)


_CLASSES: tuple[type, ...] = (
    _whole(TILE, "Make Material Seamless"),
    _whole(MULTIPLY, "Multiply Material"),
    _whole(STYLE, "Style Material"),
    _whole(ADJUST, "Adjust Maps"),
    MATSHOT_OT_adjust_mapping,
    MATSHOT_OT_derive,
    MATSHOT_OT_import_folder,
)


register, unregister = bpy.utils.register_classes_factory(_CLASSES)
