"""The master material that every material of Matshot is an instance of, made once in each project."""

from __future__ import annotations

import os
from typing import Any

import unreal

from matshot_host.errors import MatshotError
from matshot_host.graph import Image

from . import assets, textures

#: Where the master materials and their flat textures lie; they belong to the project, as its materials do.
FOLDER = "/Game/Matshot"
#: Names; another graph gets another number, and what exists stays as it is.
OPAQUE, MASKED = "M_Matshot", "M_Matshot_Masked"

#: Flat images that stand where an instance has no map: name of the asset, file, and what it is as a map.
_FLAT = {
    "color": ("T_Matshot_Flat_BC", "flat_color.png", Image("basecolor", "", "srgb", "", "xy", "", 3)),
    "normal": ("T_Matshot_Flat_N", "flat_normal.png", Image("normal", "", "data", "", "xy", "", 3)),
    "orm": ("T_Matshot_Flat_ORM", "flat_orm.png", Image("orm", "", "data", "", "xy", "", 3)),
    "gray": ("T_Matshot_Flat_H", "flat_gray.png", Image("height", "", "data", "", "xy", "", 1)),
}
#: How a texture of each flat image's kind is sampled, which has to match its compression.
_SAMPLERS = {
    "color": "SAMPLERTYPE_COLOR",
    "normal": "SAMPLERTYPE_NORMAL",
    "orm": "SAMPLERTYPE_MASKS",
    "gray": "SAMPLERTYPE_LINEAR_GRAYSCALE",
}


def can_displace() -> bool:
    """Whether this Unreal lets Python reach the input that moves vertices; 5.6 is the first that does."""
    return hasattr(unreal.MaterialProperty, "MP_WORLD_POSITION_OFFSET")


def master_material(masked: bool) -> Any:
    """The master material, made now if the project has none yet.

    Args:
        masked: whether pixels can be cut out by opacity.

    Raises:
        MatshotError: when it cannot be made; nothing is left of it then.
    """
    name = MASKED if masked else OPAQUE
    found = assets.loaded(f"{FOLDER}/{name}")
    if found is not None:
        return found
    assets.check_folder(FOLDER)
    flat = _flat_textures()
    material = assets.create(name, FOLDER, unreal.Material, unreal.MaterialFactoryNew())
    try:
        if masked:
            material.set_editor_property("blend_mode", unreal.BlendMode.BLEND_MASKED)
        _build(_Wiring(material, flat), masked)
        unreal.MaterialEditingLibrary.layout_material_expressions(material)
        unreal.MaterialEditingLibrary.recompile_material(material)
        assets.save(material)
    except Exception:
        assets.remove([material])
        raise
    return material


class _Wiring:
    """A material's graph, as it grows.

    Args:
        material: that it belongs to.
        flat: texture for each kind of map.
    """

    def __init__(self, material: Any, flat: dict[str, Any]) -> None:
        self._material, self._flat = material, flat
        self._placed = 0

    def add(self, kind: Any, **properties: Any) -> Any:
        """A new node."""
        node = unreal.MaterialEditingLibrary.create_material_expression(self._material, kind, -400, 120 * self._placed)
        if node is None:
            raise MatshotError(f"Unreal did not make a node of the master material: {kind.__name__}.")
        self._placed += 1
        for name, value in properties.items():
            node.set_editor_property(name, value)
        return node

    def texture(self, name: str, kind: str, group: str, coordinates: Any) -> Any:
        """A texture that instances set."""
        node = self.add(
            unreal.MaterialExpressionTextureSampleParameter2D,
            parameter_name=name,
            group=group,
            texture=self._flat[kind],
            sampler_type=getattr(unreal.MaterialSamplerType, _SAMPLERS[kind]),
        )
        self.join(coordinates, "", node, "UVs")
        return node

    def number(self, name: str, value: float, group: str) -> Any:
        """A number that instances set."""
        kind = unreal.MaterialExpressionScalarParameter
        return self.add(kind, parameter_name=name, group=group, default_value=value)

    def combined(self, kind: Any, first: Any, first_output: str, second: Any, second_output: str = "") -> Any:
        """A node with two inputs, A and B."""
        node = self.add(kind)
        self.join(first, first_output, node, "A")
        self.join(second, second_output, node, "B")
        return node

    def switched(self, name: str, group: str, on: Any, output: str, off: Any) -> Any:
        """One of two values, as instances choose; the other costs nothing."""
        kind = unreal.MaterialExpressionStaticSwitchParameter
        node = self.add(kind, parameter_name=name, group=group, default_value=False)
        self.join(on, output, node, "True")
        self.join(off, "", node, "False")
        return node

    def constant(self, value: float) -> Any:
        """A number that stays."""
        return self.add(unreal.MaterialExpressionConstant, r=value)

    def join(self, source: Any, output: str, target: Any, pin: str) -> None:
        """Connect an output, by its name or the first, with an input."""
        if not unreal.MaterialEditingLibrary.connect_material_expressions(source, output, target, pin):
            told = f"{source.get_class().get_name()} {output} to {target.get_class().get_name()} {pin}"
            raise MatshotError("Unreal did not connect two nodes of the master material.", told)

    def surface(self, source: Any, output: str, wanted: str) -> None:
        """Connect an output with an input of the material."""
        slot = getattr(unreal.MaterialProperty, wanted)
        if not unreal.MaterialEditingLibrary.connect_material_property(source, output, slot):
            raise MatshotError("Unreal did not connect a node with the master material.", wanted)


def _build(wiring: _Wiring, masked: bool) -> None:
    multiply, append = unreal.MaterialExpressionMultiply, unreal.MaterialExpressionAppendVector
    tiling = wiring.combined(
        append, wiring.number("TilingU", 1.0, "01 Mapping"), "", wiring.number("TilingV", 1.0, "01 Mapping")
    )
    plain = wiring.add(unreal.MaterialExpressionTextureCoordinate)
    coordinates = wiring.combined(multiply, plain, "", tiling)

    color = wiring.texture("BaseColor", "color", "02 Maps", coordinates)
    wiring.surface(color, "RGB", "MP_BASE_COLOR")
    packed = wiring.texture("ORM", "orm", "02 Maps", coordinates)
    wiring.surface(packed, "R", "MP_AMBIENT_OCCLUSION")
    strength = wiring.number("RoughnessStrength", 1.0, "03 Strength")
    rough = wiring.add(unreal.MaterialExpressionSaturate)
    wiring.join(wiring.combined(multiply, packed, "G", strength), "", rough, "")
    wiring.surface(rough, "", "MP_ROUGHNESS")
    wiring.surface(packed, "B", "MP_METALLIC")

    normal = wiring.texture("Normal", "normal", "02 Maps", coordinates)
    steepness = wiring.number("NormalStrength", 1.0, "03 Strength")
    flatwise = wiring.combined(append, steepness, "", steepness)
    # Slopes are scaled and the length is left to Unreal, which makes normals unit vectors per pixel.
    scale = wiring.combined(append, flatwise, "", wiring.constant(1.0))
    wiring.surface(wiring.combined(multiply, normal, "RGB", scale), "", "MP_NORMAL")

    _add_optional(wiring, coordinates)
    if masked:
        opacity = wiring.texture("Opacity", "gray", "02 Maps", coordinates)
        wiring.surface(opacity, "R", "MP_OPACITY_MASK")
    if can_displace():
        _add_displacement(wiring, coordinates)


def _add_optional(wiring: _Wiring, coordinates: Any) -> None:
    """Maps that few materials have, each behind a switch."""
    multiply, append = unreal.MaterialExpressionMultiply, unreal.MaterialExpressionAppendVector
    group = "05 More"
    specular = wiring.texture("Specular", "gray", group, coordinates)
    # Unreal's specular is the level itself, F0 = 0.08 times it.
    wiring.surface(wiring.switched("UseSpecular", group, specular, "R", wiring.constant(0.5)), "", "MP_SPECULAR")
    emission = wiring.texture("Emission", "color", group, coordinates)
    glow = wiring.combined(multiply, emission, "RGB", wiring.number("EmissionStrength", 1.0, group))
    dark = wiring.add(unreal.MaterialExpressionConstant3Vector)
    wiring.surface(wiring.switched("UseEmission", group, glow, "", dark), "", "MP_EMISSIVE_COLOR")

    anisotropy = wiring.texture("Anisotropy", "gray", group, coordinates)
    # Unreal's GGX takes alpha = roughness^2 (1 +- anisotropy), as the map means it.
    wiring.surface(wiring.switched("UseAnisotropy", group, anisotropy, "R", wiring.constant(0.0)), "", "MP_ANISOTROPY")
    turns = wiring.texture("AnisotropyAngle", "gray", group, coordinates)
    across = wiring.add(unreal.MaterialExpressionCosine, period=1.0)
    up = wiring.add(unreal.MaterialExpressionSine, period=1.0)
    wiring.join(turns, "R", across, "")
    wiring.join(turns, "R", up, "")
    # Texture coordinates run down in Unreal, so what turns counter-clockwise has the sine's sign changed.
    down = wiring.combined(multiply, up, "", wiring.constant(-1.0))
    around = wiring.combined(append, wiring.combined(append, across, "", down), "", wiring.constant(0.0))
    along = wiring.add(unreal.MaterialExpressionConstant3Vector, constant=unreal.LinearColor(1.0, 0.0, 0.0, 0.0))
    wiring.surface(wiring.switched("UseAnisotropyAngle", group, around, "", along), "", "MP_TANGENT")


def _add_displacement(wiring: _Wiring, coordinates: Any) -> None:
    """Vertices moved along their normal by centimetres per unit of height."""
    multiply, group = unreal.MaterialExpressionMultiply, "04 Displacement"
    height = wiring.texture("Height", "gray", group, coordinates)
    level = wiring.number("DisplacementLevel", 0.5, group)
    above = wiring.combined(unreal.MaterialExpressionSubtract, height, "R", level)
    moved = wiring.combined(multiply, above, "", wiring.number("DisplacementHeight", 5.0, group))
    outwards = wiring.add(unreal.MaterialExpressionVertexNormalWS)
    offset = wiring.combined(multiply, outwards, "", moved)
    still = wiring.add(unreal.MaterialExpressionConstant3Vector)
    wiring.surface(wiring.switched("UseDisplacement", group, offset, "", still), "", "MP_WORLD_POSITION_OFFSET")


def _flat_textures() -> dict[str, Any]:
    """The flat textures, imported now if the project does not have them."""
    found = {}
    for kind, (name, file, image) in _FLAT.items():
        texture = assets.loaded(f"{FOLDER}/{name}")
        if texture is None:
            path = os.path.join(_resources(), file)
            wanted = textures.Import(path, name, textures.map_settings(image, "dx"))
            texture = textures.import_textures([wanted], FOLDER)[0]
        found[kind] = texture
    return found


def _resources() -> str:
    """The plug-in's folder of files that are no assets, from ``Content/Python/matshot_unreal``."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.join(here, os.pardir, os.pardir, os.pardir, "Resources")
