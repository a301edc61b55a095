"""Errors as sentences for artists: what is wrong, with the value, and what to do."""

from typing import Iterable


class MatshotError(Exception):
    """A failure with a sentence for the artist and, where there is one, a cause for the log.

    Args:
        sentence: what is wrong and, if it can be known, what to do.
        cause: technical detail.
    """

    def __init__(self, sentence: str, cause: str = "") -> None:
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
    return MatshotError(f"Unknown {noun} {value!r}. Choose from: {', '.join(map(str, choices))}.")
