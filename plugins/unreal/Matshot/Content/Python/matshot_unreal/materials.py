"""Materials as textures and an instance of the master material."""

from __future__ import annotations

from typing import Any, Collection, NamedTuple

import unreal

from matshot_host.errors import MatshotError
from matshot_host.graph import Anisotropy, Channel, Image, Ior, MaterialGraph, NormalMap, Turn

from . import assets, naming, textures
from .master_material import master_material

#: Channels of the packed texture, as the master material reads them.
_PACKED = {"occlusion": 0, "specular_roughness": 1, "base_metalness": 2}
#: Maps behind a switch of the master material: surface input, texture parameter, switch parameter.
_OPTIONAL = (
    ("specular_ior", "Specular", "UseSpecular"),
    ("emission_color", "Emission", "UseEmission"),
    ("specular_roughness_anisotropy", "Anisotropy", "UseAnisotropy"),
    ("geometry_tangent", "AnisotropyAngle", "UseAnisotropyAngle"),
)


class Settings(NamedTuple):
    """Parameter values of an instance.

    Attributes:
        textures: names of image nodes by parameter.
        numbers: values by parameter.
        switches: parameters that are on.
    """

    textures: dict[str, str]
    numbers: dict[str, float]
    switches: tuple[str, ...]


def instance_settings(graph: MaterialGraph, available: Collection[str], displace: bool) -> Settings:
    """Parameter values of the instance for a graph.

    Args:
        graph: of the material, in Unreal's format.
        available: texture parameters of the master material.
        displace: whether height displaces vertices.

    Raises:
        MatshotError: for a graph in another format, and a master material without the parameters for it.
    """
    names: dict[str, str] = {}
    packed = _packed(graph)
    if packed:
        names["ORM"] = packed
    color = _image(graph, "base_color")
    if color:
        names["BaseColor"] = color
    if "geometry_normal" in graph.surface:
        names["Normal"] = _image(graph, "geometry_normal")
    opacity = _image(graph, "geometry_opacity")
    if opacity:
        names["Opacity"] = opacity
    switches = []
    for surface_input, parameter, switch in _OPTIONAL:
        image = _image(graph, surface_input)
        if image:
            names[parameter] = image
            switches.append(switch)
    numbers = {"TilingU": graph.mapping.tiling[0], "TilingV": graph.mapping.tiling[1]}
    luminance = graph.surface.get("emission_luminance")
    if isinstance(luminance, float) and "Emission" in names:
        numbers["EmissionStrength"] = luminance
    # A master material created before Unreal 5.6 displaces no vertices; the height texture is imported anyway.
    if graph.displacement is not None and "Height" in available:
        names["Height"] = graph.displacement.source
        numbers["DisplacementLevel"] = graph.displacement.level
        if graph.displacement.scale is not None:
            # Unreal's unit is the centimeter.
            numbers["DisplacementHeight"] = 100.0 * graph.displacement.scale
        if displace:
            switches.append("UseDisplacement")
    missing = sorted(set(names).difference(available))
    if missing:
        raise MatshotError(
            f"The project's master material has no parameter {', '.join(missing)}. "
            "Rename or delete the master material, and Matshot creates a new one."
        )
    return Settings(names, numbers, tuple(switches))


def create_material(graph: MaterialGraph, base: str, folder: str, displace: bool) -> list[Any]:
    """Create and save textures and an instance, all or none.

    Args:
        graph: of the material, in Unreal's format.
        base: name without prefix.
        folder: content folder.
        displace: whether height displaces vertices.

    Returns:
        The instance, then the textures.

    Raises:
        MatshotError: for a graph in another format, and assets that cannot be created or saved.
    """
    _check(graph)
    # Without a transaction: undo would remove half of assets that are imported asynchronously.
    master = master_material("geometry_opacity" in graph.surface)
    available = [str(name) for name in unreal.MaterialEditingLibrary.get_texture_parameter_names(master)]
    settings = instance_settings(graph, available, displace)
    images = graph.images()
    imports = [
        textures.Import(
            image.file, naming.texture_name(base, image.name), textures.map_settings(image, _convention(graph))
        )
        for image in images
    ]
    imported = textures.import_textures(imports, folder)
    by_image = {image.name: imported[index] for index, image in enumerate(images)}
    created = list(imported)
    try:
        factory = unreal.MaterialInstanceConstantFactoryNew()
        name = naming.instance_name(base)
        instance = assets.create(name, folder, unreal.MaterialInstanceConstant, factory)
        created.insert(0, instance)
        _set_parameters(instance, master, settings, by_image)
        assets.save(instance)
    except Exception:
        assets.remove(created)
        raise
    return created


def _set_parameters(instance: Any, master: Any, settings: Settings, by_image: dict[str, Any]) -> None:
    library = unreal.MaterialEditingLibrary
    library.set_material_instance_parent(instance, master)
    # Return values are meaningless: several versions of Unreal return False for values that they set.
    for parameter, image in settings.textures.items():
        library.set_material_instance_texture_parameter_value(instance, parameter, by_image[image])
    for parameter, value in settings.numbers.items():
        library.set_material_instance_scalar_parameter_value(instance, parameter, value)
    for switch in settings.switches:
        library.set_material_instance_static_switch_parameter_value(instance, switch, True)
    library.update_material_instance(instance)


def _check(graph: MaterialGraph) -> None:
    for image in graph.images():
        if "<UDIM>" in image.file:
            raise MatshotError(
                f"{graph.name} has UDIM tiles, which Matshot cannot import into Unreal. Choose one without tiles."
            )
        if image.name in ("basecolor", "emission") and image.encoding != "srgb":
            raise MatshotError(f"The {image.label.lower()} of {graph.name} must be sRGB. Use Import Material.")
    for node in graph.nodes:
        if isinstance(node, NormalMap) and node.signed:
            raise MatshotError(f"The normal map of {graph.name} must not be signed. Use Import Material.")


def _packed(graph: MaterialGraph) -> str:
    """Name of the image with occlusion, roughness and metallic in its channels; empty without these maps."""
    found = set()
    for surface_input, channel in _PACKED.items():
        name = graph.occlusion if surface_input == "occlusion" else graph.surface.get(surface_input, "")
        if not isinstance(name, str) or not name:
            continue
        node = graph.node(name)
        if not isinstance(node, Channel) or node.index != channel:
            raise MatshotError(
                f"Occlusion, roughness and metallic of {graph.name} must be packed. Use Import Material."
            )
        found.add(node.source)
    return found.pop() if found else ""


def _image(graph: MaterialGraph, surface_input: str) -> str:
    """Name of the image behind an input of the surface; empty without one."""
    name = graph.surface.get(surface_input, "")
    if not isinstance(name, str) or not name:
        return ""
    node = graph.node(name)
    if isinstance(node, (NormalMap, Ior, Anisotropy, Turn)):
        node = graph.node(node.source)
    if not isinstance(node, Image):
        raise MatshotError(f"The master material cannot use the {surface_input} of {graph.name}.")
    return node.name


def _convention(graph: MaterialGraph) -> str:
    return next((node.convention for node in graph.nodes if isinstance(node, NormalMap)), "dx")
