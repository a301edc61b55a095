"""Messages to the artist: dialogs for what they must know, the Output Log for everything else."""

from __future__ import annotations

import unreal

_TITLE = "Matshot"


def alert(sentence: str) -> None:
    """Show a dialog and wait until it is closed."""
    unreal.log_warning(f"{_TITLE}: {sentence}")
    unreal.EditorDialog.show_message(_TITLE, sentence, unreal.AppMsgType.OK, unreal.AppReturnType.OK)


def log(sentence: str) -> None:
    """Write a line to the Output Log."""
    unreal.log(f"{_TITLE}: {sentence}")
