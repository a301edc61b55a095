"""Model cards: a TOML file beside every ONNX file holds all that the engine and the user need to know."""

from __future__ import annotations

import hashlib
import os
import tomllib
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import MatshotError, unknown_choice

#: Folder of the models that come with Matshot.
SHIPPED = Path(__file__).parent.parent / "models"


@dataclass(frozen=True)
class Card:
    """What a network is, its input and its output.

    Attributes:
        name: unique; also the files' stem.
        summary: one line.
        task: the tool that uses it.
        method: the tool's method that it carries out.
        look: ``fidelity`` or ``detail`` where the tool offers both, else empty.
        scale: output pixels per input pixel and side.
        encoding: ``srgb``, ``normal`` or ``data``, of input and output.
        planes: channels of the input, and of the output unless ``outputs`` says otherwise.
        receptive_field: radius, in input pixels, outside which no input changes an output pixel.
        grid: inputs must begin and end on multiples of it to be shift-equivariant.
        bytes_per_pixel: peak working memory per input pixel in single precision, measured at export.
        license: SPDX name.
        file: ONNX file beside the card.
        sha256: of that file.
        opset: of the graph.
        outputs: channels of the output, or length of the vector, where it differs from the input's; else 0.
        half_file: the same network computing in half precision, for GPUs; empty if there is none.
        half_sha256: of that file.
        training: data with licenses, command, steps, seed and machine.
        quality: measured figures.
        folder: where the card lies.
    """

    name: str
    summary: str
    task: str
    method: str
    scale: int
    encoding: str
    planes: int
    receptive_field: int
    grid: int
    bytes_per_pixel: int
    license: str
    file: str
    sha256: str
    opset: int
    look: str = ""
    outputs: int = 0
    half_file: str = ""
    half_sha256: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    quality: dict[str, Any] = field(default_factory=dict)
    folder: Path = SHIPPED

    def __hash__(self) -> int:
        """Of what tells cards apart; tables of facts cannot be hashed."""
        return hash((self.name, self.sha256, self.folder))

    def path(self, half: bool = False) -> Path:
        """The ONNX file, checked against its checksum.

        Raises:
            MatshotError: when it is missing or was changed.
        """
        name, checksum = (self.half_file, self.half_sha256) if half else (self.file, self.sha256)
        path = self.folder / name
        if not path.is_file():
            raise MatshotError(f"The model file {name} is missing; reinstall Matshot.", str(path))
        if hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
            raise MatshotError(f"The model file {name} is damaged (its checksum differs); reinstall Matshot.")
        return path


def read_card(path: Path) -> Card:
    """Read one card.

    Raises:
        MatshotError: when it is not TOML, lacks a field or has an unknown one.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        card = Card(**values, folder=path.parent)
    except (tomllib.TOMLDecodeError, TypeError, OSError) as error:
        raise MatshotError(f"The model card {path.name} is not valid.", str(error)) from error
    if card.name != path.stem:
        raise MatshotError(f"The model card {path.name} belongs to another model, {card.name}.")
    return card


def _cached_card(path: Path) -> Card:
    """As :func:`read_card`, but an unchanged file is read once: tools look up all cards at every run."""
    try:
        known = path.stat()
    except OSError:
        return read_card(path)
    return _unchanged_card(path, known.st_mtime_ns, known.st_size)


@lru_cache(maxsize=256)
def _unchanged_card(path: Path, changed: int, size: int) -> Card:
    del changed, size
    return read_card(path)


def write_card(card: Card, path: Path) -> None:
    """Write a card so that :func:`read_card` gives it back."""
    lines, tables = [], []
    for entry in fields(card):
        value = getattr(card, entry.name)
        if entry.name == "folder" or value in ("", {}) or (entry.name == "outputs" and not value):
            continue
        if isinstance(value, dict):
            tables += ["", f"[{entry.name}]", *(f"{k} = {_toml(v)}" for k, v in value.items())]
        else:
            lines.append(f"{entry.name} = {_toml(value)}")
    path.write_text("\n".join(lines + tables) + "\n", encoding="utf-8")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class Registry:
    """The cards of some folders; later folders override earlier ones by name.

    Args:
        folders: of models. If one card is invalid, none of its folder is added.
    """

    def __init__(self, *folders: Path) -> None:
        self._cards: dict[str, Card] = {}
        for folder in folders:
            self.add(folder)

    def add(self, folder: Path) -> None:
        """Register every card in a folder, or none.

        Raises:
            MatshotError: when the folder is missing or a card in it is not valid.
        """
        if not folder.is_dir():
            raise MatshotError(f"The model folder {folder} does not exist; check MATSHOT_MODELS.")
        # Within a folder the first by name is preferred, and is the last that is added.
        found = {card.name: card for card in map(_cached_card, sorted(folder.glob("*.toml"), reverse=True))}
        self._cards = {name: card for name, card in self._cards.items() if name not in found} | found

    def __iter__(self) -> Any:
        return iter(sorted(self._cards.values(), key=lambda card: card.name))

    def find(self, task: str, method: str | None = None, *, encoding: str | None = None) -> list[Card]:
        """Cards of a task; those of folders that were added later come first, so that they are preferred.

        Args:
            task: tool that uses them.
            method: that they carry out, None for any.
            encoding: of input and output, None for any.
        """
        return [
            card
            for card in reversed(self._cards.values())
            if card.task == task and method in (None, card.method) and encoding in (None, card.encoding)
        ]

    def require(self, task: str, method: str) -> Card:
        """The preferred card of a task's method.

        Raises:
            MatshotError: when there is none.
        """
        for card in self.find(task, method):
            return card
        raise MatshotError(f"The {task} model ({method}) is missing; reinstall Matshot.")

    def __getitem__(self, name: str) -> Card:
        try:
            return self._cards[name]
        except KeyError:
            raise unknown_choice("model", name, sorted(self._cards)) from None


def installed_models() -> Registry:
    """Models that come with Matshot and those in the folders of ``$MATSHOT_MODELS``."""
    extra = [Path(part) for part in os.environ.get("MATSHOT_MODELS", "").split(os.pathsep) if part]
    return Registry(SHIPPED, *extra)
