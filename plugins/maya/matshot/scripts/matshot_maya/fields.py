"""Fields of a dialog: one for each type of parameter and kind of input, all with ``value()``."""

import os
from typing import Any, List, Sequence, Tuple

from maya import cmds

from matshot_host.tools import Input, Parameter

from .qt import QtWidgets

_IMAGES = "Images (*.png *.jpg *.jpeg *.tif *.tiff *.exr *.tga *.bmp *.webp *.hdr *.dds);;All files (*)"
#: Of ``fileDialog2``: one file, a folder, several files.
_ONE, _FOLDER, _SEVERAL = 1, 3, 4
#: What a field takes that has no bounds of its own.
_INT, _FLOAT = 2147483647, 1.0e9


class ChoiceField(QtWidgets.QComboBox):
    """One of several values.

    Args:
        choices: values and what they are called.
        default: value that is chosen at first.
    """

    def __init__(self, choices: Sequence[Tuple[Any, str]], default: Any) -> None:
        super().__init__()
        for value, title in choices:
            self.addItem(title, value)
        self.set_value(default)

    def value(self) -> Any:
        """The chosen one."""
        return self.currentData()

    def set_value(self, value: Any) -> None:
        """Choose, if there is such a value."""
        index = self.findData(value)
        if index >= 0:
            self.setCurrentIndex(index)


class CheckField(QtWidgets.QCheckBox):
    """Yes or no."""

    def value(self) -> bool:
        """Whether it is checked."""
        return self.isChecked()

    def set_value(self, value: bool) -> None:
        """Check it, or not."""
        self.setChecked(value)


class TextField(QtWidgets.QLineEdit):
    """A word or two."""

    def value(self) -> str:
        """What was written."""
        return self.text().strip()

    def set_value(self, value: str) -> None:
        """Write something else."""
        self.setText(value)


class IntField(QtWidgets.QSpinBox):
    """A whole number.

    Args:
        low: least value, None for no bound.
        high: greatest value, None for no bound.
    """

    def __init__(self, low: Any = None, high: Any = None) -> None:
        super().__init__()
        self.setRange(-_INT if low is None else int(low), _INT if high is None else int(high))
        self.setMaximumWidth(110)

    def set_value(self, value: int) -> None:
        """Show another number."""
        self.setValue(value)


class FloatField(QtWidgets.QDoubleSpinBox):
    """A number.

    Args:
        low: least value, None for no bound.
        high: greatest value, None for no bound.
    """

    def __init__(self, low: Any = None, high: Any = None) -> None:
        super().__init__()
        self.setDecimals(3)
        self.setRange(-_FLOAT if low is None else low, _FLOAT if high is None else high)
        self.setSingleStep(0.05)
        self.setMaximumWidth(110)

    def set_value(self, value: float) -> None:
        """Show another number."""
        self.setValue(value)


class NumbersField(QtWidgets.QWidget):
    """Several numbers beside each other.

    Args:
        fields: one for each.
    """

    def __init__(self, fields: Sequence[Any]) -> None:
        super().__init__()
        self._fields = list(fields)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for field in self._fields:
            row.addWidget(field)
        row.addStretch(1)

    def value(self) -> Tuple[Any, ...]:
        """All of them."""
        return tuple(field.value() for field in self._fields)

    def set_value(self, value: Sequence[Any]) -> None:
        """Show other numbers."""
        for field, number in zip(self._fields, value):  # noqa: B905  # newer than Python 3.7
            field.set_value(number)


def parameter_field(parameter: Parameter) -> Any:
    """The field that suits a parameter's type, with its default."""
    field: Any
    if parameter.choices:
        return _explained(
            ChoiceField([(one, str(one)) for one in parameter.choices], parameter.default), parameter.help
        )
    if parameter.type is bool:
        field = CheckField()
    elif parameter.type is str:
        field = TextField()
    else:
        # Tuple[int, int] says of what it is made; plain types say nothing.
        parts = getattr(parameter.type, "__args__", None)
        kinds = parts or (parameter.type,)
        fields = [(IntField if kind is int else FloatField)(parameter.low, parameter.high) for kind in kinds]
        field = NumbersField(fields) if parts else fields[0]
    field.set_value(parameter.default)
    return _explained(field, parameter.help)


class InputField(QtWidgets.QWidget):
    """Where a tool's input is: a line, or a list where there may be several, with buttons to look for it.

    Args:
        wanted: what the tool takes.
        paths: to start with.
    """

    def __init__(self, wanted: Input, paths: Sequence[str] = ()) -> None:
        super().__init__()
        self.wanted = wanted
        self._line = QtWidgets.QLineEdit()
        self._list = QtWidgets.QListWidget()
        # Several are shown as a list, so that all of them can be seen.
        shown: QtWidgets.QWidget = self._list if wanted.several else self._line
        self._line.setPlaceholderText("Folder of a material" if wanted.kind == "material" else "Image")
        self._list.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.ExtendedSelection)
        self._list.setMinimumHeight(76)
        self._list.setMaximumHeight(110)
        if wanted.several:
            layout: QtWidgets.QBoxLayout = QtWidgets.QVBoxLayout(self)
            buttons: QtWidgets.QBoxLayout = QtWidgets.QHBoxLayout()
        else:
            layout = buttons = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(shown)
        if buttons is not layout:
            layout.addLayout(buttons)
        if wanted.kind != "material":
            buttons.addWidget(self._button("Browse...", "Choose an image file.", self._browse_files))
        if wanted.kind != "photo":
            buttons.addWidget(self._button("Folder...", "Choose the folder of a material.", self._browse_folder))
        if wanted.several:
            buttons.addWidget(self._button("Remove", "Take the marked ones off the list.", self._remove))
            buttons.addStretch(1)
        self.setToolTip(wanted.help)
        self.set_paths(paths)

    def paths(self) -> List[str]:
        """What is there."""
        if self.wanted.several:
            return [self._list.item(row).text() for row in range(self._list.count())]
        return [self._line.text().strip()] if self._line.text().strip() else []

    def set_paths(self, paths: Sequence[str]) -> None:
        """Show others."""
        if self.wanted.several:
            self._list.clear()
            self._list.addItems([os.path.normpath(path) for path in paths])
        else:
            self._line.setText(os.path.normpath(paths[0]) if paths else "")

    def _button(self, title: str, help_: str, clicked: Any) -> QtWidgets.QPushButton:
        button = QtWidgets.QPushButton(title)
        button.setToolTip(help_)
        button.setAutoDefault(False)
        button.clicked.connect(lambda *_: clicked())
        return button

    def _browse_files(self) -> None:
        self._take(chosen(self.wanted.title, _SEVERAL if self.wanted.several else _ONE))

    def _browse_folder(self) -> None:
        self._take(chosen(self.wanted.title, _FOLDER))

    def _take(self, paths: Sequence[str]) -> None:
        if self.wanted.several:
            self._list.addItems([os.path.normpath(path) for path in paths if path not in self.paths()])
        elif paths:
            self.set_paths(paths)

    def _remove(self) -> None:
        for item in self._list.selectedItems():
            self._list.takeItem(self._list.row(item))


class FolderField(QtWidgets.QWidget):
    """A folder."""

    def __init__(self) -> None:
        super().__init__()
        self._line = QtWidgets.QLineEdit()
        button = QtWidgets.QPushButton("Browse...")
        button.setAutoDefault(False)
        button.clicked.connect(lambda *_: self._browse())
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._line)
        row.addWidget(button)

    def value(self) -> str:
        """Its path."""
        return self._line.text().strip()

    def set_value(self, value: str) -> None:
        """Show another."""
        self._line.setText(value)

    def _browse(self) -> None:
        for path in chosen_folder("Folder"):
            self.set_value(path)


class ProgramField(FolderField):
    """A program.

    Args:
        hint: what stands there while it is empty.
    """

    def __init__(self, hint: str) -> None:
        super().__init__()
        self._line.setPlaceholderText(hint)

    def _browse(self) -> None:
        for path in chosen("Program", _ONE, "All files (*)"):
            self.set_value(path)


def chosen_folder(caption: str) -> List[str]:
    """What the artist chooses in Maya's own window: one folder, or nothing."""
    return chosen(caption, _FOLDER)


def chosen(caption: str, mode: int, filters: str = _IMAGES) -> List[str]:
    """What the artist chooses in Maya's own window for files; nothing if it was closed."""
    # Gives a list, or None; the stub says str.
    found: Any = cmds.fileDialog2(caption=caption, fileMode=mode, dialogStyle=2, okCaption="Choose", fileFilter=filters)
    return [os.path.normpath(path) for path in found or []]


def _explained(field: Any, help_: str) -> Any:
    field.setToolTip(help_)
    return field
