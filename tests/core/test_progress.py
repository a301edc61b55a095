"""Progress and cancelling."""

from __future__ import annotations

import pytest

from matshot.errors import Cancelled
from matshot.progress import CancelSwitch, Progress


def test_parts_nest_and_carry_their_stage() -> None:
    said: list[tuple[float, str]] = []
    whole = Progress(lambda fraction, stage: said.append((fraction, stage)), stage="all")
    second = whole.part(0.5, 1.0, "second")
    whole(0.25)
    second(0.5)
    second.part(0.5, 1.0)(1.0, "end")
    assert said == [(0.25, "all"), (0.75, "second"), (1.0, "end")]


def test_fractions_stay_inside_and_never_fall() -> None:
    said: list[float] = []
    progress = Progress(lambda fraction, _: said.append(fraction))
    for fraction in (-1.0, 0.5, 0.2, 7.0):
        progress(fraction)
    assert said == [0.0, 0.5, 0.5, 1.0]


def test_held_repeats_where_the_whole_is() -> None:
    said: list[float] = []
    progress = Progress(lambda fraction, _: said.append(fraction))
    progress(0.3)
    progress.held()(0.9)
    assert said == [0.3, 0.3]


def test_nobody_may_listen() -> None:
    Progress(None)(0.5)
    Progress(None).held()(0.5)


def test_cancel_raises_at_the_next_report() -> None:
    switch = CancelSwitch()
    switch(0.1, "")
    switch.cancel()
    with pytest.raises(Cancelled):
        switch(0.2, "")
