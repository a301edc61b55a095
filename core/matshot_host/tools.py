"""The tool table: name, parameters, types, ranges, defaults and help, written once.

Command-line options, worker schemas and host dialogs are made from it, and :meth:`Tool.check` is the only check of a
parameter's value. Standard library only, Python 3.7 syntax, because hosts bring their own Python.
"""

import numbers
import os
import re
from typing import Any, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

from .errors import MatshotError, quoted, unknown_choice

#: Numbers from here on are refused before they are converted: no parameter is as large.
_LARGE = 1e18
#: Characters of a text without choices.
LONGEST_TEXT = 200
#: Characters of the path of a file.
LONGEST_PATH = 4096
#: Texts that switch a parameter on or off on a command line.
_SWITCHES = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
#: Choices whose label is not the choice in title case.
_CHOICE_LABELS = {
    "x": "X Axis",
    "y": "Y Axis",
    "xy": "Both Axes",
    "gl": "OpenGL",
    "dx": "DirectX",
    "orm": "ORM",
    "cpu": "CPU",
    "gpu": "GPU",
    "cuda": "CUDA",
    "tensorrt": "TensorRT",
    "tensorrt_rtx": "TensorRT-RTX",
    "directml": "DirectML",
    "coreml": "CoreML",
    "openvino": "OpenVINO",
    "webgpu": "WebGPU",
    "srcae": "Auto-Encoder",
    "lanczos_sharp": "Lanczos, Sharpened",
    "mirror_x": "Mirror Left to Right",
    "mirror_y": "Mirror Top to Bottom",
    "mirror_xy": "Mirror Both",
    "rotate_2": "Half Turn",
    "rotate_4": "Quarter Turn",
    "uint8": "8-Bit",
    "uint16": "16-Bit",
    "half": "16-Bit Float",
    "float": "32-Bit Float",
    **{suffix: suffix.upper() for suffix in ("png", "jpg", "tif", "exr", "tga", "bmp", "hdr")},
    "webp": "WebP",
}


#: What a choice does, by parameter and choice; the parameter is empty where the choice means the same everywhere.
_CHOICE_HELP = {
    ("", "auto"): "Detected from the input",
    ("", "same"): "As in the input",
    ("", "none"): "No axis",
    ("", "x"): "Left and right border only",
    ("", "y"): "Upper and lower border only",
    ("", "xy"): "All four borders",
    ("", "gl"): "OpenGL: green points up",
    ("", "dx"): "DirectX: green points down",
    ("scale", 2): "Twice the width and height",
    ("scale", 4): "Four times the width and height",
    ("scale", 8): "Eight times the width and height",
    ("look", "fidelity"): "Stay closest to the input",
    ("look", "detail"): "Add plausible texture and remove compression artifacts",
    ("kind", "color"): "A picture or a base color",
    ("kind", "normal"): "A normal map",
    ("kind", "data"): "Roughness, metallic, height or a mask",
    ("light", "flash"): "Taken with the flash of the camera in a dim room",
    ("light", "even"): "Taken in even light, such as an overcast sky",
    ("metal", "on"): "The whole surface is metal",
    ("metal", "off"): "No part of the surface is metal",
    ("device", "cpu"): "Processor only",
    ("device", "auto"): "Whatever is fastest on this machine and right",
    ("device", "gpu"): "The fastest GPU, or an error if none works",
    ("device", "cuda"): "NVIDIA GPU, or an error if it does not work",
    ("device", "tensorrt"): "NVIDIA GPU by TensorRT, which builds an engine for minutes at first",
    ("device", "tensorrt_rtx"): "NVIDIA RTX GPU by TensorRT for RTX",
    ("device", "directml"): "Any GPU under Windows",
    ("device", "coreml"): "GPU and neural engine of a Mac",
    ("device", "openvino"): "Processor, GPU or NPU of Intel",
    ("device", "webgpu"): "Any GPU by WebGPU",
    ("engine", "patch"): "Rearrange pieces of the input; fast and sharp",
    ("engine", "neural"): "Match statistics of a network; slower",
    ("engine", "feedforward"): "Fit a network, then one pass for each output; new pixels, faster than neural",
    ("engine", "optimize"): "Refined step by step; best",
    ("engine", "fast"): "One pass of a network; for previews and large textures",
    ("symmetry", "none"): "No symmetry",
    ("symmetry", "mirror_x"): "The right half mirrors the left one",
    ("symmetry", "mirror_y"): "The lower half mirrors the upper one",
    ("symmetry", "mirror_xy"): "Every quarter mirrors its neighbors",
    ("symmetry", "rotate_2"): "The same after half a turn",
    ("symmetry", "rotate_4"): "The same after a quarter turn; square outputs only",
    ("guide_type", "labels"): "A few colors, each a kind of surface",
    ("guide_type", "values"): "Grays or colors that vary, such as a height",
    ("method", "network"): "By the trained network",
    ("pack", "none"): "One file per map",
    ("pack", "orm"): "Occlusion, roughness and metallic in one file",
}


class TextForm(NamedTuple):
    """How a text parameter is written.

    Attributes:
        pattern: regular expression that the whole text matches, in the syntax that Python and JSON Schema share.
        example: shown in errors.
        low: least value of each whole number in the text, None for no bound.
        high: greatest, None for no bound.
        unit: of these numbers.
    """

    pattern: str
    example: str
    low: Optional[int] = None
    high: Optional[int] = None
    unit: str = ""


#: Width and height, or one number for both.
SIZE_FORM = TextForm(r" *[0-9]{1,9} *(?:[xX*\u00d7] *[0-9]{1,9} *)?", "1024x1024", 8, 32768, "px")
#: An amount of memory above 0: ``2G``, ``800M``, ``1.5 GB`` or plain bytes.
MEMORY_FORM = TextForm(r" *(?=[0-9.]*[1-9])[0-9]{1,15}(?:\.[0-9]{1,9})? *[KMGTkmgt]?(?:[iI]?[bB])? *", "4G")


class Parameter(NamedTuple):
    """One parameter of a tool.

    Attributes:
        name: as the tool's function takes it; ``--name`` on the command line.
        type: ``str``, ``int``, ``float``, ``bool``, or ``Tuple`` of numbers.
        default: also what an empty dialog shows.
        help: what it does, then its default where that does not show.
        choices: allowed values; empty for any.
        advanced: whether a dialog hides it at first.
        low: least value that the tool takes, None for no bound.
        high: greatest, None for no bound.
        title: label, where the name in title case does not do.
        unit: of the number, such as ``px``.
        gap: (least, most) between which values are refused, both exclusive: (0, 64) takes 0 and 64.
        form: how a text is written, None for any.
        placeholder: what a dialog shows for a default that stands for no value, such as ``Auto``; empty for others.
        alias: another name for it on a command line; empty for none.
        file: what the file holds whose path a text is: ``image``, ``mask`` (an image of grays) or ``asset`` (an image
            file or a material folder); empty for any other text. An empty path stands for no file.
        pair: option of a command line that takes the paths of this parameter and of the next one; empty for none.
    """

    name: str
    type: Any
    default: Any
    help: str
    choices: Tuple[Any, ...] = ()
    advanced: bool = False
    low: Optional[float] = None
    high: Optional[float] = None
    title: str = ""
    unit: str = ""
    gap: Optional[Tuple[float, float]] = None
    form: Optional[TextForm] = None
    placeholder: str = ""
    alias: str = ""
    file: str = ""
    pair: str = ""

    @property
    def label(self) -> str:
        """What a dialog and an error call it."""
        return self.title or self.name.replace("_", " ").title()

    @property
    def annotated_label(self) -> str:
        """Label for dialogs whose fields show neither units nor placeholders: ``Tile Size (px, 0: Auto)``."""
        notes = [self.unit] if self.unit else []
        if self.placeholder and self.type is not str:
            notes.append(f"{self.default[0] if self.parts else self.default:g}: {self.placeholder}")
        return f"{self.label} ({', '.join(notes)})" if notes else self.label

    def choice_label(self, choice: Any) -> str:
        """What a dialog calls one of the choices."""
        return _CHOICE_LABELS.get(choice) or str(choice).replace("_", " ").title()

    def choice_help(self, choice: Any) -> str:
        """What one of the choices does, for its tooltip; without a period, as hosts show them."""
        return _CHOICE_HELP.get((self.name, choice)) or _CHOICE_HELP.get(("", choice)) or self.help.rstrip(".")

    @property
    def parts(self) -> Tuple[Any, ...]:
        """Types of the numbers of a tuple; empty for a single value."""
        return tuple(getattr(self.type, "__args__", ()))

    def check(self, value: Any, called: str = "") -> Any:
        """The value in the parameter's type.

        A whole float is taken for an integer, and an integer for a float.

        Args:
            value: to check.
            called: what errors call the parameter, such as ``--fov``; empty for its label.

        Raises:
            MatshotError: for a value of another type, out of range, or not among the choices.
        """
        if called:
            return self._replace(title=called).check(value)
        if self.choices:
            return self._choice(value)
        if self.parts:
            return self._numbers(value)
        if self.type is bool:
            if not isinstance(value, bool):
                raise self._wrong(value)
            return value
        if self.type is str:
            return self._text(value)
        number = _number(value, self.type)
        if number is None:
            raise self._wrong(value)
        if not self._is_in_range(number):
            raise MatshotError(f"{self.label} must be {self._range()}, got {quoted(value)}.")
        return number

    def parse(self, text: str) -> Any:
        """The value that a text of a command line stands for; the text itself where it stands for none."""
        kind = type(self.choices[0]) if self.choices else self.type
        text = text.strip()
        if kind is bool:
            return _SWITCHES.get(text.lower(), text)
        if kind is str:
            return text
        try:
            if self.parts:
                words = text.replace(",", " ").split()
                same = len(words) == len(self.parts)
                return tuple(part(words[index]) for index, part in enumerate(self.parts)) if same else text
            return kind(text)
        except ValueError:
            return text

    def _choice(self, value: Any) -> Any:
        for choice in self.choices:
            if isinstance(value, (str, numbers.Real)) and not isinstance(value, bool) and value == choice:
                return choice
        raise unknown_choice(self.label.lower(), value, self.choices)

    def _numbers(self, value: Any) -> Tuple[Any, ...]:
        if not isinstance(value, (list, tuple)) or len(value) != len(self.parts):
            raise self._wrong(value)
        found = tuple(_number(value[index], part) for index, part in enumerate(self.parts))
        if None in found:
            raise self._wrong(value)
        if not all(self._is_in_range(one) for one in found):
            raise MatshotError(f"{self.label} must be {self._range()}, got {quoted(value)}.")
        return found

    def _text(self, value: Any) -> str:
        if not isinstance(value, str):
            raise self._wrong(value)
        longest = LONGEST_PATH if self.file else LONGEST_TEXT
        if len(value) > longest:
            raise MatshotError(f"{self.label} must be at most {longest} characters, got {len(value)}.")
        if self.form is None or value == self.default:
            return value
        if re.fullmatch(self.form.pattern, value) is None:
            raise self._wrong(value)
        low, high = self.form.low, self.form.high
        if low is not None and high is not None:
            for number in re.findall("[0-9]+", value):
                if not low <= int(number) <= high:
                    unit = f" {self.form.unit}" if self.form.unit else ""
                    raise MatshotError(f"{self.label} must be {low} to {high}{unit}, got {quoted(value)}.")
        return value

    def _is_in_range(self, number: float) -> bool:
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            return False
        return self.gap is None or not self.gap[0] < number < self.gap[1]

    def _range(self) -> str:
        """The values that are taken: ``0 to 1``, ``0 or 64 to 8192 px``."""
        spans = [(self.low, self.high)]
        if self.gap is not None:
            spans = [(self.low, self.gap[0]), (self.gap[1], self.high)]
        words = []
        for low, high in spans:
            if low == high:
                words.append(f"{low:.15g}")
            elif low is None:
                words.append(f"at most {high:.15g}")
            elif high is None:
                words.append(f"at least {low:.15g}")
            else:
                words.append(f"{low:.15g} to {high:.15g}")
        # Degrees follow their number at once.
        return " or ".join(words) + (self.unit if self.unit in ("", "\u00b0") else f" {self.unit}")

    def _wrong(self, value: Any) -> MatshotError:
        """The error for a value of another type."""
        if self.parts:
            kind = f"{len(self.parts)} {'whole ' if self.parts[0] is int else ''}numbers"
        else:
            kind = {str: "text", bool: "on or off", int: "a whole number", float: "a number"}[self.type]
            if self.form is not None:
                kind += f" such as {self.form.example}"
            elif self.low is not None or self.high is not None:
                spans = self._range()
                kind += f" from {spans}" if spans[0] in "-0123456789" and " or " not in spans else f": {spans}"
        return MatshotError(f"{self.label} must be {kind}, got {quoted(value)}.")


def _number(value: Any, kind: Any) -> Any:
    """A number as ``int`` or ``float``; None for what is not one, not finite, or far too large."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    # Compared before the conversion, which fails for integers of hundreds of digits.
    if not is_number or not -_LARGE < value < _LARGE:
        return None
    if kind is int:
        return int(value) if value == int(value) else None
    return float(value)


#: Suffixes of image files that file dialogs and drops take as photographs.
PHOTOGRAPH_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".exr", ".webp", ".bmp", ".tga", ".hdr")


class Input(NamedTuple):
    """What a tool is given to work on.

    Attributes:
        name: as the command line calls it, in lower case.
        title: what a dialog calls it.
        help: one sentence.
        kind: ``photo`` (an image file), ``material`` (a folder) or ``asset`` (an image file or a material folder).
        several: whether there may be more than one.
        files: whether the tool works on files: it also takes ``name.<UDIM>.exr`` and folders of any images, and its
            caller may state what each file holds.
    """

    name: str
    title: str
    help: str
    kind: str
    several: bool = False
    files: bool = False


class Tool(NamedTuple):
    """One tool.

    Attributes:
        name: verb of the command line.
        title: menu entry.
        help: one sentence.
        parameters: in the order they are shown.
        inputs: in the order they are given.
        result: ``material`` (a folder), ``same`` (an image for an image, a folder for a folder) or ``picture``.
    """

    name: str
    title: str
    help: str
    parameters: Tuple[Parameter, ...]
    inputs: Tuple[Input, ...]
    result: str

    @property
    def files(self) -> Tuple[Parameter, ...]:
        """Its parameters that are paths of files."""
        return tuple(parameter for parameter in self.parameters if parameter.file)

    def accepted(self, values: Mapping[str, Any]) -> Dict[str, Any]:
        """Those of many values that are parameters of this tool."""
        return {parameter.name: values[parameter.name] for parameter in self.parameters if parameter.name in values}

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name.

        Raises:
            MatshotError: for a name that the tool does not have.
        """
        for candidate in self.parameters:
            if candidate.name == name:
                return candidate
        raise unknown_choice(f"{self.title} parameter", name, [one.name for one in self.parameters])

    def has(self, name: str) -> bool:
        """Whether the tool has a parameter of that name."""
        return any(candidate.name == name for candidate in self.parameters)

    @property
    def works_on_files(self) -> bool:
        """Whether it reads and writes files itself, because they may be larger than memory."""
        return any(one.files for one in self.inputs)

    @property
    def look(self) -> Optional[Input]:
        """Second input that is not a photograph, and the same for all that a batch works on; None without."""
        second = self.inputs[1:2]
        return second[0] if second and second[0].kind != "photo" else None

    @property
    def defaults(self) -> Dict[str, Any]:
        """Every parameter's default, by name."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def check(self, values: Mapping[str, Any], called: Optional[Mapping[str, str]] = None) -> Dict[str, Any]:
        """The values in their parameters' types; what is left out stays left out.

        This is the only check of types, ranges, choices and forms: command line, worker, service, farm, dialogs and
        Python functions call it.

        Args:
            values: by the names of parameters.
            called: what errors call the parameters, by name; None for their labels.

        Raises:
            MatshotError: for an unknown name, and for a value of another type, out of range or not among the choices.
        """
        words = called or {}
        return {name: self.parameter(name).check(value, words.get(name, "")) for name, value in values.items()}

    def check_files(self, values: Mapping[str, Any]) -> None:
        """Check that the files exist whose paths are among the values, so that a dialog can say so at once.

        Raises:
            MatshotError: for a path at which nothing is, and for a folder where an image is needed.
        """
        for parameter in self.files:
            path = values.get(parameter.name)
            if path and not os.path.exists(path):
                raise MatshotError(f"{parameter.label}: {path} does not exist.")
            if path and parameter.file != "asset" and os.path.isdir(path):
                raise MatshotError(f"{parameter.label} must be an image, but {path} is a folder.")

    def parse(self, settings: Sequence[str]) -> Dict[str, Any]:
        """Checked values from texts such as ``scale=2``; dashes in names read as underscores.

        Raises:
            MatshotError: as :meth:`check`, and for a text without ``=``.
        """
        values = {}
        for setting in settings:
            name, equals, text = setting.partition("=")
            name = name.strip().replace("-", "_")
            if not equals:
                raise MatshotError(f"Setting {quoted(setting)} has no value. Write NAME=VALUE, such as scale=2.")
            values[name] = self.parameter(name).parse(text)
        return self.check(values, {name: f"--set {name}" for name in values})


#: Names of execution providers beside the CPU, as ``matshot.inference.providers`` describes them.
PROVIDER_NAMES: Tuple[str, ...] = ("cuda", "tensorrt", "tensorrt_rtx", "directml", "coreml", "openvino", "webgpu")
#: Those that need a GPU.
GPU_DEVICES: Tuple[str, ...] = ("gpu", "cuda", "tensorrt", "tensorrt_rtx", "directml", "webgpu")

#: Where networks run.
DEVICE = Parameter(
    "device",
    str,
    "auto",
    "Where networks run. Auto: the fastest that works, measured once. gpu: the fastest GPU.",
    ("auto", "cpu", "gpu", *PROVIDER_NAMES),
    True,
)

#: Every tool with networks takes these.
_ENGINE: Tuple[Parameter, ...] = (
    Parameter(
        "memory",
        str,
        "",
        "Memory limit, such as 4G. Default: a share of the free memory.",
        advanced=True,
        title="Memory Limit",
        form=MEMORY_FORM,
        placeholder="Auto",
    ),
    DEVICE,
    Parameter(
        "threads",
        int,
        0,
        "CPU threads. Default: all.",
        advanced=True,
        low=0,
        high=1024,
        title="CPU Threads",
        placeholder="Auto",
    ),
)

#: How an image is read; Auto goes by the name.
_KIND = Parameter(
    "kind",
    str,
    "auto",
    "What an image holds. Auto: from its file name (brick_n.png is a normal map) or its pixels.",
    ("auto", "color", "normal", "data"),
    title="Map Type",
)
_NORMAL = Parameter(
    "normal",
    str,
    "auto",
    "Green channel of normal maps: gl (OpenGL) is +Y up, dx (DirectX) is +Y down. Auto: from the file name, or "
    "measured.",
    ("auto", "gl", "dx"),
    title="Normal Convention",
    alias="source_normal",
)
_WRAPS = ("auto", "none", "x", "y", "xy")
_SEED = Parameter("seed", int, 0, "The same seed always gives the same result.", low=0, high=2147483647)
_ADVANCED_SEED = _SEED._replace(advanced=True)


def _file(name: str, help: str, file: str, title: str = "", pair: str = "") -> Parameter:
    """A parameter that is the path of a file, or empty."""
    return Parameter(name, str, "", help, title=title, placeholder="None", file=file, pair=pair)


UPSCALE = Tool(
    "upscale",
    "Upscale",
    "Enlarge textures and whole materials; tiling, alpha, normals and bit depth are kept.",
    (
        Parameter("scale", int, 4, "Enlargement of each side. 8 enlarges by 4, then by 2.", (2, 4, 8)),
        Parameter(
            "look",
            str,
            "fidelity",
            "fidelity stays closest to the input; detail adds plausible texture and removes compression artifacts.",
            ("fidelity", "detail"),
        ),
        Parameter("wrap", str, "auto", "Axes on which the texture tiles. Auto: measured.", _WRAPS),
        Parameter(
            "method",
            str,
            "network",
            "How pixels are enlarged: by the network, or by an older method for comparison.",
            ("network", "srcae", "sparse_coding", "lanczos_sharp", "lanczos", "bicubic", "nearest"),
            True,
        ),
        _file(
            "protect",
            "Part that is only interpolated, such as a logo: white is, black takes the method. Default: none.",
            "mask",
        ),
        _KIND,
        _NORMAL,
        Parameter(
            "colorspace",
            str,
            "",
            "OCIO color space of the files, such as ACEScg. Default: sRGB; linear Rec. 709 for float files.",
            advanced=True,
            title="Color Space",
            placeholder="Auto",
        ),
        Parameter(
            "format",
            str,
            "same",
            "File format of the output; same keeps that of the input.",
            ("same", "png", "jpg", "tif", "exr", "tga", "bmp", "webp", "hdr"),
        ),
        Parameter(
            "depth",
            str,
            "same",
            "Bits per channel of the output; same keeps those of the input.",
            ("same", "uint8", "uint16", "half", "float"),
            True,
            title="Bit Depth",
        ),
        *_ENGINE,
        Parameter(
            "tile",
            int,
            0,
            "Side of the processing tiles in input pixels. Default: the largest that memory allows.",
            advanced=True,
            low=0,
            high=16384,
            gap=(0, 16),
            title="Tile Size",
            unit="px",
            placeholder="Auto",
        ),
    ),
    (Input("in", "Textures", "Images, material folders, or name.<UDIM>.exr.", "asset", True, True),),
    "same",
)

#: Adjustments of a captured surface, at capture and after.
_SLIDERS: Tuple[Parameter, ...] = (
    Parameter(
        "roughness",
        float,
        0.0,
        "Shift of the roughness: negative is smoother, positive is rougher.",
        low=-1.0,
        high=1.0,
        title="Roughness Shift",
    ),
    Parameter("normal", float, 1.0, "Strength of the normals; 0 is flat.", low=0.0, high=4.0, title="Normal Strength"),
    Parameter("height", float, 1.0, "Strength of the height.", low=0.0, high=4.0, title="Height Strength"),
    Parameter(
        "metal", str, "auto", "Whether the surface is metal. Auto: as detected for each pixel.", ("auto", "on", "off")
    ),
)

#: Real width in meters.
_WIDTH = Parameter(
    "width",
    float,
    0.0,
    "Real width of what the longer side of the photograph shows, in meters. Default: unknown.",
    advanced=True,
    low=0.0,
    high=1000.0,
    title="Real Width",
    unit="m",
    placeholder="Unknown",
)

#: About the photographs, and adjustments of the maps; both capture tools take them.
_CAPTURE: Tuple[Parameter, ...] = (
    Parameter(
        "fov",
        float,
        0.0,
        "Field of view across the longer side of the photograph, in degrees. Default: from EXIF, or 60 if missing.",
        low=0.0,
        high=150.0,
        title="Field of View",
        unit="\u00b0",
        gap=(0, 5),
        placeholder="Auto",
    ),
    Parameter(
        "size",
        int,
        0,
        "Longer side of the photograph as processed, in pixels. Default: its own, at most 2048.",
        low=0,
        high=8192,
        unit="px",
        gap=(0, 64),
        placeholder="Auto",
    ),
    _WIDTH,
    *_SLIDERS,
    *_ENGINE,
)

_SEAMLESS_AXES = ("none", "x", "y", "xy")

ONESHOT = Tool(
    "oneshot",
    "Photo to Material",
    "Make a material from one photograph of a flat surface, taken with flash or in even light.",
    (
        Parameter(
            "light",
            str,
            "flash",
            "How the photograph was lit: by the camera's flash, or evenly. even also suits textures.",
            ("flash", "even"),
        ),
        Parameter(
            "area",
            str,
            "photograph",
            "What to map: the whole photograph, or a seamless tile of a surface that looks alike all over. "
            "Auto: a tile where it does.",
            ("photograph", "tile", "auto"),
        ),
        Parameter(
            "refine",
            bool,
            False,
            "Optimize the maps until they look like the photograph when lit; takes about a minute.",
        ),
        Parameter("seamless", str, "none", "Axes to make tileable.", _SEAMLESS_AXES),
        Parameter(
            "wrap", str, "auto", "Axes on which an evenly lit texture already tiles. Auto: measured.", _WRAPS, True
        ),
        *_CAPTURE,
    ),
    (Input("photo", "Photograph", "A photograph, straight from above.", "photo"),),
    "material",
)

TWOSHOT = Tool(
    "twoshot",
    "Two-Shot Material",
    "Make a material from two photographs of a flat, repetitive surface: one with flash, one without.",
    (
        Parameter("full", bool, False, "Map the whole photograph instead of a tile.", title="Whole Photograph"),
        Parameter(
            "tile",
            Tuple[int, int],
            (-1, -1),
            "Center of the tile in the photograph: column and row in pixels. Default: chosen automatically.",
            title="Tile Center",
            unit="px",
            placeholder="Auto",
        ),
        Parameter("seamless", str, "xy", "Axes to make tileable.", _SEAMLESS_AXES),
        *_CAPTURE,
    ),
    (
        Input("flash", "Flash Photograph", "The photograph with flash, straight from above.", "photo"),
        Input("ambient", "Photograph without Flash", "The same place without flash.", "photo"),
    ),
    "material",
)

#: How the input of a synthesis tool is read.
_SOURCE: Tuple[Parameter, ...] = (
    Parameter("wrap", str, "auto", "Axes on which the input already tiles. Auto: measured.", _WRAPS, True),
    _KIND._replace(advanced=True),
    _NORMAL._replace(advanced=True),
)


_GUIDE_TYPE = Parameter(
    "guide_type",
    str,
    "auto",
    "How guides are read: labels are a few colors, values are grays or colors that vary. Auto: by their colors.",
    ("auto", "labels", "values"),
    True,
)

#: What belongs where.
_GUIDE: Tuple[Parameter, ...] = (
    _file(
        "source_guide",
        "Map of the input, painted with a color for each kind of surface, or gray for values such as height. "
        "Default: none.",
        "image",
        pair="guide",
    ),
    _file(
        "target_guide",
        "Map of the output in the same colors or grays: what belongs where. Default: none.",
        "image",
    ),
    _GUIDE_TYPE,
)

_SOURCE_INPUT = Input("in", "Texture", "An image or a material folder.", "asset")

MULTIPLY = Tool(
    "multiply",
    "Multiply",
    "Make new textures or materials like the input, at any size; all maps stay aligned.",
    (
        Parameter(
            "size",
            str,
            "",
            "Width and height of the output in pixels, such as 1024x1024. Default: twice the input.",
            form=SIZE_FORM,
            placeholder="Auto",
        ),
        _SEED,
        Parameter("tileable", bool, False, "Make the output tileable on both axes."),
        Parameter(
            "symmetry",
            str,
            "none",
            "Mirror the output at its middle, or make it the same after a half or a quarter turn about its middle.",
            ("none", "mirror_x", "mirror_y", "mirror_xy", "rotate_2", "rotate_4"),
            True,
        ),
        Parameter("count", int, 1, "Number of outputs; each has the next seed.", low=1, high=1000),
        Parameter(
            "variety",
            float,
            0.5,
            "How much is rearranged: 0 keeps large pieces of the input together, 1 mixes as much as possible.",
            low=0.0,
            high=1.0,
        ),
        Parameter(
            "engine",
            str,
            "auto",
            "patch rearranges pixels of the input; neural makes new ones; feedforward makes them in one pass of a "
            "network that is fitted to the input. Auto: whichever keeps the structure.",
            ("auto", "patch", "neural", "feedforward"),
            True,
        ),
        *_GUIDE,
        _file("source_mask", "Which part of the input is used: white is, black is not. Default: all of it.", "mask"),
        _file(
            "target_mask",
            "Which part of the input is replaced: white is synthesized again, black stays exactly as it is. "
            "Default: none; the whole output is new.",
            "mask",
        ),
        _file(
            "fill_from",
            "Image or material folder that the part in the target mask is made from. Default: the rest of the input.",
            "asset",
        ),
        *_SOURCE,
        *_ENGINE,
    ),
    (_SOURCE_INPUT,),
    "same",
)

TILE = Tool(
    "tile",
    "Make Seamless",
    "Make a texture or a material tileable, changing as little of it as possible.",
    (
        Parameter("axes", str, "xy", "Axes to make tileable.", ("x", "y", "xy")),
        Parameter(
            "size",
            str,
            "same",
            "same keeps the size, unless a repeating pattern needs a crop; crop overlaps the borders.",
            ("same", "crop"),
        ),
        Parameter(
            "band",
            float,
            0.08,
            "Width of the border that may change: a fraction of the shorter side up to 0.5, or pixels from 8.",
            low=0.001,
            high=4096.0,
            gap=(0.5, 8),
        ),
        Parameter(
            "even",
            bool,
            True,
            "Remove uneven lighting from color and tilt from height.",
            title="Even Out Lighting",
        ),
        _file("protect", "Part that stays exactly as it is: white stays, black may change. Default: none.", "mask"),
        _ADVANCED_SEED,
        *_SOURCE,
    ),
    (_SOURCE_INPUT,),
    "same",
)

STYLE = Tool(
    "style",
    "Style",
    "Give a texture or a material the look of another; its content stays.",
    (
        Parameter(
            "strength",
            float,
            0.7,
            "How much of the look is applied: 0 changes nothing, 1 applies all of it.",
            low=0.0,
            high=1.0,
        ),
        Parameter("keep_color", bool, False, "Keep the colors and transfer lightness only."),
        Parameter(
            "engine",
            str,
            "optimize",
            "optimize refines the picture step by step; fast paints it in one pass, for previews and large textures.",
            ("optimize", "fast"),
        ),
        _file(
            "content_guide",
            "Map of the content, painted with a color for each kind of surface, or gray for values such as height. "
            "Default: none.",
            "image",
            pair="guide",
        ),
        _file(
            "style_guide",
            "Map of the look in the same colors or grays: what each part of the content will look like. Default: none.",
            "image",
        ),
        _GUIDE_TYPE,
        _file(
            "mask",
            "Where the look is applied: white takes it, black stays exactly as it is. Default: everywhere.",
            "mask",
        ),
        _ADVANCED_SEED,
        *_SOURCE,
        *_ENGINE,
    ),
    (
        Input("content", "Content", "Image or material folder that is changed.", "asset"),
        Input("style", "Look", "Image or material folder whose look is applied.", "asset"),
    ),
    "same",
)

PREVIEW = Tool(
    "preview",
    "Preview",
    "Render a material as a lit plane, a sphere and its maps, or several materials on one sheet for comparison.",
    (
        Parameter("size", int, 512, "Side of each picture in pixels.", low=128, high=4096, unit="px"),
        Parameter(
            "view",
            str,
            "material",
            "tiled shows the material repeated 3 x 3, lit and unlit.",
            ("material", "tiled"),
        ),
    ),
    (Input("dir", "Materials", "A material folder or an image; several for comparison.", "asset", True),),
    "picture",
)

CONVERT = Tool(
    "convert",
    "Convert",
    "Rewrite a material for another program: normal convention, packed channels, file format, bit depth and size.",
    (
        Parameter(
            "normal",
            str,
            "gl",
            "Green channel of the normal map: gl (OpenGL) is +Y up, dx (DirectX) is +Y down.",
            ("gl", "dx"),
            title="Normal Convention",
        ),
        Parameter(
            "source_normal",
            str,
            "auto",
            "Green channel of the normal map that is read. Auto: from its name, or measured.",
            ("auto", "gl", "dx"),
            True,
            title="Normal Convention of the Source",
        ),
        Parameter(
            "pack",
            str,
            "none",
            "orm packs ambient occlusion, roughness and metallic into one map; none unpacks them.",
            ("none", "orm"),
            title="Channel Packing",
        ),
        Parameter(
            "size",
            int,
            0,
            "Longest side in pixels; larger maps are reduced. Default: unchanged.",
            low=0,
            high=32768,
            title="Maximum Size",
            unit="px",
            placeholder="Unchanged",
        ),
        Parameter(
            "format",
            str,
            "same",
            "File format of the maps; same keeps theirs, dds and ktx2 are compressed for the GPU and have mips.",
            ("same", "png", "tif", "exr", "tga", "jpg", "dds", "ktx2"),
        ),
        Parameter(
            "depth",
            str,
            "same",
            "Bits per channel; same keeps those of each map.",
            ("same", "uint8", "uint16", "half", "float"),
            True,
            title="Bit Depth",
        ),
        Parameter(
            "compression",
            str,
            "best",
            "Codec of colors in dds and ktx2: best is BC7, small is BC1 (half the size), or BC3 with alpha.",
            ("best", "small"),
            True,
            title="Compression",
        ),
        Parameter(
            "scene",
            str,
            "none",
            "Scene beside the maps: usd is a plane (OpenPBR and preview surface), gltf a plane and a ball in a .glb, "
            "both are these two, blend is a Blender asset.",
            ("none", "usd", "gltf", "both", "blend"),
            True,
            title="Scene",
        ),
        Parameter(
            "template",
            str,
            "",
            "Names, packing and formats of a program's files, such as unreal or gltf, or a TOML file. Default: none.",
            title="Export Template",
            advanced=True,
            placeholder="None",
        ),
    ),
    (Input("dir", "Material", "A material folder.", "material"),),
    "material",
)

ADJUST = Tool(
    "adjust",
    "Adjust",
    "Set roughness, relief, metal and real width of a captured material again.",
    (
        *_SLIDERS,
        _WIDTH._replace(
            help="Real width of the material, in meters; the height follows. Default: unchanged.",
            advanced=False,
            placeholder="Unchanged",
        ),
    ),
    (Input("dir", "Material", "A material folder.", "material"),),
    "material",
)

TOOLS: Tuple[Tool, ...] = (UPSCALE, ONESHOT, TWOSHOT, ADJUST, MULTIPLY, TILE, STYLE, CONVERT, PREVIEW)


def tool(name: str) -> Tool:
    """The tool of that name.

    Raises:
        MatshotError: for an unknown name.
    """
    for candidate in TOOLS:
        if candidate.name == name:
            return candidate
    raise unknown_choice("tool", name, [one.name for one in TOOLS])
