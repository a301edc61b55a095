"""What the documentation site adds to the Markdown files, so that pages cannot fall behind the code.

In a page, ``<!-- parameters: NAME -->`` becomes the parameters of that tool from the tool table, ``<!-- models -->``
what the cards say of the models, ``<!-- templates -->`` the export templates, ``<!-- codecs -->`` the codecs of
compressed textures, ``<!-- curves -->`` the models' learning curves, and ``<!-- examples -->`` the files of examples/.
Pages at the root of the repository are added to the site.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "core"))

from matshot.image.blocks import chosen_codec  # noqa: E402
from matshot.image.types import Texture  # noqa: E402
from matshot.material.template import load_template, template_names  # noqa: E402
from matshot_host.tools import Parameter, tool  # noqa: E402

#: Pages that live at the root of the repository, where people and forges look for them.
ROOT_PAGES = ("BENCHMARKS.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")

_MARKER = re.compile(r"^<!-- parameters: (\w+) -->$", re.MULTILINE)
_TEMPLATES, _CODECS = "<!-- templates -->", "<!-- codecs -->"
#: Maps by the encoding, channels and value of a texture that stands for them.
_COMPRESSED = {
    "Base color, emission": ("srgb", 3, 0.5),
    "Base color with alpha": ("srgb", 4, 0.5),
    "Packed maps": ("data", 3, 0.5),
    "Packed maps with alpha": ("data", 4, 0.5),
    "Normal (X and Y, of which readers make Z)": ("normal", 3, 0.5),
    "Roughness, metallic, height and the like": ("data", 1, 0.5),
    "Light brighter than white": ("linear", 3, 8.0),
}
_MODELS, _EXAMPLES, _CURVES = "<!-- models -->", "<!-- examples -->", "<!-- curves -->"
#: Width and height of a learning curve, and the margin around it, which holds the labels.
_CURVE_SIZE, _CURVE_MARGIN = (420, 170), (52, 18)
#: A role of Sphinx as Markdown leaves it; docstrings have them for editors.
_ROLE = re.compile(r":(?:class|func|meth|attr|data|mod):<code>(~?)([\w.]+)</code>")
_LINK = re.compile(r"(!?\[[^\]]*\])\(([^)\s]+)\)")


def parameter_tables(name: str) -> str:
    """The parameters of a tool as Markdown: those that a dialog shows at first, then the advanced ones.

    Raises:
        KeyError: when the tool table has no such tool.
    """
    parameters = tool(name).parameters
    usual = [parameter for parameter in parameters if not parameter.advanced]
    advanced = [parameter for parameter in parameters if parameter.advanced]
    parts = [_table(usual)]
    if advanced:
        parts.append(f"### Advanced\n\n{_table(advanced)}")
    return "\n\n".join(parts)


def _table(parameters: Iterable[Parameter]) -> str:
    lines = ["| Option | Label | Values | Default | What it does |", "|---|---|---|---|---|"]
    for parameter in parameters:
        help_text = parameter.help.replace("|", "\\|")
        lines.append(
            f"| `--{parameter.name}` | {parameter.label} | {_values(parameter)} | {_default(parameter)} | {help_text} |"
        )
    return "\n".join(lines)


def _is_explained(parameter: Parameter) -> bool:
    """Whether the help says in words what the default is."""
    return "Default: " in parameter.help


def _values(parameter: Parameter) -> str:
    if parameter.choices:
        return ", ".join(f"`{choice}`" for choice in parameter.choices)
    if parameter.type is bool:
        return "on, off"
    unit = f" {parameter.unit}" if parameter.unit else ""
    # What stands for a default that the help explains is not shown: no magic numbers.
    hidden = _is_explained(parameter) and parameter.default == parameter.low
    if hidden and parameter.high is not None:
        return (
            f"{parameter.gap[1]:g} to {parameter.high:g}{unit}" if parameter.gap else f"up to {parameter.high:g}{unit}"
        )
    if parameter.gap is not None:
        low, high = (f"{bound:g}" for bound in parameter.gap)
        first = low if parameter.low == parameter.gap[0] else f"{parameter.low:g} to {low}"
        return f"{first} or {high} to {parameter.high:g}{unit}"
    if parameter.low is not None and parameter.high is not None:
        return f"{parameter.low:g} to {parameter.high:.15g}{unit}"
    if parameter.form is not None:
        return f"such as `{parameter.form.example}`"
    return {str: "text", int: "whole number", float: "number"}.get(parameter.type, "two whole numbers") + unit


def _default(parameter: Parameter) -> str:
    if parameter.type is bool:
        return "on" if parameter.default else "off"
    if _is_explained(parameter):
        return "auto"
    return f"`{parameter.default:g}`" if isinstance(parameter.default, float) else f"`{parameter.default}`"


def model_table() -> str:
    """The models that come with Matshot as Markdown, from their cards."""
    lines = ["| Model | What it does | Trained on | License |", "|---|---|---|---|"]
    for path in sorted((ROOT / "core/matshot/models").glob("*.toml")):
        card = tomllib.loads(path.read_text(encoding="utf-8"))
        data = "; ".join(card.get("training", {}).get("data", [])) or "nothing: computed, not trained"
        lines.append(f"| `{card['name']}` | {card['summary']} | {data} | {card['license']} |")
    return "\n".join(lines)


def training_table() -> str:
    """How the models were trained as Markdown, from their cards, and a learning curve of each that has one."""
    lines = ["| Model | Hours | Steps | Input pixels | Starts from | Command |", "|---|---|---|---|---|---|"]
    curves = []
    for path in sorted((ROOT / "core/matshot/models").glob("*.toml")):
        card = tomllib.loads(path.read_text(encoding="utf-8"))
        facts = card.get("training", {})
        if "steps" not in facts:
            continue
        hours = facts.get("hours", round(facts.get("minutes", 0) / 60, 2))
        pixels = f"{facts['input_pixels']:.1e}" if "input_pixels" in facts else "not recorded"
        cells = [f"`{card['name']}`", hours, facts["steps"], pixels, facts.get("starts_from", "nothing")]
        lines.append("| " + " | ".join(map(str, [*cells, f"`{facts['command']}`"])) + " |")
        if facts.get("curve"):
            curves.append(f"**{card['name']}**: {facts['curve_of']}\n\n{curve_picture(facts)}")
    return "\n\n".join(["\n".join(lines), *curves])


def curve_picture(facts: dict[str, Any]) -> str:
    """A learning curve as SVG: steps to the right, the figure upwards, bicubic's as a dashed line.

    Args:
        facts: ``curve_steps`` and ``curve``, of the same length, and ``curve_baseline`` if there is one.
    """
    (width, height), (left, foot) = _CURVE_SIZE, _CURVE_MARGIN
    steps, values, base = facts["curve_steps"], facts["curve"], facts.get("curve_baseline")
    low, high = min(values), max(values)
    # A baseline far from the curve would flatten it, and is only named.
    near = base is not None and low - 2 * (high - low) <= base <= high + 2 * (high - low)
    if near:
        low, high = min(low, base), max(high, base)
    span = high - low or 1.0

    def place(step: float, value: float) -> str:
        x = left + (step - steps[0]) / (steps[-1] - steps[0] or 1) * (width - left - 8)
        return f"{x:.1f},{8 + (high - value) / span * (height - foot - 16):.1f}"

    points = " ".join(place(step, value) for step, value in zip(steps, values, strict=True))
    stroke = 'fill="none" stroke="currentColor"'
    parts = [
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" font-size="11">',
        f"<title>{facts['curve_of']}</title>",
        f'<polyline {stroke} stroke-width="2" points="{points}"/>',
        *(
            f'<text x="{left - 6}" y="{y}" text-anchor="end" fill="currentColor">{value:.4g}</text>'
            for y, value in ((14, high), (height - foot - 6, low))
        ),
        f'<text x="{left}" y="{height - 3}" fill="currentColor">step {steps[0]}</text>',
        f'<text x="{width - 8}" y="{height - 3}" text-anchor="end" fill="currentColor">{steps[-1]}</text>',
    ]
    if base is not None:
        if near:
            first, last = place(steps[0], base), place(steps[-1], base)
            parts.append(f'<polyline {stroke} stroke-dasharray="4" points="{first} {last}"/>')
        parts.append(
            f'<text x="{width // 2}" y="{height - 3}" text-anchor="middle" fill="currentColor">'
            f"baseline {base:.4g}</text>"
        )
    return "".join([*parts, "</svg>"])


def example_sections() -> str:
    """Every example as Markdown: what it shows, its picture, the command and the same in Python."""
    titles = dict(re.findall(r"\*\*(\d\d) (.+?)\*\*", (ROOT / "examples" / "README.md").read_text(encoding="utf-8")))
    sections = []
    for script in sorted((ROOT / "examples").glob("[0-9]*.py")):
        code = script.read_text(encoding="utf-8")
        about = ast.get_docstring(ast.parse(code)) or ""
        number = script.stem.partition("_")[0]
        title = f"## {number} {titles[number]}"
        picture = f"![{about.splitlines()[0]}](examples/{script.stem}.jpg)"
        command = script.with_suffix(".sh").read_text(encoding="utf-8")
        tabs = (("Command", "sh", command), ("Python", "python", code))
        parts = [f'=== "{label}"\n\n' + _indented(f"```{language}\n{text}```") for label, language, text in tabs]
        sections.append("\n\n".join([title, about, picture, *parts]))
    return "\n\n".join(sections)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else line for line in text.split("\n"))


def on_files(files: Any, config: Any) -> Any:
    """Add the pages at the root of the repository."""
    from mkdocs.structure.files import File

    for name in ROOT_PAGES:
        files.append(File.generated(config, name, content=(ROOT / name).read_text(encoding="utf-8")))
    for picture in sorted((ROOT / "examples" / "images").glob("*.jpg")):
        files.append(File.generated(config, f"examples/{picture.name}", abs_src_path=str(picture)))
    return files


def template_table() -> str:
    """The export templates as Markdown."""
    lines = ["| Template | For | Normal | Files |", "|---|---|---|---|"]
    for name in template_names():
        template = load_template(name)
        files = []
        for file in template.files:
            packed = set(file.places) - {"rgb", "gray"}
            held = ", ".join(f"{k} ({p.upper()})" if p in packed else k for p, k in file.places.items())
            bits = {"uint8": "8-bit", "uint16": "16-bit", "half": "half", "float": "float"}[file.depth]
            files.append(f"`{file.name}{file.suffix}`: {held}, {bits}")
        normal = {"gl": "OpenGL", "dx": "DirectX"}[template.normal]
        lines.append(f"| `{name}` | {template.title} | {normal} | {'<br>'.join(files)} |")
    return "\n".join(lines)


def codec_table() -> str:
    """The codecs of compressed textures as Markdown."""
    lines = ["| Map | Codec | With `--compression small` |", "|---|---|---|"]
    for title, (encoding, channels, value) in _COMPRESSED.items():
        texture = Texture(np.full((4, 4, channels), value, np.float32), encoding)
        codecs = (chosen_codec(texture, small=small) for small in (False, True))
        lines.append(" | ".join([f"| {title}", *(f"{one.name}{' sRGB' if one.srgb else ''}" for one in codecs)]) + " |")
    return "\n".join(lines)


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Fill in parameter tables, and point links between the root and docs/ to where pages are on the site."""
    source = PurePosixPath(page.file.src_uri)
    markdown = _MARKER.sub(lambda match: parameter_tables(match[1]), markdown)
    if _MODELS in markdown:
        markdown = markdown.replace(_MODELS, model_table())
    if _CURVES in markdown:
        markdown = markdown.replace(_CURVES, training_table())
    if _TEMPLATES in markdown:
        markdown = markdown.replace(_TEMPLATES, template_table())
    if _CODECS in markdown:
        markdown = markdown.replace(_CODECS, codec_table())
    if _EXAMPLES in markdown:
        markdown = markdown.replace(_EXAMPLES, example_sections())
    return _LINK.sub(lambda match: f"{match[1]}({site_link(match[2], source)})", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Show what docstrings refer to by its name."""
    return _ROLE.sub(lambda match: f"<code>{match[2].split('.')[-1] if match[1] else match[2]}</code>", html)


def site_link(link: str, source: PurePosixPath) -> str:
    """A link as the repository has it, as the site needs it.

    Args:
        link: relative to the file that holds it, as on a forge.
        source: the page it is on, relative to docs/.
    """
    if "://" in link or link.startswith(("#", "mailto:")):
        return link
    if source.name in ROOT_PAGES and link.startswith("examples/"):
        return "examples.md"
    if source.name in ROOT_PAGES:
        return link.removeprefix("docs/")
    out = "../" * len(source.parts)
    # On the site, pages of the root lie in docs/, one folder further in.
    return link[3:] if link.startswith(out) and link.removeprefix(out).split("#")[0] in ROOT_PAGES else link
