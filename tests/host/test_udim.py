"""Files of UDIM tiles."""

from __future__ import annotations

import pytest

from matshot_host.udim import tile_number


@pytest.mark.parametrize(
    ("path", "pattern", "number"),
    [
        ("/t/wall.1002.png", "/t/wall.<UDIM>.png", 1002),
        ("/t/../t/wall.1002.png", "/t/wall.<UDIM>.png", 1002),
        ("/t/wall.102.png", "/t/wall.<UDIM>.png", 0),
        ("/t/wall.1002.exr", "/t/wall.<UDIM>.png", 0),
        ("/t/wall.png", "/t/wall.png", 0),
    ],
)
def test_a_tile_of_a_pattern_has_a_number(path: str, pattern: str, number: int) -> None:
    assert tile_number(path, pattern) == number
