"""The tool table as JSON Schema, and what of it can be checked before a job runs."""

from __future__ import annotations

from typing import Any

from matshot_host.tools import LONGEST_TEXT, TOOLS, Parameter, Tool

_TYPES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
#: Inputs of one job, for a tool that takes several.
MOST_INPUTS = 64
#: Characters of a preset's name.
LONGEST_PRESET = 100
#: Names in the description of what a job, a step of a chain, and a preset take.
REQUEST, STEP, PRESET = "JobRequest", "ChainStep", "PresetRequest"


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
    elif parameter.file:
        schema["pattern"] = "^(?:[0-9a-f]{64})?$"
        schema["x-file"] = parameter.file
        schema["description"] += " The id of an asset."
    elif parameter.type is str:
        schema["maxLength"] = LONGEST_TEXT
    if parameter.form is not None:
        schema["pattern"] = (
            f"^(?:{parameter.form.pattern})$" if parameter.default else f"^(?:{parameter.form.pattern})?$"
        )
    schema.update({"x-advanced": parameter.advanced, "x-unit": parameter.unit, "x-placeholder": parameter.placeholder})
    return schema


def add_tool_schemas(description: dict[str, Any]) -> None:
    """Add what each tool takes to an OpenAPI description: named, and told apart by ``tool``.

    Args:
        description: whose models refer to :data:`REQUEST` and :data:`STEP`.
    """
    schemas = description["components"]["schemas"]
    handling = schemas.pop("Handling")["properties"]
    for tool in TOOLS:
        name = _class_name(tool)
        schemas[f"{name}Parameters"] = {"title": f"{name}Parameters", **parameters_schema(tool)}
        schemas[f"{name}Job"] = _step(tool, f"{name}Job", inputs=_inputs(tool), more=handling)
        schemas[f"{name}Step"] = _step(tool, f"{name}Step", inputs=_further_inputs())
        schemas[f"{name}Preset"] = _step(tool, f"{name}Preset")
    for title, kind in ((REQUEST, "Job"), (STEP, "Step"), (PRESET, "Preset")):
        references = {tool.name: f"#/components/schemas/{_class_name(tool)}{kind}" for tool in TOOLS}
        schemas[title] = {
            "title": title,
            "oneOf": [{"$ref": reference} for reference in references.values()],
            "discriminator": {"propertyName": "tool", "mapping": references},
        }


def _class_name(tool: Tool) -> str:
    return "".join(part.title() for part in tool.name.split("_"))


def _step(
    tool: Tool, title: str, inputs: dict[str, Any] | None = None, more: dict[str, Any] | None = None
) -> dict[str, Any]:
    properties: dict[str, Any] = {"tool": {"type": "string", "enum": [tool.name]}}
    required = ["tool"]
    if inputs is not None:
        properties["inputs"] = inputs
        if inputs.get("minItems"):
            required.append("inputs")
        properties["preset"] = {"type": "string", "maxLength": LONGEST_PRESET, "default": ""}
    properties["parameters"] = {"$ref": f"#/components/schemas/{_class_name(tool)}Parameters"}
    return {
        "title": title,
        "description": tool.help,
        "type": "object",
        "properties": {**properties, **(more or {})},
        "required": required,
        "additionalProperties": False,
    }


def _further_inputs() -> dict[str, Any]:
    return {"type": "array", "items": _INPUT, "maxItems": MOST_INPUTS}


def _inputs(tool: Tool) -> dict[str, Any]:
    several = any(one.several for one in tool.inputs)
    least, most = (1, MOST_INPUTS) if several else (len(tool.inputs), len(tool.inputs))
    return {"type": "array", "items": _INPUT, "minItems": least, "maxItems": most}


_INPUT = {
    "anyOf": [
        {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Id of an asset."},
        {"$ref": "#/components/schemas/NamedInput"},
        {"$ref": "#/components/schemas/ResultInput"},
    ]
}
