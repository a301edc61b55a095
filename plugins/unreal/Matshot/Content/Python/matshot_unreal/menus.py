"""Entries in Unreal's menus. What they do is a line of Python, since menus outlive the objects that made them."""

from __future__ import annotations

from typing import Sequence

import unreal

from matshot_host.tools import Tool

from .offer import offered, takes_texture, title

_OWNER = "Matshot"
_SESSION = "import matshot_unreal.session; matshot_unreal.session."
#: What else there is: name, label, help, function of the session.
_OTHERS = (
    ("Panel", "Panel", "Tools, options and jobs in a tab.", "open_panel()"),
    ("Cancel", "Cancel Job", "End the job that runs.", "cancel()"),
    ("Test", "Test", "Look whether the worker's Python, Matshot and the GPU are found.", "test()"),
    ("Preferences", "Preferences...", "Which Python works, on what device, and where assets go.", "set_up()"),
)


def register() -> None:
    """Add Matshot to the Tools menu and to the context menu of textures."""
    menus = unreal.ToolMenus.get()
    tools = menus.extend_menu("LevelEditor.MainMenu.Tools")
    tools.add_section(_OWNER, _OWNER)
    own = tools.add_sub_menu(_OWNER, _OWNER, _OWNER, _OWNER, "Photographs to materials, small textures to large ones.")
    own.add_section("Tools", "Tools")
    _add_tools(own, "Tools", offered())
    own.add_section("Matshot", "Matshot")
    for name, label, told, call in _OTHERS:
        own.add_menu_entry("Matshot", _entry(name, label, told, call))
    textures = menus.extend_menu("ContentBrowser.AssetContextMenu.Texture2D")
    textures.add_section(_OWNER, _OWNER)
    _add_tools(textures, _OWNER, [tool for tool in offered() if takes_texture(tool)])
    menus.refresh_all_widgets()


def _add_tools(menu: unreal.ToolMenu, section: str, tools: Sequence[Tool]) -> None:
    for tool in tools:
        entry = _entry(f"Matshot_{tool.name}", f"{title(tool)}...", tool.help, f"run_tool({tool.name!r})")
        menu.add_menu_entry(section, entry)


def _entry(name: str, label: str, told: str, call: str) -> unreal.ToolMenuEntry:
    entry = unreal.ToolMenuEntry(name=name, type=unreal.MultiBlockType.MENU_ENTRY)
    entry.set_label(label)
    entry.set_tool_tip(told)
    entry.set_string_command(unreal.ToolMenuStringCommandType.PYTHON, "", _SESSION + call)
    return entry
