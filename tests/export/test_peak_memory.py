"""Memory per pixel, as the cards say it."""

from __future__ import annotations

import numpy as np

from matshot.inference.cards import SHIPPED
from matshot_export.peak_memory import measured_bytes_per_pixel


def test_what_this_process_holds_does_not_hide_what_a_network_needs():
    held = np.ones(60_000_000)
    path = SHIPPED / "data_x4.toml"
    # Planes of 32 channels in single precision: at least two of them are alive at once.
    assert measured_bytes_per_pixel(path) > 2 * 32 * 4
    assert held.all()
