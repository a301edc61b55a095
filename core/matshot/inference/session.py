"""ONNX Runtime sessions: which device really runs, how many threads, which precision.

``get_available_providers`` lists what the package was built with, so it names CUDA on machines without any GPU. Only a
session's own ``get_providers`` tells what runs; everything here that speaks of a device has read it there. Of those
that run, a network takes the one that was measured to be right and fastest (:mod:`.measuring`).
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from matshot_host.tools import DEVICE

from ..errors import MatshotError
from .cards import SHIPPED, Card, Registry
from .gpu import nvidia_gpus
from .measuring import Measurement, keep_failure, measurement
from .providers import CPU, CUDA, Provider, candidates, missing

Device = Literal["auto", "cpu", "gpu", "cuda", "tensorrt", "tensorrt_rtx", "directml", "coreml", "openvino", "webgpu"]

#: The command that installs NVIDIA's libraries.
INSTALL_CUDA = "pip install 'matshot[cuda]'"

#: Network of few kinds of nodes, with which a provider is tried that failed on another.
_SIMPLE = "data_x4"

_log = logging.getLogger("matshot")
#: ONNX Runtime's severity of fatal messages; all others are muted.
_FATAL = 4
#: What messages about a lack of memory contain.
_OUT_OF_MEMORY = (
    "out of memory",
    "failed to allocate memory",
    "cuda_error_out_of_memory",
    "bad_alloc",
    "bad allocation",
)


class _NotStarted(Exception):
    """A provider that is installed does not start on this machine."""


class OutOfDeviceMemory(Exception):
    """A run needed more memory than the device had; a smaller tile may fit."""


class Network:
    """A session of one model.

    Calling it takes and gives ``float32`` arrays, ``N x planes x H x W`` to ``N x outputs x scale H x scale W``, or to
    whatever shape its card speaks of.

    Args:
        card: of the model.
        device: ``auto`` is the fastest that is right, ``gpu`` the fastest GPU, others are names of providers.
        threads: of the CPU; 0 for all that this process may use.

    Attributes:
        provider: the execution provider that really runs.
        half: whether it computes in half precision.
        other_inputs: shapes of inputs beside the first, by name.
    """

    def __init__(self, card: Card, device: Device = "auto", threads: int = 0) -> None:
        self.card = card
        self._session, self.half = _session(card, device, threads)
        self.provider: str = self._session.get_providers()[0]
        #: The memory of a GPU is planned for one run at a time, and a second would not make it faster.
        self._turn = contextlib.nullcontext() if self.provider == CPU else threading.Lock()
        first, *others = self._session.get_inputs()
        self._input = first.name
        self.other_inputs = {each.name: tuple(each.shape) for each in others}
        self.scale, self.planes, self.outputs = card.scale, card.planes, card.outputs or card.planes
        self.receptive_field, self.grid = card.receptive_field, card.grid
        self.bytes_per_pixel = card.bytes_per_pixel

    def __call__(self, batch: NDArray[np.float32], **others: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network.

        Args:
            batch: its first input.
            others: further inputs by name.

        Raises:
            OutOfDeviceMemory: so that the caller can try less at a time.
            MatshotError: for any other failure.
        """
        inputs = {self._input: batch, **others}
        if self.half:
            inputs = {name: values.astype(np.float16) for name, values in inputs.items()}
        try:
            with self._turn:
                (result,) = self._session.run(None, inputs)
        except Exception as error:
            if _is_lack_of_memory(error):
                raise OutOfDeviceMemory(str(error)) from error
            raise MatshotError(f"Running the model {self.card.name} failed.", str(error)) from error
        return np.asarray(result, dtype=np.float32)

    def results(self, **inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """All results of a network that has several, in its own order and of any shapes.

        Args:
            inputs: all of them, by name.

        Raises:
            MatshotError: when it fails.
        """
        try:
            with self._turn:
                results: list[NDArray[np.float32]] = self._session.run(None, inputs)
        except Exception as error:
            raise MatshotError(f"Running the model {self.card.name} failed.", str(error)) from error
        return results


#: Held while a network is looked up, so that threads that need the same one load it once.
_LOADING = threading.Lock()


def network(card: Card, device: Device = "auto", threads: int = 0) -> Network:
    """A network, cached for each combination of card, device and threads."""
    with _LOADING:
        return _loaded(card, device, threads)


@lru_cache(maxsize=8)
def _loaded(card: Card, device: Device, threads: int) -> Network:
    return Network(card, device, threads)


def onnxruntime() -> Any:
    """The ``onnxruntime`` module, quiet.

    Raises:
        MatshotError: when it is missing or broken, with the command that fixes it.
    """
    try:
        import onnxruntime as ort

        ort.set_default_logger_severity(_FATAL)  # type: ignore[attr-defined, unused-ignore]
    except (ImportError, AttributeError) as error:
        raise MatshotError(
            "ONNX Runtime is missing or broken; run: pip install --force-reinstall onnxruntime-gpu "
            "(or onnxruntime on a Mac).",
            str(error),
        ) from error
    return ort


def usable_threads() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_lack_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _OUT_OF_MEMORY)


def _session(card: Card, device: Device, threads: int) -> tuple[Any, bool]:
    """A session, and whether it computes in half precision."""
    DEVICE.check(device)
    ort = onnxruntime()
    count = threads or usable_threads()

    @cache
    def on_cpu() -> Any:
        return ort.InferenceSession(str(card.path()), _options(ort, count), providers=[CPU])

    if device == "cpu":
        return on_cpu(), False
    tried = candidates(device)
    obstacles: dict[str, str] = {}
    trials = []
    for provider in tried:
        if not provider.is_possible:
            raise MatshotError(f"The GPU cannot be used: {gpu_obstacle()}") if provider.trusted else missing(provider)
        trial = _Trial(ort, card, provider, count)
        try:
            known = trial.measurement(on_cpu)
        except _NotStarted as error:
            obstacles[provider.name] = str(error)
            continue
        if known.problem and not (known.state == "unknown" and provider.trusted):
            _warn_once(f"{known.problem} The CPU runs it.")
        elif device != "auto" or known.is_faster or known.state == "unknown":
            trials.append((known, trial))
    session, half = None, False
    for known, trial in sorted(trials, key=lambda one: one[0].seconds):
        try:
            session, half = trial.session(), trial.half
        except _NotStarted as error:
            obstacles[trial.provider.name] = str(error)
            continue
        if known.state == "right" and not known.is_faster:
            times = known.seconds / known.cpu_seconds
            _warn_once(
                f"{known.provider} takes {times:.3g} times as long as the CPU for the network {known.network}; "
                "--device auto takes the faster one."
            )
        break
    if device != "auto" and len(obstacles) == len(tried):
        raise _unusable(device, tried, obstacles)
    if device == "auto" and nvidia_gpus() and ("cuda" in obstacles or "cuda" not in {one.name for one in tried}):
        _warn_once(f"Running {'on the CPU' if session is None else 'without CUDA'}. {gpu_obstacle()}")
    return (on_cpu(), False) if session is None else (session, half)


class _Trial:
    """A network on a provider: what is known of it, and its session, which is opened once.

    Attributes:
        provider: to run on.
        half: whether the network's twin in half precision is taken.

    Args:
        ort: the module.
        card: of the network.
        provider: to run on.
        threads: of the CPU.
    """

    def __init__(self, ort: Any, card: Card, provider: Provider, threads: int) -> None:
        self.provider, self.half = provider, provider.half and bool(card.half_file)
        self._ort, self._card, self._threads = ort, card, threads
        self._session: Any = None

    def measurement(self, on_cpu: Callable[[], Any]) -> Measurement:
        """What is known of the network; measured if it is not known yet.

        Raises:
            _NotStarted: when the provider does not work at all.
        """
        facts = self._card, self.provider, self._threads, self._ort.__version__
        try:
            return measurement(*facts, on_cpu, self._open)
        except (MatshotError, _NotStarted):
            raise
        except Exception as error:
            _log.debug("%s, %s: %s", self.provider.title, self._card.name, error)
            if not _works(self.provider, self._threads):
                raise _NotStarted(str(error)) from error
            if _is_lack_of_memory(error):
                return Measurement(self.provider.title, self._card.name, "failed")
            return keep_failure(*facts)

    def session(self) -> Any:
        """The session.

        Raises:
            _NotStarted: when it cannot be opened although it once could.
        """
        try:
            return self._open()
        except (MatshotError, _NotStarted):
            raise
        except Exception as error:
            raise _NotStarted(str(error)) from error

    def _open(self, profile: str = "") -> Any:
        if self._session is None:
            self._session = _open(self._ort, self._card, self.provider, self._threads, profile)
        return self._session


@cache
def _works(provider: Provider, threads: int) -> bool:
    """Whether a provider that failed on a network opens another one, so that the network is to blame."""
    try:
        _open(onnxruntime(), Registry(SHIPPED)[_SIMPLE], provider, threads)
    except Exception as error:
        _log.debug("%s: %s", provider.title, error)
        return False
    return True


def _unusable(device: str, tried: Sequence[Provider], obstacles: Mapping[str, str]) -> MatshotError:
    """The error when nothing works of what was wanted."""
    if device in ("gpu", "cuda") and (not tried or nvidia_gpus()):
        return MatshotError(f"The GPU cannot be used: {gpu_obstacle()}", "; ".join(obstacles.values()))
    names = " and ".join(one.title for one in tried)
    return MatshotError(
        f"{names} cannot be used: ONNX Runtime has it, but it does not start on this machine. Use --device auto.",
        "; ".join(obstacles.values()),
    )


def _options(ort: Any, threads: int) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL
    options.intra_op_num_threads = threads
    options.enable_mem_pattern = False  # shapes differ from tile to tile, and every pattern would be kept
    return options


def _open(ort: Any, card: Card, provider: Provider, threads: int, profile: str = "") -> Any:
    """A session that really starts a provider, by the first of its options that works.

    Args:
        ort: the module.
        card: of the network.
        provider: to run on.
        threads: of the CPU.
        profile: beginning of the path of a profile; empty for none.

    Raises:
        Exception: whatever keeps it from that.
    """
    choices = provider.options(threads)
    for settings in choices:
        try:
            return _open_with(ort, card, provider, threads, settings, profile)
        except MatshotError:
            raise
        except Exception as error:
            if settings is choices[-1]:
                raise
            _log.debug("%s with %s: %s", provider.title, settings, error)
    raise AssertionError("a provider has options")


def _open_with(
    ort: Any, card: Card, provider: Provider, threads: int, settings: Mapping[str, str], profile: str
) -> Any:
    options, path = _options(ort, threads), str(card.path(provider.half and bool(card.half_file)))
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, profile
    devices = provider.devices()
    if devices:
        options.add_provider_for_devices(devices[:1], {})
        session = ort.InferenceSession(path, options)
    else:
        if provider.needs_nvidia:
            # Libraries from NVIDIA's wheels are not on the loader's path; the call prints which ones are missing.
            with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
                ort.preload_dlls(directory="")
        session = ort.InferenceSession(path, options, providers=[(provider.execution, dict(settings)), CPU])
    if session.get_providers()[0] != provider.execution:
        raise _NotStarted(f"{provider.execution} does not start")
    return session


def gpu_obstacle() -> str:
    """One sentence: why an NVIDIA GPU is not used, and the command that fixes it, if there is one."""
    ort = onnxruntime()
    if not nvidia_gpus():
        return "No NVIDIA GPU was found (or its driver is not installed)."
    if CUDA not in ort.get_available_providers():
        return (
            f"{nvidia_gpus()[0]} was found, but the installed ONNX Runtime is built for the CPU only; run: "
            "pip uninstall -y onnxruntime && pip install --force-reinstall onnxruntime-gpu"
        )
    return f"{nvidia_gpus()[0]} was found, but NVIDIA's CUDA libraries cannot be loaded; run: {INSTALL_CUDA}"


@cache
def _warn_once(sentence: str) -> None:
    _log.warning(sentence)
