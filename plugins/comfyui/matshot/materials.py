"""The material that travels between nodes: a folder, which goes when nobody needs it any more."""

from __future__ import annotations

import os
import shutil
import weakref

#: How nodes keep materials: what :mod:`.tiff` reads without loss.
FORM = {"format": "tif", "depth": "uint16", "normal": "gl", "pack": "none"}


class Place:
    """A temporary folder, which is removed when no material in it is used any more.

    Args:
        path: of the folder.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        weakref.finalize(self, shutil.rmtree, path, True)


class Material:
    """A material folder.

    Attributes:
        path: of the folder.
        own: whether nodes made it, in :data:`FORM`.

    Args:
        path: of the folder.
        place: around it; None for a folder that is the user's.
    """

    def __init__(self, path: str, place: Place | None = None) -> None:
        self.path, self.own = path, place is not None
        self._place = place

    @property
    def name(self) -> str:
        """Of the folder."""
        return os.path.basename(self.path)

    def __repr__(self) -> str:
        return f"Material({self.path!r})"
