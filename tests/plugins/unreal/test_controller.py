"""The controller with fakes on both sides: of the jobs, and of Unreal."""

import json
from pathlib import Path

import pytest

from matshot_host.jobs import Result
from matshot_host.tools import MULTIPLY, ONESHOT, TILE, TWOSHOT, UPSCALE, tool

CONVERT = tool("convert")


@pytest.fixture
def picture_of(plugin):
    return plugin("inputs").Picture


@pytest.fixture
def offer(plugin):
    return plugin("offer")


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
    plain = {"controller.py", "inputs.py", "naming.py", "offer.py", "preferences.py"}
    found = {file.name for file in source if "import unreal" not in file.read_text("utf-8")}
    assert plain <= found


def test_textures_are_upscaled_each_as_what_it_is(parts, picture_of):
    controller, jobs, editor, _ = parts
    pictures = [[picture_of("/Game/Walls/T_Brick_BC"), picture_of("/Game/Walls/T_Brick_N")]]
    job = controller.start(UPSCALE, pictures, {"scale": 2, "look": "fidelity"})
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
    controller.poll()
    assert editor.made == [
        ("/Game/Walls/T_Brick_BC", "T_Brick_x2_BC", "/Game/Walls"),
        ("/Game/Walls/T_Brick_N", "T_Brick_x2_N", "/Game/Walls"),
    ]
    assert editor.alerts == []


def test_a_photograph_becomes_a_material_beside_it(parts, tmp_path, picture_of):
    controller, jobs, editor, view = parts
    job = controller.start(ONESHOT, [[picture_of("/Game/Photos/T_Old_Wall")]], {"light": "even"})
    assert jobs.started[0][2]["light"] == "even"
    assert "kind" not in jobs.started[0][2]
    jobs.end(job, "done", [material_folder(tmp_path / "m")])
    controller.poll()
    assert editor.made == [("Wall", "Old_Wall", "/Game/Photos")]
    assert view.ended == [(1, ["/Game/Photos/MI_Old_Wall"])]
    assert controller.rows()[0].action == "Show"
    controller.act(1)
    assert editor.shown == ["/Game/Photos/MI_Old_Wall"]


def test_one_texture_tells_what_it_holds(parts, picture_of):
    controller, jobs, _, _ = parts
    controller.start(TILE, [[picture_of("/Game/T_Brick_N")]], {})
    assert jobs.started[0][2] == {"kind": "normal", "normal": "dx"}


def test_what_the_artist_chose_wins(parts, picture_of):
    controller, jobs, _, _ = parts
    controller.start(MULTIPLY, [[picture_of("/Game/T_Brick_N")]], {"kind": "data", "device": "cuda"})
    assert jobs.started[0][2]["kind"] == "data"
    assert jobs.started[0][2]["device"] == "cuda"


def test_several_textures_are_a_material(parts, tmp_path, picture_of):
    controller, jobs, editor, _ = parts
    names = ["T_Brick_BC", "T_Brick_N", "T_Brick_ORM"]
    job = controller.start(MULTIPLY, [[picture_of(f"/Game/{name}") for name in names]], {})
    _, inputs, values, _ = jobs.started[0]
    assert "kind" not in values
    told = json.loads((Path(inputs[0]) / "material.json").read_text())
    assert told["name"] == "Brick"
    assert "wrap" not in told
    assert set(told["maps"]) == {"basecolor", "normal", "orm"}
    assert told["maps"]["normal"]["convention"] == "dx"
    assert all((Path(inputs[0]) / one["file"]).is_file() for one in told["maps"].values())
    jobs.end(job, "done", [material_folder(tmp_path / "m")])
    controller.poll()
    assert editor.made == [("Wall", "Brick_Multiply", "/Game")]


def test_textures_of_unknown_maps_are_no_material(parts, picture_of):
    controller, jobs, editor, _ = parts
    pictures = [[picture_of("/Game/T_Brick_BC"), picture_of("/Game/T_Other_BC")]]
    assert controller.start(TILE, pictures, {}) is None
    assert "does not tell which map" in editor.alerts[0]
    assert jobs.listing == []


def test_a_material_folder_is_imported(parts, tmp_path, picture_of, offer):
    controller, jobs, editor, _ = parts
    folder = tmp_path / "castle"
    folder.mkdir()
    job = controller.start(CONVERT, [[picture_of(path=str(folder))]], {}, folder="/Game/Castle/")
    assert jobs.started[0][2] == {"normal": "dx", "pack": "orm", "format": "png"}
    assert offer.title(CONVERT) == "Import Material"
    assert [parameter.name for parameter in offer.asked(CONVERT)] == ["size", "depth"]
    jobs.end(job, "done", [material_folder(tmp_path / "m", "Castle Wall")])
    controller.poll()
    assert editor.made == [("Castle Wall", "Castle_Wall", "/Game/Castle")]


@pytest.mark.parametrize(
    ("what", "pictures", "sentence"),
    [
        (UPSCALE, [[]], "Upscale needs textures; select a texture in the Content Browser or choose a file."),
        (TWOSHOT, [["/Game/T_A"], []], "needs photograph without flash"),
        (ONESHOT, [["/Game/T_A", "/Game/T_B"]], "takes one photograph at a time, not 2"),
        (CONVERT, [[]], "Import Material needs a material folder; choose one."),
    ],
)
def test_missing_inputs(parts, what, pictures, sentence, picture_of):
    controller, jobs, editor, _ = parts
    pictures = [[picture_of(asset) for asset in given] for given in pictures]
    assert controller.start(what, pictures, {}) is None
    assert len(editor.alerts) == 1
    assert sentence in editor.alerts[0]
    assert jobs.listing == []


def test_a_missing_file(parts, tmp_path, picture_of):
    controller, _, editor, _ = parts
    assert controller.start(ONESHOT, [[picture_of(path=str(tmp_path / "gone.jpg"))]], {}) is None
    assert editor.alerts == [f"{tmp_path / 'gone.jpg'} does not exist."]


def test_a_texture_without_source(parts, picture_of):
    controller, jobs, editor, _ = parts
    editor.wrong["/Game/T_A"] = "T_A has no source image."
    assert controller.start(TILE, [[picture_of("/Game/T_A")]], {}) is None
    assert editor.alerts == ["T_A has no source image."]
    assert jobs.listing == []
    assert jobs.started == []


def test_a_read_only_project(parts, picture_of):
    controller, jobs, editor, _ = parts
    editor.wrong["/Game/Walls"] = "The project's folder cannot be written."
    assert controller.start(TILE, [[picture_of("/Game/Walls/T_A")]], {}) is None
    assert editor.alerts == ["The project's folder cannot be written."]
    assert jobs.listing == []


def test_a_name_that_exists(parts, tmp_path, picture_of):
    controller, jobs, editor, _ = parts
    editor.there = {"/Game/MI_Wall", "/Game/T_A_Make_Seamless"}
    assert controller.start(ONESHOT, [[picture_of("/Game/T_A")]], {}, name="Wall") is None
    assert editor.alerts == ["There is an asset MI_Wall in /Game already; choose another name."]
    # Names that nobody chose get a number instead.
    editor.there = {"/Game/MI_A", "/Game/T_A_2_BC"}
    job = controller.start(ONESHOT, [[picture_of("/Game/T_A")]], {})
    result = material_folder(tmp_path / "m")
    jobs.end(job, "done", [result._replace(source="")])
    controller.poll()
    assert editor.made == [("Wall", "A_3", "/Game")]


def test_two_jobs_at_once_wait_for_each_other(parts, picture_of):
    controller, jobs, _, _ = parts
    for name in ("T_A", "T_B"):
        controller.start(TILE, [[picture_of(f"/Game/{name}")]], {})
    jobs.listing[0].state, jobs.listing[0].fraction, jobs.listing[0].stage = "running", 0.5, "filling"
    assert [(row.title, row.told, row.action) for row in controller.rows()] == [
        ("Make Seamless T_B", "waiting", "Cancel"),
        ("Make Seamless T_A", "50 %  filling", "Cancel"),
    ]


def test_cancel_takes_the_job_that_runs(parts, picture_of):
    controller, jobs, editor, _ = parts
    for name in ("T_A", "T_B"):
        controller.start(TILE, [[picture_of(f"/Game/{name}")]], {})
    jobs.listing[1].state = "running"
    assert controller.cancel()
    assert [job.state for job in jobs.listing] == ["waiting", "cancelled"]
    controller.poll()
    assert editor.alerts == []
    controller.act(2)
    assert len(jobs.listing) == 1
    controller.act(1)
    assert not controller.cancel()


def test_a_job_that_failed_is_told_once(parts, picture_of):
    controller, jobs, editor, _ = parts
    job = controller.start(TILE, [[picture_of("/Game/T_A")]], {})
    jobs.end(job, "failed", error="Matshot's worker ended, and the job is lost.", cause="Traceback ...")
    controller.poll()
    controller.poll()
    assert editor.alerts == ["Matshot's worker ended, and the job is lost."]
    assert "Traceback ..." in editor.logged
    assert controller.rows()[0].told == "Matshot's worker ended, and the job is lost."
    assert controller.rows()[0].action == "Remove"


def test_what_went_wrong_beside_results_is_told_together(parts, picture_of):
    controller, jobs, editor, _ = parts
    job = controller.start(UPSCALE, [[picture_of("/Game/T_A"), picture_of("/Game/T_B")]], {})
    path = jobs.started[0][1][0]["path"]
    jobs.end(job, "done", [image_result("/r/a.png", path, notes=["T_A wraps."])], failures=["T_B is damaged."])
    controller.poll()
    assert editor.alerts == ["T_B is damaged."]
    assert "T_A wraps." in controller.messages
    assert controller.rows()[0].action == "Show"


def test_an_import_that_fails(parts, tmp_path, picture_of):
    controller, jobs, editor, view = parts
    editor.wrong["material"] = "MI_A could not be saved."
    job = controller.start(ONESHOT, [[picture_of("/Game/T_A")]], {})
    jobs.end(job, "done", [material_folder(tmp_path / "m")])
    controller.poll()
    assert editor.alerts == ["MI_A could not be saved."]
    assert view.ended == [(1, [])]
    assert controller.rows()[0].action == "Remove"


def test_assets_wait_until_the_game_ends(parts, picture_of):
    controller, jobs, editor, _ = parts
    job = controller.start(TILE, [[picture_of("/Game/T_A")]], {})
    jobs.end(job, "done", [image_result("/r/a.png", jobs.started[0][1][0])])
    editor.playing = True
    controller.poll()
    assert editor.made == []
    assert controller.rows()[0].told == "waits until the game in the editor ends"
    editor.playing = False
    controller.poll()
    assert editor.made == [("/Game/T_A", "T_A_Seamless", "/Game")]


def test_the_doctor_is_told(parts):
    controller, jobs, editor, _ = parts
    job = controller.test()
    findings = [
        {"subject": "Python", "state": "3.11.2", "ok": True, "fix": "", "required": True},
        {"subject": "GPU", "state": "none", "ok": False, "fix": "install a driver", "required": False},
    ]
    jobs.end(job, "done", findings=findings)
    controller.poll()
    assert editor.alerts == ["[ok] Python: 3.11.2\n[note] GPU: none - install a driver"]


def test_views_are_refreshed_until_they_are_detached(parts):
    controller, _, _, view = parts
    before = view.refreshed
    controller.choose(TILE)
    assert controller.chosen is TILE
    assert view.refreshed == before + 1
    controller.detach(view)
    controller.choose(UPSCALE)
    assert view.refreshed == before + 1


def test_closing_ends_the_worker(parts):
    controller, jobs, _, _ = parts
    controller.close()
    assert jobs.closed
