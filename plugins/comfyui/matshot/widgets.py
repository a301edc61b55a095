"""Inputs of nodes, from the tool table: types, ranges, defaults, choices and tooltips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .matshot_host.tools import Parameter, Tool

#: Types of sockets.
IMAGE, MASK, MATERIAL, TEXT = "IMAGE", "MASK", "MATSHOT_MATERIAL", "STRING"
#: A socket that takes a picture as well as a material.
ASSET = f"{IMAGE},{MATERIAL}"

#: Socket of a parameter that is the path of a file elsewhere.
_FILES = {"image": IMAGE, "mask": MASK, "asset": ASSET}
#: What an image has no use for in ComfyUI, where it is a tensor and not a file.
_OF_FILES = ("format", "depth", "colorspace")
#: What a material says itself.
_OF_IMAGES = ("kind", "normal")
#: Names of the two numbers of a pair.
_AXES = ("x", "y")
#: Bounds of numbers whose parameter has none.
_WIDE = 1_000_000

#: Inputs of a node as ``INPUT_TYPES`` gives them: type and options by name.
Sockets = dict[str, tuple[Any, dict[str, Any]]]


class Kind(NamedTuple):
    """One node of a tool.

    Attributes:
        tool: that it runs.
        asset: type of its first input where the tool takes images and materials.
    """

    tool: Tool
    asset: str

    @property
    def parameters(self) -> list[Parameter]:
        """Those of the tool that make sense for this type of input."""
        if self.tool.result != "same":
            return list(self.tool.parameters)
        hidden = _OF_FILES if self.asset == IMAGE else (*_OF_FILES, *_OF_IMAGES)
        return [parameter for parameter in self.tool.parameters if parameter.name not in hidden]

    @property
    def makes_pictures(self) -> bool:
        """Whether its results are pictures instead of materials."""
        return self.tool.result == "picture" or (self.tool.result == "same" and self.asset == IMAGE)

    @property
    def inputs(self) -> dict[str, tuple[str, str]]:
        """Type and tooltip of what the tool works on, by name, in the order of the tool's inputs."""
        found = {}
        for index, one in enumerate(self.tool.inputs):
            type_ = {"photo": IMAGE, "material": MATERIAL}.get(one.kind, ASSET if index else self.asset)
            single = len(self.tool.inputs) == 1
            name = {IMAGE: "image", MATERIAL: "material"}.get(type_, "source") if single else one.name
            found[name] = (type_, f"{one.title}. {_tooltip(one.help, type_)}")
        return found

    def sockets(self) -> dict[str, Sockets]:
        """What ``INPUT_TYPES`` gives: what it works on and the usual parameters, then files and advanced ones."""
        required: Sockets = {name: (kind, {"tooltip": text}) for name, (kind, text) in self.inputs.items()}
        optional: Sockets = {}
        for parameter in self.parameters:
            section = optional if parameter.advanced or parameter.file else required
            section.update(widget(parameter))
        return {"required": required, "optional": optional}

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Checked values of parameters from those of widgets; sockets and what is left out are not among them.

        Raises:
            MatshotError: for a value that the tool table refuses.
        """
        values = {}
        for parameter in self.parameters:
            if parameter.file:
                continue
            if parameter.parts:
                names = [f"{parameter.name}_{axis}" for axis in _AXES]
                if all(name in given for name in names):
                    values[parameter.name] = tuple(given[name] for name in names)
            elif parameter.name in given:
                value = given[parameter.name]
                values[parameter.name] = parameter.parse(value) if isinstance(value, str) else value
        return self.tool.check(values)


def widget(parameter: Parameter) -> Sockets:
    """The input of a parameter; two of one that is a pair of numbers."""
    if parameter.file:
        return {parameter.name: (_FILES[parameter.file], {"tooltip": _tooltip(parameter.help)})}
    options: dict[str, Any] = {"default": parameter.default, "tooltip": _tooltip(parameter.help)}
    if parameter.advanced:
        options["advanced"] = True
    if parameter.choices:
        choices = [str(choice) for choice in parameter.choices]
        return {parameter.name: (choices, {**options, "default": str(parameter.default)})}
    if parameter.type is bool:
        return {parameter.name: ("BOOLEAN", options)}
    if parameter.type is str:
        return {parameter.name: (TEXT, {**options, "placeholder": parameter.placeholder})}
    low = -_WIDE if parameter.low is None else parameter.low
    high = _WIDE if parameter.high is None else parameter.high
    if parameter.parts:
        pair = {**options, "min": int(low), "max": int(high)}
        return {
            f"{parameter.name}_{axis}": ("INT", {**pair, "default": start})
            for axis, start in zip(_AXES, parameter.default, strict=True)
        }
    if parameter.type is int:
        return {parameter.name: ("INT", {**options, "min": int(low), "max": int(high)})}
    # Without rounding, so that 0.001 can be typed.
    return {parameter.name: ("FLOAT", {**options, "min": low, "max": high, "step": 0.01, "round": False})}


def _tooltip(help: str, type_: str = "") -> str:
    """A help text in the words of ComfyUI, where an image is no file and a material no folder."""
    words = help.replace("An image or a material folder", "An image or a material")
    words = words.replace("Image or material folder", "Image or material").replace("A material folder", "A material")
    if type_ == IMAGE:
        words = words.replace("An image or a material.", "An image or a batch of images.")
        words = words.replace("Images, material folders, or name.<UDIM>.exr.", "An image or a batch of images.")
    if type_ == MATERIAL:
        words = words.replace("An image or a material.", "A material.")
        words = words.replace("Images, material folders, or name.<UDIM>.exr.", "A material.")
    return words
