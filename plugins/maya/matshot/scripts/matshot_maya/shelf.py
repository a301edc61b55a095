"""The shelf, with a button for each tool."""

import os
from typing import Any, Tuple

from maya import cmds, mel

from matshot_host.tools import TOOLS

NAME = "Matshot"
_ICONS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "icons")

#: Other buttons: icon, title, command, help.
_MORE: Tuple[Tuple[str, str, str, str], ...] = (
    (
        "material",
        "Upscale Material Textures",
        "open_upscale_material()",
        "Replace the textures of the selection with larger ones.",
    ),
    ("load", "Load Material", "load_material()", "Build the shading network of a material folder."),
    ("panel", "Matshot", "open_panel()", "Show jobs and their results."),
    (
        "preferences",
        "Preferences",
        "open_preferences()",
        "Choose the Python and the results folder.",
    ),
)


def build() -> str:
    """Create the shelf, or refill an existing one.

    Returns:
        Its name.
    """
    top = mel.eval("global string $gShelfTopLevel; $matshotShelves = $gShelfTopLevel;")
    if cmds.shelfLayout(NAME, exists=True):
        # Emptied, not deleted: Maya keeps count of its shelves.
        # A list of names, or None; the stub is wrong.
        buttons: Any = cmds.shelfLayout(NAME, query=True, childArray=True)
        for button in buttons or []:
            cmds.deleteUI(button)
    else:
        cmds.shelfLayout(NAME, parent=top)
    for tool in TOOLS:
        _button(tool.name, tool.title, "open_tool('{}')".format(tool.name), tool.help)
    for icon, title, command, help_ in _MORE:
        _button(icon, title, command, help_)
    return NAME


def _button(icon: str, title: str, command: str, help_: str) -> None:
    image = os.path.join(_ICONS, "matshot_{}.png".format(icon))
    has_icon = os.path.isfile(image)
    cmds.shelfButton(
        parent=NAME,
        label=title,
        annotation="{}: {}".format(title, help_),
        image=image if has_icon else os.path.join(_ICONS, "matshot.png"),
        # A tool without an icon shows its name.
        imageOverlayLabel="" if has_icon else title[:4],
        command="import matshot_maya.commands; matshot_maya.commands.{}".format(command),
        sourceType="python",
    )
