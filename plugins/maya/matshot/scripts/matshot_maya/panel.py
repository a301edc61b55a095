"""The panel: every job with its preview, progress and actions."""

import os
from typing import Callable, Dict, List

from matshot_host.jobs import DOCTOR, Job
from matshot_host.tools import TOOLS

from .job_manager import JobManager
from .qt import QtCore, QtGui, QtWidgets, scaled

#: Side of a preview in pixels.
_THUMBNAIL = 72
_HINT = "No jobs yet. Choose a tool from the menu above or from the shelf."


class PanelOwner:
    """What the panel calls.

    Attributes:
        manager: of the jobs that the panel shows.
    """

    manager: JobManager

    def open_tool(self, name: str) -> None:
        """Open the dialog of a tool."""
        raise NotImplementedError

    def open_upscale_material(self) -> None:
        """Open the dialog that upscales the textures of the selection."""
        raise NotImplementedError

    def load_material(self) -> None:
        """Load a material folder."""
        raise NotImplementedError

    def run_again(self, job: Job) -> None:
        """Open the dialog of a job with its inputs and parameters."""
        raise NotImplementedError

    def open_preferences(self) -> None:
        """Open the preferences."""
        raise NotImplementedError


class JobRow(QtWidgets.QFrame):
    """One job.

    Args:
        job: to show.
        manager: of the job.
        run_again: opens the dialog of a job again.
    """

    def __init__(self, job: Job, manager: JobManager, run_again: Callable[[Job], None]) -> None:
        super().__init__()
        self.job, self._manager = job, manager
        self._preview = ""
        self.picture = QtWidgets.QLabel()
        self.title = QtWidgets.QLabel(job.title)
        self.status = QtWidgets.QLabel()
        self.bar = QtWidgets.QProgressBar()
        self.cancel = self._button("Cancel", "Cancel this job.", manager.cancel)
        self.apply = self._button("Apply", "Apply the results to the scene.", manager.apply)
        self.discard = self._button("Discard", "Delete the results and their files.", manager.discard)
        self.reveal = self._button("Show Folder", "Open the folder with the results.", _open_folder)
        self.again = self._button("Run Again...", "Run this job with other options.", run_again)
        self.forget = self._button("Remove", "Remove this job from the list. Its results are kept.", manager.forget)
        self._fill()
        self.refresh()

    def refresh(self) -> None:
        """Show the current state."""
        job, pending = self.job, self._manager.is_pending(self.job)
        if job.preview != self._preview:
            self._preview = job.preview
            pixmap = QtGui.QPixmap(job.preview)
            if not pixmap.isNull():
                self.picture.setPixmap(_thumbnail(pixmap))
        self.bar.setVisible(not job.ended)
        self.bar.setValue(round(100 * job.fraction))
        self.status.setText(_status_text(job, pending))
        self.status.setToolTip("\n".join(job.failures + job.notes) or self.status.text())
        for button, visible in (
            (self.cancel, not job.ended),
            (self.apply, pending),
            (self.discard, pending),
            (self.reveal, job.state == "done" and bool(job.results)),
            (self.again, job.ended and not pending),
            (self.forget, job.ended and not pending),
        ):
            button.setVisible(visible)

    def _button(self, title: str, help_: str, action: Callable[[Job], None]) -> QtWidgets.QPushButton:
        button = QtWidgets.QPushButton(title)
        button.setToolTip(help_)
        # Narrower than styles make them, so that three fit into a narrow panel.
        button.setFixedWidth(button.fontMetrics().boundingRect(title).width() + 18)
        button.clicked.connect(lambda *_: action(self.job))
        return button

    def _fill(self) -> None:
        self.setFrameShape(QtWidgets.QFrame.Shape.StyledPanel)
        self.picture.setFixedSize(scaled(_THUMBNAIL), scaled(_THUMBNAIL))
        self.picture.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self.picture.setStyleSheet("background: rgba(0, 0, 0, 60)")
        self.title.setStyleSheet("font-weight: bold")
        self.title.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self.status.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self.status.setWordWrap(True)
        for label in (self.title, self.status):
            # Long names must not widen the panel.
            label.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)
        self.bar.setRange(0, 100)
        self.bar.setMaximumHeight(14)
        buttons = QtWidgets.QHBoxLayout()
        for button in (self.apply, self.discard, self.reveal, self.again, self.forget, self.cancel):
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QtWidgets.QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(self.title)
        column.addWidget(self.status)
        column.addWidget(self.bar)
        column.addLayout(buttons)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(6, 6, 6, 6)
        row.addWidget(self.picture, 0, QtCore.Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)


class JobPanel(QtWidgets.QWidget):
    """All jobs, the latest on top.

    Args:
        owner: of the jobs and commands.
    """

    def __init__(self, owner: PanelOwner) -> None:
        super().__init__()
        self._owner, self._manager = owner, owner.manager
        self.rows: Dict[int, JobRow] = {}
        self._hint = QtWidgets.QLabel(_HINT)
        self._list = QtWidgets.QVBoxLayout()
        self._fill()
        self._manager.changed.connect(self.refresh)
        self.refresh(self._manager.jobs.listing)

    def refresh(self, changed: List[Job]) -> None:
        """Update the rows of the jobs that changed."""
        listed = [job for job in self._manager.jobs.listing if job.tool != DOCTOR]
        removed = set(self.rows) - {job.number for job in listed}
        for number in removed:
            self.rows.pop(number).deleteLater()
        for job in listed:
            if job.number not in self.rows:
                self.rows[job.number] = JobRow(job, self._manager, self._owner.run_again)
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
            action.triggered.connect(lambda *_, name=tool.name: self._owner.open_tool(name))
        menu.addSeparator()
        upscale = menu.addAction("Upscale Material Textures...")
        upscale.triggered.connect(lambda *_: self._owner.open_upscale_material())
        menu.addAction("Load Material...").triggered.connect(lambda *_: self._owner.load_material())
        tools.setMenu(menu)
        preferences = QtWidgets.QPushButton("Preferences...")
        preferences.clicked.connect(lambda *_: self._owner.open_preferences())
        head = QtWidgets.QHBoxLayout()
        head.addWidget(tools)
        head.addStretch(1)
        head.addWidget(preferences)

        self._hint.setWordWrap(True)
        self._hint.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self._hint.setEnabled(False)
        content = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._list)
        column.addWidget(self._hint)
        column.addStretch(1)
        scroll = QtWidgets.QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addLayout(head)
        layout.addWidget(scroll)


def _status_text(job: Job, pending: bool) -> str:
    if job.state == "running":
        return "Cancelling..." if job.cancelling else (job.stage or "Running").capitalize()
    if job.state == "failed":
        return job.error
    if job.state != "done":
        return job.state.capitalize()
    size = "{} x {} px, ".format(job.results[0].width, job.results[0].height) if job.results else ""
    lines = [size + ("done, not applied yet" if pending else "done")]
    if job.failures:
        lines.append("{} failed: {}".format(len(job.failures), job.failures[0]))
    return "\n".join(lines + [note[:1].upper() + note[1:] for note in job.notes])


def _thumbnail(pixmap: QtGui.QPixmap) -> QtGui.QPixmap:
    return pixmap.scaled(
        scaled(_THUMBNAIL),
        scaled(_THUMBNAIL),
        QtCore.Qt.AspectRatioMode.KeepAspectRatio,
        QtCore.Qt.TransformationMode.SmoothTransformation,
    )


def _open_folder(job: Job) -> None:
    folder = os.path.dirname(job.results[0].path)
    QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(folder))
