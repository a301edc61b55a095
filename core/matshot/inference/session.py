"""ONNX Runtime sessions: which device really runs, how many threads, which precision.

``get_available_providers`` lists what the package was built with, so it names CUDA on machines without any GPU. Only a
session's own ``get_providers`` tells what runs; everything here that speaks of a device has read it there.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import threading
from functools import cache, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from matshot_host.tools import DEVICE

from ..errors import MatshotError
from .cards import Card
from .gpu import nvidia_gpus

Device = Literal["auto", "cpu", "cuda"]

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
#: The command that installs NVIDIA's libraries.
INSTALL_CUDA = "pip install 'matshot[cuda]'"

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


class OutOfDeviceMemory(Exception):
    """A run needed more memory than the device had; a smaller tile may fit."""


class Network:
    """A session of one model.

    Calling it takes and gives ``float32`` arrays, ``N x planes x H x W`` to ``N x outputs x scale H x scale W``, or to
    whatever shape its card speaks of.

    Args:
        card: of the model.
        device: ``auto`` is CUDA where it works, else the CPU.
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
            message = str(error)
            if isinstance(error, MemoryError) or any(sign in message.lower() for sign in _OUT_OF_MEMORY):
                raise OutOfDeviceMemory(message) from error
            raise MatshotError(f"Running the model {self.card.name} failed.", message) from error
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


def _session(card: Card, device: Device, threads: int) -> tuple[Any, bool]:
    DEVICE.check(device)
    ort = onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL
    options.intra_op_num_threads = threads or usable_threads()
    options.enable_mem_pattern = False  # shapes differ from tile to tile, and every pattern would be kept
    if device != "cpu" and (nvidia_gpus() or device == "cuda"):
        half = bool(card.half_file)
        session = _cuda_session(ort, card, options, half)
        if session is not None:
            return session, half
        reason = gpu_obstacle()
        if device == "cuda":
            raise MatshotError(f"The GPU cannot be used: {reason}")
        _warn_once(f"Running on the CPU. {reason}")
    return ort.InferenceSession(str(card.path()), options, providers=[CPU]), False


def _cuda_session(ort: Any, card: Card, options: Any, half: bool) -> Any:
    if CUDA not in ort.get_available_providers():
        return None
    # Libraries from NVIDIA's wheels are not on the loader's path; the call prints which ones are missing.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
        ort.preload_dlls(directory="")
    # Growing by the requested size, not by doubling, leaves the rest of the GPU to the host application.
    settings = {"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "HEURISTIC"}
    try:
        session = ort.InferenceSession(str(card.path(half)), options, providers=[(CUDA, settings), CPU])
    except MatshotError:
        raise
    except Exception as error:
        _log.debug("CUDA session: %s", error)
        return None
    return session if session.get_providers()[0] == CUDA else None


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
