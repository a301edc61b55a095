"""Generated images are as soft and as sharp as files are."""

import numpy as np

from matshot_export.generated import generated_image


def edge(size, colors, rng):
    """A step from dark to bright."""
    del rng
    image = np.empty((size, size, 3), dtype=np.uint8)
    image[:, : size // 2], image[:, size // 2 :] = colors[0], colors[1]
    return image


def test_edges_are_soft_and_sharp_by_chance():
    colors = np.array([[50, 50, 50], [200, 200, 200]], dtype=np.uint8)
    widths, halos = [], []
    for seed in range(40):
        row = generated_image(edge, 64, colors, np.random.default_rng(seed))[32, :, 0].astype(int)
        widths.append(int(((row > 65) & (row < 185)).sum()))
        halos.append(row.max() - 200)
    assert min(widths) == 0
    assert max(widths) >= 3
    assert min(halos) <= 1
    assert 10 < max(halos) < 60


def test_the_generator_decides():
    colors = np.array([[50, 50, 50], [200, 200, 200]], dtype=np.uint8)
    first, again = (generated_image(edge, 32, colors, np.random.default_rng(3)) for _ in range(2))
    assert (first == again).all()
