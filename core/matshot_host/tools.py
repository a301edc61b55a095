"""The tool table: name, parameters, types, ranges, defaults and help, written once.

Command-line options, worker schemas and host dialogs are made from it. Standard library only, Python 3.7 syntax,
because hosts bring their own Python.
"""

from typing import Any, NamedTuple, Tuple


class Parameter(NamedTuple):
    """One parameter of a tool.

    Attributes:
        name: as the tool's function takes it; ``--name`` on the command line.
        type: ``str``, ``int`` or ``float``.
        default: also what an empty dialog shows.
        help: one sentence for the artist.
        choices: allowed values; empty for any.
        advanced: whether a dialog hides it at first.
    """

    name: str
    type: type
    default: Any
    help: str
    choices: Tuple[Any, ...] = ()
    advanced: bool = False


class Tool(NamedTuple):
    """One tool.

    Attributes:
        name: verb of the command line.
        title: menu entry.
        help: one sentence.
        parameters: in the order they are shown.
    """

    name: str
    title: str
    help: str
    parameters: Tuple[Parameter, ...]


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
        Parameter("memory", str, "", "Bound on memory, such as 2G; by default a share of what is free.", (), True),
        Parameter(
            "device",
            str,
            "auto",
            "Where networks run; auto takes the GPU where it works.",
            ("auto", "cpu", "cuda"),
            True,
        ),
        Parameter("threads", int, 0, "CPU threads; 0 takes all.", (), True),
        Parameter("tile", int, 0, "Side of the tiles in input pixels; 0 takes what memory allows.", (), True),
    ),
)

TOOLS: Tuple[Tool, ...] = (UPSCALE,)


def tool(name: str) -> Tool:
    """The tool of that name.

    Raises:
        KeyError: when there is none.
    """
    for candidate in TOOLS:
        if candidate.name == name:
            return candidate
    raise KeyError(name)
