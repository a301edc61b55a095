"""Training patches: equal to what NumPy cuts out and shrinks one by one, and normals turn with the picture."""

import numpy as np
import pytest
import torch

from matshot_export.data import find_maps
from matshot_export.degradations import Degradation
from matshot_export.networks.resampling import REACH, shrink_matrix
from matshot_export.patches import ImageBytes, PatchSource, Shrink, halved, turned_vectors

CPU = torch.device("cpu")
TURNS = np.array([(quarters, mirror) for quarters in range(4) for mirror in range(2)])


def turned(patch, turn):
    """``C x H x W`` turned by quarters and mirrored, by NumPy."""
    patch = np.rot90(patch, turn[0], axes=(1, 2))
    return patch[:, :, ::-1] if turn[1] else patch


def test_crops_are_those_of_numpy(waves):
    images = [waves(seed, size)[: size - seed] for seed, size in enumerate((40, 64, 33))]
    stored = ImageBytes([torch.from_numpy(image) for image in images], CPU)
    rng = np.random.default_rng(0)
    which, places = rng.integers(3, size=8), rng.integers(10, size=(8, 2))
    crops = stored.crops(which, places, 20, TURNS)
    for crop, number, (top, left), turn in zip(crops, which, places, TURNS, strict=True):
        patch = images[number][top : top + 20, left : left + 20].transpose(2, 0, 1)
        np.testing.assert_array_equal(crop, turned(patch, turn))
    np.testing.assert_array_equal(stored[1], images[1])


def test_turned_normals_are_those_of_the_turned_surface(normals, bump):
    height = bump()
    given = np.stack([turned(normals(height), turn) for turn in TURNS])
    vectors = torch.from_numpy(np.ascontiguousarray(given)).float() / 127.5 - 1
    found = (turned_vectors(vectors, TURNS) * 127.5 + 127.5).round().numpy()
    for vector, turn in zip(found, TURNS, strict=True):
        assert np.abs(vector - normals(turned(height[None], turn)[0]).astype(int)).max() <= 1


def test_halving_keeps_a_constant_and_drops_an_odd_row():
    result = halved(torch.full((33, 20, 3), 77, dtype=torch.uint8))
    assert result.shape == (16, 10, 3)
    assert (result == 77).all()


def test_halving_is_bicubic(waves):
    image = waves(3, 64)
    padded = np.pad(image.astype(float), ((4, 4), (4, 4), (0, 0)), mode="reflect")
    matrix = shrink_matrix(64, 2).double().numpy()
    expected = np.einsum("ij,jkc,lk->ilc", matrix, padded, matrix).round().clip(0, 255)
    assert np.abs(halved(torch.from_numpy(image)).numpy() - expected).max() <= 1


@pytest.mark.parametrize(("kind", "planes"), [("color", 3), ("normal", 3), ("data", 1)])
def test_patches(textures, kind, planes):
    source = PatchSource(find_maps(textures, "train", kind), kind, 8, 5, Shrink(4), seed=1)
    low, high = next(source)
    assert low.shape == (5, planes, 8, 8)
    assert high.shape == (5, planes, 32, 32)
    if kind == "normal":
        for x in (low, high):
            torch.testing.assert_close(x.norm(dim=1), torch.ones_like(x[:, 0]))
    else:
        assert 0 <= low.min() < low.max() <= 1
        torch.testing.assert_close(low * 255, (low * 255).round(), atol=1e-3, rtol=0)


def test_low_is_the_shrunk_high(textures):
    low, high = next(PatchSource(find_maps(textures, "train", "color"), "color", 10, 4, Shrink(4, levels=0), seed=2))
    matrix = shrink_matrix(24, 4)
    inside = matrix @ high @ matrix.T
    torch.testing.assert_close(low[..., 2:-2, 2:-2], inside.clamp(0, 1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["color", "normal", "data"])
def test_pairs_are_those_of_numpy(textures, kind):
    """Each patch cut out, turned, made vectors and shrunk alone, in double precision."""
    source = PatchSource(find_maps(textures, "train", kind), kind, 8, 8, Shrink(2, levels=0), seed=4)
    size = source.high + 2 * source.margin
    rng = np.random.default_rng(7)
    which = rng.integers(len(source.images), size=8)
    places = np.stack([rng.integers(source.images.heights[which] - size + 1) for _ in range(2)], axis=1)
    low, high = source._pair(source.images.crops(which, places, size, TURNS), TURNS)
    matrix = shrink_matrix(source.high, 2).double().numpy()
    for i, (number, (top, left), turn) in enumerate(zip(which, places, TURNS, strict=True)):
        patch = source.images[number].numpy()[top : top + size, left : left + size].transpose(2, 0, 1)
        patch = turned(patch, turn).astype(float) / 255
        if kind == "normal":
            x, y, z = patch * 2 - 1
            for _ in range(turn[0]):
                x, y = -y, x
            patch = np.stack([-x if turn[1] else x, y, z])
            patch /= np.linalg.norm(patch, axis=0)
        small = matrix @ patch @ matrix.T
        small = small / np.linalg.norm(small, axis=0) if kind == "normal" else small.clip(0, 1)
        edge = REACH * 2
        np.testing.assert_allclose(high[i], patch[:, edge:-edge, edge:-edge], atol=1e-5)
        np.testing.assert_allclose(low[i], small, atol=1e-5)


def test_half_of_scalar_patches_are_inverted(tmp_path, write_image):
    write_image(tmp_path / "a.png", (np.arange(24 * 24).reshape(24, 24) % 50).astype(np.uint8))
    low, high = next(PatchSource([tmp_path / "a.png"], "data", 4, 400, Shrink(2), seed=3))
    bright = high.mean(dim=(1, 2, 3)) > 0.5
    assert 150 < int(bright.sum()) < 250
    assert ((high[bright] >= 205 / 255) & (high[bright] <= 1)).all()
    assert (high[~bright] < 50 / 255).all()
    assert torch.equal(low.mean(dim=(1, 2, 3)) > 0.5, bright)


def test_generated_images_of_scalar_maps_are_gray(textures):
    source = PatchSource(find_maps(textures, "train", "data"), "data", 8, 4, Shrink(2), leaves=1, patterns=1)
    assert source.images.channels == 1
    low, high = next(source)
    assert (low.shape, high.shape) == ((4, 1, 8, 8), (4, 1, 16, 16))


def test_every_place_and_turn_is_drawn_alike(waves, tmp_path, write_image):
    """One image whose pixels say where they are: 4 x 4 places, 8 turns."""
    y, x = np.mgrid[:19, :19]
    write_image(tmp_path / "a.png", np.stack([10 * y, 10 * x, 0 * x], axis=-1).astype(np.uint8))
    source = PatchSource([tmp_path / "a.png"], "color", 4, 2000, Shrink(2), seed=3)
    _, high = next(source)
    corner = (high[:, :2, 0, 0] * 25.5).round()
    opposite = (high[:, :2, -1, -1] * 25.5).round()
    least = torch.minimum(corner, opposite)
    counts = torch.stack([(least == n).sum(dim=0) for n in range(4, 8)])
    # 500 of 2000 each, with a deviation of 19.
    assert (counts - 500).abs().max() < 100
    turns = torch.cat([high[:, :2, 0, 0], high[:, :2, 0, -1]], dim=1)
    kinds = (turns * 25.5).round().sub(least.repeat(1, 2)).unique(dim=0, return_counts=True)[1]
    assert len(kinds) == 8
    assert (kinds - 250).abs().max() < 75


def test_chances_decide_and_small_images_are_left_out(textures):
    source = PatchSource(find_maps(textures, "train", "color"), "color", 8, 200, Shrink(2), seed=1)
    source.chances = np.zeros(len(source.images))
    source.chances[0] = 1.0
    whole = source.images[0]
    _, high = next(source)
    assert float(high.min()) * 255 >= float(whole.min()) - 1e-3
    # One photograph is 120 pixels wide, every other image at most 96.
    source.chances = None
    source.resize(50)
    assert (source._chances_of_size(108) > 0).sum() == 1
    assert next(source)[0].shape == (200, 3, 50, 50)


def test_seed_decides(textures):
    paths = find_maps(textures, "train", "color")
    degradation = Degradation(0.5, 0.5)
    draws = [next(PatchSource(paths, "color", 8, 4, Shrink(2), degradation, seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0][0], draws[1][0])
    assert not torch.equal(draws[0][1], draws[2][1])


def test_probes_are_the_middles_of_all_images(textures):
    source = PatchSource(find_maps(textures, "train", "color"), "color", 8, 4, Shrink(2), Degradation(1.0), seed=1)
    pairs = list(source.probes())
    assert sum(len(low) for low, _ in pairs) == len(source.images)
    image = source.images[0]
    top, left = ((n - 24) // 2 + 4 for n in image.shape[:2])
    expected = image[top : top + 16, left : left + 16].permute(2, 0, 1) / 255
    torch.testing.assert_close(pairs[0][1][0], expected)


def test_too_small_images_are_an_error(textures):
    with pytest.raises(ValueError, match="no training image"):
        PatchSource(find_maps(textures, "val", "color"), "color", 64, 4, Shrink(4))


def test_generated_images_do_not_depend_on_threads(textures, monkeypatch):
    monkeypatch.setattr("matshot_export.patches.GENERATED", 48)

    def images(threads):
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
        paths = find_maps(textures, "train", "color")
        return PatchSource(paths, "color", 8, 4, Shrink(2), leaves=1, patterns=1).images.pixels

    assert torch.equal(images(1), images(2))
