"""Node types of Maya as far as the plug-in uses them: each attribute with its type and default.

Where the facts come from:

- [usd] Autodesk's maya-usd: ``lib/usd/translators/shading/shadingTokens.h`` lists the attributes of standardSurface and
  openPBRSurface and of the file node; ``mtlxStandardSurfaceReader.cpp`` and ``mtlxOpenPBRSurfaceReader.cpp`` say which
  input of MaterialX each of them is; ``shadingUtil.cpp`` has the connections of place2dTexture; ``shadingAsset.cpp``
  sets ``uvTilingMode`` to 3 and names the first tile where a path holds ``<UDIM>``.
- [ma] Scenes that Maya itself saved: ``.bi 1`` on bump2d, ``.ail yes`` and ``.ao -0.5`` on the file of a displacement,
  ``displacementShader.d`` connected to ``shadingEngine.ds``.
- [docs] Autodesk's node reference of Maya 2022 to 2026 (file, place2dTexture, bump2d, multiplyDivide,
  plusMinusAverage, displacementShader, shadingEngine).
- [renderers] Public tools that build and convert materials for Redshift, V-Ray and RenderMan in Maya, and scenes saved
  with these: ``RedshiftBumpMap.inputType`` and ``VRayMtl.bumpMapType`` are 1 for normals in tangent space;
  ``VRayMtl.color`` is an alias of ``diffuseColor``; shapes get ``rsEnableSubdivision``, ``rsEnableDisplacement``,
  ``rsMaxDisplacement`` (1 at first) of Redshift, and ``rman_subdivScheme`` of RenderMan (1 is Catmull-Clark).
- [arnold] Arnold for Maya adds ``aiFlipR``, ``aiFlipG`` (both on) to bump2d and ``aiOpaque`` (on) to shapes; its
  aiStandardSurface has the attributes of standardSurface.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Attribute(NamedTuple):
    """One attribute.

    Attributes:
        kind: ``float``, ``bool``, ``enum``, ``string``, ``color`` (children R, G, B), ``vector`` (X, Y, Z), ``pair``,
            ``message``, or ``any`` for what takes a number or three.
        default: its value at first.
        children: names of its parts.
        output: whether it is computed, so that nothing can be set or connected to it.
        count: of an ``enum``: how many values it has.
        array: whether it has elements.
    """

    kind: str
    default: Any = 0.0
    children: tuple[str, ...] = ()
    output: bool = False
    count: int = 0
    array: bool = False


def _color(name: str, value: float = 0.0, output: bool = False) -> dict[str, Attribute]:
    return {name: Attribute("color", (value,) * 3, tuple(name + part for part in "RGB"), output)}


def _vector(name: str, output: bool = False, kind: str = "vector") -> dict[str, Attribute]:
    return {name: Attribute(kind, (0.0,) * 3, tuple(name + part for part in "XYZ"), output)}


def _pair(name: str, first: str, second: str, value: float = 0.0, output: bool = False) -> dict[str, Attribute]:
    return {name: Attribute("pair", (value, value), (first, second), output)}


def _float(**defaults: float) -> dict[str, Attribute]:
    return {name: Attribute("float", value) for name, value in defaults.items()}


def _bool(**defaults: bool) -> dict[str, Attribute]:
    return {name: Attribute("bool", value) for name, value in defaults.items()}


#: [docs] [usd] What place2dTexture and file have in common, and connect by the same names.
_PLACED: dict[str, Attribute] = {
    **_pair("coverage", "coverageU", "coverageV", 1.0),
    **_pair("translateFrame", "translateFrameU", "translateFrameV"),
    **_float(rotateFrame=0.0, rotateUV=0.0),
    **_bool(mirrorU=False, mirrorV=False, stagger=False, wrapU=True, wrapV=True),
    **_pair("repeatUV", "repeatU", "repeatV", 1.0),
    **_pair("offset", "offsetU", "offsetV"),
    **_pair("noiseUV", "noiseU", "noiseV"),
    **_pair("vertexUvOne", "vertexUvOneU", "vertexUvOneV"),
    **_pair("vertexUvTwo", "vertexUvTwoU", "vertexUvTwoV"),
    **_pair("vertexUvThree", "vertexUvThreeU", "vertexUvThreeV"),
    **_vector("vertexCameraOne"),
}

#: [usd] standardSurface; base is 0.8 in Maya.
_STANDARD_SURFACE: dict[str, Attribute] = {
    **_float(base=0.8, diffuseRoughness=0.0, metalness=0.0, specular=1.0, specularRoughness=0.2, specularIOR=1.5),
    **_float(specularAnisotropy=0.0, specularRotation=0.0, transmission=0.0, coat=0.0, sheen=0.0, emission=0.0),
    **_color("baseColor", 1.0),
    **_color("specularColor", 1.0),
    **_color("emissionColor", 1.0),
    **_color("opacity", 1.0),
    **_vector("normalCamera"),
    **_vector("tangentUCamera"),
    **_color("outColor", output=True),
}

#: [usd] openPBRSurface.
_OPEN_PBR_SURFACE: dict[str, Attribute] = {
    **_float(baseWeight=1.0, baseDiffuseRoughness=0.0, baseMetalness=0.0, specularWeight=1.0, specularRoughness=0.3),
    **_float(specularIOR=1.5, specularRoughnessAnisotropy=0.0, coatWeight=0.0, fuzzWeight=0.0, emissionWeight=0.0),
    **_float(emissionLuminance=0.0, geometryOpacity=1.0),
    **_color("baseColor", 0.8),
    **_color("specularColor", 1.0),
    **_color("emissionColor", 1.0),
    **_vector("normalCamera"),
    **_vector("tangentUCamera"),
    **_color("outColor", output=True),
}

NODES: dict[str, dict[str, Attribute]] = {
    "transform": {},
    "mesh": {},
    "lambert": {**_color("color", 0.5), **_color("outColor", output=True)},
    "standardSurface": _STANDARD_SURFACE,
    "openPBRSurface": _OPEN_PBR_SURFACE,
    "aiStandardSurface": {**_STANDARD_SURFACE, **_vector("tangent")},
    # [docs] [ma]
    "shadingEngine": {
        **_vector("surfaceShader"),
        "displacementShader": Attribute("any"),
        **_vector("volumeShader"),
    },
    # [docs] [usd]
    "file": {
        **_PLACED,
        **_pair("uvCoord", "uCoord", "vCoord"),
        **_pair("uvFilterSize", "uvFilterSizeX", "uvFilterSizeY"),
        "fileTextureName": Attribute("string", ""),
        "computedFileTextureNamePattern": Attribute("string", "", output=True),
        "colorSpace": Attribute("string", "sRGB"),
        "uvTilingMode": Attribute("enum", 0, count=5),
        **_bool(ignoreColorSpaceFileRules=False, alphaIsLuminance=False, useFrameExtension=False),
        **_float(alphaGain=1.0, alphaOffset=0.0),
        **_color("colorGain", 1.0),
        **_color("colorOffset", 0.0),
        **_color("outColor", output=True),
        "outAlpha": Attribute("float", 0.0, output=True),
    },
    "place2dTexture": {
        **_PLACED,
        **_pair("uvCoord", "uCoord", "vCoord"),
        **_pair("outUV", "outU", "outV", output=True),
        **_pair("outUvFilterSize", "outUvFilterSizeX", "outUvFilterSizeY", output=True),
    },
    # [docs] [ma]
    "bump2d": {
        **_float(bumpValue=0.0, bumpDepth=1.0),
        "bumpInterp": Attribute("enum", 0, count=3),
        **_vector("normalCamera"),
        **_vector("outNormal", output=True),
    },
    "displacementShader": {
        **_float(displacement=0.0, scale=1.0),
        **_vector("vectorDisplacement"),
    },
    # [docs] of Arnold.
    "aiNormalMap": {**_vector("input"), **_vector("outValue", output=True)},
    # [docs] no operation, multiply, divide, power.
    "multiplyDivide": {
        "operation": Attribute("enum", 1, count=4),
        **_vector("input1"),
        **_vector("input2"),
        **_vector("output", output=True),
    },
    # [docs] no operation, sum, subtract, average.
    "plusMinusAverage": {
        "operation": Attribute("enum", 1, count=4),
        "input1D": Attribute("float", 0.0, array=True),
        "output1D": Attribute("float", 0.0, output=True),
    },
}

#: [arnold] What its plug-in adds to Maya's own nodes.
ARNOLD: dict[str, dict[str, Attribute]] = {
    "bump2d": _bool(aiFlipR=True, aiFlipG=True),
    "mesh": {
        **_bool(aiOpaque=True),
        "aiSubdivType": Attribute("enum", 0, count=3),
        "aiSubdivIterations": Attribute("float", 1),
    },
    "shadingEngine": _vector("aiSurfaceShader"),
}

#: [renderers] Nodes of other renderers' plug-ins, and what they add to Maya's own.
RENDERERS: dict[str, dict[str, dict[str, Attribute]]] = {
    "redshift": {
        "RedshiftStandardMaterial": {
            **_float(base_color_weight=1.0, metalness=0.0, refl_weight=1.0, refl_roughness=0.2, refl_ior=1.5),
            **_float(refl_aniso=0.0, refl_aniso_rotation=0.0, emission_weight=0.0, coat_weight=0.0),
            **_color("base_color", 0.5),
            **_color("opacity_color", 1.0),
            **_color("emission_color", 1.0),
            **_vector("bump_input"),
            **_color("outColor", output=True),
        },
        "RedshiftBumpMap": {
            **_vector("input"),
            "inputType": Attribute("enum", 0, count=3),
            **_float(scale=1.0),
            **_bool(flipY=False),
            **_vector("out", output=True),
        },
        "RedshiftDisplacement": {
            **_color("texMap"),
            **_float(scale=1.0, oldrange_min=0.0, oldrange_max=1.0, newrange_min=0.0, newrange_max=1.0),
            **_vector("out", output=True),
        },
        "mesh": {**_bool(rsEnableSubdivision=False, rsEnableDisplacement=False), **_float(rsMaxDisplacement=1.0)},
    },
    "vray": {
        "VRayMtl": {
            **_float(diffuseColorAmount=1.0, reflectionColorAmount=1.0, reflectionGlossiness=1.0, metalness=0.0),
            **_float(fresnelIOR=1.6, refractionIOR=1.6, anisotropy=0.0, bumpMult=1.0),
            **_bool(useRoughness=False, useFresnel=True, lockFresnelIORToRefractionIOR=True),
            "brdfType": Attribute("enum", 1, count=4),
            "bumpMapType": Attribute("enum", 0, count=7),
            **_color("diffuseColor", 0.5),
            **_color("reflectionColor"),
            **_color("illumColor"),
            **_color("opacityMap", 1.0),
            **_color("bumpMap"),
            **_color("outColor", output=True),
        },
    },
    "renderman": {
        "PxrDisneyBsdf": {
            **_float(metallic=0.0, roughness=0.25, ior=1.5, anisotropic=0.0, specReflectScale=1.0, presence=1.0),
            **_color("baseColor", 0.5),
            **_color("emitColor"),
            **_vector("bumpNormal"),
            **_color("outColor", output=True),
        },
        "PxrNormalMap": {
            **_color("inputRGB"),
            "orientation": Attribute("enum", 0, count=2),
            **_float(bumpScale=1.0),
            **_vector("resultN", output=True),
        },
        "PxrDispTransform": {
            **_float(dispScalar=0.0, dispHeight=1.0, dispDepth=1.0, dispCenter=0.5),
            "dispRemapMode": Attribute("enum", 1, count=4),
            "resultF": Attribute("float", output=True),
        },
        "PxrDisplace": {**_float(dispAmount=1.0, dispScalar=0.0), **_color("outColor", output=True)},
        "mesh": {"rman_subdivScheme": Attribute("enum", 0, count=4)},
    },
}

#: [docs] Input colour spaces of the configuration that Maya 2022 and later come with.
COLOR_SPACES = ("ACES2065-1", "ACEScg", "scene-linear Rec.709-sRGB", "sRGB", "Raw")
