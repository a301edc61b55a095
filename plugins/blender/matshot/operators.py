# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator for each tool of the tool table."""

import os
import re
from typing import Any, ClassVar

import bpy
import imbuf
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, IntProperty, StringProperty
from bpy.types import Context, Event, Image, Material, Object, Operator, OperatorFileListElement

from . import drop, history, images, job_queue, parameters, storage, surface, textures
from .blocks import BlockReference, check_local, check_target, named, reference
from .job_operator import JobOperator, JobRequest
from .matshot_host.errors import MatshotError
from .matshot_host.jobs import Job
from .matshot_host.tools import (
    MULTIPLY,
    ONESHOT,
    PHOTOGRAPH_SUFFIXES,
    STYLE,
    TILE,
    TWOSHOT,
    UPSCALE,
    Input,
    Tool,
)
from .preferences import preferences, show_findings
from .results import Destination, NewImages, NewMaterial, ReplacedTextures

#: Preferences that replace the defaults of parameters of the same name.
_PREFERRED = ("look", "device", "memory")

#: Longer side of a draft in pixels. A photograph of twice that or less is not worth one.
_DRAFT = 512

#: Properties of the file browser: pictures instead of names.
_BROWSER = ("filter_image", "filter_folder", "display_type")
#: Words in the names of photographs without and with flash.
_AMBIENT = re.compile(r"(?:^|[^a-z])(?:ambient|no[-_ ]?flash|off)(?:$|[^a-z])", re.IGNORECASE)
_FLASH = re.compile(r"(?:^|[^a-z])(?:flash|lit|on)(?:$|[^a-z])", re.IGNORECASE)


class ToolOperator(JobOperator):
    """An operator that runs a tool, with a property for each of its parameters."""

    tool: ClassVar[Tool]

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Open the dialog."""
        self._interactive = True
        job_queue.warm()
        for name in self.tool.accepted(dict.fromkeys(_PREFERRED)):
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(preferences(), name))
        return context.window_manager.invoke_props_dialog(self, width=380)

    def draw(self, context: Context) -> None:
        """Draw the dialog."""
        parameters.draw(self.layout, self, self.tool)

    def values(self, job: Job, size: tuple[int, int] = (0, 0)) -> dict[str, Any]:
        """Values of the tool's parameters.

        Args:
            job: whose folder gets guides and masks that have no file.
            size: width and height of what the tool works on; 0 where that is not known.
        """
        chosen = preferences()
        preferred = {name: getattr(chosen, name) for name in _PREFERRED}
        return parameters.values(self, self.tool, preferred, job.folder, size)

    def keywords(self) -> dict[str, Any]:
        """See base class."""
        return self.as_keywords()


class _ImageOperator(ToolOperator):
    """A tool for the image of the image editor, or one that a script names."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether the image editor shows a usable image."""
        reason = images.unusable(edited_image(context)) if context.area and context.area.type == "IMAGE_EDITOR" else ""
        cls.poll_message_set(reason)
        return not reason

    def draw(self, context: Context) -> None:
        """See base class."""
        self.layout.use_property_split = True
        for tool_input in self.tool.inputs[1:]:
            self.layout.prop_search(self, tool_input.name, bpy.data, "images", text=tool_input.title)
        super().draw(context)
        image = named("images", self.image) if self.image else edited_image(context)
        if self.tool is UPSCALE and image is not None and image.size[0]:
            width, height = (side * int(self.scale) for side in image.size)
            self.layout.label(text=f"Result: {width} x {height} px")

    def execute(self, context: Context) -> set[str]:
        """Start the job."""
        image = edited_image(context)
        name = self.image or (image.name if image is not None else "")
        return self.run(context, self.tool.name, f"{self.tool.title} {os.path.basename(name)}".strip())

    def request(self, context: Context, job: Job) -> JobRequest:
        """See base class."""
        output = storage.output_folder()
        first = edited_image(context) if not self.image else named("images", self.image)
        values = self.values(job, tuple(first.size) if first is not None else (0, 0))
        inputs: list[Any] = [_file(self.image, first, job)]
        if self.tool is UPSCALE:
            if first is not None and values["kind"] == "auto":
                inputs = [{"path": inputs[0], "kind": images.kind_of(first)}]
        elif first is not None and first.source == "TILED":
            raise MatshotError(f"{first.name} has UDIM tiles. {self.tool.title} needs a single image.")
        for tool_input in self.tool.inputs[1:]:
            name = getattr(self, tool_input.name)
            if not name:
                raise MatshotError(f"Choose the {tool_input.title.lower()} first.")
            inputs.append(_file(name, named("images", name), job))
        source = reference("images", first) if first is not None else None
        before = inputs[0]["path"] if isinstance(inputs[0], dict) else inputs[0]
        return JobRequest(inputs, values, output, NewImages(source, not output), before)


class _PhotographOperator(ToolOperator):
    """A tool that makes a material from photographs; missing ones are chosen in the file browser, one by one."""

    def invoke(self, context: Context, event: Event) -> set[str]:
        """See base class."""
        if self.filepath and not self.target:
            found = drop.below(context, event.mouse_x, event.mouse_y)
            if found.target is not None:
                self.target, self.slot = found.target.name, found.slot
        self._use_chosen_files()
        if self._missing() is not None:
            self._interactive = True
            chosen = next((getattr(self, one.name) for one in self.tool.inputs if getattr(self, one.name)), "")
            if chosen:
                # The other photograph is usually in the same folder.
                self.filepath = os.path.join(os.path.dirname(chosen), "")
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        try:
            target = self._target(context)
        except MatshotError as error:
            return self.fail(error)
        if not self.properties.is_property_set("plane"):
            self.plane = target is None
        return super().invoke(context, event)

    def draw(self, context: Context) -> None:
        """See base class."""
        missing = self._missing()
        if missing is not None:
            self.layout.label(text=missing.title, icon="IMAGE_DATA")
            self.layout.label(text=missing.help)
        self._draw_photographs()
        self.layout.use_property_split = True
        target = named("objects", self.target) if self.target else context.active_object
        if not self.plane and target is not None:
            slot = f", {target.material_slots[self.slot].name}" if 0 <= self.slot < len(target.material_slots) else ""
            self.layout.prop(self, "assign", text=f"Assign to {target.name}{slot}")
            if surface.needs_unwrap(target):
                self.layout.prop(self, "unwrap")
        self.layout.prop(self, "plane")
        self.layout.prop(self, "asset")
        super().draw(context)

    def execute(self, context: Context) -> set[str]:
        """Start the job, or ask for the next photograph; called for each one that was chosen."""
        self._use_chosen_files()
        more = [one.name for one in self.files if one.name]
        if self.pair and len(more) == 1 and len(self.tool.inputs) == 1:
            return self._run_pair(more[0])
        if self._interactive and self._missing() is not None:
            _call(self.tool.name, "INVOKE_DEFAULT", self.keywords())
            return {"CANCELLED"}
        name = os.path.basename(getattr(self, self.tool.inputs[0].name))
        answer = self.run(context, self.tool.name, f"{self.tool.title} {name}".strip())
        # The others become materials of their own: beside the object, or on planes in a row.
        keywords = self.keywords()
        for index, other in enumerate(more, start=1):
            more_keywords = {**keywords, self.tool.inputs[0].name: os.path.join(self.directory, other)}
            if self.plane:
                more_keywords.update(column=self.column + index)
            elif self.assign:
                more_keywords.update(assign=False)
            start_job(self.tool.name, self._interactive, more_keywords)
        return answer

    def request(self, context: Context, job: Job) -> JobRequest:
        """See base class."""
        missing = self._missing()
        if missing is not None:
            raise MatshotError(f"Choose the {missing.title.lower()} first.")
        target = self._target(context) if self.assign and not self.plane else None
        output = storage.output_folder()
        inputs = []
        for tool_input in self.tool.inputs:
            name = getattr(self, tool_input.name)
            inputs.append(_file(name, named("images", name), job))
        destination = Destination(
            reference("objects", target) if target is not None else None,
            self.slot,
            self.plane,
            self.column,
            self.unwrap,
            self.asset,
        )
        values = self.values(job)
        draft = None
        # What is written to the folder of the draft's job is gone with it.
        interactive = self._interactive or self.from_dialog
        if interactive and preferences().draft and not any(path.startswith(job.folder) for path in inputs):
            largest = max(max(_size(path)) for path in inputs)
            if min(largest, values["size"] or largest) > 2 * _DRAFT:
                draft = {**values, "size": _DRAFT}
        # The folder of a draft is gone when its textures are replaced.
        packed = not output or draft is not None
        return JobRequest(inputs, values, output, NewMaterial(destination, packed), inputs[0], draft)

    def keywords(self) -> dict[str, Any]:
        """See base class."""
        return self.as_keywords(ignore=("filepath", "filter_glob", "files", "directory", *_BROWSER))

    def _target(self, context: Context) -> Object | None:
        """The object that gets the material; None if no object is chosen.

        Raises:
            MatshotError: for an unknown object, and one that cannot get a material.
        """
        target = named("objects", self.target) if self.target else context.active_object
        if target is None and self.target:
            raise MatshotError(f"Unknown object '{self.target}'. Name an object of this file.")
        if target is not None and not self.target and target.type in ("CAMERA", "LIGHT", "EMPTY", "SPEAKER"):
            # One that happens to be active is no choice.
            return None
        if target is not None:
            check_target(target)
        return target

    def _run_pair(self, other: str) -> set[str]:
        """Start Two-Shot Material on a flash photograph and one without flash."""
        flash, ambient = _flash_first(self.photo, os.path.join(self.directory, other))
        keywords = {"flash": flash, "ambient": ambient, "target": self.target, "slot": self.slot, "assign": self.assign}
        keywords.update(plane=self.plane, unwrap=self.unwrap, asset=self.asset)
        start_job(TWOSHOT.name, self._interactive, keywords)
        return {"CANCELLED"} if self._interactive else {"FINISHED"}

    def _use_chosen_files(self) -> None:
        """Use files of the file browser, or dropped ones, as the missing photographs."""
        chosen = [os.path.join(self.directory, one.name) for one in self.files if one.name]
        chosen = chosen or ([self.filepath] if self.filepath else [])
        for tool_input in self.tool.inputs:
            if chosen and not getattr(self, tool_input.name):
                setattr(self, tool_input.name, chosen.pop(0))
        if self.filepath or len(self.files):
            if len(chosen) == 1 and len(self.tool.inputs) == 1 and not self.properties.is_property_set("pair"):
                self.pair = _is_pair(self.photo, chosen[0])
            self.filepath = ""
            self.files.clear()
            for path in chosen:
                self.files.add().name = os.path.basename(path)

    def _missing(self) -> Input | None:
        return next((one for one in self.tool.inputs if not getattr(self, one.name)), None)

    def _draw_photographs(self) -> None:
        """Draw pictures and names of the photographs."""
        paths = [getattr(self, one.name) for one in self.tool.inputs if getattr(self, one.name)]
        paths += [os.path.join(self.directory, one.name) for one in self.files]
        row = self.layout.row()
        for path in paths[:3]:
            column = row.column()
            icon = history.picture_of(path, path) if os.path.isfile(path) else 0
            if icon:
                column.template_icon(icon, scale=5)
            column.label(text=os.path.basename(path), icon="NONE" if icon else "IMAGE_DATA")
        if len(paths) > 3:
            row.label(text=f"and {len(paths) - 3} more")
        if len(self.files) == 1 and len(self.tool.inputs) == 1:
            self.layout.prop(self, "pair")


class _MaterialOperator(ToolOperator):
    """A tool for all textures of a material."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether the context has a material with textures."""
        material = _shown(context)
        reason = ""
        if context.area and context.area.type in ("NODE_EDITOR", "PROPERTIES"):
            if material is None:
                reason = "Select an object with a material first"
            elif material.library is not None:
                reason = f"{material.name} is linked from another file; make it local first"
            elif not textures.textures(material):
                reason = f"{material.name} has no image textures"
        cls.poll_message_set(reason)
        return not reason

    def draw(self, context: Context) -> None:
        """See base class."""
        parameters.draw(self.layout, self, self.tool, without=("kind", "normal"))

    def execute(self, context: Context) -> set[str]:
        """Start the job."""
        material = _shown(context)
        name = self.material or (material.name if material is not None else "")
        return self.run(context, self.tool.name, f"{self.tool.title} textures of {name}")

    def request(self, context: Context, job: Job) -> JobRequest:
        """See base class."""
        material = shown_material(context, self.material)
        kinds = textures.textures(material)
        if not kinds:
            raise MatshotError(f"{material.name} has no image textures.")
        output = storage.output_folder()
        inputs: dict[str, dict[str, str]] = {}
        sources: dict[str, tuple[BlockReference, ...]] = {}
        for one, kind in kinds.items():
            path = images.file_of(one.block(), job.folder)
            # Blender's Normal Map node expects +Y up.
            inputs.setdefault(path, {"path": path, "kind": kind, **({"normal": "gl"} if kind == "normal" else {})})
            sources[path] = (*sources.get(path, ()), one)
        values = self.values(job, max(tuple(one.block().size) for one in kinds))
        handler = ReplacedTextures(reference("materials", material), sources, not output)
        return JobRequest(list(inputs.values()), values, output, handler)


class MATSHOT_OT_test(JobOperator, Operator):
    """Check that Python, Matshot and the GPU are found"""

    bl_idname = "matshot.test"
    bl_label = "Test Matshot"

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Start the test."""
        self._interactive = True
        return self.execute(context)

    def execute(self, context: Context) -> set[str]:
        """Start the test."""
        try:
            return self.follow(context, job_queue.jobs().doctor())
        except MatshotError as error:
            return self.fail(error)

    def done(self, context: Context, job: Job) -> set[str]:
        """See base class."""
        show_findings(job.findings)
        job_queue.jobs().forget(job)
        wrong = [finding for finding in job.findings if finding["required"] and not finding["ok"]]
        for finding in wrong:
            self.report({"WARNING"}, f"{finding['subject']}: {finding['state']}. {finding['fix']}")
        if not wrong:
            self.report({"INFO"}, "Matshot is ready.")
        return {"FINISHED"}


def shown_material(context: Context, name: str = "") -> Material:
    """The local material of a name, or the one that the editor shows.

    Raises:
        MatshotError: without one, and for a linked one.
    """
    material = named("materials", name) if name else _shown(context)
    if material is None:
        raise MatshotError(f"Unknown material '{name}'." if name else "Select an object with a material first.")
    check_local(material)
    return material


def start_job(name: str, interactive: bool, keywords: dict[str, Any]) -> None:
    """Start another job: in the background of the user interface, or waiting for it in a script."""
    _call(name, "EXEC_DEFAULT", {**keywords, "from_dialog": interactive})


def _call(name: str, how: str, keywords: dict[str, Any]) -> None:
    getattr(bpy.ops.matshot, name)(how, **keywords)


def _is_pair(first: str, second: str) -> bool:
    """Whether the names of two photographs tell that one has flash and the other has not."""
    stems = [os.path.splitext(os.path.basename(path))[0] for path in (first, second)]
    return any(_AMBIENT.search(one) for one in stems) and not all(_AMBIENT.search(one) for one in stems)


def _flash_first(first: str, second: str) -> tuple[str, str]:
    """Two photographs, the one with flash first, by their names."""
    stem = os.path.splitext(os.path.basename(first))[0]
    return (second, first) if _AMBIENT.search(stem) and not _FLASH.fullmatch(stem) else (first, second)


def edited_image(context: Context) -> Image | None:
    """The image of the image editor."""
    return getattr(context, "edit_image", None) or getattr(context.space_data, "image", None)


def _shown(context: Context) -> Material | None:
    """The material of the shader editor or the properties editor, otherwise of the active object."""
    space = context.space_data
    shown = getattr(space, "id", None) if space is not None and space.type == "NODE_EDITOR" else None
    if isinstance(shown, Material):
        return shown
    material = getattr(context, "material", None)
    if material is None and context.active_object is not None:
        material = context.active_object.active_material
    return material


def _file(name: str, image: Image | None, job: Job) -> str:
    """File of an image, or the path itself."""
    if image is not None:
        return images.file_of(image, job.folder)
    if not name:
        raise MatshotError("Open an image first.")
    path = os.path.abspath(bpy.path.abspath(name))
    if not os.path.isfile(path):
        raise MatshotError(f"{name} is neither an image nor a file.")
    return path


def _size(path: str) -> tuple[int, int]:
    """Width and height of an image file; 0 for one that Blender cannot read."""
    try:
        buffer = imbuf.load(path)
    except OSError:
        return 0, 0
    width, height = buffer.size
    buffer.free()
    return width, height


def _text(name: str, help: str) -> Any:
    return StringProperty(name=name, description=help.rstrip("."), options={"SKIP_SAVE"})


def tool_operator(
    tool: Tool, base: type[ToolOperator], properties: dict[str, Any], idname: str = "", label: str = ""
) -> type:
    """Operator class of a tool, with a property for each parameter."""
    idname = idname or tool.name
    generated = {parameter.name: parameters.bpy_property(parameter) for parameter in tool.parameters}
    if tool is ONESHOT:
        # What does not tile shows its borders on every object that is larger than the photograph.
        seamless = tool.parameter("seamless")
        generated["seamless"] = parameters.bpy_property(seamless._replace(default="xy"))
    properties = {**properties, "from_dialog": BoolProperty(options={"HIDDEN", "SKIP_SAVE"})}
    return type(
        f"MATSHOT_OT_{idname}",
        (base, Operator),
        {
            "__annotations__": {**properties, **generated},
            "__doc__": tool.help,
            "__module__": __name__,
            "bl_idname": f"matshot.{idname}",
            "bl_label": label or tool.title,
            "bl_description": tool.help.rstrip("."),
            "bl_options": {"UNDO", "PRESET"},
            "tool": tool,
        },
    )


def _image_operator(tool: Tool) -> type:
    properties = {"image": _text("Image", "Name of an image, or a file path. Default: the image of the editor")}
    for tool_input in tool.inputs[1:]:
        properties[tool_input.name] = _text(tool_input.title, tool_input.help)
    return tool_operator(tool, _ImageOperator, properties)


#: Views of the file browser, with Blender's own numbers.
_DISPLAYS = (
    ("DEFAULT", "Default", "", 0),
    ("LIST", "List", "", 1),
    ("COLUMNS", "Columns", "", 2),
    ("THUMBNAIL", "Thumbnails", "", 3),
)


def _photograph_operator(tool: Tool) -> type:
    properties = {
        "filepath": StringProperty(subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"}),
        "filter_glob": StringProperty(default=";".join(f"*{one}" for one in PHOTOGRAPH_SUFFIXES), options={"HIDDEN"}),
        "filter_image": BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"}),
        "filter_folder": BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"}),
        "display_type": EnumProperty(items=_DISPLAYS, default="THUMBNAIL", options={"HIDDEN", "SKIP_SAVE"}),
        "files": CollectionProperty(type=OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"}),
        "directory": StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"}),
        "target": _text("Object", "Name of the object that gets the material. Default: the active object"),
        "slot": IntProperty(
            name="Material Slot", description="Index of the slot. Default: the active one", default=-1, min=-1,
            options={"SKIP_SAVE"},
        ),
        "assign": BoolProperty(name="Assign to Object", description="Assign the material to the object", default=True),
        "plane": BoolProperty(
            name="New Plane", description="Create a plane as large as the material and assign it to that",
            options={"SKIP_SAVE"},
        ),
        "column": IntProperty(options={"HIDDEN", "SKIP_SAVE"}),
        "unwrap": BoolProperty(
            name="Unwrap", description="Give a mesh without a UV map one, projected along the axes", default=True
        ),
        "asset": BoolProperty(name="Mark as Asset", description="Show the material in the asset browser"),
        "pair": BoolProperty(
            name="Flash and Ambient",
            description="One of the two photographs was taken with flash, the other without, of the same place",
            options={"SKIP_SAVE"},
        ),
    }  # fmt: skip
    for tool_input in tool.inputs:
        properties[tool_input.name] = StringProperty(
            name=tool_input.title,
            description=tool_input.help.rstrip("."),
            subtype="FILE_PATH",
            options={"HIDDEN", "SKIP_SAVE"},
        )
    return tool_operator(tool, _PhotographOperator, properties)


_CLASSES: tuple[type, ...] = (
    *(_image_operator(tool) for tool in (UPSCALE, MULTIPLY, TILE, STYLE)),
    *(_photograph_operator(tool) for tool in (ONESHOT, TWOSHOT)),
    tool_operator(
        UPSCALE,
        _MaterialOperator,
        {"material": _text("Material", "Name of the material. Default: the one in the editor")},
        "upscale_material",
        "Upscale Material Textures",
    ),
    MATSHOT_OT_test,
)


register, unregister = bpy.utils.register_classes_factory(_CLASSES)
