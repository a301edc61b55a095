# SPDX-License-Identifier: GPL-3.0-or-later
"""One operator for each tool of the table."""

import os
from typing import Any, ClassVar

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy.types import Context, Event, Image, Material, Operator

from . import drop, images, parameters, session, storage, textures
from .matshot_host.errors import MatshotError
from .matshot_host.jobs import Job
from .matshot_host.tools import MULTIPLY, ONESHOT, STYLE, TILE, TWOSHOT, UPSCALE, Input, Tool
from .outcomes import NewMaterial, Pictures, Replaced
from .preferences import preferences, show_findings
from .running import Follows, Order

#: Preferences that stand for parameters which nobody set, by the name of both.
_PREFERRED = ("look", "device", "memory")

_PHOTOGRAPHS = "*.jpg;*.jpeg;*.png;*.tif;*.tiff;*.exr;*.webp;*.bmp;*.tga;*.hdr"


class _Runs(Follows):
    """An operator that runs a tool of the table, with a property for each of its parameters."""

    tool: ClassVar[Tool]

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Called by Blender for what is chosen in its interface."""
        self._interactive = True
        for name in self.tool.accepted(dict.fromkeys(_PREFERRED)):
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(preferences(), name))
        return context.window_manager.invoke_props_dialog(self, width=380)

    def draw(self, context: Context) -> None:
        """Called by Blender for the dialog."""
        parameters.draw(self.layout, self, self.tool)

    def values(self) -> dict[str, Any]:
        """What the tool is called with."""
        chosen = preferences()
        return parameters.values(self, self.tool, {name: getattr(chosen, name) for name in _PREFERRED})


class _OnImage(_Runs):
    """A tool on the image of the image editor, or on one that a script names."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether there is an image, where it comes from the editor."""
        reason = images.unusable(_edited(context)) if context.area and context.area.type == "IMAGE_EDITOR" else ""
        cls.poll_message_set(reason)
        return not reason

    def draw(self, context: Context) -> None:
        """See base class."""
        self.layout.use_property_split = True
        for asked in self.tool.inputs[1:]:
            self.layout.prop_search(self, asked.name, bpy.data, "images", text=asked.title)
        super().draw(context)

    def execute(self, context: Context) -> set[str]:
        """Called by Blender."""
        image = _edited(context)
        name = self.image or (image.name if image is not None else "")
        return self.run(context, self.tool.name, f"{self.tool.title} {os.path.basename(name)}".strip())

    def order(self, context: Context, job: Job) -> Order:
        """See base class."""
        output = storage.output_folder()
        first = _edited(context) if not self.image else bpy.data.images.get(self.image)
        values = self.values()
        inputs: list[Any] = [_file(self.image, first, job)]
        if self.tool is UPSCALE:
            if first is not None and values["kind"] == "auto":
                inputs = [{"path": inputs[0], "kind": images.kind_of(first)}]
        elif first is not None and first.source == "TILED":
            raise MatshotError(f"{first.name} has UDIM tiles; {self.tool.title} takes a single image.")
        for asked in self.tool.inputs[1:]:
            name = getattr(self, asked.name)
            if not name:
                raise MatshotError(f"Choose the other image: {asked.help}")
            inputs.append(_file(name, bpy.data.images.get(name), job))
        return Order(inputs, values, output, Pictures(first.name if first is not None else "", not output))


class _OnPhotographs(_Runs):
    """A tool that makes a material of photographs; the file browser asks for those that are missing, one by one."""

    def invoke(self, context: Context, event: Event) -> set[str]:
        """See base class."""
        if self.filepath and not self.target:
            self.target = drop.object_below(context, event)
        self._take_picked()
        if self._missing() is None:
            return super().invoke(context, event)
        self._interactive = True
        picked = next((getattr(self, asked.name) for asked in self.tool.inputs if getattr(self, asked.name)), "")
        if picked:
            # The other photograph mostly lies beside it.
            self.filepath = os.path.join(os.path.dirname(picked), "")
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
        """Called by Blender, for each photograph that was picked."""
        self._take_picked()
        if self._interactive and self._missing() is not None:
            asked = getattr(bpy.ops.matshot, self.tool.name)
            asked("INVOKE_DEFAULT", **self.as_keywords(ignore=("filepath", "filter_glob")))
            return {"CANCELLED"}
        name = os.path.basename(getattr(self, self.tool.inputs[0].name))
        return self.run(context, self.tool.name, f"{self.tool.title} {name}".strip())

    def order(self, context: Context, job: Job) -> Order:
        """See base class."""
        missing = self._missing()
        if missing is not None:
            raise MatshotError(f"Choose the {missing.title.lower()}.")
        output = storage.output_folder()
        inputs = []
        for asked in self.tool.inputs:
            name = getattr(self, asked.name)
            inputs.append(_file(name, bpy.data.images.get(name), job))
        target = bpy.data.objects.get(self.target) or context.active_object
        return Order(
            inputs, self.values(), output, NewMaterial(target.name if target and self.assign else "", not output)
        )

    def _take_picked(self) -> None:
        """Take the file of the file browser, or one that was dropped, as the photograph that is missing."""
        missing = self._missing()
        if self.filepath and missing is not None:
            setattr(self, missing.name, self.filepath)
            self.filepath = ""

    def _missing(self) -> Input | None:
        return next((asked for asked in self.tool.inputs if not getattr(self, asked.name)), None)


class _OnTextures(_Runs):
    """A tool on all textures of a material."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether there is a material, where it comes from the context."""
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
        """Called by Blender."""
        material = _shown(context)
        name = self.material or (material.name if material is not None else "")
        return self.run(context, self.tool.name, f"{self.tool.title} textures of {name}")

    def order(self, context: Context, job: Job) -> Order:
        """See base class."""
        material = bpy.data.materials.get(self.material) if self.material else _shown(context)
        if material is None:
            raise MatshotError(
                f"There is no material {self.material}." if self.material else "Choose a material first."
            )
        kinds = textures.textures(material)
        if not kinds:
            raise MatshotError(f"{material.name} has no image textures.")
        output = storage.output_folder()
        inputs: dict[str, dict[str, str]] = {}
        sources: dict[str, tuple[str, ...]] = {}
        for name, kind in kinds.items():
            path = images.file_of(bpy.data.images[name], job.folder)
            # Blender's Normal Map node takes +Y up.
            inputs.setdefault(path, {"path": path, "kind": kind, **({"normal": "gl"} if kind == "normal" else {})})
            sources[path] = (*sources.get(path, ()), name)
        return Order(list(inputs.values()), self.values(), output, Replaced(material.name, sources, not output))


class MATSHOT_OT_test(Follows, Operator):
    """Start the worker and look at what it finds"""

    bl_idname = "matshot.test"
    bl_label = "Test"

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Called by Blender."""
        self._interactive = True
        return self.execute(context)

    def execute(self, context: Context) -> set[str]:
        """Called by Blender."""
        try:
            return self.follow(context, session.jobs().doctor())
        except MatshotError as error:
            return self.fail(error)

    def done(self, context: Context, job: Job) -> set[str]:
        """See base class."""
        show_findings(job.findings)
        session.jobs().forget(job)
        wrong = [finding for finding in job.findings if finding["required"] and not finding["ok"]]
        for finding in wrong:
            self.report({"WARNING"}, f"{finding['subject']}: {finding['state']}. {finding['fix']}")
        if not wrong:
            self.report({"INFO"}, "Matshot works.")
        return {"FINISHED"}


def _edited(context: Context) -> Image | None:
    """The image that the image editor shows."""
    return getattr(context, "edit_image", None) or getattr(context.space_data, "image", None)


def _shown(context: Context) -> Material | None:
    """The material that the shader editor or the properties editor shows, else the active object's."""
    space = context.space_data
    shown = getattr(space, "id", None) if space is not None and space.type == "NODE_EDITOR" else None
    if isinstance(shown, Material):
        return shown
    material = getattr(context, "material", None)
    if material is None and context.active_object is not None:
        material = context.active_object.active_material
    return material


def _file(name: str, image: Image | None, job: Job) -> str:
    """File of an image data-block, or the file of that name."""
    if image is not None:
        return images.file_of(image, job.folder)
    if not name:
        raise MatshotError("Open an image first.")
    path = os.path.abspath(bpy.path.abspath(name))
    if not os.path.isfile(path):
        raise MatshotError(f"There is no image and no file {name}.")
    return path


def _text(name: str, help: str) -> Any:
    return StringProperty(name=name, description=help.rstrip("."), options={"SKIP_SAVE"})


def _operator(tool: Tool, base: type[_Runs], properties: dict[str, Any], idname: str = "", label: str = "") -> type:
    """The operator class of a tool: what its base does, with a property for each parameter."""
    idname = idname or tool.name
    made = {parameter.name: parameters.bpy_property(parameter) for parameter in tool.parameters}
    return type(
        f"MATSHOT_OT_{idname}",
        (base, Operator),
        {
            "__annotations__": {**properties, **made},
            "__doc__": tool.help,
            "__module__": __name__,
            "bl_idname": f"matshot.{idname}",
            "bl_label": label or tool.title,
            "bl_description": tool.help.rstrip("."),
            "bl_options": {"UNDO"},
            "tool": tool,
        },
    )


def _on_image(tool: Tool) -> type:
    properties = {"image": _text("Image", "Name of an image, or a file; empty for the one that the editor shows")}
    for asked in tool.inputs[1:]:
        properties[asked.name] = _text(asked.title, asked.help)
    return _operator(tool, _OnImage, properties)


def _on_photographs(tool: Tool) -> type:
    properties = {
        "filepath": StringProperty(subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"}),
        "filter_glob": StringProperty(default=_PHOTOGRAPHS, options={"HIDDEN"}),
        "target": _text("Object", "Name of the object that gets the material; empty for the active one"),
        "assign": BoolProperty(
            name="Assign to Object", description="Give the material to the active object", default=True
        ),
    }
    for asked in tool.inputs:
        properties[asked.name] = StringProperty(
            name=asked.title, description=asked.help.rstrip("."), subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"}
        )
    return _operator(tool, _OnPhotographs, properties)


_CLASSES: tuple[type, ...] = (
    *(_on_image(tool) for tool in (UPSCALE, MULTIPLY, TILE, STYLE)),
    *(_on_photographs(tool) for tool in (ONESHOT, TWOSHOT)),
    _operator(
        UPSCALE,
        _OnTextures,
        {"material": _text("Material", "Name of the material; empty for the one that is shown")},
        "upscale_material",
        "Upscale Material's Textures",
    ),
    MATSHOT_OT_test,
)


def register() -> None:
    """Called by the package."""
    for operator in _CLASSES:
        bpy.utils.register_class(operator)


def unregister() -> None:
    """Called by the package."""
    for operator in reversed(_CLASSES):
        bpy.utils.unregister_class(operator)
