"""Objects that Unreal's details views edit, made from the tool table: one property for each parameter and input."""

from __future__ import annotations

import re
import typing
from typing import Any, Iterable, Sequence

import unreal

from matshot_host.tools import Input, Parameter, Tool

from . import assets
from .inputs import Picture
from .offer import asked

#: A class lives as long as the editor does, so each is made once.
_classes: dict[str, type] = {}
_choices: dict[tuple[str, str], type] = {}


class ToolOptions:
    """What the artist sets before a tool runs.

    Args:
        tool: whose parameters they are.
        textures: what is selected, for the inputs in their order.
    """

    def __init__(self, tool: Tool, textures: Sequence[Any] = ()) -> None:
        self.tool = tool
        self._parameters = asked(tool)
        self.object = _new(_tool_class(tool, self._parameters), tool.name, self._parameters)
        self.take(textures)

    def take(self, textures: Sequence[Any]) -> None:
        """Put textures into the inputs: the last gets those that are left, if it takes several."""
        left = list(textures)
        for index, wanted in enumerate(self.tool.inputs):
            if wanted.kind == "photo":
                self.object.set_editor_property(f"picture{index}", left.pop(0) if left else None)
            elif wanted.kind == "asset":
                share = left if index + 1 == len(self.tool.inputs) else left[:1]
                left = left[len(share) :]
                self.object.set_editor_property(f"picture{index}", share)

    @property
    def values(self) -> dict[str, Any]:
        """Values of the parameters."""
        return _values(self.object, self.tool.name, self._parameters)

    @property
    def pictures(self) -> list[list[Picture]]:
        """What each input of the tool is given; textures win over files."""
        return [self._given(index, wanted) for index, wanted in enumerate(self.tool.inputs)]

    @property
    def name(self) -> str:
        """Of what is made; empty for one after its source."""
        return self._text("asset_name")

    @property
    def folder(self) -> str:
        """For what is made; empty for that of its source."""
        return self._text("asset_folder")

    def _text(self, name: str) -> str:
        return str(self.object.get_editor_property(name)).strip()

    def _given(self, index: int, wanted: Input) -> list[Picture]:
        if wanted.kind == "material":
            path = _full(self.object.get_editor_property(f"place{index}").path)
            return [Picture(path=path)] if path else []
        picked = self.object.get_editor_property(f"picture{index}")
        picked = [picked] if wanted.kind == "photo" else list(picked)
        found = [Picture(asset=assets.path_of(one)) for one in picked if one is not None]
        path = _full(self.object.get_editor_property(f"place{index}").file_path)
        return found or ([Picture(path=path)] if path else [])


class ParameterOptions:
    """Parameters that belong to no tool.

    Args:
        name: of the group.
        parameters: in the order in which they are shown.
        values: that they have.
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


def _full(path: Any) -> str:
    """A path as the worker understands it; Unreal's pickers may give one that begins at its own program."""
    plain = str(path).strip()
    return str(unreal.Paths.convert_relative_path_to_full(plain)) if plain else ""


def _tool_class(tool: Tool, parameters: Sequence[Parameter]) -> type:
    if tool.name not in _classes:
        properties: dict[str, Any] = {}
        for index, wanted in enumerate(tool.inputs):
            properties.update(_input_properties(index, wanted))
        properties["asset_name"] = _property(
            str, "Name", "Of what is made; empty for a name after its source.", "1 Input and output"
        )
        properties["asset_folder"] = _property(
            str, "Folder", "Folder of the project, such as /Game/Walls; empty for the source's.", "1 Input and output"
        )
        properties.update(_properties(tool.name, parameters))
        _classes[tool.name] = _generated(tool.name, properties)
    return _classes[tool.name]


def _input_properties(index: int, wanted: Input) -> Iterable[tuple[str, Any]]:
    group = "1 Input and output"
    if wanted.kind == "material":
        yield f"place{index}", _property(unreal.DirectoryPath, wanted.title, wanted.help, group)
        return
    several = wanted.kind == "asset"
    kind = unreal.Array(unreal.Texture2D) if several else unreal.Texture2D
    told = wanted.help
    if several and not wanted.several:
        told += " Several textures are the maps of one material, told by the endings of their names."
    yield f"picture{index}", _property(kind, wanted.title, told, group)
    yield f"place{index}", _property(unreal.FilePath, f"or {wanted.title.lower()} from disk", wanted.help, group)


def _properties(owner: str, parameters: Iterable[Parameter]) -> Iterable[tuple[str, Any]]:
    for parameter in parameters:
        group = "3 Advanced" if parameter.advanced else "2 Options"
        bounds: dict[str, str] = {}
        if parameter.low is not None:
            bounds.update(ClampMin=str(parameter.low), UIMin=str(parameter.low))
        if parameter.high is not None:
            bounds.update(ClampMax=str(parameter.high), UIMax=str(parameter.high))
        yield parameter.name, _property(_type(owner, parameter), parameter.label, parameter.help, group, **bounds)


def _property(kind: Any, label: str, told: str, group: str, **bounds: str) -> Any:
    return unreal.uproperty(kind, meta={"DisplayName": label, "ToolTip": told, "Category": group, **bounds})


def _type(owner: str, parameter: Parameter) -> Any:
    if parameter.choices:
        return _choice(owner, parameter)
    if typing.get_origin(parameter.type) is tuple:
        return unreal.IntPoint if typing.get_args(parameter.type)[0] is int else unreal.Vector2D
    return parameter.type


def _choice(owner: str, parameter: Parameter) -> type:
    """An enumeration of a parameter's choices, which details views show as a menu."""
    if (owner, parameter.name) not in _choices:
        members = {
            _identifier(choice): unreal.uvalue(index, meta={"DisplayName": str(choice)})
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


def _new(kind: type, owner: str, parameters: Iterable[Parameter], values: dict[str, Any] | None = None) -> Any:
    made = unreal.new_object(kind)
    for parameter in parameters:
        value = (values or {}).get(parameter.name, parameter.default)
        if parameter.choices:
            value = getattr(_choice(owner, parameter), _identifier(value))
        elif isinstance(value, tuple):
            value = _type(owner, parameter)(*value)
        made.set_editor_property(parameter.name, value)
    return made


def _values(edited: Any, owner: str, parameters: Iterable[Parameter]) -> dict[str, Any]:
    found = {}
    for parameter in parameters:
        value = edited.get_editor_property(parameter.name)
        if parameter.choices:
            kind = _choice(owner, parameter)
            value = next(one for one in parameter.choices if getattr(kind, _identifier(one)) == value)
        elif isinstance(parameter.default, tuple):
            value = (value.x, value.y)
        else:
            value = parameter.type(value)
        found[parameter.name] = value
    return found


def _identifier(choice: Any) -> str:
    # A choice may be a number, and NONE and MAX mean something to Unreal in every enumeration.
    return "V_" + re.sub(r"\W", "_", str(choice)).upper()


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
