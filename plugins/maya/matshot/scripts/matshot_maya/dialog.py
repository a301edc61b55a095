"""The dialog of every tool, made from the tool table."""

import os
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from matshot_host.errors import MatshotError
from matshot_host.tools import Parameter, Tool

from .fields import ChoiceField, InputField, parameter_field
from .qt import QtCore, QtWidgets

#: What may become of results, and what the dialog calls it; the first names what is selected.
OUTCOMES: Tuple[Tuple[str, str], ...] = (
    ("selection", "Apply them to the selection ({})"),
    ("nodes", "Make their nodes only"),
    ("files", "Save the files only"),
)


class Request(NamedTuple):
    """What a dialog was filled in with.

    Attributes:
        tool: that shall run.
        inputs: paths, in the order of the tool's inputs.
        parameters: all of the tool's.
        outcome: of :data:`OUTCOMES`.
        shader: node type of a new material.
    """

    tool: Tool
    inputs: Tuple[str, ...]
    parameters: Dict[str, Any]
    outcome: str
    shader: str


class ToolDialog(QtWidgets.QDialog):
    """Asks for a tool's inputs and parameters.

    Args:
        tool: of the tool table.
        start: takes what was filled in; what it raises is shown, and the dialog stays.
        paths: for the tool's first input.
        values: of parameters, in place of their defaults.
        shaders: node types of materials and their titles.
        shader: that is chosen at first.
        selection: what is selected, such as ``2 objects``.
        place: where results go, as text.
        parent: window that it belongs to.
    """

    def __init__(
        self,
        tool: Tool,
        start: Callable[[Request], Any],
        paths: Sequence[str] = (),
        values: Optional[Mapping[str, Any]] = None,
        shaders: Sequence[Tuple[str, str]] = (),
        shader: str = "",
        selection: str = "",
        place: str = "",
        parent: Optional[QtWidgets.QWidget] = None,
    ) -> None:
        super().__init__(parent)
        self._tool, self._start = tool, start
        self.setObjectName("Matshot_{}".format(tool.name))
        self.setWindowTitle("Matshot: {}".format(tool.title))
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self.inputs = [InputField(wanted, () if number else paths) for number, wanted in enumerate(tool.inputs)]
        self.parameters: Dict[str, Any] = {parameter.name: parameter_field(parameter) for parameter in tool.parameters}
        for name, value in tool.accepted(values or {}).items():
            self.parameters[name].set_value(value)
        self.outcome = ChoiceField([(value, title.format(selection)) for value, title in OUTCOMES], "selection")
        self.shader = ChoiceField(shaders, shader)
        self.problem = QtWidgets.QLabel()
        self._folded = QtWidgets.QWidget()
        self._labels: List[QtWidgets.QLabel] = []
        self._fill(place)

    def request(self) -> Request:
        """What is filled in.

        Raises:
            MatshotError: when an input is missing.
        """
        paths: List[str] = []
        for field in self.inputs:
            given = field.paths()
            if not given:
                raise MatshotError("{}: nothing is chosen yet.".format(field.wanted.title))
            paths += given
        values = {name: field.value() for name, field in self.parameters.items()}
        outcome = "files" if self._tool.result == "picture" else self.outcome.value()
        return Request(self._tool, tuple(paths), values, outcome, self.shader.value() or "")

    def accept(self) -> None:
        """Start, and close if that went well."""
        try:
            self._start(self.request())
        except MatshotError as error:
            self.problem.setText(error.sentence)
            self.problem.show()
            return
        super().accept()

    def _fill(self, place: str) -> None:
        help_ = QtWidgets.QLabel(self._tool.help)
        help_.setWordWrap(True)
        plain, folded = _form(), _form()
        for field in self.inputs:
            plain.addRow(self._label(field.wanted.title, field.wanted.help), field)
        self._add(plain, [parameter for parameter in self._tool.parameters if not parameter.advanced])
        advanced = [parameter for parameter in self._tool.parameters if parameter.advanced]
        self._add(folded, advanced)
        self._folded.setLayout(folded)
        self._folded.hide()

        layout = QtWidgets.QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(help_)
        layout.addLayout(plain)
        if advanced:
            layout.addWidget(self._fold())
            layout.addWidget(self._folded)
        line = QtWidgets.QFrame()
        line.setFrameShape(QtWidgets.QFrame.Shape.HLine)
        line.setFrameShadow(QtWidgets.QFrame.Shadow.Sunken)
        layout.addWidget(line)
        layout.addLayout(self._afterwards(place))
        layout.addStretch(1)
        self.problem.setWordWrap(True)
        self.problem.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self.problem.setStyleSheet("color: #ff8a80")
        self.problem.hide()
        layout.addWidget(self.problem)
        layout.addWidget(self._buttons())
        self.setMinimumWidth(480)
        # The labels of all forms stand in one column.
        widest = max(label.sizeHint().width() for label in self._labels)
        for label in self._labels:
            label.setMinimumWidth(widest)
        self.resize(self.sizeHint().width(), 0)
        self._fit()

    def _add(self, form: QtWidgets.QFormLayout, parameters: Sequence[Parameter]) -> None:
        for parameter in parameters:
            form.addRow(self._label(parameter.label, parameter.help), self.parameters[parameter.name])

    def _label(self, title: str, help_: str) -> QtWidgets.QLabel:
        label = QtWidgets.QLabel(title)
        label.setToolTip(help_)
        label.setAlignment(QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter)
        self._labels.append(label)
        return label

    def _fold(self) -> QtWidgets.QToolButton:
        fold = QtWidgets.QToolButton()
        fold.setText("Advanced")
        fold.setCheckable(True)
        fold.setAutoRaise(True)
        fold.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        fold.setArrowType(QtCore.Qt.ArrowType.RightArrow)

        def turn(open_: bool) -> None:
            fold.setArrowType(QtCore.Qt.ArrowType.DownArrow if open_ else QtCore.Qt.ArrowType.RightArrow)
            self._folded.setVisible(open_)
            # Layouts learn of it with the next event, and the window shall fit them.
            QtCore.QTimer.singleShot(0, self._fit)

        fold.toggled.connect(turn)
        self.fold = fold
        return fold

    def _fit(self) -> None:
        # adjustSize() would stop at two thirds of the screen, and let things overlap.
        layout = self.layout()
        if layout is not None:
            self.resize(self.width(), layout.totalHeightForWidth(self.width()))

    def _afterwards(self, place: str) -> QtWidgets.QFormLayout:
        form = _form()
        if self._tool.result != "picture":
            form.addRow(self._label("Results", "What becomes of them in the scene."), self.outcome)
            if self.shader.count():
                form.addRow(self._label("Material", "Node type of a new material."), self.shader)
        if place:
            shown = QtWidgets.QLabel(os.path.normpath(place))
            shown.setWordWrap(True)
            shown.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
            form.addRow(self._label("Saved in", "Set in Matshot's preferences."), shown)
        return form

    def _buttons(self) -> QtWidgets.QDialogButtonBox:
        buttons = QtWidgets.QDialogButtonBox()
        start = buttons.addButton(self._tool.title, QtWidgets.QDialogButtonBox.ButtonRole.AcceptRole)
        start.setDefault(True)
        buttons.addButton("Cancel", QtWidgets.QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        return buttons


def _form() -> QtWidgets.QFormLayout:
    form = QtWidgets.QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setHorizontalSpacing(8)
    form.setVerticalSpacing(7)
    form.setFieldGrowthPolicy(QtWidgets.QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setLabelAlignment(QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter)
    return form
