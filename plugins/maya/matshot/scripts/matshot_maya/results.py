"""A job's results in the scene: textures replaced, file nodes and materials created."""

import os
from typing import List, NamedTuple, Optional, Sequence, Tuple

from matshot_host.graph import material_graph
from matshot_host.jobs import Result, discard_result

from . import network, scene, textures


class Plan(NamedTuple):
    """What to do with the results of a job, as chosen when it started.

    Attributes:
        title: of the undo step.
        destination: ``selection``, ``nodes`` or ``files``.
        shader: node type of new materials.
        members: selected objects that can have a material.
        textures: selected textures that can be replaced.
        inputs: paths of the job's inputs.
        scene: number of the scene that was open.
    """

    title: str
    destination: str
    shader: str
    members: Tuple[scene.Member, ...]
    textures: Tuple[textures.Texture, ...]
    inputs: Tuple[str, ...]
    scene: int = 0


def apply(results: Sequence[Result], plan: Plan) -> List[str]:
    """Apply results to the scene, in one undo step.

    Returns:
        Sentences for the artist about what could not be done.

    Raises:
        MatshotError: when a material cannot be read.
    """
    notes: List[str] = []
    if plan.destination == "files":
        return notes
    with scene.undo_chunk("Matshot: {}".format(plan.title)):
        images = [result for result in results if result.kind == "image"]
        if plan.destination == "selection":
            images = _replace_textures(images, plan, notes)
        for result in images:
            name = network.node_name(os.path.splitext(os.path.basename(result.path))[0])
            placement = textures.create_placement(name + "_placement")
            textures.create_file_node(name, result.path, placement, _encoding(result, plan))
        for result in results:
            if result.kind == "material":
                members = plan.members if plan.destination == "selection" else None
                notes += import_material(result.path, plan.shader, members)
    return notes


def import_material(folder: str, shader: str, members: Optional[Sequence[scene.Member]]) -> List[str]:
    """Build the network of a material folder.

    Args:
        folder: with a ``material.json``.
        shader: node type of the material.
        members: objects that get it; None leaves it unassigned.

    Returns:
        Sentences for the artist about what could not be done.

    Raises:
        MatshotError: when the folder cannot be read as a material.
    """
    graph = material_graph(folder)
    built = network.build(graph, shader)
    notes = list(built.notes)
    if members is None:
        return notes
    if "geometry_opacity" in graph.surface:
        scene.disable_opaque(members)
    height = graph.displacement
    if height is not None and height.scale is not None:
        network.subdivide(members, height.scale * max(height.level, 1.0 - height.level))
    if not members:
        notes.append("Nothing was selected, so {} is not assigned.".format(built.shader))
    elif not scene.assign(built.group, members):
        notes.append("The selected objects no longer exist, so {} is not assigned.".format(built.shader))
    return notes


def discard(results: Sequence[Result]) -> None:
    """Delete the files of results; other files in a material folder are kept."""
    for result in results:
        discard_result(result)


def _replace_textures(images: Sequence[Result], plan: Plan, notes: List[str]) -> List[Result]:
    """Replace textures with the images made from them.

    Returns:
        The images without a texture to replace.
    """
    remaining = list(images)
    for texture in plan.textures:
        matching = [result for result in remaining if textures.is_source(texture, _source(result, plan))]
        if not matching:
            continue
        # UDIM tiles replace their texture together; of several images from one file, the first does.
        used = matching if textures.UDIM in texture.path else matching[:1]
        if not textures.replace(texture, min(result.path for result in used)):
            notes.append("The file node of {} no longer exists.".format(os.path.basename(texture.path)))
        remaining = [result for result in remaining if result not in used]
    return remaining


def _encoding(result: Result, plan: Plan) -> str:
    """Encoding of an image by the texture it was made from; empty leaves it to Maya's rules."""
    kinds = [texture.kind for texture in plan.textures if textures.is_source(texture, _source(result, plan))]
    return "data" if kinds and kinds[0] in ("data", "normal") else ""


def _source(result: Result, plan: Plan) -> str:
    return result.source or (plan.inputs[0] if len(plan.inputs) == 1 else "")
