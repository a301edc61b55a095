# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on whole materials: all maps together in place, maps of a texture, and folders into the asset library."""

import json
import os
from typing import Any, ClassVar

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty
from bpy.types import Context, Event, Image, Operator

from . import history, images, job_queue, parameters, storage, textures
from .blocks import named, reference, takes_material
from .job_operator import JobOperator, JobRequest
from .matshot_host.description import DESCRIPTION
from .matshot_host.errors import MatshotError
from .matshot_host.jobs import Job
from .matshot_host.tools import ADJUST, MULTIPLY, ONESHOT, STYLE, TILE
from .operators import ToolOperator, shown_material, start_job, tool_operator
from .results import DerivedMap, Destination, NewMaterial, ReplacedMaps, import_material

#: Parameters that links of a material answer.
_KNOWN = ("kind", "normal")


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
        known = _KNOWN if self.tool.has("kind") else ("width",)
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
        folder, sources = _material_folder(material, os.path.join(job.folder, "material"))
        inputs = [folder]
        if self.tool is STYLE:
            look = named("materials", self.style)
            if look is None:
                raise MatshotError(f"Unknown material '{self.style}'." if self.style else "Choose the look first.")
            inputs.append(_material_folder(look, os.path.join(job.folder, "look"))[0])
        handler = ReplacedMaps(reference("materials", material), sources, not output)
        return JobRequest(inputs, self.values(), output, handler)


def _material_folder(material: bpy.types.Material, folder: str) -> tuple[str, dict[str, Any]]:
    """A material's maps as a folder for the worker, and its images by map.

    Raises:
        MatshotError: when it has no maps, or one of them cannot be written or has tiles.
    """
    found = textures.maps(material)
    if not found:
        raise MatshotError(f"{material.name} has no connected image textures.")
    described = {}
    for kind, one in found.items():
        image = one.block()
        if image.source == "TILED":
            raise MatshotError(f"{image.name} has UDIM tiles, which only Upscale Material Textures supports.")
        place = os.path.join(folder, kind)
        os.makedirs(place, exist_ok=True)
        # Absolute, since images without changes stay where they are.
        described[kind] = {"file": images.file_of(image, place)}
        if kind == "normal":
            described[kind]["convention"] = "gl"
    with open(os.path.join(folder, DESCRIPTION), "w", encoding="utf-8") as stream:
        json.dump({"name": material.name, "maps": described}, stream)
    return folder, found


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
    return getattr(context, "edit_image", None) or getattr(context.space_data, "image", None)


def _material_with(context: Context, image: Image) -> bpy.types.Material | None:
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
        photographs = [name for name in names if os.path.splitext(name)[1].lower() in _PHOTOGRAPHS]
        if not materials and not photographs:
            self.report({"ERROR"}, f"{folder or 'The folder'} has neither photographs nor material folders.")
            return {"CANCELLED"}
        created = context.window_manager.matshot_created
        created.clear()
        for name in materials:
            try:
                outcome = import_material(context, os.path.join(folder, name), Destination(asset=True), True, 1.0)
            except MatshotError as error:
                self.report({"WARNING"}, error.sentence)
                continue
            for kind, block in outcome.created:
                one = created.add()
                one.name, one.kind = block, kind
        for name in photographs:
            keywords = {"photo": os.path.join(folder, name), "light": self.light, "assign": False, "asset": True}
            start_job(ONESHOT.name, getattr(self, "_interactive", False), keywords)
        self.report({"INFO"}, f"{len(materials)} materials imported, {len(photographs)} photographs started.")
        return {"FINISHED"}


_PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".exr", ".webp", ".bmp", ".tga", ".hdr")


class MATSHOT_OT_run_again(Operator):
    """Run a job again with other settings"""

    bl_idname = "matshot.run_again"
    bl_label = "Run Again"

    number: bpy.props.IntProperty(name="Number", description="Of the job. Default: the latest", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether a job is listed."""
        cls.poll_message_set("No job was run yet")
        return bool(history.entries())

    def execute(self, context: Context) -> set[str]:
        """Open the dialog of the job, or run it at once in a script."""
        entry = history.entry_of(self.number) if self.number else next(iter(history.entries()), None)
        if entry is None:
            self.report({"ERROR"}, f"Job {self.number} is not listed any more.")
            return {"CANCELLED"}
        how = "EXEC_DEFAULT" if bpy.app.background else "INVOKE_DEFAULT"
        operator = getattr(bpy.ops.matshot, entry.operator.partition(".")[2])
        answer = operator(how, **{name: value for name, value in entry.keywords.items() if name != "from_dialog"})
        return {"CANCELLED"} if answer == {"CANCELLED"} else {"FINISHED"}


class MATSHOT_OT_forget(Operator):
    """Take ended jobs off the list; what they made stays"""

    bl_idname = "matshot.forget"
    bl_label = "Clear List"

    def execute(self, context: Context) -> set[str]:
        """Clear the list."""
        for entry in history.entries():
            if entry.job.ended and entry.job not in job_queue.jobs().listing:
                history.remove(entry.job.number)
        history.redraw()
        return {"FINISHED"}


def _whole(tool: Any, label: str) -> type:
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
    MATSHOT_OT_derive,
    MATSHOT_OT_import_folder,
    MATSHOT_OT_run_again,
    MATSHOT_OT_forget,
)


def register() -> None:
    """Register the operators."""
    for operator in _CLASSES:
        bpy.utils.register_class(operator)


def unregister() -> None:
    """Unregister the operators."""
    for operator in reversed(_CLASSES):
        bpy.utils.unregister_class(operator)
