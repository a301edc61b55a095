"""Textures of UDIM tiles, one file for each, named by a path with ``<UDIM>`` in place of the tile's number.

Standard library only, Python 3.7 syntax, because hosts bring their own Python.
"""

import os

#: Stands for the number of a tile in the name of a file that is one of many.
UDIM = "<UDIM>"


def normalized_path(path: str) -> str:
    """A path in one spelling; hosts and the worker differ in theirs."""
    return os.path.normcase(os.path.normpath(path))


def tile_number(path: str, pattern: str) -> int:
    """Number of the tile that a file is of a pattern with ``<UDIM>``; 0 for another file."""
    head, token, tail = normalized_path(pattern).partition(os.path.normcase(UDIM))
    plain = normalized_path(path)
    number = plain[len(head) : len(plain) - len(tail)]
    is_tile = bool(token) and plain == head + number + tail and len(number) == 4 and number.isdigit()
    return int(number) if is_tile else 0
