"""Training patches: where they come from, how they are shrunk, and that normals turn with the picture."""

import numpy as np
import OpenImageIO as oiio
import pytest
import torch

from matshot_export.data import PatchSource, Shrink, find_maps, halved, load_map, turned, validation_pairs
from matshot_export.degradations import Degradation
from matshot_export.networks.resampling import shrink_matrix


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = oiio.ImageBuf(np.ascontiguousarray(pixels))
    assert buffer.write(str(path)), buffer.geterror()
    return path


def picture(seed=0, size=96, channels=3):
    """Random waves, ``uint8``."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    planes = [np.sin(x * rng.uniform(0.1, 0.9) + y * rng.uniform(-0.9, 0.9)) for _ in range(channels)]
    return np.round(127.5 + 100 * np.stack(planes, axis=-1)).astype(np.uint8)


def height_map(size=64):
    """A bump off the center on a slope, unlike itself however it is turned."""
    y, x = np.mgrid[:size, :size] / size
    return 6 * np.exp(-((x - 0.35) ** 2 + (y - 0.4) ** 2) / 0.04) + 8 * x - 3 * y


def normals(height):
    """Unit normals ``3 x H x W``, +X right and +Y up, as ``uint8``."""
    down, right = np.gradient(height)
    n = np.stack([-right, down, np.ones_like(height)])
    n /= np.linalg.norm(n, axis=0)
    return np.round(127.5 + 127.5 * n).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for split, names in (("train", ("Brick", "Cloth")), ("val", ("Stone",))):
        for seed, name in enumerate(names):
            material = root / "materials" / split / name
            write(material / "basecolor.png", picture(seed))
            write(material / "normal_gl.png", normals(height_map(96)).transpose(1, 2, 0))
            write(material / "roughness.png", picture(seed + 5, channels=1))
    write(root / "photos" / "hill.png", picture(9, 120))
    (root / "photos" / "notes.txt").write_text("not a photograph")
    return root


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_turned_normals_are_those_of_the_turned_surface(quarters, mirror):
    height = height_map()
    given = turned(normals(height), quarters, mirror, vectors=True)
    surface = turned(height[None], quarters, mirror, vectors=False)[0]
    assert np.abs(given.astype(int) - normals(surface)).max() <= 1


def test_turning_without_vectors_moves_pixels_alone():
    patch = picture().transpose(2, 0, 1)
    result = turned(patch, 1, True, vectors=False)
    np.testing.assert_array_equal(result, np.rot90(patch, axes=(1, 2))[:, :, ::-1])


def test_turning_leaves_the_image_that_it_came_from():
    patch = normals(height_map())
    before = patch.copy()
    turned(patch, 0, True, vectors=True)
    np.testing.assert_array_equal(patch, before)


def test_finds_the_maps_of_a_kind(folder):
    assert [p.name for p in find_maps(folder, "train", "color")] == ["basecolor.png", "basecolor.png", "hill.png"]
    assert [p.parent.name for p in find_maps(folder, "val", "color")] == ["Stone"]
    assert {p.stem for p in find_maps(folder, "train", "normal")} == {"normal_gl"}
    assert {p.stem for p in find_maps(folder, "train", "data")} == {"roughness"}


def test_no_maps_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no color maps"):
        find_maps(tmp_path, "train", "color")


def test_loads_pixels_as_stored(tmp_path):
    color, gray = picture(), picture(channels=1)
    np.testing.assert_array_equal(load_map(write(tmp_path / "a.png", color), "color"), color)
    np.testing.assert_array_equal(load_map(write(tmp_path / "b.png", gray), "data"), gray)
    np.testing.assert_array_equal(load_map(tmp_path / "b.png", "color"), np.repeat(gray, 3, axis=-1))
    assert load_map(tmp_path / "a.png", "data").shape == (96, 96, 1)


def test_halving_keeps_a_constant_and_drops_an_odd_row():
    result = halved(np.full((33, 20, 3), 77, np.uint8))
    assert result.shape == (16, 10, 3)
    assert (result == 77).all()


@pytest.mark.parametrize(("kind", "planes"), [("color", 3), ("normal", 3), ("data", 1)])
def test_patches(folder, kind, planes):
    source = PatchSource(find_maps(folder, "train", kind), kind, 8, 5, Shrink(4), seed=1)
    low, high = next(source)
    assert low.shape == (5, planes, 8, 8)
    assert high.shape == (5, planes, 32, 32)
    if kind == "normal":
        for x in (low, high):
            torch.testing.assert_close(x.norm(dim=1), torch.ones_like(x[:, 0]))
    else:
        assert 0 <= low.min() < low.max() <= 1
        torch.testing.assert_close(low * 255, (low * 255).round(), atol=1e-3, rtol=0)


def test_low_is_the_shrunk_high(folder):
    low, high = next(PatchSource(find_maps(folder, "train", "color"), "color", 10, 4, Shrink(4, levels=0), seed=2))
    matrix = shrink_matrix(24, 4)
    inside = matrix @ high @ matrix.T
    torch.testing.assert_close(low[..., 2:-2, 2:-2], inside.clamp(0, 1), atol=1e-5, rtol=1e-5)


def test_seed_decides(folder):
    paths = find_maps(folder, "train", "color")
    degradation = Degradation(0.5, 0.5)
    draws = [next(PatchSource(paths, "color", 8, 4, Shrink(2), degradation, seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0][0], draws[1][0])
    assert not torch.equal(draws[0][1], draws[2][1])


def test_too_small_images_are_an_error(folder):
    with pytest.raises(ValueError, match="no training image"):
        PatchSource(find_maps(folder, "val", "color"), "color", 64, 4, Shrink(4))


@pytest.mark.parametrize("kind", ["color", "normal", "data"])
def test_validation_pairs(folder, kind):
    ((low, high),) = validation_pairs(find_maps(folder, "val", kind), kind, 4, size=64)
    assert high.shape[-2:] == (64, 64)
    assert low.shape[-2:] == (16, 16)
    assert low.shape[1] == high.shape[1] == (1 if kind == "data" else 3)
