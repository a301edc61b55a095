"""The checks of ``matshot doctor``."""

from __future__ import annotations

import contextlib
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import cast

from matshot_host.location import record, worker_command

from .. import __version__
from ..errors import MatshotError
from ..inference.cards import installed_models
from ..inference.gpu import nvidia_gpus
from ..inference.measuring import forget, known_measurements
from ..inference.memory import free_bytes
from ..inference.providers import CUDA, PROVIDERS, candidates
from ..inference.session import Device, Network, gpu_obstacle, onnxruntime, usable_threads
from .install import HOSTS, InstalledPlugin
from .install import installed_plugins as installed_plugins

#: Packages that hold an ONNX Runtime each.
_ONNXRUNTIMES = (
    *("onnxruntime-gpu", "onnxruntime", "onnxruntime-openvino", "onnxruntime-directml", "onnxruntime-webgpu"),
    *("onnxruntime-trt-rtx", "onnxruntime-migraphx"),
)
#: Seconds that another Python has to report its version of Matshot.
_TIMEOUT = 30


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: what was checked.
        state: what is there.
        ok: whether it is as it should be.
        fix: command or advice when it is not.
        required: whether Matshot cannot work without it.
    """

    subject: str
    state: str
    ok: bool = True
    fix: str = ""
    required: bool = True


def diagnosis(measure: bool = False) -> list[Finding]:
    """Check everything that Matshot needs.

    Args:
        measure: measure all networks on all devices again.
    """
    findings = [
        Finding("Matshot", __version__),
        Finding("Python", f"{platform.python_version()} ({sys.executable})"),
        Finding("system", f"{platform.system()} {platform.machine()}, {usable_threads()} usable processors"),
        Finding("free memory", f"{free_bytes() / 2**30:.1f} GB"),
    ]
    findings += [_package(name) for name in ("numpy", "scipy", "OpenImageIO")]
    findings += _onnxruntime_packages()
    try:
        ort = onnxruntime()
        findings.append(Finding("built with providers", ", ".join(ort.get_available_providers())))
        if measure:
            _measure_all()
        cards = list(installed_models())
        findings.append(Finding("models", f"{len(cards)}: {', '.join(card.name for card in cards)}"))
        for card in cards:
            card.path()
        provider = Network(cards[0]).provider if cards else "none"
        findings.append(Finding("execution provider in use", provider))
        if nvidia_gpus():
            used = provider == CUDA
            findings.append(
                Finding("GPU", ", ".join(nvidia_gpus()), used, "" if used else gpu_obstacle(), required=False)
            )
        else:
            findings.append(Finding("GPU", gpu_obstacle(), False, "none needed: the CPU is used", required=False))
        findings += _devices()
    except MatshotError as error:
        findings.append(Finding("inference", error.sentence, False, error.cause))
    return findings + list(_plugins())


def _measure_all() -> None:
    """Measure every network on every device that may work here."""
    forget()
    for card in installed_models():
        for one in candidates("auto"):
            # What does not start is said by the findings.
            with contextlib.suppress(MatshotError):
                Network(card, cast(Device, one.name))


def _devices() -> Iterator[Finding]:
    """The installed execution providers beside the CPU, and what was measured of each."""
    measured = known_measurements()
    for one in PROVIDERS:
        if not one.is_registered:
            continue
        known = [each for each in measured if each.provider == one.title]
        right = [each for each in known if each.state == "right"]
        faster = [each for each in right if each.is_faster]
        state = (
            f"{len(faster)} of {len(known)} networks are faster than on the CPU" if known else "nothing measured yet"
        )
        if right:
            times = sorted(each.cpu_seconds / each.seconds for each in right)
            state += f" ({times[0]:.2g} to {times[-1]:.2g} times as fast)"
        state += "" if one.automatic else "; used by name only"
        problems = " ".join(each.problem for each in known if each.problem)
        if not one.is_possible:
            state = "installed, but no NVIDIA GPU was found"
        fix = "" if known or not one.is_possible else "matshot doctor --devices measures them all"
        yield Finding(
            f"device {one.name}", f"{state}. {problems}" if problems else state, not problems, fix, required=False
        )


def _plugins() -> Iterator[Finding]:
    """The record of ``matshot install``: the Python that workers run with, and the installed plug-ins."""
    try:
        installation, plugins = record(), installed_plugins()
    except MatshotError as error:
        yield Finding(
            "plug-ins", error.sentence, False, "matshot install blender, maya, unreal or comfyui", required=False
        )
        return
    if not plugins:
        yield Finding("plug-ins", "none installed by 'matshot install'", required=False)
        return
    python = installation.get("python")
    yield _worker_python(python if isinstance(python, str) else "", plugins[0].host)
    for plugin in plugins:
        yield _plugin(plugin)


def _plugin(plugin: InstalledPlugin) -> Finding:
    fix = f"matshot install {plugin.host}"
    what = f"{HOSTS[plugin.host].title} plug-in"
    if not plugin.exists:
        return Finding(what, f"{plugin.path} no longer exists, or is not Matshot's", False, fix, required=False)
    if plugin.version and plugin.version != __version__:
        older = f"{plugin.version} in {plugin.path}, but Matshot is {__version__}"
        return Finding(what, older, False, fix, required=False)
    return Finding(what, " in ".join(filter(None, (plugin.version, str(plugin.path)))), required=False)


def _worker_python(python: str, host: str) -> Finding:
    """The recorded Python, and its version of Matshot."""
    what, fix = "worker Python", f"matshot install {host}"
    try:
        command = worker_command(preferred=python)
    except MatshotError:
        return Finding(what, f"{python or 'none'} does not exist", False, fix, required=False)
    command_line = [command.arguments[0], "-c", "import matshot.worker, matshot; print(matshot.__version__)"]
    try:
        process = subprocess.run(
            command_line,
            env=command.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Finding(what, f"{python} does not run", False, fix, required=False)
    if process.returncode != 0:
        return Finding(what, f"{python} has no Matshot", False, f"{python} -m pip install matshot", required=False)
    installed = process.stdout.strip()
    state = f"{python} with Matshot {installed}"
    return Finding(what, state, installed == __version__, "" if installed == __version__ else fix, required=False)


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, "missing", False, f"pip install {name}")


def _onnxruntime_packages() -> list[Finding]:
    """All ONNX Runtime packages use one folder: the one installed last wins, and removing one breaks the others."""
    installed = []
    for name in _ONNXRUNTIMES:
        try:
            installed.append((name, version(name)))
        except PackageNotFoundError:
            continue
    if not installed:
        return [Finding("ONNX Runtime", "missing", False, "pip install onnxruntime-gpu (onnxruntime on a Mac)")]
    shown = " and ".join(f"{name} {number}" for name, number in installed)
    if len(installed) > 1:
        names = " ".join(name for name, _ in installed)
        fix = f"pip uninstall -y {names} && pip install {installed[0][0]}"
        return [Finding("ONNX Runtime", f"{shown}, which overwrite each other", False, fix, required=False)]
    return [Finding("ONNX Runtime", shown)]
