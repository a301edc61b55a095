"""Sparse coding: the graph against the textbook, and learning its dictionaries."""

import numpy as np
import OpenImageIO as oiio
import pytest
import torch
import torch.nn.functional as F

from matshot_export.dictionaries import learn_dictionaries, train_dictionaries
from matshot_export.networks.sparse_coding import FLOOR, SparseCoding
from matshot_export.patches import PatchSource, Shrink
from matshot_export.recipes import Recipe


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = SparseCoding(scale=2, atoms=10, steps=4, threshold=0.05).double()
    torch.nn.init.normal_(network.high)
    return network.requires_grad_(False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sharp-edged stripes, which bicubic blurs and a dictionary can learn."""
    root = tmp_path_factory.mktemp("data")
    for split in ("train", "val"):
        for number in range(2):
            angle = 0.4 + 1.1 * number
            y, x = np.mgrid[:128, :128]
            stripes = np.sign(np.sin((x * np.cos(angle) + y * np.sin(angle)) / 4))
            pixels = np.repeat((128 + 90 * stripes).astype(np.uint8)[..., None], 3, axis=-1)
            path = root / "materials" / split / f"Stripes{number}" / "basecolor.png"
            path.parent.mkdir(parents=True)
            assert oiio.ImageBuf(pixels).write(str(path))
    return root


def source(folder, seed=0):
    paths = sorted(folder.glob("materials/train/*/*.png"))
    return PatchSource(paths, "color", 16, 4, Shrink(2), seed=seed)


def small():
    torch.manual_seed(0)
    return SparseCoding(scale=2, atoms=32)


def learnt(folder, network):
    return learn_dictionaries(network, source(folder), patches=400, crops=24, report=lambda line: None)


def test_without_dictionaries_it_is_bicubic():
    network, x = SparseCoding(scale=4, atoms=8), torch.rand(1, 3, 9, 9)
    assert torch.equal(network(x), network.bicubic(x))


def test_encoder_is_iterative_shrinkage(network):
    luma = torch.rand(1, 1, 9, 8, dtype=torch.double)
    dictionary = network.low[:, :, 0, 0].T.numpy()
    assert np.linalg.norm(dictionary, 2) == pytest.approx(1, abs=1e-6)
    codes = network.codes(luma)
    assert codes.shape == (1, 10, 5, 4)
    for top, left in ((0, 0), (4, 3), (2, 1)):
        patch = luma[0, 0, top : top + 5, left : left + 5].numpy().ravel()
        patch = patch - patch.mean()
        contrast = np.sqrt((patch**2).sum() + FLOOR**2)
        code = np.zeros(10)
        for _ in range(4):
            code = code - dictionary.T @ (dictionary @ code - patch / contrast)
            code = np.sign(code) * np.maximum(np.abs(code) - 0.05, 0)
        np.testing.assert_allclose(codes[0, :, top, left], contrast * code, atol=1e-9)


def test_more_steps_lower_the_objective():
    torch.manual_seed(0)
    network = SparseCoding(scale=2, atoms=40, steps=1, threshold=0.02).requires_grad_(False)
    luma = torch.rand(1, 1, 12, 12)
    wanted, contrast = network.patches(luma)
    values = []
    for steps in (1, 3, 10, 30):
        network.steps = steps
        code = network.codes(luma) / contrast
        error = F.conv2d(code, network.low.transpose(0, 1)) - wanted
        values.append(float(error.square().sum() / 2 + network.threshold * code.abs().sum()))
    assert values == sorted(values, reverse=True)


def test_overlapping_patches_add_up(network):
    x = torch.rand(1, 3, 6, 7, dtype=torch.double)
    codes = network.codes(F.pad(network.luma(x), (3,) * 4, mode="replicate"))
    # A kernel is the patch turned about: the patch of the cell to the right lies to the left in its own coordinates.
    atoms = network.high.flip(2, 3).unflatten(0, (2, 2)).permute(2, 3, 0, 4, 1).reshape(10, 1, 6, 6)
    wanted = F.conv_transpose2d(codes, atoms, stride=2)[..., 4:-4, 4:-4]
    torch.testing.assert_close(network(x) - network.bicubic(x), wanted.expand(-1, 3, -1, -1))


def test_chroma_is_bicubic(network):
    x = torch.rand(1, 3, 8, 8, dtype=torch.double)
    detail = network(x) - network.bicubic(x)
    assert detail.abs().max() > 0
    torch.testing.assert_close(detail[:, 0], detail[:, 1])
    torch.testing.assert_close(detail[:, 0], detail[:, 2])


def test_flat_color_stays_flat(network):
    x = torch.full((1, 3, 8, 8), 0.4, dtype=torch.double)
    torch.testing.assert_close(network(x), torch.full((1, 3, 16, 16), 0.4, dtype=torch.double), atol=1e-6, rtol=0)


def test_learnt_dictionaries_beat_bicubic(folder):
    network = small()
    state = learnt(folder, network)
    fresh = small()
    fresh.load_state_dict(state)
    low, high = next(source(folder, seed=5))
    with torch.no_grad():
        bicubic, result = ((x - high).square().mean() for x in (fresh.bicubic(low), fresh(low)))
    assert result < 0.6 * bicubic
    assert float(torch.linalg.matrix_norm(fresh.low[:, :, 0, 0].detach(), 2)) == pytest.approx(1, abs=1e-4)


def test_learning_is_decided_by_the_seed(folder):
    first, again = learnt(folder, small()), learnt(folder, small())
    assert all(torch.equal(first[key], again[key]) for key in first)


def test_a_recipe_leaves_weights_and_a_record(folder, tmp_path):
    recipe = Recipe(
        name="tiny",
        summary="",
        kind="color",
        architecture="sparse_coding",
        network={"scale": 2, "atoms": 8, "steps": 2},
        loss={},
        steps=2,
        patch=16,
        batch=2,
    )
    lines = []
    weights = train_dictionaries(recipe, folder, tmp_path / "run", patches=200, report=lines.append)
    recipe.build().load_state_dict(torch.load(weights, weights_only=True))
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"weights.pt", "run.json", "result.png"}
    assert "measured" in lines[-1]
