# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator for each tool of the tool table."""

import os
from typing import Any, ClassVar

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy.types import Context, Event, Image, Material, Operator

from . import drop, images, job_queue, parameters, storage, textures
from .job_operator import JobOperator, JobRequest
from .matshot_host.errors import MatshotError
from .matshot_host.jobs import Job
from .matshot_host.tools import MULTIPLY, ONESHOT, STYLE, TILE, TWOSHOT, UPSCALE, Input, Tool
from .preferences import preferences, show_findings
from .results import NewImages, NewMaterial, ReplacedTextures

#: Preferences that replace the defaults of parameters of the same name.
_PREFERRED = ("look", "device", "memory")

#: Suffixes that the file browser shows.
_PHOTOGRAPHS = "*.jpg;*.jpeg;*.png;*.tif;*.tiff;*.exr;*.webp;*.bmp;*.tga;*.hdr"


class _ToolOperator(JobOperator):
    """An operator that runs a tool, with a property for each of its parameters."""

    tool: ClassVar[Tool]

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Open the dialog."""
        self._interactive = True
        for name in self.tool.accepted(dict.fromkeys(_PREFERRED)):
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(preferences(), name))
        return context.window_manager.invoke_props_dialog(self, width=380)

    def draw(self, context: Context) -> None:
        """Draw the dialog."""
        parameters.draw(self.layout, self, self.tool)

    def values(self) -> dict[str, Any]:
        """Values of the tool's parameters."""
        chosen = preferences()
        return parameters.values(self, self.tool, {name: getattr(chosen, name) for name in _PREFERRED})


class _ImageOperator(_ToolOperator):
    """A tool for the image of the image editor, or one that a script names."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether the image editor shows a usable image."""
        reason = images.unusable(_edited(context)) if context.area and context.area.type == "IMAGE_EDITOR" else ""
        cls.poll_message_set(reason)
        return not reason

    def draw(self, context: Context) -> None:
        """See base class."""
        self.layout.use_property_split = True
        for tool_input in self.tool.inputs[1:]:
            self.layout.prop_search(self, tool_input.name, bpy.data, "images", text=tool_input.title)
        super().draw(context)

    def execute(self, context: Context) -> set[str]:
        """Start the job."""
        image = _edited(context)
        name = self.image or (image.name if image is not None else "")
        return self.run(context, self.tool.name, f"{self.tool.title} {os.path.basename(name)}".strip())

    def request(self, context: Context, job: Job) -> JobRequest:
        """See base class."""
        output = storage.output_folder()
        first = _edited(context) if not self.image else bpy.data.images.get(self.image)
        values = self.values()
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
            inputs.append(_file(name, bpy.data.images.get(name), job))
        return JobRequest(inputs, values, output, NewImages(first.name if first is not None else "", not output))


class _PhotographOperator(_ToolOperator):
    """A tool that makes a material from photographs; missing ones are chosen in the file browser, one by one."""

    def invoke(self, context: Context, event: Event) -> set[str]:
        """See base class."""
        if self.filepath and not self.target:
            self.target = drop.object_below(context, event)
        self._use_chosen_file()
        if self._missing() is None:
            return super().invoke(context, event)
        self._interactive = True
        chosen = next((getattr(self, one.name) for one in self.tool.inputs if getattr(self, one.name)), "")
        if chosen:
            # The other photograph is usually in the same folder.
            self.filepath = os.path.join(os.path.dirname(chosen), "")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: Context) -> None:
        """See base class."""
        missing = self._missing()
        if missing is not None:
            self.layout.label(text=missing.title, icon="IMAGE_DATA")
            self.layout.label(text=missing.help)
        self.layout.use_property_split = True
        self.layout.prop(self, "assign")
        super().draw(context)

    def execute(self, context: Context) -> set[str]:
        """Start the job, or ask for the next photograph; called for each one that was chosen."""
        self._use_chosen_file()
        if self._interactive and self._missing() is not None:
            operator = getattr(bpy.ops.matshot, self.tool.name)
            operator("INVOKE_DEFAULT", **self.as_keywords(ignore=("filepath", "filter_glob")))
            return {"CANCELLED"}
        name = os.path.basename(getattr(self, self.tool.inputs[0].name))
        return self.run(context, self.tool.name, f"{self.tool.title} {name}".strip())

    def request(self, context: Context, job: Job) -> JobRequest:
        """See base class."""
        missing = self._missing()
        if missing is not None:
            raise MatshotError(f"Choose the {missing.title.lower()} first.")
        output = storage.output_folder()
        inputs = []
        for tool_input in self.tool.inputs:
            name = getattr(self, tool_input.name)
            inputs.append(_file(name, bpy.data.images.get(name), job))
        target = bpy.data.objects.get(self.target) or context.active_object
        return JobRequest(
            inputs, self.values(), output, NewMaterial(target.name if target and self.assign else "", not output)
        )

    def _use_chosen_file(self) -> None:
        """Use the file of the file browser, or a dropped one, as the missing photograph."""
        missing = self._missing()
        if self.filepath and missing is not None:
            setattr(self, missing.name, self.filepath)
            self.filepath = ""

    def _missing(self) -> Input | None:
        return next((one for one in self.tool.inputs if not getattr(self, one.name)), None)


class _MaterialOperator(_ToolOperator):
    """A tool for all textures of a material."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether the context has a material with textures."""
        material = _shown(context)
        reason = ""
        if context.area and context.area.type in ("NODE_EDITOR", "PROPERTIES"):
            if material is None:
                reason = "Select an object with a material first"
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
        material = bpy.data.materials.get(self.material) if self.material else _shown(context)
        if material is None:
            raise MatshotError(
                f"Unknown material '{self.material}'." if self.material else "Select an object with a material first."
            )
        kinds = textures.textures(material)
        if not kinds:
            raise MatshotError(f"{material.name} has no image textures.")
        output = storage.output_folder()
        inputs: dict[str, dict[str, str]] = {}
        sources: dict[str, tuple[str, ...]] = {}
        for name, kind in kinds.items():
            path = images.file_of(bpy.data.images[name], job.folder)
            # Blender's Normal Map node expects +Y up.
            inputs.setdefault(path, {"path": path, "kind": kind, **({"normal": "gl"} if kind == "normal" else {})})
            sources[path] = (*sources.get(path, ()), name)
        return JobRequest(
            list(inputs.values()), self.values(), output, ReplacedTextures(material.name, sources, not output)
        )


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


def _edited(context: Context) -> Image | None:
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


def _text(name: str, help: str) -> Any:
    return StringProperty(name=name, description=help.rstrip("."), options={"SKIP_SAVE"})


def _operator(
    tool: Tool, base: type[_ToolOperator], properties: dict[str, Any], idname: str = "", label: str = ""
) -> type:
    """Operator class of a tool, with a property for each parameter."""
    idname = idname or tool.name
    generated = {parameter.name: parameters.bpy_property(parameter) for parameter in tool.parameters}
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
            "bl_options": {"UNDO"},
            "tool": tool,
        },
    )


def _image_operator(tool: Tool) -> type:
    properties = {"image": _text("Image", "Name of an image, or a file path. Default: the image of the editor")}
    for tool_input in tool.inputs[1:]:
        properties[tool_input.name] = _text(tool_input.title, tool_input.help)
    return _operator(tool, _ImageOperator, properties)


def _photograph_operator(tool: Tool) -> type:
    properties = {
        "filepath": StringProperty(subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"}),
        "filter_glob": StringProperty(default=_PHOTOGRAPHS, options={"HIDDEN"}),
        "target": _text("Object", "Name of the object that gets the material. Default: the active object"),
        "assign": BoolProperty(name="Assign to Object", description="Assign the material to the object", default=True),
    }
    for tool_input in tool.inputs:
        properties[tool_input.name] = StringProperty(
            name=tool_input.title,
            description=tool_input.help.rstrip("."),
            subtype="FILE_PATH",
            options={"HIDDEN", "SKIP_SAVE"},
        )
    return _operator(tool, _PhotographOperator, properties)


_CLASSES: tuple[type, ...] = (
    *(_image_operator(tool) for tool in (UPSCALE, MULTIPLY, TILE, STYLE)),
    *(_photograph_operator(tool) for tool in (ONESHOT, TWOSHOT)),
    _operator(
        UPSCALE,
        _MaterialOperator,
        {"material": _text("Material", "Name of the material. Default: the one in the editor")},
        "upscale_material",
        "Upscale Material Textures",
    ),
    MATSHOT_OT_test,
)


def register() -> None:
    """Register the operators."""
    for operator in _CLASSES:
        bpy.utils.register_class(operator)


def unregister() -> None:
    """Unregister the operators."""
    for operator in reversed(_CLASSES):
        bpy.utils.unregister_class(operator)
