# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of the tool table as Blender properties, and their dialogs."""

import math
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

from . import painted
from .matshot_host.tools import Parameter, Tool

_DEGREES = "\u00b0"


def bpy_property(parameter: Parameter) -> Any:
    """Blender property of a parameter, for the annotations of a class."""
    note = f" ({parameter.default:g}: {parameter.placeholder})" if _is_special(parameter) else ""
    texts = {"name": parameter.label + note, "description": parameter.help.rstrip(".")}
    default = parameter.default
    if parameter.choices:
        items = [
            (str(choice), parameter.choice_label(choice), parameter.choice_help(choice)) for choice in parameter.choices
        ]
        return EnumProperty(items=items, default=str(default), **texts)
    if parameter.type is bool:
        return BoolProperty(default=default, **texts)
    if parameter.file:
        texts["description"] += ". An image or a color attribute of this file, or a path"
        return StringProperty(
            default=default, subtype="FILE_PATH", search=painted.suggestions, search_options={"SUGGESTION"}, **texts
        )
    if parameter.type is str:
        return StringProperty(default=default, **texts)
    bounds = {}
    if parameter.low is not None:
        bounds["min"] = parameter.low
    if parameter.high is not None:
        bounds["max"] = parameter.high
    if isinstance(default, tuple):
        property_of = IntVectorProperty if all(isinstance(value, int) for value in default) else FloatVectorProperty
        texts["name"] = parameter.annotated_label
        return property_of(default=default, size=len(default), **bounds, **texts)
    if parameter.type is int:
        return IntProperty(default=default, subtype="PIXEL" if parameter.unit == "px" else "NONE", **bounds, **texts)
    if parameter.unit == _DEGREES:
        # Blender stores angles in radians and shows degrees.
        radians = {name: math.radians(value) for name, value in bounds.items()}
        return FloatProperty(default=math.radians(default), subtype="ANGLE", precision=3, **radians, **texts)
    unit = "LENGTH" if parameter.unit == "m" else "NONE"
    subtype = "DISTANCE" if parameter.unit == "m" else "NONE"
    return FloatProperty(default=default, precision=3, subtype=subtype, unit=unit, **bounds, **texts)


def _is_special(parameter: Parameter) -> bool:
    """Whether the default is a number that stands for no value."""
    return bool(parameter.placeholder) and parameter.type in (int, float)


def values(
    operator: Operator, tool: Tool, preferred: dict[str, Any], folder: str, size: tuple[int, int]
) -> dict[str, Any]:
    """Values of a tool's parameters.

    Args:
        operator: with a property for each parameter.
        tool: of the tool table.
        preferred: values of parameters that neither the artist nor a script has set.
        folder: for guides and masks that have no file.
        size: width and height of what the tool works on.

    Raises:
        MatshotError: for an invalid value, and a guide or a mask that is missing.
    """
    found = {}
    for parameter in tool.parameters:
        name = parameter.name
        value = getattr(operator, name)
        if name in preferred and not operator.properties.is_property_set(name):
            value = preferred[name]
        if parameter.choices:
            value = parameter.type(value)
        elif parameter.file:
            value = painted.painted_file(parameter, value, folder, size)
        elif parameter.unit == _DEGREES and not isinstance(value, str):
            value = round(math.degrees(value), 4)
        found[name] = tuple(value) if isinstance(parameter.default, tuple) else value
    tool.check_files(found)
    return tool.check(found)


def draw(layout: UILayout, operator: Operator, tool: Tool, without: Collection[str] = ()) -> None:
    """Draw the parameters of a tool, advanced ones in a panel; those in ``without`` are left out."""
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
