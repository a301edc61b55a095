"""A material's graph as a Maya shading network."""

import re
import unicodedata
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from maya import cmds

from matshot_host.graph import Anisotropy, Channel, Image, Invert, Ior, MaterialGraph, Node, NormalMap

from . import scene, textures
from .utility_nodes import Arithmetic

#: Types of nodes in the networks of all shaders.
_NODE_TYPES = ("shadingEngine", "place2dTexture", "file", "multiplyDivide", "plusMinusAverage")
#: Maya computes in centimeters, whatever unit the scene shows.
_CENTIMETERS_PER_METER = 100.0
#: Luminance in nits, the unit of OpenPBR's ``emission_luminance`` (its specification, section Emission), that Arnold
#: renders as the value 1: a published measurement of 100 nits of the color 0.4 gave 0.0404.
_NITS = 1000.0
#: Attributes of shapes that turn on subdivision where a material displaces, and values that they get together.
#: Below, only the corners of faces would move. V-Ray subdivides what displaces by itself.
_SUBDIVISION: Tuple[Dict[str, int], ...] = (
    # Catmull-Clark.
    {"aiSubdivType": 1, "aiSubdivIterations": 3},
    {"rsEnableSubdivision": True},
    {"rsEnableDisplacement": True},
    # Catmull-Clark.
    {"rman_subdivScheme": 1},
)
#: Attribute of shapes with the length at which Redshift cuts displacement off.
_LONGEST = "rsMaxDisplacement"
#: Reflectance of a dielectric at normal incidence per unit of specular level.
_SPECULAR = 0.08


class _Shader(NamedTuple):
    """How a shader implements OpenPBR's inputs.

    Attributes:
        inputs: attribute names by OpenPBR input.
        opacity: type of its opacity: ``color`` or ``float``.
        constants: values of attributes, set where the shader has them.
        anisotropy_factor: factor on ``anisotropy^2`` in the correction of roughness; None for a shader whose
            anisotropy is defined otherwise.
        normals: node type that reads normal maps; empty for a shader that does so itself.
        displacement: node types of a displacement, the last one connected to the shading group.
    """

    inputs: Dict[str, str]
    opacity: str
    constants: Dict[str, Any]
    anisotropy_factor: Optional[float] = None
    normals: str = "bump2d"
    displacement: Tuple[str, ...] = ("displacementShader",)


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
_REDSHIFT = _Shader(
    {
        "base_color": "base_color",
        "base_metalness": "metalness",
        "specular_roughness": "refl_roughness",
        "specular_ior": "refl_ior",
        "geometry_normal": "bump_input",
        "geometry_opacity": "opacity_color",
        "emission_color": "emission_color",
        "emission_luminance": "emission_weight",
    },
    "color",
    {"base_color_weight": 1.0},
    normals="RedshiftBumpMap",
    displacement=("RedshiftDisplacement",),
)
_VRAY = _Shader(
    {
        # Its other name, color, is an alias whose channels have no names.
        "base_color": "diffuseColor",
        "base_metalness": "metalness",
        "specular_roughness": "reflectionGlossiness",
        "specular_ior": "fresnelIOR",
        "geometry_normal": "bumpMap",
        "geometry_opacity": "opacityMap",
        "emission_color": "illumColor",
    },
    "color",
    {
        "diffuseColorAmount": 1.0,
        "reflectionColor": (1.0, 1.0, 1.0),
        "reflectionColorAmount": 1.0,
        # GGX.
        "brdfType": 3,
        "useRoughness": True,
        "useFresnel": True,
        "lockFresnelIORToRefractionIOR": False,
    },
    normals="",
)
_RENDERMAN = _Shader(
    {
        "base_color": "baseColor",
        "base_metalness": "metallic",
        "specular_roughness": "roughness",
        "specular_ior": "ior",
        "geometry_normal": "bumpNormal",
        "geometry_opacity": "presence",
        "emission_color": "emitColor",
    },
    "float",
    {},
    normals="PxrNormalMap",
    displacement=("PxrDispTransform", "PxrDisplace"),
)
_SHADERS = {
    "standardSurface": _STANDARD,
    "aiStandardSurface": _STANDARD,
    "openPBRSurface": _OPEN_PBR,
    "RedshiftStandardMaterial": _REDSHIFT,
    "VRayMtl": _VRAY,
    "PxrDisneyBsdf": _RENDERMAN,
}

#: Node types of materials and their labels.
SHADERS: Tuple[Tuple[str, str], ...] = (
    ("standardSurface", "Standard Surface"),
    ("openPBRSurface", "OpenPBR Surface"),
    ("aiStandardSurface", "Arnold Standard Surface"),
    ("RedshiftStandardMaterial", "Redshift Standard Material"),
    ("VRayMtl", "V-Ray Material"),
    ("PxrDisneyBsdf", "RenderMan Disney BSDF"),
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
    types = [*_NODE_TYPES, kind, *filter(None, (_SHADERS[kind].normals,)), *_SHADERS[kind].displacement]
    before = set(cmds.ls(type=types) or [])
    try:
        notes = builder.run()
    except Exception:
        created = [node for node in cmds.ls(type=types) or [] if node not in before]
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
        self._set_known(self.shader, self._shader_type.constants)
        for name, source in self._graph.surface.items():
            self._connect_input(name, source)
        self._connect_displacement()
        self._attach_map("occlusion", self._graph.occlusion)
        return self._notes

    @staticmethod
    def _set_known(node: str, values: Dict[str, Any]) -> None:
        """Set attributes that this version of a renderer has."""
        for attribute, value in values.items():
            if not cmds.attributeQuery(attribute, node=node, exists=True):
                continue
            if isinstance(value, tuple):
                cmds.setAttr("{}.{}".format(node, attribute), *value, type="double3")
            else:
                cmds.setAttr("{}.{}".format(node, attribute), value)

    def _connect_input(self, name: str, source: Union[str, float]) -> None:
        """Connect or set one input of the surface."""
        # Renderers disagree on direction and scale of the rotation, and some on what the anisotropy is.
        differing = {"geometry_tangent": "direction"}
        if self._shader_type.anisotropy_factor is None:
            differing["specular_roughness_anisotropy"] = "anisotropy"
        if name in differing:
            word = differing[name]
            self._attach_map(word, self._image_name(str(source)))
            self._notes.append(
                "The {} is not connected, since renderers read it differently. Its map is attached to {}.".format(
                    "anisotropy direction" if word == "direction" else word, self.group
                )
            )
            return
        if name not in self._shader_type.inputs:
            # The color alone is what such shaders emit.
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
            self._connect_normals(node, plug)
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
        if not anisotropic or self._shader_type.anisotropy_factor is None:
            return plug
        anisotropy = self._number(self._graph.node(anisotropic[0].source))
        signed = self._arithmetic.product(self._arithmetic.power(anisotropy, 2.0), self._shader_type.anisotropy_factor)
        factor = self._arithmetic.power(self._arithmetic.sum(signed, 1.0), 0.25)
        return self._arithmetic.product(plug, factor)

    def _connect_normals(self, node: NormalMap, plug: str) -> None:
        """Connect a tangent-space map; all shaders expect OpenGL normals in [0, 1]."""
        file = self._files[self._image_name(node.name)]
        scale, center = (0.5, 0.5) if node.signed else (1.0, 0.0)
        if node.signed or node.convention == "dx":
            gain, offset = (-scale, 1.0 - center) if node.convention == "dx" else (scale, center)
            cmds.setAttr(file + ".colorGain", scale, gain, scale, type="double3")
            cmds.setAttr(file + ".colorOffset", center, offset, center, type="double3")
        kind = self._shader_type.normals
        if not kind:
            # Tangent space.
            cmds.setAttr(self.shader + ".bumpMapType", 1)
            cmds.connectAttr(file + ".outColor", plug)
            return
        reader = cmds.shadingNode(kind, asUtility=True, name=self._name + "_normal_bump")
        if kind == "RedshiftBumpMap":
            # Tangent space.
            cmds.setAttr(reader + ".inputType", 1)
            cmds.setAttr(reader + ".scale", 1.0)
            cmds.connectAttr(file + ".outColor", reader + ".input")
            cmds.connectAttr(reader + ".out", plug)
        elif kind == "PxrNormalMap":
            # OpenGL.
            self._set_known(reader, {"orientation": 0})
            cmds.connectAttr(file + ".outColor", reader + ".inputRGB")
            cmds.connectAttr(reader + ".resultN", plug)
        else:
            cmds.setAttr(reader + ".bumpInterp", 1)
            # Added by Arnold's plug-in, and on by default.
            self._set_known(reader, {"aiFlipR": False, "aiFlipG": False})
            cmds.connectAttr(file + ".outAlpha", reader + ".bumpValue")
            cmds.connectAttr(reader + ".outNormal", plug)

    def _connect_displacement(self) -> None:
        """Connect the height if its scale is known; otherwise attach its node to the shading group."""
        height = self._graph.displacement
        if height is None:
            return
        source = self._graph.node(height.source)
        scale = height.scale * _CENTIMETERS_PER_METER if height.scale is not None else 1.0
        kinds = self._shader_type.displacement
        names = [self._name + "_displacement" + ("" if kind is kinds[-1] else "_centered") for kind in kinds]
        created = [cmds.shadingNode(kind, asShader=True, name=name) for kind, name in zip(kinds, names)]  # noqa: B905  # newer than Python 3.7
        node = created[-1]
        connect = {
            "displacementShader": self._displace_by_maya,
            "RedshiftDisplacement": self._displace_by_redshift,
            "PxrDisplace": self._displace_by_renderman,
        }
        output, dial = connect[kinds[-1]](created, source, scale, height.level)
        if height.scale is not None:
            cmds.connectAttr("{}.{}".format(node, output), self.group + ".displacementShader")
            return
        self._attach("displacement", node)
        self._notes.append(
            "The scale of the height is unknown, so {} is not connected. Set {} and connect it to {}.".format(
                node, dial, self.group
            )
        )

    def _displace_by_maya(self, nodes: List[str], source: Node, scale: float, level: float) -> Tuple[str, str]:
        """Connect a displacement; its output, and what an artist sets to scale it."""
        if isinstance(source, Image):
            file = self._files[source.name]
            # Luminance stands for the alpha that a gray file lacks.
            cmds.setAttr(file + ".alphaIsLuminance", True)
            cmds.setAttr(file + ".alphaGain", scale)
            cmds.setAttr(file + ".alphaOffset", -level * scale)
            offset = file + ".outAlpha"
        else:
            centered = self._arithmetic.difference(self._number(source), level)
            offset = self._arithmetic.product(centered, scale)
        cmds.connectAttr(offset, nodes[0] + ".displacement")
        return "displacement", "the Alpha Gain of its file"

    def _displace_by_redshift(self, nodes: List[str], source: Node, scale: float, level: float) -> Tuple[str, str]:
        """See :meth:`_displace_by_maya`."""
        cmds.setAttr(nodes[0] + ".newrange_min", -level)
        cmds.setAttr(nodes[0] + ".newrange_max", 1.0 - level)
        cmds.setAttr(nodes[0] + ".scale", scale)
        self._connect_color(source, nodes[0] + ".texMap")
        return "out", "its Scale"

    def _displace_by_renderman(self, nodes: List[str], source: Node, scale: float, level: float) -> Tuple[str, str]:
        """See :meth:`_displace_by_maya`."""
        transform, displace = nodes
        # Both remappings, from 0..1 to depth and height and about the center, then give height - level.
        cmds.setAttr(transform + ".dispRemapMode", 2)
        for name, value in (("dispCenter", level), ("dispDepth", level), ("dispHeight", 1.0 - level)):
            cmds.setAttr("{}.{}".format(transform, name), value)
        cmds.setAttr(displace + ".dispAmount", scale)
        cmds.connectAttr(self._number(source), transform + ".dispScalar")
        cmds.connectAttr(transform + ".resultF", displace + ".dispScalar")
        return "outColor", "its Gain"

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


def subdivide(members: Sequence[scene.Member], amplitude: float) -> None:
    """Turn on the subdivision of shapes without any, which displacement needs, for the renderers that are loaded.

    Args:
        members: whose shapes.
        amplitude: largest displacement in meters.
    """
    for shape in [name for member in members for name in member.node.names()]:
        for switch in _SUBDIVISION:
            first = next(iter(switch))
            known = cmds.attributeQuery(first, node=shape, exists=True)
            if known and not cmds.getAttr("{}.{}".format(shape, first)):
                for attribute, value in switch.items():
                    cmds.setAttr("{}.{}".format(shape, attribute), value)
        if cmds.attributeQuery(_LONGEST, node=shape, exists=True):
            longest = "{}.{}".format(shape, _LONGEST)
            cmds.setAttr(longest, max(cmds.getAttr(longest), amplitude * _CENTIMETERS_PER_METER))


def node_name(name: str) -> str:
    """A name in the characters that Maya allows."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")
    return words if words and not words[0].isdigit() else "material_{}".format(words).rstrip("_")
