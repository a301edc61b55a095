"""A material's graph as textures and an instance of the master material."""

from __future__ import annotations

from typing import Any, Collection, NamedTuple

import unreal

from matshot_host.errors import MatshotError
from matshot_host.graph import Anisotropy, Channel, Image, Ior, MaterialGraph, NormalMap, Turn

from . import assets, naming, textures
from .master import master_material

#: Channels of the packed texture, as the master material reads them.
_PACKED = {"occlusion": 0, "specular_roughness": 1, "base_metalness": 2}
#: Maps behind a switch of the master material: input of the surface, parameter of the texture, switch.
_OPTIONAL = (
    ("specular_ior", "Specular", "UseSpecular"),
    ("emission_color", "Emission", "UseEmission"),
    ("specular_roughness_anisotropy", "Anisotropy", "UseAnisotropy"),
    ("geometry_tangent", "AnisotropyAngle", "UseAnisotropyAngle"),
)


class Settings(NamedTuple):
    """What an instance sets.

    Attributes:
        textures: name of the image's node, by parameter.
        numbers: by parameter.
        switches: that are on.
    """

    textures: dict[str, str]
    numbers: dict[str, float]
    switches: tuple[str, ...]


def instance_settings(graph: MaterialGraph, available: Collection[str], displace: bool) -> Settings:
    """What the instance for a graph sets.

    Args:
        graph: of the material, in Unreal's form.
        available: texture parameters of the master material.
        displace: whether height moves vertices.

    Raises:
        MatshotError: for a graph that is not in that form, and for a master material that lacks what it needs.
    """
    bound: dict[str, str] = {}
    packed = _packed(graph)
    if packed:
        bound["ORM"] = packed
    color = _image(graph, "base_color")
    if color:
        bound["BaseColor"] = color
    if "geometry_normal" in graph.surface:
        bound["Normal"] = _image(graph, "geometry_normal")
    opacity = _image(graph, "geometry_opacity")
    if opacity:
        bound["Opacity"] = opacity
    switches = []
    for wanted, parameter, switch in _OPTIONAL:
        image = _image(graph, wanted)
        if image:
            bound[parameter] = image
            switches.append(switch)
    numbers = {"TilingU": graph.mapping.tiling[0], "TilingV": graph.mapping.tiling[1]}
    luminance = graph.surface.get("emission_luminance")
    if isinstance(luminance, float) and "Emission" in bound:
        numbers["EmissionStrength"] = luminance
    # A master material made before Unreal 5.6 moves no vertices; the height's texture is imported all the same.
    if graph.displacement is not None and "Height" in available:
        bound["Height"] = graph.displacement.source
        numbers["DisplacementLevel"] = graph.displacement.level
        if graph.displacement.scale is not None:
            # Unreal's unit is the centimetre.
            numbers["DisplacementHeight"] = 100.0 * graph.displacement.scale
        if displace:
            switches.append("UseDisplacement")
    lacking = sorted(set(bound).difference(available))
    if lacking:
        raise MatshotError(
            f"The project's master material has no {', '.join(lacking)} any more; "
            "rename or delete it, and Matshot makes a new one."
        )
    return Settings(bound, numbers, tuple(switches))


def make_material(graph: MaterialGraph, base: str, folder: str, displace: bool) -> list[Any]:
    """Textures and an instance, saved; all of them or none.

    Args:
        graph: of the material, in Unreal's form.
        base: name without prefix.
        folder: content folder.
        displace: whether height moves vertices.

    Returns:
        The instance, then the textures.

    Raises:
        MatshotError: for a graph that is not in Unreal's form, for what Unreal does not make or save.
    """
    _check(graph)
    with unreal.ScopedEditorTransaction(f"Matshot: {naming.instance_name(base)}"):
        master = master_material("geometry_opacity" in graph.surface)
        available = [str(name) for name in unreal.MaterialEditingLibrary.get_texture_parameter_names(master)]
        settings = instance_settings(graph, available, displace)
        images = graph.images()
        wanted = [
            textures.Import(
                image.file, naming.texture_name(base, image.name), textures.map_settings(image, _convention(graph))
            )
            for image in images
        ]
        imported = textures.import_textures(wanted, folder)
        made = {image.name: imported[index] for index, image in enumerate(images)}
        created = list(imported)
        try:
            factory = unreal.MaterialInstanceConstantFactoryNew()
            name = naming.instance_name(base)
            instance = assets.create(name, folder, unreal.MaterialInstanceConstant, factory)
            created.insert(0, instance)
            _set(instance, master, settings, made)
            assets.save(instance)
        except Exception:
            assets.remove(created)
            raise
    return created


def _set(instance: Any, master: Any, settings: Settings, made: dict[str, Any]) -> None:
    library = unreal.MaterialEditingLibrary
    library.set_material_instance_parent(instance, master)
    # What these return is no answer: several versions of Unreal say False of every value that they took.
    for parameter, image in settings.textures.items():
        library.set_material_instance_texture_parameter_value(instance, parameter, made[image])
    for parameter, value in settings.numbers.items():
        library.set_material_instance_scalar_parameter_value(instance, parameter, value)
    for switch in settings.switches:
        library.set_material_instance_static_switch_parameter_value(instance, switch, True)
    library.update_material_instance(instance)


def _check(graph: MaterialGraph) -> None:
    for image in graph.images():
        if "<UDIM>" in image.file:
            raise MatshotError(f"The material {graph.name} has UDIM tiles, which Matshot does not bring into Unreal.")
        if image.name in ("basecolor", "emission") and image.encoding != "srgb":
            raise MatshotError(f"The {image.label.lower()} of {graph.name} is not in the form that Unreal needs.")
    for node in graph.nodes:
        if isinstance(node, NormalMap) and node.signed:
            raise MatshotError(f"The normal map of {graph.name} is not in the form that Unreal needs.")


def _packed(graph: MaterialGraph) -> str:
    """Name of the image that occlusion, roughness and metallic are channels of; empty where there is none of them."""
    found = set()
    for wanted, channel in _PACKED.items():
        name = graph.occlusion if wanted == "occlusion" else graph.surface.get(wanted, "")
        if not isinstance(name, str) or not name:
            continue
        node = graph.node(name)
        if not isinstance(node, Channel) or node.index != channel:
            raise MatshotError(f"{graph.name} has no packed occlusion, roughness and metallic, which Unreal needs.")
        found.add(node.source)
    return found.pop() if found else ""


def _image(graph: MaterialGraph, wanted: str) -> str:
    """Name of the image that an input of the surface takes, as Unreal takes it; empty where it takes none."""
    name = graph.surface.get(wanted, "")
    if not isinstance(name, str) or not name:
        return ""
    node = graph.node(name)
    if isinstance(node, (NormalMap, Ior, Anisotropy, Turn)):
        node = graph.node(node.source)
    if not isinstance(node, Image):
        raise MatshotError(f"Unreal's master material cannot take the {wanted} of {graph.name}.")
    return node.name


def _convention(graph: MaterialGraph) -> str:
    return next((node.convention for node in graph.nodes if isinstance(node, NormalMap)), "dx")
