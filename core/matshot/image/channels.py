"""Channels of a file: which are read, what they are called, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import OpenImageIO as oiio

#: Names of color channels, in their order.
_COLORS = ({"r", "red"}, {"g", "green"}, {"b", "blue"})

#: Names of alpha.
_ALPHA = {"a", "alpha"}

#: Names of a gray channel.
_GRAY = {"y", "l", "luminance", "gray", "grey"}

#: Last words of layers that hold the picture, in the order in which they are looked for.
_MAIN_LAYERS = ("", "combined", "beauty", "rgba", "rgb", "c", "color")


@dataclass(frozen=True)
class ChannelChoice:
    """Channels that are read.

    Attributes:
        indices: of the channels in the file, in order.
        names: of them, where they are not Y, A or R, G, B, A; empty otherwise.
        alpha: whether the last is alpha.
        color: whether they are a color or gray; otherwise numbers of any meaning.
        left_out: names of all others.
    """

    indices: tuple[int, ...]
    names: tuple[str, ...] = ()
    alpha: bool = False
    color: bool = True
    left_out: tuple[str, ...] = ()


def chosen_channels(spec: oiio.ImageSpec, format_name: str) -> ChannelChoice | None:
    """The channels of a file that are read.

    Args:
        spec: header.
        format_name: as the library calls it; in ``openexr`` channels are known by their names alone.

    Returns:
        Color with alpha where there is color; else gray; else up to four channels as they are. None for more channels
        than that without color among them.
    """
    # A damaged header may hold empty names, and bytes that are not text.
    texts = [str(name).encode("ascii", "ignore").decode("ascii") for name in spec.channelnames]
    names = [text or f"channel{index}" for index, text in enumerate(texts)]
    if format_name != "openexr":
        return _by_place(spec, names, format_name)
    layers: dict[str, dict[str, int]] = {}
    for index, name in enumerate(names):
        layer, _, channel = name.rpartition(".")
        layers.setdefault(layer, {}).setdefault(channel.lower(), index)
    for layer in sorted(layers, key=_importance):
        rgb = [_found(layers[layer], known) for known in _COLORS]
        if None not in rgb:
            return _choice(names, [one for one in rgb if one is not None], _found(layers[layer], _ALPHA))
    for layer in sorted(layers, key=_importance):
        gray = _found(layers[layer], _GRAY)
        if gray is not None and layers[layer].keys() <= _GRAY | _ALPHA:
            return _choice(names, [gray], _found(layers[layer], _ALPHA))
    if len(names) > 4:
        return None
    return ChannelChoice(tuple(range(len(names))), tuple(names), alpha=False, color=False)


def _by_place(spec: oiio.ImageSpec, names: Sequence[str], format_name: str) -> ChannelChoice:
    """Formats in which the order of channels says what they are."""
    count, alpha = len(names), spec.alpha_channel
    # Two channels of a TGA are gray and alpha, whatever they are called.
    if alpha < 0 and ((count in (2, 4) and names[-1].lower() in _ALPHA) or (count == 2 and format_name == "targa")):
        alpha = count - 1
    if alpha < 0 and count in (2, 4):
        return ChannelChoice(tuple(range(count)), tuple(names), color=count == 4 or names[0].lower() in _GRAY)
    colors = 3 if count >= 3 else 1
    return _choice(names, list(range(colors)), alpha if alpha >= colors else None)


def _choice(names: Sequence[str], colors: list[int], alpha: int | None) -> ChannelChoice:
    indices = (*colors, *([alpha] if alpha is not None else []))
    left_out = tuple(name for index, name in enumerate(names) if index not in indices)
    return ChannelChoice(indices, alpha=alpha is not None, left_out=left_out)


def _found(layer: dict[str, int], known: set[str]) -> int | None:
    return next((layer[name] for name in layer if name in known), None)


def _importance(layer: str) -> tuple[int, str]:
    word = layer.rpartition(".")[2].lower()
    return (_MAIN_LAYERS.index(word) if word in _MAIN_LAYERS else len(_MAIN_LAYERS), layer)


def layers_in_words(names: Sequence[str]) -> str:
    """Channels that were left out, by their layers: ``N (X, Y, Z), Depth (Z)``."""
    layers: dict[str, list[str]] = {}
    for name in names:
        layer, _, channel = name.rpartition(".")
        layers.setdefault(layer, []).append(channel)
    shown = [f"{layer} ({', '.join(inside)})" if layer else ", ".join(inside) for layer, inside in layers.items()]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
