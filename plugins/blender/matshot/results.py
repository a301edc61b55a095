# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of jobs in the .blend file. Data-blocks are referenced by name, since undo replaces them."""

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


class ResultHandler(Protocol):
    """Brings the results of a job into the .blend file."""

    def apply(self, context: Context, job: Job) -> str:
        """Apply the results.

        Returns:
            A summary for the artist.

        Raises:
            MatshotError: when they cannot be applied.
        """


def discard(job: Job) -> None:
    """Delete the files of a job's results; other files in a material folder are kept."""
    for result in job.results:
        discard_result(result)


@dataclass(frozen=True)
class NewImages:
    """New images, shown in the editors that show their source.

    Attributes:
        source: name of the source image; empty if it was a file.
        packed: whether they are packed into the .blend file.
    """

    source: str
    packed: bool

    def apply(self, context: Context, job: Job) -> str:
        """See :class:`ResultHandler`."""
        source = bpy.data.images.get(self.source)
        name = f"{stem(self.source)}_{job.tool}" if self.source else ""
        if source is not None and source.source == "TILED":
            images = [storage.load_image([result.path for result in job.results], name, self.packed)]
        else:
            images = [storage.load_image([result.path], name or _name(result), self.packed) for result in job.results]
        if not images:
            raise MatshotError(f"{job.title} produced no output.")
        for image in images:
            if source is not None:
                storage.copy_color_settings(image, source)
            # Blender discards images without users when the file is closed.
            image.use_fake_user = True
        if source is not None:
            for space in _image_editors(context):
                if space.image == source:
                    space.image = images[0]
        # The size of the image itself would make Blender decode it now.
        first = job.results[0]
        return f"{job.title}: {', '.join(image.name for image in images)}, {first.width} x {first.height}."


@dataclass(frozen=True)
class NewMaterial:
    """A new material, assigned to an object if one is named.

    Attributes:
        target: name of the object, or empty.
        packed: whether its images are packed into the .blend file.
    """

    target: str
    packed: bool

    def apply(self, context: Context, job: Job) -> str:
        """See :class:`ResultHandler`."""
        if not job.results:
            raise MatshotError(f"{job.title} produced no output.")
        graph = material_graph(job.results[0].path)
        images = {}
        for node in graph.images():
            images[node.name] = storage.load_image([node.file], f"{graph.name} {node.label}", self.packed)
            storage.set_color_space(images[node.name], node)
        material = nodes.build(graph, lambda node: images[node.name])
        target = bpy.data.objects.get(self.target)
        if target is None or not takes_material(target):
            # Blender discards materials without users when the file is closed.
            material.use_fake_user = True
            return f"{job.title}: {material.name}."
        if target.material_slots:
            target.material_slots[target.active_material_index].material = material
        else:
            target.data.materials.append(material)
        return f"{job.title}: {material.name}, assigned to {target.name}."


@dataclass(frozen=True)
class ReplacedTextures:
    """New images in the texture nodes of a material.

    Attributes:
        material: its name.
        sources: names of images by their file, which may contain ``<UDIM>``.
        packed: whether the new images are packed into the .blend file.
    """

    material: str
    sources: Mapping[str, tuple[str, ...]]
    packed: bool

    def apply(self, context: Context, job: Job) -> str:
        """See :class:`ResultHandler`."""
        material = bpy.data.materials.get(self.material)
        if material is None:
            raise MatshotError(f"The material {self.material} no longer exists, so its textures were not replaced.")
        replaced = {}
        for source, names in self.sources.items():
            paths = [result.path for result in job.results if _is_from(result, source)]
            for name in names if paths else ():
                old = bpy.data.images.get(name)
                if old is None:
                    continue
                replaced[name] = storage.load_image(sorted(paths), f"{stem(name)}_{job.tool}", self.packed)
                storage.copy_color_settings(replaced[name], old)
        textures.replace(material, replaced)
        return f"{job.title}: replaced {len(replaced)} of {sum(map(len, self.sources.values()))} textures."


def takes_material(target: Object) -> bool:
    """Whether an object can have materials and is not linked."""
    return target.data is not None and hasattr(target.data, "materials") and target.data.library is None


def _name(result: Result) -> str:
    return os.path.splitext(os.path.basename(result.path))[0]


def _is_from(result: Result, source: str) -> bool:
    """Whether a result was made from a file or one of its tiles."""
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
