import pytest

from matshot_host.errors import MatshotError


@pytest.fixture
def preferences(plugin):
    return plugin("preferences")


def test_defaults_are_those_of_the_dialog(preferences):
    assert preferences.read() == preferences.Preferences()
    shown = {parameter.name: parameter.default for parameter in preferences.PARAMETERS}
    assert shown == preferences.Preferences()._asdict()


def test_written_and_read(preferences):
    wanted = preferences.Preferences("/opt/python", "cuda", "4G", "/Game/Walls", True)
    preferences.write(wanted)
    assert preferences.read() == wanted


def test_values_of_other_types_are_left_out(preferences):
    found = preferences.valid_preferences({"python": 3, "device": "tpu", "memory": " 2G ", "other": 1})
    assert found == preferences.Preferences(memory="2G")


def test_damaged(preferences, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "unreal.json").write_text("{")
    with pytest.raises(MatshotError, match="Using the defaults"):
        preferences.read()


def test_cannot_be_written(preferences, tmp_path):
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(MatshotError, match="Cannot write"):
        preferences.write(preferences.Preferences())
