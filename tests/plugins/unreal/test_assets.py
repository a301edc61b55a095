import pytest

from matshot_host.errors import MatshotError


@pytest.fixture
def assets(plugin):
    return plugin("assets")


def test_folders_of_the_project(unreal, assets):
    assets.check_folder("/Game")
    assets.check_folder("/Game/Walls/Old")
    assert list((unreal.world.project / "Content").iterdir()) == []


@pytest.mark.parametrize("folder", ["/Engine", "Walls", "/GameOver"])
def test_other_folders(assets, folder):
    with pytest.raises(MatshotError, match="is outside the project"):
        assets.check_folder(folder)


def test_folders_that_cannot_be_written(unreal, assets):
    (unreal.world.project / "Content" / "Walls").write_text("a file where the folder should be")
    with pytest.raises(MatshotError, match="Cannot write to the project folder"):
        assets.check_folder("/Game/Walls")


def test_an_asset_that_unreal_does_not_make(unreal, assets):
    assets.create("M", "/Game", unreal.Material, unreal.MaterialFactoryNew())
    with pytest.raises(MatshotError, match="Unreal could not create M in /Game"):
        assets.create("M", "/Game", unreal.Material, unreal.MaterialFactoryNew())
