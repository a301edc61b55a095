# SPDX-License-Identifier: GPL-3.0-or-later
"""What the results of a job become in the .blend file. Data-blocks are named, never held: undo replaces them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import bpy
from bpy.types import Context, Object

from . import nodes, storage, textures
from .images import stem
from .matshot_host.errors import MatshotError
from .matshot_host.graph import material_graph
from .matshot_host.jobs import Job, Result, discard_result


class Outcome(Protocol):
    """What is done with the results of a job."""

    def apply(self, context: Context, job: Job) -> str:
        """Bring them into the .blend file.

        Returns:
            A sentence about it.

        Raises:
            MatshotError: when that is not possible any more.
        """


def discard(job: Job) -> None:
    """Remove the files that a job made; what else lies in a material's folder by now stays."""
    for result in job.results:
        discard_result(result)


@dataclass(frozen=True)
class Pictures:
    """New images, shown in the editors that showed their source.

    Attributes:
        source: name of the image that they were made of, empty if it was a file.
        packed: whether they become part of the .blend file.
    """

    source: str
    packed: bool

    def apply(self, context: Context, job: Job) -> str:
        """See :class:`Outcome`."""
        source = bpy.data.images.get(self.source)
        name = f"{stem(self.source)}_{job.tool}" if self.source else ""
        if source is not None and source.source == "TILED":
            images = [storage.loaded([result.path for result in job.results], name, self.packed)]
        else:
            images = [storage.loaded([result.path], name or _name(result), self.packed) for result in job.results]
        if not images:
            raise MatshotError(f"{job.title} made nothing.")
        for image in images:
            if source is not None:
                storage.like(image, source)
            # Nothing uses it yet, and Blender forgets such images when the file is closed.
            image.use_fake_user = True
        if source is not None:
            for space in _image_editors(context):
                if space.image == source:
                    space.image = images[0]
        # Of the result, because asking the image would make Blender decode it here and now.
        made = job.results[0]
        return f"{job.title}: {', '.join(image.name for image in images)}, {made.width} x {made.height}."


@dataclass(frozen=True)
class NewMaterial:
    """A material, given to an object if one is named.

    Attributes:
        target: name of the object, or empty.
        packed: whether its images become part of the .blend file.
    """

    target: str
    packed: bool

    def apply(self, context: Context, job: Job) -> str:
        """See :class:`Outcome`."""
        if not job.results:
            raise MatshotError(f"{job.title} made nothing.")
        graph = material_graph(job.results[0].path)
        images = {}
        for node in graph.images():
            images[node.name] = storage.loaded([node.file], f"{graph.name} {node.label}", self.packed)
            storage.colored(images[node.name], node)
        material = nodes.build(graph, lambda node: images[node.name])
        target = bpy.data.objects.get(self.target)
        if target is None or not takes_material(target):
            # Nothing uses it yet, and Blender forgets such materials when the file is closed.
            material.use_fake_user = True
            return f"{job.title}: {material.name}."
        if target.material_slots:
            target.material_slots[target.active_material_index].material = material
        else:
            target.data.materials.append(material)
        return f"{job.title}: {material.name}, on {target.name}."


@dataclass(frozen=True)
class Replaced:
    """Other images in the nodes of a material.

    Attributes:
        material: its name.
        sources: the files that were worked on, which may have ``<UDIM>`` in their name, to the names of their images.
        packed: whether the new images become part of the .blend file.
    """

    material: str
    sources: Mapping[str, tuple[str, ...]]
    packed: bool

    def apply(self, context: Context, job: Job) -> str:
        """See :class:`Outcome`."""
        material = bpy.data.materials.get(self.material)
        if material is None:
            raise MatshotError(f"The material {self.material} is gone, so its new textures have no place.")
        replaced = {}
        for source, names in self.sources.items():
            paths = [result.path for result in job.results if _is_of(result, source)]
            for name in names if paths else ():
                old = bpy.data.images.get(name)
                if old is None:
                    continue
                replaced[name] = storage.loaded(sorted(paths), f"{stem(name)}_{job.tool}", self.packed)
                storage.like(replaced[name], old)
        textures.replace(material, replaced)
        return f"{job.title}: {len(replaced)} of {sum(map(len, self.sources.values()))} textures."


def takes_material(target: Object) -> bool:
    """Whether an object has a surface, and may be changed."""
    return target.data is not None and hasattr(target.data, "materials") and target.data.library is None


def _name(result: Result) -> str:
    return os.path.splitext(os.path.basename(result.path))[0]


def _is_of(result: Result, source: str) -> bool:
    """Whether a result was made of a file, or of one of the tiles."""
    path = os.path.normcase(os.path.normpath(result.source))
    head, token, tail = os.path.normcase(os.path.normpath(source)).partition(os.path.normcase("<UDIM>"))
    if not token:
        return path == head
    number = path[len(head) : len(path) - len(tail)]
    return path == head + number + tail and len(number) == 4 and number.isdigit()


def _image_editors(context: Context) -> list:
    return [
        area.spaces.active
        for window in context.window_manager.windows
        for area in window.screen.areas
        if area.type == "IMAGE_EDITOR"
    ]
