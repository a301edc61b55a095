"""The window of the preferences, with a test of what they lead to."""

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from matshot_host.tools import Parameter, tool

from .fields import CheckField, ChoiceField, FolderField, ProgramField, parameter_field
from .preferences import PLACES, Preferences
from .qt import QtCore, QtWidgets


class PreferencesDialog(QtWidgets.QDialog):
    """Shows and changes the preferences.

    Args:
        preferences: as they are.
        save: takes what they became.
        test: starts a test of the worker, whose findings come to :meth:`show_findings`.
        shaders: node types of materials and their titles.
        parent: window that it belongs to.
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
        self._save, self._test = save, test
        self.setObjectName("MatshotPreferences")
        self.setWindowTitle("Matshot: Preferences")
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        described: Dict[str, Parameter] = {parameter.name: parameter for parameter in tool("upscale").parameters}
        self.fields: Dict[str, Any] = {
            "python": ProgramField("the one that 'matshot install' noted"),
            "device": parameter_field(described["device"]),
            "memory": parameter_field(described["memory"]),
            "place": ChoiceField(PLACES, preferences.place),
            "folder": FolderField(),
            "shader": ChoiceField(_with(shaders, preferences.shader), preferences.shader),
            "ask": CheckField("Keep results in the panel until I apply or discard them"),
        }
        for name, value in preferences._asdict().items():
            self.fields[name].set_value(value)
        self.findings = QtWidgets.QTextBrowser()
        self._button = QtWidgets.QPushButton("Test")
        self._fill()

    def preferences(self) -> Preferences:
        """As they are filled in."""
        return Preferences(**{name: field.value() for name, field in self.fields.items()})

    def accept(self) -> None:
        """Keep them and close."""
        self._save(self.preferences())
        super().accept()

    def test(self) -> None:
        """Keep them, for the worker is started by them, and test."""
        self._save(self.preferences())
        self._button.setEnabled(False)
        self._tell("Starting Matshot...")
        self._test()

    def show_findings(self, findings: Sequence[Mapping[str, Any]], error: str) -> None:
        """Show what a test found.

        Args:
            findings: of the doctor.
            error: one sentence if there was none, else empty.
        """
        self._button.setEnabled(True)
        if error:
            self._tell(_html(error))
            return
        rows: List[str] = []
        for finding in findings:
            text, mark, mend = _html("{}: {}".format(finding["subject"], finding["state"])), "&#10003;", ""
            if not finding.get("ok"):
                mark = "&#10007;" if finding.get("required") else "&#8211;"
                mend = "<br><i>{}</i>".format(_html(str(finding.get("fix", ""))))
            rows.append("<tr><td>{}&nbsp;</td><td>{}{}</td></tr>".format(mark, text, mend))
        self._tell("<table>{}</table>".format("".join(rows)))

    def _tell(self, text: str) -> None:
        self.findings.setHtml(text)
        self.findings.show()
        # Layouts learn of it with the next event, and the window shall fit them.
        QtCore.QTimer.singleShot(0, lambda: self.resize(self.width(), self.sizeHint().height()))

    def _fill(self) -> None:
        form = QtWidgets.QFormLayout()
        form.setFieldGrowthPolicy(QtWidgets.QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter)
        titles = {
            "python": (
                "Python",
                "The Python that Matshot is installed in; empty takes the one 'matshot install' noted.",
            ),
            "device": ("Device", self.fields["device"].toolTip()),
            "memory": ("Memory", self.fields["memory"].toolTip()),
            "place": ("Results", "Where results are saved."),
            "folder": ("Folder", "Of my own, for results."),
            "shader": ("Material", "Node type of new materials."),
            "ask": ("", "Else they come into the scene at once."),
        }
        for name, (title, help_) in titles.items():
            self.fields[name].setToolTip(help_)
            form.addRow(title, self.fields[name])
        self.fields["place"].currentIndexChanged.connect(lambda *_: self._follow())
        self._follow()
        self._button.setAutoDefault(False)
        self._button.setToolTip("Start Matshot with these preferences and see what it finds.")
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
        self.setMinimumWidth(480)

    def _follow(self) -> None:
        """A folder is asked for only where it is used."""
        self.fields["folder"].setEnabled(self.fields["place"].value() == "folder")


def _with(shaders: Sequence[Tuple[str, str]], chosen: str) -> List[Tuple[str, str]]:
    """The shaders there are, and the chosen one even if its plug-in is not loaded now."""
    more = [] if chosen in dict(shaders) else [(chosen, "{} (not loaded)".format(chosen))]
    return [*shaders, *more]


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
