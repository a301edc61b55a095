"""What becomes of a job's results in the scene."""

import os
from typing import List, NamedTuple, Optional, Sequence, Tuple

from matshot_host.graph import material_graph
from matshot_host.jobs import Result, discard_result

from . import network, scene, textures


class Plan(NamedTuple):
    """What the artist wanted when a job was started.

    Attributes:
        title: of the step of undo.
        outcome: ``selection``, ``nodes`` or ``files``.
        shader: node type of new materials.
        members: what was selected and can have a material.
        textures: what was selected and can be replaced.
        inputs: paths that the job was given.
    """

    title: str
    outcome: str
    shader: str
    members: Tuple[scene.Member, ...]
    textures: Tuple[textures.Texture, ...]
    inputs: Tuple[str, ...]


def apply(results: Sequence[Result], plan: Plan) -> List[str]:
    """Bring results into the scene, in one step of undo.

    Returns:
        sentences for the artist about what is not as wanted.

    Raises:
        MatshotError: when a material cannot be read.
    """
    notes: List[str] = []
    if plan.outcome == "files":
        return notes
    with scene.undo_chunk("Matshot: {}".format(plan.title)):
        images = [result for result in results if result.kind == "image"]
        if plan.outcome == "selection":
            images = _replaced(images, plan, notes)
        for result in images:
            name = network.node_name(os.path.splitext(os.path.basename(result.path))[0])
            textures.file_node(name, result.path, textures.placement(name + "_placement"), _encoding(result, plan))
        for result in results:
            if result.kind == "material":
                notes += bring_material(result.path, plan.shader, plan.members if plan.outcome == "selection" else None)
    return notes


def bring_material(folder: str, shader: str, members: Optional[Sequence[scene.Member]]) -> List[str]:
    """Make the network of a material folder.

    Args:
        folder: with a ``material.json``.
        shader: node type of the material.
        members: that get it; None to leave it unassigned.

    Returns:
        sentences for the artist about what is not as wanted.

    Raises:
        MatshotError: when the folder cannot be read as a material.
    """
    graph = material_graph(folder)
    made = network.build(graph, shader)
    notes = list(made.notes)
    if members is None:
        return notes
    if "geometry_opacity" in graph.surface:
        scene.let_light_through(members)
    if not members:
        notes.append("Nothing was selected, so {} is not assigned to anything.".format(made.shader))
    elif not scene.assign(made.group, members):
        notes.append("What was selected is gone, so {} is not assigned to anything.".format(made.shader))
    return notes


def discard(results: Sequence[Result]) -> None:
    """Remove the files of results; what else lies in a material's folder by now stays."""
    for result in results:
        discard_result(result)


def _replaced(images: Sequence[Result], plan: Plan, notes: List[str]) -> List[Result]:
    """Put images in the place of the textures they were made of; those that have none."""
    left = list(images)
    for texture in plan.textures:
        made = [result for result in left if textures.shows(texture, _source(result, plan))]
        if not made:
            continue
        # Of a texture in tiles all are there now; of one file, the first of many that were made of it.
        used = made if textures.UDIM in texture.path else made[:1]
        if not textures.replace(texture, min(result.path for result in used)):
            notes.append("The file node of {} is gone.".format(os.path.basename(texture.path)))
        left = [result for result in left if result not in used]
    return left


def _encoding(result: Result, plan: Plan) -> str:
    """Of an image that comes beside the texture it was made of; empty where Maya's rules shall say."""
    made_of = [texture.kind for texture in plan.textures if textures.shows(texture, _source(result, plan))]
    return "data" if made_of and made_of[0] in ("data", "normal") else ""


def _source(result: Result, plan: Plan) -> str:
    return result.source or (plan.inputs[0] if len(plan.inputs) == 1 else "")
