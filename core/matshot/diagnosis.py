"""What ``matshot doctor`` finds."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from . import __version__
from .errors import MatshotError
from .inference.cards import installed
from .inference.gpu import nvidia_gpus
from .inference.memory import free_bytes
from .inference.session import CUDA, Network, gpu_obstacle, onnxruntime, usable_threads


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
    return found


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
