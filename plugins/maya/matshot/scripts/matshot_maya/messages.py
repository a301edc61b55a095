"""How Maya tells its artist something: a dialog after a click, a line in the view for what happens later."""

from maya import cmds


def refuse(sentence: str) -> None:
    """Say why what was just asked for cannot be done."""
    # Where the dialog takes this for HTML, <UDIM> would vanish.
    message = sentence.replace("<", "").replace(">", "")
    cmds.confirmDialog(title="Matshot", message=message, button=["OK"], defaultButton="OK", icon="warning")


def warn(sentence: str, cause: str = "") -> None:
    """Say what went wrong, without stopping anybody's work.

    Args:
        sentence: for the artist.
        cause: technical detail for the log.
    """
    if cause:
        print("Matshot: {}".format(cause))
    cmds.warning("Matshot: {}".format(sentence))
    _show(sentence, 6000)


def inform(sentence: str) -> None:
    """Say what was done."""
    print("Matshot: {}".format(sentence))
    _show(sentence, 3000)


def _show(sentence: str, stay: int) -> None:
    # Messages in the view are read as HTML.
    text = sentence.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    cmds.inViewMessage(statusMessage=text, position="botCenter", fade=True, fadeStayTime=stay)
