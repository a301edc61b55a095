"""The jobs of one Maya, the timer that follows them, and their results on the way into the scene."""

import os
import traceback
from typing import Dict, List, Mapping, Sequence, Union

from maya import cmds

from matshot_host.errors import MatshotError
from matshot_host.jobs import DOCTOR, Job, Jobs

from . import messages, preferences, results, scene, textures
from .qt import QtCore
from .results import Plan
from .tool_dialog import Request

#: Milliseconds between polls of the worker.
_POLL_INTERVAL = 100


class JobManager(QtCore.QObject):
    """All jobs of one Maya. Lives on Maya's main thread, since it edits the scene.

    Attributes:
        changed: emitted with the jobs that changed.
        tested: emitted with the job of a finished test.
    """

    changed = QtCore.Signal(object)
    tested = QtCore.Signal(object)

    def __init__(self) -> None:
        super().__init__()
        host = "Maya {}".format(cmds.about(version=True))
        self.jobs = Jobs(host, lambda: preferences.command(preferences.load()))
        self._plans: Dict[int, Plan] = {}
        #: Requests of all listed jobs, for running them again.
        self.requests: Dict[int, Request] = {}
        self._scene = 0
        for event in ("NewSceneOpened", "SceneOpened"):
            cmds.scriptJob(event=(event, self._note_scene), protected=True)
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(_POLL_INTERVAL)
        self._timer.timeout.connect(self.tick)
        cmds.scriptJob(event=("quitApplication", self.close), protected=True)

    def start(self, request: Request, members: Sequence[scene.Member], found: Sequence[textures.Texture] = ()) -> Job:
        """Start a job.

        Args:
            request: from a dialog.
            members: objects that may get a material.
            found: textures that may be replaced.

        Raises:
            MatshotError: when a file is missing, results have nowhere to go, or no Python runs the worker.
        """
        for path in request.inputs:
            if not os.path.isdir(path) and textures.is_missing(path):
                raise MatshotError("{} does not exist.".format(path))
        request.tool.check_files(request.parameters)
        if request.parameters.get("template") and request.destination != "files":
            raise MatshotError(
                "An export template writes files for another program. Set Results to Save Files Only, or leave Export "
                "Template empty."
            )
        settings = preferences.load()
        output = preferences.results_folder(settings)
        preferences.check_writable(output)
        preferences.command(settings)
        running = next((job for job in self.jobs.listing if not job.ended), None)
        job = self.jobs.new(request.tool.name, _job_title(request))
        self._plans[job.number] = Plan(
            job.title, request.destination, request.shader, tuple(members), tuple(found), request.inputs, self._scene
        )
        self.requests[job.number] = request
        self.jobs.start(job, _job_inputs(request, found), request.parameters, output)
        self.follow()
        if running is not None:
            messages.inform("{} starts after {}.".format(job.title, running.title))
        return job

    def test(self) -> None:
        """Test the worker; :attr:`tested` reports the findings."""
        self.jobs.doctor()
        self.follow()

    def follow(self) -> None:
        """Poll the worker until all jobs have ended."""
        self._timer.start()
        self.tick()

    def tick(self) -> None:
        """Process what happened since the last poll."""
        changed = self.jobs.poll()
        for job in changed:
            if job.ended:
                self._finish(job)
        if changed:
            self.changed.emit(changed)
        if not self.jobs.busy:
            self._timer.stop()

    def is_pending(self, job: Job) -> bool:
        """Whether a job's results wait to be applied or discarded."""
        return job.state == "done" and job.number in self._plans and self._plans[job.number].destination != "files"

    def apply(self, job: Job) -> None:
        """Apply a job's results to the scene."""
        plan = self._plans.pop(job.number)
        summary = "{} finished.".format(job.title)
        if plan.destination == "files" and job.results:
            summary = "{} finished: {}".format(job.title, job.results[0].path)
        try:
            notes = results.apply(job.results, plan)
        except MatshotError as error:
            messages.warn(error.sentence, error.cause)
        except RuntimeError as error:
            # Raised by Maya's commands, such as for a locked node.
            messages.warn("{} could not be applied to the scene: {}".format(job.title, error), traceback.format_exc())
        else:
            messages.inform(" ".join([summary, *notes]))
        self.changed.emit([job])

    def discard(self, job: Job) -> None:
        """Remove a job and delete its results."""
        results.discard(job.results)
        self.forget(job)

    def cancel(self, job: Job) -> None:
        """Cancel a job."""
        self.jobs.cancel(job)
        self.follow()

    def forget(self, job: Job) -> None:
        """Remove a job from the list and keep its results."""
        self._plans.pop(job.number, None)
        self.requests.pop(job.number, None)
        self.jobs.forget(job)
        self.follow()
        self.changed.emit([job])

    def close(self) -> None:
        """Stop the worker; called when Maya quits."""
        self._timer.stop()
        self.jobs.close()

    def _note_scene(self) -> None:
        self._scene += 1

    def _finish(self, job: Job) -> None:
        if job.tool == DOCTOR:
            self.tested.emit(job)
            self.jobs.forget(job)
        elif job.state == "failed":
            messages.warn(job.error, job.cause)
        elif job.state == "done":
            if job.failures:
                messages.warn(" ".join(job.failures))
            plan = self._plans.get(job.number)
            if plan is not None and self.is_pending(job) and plan.scene != self._scene:
                messages.inform("{} is done and waits in the panel, since another scene is open.".format(job.title))
            elif plan is not None and not (self.is_pending(job) and preferences.load().ask):
                self.apply(job)


def _job_title(request: Request) -> str:
    """``Upscale wall.png``, ``Upscale wall.png and 2 more``."""
    name = os.path.basename(os.path.normpath(request.inputs[0]))
    more = " and {} more".format(len(request.inputs) - 1) if len(request.inputs) > 1 else ""
    return "{} {}{}".format(request.tool.title, name, more)


def _job_inputs(request: Request, found: Sequence[textures.Texture]) -> List[Union[str, Mapping[str, str]]]:
    """Paths of a job's inputs; for textures of the scene also the map type that the network implies."""
    known = {texture.path: texture for texture in found} if request.tool.inputs[0].several else {}
    return [
        {"path": path, "kind": known[path].kind, "normal": known[path].normal} if path in known else path
        for path in request.inputs
    ]
