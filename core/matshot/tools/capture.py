"""The capture tools on photographs in files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..capture.oneshot import OneShotOptions, oneshot
from ..capture.twoshot import TwoShotOptions, twoshot
from ..material.types import Material
from ..progress import Listener
from .job import OnTexture, ToolWork


def oneshot_work(inputs: Sequence[Path], parameters: Mapping[str, Any]) -> ToolWork:
    """Work of ``oneshot`` on one photograph; arguments as :meth:`~matshot.tools.registry.ToolEntry.work`."""
    options = OneShotOptions(**parameters)

    def materials(progress: Listener, on_texture: OnTexture | None) -> Iterator[Material]:
        yield oneshot(inputs[0], options, progress=progress)

    return ToolWork(inputs[0], materials)


def twoshot_work(inputs: Sequence[Path], parameters: Mapping[str, Any]) -> ToolWork:
    """Work of ``twoshot`` on the photographs with and without flash."""
    options = TwoShotOptions(**parameters)

    def materials(progress: Listener, on_texture: OnTexture | None) -> Iterator[Material]:
        yield twoshot(inputs[0], inputs[1], options, progress=progress)

    return ToolWork(inputs[0], materials)
