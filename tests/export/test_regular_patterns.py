"""Generated patterns repeat, are sharp, and are as varied as their list."""

import numpy as np
import pytest

from matshot_export import regular_patterns
from matshot_export.patches import PatchSource, Shrink
from matshot_export.regular_patterns import regular_pattern

COLORS = np.random.default_rng(0).integers(0, 256, (500, 3)).astype(np.uint8)


@pytest.mark.parametrize("number", range(len(regular_patterns._PATTERNS)))
def test_every_pattern_has_sharp_edges(monkeypatch, number):
    monkeypatch.setattr(regular_patterns, "_PATTERNS", regular_patterns._PATTERNS[number : number + 1])
    steep = 0
    for seed in range(6):
        image = regular_pattern(128, COLORS, np.random.default_rng(seed))
        assert image.shape == (128, 128, 3)
        assert image.dtype == np.uint8
        difference = np.abs(np.diff(image.astype(int), axis=1)).max(axis=2)
        # Flat cells, and jumps between them.
        assert np.median(difference) <= difference.max()
        steep += difference.max() > 40
    assert steep >= 5


def test_the_same_seed_gives_the_same_pattern():
    first, again, other = (regular_pattern(64, COLORS, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("seed", range(4))
def test_no_joint_is_narrower_than_texture_files_have(monkeypatch, seed):
    monkeypatch.setattr(regular_patterns, "_PATTERNS", (regular_patterns._stripes,))
    monkeypatch.setattr(regular_patterns, "PERIODS", (5.0, 5.0))

    class Straight:
        """Draws no turn."""

        def __init__(self):
            self.rng = np.random.default_rng(seed)

        def random(self, size=None):
            return 0.3 if size is None else self.rng.random(size)

        def __getattr__(self, name):
            return getattr(self.rng, name)

    row = regular_pattern(100, COLORS, Straight())[0].astype(int)
    edges = np.flatnonzero(np.abs(np.diff(row, axis=0)).sum(axis=1))
    # The drawing is twice as large; a joint of 2.4 pixels covers two or three.
    assert np.diff(edges).min() >= 2


def test_a_straight_pattern_repeats(monkeypatch):
    monkeypatch.setattr(regular_patterns, "_PATTERNS", (regular_patterns._checks,))

    class Straight:
        """Draws no turn, and a period of 16 pixels."""

        def __init__(self):
            self.rng = np.random.default_rng(0)

        def random(self, size=None):
            return np.log(8 / 5) / np.log(64 / 5) if size is None else np.zeros(size)

        def __getattr__(self, name):
            return getattr(self.rng, name)

    image = regular_pattern(64, COLORS, Straight())
    assert (image[:, :32] == image[:, 32:]).all()


def test_patterns_join_the_training_images(tmp_path):
    from matshot.image.writer import write_texture
    from matshot.shading.procedural import brick_wall

    path = tmp_path / "materials" / "train" / "PH_wall" / "basecolor.png"
    write_texture(brick_wall(256, 1)["basecolor"], path)
    source = PatchSource([path], "color", 16, 4, Shrink(2), leaves=1, patterns=2, surfaces=1)
    assert source.counts == {
        "materials": 1, "of Poly Haven": 1, "photographs": 0, "dead leaves": 1, "regular patterns": 2,
        "regular materials": 1,
    }  # fmt: skip
    assert source.images.heights[-3:].tolist() == [512] * 3
    low, high = next(source)
    assert low.shape == (4, 3, 16, 16)
    # Larger patches come from the images that are large enough.
    source.resize(128)
    low, high = next(source)
    assert low.shape == (4, 3, 128, 128)
    assert high.shape == (4, 3, 256, 256)
    source.resize(400)
    with pytest.raises(ValueError, match="No training image is as large as the 808 pixels"):
        next(source)
