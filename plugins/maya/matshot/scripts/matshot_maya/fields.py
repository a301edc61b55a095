"""Fields of dialogs, one for each type of parameter and input; all have ``value()`` and ``set_value()``."""

import os
from typing import Any, Callable, List, Optional, Sequence, Tuple, Union

from maya import cmds

from matshot_host.description import PREVIEW
from matshot_host.tools import Input, Parameter

from .qt import QtCore, QtGui, QtWidgets, scaled

#: Side of an input's picture.
_THUMBNAIL = 48
_IMAGES = "Images (*.png *.jpg *.jpeg *.tif *.tiff *.exr *.tga *.bmp *.webp *.hdr *.dds);;All Files (*)"
#: Modes of ``fileDialog2``.
_ONE_FILE = 1
_FOLDER = 3
_SEVERAL_FILES = 4
#: Bounds of fields for parameters without any.
_LARGEST_INT = 2147483647
_LARGEST_FLOAT = 1.0e9


class ChoiceField(QtWidgets.QComboBox):
    """One of several values.

    Args:
        choices: values and their labels.
        default: initial value.
    """

    def __init__(self, choices: Sequence[Tuple[Any, str]], default: Any) -> None:
        super().__init__()
        for value, title in choices:
            self.addItem(title, value)
        self.set_value(default)

    def value(self) -> Any:
        """The current value."""
        return self.currentData()

    def set_value(self, value: Any) -> None:
        """Select a value, if it is among the choices."""
        index = self.findData(value)
        if index >= 0:
            self.setCurrentIndex(index)


class CheckField(QtWidgets.QCheckBox):
    """A switch."""

    def value(self) -> bool:
        """Whether it is checked."""
        return self.isChecked()

    def set_value(self, value: bool) -> None:
        """Check or uncheck."""
        self.setChecked(value)


class TextField(QtWidgets.QLineEdit):
    """A line of text."""

    def value(self) -> str:
        """The text without surrounding blanks."""
        return self.text().strip()

    def set_value(self, value: str) -> None:
        """Set the text."""
        self.setText(value)


class IntField(QtWidgets.QSpinBox):
    """An integer.

    Args:
        low: minimum, None for no bound.
        high: maximum, None for no bound.
    """

    def __init__(self, low: Any = None, high: Any = None) -> None:
        super().__init__()
        self.setRange(-_LARGEST_INT if low is None else int(low), _LARGEST_INT if high is None else int(high))
        self.setMaximumWidth(110)

    def set_value(self, value: int) -> None:
        """Set the number."""
        self.setValue(value)


class FloatField(QtWidgets.QDoubleSpinBox):
    """A number.

    Args:
        low: minimum, None for no bound.
        high: maximum, None for no bound.
    """

    def __init__(self, low: Any = None, high: Any = None) -> None:
        super().__init__()
        self.setDecimals(3)
        self.setRange(-_LARGEST_FLOAT if low is None else low, _LARGEST_FLOAT if high is None else high)
        self.setSingleStep(0.05)
        self.setMaximumWidth(110)

    def set_value(self, value: float) -> None:
        """Set the number."""
        self.setValue(value)


class NumbersField(QtWidgets.QWidget):
    """Several numbers in a row.

    Args:
        fields: one for each number.
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
        """The numbers."""
        return tuple(field.value() for field in self._fields)

    def set_value(self, value: Sequence[Any]) -> None:
        """Set the numbers."""
        for field, number in zip(self._fields, value):  # noqa: B905  # newer than Python 3.7
            field.set_value(number)


def parameter_field(parameter: Parameter, scene_files: Optional[Callable[[], Sequence[str]]] = None) -> Any:
    """A field for a parameter, set to its default.

    Args:
        parameter: of the tool table.
        scene_files: paths of images that the scene offers for files; None for none.
    """
    field: Any
    if parameter.choices:
        choices = [(one, parameter.choice_label(one)) for one in parameter.choices]
        return _with_tooltip(ChoiceField(choices, parameter.default), parameter.help)
    if parameter.type is bool:
        field = CheckField()
    elif parameter.file:
        field = PathField(parameter.label, parameter.file, parameter.placeholder, scene_files)
    elif parameter.type is str:
        field = TextField()
        field.setPlaceholderText(parameter.placeholder)
    else:
        defaults = parameter.default if parameter.parts else (parameter.default,)
        fields = [_number_field(parameter, default) for default in defaults]
        field = NumbersField(fields) if parameter.parts else fields[0]
    field.set_value(parameter.default)
    return _with_tooltip(field, parameter.help)


def _number_field(parameter: Parameter, default: Any) -> Any:
    """A field for one number, with its unit; it shows the placeholder for a default that stands for no value."""
    # Qt shows the special text for the minimum.
    low = default if parameter.placeholder else parameter.low
    field = (IntField if isinstance(default, int) else FloatField)(low, parameter.high)
    field.setSpecialValueText(parameter.placeholder)
    if parameter.unit:
        # Degrees follow their number directly.
        field.setSuffix(parameter.unit if parameter.unit == "\u00b0" else " {}".format(parameter.unit))
    return field


class PathField(QtWidgets.QWidget):
    """The path of an image or a material folder, with its picture and buttons to browse.

    Args:
        title: of the file browser.
        kind: what is taken: ``photo``, ``image`` or ``mask`` (an image), ``material`` (a folder), ``asset`` (either).
        placeholder: shown while it is empty.
        scene_files: paths of images that the scene offers, called whenever the menu of these opens; None for no menu.
    """

    def __init__(
        self, title: str, kind: str, placeholder: str, scene_files: Optional[Callable[[], Sequence[str]]] = None
    ) -> None:
        super().__init__()
        self._title, self._scene_files = title, scene_files
        self.picture = QtWidgets.QLabel()
        self.picture.setFixedSize(scaled(_THUMBNAIL), scaled(_THUMBNAIL))
        self.picture.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self.picture.hide()
        self.line = QtWidgets.QLineEdit()
        self.line.setPlaceholderText(placeholder)
        self.line.textChanged.connect(lambda *_: self._show_picture())
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.picture)
        row.addWidget(self.line)
        if kind != "material":
            row.addWidget(_button("Browse...", "Choose an image.", self.browse_files))
        if kind in ("material", "asset"):
            row.addWidget(_button("Folder...", "Choose a material folder.", self.browse_folder))
        if scene_files is not None:
            row.addWidget(self._scene_button())

    def value(self) -> str:
        """The path; empty for none."""
        return self.line.text().strip()

    def set_value(self, value: str) -> None:
        """Set the path."""
        self.line.setText(os.path.normpath(value) if value else "")

    def browse_files(self) -> None:
        """Let the artist choose an image."""
        for path in choose(self._title, _ONE_FILE):
            self.set_value(path)

    def browse_folder(self) -> None:
        """Let the artist choose a folder."""
        for path in choose_folder(self._title):
            self.set_value(path)

    def fill_menu(self) -> None:
        """Offer the images of the scene."""
        self.menu.clear()
        paths = list(self._scene_files()) if self._scene_files is not None else []
        for path in paths:
            action = self.menu.addAction(os.path.basename(path))
            action.setToolTip(path)
            action.triggered.connect(lambda *_, path=path: self.set_value(path))
        if not paths:
            self.menu.addAction("Select an object, a material or a file node").setEnabled(False)

    def _scene_button(self) -> QtWidgets.QPushButton:
        button = QtWidgets.QPushButton("Scene")
        button.setToolTip("Choose a texture of the selected objects, materials or file nodes.")
        button.setAutoDefault(False)
        self.menu = QtWidgets.QMenu(button)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self.fill_menu)
        button.setMenu(self.menu)
        return button

    def _show_picture(self) -> None:
        """Show a thumbnail of the image or material."""
        path = self.value()
        reader = QtGui.QImageReader(os.path.join(path, PREVIEW) if os.path.isdir(path) else path)
        # Photographs stand upright, and are decoded in a small size.
        reader.setAutoTransform(True)
        size = reader.size()
        if size.isValid():
            side = scaled(_THUMBNAIL)
            reader.setScaledSize(size.scaled(side, side, QtCore.Qt.AspectRatioMode.KeepAspectRatio))
        image = reader.read() if path else QtGui.QImage()
        self.picture.setPixmap(QtGui.QPixmap.fromImage(image))
        self.picture.setVisible(not image.isNull())


class PathListField(QtWidgets.QWidget):
    """Paths of images and material folders, with buttons to browse.

    Args:
        title: of the file browser.
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.list = QtWidgets.QListWidget()
        self.list.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setMinimumHeight(76)
        self.list.setMaximumHeight(110)
        buttons = QtWidgets.QHBoxLayout()
        buttons.addWidget(_button("Browse...", "Choose images.", self.browse_files))
        buttons.addWidget(_button("Folder...", "Choose a material folder.", self.browse_folder))
        buttons.addWidget(_button("Remove", "Remove the selected paths from the list.", self.remove))
        buttons.addStretch(1)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.list)
        column.addLayout(buttons)

    def paths(self) -> List[str]:
        """The paths."""
        return [self.list.item(row).text() for row in range(self.list.count())]

    def set_paths(self, paths: Sequence[str]) -> None:
        """Set the paths."""
        self.list.clear()
        self.list.addItems([os.path.normpath(path) for path in paths])

    def browse_files(self) -> None:
        """Let the artist add images."""
        self._add(choose(self._title, _SEVERAL_FILES))

    def browse_folder(self) -> None:
        """Let the artist add a folder."""
        self._add(choose_folder(self._title))

    def remove(self) -> None:
        """Remove the selected paths."""
        for item in self.list.selectedItems():
            self.list.takeItem(self.list.row(item))

    def _add(self, paths: Sequence[str]) -> None:
        self.list.addItems([os.path.normpath(path) for path in paths if path not in self.paths()])


class InputField(QtWidgets.QWidget):
    """The path of a tool's input, or a list of paths where it takes several.

    Args:
        tool_input: of the tool table.
        paths: initial paths.
    """

    def __init__(self, tool_input: Input, paths: Sequence[str] = ()) -> None:
        super().__init__()
        self.input = tool_input
        #: What shows the paths.
        self.editor: Union[PathField, PathListField]
        if tool_input.several:
            self.editor = PathListField(tool_input.title)
        else:
            placeholder = "Material folder" if tool_input.kind == "material" else "Image"
            self.editor = PathField(tool_input.title, tool_input.kind, placeholder)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.editor)
        self.setToolTip(tool_input.help)
        self.set_paths(paths)

    def paths(self) -> List[str]:
        """The current paths."""
        if isinstance(self.editor, PathListField):
            return self.editor.paths()
        return [self.editor.value()] if self.editor.value() else []

    def set_paths(self, paths: Sequence[str]) -> None:
        """Set the paths."""
        if isinstance(self.editor, PathListField):
            self.editor.set_paths(paths)
        else:
            self.editor.set_value(paths[0] if paths else "")


class FolderField(QtWidgets.QWidget):
    """A path of a folder."""

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
        """The path."""
        return self._line.text().strip()

    def set_value(self, value: str) -> None:
        """Set the path."""
        self._line.setText(value)

    def _browse(self) -> None:
        for path in choose_folder("Folder"):
            self.set_value(path)


class ProgramField(FolderField):
    """A path of a program.

    Args:
        hint: placeholder while it is empty.
    """

    def __init__(self, hint: str) -> None:
        super().__init__()
        self._line.setPlaceholderText(hint)

    def _browse(self) -> None:
        for path in choose("Program", _ONE_FILE, "All Files (*)"):
            self.set_value(path)


def choose_folder(caption: str) -> List[str]:
    """Let the artist choose a folder in Maya's file browser.

    Returns:
        One path, or none if the browser was canceled.
    """
    return choose(caption, _FOLDER)


def choose(caption: str, mode: int, filters: str = _IMAGES) -> List[str]:
    """Let the artist choose paths in Maya's file browser.

    Returns:
        The paths; none if the browser was canceled.
    """
    # A list, or None; the stub is wrong.
    found: Any = cmds.fileDialog2(caption=caption, fileMode=mode, dialogStyle=2, okCaption="Choose", fileFilter=filters)
    return [os.path.normpath(path) for path in found or []]


def _button(title: str, help_: str, clicked: Callable[[], None]) -> QtWidgets.QPushButton:
    button = QtWidgets.QPushButton(title)
    button.setToolTip(help_)
    button.setAutoDefault(False)
    button.clicked.connect(lambda *_: clicked())
    return button


def _with_tooltip(field: Any, help_: str) -> Any:
    field.setToolTip(help_)
    return field
