"""The preferences dialog, with a test of the worker."""

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from matshot_host.tools import UPSCALE

from .fields import CheckField, ChoiceField, FolderField, ProgramField, parameter_field
from .preferences import PLACES, Preferences
from .qt import QtCore, QtWidgets, prepare_dialog, scaled

#: Parameters of the tools that the preferences set, too.
_DEVICE = UPSCALE.parameter("device")
_MEMORY = UPSCALE.parameter("memory")


class PreferencesDialog(QtWidgets.QDialog):
    """A form with the preferences.

    Args:
        preferences: initial values.
        save: called with the new values.
        test: starts a test of the worker; its findings go to :meth:`show_findings`.
        shaders: node types of materials and their labels.
        parent: window of the dialog.
    """

    def __init__(
        self,
        preferences: Preferences,
        save: Callable[[Preferences], None],
        test: Callable[[], None],
        shaders: Sequence[Tuple[str, str]],
        parent: Optional[QtWidgets.QWidget] = None,
    ) -> None:
        super().__init__(parent)
        prepare_dialog(self)
        self._save, self._test = save, test
        self.setObjectName("MatshotPreferences")
        self.setWindowTitle("Matshot: Preferences")
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fields: Dict[str, Any] = {
            "python": ProgramField("Auto"),
            "device": parameter_field(_DEVICE),
            "memory": parameter_field(_MEMORY),
            "place": ChoiceField(PLACES, preferences.place),
            "folder": FolderField(),
            "shader": ChoiceField(_including(shaders, preferences.shader), preferences.shader),
            "ask": CheckField("Review Results before Applying"),
        }
        for name, value in preferences._asdict().items():
            self.fields[name].set_value(value)
        self.findings = QtWidgets.QTextBrowser()
        self._button = QtWidgets.QPushButton("Test")
        self._fill()

    def preferences(self) -> Preferences:
        """The current values."""
        return Preferences(**{name: field.value() for name, field in self.fields.items()})

    def accept(self) -> None:
        """Save and close."""
        self._save(self.preferences())
        super().accept()

    def test(self) -> None:
        """Save, since the worker is started with these preferences, and test."""
        self._save(self.preferences())
        self._button.setEnabled(False)
        self._show_text("Starting Matshot...")
        self._test()

    def show_findings(self, findings: Sequence[Mapping[str, Any]], error: str) -> None:
        """Show the findings of a test.

        Args:
            findings: of the doctor.
            error: sentence if the test failed, otherwise empty.
        """
        self._button.setEnabled(True)
        if error:
            self._show_text(_html(error))
            return
        rows: List[str] = []
        for finding in findings:
            text, mark, fix = _html("{}: {}".format(finding["subject"], finding["state"])), "&#10003;", ""
            if not finding.get("ok"):
                mark = "&#10007;" if finding.get("required") else "&#8211;"
                fix = "<br><i>{}</i>".format(_html(str(finding.get("fix", ""))))
            rows.append("<tr><td>{}&nbsp;</td><td>{}{}</td></tr>".format(mark, text, fix))
        self._show_text("<table>{}</table>".format("".join(rows)))

    def _show_text(self, text: str) -> None:
        self.findings.setHtml(text)
        self.findings.show()
        # Layouts are updated with the next event, and the window must fit them.
        QtCore.QTimer.singleShot(0, lambda: self.resize(self.width(), self.sizeHint().height()))

    def _fill(self) -> None:
        form = QtWidgets.QFormLayout()
        form.setFieldGrowthPolicy(QtWidgets.QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter)
        titles = {
            "python": (
                "Python",
                "Python in which Matshot is installed. Default: the one that ran 'matshot install'.",
            ),
            "device": (_DEVICE.label, _DEVICE.help),
            "memory": (_MEMORY.label, _MEMORY.help),
            "place": ("Save Results", "Where results are saved."),
            "folder": ("Folder", "Custom folder for results."),
            "shader": ("Material", "Node type of new materials."),
            "ask": ("", "Keep results in the panel until you apply or discard them. Default: apply them at once."),
        }
        for name, (title, help_) in titles.items():
            self.fields[name].setToolTip(help_)
            form.addRow(title, self.fields[name])
        self.fields["place"].currentIndexChanged.connect(lambda *_: self._update_folder())
        self._update_folder()
        self._button.setAutoDefault(False)
        self._button.setToolTip("Start Matshot with these preferences and report what it finds.")
        self._button.clicked.connect(lambda *_: self.test())
        self.findings.setMinimumHeight(240)
        self.findings.hide()
        box = QtWidgets.QDialogButtonBox()
        box.addButton("Save", QtWidgets.QDialogButtonBox.ButtonRole.AcceptRole)
        box.addButton("Cancel", QtWidgets.QDialogButtonBox.ButtonRole.RejectRole)
        box.addButton(self._button, QtWidgets.QDialogButtonBox.ButtonRole.ActionRole)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addLayout(form)
        layout.addWidget(self.findings, 1)
        layout.addStretch(0)
        layout.addWidget(box)
        self.setMinimumWidth(scaled(480))

    def _update_folder(self) -> None:
        """Enable the folder only where it is used."""
        self.fields["folder"].setEnabled(self.fields["place"].value() == "folder")


def _including(shaders: Sequence[Tuple[str, str]], chosen: str) -> List[Tuple[str, str]]:
    """The available shaders, and the chosen one even if its plug-in is not loaded."""
    more = [] if chosen in dict(shaders) else [(chosen, "{} (not loaded)".format(chosen))]
    return [*shaders, *more]


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
