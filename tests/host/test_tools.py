"""Texts of the tool table that dialogs show."""

from matshot_host.tools import CONVERT, ONESHOT, TOOLS, TWOSHOT


def test_defaults_that_are_not_values_have_a_placeholder():
    for tool in TOOLS:
        for parameter in tool.parameters:
            assert bool(parameter.placeholder) == ("Default:" in parameter.help), (tool.name, parameter.name)
            if parameter.placeholder and parameter.type is not str:
                # Fields show it for their least value.
                assert parameter.low in (None, parameter.default), (tool.name, parameter.name)


def test_label_with_unit_and_placeholder():
    labels = {parameter.name: parameter.annotated_label for parameter in (*ONESHOT.parameters, *TWOSHOT.parameters)}
    assert labels["fov"] == "Field of View (\u00b0, 0: Auto)"
    assert labels["tile"] == "Tile Center (px, -1: Auto)"
    assert labels["width"] == "Real Width (m, 0: Unknown)"
    assert labels["roughness"] == "Roughness Shift"
    assert CONVERT.parameter("size").annotated_label == "Maximum Size (px, 0: Unchanged)"
