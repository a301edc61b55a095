"""Whether an execution provider runs a network rightly on this machine, and how fast: measured once, and kept.

Each network is run on a generated input, on the CPU and on the provider. What is kept depends on the network, on the
provider, on ONNX Runtime and on the machine; it is measured again when any of them changes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from matshot_host.location import cache_folder

from ..errors import MatshotError
from ..files import atomic_write, os_reason
from .cards import Card
from .gpu import nvidia_gpus
from .providers import Provider

#: What is known of a provider and a network. ``unused``: ONNX Runtime runs all of it on the CPU although it names the
#: provider. ``failed``: it raises an error. ``ended``: the process ended while it was tried. ``unknown``: there is
#: nothing to compare with, because the network does not take the generated input.
State = Literal["right", "wrong", "unused", "failed", "ended", "unknown"]

#: Largest difference of a right result from the CPU's: root of the mean square, as a part of that of the result. Half
#: precision stays below 0.01, a layer that is computed wrongly is far above.
TOLERANCE = 0.03
#: Side of the generated input in pixels: all networks' grids divide it.
_SIDE = 128
#: Sizes of other axes by their names in our graphs, for an input of that side.
_AXES = {
    "n": 1,
    "height": _SIDE,
    "width": _SIDE,
    **{f"content_{axis}": _SIDE // 4 for axis in ("height", "width")},
    **{f"samples_{level}": (_SIDE // 2**level) ** 2 for level in (2, 3, 4)},
    **{f"cells_{axis}": _SIDE // 64 for axis in ("down", "across")},
    **{f"lags_{axis}": 8 for axis in ("down", "across")},
    "samples": _SIDE**2,
}
#: Size of axes of other names.
_OTHER = 4
#: Least and most runs that are timed, and seconds behind which no more follow; the fastest counts.
_RUNS, _MOST_RUNS, _TIMED = 3, 20, 0.5
#: Seconds after which a trial that nobody finished has ended its process.
_TRIAL = 120.0

_log = logging.getLogger("matshot")


@dataclass(frozen=True)
class Measurement:
    """What is known of a network on a provider.

    Attributes:
        provider: its title.
        network: name of the card.
        state: see :data:`State`.
        difference: from the CPU, as :data:`TOLERANCE` measures it; -1 for results that cannot be compared.
        seconds: of one run.
        cpu_seconds: of the same run on the CPU.
        when: seconds since 1970.
    """

    provider: str
    network: str
    state: State
    difference: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    when: float = 0.0

    @property
    def is_faster(self) -> bool:
        """Whether it takes less time than the CPU."""
        return self.seconds < self.cpu_seconds

    @property
    def problem(self) -> str:
        """Why the network does not run there, as a sentence; empty if it may."""
        if self.state == "wrong":
            how = f"it differs from the CPU by {100 * self.difference:.3g} %"
            how = how if self.difference >= 0 else "its results are not numbers, or of another shape"
            return f"{self.provider} runs the network {self.network} wrongly: {how}."
        if self.state == "unused":
            return f"{self.provider} takes no part in the network {self.network}."
        if self.state == "failed":
            return f"{self.provider} cannot run the network {self.network}."
        if self.state == "ended":
            return f"{self.provider} ended Matshot when it first ran the network {self.network}."
        if self.state == "unknown":
            return f"Whether {self.provider} runs the network {self.network} rightly cannot be found out."
        return ""


def measurement(
    card: Card, provider: Provider, threads: int, version: str, cpu: Callable[[], Any], session: Callable[[str], Any]
) -> Measurement:
    """What is known of a network on a provider; measured if it is not known yet.

    Args:
        card: of the network.
        provider: to measure.
        threads: of the CPU.
        version: of ONNX Runtime.
        cpu: opens a session on the CPU.
        session: opens one on the provider, which writes a profile to files that begin with the given path.

    Raises:
        Exception: whatever opening or running the provider's session raises; nothing is kept then.
    """
    file = _file(card, provider, threads, version)
    known = _read(file)
    if known is not None and known.state == "ended" and time.time() - known.when < _TRIAL:
        known = None  # another process tries it just now
    if known is not None:
        return known
    blank = Measurement(provider.title, card.name, "ended", when=time.time())
    _keep(file, blank)
    try:
        with tempfile.TemporaryDirectory(prefix="matshot-") as place:
            found = _measured(blank, cpu(), session(str(Path(place) / "profile")))
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    _keep(file, found)
    return found


def keep_failure(card: Card, provider: Provider, threads: int, version: str) -> Measurement:
    """Keep that a network cannot be loaded or run by a provider that works otherwise; arguments as above."""
    found = Measurement(provider.title, card.name, "failed", when=time.time())
    _keep(_file(card, provider, threads, version), found)
    return found


def known_measurements() -> list[Measurement]:
    """All that was measured for this user, sorted by provider and network."""
    found = [_read(file) for file in sorted(_folder().glob("*.json"))]
    return sorted((one for one in found if one is not None), key=lambda one: (one.provider, one.network))


def forget() -> None:
    """Remove all measurements, so that they are made again."""
    for file in _folder().glob("*.json"):
        file.unlink(missing_ok=True)
    _kept.clear()


def generated_inputs(session: Any) -> dict[str, NDArray[np.floating[Any]]]:
    """Noise for all inputs of a network: positive, so that roots and quotients have values."""
    random = np.random.default_rng(0)
    inputs: dict[str, Any] = {}
    for one in session.get_inputs():
        shape = [axis if isinstance(axis, int) else _AXES.get(axis, _OTHER) for axis in one.shape]
        kind = np.float16 if "float16" in one.type else np.float32
        inputs[one.name] = random.uniform(0.25, 0.75, shape).astype(kind)
    return cast(dict[str, NDArray[np.floating[Any]]], inputs)


def difference(results: list[Any], reference: list[Any]) -> float:
    """Root of the mean squared difference as a part of the reference's root mean square; the worst of all results."""
    worst = 0.0
    for result, truth in zip(results, reference, strict=True):
        one, other = np.asarray(result, np.float64), np.asarray(truth, np.float64)
        if one.shape != other.shape or not np.isfinite(one).all():
            return float("inf")
        scale = float(np.sqrt(np.mean(other**2))) or 1.0
        worst = max(worst, float(np.sqrt(np.mean((one - other) ** 2))) / scale)
    return worst


def _measured(blank: Measurement, cpu: Any, session: Any) -> Measurement:
    values = {**asdict(blank), "when": time.time()}
    inputs = generated_inputs(cpu)
    try:
        reference = cpu.run(None, inputs)
    except Exception as error:
        _log.debug("%s: %s", blank.network, error)
        session.end_profiling()
        return Measurement(**{**values, "state": "unknown"})
    kinds = {one.name: np.float16 if "float16" in one.type else np.float32 for one in session.get_inputs()}
    given = {name: value.astype(kinds[name]) for name, value in inputs.items()}
    apart = difference(session.run(None, given), reference)
    part = takes_part(Path(session.end_profiling()), session.get_providers()[0])
    seconds, cpu_seconds = _seconds(lambda: session.run(None, given), lambda: cpu.run(None, inputs))
    values |= {
        "difference": apart if np.isfinite(apart) else -1.0,
        "state": "unused" if not part else "right" if apart <= TOLERANCE else "wrong",
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }
    return Measurement(**values)


def takes_part(profile: Path, execution: str) -> bool:
    """Whether a profile of ONNX Runtime shows any node that ran on a provider; True where it shows no nodes.

    Args:
        profile: the file.
        execution: ONNX Runtime's name of the provider.
    """
    events = json.loads(profile.read_text(encoding="utf-8"))
    nodes = {event.get("args", {}).get("provider") for event in events if event.get("cat") == "Node"} - {None}
    return not nodes or execution in nodes


def _seconds(*runs: Callable[[], object]) -> list[float]:
    """Of the fastest of a few runs of each; by turns, so that a busy machine slows all of them."""
    times: list[list[float]] = [[] for _ in runs]
    while len(times[0]) < _RUNS or (len(times[0]) < _MOST_RUNS and sum(map(sum, times)) < _TIMED):
        for run, own in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            own.append(time.perf_counter() - start)
    return list(map(min, times))


def _folder() -> Path:
    return Path(cache_folder()) / "devices"


def _file(card: Card, provider: Provider, threads: int, version: str) -> Path:
    """File of a measurement, named by all that it depends on."""
    checksum = card.half_sha256 if provider.half and card.half_file else card.sha256
    options = [dict(one) for one in provider.options(threads)]
    facts = [version, provider.execution, options, checksum, card.sha256, threads, _machine()]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return _folder() / f"{provider.name}-{digest[:32]}.json"


@cache
def _machine() -> list[Any]:
    """What tells computers apart that share a user's folder."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return [platform.system(), platform.machine(), model, os.cpu_count(), list(nvidia_gpus())]


#: Measurements of this process, for when they cannot be kept on the disk.
_kept: dict[Path, Measurement] = {}


def _read(file: Path) -> Measurement | None:
    if file in _kept:
        return _kept[file]
    try:
        found = Measurement(**json.loads(file.read_text(encoding="utf-8")))
        return found if found.state in get_args(State) else None
    except (OSError, ValueError, TypeError):
        return None


def _keep(file: Path, found: Measurement) -> None:
    if found.state != "ended":
        _kept[file] = found
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, json.dumps(asdict(found)) + "\n")
    except (OSError, MatshotError) as error:
        _say_unkept(os_reason(error) if isinstance(error, OSError) else str(error))


@cache
def _say_unkept(reason: str) -> None:
    _log.warning("How fast devices are cannot be kept in %s, and is measured in every run: %s.", _folder(), reason)
