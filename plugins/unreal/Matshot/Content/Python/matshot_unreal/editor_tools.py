"""Tools of the tool table that Unreal offers, and how its dialogs show them."""

from __future__ import annotations

from typing import Any, Mapping

from matshot_host.tools import TOOLS, Parameter, Tool

#: What happens to results, besides becoming assets; shown in dialogs like parameters of the tool.
ASSIGN = Parameter("assign", bool, False, "Assign the new material to the actors that are selected in the level.")
SLOT = Parameter("slot", str, "", "Name of the material slot to assign. Default: all slots.", title="Material Slot")
REPLACE = Parameter("replace", bool, False, "Use the result instead of its source in all material instances.")

#: Material format of Unreal: DirectX normals, packed occlusion, roughness and metallic, integer pixels.
FORM: Mapping[str, Any] = {"normal": "dx", "pack": "orm", "format": "png"}
#: Parameters of files that nothing becomes of in a project.
_FILES_ONLY = ("scene", "template", "compression")


def editor_tools() -> list[Tool]:
    """Tools whose results are assets."""
    return [tool for tool in TOOLS if tool.result != "picture"]


def fixed_parameters(tool: Tool) -> list[str]:
    """Names of parameters with only one sensible value in Unreal."""
    names = {parameter.name for parameter in tool.parameters}
    return list(FORM) if names.issuperset(FORM) else []


def dialog_parameters(tool: Tool) -> list[Parameter]:
    """Parameters that dialogs show, common ones first."""
    hidden = (*fixed_parameters(tool), *_FILES_ONLY)
    shown = [parameter for parameter in tool.parameters if parameter.name not in hidden]
    return sorted(shown, key=lambda parameter: parameter.advanced)


def result_parameters(tool: Tool) -> list[Parameter]:
    """Parameters of what happens to a tool's results."""
    if tool.inputs[0].several:
        return [REPLACE]
    return [ASSIGN, SLOT] if tool.result == "material" else [ASSIGN, SLOT, REPLACE]


def menu_title(tool: Tool) -> str:
    """Title of a tool in menus; one that only converts a material to Unreal's format is an import."""
    return "Import Material" if fixed_parameters(tool) else tool.title


def takes_texture(tool: Tool) -> bool:
    """Whether a tool works on a single texture, and so belongs in the context menu of textures."""
    return len(tool.inputs) == 1 and tool.inputs[0].kind in ("photo", "asset")
