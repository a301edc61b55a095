"""What happens in Matshot's panel and menus, without a line of Unreal: both are views of this.

A tool is chosen, textures leave the project as files, a job runs, its results come back as assets, and the artist is
told. Whatever touches Unreal is behind :class:`Editor`.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple, Protocol, Sequence

from matshot_host.errors import MatshotError
from matshot_host.graph import MaterialGraph, material_graph
from matshot_host.jobs import DOCTOR, Job, Jobs, Result
from matshot_host.tools import Tool

from . import naming
from .inputs import Exported, Picture, check_pictures, makes_material, place_of, worker_inputs
from .offer import FORM, fixed, offered, title
from .preferences import Preferences

#: What the button of a job does.
CANCEL, SHOW, REMOVE = "Cancel", "Show", "Remove"

#: Messages that are kept.
_KEPT = 100


class Row(NamedTuple):
    """One job as views show it."""

    number: int
    title: str
    told: str
    fraction: float
    action: str
    preview: str


class Editor(Protocol):
    """What the controller asks of Unreal; everything raises :class:`MatshotError` with a sentence."""

    def idle(self) -> bool:
        """Whether assets can be made now; not while the game is played in the editor."""

    def export(self, asset: str, folder: str, photograph: bool) -> Exported:
        """Write a texture into a folder; of a photograph, the file that it came from where that is still there."""

    def check_folder(self, folder: str) -> None:
        """Refuse a content folder that does not exist as a place, or cannot be written."""

    def taken(self, folder: str, name: str) -> bool:
        """Whether there is an asset of that name."""

    def import_material(self, graph: MaterialGraph, base: str, folder: str) -> list[str]:
        """Make textures and an instance of the master material; the assets' paths, the instance first."""

    def import_image(self, result: Result, origin: str, name: str, folder: str) -> list[str]:
        """Make a texture, with the settings of the one that it was made of if that is given."""

    def alert(self, sentence: str) -> None:
        """Say something that the artist has to know."""

    def log(self, sentence: str) -> None:
        """Say something that may be looked up later."""

    def show(self, assets: Sequence[str]) -> None:
        """Select assets in the Content Browser."""


class View(Protocol):
    """A panel, or what stands in for it."""

    def refresh(self) -> None:
        """Show what the controller has now."""

    def finished(self, job: Job, assets: Sequence[str]) -> None:
        """Take notice of a job whose results are assets now."""


class _Order(NamedTuple):
    """What becomes of the results of a job.

    Attributes:
        name: that the artist chose, or empty.
        folder: content folder.
        said: what names say of how it was made.
        origins: texture asset of each file that left the project.
        remade: whether results are something new; a tool for many files leaves each of them what it is.
    """

    name: str
    folder: str
    said: str
    origins: Mapping[str, str]
    remade: bool


class Controller:
    """The one thing that menus and panel talk to.

    Args:
        jobs: of this editor.
        editor: Unreal.
        preferences: asked whenever they are needed.
    """

    def __init__(self, jobs: Jobs, editor: Editor, preferences: Callable[[], Preferences]) -> None:
        self.messages: list[str] = []
        self.chosen = offered()[0]
        self._jobs, self._editor, self._preferences = jobs, editor, preferences
        self._orders: dict[int, _Order] = {}
        self._assets: dict[int, list[str]] = {}
        self._troubles: dict[int, str] = {}
        self._finished: list[Job] = []
        self._ended: set[int] = set()
        self._views: list[View] = []

    def attach(self, view: View) -> None:
        """Keep a view informed."""
        self._views.append(view)
        view.refresh()

    def detach(self, view: View) -> None:
        """Forget a view."""
        if view in self._views:
            self._views.remove(view)

    def choose(self, tool: Tool) -> None:
        """Work with another tool from now on."""
        self.chosen = tool
        self._refresh()

    def say(self, sentence: str, alert: bool = False) -> None:
        """Tell the artist something, in the way of a warning if asked."""
        self.messages = [*self.messages[1 - _KEPT :], sentence]
        self._editor.log(sentence)
        self._refresh()
        if alert:
            self._editor.alert(sentence)

    def start(
        self,
        tool: Tool,
        pictures: Sequence[Sequence[Picture]],
        values: Mapping[str, Any],
        name: str = "",
        folder: str = "",
    ) -> Job | None:
        """Begin a job, or tell why not.

        Args:
            tool: of :func:`offered`.
            pictures: for each input of the tool, what it gets.
            values: of its parameters; what is missing has its default.
            name: of the material or texture; empty for one after its source.
            folder: content folder; empty for that of the source.

        Returns:
            None when there is none; the artist knows why by then.
        """
        try:
            check_pictures(tool, pictures)
            first = pictures[0][0]
            folder = (folder.strip() or _folder_of(first.asset) or self._preferences().folder).rstrip("/")
            self._editor.check_folder(folder)
            self._check_name(tool, pictures, name.strip(), folder)
            job = self._jobs.new(tool.name, f"{title(tool)} {first.name}")
        except MatshotError as error:
            self.say(error.sentence, alert=True)
            return None
        try:
            given = worker_inputs(tool, pictures, job.folder, self._editor.export)
        except MatshotError as error:
            self._jobs.fail(job, error)
            self._jobs.forget(job)
            self.say(error.sentence, alert=True)
            return None
        wanted = self._parameters(tool, values, given.held)
        self._orders[job.number] = _Order(
            name.strip(), folder, _said(tool, wanted), given.origins, not tool.inputs[0].several
        )
        self._jobs.start(job, given.paths, wanted, form=FORM)
        self._refresh()
        return job

    def test(self) -> Job | None:
        """Look at what the worker stands on, and tell."""
        try:
            job = self._jobs.doctor()
        except MatshotError as error:
            self.say(error.sentence, alert=True)
            return None
        self._refresh()
        return job

    def poll(self) -> None:
        """Follow the jobs; to be called often, on the main thread. Takes in the results of one job at most."""
        changed = self._jobs.poll()
        for job in changed:
            if job.ended and job.number not in self._ended:
                self._ended.add(job.number)
                self._finished.append(job)
        if changed:
            self._refresh()
        if self._finished and self._editor.idle():
            self._take(self._finished.pop(0))

    def rows(self) -> list[Row]:
        """The jobs, latest first."""
        return [self._row(job) for job in reversed(self._jobs.listing)]

    def act(self, number: int) -> None:
        """Do what the button of a job says."""
        job = next((job for job in self._jobs.listing if job.number == number), None)
        if job is None:
            return
        action = self._row(job).action
        if action == CANCEL:
            self._jobs.cancel(job)
        elif action == SHOW:
            self._editor.show(self._assets[number])
        else:
            self._jobs.forget(job)
        self._refresh()

    def cancel(self) -> bool:
        """End the job that runs, or else the first that waits; whether there was one."""
        unended = [job for job in self._jobs.listing if not job.ended]
        for job in sorted(unended, key=lambda job: job.state != "running")[:1]:
            self._jobs.cancel(job)
        self._refresh()
        return bool(unended)

    def close(self) -> None:
        """End the worker; the editor closes."""
        self._views.clear()
        self._jobs.close()

    def _refresh(self) -> None:
        for view in list(self._views):
            view.refresh()

    def _row(self, job: Job) -> Row:
        told = self._troubles.get(job.number) or job.error or job.state
        if job.state == "running":
            told = f"{100 * job.fraction:.0f} %  {job.stage}".rstrip()
        elif job.state == "done" and job in self._finished:
            told = "waits until the game in the editor ends" if not self._editor.idle() else "importing"
        action = REMOVE
        if not job.ended:
            action = CANCEL
        elif self._assets.get(job.number):
            action = SHOW
        return Row(job.number, job.title, told, job.fraction, action, job.preview)

    def _check_name(self, tool: Tool, pictures: Sequence[Sequence[Picture]], name: str, folder: str) -> None:
        if not name:
            return
        wanted = naming.instance_name(naming.plain(name)) if makes_material(tool, pictures) else naming.plain(name)
        if self._editor.taken(folder, wanted):
            raise MatshotError(f"There is an asset {wanted} in {folder} already; choose another name.")

    def _parameters(self, tool: Tool, values: Mapping[str, Any], held: Mapping[str, str]) -> dict[str, Any]:
        """What the artist chose, before what is known of the texture, before the preferences, before the defaults."""
        preferences = self._preferences()
        known = {"device": preferences.device, "memory": preferences.memory}
        if any(parameter.name == "kind" for parameter in tool.parameters):
            known.update(held)
        defaults = {parameter.name: parameter.default for parameter in tool.parameters}
        chosen = {name: value for name, value in values.items() if value != defaults.get(name)}
        return tool.accepted({**known, **chosen, **{one: FORM[one] for one in fixed(tool)}})

    def _take(self, job: Job) -> None:
        """Make assets of what a job made, and tell how it ended."""
        order = self._orders.pop(job.number, None)
        if job.state == "failed":
            if job.cause:
                self._editor.log(job.cause)
            self.say(job.error, alert=True)
        elif job.state == "done" and job.tool == DOCTOR:
            self.say(diagnosis(job.findings), alert=True)
        elif job.state == "done" and order is not None:
            self._import(job, order)

    def _import(self, job: Job, order: _Order) -> None:
        made: list[str] = []
        troubles = list(job.failures)
        for result in job.results:
            try:
                made += self._imported(result, order)
            except MatshotError as error:
                troubles.append(error.sentence)
        if made:
            self._assets[job.number] = made
        for note in job.notes:
            self.say(note)
        if troubles:
            self._troubles[job.number] = " ".join(dict.fromkeys(troubles))
            self.say(self._troubles[job.number], alert=True)
        else:
            self.say(f"{job.title}: done, {', '.join(Picture(asset).name for asset in made)}.")
        for view in list(self._views):
            view.finished(job, made)

    def _imported(self, result: Result, order: _Order) -> list[str]:
        origin = order.origins.get(place_of(result.source), "")
        if result.kind == "material":
            graph = material_graph(result.path)
            base = naming.plain(order.name) if order.name else self._base(graph, order)
            taken = [naming.instance_name, *(_namer(image.name) for image in graph.images())]
            base = naming.free(base, lambda base: any(self._editor.taken(order.folder, name(base)) for name in taken))
            return self._editor.import_material(graph, base, order.folder)
        name = Picture(origin, result.source or result.path).name
        wanted = naming.plain(order.name) if order.name else naming.derived(name, order.said)
        wanted = naming.free(wanted, lambda name: self._editor.taken(order.folder, name))
        if origin and not order.remade:
            # Whether it repeats was measured, but how it is laid over meshes was decided by somebody.
            result = result._replace(wrap="none")
        return self._editor.import_image(result, origin, wanted, order.folder)

    def _base(self, graph: MaterialGraph, order: _Order) -> str:
        """Name of a material after its source, since files and folders of jobs have names of no interest."""
        assets = list(order.origins.values())
        if not assets:
            return naming.base_of(naming.plain(graph.name))
        base = naming.base_of(Picture(assets[0]).name)
        return f"{base}_{naming.plain(order.said)}" if len(assets) > 1 else base


def diagnosis(findings: Sequence[Mapping[str, Any]]) -> str:
    """What the doctor found, as text."""
    lines = []
    for one in findings:
        mark = "ok" if one.get("ok") else "missing" if one.get("required") else "note"
        mend = f" - {one['fix']}" if one.get("fix") and not one.get("ok") else ""
        lines.append(f"[{mark}] {one.get('subject', '')}: {one.get('state', '')}{mend}")
    return "\n".join(lines) or "Matshot's worker answers."


def _folder_of(asset: str) -> str:
    return asset.rpartition("/")[0]


def _said(tool: Tool, values: Mapping[str, Any]) -> str:
    """What a result's name says of how it was made: ``x4``, else the tool."""
    defaults = {parameter.name: parameter.default for parameter in tool.parameters}
    scale = values.get("scale", defaults.get("scale"))
    return f"x{scale}" if scale else tool.title.replace("Make ", "")


def _namer(kind: str) -> Callable[[str], str]:
    return lambda base: naming.texture_name(base, kind)
