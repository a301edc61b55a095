"""What a tree of folders holds: materials, and the images that are none. Upscaling and batches walk libraries alike."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import MatshotError
from ..image.formats import READABLE
from .folder import MaterialFolder, find_material, unread_pictures

#: Folders that systems put beside pictures.
_SYSTEM_FOLDERS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN")


@dataclass(frozen=True)
class FolderContent:
    """One folder of a tree.

    Attributes:
        path: of the folder.
        place: of it below the root, with slashes.
        images: readable images in it, the material's maps among them, by name.
        unread: a sentence for each picture in it whose format is not read.
        nested: whether it has folders of its own.
        material: that lies in it, None for none.
        error: why its material cannot be read, None for no error.
    """

    path: Path
    place: PurePosixPath
    images: tuple[Path, ...]
    nested: bool
    material: MaterialFolder | None = None
    error: MatshotError | None = None
    unread: tuple[str, ...] = ()


def folder_contents(
    root: Path, output: Path, *, materials: bool = True, suffixes: Sequence[str] = READABLE
) -> Iterator[FolderContent]:
    """A folder and all below it, folder by folder in the order of their paths.

    Hidden files and folders are left out, and so is the output, whose images are not sources of the next run. A link
    to a folder is looked into, but links in it are not followed.

    Args:
        root: folder to look into.
        output: folder to leave out; need not exist.
        materials: whether to look for materials; without, all images are images alone.
        suffixes: of the images that count.
    """
    left_out = output.resolve()
    if root.resolve() == left_out:
        return
    for where, folders, files in os.walk(root):
        folder = Path(where)
        folders[:] = sorted(
            one
            for one in folders
            if one[0] != "." and one not in _SYSTEM_FOLDERS and (folder / one).resolve() != left_out
        )
        yield _content(root, folder, folders, files, materials, suffixes)
        for link in [folder / one for one in folders if (folder / one).is_symlink()]:
            target = link.resolve()
            if not root.resolve().is_relative_to(target) and not target.is_relative_to(left_out):
                inside = sorted(link.iterdir())
                names = [one.name for one in inside if not one.is_dir()]
                yield _content(root, link, [], names, materials, suffixes)


def _content(
    root: Path, folder: Path, folders: list[str], files: list[str], materials: bool, suffixes: Sequence[str]
) -> FolderContent:
    images = [folder / one for one in sorted(files) if Path(one).suffix.lower() in suffixes and one[0] != "."]
    images = [one for one in images if one.is_file() or not one.exists()]
    unread = unread_pictures(folder, suffixes)
    place = PurePosixPath(*folder.relative_to(root).parts)
    material, error = None, None
    if materials:
        try:
            material = find_material(folder)
        except MatshotError as problem:
            error = problem
    return FolderContent(folder, place, tuple(images), bool(folders), material, error, tuple(unread))
