# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of the tool table as Blender's properties, and dialogs made of them."""

from collections.abc import Collection
from typing import Any

from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    IntVectorProperty,
    StringProperty,
)
from bpy.types import Operator, UILayout

from .matshot_host.tools import Parameter, Tool

#: Choices that are names or axes rather than words.
_CAPITALS = frozenset(("x", "y", "xy", "gl", "dx", "cpu", "cuda"))
_CAPITALS |= {"png", "jpg", "tif", "exr", "tga", "bmp", "webp", "hdr"}


def bpy_property(parameter: Parameter) -> Any:
    """The property that takes a parameter's values, for the annotations of a class."""
    shown = {"name": parameter.label, "description": parameter.help.rstrip(".")}
    default = parameter.default
    if parameter.choices:
        items = [(str(choice), _title(choice), "") for choice in parameter.choices]
        return EnumProperty(items=items, default=str(default), **shown)
    if parameter.type is bool:
        return BoolProperty(default=default, **shown)
    if parameter.type is str:
        return StringProperty(default=default, **shown)
    bounds = {}
    if parameter.low is not None:
        bounds["min"] = parameter.low
    if parameter.high is not None:
        bounds["max"] = parameter.high
    if isinstance(default, tuple):
        make = IntVectorProperty if all(isinstance(value, int) for value in default) else FloatVectorProperty
        return make(default=default, size=len(default), **bounds, **shown)
    if parameter.type is int:
        return IntProperty(default=default, **bounds, **shown)
    return FloatProperty(default=default, precision=3, **bounds, **shown)


def values(operator: Operator, tool: Tool, preferred: dict[str, Any]) -> dict[str, Any]:
    """What a tool is called with.

    Args:
        operator: with a property for each parameter.
        tool: that is called.
        preferred: values of parameters that the artist or the script did not set.
    """
    found = {}
    for parameter in tool.parameters:
        name = parameter.name
        value = getattr(operator, name)
        if name in preferred and not operator.properties.is_property_set(name):
            value = preferred[name]
        if parameter.choices:
            value = parameter.type(value)
        found[name] = tuple(value) if isinstance(parameter.default, tuple) else value
    return found


def draw(layout: UILayout, operator: Operator, tool: Tool, without: Collection[str] = ()) -> None:
    """Draw a dialog's parameters, the advanced ones below a fold, without those that are not asked for."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    shown = [parameter for parameter in tool.parameters if parameter.name not in without]
    for parameter in shown:
        if not parameter.advanced:
            layout.prop(operator, parameter.name)
    advanced = [parameter for parameter in shown if parameter.advanced]
    if advanced:
        header, body = layout.panel(f"matshot_{tool.name}_advanced", default_closed=True)
        header.label(text="Advanced")
        if body is not None:
            for parameter in advanced:
                body.prop(operator, parameter.name)


def _title(choice: Any) -> str:
    word = str(choice)
    return word.upper() if word in _CAPITALS else word.replace("_", " ").capitalize()
