"""The shelf: a button per tool."""

import os
from typing import Any, Tuple

from maya import cmds, mel

from matshot_host.tools import TOOLS

NAME = "Matshot"
_ICONS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "icons")

#: Buttons besides those of the tools: icon, what they do, help.
_MORE: Tuple[Tuple[str, str, str, str], ...] = (
    (
        "material",
        "Upscale Material's Textures",
        "open_upscale_material()",
        "Replace the textures of what is selected by larger ones.",
    ),
    ("load", "Load Material", "load_material()", "Make the shading network of a material folder."),
    ("panel", "Matshot", "open_panel()", "Show the jobs and their results."),
    ("preferences", "Preferences", "open_preferences()", "Which Python runs Matshot, and where results go."),
)


def build() -> str:
    """Make the shelf, or fill the one that is there anew; its name."""
    top = mel.eval("global string $gShelfTopLevel; $matshotShelves = $gShelfTopLevel;")
    if cmds.shelfLayout(NAME, exists=True):
        # Emptied and not deleted, for Maya keeps count of its shelves.
        # A list of names, or None; the stub says otherwise.
        buttons: Any = cmds.shelfLayout(NAME, query=True, childArray=True)
        for button in buttons or []:
            cmds.deleteUI(button)
    else:
        cmds.shelfLayout(NAME, parent=top)
    for tool in TOOLS:
        _button(tool.name, tool.title, "open_tool('{}')".format(tool.name), tool.help)
    for icon, title, call, help_ in _MORE:
        _button(icon, title, call, help_)
    return NAME


def _button(icon: str, title: str, call: str, help_: str) -> None:
    image = os.path.join(_ICONS, "matshot_{}.png".format(icon))
    drawn = os.path.isfile(image)
    cmds.shelfButton(
        parent=NAME,
        label=title,
        annotation="{}: {}".format(title, help_),
        image=image if drawn else os.path.join(_ICONS, "matshot.png"),
        # A tool that is younger than the icons is known by its name.
        imageOverlayLabel="" if drawn else title[:4],
        command="import matshot_maya.session; matshot_maya.session.{}".format(call),
        sourceType="python",
    )
