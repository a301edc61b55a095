"""Symmetric results: pixels, vectors, borders and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.errors import MatshotError
from matshot.image.normals import unit_normals
from matshot.image.types import Texture, Wrap
from matshot.material.types import Material
from matshot.synthesis.multiply import MultiplyOptions, multiply
from matshot.synthesis.painting import Painting
from matshot.synthesis.symmetry import (
    Symmetry,
    mirrored_material,
    symmetric_material,
    turned_material,
)

TURNS: list[tuple[Symmetry, int]] = [("rotate_2", 2), ("rotate_4", 1)]
MIRRORS: list[tuple[Symmetry, str]] = [("mirror_x", "x"), ("mirror_y", "y"), ("mirror_xy", "xy")]


def surface(height: int, width: int, wrap: Wrap = "xy", seed: int = 0) -> Material:
    """Color, normals and anisotropy that vary smoothly and are unlike themselves in any turn."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    planes = [
        np.sin(
            2 * np.pi * (random.integers(1, 4) * x / width + random.integers(1, 4) * y / height) + random.uniform(0, 6)
        )
        for _ in range(7)
    ]
    color = 0.5 + 0.3 * np.stack(planes[:3], axis=2)
    normal = unit_normals(np.stack([0.4 * planes[3], 0.4 * planes[4], np.ones_like(x)], axis=2).astype(np.float32))
    return Material(
        {
            "basecolor": Texture(color.astype(np.float32), "srgb", wrap),
            "normal": Texture(normal, "normal", wrap),
            "anisotropy": Texture((0.6 + 0.3 * planes[5])[..., np.newaxis].astype(np.float32), "data", wrap),
            "anisotropy_angle": Texture(
                np.mod(0.1 + 0.1 * planes[6], 1)[..., np.newaxis].astype(np.float32), "data", wrap
            ),
        },
        physical_size=(0.5, 0.25),
    )


def largest_difference(first: Material, second: Material) -> float:
    off = [np.abs(first.maps[kind].pixels - second.maps[kind].pixels) for kind in first.maps if "angle" not in kind]
    # An axis has the same direction after half a turn.
    turns = first.maps["anisotropy_angle"].pixels - second.maps["anisotropy_angle"].pixels
    off.append(np.abs(np.mod(turns + 0.25, 0.5) - 0.25))
    return max(float(one.max()) for one in off)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_mirror_image_twice_is_the_material(axis: str) -> None:
    material = surface(16, 24)
    assert largest_difference(mirrored_material(mirrored_material(material, axis), axis), material) < 1e-6


def test_four_quarters_are_a_full_turn_and_two_are_both_mirrors() -> None:
    material = surface(24, 24)
    assert largest_difference(turned_material(material, 4), material) < 1e-6
    both = mirrored_material(mirrored_material(material, "x"), "y")
    assert largest_difference(turned_material(material, 2), both) < 1e-6


def test_a_slope_to_the_right_is_one_upward_after_a_quarter() -> None:
    normal = np.zeros((8, 8, 3), np.float32)
    normal[..., 0], normal[..., 2] = 0.6, 0.8
    turned = turned_material(Material({"normal": Texture(normal, "normal", "none")}), 1)
    assert np.allclose(turned.maps["normal"].pixels, [0, 0.6, 0.8])


@pytest.mark.parametrize(("symmetry", "axes"), MIRRORS)
@pytest.mark.parametrize("size", [(32, 40), (33, 41)])
def test_halves_are_mirror_images(symmetry: Symmetry, axes: str, size: tuple[int, int]) -> None:
    material = surface(*size, wrap="none")
    result = symmetric_material(material, symmetry)
    assert (result.height, result.width, set(result.wrap)) == (*size, set(axes))
    assert symmetric_material(surface(*size, wrap="xy"), symmetry).wrap == "xy"
    for axis in axes:
        assert largest_difference(mirrored_material(result, axis), result) < 1e-6
    kept = tuple(slice(0, side // 2 if axis in axes else side) for axis, side in zip("yx", size, strict=True))
    for kind, texture in material.maps.items():
        assert np.array_equal(result.maps[kind].pixels[kept], texture.pixels[kept])
    assert np.allclose(np.linalg.norm(result.maps["normal"].pixels, axis=2), 1, atol=1e-5)


@pytest.mark.parametrize(("symmetry", "quarters"), TURNS)
@pytest.mark.parametrize("side", [48, 49])
@pytest.mark.parametrize("wrap", ["none", "xy"])
def test_a_turn_changes_nothing(symmetry: Symmetry, quarters: int, side: int, wrap: Wrap) -> None:
    material = surface(side, side, wrap)
    result = symmetric_material(material, symmetry)
    turned = turned_material(result, quarters)
    if side % 2 and symmetry == "rotate_4":
        # The middle pixel would have to point in two directions.
        middle = (side // 2, side // 2)
        turned.maps["anisotropy_angle"].pixels[middle] = result.maps["anisotropy_angle"].pixels[middle]
    assert largest_difference(turned, result) < 1e-4
    assert result.wrap == wrap


def test_half_a_turn_needs_no_square() -> None:
    for size in ((32, 64), (33, 64), (64, 33)):
        result = symmetric_material(surface(*size), "rotate_2")
        assert largest_difference(turned_material(result, 2), result) < 1e-4


@pytest.mark.parametrize("symmetry", ["rotate_2", "rotate_4"])
def test_turned_results_show_pixels_of_the_material_and_have_no_hard_seam(symmetry: Symmetry) -> None:
    material = surface(64, 64)
    result = symmetric_material(material, symmetry)
    color, given = result.maps["basecolor"].pixels, material.maps["basecolor"].pixels
    kept = np.abs(color - given).max(axis=2) < 1e-6
    # A half or a quarter, less where it is blended.
    assert kept.mean() > {"rotate_2": 0.25, "rotate_4": 0.08}[symmetry]
    steps = [np.abs(color - np.roll(color, 1, axis)).mean(axis=2) for axis in (0, 1)]
    assert max(step.max() for step in steps) < 0.5


@pytest.mark.parametrize("symmetry", ["mirror_xy", "rotate_4"])
def test_multiply_makes_symmetric_materials_that_tile(symmetry: Symmetry) -> None:
    options = MultiplyOptions(size="48x48", symmetry=symmetry, tileable=True, threads=1)
    (result,) = multiply(surface(32, 32), options)
    assert (result.width, result.height, result.wrap) == (48, 48, "xy")
    turned = turned_material(result, 1) if symmetry == "rotate_4" else mirrored_material(result, "x")
    assert largest_difference(turned, result) < 1e-4
    assert result.parameters["size"] == [48, 48]
    assert result.parameters["symmetry"] == symmetry


def test_a_guide_counts_in_the_part_that_is_mirrored() -> None:
    color = np.zeros((32, 32, 3), np.float32)
    color[:, 16:] = 1
    color += np.random.default_rng(0).normal(0, 0.03, color.shape).astype(np.float32)
    source = Material({"basecolor": Texture(color.clip(0, 1), "srgb", "none")})
    halves = np.zeros((32, 32, 3), np.float32)
    halves[:, 16:] = 1
    painted = np.zeros((48, 48, 3), np.float32)
    painted[:, :12] = 1
    painting = Painting(Texture(halves, "srgb"), Texture(painted, "srgb"))
    (result,) = multiply(source, MultiplyOptions(symmetry="mirror_x", threads=1), painting=painting)
    light = result.maps["basecolor"].pixels.mean(axis=(0, 2))
    assert light[:11].min() > 0.8 > 0.2 > light[13:35].max()
    assert light[37:].min() > 0.8
    assert any("target guide" in note for note in result.parameters["notes"])


def test_what_cannot_be_symmetric_is_refused() -> None:
    material = surface(32, 32)
    with pytest.raises(MatshotError, match="rotate_4 needs a square output, got 64 x 48"):
        multiply(material, MultiplyOptions(size="64x48", symmetry="rotate_4"))
    with pytest.raises(MatshotError, match="mirror_x needs an output of at least 16 pixels per side, got 12 x 64"):
        multiply(material, MultiplyOptions(size="12x64", symmetry="mirror_x"))
    with pytest.raises(MatshotError, match="needs the patch engine, got neural"):
        multiply(material, MultiplyOptions(symmetry="mirror_x", engine="neural"))
    with pytest.raises(MatshotError, match="needs the patch engine, got feedforward"):
        multiply(material, MultiplyOptions(symmetry="mirror_x", engine="feedforward"))
    hole = Painting(target_mask=Texture(np.ones((32, 32, 1), np.float32), "data"))
    with pytest.raises(MatshotError, match="leave out the target mask"):
        multiply(material, MultiplyOptions(symmetry="mirror_x"), painting=hole)
    with pytest.raises(MatshotError, match="Unknown symmetry 'twist'"):
        MultiplyOptions(symmetry="twist")  # type: ignore[arg-type]
