"""The texture descriptor: what its statistics notice and what they do not."""

import pytest
import torch

from matshot_export.networks.descriptor import TextureDescriptor, gram, padded, relative_distances


@pytest.fixture(scope="module")
def descriptor():
    torch.manual_seed(0)
    return TextureDescriptor(circular=True).requires_grad_(False)


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_is_small(descriptor):
    assert 50_000 < sum(p.numel() for p in descriptor.parameters()) < 400_000


@pytest.mark.parametrize("circular", [True, False])
@pytest.mark.parametrize("size", [(32, 48), (64, 64)])
def test_takes_any_multiple_of_its_grid(circular, size):
    descriptor = TextureDescriptor(circular=circular)
    features = list(descriptor.features(noise(2, 3, *size)))
    assert [tuple(x.shape) for x in features] == [
        (2, width, size[0] >> level, size[1] >> level) for level, width in enumerate(descriptor.widths)
    ]
    assert descriptor(noise(2, 3, *size)).shape == (2, descriptor.length)


def test_statistics_of_what_wraps_do_not_depend_on_where_it_is_cut(descriptor):
    image = noise(1, 3, 48, 64)
    moved = image.roll((descriptor.grid, 3 * descriptor.grid), dims=(2, 3))
    torch.testing.assert_close(descriptor(moved), descriptor(image), rtol=1e-4, atol=1e-5)


def test_statistics_are_those_of_the_repeated_image(descriptor):
    image = noise(1, 3, 32, 32)
    torch.testing.assert_close(descriptor(image.repeat(1, 1, 2, 3)), descriptor(image), rtol=1e-4, atol=1e-5)


def test_images_of_a_batch_do_not_mix(descriptor):
    images = noise(3, 3, 32, 32)
    torch.testing.assert_close(descriptor(images)[1:2], descriptor(images[1:2]), rtol=1e-4, atol=1e-5)


def test_nothing_beyond_the_receptive_field_changes_a_feature(descriptor):
    size = 2 * descriptor.receptive_field + 3 * descriptor.grid
    image = noise(1, 3, size, size)
    image.requires_grad_()
    deepest = list(descriptor.features(image))[-1]
    middle = deepest.shape[-1] // 2
    (gradient,) = torch.autograd.grad(deepest[0, :, middle, middle].sum(), image)
    rows = gradient.abs().amax(dim=(0, 1, 3)).nonzero()
    first, last = middle * descriptor.grid, (middle + 1) * descriptor.grid - 1
    assert first - int(rows.min()) <= descriptor.receptive_field
    assert int(rows.max()) - last <= descriptor.receptive_field


def test_gram_is_the_mean_of_products():
    features = noise(2, 5, 4, 6)
    wanted = torch.einsum("nchw,ndhw->ncd", features, features) / 24
    torch.testing.assert_close(gram(features), wanted)


@pytest.mark.parametrize(("circular", "mode"), [(True, "circular"), (False, "reflect")])
def test_padding_is_torchs(circular, mode):
    x = noise(2, 3, 5, 7)
    torch.testing.assert_close(padded(x, circular), torch.nn.functional.pad(x, (1, 1, 1, 1), mode=mode))


def test_relative_distances_do_not_change_with_contrast_or_order():
    grams = noise(6, 40)
    distances = relative_distances(grams)
    torch.testing.assert_close(relative_distances(grams * 100), distances, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(distances, distances.T)
    first, second = grams[:2]
    wanted = (first - second).square().sum() / (first.square().sum() + second.square().sum())
    torch.testing.assert_close(distances[0, 1], wanted, rtol=1e-4, atol=1e-5)
    assert distances.diagonal().abs().max() < 1e-5


def test_relative_distances_of_unlike_textures_reach_one():
    torch.testing.assert_close(relative_distances(torch.eye(3)), 1 - torch.eye(3))
