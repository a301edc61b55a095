"""Entries in Unreal's menus. Each runs a line of Python, since menus outlive the objects that registered them."""

from __future__ import annotations

from typing import Sequence

import unreal

from matshot_host.tools import Tool

from .dialogs import MEMORY
from .editor_tools import editor_tools, menu_title, takes_texture

_OWNER = "Matshot"
#: Of the editor's style; a missing one is shown as no icon.
_ICON = "ClassIcon.Texture2D"
_COMMANDS = "import matshot_unreal.commands; matshot_unreal.commands."
#: Other entries: name, label, tooltip, command.
_OTHERS = (
    ("Panel", "Panel", "Open a tab with tools, options and jobs.", "open_panel()"),
    ("RunAgain", "Run Again", "Run the last tool with the same options on the selected textures.", "run_again()"),
    ("SavePreset", "Save Preset...", "Save the options of the last run as a preset.", "save_preset()"),
    ("Cancel", "Cancel Job", "Cancel the running job.", "cancel()"),
    ("Test", "Test", "Check that Python, Matshot and the GPU are found.", "test()"),
    (
        "Preferences",
        "Preferences...",
        "Choose the Python, the device and the folder for results.",
        "edit_preferences()",
    ),
)


def register() -> None:
    """Add Matshot to the Tools menu and to the context menu of textures."""
    menus = unreal.ToolMenus.get()
    tools = menus.extend_menu("LevelEditor.MainMenu.Tools")
    tools.add_section(_OWNER, _OWNER)
    own = tools.add_sub_menu(
        _OWNER, _OWNER, _OWNER, _OWNER, "Make materials from photographs, and upscale, tile and restyle textures."
    )
    own.add_section("Tools", "Tools")
    _add_tools(own, "Tools", editor_tools())
    own.add_section("Matshot", "Matshot")
    for name, label, tooltip, command in _OTHERS:
        own.add_menu_entry("Matshot", _entry(name, label, tooltip, command))
    _add_presets(own)
    textures = menus.extend_menu("ContentBrowser.AssetContextMenu.Texture2D")
    textures.add_section(_OWNER, _OWNER)
    _add_tools(textures, _OWNER, [tool for tool in editor_tools() if takes_texture(tool)])
    menus.refresh_all_widgets()


def _add_tools(menu: unreal.ToolMenu, section: str, tools: Sequence[Tool]) -> None:
    for tool in tools:
        entry = _entry(f"Matshot_{tool.name}", f"{menu_title(tool)}...", tool.help, f"run_tool({tool.name!r})")
        menu.add_menu_entry(section, entry)


def _add_presets(menu: unreal.ToolMenu) -> None:
    """Add the presets of all tools."""
    menu.add_section("Presets", "Presets")
    for tool in editor_tools():
        for preset in MEMORY.presets(tool):
            command = f"run_preset({tool.name!r}, {preset!r})"
            entry = _entry(f"Preset_{tool.name}_{preset}", f"{menu_title(tool)}: {preset}...", tool.help, command)
            menu.add_menu_entry("Presets", entry)


def _entry(name: str, label: str, tooltip: str, command: str) -> unreal.ToolMenuEntry:
    entry = unreal.ToolMenuEntry(name=name, type=unreal.MultiBlockType.MENU_ENTRY)
    entry.set_label(label)
    entry.set_tool_tip(tooltip)
    entry.set_icon("EditorStyle", _ICON)
    entry.set_string_command(unreal.ToolMenuStringCommandType.PYTHON, "", _COMMANDS + command)
    return entry
