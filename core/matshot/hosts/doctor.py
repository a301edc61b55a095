"""What ``matshot doctor`` finds."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from matshot_host.location import record, worker_command

from .. import __version__
from ..errors import MatshotError
from ..inference.cards import installed
from ..inference.gpu import nvidia_gpus
from ..inference.memory import free_bytes
from ..inference.session import CUDA, Network, gpu_obstacle, onnxruntime, usable_threads
from .install import HOSTS, Installed
from .install import installed as installed_plugins

#: Seconds that another Python has to say which Matshot it holds.
_PATIENCE = 30


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        what: that was looked at.
        found: what is there.
        fine: whether it is as it should be.
        mend: command or advice when it is not.
        needed: whether Matshot cannot work without it.
    """

    what: str
    found: str
    fine: bool = True
    mend: str = ""
    needed: bool = True


def diagnosis() -> list[Finding]:
    """Look at everything that Matshot stands on."""
    found = [
        Finding("Matshot", __version__),
        Finding("Python", f"{platform.python_version()} ({sys.executable})"),
        Finding("system", f"{platform.system()} {platform.machine()}, {usable_threads()} usable processors"),
        Finding("free memory", f"{free_bytes() / 2**30:.1f} GB"),
    ]
    found += [_package(name) for name in ("numpy", "scipy", "OpenImageIO")]
    found += _onnxruntime_packages()
    try:
        ort = onnxruntime()
        found.append(Finding("built with providers", ", ".join(ort.get_available_providers())))
        cards = list(installed())
        found.append(Finding("models", f"{len(cards)}: {', '.join(card.name for card in cards)}"))
        for card in cards:
            card.path()
        provider = Network(cards[0]).provider if cards else "none"
        found.append(Finding("what really runs", provider))
        if nvidia_gpus():
            used = provider == CUDA
            found.append(Finding("GPU", ", ".join(nvidia_gpus()), used, "" if used else gpu_obstacle(), needed=False))
        else:
            found.append(Finding("GPU", gpu_obstacle(), False, "nothing to do: the CPU is used", needed=False))
    except MatshotError as error:
        found.append(Finding("inference", error.sentence, False, error.cause))
    return found + list(_plugins())


def _plugins() -> Iterator[Finding]:
    """What ``matshot install`` noted: the Python that workers run with, and the plug-ins that are in hosts."""
    try:
        noted, plugins = record(), installed_plugins()
    except MatshotError as error:
        yield Finding("plug-ins", error.sentence, False, "matshot install blender, maya or unreal", needed=False)
        return
    if not plugins:
        yield Finding("plug-ins", "none were put in by 'matshot install'", needed=False)
        return
    python = noted.get("python")
    yield _worker_python(python if isinstance(python, str) else "", plugins[0].host)
    for plugin in plugins:
        yield _plugin(plugin)


def _plugin(plugin: Installed) -> Finding:
    mend = f"matshot install {plugin.host}"
    what = f"{HOSTS[plugin.host].title} plug-in"
    if not plugin.there:
        return Finding(what, f"{plugin.path} is gone, or is not Matshot's any more", False, mend, needed=False)
    if plugin.version and plugin.version != __version__:
        older = f"{plugin.version} in {plugin.path}, and this is {__version__}"
        return Finding(what, older, False, mend, needed=False)
    return Finding(what, " in ".join(filter(None, (plugin.version, str(plugin.path)))), needed=False)


def _worker_python(python: str, host: str) -> Finding:
    """Ask the noted Python which Matshot it holds."""
    what, mend = "worker Python", f"matshot install {host}"
    try:
        command = worker_command(preferred=python)
    except MatshotError:
        return Finding(what, f"{python or 'none'}, which does not exist", False, mend, needed=False)
    asked = [command.arguments[0], "-c", "import matshot.worker, matshot; print(matshot.__version__)"]
    try:
        said = subprocess.run(
            asked, env=command.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired):
        return Finding(what, f"{python} does not run", False, mend, needed=False)
    if said.returncode != 0:
        return Finding(what, f"{python} has no Matshot", False, f"{python} -m pip install matshot", needed=False)
    there = said.stdout.strip()
    found = f"{python} with Matshot {there}"
    return Finding(what, found, there == __version__, "" if there == __version__ else mend, needed=False)


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, "missing", False, f"pip install {name}")


def _onnxruntime_packages() -> list[Finding]:
    """Both ONNX Runtime packages own one folder: the one installed last wins, and removing either breaks it."""
    there = []
    for name in ("onnxruntime-gpu", "onnxruntime"):
        try:
            there.append((name, version(name)))
        except PackageNotFoundError:
            continue
    if not there:
        return [Finding("ONNX Runtime", "missing", False, "pip install onnxruntime-gpu (onnxruntime on a Mac)")]
    shown = " and ".join(f"{name} {number}" for name, number in there)
    if len(there) == 2:
        mend = "pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu"
        return [Finding("ONNX Runtime", f"{shown}, which overwrite each other", False, mend, needed=False)]
    return [Finding("ONNX Runtime", shown)]
