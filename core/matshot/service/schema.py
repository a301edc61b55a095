"""The tool table as JSON Schema, and what of it can be checked before a job runs."""

from __future__ import annotations

from typing import Any

from matshot_host.tools import LONGEST_TEXT, TOOLS, Parameter, Tool

from .naming import LONGEST_NAME

_TYPES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
#: Inputs of one job, for a tool that takes several.
MOST_INPUTS = 64


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
    schema: dict[str, Any] = {}
    bounds = {"minimum": parameter.low, "maximum": parameter.high}
    numbers: dict[str, Any] = {name: bound for name, bound in bounds.items() if bound is not None}
    if parameter.gap is not None:
        numbers["not"] = {"exclusiveMinimum": parameter.gap[0], "exclusiveMaximum": parameter.gap[1]}
    if parameter.parts:
        items = {"type": _TYPES[parameter.parts[0]], **numbers}
        schema.update(type="array", items=items, minItems=len(parameter.parts), maxItems=len(parameter.parts))
        schema["default"] = list(parameter.default)
    else:
        schema.update(type=_TYPES[parameter.type], default=parameter.default, **numbers)
    schema.update(title=parameter.label, description=parameter.help)
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
        schema["x-labels"] = [parameter.choice_label(choice) for choice in parameter.choices]
    elif parameter.type is str:
        schema["maxLength"] = LONGEST_TEXT
    if parameter.form is not None:
        schema["pattern"] = (
            f"^(?:{parameter.form.pattern})$" if parameter.default else f"^(?:{parameter.form.pattern})?$"
        )
    schema.update({"x-advanced": parameter.advanced, "x-unit": parameter.unit, "x-placeholder": parameter.placeholder})
    return schema


def request_schema() -> dict[str, Any]:
    """JSON Schema of what a job is asked with: one alternative for each tool."""
    return {"oneOf": [_request(tool) for tool in TOOLS]}


def _request(tool: Tool) -> dict[str, Any]:
    several = any(one.several for one in tool.inputs)
    identifier = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    named: dict[str, Any] = {"asset": identifier, "name": {"type": "string", "maxLength": LONGEST_NAME}}
    if tool.works_on_files:
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
