"""A material's graph as a shading network of Maya's."""

import re
import unicodedata
from typing import Dict, List, NamedTuple, Tuple, Union

from maya import cmds

from matshot_host.graph import Anisotropy, Channel, Image, Invert, Ior, MaterialGraph, Node, NormalMap

from . import scene, textures
from .arithmetic import Arithmetic

#: Types of all nodes that a network is made of, besides its shader.
_KINDS = (
    *("shadingEngine", "place2dTexture", "file", "bump2d", "displacementShader"),
    *("multiplyDivide", "plusMinusAverage"),
)
#: Maya computes in centimetres, whatever the scene shows.
_CENTIMETRES = 100.0
#: A dielectric's reflectance at normal incidence for each unit of specular level.
_SPECULAR = 0.08


class _Shader(NamedTuple):
    """How a shader calls what OpenPBR calls otherwise.

    Attributes:
        inputs: names of attributes, by OpenPBR's.
        opaque: type of its opacity: ``color`` or ``float``.
        constants: attributes that are set where the shader has them.
        squares: factor on ``anisotropy^2`` by which roughness is corrected.
    """

    inputs: Dict[str, str]
    opaque: str
    constants: Dict[str, float]
    squares: float


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

#: Node types of materials, and what artists call them.
SHADERS: Tuple[Tuple[str, str], ...] = (
    ("standardSurface", "Standard Surface"),
    ("openPBRSurface", "OpenPBR Surface"),
    ("aiStandardSurface", "Arnold Standard Surface"),
)


class Network(NamedTuple):
    """What was built.

    Attributes:
        shader: node of the material.
        group: its shading group.
        notes: sentences for the artist about what could not be connected.
    """

    shader: str
    group: str
    notes: Tuple[str, ...]


def available() -> List[Tuple[str, str]]:
    """Those of :data:`SHADERS` that this Maya has, with the plug-ins that are loaded."""
    known = set(cmds.allNodeTypes() or [])
    return [shader for shader in SHADERS if shader[0] in known]


def build(graph: MaterialGraph, shader: str) -> Network:
    """Make a material's nodes; when that fails, none of them stay.

    Args:
        graph: of the material.
        shader: node type of :data:`SHADERS`; one that this Maya lacks becomes ``standardSurface``.
    """
    kind = shader if shader in dict(available()) else "standardSurface"
    building = _Building(graph, kind)
    before = set(cmds.ls(type=[*_KINDS, kind]) or [])
    try:
        notes = building.run()
    except Exception:
        left = [node for node in cmds.ls(type=[*_KINDS, kind]) or [] if node not in before]
        if left:
            cmds.delete(left)
        raise
    if kind != shader:
        notes.insert(0, "This Maya has no {}, so the material is a standardSurface.".format(shader))
    return Network(building.shader, building.group, tuple(notes))


class _Building:
    """One network while it grows.

    Args:
        graph: of the material.
        kind: node type of the shader.
    """

    def __init__(self, graph: MaterialGraph, kind: str) -> None:
        self.shader = self.group = ""
        self._graph, self._kind, self._attributes = graph, kind, _SHADERS[kind]
        self._name = node_name(graph.name)
        self._arithmetic = Arithmetic(self._name)
        self._placed = ""
        self._files: Dict[str, str] = {}
        self._notes: List[str] = []

    def run(self) -> List[str]:
        """Make all nodes; sentences about what could not be connected."""
        self.shader = cmds.shadingNode(self._kind, asShader=True, name=self._name)
        self.group = str(cmds.sets(renderable=True, noSurfaceShader=True, empty=True, name=self.shader + "SG"))
        cmds.connectAttr(self.shader + ".outColor", self.group + ".surfaceShader")
        self._placed = textures.placement(self._name + "_placement", self._graph.mapping.tiling)
        for image in self._graph.images():
            self._files[image.name] = textures.file_node(
                "{}_{}".format(self._name, image.name), image.file, self._placed, image.encoding, image.colorspace
            )
        for attribute, value in self._attributes.constants.items():
            if cmds.attributeQuery(attribute, node=self.shader, exists=True):
                cmds.setAttr("{}.{}".format(self.shader, attribute), value)
        for given, source in self._graph.surface.items():
            self._input(given, source)
        self._displacement()
        self._keep("occlusion", self._graph.occlusion)
        return self._notes

    def _input(self, given: str, source: Union[str, float]) -> None:
        """One input of the surface."""
        if given == "geometry_tangent":
            # Renderers do not agree on which way, and how far, a rotation turns.
            self._keep("direction", self._root(str(source)))
            self._notes.append(
                "The direction of the anisotropy is not connected, for shaders read it in different ways; "
                "its map hangs on {}.".format(self.group)
            )
            return
        plug = "{}.{}".format(self.shader, self._attributes.inputs[given])
        if not isinstance(source, str):
            cmds.setAttr(plug, source)
            return
        node = self._graph.node(source)
        if given in ("base_color", "emission_color") or (given == "geometry_opacity" and self._opaque_color()):
            self._color(node, plug)
        elif isinstance(node, NormalMap):
            cmds.connectAttr(self._normal(node), plug)
        elif given == "specular_roughness":
            cmds.connectAttr(self._roughness(self._number(node)), plug)
        else:
            cmds.connectAttr(self._number(node), plug)

    def _opaque_color(self) -> bool:
        return self._attributes.opaque == "color"

    def _color(self, node: Node, plug: str) -> None:
        """A colour, grey if the node gives one number."""
        if isinstance(node, Image):
            cmds.connectAttr(self._files[node.name] + ".outColor", plug)
            return
        for channel in "RGB":
            cmds.connectAttr(self._number(node), plug + channel)

    def _number(self, node: Node) -> str:
        """The plug of one number per pixel."""
        if isinstance(node, Image):
            # All three are alike in a grey file; the alpha of one without is another thing in every renderer.
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
        raise TypeError("{} gives no number".format(type(node).__name__))

    def _roughness(self, plug: str) -> str:
        """Roughness with which this shader comes to the alphas ``roughness^2 (1 +- anisotropy)``."""
        anisotropic = [node for node in self._graph.nodes if isinstance(node, Anisotropy)]
        if not anisotropic:
            return plug
        raw = self._number(self._graph.node(anisotropic[0].source))
        signed = self._arithmetic.product(self._arithmetic.power(raw, 2.0), self._attributes.squares)
        factor = self._arithmetic.power(self._arithmetic.sum(signed, 1.0), 0.25)
        return self._arithmetic.product(plug, factor)

    def _normal(self, node: NormalMap) -> str:
        """The plug of the normals that a tangent-space map stands for; Maya reads OpenGL's, in [0, 1]."""
        stored = self._files[self._root(node.name)]
        size, middle = (0.5, 0.5) if node.signed else (1.0, 0.0)
        if node.signed or node.convention == "dx":
            green, offset = (-size, 1.0 - middle) if node.convention == "dx" else (size, middle)
            cmds.setAttr(stored + ".colorGain", size, green, size, type="double3")
            cmds.setAttr(stored + ".colorOffset", middle, offset, middle, type="double3")
        bump = cmds.shadingNode("bump2d", asUtility=True, name=self._name + "_normal_bump")
        cmds.setAttr(bump + ".bumpInterp", 1)
        for flip in ("aiFlipR", "aiFlipG"):
            # Arnold's own, there once its plug-in was loaded, and on by default.
            if cmds.attributeQuery(flip, node=bump, exists=True):
                cmds.setAttr("{}.{}".format(bump, flip), False)
        cmds.connectAttr(stored + ".outAlpha", bump + ".bumpValue")
        return bump + ".outNormal"

    def _displacement(self) -> None:
        """The height, where its scale is known; else its node waits beside the shading group."""
        told = self._graph.displacement
        if told is None:
            return
        node = self._graph.node(told.source)
        displacement = cmds.shadingNode("displacementShader", asShader=True, name=self._name + "_displacement")
        metres = told.scale if told.scale is not None else 1.0 / _CENTIMETRES
        scale = metres * _CENTIMETRES
        if isinstance(node, Image):
            stored = self._files[node.name]
            # Without an alpha of its own, what Maya takes for it is the luminance.
            cmds.setAttr(stored + ".alphaIsLuminance", True)
            cmds.setAttr(stored + ".alphaGain", scale)
            cmds.setAttr(stored + ".alphaOffset", -told.level * scale)
            moved = stored + ".outAlpha"
        else:
            raised = self._arithmetic.difference(self._number(node), told.level)
            moved = self._arithmetic.product(raised, scale)
        cmds.connectAttr(moved, displacement + ".displacement")
        if told.scale is not None:
            cmds.connectAttr(displacement + ".displacement", self.group + ".displacementShader")
            return
        self._hang("displacement", displacement)
        self._notes.append(
            "How high the surface is, is not known, so {} is not connected; set the Alpha Gain of its file and connect "
            "it to {}.".format(displacement, self.group)
        )

    def _root(self, name: str) -> str:
        """Name of the image that a node was made of."""
        node = self._graph.node(name)
        return node.name if isinstance(node, Image) else self._root(node.source)

    def _keep(self, word: str, name: str) -> None:
        """Hold on to a map that no input takes, so that it is found and not cleaned away."""
        if name:
            self._hang(word, self._files[self._root(name)])

    def _hang(self, word: str, node: str) -> None:
        attribute = scene.KEPT + word.capitalize()
        cmds.addAttr(self.group, longName=attribute, attributeType="message")
        cmds.connectAttr(node + ".message", "{}.{}".format(self.group, attribute))


def node_name(name: str) -> str:
    """A material's name in the letters that Maya allows."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")
    return words if words and not words[0].isdigit() else "material_{}".format(words).rstrip("_")
