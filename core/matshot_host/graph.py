"""A material as a graph of nodes that every host can build: which map goes where, said once for all of them.

Inputs of the surface are named as OpenPBR names them. Plug-ins turn each node into their host's; the MaterialX document
is written from the same graph. Standard library only, Python 3.7 syntax, because hosts bring their own Python.
"""

import os
import typing
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

from .description import (
    DESCRIPTION,
    MAP_LABELS,
    MapFile,
    check_description,
    check_files,
    described_maps,
    is_length,
    read_description,
    usual_colorspace,
)
from .errors import MatshotError

#: Roughness of a surface without a map of it.
ROUGHNESS = 0.6
#: The height that stays where the surface was.
LEVEL = 0.5

_COLORS = ("basecolor", "emission")
_VECTORS = ("normal", "orm")
#: Which channel of a packed map holds what.
PACKED_MAPS = {"ao": 0, "roughness": 1, "metallic": 2}
#: Inputs of the surface that take a map, or what was made of it, as it is.
_DIRECT = {
    "basecolor": "base_color",
    "metallic": "base_metalness",
    "roughness": "specular_roughness",
    "opacity": "geometry_opacity",
    "emission": "emission_color",
}


class Image(NamedTuple):
    """The pixels of a file, laid over the unit square of texture coordinates.

    Attributes:
        name: of the node; the kind of map it is.
        file: absolute path; may hold ``<UDIM>``.
        encoding: ``srgb`` (color encoded for display), ``linear`` (scene-linear Rec. 709) or ``data`` (no color).
        colorspace: OCIO name where the colors are in a space of their own, else empty. A host without it takes
            ``encoding`` instead.
        wrap: axes on which it repeats: ``none``, ``x``, ``y`` or ``xy``.
        label: what artists call it.
        channels: that are used: 1 or 3.
    """

    name: str
    file: str
    encoding: str
    colorspace: str
    wrap: str
    label: str
    channels: int


class Channel(NamedTuple):
    """One channel of a packed map.

    Attributes:
        name: of the node; the kind of map that the channel is.
        source: name of the node with the packed map.
        index: 0 for red, 1 for green, 2 for blue.
    """

    name: str
    source: str
    index: int  # type: ignore[assignment]  # hides a method of tuples that nobody needs here


class Invert(NamedTuple):
    """One minus its source: gloss to roughness.

    Attributes:
        name: of the node.
        source: name of the node with one number per pixel.
    """

    name: str
    source: str


class NormalMap(NamedTuple):
    """Normals in tangent space, made those of the surface.

    Attributes:
        name: of the node.
        source: name of the node with the stored vectors.
        convention: of the stored green channel: ``gl`` (+Y up) or ``dx`` (+Y down).
        signed: whether they are stored in [-1, 1] instead of [0, 1].
    """

    name: str
    source: str
    convention: str
    signed: bool


class Ior(NamedTuple):
    """Index of refraction of a specular level: ``n = (1 + sqrt F) / (1 - sqrt F)`` with ``F = 0.08 level``.

    A host whose shader takes the level itself connects ``source``.

    Attributes:
        name: of the node.
        source: name of the node with the level.
    """

    name: str
    source: str


class Anisotropy(NamedTuple):
    """The anisotropy a of GGX: ``alpha = roughness^2 (1 +- a)``; each host makes of it what its shader means.

    Attributes:
        name: of the node.
        source: name of the node with a.
    """

    name: str
    source: str


class Turn(NamedTuple):
    """Direction of the larger alpha, in turns counter-clockwise from +X.

    Attributes:
        name: of the node.
        source: name of the node with the turns, 0 to 1.
    """

    name: str
    source: str


Node = Union[Image, Channel, Invert, NormalMap, Ior, Anisotropy, Turn]


class Displacement(NamedTuple):
    """The surface moved along its normal by ``scale * (height - level)``.

    Attributes:
        source: name of the node with the height.
        scale: meters for one unit of height, None where that is not known.
        level: the height that stays where the surface was.
        widths: one unit of height in widths of the maps, None where that is not known.
    """

    source: str
    scale: Optional[float]
    level: float
    widths: Optional[float] = None


class Mapping(NamedTuple):
    """How images are laid over the surface.

    Attributes:
        tiling: how often they repeat in u and v, where the texture coordinates run from 0 to 1.
    """

    tiling: Tuple[float, float]


class MaterialGraph(NamedTuple):
    """A material, ready to be built of a host's nodes.

    Attributes:
        name: of the material.
        nodes: sources before users; each is used by another, the surface, the displacement or the occlusion.
        surface: by the OpenPBR name of the input: the name of a node, or a number. What is not there keeps the
            shader's default.
        displacement: None without a height map.
        occlusion: name of the node with ambient occlusion, or empty. No surface takes it.
        mapping: of all images.
        physical_size: meters that one repetition spans in u and v, None where that is not known.
    """

    name: str
    nodes: Tuple[Node, ...]
    surface: Dict[str, Union[str, float]]
    displacement: Optional[Displacement]
    occlusion: str
    mapping: Mapping
    physical_size: Optional[Tuple[float, float]]

    def node(self, name: str) -> Node:
        """The node of that name.

        Raises:
            KeyError: when there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def images(self) -> List[Image]:
        """The nodes that are images."""
        return [node for node in self.nodes if isinstance(node, Image)]


def material_graph(folder: str, tiling: Tuple[float, float] = (1.0, 1.0)) -> MaterialGraph:
    """The graph of a material folder that has a ``material.json``.

    Args:
        folder: its path.
        tiling: how often the maps repeat in u and v.

    Raises:
        MatshotError: no such folder, no description or a damaged one, files that are missing.
    """
    folder = os.path.abspath(folder)
    description = read_description(folder)
    maps = described_maps(description, folder)
    if not maps:
        raise MatshotError(f"{os.path.join(folder, DESCRIPTION)} lists no maps.")
    check_files(maps, folder)
    return graph_of(description, folder, tiling)


def graph_of(
    description: typing.Mapping[str, Any], folder: str, tiling: Tuple[float, float] = (1.0, 1.0)
) -> MaterialGraph:
    """The graph of a material by its description; its files need not be there yet.

    Separate maps win over packed ones, and roughness over gloss.

    Args:
        description: contents of a ``material.json``.
        folder: that it describes.
        tiling: how often the maps repeat in u and v.

    Raises:
        MatshotError: for a description or a tiling that makes no sense.
    """
    if len(tiling) != 2 or not all(map(is_length, tiling)):
        raise MatshotError(f"Tiling is two numbers above 0, not {tiling!r}.")
    check_description(description, folder)
    growing = _Growing(described_maps(description, folder), description.get("wrap", "none"))
    surface = _surface(growing)
    displacement = None
    if growing.has("height"):
        scale = description.get("height_scale")
        parameters = description.get("parameters")
        widths = parameters.get("height_scale_in_widths") if isinstance(parameters, typing.Mapping) else None
        displacement = Displacement(
            growing.value("height"),
            None if scale is None else float(scale),
            LEVEL,
            float(widths) if widths is not None and is_length(widths) else None,
        )
    occlusion = growing.value("ao") if growing.has("ao") else ""
    size = description.get("physical_size")
    return MaterialGraph(
        name=description.get("name") or os.path.basename(os.path.abspath(folder)),
        nodes=tuple(growing.nodes),
        surface=surface,
        displacement=displacement,
        occlusion=occlusion,
        mapping=Mapping((float(tiling[0]), float(tiling[1]))),
        physical_size=(float(size[0]), float(size[1])) if size else None,
    )


class _Growing:
    """Nodes, made as they are asked for, so that none is there that nothing uses.

    Args:
        maps: of the material, by kind.
        wrap: axes on which they repeat.
    """

    def __init__(self, maps: typing.Mapping[str, MapFile], wrap: str) -> None:
        self.maps = maps
        self.nodes: List[Node] = []
        self._wrap = wrap

    def has(self, kind: str) -> bool:
        """Whether the maps say this of the surface, in a file of its own or otherwise."""
        packed = "orm" in self.maps and kind in PACKED_MAPS
        return kind in self.maps or packed or (kind == "roughness" and "gloss" in self.maps)

    def value(self, kind: str) -> str:
        """Name of the node that gives it out."""
        if any(node.name == kind for node in self.nodes):
            return kind
        if kind in self.maps:
            return self.add(self._image(kind))
        if "orm" in self.maps and kind in PACKED_MAPS:
            return self.add(Channel(kind, self.value("orm"), PACKED_MAPS[kind]))
        return self.add(Invert(kind, self.value("gloss")))

    def add(self, node: Node) -> str:
        """Put a node behind the others, and give back its name."""
        self.nodes.append(node)
        return node.name

    def _image(self, kind: str) -> Image:
        stored = self.maps[kind]
        encoding, colorspace = "data", ""
        if kind in _COLORS:
            encoding = stored.colorspace
            if encoding not in ("srgb", "linear"):
                # Descriptions of older versions say nothing: then it is as most files of that format have it.
                encoding, colorspace = usual_colorspace(stored.path), stored.colorspace
        channels = 3 if kind in _COLORS + _VECTORS else 1
        return Image(kind, stored.path, encoding, colorspace, self._wrap, MAP_LABELS[kind], channels)


def _surface(growing: _Growing) -> Dict[str, Union[str, float]]:
    surface: Dict[str, Union[str, float]] = {}
    for kind, given in _DIRECT.items():
        if growing.has(kind):
            surface[given] = growing.value(kind)
    surface.setdefault("specular_roughness", ROUGHNESS)
    if growing.has("emission"):
        surface["emission_luminance"] = 1.0
    if growing.has("normal"):
        stored = growing.maps["normal"]
        surface["geometry_normal"] = growing.add(
            NormalMap("normal_world", growing.value("normal"), stored.convention, stored.signed)
        )
    if growing.has("specular"):
        surface["specular_ior"] = growing.add(Ior("specular_ior", growing.value("specular")))
    if growing.has("anisotropy"):
        raw = growing.value("anisotropy")
        surface["specular_roughness_anisotropy"] = growing.add(Anisotropy("anisotropy_ratio", raw))
        if growing.has("anisotropy_angle"):
            turns = growing.value("anisotropy_angle")
            surface["geometry_tangent"] = growing.add(Turn("anisotropy_tangent", turns))
    return surface
