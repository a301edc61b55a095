"""The tool table: name, parameters, types, ranges, defaults and help, written once.

Command-line options, worker schemas and host dialogs are made from it. Standard library only, Python 3.7 syntax,
because hosts bring their own Python.
"""

from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple


class Parameter(NamedTuple):
    """One parameter of a tool.

    Attributes:
        name: as the tool's function takes it; ``--name`` on the command line.
        type: ``str``, ``int``, ``float``, ``bool``, or ``Tuple`` of numbers.
        default: also what an empty dialog shows.
        help: one sentence for the artist.
        choices: allowed values; empty for any.
        advanced: whether a dialog hides it at first.
        low: least value that the tool takes, None for no bound.
        high: greatest, None for no bound.
        title: what a dialog calls it, where the name does not tell.
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

    @property
    def label(self) -> str:
        """What a dialog calls it."""
        return self.title or self.name.replace("_", " ").capitalize()


class Input(NamedTuple):
    """What a tool is given to work on.

    Attributes:
        name: as the command line calls it, in lower case.
        title: what a dialog calls it.
        help: one sentence.
        kind: ``photo`` (an image file), ``material`` (a folder) or ``asset`` (an image file or a material folder).
        several: whether there may be more than one.
    """

    name: str
    title: str
    help: str
    kind: str
    several: bool = False


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

    def accepted(self, values: Mapping[str, Any]) -> Dict[str, Any]:
        """Those of many values that are parameters of this tool."""
        return {parameter.name: values[parameter.name] for parameter in self.parameters if parameter.name in values}


#: What a network runs with; every tool that has networks takes them.
_ENGINE: Tuple[Parameter, ...] = (
    Parameter("memory", str, "", "Bound on memory, such as 2G; by default a share of what is free.", (), True),
    Parameter(
        "device", str, "auto", "Where networks run; auto takes the GPU where it works.", ("auto", "cpu", "cuda"), True
    ),
    Parameter("threads", int, 0, "CPU threads; 0 takes all.", (), True, 0, 1024),
)


UPSCALE = Tool(
    "upscale",
    "Upscale",
    "Enlarge textures and whole materials; tiling, alpha, normals and bit depth are kept.",
    (
        Parameter("scale", int, 4, "How many times larger on each side; 8 is a cascade.", (2, 4, 8)),
        Parameter(
            "look",
            str,
            "fidelity",
            "fidelity stays closest to the truth; detail adds plausible texture and cleans compression.",
            ("fidelity", "detail"),
        ),
        Parameter(
            "wrap",
            str,
            "auto",
            "Axes on which the texture repeats; auto measures it.",
            ("auto", "none", "x", "y", "xy"),
        ),
        Parameter(
            "method",
            str,
            "network",
            "network, or one of the older ways to compare with.",
            ("network", "srcae", "sparse_coding", "lanczos_sharp", "lanczos", "bicubic", "nearest"),
            True,
        ),
        Parameter(
            "kind",
            str,
            "auto",
            "What the map holds; auto goes by its name (brick_n.png is a normal map).",
            ("auto", "color", "normal", "data"),
        ),
        Parameter(
            "normal",
            str,
            "auto",
            "Green channel of normal maps: gl is +Y up, dx is +Y down; auto goes by the name.",
            ("auto", "gl", "dx"),
            title="Normal convention",
        ),
        Parameter("colorspace", str, "", "OCIO name of the files' colour space, such as ACEScg.", (), True),
        Parameter(
            "format",
            str,
            "same",
            "Format of the results.",
            ("same", "png", "jpg", "tif", "exr", "tga", "bmp", "webp", "hdr"),
        ),
        Parameter(
            "depth", str, "same", "Bits per sample of the results.", ("same", "uint8", "uint16", "half", "float"), True
        ),
        *_ENGINE,
        Parameter(
            "tile",
            int,
            0,
            "Side of the tiles in input pixels; 0 takes what memory allows.",
            (),
            True,
            0,
            16384,
            "Tile side",
        ),
    ),
    (Input("in", "Textures", "Images, material folders, or name.<UDIM>.exr.", "asset", True),),
    "same",
)

#: What photographs are, and what an artist changes in the maps; both capture tools take them.
_CAPTURE: Tuple[Parameter, ...] = (
    Parameter(
        "fov",
        float,
        0.0,
        "Degrees across the photograph's longer side; 0 takes EXIF's, else 60.",
        low=0.0,
        high=150.0,
        title="Field of view",
    ),
    Parameter(
        "size",
        int,
        0,
        "Longer side of the photograph as it is worked on, in pixels; 0 keeps it, up to 2048.",
        low=0,
        high=8192,
    ),
    Parameter(
        "width",
        float,
        0.0,
        "Metres that the photograph's longer side shows; 0 for unknown.",
        (),
        True,
        0.0,
        1000.0,
        title="Real width",
    ),
    Parameter(
        "roughness",
        float,
        0.0,
        "Shifts roughness, -1 to 1: down is smoother, up is rougher.",
        (),
        False,
        -1.0,
        1.0,
        "Roughness shift",
    ),
    Parameter("normal", float, 1.0, "Strength of the normals; 0 is flat.", low=0.0, high=4.0, title="Normal strength"),
    Parameter("height", float, 1.0, "Strength of the height.", low=0.0, high=4.0, title="Height strength"),
    Parameter("metal", str, "auto", "Whether the surface is metal; auto leaves it as found.", ("auto", "on", "off")),
    *_ENGINE,
)

ONESHOT = Tool(
    "oneshot",
    "Photo to Material",
    "A material from one photograph of a flat surface, taken with flash or in even light.",
    (
        Parameter("light", str, "flash", "How the photograph was lit; even also suits textures.", ("flash", "even")),
        Parameter("refine", bool, False, "Make the lit maps match the photograph's texture; takes a minute longer."),
        Parameter("seamless", str, "none", "Axes on which the maps are made to repeat.", ("none", "x", "y", "xy")),
        Parameter(
            "wrap",
            str,
            "auto",
            "Axes on which an evenly lit texture repeats already; auto measures it.",
            ("auto", "none", "x", "y", "xy"),
            True,
        ),
        *_CAPTURE,
    ),
    (Input("photo", "Photograph", "A photograph, straight from above.", "photo"),),
    "material",
)

TWOSHOT = Tool(
    "twoshot",
    "Two-Shot Material",
    "A material from two photographs of a flat, repetitive surface: one with flash, one without.",
    (
        Parameter("full", bool, False, "Maps of the whole photograph instead of a tile.", title="Whole photograph"),
        Parameter(
            "tile",
            Tuple[int, int],
            (-1, -1),
            "Middle of the tile in the photograph, in pixels; else chosen.",
            title="Middle of the tile",
        ),
        Parameter("seamless", str, "xy", "Axes on which the tile is made to repeat.", ("none", "x", "y", "xy")),
        *_CAPTURE,
    ),
    (
        Input("flash", "Flash photograph", "The photograph with flash, straight from above.", "photo"),
        Input("ambient", "Photograph without flash", "The same place without flash.", "photo"),
    ),
    "material",
)

#: How an image is read that synthesis starts from.
_SOURCE: Tuple[Parameter, ...] = (
    Parameter(
        "wrap",
        str,
        "auto",
        "Axes on which the source repeats already; auto measures it.",
        ("auto", "none", "x", "y", "xy"),
        True,
    ),
    Parameter(
        "kind",
        str,
        "auto",
        "What an image holds; auto goes by its name (brick_n.png is a normal map).",
        ("auto", "color", "normal", "data"),
        True,
    ),
    Parameter(
        "normal",
        str,
        "auto",
        "Green channel of a normal map that is an image.",
        ("auto", "gl", "dx"),
        True,
        title="Normal convention",
    ),
)

_SOURCE_INPUT = Input("in", "Texture", "An image or a material folder.", "asset")

MULTIPLY = Tool(
    "multiply",
    "Multiply",
    "New textures or materials like a given one, of any size, all maps in step.",
    (
        Parameter("size", str, "", "Pixels of a result, such as 1024x1024; by default twice the source's sides."),
        Parameter(
            "seed", int, 0, "Another seed is another result; the same one is the same, always.", low=0, high=2147483647
        ),
        Parameter("tileable", bool, False, "Make results that repeat on both axes."),
        Parameter("count", int, 1, "How many results, with seeds from the given one on.", low=1, high=1000),
        Parameter(
            "variety",
            float,
            0.5,
            "0 keeps large pieces of the source together, 1 mixes as much as it can.",
            low=0.0,
            high=1.0,
        ),
        Parameter(
            "engine",
            str,
            "auto",
            "patch arranges pixels of the source; neural makes new ones; auto takes what keeps its structure.",
            ("auto", "patch", "neural"),
            True,
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
    "Make a texture or a material repeat, changing as little of it as possible.",
    (
        Parameter("axes", str, "xy", "Axes along which it shall repeat.", ("x", "y", "xy")),
        Parameter(
            "size",
            str,
            "same",
            "same keeps the size, unless whole repeats ask for a crop; crop lays the borders over each other.",
            ("same", "crop"),
        ),
        Parameter(
            "band",
            float,
            0.08,
            "Width of the strip that may change: a part of the shorter side, or pixels.",
            low=0.0,
            high=4096.0,
        ),
        Parameter(
            "even",
            bool,
            True,
            "Take uneven light off the colour, and a steady climb off the height.",
            title="Even out light",
        ),
        Parameter("seed", int, 0, "Of what is filled anew along the seam.", (), True, 0, 2147483647),
        *_SOURCE,
    ),
    (_SOURCE_INPUT,),
    "same",
)

STYLE = Tool(
    "style",
    "Style",
    "Give a texture or a material the look of another; what it shows stays.",
    (
        Parameter("strength", float, 0.7, "0 leaves it as it is, 1 takes over all of the look.", low=0.0, high=1.0),
        Parameter("keep_color", bool, False, "Keep the colours and take over only what is light and dark."),
        Parameter("seed", int, 0, "Another seed is another result.", (), True, 0, 2147483647),
        *_SOURCE,
        *_ENGINE,
    ),
    (
        Input("content", "Content", "What is shown: an image or a material folder.", "asset"),
        Input("style", "Look", "Whose look it gets: an image or a material folder.", "asset"),
    ),
    "same",
)

PREVIEW = Tool(
    "preview",
    "Preview",
    "A picture of a material: a lit plane, a sphere and its maps; of several materials, a sheet to compare them on.",
    (
        Parameter("size", int, 512, "Side of each picture in pixels.", low=16, high=8192),
        Parameter(
            "view",
            str,
            "material",
            "tiled shows the material 3 x 3 beside itself, lit and unlit.",
            ("material", "tiled"),
        ),
    ),
    (Input("dir", "Materials", "A material folder or an image; several to compare them.", "asset", True),),
    "picture",
)

CONVERT = Tool(
    "convert",
    "Convert",
    "Write a material as another program wants it: normal convention, packed channels, format, depth and size.",
    (
        Parameter(
            "normal",
            str,
            "gl",
            "Green channel of the normal map: gl is +Y up, dx is +Y down.",
            ("gl", "dx"),
            title="Normal convention",
        ),
        Parameter(
            "pack",
            str,
            "none",
            "orm packs ambient occlusion, roughness and metallic into one map; none unpacks them.",
            ("none", "orm"),
        ),
        Parameter("size", int, 0, "Longer side at most, in pixels; 0 keeps it.", low=0, high=32768),
        Parameter("format", str, "same", "Format of the maps.", ("same", "png", "tif", "exr", "tga", "jpg")),
        Parameter("depth", str, "same", "Bits per sample.", ("same", "uint8", "uint16", "half", "float"), True),
    ),
    (Input("dir", "Material", "A material folder.", "material"),),
    "material",
)

TOOLS: Tuple[Tool, ...] = (UPSCALE, ONESHOT, TWOSHOT, MULTIPLY, TILE, STYLE, CONVERT, PREVIEW)


def tool(name: str) -> Tool:
    """The tool of that name.

    Raises:
        KeyError: when there is none.
    """
    for candidate in TOOLS:
        if candidate.name == name:
            return candidate
    raise KeyError(name)
