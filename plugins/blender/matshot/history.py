# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that the sidebar lists, with their pictures and what is needed to run them again."""

import os
from dataclasses import dataclass, field
from typing import Any

import bpy
import bpy.utils.previews

from .matshot_host.jobs import Job

#: Finished jobs that are listed.
_LONGEST = 20


@dataclass
class Entry:
    """One job.

    Attributes:
        job: of the queue.
        operator: its identifier, such as ``matshot.upscale``; empty for a job that cannot be run again.
        keywords: properties of the operator.
        summary: what became of it, once it has ended.
        created: names of what it made, each with the name of its collection.
    """

    job: Job
    operator: str
    keywords: dict[str, Any]
    summary: str = ""
    created: list[tuple[str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """One line for the list."""
        if self.job.state == "running":
            return "Cancelling..." if self.job.cancelling else f"{100 * self.job.fraction:.0f}%  {self.job.stage}"
        return self.summary or self.job.error or self.job.state.capitalize()


_entries: list[Entry] = []
_pictures: Any = None
#: Files that the pictures are of.
_files: dict[str, str] = {}


def entries() -> list[Entry]:
    """The jobs, newest first."""
    return list(reversed(_entries))


def add(job: Job, operator: str, keywords: dict[str, Any]) -> Entry:
    """List a job."""
    _entries.append(Entry(job, operator, keywords))
    ended = [entry for entry in _entries if entry.job.ended]
    for entry in ended[: max(0, len(_entries) - _LONGEST)]:
        remove(entry.job.number)
    return _entries[-1]


def entry_of(number: int) -> Entry | None:
    """The entry of a job."""
    return next((entry for entry in _entries if entry.job.number == number), None)


def remove(number: int) -> None:
    """Take a job off the list."""
    _entries[:] = [entry for entry in _entries if entry.job.number != number]
    if _pictures is not None and str(number) in _pictures:
        del _pictures[str(number)]
    _files.pop(str(number), None)


def clear() -> None:
    """Take all jobs off the list."""
    for entry in list(_entries):
        remove(entry.job.number)


def picture(job: Job) -> int:
    """Icon with the picture of a job, 0 without one."""
    return picture_of(str(job.number), job.preview)


def picture_of(key: str, path: str) -> int:
    """Icon with the picture in a file, 0 without one.

    Args:
        key: under which the picture is kept after its file is gone.
        path: of the file; another one than before replaces the picture.
    """
    if _pictures is None:
        return 0
    if path != _files.get(key) and os.path.isfile(path):
        if key in _pictures:
            del _pictures[key]
        _files[key] = path
        _pictures.load(key, path, "IMAGE")
        # Read now, since the file of a job is deleted with it.
        _pictures[key].image_size[:]
    return _pictures[key].icon_id if key in _pictures else 0


def redraw() -> None:
    """Redraw the sidebars that list the jobs."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "IMAGE_EDITOR", "NODE_EDITOR"):
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def register() -> None:
    """Create the pictures."""
    global _pictures
    if not bpy.app.background:
        _pictures = bpy.utils.previews.new()


def unregister() -> None:
    """Remove the pictures and entries."""
    global _pictures
    clear()
    if _pictures is not None:
        bpy.utils.previews.remove(_pictures)
        _pictures = None
    _files.clear()
