"""What of the tool table Unreal offers, and how it is asked for."""

from __future__ import annotations

from typing import Any, Mapping

from matshot_host.tools import TOOLS, Parameter, Tool

#: How Unreal wants a material: green down, occlusion, roughness and metallic in one texture, whole numbers.
FORM: Mapping[str, Any] = {"normal": "dx", "pack": "orm", "format": "png"}


def offered() -> list[Tool]:
    """The tools that make assets."""
    return [tool for tool in TOOLS if tool.result != "picture"]


def fixed(tool: Tool) -> list[str]:
    """Parameters that are not asked for, since only one value of each makes sense in Unreal."""
    names = {parameter.name for parameter in tool.parameters}
    return list(FORM) if names.issuperset(FORM) else []


def asked(tool: Tool) -> list[Parameter]:
    """Parameters that the artist sets, common ones first."""
    left = [parameter for parameter in tool.parameters if parameter.name not in fixed(tool)]
    return sorted(left, key=lambda parameter: parameter.advanced)


def title(tool: Tool) -> str:
    """What menus call a tool; one that only brings a material into Unreal's form is an import."""
    return "Import Material" if fixed(tool) else tool.title


def takes_texture(tool: Tool) -> bool:
    """Whether a tool works on a single texture, and so belongs into the menu of one."""
    return len(tool.inputs) == 1 and tool.inputs[0].kind in ("photo", "asset")
