"""Many textures in one go: folders, material folders and UDIM sets, past the files that fail."""

from __future__ import annotations

import contextlib
import filecmp
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matshot_host.description import DESCRIPTION, DOCUMENT, PREVIEW

from ..errors import MatshotError
from ..files import atomic_file, move_files, os_reason, staging_folder
from ..image.formats import READABLE, UNREAD, WRITABLE
from ..image.types import Encoding, Texture
from ..image.udim import TOKEN, Neighbors, UdimSet, udim_set, udim_sets
from ..inference.memory import memory_budget, resident_bytes
from ..inference.session import usable_threads
from ..material.claims import check_unchanged, check_unclaimed, digests_of, written
from ..material.folder import MapEntry, MaterialFolder
from ..material.record import RECORD, replace_record, write_description
from ..material.scan import folder_contents
from ..material.types import MapKind
from ..progress import Listener, Progress
from .files import FileOptions, Kind, UpscaledFile, common_wrap, recognized_map, target_name, upscale_file
from .side_by_side import SharedMemory, finished
from .upscale import UpscaleOptions


@dataclass(frozen=True)
class FileTask:
    """One file to do.

    Attributes:
        source: file to read.
        target: file to write.
        options: of the tool, with the wrap of the whole set where there is one.
        files: how to read and store, with the kind where the set tells it.
        neighbors: of a UDIM tile.
        notes: to pass on to the user.
        entry: what the file is of a material; None for an image alone.
        material: that it belongs to.
    """

    source: Path
    target: Path
    options: UpscaleOptions
    files: FileOptions
    neighbors: Neighbors | None = None
    notes: tuple[str, ...] = ()
    entry: MapEntry | None = None
    material: MaterialFolder | None = None


@dataclass(frozen=True)
class UpscaleResult:
    """What a batch came to.

    Attributes:
        done: files that were made.
        failed: source and error of those that were not.
        left_out: sentences about pictures that were not read.
    """

    done: tuple[UpscaledFile, ...]
    failed: tuple[tuple[Path, MatshotError], ...]
    left_out: tuple[str, ...] = ()


def upscale_all(
    inputs: Sequence[str | Path],
    output: str | Path,
    options: UpscaleOptions | None = None,
    files: FileOptions | None = None,
    *,
    protect: Texture | None = None,
    progress: Listener | None = None,
    report: Callable[[UpscaledFile | tuple[Path, MatshotError]], None] | None = None,
) -> UpscaleResult:
    """Upscale images, folders of images (mirrored into the output folder), material folders and UDIM sets.

    A file that fails does not end the batch. One input file and an output with an image suffix make that very file;
    anything else makes files in the output folder.

    Args:
        inputs: files, folders, or ``name.<UDIM>.exr`` patterns.
        output: file or folder.
        options: of the tool.
        files: how to read and store.
        protect: white where pixels of every input are only interpolated; nowhere if not given.
        progress: called with ``(fraction, stage)`` for the batch as a whole.
        report: called with every file when it is done or has failed.

    Raises:
        MatshotError: when an input does not exist, or there is nothing to do.
        Cancelled: when the listener says so; files that were done stay.
    """
    options, unread = options or UpscaleOptions(), list[str]()
    tasks = planned([Path(i) for i in inputs], Path(output), options, files or FileOptions(), unread)
    _check_records(tasks)
    threads = options.threads or usable_threads()
    workers = min(len(tasks), threads)
    memory = SharedMemory(memory_budget(options.memory), resident_bytes()) if workers > 1 else None
    recording = threading.Lock()
    maps: dict[Path, dict[MapKind, UpscaledFile]] = {}
    digests: dict[Path, dict[str, str]] = {}

    def work(task: FileTask, part: Progress) -> UpscaledFile:
        shared = task.options if workers == 1 else replace(task.options, threads=threads // workers)
        if task.material is not None:
            check_unchanged(task.target.parent, [task.target.name])  # again, since the maps before took their time
        made = upscale_file(
            task.source,
            task.target,
            shared,
            task.files,
            neighbors=task.neighbors,
            protect=protect,
            progress=part,
            memory=memory,
        )
        parameters = {**made.parameters, "threads": task.options.threads}
        if task.entry is not None and task.material is not None:
            digest = digests_of([task.target.name], task.target.parent)
            with recording:
                ready = maps.setdefault(task.material.path, {})
                ready[task.entry.kind] = made
                fresh = digests.setdefault(task.target.parent, {})
                fresh.update(digest)
                _record(task.material, ready, task.target.parent, fresh)
        return replace(made, parameters=parameters, notes=task.notes + made.notes)

    def stage(index: int) -> str:
        return f"Upscaling {index + 1} of {len(tasks)}" if len(tasks) > 1 else tasks[index].source.name

    done, failed = list[UpscaledFile](), list[tuple[Path, MatshotError]]()
    with contextlib.closing(finished(tasks, work, workers, Progress(progress), stage)) as results:
        for task, result in zip(tasks, results, strict=True):
            if isinstance(result, MatshotError):
                failed.append((task.source, result))
            else:
                done.append(result)
            if report is not None:
                report(failed[-1] if isinstance(result, MatshotError) else result)
    return UpscaleResult(tuple(done), tuple(failed), tuple(unread))


def planned(
    inputs: Sequence[Path], output: Path, options: UpscaleOptions, files: FileOptions, unread: list[str] | None = None
) -> list[FileTask]:
    """Every file that a batch will make.

    Args:
        inputs: files, folders or patterns.
        output: file or folder.
        options: of the tool.
        files: how to read and store.
        unread: gets a sentence for each picture in a folder that is not read.

    Raises:
        MatshotError: when an input does not exist, the output cannot be written, or there is nothing to do.
    """
    tasks: list[FileTask] = []
    left_out: list[str] = [] if unread is None else unread
    single = len(inputs) == 1 and not inputs[0].is_dir() and TOKEN not in inputs[0].name
    suffix = output.suffix.lower()
    if single and suffix in WRITABLE and not output.is_dir():
        return [FileTask(inputs[0], output, options, files)] if _existing(inputs[0]) else []
    if suffix in (*READABLE, *UNREAD) and not output.exists():
        problem = "holds one image, not several" if suffix in WRITABLE else "cannot be written"
        formats = ", ".join(one[1:] for one in WRITABLE)
        raise MatshotError(f"{output.name} {problem}. Give a folder, or for one image a file: {formats}.")
    for path in inputs:
        if TOKEN in path.name:
            tasks += _set_tasks(udim_set(path), output, options, files)
        elif _existing(path) and path.is_dir():
            inside = list(_folder_tasks(path, output, options, files, left_out))
            if not inside:
                if output.is_dir() and output.samefile(path):
                    raise MatshotError(f"{path} would be written into itself; choose another output.")
                named = f" Not read: {'; '.join(left_out[:5])}." if left_out else ""
                raise MatshotError(f"The folder {path} holds no images that are read.{named}")
            tasks += inside
        else:
            tasks.append(FileTask(path, output / target_name(path, files.format), options, files))
    return _apart(tasks)


def _apart(tasks: list[FileTask]) -> list[FileTask]:
    """Tasks whose results would have one name: all but one get the suffix of their source too, as ``wall_dds.png``."""
    meant: dict[Path, list[FileTask]] = {}
    for task in tasks:
        meant.setdefault(task.target, []).append(task)
    renamed: dict[int, FileTask] = {}
    taken = set(meant)
    for target, same in meant.items():
        if len({task.source for task in same}) < 2:
            continue
        # A source of that very name keeps it.
        first = next((task for task in same if task.source.name == target.name), same[0])
        for task in same:
            other = target.with_name(f"{target.stem}_{task.source.suffix[1:].lower()}{target.suffix}")
            if task is first:
                continue
            if other in taken or task.source.suffix == first.source.suffix:
                raise MatshotError(f"{first.source} and {task.source} would both become {target}.")
            taken.add(other)
            note = f"named {other.name}, for {first.source.name} becomes {target.name}"
            renamed[id(task)] = replace(task, target=other, notes=(*task.notes, note))
    return [renamed.get(id(task), task) for task in tasks]


def _existing(path: Path) -> bool:
    if not path.exists():
        raise MatshotError(f"{path} does not exist.")
    return True


def _folder_tasks(
    folder: Path, output: Path, options: UpscaleOptions, files: FileOptions, unread: list[str]
) -> Iterator[FileTask]:
    """Tasks of a folder and all below it, mirrored; ``unread`` gets what is not read."""
    if output.resolve() in folder.resolve().parents:
        return  # a result of an earlier run
    for content in folder_contents(folder, output, materials=files.kind == "auto"):
        if content.error is not None:
            raise content.error
        inside, material = content.path, content.material
        unread += content.unread
        mirrored = output / content.place
        maps = {entry.path: entry for entry in material.entries} if material else {}
        wrap = options.wrap
        if maps and wrap == "auto":
            color_first = sorted(maps, key=lambda path: maps[path].kind != "basecolor")
            wrap = common_wrap(color_first)  # type: ignore[assignment]
        for path, entry in maps.items():
            known = replace(files, kind=_kind(entry.encoding))
            if entry.encoding == "normal" and files.normal == "auto":
                known = replace(known, kind="normal" if entry.stated else "auto")
                if entry.stated:
                    known = replace(known, normal=entry.convention)
            if entry.colorspace not in ("", "srgb", "linear") and not files.colorspace:
                known = replace(known, colorspace=entry.colorspace)
            held = " and ".join(kind for kind in entry.packing if kind) or entry.kind
            note = (f"{held} of the material {inside.name}, {entry.reason}",)
            named = replace(options, wrap=wrap)
            target_path = mirrored / target_name(path, files.format)
            yield FileTask(path, target_path, named, known, None, note, entry, material)
        # A material's preview shows its maps, and is made again from the larger ones.
        sets, alone = udim_sets(one for one in content.images if one not in maps and not (maps and one.name == PREVIEW))
        for one in sets:
            yield from _set_tasks(one, mirrored, options, files)
        for path in alone:
            yield FileTask(path, mirrored / target_name(path, files.format), options, files)


def _kind(encoding: Encoding) -> Kind:
    return "normal" if encoding == "normal" else "data" if encoding == "data" else "color"


def _set_tasks(udim: UdimSet, output: Path, options: UpscaleOptions, files: FileOptions) -> Iterator[FileTask]:
    """Tasks of a UDIM set: tiles border on each other and do not wrap."""
    options = replace(options, wrap="none")
    # Tiles are of one kind, which the first tells for all; one that cannot be read fails when its turn comes.
    try:
        first = recognized_map(next(iter(udim.tiles.values())), files)
        source = first.texture.source
        known = replace(files, kind=first.kind)
        reading: dict[str, str] = {"encoding": "auto" if first.kind == "color" else first.kind}
        if first.kind == "normal" and source is not None:
            known = replace(known, normal=source.convention)
            reading["convention"] = source.convention
        said = first.notes
    except MatshotError:
        known, reading, said = files, {"encoding": "auto"}, ()
    if reading["encoding"] == "auto":
        reading["colorspace"] = files.colorspace
    files = known
    for number, path in udim.tiles.items():
        neighbors = Neighbors(udim.tiles, number, reading)
        note = (f"tile {number} of {udim.pattern.name}", *said)
        yield FileTask(path, output / target_name(path, files.format), options, files, neighbors, note)


def _record(
    material: MaterialFolder, ready: Mapping[MapKind, UpscaledFile], output: Path, fresh: Mapping[str, str]
) -> None:
    """Describe the maps that are ready, and note their SHA-256 by their names in ``fresh``.

    A description that leaves maps to their names goes on doing so.
    """
    said = material.description.get("maps")
    if not said:
        for name in (DESCRIPTION, DOCUMENT):
            # A document of somebody else's names the files, so it holds as long as their names stay.
            same = all(made.target.name == made.source.name for made in ready.values())
            if not (material.path / name).is_file() or (name == DOCUMENT and not same):
                continue
            if name == DESCRIPTION and written(material.description):
                _note(material.description, output, fresh)
            else:
                _copy_record(material.path / name, output)
        return
    first = next(iter(ready.values()))
    in_order = [(entry.kind, ready[entry.kind]) for entry in material.entries if entry.kind in ready]
    maps = {kind: {**said[kind], "file": made.target.name, **made.stored} for kind, made in in_order}
    # Raw maps are not enlarged.
    kept = {name: value for name, value in material.description.items() if name != "raw"}
    replace_record({**kept, "size": [first.width, first.height], "maps": maps}, output, fresh)


def _note(description: Mapping[str, Any], output: Path, fresh: Mapping[str, str]) -> None:
    """Write a description as it is, but for the notes of its files, which are others here."""
    try:
        with staging_folder(output) as aside:
            write_description(description, aside, output, fresh)
            move_files([DESCRIPTION], aside, output)
    except OSError as error:
        raise MatshotError(f"{output} could not be written: {os_reason(error)}.", repr(error)) from error


def _check_records(tasks: Sequence[FileTask]) -> None:
    """Refuse before the work to replace what somebody else says of a material, or maps that were changed since."""
    for task in tasks:
        if task.material is not None:
            check_unchanged(task.target.parent, [task.target.name])
    places = {task.target.parent: task.material for task in tasks if task.material is not None}
    for output, material in places.items():
        if material.description.get("maps"):
            check_unclaimed(RECORD, output)
            continue
        for name in RECORD:
            if (material.path / name).is_file() and not _is_copy(output / name, material.path / name):
                check_unclaimed([name], output)


def _is_copy(file: Path, original: Path) -> bool:
    return file.is_file() and filecmp.cmp(file, original, shallow=False)


def _copy_record(record: Path, output: Path) -> None:
    try:
        with atomic_file(output / record.name) as partial:
            shutil.copyfile(record, partial)
    except OSError as error:
        raise MatshotError(f"{record.name} could not be copied to {output}: {os_reason(error)}.") from error
