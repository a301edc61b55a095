"""Results of a batch brought to their places in the output, where nothing of anybody else is touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import MatshotError
from ..files import os_reason
from .manifest import SUMMARIES, Stamp, stamp
from .units import Unit


@dataclass(frozen=True)
class Places:
    """Where results go, by names in the output, and where they are now.

    Attributes:
        files: all of them.
        folders: that hold some of them and nothing else.
    """

    files: dict[str, Path]
    folders: dict[str, Path]


def placed(unit: Unit, results: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> Places:
    """Where a unit's results go.

    Args:
        unit: that was done.
        results: of :meth:`matshot.tools.job.ToolOutput.as_json`.
        parameters: of the tool.
    """
    files: dict[str, Path] = {}
    folders: dict[str, Path] = {}
    # Variations are numbered by their seeds; tiles of a UDIM set are by their names.
    numbered = len(results) > 1 and "<UDIM>" not in unit.key
    for number, made in enumerate(results):
        path = Path(made["path"])
        ending = f"_{int(parameters.get('seed', 0)) + number}" if numbered else ""
        if path.is_dir():
            folder = unit.place / f"{unit.name}{ending}"
            folders[folder.as_posix()] = path
            for file in sorted(one for one in path.rglob("*") if one.is_file()):
                files[(folder / file.relative_to(path).as_posix()).as_posix()] = file
        else:
            # Tools name images for their sources, which in a batch may be another name.
            rest = path.name.removeprefix(unit.stem) if path.name.startswith(unit.stem) else f"{ending}{path.suffix}"
            files[(unit.place / f"{unit.name}{rest}").as_posix()] = path
    return Places(files, folders)


def check_places(
    places: Places, output: Path, unit: str, owners: Mapping[str, str], before: Sequence[Mapping[str, Stamp]]
) -> None:
    """See that nothing lies where results go, but what came of the same unit before and was not changed since.

    Args:
        places: of :func:`placed`.
        output: folder of the batch.
        unit: key of the unit.
        owners: units by the files that they have in the output.
        before: stamps that the unit's files in the output may have: those that the batch left there, and those that a
            batch was about to bring when it ended; of an older batch, with a size and time of 0.

    Raises:
        MatshotError: when something does.
    """
    for name in places.files:
        if SUMMARIES.fullmatch(name):
            raise MatshotError(f"{output / name} is where the batch writes its own summary; rename {unit}.")
        owner = owners.get(name)
        if owner is not None and owner != unit:
            raise MatshotError(f"{output / name} was already made of {owner}.")
        if owner is None and os.path.lexists(output / name):
            raise MatshotError(
                f"{output / name} is there already, and not of this batch; move it away, or choose another output."
            )
        then = [one[name][:2] for one in before if name in one]
        if then and [0, 0] not in then and (output / name).exists() and stamp(output / name)[:2] not in then:
            raise MatshotError(
                f"{output / name} was changed since Matshot wrote it and stays as it is; move it away and rerun."
            )


def bring(places: Places, output: Path) -> dict[str, Stamp]:
    """Move results to their places; a folder that is new appears whole.

    Raises:
        MatshotError: when one cannot be moved.
    """
    try:
        for name, folder in places.folders.items():
            target = output / name
            if not os.path.lexists(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                folder.rename(target)
        for name, source in places.files.items():
            target = output / name
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                source.replace(target)
    except OSError as error:
        reason = os_reason(error)
        raise MatshotError(f"Results could not be moved to {output}: {reason}.", repr(error)) from error
    return {name: stamp(output / name) for name in places.files}


def remove_stale(before: Mapping[str, Stamp], now: Mapping[str, Stamp], output: Path) -> None:
    """Take away what an earlier run made of a unit and this one did not, unless somebody changed it since."""
    for name, then in before.items():
        file = output / name
        if name not in now and file.is_file() and stamp(file)[:2] == then[:2]:
            file.unlink(missing_ok=True)


def still_there(outputs: Mapping[str, Stamp], output: Path) -> bool:
    """Whether all that was made is there; what an artist touched up meanwhile stays as it is."""
    return bool(outputs) and all((output / name).is_file() for name in outputs)


def stage(unit: Unit, folder: Path) -> tuple[str, ...]:
    """A unit's inputs as its tool can take them: a material without what else lies in its folder.

    Raises:
        MatshotError: when that cannot be written.
    """
    if not unit.staged:
        return unit.inputs
    staged = folder / "input" / unit.stem
    try:
        for name, file in unit.files.items():
            target = staged / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                target.symlink_to(file.resolve())
            except OSError:
                shutil.copyfile(file, target)
    except OSError as error:
        raise MatshotError(f"{staged} could not be written: {os_reason(error)}.") from error
    return (str(staged), *unit.inputs[1:])
