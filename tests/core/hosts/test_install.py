"""Putting plug-ins into hosts and taking them out, on small plug-ins made here; and the real ones, packed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from matshot import __version__, plugin_files
from matshot.errors import MatshotError
from matshot.hosts import install as installing
from matshot.hosts.install import HOSTS, copy_plugin, install, installed_plugins, plugin_folder, uninstall
from matshot_host.location import RECORD, worker_command

REAL = Path(installing.__file__).parents[3] / "plugins"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A user without anything, and no variable of a real host."""
    for name in ("BLENDER_USER_EXTENSIONS", "BLENDER_USER_RESOURCES", "MAYA_APP_DIR", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("MATSHOT_HOME", str(tmp_path / "memory"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def source(tmp_path, monkeypatch):
    """Small plug-ins instead of those of this checkout."""
    folder = tmp_path / "source"
    for host, known in HOSTS.items():
        plugin = folder / host / known.folder
        for name in ("__init__.py", "__pycache__/__init__.pyc", "icons/tile.svg", ".mypy_cache/x"):
            (plugin / name).parent.mkdir(parents=True, exist_ok=True)
            (plugin / name).write_text(f"{host} {name}")
        for name in (*known.beside, *known.loose):
            (folder / host / name).write_text(f"+ matshot {__version__} ./matshot")
    monkeypatch.setattr(installing, "_source", lambda host: folder / host)
    return folder


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def memory():
    return Path(os.environ["MATSHOT_HOME"]) / RECORD


def noted():
    return json.loads(memory().read_text(encoding="utf-8"))


def everything(folder):
    """Every file below a folder, with its contents."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def project(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Castle.uproject").write_text('{"EngineAssociation": "5.6"}')
    return folder


# Packing.


@pytest.mark.parametrize("host", HOSTS)
def test_packed_is_the_plugin_with_what_it_needs_and_no_leftovers(host, tmp_path):
    known = HOSTS[host]
    folder = copy_plugin(host, tmp_path / "out")
    assert folder == tmp_path / "out" / known.folder
    names = set(everything(folder))
    assert {"__init__.py", str(Path("icons/tile.svg"))} <= names
    assert {str(Path(known.library) / name) for name in ("__init__.py", "tools.py", "graph.py", "jobs.py")} <= names
    assert not [name for name in names if "cache" in name or name.endswith(".pyc")]
    assert {path.name for path in folder.parent.iterdir()} == {known.folder, *known.beside, *known.loose}


@pytest.mark.parametrize("host", HOSTS)
def test_the_real_plugins_are_found_and_packed(host, tmp_path, monkeypatch):
    monkeypatch.undo()
    known = HOSTS[host]
    if not all((REAL / host / name).exists() for name in (known.folder, *known.beside, *known.loose)):
        pytest.skip(f"this is no checkout with a plug-in for {known.title}")
    folder = copy_plugin(host, tmp_path)
    assert (folder / known.library / "tools.py").is_file()


def test_packing_what_cannot_be_packed_is_one_sentence(tmp_path):
    with pytest.raises(MatshotError, match="Unknown host 'houdini'"):
        copy_plugin("houdini", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(MatshotError, match="could not be copied"):
        copy_plugin("maya", tmp_path / "file")


def test_a_matshot_without_plugins_says_so(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(plugin_files, "__file__", str(tmp_path / "core" / "matshot" / "plugin_files.py"))
    with pytest.raises(MatshotError, match="has no plug-in for Blender"):
        copy_plugin("blender", tmp_path / "out")


# Installing.


def test_each_host_gets_what_belongs_to_it(place):
    assert install("blender", into=place) == [place / "matshot"]
    assert {path.name for path in place.iterdir()} == {"matshot"}
    maya = place / "modules"
    maya.mkdir()
    assert install("maya", into=maya) == [maya / "matshot", maya / "matshot.mod"]
    assert {path.name for path in maya.iterdir()} == {"matshot", "matshot.mod"}
    (unreal,) = install("unreal", into=project(place / "Castle"))
    assert unreal == place / "Castle" / "Plugins" / "Matshot"
    record = noted()
    assert (record["python"], record["version"]) == (sys.executable, __version__)
    assert record["installed"] == {
        "blender": [str(place / "matshot")],
        "maya": [str(maya / "matshot"), str(maya / "matshot.mod")],
        "unreal": [str(unreal)],
    }
    assert all(one.exists for one in installed_plugins())
    assert {one.version for one in installed_plugins()} == {__version__, ""}


def test_plugins_find_the_python_that_installed_them(place):
    install("blender", into=place)
    command = worker_command()
    assert command.arguments == (sys.executable, "-m", "matshot.worker")
    assert "matshot install" in command.origin


@pytest.mark.skipif(sys.platform != "linux", reason="the folder is that of Linux")
def test_the_newest_blender_gets_it(home):
    (home / ".config" / "blender" / "4.5").mkdir(parents=True)
    (path,) = install("blender")
    assert path == home / ".config" / "blender" / "4.5" / "extensions" / "user_default" / "matshot"


def test_an_older_installation_is_replaced_whole(place, source):
    install("blender", into=place)
    (place / "matshot" / "of_an_older_version.py").write_text("")
    (source / "blender" / "matshot" / "__init__.py").write_text("newer")
    install("blender", into=place)
    assert (place / "matshot" / "__init__.py").read_text() == "newer"
    assert not (place / "matshot" / "of_an_older_version.py").exists()
    assert noted()["installed"]["blender"] == [str(place / "matshot")]
    assert [path.name for path in place.iterdir()] == ["matshot"]


def test_files_that_somebody_put_into_a_plugin_outlive_it(place):
    install("maya", into=place)
    (place / "matshot" / "icons" / "mine.svg").write_text("mine")
    (place / "matshot" / "presets.json").write_text("mine too")
    install("maya", into=place)
    assert (place / "matshot" / "presets.json").read_text() == "mine too"
    sentences = uninstall("maya")
    kept = f"{Path('icons', 'mine.svg')}, presets.json"
    assert sentences[0].endswith(f"except for files that are not Matshot's: {kept}.")
    assert set(everything(place)) == {
        os.path.join("matshot", "icons", "mine.svg"), os.path.join("matshot", "presets.json")
    }  # fmt: skip


def test_one_that_came_otherwise_is_replaced_too(place):
    copy_plugin("maya", place)
    install("maya", into=place)
    assert noted()["installed"]["maya"] == [str(place / "matshot"), str(place / "matshot.mod")]


def test_several_places_are_kept_in_mind(place):
    for name in ("a", "b"):
        (place / name).mkdir()
        install("blender", into=place / name)
    assert noted()["installed"]["blender"] == [str(place / "a" / "matshot"), str(place / "b" / "matshot")]


@pytest.mark.parametrize("name", ["matshot", "matshot.mod"])
def test_what_is_somebody_elses_is_refused(place, name):
    theirs = place / name
    if name == "matshot":
        theirs.mkdir()
        theirs /= "__init__.py"
    theirs.write_text("something else")
    before = everything(place)
    with pytest.raises(MatshotError, match="not Matshot's"):
        install("maya", into=place)
    assert everything(place) == before
    assert not memory().exists()


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_failed_exchange_leaves_everything_as_it_was(place, source, monkeypatch, failing):
    """Whichever move fails: of the folder, of the file beside it, or of the record."""
    install("maya", into=place)
    before, record = everything(place), memory().read_bytes()
    (source / "maya" / "matshot" / "__init__.py").write_text("newer")
    moves = [place / "matshot", place / "matshot.mod", memory()]
    how = "replace" if failing == 2 else "rename"
    really = getattr(Path, how)

    def broken(self, target):
        if Path(target) == moves[failing] and not self.name.startswith("old-"):
            raise PermissionError(13, "Access is denied")
        return really(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, how, broken)
        with pytest.raises(MatshotError, match="access is denied"):
            install("maya", into=place)
    assert everything(place) == before
    assert memory().read_bytes() == record
    assert {path.name for path in place.iterdir()} == {"matshot", "matshot.mod"}
    assert {path.name for path in memory().parent.iterdir()} == {RECORD}


def test_a_failed_copy_leaves_nothing(tmp_path, monkeypatch, source):
    (source / "unreal" / "Matshot" / "__init__.py").unlink()
    (source / "unreal" / "Matshot" / "__init__.py").symlink_to(tmp_path / "gone")
    castle = project(tmp_path / "Castle")
    with pytest.raises(MatshotError, match="could not be copied"):
        install("unreal", into=castle)
    assert [path.name for path in castle.iterdir()] == ["Castle.uproject"]
    assert not memory().exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only for this user")
def test_a_place_that_cannot_be_written_is_one_sentence(place):
    place.chmod(0o500)
    try:
        with pytest.raises(MatshotError, match="cannot be created"):
            install("blender", into=place)
    finally:
        place.chmod(0o700)


def test_a_record_that_cannot_be_written_stops_before_anything_is_done(place, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MATSHOT_HOME", str(tmp_path / "file"))
    with pytest.raises(MatshotError, match=r"hosts\.json could not be written"):
        install("blender", into=place)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"installed": [1]}', '{"installed": {"blender": 3, "x": ["/"]}}'])
def test_a_damaged_record_is_mended_by_installing(place, text):
    memory().parent.mkdir(parents=True)
    memory().write_text(text)
    install("blender", into=place)
    assert noted()["installed"] == {"blender": [str(place / "matshot")]}


def test_places_that_make_no_sense_are_one_sentence(place):
    for arguments, said in (
        (("blender", "4.5", place), "either --version or --into"),
        (("maya", "", place / "nowhere"), "does not exist"),
        (("unreal", "5.6", None), "into a project"),
        (("unreal", "", place), "not an Unreal project"),
        (("comfyui", "0.8", None), "one folder for all versions"),
        (("comfyui", "", place), "not ComfyUI's folder"),
        (("houdini", "", place), "Unknown host 'houdini'"),
    ):
        with pytest.raises(MatshotError, match=said):
            plugin_folder(*arguments)


# Removing.


def test_exactly_what_was_installed_is_removed(place):
    (place / "matshot_notes.txt").write_text("mine")
    (place / "other").mkdir()
    before = everything(place)
    install("maya", into=place)
    told = uninstall("maya")
    assert [sentence.rpartition(" was ")[2] for sentence in told] == ["removed.", "removed."]
    assert everything(place) == before
    assert {path.name for path in place.iterdir()} == {"matshot_notes.txt", "other"}
    assert not memory().parent.exists()
    with pytest.raises(MatshotError, match="No plug-in for Maya is recorded"):
        uninstall("maya")


def test_the_shelf_that_maya_saved_is_removed_unless_it_has_other_buttons(tmp_path):
    place = tmp_path / "maya" / "modules"
    place.mkdir(parents=True)
    install("maya", into=place)
    ours = 'shelfButton\n -command "import matshot_maya.commands; x()"\n'
    shelves = [tmp_path / "maya" / version / "prefs" / "shelves" / "shelf_Matshot.mel" for version in ("2025", "2026")]
    for shelf, text in zip(shelves, (ours, ours + "shelfButton\n -command mine\n"), strict=True):
        shelf.parent.mkdir(parents=True)
        shelf.write_text(text)
    sentences = uninstall("maya")
    assert [shelf.exists() for shelf in shelves] == [False, True]
    assert f"{shelves[1]} has other buttons and was kept." in sentences


def test_a_python_of_the_microsoft_store_is_refused(place, monkeypatch):
    store = "C:\\Program Files\\WindowsApps\\PythonSoftwareFoundation.Python.3.12_3.12.1_x64"
    monkeypatch.setattr(sys, "base_prefix", store)
    with pytest.raises(MatshotError, match="from the Microsoft Store"):
        install("blender", into=place)


def test_other_installations_stay(place):
    for name in ("a", "b"):
        (place / name).mkdir()
        install("blender", into=place / name)
    install("maya", into=place)
    uninstall("blender", into=place / "a")
    assert not (place / "a" / "matshot").exists()
    assert (place / "b" / "matshot").is_dir()
    assert noted()["installed"]["blender"] == [str(place / "b" / "matshot")]
    assert (noted()["python"], set(noted()["installed"])) == (sys.executable, {"blender", "maya"})
    with pytest.raises(MatshotError, match="nothing was removed"):
        uninstall("blender", into=place / "a")


def test_what_is_gone_or_no_longer_ours_is_told_and_stays(place):
    install("maya", into=place)
    (place / "matshot.mod").unlink()
    for file in sorted((place / "matshot" / "scripts").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    assert uninstall("maya") == [
        f"{place / 'matshot'} is no longer Matshot's and was kept.",
        f"{place / 'matshot.mod'} no longer existed.",
    ]
    assert (place / "matshot").is_dir()


def test_a_link_to_a_checkout_is_removed_and_the_checkout_stays(place, tmp_path):
    checkout = copy_plugin("blender", tmp_path / "checkout")
    before = everything(checkout)
    (place / "matshot").symlink_to(checkout, target_is_directory=True)
    install("blender", into=place)
    assert not (place / "matshot").is_symlink()
    uninstall("blender")
    assert list(place.iterdir()) == []
    assert everything(checkout) == before


# The command.


def matshot(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "matshot", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


@pytest.mark.skipif(
    not (REAL / "blender" / "matshot").is_dir(), reason="this is no checkout with a plug-in for Blender"
)
def test_the_command_installs_and_removes(place):
    done = matshot("install", "blender", "--into", place)
    assert done.returncode == 0, done.stderr
    assert "enable Matshot" in done.stdout
    assert (place / "matshot" / "blender_manifest.toml").is_file()
    gone = matshot("install", "blender", "--uninstall")
    assert "was removed." in gone.stdout
    assert list(place.iterdir()) == []


def test_the_command_says_what_is_wrong_in_one_sentence(place):
    for arguments, said in (
        (("install", "houdini"), "Unknown host 'houdini'"),
        (("install", "blender"), "has never been started"),
        (("install", "maya", "--uninstall"), "nothing was removed"),
        (("install", "unreal", "--into", place), "not an Unreal project"),
    ):
        done = matshot(*arguments)
        assert done.returncode == 1
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_what_was_changed_or_added_is_kept(place):
    install("maya", into=place)
    (place / "matshot" / "icons" / "tile.svg").write_text("my icon")
    (place / "matshot" / "presets").mkdir()
    (place / "matshot" / "presets" / "mine.json").write_text("my preset")
    (place / "matshot" / "mine.py").write_text("my code")
    (place / "matshot" / "__pycache__").mkdir()
    (place / "matshot" / "__pycache__" / "a.pyc").write_text("")
    (place / "matshot.mod").write_text("+ matshot 1 ./matshot\nPATH +:= tools")
    told = []
    install("maya", into=place, report=told.append)
    kept = memory().parent / "kept" / "1"
    assert told == [f"Copies of files of the old plug-in that were changed are in {kept}."]
    assert everything(kept) == {
        str(Path("matshot/icons/tile.svg")): b"my icon",
        str(Path("matshot/mine.py")): b"my code",
        "matshot.mod": b"+ matshot 1 ./matshot\nPATH +:= tools",
    }
    assert {path.name for path in place.iterdir()} == {"matshot", "matshot.mod"}
    install("maya", into=place, report=told.append)
    assert len(told) == 1
    assert (place / "matshot" / "presets" / "mine.json").read_text() == "my preset"
    assert not (place / "matshot" / "mine.py").exists()
    (place / "matshot" / "icons" / "tile.svg").write_text("again")
    install("maya", into=place)
    assert everything(kept.with_name("2")) == {str(Path("matshot/icons/tile.svg")): b"again"}


def test_what_cannot_be_kept_is_not_replaced(place):
    install("maya", into=place)
    (place / "matshot" / "icons" / "tile.svg").write_text("mine")
    (memory().parent / "kept").write_text("a file in the way")
    before = everything(place)
    with pytest.raises(MatshotError, match="cannot be kept"):
        install("maya", into=place)
    assert everything(place) == before


def test_a_folder_that_took_the_place_of_an_installed_one_is_refused(place):
    install("blender", into=place)
    for file in sorted((place / "matshot").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    (place / "matshot" / "my_own_addon.py").write_text("mine")
    with pytest.raises(MatshotError, match="not Matshot's"):
        install("blender", into=place)
    assert everything(place) == {str(Path("matshot/my_own_addon.py")): b"mine"}


def test_what_cannot_be_put_back_is_not_lost(place, source, monkeypatch):
    install("blender", into=place)
    before = everything(place / "matshot")
    really = Path.rename

    def broken(self, target):
        if Path(target) == place / "matshot":
            raise PermissionError(13, "Access is denied")
        return really(self, target)

    monkeypatch.setattr(Path, "rename", broken)
    with pytest.raises(MatshotError, match="could not be moved back; it is in"):
        install("blender", into=place)
    (left,) = place.glob(".replaced.*/old-matshot")
    assert everything(left) == before


def test_removing_leaves_what_was_changed_or_added(place):
    install("maya", into=place)
    (place / "matshot" / "icons" / "tile.svg").write_text("my icon")
    (place / "matshot" / "presets").mkdir()
    (place / "matshot" / "presets" / "mine.json").write_text("my preset")
    (place / "matshot.mod").write_text("+ matshot 1 ./matshot\nPATH +:= tools")
    assert uninstall("maya") == [
        f"{place / 'matshot'} was removed, except for files that are not Matshot's: "
        f"{Path('icons/tile.svg')}, {Path('presets/mine.json')}.",
        f"{place / 'matshot.mod'} was changed and was kept.",
    ]
    assert everything(place) == {
        str(Path("matshot/icons/tile.svg")): b"my icon",
        str(Path("matshot/presets/mine.json")): b"my preset",
        "matshot.mod": b"+ matshot 1 ./matshot\nPATH +:= tools",
    }


def test_links_within_a_plugin_are_not_followed(place, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("mine")
    for name, again in (("a", lambda: install("blender", into=place)), ("b", lambda: uninstall("blender"))):
        install("blender", into=place)
        (place / "matshot" / name).symlink_to(tmp_path / "mine", target_is_directory=True)
        again()
        assert (tmp_path / "mine" / "a.txt").read_text() == "mine"
