"""A material as a glTF 2.0 binary: a plane and a ball that wear it, textures inside, in one file for every viewer.

Metallic-roughness, after the specification of the Khronos Group; textures are PNG with 8 bits, and roughness, metallic
and ambient occlusion share one.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from matshot_host.graph import ROUGHNESS

from ..image.color import Pixels, srgb_from_linear
from ..image.types import Texture
from .types import MapKind, Material, pack_orm, roughness_map

#: glTF's numbers for component types, targets of buffers, and samplers.
_FLOAT, _USHORT = 5126, 5123
_VERTICES, _INDICES = 34962, 34963
_LINEAR, _MIPMAPS, _REPEAT, _CLAMP = 9729, 9987, 10497, 33071
#: Chunks of a binary file.
_MAGIC, _JSON, _BINARY = 0x46546C67, 0x4E4F534A, 0x004E4942
#: Longer side of a plane whose size is not known, in meters, and how often the maps go around the ball.
_SIDE = 1.0
_AROUND = 2
#: Segments of the ball around and from pole to pole.
_SEGMENTS, _RINGS = 64, 32
#: Maps of which one at least makes a texture of roughness and metallic.
_PACKED_FROM: tuple[MapKind, ...] = ("roughness", "gloss", "metallic")
#: Opacities between which a surface is neither there nor not.
_CUT = (0.02, 0.98)


def glb(material: Material) -> bytes:
    """The contents of a ``.glb`` file.

    Meters, Y up; the plane upright at the left, the ball at the right. Base color and emission are encoded for display
    and clipped to [0, 1]; brighter emission is told as its strength (KHR_materials_emissive_strength).

    Args:
        material: of any maps; what glTF's metallic-roughness has no place for is left out, see :func:`left_out`.
    """
    plain = material.unpacked()
    scene = _Scene(plain.wrap)
    described: dict[str, Any] = {"name": plain.name, "pbrMetallicRoughness": _metallic_roughness(plain, scene)}
    maps = plain.maps
    if "normal" in maps:
        described["normalTexture"] = scene.texture("normal", maps["normal"].pixels * 0.5 + 0.5)
    if "ao" in maps:
        described["occlusionTexture"] = described["pbrMetallicRoughness"].get("metallicRoughnessTexture") or (
            scene.texture("occlusion", np.repeat(maps["ao"].pixels[..., :1], 3, axis=2))
        )
    if "emission" in maps:
        described |= _emission(maps["emission"], scene)
    if "opacity" in maps:
        opacity = maps["opacity"].pixels
        between = float(((opacity > _CUT[0]) & (opacity < _CUT[1])).mean())
        described["alphaMode"] = "MASK" if between < 0.05 else "BLEND"
        described["doubleSided"] = True
    scene.json["materials"] = [described]
    aspect = plain.width / plain.height
    width, height = plain.physical_size or (_SIDE * min(1.0, aspect), _SIDE * min(1.0, 1 / aspect))
    scene.mesh("plane", *_plane(width, height), place=(-0.55 * width, 0.0, 0.0))
    radius = height / 2
    scene.mesh("ball", *_ball(radius, aspect), place=(radius + 0.05 * width, 0.0, 0.0))
    return scene.binary()


def left_out(material: Material) -> tuple[MapKind, ...]:
    """Kinds of maps that :func:`glb` has no place for."""
    names: tuple[MapKind, ...] = ("height", "specular", "anisotropy", "anisotropy_angle")
    return tuple(kind for kind in names if kind in material.maps)


def _metallic_roughness(material: Material, scene: _Scene) -> dict[str, Any]:
    maps = material.maps
    found: dict[str, Any] = {}
    if "basecolor" in maps:
        planes = _displayed(maps["basecolor"])
        if "opacity" in maps:
            planes = np.dstack([planes, maps["opacity"].pixels[..., :1]])
        found["baseColorTexture"] = scene.texture("base color", planes)
    like = next((kind for kind in _PACKED_FROM if kind in maps), None)
    if like is None:
        return found | {"roughnessFactor": ROUGHNESS, "metallicFactor": 0.0}
    packed = pack_orm(material.with_maps({**maps, "roughness": roughness_map(material, like)}))
    found["metallicRoughnessTexture"] = scene.texture("occlusion, roughness, metallic", packed.pixels)
    return found


def _emission(texture: Texture, scene: _Scene) -> dict[str, Any]:
    light = texture.pixels[..., :3]
    most = float(light.max()) if texture.encoding == "linear" else 1.0
    found: dict[str, Any] = {"emissiveFactor": [1.0, 1.0, 1.0]}
    if most > 1:
        found["extensions"] = {"KHR_materials_emissive_strength": {"emissiveStrength": most}}
        scene.json["extensionsUsed"] = ["KHR_materials_emissive_strength"]
        planes = srgb_from_linear(np.clip(light / np.float32(most), 0, 1))
    else:
        planes = _displayed(texture)
    return found | {"emissiveTexture": scene.texture("emission", planes)}


def _displayed(texture: Texture) -> Pixels:
    """R, G and B encoded for display, in [0, 1]."""
    color = texture.pixels[..., :3]
    return srgb_from_linear(np.clip(color, 0, 1)) if texture.encoding == "linear" else np.clip(color, 0, 1)


class _Scene:
    """A document that grows, and its binary chunk.

    Args:
        wrap: axes on which textures repeat.

    Attributes:
        json: the document.
    """

    def __init__(self, wrap: str) -> None:
        across, down = (_REPEAT if axis in wrap else _CLAMP for axis in "xy")
        sampler = {"magFilter": _LINEAR, "minFilter": _MIPMAPS, "wrapS": across, "wrapT": down}
        self.json: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "Matshot"},
            "scene": 0,
            "scenes": [{"nodes": []}],
            "samplers": [sampler],
            **{part: [] for part in ("nodes", "meshes", "accessors", "bufferViews", "images", "textures")},
        }
        self._bytes = bytearray()

    def texture(self, name: str, planes: Pixels) -> dict[str, int]:
        """A reference to a new texture of values in [0, 1], ``H x W x 3`` or 4."""
        whole = np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8)
        code = cv2.COLOR_RGBA2BGRA if whole.shape[2] == 4 else cv2.COLOR_RGB2BGR
        encoded = cv2.imencode(".png", cv2.cvtColor(whole, code))[1].tobytes()
        self.json["images"].append({"name": name, "mimeType": "image/png", "bufferView": self._view(encoded)})
        self.json["textures"].append({"sampler": 0, "source": len(self.json["images"]) - 1})
        return {"index": len(self.json["textures"]) - 1}

    def mesh(
        self, name: str, vertices: dict[str, NDArray[np.float32]], faces: NDArray[np.uint16], place: tuple[float, ...]
    ) -> None:
        """Add an object that wears the material."""
        attributes = {}
        for label, values in vertices.items():
            bounds = {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
            attributes[label] = self._accessor(
                values, f"VEC{values.shape[1]}", _FLOAT, _VERTICES, **(bounds if label == "POSITION" else {})
            )
        indices = self._accessor(faces, "SCALAR", _USHORT, _INDICES)
        primitive = {"attributes": attributes, "indices": indices, "material": 0}
        self.json["meshes"].append({"name": name, "primitives": [primitive]})
        number = len(self.json["nodes"])
        self.json["nodes"].append({"name": name, "mesh": number, "translation": list(place)})
        self.json["scenes"][0]["nodes"].append(number)

    def binary(self) -> bytes:
        """All of it in one file."""
        self._fill()
        document = {key: value for key, value in self.json.items() if value or key == "scene"}
        document["buffers"] = [{"byteLength": len(self._bytes)}]
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<II", len(text), _JSON) + text
        chunks += struct.pack("<II", len(self._bytes), _BINARY) + self._bytes
        return struct.pack("<III", _MAGIC, 2, 12 + len(chunks)) + chunks

    def _accessor(self, values: NDArray[Any], kind: str, component: int, target: int, **more: Any) -> int:
        view = self._view(np.ascontiguousarray(values).tobytes(), target)
        self.json["accessors"].append(
            {"bufferView": view, "componentType": component, "count": len(values), "type": kind, **more}
        )
        return len(self.json["accessors"]) - 1

    def _view(self, contents: bytes, target: int | None = None) -> int:
        self._fill()
        view = {"buffer": 0, "byteOffset": len(self._bytes), "byteLength": len(contents)}
        self.json["bufferViews"].append(view if target is None else view | {"target": target})
        self._bytes += contents
        return len(self.json["bufferViews"]) - 1

    def _fill(self) -> None:
        self._bytes += b"\0" * (-len(self._bytes) % 4)


def _plane(width: float, height: float) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.uint16]]:
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=np.float32)
    places = np.column_stack([(corners[:, 0] - 0.5) * width, (corners[:, 1] - 0.5) * height, np.zeros(4)])
    return {
        "POSITION": places.astype(np.float32),
        "NORMAL": np.tile(np.array([0, 0, 1], np.float32), (4, 1)),
        "TANGENT": np.tile(np.array([1, 0, 0, 1], np.float32), (4, 1)),
        # Rows of a texture run downwards.
        "TEXCOORD_0": np.column_stack([corners[:, 0], 1 - corners[:, 1]]).astype(np.float32),
    }, np.array([0, 1, 2, 0, 2, 3], dtype=np.uint16)


def _ball(radius: float, aspect: float) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.uint16]]:
    """The maps go around it twice, and from pole to pole as often as keeps their shape."""
    around, down = np.meshgrid(np.linspace(0, 1, _SEGMENTS + 1), np.linspace(0, 1, _RINGS + 1))
    longitude, latitude = 2 * np.pi * around.ravel(), np.pi * down.ravel()
    normal = np.column_stack(
        [np.sin(latitude) * np.sin(longitude), np.cos(latitude), np.sin(latitude) * np.cos(longitude)]
    )
    tangent = np.column_stack(
        [np.cos(longitude), np.zeros_like(longitude), -np.sin(longitude), np.ones_like(longitude)]
    )
    repeats = max(1, round(_AROUND * aspect / 2))
    row, column = np.meshgrid(np.arange(_RINGS), np.arange(_SEGMENTS), indexing="ij")
    corner = (row * (_SEGMENTS + 1) + column).ravel()
    below = corner + _SEGMENTS + 1
    # At the poles one of the two triangles is none.
    upper = np.column_stack([corner, below + 1, corner + 1])[corner >= _SEGMENTS + 1]
    lower = np.column_stack([corner, below, below + 1])[corner < (_RINGS - 1) * (_SEGMENTS + 1)]
    return {
        "POSITION": (radius * normal).astype(np.float32),
        "NORMAL": normal.astype(np.float32),
        "TANGENT": tangent.astype(np.float32),
        "TEXCOORD_0": np.column_stack([_AROUND * around.ravel(), repeats * down.ravel()]).astype(np.float32),
    }, np.concatenate([upper, lower]).astype(np.uint16).ravel()
