"""Which device runs a network: found by a measurement, with execution providers that play every part."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from matshot.errors import MatshotError
from matshot.hosts import doctor
from matshot.inference import measuring, providers, session
from matshot.inference.cards import Card
from matshot.inference.providers import CPU, CUDA, PROVIDERS
from matshot.inference.session import Network
from matshot_host.location import cache_folder
from matshot_host.tools import DEVICE, GPU_DEVICES, PROVIDER_NAMES

OPENVINO, COREML, WEBGPU = "OpenVINOExecutionProvider", "CoreMLExecutionProvider", "WebGpuExecutionProvider"


class Input(NamedTuple):
    name: str
    shape: list[Any]
    type: str


class Part(NamedTuple):
    """How a provider behaves: seconds of a run, what it multiplies results with, and what else it does."""

    seconds: float = 0.0
    factor: float = 1.0
    starts: bool = True
    used: bool = True
    fails: tuple[str, ...] = ()
    device_types: tuple[str, ...] = ()


class Runtime:
    """ONNX Runtime with providers of any behavior; the network returns twice its input."""

    __version__ = "9.9"

    def __init__(self, **parts: Part) -> None:
        self.parts = {CPU: Part(), **parts}
        self.opened: list[str] = []
        self.runs = 0
        self.shape: list[Any] = ["n", 3, "height", "width"]
        self.refused = False

    def get_available_providers(self) -> list[str]:
        return [*(name for name in self.parts if name != CPU), CPU]

    def get_ep_devices(self) -> list[Any]:
        return []

    def preload_dlls(self, directory: str) -> None:
        """Nothing to load."""

    class SessionOptions:
        enable_profiling = False
        profile_file_prefix = ""

    def InferenceSession(self, path: str, options: Any, providers: list[Any]) -> Session:
        first = providers[0]
        name, settings = first if isinstance(first, tuple) else (first, {})
        part = self.parts[name]
        self.opened.append(name)
        if Path(path).stem in part.fails:
            raise RuntimeError("this network cannot be compiled")
        wanted = settings.get("device_type", "")
        started = part.starts and (not part.device_types or wanted in part.device_types)
        return Session(self, name if started else CPU, options)


class Session:
    def __init__(self, runtime: Runtime, name: str, options: Any) -> None:
        self.runtime, self.name, self.options = runtime, name, options
        self.part = runtime.parts[name]

    def get_providers(self) -> list[str]:
        return list(dict.fromkeys([self.name, CPU]))

    def get_inputs(self) -> list[Input]:
        return [Input("x", self.runtime.shape, "tensor(float)")]

    def run(self, names: None, inputs: dict[str, Any]) -> list[Any]:
        if self.runtime.refused and self.name == CPU:
            raise RuntimeError("shapes do not fit")
        self.runtime.runs += 1
        time.sleep(self.part.seconds)
        return [inputs["x"] * 2 * self.part.factor]

    def end_profiling(self) -> str:
        file = Path(f"{self.options.profile_file_prefix}.json")
        name = self.name if self.part.used else CPU
        file.write_text(json.dumps([{"cat": "Session"}, {"cat": "Node", "args": {"provider": name}}]))
        return str(file)


FAST, SLOW = Part(0.0), Part(0.02)


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return a_card(tmp_path, "net")


def a_card(folder: Path, name: str) -> Card:
    (folder / f"{name}.onnx").write_bytes(name.encode())
    checksum = hashlib.sha256(name.encode()).hexdigest()
    return Card(
        name=name,
        summary="",
        task="upscale",
        method="network",
        scale=1,
        encoding="srgb",
        planes=3,
        receptive_field=1,
        grid=1,
        bytes_per_pixel=1,
        license="CC0-1.0",
        file=f"{name}.onnx",
        sha256=checksum,
        opset=17,
        folder=folder,
    )


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Puts a runtime, and GPUs, into this machine, where nothing was measured yet."""
    monkeypatch.setenv("MATSHOT_HOME", str(tmp_path / "home"))

    def put(runtime: Runtime, gpus: tuple[str, ...] = ()) -> Runtime:
        for cached in (providers._built_in, providers._register, session._warn_once, session._works):
            cached.cache_clear()
        measuring._kept.clear()
        measuring._machine.cache_clear()
        monkeypatch.setattr(providers, "_runtime", lambda: runtime)
        monkeypatch.setattr(session, "onnxruntime", lambda: runtime)
        for module in (providers, measuring, session):
            monkeypatch.setattr(module, "nvidia_gpus", lambda: gpus)
        return runtime

    yield put
    for cached in (providers._built_in, providers._register, session._warn_once, session._works, measuring._machine):
        cached.cache_clear()
    measuring._kept.clear()


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "home" / "cache" / "devices").glob("*.json"))


def test_the_table_and_the_providers_have_the_same_names() -> None:
    assert {one.name for one in PROVIDERS} == set(PROVIDER_NAMES)
    assert DEVICE.choices == ("auto", "cpu", "gpu", *PROVIDER_NAMES)
    assert {one.name for one in PROVIDERS if one.gpu} == set(GPU_DEVICES) - {"gpu"}
    for name in DEVICE.choices:
        assert DEVICE.choice_help(name) != DEVICE.help.rstrip("."), name


def test_a_machine_with_a_cpu_measures_nothing(card: Card, machine: Any, tmp_path: Path) -> None:
    runtime = machine(Runtime())
    assert Network(card).provider == CPU
    assert runtime.runs == 0
    assert not kept(tmp_path)


@pytest.mark.parametrize(("part", "chosen"), [(FAST, OPENVINO), (SLOW, CPU)])
def test_auto_takes_the_faster_one_and_measures_once(
    card: Card, machine: Any, tmp_path: Path, part: Part, chosen: str
) -> None:
    runtime = machine(Runtime(**{CPU: Part(0.005), OPENVINO: part}))
    assert Network(card).provider == chosen
    runs = runtime.runs
    assert runs > 2
    assert len(kept(tmp_path)) == 1
    # Another process finds it on the disk.
    measuring._kept.clear()
    assert Network(card).provider == chosen
    assert runtime.runs == runs
    # Another ONNX Runtime, another network and another number of threads are measured anew.
    runtime.__version__ = "10.0"
    Network(card)
    Network(a_card(tmp_path, "other"))
    Network(card, threads=7)
    assert len(kept(tmp_path)) == 4


def test_the_fastest_of_several_is_taken(card: Card, machine: Any) -> None:
    runtime = machine(Runtime(**{CPU: SLOW, OPENVINO: Part(0.008), COREML: FAST, WEBGPU: Part(0.012)}))
    assert Network(card).provider == COREML
    assert Network(card, "gpu").provider == WEBGPU
    runtime.opened.clear()
    assert Network(card).provider == COREML
    assert runtime.opened == [COREML]


def test_what_is_chosen_by_name_runs_and_says_that_it_is_slower(
    card: Card, machine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    machine(Runtime(**{CPU: Part(0.005), OPENVINO: SLOW}))
    assert Network(card, "openvino").provider == OPENVINO
    assert "times as long as the CPU for the network net; --device auto takes the faster one." in caplog.text
    caplog.clear()
    assert Network(card).provider == CPU
    assert not caplog.text


@pytest.mark.parametrize("factor", [1.1, float("nan"), 0.0])
@pytest.mark.parametrize("device", ["auto", "webgpu", "gpu"])
def test_a_network_that_runs_wrongly_runs_on_the_cpu(
    card: Card, machine: Any, caplog: pytest.LogCaptureFixture, factor: float, device: Any
) -> None:
    machine(Runtime(**{CPU: SLOW, WEBGPU: Part(factor=factor)}))
    assert Network(card, device).provider == CPU
    assert "WebGPU runs the network net wrongly: " in caplog.text
    assert "The CPU runs it." in caplog.text
    # It is known from now on, and said in every process.
    session._warn_once.cache_clear()
    caplog.clear()
    assert Network(card, device).provider == CPU
    assert "wrongly" in caplog.text


def test_half_precision_is_right_enough(card: Card, machine: Any) -> None:
    machine(Runtime(**{CPU: SLOW, WEBGPU: Part(factor=1.002)}))
    assert Network(card).provider == WEBGPU


def test_a_provider_that_leaves_all_to_the_cpu_is_not_believed(
    card: Card, machine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    machine(Runtime(**{CPU: SLOW, OPENVINO: Part(used=False)}))
    assert Network(card, "openvino").provider == CPU
    assert "OpenVINO takes no part in the network net. The CPU runs it." in caplog.text


def test_options_that_do_not_start_are_followed_by_others(card: Card, machine: Any) -> None:
    machine(Runtime(**{CPU: SLOW, OPENVINO: Part(device_types=("CPU",))}))
    assert Network(card, "openvino").provider == OPENVINO


def test_a_network_that_cannot_be_loaded_runs_on_the_cpu_where_others_can(
    card: Card, machine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = machine(Runtime(**{CPU: SLOW, OPENVINO: Part(fails=("net",))}))
    assert Network(card, "openvino").provider == CPU
    assert "OpenVINO cannot run the network net. The CPU runs it." in caplog.text
    runtime.opened.clear()
    assert Network(card).provider == CPU
    assert OPENVINO not in runtime.opened


def test_what_does_not_start_is_an_error_by_name_and_nothing_for_auto(
    card: Card, machine: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    machine(Runtime(**{WEBGPU: Part(starts=False), OPENVINO: Part(fails=("net", "data_x4"))}))
    for name in ("webgpu", "openvino"):
        with pytest.raises(
            MatshotError, match=r"cannot be used: .*does not start on this machine\. Use --device auto\."
        ):
            Network(card, name)
    with pytest.raises(MatshotError, match="WebGPU cannot be used"):
        Network(card, "gpu")
    assert Network(card).provider == CPU
    assert not kept(tmp_path)


def test_what_is_not_installed_says_what_to_install(card: Card, machine: Any) -> None:
    machine(Runtime())
    for name in ("coreml", "openvino", "webgpu", "directml", "tensorrt"):
        with pytest.raises(MatshotError, match=r"the installed ONNX Runtime does not have it\. Install onnxruntime"):
            Network(card, name)
    for name in ("cuda", "gpu"):
        with pytest.raises(MatshotError, match=r"The GPU cannot be used: No NVIDIA GPU was found"):
            Network(card, name)
    with pytest.raises(MatshotError, match=r"Unknown device 'tpu'\. Choose from: auto, cpu, gpu, cuda"):
        Network(card, "tpu")


def test_cuda_as_before(card: Card, machine: Any, caplog: pytest.LogCaptureFixture) -> None:
    runtime = machine(Runtime(**{CPU: SLOW, CUDA: FAST}))
    assert Network(card).provider == CPU  # a package with CUDA, and no GPU
    assert CUDA not in runtime.opened
    runtime = machine(Runtime(**{CPU: SLOW, CUDA: FAST, "TensorrtExecutionProvider": FAST}), ("H",))
    assert Network(card).provider == CUDA
    assert Network(card, "gpu").provider == CUDA
    assert "TensorrtExecutionProvider" not in runtime.opened
    assert Network(card, "tensorrt").provider == "TensorrtExecutionProvider"
    assert not caplog.text
    machine(Runtime(**{CPU: FAST, CUDA: Part(starts=False)}), ("H",))
    measuring.forget()
    assert Network(card).provider == CPU
    assert "Running on the CPU. H was found, but NVIDIA's CUDA libraries cannot be loaded" in caplog.text
    with pytest.raises(MatshotError, match="The GPU cannot be used: H was found, but"):
        Network(card, "cuda")


def test_a_network_that_takes_no_generated_input_runs_where_it_always_did(
    card: Card, machine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = machine(Runtime(**{CPU: SLOW, CUDA: FAST, OPENVINO: FAST}), ("H",))
    runtime.refused = True
    assert Network(card).provider == CUDA
    assert Network(card, "openvino").provider == CPU
    assert "Whether OpenVINO runs the network net rightly cannot be found out. The CPU runs it." in caplog.text


def test_a_provider_that_ended_the_process_is_not_tried_again(
    card: Card, machine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = machine(Runtime(**{CPU: SLOW, OPENVINO: FAST}))

    def ended(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(measuring, "_measured", ended)
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(SystemExit):
            Network(card)
    (file,) = kept(tmp_path)
    # Right afterwards it may still be running in another process.
    runtime.opened.clear()
    values = json.loads(file.read_text())
    file.write_text(json.dumps({**values, "when": time.time() - 1000}))
    assert Network(card, "openvino").provider == CPU
    assert OPENVINO not in runtime.opened
    assert "OpenVINO ended Matshot when it first ran the network net. The CPU runs it." in caplog.text
    measuring.forget()
    assert Network(card, "openvino").provider == OPENVINO


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"state": "right"}', '{"provider": "x", "network": "y", "state": "z"}']
)
def test_damaged_measurements_are_made_again(card: Card, machine: Any, tmp_path: Path, text: str) -> None:
    machine(Runtime(**{CPU: SLOW, OPENVINO: FAST}))
    Network(card)
    (file,) = kept(tmp_path)
    file.write_text(text)
    measuring._kept.clear()
    assert Network(card).provider == OPENVINO
    assert json.loads(file.read_text())["state"] == "right"


def test_a_folder_that_cannot_be_written_is_said(
    card: Card, machine: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    measuring._say_unkept.cache_clear()
    runtime = machine(Runtime(**{CPU: SLOW, OPENVINO: FAST}))
    (tmp_path / "home").write_text("a file")
    assert Network(card).provider == OPENVINO
    assert "is measured in every run" in caplog.text
    runs = runtime.runs
    Network(card)
    assert runtime.runs == runs


def test_packages_of_their_own_are_registered(
    card: Card, machine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "onnxruntime_ep_openvino.py").write_text(
        f"def get_ep_name(): return {OPENVINO!r}\ndef get_library_path(): return 'plugin.so'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    runtime = machine(Runtime(**{CPU: SLOW}))
    registered = []

    class Options(Runtime.SessionOptions):
        def add_provider_for_devices(self, devices: list[Any], settings: dict[str, str]) -> None:
            self.devices = devices

    class Device(NamedTuple):
        ep_name: str = OPENVINO

    original = runtime.InferenceSession
    runtime.register_execution_provider_library = lambda *what: registered.append(what)
    runtime.get_ep_devices = lambda: [Device()]
    runtime.SessionOptions = Options
    runtime.parts[OPENVINO] = FAST
    runtime.get_available_providers = lambda: [CPU]
    runtime.InferenceSession = lambda path, options, providers=None: original(path, options, providers or [OPENVINO])
    assert Network(card).provider == OPENVINO
    assert registered == [(OPENVINO, "plugin.so")]


def test_the_doctor_says_what_was_measured(card: Card, machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(Runtime(**{CPU: Part(0.005), OPENVINO: FAST, WEBGPU: Part(factor=2), CUDA: FAST}))
    found = {one.subject: one for one in doctor._devices()}
    assert found["device openvino"].state == "nothing measured yet"
    assert "--devices" in found["device openvino"].fix
    assert found["device cuda"].state == "installed, but no NVIDIA GPU was found"
    monkeypatch.setattr(doctor, "installed_models", lambda: [card])
    doctor._measure_all()
    found = {one.subject: one for one in doctor._devices()}
    assert found["device openvino"].state.startswith("1 of 1 networks are faster than on the CPU (")
    assert not found["device webgpu"].ok
    assert "0 of 1 networks are faster" in found["device webgpu"].state
    assert "WebGPU runs the network net wrongly" in found["device webgpu"].state
    assert not any(one.required for one in found.values())


def test_every_shipped_network_takes_the_generated_input() -> None:
    from matshot.inference.cards import SHIPPED, Registry

    for one in Registry(SHIPPED):
        real = Network(one, "cpu", 1)._session
        results = real.run(None, measuring.generated_inputs(real))
        assert measuring.difference(results, results) == 0.0, one.name


@pytest.mark.parametrize("name", sorted(set(PROVIDER_NAMES) - {"tensorrt"}))
def test_a_provider_of_this_machine_is_right_or_is_not_used(
    name: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With a real provider, where one is installed and works."""
    from matshot.inference.cards import SHIPPED, Registry

    if not providers.provider(name).is_possible:
        pytest.skip(f"{name} is not installed here, or has no device")
    monkeypatch.setenv("MATSHOT_HOME", str(tmp_path))
    cards = Registry(SHIPPED)
    for one in (cards["data_x4"], cards["texture_patches"]):
        network = Network(one, name, 1)
        truth = Network(one, "cpu", 1)._session
        inputs = measuring.generated_inputs(truth)
        kinds = {each.name: np.float16 if network.half else np.float32 for each in network._session.get_inputs()}
        given = {key: value.astype(kinds[key]) for key, value in inputs.items()}
        assert measuring.difference(network._session.run(None, given), truth.run(None, inputs)) < measuring.TOLERANCE
        assert network.provider != CPU or "The CPU runs it." in caplog.text


def test_the_folder_of_what_can_be_made_again(tmp_path: Path) -> None:
    assert cache_folder("linux", {"HOME": "/h"}) == os.path.join("/h", ".cache", "matshot")
    assert cache_folder("linux", {"HOME": "/h", "XDG_CACHE_HOME": "/c"}) == os.path.join("/c", "matshot")
    assert cache_folder("darwin", {"HOME": "/h"}) == os.path.join("/h", "Library", "Caches", "Matshot")
    local = cache_folder("win32", {"USERPROFILE": "u", "LOCALAPPDATA": "l"})
    assert local == os.path.join("l", "Matshot", "Cache")
    assert cache_folder("linux", {"MATSHOT_HOME": "m"}) == os.path.join("m", "cache")
