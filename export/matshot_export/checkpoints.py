"""Weights and checkpoints on the disk."""

from __future__ import annotations

from pathlib import Path

import torch

from matshot.files import atomic_file


def open_run(folder: Path, *, resume: bool = False) -> None:
    """Make a run's folder; one that holds a run already is not written over.

    Args:
        folder: for the run.
        resume: whether to continue the run there.

    Raises:
        FileExistsError: when the folder holds a run that is not resumed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = [name for name in ("checkpoint.pt", "weights.pt", "log.csv") if (folder / name).exists()]
    if found and not resume:
        raise FileExistsError(f"{folder} holds a run ({', '.join(found)}); resume it, or move it away")


def save_checkpoint(state: object, path: Path) -> None:
    """Save what ``torch.load`` reads; the file appears when it is whole.

    Args:
        state: tensors, or containers of them.
        path: of the file.
    """
    # Given a path, torch would write the temporary name into the file.
    with atomic_file(path) as partial, partial.open("wb") as stream:
        torch.save(state, stream)
