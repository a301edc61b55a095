"""Inputs of tools: textures of the project and files on disk, as paths for the worker."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from matshot_host.description import DESCRIPTION
from matshot_host.errors import MatshotError
from matshot_host.tools import Tool
from matshot_host.udim import UDIM, normalized_path

from . import naming
from .editor_tools import menu_title


class Source(NamedTuple):
    """A texture asset, or a file or material folder on disk.

    Attributes:
        asset: path of a texture asset, or empty.
        path: of the file or folder, or empty.
    """

    asset: str = ""
    path: str = ""

    @property
    def name(self) -> str:
        """Name without folder and extension."""
        if self.asset:
            return self.asset.rpartition(".")[2] if "." in self.asset else self.asset.rpartition("/")[2]
        return os.path.splitext(os.path.basename(self.path.rstrip("/\\")))[0]


class ExportedFile(NamedTuple):
    """A texture asset, exported to a file.

    Attributes:
        path: of the file; contains ``<UDIM>`` for a texture of tiles.
        kind: map type: ``color``, ``normal`` or ``data``.
        normal: convention of the green channel: ``gl`` or ``dx``.
    """

    path: str
    kind: str
    normal: str


class WorkerInputs(NamedTuple):
    """Inputs of a job.

    Attributes:
        paths: in the order of the tool's inputs, with map types where the tool takes them.
        origins: texture asset of each file that left the project, by :func:`normalized_path` the file.
        map_type: what the first input holds if that is one image, as parameters of tools call it.
    """

    paths: list[str | Mapping[str, str]]
    origins: dict[str, str]
    map_type: dict[str, str]


def check_sources(tool: Tool, sources: Sequence[Sequence[Source]]) -> None:
    """Verify that a tool has all of its inputs.

    Raises:
        MatshotError: when an input is missing, does not exist, or there are too many.
    """
    for index, tool_input in enumerate(tool.inputs):
        given = sources[index] if index < len(sources) else ()
        name = tool_input.title.lower()
        if not given and tool_input.kind == "material":
            raise MatshotError(f"{menu_title(tool)} needs a material folder. Choose one under {tool_input.title}.")
        if not given:
            needed = name if tool_input.several else f"the {name}"
            raise MatshotError(
                f"{menu_title(tool)} needs {needed}. Select a texture in the Content Browser or choose a file."
            )
        if len(given) > 1 and tool_input.kind == "photo":
            raise MatshotError(f"{menu_title(tool)} takes one {name}, got {len(given)}.")
        for source in given:
            if not source.asset and not os.path.exists(source.path):
                raise MatshotError(f"{source.path} does not exist.")


def makes_material(tool: Tool, sources: Sequence[Sequence[Source]]) -> bool:
    """Whether the result is a material, not a texture."""
    first = sources[0]
    several = len(first) > 1 and not tool.inputs[0].several
    return tool.result == "material" or several or os.path.isdir(first[0].path)


def worker_inputs(
    tool: Tool, sources: Sequence[Sequence[Source]], folder: str, export: Callable[[str, str, bool], ExportedFile]
) -> WorkerInputs:
    """Exported textures, and what is known of them.

    Args:
        tool: of the job.
        sources: for each of its inputs.
        folder: of the job.
        export: writes a texture asset to a folder; its last argument tells whether a photograph is needed.

    Raises:
        MatshotError: when a texture cannot be exported, or several do not form one material.
    """
    paths: list[str | Mapping[str, str]] = []
    origins: dict[str, str] = {}
    map_type: dict[str, str] = {}
    for index, tool_input in enumerate(tool.inputs):
        input_folder = os.path.join(folder, f"input{index}")
        files = _exported(sources[index], input_folder, export, tool_input.kind == "photo")
        origins.update(
            {normalized_path(files[number].path): one.asset for number, one in enumerate(sources[index]) if one.asset}
        )
        if tool_input.several:
            known = [{"path": file.path, "kind": file.kind, "normal": file.normal} for file in files]
            paths += [{key: value for key, value in one.items() if value} for one in known]
        elif len(files) > 1:
            paths.append(_material_of(files, [source.name for source in sources[index]], input_folder))
        else:
            paths.append(files[0].path)
            if index == 0 and files[0].kind:
                map_type = {"kind": files[0].kind, "normal": files[0].normal}
    return WorkerInputs(paths, origins, map_type)


def worker_files(
    tool: Tool,
    chosen: Mapping[str, Sequence[Source]],
    folder: str,
    export: Callable[[str, str, bool], ExportedFile],
) -> dict[str, str]:
    """Paths of exported guides and masks, by parameter.

    Args:
        tool: of the job.
        chosen: textures for each parameter.
        folder: of the job.
        export: as :func:`worker_inputs` takes it.

    Raises:
        MatshotError: when a texture cannot be exported, has UDIM tiles, or several do not form one material.
    """
    paths = {}
    for name, sources in chosen.items():
        target = os.path.join(folder, name)
        files = _exported(sources, target, export, False)
        tiled = next((index for index, file in enumerate(files) if UDIM in file.path), None)
        if tiled is not None:
            raise MatshotError(
                f"{tool.parameter(name).label} must be one image, but {sources[tiled].name} has UDIM tiles. "
                "Choose another texture."
            )
        material = len(files) > 1
        paths[name] = _material_of(files, [one.name for one in sources], target) if material else files[0].path
    return paths


def _exported(
    sources: Sequence[Source], folder: str, export: Callable[[str, str, bool], ExportedFile], photograph: bool
) -> list[ExportedFile]:
    """Files of sources; textures of the project are exported, each to a folder of its own.

    Raises:
        MatshotError: when a texture cannot be exported.
    """
    files = []
    for number, source in enumerate(sources):
        if not source.asset:
            files.append(ExportedFile(source.path, "", ""))
            continue
        target = os.path.join(folder, str(number))
        try:
            os.makedirs(target)
        except OSError as error:
            raise MatshotError(f"Cannot write temporary files: {error.strerror or error}.") from error
        files.append(export(source.asset, target, photograph))
    return files


def _material_of(files: Sequence[ExportedFile], names: Sequence[str], folder: str) -> str:
    """A material folder of several textures, whose names tell which maps they are.

    Raises:
        MatshotError: for a name that does not tell.
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
                f"The map type of {names[index]} is unknown or given twice. "
                "Names of a material's textures end in _BC, _N, _ORM, _R, _M, _AO or _H."
            )
        maps[kind] = {"file": os.path.relpath(file.path, folder).replace(os.sep, "/")}
        if kind == "normal":
            maps[kind]["convention"] = file.normal
    # The worker measures tiling: nearly every texture in Unreal is set to wrap, whether it tiles or not.
    description = {"name": naming.base_of(names[0]), "maps": maps}
    try:
        with open(os.path.join(folder, DESCRIPTION), "w", encoding="utf-8") as stream:
            json.dump(description, stream, indent=2)
    except OSError as error:
        raise MatshotError(f"Cannot write temporary files: {error.strerror or error}.") from error
    return folder
