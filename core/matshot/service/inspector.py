"""Inspects untrusted files in a process of its own: what they are, and pictures of them.

A file that makes a library crash, hang or use up memory ends that process; the service reports it and starts another.
One request a line, as JSON: ``[action, arguments]``; so are the answers: ``{"result"}`` or ``{"error": [status,
sentence, cause]}``. The process ends with its standard input.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from matshot_host.description import DESCRIPTION, RAW_MAPS

from ..errors import MatshotError
from .naming import counted, safe_name
from .recurring import Recurring
from .refusal import Refusal

if TYPE_CHECKING:
    from ..image.types import Texture

#: Seconds that one inspection may take.
_PATIENCE = 60.0
#: Seconds between looks whether one takes longer.
_WATCH = 1.0
#: Processes that look into uploads; one more draws pictures, which no upload waits for.
_COUNT = 2
#: Bytes of address space that all processes may take together, each an equal share; half of it is code.
_MEMORY = 6 * 2**30
#: Bytes more for each pixel that an image may have, for the one that draws: some formats can only be decoded whole.
_PIXEL = 8

#: First bytes of the formats that are read, and the suffix that each gets; TGA has none.
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
    (b"II+\0", ".tif"),
    (b"MM\0+", ".tif"),
    (b"v/1\x01", ".exr"),
    (b"BM", ".bmp"),
    (b"#?", ".hdr"),
    (b"DDS ", ".dds"),
    (b"\xabKTX 20\xbb\r\n\x1a\n", ".ktx2"),
)
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
#: Entries of a zip that are skipped: what macOS adds, and hidden files.
_FOREIGN = ("__MACOSX/", ".")
_LARGE = "The unpacked zip is larger than this service accepts."
#: Bytes that are copied at a time.
_CHUNK = 1 << 20
#: Entries of a zip, whether they are maps or not.
_MOST_ENTRIES = 4096


class Inspector:
    """Processes that inspect files, started on first use and again after they died.

    Args:
        pixels: of the largest image.
    """

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        share = _MEMORY // (_COUNT + 1)
        self._idle: queue.LifoQueue[_Process] = queue.LifoQueue()
        for _ in range(_COUNT):
            self._idle.put(_Process(share))
        self._painting = threading.Lock()
        self._painter = _Process(share + _PIXEL * pixels)
        self._all = [*self._idle.queue, self._painter]
        # One thread for all: a timer for each question would start a thread each time.
        self._watch = Recurring("inspections", _WATCH, self._end_late)
        self._watch.start()

    def unpack(self, file: Path, into: Path, bounds: Mapping[str, int]) -> None:
        """Unpack the zip of a material folder.

        Args:
            file: the zip.
            into: an empty folder.
            bounds: ``files`` and ``unpacked`` of :class:`~matshot.service.settings.Settings`, and ``room``, the bytes
                that can be stored.

        Raises:
            Refusal: for a zip that is damaged, too large, or would write elsewhere.
        """
        self._ask("unpack", file=str(file), into=str(into), **bounds)

    def image(self, file: Path, name: str) -> dict[str, Any]:
        """What an upload is: ``suffix`` by its contents, which the file gets, and of an image its size and map.

        The size is ``width`` and ``height``; ``map`` goes by the name.

        Raises:
            Refusal: for what is not an image, and for too many pixels.
        """
        found: dict[str, Any] = self._ask("image", file=str(file), name=name, pixels=self._pixels)
        return found

    def material(self, folder: Path) -> dict[str, Any]:
        """What a material folder holds: ``name``, ``width``, ``height`` and ``files`` ({name, map, width, height}).

        Raises:
            Refusal: for what is not a material, and for a map of too many pixels.
        """
        found: dict[str, Any] = self._ask("material", folder=str(folder), pixels=self._pixels)
        return found

    def picture(self, source: Path, map_name: str, side: int, target: Path) -> None:
        """Write a picture of a file, or of a material's base color, as 8-bit PNG of at most so many pixels per side.

        Raises:
            Refusal: for what cannot be read or written.
        """
        arguments = {"source": str(source), "map_name": map_name, "side": side, "target": str(target)}
        with self._painting:
            if not target.is_file():  # another thread may just have had it drawn
                self._painter.ask("picture", arguments)

    def close(self) -> None:
        """End the processes."""
        self._watch.close()
        for process in self._all:
            process.end()

    def _end_late(self) -> None:
        for process in self._all:
            process.end_if_late()

    def _ask(self, action: str, **arguments: Any) -> Any:
        process = self._idle.get()
        try:
            return process.ask(action, arguments)
        finally:
            self._idle.put(process)


class _Process:
    """One process; asked by one thread at a time."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline = math.inf
        self._lock = threading.Lock()

    def ask(self, action: str, arguments: Mapping[str, Any]) -> Any:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(self._memory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, start_new_session=os.name == "posix",
                # Each arena takes address space, which is what is bounded.
                env={**os.environ, "MALLOC_ARENA_MAX": "2"},
            )  # fmt: skip
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        self._expect_answer(time.monotonic() + _PATIENCE)
        try:
            process.stdin.write(json.dumps([action, arguments]).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = b""
        finally:
            self._expect_answer(math.inf)
        if not line.endswith(b"\n"):
            self.end()
            raise Refusal(400, "The file cannot be read: reading it took too long or too much memory, or crashed.")
        answer = json.loads(line)
        if "error" in answer:
            raise Refusal(*answer["error"])
        return answer["result"]

    def _expect_answer(self, deadline: float) -> None:
        with self._lock:
            self._deadline = deadline

    def end_if_late(self) -> None:
        """Kill the process if it has not answered in time."""
        with self._lock:
            if self._process is not None and time.monotonic() > self._deadline:
                self._process.kill()

    def end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _unpack(file: str, into: str, files: int, unpacked: int, room: int) -> None:
    """See :meth:`Inspector.unpack`."""
    folder, left, taken = Path(into), unpacked, set[str]()
    try:
        with zipfile.ZipFile(file) as archive:
            members = _members(archive)
            stated = sum(entry.file_size for entry, _ in members)
            if stated > unpacked:
                raise Refusal(413, _LARGE)
            if stated > room:
                raise Refusal(507, "The service's disk has no room for the unpacked zip. Delete jobs or assets.")
            for entry, name in members:
                if len(taken) == files:
                    raise Refusal(413, f"The zip holds more than {files} files of a material.")
                if name.casefold() in taken:
                    raise Refusal(400, f"The zip holds two files named {name}.")
                taken.add(name.casefold())
                with archive.open(entry) as source, (folder / name).open("xb") as target:
                    # The size that an entry states may be false.
                    left -= _copied(source, target, left)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise Refusal(400, "The zip is damaged: it ends early or its data is broken.", str(error)) from error
    except RuntimeError as error:  # zipfile's error for a password
        raise Refusal(415, "The zip is encrypted. Send it without a password.", str(error)) from error
    if not taken:
        raise Refusal(415, "The zip holds no maps of a material.")


def _copied(source: Any, target: BinaryIO, most: int) -> int:
    count = 0
    while chunk := source.read(_CHUNK):
        count += len(chunk)
        if count > most:
            raise Refusal(413, _LARGE)
        target.write(chunk)
    return count


def _members(archive: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, str]]:
    """Entries that belong to a material, with names that are safe in any folder."""
    entries = archive.infolist()
    if len(entries) > _MOST_ENTRIES:
        raise Refusal(413, f"The zip has more than {_MOST_ENTRIES} entries.")
    wanted: list[tuple[zipfile.ZipInfo, PurePosixPath]] = []
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if "\\" in entry.filename or path.is_absolute() or ".." in path.parts or ":" in entry.filename:
            raise Refusal(400, "The zip has an entry that points outside of it and was refused.", repr(entry.filename))
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise Refusal(400, "The zip holds a link and was refused.", repr(entry.filename))
        if not entry.is_dir() and not entry.filename.startswith(_FOREIGN) and _belongs(path.name):
            wanted.append((entry, path))
    if len({path.parent for _, path in wanted}) > 1:
        raise Refusal(415, "The zip holds several folders. Send one material at a time.")
    return [(entry, safe_name(path.name)) for entry, path in wanted]


def _belongs(name: str) -> bool:
    from ..image.formats import READABLE

    return not name.startswith(".") and (
        name in (DESCRIPTION, RAW_MAPS) or PurePosixPath(name).suffix.lower() in READABLE
    )


def _image(file: str, name: str, pixels: int) -> dict[str, Any]:
    """See :meth:`Inspector.image`; the file gets its suffix."""
    from ..material.map_names import guess_map

    suffix = _suffix(Path(file), name)
    if suffix == ".zip":
        return {"suffix": suffix}
    named = Path(file).rename(Path(file).with_suffix(suffix))
    width, height = _size(named, PurePosixPath(name).name, pixels)
    guess = guess_map(PurePosixPath(name).with_suffix(suffix).name)
    return {"suffix": suffix, "width": width, "height": height, "map": (guess.kind or "") if guess is not None else ""}


def _suffix(file: Path, name: str) -> str:
    from ..capture.camera_formats import stored_as_camera

    with file.open("rb") as stream:
        head = stream.read(16)
    if not head:
        raise Refusal(400, "The upload is empty.")
    if head.startswith(_ZIPS):
        return ".zip"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return ".webp"
    # Most raw photographs begin as TIFF does.
    if camera := stored_as_camera(head, name):
        return camera
    for beginning, suffix in _BEGINNINGS:
        if head.startswith(beginning):
            return suffix
    if name.lower().endswith(".tga"):
        return ".tga"
    raise Refusal(415, f"{name} is neither an image that Matshot reads nor a zip of a material folder.")


def _size(file: Path, name: str, pixels: int) -> tuple[int, int]:
    from ..capture.camera_files import camera_size
    from ..capture.camera_formats import CAMERA_SUFFIXES
    from ..image.reader import image_size

    try:
        width, height = camera_size(file) if file.suffix in CAMERA_SUFFIXES else image_size(file)[:2]
    except MatshotError as error:
        raise Refusal(400, error.sentence.replace(file.name, name), error.cause) from error
    if width * height > pixels:
        raise Refusal(
            413, f"{name} has {counted(width * height)} pixels; this service's limit is {counted(pixels)} per image."
        )
    return width, height


def _material(folder: str, pixels: int) -> dict[str, Any]:
    """See :meth:`Inspector.material`."""
    from ..material.folder import find_material

    place = Path(folder)
    _check_description(place)
    try:
        found = find_material(place)
    except MatshotError as error:
        raise Refusal(415, error.sentence.replace(f"{folder}/", "").replace(folder, "It"), error.cause) from error
    if found is None:
        raise Refusal(415, "These files are not a material: it needs two or more maps of one name and no other images.")
    kinds = {entry.path.name: entry.kind for entry in found.entries}
    files: list[dict[str, Any]] = []
    for file in sorted(place.iterdir()):
        if not file.is_file():
            continue
        width = height = 0
        if _belongs(file.name) and file.name not in (DESCRIPTION, RAW_MAPS):
            width, height = _size(file, file.name, pixels)
        files.append({"name": file.name, "map": kinds.get(file.name, ""), "width": width, "height": height})
    first = next(one for one in files if one["map"])
    return {"name": found.name, "width": first["width"], "height": first["height"], "files": files}


def _check_description(folder: Path) -> None:
    """Whether a material.json names nothing but files beside it, which a stranger's may not."""
    file = folder / DESCRIPTION
    if not file.is_file():
        return
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
        maps = described.get("maps") or {}
        names = [one["file"] for one in maps.values()]
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise Refusal(415, f"{DESCRIPTION} is damaged.", str(error)) from error
    present = {one.name for one in folder.iterdir()}
    if not all(isinstance(name, str) and name in present for name in names):
        raise Refusal(415, f"{DESCRIPTION} names files that are not beside it.")


def _picture(source: str, map_name: str, side: int, target: str) -> None:
    """See :meth:`Inspector.picture`."""
    from ..image.writer import write_texture

    place = Path(target)
    partial = place.with_name(f".{os.getpid()}.{place.name}")
    try:
        write_texture(_shown(Path(source), map_name, side), partial, depth="uint8")
        partial.replace(place)
    except MatshotError as error:
        partial.unlink(missing_ok=True)
        full = shutil.disk_usage(place.parent).free < _CHUNK
        raise Refusal(507 if full else 400, error.sentence, error.cause) from error


def _shown(source: Path, map_name: str, side: int) -> Texture:
    from ..capture.camera_files import camera_texture
    from ..capture.camera_formats import CAMERA_SUFFIXES
    from ..material.folder import find_material
    from ..material.resize import small_texture
    from ..material.small import read_small_texture, small_material
    from ..shading.thumbnail import thumbnail
    from ..tools.assets import image_encoding

    if source.suffix in CAMERA_SUFFIXES:
        return _plain(small_texture(camera_texture(source), side))

    if source.is_dir():
        found = find_material(source)
        if found is None:
            raise MatshotError("It is not a material folder.")
        return thumbnail(small_material(found, side), side)
    folder = find_material(source.parent) if map_name else None
    entry = next((one for one in folder.entries if one.path.name == source.name), None) if folder else None
    encoding, convention = (entry.encoding, entry.convention) if entry else image_encoding(source)
    return _plain(read_small_texture(source, side, encoding=encoding, convention=convention))


def _plain(texture: Texture) -> Texture:
    """Without its file's metadata, convention and color space."""
    from dataclasses import replace

    return replace(texture, source=None)


_ACTIONS: dict[str, Callable[..., Any]] = {
    "unpack": _unpack,
    "image": _image,
    "material": _material,
    "picture": _picture,
}


def main() -> None:
    """Answer requests; what libraries print goes to standard error, past the protocol."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    if os.name == "posix":
        import resource

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
    for line in sys.stdin.buffer:
        action, arguments = json.loads(line)
        try:
            answer = {"result": _ACTIONS[action](**arguments)}
        except Refusal as refusal:
            answer = {"error": [refusal.status, refusal.sentence, refusal.cause]}
        except MatshotError as error:
            answer = {"error": [400, error.sentence, error.cause]}
        except MemoryError:
            answer = {"error": [413, "The file takes more memory than this service gives it.", ""]}
        except OSError as error:
            answer = {"error": list(Refusal.of_disk(error).parts)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
