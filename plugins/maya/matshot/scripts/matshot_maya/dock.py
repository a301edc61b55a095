"""The panel's place: a workspace control that docks in Maya's window and is restored with the workspace."""

from typing import Callable

from maya import cmds

from . import qt

NAME = "MatshotJobs"
#: The panel opens as a tab next to this control if Maya shows it.
_NEIGHBOR = "AttributeEditor"


def show(script: str) -> None:
    """Show the panel in front of others.

    Args:
        script: Python with which Maya fills the panel.
    """
    if cmds.workspaceControl(NAME, exists=True):
        cmds.workspaceControl(NAME, edit=True, restore=True)
        return
    cmds.workspaceControl(
        NAME,
        label="Matshot",
        uiScript=script,
        initialWidth=340,
        minimumWidth=280,
        retain=False,
    )
    if cmds.workspaceControl(_NEIGHBOR, exists=True):
        cmds.workspaceControl(NAME, edit=True, tabToControl=(_NEIGHBOR, -1))


def remove() -> None:
    """Remove the panel."""
    if cmds.workspaceControl(NAME, exists=True):
        cmds.deleteUI(NAME)


def fill(create: Callable[[], "qt.QtWidgets.QWidget"]) -> None:
    """Put a widget into the panel.

    Args:
        create: makes the widget; not called without a panel.
    """
    control = qt.control(NAME)
    if control is not None:
        layout = control.layout() or qt.QtWidgets.QVBoxLayout(control)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(create())
