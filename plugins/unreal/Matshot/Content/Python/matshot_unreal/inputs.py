"""What a tool is given: textures of the project and files of the disk, as paths for the worker."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from matshot_host.description import DESCRIPTION
from matshot_host.errors import MatshotError
from matshot_host.tools import Tool

from . import naming
from .offer import title


class Picture(NamedTuple):
    """Something that a tool is given.

    Attributes:
        asset: path of a texture asset, or empty.
        path: file or material folder on the disk, where it is no asset.
    """

    asset: str = ""
    path: str = ""

    @property
    def name(self) -> str:
        """What the artist calls it."""
        if self.asset:
            return self.asset.rpartition(".")[2] if "." in self.asset else self.asset.rpartition("/")[2]
        return os.path.splitext(os.path.basename(self.path.rstrip("/\\")))[0]


class Exported(NamedTuple):
    """A texture asset as a file.

    Attributes:
        path: of the file.
        kind: what it holds: ``color``, ``normal`` or ``data``.
        normal: of the file's green channel: ``gl`` or ``dx``.
    """

    path: str
    kind: str
    normal: str


class Inputs(NamedTuple):
    """What the worker is told.

    Attributes:
        paths: in the order of the tool's inputs, with what is known of each where a tool takes that.
        origins: texture asset of each file that left the project, by :func:`place_of` the file.
        held: what the first input holds if that is one image, as parameters of tools call it.
    """

    paths: list[str | Mapping[str, str]]
    origins: dict[str, str]
    held: dict[str, str]


def check_pictures(tool: Tool, pictures: Sequence[Sequence[Picture]]) -> None:
    """Find out whether a tool has all that it needs.

    Raises:
        MatshotError: when something is missing, not there, or too much.
    """
    for index, wanted in enumerate(tool.inputs):
        given = pictures[index] if index < len(pictures) else ()
        if not given and wanted.kind == "material":
            raise MatshotError(f"{title(tool)} needs a material folder; choose one.")
        if not given:
            told = wanted.title.lower()
            raise MatshotError(f"{title(tool)} needs {told}; select a texture in the Content Browser or choose a file.")
        if len(given) > 1 and wanted.kind == "photo":
            raise MatshotError(f"{title(tool)} takes one {wanted.title.lower()} at a time, not {len(given)}.")
        for picture in given:
            if not picture.asset and not os.path.exists(picture.path):
                raise MatshotError(f"{picture.path} does not exist.")


def makes_material(tool: Tool, pictures: Sequence[Sequence[Picture]]) -> bool:
    """Whether a material comes of it, and not a texture."""
    first = pictures[0]
    several = len(first) > 1 and not tool.inputs[0].several
    return tool.result == "material" or several or os.path.isdir(first[0].path)


def place_of(path: str) -> str:
    """A path in one spelling, for Unreal and the worker differ in theirs."""
    return os.path.normcase(os.path.normpath(path))


def worker_inputs(
    tool: Tool, pictures: Sequence[Sequence[Picture]], folder: str, export: Callable[[str, str, bool], Exported]
) -> Inputs:
    """Textures as files, and what the worker is told of them.

    Args:
        tool: that they are for.
        pictures: for each of its inputs.
        folder: of the job.
        export: writes a texture asset into a folder; said whether a photograph is wanted.

    Raises:
        MatshotError: when a texture cannot be written, or several do not make one material.
    """
    paths: list[str | Mapping[str, str]] = []
    origins: dict[str, str] = {}
    held: dict[str, str] = {}
    for index, wanted in enumerate(tool.inputs):
        own = os.path.join(folder, f"input{index}")
        files = []
        for number, picture in enumerate(pictures[index]):
            aside = os.path.join(own, str(number))
            if not picture.asset:
                files.append(Exported(picture.path, "", ""))
                continue
            try:
                os.makedirs(aside)
            except OSError as error:
                raise MatshotError(f"No temporary file can be written: {error.strerror or error}.") from error
            files.append(export(picture.asset, aside, wanted.kind == "photo"))
            origins[place_of(files[-1].path)] = picture.asset
        if wanted.several:
            known = [{"path": file.path, "kind": file.kind, "normal": file.normal} for file in files]
            paths += [{key: value for key, value in one.items() if value} for one in known]
        elif len(files) > 1:
            paths.append(_material_of(files, [picture.name for picture in pictures[index]], own))
        else:
            paths.append(files[0].path)
            if index == 0 and files[0].kind:
                held = {"kind": files[0].kind, "normal": files[0].normal}
    return Inputs(paths, origins, held)


def _material_of(files: Sequence[Exported], names: Sequence[str], folder: str) -> str:
    """Several textures described as the material that they are, by the endings of their names.

    Raises:
        MatshotError: when the names do not tell.
    """
    maps: dict[str, dict[str, Any]] = {}
    for index, file in enumerate(files):
        kind = naming.map_of(names[index])
        if not kind and file.kind == "normal":
            kind = "normal"
        elif not kind and file.kind == "color":
            kind = "basecolor"
        if not kind or kind in maps:
            raise MatshotError(
                f"The name of {names[index]} does not tell which map it is; "
                "textures of one material end with _BC, _N, _ORM, _R, _M, _AO or _H."
            )
        maps[kind] = {"file": os.path.relpath(file.path, folder).replace(os.sep, "/")}
        if kind == "normal":
            maps[kind]["convention"] = file.normal
    # On what axes it repeats is left to be measured: nearly every texture in Unreal is set to, whatever it holds.
    told = {"name": naming.base_of(names[0]), "maps": maps}
    try:
        with open(os.path.join(folder, DESCRIPTION), "w", encoding="utf-8") as stream:
            json.dump(told, stream, indent=2)
    except OSError as error:
        raise MatshotError(f"No temporary file can be written: {error.strerror or error}.") from error
    return folder
