"""Which operators carry out an enlargement, for each kind of map."""

from __future__ import annotations

from collections.abc import Callable

from matshot_host.tools import UPSCALE

from ..errors import MatshotError
from ..inference.cards import Card, Registry, installed_models
from ..inference.session import Device, network
from ..inference.tiling import Operator
from .resampling import Downscale, Enlarge, Sharpen, box, cubic, lanczos

#: Interpolations, as a function of the scale.
_INTERPOLATIONS: dict[str, Callable[[int], Operator]] = {
    "nearest": lambda scale: Enlarge(box, 1, scale),
    "bicubic": lambda scale: Enlarge(cubic, 2, scale),
    "lanczos": lambda scale: Enlarge(lanczos, 3, scale),
    "lanczos_sharp": lambda scale: Sharpen(Enlarge(lanczos, 3, scale)),
}

#: Every method, the best first.
METHODS: tuple[str, ...] = UPSCALE.parameter("method").choices


def operators(
    encoding: str, scale: int, look: str, method: str, device: Device, threads: int, models: Registry | None = None
) -> list[Operator]:
    """Operators whose scales multiply to ``scale``, in the order they are applied.

    Args:
        encoding: of the input, ``srgb``, ``normal`` or ``data``.
        scale: 2, 4 or 8.
        look: ``fidelity`` or ``detail``; only color has both.
        method: one of ``METHODS``. The older learned ones support only color; other maps get bicubic with them.
        device: as :class:`~matshot.inference.session.Network`.
        threads: likewise.
        models: to choose from; those installed by default.

    Raises:
        MatshotError: for an unknown method, or one without a model.
    """
    UPSCALE.parameter("method").check(method)
    if method in _INTERPOLATIONS:
        return [_INTERPOLATIONS[method](scale)]
    if method != "network" and encoding != "srgb":
        return [_INTERPOLATIONS["bicubic"](scale)]
    cards = _cards(models or installed_models(), encoding, look, method)
    if scale in cards:
        return [network(cards[scale], device, threads)]
    if scale == 8 and 4 in cards:
        return [network(cards[4], device, threads), *_twice(cards, encoding, device, threads)]
    if scale == 2 and 4 in cards:
        return _twice(cards, encoding, device, threads)
    if scale in (4, 8) and 2 in cards:
        return [network(cards[2], device, threads)] * (scale.bit_length() - 1)
    raise MatshotError(f"No installed model supports {method} for {encoding} maps at x{scale}; run: matshot models")


def _twice(cards: dict[int, Card], encoding: str, device: Device, threads: int) -> list[Operator]:
    """Twice as large: by a network of that scale, else by the x4 network and half its size."""
    if 2 in cards:
        return [network(cards[2], device, threads)]
    return [Downscale(network(cards[4], device, threads), 2, unit=encoding == "normal")]


def _cards(models: Registry, encoding: str, look: str, method: str) -> dict[int, Card]:
    """Models of a method by scale; without one of the requested look, one that has no look."""
    candidates = models.find("upscale", method, encoding=encoding)
    found: dict[int, Card] = {}
    for choice in (look, ""):
        for card in candidates:
            if card.look == choice:
                found.setdefault(card.scale, card)
    return found
