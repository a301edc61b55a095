"""The tool table as JSON Schema, and what of it can be checked before a job runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from matshot_host.tools import TOOLS, Parameter, Tool

from ..errors import MatshotError
from ..tools.run import checked

_TYPES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
#: Inputs of one job, for a tool that takes several.
MOST_INPUTS = 64
#: Characters of a parameter that is a text.
_LONGEST = 200
#: Of :data:`~matshot_host.tools.MULTIPLY`.
_SIZE = re.compile(r"\s*(\d{1,9})\s*(?:[xX*\u00d7]\s*(\d{1,9})\s*)?")


def tool_schema(tool: Tool) -> dict[str, Any]:
    """A tool as JSON: what it is called, what it is given, and the JSON Schema of its parameters."""
    return {
        "name": tool.name,
        "title": tool.title,
        "help": tool.help,
        "result": tool.result,
        "inputs": [one._asdict() for one in tool.inputs],
        "parameters": parameters_schema(tool),
    }


def parameters_schema(tool: Tool) -> dict[str, Any]:
    """JSON Schema of a tool's parameters, in the order they are shown."""
    properties = {parameter.name: _property(parameter) for parameter in tool.parameters}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _property(parameter: Parameter) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if get_origin(parameter.type) is tuple:
        parts = get_args(parameter.type)
        told.update(type="array", items={"type": _TYPES[parts[0]]}, minItems=len(parts), maxItems=len(parts))
    else:
        told["type"] = _TYPES[parameter.type]
    told.update(title=parameter.label, description=parameter.help, default=parameter.default)
    if told["type"] == "array":
        told["default"] = list(parameter.default)
    if parameter.choices:
        told["enum"] = list(parameter.choices)
    elif parameter.type is str:
        told["maxLength"] = _LONGEST
    bounds = {"minimum": parameter.low, "maximum": parameter.high}
    told.update({name: bound for name, bound in bounds.items() if bound is not None})
    told["x-advanced"] = parameter.advanced
    return told


def asked_schema() -> dict[str, Any]:
    """JSON Schema of what a job is asked with: one alternative for each tool."""
    return {"oneOf": [_asked(tool) for tool in TOOLS]}


def _asked(tool: Tool) -> dict[str, Any]:
    several = any(one.several for one in tool.inputs)
    identifier = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    named: dict[str, Any] = {"asset": identifier, "name": {"type": "string", "maxLength": _LONGEST}}
    if tool.name == "upscale":
        named["kind"] = {"type": "string", "enum": ["", "color", "normal", "data"]}
        named["normal"] = {"type": "string", "enum": ["", "gl", "dx"]}
    one = {
        "oneOf": [
            identifier,
            {"type": "object", "properties": named, "required": ["asset"], "additionalProperties": False},
        ]
    }
    inputs: dict[str, Any] = {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_INPUTS}
    if not several:
        inputs["minItems"] = inputs["maxItems"] = len(tool.inputs)
    return {
        "title": tool.title,
        "type": "object",
        "properties": {"tool": {"const": tool.name}, "inputs": inputs, "parameters": parameters_schema(tool)},
        "required": ["tool", "inputs"],
        "additionalProperties": False,
    }


def accepted(tool: Tool, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that the table allows.

    Raises:
        MatshotError: for one that the tool does not have, of another type, or out of its bounds.
    """
    typed = checked(tool, parameters)
    for parameter in tool.parameters:
        if parameter.name in typed:
            _check(parameter, typed[parameter.name])
    return typed


def _check(parameter: Parameter, value: Any) -> None:
    if parameter.choices and value not in parameter.choices:
        allowed = ", ".join(map(str, parameter.choices))
        raise MatshotError(f"{parameter.label} cannot be {value!r}; there are {allowed}.")
    if isinstance(value, str) and len(value) > _LONGEST:
        raise MatshotError(f"{parameter.label} is longer than {_LONGEST} characters.")
    low, high = parameter.low, parameter.high
    if (low is not None and value < low) or (high is not None and value > high):
        raise MatshotError(f"{parameter.label} is from {low:g} to {high:g}, not {value:g}.")


def pixels_made(tool: Tool, parameters: Mapping[str, Any], given: list[int]) -> int:
    """How many pixels a job is going to make, of one map.

    Args:
        tool: of the table.
        parameters: of it, as :func:`accepted` gives them.
        given: pixels of each input.
    """
    if tool.name == "upscale":
        scale = next(one.default for one in tool.parameters if one.name == "scale")
        return sum(given) * int(parameters.get("scale", scale)) ** 2
    if tool.name == "multiply":
        size = _SIZE.fullmatch(parameters.get("size", ""))
        each = int(size[1]) * int(size[2] or size[1]) if size else 4 * given[0]
        return each * int(parameters.get("count", 1))
    if tool.name == "preview":
        return (int(parameters.get("size", 512)) * 4) ** 2 * max(1, len(given))
    return max(given, default=0)
