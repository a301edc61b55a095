"""Making materials smaller: means of areas, in the encodings in which means mean something."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.image.color import linear_from_srgb
from matshot.image.types import Texture
from matshot.material.resize import shrunk
from matshot.material.types import Material


def texture(pixels, encoding="data", wrap="none"):
    values = np.asarray(pixels, dtype=np.float32)
    return Texture(values if values.ndim == 3 else values[..., np.newaxis], encoding, wrap)


def of(kind, made):
    return shrunk(Material({kind: made}), max(made.width, made.height) // 2).maps[kind]


def test_a_small_material_comes_back_as_it_is():
    material = Material({"roughness": texture(np.ones((3, 4)))})
    assert shrunk(material, 4) is material


def test_every_pixel_is_the_mean_of_its_area():
    values = np.random.default_rng(0).random((8, 12))
    small = of("height", texture(values, wrap="xy"))
    assert small.wrap == "xy"
    np.testing.assert_allclose(small.pixels[..., 0], values.reshape(4, 2, 6, 2).mean(axis=(1, 3)), atol=1e-6)
    uneven = shrunk(Material({"height": texture(np.arange(5.0)[np.newaxis])}), 2).maps["height"]
    np.testing.assert_allclose(uneven.pixels[0, :, 0], [(0 + 1 + 2 / 2) / 2.5, (2 / 2 + 3 + 4) / 2.5], atol=1e-6)


@pytest.mark.parametrize(("size", "longest", "wanted"), [((5, 9), 3, (2, 3)), ((1, 9), 4, (1, 4)), ((9, 2), 1, (1, 1))])
def test_sides_keep_their_proportion_and_stay_there(size, longest, wanted):
    small = shrunk(Material({"ao": texture(np.ones(size))}, physical_size=(1.0, 2.0)), longest)
    assert (small.height, small.width) == wanted
    assert small.physical_size == (1.0, 2.0)


def test_what_repeats_goes_on_repeating():
    """Shifted round by whole areas before or after, it comes to the same."""
    values = np.random.default_rng(1).random((8, 8))
    shifted = np.roll(values, (4, 2), axis=(0, 1))
    small = of("height", texture(values, wrap="xy")).pixels
    np.testing.assert_allclose(of("height", texture(shifted, wrap="xy")).pixels, np.roll(small, (2, 1), axis=(0, 1)))


def test_colours_are_averaged_as_light():
    checks = np.zeros((4, 4, 3))
    checks[::2, ::2] = checks[1::2, 1::2] = 1
    small = of("basecolor", texture(checks, "srgb"))
    np.testing.assert_allclose(linear_from_srgb(small.pixels), 0.5, atol=1e-5)
    np.testing.assert_allclose(of("basecolor", texture(checks, "linear")).pixels, 0.5, atol=1e-6)


@pytest.mark.parametrize("encoding", ["srgb", "linear"])
def test_what_nobody_sees_does_not_colour_what_is_seen(encoding):
    cutout = np.zeros((2, 4, 4))
    cutout[:, 0] = (1, 0, 0, 1)  # red leaf, green paper
    cutout[:, 1:3] = (0, 1, 0, 0)
    cutout[:, 3] = (0, 1, 0, 0)
    small = of("basecolor", texture(cutout, encoding)).pixels
    np.testing.assert_allclose(small[0, 0], [1, 0, 0, 0.5], atol=1e-6)
    np.testing.assert_allclose(small[0, 1], [0, 1, 0, 0], atol=1e-6)


def test_normals_stay_unit_vectors():
    tilted = np.zeros((2, 2, 3))
    tilted[:, 0], tilted[:, 1] = (0.6, 0, 0.8), (-0.6, 0, 0.8)
    np.testing.assert_allclose(of("normal", texture(tilted, "normal")).pixels[0, 0], [0, 0, 1], atol=1e-6)


def test_directions_are_alike_after_half_a_turn():
    angles = texture([[0.01, 0.49], [0.01, 0.49]])
    small = of("anisotropy_angle", angles).pixels[0, 0, 0]
    assert min(small, 0.5 - small) == pytest.approx(0, abs=1e-6)


def test_directions_count_by_their_anisotropy_and_cancel_out():
    angles = texture([[0.0, 0.125], [0.0, 0.125]])
    degrees = texture([[0.8, 0.0], [0.8, 0.0]])
    small = shrunk(Material({"anisotropy": degrees, "anisotropy_angle": angles}), 1).maps
    assert small["anisotropy_angle"].pixels.item() == pytest.approx(0.0, abs=1e-6)
    assert small["anisotropy"].pixels.item() == pytest.approx(0.4, abs=1e-6)
    crossed = Material({"anisotropy": texture([[0.8, 0.8]]), "anisotropy_angle": texture([[0.0, 0.25]])})
    assert shrunk(crossed, 1).maps["anisotropy"].pixels.item() == pytest.approx(0.0, abs=1e-6)
