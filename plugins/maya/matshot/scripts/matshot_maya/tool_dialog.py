"""The dialog of a tool, built from the tool table."""

import os
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from matshot_host.errors import MatshotError
from matshot_host.tools import Parameter, Tool

from .fields import ChoiceField, InputField, parameter_field
from .qt import QtCore, QtWidgets, prepare_dialog, scaled

#: What happens to results: values and labels; the first label names the selection.
DESTINATIONS: Tuple[Tuple[str, str], ...] = (
    ("selection", "Apply to Selection ({})"),
    ("nodes", "Create Nodes Only"),
    ("files", "Save Files Only"),
)


class Request(NamedTuple):
    """The values of a dialog.

    Attributes:
        tool: to run.
        inputs: paths, in the order of the tool's inputs.
        parameters: all parameters of the tool.
        destination: of results, of :data:`DESTINATIONS`.
        shader: node type of a new material.
    """

    tool: Tool
    inputs: Tuple[str, ...]
    parameters: Dict[str, Any]
    destination: str
    shader: str


class ToolDialog(QtWidgets.QDialog):
    """A form with the inputs and parameters of a tool.

    Args:
        tool: of the tool table.
        start: called with the values; its error is shown and the dialog stays open.
        paths: of the tool's first input.
        values: of parameters, instead of their defaults.
        shaders: node types of materials and their labels.
        shader: initial node type.
        selection: summary of the selection, such as ``2 objects``.
        output_folder: folder for results, shown as text.
        scene_files: paths of images that the scene offers for guides and masks; None for none.
        parent: window of the dialog.
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
        output_folder: str = "",
        scene_files: Optional[Callable[[], Sequence[str]]] = None,
        parent: Optional[QtWidgets.QWidget] = None,
    ) -> None:
        super().__init__(parent)
        self._tool, self._start = tool, start
        self.setObjectName("Matshot_{}".format(tool.name))
        self.setWindowTitle("Matshot: {}".format(tool.title))
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        prepare_dialog(self)
        self.inputs = [InputField(one, () if number else paths) for number, one in enumerate(tool.inputs)]
        self.parameters: Dict[str, Any] = {
            parameter.name: parameter_field(parameter, scene_files) for parameter in tool.parameters
        }
        for name, value in tool.accepted(values or {}).items():
            self.parameters[name].set_value(value)
        self.destination = ChoiceField([(value, label.format(selection)) for value, label in DESTINATIONS], "selection")
        self.shader = ChoiceField(shaders, shader)
        self.error = QtWidgets.QLabel()
        self._advanced = QtWidgets.QWidget()
        self._labels: List[QtWidgets.QLabel] = []
        self._fill(output_folder)

    def request(self) -> Request:
        """The current values.

        Raises:
            MatshotError: when an input is missing, or a value is not valid.
        """
        paths: List[str] = []
        for field in self.inputs:
            if not field.paths():
                raise MatshotError("Choose the {} first.".format(field.input.title.lower()))
            paths += field.paths()
        values = self._tool.check({name: field.value() for name, field in self.parameters.items()})
        destination = "files" if self._tool.result == "picture" else self.destination.value()
        return Request(self._tool, tuple(paths), values, destination, self.shader.value() or "")

    def show_request(self, request: Request) -> None:
        """Fill in the values of an earlier request."""
        inputs = list(request.inputs)
        for field in self.inputs:
            share = inputs if field.input.several else inputs[:1]
            field.set_paths(share)
            inputs = inputs[len(share) :]
        for name, value in request.parameters.items():
            self.parameters[name].set_value(value)
        self.destination.set_value(request.destination)
        self.shader.set_value(request.shader)

    def reset(self) -> None:
        """Return all parameters to their defaults."""
        for parameter in self._tool.parameters:
            self.parameters[parameter.name].set_value(parameter.default)

    def accept(self) -> None:
        """Start the tool, and close the dialog if that succeeds."""
        try:
            self._start(self.request())
        except MatshotError as error:
            self.error.setText(error.sentence)
            self.error.show()
            return
        super().accept()

    def _fill(self, output_folder: str) -> None:
        help_ = QtWidgets.QLabel(self._tool.help)
        help_.setWordWrap(True)
        common_form, advanced_form = _form(), _form()
        for field in self.inputs:
            common_form.addRow(self._label(field.input.title, field.input.help), field)
        self._add(common_form, [parameter for parameter in self._tool.parameters if not parameter.advanced])
        advanced = [parameter for parameter in self._tool.parameters if parameter.advanced]
        self._add(advanced_form, advanced)
        self._advanced.setLayout(advanced_form)
        self._advanced.hide()

        layout = QtWidgets.QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(help_)
        layout.addLayout(common_form)
        if advanced:
            layout.addWidget(self._fold_button())
            layout.addWidget(self._advanced)
        line = QtWidgets.QFrame()
        line.setFrameShape(QtWidgets.QFrame.Shape.HLine)
        line.setFrameShadow(QtWidgets.QFrame.Shadow.Sunken)
        layout.addWidget(line)
        layout.addLayout(self._results_form(output_folder))
        layout.addStretch(1)
        self.error.setWordWrap(True)
        self.error.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self.error.setStyleSheet("color: #ff8a80")
        self.error.hide()
        layout.addWidget(self.error)
        layout.addWidget(self._buttons())
        self.setMinimumWidth(scaled(480))
        # The labels of all forms share one column.
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

    def _fold_button(self) -> QtWidgets.QToolButton:
        fold = QtWidgets.QToolButton()
        fold.setText("Advanced")
        fold.setCheckable(True)
        fold.setAutoRaise(True)
        fold.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        fold.setArrowType(QtCore.Qt.ArrowType.RightArrow)

        def toggle(open_: bool) -> None:
            fold.setArrowType(QtCore.Qt.ArrowType.DownArrow if open_ else QtCore.Qt.ArrowType.RightArrow)
            self._advanced.setVisible(open_)
            # Layouts are updated with the next event, and the window must fit them.
            QtCore.QTimer.singleShot(0, self._fit)

        fold.toggled.connect(toggle)
        self.fold = fold
        return fold

    def _fit(self) -> None:
        # adjustSize() stops at two thirds of the screen, where fields overlap.
        layout = self.layout()
        if layout is not None:
            self.resize(self.width(), layout.totalHeightForWidth(self.width()))

    def _results_form(self, output_folder: str) -> QtWidgets.QFormLayout:
        form = _form()
        if self._tool.result != "picture":
            form.addRow(self._label("Results", "What happens to the results in the scene."), self.destination)
            if self.shader.count():
                form.addRow(self._label("Material", "Node type of a new material."), self.shader)
        if output_folder:
            path = QtWidgets.QLabel(os.path.normpath(output_folder))
            path.setWordWrap(True)
            path.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
            form.addRow(self._label("Save To", "Folder for results. Change it in Matshot's preferences."), path)
        return form

    def _buttons(self) -> QtWidgets.QDialogButtonBox:
        buttons = QtWidgets.QDialogButtonBox()
        start = buttons.addButton(self._tool.title, QtWidgets.QDialogButtonBox.ButtonRole.AcceptRole)
        start.setDefault(True)
        reset = buttons.addButton("Reset", QtWidgets.QDialogButtonBox.ButtonRole.ResetRole)
        reset.setToolTip("Return all options to their defaults.")
        reset.clicked.connect(lambda *_: self.reset())
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
