"""Outputs of tools: written, named, previewed, and moved to where they are wanted."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import MatshotError
from ..files import file_name, free_path, move_new, os_reason, remove
from ..image.formats import WRITABLE, stored_depth
from ..image.writer import storage_notes, write_texture
from ..material.claims import check_unchanged
from ..material.compressed import is_compressed
from ..material.scenes import check_scenes
from ..material.types import Material, with_notes
from ..shading.thumbnail import file_thumbnail, is_thumbnail, thumbnail, write_picture
from .assets import check_own, targets, write_asset
from .convert import ConvertOptions, convert, form_notes, save_converted
from .job import OnPreview, ToolOutput, ToolRequest, ToolWork
from .unfinished import UnfinishedPictures

if TYPE_CHECKING:
    from ..image.types import Unfinished
    from ..progress import Progress
    from ..super_resolution import UpscaleResult
    from ..super_resolution.files import UpscaledFile
    from .registry import ToolEntry

#: Suffix of what is being moved.
_PARTIAL = ".partial"


class Reporter(Protocol):
    """Shows how a command gets on."""

    def progress(self, fraction: float, stage: str) -> None:
        """Show how far the work is."""

    def pictured(self, path: Path) -> None:
        """Show where a picture of unfinished work is."""

    def delivered(self, material: Material, target: Path, seconds: float, *, replaced: bool = False) -> None:
        """Show an output that was written."""

    def report(self, what: UpscaledFile | tuple[Path, MatshotError]) -> None:
        """Show a file that was written, or why it was not."""

    def summary(self, result: UpscaleResult) -> None:
        """Show how many files were written."""


def written_outputs(
    entry: ToolEntry,
    request: ToolRequest,
    parameters: Mapping[str, Any],
    folder: Path,
    progress: Progress,
    on_preview: OnPreview | None,
) -> Iterator[ToolOutput]:
    """Outputs of a tool that works in memory, each written into a folder as soon as it is made.

    Args:
        entry: of the tool.
        request: of which inputs, folder and form count.
        parameters: checked by the tool table.
        folder: that exists.
        progress: called with ``(fraction, stage)``.
        on_preview: called with pictures of unfinished work.

    Raises:
        MatshotError: for what the tool refuses, and what cannot be written.
        Cancelled: when ``progress`` raises it.
    """
    form = ConvertOptions(**request.form) if request.form else None
    work = entry.work(request.paths, parameters)
    if form is not None and work.form is not None and work.form.template:
        raise MatshotError("Export templates write files for other programs. Leave Export Template empty here.")
    if form is not None and work.form is not None and is_compressed(f".{work.form.format}"):
        raise MatshotError(
            f"{work.form.format.upper()} holds normals of two numbers, which this program does not read. "
            "Choose another format here."
        )
    with contextlib.ExitStack() as stack:
        shown = None if on_preview is None else stack.enter_context(UnfinishedPictures(request.folder, on_preview))
        yield from _written(entry, work, form, folder, work.materials(progress.part(0.0, 0.9), shown))


def _written(
    entry: ToolEntry, work: ToolWork, form: ConvertOptions | None, folder: Path, materials: Iterator[Material]
) -> Iterator[ToolOutput]:
    """The materials of a work, each written into a folder."""
    for ending, material in zip(work.endings, materials, strict=True):
        target = folder / f"{file_name(work.name or material.name)}{ending}"
        if work.image:
            target = target.with_name(f"{target.name}{_suffix(work)}")
            material = _with_storage_notes(work, material, target)
            _write(work, material, target)
            preview = target if entry.table.result == "picture" else picture_of(target, target)
        else:
            if form is not None and work.form is None:
                material, work = convert(material, form), replace(work, form=form)
            material = _with_storage_notes(work, material, target)
            _write(work, material, target)
            preview = write_picture(thumbnail(material), target.with_name(f"{target.name}.preview.png"))
        yield ToolOutput(
            "image" if work.image else "material",
            target,
            preview,
            material.width,
            material.height,
            material.wrap,
            "" if entry.table.result == "picture" else str(work.source),
            tuple(material.parameters.get("notes", ())),
        )


def deliver(
    entry: ToolEntry,
    inputs: Sequence[str],
    output: Path,
    parameters: Mapping[str, Any],
    reporter: Reporter,
    octaves: Path | None = None,
) -> bool:
    """Write the outputs of a command line to where it says; whether all of them could be written.

    Args:
        entry: of the tool.
        inputs: paths.
        output: file or folder.
        parameters: checked by the tool table.
        reporter: shows how it gets on.
        octaves: folder for pictures of unfinished work, None for none.

    Raises:
        MatshotError: for what the tool refuses, and for an output that cannot be written.
        Cancelled: when the reporter raises it.
    """
    if entry.table.works_on_files:
        return entry.file_tool().deliver(inputs, output, parameters, reporter)
    shown = 0

    def on_texture(unfinished: Unfinished) -> None:
        nonlocal shown
        if octaves is not None:
            place = octaves / f"{work.source.stem}_octave_{shown:03d}.png"
            if any(place.exists() and one.exists() and place.samefile(one) for one in paths):
                raise MatshotError(f"{place} is an input and stays as it is; choose another folder for the octaves.")
            reporter.pictured(write_texture(unfinished(), place))
            shown += 1

    paths = [Path(one) for one in inputs]
    work = entry.work(paths, parameters)
    places = targets(
        work.source, output, image=work.image, name=work.name, endings=work.endings, suffix=work.suffix, inputs=paths,
        in_place=work.in_place,
    )  # fmt: skip
    if not work.image:
        for place in places:
            _check_own(work, place)
    began = time.monotonic()
    for material, place in zip(work.materials(reporter.progress, on_texture), places, strict=True):
        replaced = place.is_file()
        material = _with_storage_notes(work, material, place)
        written = _write(work, material, place)
        reporter.delivered(material, written, time.monotonic() - began, replaced=replaced)
        began = time.monotonic()
    return True


def _check_own(work: ToolWork, folder: Path) -> None:
    """Refuse a folder before the work that holds files of somebody else under a material's names."""
    if work.form is not None and work.form.template:
        check_unchanged(folder)
        return  # a template has names of its own
    in_place = work.in_place and folder.exists() and folder.samefile(work.source)
    check_own(folder, preview=work.original is None or "basecolor" in work.original.maps, in_place=in_place)
    if work.form is not None:
        check_scenes(work.form.scene, folder)


def _with_storage_notes(work: ToolWork, material: Material, target: Path) -> Material:
    """The material with notes on what its files will not hold as its sources do."""
    if not work.image:
        chosen = work.form or ConvertOptions(format="png")
        return with_notes(material, form_notes(material, chosen))
    texture = next(iter(material.maps.values()))
    if texture.source is None:
        return material
    return with_notes(material, storage_notes(texture, target, stored_depth(target, texture.source.depth)))


def _write(work: ToolWork, material: Material, target: Path) -> Path:
    """Write one output: an image, or a material folder with a preview."""
    if work.image or work.form is None:
        return write_asset(material, target, image=work.image)
    return save_converted(material, target, work.form, work.original)


def _suffix(work: ToolWork) -> str:
    own = work.source.suffix
    return work.suffix or (own if own.lower() in WRITABLE else ".png")


def picture_of(file: Path, beside: Path) -> Path | None:
    """A small picture of an image, beside an output; None where the image cannot be read again."""
    picture = beside.with_name(f"{beside.stem}.preview.png")
    try:
        if is_thumbnail(file):
            # File systems without links get a copy, as larger images do.
            with contextlib.suppress(OSError):
                picture.hardlink_to(file)
                return picture
        return write_picture(file_thumbnail(file), picture)
    except MatshotError:
        return None


def make_folder(folder: Path) -> None:
    """Make a folder that does not exist yet.

    Raises:
        MatshotError: when it cannot be created.
    """
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise MatshotError(f"The folder {folder} cannot be created: {os_reason(error)}.") from error


def moved_outputs(outputs: Sequence[ToolOutput], folder: Path) -> Iterator[ToolOutput]:
    """Outputs moved to a folder, under free names. Tiles of one UDIM set keep a common name, so that they stay a set.

    Raises:
        MatshotError: when the folder cannot be written; what was moved before stays, and is whole.
    """
    if not folder.is_dir():
        make_folder(folder)
    names: dict[tuple[Path, str], str] = {}
    for one in outputs:
        base, rest = _split_name(one)
        key = (one.path.parent, base)
        if key not in names:
            together = [_split_name(other)[1] for other in outputs if (other.path.parent, _split_name(other)[0]) == key]
            names[key] = _free_base(folder, base, together)
        target = folder / f"{names[key]}{rest}"
        while not _move(one.path, target):
            target = free_path(target)  # another program has just taken the name
        yield replace(one, path=target)


def _split_name(one: ToolOutput) -> tuple[str, str]:
    """An output's name, and what has to follow it: the number of a UDIM tile and the suffix."""
    if one.kind == "material":
        return one.path.name, ""
    found = re.fullmatch(r"(.+?)([._]1\d{3})?(\.[^.]+)", one.path.name)
    assert found is not None
    return found[1], f"{found[2] or ''}{found[3]}"


def _free_base(output: Path, base: str, rests: Sequence[str]) -> str:
    number, name = 1, base
    while any(os.path.lexists(output / f"{name}{rest}") for rest in rests):
        number += 1
        name = f"{base}_{number}"
    return name


def _move(source: Path, target: Path) -> bool:
    """Move a file or folder, also to another disk; the target appears when it is whole.

    Returns:
        False if something has that name, which then stays.

    Raises:
        MatshotError: when the target cannot be written.
    """
    try:
        move_new(source, target)
        return True
    except FileExistsError:
        return False
    except OSError:
        pass  # on another disk, or not allowed: the copy tells
    partial = target.with_name(f".{uuid.uuid4().hex}{_PARTIAL}")
    try:
        if source.is_dir():
            shutil.copytree(source, partial)
        else:
            shutil.copyfile(source, partial)
        move_new(partial, target)
        return True
    except FileExistsError:
        return False
    except OSError as error:
        raise MatshotError(f"{target} could not be written: {os_reason(error)}.") from error
    finally:
        remove(partial)
