"""The training configurations that come with the package."""

from itertools import pairwise

import pytest

from matshot_export import recipes
from matshot_export.losses import POINTWISE
from matshot_export.networks import ARCHITECTURES


@pytest.fixture(params=recipes.names())
def recipe(request):
    return recipes.load(request.param)


def test_makes_sense(recipe):
    assert recipe.summary
    assert recipe.kind in {"color", "normal", "data"}
    assert recipe.architecture in ARCHITECTURES
    assert set(recipe.loss) <= {*POINTWISE, "perceptual", "adversarial"}
    assert recipe.planes == (1 if recipe.kind == "data" else 3)


def test_builds_what_the_engine_needs_to_know(recipe):
    network = recipe.build()
    assert network.scale == recipe.scale
    assert network.receptive_field > 0
    assert recipe.patch % network.grid == 0


def test_begins_from_a_network_of_its_shape(recipe):
    if recipe.begin:
        before = recipes.load(recipe.begin)
        assert before.planes == recipe.planes
        assert before.architecture == recipe.architecture


def test_the_auto_encoder_progresses_loss_by_loss():
    names = ["srcae_x4", "srcae_perceptual_x4", "srcae_adversarial_x4"]
    steps = [recipes.load(name) for name in names]
    assert [step.begin for step in steps] == ["", *names[:-1]]
    added = [set(after.loss) - set(before.loss) for before, after in pairwise(steps)]
    assert added == [{"perceptual"}, {"adversarial"}]


def test_unknown_names_are_refused():
    with pytest.raises(FileNotFoundError, match="fidelity_x4"):
        recipes.load("nonesuch")


def test_unknown_keys_are_refused(tmp_path):
    path = tmp_path / "odd.toml"
    path.write_text('summary = ""\nkind = "color"\narchitecture = "srcae"\nnetwork = {}\nloss = {}\nmood = 1\n')
    with pytest.raises(ValueError, match=r"odd\.toml"):
        recipes.load(str(path))


def test_unknown_architectures_are_refused():
    recipe = recipes.Recipe("x", "", "color", "nonesuch", {"scale": 2}, {})
    with pytest.raises(ValueError, match="nonesuch"):
        recipe.build()
