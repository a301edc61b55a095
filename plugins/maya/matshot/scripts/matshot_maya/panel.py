"""The panel: every job with its picture, how far it is, and what can be done about it."""

import os
from typing import TYPE_CHECKING, Callable, Dict, List

from matshot_host.jobs import DOCTOR, Job
from matshot_host.tools import TOOLS

from . import session
from .qt import QtCore, QtGui, QtWidgets

if TYPE_CHECKING:
    from .session import Session

_THUMBNAIL = 72
_HINT = "No jobs yet. Choose a tool above, or from the shelf."


class JobRow(QtWidgets.QFrame):
    """One job.

    Args:
        job: that it shows.
        owner: session of the job.
    """

    def __init__(self, job: Job, owner: "Session") -> None:
        super().__init__()
        self.job, self._owner = job, owner
        self._shown = ""
        self.picture, self.title, self.told = QtWidgets.QLabel(), QtWidgets.QLabel(job.title), QtWidgets.QLabel()
        self.bar = QtWidgets.QProgressBar()
        self.cancel = self._button("Cancel", "End this job.", owner.cancel)
        self.apply = self._button("Apply", "Bring the results into the scene.", owner.apply)
        self.discard = self._button("Discard", "Remove the results.", owner.discard)
        self.reveal = self._button("Show Folder", "Open the folder of the results.", _reveal)
        self.forget = self._button("Remove", "Take this job off the list; its results stay.", owner.forget)
        self._fill()
        self.refresh()

    def refresh(self) -> None:
        """Show how things are now."""
        job, pending = self.job, self._owner.pending(self.job)
        if job.preview != self._shown:
            self._shown = job.preview
            pixmap = QtGui.QPixmap(job.preview)
            if not pixmap.isNull():
                self.picture.setPixmap(_fitted(pixmap))
        self.bar.setVisible(not job.ended)
        self.bar.setValue(round(100 * job.fraction))
        self.told.setText(_told(job, pending))
        self.told.setToolTip("\n".join(job.failures + job.notes) or self.told.text())
        for button, shown in (
            (self.cancel, not job.ended),
            (self.apply, pending),
            (self.discard, pending),
            (self.reveal, job.state == "done" and bool(job.results)),
            (self.forget, job.ended and not pending),
        ):
            button.setVisible(shown)

    def _button(self, title: str, help_: str, action: Callable[[Job], None]) -> QtWidgets.QPushButton:
        button = QtWidgets.QPushButton(title)
        button.setToolTip(help_)
        # Narrower than styles make them, so that three fit into a narrow panel.
        button.setFixedWidth(button.fontMetrics().boundingRect(title).width() + 18)
        button.clicked.connect(lambda *_: action(self.job))
        return button

    def _fill(self) -> None:
        self.setFrameShape(QtWidgets.QFrame.Shape.StyledPanel)
        self.picture.setFixedSize(_THUMBNAIL, _THUMBNAIL)
        self.picture.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self.picture.setStyleSheet("background: rgba(0, 0, 0, 60)")
        self.title.setStyleSheet("font-weight: bold")
        self.title.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self.told.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self.told.setWordWrap(True)
        for label in (self.title, self.told):
            # Long names shall not make the panel wide.
            label.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)
        self.bar.setRange(0, 100)
        self.bar.setMaximumHeight(14)
        buttons = QtWidgets.QHBoxLayout()
        for button in (self.apply, self.discard, self.reveal, self.forget, self.cancel):
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QtWidgets.QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(self.title)
        column.addWidget(self.told)
        column.addWidget(self.bar)
        column.addLayout(buttons)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(6, 6, 6, 6)
        row.addWidget(self.picture, 0, QtCore.Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)


class JobPanel(QtWidgets.QWidget):
    """All jobs, the latest on top.

    Args:
        owner: session whose jobs they are.
    """

    def __init__(self, owner: "Session") -> None:
        super().__init__()
        self._owner = owner
        self.rows: Dict[int, JobRow] = {}
        self._hint = QtWidgets.QLabel(_HINT)
        self._list = QtWidgets.QVBoxLayout()
        self._fill()
        owner.changed.connect(self.refresh)
        self.refresh(owner.jobs.listing)

    def refresh(self, changed: List[Job]) -> None:
        """Show what changed, and only that."""
        listed = [job for job in self._owner.jobs.listing if job.tool != DOCTOR]
        gone = set(self.rows) - {job.number for job in listed}
        for number in gone:
            self.rows.pop(number).deleteLater()
        for job in listed:
            if job.number not in self.rows:
                self.rows[job.number] = JobRow(job, self._owner)
                self._list.insertWidget(0, self.rows[job.number])
        for job in changed:
            if job.number in self.rows:
                self.rows[job.number].refresh()
        self._hint.setVisible(not self.rows)

    def _fill(self) -> None:
        tools = QtWidgets.QPushButton("Tools")
        menu = QtWidgets.QMenu(tools)
        for tool in TOOLS:
            action = menu.addAction("{}...".format(tool.title))
            action.setToolTip(tool.help)
            action.triggered.connect(lambda *_, name=tool.name: session.open_tool(name))
        menu.addSeparator()
        menu.addAction("Upscale Material's Textures...").triggered.connect(lambda *_: session.open_upscale_material())
        menu.addAction("Load Material...").triggered.connect(lambda *_: session.load_material())
        tools.setMenu(menu)
        settings = QtWidgets.QPushButton("Preferences...")
        settings.clicked.connect(lambda *_: session.open_preferences())
        head = QtWidgets.QHBoxLayout()
        head.addWidget(tools)
        head.addStretch(1)
        head.addWidget(settings)

        self._hint.setWordWrap(True)
        self._hint.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self._hint.setEnabled(False)
        inside = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._list)
        column.addWidget(self._hint)
        column.addStretch(1)
        scroll = QtWidgets.QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addLayout(head)
        layout.addWidget(scroll)


def _told(job: Job, pending: bool) -> str:
    if job.state == "running":
        return "Cancelling..." if job.cancelling else (job.stage or "Running").capitalize()
    if job.state == "failed":
        return job.error
    if job.state != "done":
        return job.state.capitalize()
    size = "{} x {}, ".format(job.results[0].width, job.results[0].height) if job.results else ""
    lines = [size + ("done, not in the scene yet" if pending else "done")]
    if job.failures:
        lines.append("{} failed: {}".format(len(job.failures), job.failures[0]))
    return "\n".join(lines + [note[:1].upper() + note[1:] for note in job.notes])


def _fitted(pixmap: QtGui.QPixmap) -> QtGui.QPixmap:
    return pixmap.scaled(
        _THUMBNAIL,
        _THUMBNAIL,
        QtCore.Qt.AspectRatioMode.KeepAspectRatio,
        QtCore.Qt.TransformationMode.SmoothTransformation,
    )


def _reveal(job: Job) -> None:
    folder = os.path.dirname(job.results[0].path)
    QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(folder))
