"""Matshot in one run of Maya: its jobs, the timer that follows them, and the windows that start and show them."""

import os
import traceback
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Union

from maya import cmds

from matshot_host.errors import MatshotError
from matshot_host.jobs import DOCTOR, Job, Jobs
from matshot_host.tools import tool

from . import dock, messages, network, preferences, results, scene, textures
from .dialog import Request, ToolDialog
from .fields import chosen_folder
from .preferences_dialog import PreferencesDialog
from .qt import QtCore, QtWidgets, isValid, main_window
from .results import Plan

#: Milliseconds between looks at the worker.
_PACE = 100


class Session(QtCore.QObject):
    """Everything there is one of. Lives on Maya's main thread, as all it does to the scene must.

    Attributes:
        changed: emitted with the jobs that changed.
    """

    changed = QtCore.Signal(object)

    def __init__(self) -> None:
        super().__init__()
        host = "Maya {}".format(cmds.about(version=True))
        self.jobs = Jobs(host, lambda: preferences.command(preferences.load()))
        self._plans: Dict[int, Plan] = {}
        self._windows: Dict[str, QtWidgets.QDialog] = {}
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(_PACE)
        self._timer.timeout.connect(self.tick)
        cmds.scriptJob(event=("quitApplication", self.close), protected=True)

    def open_tool(self, name: str, given: Optional[Sequence[textures.Texture]] = None) -> None:
        """Show the dialog of a tool.

        Args:
            name: of the tool.
            given: textures to work on; None takes the file nodes that are selected.
        """
        wanted, chosen = tool(name), preferences.load()
        first = wanted.inputs[0]
        found = scene.selected_files() if given is None and first.kind == "asset" else list(given or ())
        found = found if first.several else found[:1]
        members = scene.selected_members()
        values: Dict[str, Any] = {"device": chosen.device, "memory": chosen.memory}
        if found and not first.several:
            values.update(kind=found[0].kind, normal=found[0].normal)
        dialog = ToolDialog(
            wanted,
            lambda request: self.start(request, members, found),
            [texture.path for texture in found],
            values,
            network.available(),
            chosen.shader,
            _selection(members, found),
            preferences.results_folder(chosen),
            main_window(),
        )
        self._show(name, dialog)

    def open_upscale_material(self) -> None:
        """Show the dialog that replaces the textures of what is selected by larger ones.

        Raises:
            MatshotError: when nothing is selected, nothing has textures, or none of their files exist.
        """
        found = scene.selected_textures()
        there = [texture for texture in found if not textures.missing(texture.path)]
        lost = ", ".join(os.path.basename(texture.path) for texture in found if texture not in there)
        if not there:
            raise MatshotError("The files of the selected textures are missing: {}.".format(lost))
        if lost:
            messages.warn("These files are missing and stay as they are: {}.".format(lost))
        self.open_tool("upscale", there)

    def open_preferences(self) -> None:
        """Show the preferences."""
        dialog = PreferencesDialog(preferences.load(), preferences.save, self.test, network.available(), main_window())
        self._show("preferences", dialog)

    def load_material(self) -> None:
        """Make the network of a material folder that the artist chooses, and assign it to the selection."""
        for folder in chosen_folder("Material"):
            with scene.undo_chunk("Matshot: Load Material"):
                notes = results.bring_material(folder, preferences.load().shader, scene.selected_members())
            messages.inform(" ".join(["{} is loaded.".format(os.path.basename(folder)), *notes]))

    def start(self, request: Request, members: Sequence[scene.Member], found: Sequence[textures.Texture] = ()) -> Job:
        """Start a job.

        Args:
            request: of a dialog.
            members: that may get a material.
            found: textures that may be replaced.

        Raises:
            MatshotError: when an input is missing, results have nowhere to go, or there is no Python for the worker.
        """
        for path in request.inputs:
            if not os.path.isdir(path) and textures.missing(path):
                raise MatshotError("{} does not exist.".format(path))
        chosen = preferences.load()
        output = preferences.results_folder(chosen)
        preferences.check_writable(output)
        preferences.command(chosen)
        running = next((job for job in self.jobs.listing if not job.ended), None)
        job = self.jobs.new(request.tool.name, _title(request))
        self._plans[job.number] = Plan(
            job.title, request.outcome, request.shader, tuple(members), tuple(found), request.inputs
        )
        self.jobs.start(job, _inputs(request, found), request.parameters, output)
        self.follow()
        if running is not None:
            messages.inform("{} waits until {} has ended.".format(job.title, running.title))
        return job

    def test(self) -> None:
        """Look at what the worker stands on, and show it in the preferences."""
        self.jobs.doctor()
        self.follow()

    def follow(self) -> None:
        """Look at the worker from now on, until all jobs have ended."""
        self._timer.start()
        self.tick()

    def tick(self) -> None:
        """Take in what happened since the last time."""
        changed = self.jobs.poll()
        for job in changed:
            if job.ended:
                self._ended(job)
        if changed:
            self.changed.emit(changed)
        if not self.jobs.busy:
            self._timer.stop()

    def pending(self, job: Job) -> bool:
        """Whether a job's results wait to be applied or discarded."""
        return job.state == "done" and job.number in self._plans and self._plans[job.number].outcome != "files"

    def apply(self, job: Job) -> None:
        """Bring a job's results into the scene."""
        plan = self._plans.pop(job.number)
        told = "{} is done.".format(job.title)
        if plan.outcome == "files" and job.results:
            told = "{} is done: {}".format(job.title, job.results[0].path)
        try:
            notes = results.apply(job.results, plan)
        except MatshotError as error:
            messages.warn(error.sentence, error.cause)
        except RuntimeError as error:
            # What Maya's commands raise, such as for a locked node.
            messages.warn("{} could not be brought into the scene: {}".format(job.title, error), traceback.format_exc())
        else:
            messages.inform(" ".join([told, *notes]))
        self.changed.emit([job])

    def discard(self, job: Job) -> None:
        """Remove a job and its results."""
        results.discard(job.results)
        self.forget(job)

    def cancel(self, job: Job) -> None:
        """End a job."""
        self.jobs.cancel(job)
        self.follow()

    def forget(self, job: Job) -> None:
        """Take a job off the list; its results stay."""
        self._plans.pop(job.number, None)
        self.jobs.forget(job)
        self.follow()
        self.changed.emit([job])

    def close(self) -> None:
        """Maya quits."""
        self._timer.stop()
        self.jobs.close()

    def _ended(self, job: Job) -> None:
        if job.tool == DOCTOR:
            window = self._windows.get("preferences")
            if isinstance(window, PreferencesDialog) and isValid(window):
                window.show_findings(job.findings, job.error)
            self.jobs.forget(job)
        elif job.state == "failed":
            messages.warn(job.error, job.cause)
        elif job.state == "done":
            if job.failures:
                messages.warn(" ".join(job.failures))
            if job.number in self._plans and not (self.pending(job) and preferences.load().ask):
                self.apply(job)

    def _show(self, name: str, dialog: QtWidgets.QDialog) -> None:
        old = self._windows.get(name)
        if old is not None and isValid(old):
            old.close()
        self._windows[name] = dialog
        dialog.show()
        dialog.raise_()


def _title(request: Request) -> str:
    """``Upscale wall.png``, ``Upscale wall.png and 2 more``."""
    name = os.path.basename(os.path.normpath(request.inputs[0]))
    more = " and {} more".format(len(request.inputs) - 1) if len(request.inputs) > 1 else ""
    return "{} {}{}".format(request.tool.title, name, more)


def _selection(members: Sequence[scene.Member], found: Sequence[textures.Texture]) -> str:
    """``1 texture``, ``2 objects``."""
    told = [
        "{} {}{}".format(count, word, "" if count == 1 else "s")
        for count, word in ((len(found), "texture"), (len({member.identity for member in members}), "object"))
        if count
    ]
    return ", ".join(told) or "nothing selected"


def _inputs(request: Request, found: Sequence[textures.Texture]) -> List[Union[str, Mapping[str, str]]]:
    """What a job is given: of textures in the scene, also what the network makes of them."""
    known = {texture.path: texture for texture in found} if request.tool.inputs[0].several else {}
    return [
        {"path": path, "kind": known[path].kind, "normal": known[path].normal} if path in known else path
        for path in request.inputs
    ]


_current: Optional[Session] = None


def current() -> Session:
    """The session, begun when it is first needed."""
    global _current
    if _current is None:
        _current = Session()
    return _current


def close() -> None:
    """End the session, if there is one, and its panel; for a newer plug-in that takes its place."""
    if _current is not None:
        _current.close()
    dock.remove()


def open_tool(name: str) -> None:
    """Button of a tool."""
    _attempt(lambda: current().open_tool(name))


def open_upscale_material() -> None:
    """Button for the textures of what is selected."""
    _attempt(lambda: current().open_upscale_material())


def load_material() -> None:
    """Button for a material folder."""
    _attempt(lambda: current().load_material())


def open_preferences() -> None:
    """Button of the preferences."""
    _attempt(lambda: current().open_preferences())


def open_panel() -> None:
    """Button of the panel."""
    dock.show()


def _attempt(action: Callable[[], None]) -> None:
    try:
        action()
    except MatshotError as error:
        messages.refuse(error.sentence)
    except RuntimeError as error:
        # What Maya's commands raise.
        traceback.print_exc()
        messages.refuse("Maya did not do it: {}".format(str(error).strip()))
