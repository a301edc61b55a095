"""Objects of details views, made of the tool table."""

import pytest

from matshot_host.tools import MULTIPLY, ONESHOT, STYLE, TWOSHOT, UPSCALE


@pytest.fixture
def options(plugin):
    return plugin("options")


def texture(unreal, path):
    made = unreal.Texture2D()
    made._path = path
    unreal.world.objects[path] = made
    return made


def test_every_tool_has_its_defaults(options, plugin):
    editor_tools = plugin("editor_tools")
    for tool in editor_tools.editor_tools():
        shown = options.ToolOptions(tool)
        assert shown.values == {parameter.name: parameter.default for parameter in editor_tools.dialog_parameters(tool)}
        (request,) = shown.requests
        assert (request.name, request.folder, request.assign, request.replace) == ("", "", False, False)


def test_classes_are_made_once(options):
    assert type(options.ToolOptions(UPSCALE).object) is type(options.ToolOptions(UPSCALE).object)


def test_labels_help_and_bounds(options):
    metas = type(options.ToolOptions(TWOSHOT).object)._metas
    assert metas["seamless"]["DisplayName"] == "Seamless"
    assert metas["seamless"]["Category"] == "2 Options"
    assert metas["threads"]["Category"] == "3 Advanced"
    assert metas["threads"]["ClampMin"] == "0"
    assert metas["fov"]["DisplayName"] == "Field of View (\u00b0, 0: Auto)"
    assert metas["tile"]["DisplayName"] == "Tile Center (px, -1: Auto)"
    assert metas["textures0"]["DisplayName"] == "Flash Photograph"
    assert metas["asset_name"]["Category"] == "1 Input and Output"


def test_choices_are_menus(options, unreal):
    shown = options.ToolOptions(UPSCALE)
    kind = type(shown.object.get_editor_property("scale"))
    assert issubclass(kind, unreal.EnumBase)
    assert [meta["DisplayName"] for meta in kind._metas.values()] == ["2", "4", "8"]
    shown.object.set_editor_property("scale", kind.V_8)
    assert shown.values["scale"] == 8
    with pytest.raises(TypeError):
        shown.object.set_editor_property("scale", 8)


def test_pairs_of_numbers(options, unreal):
    shown = options.ToolOptions(TWOSHOT)
    assert shown.values["tile"] == (-1, -1)
    shown.object.set_editor_property("tile", unreal.IntPoint(10, 20))
    assert shown.values["tile"] == (10, 20)


def test_selection_fills_inputs_in_their_order(options, unreal):
    first, second, third = (texture(unreal, f"/Game/T_{name}") for name in "ABC")
    paths = [[source.asset for source in given] for given in options.ToolOptions(UPSCALE, [first, second]).sources]
    assert paths == [["/Game/T_A", "/Game/T_B"]]
    paths = [[source.asset for source in given] for given in options.ToolOptions(TWOSHOT, [first, second]).sources]
    assert paths == [["/Game/T_A"], ["/Game/T_B"]]
    paths = [[source.asset for source in given] for given in options.ToolOptions(STYLE, [first, second, third]).sources]
    assert paths == [["/Game/T_A"], ["/Game/T_B", "/Game/T_C"]]


def test_several_photographs_are_a_job_each(options, unreal):
    shown = options.ToolOptions(ONESHOT, [texture(unreal, f"/Game/T_{name}") for name in "AB"])
    shown.object.set_editor_property("asset_name", "Wall")
    shown.object.set_editor_property("assign", True)
    found = [(request.sources[0][0].asset, request.name, request.assign) for request in shown.requests]
    assert found == [("/Game/T_A", "Wall_1", True), ("/Game/T_B", "Wall_2", True)]


def test_remembered_values_are_shown(options):
    assert options.ToolOptions(UPSCALE, (), {"scale": 2}).values["scale"] == 2


def test_files_stand_in_for_textures(options, unreal):
    shown = options.ToolOptions(ONESHOT)
    assert shown.sources == [[]]
    shown.object.set_editor_property("path0", unreal.FilePath("/photos/wall.jpg"))
    assert shown.sources[0][0].path == "/photos/wall.jpg"
    shown.set_textures([texture(unreal, "/Game/T_A")])
    assert shown.sources[0][0].asset == "/Game/T_A"


def test_material_folders(options, unreal, plugin):
    convert = next(tool for tool in plugin("editor_tools").editor_tools() if tool.name == "convert")
    shown = options.ToolOptions(convert)
    assert shown.sources == [[]]
    shown.object.set_editor_property("path0", unreal.DirectoryPath("/materials/wall"))
    assert shown.sources[0][0].path == "/materials/wall"


def test_guides_and_masks_are_textures_or_files_with_a_browser(options, unreal, plugin):
    for tool in plugin("editor_tools").editor_tools():
        shown = options.ToolOptions(tool)
        metas = type(shown.object)._metas
        for parameter in tool.files:
            path = shown.object.get_editor_property(parameter.name)
            assert isinstance(path, unreal.FilePath)
            assert metas[parameter.name]["DisplayName"] == f"{parameter.label} on Disk"
            assert metas[f"{parameter.name}_textures"]["DisplayName"] == parameter.label
            order = list(metas)
            assert order.index(f"{parameter.name}_textures") == order.index(parameter.name) - 1
    assert {parameter.name for parameter in MULTIPLY.files} >= {"source_guide", "target_mask", "fill_from"}


def test_chosen_guides_and_masks_reach_the_request(options, unreal):
    shown = options.ToolOptions(MULTIPLY, (), {"source_mask": "/masks/logo.png"})
    assert shown.values["source_mask"] == "/masks/logo.png"
    assert shown.requests[0].files == {}
    shown.object.set_editor_property("target_mask", unreal.FilePath("/masks/hole.png"))
    shown.object.set_editor_property("source_mask_textures", texture(unreal, "/Game/T_Mask"))
    shown.object.set_editor_property(
        "fill_from_textures", [texture(unreal, "/Game/T_Moss_BC"), texture(unreal, "/Game/T_Moss_N")]
    )
    (request,) = shown.requests
    assert request.values["target_mask"] == "/masks/hole.png"
    assert {name: [one.asset for one in given] for name, given in request.files.items()} == {
        "source_mask": ["/Game/T_Mask"],
        "fill_from": ["/Game/T_Moss_BC", "/Game/T_Moss_N"],
    }


def test_preferences(options, plugin):
    preferences = plugin("preferences")
    wanted = preferences.Preferences("/opt/python", "cuda", "4G", "/Game/Walls", True)
    shown = options.ParameterOptions("preferences", preferences.PARAMETERS, wanted._asdict())
    assert preferences.valid_preferences(shown.values) == wanted


def test_names_that_unreal_or_python_keep_for_themselves(options):
    # The input of multiply is called in, which no property may be.
    assert not hasattr(type(options.ToolOptions(MULTIPLY).object), "in")
