"""ComfyUI as far as the nodes know it: its loader of custom nodes, folders, progress bar and interruption."""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matshot.hosts.install import copy_plugin


class Interrupted(Exception):
    """What ComfyUI raises in a node when its button is pressed."""


class Comfy:
    """The parts that nodes use.

    Attributes:
        folder: with ``input``, ``output`` and ``temp``.
        shown: what progress bars were set to.
        interrupted: whether the next look raises.
    """

    Interrupted = Interrupted

    def __init__(self, folder: Path) -> None:
        self.folder, self.shown, self.interrupted = folder, [], False
        for name in ("input", "output", "temp"):
            (folder / name).mkdir(parents=True)

    def modules(self) -> dict[str, types.ModuleType]:
        comfy, utils, management, paths = (
            types.ModuleType(name) for name in ("comfy", "comfy.utils", "comfy.model_management", "folder_paths")
        )
        world = self

        class ProgressBar:
            def __init__(self, total: int) -> None:
                self.total = total

            def update_absolute(self, value: int, total: int | None = None) -> None:
                assert 0 <= value <= (total or self.total)
                world.shown.append(value / self.total)

        def look() -> None:
            if world.interrupted:
                world.interrupted = False
                raise Interrupted

        utils.ProgressBar = ProgressBar
        management.throw_exception_if_processing_interrupted = look
        comfy.utils, comfy.model_management = utils, management
        paths.get_input_directory = lambda: str(self.folder / "input")
        paths.get_output_directory = lambda: str(self.folder / "output")
        paths.get_temp_directory = lambda: str(self.folder / "temp")
        return {one.__name__: one for one in (comfy, utils, management, paths)}


@pytest.fixture(scope="module")
def comfy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comfy]:
    pytest.importorskip("torch", reason="ComfyUI brings torch, and so does matshot[export]")
    world = Comfy(tmp_path_factory.mktemp("ComfyUI"))
    with pytest.MonkeyPatch.context() as patch:
        for name, module in world.modules().items():
            patch.setitem(sys.modules, name, module)
        patch.setenv("MATSHOT_HOME", str(world.folder / "home"))
        patch.setenv("MATSHOT_PYTHON", sys.executable)
        yield world


@pytest.fixture(scope="module")
def package(comfy: Comfy) -> Iterator[Any]:
    """The installed folder, loaded as ComfyUI's ``load_custom_node`` does: by its path, which is the module's name."""
    folder = copy_plugin("comfyui", comfy.folder / "custom_nodes")
    name = str(folder).replace(".", "_x_")
    spec = importlib.util.spec_from_file_location(name, folder / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    sys.modules[f"{name}.runner"].JOBS.close()
    for one in [one for one in sys.modules if one.partition(".")[0] == name or one.startswith(f"{name}.")]:
        del sys.modules[one]


@pytest.fixture(scope="module")
def part(package: Any) -> Any:
    """Gives a module of the plug-in by its name."""
    return lambda name: sys.modules[f"{package.__name__}.{name}"]


@pytest.fixture(scope="module")
def nodes(package: Any) -> dict[str, Any]:
    return package.NODE_CLASS_MAPPINGS


@pytest.fixture(scope="module")
def failure(part: Any) -> Any:
    """The plug-in's errors: it has the hosts' library of its own."""
    return part("matshot_host.errors").MatshotError
