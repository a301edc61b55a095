"""Materials as textures and an instance of the master material."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Sequence

import unreal

from matshot_host.errors import MatshotError
from matshot_host.graph import Anisotropy, Channel, Image, Ior, MaterialGraph, NormalMap, Turn

from . import assets, naming, textures
from .master_material import Variant, master_material

#: Channels of the packed texture, as the master material reads them.
_PACKED = {"occlusion": 0, "specular_roughness": 1, "base_metalness": 2}
#: Maps behind a switch of the master material: surface input, texture parameter, switch parameter.
_OPTIONAL = (
    ("specular_ior", "Specular", "UseSpecular"),
    ("emission_color", "Emission", "UseEmission"),
    ("specular_roughness_anisotropy", "Anisotropy", "UseAnisotropy"),
    ("geometry_tangent", "AnisotropyAngle", "UseAnisotropyAngle"),
)


class MaterialOptions(NamedTuple):
    """How materials are created, by the preferences.

    Attributes:
        displace: whether height displaces vertices.
        translucent: whether opacity is blended; otherwise it masks pixels.
        virtual: whether textures are virtual ones.
        master: path of the project's own master material; empty for Matshot's.
        names: its parameters by those of Matshot's master material, where they differ.
    """

    displace: bool = False
    translucent: bool = False
    virtual: bool = False
    master: str = ""
    names: Mapping[str, str] = {}


class Created(NamedTuple):
    """Assets of a new material, and what the artist should know of them.

    Attributes:
        assets: the instance, then its textures.
        notes: sentences.
    """

    assets: list[Any]
    notes: list[str]


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


def instance_settings(graph: MaterialGraph, displace: bool) -> Settings:
    """Parameter values of the instance for a graph.

    Args:
        graph: of the material, in Unreal's format.
        displace: whether height displaces vertices.

    Raises:
        MatshotError: for a graph in another format.
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
    if graph.displacement is not None:
        names["Height"] = graph.displacement.source
        numbers["DisplacementLevel"] = graph.displacement.level
        if graph.displacement.scale is not None:
            # Unreal's unit is the centimeter.
            numbers["DisplacementHeight"] = 100.0 * graph.displacement.scale
        if displace:
            switches.append("UseDisplacement")
    return Settings(names, numbers, tuple(switches))


def create_material(graph: MaterialGraph, base: str, folder: str, options: MaterialOptions) -> Created:
    """Create and save textures and an instance, all or none.

    Args:
        graph: of the material, in Unreal's format.
        base: name without prefix.
        folder: content folder.
        options: of the preferences.

    Raises:
        MatshotError: for a graph in another format, and assets that cannot be created or saved.
    """
    _check(graph)
    notes: list[str] = []
    virtual = options.virtual and unreal.SystemLibrary.get_console_variable_bool_value("r.VirtualTextures")
    if options.virtual and not virtual:
        notes.append("Virtual textures are disabled in the project settings, so the textures are plain ones.")
    # Without a transaction: undo would remove half of assets that are imported asynchronously.
    master = _master(graph, options, virtual)
    settings, unused = _available(instance_settings(graph, options.displace), master, options)
    if unused:
        notes.append(f"{master.get_name()} has no parameter {', '.join(unused)}, so these maps and values are unused.")
    images = graph.images()
    imports = [
        textures.Import(
            image.file, naming.texture_name(base, image.name), textures.map_settings(image, _convention(graph), virtual)
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
    notes += [note for texture in imported for note in textures.size_notes(texture)]
    return Created(created, notes)


def assign(material: Any, components: Sequence[Any], slot: str) -> int:
    """Assign a material to components of actors, as one undo step.

    Args:
        material: to assign.
        components: with meshes; those that were deleted meanwhile are skipped.
        slot: name of a material slot; empty for all.

    Returns:
        Number of slots that were assigned.
    """
    assigned = 0
    with unreal.ScopedEditorTransaction("Matshot: Assign Material"):
        for component in components:
            try:
                names = [str(name) for name in component.get_material_slot_names()]
                for index, name in enumerate(names):
                    if not slot or name.lower() == slot.lower():
                        component.set_material(index, material)
                        assigned += 1
            except Exception as error:
                unreal.log(f"Matshot: An actor was skipped: {error}")
    return assigned


def replace_texture(old: str, new: Any) -> list[str]:
    """Use a texture in place of another in all material instances that refer to it, and save them.

    Args:
        old: path of the texture that is replaced.
        new: the other texture.

    Returns:
        Notes on what was replaced, and on what uses the old texture still.
    """
    library, replaced, others = unreal.MaterialEditingLibrary, [], []
    for user in assets.referencers(old):
        if not assets.is_exactly(user, unreal.MaterialInstanceConstant):
            others.append(user.get_name())
            continue
        try:
            assets.check_out(user)
            for parameter in library.get_texture_parameter_names(user):
                current = library.get_material_instance_texture_parameter_value(user, parameter)
                if current is not None and assets.path_of(current) == old:
                    library.set_material_instance_texture_parameter_value(user, parameter, new)
            library.update_material_instance(user)
            assets.save(user)
            replaced.append(user.get_name())
        except MatshotError as error:
            others.append(f"{user.get_name()} ({error.sentence})")
    notes = [f"{new.get_name()} replaces {old.rpartition('/')[2]} in {', '.join(replaced) or 'no material instance'}."]
    if others:
        notes.append(f"Still used by: {', '.join(others)}.")
    return notes


def _master(graph: MaterialGraph, options: MaterialOptions, virtual: bool) -> Any:
    """The master material of a graph: the project's own, or one of Matshot's."""
    if options.master:
        found = assets.loaded(options.master.partition(".")[0])
        if not isinstance(found, unreal.MaterialInterface):
            raise MatshotError(
                f"{options.master}, the master material of the preferences, does not exist or is not a material."
            )
        return found
    blend = "opaque"
    if "geometry_opacity" in graph.surface:
        blend = "translucent" if options.translucent else "masked"
    return master_material(Variant(blend, virtual))


def _available(settings: Settings, master: Any, options: MaterialOptions) -> tuple[Settings, list[str]]:
    """Values for the parameters that a master material has, under its names, and the names that it has not.

    Raises:
        MatshotError: when Matshot's own master material was changed so that it lacks a map.
    """
    library = unreal.MaterialEditingLibrary
    known = {str(name) for name in library.get_texture_parameter_names(master)}
    numbers = {str(name) for name in library.get_scalar_parameter_names(master)}
    switches = {str(name) for name in library.get_static_switch_parameter_names(master)}
    renamed = {name: options.names.get(name, name) for name in (*settings.textures, *settings.numbers)}
    renamed.update((name, options.names.get(name, name)) for name in settings.switches)
    missing = [renamed[name] for name in settings.textures if renamed[name] not in known]
    # A master material created before Unreal 5.6 displaces no vertices; the height texture is imported anyway.
    lost = sorted(set(missing).difference(["Height"]))
    if lost and not options.master:
        raise MatshotError(
            f"The project's master material has no parameter {', '.join(lost)}. "
            "Rename or delete the master material, and Matshot creates a new one."
        )
    found = Settings(
        {renamed[name]: image for name, image in settings.textures.items() if renamed[name] in known},
        {renamed[name]: value for name, value in settings.numbers.items() if renamed[name] in numbers},
        tuple(renamed[name] for name in settings.switches if renamed[name] in switches),
    )
    return found, sorted(missing) if options.master else []


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
