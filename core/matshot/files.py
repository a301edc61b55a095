"""Files and folders that appear whole or not at all, and the operating system's refusals in words."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import MatshotError

#: Tag of junctions, the links between folders that Windows makes without rights (``IO_REPARSE_TAG_MOUNT_POINT``).
_JUNCTION = 0xA0000003


def os_reason(error: OSError) -> str:
    """Why the operating system refused, as the end of a sentence, such as ``no space left on device``."""
    return (error.strerror or str(error)).lower()


def replaced_note(name: str) -> str:
    """The note on a file that took the place of another one of its name."""
    return f"Replaced an older {name}."


def file_name(name: str) -> str:
    """A material's name as a file may have it on every system."""
    return re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", name).strip(" .") or "material"


def partial_path(path: Path, suffix: str = "") -> Path:
    """A hidden name beside ``path``, unlike any other, for what is not whole yet.

    Args:
        path: of the file or folder to be.
        suffix: that the name ends with, for libraries that choose a format by it.
    """
    return path.with_name(f".{path.stem[:40]}.{uuid.uuid4().hex}.partial{suffix}")


def check_folder(folder: Path) -> None:
    """Find out before the work whether a folder can be written.

    Args:
        folder: that exists, or will be made.

    Raises:
        MatshotError: when it cannot.
    """
    place = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not place.is_dir():
        raise MatshotError(f"{place} is a file; a folder is needed for the result.")
    if not os.access(place, os.W_OK):
        raise MatshotError(f"The folder {place} cannot be written: permission denied.")


def flush(path: Path) -> None:
    """Bring a file's bytes to the disk, so that a full one is noticed before an older file is replaced.

    Raises:
        OSError: when the disk does not take them.
    """
    handle = os.open(path, os.O_RDWR)  # Windows flushes only what may be written
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def atomic_file(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A temporary file that takes the place of ``path`` when the block ends, and is removed when the block fails.

    Args:
        path: of the file to be; what is there stays until the new one is whole.
        durable: bring it to the disk first, which takes milliseconds; not needed for what can be made again.

    Yields:
        Path of the temporary file, for the block to write.

    Raises:
        OSError: when it cannot be brought to the disk or to its place.
    """
    partial = partial_path(path)
    try:
        yield partial
        if durable:
            flush(partial)
        partial.replace(path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def atomic_write(path: Path, contents: bytes | str) -> None:
    """Write a file that appears when it is whole; text is UTF-8.

    Raises:
        MatshotError: when it cannot be written; what was there stays.
    """
    try:
        with atomic_file(path) as partial:
            partial.write_bytes(contents.encode() if isinstance(contents, str) else contents)
    except OSError as error:
        raise MatshotError(f"{path} could not be written: {os_reason(error)}.", repr(error)) from error


@contextlib.contextmanager
def staging_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder inside ``folder``, from which finished files are moved up by a rename; removed at the end.

    ``folder`` is made if it does not exist, and goes again if nothing was moved into it.

    Raises:
        MatshotError: when it cannot be made.
    """
    new = not folder.exists()
    aside = partial_path(folder / "staging")
    try:
        try:
            aside.mkdir(parents=True)
        except OSError as error:
            raise MatshotError(f"The folder {folder} cannot be created: {os_reason(error)}.") from error
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if new:
            with contextlib.suppress(OSError):
                folder.rmdir()  # goes only if it is empty


def move_files(names: Iterable[str], source: Path, target: Path) -> None:
    """Move files from one folder to another on the same disk, in order, in the place of older ones.

    Raises:
        MatshotError: when one cannot be moved; those after it stay where they are.
    """
    try:
        for name in names:
            (source / name).replace(target / name)
    except OSError as error:
        raise MatshotError(f"{target} could not be written: {os_reason(error)}.", repr(error)) from error


def is_link(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a link: symbolic, or a junction of Windows, which Python otherwise takes for a folder."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) == _JUNCTION


def remove(path: Path) -> None:
    """Remove a file or folder; of a link, the link alone. What cannot be removed stays."""
    if path.is_dir() and not is_link(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def free_path(path: Path) -> Path:
    """``path``, or the first of ``name-2.png``, ``name-3.png`` and so on that does not exist, not even as a link."""
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def move_new(source: Path, target: Path) -> None:
    """Move a file or folder to a name on the same disk, where nothing is replaced.

    Raises:
        FileExistsError: when something has that name.
        OSError: when it cannot be moved.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    if source.is_dir():
        source.rename(target)  # only an empty folder could come in between and be replaced
        return
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links: whoever creates the name first has it.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        source.replace(target)
        return
    source.unlink()
