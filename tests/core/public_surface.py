"""The public surface of ``matshot`` as text: names, signatures with types and defaults, and the types they name.

``python tests/core/public_surface.py`` writes it to ``public_surface.txt``, which the tests compare: what changes there
changes for everyone who calls Matshot from Python, and belongs into the changelog.
"""

from __future__ import annotations

import inspect
import sys
import typing
from pathlib import Path
from typing import Literal

import matshot
import matshot.api

FROZEN = Path(__file__).with_suffix(".txt")


def surface() -> str:
    """Every public name, a paragraph each."""
    paragraphs = [_described(name, getattr(matshot, name)) for name in sorted(matshot.__all__, key=str.lower)]
    paragraphs.append("\n".join(f"{name} = {_plain(value)}" for name, value in _choices()))
    return "\n\n".join(paragraphs) + "\n"


def _choices() -> list[tuple[str, object]]:
    """Types of the api that signatures name."""
    return sorted((name, value) for name, value in vars(matshot.api).items() if typing.get_origin(value) is Literal)


def _plain(value: object) -> str:
    return str(value).replace("typing.", "")


def _described(name: str, value: object) -> str:
    if isinstance(value, str):
        return f"{name}: str"
    if inspect.isclass(value):
        return "\n".join([f"class {name}{_signature(value)}", *(f"    {line}" for line in _members(value))])
    return f"def {name}{_signature(value)}"


def _members(value: type) -> list[str]:
    lines = []
    for name, member in sorted(vars(value).items()):
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            lines.append(f"{name}: {inspect.signature(member.fget).return_annotation}")  # type: ignore[arg-type]
        elif inspect.isfunction(member):
            lines.append(f"def {name}{inspect.signature(member)}".replace("'", ""))
    return lines


def _signature(value: object) -> str:
    """One parameter a line; annotations as they are written."""
    try:
        signature = inspect.signature(value)  # type: ignore[arg-type]
    except ValueError:
        return ""
    lines, kind = [], None
    for parameter in signature.parameters.values():
        if kind == inspect.Parameter.POSITIONAL_ONLY != parameter.kind:
            lines.append("/")
        if parameter.kind == inspect.Parameter.KEYWORD_ONLY and kind not in (parameter.kind, inspect._VAR_POSITIONAL):
            lines.append("*")
        kind = parameter.kind
        star = "*" if kind == inspect.Parameter.VAR_POSITIONAL else ""
        default = "" if parameter.default is parameter.empty else f" = {_default(parameter.default)}"
        annotation = "" if parameter.annotation is parameter.empty else f": {_annotation(parameter.annotation)}"
        lines.append(f"{star}{parameter.name}{annotation}{default}")
    if kind == inspect.Parameter.POSITIONAL_ONLY:
        lines.append("/")
    result = "" if signature.return_annotation is signature.empty else f" -> {_annotation(signature.return_annotation)}"
    return "(" + "".join(f"\n    {line}," for line in lines) + f"\n){result}"


def _annotation(value: object) -> str:
    return value if isinstance(value, str) else inspect.formatannotation(value)


def _default(value: object) -> str:
    return "<factory>" if "factory" in repr(value) else repr(value)


if __name__ == "__main__":
    FROZEN.write_text(surface(), encoding="utf-8")
    sys.stdout.write(f"Wrote {FROZEN.name}\n")
