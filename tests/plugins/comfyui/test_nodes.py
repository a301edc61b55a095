"""The nodes in a stand-in for ComfyUI, with a real worker where pixels count."""

from __future__ import annotations

import gc
import importlib.util
import inspect
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matshot.image.reader import read_texture
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.material.folder import load_material, save_material
from matshot.shading.procedural import brick_material
from matshot_host.tools import CONVERT, TOOLS

ROOT = Path(__file__).resolve().parents[3]

torch = pytest.importorskip("torch", reason="ComfyUI brings torch, and so does matshot[export]")

#: Types of sockets that need no other custom nodes.
TYPES = {"IMAGE", "MASK", "STRING", "INT", "FLOAT", "BOOLEAN", "MATSHOT_MATERIAL", "IMAGE,MATSHOT_MATERIAL"}


def picture(*shape: int, seed: int = 0) -> Any:
    return torch.from_numpy(np.random.default_rng(seed).random(shape, np.float32))


def call(node: Any, **given: Any) -> Any:
    """A node's result with the defaults of its widgets, as ComfyUI calls it."""
    sockets = [pair for section in node.INPUT_TYPES().values() for pair in section.items()]
    values = {name: options["default"] for name, (_, options) in sockets if "default" in options}
    values.update(given)
    if getattr(node, "INPUT_IS_LIST", False):
        values = {name: value if isinstance(value, list) else [value] for name, value in values.items()}
    return getattr(node(), node.FUNCTION)(**values)


@pytest.fixture(scope="module")
def wall(comfy: Any) -> str:
    """Name of a material in ComfyUI's input folder."""
    save_material(brick_material(64, seed=1), comfy.folder / "input" / "wall")
    return "wall"


@pytest.fixture(scope="module")
def material(nodes: Any, wall: str) -> Any:
    return call(nodes["MatshotLoadMaterial"], folder=wall)[0]


# Conventions of ComfyUI.


def test_every_node_follows_the_conventions(package: Any, nodes: Any) -> None:
    assert set(nodes) == set(package.NODE_DISPLAY_NAME_MAPPINGS)
    for name, node in nodes.items():
        assert name.startswith("Matshot"), name
        assert callable(getattr(node, node.FUNCTION)), name
        assert node.CATEGORY == "Matshot", name
        assert len(node.RETURN_TYPES) == len(node.RETURN_NAMES) == len(node.OUTPUT_TOOLTIPS), name
        assert set(node.RETURN_TYPES) <= TYPES, name
        assert len(getattr(node, "OUTPUT_IS_LIST", node.RETURN_TYPES)) == len(node.RETURN_TYPES), name
        assert node.DESCRIPTION.endswith("."), name
        sections = node.INPUT_TYPES()
        assert set(sections) <= {"required", "optional"}, name
        sockets = [one for section in sections.values() for one in section]
        assert len(sockets) == len(set(sockets)), name
        for section in sections.values():
            for socket, (kind, options) in section.items():
                assert isinstance(kind, list) or kind in TYPES, (name, socket)
                assert options["tooltip"], (name, socket)
                if isinstance(kind, list):
                    assert options["default"] in kind, (name, socket)
                if kind in ("INT", "FLOAT"):
                    assert options["min"] <= options["default"] <= options["max"], (name, socket)
        if hasattr(node, "VALIDATE_INPUTS"):
            assert isinstance(inspect.getattr_static(node, "VALIDATE_INPUTS"), classmethod), name


def test_every_tool_is_a_node_with_every_parameter(nodes: Any) -> None:
    kinds = [node.KIND for node in nodes.values() if hasattr(node, "KIND")]
    assert {kind.tool.name for kind in kinds} == {tool.name for tool in TOOLS}
    for tool in TOOLS:
        shown = {
            one.name
            for kind in kinds
            if kind.tool is kind.tool and kind.tool.name == tool.name
            for one in kind.parameters
        }
        hidden = {one.name for one in tool.parameters} - shown
        # An image is a tensor here, and a material keeps one form until it is saved.
        assert hidden <= {"format", "depth", "colorspace"}, tool.name


def test_widgets_have_what_the_tool_table_says(nodes: Any) -> None:
    sockets = nodes["MatshotUpscale"].INPUT_TYPES()
    kind, options = sockets["required"]["scale"]
    assert (kind, options["default"]) == (["2", "4", "8"], "4")
    assert sockets["optional"]["tile"][1]["max"] == 16384
    assert sockets["optional"]["tile"][1]["advanced"]
    assert sockets["required"]["image"][0] == "IMAGE"
    assert nodes["MatshotMultiply"].INPUT_TYPES()["optional"]["target_mask"][0] == "MASK"
    assert nodes["MatshotStyle"].INPUT_TYPES()["required"]["style"][0] == "IMAGE,MATSHOT_MATERIAL"
    pair = nodes["MatshotTwoshot"].INPUT_TYPES()["required"]
    assert pair["tile_x"][1]["default"] == pair["tile_y"][1]["default"] == -1


def test_the_folder_says_what_it_is(package: Any) -> None:
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((Path(package.__file__).with_name("pyproject.toml")).read_text("utf-8"))
    core = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["version"] == core["project"]["version"]
    assert set(project["tool"]["comfy"]) == {"PublisherId", "DisplayName"}


def test_the_nodes_run_on_the_python_that_they_name() -> None:
    pytest.importorskip("vermin", reason="vermin is not installed")
    folder = str(ROOT / "plugins" / "comfyui" / "matshot")
    command = [sys.executable, "-c", "import vermin; vermin.main()", "--target=3.10-", "--no-tips", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_zip_unpacks_into_custom_nodes(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("build", ROOT / "plugins" / "comfyui" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names = zipfile.ZipFile(module.build(tmp_path)).namelist()
    files = ("__init__.py", "pyproject.toml", "LICENSE", "matshot_host/tools.py")
    assert {f"matshot/{name}" for name in files} <= set(names)


# Pixels.


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_matshot_reads_the_tensors_files_without_loss(part: Any, channels: int, tmp_path: Path) -> None:
    stored = np.rint(np.random.default_rng(1).random((5, 7, channels)) * 65535) / 65535
    part("tiff").write_tiff(str(tmp_path / "a.tif"), stored.astype(np.float32))
    texture = read_texture(tmp_path / "a.tif")
    assert texture.encoding == "srgb" or channels == 1
    np.testing.assert_allclose(texture.pixels, stored, atol=2e-6)
    np.testing.assert_allclose(part("tiff").read_tiff(str(tmp_path / "a.tif")), stored, atol=2e-6)


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_nodes_read_matshots_files_without_loss(part: Any, depth: Any, channels: int, tmp_path: Path) -> None:
    most = {"uint8": 255, "uint16": 65535}[depth]
    stored = np.rint(np.random.default_rng(1).random((70, 33, channels)) * most) / most
    write_texture(
        Texture(stored.astype(np.float32), "srgb" if channels > 2 else "data"), tmp_path / "a.tif", depth=depth
    )
    np.testing.assert_allclose(part("tiff").read_tiff(str(tmp_path / "a.tif")), stored, atol=2e-6)


def test_damaged_and_foreign_tiffs_are_one_sentence(part: Any, failure: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    write_texture(Texture(picture(9, 9, 3).numpy()), file, depth="uint16")
    whole = file.read_bytes()
    for cut in range(0, len(whole), 7):
        file.write_bytes(whole[:cut])
        with pytest.raises(failure, match=r"a.tif is damaged\."):
            part("tiff").read_tiff(str(file))
    write_texture(Texture(picture(9, 9, 3).numpy()), file, depth="float")
    with pytest.raises(failure, match="another kind than nodes read"):
        part("tiff").read_tiff(str(file))


def test_a_batch_is_upscaled_in_one_job(nodes: Any, comfy: Any) -> None:
    # Smooth, so that twice the size holds the same picture.
    rows = torch.linspace(0.2, 0.8, 12)[None, :, None, None].expand(2, 12, 8, 3).clone()
    rows[1] = 1 - rows[1]
    large, notes = call(nodes["MatshotUpscale"], image=rows, scale="2", method="bicubic", wrap="none")
    assert tuple(large.shape) == (2, 24, 16, 3)
    assert large.dtype == torch.float32
    np.testing.assert_allclose(large.numpy()[:, ::2, ::2], rows.numpy(), atol=0.03)
    assert comfy.shown[-1] == 1.0
    assert notes == ""
    assert not list((comfy.folder / "temp").glob("matshot-*"))


def test_what_is_clipped_is_said(nodes: Any) -> None:
    _, notes = call(nodes["MatshotUpscale"], image=picture(1, 8, 8, 3) * 2, scale="2", method="nearest")
    assert "Values of image1 outside 0 to 1 were clipped." in notes


def test_tools_of_one_image_run_for_each_of_a_batch(nodes: Any) -> None:
    image = picture(2, 16, 16, 3).repeat_interleave(4, 1).repeat_interleave(4, 2)
    found, _ = call(nodes["MatshotTile"], image=image, protect=torch.ones(1, 64, 64))
    assert torch.allclose(found, image, atol=1e-4)


def test_a_material_is_split_and_joined_without_loss(nodes: Any, material: Any, wall: str, comfy: Any) -> None:
    split = nodes["MatshotSplitMaterial"]
    maps = dict(zip(split.RETURN_NAMES, call(split, material=material), strict=True))
    truth = load_material(comfy.folder / "input" / wall).maps
    np.testing.assert_allclose(maps["roughness"].numpy()[0, ..., :1], truth["roughness"].pixels, atol=3e-3)
    assert "no emission map" in maps["notes"]
    given = {name: maps[name] for name in ("basecolor", "normal", "roughness", "height")}
    joined, notes = call(nodes["MatshotJoinMaterial"], **given)
    assert notes == ""
    again = dict(zip(split.RETURN_NAMES, call(split, material=joined), strict=True))
    for name, tensor in given.items():
        assert torch.allclose(again[name], tensor, atol=2e-4), name
    assert float(again["metallic"].max()) == 0.0


def test_directx_normals_become_opengl(nodes: Any) -> None:
    normal = torch.tensor([0.5, 0.7, 0.9])[None, None, None].expand(1, 8, 8, 3)
    material, _ = call(nodes["MatshotJoinMaterial"], normal=normal, convention="dx")
    split = nodes["MatshotSplitMaterial"]
    found = dict(zip(split.RETURN_NAMES, call(split, material=material), strict=True))["normal"]
    assert float(found[0, 0, 0, 1]) < 0.5


def test_materials_are_saved_under_free_names(nodes: Any, material: Any, comfy: Any) -> None:
    save = nodes["MatshotSaveMaterial"]
    result = call(save, material=material, folder="walls", name="Brick", format="png", pack="orm", normal="dx")
    assert result["result"][0] == str(comfy.folder / "output" / "walls" / "Brick")
    assert call(save, material=material, folder="walls", name="Brick")["result"][0].endswith("Brick_2")
    assert {"basecolor.png", "normal_dx.png", "orm.png"} <= {one.name for one in Path(result["result"][0]).iterdir()}
    assert result["ui"]["text"][0] == result["result"][0]


def test_temporary_materials_go_when_nobody_needs_them(nodes: Any, material: Any, comfy: Any) -> None:
    (found,), _ = call(nodes["MatshotUpscaleMaterial"], material=material, scale="2", method="nearest")
    place = Path(found.path)
    assert place.is_dir()
    assert comfy.folder / "temp" in place.parents
    del found
    gc.collect()
    assert not place.parent.exists()
    assert Path(material.path).is_dir()


def test_several_materials_are_one_picture(nodes: Any, material: Any) -> None:
    sheet, _ = call(nodes["MatshotPreview"], source=[material, picture(1, 32, 32, 3)], size=[128])
    assert sheet.shape[0] == 1
    assert sheet.shape[3] == 3


def test_a_changed_folder_is_loaded_again(nodes: Any, wall: str, comfy: Any) -> None:
    load = nodes["MatshotLoadMaterial"]
    before = load.IS_CHANGED(folder=wall)
    assert load.IS_CHANGED(folder=wall) == before
    (comfy.folder / "input" / wall / "notes.txt").write_text("new")
    assert load.IS_CHANGED(folder=wall) != before


def test_interrupting_comfyui_ends_the_job(nodes: Any, comfy: Any, part: Any) -> None:
    comfy.interrupted = True
    with pytest.raises(comfy.Interrupted):
        call(nodes["MatshotMultiply"], image=picture(1, 64, 64, 3), size="2048x2048")
    assert not part("runner").JOBS.busy


# What is wrong, in one sentence.


@pytest.mark.parametrize(
    ("node", "given", "said"),
    [
        ("MatshotUpscale", {"image": None}, "Input 'image' must be an image, got None."),
        ("MatshotUpscale", {"image": torch.zeros(1, 8, 8, 2)}, "got 1 x 8 x 8 x 2"),
        ("MatshotUpscale", {"image": torch.zeros(0, 8, 8, 3)}, r"is empty \(0 x 8 x 8 x 3\)"),
        ("MatshotUpscale", {"image": torch.full((1, 8, 8, 3), float("nan"))}, "pixels that are not numbers"),
        ("MatshotUpscaleMaterial", {"material": torch.zeros(1, 8, 8, 3)}, "Input 'material' must be a material"),
        ("MatshotTile", {"image": torch.zeros(1, 8, 8, 3), "protect": torch.zeros(2, 8, 8)}, "must be one mask, got 2"),
        ("MatshotTwoshot", {"flash": torch.zeros(2, 8, 8, 3), "ambient": torch.zeros(3, 8, 8, 3)}, "has 2 images"),
        (
            "MatshotUpscale",
            {"image": torch.zeros(1, 8, 8, 3), "scale": "3"},
            "Unknown scale '?3'?. Choose from: 2, 4, 8",
        ),
        ("MatshotOneshot", {"image": torch.zeros(1, 8, 8, 3)}, "at least 64 per side"),
        ("MatshotJoinMaterial", {}, "No map is connected"),
        ("MatshotLoadMaterial", {"folder": ""}, "No folder is chosen"),
        ("MatshotLoadMaterial", {"folder": "../../etc"}, "does not exist"),
    ],
)
def test_wrong_input_is_one_sentence(nodes: Any, failure: Any, node: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(failure, match=said) as raised:
        call(nodes[node], **given)
    assert str(raised.value).count("\n") == 0
    assert str(raised.value).endswith(".")


def test_wrong_widgets_are_refused_before_anything_runs(nodes: Any, material: Any) -> None:
    assert nodes["MatshotUpscale"].VALIDATE_INPUTS(image=None, scale="4", tile=0) is True
    assert "Tile Size must be" in nodes["MatshotUpscale"].VALIDATE_INPUTS(tile=3)
    assert "such as 1024x1024" in nodes["MatshotMultiply"].VALIDATE_INPUTS(size="9x")
    assert nodes["MatshotPreview"].VALIDATE_INPUTS(source=[None], size=[512], view=["material"]) is True
    assert "Unknown view" in nodes["MatshotPreview"].VALIDATE_INPUTS(view=["round"])
    save = nodes["MatshotSaveMaterial"].VALIDATE_INPUTS
    assert save(folder="a/b", name="wall", normal="gl") is True
    assert "outside of ComfyUI's output folder" in save(folder="../x", name="wall")
    assert "Name must be a file name" in save(folder="x", name="../wall")
    load = nodes["MatshotLoadMaterial"].VALIDATE_INPUTS
    assert "does not exist" in load(folder="nothing")


def test_folders_elsewhere_are_read_only_where_they_are_listed(
    nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_material(brick_material(64, seed=1), tmp_path / "library" / "wall")
    load = nodes["MatshotLoadMaterial"].VALIDATE_INPUTS
    assert "outside of ComfyUI's folders" in load(folder=str(folder))
    monkeypatch.setenv("MATSHOT_LIBRARY", str(tmp_path / "library"))
    assert load(folder=str(folder)) is True
    assert load(folder="wall") is True


def test_a_missing_matshot_says_how_to_install_it(nodes: Any, failure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATSHOT_PYTHON", "/nowhere/python")
    with pytest.raises(failure, match="/nowhere/python, does not exist"):
        call(nodes["MatshotUpscale"], image=picture(1, 8, 8, 3))


def test_saving_is_the_only_node_of_convert(nodes: Any) -> None:
    kinds = {name: node.KIND for name, node in nodes.items() if hasattr(node, "KIND")}
    assert [name for name, kind in kinds.items() if kind.tool.name == CONVERT.name] == ["MatshotSaveMaterial"]
