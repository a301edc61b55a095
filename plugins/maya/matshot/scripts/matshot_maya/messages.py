"""Messages to the artist: a dialog in answer to a click, a line in the viewport for what happens later."""

from maya import cmds

#: Milliseconds for which messages stay in the viewport.
_WARNING_TIME = 6000
_INFO_TIME = 3000


def alert(sentence: str) -> None:
    """Show why a command failed, in a dialog."""
    # The dialog may read this as HTML, in which <UDIM> would vanish.
    message = sentence.replace("<", "").replace(">", "")
    cmds.confirmDialog(title="Matshot", message=message, button=["OK"], defaultButton="OK", icon="warning")


def warn(sentence: str, cause: str = "") -> None:
    """Show a problem without interrupting the artist.

    Args:
        sentence: for the artist.
        cause: technical detail for the Script Editor.
    """
    if cause:
        print("Matshot: {}".format(cause))
    cmds.warning("Matshot: {}".format(sentence))
    _show(sentence, _WARNING_TIME)


def inform(sentence: str) -> None:
    """Show what was done."""
    print("Matshot: {}".format(sentence))
    _show(sentence, _INFO_TIME)


def _show(sentence: str, milliseconds: int) -> None:
    # Viewport messages are HTML.
    text = sentence.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    cmds.inViewMessage(statusMessage=text, position="botCenter", fade=True, fadeStayTime=milliseconds)
