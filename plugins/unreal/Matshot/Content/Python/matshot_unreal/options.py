"""Objects for Unreal's details views, generated from the tool table with a property per parameter and input."""

from __future__ import annotations

import re
import typing
from typing import Any, Iterable, Mapping, Sequence

import unreal

from matshot_host.tools import Input, Parameter, Tool

from . import assets
from .editor_tools import dialog_parameters, result_parameters
from .inputs import Source
from .job_manager import Request

#: Said of textures that stand for a material.
_SEVERAL = "Several textures form one material; suffixes such as _BC and _N tell the maps."
#: Classes live as long as the editor, so each is created once.
_classes: dict[str, type] = {}
#: Enumerations of choices, by owner and parameter.
_choices: dict[tuple[str, str], type] = {}


class ToolOptions:
    """Inputs and parameters of a tool.

    Args:
        tool: of the tool table.
        textures: selected textures, for the inputs in their order.
        values: of parameters, instead of their defaults.
    """

    def __init__(self, tool: Tool, textures: Sequence[Any] = (), values: Mapping[str, Any] | None = None) -> None:
        self.tool = tool
        self._parameters, self._uses = dialog_parameters(tool), result_parameters(tool)
        parameters = [*self._parameters, *self._uses]
        self.object = _new(_tool_class(tool, self._parameters, self._uses), tool.name, parameters, values)
        self.set_textures(textures)

    def set_textures(self, textures: Sequence[Any]) -> None:
        """Assign textures to the inputs; the last input gets all remaining ones if it takes several."""
        remaining = list(textures)
        for index, tool_input in enumerate(self.tool.inputs):
            if tool_input.kind == "photo" and not _takes_batch(self.tool):
                self.object.set_editor_property(f"textures{index}", remaining.pop(0) if remaining else None)
            elif tool_input.kind in ("photo", "asset"):
                share = remaining if index + 1 == len(self.tool.inputs) else remaining[:1]
                remaining = remaining[len(share) :]
                self.object.set_editor_property(f"textures{index}", share)

    @property
    def values(self) -> dict[str, Any]:
        """Values of the parameters."""
        return _values(self.object, self.tool.name, self._parameters)

    @property
    def sources(self) -> list[list[Source]]:
        """Sources of each input; textures take precedence over files."""
        return [self._sources(index, tool_input) for index, tool_input in enumerate(self.tool.inputs)]

    @property
    def files(self) -> dict[str, list[Source]]:
        """Textures that were chosen as guides and masks, by parameter; they take precedence over files."""
        chosen: dict[str, list[Source]] = {}
        for parameter in self._parameters:
            if parameter.file:
                picked = self.object.get_editor_property(_textures_name(parameter))
                picked = list(picked) if parameter.file == "asset" else [picked]
                chosen[parameter.name] = [Source(asset=assets.path_of(one)) for one in picked if one is not None]
        return {name: sources for name, sources in chosen.items() if sources}

    @property
    def requests(self) -> list[Request]:
        """What the artist wants: one job, or for a tool of a single photograph one for each photograph."""
        uses = _values(self.object, self.tool.name, self._uses)
        request = Request(
            self.tool,
            self.sources,
            self.values,
            self._text("asset_name"),
            self._text("asset_folder"),
            files=self.files,
            **uses,
        )
        photographs = request.sources[0] if _takes_batch(self.tool) else ()
        if len(photographs) < 2:
            return [request]
        names = [f"{request.name}_{index}" if request.name else "" for index in range(1, len(photographs) + 1)]
        return [request._replace(sources=[[one]], name=names[index]) for index, one in enumerate(photographs)]

    def _text(self, name: str) -> str:
        return str(self.object.get_editor_property(name)).strip()

    def _sources(self, index: int, tool_input: Input) -> list[Source]:
        if tool_input.kind == "material":
            path = _full(self.object.get_editor_property(f"path{index}").path)
            return [Source(path=path)] if path else []
        picked = self.object.get_editor_property(f"textures{index}")
        picked = list(picked) if tool_input.kind == "asset" or _takes_batch(self.tool) else [picked]
        found = [Source(asset=assets.path_of(one)) for one in picked if one is not None]
        path = _full(self.object.get_editor_property(f"path{index}").file_path)
        return found or ([Source(path=path)] if path else [])


class ParameterOptions:
    """Parameters outside of a tool.

    Args:
        name: of the group.
        parameters: in display order.
        values: by name.
    """

    def __init__(self, name: str, parameters: Sequence[Parameter], values: dict[str, Any]) -> None:
        self._name, self._parameters = name, parameters
        kind = _classes.get(name)
        if kind is None:
            kind = _classes[name] = _generated(name, dict(_properties(name, parameters)))
        self.object = _new(kind, name, parameters, values)

    @property
    def values(self) -> dict[str, Any]:
        """Values of the parameters."""
        return _values(self.object, self._name, self._parameters)


def _takes_batch(tool: Tool) -> bool:
    """Whether several photographs are several jobs."""
    return [tool_input.kind for tool_input in tool.inputs] == ["photo"]


def _full(path: Any) -> str:
    """An absolute path; Unreal's pickers may return one relative to the editor's program."""
    plain = str(path).strip()
    return str(unreal.Paths.convert_relative_path_to_full(plain)) if plain else ""


def _tool_class(tool: Tool, parameters: Sequence[Parameter], uses: Sequence[Parameter]) -> type:
    if tool.name not in _classes:
        properties: dict[str, Any] = {}
        for index, tool_input in enumerate(tool.inputs):
            properties.update(_input_properties(index, tool_input, _takes_batch(tool)))
        properties["asset_name"] = _property(
            str, "Name", "Name of the result. Default: derived from the source.", "1 Input and Output"
        )
        properties["asset_folder"] = _property(
            str,
            "Folder",
            "Project folder for the result, such as /Game/Walls. Default: the folder of the source.",
            "1 Input and Output",
        )
        properties.update(_properties(tool.name, uses, "1 Input and Output"))
        properties.update(_properties(tool.name, parameters))
        _classes[tool.name] = _generated(tool.name, properties)
    return _classes[tool.name]


def _input_properties(index: int, tool_input: Input, batch: bool) -> Iterable[tuple[str, Any]]:
    group = "1 Input and Output"
    if tool_input.kind == "material":
        yield f"path{index}", _property(unreal.DirectoryPath, tool_input.title, tool_input.help, group)
        return
    several = tool_input.kind == "asset" or batch
    kind = unreal.Array(unreal.Texture2D) if several else unreal.Texture2D
    tooltip = tool_input.help
    if batch:
        tooltip += " Several photographs are processed one after the other."
    elif several and not tool_input.several:
        tooltip += f" {_SEVERAL}"
    yield f"textures{index}", _property(kind, tool_input.title, tooltip, group)
    yield f"path{index}", _property(unreal.FilePath, f"{tool_input.title} on Disk", tool_input.help, group)


def _properties(owner: str, parameters: Iterable[Parameter], category: str = "") -> Iterable[tuple[str, Any]]:
    for parameter in parameters:
        group = category or ("3 Advanced" if parameter.advanced else "2 Options")
        bounds: dict[str, str] = {}
        if parameter.low is not None:
            bounds.update(ClampMin=str(parameter.low), UIMin=str(parameter.low))
        if parameter.high is not None:
            bounds.update(ClampMax=str(parameter.high), UIMax=str(parameter.high))
        label, several = parameter.annotated_label, parameter.file == "asset"
        if parameter.file:
            kind = unreal.Array(unreal.Texture2D) if several else unreal.Texture2D
            tooltip = parameter.help + (f" {_SEVERAL}" if several else "")
            yield _textures_name(parameter), _property(kind, label, tooltip, group)
            label += " on Disk"
        yield parameter.name, _property(_type(owner, parameter), label, parameter.help, group, **bounds)


def _textures_name(parameter: Parameter) -> str:
    """Property with the textures that stand for the file of a parameter."""
    return f"{parameter.name}_textures"


def _property(kind: Any, label: str, tooltip: str, group: str, **bounds: str) -> Any:
    return unreal.uproperty(kind, meta={"DisplayName": label, "ToolTip": tooltip, "Category": group, **bounds})


def _type(owner: str, parameter: Parameter) -> Any:
    if parameter.choices:
        return _choice(owner, parameter)
    if parameter.file:
        return unreal.FilePath
    if typing.get_origin(parameter.type) is tuple:
        return unreal.IntPoint if typing.get_args(parameter.type)[0] is int else unreal.Vector2D
    return parameter.type


def _choice(owner: str, parameter: Parameter) -> type:
    """Enumeration of a parameter's choices, shown as a menu."""
    if (owner, parameter.name) not in _choices:
        members = {
            _identifier(choice): unreal.uvalue(index, meta={"DisplayName": parameter.choice_label(choice)})
            for index, choice in enumerate(parameter.choices)
        }
        kind = type(f"Matshot{_camel(owner)}{_camel(parameter.name)}", (unreal.EnumBase,), members)
        unreal.uenum()(kind)
        _choices[owner, parameter.name] = kind
    return _choices[owner, parameter.name]


def _generated(name: str, properties: dict[str, Any]) -> type:
    kind = type(f"Matshot{_camel(name)}Options", (unreal.Object,), properties)
    unreal.uclass()(kind)
    return kind


def _new(kind: type, owner: str, parameters: Iterable[Parameter], values: Mapping[str, Any] | None = None) -> Any:
    created = unreal.new_object(kind)
    for parameter in parameters:
        value = (values or {}).get(parameter.name, parameter.default)
        if parameter.choices:
            value = getattr(_choice(owner, parameter), _identifier(value))
        elif parameter.file:
            value = unreal.FilePath(value)
        elif isinstance(value, tuple):
            value = _type(owner, parameter)(*value)
        created.set_editor_property(parameter.name, value)
    return created


def _values(edited: Any, owner: str, parameters: Iterable[Parameter]) -> dict[str, Any]:
    found = {}
    for parameter in parameters:
        value = edited.get_editor_property(parameter.name)
        if parameter.choices:
            kind = _choice(owner, parameter)
            value = next(one for one in parameter.choices if getattr(kind, _identifier(one)) == value)
        elif parameter.file:
            value = _full(value.file_path)
        elif isinstance(parameter.default, tuple):
            value = (value.x, value.y)
        else:
            value = parameter.type(value)
        found[parameter.name] = value
    return found


def _identifier(choice: Any) -> str:
    # A choice may be a number, and NONE and MAX are reserved in every enumeration.
    return "V_" + re.sub(r"\W", "_", str(choice)).upper()


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
