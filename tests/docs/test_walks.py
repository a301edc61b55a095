"""A newcomer's walk through CONTRIBUTING: its steps are done as they are written, on a copy of the sources."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import matshot
from matshot.material.folder import save_material
from matshot.shading.procedural import brick_material

ROOT = Path(__file__).resolve().parents[2]

#: Most lines that a new tool takes, with both of its entries.
MOST_LINES = 40

TABLE, MODULE, REGISTRY = (
    "core/matshot_host/tools.py",
    "core/matshot/tools/invert.py",
    "core/matshot/tools/registry.py",
)


@pytest.fixture(scope="module")
def steps() -> dict[str, str]:
    """Code of CONTRIBUTING by the file that it belongs in."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.findall(r'^ *```python title="([^"]+)"\n(.*?)^ *```', page, re.DOTALL | re.MULTILINE)
    return {name: textwrap.dedent(code) for name, code in found}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, steps: dict[str, str]) -> Path:
    """A copy of the sources after the walk."""
    copy = tmp_path_factory.mktemp("walk")
    shutil.copytree(ROOT / "core", copy / "core", ignore=shutil.ignore_patterns("__pycache__", "models", "page"))
    (copy / MODULE).write_text(steps[MODULE], encoding="utf-8")
    edit(copy / TABLE, ("\nTOOLS: ", f"\n{steps[TABLE]}\nTOOLS: "), ("CONVERT, PREVIEW)", "CONVERT, PREVIEW, INVERT)"))
    entry = f"    {steps[REGISTRY].strip()},\n"
    edit(
        copy / REGISTRY,
        ("\n)\n\n\ndef entry(", f"\n{entry})\n\n\ndef entry("),
        ("import ADJUST, CONVERT,", "import ADJUST, CONVERT, INVERT,"),
    )
    return copy


def edit(file: Path, *replacements: tuple[str, str]) -> None:
    """Replace texts that stand in a file exactly once."""
    text = file.read_text(encoding="utf-8")
    for old, new in replacements:
        assert text.count(old) == 1, f"{file.name} no longer has {old!r} once; CONTRIBUTING has to follow"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def run(sources: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(sources / "core")}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_tool_takes_few_lines(steps: dict[str, str]) -> None:
    assert set(steps) == {TABLE, MODULE, REGISTRY}
    assert sum(len(code.strip().split("\n")) for code in steps.values()) + 2 <= MOST_LINES


def test_the_command_inverts_a_map_of_a_material(sources: Path, tmp_path: Path) -> None:
    save_material(brick_material(16), tmp_path / "wall")
    run(sources, "-m", "matshot", "invert", str(tmp_path / "wall"), "-o", str(tmp_path / "out"), "--map", "height")
    height, inverted = (
        cv2.imread(str(tmp_path / name / "height.png"), cv2.IMREAD_UNCHANGED) for name in ("wall", "out")
    )
    largest = np.iinfo(height.dtype).max
    assert np.abs(largest - height.astype(int) - inverted).max() <= 1
    color = [(tmp_path / name / "basecolor.png").read_bytes() for name in ("wall", "out")]
    assert color[0] == color[1]


def test_the_entry_is_the_only_check(sources: Path, tmp_path: Path) -> None:
    assert "Map to invert." in run(sources, "-m", "matshot", "invert", "--help")
    code = """
        from matshot.service.schema import REQUEST, add_tool_schemas, tool_schema
        from matshot_host.tools import MatshotError, tool
        assert "map" in str(tool_schema(tool("invert")))
        description = {"components": {"schemas": {"Handling": {"properties": {}}}}}
        add_tool_schemas(description)
        assert "invert" in description["components"]["schemas"][REQUEST]["discriminator"]["mapping"]
        try:
            tool("invert").check({"map": "roughnes"})
        except MatshotError as error:
            print(error)
    """
    assert run(sources, "-c", textwrap.dedent(code)).startswith("Unknown map 'roughnes'. Choose from: roughness, ")


def test_the_worker_has_the_tool(sources: Path, tmp_path: Path) -> None:
    save_material(brick_material(16), tmp_path / "wall")
    job = {"tool": "invert", "inputs": [str(tmp_path / "wall")], "folder": str(tmp_path / "job")}
    requests = [("run", {**job, "parameters": {"map": "height"}}), ("run", {**job, "parameters": {"map": "roughnes"}})]
    lines = [
        json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": parameters})
        for number, (method, parameters) in enumerate(requests)
    ]
    environment = {**os.environ, "PYTHONPATH": str(sources / "core")}
    command = [sys.executable, "-m", "matshot.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write("\n".join(lines) + "\n")
        worker.stdin.flush()
        answers: dict[int, Any] = {}
        while len(answers) < len(lines):
            message = json.loads(worker.stdout.readline())
            answers |= {message["id"]: message} if "id" in message else {}
        worker.stdin.close()
    (written,) = answers[0]["result"]["results"]
    assert (written["kind"], Path(written["path"]).joinpath("height.png").is_file()) == ("material", True)
    assert answers[1]["error"]["message"].startswith("Unknown map 'roughnes'. Choose from: roughness, ")


def test_batches_have_the_tool(sources: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    save_material(brick_material(16), tmp_path / "library" / "wall")
    words = ("batch", str(tmp_path / "library"), str(tmp_path / "out"), "--tool", "invert", "--set", "map=height")
    output = run(sources, "-m", "matshot", *words, "--workers", "1", "--json")
    assert json.loads(output.splitlines()[-1])["done"] == 1
    assert (tmp_path / "out" / "wall" / "height.png").is_file()


def test_a_network_is_a_file_and_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One ONNX file and one card in ``$MATSHOT_MODELS``, which upscale then prefers to the shipped network."""
    onnx = pytest.importorskip("onnx")
    kernel = np.zeros((3, 3, 2, 2), np.float32)
    kernel[range(3), range(3)] = -1  # twice as large, and negative, so that nothing else can have made it
    node = onnx.helper.make_node("ConvTranspose", ["x", "kernel", "one"], ["y"], strides=[2, 2])
    planes = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, "h", "w"])
    larger = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 3, "h2", "w2"])
    weights = [
        onnx.numpy_helper.from_array(kernel, "kernel"),
        onnx.numpy_helper.from_array(np.ones(3, np.float32), "one"),
    ]
    graph = onnx.helper.make_graph([node], "negative", [planes], [larger], weights)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    file = tmp_path / "negative_x2.onnx"
    file.write_bytes(model.SerializeToString())
    card = f"""
        name = "negative_x2"
        summary = "negatives of color textures, x2"
        task = "upscale"
        method = "network"
        look = "fidelity"
        scale = 2
        encoding = "srgb"
        planes = 3
        receptive_field = 0
        grid = 1
        bytes_per_pixel = 200
        license = "CC0-1.0"
        file = "{file.name}"
        sha256 = "{hashlib.sha256(file.read_bytes()).hexdigest()}"
        opset = 17
    """
    (tmp_path / "negative_x2.toml").write_text(textwrap.dedent(card), encoding="utf-8")
    monkeypatch.setenv("MATSHOT_MODELS", str(tmp_path))
    color = brick_material(16).maps["basecolor"]
    negative = matshot.upscale(color, scale=2)
    np.testing.assert_allclose(negative.pixels, 1 - color.pixels.repeat(2, axis=0).repeat(2, axis=1), atol=1e-5)
