"""Errors as sentences for artists: what is wrong, with the value, and what to do."""

import math
import numbers
from typing import Any, Iterable

#: Integers from here on are described by their number of digits.
_LARGE = 10**18
#: Characters of a value that are quoted.
_LONGEST = 60


class MatshotError(Exception):
    """A failure with a sentence for the artist and, where there is one, a cause for the log.

    Args:
        sentence: what is wrong and, if it can be known, what to do.
        cause: technical detail.

    Example:
        >>> import matshot
        >>> try:
        ...     matshot.upscale("wall.txt")
        ... except matshot.MatshotError as error:
        ...     print(error.sentence)
        wall.txt does not exist.
    """

    def __init__(self, sentence: str, cause: str = "") -> None:
        # A file's name may hold bytes that are no text, and a sentence has to be printable.
        sentence = sentence.encode("utf-8", "backslashreplace").decode("utf-8")
        super().__init__(sentence)
        self.sentence = sentence
        self.cause = cause


def unknown_choice(noun: str, value: object, choices: Iterable[object]) -> MatshotError:
    """The error for a value that is not among the choices of a parameter.

    Args:
        noun: what the value should name, such as ``wrap``.
        value: what was given.
        choices: what is accepted.
    """
    return MatshotError(f"Unknown {noun} {quoted(value)}. Choose from: {', '.join(map(str, choices))}.")


def quoted(value: Any) -> str:
    """A value as a sentence can hold it, on one line."""
    if isinstance(value, int) and abs(value) >= _LARGE:
        return f"a number of {int(value.bit_length() * math.log10(2)) + 1} digits"
    if isinstance(value, float) and value.is_integer():
        return "{:.15g}".format(value)
    if isinstance(value, numbers.Number) and not isinstance(value, bool):
        return str(value)
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # an integer inside is too long to be written
        return f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
