"""The panel: built once, opened as a tab, bound by the names of its parts."""

import gc
import json
import sys

import pytest

from matshot_host.errors import MatshotError
from matshot_host.jobs import Result
from matshot_host.tools import MULTIPLY, UPSCALE

ASSET = "/Matshot/EUW_Matshot_1"


def start(manager, *request, **named):
    """Start a job as a dialog does."""
    return manager.start(sys.modules["matshot_unreal.job_manager"].Request(*request, **named))


@pytest.fixture
def panel_module(plugin):
    return plugin("panel")


@pytest.fixture
def panel(parts, panel_module):
    return panel_module.Panel(parts[0], lambda: parts[2].logged.append("preferences"))


def tab(unreal):
    return unreal.world.tabs["EUW_Matshot_1"]


def part(unreal, name):
    return tab(unreal)._tree[name]


def click(unreal, name):
    gc.collect()
    callables = part(unreal, name).on_clicked._callables
    assert len(callables) == 1
    callables[0]()


def texture(unreal, path):
    made = unreal.Texture2D()
    made._path = path
    unreal.world.objects[path] = made
    return made


@pytest.mark.parametrize("root", ["", "VerticalBox", "CanvasPanel"])
def test_built_whatever_root_there_is(unreal, panel, panel_module, root):
    unreal.world.default_root = root
    panel.show()
    blueprint = unreal.world.objects[ASSET]
    assert {one.name for one in panel_module.parts()} <= set(tab(unreal)._tree)
    assert blueprint._parents["MatshotRoot"] == (f"{root}_0" if root else "")
    assert ASSET in unreal.world.saved
    slot = blueprint._tree["MatshotRoot"].get_editor_property("slot")
    if root == "CanvasPanel":
        assert slot._anchors.maximum == unreal.Vector2D(1.0, 1.0)
        assert slot._offsets == unreal.Margin(0.0, 0.0, 0.0, 0.0)
    assert panel.open
    assert part(unreal, "MatshotRunText").text == "Run"


def test_built_once(unreal, panel, panel_module):
    panel.show()
    first = unreal.world.objects[ASSET]
    unreal.world.close_tab()
    panel.show()
    assert unreal.world.objects[ASSET] is first
    assert len(first._tree) == len(panel_module.parts()) + 1


def test_a_build_that_was_interrupted_is_completed(unreal, panel, panel_module):
    panel.show()
    unreal.world.close_tab()
    blueprint = unreal.world.objects[ASSET]
    for name in ("MatshotMessages", "MatshotPreview"):
        del blueprint._tree[name]
    panel.show()
    assert {one.name for one in panel_module.parts()} <= set(tab(unreal)._tree)


def test_rooms_are_shared_out(unreal, panel):
    panel.show()
    slot = unreal.world.objects[ASSET]._tree["MatshotOptions"].get_editor_property("slot")
    assert slot._size == unreal.SlateChildSize(1.0, unreal.SlateSizeRule.FILL)


def test_tools_and_options(unreal, panel, parts, plugin):
    manager = parts[0]
    panel.show()
    chooser = part(unreal, "MatshotTool")
    editor_tools = plugin("editor_tools")
    assert chooser._options == [editor_tools.menu_title(tool) for tool in editor_tools.editor_tools()]
    assert chooser._selected == "Upscale"
    assert part(unreal, "MatshotHelp").text == UPSCALE.help
    upscale = part(unreal, "MatshotOptions")._object
    chooser.set_selected_option("Multiply")
    assert manager.chosen is MULTIPLY
    assert part(unreal, "MatshotHelp").text == MULTIPLY.help
    assert part(unreal, "MatshotOptions")._object is not upscale
    # What was set before is still there.
    chooser.set_selected_option("Upscale")
    assert part(unreal, "MatshotOptions")._object is upscale


def test_run(unreal, panel, parts):
    _, jobs, editor, _ = parts
    panel.show()
    click(unreal, "MatshotRun")
    assert "Select a texture" in editor.alerts[0]
    unreal.world.selected = [texture(unreal, "/Game/T_Wall_BC"), unreal.Object()]
    click(unreal, "MatshotSelection")
    options = part(unreal, "MatshotOptions")._object
    options.set_editor_property("scale", type(options.get_editor_property("scale")).V_2)
    click(unreal, "MatshotRun")
    assert jobs.started[0][2]["scale"] == 2
    assert part(unreal, "MatshotRow0Status").text == "Upscale T_Wall_BC: Waiting"
    assert part(unreal, "MatshotRow0ActText").text == "Cancel"
    assert part(unreal, "MatshotRow1")._visibility is unreal.SlateVisibility.COLLAPSED


def test_rows_follow_jobs(unreal, panel, parts, plugin, tmp_path):
    manager, jobs, editor, _ = parts
    panel.show()
    picture = plugin("inputs").Source
    job = start(manager, MULTIPLY, [[picture("/Game/T_A")]], {})
    job.state, job.fraction, job.stage = "running", 0.25, "octave 1"
    job.preview = str(tmp_path / "octave.png")
    (tmp_path / "octave.png").write_bytes(b"pixels")
    jobs.changed.append(job)
    manager.poll()
    assert part(unreal, "MatshotRow0Status").text == "Multiply T_A: 25%  octave 1"
    assert part(unreal, "MatshotRow0Bar")._percent == 0.25
    assert part(unreal, "MatshotPreview")._texture._source == job.preview
    # Gone again before the panel is drawn: the one before stays.
    shown, job.preview = job.preview, str(tmp_path / "gone.png")
    jobs.changed.append(job)
    manager.poll()
    assert part(unreal, "MatshotPreview")._texture._source == shown
    jobs.end(job, "done", [Result("image", "/r/a.png", "", 4, 4, "none", jobs.started[0][1][0], ())])
    manager.poll()
    assert part(unreal, "MatshotRow0ActText").text == "Show"
    assert "created T_A_Multiply" in part(unreal, "MatshotMessages").text
    click(unreal, "MatshotRow0Act")
    assert editor.shown == ["/Game/T_A_Multiply"]


def test_cancel_by_the_button_of_the_row(unreal, panel, parts, plugin):
    manager, jobs, _, _ = parts
    panel.show()
    picture = plugin("inputs").Source
    for name in "AB":
        start(manager, MULTIPLY, [[picture(f"/Game/T_{name}")]], {})
    # The latest is on top.
    click(unreal, "MatshotRow0Act")
    assert [job.state for job in jobs.listing] == ["waiting", "cancelled"]


def test_more_jobs_than_rows(unreal, panel, parts, plugin, panel_module):
    manager = parts[0]
    panel.show()
    for number in range(panel_module.ROWS + 3):
        start(manager, MULTIPLY, [[plugin("inputs").Source(f"/Game/T_{number}")]], {})
    assert part(unreal, f"MatshotRow{panel_module.ROWS - 1}Status").text == "Multiply T_3: Waiting"


def test_the_other_buttons(unreal, panel, parts):
    _, jobs, editor, _ = parts
    panel.show()
    click(unreal, "MatshotTest")
    assert [job.tool for job in jobs.listing] == ["doctor"]
    click(unreal, "MatshotSetup")
    assert "preferences" in editor.logged


def test_a_tab_that_was_closed(unreal, panel, parts):
    manager = parts[0]
    panel.show()
    panel.follow()
    assert panel.open
    unreal.world.close_tab()
    panel.follow()
    assert not panel.open
    manager.report("Nobody listens.")
    panel.show()
    assert "Nobody listens." in part(unreal, "MatshotMessages").text
    # Opened again it is bound once.
    assert len(part(unreal, "MatshotRun").on_clicked._callables) == 1


def test_a_level_that_is_opened(unreal, panel, parts):
    manager = parts[0]
    panel.show()
    manager.choose(MULTIPLY)
    options = part(unreal, "MatshotOptions")._object
    unreal.world.open_level()
    # Even if jobs go on before the next frame.
    manager.report("Nobody listens.")
    assert not panel.open
    panel.follow()
    assert panel.open
    assert "Nobody listens." in part(unreal, "MatshotMessages").text
    assert part(unreal, "MatshotOptions")._object is options
    click(unreal, "MatshotTest")
    assert len(parts[1].listing) == 1


def test_a_tab_that_the_editor_opened_itself(unreal, panel, parts, panel_module):
    panel.adopt()
    assert not panel.open
    panel.show()
    # Another start of the editor: the tab is there, and nothing is bound.
    again = panel_module.Panel(parts[0], lambda: None)
    for name in list(tab(unreal)._tree):
        tab(unreal)._tree[name] = type(part(unreal, name))()
    again.adopt()
    assert again.open
    assert part(unreal, "MatshotTool")._selected == "Upscale"


@pytest.mark.parametrize(
    ("switch", "sentence"),
    [("spawns", "did not open the tab"), ("finds", "The panel has no MatshotTop, MatshotTool, MatshotSelection.")],
)
def test_steps_that_fail(unreal, panel, switch, sentence):
    setattr(unreal.world, switch, False)
    with pytest.raises(MatshotError, match=sentence):
        panel.show()
    assert not panel.open
    assert unreal.world.tabs == {}


def test_a_root_of_no_known_name(unreal, panel):
    unreal.world.default_root = "MultiLineEditableTextBox"
    with pytest.raises(MatshotError, match="did not create the root widget"):
        panel.show()


def test_an_asset_that_is_no_widget(unreal, panel):
    texture(unreal, ASSET)
    with pytest.raises(MatshotError, match="is not a widget"):
        panel.show()


def test_a_plug_in_folder_that_cannot_be_written(unreal, panel):
    (unreal.world.project / "Plugins").write_text("a file where the folder should be")
    panel.show()
    assert panel.open
    assert unreal.world.objects[ASSET]._dirty is False


def test_before_5_6(unreal, panel, panel_module):
    unreal.become_5_5()
    assert not panel_module.supported()
    with pytest.raises(MatshotError, match=r"5\.6 or later"):
        panel.show()
    panel.adopt()
    assert unreal.world.objects == {}


def test_a_tab_that_cannot_be_used_is_tried_once(unreal, panel):
    panel.show()
    unreal.world.finds = False
    unreal.world.open_level()
    for _ in range(3):
        panel.follow()
    assert not panel.open
    assert sum("Cannot use the panel" in line for line in unreal.world.log) == 1
    unreal.world.finds = True
    panel.show()
    assert panel.open


def test_names_are_unique(panel_module):
    names = [one.name for one in panel_module.parts()]
    assert len(names) == len(set(names))
    assert json.dumps(names).isascii()
