"""Preview sheets: what is on them, and that it is shown as it is."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from matshot.cli.commands import app
from matshot.errors import Cancelled, MatshotError
from matshot.image.color import linear_from_srgb, srgb_from_linear
from matshot.image.reader import read_texture
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.material.folder import save_material
from matshot.material.types import Material
from matshot.shading.preview import (
    fitted,
    labelled_row,
    map_picture,
    preview,
    sheet,
    shrunk,
    tiled_view,
    variation_title,
    variations_sheet,
)
from matshot.shading.procedural import brick_wall
from matshot.shading.thumbnail import write_picture
from matshot.tools.assets import shown_material


@pytest.mark.parametrize("kind", ["basecolor", "normal_gl", "roughness"])
def test_a_picture_shows_what_the_file_of_a_texture_would(kind, tmp_path):
    texture = brick_wall(48)[kind]
    quick = write_picture(texture, tmp_path / "quick.png")
    stored = write_texture(texture, tmp_path / "stored.png", depth="uint8")
    shown, wanted = (read_texture(one, encoding="srgb").pixels for one in (quick, stored))
    assert np.abs(shown - wanted).max() < 1e-6
    with pytest.raises(MatshotError, match="could not be written"):
        write_picture(texture, tmp_path / "gone" / "quick.png")
    assert {one.name for one in tmp_path.iterdir()} == {"quick.png", "stored.png"}


def wall(size=160, wrap="xy", **others):
    maps = brick_wall(size)
    maps["normal"] = maps.pop("normal_gl")
    textures = {kind: Texture(texture.pixels, texture.encoding, wrap) for kind, texture in maps.items()}
    return Material({**textures, **others}, name="Brick wall", physical_size=(1.2, 1.2))


def scalar(value, shape=(16, 16), wrap="xy"):
    return Texture(np.full((*shape, 1), value, dtype=np.float32), "data", wrap)


def color(red, green, blue, shape=(16, 16), wrap="xy"):
    return Texture(np.full((*shape, 3), (red, green, blue), dtype=np.float32), "srgb", wrap)


def contains(picture, part, tolerance=1e-6):
    """Whether a picture has another one in it, looked for by its first row."""
    height, width = part.shape[:2]
    for row, column in np.argwhere(np.abs(picture - part[0, 0]).max(axis=2) < tolerance):
        found = picture[row : row + height, column : column + width]
        if found.shape == part.shape and np.abs(found - part).max() < tolerance:
            return True
    return False


def test_sheet_of_a_material():
    material = wall()
    picture = preview(material, size=128)
    assert picture.encoding == "srgb"
    assert picture.pixels.shape[2] == 3
    assert picture.pixels.min() >= 0
    assert picture.pixels.max() <= 1
    # Two large pictures side by side, maps below.
    assert picture.width > 2 * 128
    assert picture.height > 2 * 128
    again = preview(material, size=128)
    np.testing.assert_array_equal(picture.pixels, again.pixels)


def test_maps_lie_on_the_sheet_as_they_are():
    # At this size a map fills half the width, which is 128.
    small = Material({"basecolor": brick_wall(128)["basecolor"]})
    assert contains(preview(small, size=128).pixels, np.clip(small.maps["basecolor"].pixels, 0, 1))


def test_lit_pictures_follow_the_maps():
    """Red stays red, and only what is rough has no highlight."""
    pictures = []
    for roughness in (0.2, 1.0):
        material = Material({"basecolor": color(0.5, 0.1, 0.1), "roughness": scalar(roughness)})
        pixels = preview(material, size=128).pixels
        lit = pixels[:200]
        assert lit[..., 0].mean() > lit[..., 1].mean() + 0.05
        pictures.append(lit)
    sphere = [picture[:, 160:].max(axis=2) for picture in pictures]
    assert sphere[0].max() > sphere[1].max()


@pytest.mark.parametrize(
    "others",
    [
        {"metallic": scalar(1.0), "ao": scalar(0.5), "specular": scalar(0.3), "opacity": scalar(1.0)},
        {"orm": Texture(np.full((16, 16, 3), 0.5, np.float32), "data", "xy")},
        {"anisotropy": scalar(0.7), "anisotropy_angle": scalar(0.25)},
        {"gloss": scalar(0.9), "emission": color(0, 0.2, 0)},
        {"basecolor": Texture(np.full((16, 16, 4), 0.5, np.float32), "srgb", "xy")},
        {"basecolor": Texture(np.full((16, 16, 1), 0.5, np.float32), "srgb", "xy")},
        {"basecolor": Texture(np.full((16, 16, 3), 1.5, np.float32), "linear", "xy")},
    ],
)
def test_every_kind_of_map_is_drawn(others):
    pixels = preview(Material({"basecolor": color(0.5, 0.4, 0.3), **others}), size=128).pixels
    assert np.isfinite(pixels).all()
    assert pixels.shape[0] > 128 + 100


@pytest.mark.parametrize("wrap", ["none", "x", "y", "xy"])
@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (1, 3)])
def test_long_materials(shape, wrap):
    picture = preview(Material({"basecolor": color(0.9, 0.2, 0.1, shape, wrap)}), size=128)
    assert np.isfinite(picture.pixels).all()
    repeats = {(16, 64): "y", (64, 16): "x", (1, 3): "y"}[shape] in wrap
    # Repeated where it may be, a long map fills its square of the sheet.
    red = (picture.pixels[..., 0] > picture.pixels[..., 1] + 0.1)[:220, :152]
    assert (red.sum() > 0.95 * 128 * 128) == repeats


def test_can_be_written_and_read(tmp_path):
    picture = preview(wall(96), size=128)
    path = write_texture(picture, tmp_path / "preview.png")
    np.testing.assert_allclose(read_texture(path).pixels, picture.pixels, atol=0.5 / 255 + 1e-6)


def test_progress_and_cancel():
    said = []
    preview(wall(64), size=128, progress=lambda fraction, stage: said.append((fraction, stage)))
    assert [fraction for fraction, _ in said] == sorted(fraction for fraction, _ in said)
    assert said[-1][0] == 1

    def cancel(fraction, stage):
        raise Cancelled

    with pytest.raises(Cancelled):
        preview(wall(64), size=128, progress=cancel)


def test_what_cannot_be_shown_is_said():
    with pytest.raises(MatshotError, match="no base color"):
        preview(Material({"roughness": scalar(0.5)}))
    with pytest.raises(MatshotError, match="128 to 4096"):
        preview(wall(64), size=64)


# Beside itself, and beside others.


def test_tiled_view_holds_the_material_three_times_on_both_axes():
    # A third of the picture is 64.
    material = wall(64)
    shown = tiled_view(material, size=192).pixels
    color = material.maps["basecolor"].pixels
    assert contains(shown, np.tile(color.clip(0, 1), (3, 3, 1)))
    assert contains(tiled_view(material, 2, size=128).pixels, np.tile(color.clip(0, 1), (2, 2, 1)))
    np.testing.assert_array_equal(preview(material, size=192, view="tiled").pixels, shown)
    np.testing.assert_array_equal(tiled_view(material, size=192).pixels, shown)


def test_tiled_view_shows_the_edges_of_what_does_not_wrap():
    """A ramp is repeated all the same, and the sheet says that it does not tile."""
    ramp = np.broadcast_to(np.linspace(0.1, 0.9, 64, dtype=np.float32)[None, :, None], (64, 64, 3))
    sheets = []
    for wrap in ("none", "xy"):
        material = Material({"basecolor": Texture(np.ascontiguousarray(ramp), "srgb", wrap)})
        sheets.append(tiled_view(material, size=192).pixels)
        assert contains(sheets[-1], np.tile(ramp, (3, 3, 1)))
    assert np.abs(sheets[0] - sheets[1]).max() > 0.1


@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (1, 1), (300, 200)])
def test_tiled_view_of_any_shape(shape):
    pixels = tiled_view(Material({"basecolor": color(0.5, 0.4, 0.1, shape)}), size=128).pixels
    assert np.isfinite(pixels).all()
    yellow = pixels[..., 0] > pixels[..., 2] + 0.2
    down, across = yellow.any(axis=1).sum(), yellow.any(axis=0).sum()
    assert down / (across / 2) == pytest.approx(shape[0] / shape[1], rel=0.06)


def test_lit_relief_shows_in_the_tiled_view():
    flat = Material({kind: texture for kind, texture in wall(64).maps.items() if kind == "basecolor"})
    relief = tiled_view(wall(64), size=192).pixels
    assert np.abs(relief - tiled_view(flat, size=192).pixels).max() > 0.05


def test_variations_stand_in_their_order_at_one_scale():
    rng = np.random.default_rng(4)
    source = Material({"basecolor": Texture(rng.uniform(0, 1, (96, 96, 3)).astype(np.float32))}, name="source")
    results = [
        Material(
            {"basecolor": Texture(rng.uniform(0, 1, (192, 192, 3)).astype(np.float32), "srgb", "xy")},
            parameters={"tool": "multiply", "seed": seed},
        )
        for seed in range(4)
    ]
    materials = [source, *results]
    shown = variations_sheet(materials, size=192).pixels
    for material in materials:
        assert contains(shown, material.maps["basecolor"].pixels)
    assert [variation_title(material) for material in materials] == ["source", "seed 0", "seed 1", "seed 2", "seed 3"]
    titled = variations_sheet(materials, ["a", "b", "c", "d", "e"], size=192).pixels
    assert titled.shape == shown.shape
    assert np.abs(titled - shown).max() > 0.1


def test_variations_of_very_different_sizes_are_all_seen():
    materials = [
        Material({"basecolor": color(0.9, 0.1, 0.1, (8, 8))}),
        Material({"basecolor": color(0, 0, 0.9, (640, 640))}),
    ]
    shown = variations_sheet(materials, size=128).pixels
    red, blue = (shown[..., 0] > 0.8) & (shown[..., 2] < 0.2), (shown[..., 2] > 0.8) & (shown[..., 0] < 0.2)
    assert red.sum() == 32 * 32
    assert blue.sum() == 128 * 128


def test_variations_are_lit_where_they_have_maps_and_tiled_when_asked():
    material = wall(64)
    bare = Material({"basecolor": material.maps["basecolor"]})
    shown = variations_sheet([material, bare], size=128).pixels
    pictures = shown[24:152, 24:152], shown[24:152, 24 + 128 + 12 : 24 + 128 + 12 + 128]
    assert np.abs(pictures[0] - pictures[1]).max() > 0.1
    tiled = variations_sheet([bare, bare], size=192, view="tiled").pixels
    assert contains(tiled, np.tile(bare.maps["basecolor"].pixels.clip(0, 1), (3, 3, 1)))


def test_progress_and_cancel_of_the_other_views():
    for draw in (lambda listen: tiled_view(wall(32), size=128, progress=listen),
                 lambda listen: variations_sheet([wall(32)] * 3, size=128, progress=listen)):  # fmt: skip
        said = []
        draw(lambda fraction, stage, said=said: said.append(fraction))
        assert said == sorted(said)
        assert said[-1] == 1

        def cancel(fraction, stage):
            raise Cancelled

        with pytest.raises(Cancelled):
            draw(cancel)


def test_what_cannot_be_compared_is_said():
    with pytest.raises(MatshotError, match="no material"):
        variations_sheet([])
    with pytest.raises(MatshotError, match="2 materials, but 1 titles"):
        variations_sheet([wall(32)] * 2, ["one"])
    with pytest.raises(MatshotError, match="no view 'round'"):
        preview(wall(32), view="round")
    with pytest.raises(MatshotError, match="1 to 16 times"):
        tiled_view(wall(32), 0)
    with pytest.raises(MatshotError, match="128 to 4096"):
        variations_sheet([wall(32)], size=5000)


def test_what_is_shown_of_a_path(tmp_path):
    material = wall(32)
    save_material(material, tmp_path / "wall")
    folder = shown_material(tmp_path / "wall")
    assert set(folder.maps) == set(material.maps)
    image = shown_material(write_texture(material.maps["basecolor"], tmp_path / "bricks.png"))
    assert (image.name, set(image.maps), image.wrap) == ("bricks", {"basecolor"}, "xy")
    with pytest.raises(MatshotError):
        shown_material(tmp_path / "missing.png")


def test_command_draws_one_material_or_compares_several(tmp_path):
    paths = []
    for seed in range(2):
        texture = brick_wall(48, seed)["basecolor"]
        paths.append(str(write_texture(texture, tmp_path / f"wall {seed}.png")))
    run = CliRunner()
    sizes = []
    for given in ([paths[0]], [paths[0], "--view", "tiled"], [*paths, "--view", "tiled"]):
        target = tmp_path / f"{len(sizes)}.png"
        done = run.invoke(app, ["preview", *given, "--size", "144", "-o", str(target)])
        assert done.exit_code == 0, done.output
        sizes.append(read_texture(target).pixels.shape[:2])
    assert len(set(sizes)) == 3
    drawn = read_texture(target).pixels
    for path in paths:
        assert contains(drawn, np.tile(read_texture(path).pixels, (3, 3, 1)), 1 / 255)
    refused = run.invoke(app, ["preview", paths[0], "--view", "round", "-o", str(tmp_path / "no.png")])
    assert isinstance(refused.exception, MatshotError)
    assert not (tmp_path / "no.png").exists()


# Smaller maps.


def test_shrinking_averages_light_and_keeps_normals_unit():
    checker = np.indices((64, 96)).sum(axis=0)[..., np.newaxis] % 2
    tilted = np.where(checker, (0.6, 0, 0.8), (-0.6, 0, 0.8)).astype(np.float32)
    material = Material(
        {
            "basecolor": Texture(np.repeat(checker, 3, axis=2).astype(np.float32), "srgb", "xy"),
            "normal": Texture(tilted, "normal", "xy"),
            "roughness": Texture(checker.astype(np.float32), "data", "xy"),
        }
    )
    small = shrunk(material, 48)
    assert (small.width, small.height, small.wrap) == (48, 32, "xy")
    np.testing.assert_allclose(linear_from_srgb(small.maps["basecolor"].pixels), 0.5, atol=1e-5)
    np.testing.assert_allclose(small.maps["normal"].pixels, np.broadcast_to((0, 0, 1), (32, 48, 3)), atol=1e-6)
    np.testing.assert_allclose(small.maps["roughness"].pixels, 0.5, atol=1e-6)
    assert shrunk(material, 96) is material


def test_shrinking_keeps_alpha_and_directions():
    """Directions just before and just after a whole turn average to one at zero, not at half a turn."""
    turns = np.where(np.arange(32)[np.newaxis, :, np.newaxis] % 2, 0.02, 0.98) * np.ones((32, 1, 1))
    pixels = np.full((32, 32, 4), 0.25, dtype=np.float32)
    maps = {"basecolor": Texture(pixels, "srgb"), "anisotropy_angle": Texture(turns.astype(np.float32), "data")}
    small = shrunk(Material(maps), 16)
    np.testing.assert_allclose(small.maps["basecolor"].pixels, 0.25, atol=1e-6)
    direction = small.maps["anisotropy_angle"].pixels
    np.testing.assert_allclose(np.minimum(direction, 0.5 - direction), 0, atol=1e-3)


# Pictures beside pictures.


def test_map_pictures():
    normal = Texture(np.array([[[0, 0.6, 0.8]]], np.float32), "normal")
    np.testing.assert_allclose(map_picture("normal", normal), [[[0.5, 0.8, 0.9]]], atol=1e-6)
    heights = Texture(np.array([[[2], [3], [4]]], np.float32), "data")
    np.testing.assert_allclose(map_picture("height", heights)[0, :, 1], [0, 0.5, 1])
    np.testing.assert_allclose(map_picture("height", scalar(0.3)), 0.5)
    np.testing.assert_allclose(map_picture("roughness", scalar(0.3)), 0.3)
    np.testing.assert_allclose(map_picture("anisotropy", scalar(-1.0)), 0)
    light = Texture(np.full((1, 1, 3), 0.18, np.float32), "linear")
    np.testing.assert_allclose(map_picture("basecolor", light), srgb_from_linear(light.pixels))


@pytest.mark.parametrize(("shape", "drawn"), [((10, 40), (20, 80)), ((40, 10), (60, 15)), ((300, 400), (60, 80))])
def test_fitted_pictures_keep_their_shape(shape, drawn):
    box = fitted(np.ones((*shape, 3), np.float32), 80, 60)
    assert box.shape == (60, 80, 3)
    bright = box[..., 0] > 0.9
    assert (bright.any(axis=1).sum(), bright.any(axis=0).sum()) == drawn


def test_rows_and_sheets_hold_their_pictures_untouched():
    rng = np.random.default_rng(0)
    pictures = [rng.uniform(0, 1, (40, width, 3)).astype(np.float32) for width in (30, 50, 20)]
    grey = rng.uniform(0, 1, (40, 25, 1)).astype(np.float32)
    row = labelled_row([*pictures, grey], ["photograph", "re-rendering", "", "a label longer than its picture"])
    whole = sheet([row, labelled_row(pictures[:1], [""])], "Title", "facts")
    for picture in (*pictures, np.repeat(grey, 3, axis=2), row):
        assert contains(whole, picture)
    assert whole.shape[0] > 2 * 40
    assert sheet([row]).shape[0] < whole.shape[0]


def test_labels_are_written_below_and_stay_in_their_column():
    pictures = [np.zeros((40, 60, 3), np.float32)] * 2
    silent, said = labelled_row(pictures, ["", ""]), labelled_row(pictures, ["a very long label", ""])
    changed = np.argwhere(np.abs(said - silent).max(axis=2) > 0.1)
    assert changed.size
    assert changed[:, 0].min() >= 40
    assert changed[:, 1].max() < 60
