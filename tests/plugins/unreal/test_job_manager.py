"""The manager with fakes on both sides: of the jobs, and of Unreal."""

import json
import sys
from pathlib import Path

import pytest

from matshot_host.jobs import Result
from matshot_host.tools import MULTIPLY, ONESHOT, TILE, TWOSHOT, UPSCALE, tool

CONVERT = tool("convert")


def start(manager, *request, **named):
    """Start a job as a dialog does."""
    return manager.start(sys.modules["matshot_unreal.job_manager"].Request(*request, **named))


@pytest.fixture
def source_of(plugin):
    return plugin("inputs").Source


@pytest.fixture
def editor_tools(plugin):
    return plugin("editor_tools")


def image_result(path, source="", **what):
    return Result("image", str(path), "", 4, 4, what.get("wrap", "none"), source, tuple(what.get("notes", ())))


def material_folder(folder, name="Wall"):
    folder.mkdir()
    (folder / "basecolor.png").write_bytes(b"pixels")
    told = {"name": name, "maps": {"basecolor": {"file": "basecolor.png"}}}
    (folder / "material.json").write_text(json.dumps(told))
    return Result("material", str(folder), "", 4, 4, "xy", "", ())


def test_needs_no_unreal():
    source = (Path(__file__).parents[3] / "plugins/unreal/Matshot/Content/Python/matshot_unreal").glob("*.py")
    plain = {"editor_tools.py", "inputs.py", "job_manager.py", "naming.py", "preferences.py"}
    found = {file.name for file in source if "import unreal" not in file.read_text("utf-8")}
    assert plain <= found


def test_textures_are_upscaled_each_as_what_it_is(parts, source_of):
    manager, jobs, editor, _ = parts
    sources = [[source_of("/Game/Walls/T_Brick_BC"), source_of("/Game/Walls/T_Brick_N")]]
    job = start(manager, UPSCALE, sources, {"scale": 2, "look": "fidelity"})
    _, inputs, values, form = jobs.started[0]
    assert [(Path(one["path"]).name, one["kind"], one["normal"]) for one in inputs] == [
        ("T_Brick_BC.png", "color", "dx"),
        ("T_Brick_N.png", "normal", "dx"),
    ]
    assert values == {"scale": 2, "device": "cpu", "memory": "2G"}
    assert form == {"normal": "dx", "pack": "orm", "format": "png"}
    results = [
        image_result("/r/T_Brick_BC.png", inputs[0]["path"]),
        image_result("/r/T_Brick_N.png", inputs[1]["path"]),
    ]
    jobs.end(job, "done", results)
    manager.poll()
    assert editor.made == [
        ("/Game/Walls/T_Brick_BC", "T_Brick_x2_BC", "/Game/Walls"),
        ("/Game/Walls/T_Brick_N", "T_Brick_x2_N", "/Game/Walls"),
    ]
    assert editor.alerts == []


def test_udim_tiles_return_as_one_texture(parts, source_of, monkeypatch):
    manager, jobs, editor, _ = parts
    plain = editor.export

    def export(asset, folder, photograph):
        one = plain(asset, folder, photograph)
        return one._replace(path="/files/t.<UDIM>.png") if asset.endswith("Tiles") else one

    monkeypatch.setattr(editor, "export", export)
    sources = [[source_of("/Game/T_Tiles"), source_of("/Game/T_Wall_BC")]]
    job = start(manager, UPSCALE, sources, {"scale": 4}, replace=True)
    paths = [one["path"] for one in jobs.started[0][1]]
    assert paths[0] == "/files/t.<UDIM>.png"
    made_of = ["/files/t.1001.png", paths[1], "/files/t.1002.png"]
    jobs.end(job, "done", [image_result(f"/out/{index}.png", source) for index, source in enumerate(made_of)])
    manager.poll()
    assert editor.made == [
        ([1001, 1002], "/Game/T_Tiles", "T_Tiles_x4", "/Game"),
        ("/Game/T_Wall_BC", "T_Wall_x4_BC", "/Game"),
    ]
    assert editor.replaced[0] == ("/Game/T_Tiles", "/Game/T_Tiles_x4")


def test_a_photograph_becomes_a_material_beside_it(parts, tmp_path, source_of):
    manager, jobs, editor, view = parts
    job = start(manager, ONESHOT, [[source_of("/Game/Photos/T_Old_Wall")]], {"light": "even"})
    assert jobs.started[0][2]["light"] == "even"
    assert "kind" not in jobs.started[0][2]
    jobs.end(job, "done", [material_folder(tmp_path / "m")])
    manager.poll()
    assert editor.made == [("Wall", "Old_Wall", "/Game/Photos")]
    assert view.ended == [(1, ["/Game/Photos/MI_Old_Wall"])]
    assert manager.rows()[0].action == "Show"
    manager.act(1)
    assert editor.shown == ["/Game/Photos/MI_Old_Wall"]


def test_one_texture_tells_what_it_holds(parts, source_of):
    manager, jobs, _, _ = parts
    start(manager, TILE, [[source_of("/Game/T_Brick_N")]], {})
    assert jobs.started[0][2] == {"kind": "normal", "normal": "dx"}


def test_what_the_artist_chose_wins(parts, source_of):
    manager, jobs, _, _ = parts
    start(manager, MULTIPLY, [[source_of("/Game/T_Brick_N")]], {"kind": "data", "device": "cuda"})
    assert jobs.started[0][2]["kind"] == "data"
    assert jobs.started[0][2]["device"] == "cuda"


def test_several_textures_are_a_material(parts, tmp_path, source_of):
    manager, jobs, editor, _ = parts
    names = ["T_Brick_BC", "T_Brick_N", "T_Brick_ORM"]
    job = start(manager, MULTIPLY, [[source_of(f"/Game/{name}") for name in names]], {})
    _, inputs, values, _ = jobs.started[0]
    assert "kind" not in values
    told = json.loads((Path(inputs[0]) / "material.json").read_text())
    assert told["name"] == "Brick"
    assert "wrap" not in told
    assert set(told["maps"]) == {"basecolor", "normal", "orm"}
    assert told["maps"]["normal"]["convention"] == "dx"
    assert all((Path(inputs[0]) / one["file"]).is_file() for one in told["maps"].values())
    jobs.end(job, "done", [material_folder(tmp_path / "m")])
    manager.poll()
    assert editor.made == [("Wall", "Brick_Multiply", "/Game")]


def test_textures_that_are_guides_and_masks_leave_the_project(parts, source_of):
    manager, jobs, _, _ = parts
    files = {
        "target_mask": [source_of("/Game/T_Hole")],
        "fill_from": [source_of("/Game/T_Moss_BC"), source_of("/Game/T_Moss_N")],
    }
    # A texture that was chosen takes precedence over a file, even over one that is gone.
    start(manager, MULTIPLY, [[source_of("/Game/T_Brick_BC")]], {"target_mask": "/gone.png"}, files=files)
    job, _, values, _ = jobs.started[0]
    assert Path(values["target_mask"]).read_bytes() == b"pixels"
    told = json.loads((Path(values["fill_from"]) / "material.json").read_text())
    assert set(told["maps"]) == {"basecolor", "normal"}
    # They are deleted with the job.
    assert all(Path(values[name]).is_relative_to(job.folder) for name in files)
    assert manager.last.files == files


def test_guides_and_masks_that_cannot_be_used_are_named_before_a_job_starts(parts, source_of, tmp_path, monkeypatch):
    manager, jobs, editor, _ = parts
    start(manager, TILE, [[source_of("/Game/T_Brick_BC")]], {"protect": str(tmp_path / "gone.png")})
    start(manager, TILE, [[source_of("/Game/T_Brick_BC")]], {"protect": str(tmp_path)})
    plain = editor.export

    def export(asset, folder, photograph):
        one = plain(asset, folder, photograph)
        return one._replace(path="/files/t.<UDIM>.png") if asset.endswith("Tiles") else one

    monkeypatch.setattr(editor, "export", export)
    start(manager, TILE, [[source_of("/Game/T_Brick_BC")]], {}, files={"protect": [source_of("/Game/T_Tiles")]})
    assert editor.alerts == [
        f"Protect: {tmp_path / 'gone.png'} does not exist.",
        f"Protect must be an image, but {tmp_path} is a folder.",
        "Protect must be one image, but T_Tiles has UDIM tiles. Choose another texture.",
    ]
    assert jobs.started == []
    assert jobs.listing == []


def test_results_return_to_the_folder_of_their_source(parts, source_of):
    """Two textures of one name in two folders are two results of one name, each beside its source."""
    manager, jobs, editor, _ = parts
    job = start(manager, UPSCALE, [[source_of("/Game/Walls/T_A"), source_of("/Game/Floors/T_A")]], {"scale": 2})
    results = [image_result(f"/r{index}/T_A.png", one["path"]) for index, one in enumerate(jobs.started[0][1])]
    jobs.end(job, "done", results)
    manager.poll()
    assert [made[1:] for made in editor.made] == [("T_A_x2", "/Game/Walls"), ("T_A_x2", "/Game/Floors")]


def test_a_material_is_assigned_to_the_actors_that_were_selected(parts, tmp_path, source_of):
    manager, jobs, editor, _ = parts
    source = [[source_of("/Game/Photos/T_Wall")]]
    assert start(manager, ONESHOT, source, {}, assign=True) is None
    assert editor.alerts == ["No actor with a mesh is selected. Select one in the level, or turn off Assign."]
    editor.components = ["cube"]
    job = start(manager, ONESHOT, source, {}, assign=True, slot=" Body ")
    editor.components = ["another"]
    jobs.end(job, "done", [material_folder(tmp_path / "m")])
    manager.poll()
    assert editor.assigned == [("/Game/Photos/MI_Wall", ["cube"], "Body")]
    assert "MI_Wall was assigned to 1 material slot." in manager.messages


def test_a_texture_is_replaced_where_it_is_used(parts, source_of):
    manager, jobs, editor, _ = parts
    job = start(manager, UPSCALE, [[source_of("/Game/T_A")]], {"scale": 2}, replace=True)
    jobs.end(job, "done", [image_result("/r/T_A.png", jobs.started[0][1][0]["path"])])
    manager.poll()
    assert editor.replaced == [("/Game/T_A", "/Game/T_A_x2")]


def test_textures_of_unknown_maps_are_no_material(parts, source_of):
    manager, jobs, editor, _ = parts
    sources = [[source_of("/Game/T_Brick_BC"), source_of("/Game/T_Other_BC")]]
    assert start(manager, TILE, sources, {}) is None
    assert "is unknown or given twice" in editor.alerts[0]
    assert jobs.listing == []


def test_a_material_folder_is_imported(parts, tmp_path, source_of, editor_tools):
    manager, jobs, editor, _ = parts
    folder = tmp_path / "castle"
    folder.mkdir()
    job = start(manager, CONVERT, [[source_of(path=str(folder))]], {}, folder="/Game/Castle/")
    assert jobs.started[0][2] == {"normal": "dx", "pack": "orm", "format": "png"}
    assert editor_tools.menu_title(CONVERT) == "Import Material"
    names = [parameter.name for parameter in editor_tools.dialog_parameters(CONVERT)]
    assert names == ["size", "source_normal", "depth"]
    jobs.end(job, "done", [material_folder(tmp_path / "m", "Castle Wall")])
    manager.poll()
    assert editor.made == [("Castle Wall", "Castle_Wall", "/Game/Castle")]


@pytest.mark.parametrize(
    ("what", "sources", "sentence"),
    [
        (UPSCALE, [[]], "Upscale needs textures. Select a texture in the Content Browser or choose a file."),
        (TWOSHOT, [["/Game/T_A"], []], "needs the photograph without flash"),
        (ONESHOT, [["/Game/T_A", "/Game/T_B"]], "takes one photograph, got 2"),
        (CONVERT, [[]], "Import Material needs a material folder. Choose one under Material."),
    ],
)
def test_missing_inputs(parts, what, sources, sentence, source_of):
    manager, jobs, editor, _ = parts
    sources = [[source_of(asset) for asset in given] for given in sources]
    assert start(manager, what, sources, {}) is None
    assert len(editor.alerts) == 1
    assert sentence in editor.alerts[0]
    assert jobs.listing == []


def test_a_missing_file(parts, tmp_path, source_of):
    manager, _, editor, _ = parts
    assert start(manager, ONESHOT, [[source_of(path=str(tmp_path / "gone.jpg"))]], {}) is None
    assert editor.alerts == [f"{tmp_path / 'gone.jpg'} does not exist."]


def test_a_texture_without_source(parts, source_of):
    manager, jobs, editor, _ = parts
    editor.wrong["/Game/T_A"] = "T_A has no source image."
    assert start(manager, TILE, [[source_of("/Game/T_A")]], {}) is None
    assert editor.alerts == ["T_A has no source image."]
    assert jobs.listing == []
    assert jobs.started == []


def test_a_read_only_project(parts, source_of):
    manager, jobs, editor, _ = parts
    editor.wrong["/Game/Walls"] = "The project's folder cannot be written."
    assert start(manager, TILE, [[source_of("/Game/Walls/T_A")]], {}) is None
    assert editor.alerts == ["The project's folder cannot be written."]
    assert jobs.listing == []


def test_a_name_that_exists(parts, tmp_path, source_of):
    manager, jobs, editor, _ = parts
    editor.there = {"/Game/MI_Wall", "/Game/T_A_Make_Seamless"}
    assert start(manager, ONESHOT, [[source_of("/Game/T_A")]], {}, name="Wall") is None
    assert editor.alerts == ["MI_Wall already exists in /Game. Choose another name."]
    # Names that nobody chose get a number instead.
    editor.there = {"/Game/MI_A", "/Game/T_A_2_BC"}
    job = start(manager, ONESHOT, [[source_of("/Game/T_A")]], {})
    result = material_folder(tmp_path / "m")
    jobs.end(job, "done", [result._replace(source="")])
    manager.poll()
    assert editor.made == [("Wall", "A_3", "/Game")]


def test_two_jobs_at_once_wait_for_each_other(parts, source_of):
    manager, jobs, _, _ = parts
    for name in ("T_A", "T_B"):
        start(manager, TILE, [[source_of(f"/Game/{name}")]], {})
    jobs.listing[0].state, jobs.listing[0].fraction, jobs.listing[0].stage = "running", 0.5, "filling"
    assert [(row.title, row.status, row.action) for row in manager.rows()] == [
        ("Make Seamless T_B", "Waiting", "Cancel"),
        ("Make Seamless T_A", "50%  filling", "Cancel"),
    ]


def test_cancel_takes_the_job_that_runs(parts, source_of):
    manager, jobs, editor, _ = parts
    for name in ("T_A", "T_B"):
        start(manager, TILE, [[source_of(f"/Game/{name}")]], {})
    jobs.listing[1].state = "running"
    assert manager.cancel()
    assert [job.state for job in jobs.listing] == ["waiting", "cancelled"]
    manager.poll()
    assert editor.alerts == []
    manager.act(2)
    assert len(jobs.listing) == 1
    manager.act(1)
    assert not manager.cancel()


def test_a_job_that_failed_is_told_once(parts, source_of):
    manager, jobs, editor, _ = parts
    job = start(manager, TILE, [[source_of("/Game/T_A")]], {})
    jobs.end(job, "failed", error="Matshot's worker ended, and the job is lost.", cause="Traceback ...")
    manager.poll()
    manager.poll()
    assert manager.notices == ["Matshot's worker ended, and the job is lost."]
    assert "Traceback ..." in editor.logged
    assert manager.rows()[0].status == "Matshot's worker ended, and the job is lost."
    assert manager.rows()[0].action == "Remove"


def test_what_went_wrong_beside_results_is_told_together(parts, source_of):
    manager, jobs, _, _ = parts
    job = start(manager, UPSCALE, [[source_of("/Game/T_A"), source_of("/Game/T_B")]], {})
    path = jobs.started[0][1][0]["path"]
    jobs.end(job, "done", [image_result("/r/a.png", path, notes=["T_A wraps."])], failures=["T_B is damaged."])
    manager.poll()
    assert manager.notices == ["T_B is damaged."]
    assert "T_A wraps." in manager.messages
    assert manager.rows()[0].action == "Show"


def test_an_import_that_fails(parts, tmp_path, source_of):
    manager, jobs, editor, view = parts
    editor.wrong["material"] = "MI_A could not be saved."
    job = start(manager, ONESHOT, [[source_of("/Game/T_A")]], {})
    jobs.end(job, "done", [material_folder(tmp_path / "m")])
    manager.poll()
    assert manager.notices == ["MI_A could not be saved."]
    assert view.ended == [(1, [])]
    assert manager.rows()[0].action == "Remove"


def test_assets_wait_until_the_game_ends(parts, source_of):
    manager, jobs, editor, _ = parts
    job = start(manager, TILE, [[source_of("/Game/T_A")]], {})
    jobs.end(job, "done", [image_result("/r/a.png", jobs.started[0][1][0])])
    editor.playing = True
    manager.poll()
    assert editor.made == []
    assert manager.rows()[0].status == "Waiting for Play in Editor to end"
    editor.playing = False
    manager.poll()
    assert editor.made == [("/Game/T_A", "T_A_Seamless", "/Game")]


def test_the_doctor_is_told(parts):
    manager, jobs, _, _ = parts
    job = manager.test()
    findings = [
        {"subject": "Python", "state": "3.11.2", "ok": True, "fix": "", "required": True},
        {"subject": "GPU", "state": "none", "ok": False, "fix": "install a driver", "required": False},
    ]
    jobs.end(job, "done", findings=findings)
    manager.poll()
    assert manager.notices == ["[ok] Python: 3.11.2\n[note] GPU: none - install a driver"]


def test_notices_are_kept_until_they_are_read(parts, source_of):
    manager, jobs, editor, _ = parts
    job = start(manager, TILE, [[source_of("/Game/T_A")]], {})
    jobs.end(job, "failed", error="T_A is damaged.")
    manager.poll()
    assert editor.alerts == []
    assert manager.take_notices() == ["T_A is damaged."]
    assert manager.take_notices() == []


def test_views_are_refreshed_until_they_are_detached(parts):
    manager, _, _, view = parts
    before = view.refreshed
    manager.choose(TILE)
    assert manager.chosen is TILE
    assert view.refreshed == before + 1
    manager.detach(view)
    manager.choose(UPSCALE)
    assert view.refreshed == before + 1


def test_closing_ends_the_worker(parts):
    manager, jobs, _, _ = parts
    manager.close()
    assert jobs.closed
