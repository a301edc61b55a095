import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

from matshot_host.errors import MatshotError
from matshot_host.jobs import Job

HERE = Path(__file__).parent
PYTHON = HERE.parents[2] / "plugins" / "unreal" / "Matshot" / "Content" / "Python"


def _fresh_double():
    """The double as a module of its own, with nothing in its world."""
    spec = importlib.util.spec_from_file_location("unreal", HERE / "unreal_double.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _forget_plugin():
    for name in [name for name in sys.modules if name.partition(".")[0] == "matshot_unreal"]:
        del sys.modules[name]


@pytest.fixture
def fresh_double():
    """Makes doubles that nothing imports."""
    return _fresh_double


@pytest.fixture
def unreal(tmp_path, monkeypatch):
    """Unreal with an empty project; the plug-in's modules are loaded anew in it."""
    double = _fresh_double()
    double.world.project = tmp_path / "Project"
    (double.world.project / "Content").mkdir(parents=True)
    monkeypatch.setitem(sys.modules, "unreal", double)
    monkeypatch.syspath_prepend(str(PYTHON))
    monkeypatch.setenv("MATSHOT_HOME", str(tmp_path / "home"))
    _forget_plugin()
    yield double
    _forget_plugin()


@pytest.fixture
def plugin(unreal):
    """Imports a module of the plug-in by its name."""
    return lambda name: importlib.import_module(f"matshot_unreal.{name}")


class Jobs:
    """What the manager uses of the jobs; tests say how they end."""

    def __init__(self, folder):
        self.listing, self.started, self.changed, self.folder = [], [], [], folder
        self.closed = False

    def new(self, name, title):
        folder = self.folder / str(len(self.listing))
        folder.mkdir()
        self.listing.append(Job(len(self.listing) + 1, name, title, str(folder)))
        return self.listing[-1]

    def start(self, job, inputs, parameters, output="", form=None):
        job.state = "waiting"
        self.started.append((job, list(inputs), dict(parameters), form))
        self.changed.append(job)

    def doctor(self):
        job = self.new("doctor", "Test of Matshot")
        job.state = "waiting"
        return job

    def fail(self, job, error):
        job.state, job.error = "failed", error.sentence

    def end(self, job, state, results=(), **what):
        job.state, job.results = state, list(results)
        for name, value in what.items():
            setattr(job, name, value)
        self.changed.append(job)

    def cancel(self, job):
        self.end(job, "cancelled")

    def forget(self, job):
        self.listing.remove(job)

    def poll(self):
        changed, self.changed = self.changed, []
        return changed

    def close(self):
        self.closed = True


class Editor:
    """Unreal, as far as the manager knows it."""

    def __init__(self, exported, imported):
        self.exported, self.imported = exported, imported
        self.components, self.assigned, self.replaced = [], [], []
        self.playing, self.there, self.alerts, self.logged, self.shown = False, set(), [], [], []
        self.made, self.wrong = [], {}

    def idle(self):
        return not self.playing

    def export(self, asset, folder, photograph):
        if asset in self.wrong:
            raise MatshotError(self.wrong[asset])
        name = asset.rpartition("/")[2]
        path = Path(folder) / f"{name}.png"
        path.write_bytes(b"pixels")
        kind = "normal" if name.endswith("_N") else "data" if name.endswith("_ORM") else "color"
        return self.exported(str(path), kind, "dx")

    def check_folder(self, folder):
        if folder in self.wrong:
            raise MatshotError(self.wrong[folder])

    def exists(self, folder, name):
        return f"{folder}/{name}" in self.there

    def import_material(self, graph, base, folder):
        self.made.append((graph.name, base, folder))
        if "material" in self.wrong:
            raise MatshotError(self.wrong["material"])
        return self.imported([f"{folder}/MI_{base}"], [])

    def import_image(self, result, origin, name, folder):
        self.made.append((origin, name, folder))
        return self.imported([f"{folder}/{name}"], [])

    def import_tiles(self, tiles, origin, name, folder):
        self.made.append((sorted(tiles), origin, name, folder))
        return self.imported([f"{folder}/{name}"], [])

    def selected_components(self):
        return list(self.components)

    def assign(self, material, components, slot):
        self.assigned.append((material, list(components), slot))
        return len(components)

    def replace(self, old, new):
        self.replaced.append((old, new))
        return [f"{new} replaces {old}."]

    def alert(self, sentence):
        self.alerts.append(sentence)

    def log(self, sentence):
        self.logged.append(sentence)

    def show(self, assets):
        self.shown = list(assets)


class View:
    """Notes what it is told."""

    def __init__(self):
        self.refreshed, self.ended = 0, []

    def refresh(self):
        self.refreshed += 1

    def finished(self, job, assets):
        self.ended.append((job.number, list(assets)))


@pytest.fixture
def parts(plugin, tmp_path):
    """Controller, fake jobs, fake editor, fake view."""
    (tmp_path / "jobs").mkdir()
    editor = Editor(plugin("inputs").ExportedFile, plugin("job_manager").Imported)
    jobs, editor, view = Jobs(tmp_path / "jobs"), editor, View()
    chosen = plugin("preferences").Preferences(device="cpu", memory="2G")
    manager = plugin("job_manager").JobManager(jobs, editor, lambda: chosen)
    manager.attach(view)
    return manager, jobs, editor, view
