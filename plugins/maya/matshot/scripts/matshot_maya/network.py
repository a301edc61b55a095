"""A material's graph as a Maya shading network."""

import re
import unicodedata
from typing import Dict, List, NamedTuple, Sequence, Tuple, Union

from maya import cmds

from matshot_host.graph import Anisotropy, Channel, Image, Invert, Ior, MaterialGraph, Node, NormalMap

from . import scene, textures
from .utility_nodes import Arithmetic

#: Types of all nodes in a network except its shader.
_NODE_TYPES = (
    *("shadingEngine", "place2dTexture", "file", "bump2d", "displacementShader"),
    *("multiplyDivide", "plusMinusAverage"),
)
#: Maya computes in centimeters, whatever unit the scene shows.
_CENTIMETERS_PER_METER = 100.0
#: Luminance that renderers show as the value 1.
_NITS = 1000.0
#: Iterations of Arnold's subdivision where a material displaces; below, only the corners of faces move.
_SUBDIVISIONS = 3
#: Reflectance of a dielectric at normal incidence per unit of specular level.
_SPECULAR = 0.08


class _Shader(NamedTuple):
    """How a shader implements OpenPBR's inputs.

    Attributes:
        inputs: attribute names by OpenPBR input.
        opacity: type of its opacity: ``color`` or ``float``.
        constants: values of attributes, set where the shader has them.
        anisotropy_factor: factor on ``anisotropy^2`` in the correction of roughness.
    """

    inputs: Dict[str, str]
    opacity: str
    constants: Dict[str, float]
    anisotropy_factor: float


_STANDARD = _Shader(
    {
        "base_color": "baseColor",
        "base_metalness": "metalness",
        "specular_roughness": "specularRoughness",
        "specular_ior": "specularIOR",
        "specular_roughness_anisotropy": "specularAnisotropy",
        "geometry_normal": "normalCamera",
        "geometry_opacity": "opacity",
        "emission_color": "emissionColor",
        "emission_luminance": "emission",
    },
    "color",
    {"base": 1.0},
    -1.0,
)
_OPEN_PBR = _Shader(
    {
        "base_color": "baseColor",
        "base_metalness": "baseMetalness",
        "specular_roughness": "specularRoughness",
        "specular_ior": "specularIOR",
        "specular_roughness_anisotropy": "specularRoughnessAnisotropy",
        "geometry_normal": "normalCamera",
        "geometry_opacity": "geometryOpacity",
        "emission_color": "emissionColor",
        "emission_luminance": "emissionLuminance",
    },
    "float",
    {"baseWeight": 1.0, "emissionWeight": 1.0},
    1.0,
)
_SHADERS = {"standardSurface": _STANDARD, "aiStandardSurface": _STANDARD, "openPBRSurface": _OPEN_PBR}

#: Node types of materials and their labels.
SHADERS: Tuple[Tuple[str, str], ...] = (
    ("standardSurface", "Standard Surface"),
    ("openPBRSurface", "OpenPBR Surface"),
    ("aiStandardSurface", "Arnold Standard Surface"),
)


class Network(NamedTuple):
    """A finished shading network.

    Attributes:
        shader: node of the material.
        group: its shading group.
        notes: sentences for the artist about what could not be connected.
    """

    shader: str
    group: str
    notes: Tuple[str, ...]


def available_shaders() -> List[Tuple[str, str]]:
    """Those of :data:`SHADERS` that this Maya has with its loaded plug-ins."""
    known = set(cmds.allNodeTypes() or [])
    return [shader for shader in SHADERS if shader[0] in known]


def build(graph: MaterialGraph, shader: str) -> Network:
    """Create the nodes of a material; if that fails, all of them are deleted.

    Args:
        graph: of the material.
        shader: node type of :data:`SHADERS`; ``standardSurface`` replaces one that this Maya lacks.
    """
    kind = shader if shader in dict(available_shaders()) else "standardSurface"
    builder = _NetworkBuilder(graph, kind)
    before = set(cmds.ls(type=[*_NODE_TYPES, kind]) or [])
    try:
        notes = builder.run()
    except Exception:
        created = [node for node in cmds.ls(type=[*_NODE_TYPES, kind]) or [] if node not in before]
        if created:
            cmds.delete(created)
        raise
    if kind != shader:
        notes.insert(0, "This Maya has no {}; created a standardSurface instead.".format(shader))
    return Network(builder.shader, builder.group, tuple(notes))


class _NetworkBuilder:
    """Builds one network.

    Args:
        graph: of the material.
        kind: node type of the shader.
    """

    def __init__(self, graph: MaterialGraph, kind: str) -> None:
        self.shader = self.group = ""
        self._graph, self._kind, self._shader_type = graph, kind, _SHADERS[kind]
        self._name = node_name(graph.name)
        self._arithmetic = Arithmetic(self._name)
        self._placement = ""
        self._files: Dict[str, str] = {}
        self._notes: List[str] = []

    def run(self) -> List[str]:
        """Create all nodes.

        Returns:
            Sentences for the artist about what could not be connected.
        """
        self.shader = cmds.shadingNode(self._kind, asShader=True, name=self._name)
        self.group = str(cmds.sets(renderable=True, noSurfaceShader=True, empty=True, name=self.shader + "SG"))
        cmds.connectAttr(self.shader + ".outColor", self.group + ".surfaceShader")
        self._placement = textures.create_placement(self._name + "_placement", self._graph.mapping.tiling)
        for image in self._graph.images():
            self._files[image.name] = textures.create_file_node(
                "{}_{}".format(self._name, image.name), image.file, self._placement, image.encoding, image.colorspace
            )
        for attribute, value in self._shader_type.constants.items():
            if cmds.attributeQuery(attribute, node=self.shader, exists=True):
                cmds.setAttr("{}.{}".format(self.shader, attribute), value)
        for name, source in self._graph.surface.items():
            self._connect_input(name, source)
        self._connect_displacement()
        self._attach_map("occlusion", self._graph.occlusion)
        return self._notes

    def _connect_input(self, name: str, source: Union[str, float]) -> None:
        """Connect or set one input of the surface."""
        if name == "geometry_tangent":
            # Renderers disagree on direction and scale of the rotation.
            self._attach_map("direction", self._image_name(str(source)))
            self._notes.append(
                "The anisotropy direction is not connected, since renderers read it differently. "
                "Its map is attached to {}.".format(self.group)
            )
            return
        plug = "{}.{}".format(self.shader, self._shader_type.inputs[name])
        if not isinstance(source, str):
            is_luminance = self._kind == "openPBRSurface" and name == "emission_luminance"
            cmds.setAttr(plug, source * _NITS if is_luminance else source)
            return
        node = self._graph.node(source)
        if name in ("base_color", "emission_color") or (name == "geometry_opacity" and self._has_color_opacity()):
            self._connect_color(node, plug)
        elif isinstance(node, NormalMap):
            cmds.connectAttr(self._normal(node), plug)
        elif name == "specular_roughness":
            cmds.connectAttr(self._roughness(self._number(node)), plug)
        else:
            cmds.connectAttr(self._number(node), plug)

    def _has_color_opacity(self) -> bool:
        return self._shader_type.opacity == "color"

    def _connect_color(self, node: Node, plug: str) -> None:
        """Connect a color; gray if the node has one channel."""
        if isinstance(node, Image):
            cmds.connectAttr(self._files[node.name] + ".outColor", plug)
            return
        for channel in "RGB":
            cmds.connectAttr(self._number(node), plug + channel)

    def _number(self, node: Node) -> str:
        """Plug of a scalar."""
        if isinstance(node, Image):
            # All channels of a gray file are equal; what stands for a missing alpha differs between renderers.
            return self._files[node.name] + ".outColorR"
        if isinstance(node, Channel):
            return "{}.outColor{}".format(self._files[node.source], "RGB"[node.index])
        source = self._number(self._graph.node(node.source))
        if isinstance(node, Invert):
            return self._arithmetic.difference(1.0, source)
        if isinstance(node, Ior):
            amplitude = self._arithmetic.power(self._arithmetic.product(source, _SPECULAR), 0.5)
            above, below = self._arithmetic.sum(1.0, amplitude), self._arithmetic.difference(1.0, amplitude)
            return self._arithmetic.quotient(above, below)
        if isinstance(node, Anisotropy):
            return self._arithmetic.quotient(self._arithmetic.product(source, 2.0), self._arithmetic.sum(source, 1.0))
        raise TypeError("{} is not a scalar".format(type(node).__name__))

    def _roughness(self, plug: str) -> str:
        """Plug of the roughness at which this shader has the alphas ``roughness^2 (1 +- anisotropy)``."""
        anisotropic = [node for node in self._graph.nodes if isinstance(node, Anisotropy)]
        if not anisotropic:
            return plug
        anisotropy = self._number(self._graph.node(anisotropic[0].source))
        signed = self._arithmetic.product(self._arithmetic.power(anisotropy, 2.0), self._shader_type.anisotropy_factor)
        factor = self._arithmetic.power(self._arithmetic.sum(signed, 1.0), 0.25)
        return self._arithmetic.product(plug, factor)

    def _normal(self, node: NormalMap) -> str:
        """Plug of the normals of a tangent-space map; Maya expects OpenGL normals in [0, 1]."""
        file = self._files[self._image_name(node.name)]
        scale, center = (0.5, 0.5) if node.signed else (1.0, 0.0)
        if node.signed or node.convention == "dx":
            gain, offset = (-scale, 1.0 - center) if node.convention == "dx" else (scale, center)
            cmds.setAttr(file + ".colorGain", scale, gain, scale, type="double3")
            cmds.setAttr(file + ".colorOffset", center, offset, center, type="double3")
        bump = cmds.shadingNode("bump2d", asUtility=True, name=self._name + "_normal_bump")
        cmds.setAttr(bump + ".bumpInterp", 1)
        for flip in ("aiFlipR", "aiFlipG"):
            # Added by Arnold's plug-in, and on by default.
            if cmds.attributeQuery(flip, node=bump, exists=True):
                cmds.setAttr("{}.{}".format(bump, flip), False)
        cmds.connectAttr(file + ".outAlpha", bump + ".bumpValue")
        return bump + ".outNormal"

    def _connect_displacement(self) -> None:
        """Connect the height if its scale is known; otherwise attach its node to the shading group."""
        height = self._graph.displacement
        if height is None:
            return
        node = self._graph.node(height.source)
        displacement = cmds.shadingNode("displacementShader", asShader=True, name=self._name + "_displacement")
        scale = height.scale * _CENTIMETERS_PER_METER if height.scale is not None else 1.0
        if isinstance(node, Image):
            file = self._files[node.name]
            # Luminance stands for the alpha that a gray file lacks.
            cmds.setAttr(file + ".alphaIsLuminance", True)
            cmds.setAttr(file + ".alphaGain", scale)
            cmds.setAttr(file + ".alphaOffset", -height.level * scale)
            offset = file + ".outAlpha"
        else:
            centered = self._arithmetic.difference(self._number(node), height.level)
            offset = self._arithmetic.product(centered, scale)
        cmds.connectAttr(offset, displacement + ".displacement")
        if height.scale is not None:
            cmds.connectAttr(displacement + ".displacement", self.group + ".displacementShader")
            return
        self._attach("displacement", displacement)
        self._notes.append(
            "The scale of the height is unknown, so {} is not connected. Set the Alpha Gain of its file and connect "
            "it to {}.".format(displacement, self.group)
        )

    def _image_name(self, name: str) -> str:
        """Name of the image that a node reads."""
        node = self._graph.node(name)
        return node.name if isinstance(node, Image) else self._image_name(node.source)

    def _attach_map(self, word: str, name: str) -> None:
        """Attach a map that no input takes, so that it is found and not deleted as unused."""
        if name:
            self._attach(word, self._files[self._image_name(name)])

    def _attach(self, word: str, node: str) -> None:
        """Connect a node to a message attribute of the shading group."""
        attribute = scene.MAP_ATTRIBUTES + word.capitalize()
        cmds.addAttr(self.group, longName=attribute, attributeType="message")
        cmds.connectAttr(node + ".message", "{}.{}".format(self.group, attribute))


def subdivide(members: Sequence[scene.Member]) -> None:
    """Turn on Arnold's subdivision of shapes without any, which displacement needs."""
    for shape in [name for member in members for name in member.node.names()]:
        if not cmds.attributeQuery("aiSubdivType", node=shape, exists=True):
            continue
        if not cmds.getAttr("{}.aiSubdivType".format(shape)):
            # Catmull-Clark.
            cmds.setAttr("{}.aiSubdivType".format(shape), 1)
            cmds.setAttr("{}.aiSubdivIterations".format(shape), _SUBDIVISIONS)


def node_name(name: str) -> str:
    """A name in the characters that Maya allows."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")
    return words if words and not words[0].isdigit() else "material_{}".format(words).rstrip("_")
