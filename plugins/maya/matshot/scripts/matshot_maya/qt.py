"""Maya's Qt: PySide6 from Maya 2025 on, PySide2 before."""

import sys
from typing import Optional

from maya import OpenMayaUI

try:
    from PySide6 import QtCore, QtGui, QtWidgets
    from shiboken6 import isValid, wrapInstance
except ImportError:
    from PySide2 import QtCore, QtGui, QtWidgets  # type: ignore[no-redef]
    from shiboken2 import isValid, wrapInstance  # type: ignore[no-redef]

__all__ = ["QtCore", "QtGui", "QtWidgets", "control", "isValid", "main_window", "prepare_dialog", "scaled"]


def main_window() -> Optional[QtWidgets.QWidget]:
    """Maya's window, None without one."""
    return _widget(OpenMayaUI.MQtUtil.mainWindow())  # type: ignore[attr-defined]


def scaled(pixels: int) -> int:
    """A length on the screen, by Maya's interface scale."""
    # Missing in the stub; returns the scaled length.
    return round(float(OpenMayaUI.MQtUtil.dpiScale(pixels)))  # type: ignore[attr-defined]


def prepare_dialog(dialog: QtWidgets.QDialog, platform: str = sys.platform) -> None:
    """Give a dialog the window flags of Maya's own."""
    kinds = QtCore.Qt.WindowType
    # The help button of Windows does nothing, and on macOS plain dialogs disappear behind Maya's window.
    dialog.setWindowFlag(kinds.WindowContextHelpButtonHint, False)
    if platform == "darwin":
        dialog.setWindowFlags(dialog.windowFlags() | kinds.Tool)


def control(name: str) -> Optional[QtWidgets.QWidget]:
    """The widget of one of Maya's controls, None without such a control."""
    return _widget(OpenMayaUI.MQtUtil.findControl(name))  # type: ignore[attr-defined]


def _widget(pointer: Optional[int]) -> Optional[QtWidgets.QWidget]:
    if not pointer:
        return None
    widget: QtWidgets.QWidget = wrapInstance(int(pointer), QtWidgets.QWidget)  # type: ignore[assignment]
    return widget
