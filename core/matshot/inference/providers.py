"""Execution providers of ONNX Runtime beside the CPU: which are installed, and what each is called.

A provider is part of the installed ONNX Runtime, or a package of its own that is registered with it
(``onnxruntime-ep-openvino``). Neither says whether it works here; :mod:`.measuring` finds out.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from matshot_host.location import cache_folder

from ..errors import MatshotError, unknown_choice
from .gpu import nvidia_gpus

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

_log = logging.getLogger("matshot")


#: Options of sessions, for a number of threads: alternatives, of which the first that works counts.
_Options = Callable[[int], Sequence[Mapping[str, str]]]


def _no_options(threads: int) -> Sequence[Mapping[str, str]]:
    return [{}]


def _cuda_options(threads: int) -> Sequence[Mapping[str, str]]:
    # Growing by the requested size, not by doubling, leaves the rest of the GPU to the host application.
    return [{"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "HEURISTIC"}]


def _tensorrt_options(threads: int) -> Sequence[Mapping[str, str]]:
    """TensorRT builds an engine for minutes, and keeps it."""
    return [{"trt_engine_cache_enable": "1", "trt_engine_cache_path": cache_folder(), "trt_fp16_enable": "1"}]


def _coreml_options(threads: int) -> Sequence[Mapping[str, str]]:
    return [{"ModelFormat": "MLProgram", "MLComputeUnits": "ALL"}]


def _openvino_options(threads: int) -> Sequence[Mapping[str, str]]:
    # Its own choice, AUTO, takes no part in any network on a machine without a GPU.
    return [{"device_type": "GPU"}, {"device_type": "CPU", "num_of_threads": str(threads)}]


@dataclass(frozen=True)
class Provider:
    """One execution provider.

    Attributes:
        name: choice of ``--device``.
        title: its name.
        execution: ONNX Runtime's name for it.
        package: to install it from.
        gpu: whether it runs on a GPU only.
        half: whether it takes the twin of a network that computes in half precision.
        automatic: whether ``auto`` tries it.
        trusted: whether it may run networks that cannot be compared with the CPU.
        module: of its package where that is registered with ONNX Runtime; empty for none.
        options: for sessions.
    """

    name: str
    title: str
    execution: str
    package: str
    gpu: bool = True
    half: bool = False
    automatic: bool = True
    trusted: bool = False
    module: str = ""
    options: _Options = _no_options

    @property
    def is_registered(self) -> bool:
        """Whether ONNX Runtime has it, be it built in or in a package of its own."""
        return self.execution in _built_in() or bool(self.devices())

    @property
    def is_possible(self) -> bool:
        """Whether it is installed, and nothing is known that keeps it from working."""
        return self.is_registered and (not self.needs_nvidia or bool(nvidia_gpus()))

    @property
    def needs_nvidia(self) -> bool:
        """Whether it runs on NVIDIA's GPUs only."""
        return self.name in ("cuda", "tensorrt", "tensorrt_rtx")

    def devices(self) -> list[Any]:
        """Its devices, where its package is registered with ONNX Runtime."""
        if not self.module or not _register(self.module):
            return []
        return [one for one in _runtime().get_ep_devices() if one.ep_name == self.execution]


#: All that Matshot knows, in the order in which equals are preferred.
PROVIDERS: tuple[Provider, ...] = (
    Provider(
        *("tensorrt_rtx", "TensorRT-RTX", "NvTensorRTRTXExecutionProvider", "onnxruntime-trt-rtx"),
        half=True,
        module="onnxruntime_ep_nv_tensorrt_rtx",
    ),
    Provider(
        *("cuda", "CUDA", CUDA, "onnxruntime-gpu"),
        half=True,
        trusted=True,
        options=_cuda_options,
    ),
    # Builds an engine for every size of tile, for minutes, so it runs where it is wanted by name.
    Provider(
        *("tensorrt", "TensorRT", "TensorrtExecutionProvider", "onnxruntime-gpu"),
        automatic=False,
        options=_tensorrt_options,
    ),
    Provider(*("directml", "DirectML", "DmlExecutionProvider", "onnxruntime-directml"), half=True),
    Provider(
        *("coreml", "CoreML", "CoreMLExecutionProvider", "onnxruntime"),
        gpu=False,
        options=_coreml_options,
    ),
    Provider(
        *("openvino", "OpenVINO", "OpenVINOExecutionProvider", "onnxruntime-openvino"),
        gpu=False,
        module="onnxruntime_ep_openvino",
        options=_openvino_options,
    ),
    Provider(
        *("webgpu", "WebGPU", "WebGpuExecutionProvider", "onnxruntime-webgpu"),
        module="onnxruntime_ep_webgpu",
    ),
)


def provider(name: str) -> Provider:
    """The provider of that name.

    Raises:
        MatshotError: for an unknown one.
    """
    for one in PROVIDERS:
        if one.name == name:
            return one
    raise unknown_choice("device", name, [one.name for one in PROVIDERS])


def candidates(device: str) -> list[Provider]:
    """The providers that a choice of ``--device`` allows and that may work here; those of a name in any case.

    Args:
        device: ``auto``, ``gpu``, or the name of one.
    """
    if device == "auto":
        return [one for one in PROVIDERS if one.automatic and one.is_possible]
    if device == "gpu":
        return [one for one in PROVIDERS if one.gpu and one.automatic and one.is_possible]
    return [provider(device)]


def _runtime() -> Any:
    import onnxruntime

    return onnxruntime


@cache
def _built_in() -> tuple[str, ...]:
    return tuple(_runtime().get_available_providers())


@cache
def _register(module: str) -> bool:
    """Register a package with ONNX Runtime, once; whether that was possible."""
    if importlib.util.find_spec(module) is None:
        return False
    try:
        package = importlib.import_module(module)
        _runtime().register_execution_provider_library(package.get_ep_name(), package.get_library_path())
    except Exception as error:
        _log.warning("%s cannot be registered with ONNX Runtime: %s", module, str(error).splitlines()[0])
        return False
    return True


def missing(one: Provider) -> MatshotError:
    """The error for a provider that was chosen by name and is not installed."""
    if one.is_registered:
        return MatshotError(f"{one.title} cannot be used: no NVIDIA GPU was found (or its driver is not installed).")
    return MatshotError(
        f"{one.title} cannot be used: the installed ONNX Runtime does not have it. Install {one.package} in place of "
        "other ONNX Runtime packages, or use --device auto."
    )
