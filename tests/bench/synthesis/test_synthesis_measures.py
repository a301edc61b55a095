"""The measures of synthesis on images whose answer is known, and the peers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import images
from bench.peers import Missing
from bench.synthesis import measures as synthesis_measures
from bench.synthesis import peers as synthesis_peers


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(3).random((64, 56, 3))


def test_patch_distance_ignores_where_patches_are(noise: np.ndarray) -> None:
    assert synthesis_measures.patch_swd(noise, noise) == 0
    # Turned by half, every 1 x 1 patch is still there.
    assert synthesis_measures.patch_swd(noise[::-1, ::-1], noise, size=1) == pytest.approx(0, abs=1e-7)
    other = np.random.default_rng(4).random(noise.shape)
    assert synthesis_measures.patch_swd(other, noise) < 0.01
    blurred = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) / 3
    assert synthesis_measures.patch_swd(blurred, noise) > 0.05


def test_patch_distance_of_a_known_shift() -> None:
    """All projections move by the sum of their direction's components; its mean size is known for a Gaussian."""
    gray = np.full((20, 20, 3), 0.4)
    moved = synthesis_measures.patch_swd(gray + 0.1, gray, size=7, projections=4000)
    assert moved == pytest.approx(0.1 * np.sqrt(2 / np.pi), rel=0.05)


def test_patch_distance_is_that_of_the_peer(noise: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    other = np.clip(noise * 0.8 + 0.1, 0, 1)
    directions = np.random.default_rng(0).standard_normal((49 * 3, 256))
    kernels = torch.from_numpy((directions / np.linalg.norm(directions, axis=0)).T.reshape(256, 3, 7, 7))

    def projected(image: np.ndarray) -> torch.Tensor:
        planes = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
        return torch.nn.functional.conv2d(planes, kernels)[0].flatten(1).sort(dim=1).values

    wanted = (projected(noise) - projected(other)).abs().mean()
    assert synthesis_measures.patch_swd(noise, other) == pytest.approx(float(wanted), rel=1e-4)


def test_patch_distance_between_sizes(noise: np.ndarray) -> None:
    repeated = np.tile(noise, (2, 3, 1))
    whole = synthesis_measures.patch_swd(repeated, noise, size=1)
    assert whole < 1e-3
    assert synthesis_measures.patch_swd(repeated, noise, size=1) == synthesis_measures.patch_swd(
        noise, repeated, size=1
    )


def test_histogram_distance_of_each_channel(noise: np.ndarray) -> None:
    moved = noise + np.array([0.0, 0.1, -0.2])
    assert synthesis_measures.histogram_distance(moved, noise) == pytest.approx([0, 0.1, 0.2])
    assert synthesis_measures.histogram_distance(moved[::2], noise)[1] == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(("axis", "place"), [("x", 1), ("y", 0)])
def test_seam_of_what_repeats_and_what_does_not(axis: str, place: int) -> None:
    texture = images.fractal_noise(96, 96, 3, seed=5)
    closed = synthesis_measures.seam(texture, axis)
    assert abs(closed.ratio - 1) < 3 * closed.spread + 0.05
    cut = np.take(texture, range(70), axis=place)
    opened = synthesis_measures.seam(cut, axis)
    assert opened.ratio > 2
    assert opened.rank == 1
    # The other axis still repeats.
    assert synthesis_measures.seam(cut, "xy".replace(axis, "")).ratio < 1.5


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_cut_is_strange_and_a_joint_is_not(axis: str) -> None:
    rng = np.random.default_rng(0)
    waves = np.sin(2 * np.pi * np.arange(64) / 32)
    tiles = waves[:, None, None] + waves[:, None] + rng.normal(0, 0.02, (64, 64, 1))
    tiles[::32] = tiles[:, ::32] = -3
    source = np.tile(tiles, (2, 2, 1))
    edge, worst = synthesis_measures.edge_strangeness(tiles + rng.normal(0, 0.02, tiles.shape), source, axis)
    assert edge < 1.5
    assert worst < 1.5
    cut = tiles[:, :-16] if axis == "x" else tiles[:-16]
    edge, worst = synthesis_measures.edge_strangeness(cut + rng.normal(0, 0.02, cut.shape), source, axis)
    assert edge > 5
    assert worst == edge


def test_seam_of_constants() -> None:
    assert synthesis_measures.seam(np.full((8, 8, 1), 0.5), "x").ratio == 1
    half = np.zeros((8, 8, 1))
    half[:, 4:] = 1
    # One step of seven inside, and one across the edge.
    assert synthesis_measures.seam(half, "x").ratio == pytest.approx(7)


def test_seams_of_a_material_leave_out_what_is_constant() -> None:
    maps = {"height": images.fractal_noise(64, 64, 1, seed=2), "metallic": np.zeros((64, 64, 1))}
    edges = synthesis_measures.seams(maps)
    assert list(edges) == ["height x", "height y"]
    said = synthesis_measures.seam_summary(list(edges.values()), 0.05)
    assert said.startswith("Over all 2 maps and axes")


def test_copies_are_found_where_they_are(noise: np.ndarray) -> None:
    other = np.random.default_rng(9).random((80, 90, 3))
    assert synthesis_measures.longest_copy(other, noise).region == 0
    other[10:31, 20:41] = noise[30:51, 5:26]
    found = synthesis_measures.longest_copy(other, noise)
    assert found.offset == (20, -15)
    assert found.square == pytest.approx(21 / 56)
    assert found.region == pytest.approx(21 / np.sqrt(64 * 56))
    stored = np.rint(other * 255) / 255
    assert synthesis_measures.longest_copy(stored, noise).region == found.region
    # A larger one of another shape has the larger region, but not the larger square.
    other[50:60, 5:75] = np.tile(noise, (1, 2, 1))[40:50, 30:100]
    both = synthesis_measures.longest_copy(other, noise, wrap="x")
    assert both.region == pytest.approx(np.sqrt(700 / (64 * 56)))
    assert both.square == found.square
    assert synthesis_measures.longest_copy(other, noise).region < both.region


def test_a_whole_source_is_a_copy_of_itself(noise: np.ndarray) -> None:
    whole = synthesis_measures.longest_copy(noise, noise)
    assert whole.region == pytest.approx(1)
    assert whole.offset == (0, 0)
    turned = synthesis_measures.longest_copy(np.roll(noise, (9, 30), (0, 1)), noise, wrap="xy")
    assert turned.region == pytest.approx(1)
    assert synthesis_measures.longest_copy(noise[:, ::-1], noise).region == 0


def test_diversity(noise: np.ndarray) -> None:
    other = np.random.default_rng(8).random(noise.shape)
    assert synthesis_measures.diversity([noise, np.roll(noise, (5, 6), (0, 1))]) == pytest.approx(0, abs=1e-9)
    assert synthesis_measures.diversity([noise, other]) > 0.9
    half = np.where(np.arange(56)[None, :, None] < 28, noise, other)
    assert 0.3 < synthesis_measures.diversity([noise, half]) < 0.7


def test_maps_out_of_step_are_told() -> None:
    height = images.fractal_noise(64, 64, 1, seed=2)
    normal = images.tiled_normals(64, 64)
    source = {"basecolor": np.repeat(height, 3, axis=2) ** 2, "height": height, "normal": normal}
    moved = {kind: np.roll(pixels, (7, 9), (0, 1)) for kind, pixels in source.items()}
    assert synthesis_measures.correlation_change(moved, source).largest == pytest.approx(0, abs=1e-12)
    broken = synthesis_measures.correlation_change({**source, "height": moved["height"]}, source)
    assert broken.largest > 0.1
    assert any("height" in name for name in broken.pair)
    assert broken.pairs == 15
    constant = {**source, "basecolor": np.full((64, 64, 3), 0.5)}
    assert synthesis_measures.correlation_change(constant, source).largest == pytest.approx(1, abs=1e-6)
    assert synthesis_measures.correlation_change(constant, constant).pairs == 3


def test_quilting_is_made_of_the_source() -> None:
    texture = images.tiled_texture(96, 96)
    made = synthesis_peers.quilted(texture, 80, 120, seed=1)
    assert made.shape == (80, 120, 3)
    colors = {tuple(color) for color in np.rint(texture.reshape(-1, 3) * 255).astype(int)}
    assert {tuple(color) for color in np.rint(made.reshape(-1, 3) * 255).astype(int)} <= colors
    assert synthesis_measures.patch_swd(made, texture) < 0.02
    np.testing.assert_array_equal(made, synthesis_peers.quilted(texture, 80, 120, seed=1))
    assert np.abs(made - synthesis_peers.quilted(texture, 80, 120, seed=2)).max() > 0.1


def test_quilting_continues_what_fits() -> None:
    """Of stripes, only blocks in step fit: the stripes go through."""
    x = np.arange(96)
    stripes = np.broadcast_to(np.sin(x * 2 * np.pi / 16)[None, :, None] / 2 + 0.5, (96, 96, 3))
    made = synthesis_peers.quilted(stripes, 64, 96, seed=3)
    assert np.abs(made[:, 16:] - made[:, :-16]).max() < 0.25


def test_a_peer_that_is_not_there_says_so(tmp_path: Path) -> None:
    for place in (None, tmp_path):
        with pytest.raises(Missing, match="--gpdm"):
            synthesis_peers.gpdm(place)
