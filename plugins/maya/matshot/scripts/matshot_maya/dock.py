"""Where the panel is: a control of Maya's workspace, that can be docked and comes back with the workspace."""

from maya import cmds

from . import qt

NAME = "MatshotJobs"
#: The panel becomes a tab beside this one, if Maya shows it.
_NEIGHBOUR = "AttributeEditor"
_FILL = "import matshot_maya.dock; matshot_maya.dock.fill()"


def show() -> None:
    """Show the panel, in front of others."""
    if cmds.workspaceControl(NAME, exists=True):
        cmds.workspaceControl(NAME, edit=True, restore=True)
        return
    cmds.workspaceControl(
        NAME,
        label="Matshot",
        uiScript=_FILL,
        initialWidth=340,
        minimumWidth=280,
        retain=False,
    )
    if cmds.workspaceControl(_NEIGHBOUR, exists=True):
        cmds.workspaceControl(NAME, edit=True, tabToControl=(_NEIGHBOUR, -1))


def remove() -> None:
    """Take the panel away."""
    if cmds.workspaceControl(NAME, exists=True):
        cmds.deleteUI(NAME)


def fill() -> None:
    """Put the panel into its control; Maya calls it, also when it starts with the panel open."""
    from . import session
    from .panel import JobPanel

    widget = qt.control(NAME)
    if widget is not None:
        layout = widget.layout() or qt.QtWidgets.QVBoxLayout(widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(JobPanel(session.current()))
