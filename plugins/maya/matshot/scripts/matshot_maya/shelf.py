"""The shelf, with a button for each tool."""

import os
from typing import Any, Tuple

from maya import cmds, mel

from matshot_host import __version__
from matshot_host.tools import TOOLS

NAME = "Matshot"
#: Module that the buttons call, by which they are recognized.
_MARK = "matshot_maya.commands"
#: Option variable with the version that built the shelf.
_VARIABLE = "matshot_shelf"
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


def build_once() -> None:
    """Create the shelf once for each version of Matshot, so that what the artist then changes or removes stays so."""
    # The flag takes the name of the variable; the stub is wrong.
    built: Any = cmds.optionVar(query=_VARIABLE)  # type: ignore[call-overload]
    if built != __version__:
        build()


def build() -> str:
    """Create the shelf, or renew the buttons of an existing one; other buttons stay.

    Returns:
        Its name.
    """
    if cmds.shelfLayout(NAME, exists=True):
        # A list of names, or None; the stub is wrong.
        buttons: Any = cmds.shelfLayout(NAME, query=True, childArray=True)
        for button in buttons or []:
            if cmds.shelfButton(button, exists=True) and _MARK in cmds.shelfButton(button, query=True, command=True):
                cmds.deleteUI(button)
    else:
        # Maya counts its shelves and saves them with the preferences; a plain layout would confuse it.
        mel.eval('addNewShelfTab "{}"'.format(NAME))
    for tool in TOOLS:
        _button(tool.name, tool.title, "open_tool('{}')".format(tool.name), tool.help)
    for icon, title, command, help_ in _MORE:
        _button(icon, title, command, help_)
    cmds.optionVar(stringValue=(_VARIABLE, __version__))
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
        command="import {0}; {0}.{1}".format(_MARK, command),
        sourceType="python",
    )
