"""The nodes: one for each tool and type of input, and those that bring materials in, apart, together and out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from . import tensors
from .maps import MAPS, missing_map
from .materials import FORM, Material, Place
from .matshot_host.description import DESCRIPTION, described_maps, read_description
from .matshot_host.errors import MatshotError, quoted
from .matshot_host.jobs import Job
from .matshot_host.tools import CONVERT, TOOLS, Tool
from .runner import folders, inside, new_job, notes, run, temporary_folder
from .widgets import ASSET, IMAGE, MATERIAL, TEXT, Kind, Sockets

#: Where ComfyUI's menu shows the nodes.
CATEGORY = "Matshot"
#: Variable with further folders that materials may be loaded from, separated as in PATH.
LIBRARY = "MATSHOT_LIBRARY"

_NOTES = "What Matshot noticed, one sentence a line; empty if nothing."


class _Node:
    """What all nodes share."""

    CATEGORY = CATEGORY
    FUNCTION = "run"


class ToolNode(_Node):
    """A node of a tool; :func:`tool_node` makes the classes.

    Attributes:
        KIND: tool and type of input.
    """

    KIND: Kind
    RETURN_TYPES: tuple[str, ...] = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Sockets]:
        """The inputs, as ComfyUI asks for them."""
        return cls.KIND.sockets()

    @classmethod
    def VALIDATE_INPUTS(cls, **given: Any) -> Any:
        """True, or the sentence about what is wrong with the values of widgets."""
        return _validation(cls.KIND, given)

    def run(self, **given: Any) -> tuple[Any, ...]:
        """Run the tool, once for each picture of a batch where it takes one at a time."""
        kind = self.KIND
        if getattr(self, "INPUT_IS_LIST", False):
            widgets = {name: values[0] for name, values in given.items() if values}
            lists = {name: given[name] for name in kind.inputs}
        else:
            widgets, lists = given, {name: [given.get(name)] for name in kind.inputs}
        types = kind.inputs
        sources = {
            name: [asset for value in values for asset in _sources(value, name, types[name][0])]
            for name, values in lists.items()
        }
        parameters = kind.values(widgets)
        if kind.tool.inputs[0].several:
            ((name, found),) = sources.items()
            return _outcome([_Run(kind, widgets, [(name, asset) for asset in found], parameters)])
        count = max(map(len, sources.values()))
        for name, found in sources.items():
            if len(found) not in (1, count):
                raise MatshotError(f"Input '{name}' has {len(found)} images, but another input has {count}.")
        return _outcome(
            [
                _Run(kind, widgets, [(name, found[index % len(found)]) for name, found in sources.items()], parameters)
                for index in range(count)
            ]
        )


class _Run(NamedTuple):
    """One job of a node.

    Attributes:
        kind: tool and type of input.
        given: values of all sockets and widgets.
        assets: pictures and materials with the names of their inputs, in the order of the tool's inputs.
        parameters: checked.
    """

    kind: Kind
    given: Mapping[str, Any]
    assets: Sequence[tuple[str, Any]]
    parameters: Mapping[str, Any]

    def results(self) -> tuple[list[Any], list[str]]:
        """Pictures or materials, and what the artist should know of them."""
        with new_job(self.kind.tool) as job:
            clipped: list[str] = []
            paths = [
                _stored(job, f"{name}{index}", asset, clipped) for index, (name, asset) in enumerate(self.assets, 1)
            ]
            parameters = {**self.parameters, **self._files(job, clipped)}
            if self.kind.makes_pictures:
                run(job, paths, parameters, "", {})
                return [tensors.load(one.path) for one in job.results], [*clipped, *notes(job)]
            place = temporary_folder()
            run(job, paths, parameters, place, FORM)
            return _materials(job, place), [*clipped, *notes(job)]

    def _files(self, job: Job, clipped: list[str]) -> dict[str, str]:
        """Paths of the parameters that are files, of sockets that are connected."""
        files = {}
        for parameter in self.kind.parameters:
            value = self.given.get(parameter.name)
            if not parameter.file or value is None:
                continue
            if parameter.file == "mask":
                picture = tensors.mask_picture(value, parameter.name)
            else:
                picture = _single(_sources(value, parameter.name, ASSET), parameter.name)
            files[parameter.name] = _stored(job, parameter.name, picture, clipped)
        return files


def tool_node(kind: Kind) -> Any:
    """The class of a tool's node."""
    tool = kind.tool
    pictures = kind.makes_pictures
    body: dict[str, Any] = {
        "KIND": kind,
        "DESCRIPTION": tool.help,
        "RETURN_TYPES": (IMAGE if pictures else MATERIAL, TEXT),
        "RETURN_NAMES": ("image" if pictures else "material", "notes"),
        "OUTPUT_TOOLTIPS": ("The result; a batch where there are several." if pictures else "The result.", _NOTES),
        "__doc__": tool.help,
    }
    if not pictures:
        # A batch of photographs is a list of materials, and nodes behind it run for each of them.
        body["OUTPUT_IS_LIST"] = (True, False)
    if tool.inputs[0].several and kind.asset == ASSET:
        body["INPUT_IS_LIST"] = True
    return type(_identifier(kind), (ToolNode,), body)


class LoadMaterial(_Node):
    """Bring a material folder in."""

    DESCRIPTION = "Load a material folder: maps in the names of any texture library, or with a material.json."
    RETURN_TYPES = (MATERIAL, TEXT)
    RETURN_NAMES = ("material", "notes")
    OUTPUT_TOOLTIPS = ("The material.", _NOTES)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Sockets]:
        """The inputs, as ComfyUI asks for them."""
        tip = f"Folder in ComfyUI's input or output folder, or in one that {LIBRARY} lists."
        return {"required": {"folder": (TEXT, {"default": "", "tooltip": tip})}}

    @classmethod
    def VALIDATE_INPUTS(cls, folder: str) -> Any:
        """True, or the sentence about a folder that is not there."""
        try:
            _library_folder(folder)
        except MatshotError as error:
            return error.sentence
        return True

    @classmethod
    def IS_CHANGED(cls, folder: str) -> str:
        """A digest of what is in the folder, so that changed maps are loaded again."""
        digest = hashlib.sha256()
        try:
            for entry in sorted(os.scandir(_library_folder(folder)), key=lambda one: one.name):
                state = entry.stat()
                digest.update(repr((entry.name, state.st_size, state.st_mtime_ns)).encode("utf-8", "replace"))
        except (OSError, MatshotError) as error:
            return str(error)
        return digest.hexdigest()

    def run(self, folder: str) -> tuple[Any, str]:
        """The material, in the form in which nodes keep them."""
        material, sentences = _converted(_library_folder(folder))
        return material, "\n".join(sentences)


class SaveMaterial(_Node):
    """Write a material for another program."""

    KIND = Kind(CONVERT, MATERIAL)
    DESCRIPTION = CONVERT.help
    RETURN_TYPES = (TEXT, TEXT)
    RETURN_NAMES = ("folder", "notes")
    OUTPUT_TOOLTIPS = ("Where the material is.", _NOTES)
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Sockets]:
        """The inputs, as ComfyUI asks for them."""
        sockets = cls.KIND.sockets()
        tip = "Folder in ComfyUI's output folder. The material gets a free name in it; nothing is overwritten."
        (material, about), *rest = sockets["required"].items()
        place = ("folder", (TEXT, {"default": "materials", "tooltip": tip}))
        name = ("name", (TEXT, {"default": "material", "tooltip": "Name of the material."}))
        sockets["required"] = dict([(material, about), place, name, *rest])
        return sockets

    @classmethod
    def VALIDATE_INPUTS(cls, **given: Any) -> Any:
        """True, or the sentence about what is wrong with the values of widgets."""
        try:
            _output_folder(str(given.get("folder") or ""))
            _file_name(given.get("name"))
        except MatshotError as error:
            return error.sentence
        return _validation(cls.KIND, given)

    def run(self, material: Any, folder: str, name: str, **given: Any) -> dict[str, Any]:
        """Write it; the folder."""
        parameters, place = self.KIND.values(given), _output_folder(folder)
        source = _one_material(material, "material")
        with new_job(CONVERT) as job:
            named = _named(source.path, job.folder, _file_name(name))
            run(job, [named], parameters, _new_folder(place), {})
            written, sentences = [one.path for one in job.results], notes(job)
        text = "\n".join(sentences)
        return {"ui": {"text": [*written, *sentences]}, "result": ("\n".join(written), text)}


class SplitMaterial(_Node):
    """Take a material apart."""

    DESCRIPTION = "The maps of a material as images: normals in OpenGL convention, all aligned."
    RETURN_TYPES = (*(IMAGE,) * len(MAPS), TEXT)
    RETURN_NAMES = (*MAPS, "notes")
    OUTPUT_TOOLTIPS = (*(one.tooltip for one in MAPS.values()), _NOTES)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Sockets]:
        """The inputs, as ComfyUI asks for them."""
        return {"required": {"material": (MATERIAL, {"tooltip": "The material."})}}

    def run(self, material: Any) -> tuple[Any, ...]:
        """Its maps, and a constant for each that it does not have, which is noted."""
        source, sentences = _one_material(material, "material"), []
        files = described_maps(read_description(source.path), source.path)
        found = {kind: tensors.load(files[kind].path) for kind in MAPS if kind in files}
        if not found:
            raise MatshotError(f"The material {source.name} has no map that a node shows.")
        height, width = next(iter(found.values())).shape[:2]
        images = []
        for kind in MAPS:
            if kind not in found:
                found[kind] = missing_map(kind, height, width)
                sentences.append(f"The material has no {kind} map; the output is constant.")
            images.append(tensors.tensor([found[kind]]))
        return (*images, "\n".join(sentences))


class JoinMaterial(_Node):
    """Put a material together."""

    DESCRIPTION = "A material of maps that are images. All must have one size."
    RETURN_TYPES = (MATERIAL, TEXT)
    RETURN_NAMES = ("material", "notes")
    OUTPUT_TOOLTIPS = ("The material.", _NOTES)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Sockets]:
        """The inputs, as ComfyUI asks for them."""
        convention = "Green channel of the normal map: gl (OpenGL) is +Y up, dx (DirectX) is +Y down."
        sockets: Sockets = {kind: (IMAGE, {"tooltip": one.label}) for kind, one in MAPS.items()}
        widget = {"default": "gl", "tooltip": convention}
        return {"required": {"convention": (["gl", "dx"], widget)}, "optional": sockets}

    def run(self, convention: str, **given: Any) -> tuple[Any, str]:
        """The material."""
        maps = {kind: given[kind] for kind in MAPS if given.get(kind) is not None}
        if not maps:
            raise MatshotError("No map is connected. Connect at least one.")
        with new_job(CONVERT) as job:
            folder = _new_folder(os.path.join(job.folder, "material"))
            clipped: list[str] = []
            for kind, value in maps.items():
                picture = _single(tensors.image_batch(value, kind), kind)
                _note_clipping(picture, kind, clipped)
                tensors.store(picture[..., :1] if MAPS[kind].gray else picture, os.path.join(folder, f"{kind}.tif"))
            files = {kind: {"file": f"{kind}.tif"} for kind in maps}
            if "normal" in files:
                files["normal"]["convention"] = convention
            _describe(folder, {"maps": files})
            place = temporary_folder()
            run(job, [folder], FORM, place, {})
            return _materials(job, place)[0], "\n".join([*clipped, *notes(job)])


def _outcome(runs: Sequence[_Run]) -> tuple[Any, str]:
    """What a node returns: an image of all pictures or a list of materials, and notes."""
    results: list[Any] = []
    sentences: list[str] = []
    for one in runs:
        found, said = one.results()
        results += found
        sentences += said
    text = "\n".join(dict.fromkeys(sentences))
    return (results if isinstance(results[0], Material) else tensors.tensor(results)), text


def _validation(kind: Kind, given: Mapping[str, Any]) -> Any:
    """True, or one sentence; what comes through a connection is None here, and is checked when the node runs."""
    try:
        # A node that takes its inputs as lists is asked with lists, too.
        widgets = {name: value[0] if isinstance(value, list) else value for name, value in given.items()}
        kind.values({name: value for name, value in widgets.items() if value is not None})
    except MatshotError as error:
        return error.sentence
    return True


def _sources(value: Any, name: str, type_: str) -> list[Any]:
    """Pictures of an image, or the one material.

    Raises:
        MatshotError: for anything else.
    """
    if isinstance(value, Material) and MATERIAL in type_:
        return [value]
    if type_ == MATERIAL:
        raise MatshotError(f"Input '{name}' must be a material, got {quoted(value)}.")
    return tensors.image_batch(value, name)


def _single(found: list[Any], name: str) -> Any:
    if len(found) != 1:
        raise MatshotError(f"Input '{name}' must be one image, got {len(found)}.")
    return found[0]


def _stored(job: Job, name: str, asset: Any, clipped: list[str]) -> str:
    """Path of a picture or a material, as the worker takes it."""
    if isinstance(asset, Material):
        return asset.path
    _note_clipping(asset, name, clipped)
    return tensors.store(asset, os.path.join(job.folder, f"{name}.tif"))


def _note_clipping(picture: Any, name: str, clipped: list[str]) -> None:
    if tensors.out_of_range(picture):
        clipped.append(f"Values of {name} outside 0 to 1 were clipped.")


def _materials(job: Job, place: str) -> list[Material]:
    """The materials of a job; the folder around them goes with the last of them."""
    kept = Place(place)
    return [Material(one.path, kept) for one in job.results]


def _one_material(value: Any, name: str) -> Material:
    """A material in the form in which nodes keep them.

    Raises:
        MatshotError: for what is no material.
    """
    (found,) = _sources(value, name, MATERIAL)
    return found if found.own else _converted(found.path)[0]


def _converted(folder: str) -> tuple[Material, list[str]]:
    """A material folder in the form in which nodes keep them."""
    with new_job(CONVERT) as job:
        place = temporary_folder()
        run(job, [folder], FORM, place, {})
        return _materials(job, place)[0], notes(job)


def _library_folder(text: str) -> str:
    """Path of a folder that materials may be loaded from.

    Raises:
        MatshotError: for one that does not exist, and any elsewhere: who reaches ComfyUI shall not read this computer.
    """
    known = folders()
    further = [one for one in os.environ.get(LIBRARY, "").split(os.pathsep) if one]
    places = [known["input"], known["output"], known["temporary"], *further]
    if not text.strip():
        raise MatshotError("No folder is chosen. Write the folder of a material in ComfyUI's input folder.")
    for place in places:
        path = os.path.join(place, text.strip())
        if os.path.isdir(path) and inside(path, places):
            return path
    if os.path.isdir(os.path.join(known["input"], text.strip())):
        raise MatshotError(f"{text} is outside of ComfyUI's folders. Add its library to {LIBRARY}.")
    raise MatshotError(f"{text} does not exist in ComfyUI's input or output folder.")


def _output_folder(text: str) -> str:
    """Path of a folder in ComfyUI's output folder; it need not exist.

    Raises:
        MatshotError: for one elsewhere.
    """
    output = folders()["output"]
    path = os.path.join(output, text.strip())
    if not inside(path, [output]):
        raise MatshotError(f"{text} is outside of ComfyUI's output folder. Choose a folder in it.")
    return path


def _file_name(text: Any) -> str:
    name = str(text or "").strip()
    if not name or name.strip(".") == "" or any(one in name for one in '/\\:*?"<>|\0'):
        raise MatshotError(f"Name must be a file name without a folder, got {quoted(text)}.")
    return name


def _new_folder(path: str) -> str:
    """A folder, created if it does not exist; its path."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise MatshotError(f"{path} cannot be created: {error.strerror or error}.", str(error)) from error
    return path


def _named(source: str, place: str, name: str) -> str:
    """A copy of a material under another name, which is that of what the tool makes of it."""
    folder = os.path.join(place, name)
    try:
        shutil.copytree(source, folder)
    except OSError as error:
        raise MatshotError(f"{folder} cannot be written: {error.strerror or error}.", str(error)) from error
    _describe(folder, {**read_description(folder), "name": name})
    return folder


def _describe(folder: str, description: Mapping[str, Any]) -> None:
    """Write the description of a material."""
    with open(os.path.join(folder, DESCRIPTION), "w", encoding="utf-8") as stream:
        json.dump(description, stream)


def _kinds(tool: Tool) -> list[Kind]:
    """The nodes of a tool: two where it takes images as well as materials and gives the same back."""
    if tool.result == "same":
        return [Kind(tool, IMAGE), Kind(tool, MATERIAL)]
    return [Kind(tool, ASSET)]


def _identifier(kind: Kind) -> str:
    both = kind.tool.result == "same"
    return f"Matshot{kind.tool.name.title()}{'Material' if both and kind.asset == MATERIAL else ''}"


def _title(kind: Kind) -> str:
    both = kind.tool.result == "same"
    return f"{kind.tool.title}{' (Material)' if both and kind.asset == MATERIAL else ''}"


_TOOL_KINDS = [kind for tool in TOOLS if tool is not CONVERT for kind in _kinds(tool)]

#: The nodes by their identifiers in workflows.
NODE_CLASS_MAPPINGS: dict[str, Any] = {
    **{_identifier(kind): tool_node(kind) for kind in _TOOL_KINDS},
    "MatshotLoadMaterial": LoadMaterial,
    "MatshotSaveMaterial": SaveMaterial,
    "MatshotSplitMaterial": SplitMaterial,
    "MatshotJoinMaterial": JoinMaterial,
}
#: Their titles.
NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = {
    **{_identifier(kind): f"Matshot {_title(kind)}" for kind in _TOOL_KINDS},
    "MatshotLoadMaterial": "Matshot Load Material",
    "MatshotSaveMaterial": "Matshot Save Material",
    "MatshotSplitMaterial": "Matshot Split Material",
    "MatshotJoinMaterial": "Matshot Join Material",
}
