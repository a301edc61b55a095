"""The master material of all of Matshot's materials, created once per project."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import unreal

from matshot_host.errors import MatshotError
from matshot_host.graph import Image

from . import assets, textures

#: Folder of the master materials and their flat textures, in the project like the materials themselves.
FOLDER = "/Game/Matshot"
#: Start of asset names; another graph needs other names, since existing assets are kept.
NAME = "M_Matshot2"
#: End of the names of virtual textures and of the master materials that sample them.
VIRTUAL = "_VT"

#: Flat images, used where an instance has no map: asset name, file, and map.
_FLAT = {
    "color": ("T_Matshot_Flat_BC", "flat_color.png", Image("basecolor", "", "srgb", "", "xy", "", 3)),
    "normal": ("T_Matshot_Flat_N", "flat_normal.png", Image("normal", "", "data", "", "xy", "", 3)),
    "orm": ("T_Matshot_Flat_ORM", "flat_orm.png", Image("orm", "", "data", "", "xy", "", 3)),
    "gray": ("T_Matshot_Flat_H", "flat_gray.png", Image("height", "", "data", "", "xy", "", 1)),
    "alpha": ("T_Matshot_Flat_S", "flat_gray.png", Image("specular", "", "data", "", "xy", "", 1)),
}
#: Sampler type by kind of flat image; it must match the compression.
_SAMPLERS = {
    "color": "SAMPLERTYPE_COLOR",
    "normal": "SAMPLERTYPE_NORMAL",
    "orm": "SAMPLERTYPE_MASKS",
    "gray": "SAMPLERTYPE_LINEAR_GRAYSCALE",
    "alpha": "SAMPLERTYPE_ALPHA",
}


class Variant(NamedTuple):
    """One of the master materials.

    Attributes:
        blend: ``opaque``, ``masked`` or ``translucent``.
        virtual: whether it samples virtual textures.
    """

    blend: str = "opaque"
    virtual: bool = False

    @property
    def name(self) -> str:
        """Name of its asset."""
        blend = "" if self.blend == "opaque" else f"_{self.blend.title()}"
        return f"{NAME}{blend}{VIRTUAL if self.virtual else ''}"


def can_displace() -> bool:
    """Whether Python can connect World Position Offset, which is possible from Unreal 5.6 on."""
    return hasattr(unreal.MaterialProperty, "MP_WORLD_POSITION_OFFSET")


def master_material(variant: Variant) -> Any:
    """A master material, created if the project has none.

    Raises:
        MatshotError: when it cannot be created, or its place is taken by something else.
    """
    path = f"{FOLDER}/{variant.name}"
    found = assets.loaded(path)
    if assets.is_exactly(found, unreal.Material):
        return found
    if found is not None:
        raise MatshotError(f"{path} is not a material. Rename it, and Matshot creates its own.")
    assets.check_folder(FOLDER)
    flat = _flat_textures(variant.virtual)
    material = assets.create(variant.name, FOLDER, unreal.Material, unreal.MaterialFactoryNew())
    try:
        if variant.blend != "opaque":
            mode = getattr(unreal.BlendMode, f"BLEND_{variant.blend.upper()}")
            assets.set_properties(material, {"blend_mode": mode})
        _build(_GraphBuilder(material, flat, variant.virtual), variant.blend)
        unreal.MaterialEditingLibrary.layout_material_expressions(material)
        unreal.MaterialEditingLibrary.recompile_material(material)
        assets.save(material)
    except Exception:
        assets.remove([material])
        raise
    return material


class _GraphBuilder:
    """Builds the graph of a material.

    Args:
        material: to build.
        flat: flat texture by kind of map.
        virtual: whether they are virtual textures.
    """

    def __init__(self, material: Any, flat: dict[str, Any], virtual: bool) -> None:
        self._material, self._flat, self._virtual = material, flat, virtual
        self._count = 0

    def add(self, kind: Any, **properties: Any) -> Any:
        """Add a node."""
        node = unreal.MaterialEditingLibrary.create_material_expression(self._material, kind, -400, 120 * self._count)
        if node is None:
            raise MatshotError(f"Unreal did not create a node of the master material: {kind.__name__}.")
        self._count += 1
        assets.set_properties(node, properties)
        return node

    def texture(self, name: str, kind: str, group: str, coordinates: Any) -> Any:
        """Add a texture parameter."""
        sampler = _SAMPLERS[kind]
        if self._virtual:
            sampler = sampler.replace("SAMPLERTYPE_", "SAMPLERTYPE_VIRTUAL_")
        node = self.add(
            unreal.MaterialExpressionTextureSampleParameter2D,
            parameter_name=name,
            group=group,
            texture=self._flat[kind],
            sampler_type=getattr(unreal.MaterialSamplerType, sampler),
        )
        self.join(coordinates, "", node, "UVs")
        return node

    def number(self, name: str, value: float, group: str) -> Any:
        """Add a scalar parameter."""
        kind = unreal.MaterialExpressionScalarParameter
        return self.add(kind, parameter_name=name, group=group, default_value=value)

    def combine(self, kind: Any, first: Any, first_output: str, second: Any, second_output: str = "") -> Any:
        """Add a node with the inputs A and B."""
        node = self.add(kind)
        self.join(first, first_output, node, "A")
        self.join(second, second_output, node, "B")
        return node

    def switch(self, name: str, group: str, on: Any, output: str, off: Any) -> Any:
        """Add a static switch; the unused value costs nothing."""
        kind = unreal.MaterialExpressionStaticSwitchParameter
        node = self.add(kind, parameter_name=name, group=group, default_value=False)
        self.join(on, output, node, "True")
        self.join(off, "", node, "False")
        return node

    def constant(self, value: float) -> Any:
        """Add a constant."""
        return self.add(unreal.MaterialExpressionConstant, r=value)

    def join(self, source: Any, output: str, target: Any, pin: str) -> None:
        """Connect an output, by name or the first one, to an input."""
        if not unreal.MaterialEditingLibrary.connect_material_expressions(source, output, target, pin):
            detail = f"{source.get_class().get_name()} {output} to {target.get_class().get_name()} {pin}"
            raise MatshotError("Unreal did not connect two nodes of the master material.", detail)

    def surface(self, source: Any, output: str, name: str) -> None:
        """Connect an output to an input of the material."""
        slot = getattr(unreal.MaterialProperty, name)
        if not unreal.MaterialEditingLibrary.connect_material_property(source, output, slot):
            raise MatshotError("Unreal did not connect a node to the master material.", name)


def _build(builder: _GraphBuilder, blend: str) -> None:
    multiply, append = unreal.MaterialExpressionMultiply, unreal.MaterialExpressionAppendVector
    tiling = builder.combine(
        append, builder.number("TilingU", 1.0, "01 Mapping"), "", builder.number("TilingV", 1.0, "01 Mapping")
    )
    plain = builder.add(unreal.MaterialExpressionTextureCoordinate)
    coordinates = builder.combine(multiply, plain, "", tiling)

    color = builder.texture("BaseColor", "color", "02 Maps", coordinates)
    builder.surface(color, "RGB", "MP_BASE_COLOR")
    packed = builder.texture("ORM", "orm", "02 Maps", coordinates)
    builder.surface(packed, "R", "MP_AMBIENT_OCCLUSION")
    strength = builder.number("RoughnessStrength", 1.0, "03 Strength")
    rough = builder.add(unreal.MaterialExpressionSaturate)
    builder.join(builder.combine(multiply, packed, "G", strength), "", rough, "")
    builder.surface(rough, "", "MP_ROUGHNESS")
    builder.surface(packed, "B", "MP_METALLIC")

    normal = builder.texture("Normal", "normal", "02 Maps", coordinates)
    steepness = builder.number("NormalStrength", 1.0, "03 Strength")
    flatwise = builder.combine(append, steepness, "", steepness)
    # Only slopes are scaled; Unreal normalizes normals per pixel.
    scale = builder.combine(append, flatwise, "", builder.constant(1.0))
    builder.surface(builder.combine(multiply, normal, "RGB", scale), "", "MP_NORMAL")

    _add_optional(builder, coordinates)
    if blend != "opaque":
        opacity = builder.texture("Opacity", "alpha", "02 Maps", coordinates)
        builder.surface(opacity, "R", "MP_OPACITY_MASK" if blend == "masked" else "MP_OPACITY")
    if can_displace():
        _add_displacement(builder, coordinates)


def _add_optional(builder: _GraphBuilder, coordinates: Any) -> None:
    """Add optional maps, each behind a switch."""
    multiply, append = unreal.MaterialExpressionMultiply, unreal.MaterialExpressionAppendVector
    group = "05 More"
    specular = builder.texture("Specular", "alpha", group, coordinates)
    # Unreal's specular is the level itself, F0 = 0.08 times it.
    builder.surface(builder.switch("UseSpecular", group, specular, "R", builder.constant(0.5)), "", "MP_SPECULAR")
    emission = builder.texture("Emission", "color", group, coordinates)
    glow = builder.combine(multiply, emission, "RGB", builder.number("EmissionStrength", 1.0, group))
    dark = builder.add(unreal.MaterialExpressionConstant3Vector)
    builder.surface(builder.switch("UseEmission", group, glow, "", dark), "", "MP_EMISSIVE_COLOR")

    anisotropy = builder.texture("Anisotropy", "alpha", group, coordinates)
    # Unreal's GGX uses alpha = roughness^2 (1 +- anisotropy), like the map.
    builder.surface(builder.switch("UseAnisotropy", group, anisotropy, "R", builder.constant(0.0)), "", "MP_ANISOTROPY")
    turns = builder.texture("AnisotropyAngle", "gray", group, coordinates)
    across = builder.add(unreal.MaterialExpressionCosine, period=1.0)
    up = builder.add(unreal.MaterialExpressionSine, period=1.0)
    builder.join(turns, "R", across, "")
    builder.join(turns, "R", up, "")
    # Texture coordinates run down in Unreal, so a counterclockwise turn negates the sine.
    down = builder.combine(multiply, up, "", builder.constant(-1.0))
    around = builder.combine(append, builder.combine(append, across, "", down), "", builder.constant(0.0))
    along = builder.add(unreal.MaterialExpressionConstant3Vector, constant=unreal.LinearColor(1.0, 0.0, 0.0, 0.0))
    builder.surface(builder.switch("UseAnisotropyAngle", group, around, "", along), "", "MP_TANGENT")


def _add_displacement(builder: _GraphBuilder, coordinates: Any) -> None:
    """Add displacement along vertex normals, in centimeters per unit of height."""
    multiply, group = unreal.MaterialExpressionMultiply, "04 Displacement"
    height = builder.texture("Height", "gray", group, coordinates)
    level = builder.number("DisplacementLevel", 0.5, group)
    above = builder.combine(unreal.MaterialExpressionSubtract, height, "R", level)
    distance = builder.combine(multiply, above, "", builder.number("DisplacementHeight", 5.0, group))
    outwards = builder.add(unreal.MaterialExpressionVertexNormalWS)
    offset = builder.combine(multiply, outwards, "", distance)
    still = builder.add(unreal.MaterialExpressionConstant3Vector)
    builder.surface(builder.switch("UseDisplacement", group, offset, "", still), "", "MP_WORLD_POSITION_OFFSET")


def _flat_textures(virtual: bool) -> dict[str, Any]:
    """The flat textures, imported if the project has none."""
    found = {}
    for kind, (plain, file, image) in _FLAT.items():
        name = plain + (VIRTUAL if virtual else "")
        texture = assets.loaded(f"{FOLDER}/{name}")
        if texture is None:
            path = os.path.join(_resources(), file)
            flat = textures.Import(path, name, textures.map_settings(image, "dx", virtual))
            texture = textures.import_textures([flat], FOLDER)[0]
        found[kind] = texture
    return found


def _resources() -> str:
    """The plug-in's folder of files that are not assets."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.join(here, os.pardir, os.pardir, os.pardir, "Resources")
