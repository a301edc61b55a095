"""Where hosts look for plug-ins, by the rules of each system, on whatever system this runs."""

from __future__ import annotations

import json

import pytest

from matshot.errors import MatshotError
from matshot.hosts.folders import blender_folder, comfyui_folder, maya_folder, unreal_folder, unreal_project


@pytest.fixture(params=["win32", "darwin", "linux"])
def system(request, tmp_path):
    """A platform and the environment of a user who lives in ``tmp_path``."""
    return request.param, {"USERPROFILE" if request.param == "win32" else "HOME": str(tmp_path)}


BLENDER = {
    "win32": "AppData/Roaming/Blender Foundation/Blender",
    "darwin": "Library/Application Support/Blender",
    "linux": ".config/blender",
}
MAYA = {"win32": "Documents/maya", "darwin": "Library/Preferences/Autodesk/maya", "linux": "maya"}


def started(base, *versions):
    for version in versions:
        (base / version).mkdir(parents=True)
    return base


def project(folder, name, engine="5.6", encoding="utf-8"):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.uproject"
    file.write_text(json.dumps({"FileVersion": 3, "EngineAssociation": engine}), encoding=encoding)
    return file


# Blender.


def test_the_newest_blender_is_found(system, tmp_path):
    base = started(tmp_path / BLENDER[system[0]], "3.6", "4.2", "4.10", "4.9", "cache", "4.11.bak")
    assert blender_folder(*system) == base / "4.10" / "extensions" / "user_default"
    assert blender_folder(*system, "4.2") == base / "4.2" / "extensions" / "user_default"


@pytest.mark.parametrize(
    ("versions", "asked", "said"),
    [
        ((), "", "has never been started"),
        (("3.6", "4.1"), "", r"needs Blender 4\.2 or later; the newest in .* is 4\.1"),
        (("4.2",), "4.1", r"needs Blender 4\.2 or later, not 4\.1"),
        (("4.2", "5.0"), "4.5", r"4\.5 has never been started \(.* has 4\.2, 5\.0\)"),
        ((), "4.5", "has no versions"),
        (("4.2",), "new", "'new' is not a version"),
        (("4.2",), "../4.2", "is not a version"),
    ],
)
def test_blenders_that_are_missing_or_too_old_are_one_sentence(system, tmp_path, versions, asked, said):
    started(tmp_path / BLENDER[system[0]], *versions)
    with pytest.raises(MatshotError, match=said) as caught:
        blender_folder(*system, asked)
    assert "\n" not in caught.value.sentence


def test_variables_move_blenders_folders(system, tmp_path):
    platform, environment = system
    moved = {**environment, "BLENDER_USER_RESOURCES": str(tmp_path / "b")}
    assert blender_folder(platform, moved) == tmp_path / "b" / "extensions" / "user_default"
    moved["BLENDER_USER_EXTENSIONS"] = str(tmp_path / "e")
    assert blender_folder(platform, moved) == tmp_path / "e" / "user_default"
    assert blender_folder(platform, moved, "4.5") == tmp_path / "e" / "user_default"


def test_variables_move_the_systems_folders(tmp_path):
    started(tmp_path / "roaming" / "Blender Foundation" / "Blender", "4.5")
    assert tmp_path / "roaming" in blender_folder("win32", {"APPDATA": str(tmp_path / "roaming")}).parents
    started(tmp_path / "xdg" / "blender", "4.5")
    assert tmp_path / "xdg" in blender_folder("linux", {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}).parents


# Maya.


def test_modules_of_every_maya_or_of_one(system, tmp_path):
    base = started(tmp_path / MAYA[system[0]], "2020", "2025", "projects")
    assert maya_folder(*system) == base / "modules"
    assert maya_folder(*system, "2025") == base / "2025" / "modules"
    moved = {**system[1], "MAYA_APP_DIR": str(started(tmp_path / "own", "2024"))}
    assert maya_folder(system[0], moved) == tmp_path / "own" / "modules"


@pytest.mark.parametrize(
    ("versions", "asked", "said"),
    [
        ((), "", "Maya has never been started"),
        (("2019", "2020"), "", "needs Maya 2022 or later; the newest in .* is 2020"),
        (("2025",), "2020", "needs Maya 2022 or later, not 2020"),
        (("2025",), "2026", r"2026 has never been started \(.* has 2025\)"),
        (("2025",), "25", "is not a version"),
    ],
)
def test_mayas_that_are_missing_or_too_old_are_one_sentence(system, tmp_path, versions, asked, said):
    started(tmp_path / MAYA[system[0]], *versions)
    with pytest.raises(MatshotError, match=said):
        maya_folder(*system, asked)


def test_onedrive_takes_documents_over(tmp_path):
    environment = {"USERPROFILE": str(tmp_path), "OneDrive": str(tmp_path / "OneDrive")}
    base = started(tmp_path / "OneDrive" / "Documents" / "maya", "2025")
    assert maya_folder("win32", environment) == base / "modules"


# Unreal.


def test_the_only_project_is_found(system, tmp_path):
    file = project(tmp_path / "Documents" / "Unreal Projects" / "Castle", "Castle")
    assert unreal_project(*system) == file
    assert unreal_folder(file) == unreal_folder(file.parent) == file.parent / "Plugins"


def test_none_or_several_projects_are_one_sentence(system, tmp_path):
    folder = tmp_path / "Documents" / "Unreal Projects"
    with pytest.raises(MatshotError, match=r"No Unreal project was found in .*--into"):
        unreal_project(*system)
    for name in ("Castle", "Harbour"):
        project(folder / name, name)
    with pytest.raises(MatshotError, match=r"Several Unreal projects .*: Castle, Harbour; .*--into"):
        unreal_project(*system)


@pytest.mark.parametrize("engine", ["5.3", "5.10", "{F0E1-4A}", ""])
def test_projects_of_engines_that_are_new_enough_or_built_from_source(tmp_path, engine):
    # Editors write a byte order mark now and then.
    assert unreal_folder(project(tmp_path, "Castle", engine, "utf-8-sig")) == tmp_path / "Plugins"


def test_what_is_no_project_is_one_sentence(tmp_path):
    with pytest.raises(MatshotError, match="does not exist"):
        unreal_folder(tmp_path / "nowhere")
    with pytest.raises(MatshotError, match=r"has no \.uproject file"):
        unreal_folder(tmp_path)
    with pytest.raises(MatshotError, match=r"project of Unreal 4\.27; the plug-in needs 5\.3"):
        unreal_folder(project(tmp_path, "Old", "4.27"))
    (tmp_path / "Old.uproject").write_text("{")
    with pytest.raises(MatshotError, match="cannot be read as an Unreal project"):
        unreal_folder(tmp_path)


# ComfyUI.


@pytest.mark.parametrize("place", ["ComfyUI", "Documents/ComfyUI"])
def test_a_comfyui_at_home_is_found(system, tmp_path, place):
    nodes = tmp_path / place / "custom_nodes"
    nodes.mkdir(parents=True)
    assert comfyui_folder(None, *system) == nodes
    assert comfyui_folder(nodes, *system) == comfyui_folder(nodes.parent, *system) == nodes


def test_what_is_no_comfyui_is_one_sentence(system, tmp_path):
    with pytest.raises(MatshotError, match=r"No ComfyUI was found in .*; choose its folder with --into\."):
        comfyui_folder(None, *system)
    with pytest.raises(MatshotError, match=r"is not ComfyUI's folder: it has no custom_nodes folder\."):
        comfyui_folder(tmp_path, *system)
    with pytest.raises(MatshotError, match="does not exist"):
        comfyui_folder(tmp_path / "nowhere", *system)
