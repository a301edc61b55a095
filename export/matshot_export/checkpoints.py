"""Weights and checkpoints on the disk."""

from __future__ import annotations

from pathlib import Path

import torch

from matshot.files import atomic_file


def save_checkpoint(state: object, path: Path) -> None:
    """Save what ``torch.load`` reads; the file appears when it is whole.

    Args:
        state: tensors, or containers of them.
        path: of the file.
    """
    # Given a path, torch would write the temporary name into the file.
    with atomic_file(path) as partial, partial.open("wb") as stream:
        torch.save(state, stream)
