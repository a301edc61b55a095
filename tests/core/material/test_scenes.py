"""Scenes beside a material's maps, as programs read them."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import matshot
from matshot import Material, MatshotError, Texture, load_material, save_material
from matshot.material.gltf import glb
from matshot.material.scenes import write_scenes
from matshot.shading.procedural import brick_material
from matshot.tools.convert import ConvertOptions, convert, save_converted


def parts(contents: bytes) -> tuple[dict[str, Any], bytes]:
    """The document and the binary chunk of a ``.glb`` file."""
    magic, version, length = struct.unpack_from("<4sII", contents)
    assert (magic, version, length) == (b"glTF", 2, len(contents))
    size, kind = struct.unpack_from("<I4s", contents, 12)
    assert kind == b"JSON"
    rest, kind = struct.unpack_from("<I4s", contents, 20 + size)
    assert kind == b"BIN\0"
    return json.loads(contents[20 : 20 + size]), contents[28 + size : 28 + size + rest]


def view(document: dict[str, Any], binary: bytes, number: int) -> bytes:
    found = document["bufferViews"][number]
    return binary[found["byteOffset"] : found["byteOffset"] + found["byteLength"]]


def image(document: dict[str, Any], binary: bytes, texture: int) -> np.ndarray:
    """Pixels of a texture, R first."""
    source = document["images"][document["textures"][texture]["source"]]
    stored = np.frombuffer(view(document, binary, source["bufferView"]), np.uint8)
    decoded = cv2.imdecode(stored, cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGRA2RGBA if decoded.shape[2] == 4 else cv2.COLOR_BGR2RGB))


def test_textures_of_a_glb_are_the_maps() -> None:
    bricks = brick_material(32)
    document, binary = parts(glb(bricks))
    material = document["materials"][0]
    color = image(document, binary, material["pbrMetallicRoughness"]["baseColorTexture"]["index"])
    assert np.abs(color / 255 - bricks.maps["basecolor"].pixels).max() < 0.003
    packed = image(document, binary, material["pbrMetallicRoughness"]["metallicRoughnessTexture"]["index"])
    assert np.abs(packed[..., 1] / 255 - bricks.maps["roughness"].pixels[..., 0]).max() < 0.003
    assert packed[..., 2].max() == 0
    normal = image(document, binary, material["normalTexture"]["index"])
    assert np.abs(normal / 127.5 - 1 - bricks.maps["normal"].pixels).max() < 0.006
    assert {node["name"] for node in document["nodes"]} == {"plane", "ball"}
    assert document["samplers"][0]["wrapS"] == 10497


def test_faces_of_a_glb_look_outwards() -> None:
    document, binary = parts(glb(brick_material(16)))
    for mesh in document["meshes"]:
        primitive = mesh["primitives"][0]
        accessors = [document["accessors"][primitive["attributes"][name]] for name in ("POSITION", "NORMAL")]
        place, normal = (
            np.frombuffer(view(document, binary, one["bufferView"]), np.float32).reshape(-1, 3) for one in accessors
        )
        indices = document["accessors"][primitive["indices"]]
        faces = np.frombuffer(view(document, binary, indices["bufferView"]), np.uint16).reshape(-1, 3)
        a, b, c = (place[faces[:, corner]] for corner in range(3))
        towards = np.cross(b - a, c - a)
        assert (np.linalg.norm(towards, axis=1) > 0).all()
        assert ((towards * normal[faces[:, 0]]).sum(axis=1) > 0).all()


def test_cut_outs_glow_and_occlusion_have_their_places() -> None:
    def plane(value: float, channels: int = 1) -> Texture:
        return Texture(np.full((8, 8, channels), value, np.float32), "data" if channels == 1 else "linear")

    holes = plane(1.0).pixels.copy()
    holes[:4] = 0
    leaf = Material(
        {"basecolor": plane(0.5, 3), "opacity": Texture(holes, "data"), "emission": plane(3.0, 3), "ao": plane(0.25)}
    )
    document, binary = parts(glb(leaf))
    material = document["materials"][0]
    assert material["alphaMode"] == "MASK"
    alpha = image(document, binary, material["pbrMetallicRoughness"]["baseColorTexture"]["index"])[..., 3]
    assert alpha[0, 0] == 0
    assert alpha[7, 0] == 255
    assert material["extensions"]["KHR_materials_emissive_strength"]["emissiveStrength"] == pytest.approx(3)
    assert image(document, binary, material["occlusionTexture"]["index"])[0, 0, 0] == 64
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0


def test_usd_names_the_maps_and_turns_directx_normals(tmp_path: Path) -> None:
    folder = save_material(brick_material(16), tmp_path / "wall", convention="dx")
    (scene,) = write_scenes(load_material(folder), folder, "usd")
    text = scene.read_text(encoding="utf-8")
    assert text.startswith("#usda 1.0\n")
    assert "asset inputs:file = @./normal_dx.png@" in text
    assert "float4 inputs:scale = (2, -2, 2, 1)" in text
    assert "float4 inputs:bias = (-1, 1, -1, 0)" in text
    assert "prepend references = @./material.mtlx@</MaterialX/Materials/" in text
    assert text.count("{") == text.count("}")


def test_scenes_come_with_a_conversion_and_what_they_lack_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "wall"
    material = matshot.convert(brick_material(16), scene="both", output=folder)
    assert any("glTF has no place for height" in note for note in material.parameters["notes"])
    assert {"material.usda", "material.glb"} <= {file.name for file in folder.iterdir()}
    # Again, over its own files.
    matshot.convert(brick_material(16), scene="both", output=folder)


def test_what_a_template_has_no_place_for_is_named_from_python_too(tmp_path: Path) -> None:
    material = matshot.convert(brick_material(16), template="bedrock", output=tmp_path / "wall")
    assert any("has no place for height" in note for note in material.parameters["notes"])


def test_a_scene_of_somebody_else_stays(tmp_path: Path) -> None:
    (tmp_path / "material.glb").write_bytes(b"mine")
    options = ConvertOptions(scene="gltf")
    with pytest.raises(MatshotError, match=r"material.glb exists and was not written by Matshot"):
        save_converted(convert(brick_material(16), options), tmp_path, options)
    assert (tmp_path / "material.glb").read_bytes() == b"mine"
    assert [file.name for file in tmp_path.iterdir()] == ["material.glb"]


@pytest.mark.parametrize("name", ["material.glb", "material.usda", "material.blend", "preview.png", "material.mtlx"])
@pytest.mark.parametrize("after", [False, True], ids=["added", "changed since"])
def test_what_somebody_else_put_into_a_folder_of_matshot_stays(tmp_path: Path, name: str, after: bool) -> None:
    options = ConvertOptions(scene="both" if after else "none")
    bricks = convert(brick_material(16), options)
    save_converted(bricks, tmp_path, options)
    save_converted(bricks, tmp_path, options)  # its own files are replaced
    (tmp_path / name).write_bytes(b"mine")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    scene = "blend" if name.endswith("blend") else "both"
    with pytest.raises(MatshotError, match=rf"{name} exists and was not written by Matshot"):
        matshot.convert(brick_material(16), scene=scene, output=tmp_path)
    with pytest.raises(MatshotError, match=rf"{name} exists and was not written by Matshot"):
        save_converted(bricks, tmp_path, ConvertOptions(scene=scene))  # type: ignore[arg-type]
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
