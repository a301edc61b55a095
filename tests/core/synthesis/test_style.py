"""Style: the look's statistics on the content's structure, and maps that follow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matshot.errors import Cancelled, MatshotError
from matshot.image.color import linear_from_srgb, luma
from matshot.image.types import Texture
from matshot.material.planes import normals_of_slopes, slopes
from matshot.material.types import Material
from matshot.shading.procedural import brick_wall, noise
from matshot.synthesis.patches import matching_transfer
from matshot.synthesis.style import StyleOptions, style
from matshot.synthesis.style_maps import styled_maps

QUICK = {"device": "cpu", "threads": 1}


def wall(size=64, seed=1, wrap="xy"):
    kinds = {"basecolor": "basecolor", "normal_gl": "normal", "roughness": "roughness", "height": "height"}
    maps = brick_wall(size, seed)
    return Material(
        {kinds[name]: replace(texture, wrap=wrap) for name, texture in maps.items() if name in kinds}, name="wall"
    )


def grain(size=64, tint=(0.2, 0.5, 0.3), wrap="xy"):
    """A look whose dark spots are deep and rough."""
    field = noise(size, 1.5, np.random.default_rng(0))
    field = ((field - field.mean()) / field.std()).astype(np.float32)[..., np.newaxis]
    color = (np.array(tint, np.float32) * (1 + 0.3 * field)).clip(0, 1)
    return Material(
        {
            "basecolor": Texture(color, "srgb", wrap),
            "height": Texture((0.5 + 0.1 * field).clip(0, 1), "data", wrap),
            "roughness": Texture((0.5 - 0.1 * field).clip(0, 1), "data", wrap),
        },
        name="grain",
    )


@pytest.fixture(scope="module")
def styled():
    return style(wall(), grain(), StyleOptions(**QUICK))


def test_octaves_are_shown_as_they_will_be_mixed():
    content = wall(128)
    where = np.zeros((128, 128, 1), np.float32)
    where[:, :64] = 1
    shown = []
    made = style(
        content, grain(128), StyleOptions(**QUICK, keep_color=True), mask=Texture(where, "data"),
        shown=lambda unfinished: shown.append(unfinished()),
    )  # fmt: skip
    assert [(picture.width, picture.height) for picture in shown] == [(64, 64), (128, 128)]
    before, after = content.maps["basecolor"].color, made.maps["basecolor"].color
    assert np.abs(shown[-1].pixels[:, 64:] - before[:, 64:]).max() < 1e-6
    # Nearer to the result than the content is.
    assert np.abs(shown[-1].pixels - after).mean() < 0.5 * np.abs(before - after).mean()


def test_octaves_of_a_label_leave_the_others():
    maps = np.zeros((64, 64, 3), np.float32)
    maps[:, 32:] = 1
    content, shown = wall(), []
    style(
        content, grain(), StyleOptions(**QUICK), guides=(Texture(maps, "srgb"), Texture(maps, "srgb")),
        shown=lambda unfinished: shown.append(unfinished().pixels),
    )  # fmt: skip
    before = content.maps["basecolor"].color
    assert len(shown) == 2
    assert np.abs(shown[0][:, 36:60] - before[:, 36:60]).max() < 1e-6
    assert np.abs(shown[1][:, 36:60] - before[:, 36:60]).max() > 0.05


def test_a_mask_says_where():
    content, where = wall(), np.zeros((64, 64, 1), np.float32)
    where[:, :20], where[:, 20:24] = 1, 0.5
    made = style(content, grain(), StyleOptions(**QUICK), mask=Texture(where, "data"))
    for kind, texture in content.maps.items():
        pixels = made.maps[kind].pixels
        assert np.array_equal(pixels[:, 24:], texture.pixels[:, 24:]), kind
        assert np.array_equal(pixels[:, :20], texture.pixels[:, :20]) == (kind not in grain().maps), kind
    assert made.height_scale == content.height_scale
    with pytest.raises(MatshotError, match="The mask is black everywhere"):
        style(content, grain(), StyleOptions(**QUICK), mask=Texture(0 * where, "data"))


def colors(material):
    return material.maps["basecolor"].pixels


def correlation(first, second):
    return np.corrcoef(first.ravel(), second.ravel())[0, 1]


def test_no_strength_no_change():
    content = wall()
    result = style(content, grain(), StyleOptions(strength=0.0))
    for kind, texture in content.maps.items():
        assert np.array_equal(result.maps[kind].pixels, texture.pixels)


def test_colors_are_the_looks_and_structure_is_the_contents(styled):
    content, look = wall(), grain()
    assert colors(styled).mean(axis=(0, 1)) == pytest.approx(colors(look).mean(axis=(0, 1)), abs=0.03)
    assert colors(styled).std(axis=(0, 1)) == pytest.approx(colors(look).std(axis=(0, 1)), rel=0.3)
    assert correlation(luma(colors(styled)), luma(colors(content))) > 0.15


def test_more_strength_is_further_from_the_content(styled):
    content, look = wall(), grain()
    distances = [
        np.abs(colors(style(content, look, StyleOptions(strength=strength, **QUICK))) - colors(content)).mean()
        for strength in (0.15, 0.4)
    ]
    assert 0.005 < distances[0] < distances[1] < np.abs(colors(styled) - colors(content)).mean()


def test_kept_colors_change_in_lightness_alone():
    content = wall()
    result = style(content, grain(), StyleOptions(keep_color=True, **QUICK))
    change = colors(result) - colors(content)
    inside = (colors(result) > 0.001).all(axis=2) & (colors(result) < 0.999).all(axis=2)
    assert np.ptp(change, axis=2)[inside].max() < 1e-5
    assert np.abs(change).mean() > 0.005
    assert colors(result).mean() == pytest.approx(float(colors(content).mean()), abs=0.03)


def test_maps_stay_whole_and_repeat(styled):
    content = wall()
    assert set(styled.maps) == set(content.maps)
    assert styled.wrap == "xy"
    assert np.linalg.norm(styled.maps["normal"].pixels, axis=2) == pytest.approx(1, abs=1e-4)
    for kind in ("roughness", "height"):
        pixels = styled.maps[kind].pixels
        assert pixels.min() >= 0
        assert pixels.max() <= 1
    for texture in styled.maps.values():
        steps = np.abs(np.roll(texture.pixels, -1, 1) - texture.pixels).mean(axis=(0, 2))
        assert steps[-1] <= 1.2 * steps.max()


def same_place(material):
    """A transfer that leaves all where it is."""
    return matching_transfer(colors(material), colors(material), wrap="xy", source_wrap="xy")


def test_maps_follow_the_looks_arrangement():
    content, look = wall(), grain()
    transfer = same_place(look)
    followed = styled_maps(content, look, transfer, 0.5)
    own, made = content.maps["roughness"].pixels, followed.material.maps["roughness"].pixels
    assert made == pytest.approx((own + transfer.apply(look.maps["roughness"].pixels)) / 2, abs=1e-5)
    relief = followed.material.maps["height"].pixels - content.maps["height"].pixels
    assert correlation(relief, look.maps["height"].pixels) > 0.5
    # The look has no normals, so the content's stay, and the user is told.
    assert np.array_equal(followed.material.maps["normal"].pixels, content.maps["normal"].pixels)
    assert any("normal" in note and "grain" in note for note in followed.notes)


def test_relief_is_added_to_normals_in_slopes():
    content, look = wall(), wall(seed=2)
    transfer = same_place(look)
    added = styled_maps(content, look, transfer, 1.0).material.maps["normal"].pixels
    wanted = slopes(content.maps["normal"].pixels) + transfer.apply(slopes(look.maps["normal"].pixels))
    assert added == pytest.approx(normals_of_slopes(wanted), abs=1e-4)


def test_heights_out_of_range_are_made_up_for_by_the_scale():
    content, look = replace(wall(), height_scale=0.02), replace(grain(), height_scale=0.2)
    transfer = same_place(look)
    result = styled_maps(content, look, transfer, 1.0).material
    height = result.maps["height"].pixels
    assert height.min() >= 0
    assert height.max() <= 1
    relief = transfer.apply(look.maps["height"].pixels)
    meters = 0.02 * content.maps["height"].pixels + 0.2 * (relief - relief.mean())
    made = result.height_scale * height
    assert made - made.mean() == pytest.approx(meters - meters.mean(), abs=1e-5)


@pytest.mark.parametrize(("wrap", "size"), [("none", 50), ("x", 48)])
def test_any_size_and_wrap_of_content_and_look(wrap, size):
    content = wall(64, wrap="none")
    cut = {
        kind: replace(texture, wrap=wrap, pixels=texture.pixels[:size, :45]) for kind, texture in content.maps.items()
    }
    result = style(Material(cut), grain(40), StyleOptions(**QUICK))
    assert (result.height, result.width, result.wrap) == (size, 45, wrap)


def test_linear_gray_and_alpha_keep_their_encoding():
    alpha = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64, 1)
    gray = luma(colors(wall()))[..., np.newaxis]
    linear = Texture(np.concatenate([linear_from_srgb(gray), alpha], axis=2), "linear", "xy")
    result = style(Material({"basecolor": linear}), grain(), StyleOptions(**QUICK)).maps["basecolor"]
    assert result.encoding == "linear"
    assert np.array_equal(result.pixels[..., -1:], alpha)
    assert linear_from_srgb(colors(grain())).mean(axis=(0, 1)) == pytest.approx(
        result.color.mean(axis=(0, 1)), abs=0.03
    )


def test_same_seed_same_result(styled):
    assert np.array_equal(colors(style(wall(), grain(), StyleOptions(**QUICK))), colors(styled))


def test_record_says_what_was_done(styled):
    assert styled.parameters["tool"] == "style"
    assert styled.parameters["strength"] == 0.7
    assert styled.parameters["look"] == "grain"
    assert styled.parameters["notes"]


def test_can_be_cancelled():
    def listener(fraction, stage):
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        style(wall(), grain(), StyleOptions(**QUICK), progress=listener)


def test_bad_input_is_one_sentence():
    for wrong in ({"strength": 1.5}, {"strength": float("nan")}, {"device": "abacus"}, {"seed": -1}, {"threads": -1}):
        with pytest.raises(MatshotError):
            StyleOptions(**wrong)
    relief = Material({"height": grain().maps["height"]}, name="relief")
    with pytest.raises(MatshotError, match="relief"):
        style(relief, grain())
    with pytest.raises(MatshotError, match="relief"):
        style(wall(), relief)
    with pytest.raises(MatshotError, match="at least 16 x 16"):
        style(Material({"basecolor": Texture(np.zeros((1, 1, 3), np.float32), "srgb")}), grain())
