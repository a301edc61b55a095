"""Images and masks of ComfyUI, checked, to files and back.

An ``IMAGE`` is ``B x H x W x C`` float in [0, 1], encoded for display; a ``MASK`` is ``B x H x W`` float in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from .matshot_host.errors import MatshotError, quoted
from .tiff import read_tiff, write_tiff


def image_batch(value: Any, name: str) -> list[Any]:
    """The pictures of an ``IMAGE``, each ``H x W x C`` float32.

    Args:
        value: what the socket was given.
        name: of the socket, for errors.

    Raises:
        MatshotError: for anything that is not an image.
    """
    if not isinstance(value, torch.Tensor):
        raise MatshotError(f"Input '{name}' must be an image, got {quoted(value)}.")
    shape = " x ".join(map(str, value.shape))
    if value.ndim != 4 or value.shape[3] not in (1, 3, 4):
        raise MatshotError(f"Input '{name}' must be batch x height x width x 1, 3 or 4 channels, got {shape}.")
    return _pictures(value, name, shape)


def mask_picture(value: Any, name: str) -> Any:
    """The one picture of a ``MASK``, ``H x W x 1`` float32.

    Raises:
        MatshotError: for anything that is not a mask, and for several masks.
    """
    if not isinstance(value, torch.Tensor):
        raise MatshotError(f"Input '{name}' must be a mask, got {quoted(value)}.")
    shape = " x ".join(map(str, value.shape))
    whole = value[None] if value.ndim == 2 else value
    if whole.ndim != 3:
        raise MatshotError(f"Input '{name}' must be batch x height x width, got {shape}.")
    if len(whole) != 1:
        raise MatshotError(f"Input '{name}' must be one mask, got {len(whole)}.")
    return _pictures(whole[..., None], name, shape)[0]


def out_of_range(picture: Any) -> bool:
    """Whether numbers are lost when a picture is stored in [0, 1]."""
    return bool((picture < 0).any() or (picture > 1).any())


def store(picture: Any, path: str) -> str:
    """Write a picture as a 16-bit TIFF; its path."""
    write_tiff(path, picture)
    return path


def load(path: str) -> Any:
    """The picture of a file of the worker: ``H x W x C`` float32 in [0, 1], C 3 or 4.

    Raises:
        MatshotError: when it cannot be read.
    """
    picture = read_tiff(path) if path.lower().endswith((".tif", ".tiff")) else _eight_bit(path)
    channels = picture.shape[2]
    if channels < 3:  # gray, and gray with alpha
        picture = picture[..., [0, 0, 0] if channels == 1 else [0, 0, 0, 1]]
    return picture


def tensor(pictures: Sequence[Any]) -> Any:
    """An ``IMAGE`` of pictures.

    Raises:
        MatshotError: when their sizes differ.
    """
    sizes = list(dict.fromkeys(f"{picture.shape[1]} x {picture.shape[0]}" for picture in pictures))
    if len(sizes) > 1:
        raise MatshotError(f"A batch has one size, but the results have {len(sizes)}: {', '.join(sizes)}.")
    channels = max(picture.shape[2] for picture in pictures)
    return torch.from_numpy(np.stack([_opaque(picture, channels) for picture in pictures]))


def _opaque(picture: Any, channels: int) -> Any:
    if picture.shape[2] == channels:
        return picture
    return np.concatenate([picture, np.ones_like(picture[..., :1])], axis=2)


def _pictures(value: Any, name: str, shape: str) -> list[Any]:
    if 0 in value.shape:
        raise MatshotError(f"Input '{name}' is empty ({shape}).")
    whole = value.detach().cpu().float()
    if not bool(torch.isfinite(whole).all()):
        raise MatshotError(f"Input '{name}' has pixels that are not numbers (NaN or infinite).")
    return list(whole.numpy())


def _eight_bit(path: str) -> Any:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"), np.float32) / np.float32(255)
    except (OSError, ValueError) as error:
        raise MatshotError(f"{path} cannot be read as an image.", str(error)) from error
