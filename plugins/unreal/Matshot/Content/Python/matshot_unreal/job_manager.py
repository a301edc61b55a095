"""The jobs behind panel and menus, independent of Unreal.

Textures leave the project as files, a job runs, and its results return as assets. Everything that touches Unreal is
behind :class:`Editor`; panel and status bar are views.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple, Protocol, Sequence

from matshot_host.errors import MatshotError
from matshot_host.graph import MaterialGraph, material_graph
from matshot_host.jobs import DOCTOR, Job, Jobs, Result
from matshot_host.tools import Tool
from matshot_host.udim import normalized_path, tile_number

from . import naming
from .editor_tools import FORM, editor_tools, fixed_parameters, menu_title
from .inputs import ExportedFile, Source, check_sources, makes_material, worker_files, worker_inputs
from .preferences import Preferences

#: Labels of the button of a job.
CANCEL = "Cancel"
SHOW = "Show"
REMOVE = "Remove"

#: Number of messages that are kept.
_MESSAGES = 100


class Row(NamedTuple):
    """One job, as shown by views."""

    number: int
    title: str
    status: str
    fraction: float
    action: str
    preview: str


class Imported(NamedTuple):
    """Results that are assets now.

    Attributes:
        assets: their paths; of a material, the instance first.
        notes: sentences for the artist.
    """

    assets: list[str]
    notes: list[str]


class Request(NamedTuple):
    """What the artist wants.

    Attributes:
        tool: of :func:`editor_tools`.
        sources: for each input of the tool.
        values: of its parameters; missing ones have their defaults.
        name: of the material or texture; empty derives one from the source.
        folder: content folder; empty for the folder of each source.
        assign: whether a new material is assigned to the selected actors.
        slot: name of the material slot; empty for all.
        replace: whether results replace their sources in material instances.
        files: textures that are guides and masks, by parameter, instead of the files in ``values``.
    """

    tool: Tool
    sources: Sequence[Sequence[Source]]
    values: Mapping[str, Any]
    name: str = ""
    folder: str = ""
    assign: bool = False
    slot: str = ""
    replace: bool = False
    files: Mapping[str, Sequence[Source]] = {}


class Editor(Protocol):
    """What the job manager needs of Unreal. Methods raise :class:`MatshotError`."""

    def idle(self) -> bool:
        """Whether assets can be created now; not during Play in Editor."""

    def export(self, asset: str, folder: str, photograph: bool) -> ExportedFile:
        """Export a texture to a folder; for a photograph, return its source file if it still exists."""

    def check_folder(self, folder: str) -> None:
        """Raise for a content folder outside the project, and one that cannot be written."""

    def exists(self, folder: str, name: str) -> bool:
        """Whether an asset exists."""

    def import_material(self, graph: MaterialGraph, base: str, folder: str) -> Imported:
        """Create textures and an instance of the master material, which is the first of the assets."""

    def import_image(self, result: Result, origin: str, name: str, folder: str) -> Imported:
        """Create a texture with the settings of its source, if any."""

    def import_tiles(self, tiles: Mapping[int, Result], origin: str, name: str, folder: str) -> Imported:
        """Create a virtual texture of UDIM tiles with the settings of its source."""

    def selected_components(self) -> list[Any]:
        """Components with meshes of the actors that are selected in the level."""

    def assign(self, material: str, components: Sequence[Any], slot: str) -> int:
        """Assign a material to components; returns the number of slots."""

    def replace(self, old: str, new: str) -> list[str]:
        """Use a texture in place of another in material instances; returns notes."""

    def alert(self, sentence: str) -> None:
        """Show a message that the artist must see."""

    def log(self, sentence: str) -> None:
        """Write a line to the log."""

    def show(self, assets: Sequence[str]) -> None:
        """Select assets in the Content Browser."""


class View(Protocol):
    """The panel or the status bar."""

    def refresh(self) -> None:
        """Show the current state."""

    def finished(self, job: Job, assets: Sequence[str]) -> None:
        """React to a job whose results are assets now."""


class _Plan(NamedTuple):
    """What to do with the results of a job.

    Attributes:
        request: of the artist, its folder checked.
        components: to assign a new material to.
        suffix: part of asset names that tells how they were made.
        origins: texture asset of each exported file.
        is_new_texture: whether results are new textures; a tool for many files keeps the mapping of each.
    """

    request: Request
    components: Sequence[Any]
    suffix: str
    origins: Mapping[str, str]
    is_new_texture: bool


class JobManager:
    """Runs jobs for menus and panel.

    Attributes:
        messages: the latest, for the panel.
        notices: messages that were not read yet.
        chosen: tool of the panel.
        last: request of the latest job.

    Args:
        jobs: of this editor.
        editor: Unreal.
        preferences: returns the current preferences.
    """

    def __init__(self, jobs: Jobs, editor: Editor, preferences: Callable[[], Preferences]) -> None:
        self.messages: list[str] = []
        self.notices: list[str] = []
        self.chosen = editor_tools()[0]
        self.last: Request | None = None
        self._jobs, self._editor, self._preferences = jobs, editor, preferences
        self._plans: dict[int, _Plan] = {}
        self._assets: dict[int, list[str]] = {}
        self._problems: dict[int, str] = {}
        self._finished: list[Job] = []
        self._ended: set[int] = set()
        self._views: list[View] = []

    def attach(self, view: View) -> None:
        """Add a view."""
        self._views.append(view)
        view.refresh()

    def detach(self, view: View) -> None:
        """Remove a view."""
        if view in self._views:
            self._views.remove(view)

    def choose(self, tool: Tool) -> None:
        """Select a tool."""
        self.chosen = tool
        self._refresh()

    def take_notices(self) -> list[str]:
        """The notices, which count as read from now on."""
        notices, self.notices = self.notices, []
        self._refresh()
        return notices

    def report(self, sentence: str, alert: bool = False, notice: bool = False) -> None:
        """Show a message in panel and log.

        Args:
            sentence: for the artist.
            alert: whether to show it in a dialog, too; only in answer to a click.
            notice: whether views keep it until it is read, for what happens while the artist does something else.
        """
        self.messages = [*self.messages[1 - _MESSAGES :], sentence]
        self._editor.log(sentence)
        if notice:
            self.notices = [*self.notices, sentence]
        self._refresh()
        if alert:
            self._editor.alert(sentence)

    def start(self, request: Request) -> Job | None:
        """Start a job, or report why it cannot start.

        Returns:
            The job, or None if it could not start.
        """
        tool, sources = request.tool, request.sources
        try:
            check_sources(tool, sources)
            values = tool.check(request.values)
            tool.check_files({name: path for name, path in values.items() if name not in request.files})
            first = sources[0][0]
            request = request._replace(name=request.name.strip(), folder=request.folder.strip().rstrip("/"))
            for folder in {request.folder or self._folder_of(source) for source in sources[0]}:
                self._editor.check_folder(folder)
                self._check_name(tool, sources, request.name, folder)
            components = self._editor.selected_components() if request.assign else []
            if request.assign and not components:
                raise MatshotError("No actor with a mesh is selected. Select one in the level, or turn off Assign.")
            job = self._jobs.new(tool.name, f"{menu_title(tool)} {first.name}")
        except MatshotError as error:
            self.report(error.sentence, alert=True)
            return None
        try:
            inputs = worker_inputs(tool, sources, job.folder, self._editor.export)
            values.update(worker_files(tool, request.files, job.folder, self._editor.export))
        except MatshotError as error:
            self._jobs.fail(job, error)
            self._jobs.forget(job)
            self.report(error.sentence, alert=True)
            return None
        parameters = self._parameters(tool, values, inputs.map_type)
        self._plans[job.number] = _Plan(
            request, components, _suffix(tool, parameters), inputs.origins, not tool.inputs[0].several
        )
        self.last = request
        self._jobs.start(job, inputs.paths, parameters, form=FORM)
        self._refresh()
        return job

    def test(self) -> Job | None:
        """Test the worker and report the findings."""
        try:
            job = self._jobs.doctor()
        except MatshotError as error:
            self.report(error.sentence, alert=True)
            return None
        self._refresh()
        return job

    def poll(self) -> None:
        """Update the jobs. Call often, on the main thread; imports the results of at most one job."""
        changed = self._jobs.poll()
        for job in changed:
            if job.ended and job.number not in self._ended:
                self._ended.add(job.number)
                self._finished.append(job)
        if changed:
            self._refresh()
        if self._finished and self._editor.idle():
            self._finish(self._finished.pop(0))

    def rows(self) -> list[Row]:
        """The jobs, newest first."""
        return [self._row(job) for job in reversed(self._jobs.listing)]

    def act(self, number: int) -> None:
        """Perform the action of a job's button."""
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
        """Cancel the running job, or the first waiting one.

        Returns:
            Whether there was a job to cancel.
        """
        active = [job for job in self._jobs.listing if not job.ended]
        for job in sorted(active, key=lambda job: job.state != "running")[:1]:
            self._jobs.cancel(job)
        self._refresh()
        return bool(active)

    def close(self) -> None:
        """Stop the worker; called when the editor closes."""
        self._views.clear()
        self._jobs.close()

    def _refresh(self) -> None:
        for view in list(self._views):
            view.refresh()

    def _row(self, job: Job) -> Row:
        status = self._problems.get(job.number) or job.error or job.state.capitalize()
        if job.state == "running":
            status = f"{100 * job.fraction:.0f}%  {job.stage}".rstrip()
        elif job.state == "done" and job in self._finished:
            status = "Waiting for Play in Editor to end" if not self._editor.idle() else "Importing"
        action = REMOVE
        if not job.ended:
            action = CANCEL
        elif self._assets.get(job.number):
            action = SHOW
        return Row(job.number, job.title, status, job.fraction, action, job.preview)

    def _check_name(self, tool: Tool, sources: Sequence[Sequence[Source]], name: str, folder: str) -> None:
        if not name:
            return
        asset = (
            naming.instance_name(naming.asset_name(name)) if makes_material(tool, sources) else naming.asset_name(name)
        )
        if self._editor.exists(folder, asset):
            raise MatshotError(f"{asset} already exists in {folder}. Choose another name.")

    def _parameters(self, tool: Tool, values: Mapping[str, Any], map_type: Mapping[str, str]) -> dict[str, Any]:
        """The artist's choice, then the map type of the texture, then the preferences, then the defaults."""
        preferences = self._preferences()
        known = {"device": preferences.device, "memory": preferences.memory}
        if any(parameter.name == "kind" for parameter in tool.parameters):
            known.update(map_type)
        defaults = {parameter.name: parameter.default for parameter in tool.parameters}
        chosen = {name: value for name, value in values.items() if value != defaults.get(name)}
        return tool.accepted({**known, **chosen, **{one: FORM[one] for one in fixed_parameters(tool)}})

    def _finish(self, job: Job) -> None:
        """Import the results of a job, and report how it ended."""
        plan = self._plans.pop(job.number, None)
        if job.state == "failed":
            if job.cause:
                self._editor.log(job.cause)
            self.report(job.error, notice=True)
        elif job.state == "done" and job.tool == DOCTOR:
            self.report(diagnosis(job.findings), notice=True)
        elif job.state == "done" and plan is not None:
            self._import(job, plan)

    def _import(self, job: Job, plan: _Plan) -> None:
        created: list[str] = []
        problems, notes = list(job.failures), list(job.notes)
        for results in _assets_of(job.results, plan.origins):
            result = results[0]
            try:
                imported = self._import_results(results, plan)
                created += imported.assets
                notes += [*imported.notes, *self._apply(result, imported.assets[0], plan)]
            except MatshotError as error:
                problems.append(error.sentence)
        if created:
            self._assets[job.number] = created
        for note in dict.fromkeys(notes):
            self.report(note)
        if problems:
            self._problems[job.number] = " ".join(dict.fromkeys(problems))
            self.report(self._problems[job.number], notice=True)
        else:
            self.report(f"{job.title} created {', '.join(Source(asset).name for asset in created)}.")
        for view in list(self._views):
            view.finished(job, created)

    def _apply(self, result: Result, asset: str, plan: _Plan) -> list[str]:
        """Assign or replace as the artist chose; returns what was done."""
        origin = plan.origins.get(_origin_file(result, plan.origins), "")
        if result.kind == "material" and plan.request.assign:
            slots = self._editor.assign(asset, plan.components, plan.request.slot.strip())
            if not slots:
                wanted = f" with the name {plan.request.slot.strip()}" if plan.request.slot.strip() else ""
                return [f"{Source(asset).name} was not assigned: the actors have no material slot{wanted} any more."]
            return [f"{Source(asset).name} was assigned to {slots} material slot{'' if slots == 1 else 's'}."]
        if result.kind != "material" and plan.request.replace and origin:
            return self._editor.replace(origin, asset)
        return []

    def _folder_of(self, source: Source) -> str:
        """Content folder of a texture; for files on disk, that of the preferences."""
        return source.asset.rpartition("/")[0] or self._preferences().folder.rstrip("/")

    def _import_results(self, results: Sequence[Result], plan: _Plan) -> Imported:
        """Import a result, or the tiles of one."""
        result = results[0]
        file = _origin_file(result, plan.origins)
        origin = plan.origins.get(file, "")
        chosen, first = plan.request.name, plan.request.sources[0][0]
        folder = plan.request.folder or self._folder_of(Source(origin) if origin else first)
        if result.kind == "material":
            graph = material_graph(result.path)
            base = naming.asset_name(chosen) if chosen else self._base_name(graph, plan)
            names = [naming.instance_name, *(_namer(image.name) for image in graph.images())]
            base = naming.free_name(base, lambda base: any(self._editor.exists(folder, name(base)) for name in names))
            return self._editor.import_material(graph, base, folder)
        name = Source(origin, result.source or result.path).name
        name = naming.asset_name(chosen) if chosen else naming.derived_name(name, plan.suffix)
        name = naming.free_name(name, lambda name: self._editor.exists(folder, name))
        tiles = {tile_number(one.source, file): one for one in results}
        if 0 not in tiles:
            return self._editor.import_tiles(tiles, origin, name, folder)
        if origin and not plan.is_new_texture:
            # Tiling was measured, but the artist has decided on the address mode.
            result = result._replace(wrap="none")
        return self._editor.import_image(result, origin, name, folder)

    def _base_name(self, graph: MaterialGraph, plan: _Plan) -> str:
        """Name of a material, derived from its source; the job's own files have arbitrary names."""
        assets = list(plan.origins.values())
        if not assets:
            return naming.base_of(naming.asset_name(graph.name))
        base = naming.base_of(Source(assets[0]).name)
        return f"{base}_{naming.asset_name(plan.suffix)}" if len(assets) > 1 else base


def _origin_file(result: Result, origins: Mapping[str, str]) -> str:
    """Exported file that a result was made from, which may be a pattern of tiles; empty for none."""
    source = normalized_path(result.source)
    if source in origins:
        return source
    return next((file for file in origins if tile_number(source, file)), "")


def _assets_of(results: Sequence[Result], origins: Mapping[str, str]) -> list[list[Result]]:
    """Results by the asset that they become: tiles of one texture together, others alone."""
    found: dict[str, list[Result]] = {}
    for index, result in enumerate(results):
        file = _origin_file(result, origins)
        key = file if file and tile_number(result.source, file) else str(index)
        found.setdefault(key, []).append(result)
    return list(found.values())


def diagnosis(findings: Sequence[Mapping[str, Any]]) -> str:
    """The findings of the doctor as text."""
    lines = []
    for one in findings:
        mark = "ok" if one.get("ok") else "missing" if one.get("required") else "note"
        mend = f" - {one['fix']}" if one.get("fix") and not one.get("ok") else ""
        lines.append(f"[{mark}] {one.get('subject', '')}: {one.get('state', '')}{mend}")
    return "\n".join(lines) or "Matshot's worker responds."


def _suffix(tool: Tool, values: Mapping[str, Any]) -> str:
    """Suffix of a result's name: ``x4`` for an upscaled texture, otherwise the tool."""
    defaults = {parameter.name: parameter.default for parameter in tool.parameters}
    scale = values.get("scale", defaults.get("scale"))
    return f"x{scale}" if scale else tool.title.replace("Make ", "")


def _namer(kind: str) -> Callable[[str], str]:
    return lambda base: naming.texture_name(base, kind)
