"""Everything that is compared, as one kind of thing: the tool's methods, single models, and the peers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from bench import peers, report
from bench.measures import Image
from matshot.errors import MatshotError
from matshot.image.types import Texture
from matshot.inference.cards import installed
from matshot.inference.session import Network
from matshot.inference.tiling import ArrayRows, TiledRows
from matshot.upscale import upscale

#: Side of the texture that methods are tried and timed on.
TIMED_SIDE = 128


@dataclass(frozen=True)
class Contestant:
    """A way to enlarge an image.

    Attributes:
        title: its row's name.
        enlarge: the whole call: image ``H x W x 3`` and wrap to the larger image, not clipped.
        network: the network alone on ``3 x H x W`` planes; None for methods that have none.
        slow: takes seconds for a small texture.
    """

    title: str
    enlarge: Callable[[Image, str], Image]
    network: Callable[[np.ndarray], object] | None = None
    slow: bool = False


def tool(title: str, scale: int, *, model: str = "", encoding: str = "srgb", **options: str) -> Contestant:
    """The ``upscale`` tool.

    Args:
        title: its row's name.
        scale: output pixels per input pixel and side.
        model: name of the model that these options choose, if they choose one.
        encoding: of the images.
        **options: method and look.

    Raises:
        Missing: when the model is not there.
    """

    def enlarge(image: Image, wrap: str) -> Image:
        texture = Texture(np.ascontiguousarray(image, dtype=np.float32), encoding)
        return upscale(texture, scale=scale, wrap=wrap, threads=report.THREADS, device="cpu", **options).pixels

    return Contestant(title, enlarge, _network_alone(model) if model else None)


def single_model(title: str, name: str) -> Contestant:
    """One model by its name, through the engine, whole.

    Raises:
        Missing: when it is not there.
    """
    alone = _network_alone(name)
    operator = Network(installed()[name], "cpu", report.THREADS)

    def enlarge(image: Image, wrap: str) -> Image:
        rows = ArrayRows(np.ascontiguousarray(image, dtype=np.float32))
        return TiledRows(rows, operator, wrap, tile=max(image.shape)).read(0, image.shape[0] * operator.scale)

    return Contestant(title, enlarge, alone)


def peer(which: peers.Peer) -> Contestant:
    """A network of somebody else's.

    Raises:
        Missing: when it is not installed.
    """
    loaded = peers.PeerNetwork(which, report.THREADS)
    return Contestant(which.title, loaded, None if which.margin else loaded.planes, which.slow)


def available(
    makers: Iterable[tuple[str, Callable[[], Contestant]]], *, skip_slow: bool = False
) -> tuple[list[Contestant], list[str]]:
    """Those that can run here, and a line for each that cannot.

    Args:
        makers: titles, and what makes the contestant of that title.
        skip_slow: leave out the slow ones.
    """
    found, lines = [], []
    for title, make in makers:
        try:
            made = make()
        except peers.Missing as reason:
            lines.append(f"{title} is left out: {reason}")
            continue
        if skip_slow and made.slow:
            lines.append(f"{title} is left out by `--skip-slow`")
        else:
            found.append(made)
    return found, lines


def seconds(contestants: Iterable[Contestant]) -> tuple[dict[str, float], dict[str, float]]:
    """Best seconds of the networks alone and of the whole calls, by title, for one texture of ``TIMED_SIDE`` pixels."""
    image = np.random.default_rng(5).random((TIMED_SIDE, TIMED_SIDE, 3)).astype(np.float32)
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))
    everyone = list(contestants)
    alone: dict[str, float] = {}
    whole: dict[str, float] = {}
    for slow, rounds in ((False, 9), (True, 2)):
        group = [one for one in everyone if one.slow is slow]
        networks = {one.title: (lambda one=one: one.network(planes)) for one in group if one.network}
        calls = {one.title: (lambda one=one: np.clip(one.enlarge(image, "none"), 0, 1)) for one in group}
        alone |= report.best_times(networks, rounds)
        whole |= report.best_times(calls, rounds)
    return alone, whole


def _network_alone(name: str) -> Callable[[np.ndarray], object]:
    try:
        operator = Network(installed()[name], "cpu", report.THREADS)
    except MatshotError as error:
        raise peers.Missing(error.sentence) from error

    def run(planes: np.ndarray) -> object:
        return operator(planes[None] if operator.planes == len(planes) else planes[:, None])

    return run
