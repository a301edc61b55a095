"""What there is to do in a library: images, material folders and UDIM sets, each one unit, by the place it has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from matshot_host.description import DESCRIPTION, DOCUMENT, PREVIEW
from matshot_host.tools import Tool

from ..capture.camera_formats import CAMERA_SUFFIXES
from ..errors import MatshotError
from ..image.formats import READABLE
from ..image.udim import TOKEN, UdimSet, udim_set, udim_sets
from ..material.folder import MaterialFolder
from ..material.scan import FolderContent, folder_contents
from ..super_resolution.files import target_name
from .manifest import MEMORY, SUMMARIES

#: How photographs of one place say which of them had the flash.
_PAIR = re.compile(r"(?P<base>.+?)[ _.-]*(?P<light>flash|ambient|noflash|no[ _-]flash)", re.IGNORECASE)


@dataclass(frozen=True)
class Unit:
    """What is done at once, and done or failed as a whole.

    Attributes:
        key: its place in the library, with slashes; what it is known by from run to run.
        inputs: what the tool is given.
        files: whose contents the result depends on, by names that hold wherever the library lies.
        place: folder of its results in the output.
        name: of its results there.
        stem: that tools call the results by.
        staged: whether it is a material in a folder that holds more, so that the tool has to see its files alone.
        error: why it cannot be done.
    """

    key: str
    inputs: tuple[str, ...]
    files: dict[str, Path]
    place: PurePosixPath
    name: str
    stem: str
    staged: bool = False
    error: str = ""


@dataclass
class Library:
    """Units, and what is none.

    Attributes:
        units: by their keys.
        left_out: sentences about files that the tool does not take.
    """

    units: list[Unit] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def listed(inputs: Sequence[Path], output: Path, tool: Tool, *, look: Path | None, form: str, kind: str) -> Library:
    """Everything that a tool has to do.

    Args:
        inputs: folders, images, or ``name.<UDIM>.exr``. One folder is mirrored as it is, several by their names.
        output: folder, which is not looked into.
        tool: that is to do it.
        look: second input of every unit, for tools that take one.
        form: file format that is wanted, or ``same``.
        kind: what maps hold; anything but ``auto`` makes a material's maps images of their own.

    Raises:
        MatshotError: when an input does not exist, two have one name, or nothing can be done.
    """
    library = Library()
    roots: dict[str, Path] = {}
    folders = [path for path in inputs if path.is_dir()]
    for path in inputs:
        if TOKEN not in path.name and not path.exists():
            raise MatshotError(f"{path} does not exist.")
        if path.is_dir() and (path.resolve() == output.resolve()):
            raise MatshotError(f"{path} would be written into itself; choose another output.")
        name = path.resolve().name if path.is_dir() and len(folders) > 1 else "" if path.is_dir() else path.name
        other = roots.setdefault(name, path)
        if other is not path:
            raise MatshotError(f"{other} and {path} have one name, and would be mixed in {output}.")
        finder = _Finder(tool, output.resolve(), kind, look, library)
        if path.is_dir():
            finder.folder(path, PurePosixPath(name))
        elif TOKEN in path.name:
            finder.images([*udim_set(path).tiles.values()], PurePosixPath())
        else:
            finder.images([path], PurePosixPath())
    if not library.units:
        raise MatshotError(f"Nothing in {', '.join(map(str, inputs))} is what {tool.title} takes.")
    library.units = sorted(_apart(library.units, tool, form), key=lambda unit: unit.key)
    return library


@dataclass
class _Finder:
    tool: Tool
    output: Path
    kind: str
    look: Path | None
    library: Library

    def folder(self, root: Path, place: PurePosixPath) -> None:
        """A folder and all below it."""
        materials = self.tool.inputs[0].kind != "photo" and self.kind == "auto"
        suffixes = (*READABLE, *CAMERA_SUFFIXES) if self.tool.inputs[0].kind == "photo" else READABLE
        for content in folder_contents(root, self.output, materials=materials, suffixes=suffixes):
            here = place / content.place
            known = self._material(content, here)
            self.library.left_out += content.unread
            sheets = {one for one in content.images if SUMMARIES.fullmatch(one.name)}
            if sheets and (content.path / MEMORY).is_dir():
                known |= sheets  # of the batch whose output this is
            self.images([one for one in content.images if one not in known], here)

    def images(self, images: list[Path], place: PurePosixPath) -> None:
        """Images of one folder that are no material."""
        if self.tool.inputs[0].kind == "material":
            self.library.left_out += [f"{one} is an image, and {self.tool.title} takes materials." for one in images]
        elif len(self.tool.inputs) == 2 and self.look is None:
            self._pairs(images, place)
        else:
            sets, alone = udim_sets(images) if self.tool.works_on_files else ([], images)
            for one in sets:
                self._set(one, place)
            for image in alone:
                self._add(str(place / image.name), (str(image),), {image.name: image}, place, image.stem, image.stem)

    def _material(self, content: FolderContent, place: PurePosixPath) -> set[Path]:
        """The material that lies in a folder; the files that are its own."""
        folder, material, images = content.path, content.material, content.images
        name = folder.resolve().name
        # A library that is one material is a folder in the output too.
        key = str(place) if place.parts else name
        at = PurePosixPath(key).parent
        if content.error is not None:
            self._add(f"{key}/", (str(folder),), {}, at, name, name, error=content.error.sentence)
            return set(images)
        if material is None:
            return set()
        own = _own_files(material)
        pictures = {one for one in images if one not in own and _is_picture_of(one, material)}
        more = content.nested or any(one not in own and one not in pictures for one in images)
        files = {one.relative_to(folder).as_posix(): one for one in own}
        staged = more and self.tool.works_on_files
        stem = name if self.tool.works_on_files else material.name
        self._add(f"{key}/", (str(folder),), files, at, name, stem, staged)
        return {*own, *pictures}

    def _set(self, udim: UdimSet, place: PurePosixPath) -> None:
        files = {path.name: path for path in udim.tiles.values()}
        stem = udim.pattern.name.partition(TOKEN)[0].rstrip("._")
        self._add(str(place / udim.pattern.name), (str(udim.pattern),), files, place, stem, stem)

    def _pairs(self, images: list[Path], place: PurePosixPath) -> None:
        """Photographs of one place with flash and without, by their names."""
        found: dict[str, dict[bool, Path]] = {}
        for image in images:
            match = _PAIR.fullmatch(image.stem)
            if match is None:
                self.library.left_out.append(f"{image} does not end in _flash or _ambient.")
            else:
                found.setdefault(match["base"], {})[match["light"].lower() == "flash"] = image
        for base, both in found.items():
            if len(both) < 2:
                self.library.left_out.append(f"{next(iter(both.values()))} has no counterpart.")
                continue
            pair = (both[True], both[False])
            files = {one.name: one for one in pair}
            self._add(str(place / base), tuple(map(str, pair)), files, place, base, base)

    def _add(
        self,
        key: str,
        inputs: tuple[str, ...],
        files: dict[str, Path],
        place: PurePosixPath,
        name: str,
        stem: str,
        staged: bool = False,
        error: str = "",
    ) -> None:
        if self.look is not None:
            inputs += (str(self.look),)
            files = {**files, **_look_files(self.look)}
        self.library.units.append(Unit(key, inputs, files, place, name, stem, staged, error))


def _look_files(look: Path) -> dict[str, Path]:
    if not look.exists():
        raise MatshotError(f"{look} does not exist.")
    below = sorted(one for one in look.rglob("*") if one.is_file()) if look.is_dir() else [look]
    return {f"look:{one.relative_to(look.parent).as_posix()}": one for one in below}


def _own_files(material: MaterialFolder) -> list[Path]:
    records = [material.path / name for name in (DESCRIPTION, DOCUMENT)]
    return [entry.path for entry in material.entries] + [one for one in records if one.is_file()]


def _is_picture_of(image: Path, material: MaterialFolder) -> bool:
    """Whether an image only shows a material, or doubles one of its maps."""
    return image.name == PREVIEW or any(said.startswith(f"{image.name}:") for said in material.ignored)


def _apart(units: list[Unit], tool: Tool, form: str) -> Iterator[Unit]:
    """Units whose results would have one name get the name of their format too."""
    meant: dict[tuple[PurePosixPath, str], list[Unit]] = {}
    for unit in units:
        meant.setdefault((unit.place, _result_name(unit, tool, form).casefold()), []).append(unit)
    for same in meant.values():
        for unit in same:
            suffix = PurePosixPath(unit.key).suffix.lower().lstrip(".")
            yield replace(unit, name=f"{unit.name}_{suffix}") if len(same) > 1 and suffix else unit


def _result_name(unit: Unit, tool: Tool, form: str) -> str:
    """What a unit's result will be called, but for numbers."""
    if unit.key.endswith("/") or tool.result == "material":
        return f"{unit.name}/"
    if tool.result == "picture":
        return f"{unit.name}_preview.png"
    return target_name(Path(unit.key), form)


def slice_of(units: Sequence[Unit], part: tuple[int, int]) -> list[Unit]:
    """Every n-th unit, from the k-th on: slices of a library are of one length, give or take one.

    Args:
        units: in order.
        part: (k, n), with k from 1.
    """
    number, count = part
    return list(units[number - 1 :: count])


def slices(text: str) -> tuple[int, int]:
    """``2/5`` as the second of five slices.

    Raises:
        MatshotError: for anything else.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise MatshotError(f"{text!r} is not a slice; write for example 2/5 for the second of five.")
    return int(match[1]), int(match[2])
