"""Parts of pictures: each goes on as itself, and they join where the guide says."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.errors import MatshotError
from matshot.image.color import Pixels
from matshot.image.types import Texture
from matshot.material.types import Material
from matshot.synthesis.guides import guide_of
from matshot.synthesis.multiply import MultiplyOptions, multiply
from matshot.synthesis.painting import Painting
from matshot.synthesis.parts import Parts, extended, parts_of
from matshot.synthesis.style import StyleOptions, style


def halves(size: int, left: float, right: float, channels: int = 3) -> Pixels:
    plane = np.full((size, size, channels), right, np.float32)
    plane[:, : size // 2] = left
    return plane


def test_a_region_goes_on_as_its_mirror_image() -> None:
    picture = np.arange(8, dtype=np.float32)[np.newaxis, :, np.newaxis].repeat(8, 0)
    inside = np.zeros((8, 8), bool)
    inside[:, 2:6] = True
    result = extended(picture, inside, "none")
    assert result[0, :, 0].tolist() == [4, 3, 2, 3, 4, 5, 4, 3]


def test_a_region_at_an_edge_that_repeats_goes_on_across_it() -> None:
    picture = np.arange(8, dtype=np.float32)[np.newaxis, :, np.newaxis].repeat(8, 0)
    inside = np.zeros((8, 8), bool)
    inside[:, [0, 1, 6, 7]] = True
    result = extended(picture, inside, "x")[0, :, 0]
    assert set(result.tolist()) <= {0.0, 1.0, 6.0, 7.0}
    assert result[[0, 1, 6, 7]].tolist() == [0, 1, 6, 7]


def test_a_region_that_is_all_stays() -> None:
    picture = halves(8, 0, 1)
    assert extended(picture, np.ones((8, 8), bool), "none") is picture


def test_parts_join_softly_and_their_shares_sum_to_one() -> None:
    labels = np.zeros((16, 16), np.uint8)
    labels[:, 8:] = 1
    parts = Parts(labels, labels, 0.8)
    joined = parts.joined([np.zeros((16, 16, 1), np.float32), np.ones((16, 16, 1), np.float32)], "none")
    assert np.allclose(joined[:, :5], 0)
    assert np.allclose(joined[:, 11:], 1, atol=1e-6)
    even = parts.joined([np.ones((16, 16, 1), np.float32)] * 2, "xy")
    assert np.allclose(even, 1, atol=1e-6)


def test_values_are_divided_into_bands() -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[np.newaxis, :, np.newaxis].repeat(64, 0)
    parts = parts_of(guide_of(ramp, ramp[:, ::-1], (64, 64), (64, 64), "values"))
    assert parts is not None
    assert parts.numbers == [0, 1, 2]
    assert (parts.source == parts.target[:, ::-1]).mean() > 0.95


@pytest.fixture(scope="module")
def sources() -> tuple[Material, Material, Texture, Texture]:
    """A gray content, a look that is dark red at its left and light green at its right, and their maps."""
    random = np.random.default_rng(0)
    gray = 0.5 + 0.05 * random.standard_normal((48, 48, 1)).repeat(3, 2)
    look = halves(48, 0, 0)
    look[:, :24] = (0.4, 0.1, 0.1)
    look[:, 24:] = (0.5, 0.8, 0.5)
    look += (0.04 * random.standard_normal((48, 48, 1))).astype(np.float32)
    maps = {
        "basecolor": Texture(look.clip(0, 1).astype(np.float32), "srgb", "xy"),
        "roughness": Texture(halves(48, 0.2, 0.8, 1), "data", "xy"),
    }
    rough = Texture(np.full((48, 48, 1), 0.5, np.float32), "data", "xy")
    content = Material({"basecolor": Texture(gray.astype(np.float32), "srgb", "xy"), "roughness": rough})
    upright = Texture(np.swapaxes(halves(48, 0, 1), 0, 1).copy(), "srgb")
    return content, Material(maps), upright, Texture(halves(48, 0, 1), "srgb")


@pytest.mark.parametrize("engine", ["optimize", "fast"])
def test_each_part_takes_the_look_of_its_own(sources: tuple[Material, Material, Texture, Texture], engine: str) -> None:
    content, look, content_map, look_map = sources
    options = StyleOptions(engine=engine, strength=1.0, device="cpu", threads=1)  # type: ignore[arg-type]
    result = style(content, look, options, guides=(content_map, look_map))
    color = result.maps["basecolor"].pixels
    # Dark and red above, light and green below, up to the border.
    assert np.abs(color[3:22].mean(axis=(0, 1)) - (0.4, 0.1, 0.1)).max() < 0.06
    assert np.abs(color[26:45].mean(axis=(0, 1)) - (0.5, 0.8, 0.5)).max() < 0.06
    assert result.maps["roughness"].pixels[1:23].max() < 0.35
    assert result.maps["roughness"].pixels[25:47].min() > 0.65


def test_guides_that_do_not_fit_are_refused(sources: tuple[Material, Material, Texture, Texture]) -> None:
    content, look, content_map, look_map = sources
    with pytest.raises(MatshotError, match="A content guide needs a style guide as well; give both or none"):
        style(content, look, guides=(content_map, None))
    other = Texture(np.full((48, 48, 3), (1, 0, 1), np.float32), "srgb")
    with pytest.raises(MatshotError, match="The content guide has the color #ff00ff, which the style guide lacks"):
        style(content, look, StyleOptions(guide_type="labels"), guides=(other, look_map))
    wide = Texture(np.zeros((24, 48, 3), np.float32), "srgb")
    with pytest.raises(MatshotError, match="The content guide has 48 x 24 pixels, which is another shape"):
        style(content, look, guides=(wide, look_map))


def test_the_neural_engine_makes_each_part_of_its_own(
    sources: tuple[Material, Material, Texture, Texture],
) -> None:
    _, look, target_map, source_map = sources
    painting = Painting(source_map, target_map)
    options = MultiplyOptions(engine="neural", size="32x32", tileable=True, threads=1, device="cpu")
    (result,) = multiply(look, options, painting=painting)
    color = result.maps["basecolor"].pixels
    assert np.abs(color[2:14].mean(axis=(0, 1)) - (0.4, 0.1, 0.1)).max() < 0.06
    assert np.abs(color[18:30].mean(axis=(0, 1)) - (0.5, 0.8, 0.5)).max() < 0.06
    assert result.maps["roughness"].pixels[1:15].max() < 0.35
    mask = Painting(source_mask=Texture(np.ones((48, 48, 1), np.float32), "data"))
    with pytest.raises(MatshotError, match="Masks need the patch engine, got neural"):
        multiply(look, options, painting=mask)
