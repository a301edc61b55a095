"""One voice: American spelling, and no phrases that sound translated, in every text that users see.

``python tests/test_voice.py [AREA ...]`` lists what the test finds.
"""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Files of each area, as patterns below the root of the repository.
AREAS: dict[str, tuple[str, ...]] = {
    "documentation": (
        "[CRS]*.md",
        "*.cff",
        "docs/**/*.md",
        "docs/*.py",
        ".github/**/*.md",
        ".github/**/*.yml",
        "page/*.md",
    ),
    "tools": (
        "core/matshot/*.py",
        "core/matshot/cli/**/*.py",
        "core/matshot/tools/**/*.py",
        "core/matshot_host/tools.py",
        "core/matshot_host/parameters.py",
    ),
    "host library": ("core/matshot_host/**/*.py", "core/matshot/hosts/**/*.py"),
    "image": ("core/matshot/image/**/*.py",),
    "material": ("core/matshot/material/**/*.py",),
    "shading": ("core/matshot/shading/**/*.py",),
    "inference": ("core/matshot/inference/**/*.py",),
    "super-resolution": ("core/matshot/super_resolution/**/*.py",),
    "synthesis": ("core/matshot/synthesis/**/*.py",),
    "capture": ("core/matshot/capture/**/*.py",),
    "farm": ("core/matshot/farm/**/*.py",),
    "service": ("core/matshot/service/**/*.py",),
    "page": ("page/index.html", "page/src/**/*.ts", "page/src/**/*.css"),
    "blender": ("plugins/blender/**/*.py", "plugins/blender/**/*.toml"),
    "maya": ("plugins/maya/**/*.py",),
    "unreal": ("plugins/unreal/**/*.py", "plugins/unreal/**/*.uplugin"),
    "comfyui": ("plugins/comfyui/**/*.py", "plugins/comfyui/**/*.toml"),
    "deployment": ("deploy/*.*", "deploy/**/*.yaml", "deploy/**/*.sbatch"),
    "export": ("export/**/*.py", "export/**/*.toml", "core/matshot/models/*.toml"),
    "examples": ("examples/*.md", "examples/*.py", "examples/*.sh"),
    "benchmarks": ("bench/**/*.py", "BENCHMARKS.md"),
}

#: Words that are right in one file: British spellings that a file has to recognize.
EXCEPTIONS = {
    "core/matshot_host/map_names.py": ("basecolour", "colour", "metalic"),
    "core/matshot/image/channels.py": ("grey",),
    "core/matshot/image/udim.py": ("foto",),
}


class Phrase(NamedTuple):
    """A phrase that a native speaker would not use here.

    Attributes:
        pattern: regular expression, upper and lower case alike.
        instead: what to write.
        kinds: of texts in which it is wrong: ``prose`` (pages), ``string`` (in code), ``docstring``, ``help`` (printed
            by the command line).
    """

    pattern: str
    instead: str
    kinds: tuple[str, ...] = ("prose", "string", "docstring", "help")


_SHOWN = ("string", "help")
_NO_DOCSTRING = ("prose", "string", "help")

PHRASES = (
    Phrase(r"^There (is|are) no\b", "name the wrong value: Unknown wrap 'z'. Choose from: ...", _SHOWN),
    Phrase(r"\bthere (is|are) no\b[^.]*;\s*there are\b", "Unknown X. Choose from: ..."),
    Phrase(r"(?<!there )\bis no (?!longer|more|less|doubt|need|such|way|other|match)\w+", "is not a ..."),
    Phrase(r"\b(in|out of) step\b(?! \d)", "aligned, registered, in phase"),
    Phrase(r"\banew\b", "again; restart, resynthesize"),
    Phrase(r"\bmends?\b(?! it\b.*=)", "fix"),
    Phrase(r"\bseldom\b", "rarely; a group of options is Advanced", _NO_DOCSTRING),
    Phrase(r"\bshall\b", "must, should, or the plain verb"),
    Phrase(r"\b(go|goes|went|going) on\b(?! forever)", "continue, resume, keep running"),
    Phrase(
        r"\b(is|are|was|were|be|being) told\b(?! apart| from)", "is called with, receives, reports, sees", _NO_DOCSTRING
    ),
    Phrase(r"\b(told|asked|made|given)\b\s*=", "a noun for what it is: request, job, output", ("prose",)),
    Phrase(r"\bmade nothing\b|\bmakes nothing\b", "produced no output"),
    Phrase(r"\bmade to (repeat|tile)\b", "tileable; axes to make tileable"),
    Phrase(r"\bsay nothing\b", "print errors only", _SHOWN),
    Phrase(r"\bsays what it (found|guessed|detected)\b", "reports what it detected"),
    Phrase(r"\bwithout a word\b|\bfell silent\b", "failed without an error message; timed out"),
    Phrase(r"\bat last\b", "last, finally"),
    Phrase(r"\bto be had\b", "available"),
    Phrase(r"\bfrom where\b", "from which, where ... from"),
    Phrase(r"\bends at (\d|\{)", "is limited to N", _SHOWN),
    Phrase(r"\bpixels a side\b|\b\d+ a side\b|\} a side\b", "pixels per side", _NO_DOCSTRING),
    Phrase(r"\bis a text\b|\bas a text\b", "is text"),
    Phrase(r"[,;] else\b", "or, otherwise", _SHOWN),
    Phrase(r"\btakes (EXIF|all\b|the GPU\b|what memory\b)", "uses, from EXIF, all", _SHOWN),
    Phrase(r"\bby then\b", "before the deadline, by that time", _SHOWN),
    Phrase(r"\bnot to be (written|read|opened|made|found)\b", "cannot be ...", _SHOWN),
    Phrase(r"\bof (its|their) own making\b", "generated"),
    Phrase(r"\bis ending\b", "is shutting down", _SHOWN),
    Phrase(r"\bthat which\b", "what, the one that"),
    Phrase(r"\b(whence|thereof|hereof|wherein|therein|thereby|lest)\b", "plain words"),
    Phrase(r"\bcannot be made\b", "cannot be created", _SHOWN),
    Phrase(r"\bwhat is missed\b", "known shortcomings", ("prose",)),
    Phrase(r"\blook before you\b", "inspect results before"),
    Phrase(
        r"^(That (one|clients)|Of (all|what|Blender)|After which)\b", "a whole phrase: Memory limit per job", _SHOWN
    ),
    Phrase(r"; often\b", "repeatable", _SHOWN),
    Phrase(
        r"\b(object|message|process|thread|bit|sample|pixel|channel)(e?s)? a (line|worker|task|texel|pixel|side)\b",
        "per ...",
    ),
    Phrase(r"\b(material|texture|picture|image|map)s? ((is|was|are|were) )?made of\b", "made from", _NO_DOCSTRING),
    Phrase(r"(?<!-)\bin turns\b", "alternately, interleaved", _NO_DOCSTRING),
    Phrase(r"\btells? progress\b", "reports progress"),
    Phrase(r"\bwas tried\b|\bnot tried\b", "was tested", ("prose",)),
)

#: Quick to say that a text has none of them, as nearly all do.
_ANY_PHRASE = re.compile("|".join(f"(?:{phrase.pattern})" for phrase in PHRASES), re.IGNORECASE)

#: British spellings in names, which a spelling checker does not look into.
_BRITISH = re.compile(
    r"\w*(colour|grey|centre(?!d\b)|neighbour|normalis|minimis|optimis|initialis|labell(?!edby))\w*", re.IGNORECASE
)
_METRE = re.compile(r"\b(centi|milli|kilo)?metres?\b", re.IGNORECASE)

_TYPESCRIPT = re.compile(
    r"//[^\n]*|/\*.*?\*/|(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)", re.DOTALL
)
_CODE = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)]*\)|<!--.*?-->", re.DOTALL)


def files_of(area: str) -> list[Path]:
    """Files of an area, in order; the tool table counts as the tools' although it is in the host library."""
    found = {path for pattern in AREAS[area] for path in ROOT.glob(pattern) if path.is_file()}
    if area == "host library":
        found -= set(files_of("tools"))
    return sorted(path for path in found if "node_modules" not in path.parts)


def texts_of(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, kind and text of everything in a file that users see."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _python_texts(ast.parse(content))
    elif path.suffix == ".ts":
        for match in _TYPESCRIPT.finditer(content):
            if match[1]:
                yield content.count("\n", 0, match.start()) + 1, "string", match[1][1:-1]
    elif path.suffix in (".md", ".html"):
        # Blank what is code, with as many lines.
        prose = _CODE.sub(lambda match: "\n" * match[0].count("\n"), content)
        for number, line in enumerate(prose.split("\n"), 1):
            # Tables of benchmarks quote what commands printed when they were measured.
            if path.name != "BENCHMARKS.md" or not line.startswith("|"):
                yield number, "prose", line
    else:
        for number, line in enumerate(content.split("\n"), 1):
            yield number, "string", line


def _python_texts(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    docstrings = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                docstrings.add(first.value)
                if not getattr(node, "name", "").startswith("_"):
                    yield first.lineno, "docstring", first.value.value
    inside = {
        part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    } - docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            # A value stands as a pair of braces.
            text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "string", text
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings | inside:
            yield node.lineno, "string", node.value


def phrases_in(kind: str, text: str) -> Iterator[str]:
    """What is wrong with a text, and what to write instead."""
    flat = " ".join(text.split())
    if _ANY_PHRASE.search(flat):
        for phrase in PHRASES:
            if kind in phrase.kinds and (found := re.search(phrase.pattern, flat, re.IGNORECASE)):
                yield f"{found[0]!r} -> {phrase.instead}"


def findings(area: str) -> list[str]:
    """Everything that is wrong in an area, one line each."""
    files = files_of(area)
    lines = []
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        lines += [f"{name}:{line}: {what}" for line, kind, text in texts_of(path) for what in phrases_in(kind, text)]
        for number, text in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            for match in (*_BRITISH.finditer(text), *_METRE.finditer(text)):
                if match[0] not in EXCEPTIONS.get(name, ()):
                    lines.append(f"{name}:{number}: {match[0]!r} -> American spelling")
    names = {path.relative_to(ROOT).as_posix() for path in files}
    return lines + [line for line in _misspellings() if line.split(":")[0] in names]


@functools.cache
def _misspellings() -> list[str]:
    """What codespell finds in the files of all areas; it starts slowly, so once for all."""
    files = {path.relative_to(ROOT).as_posix() for area in AREAS for path in files_of(area)}
    command = [sys.executable, "-m", "codespell_lib", *sorted(files)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert not found.stderr, found.stderr
    lines = [line.removeprefix("./") for line in found.stdout.splitlines()]
    return [line for line in lines if not _is_exception(line)]


def _is_exception(finding: str) -> bool:
    name = finding.split(":")[0]
    return any(f" {word} ==>" in finding for word in EXCEPTIONS.get(name, ()))


@pytest.mark.parametrize("area", AREAS)
def test_texts_are_in_one_voice(area: str) -> None:
    found = findings(area)
    assert not found, "\n".join(found)


def test_every_area_has_files() -> None:
    assert all(files_of(area) for area in AREAS)


def test_every_module_is_in_an_area() -> None:
    covered = {path for area in AREAS for path in files_of(area)}
    modules = {path for top in ("core", "plugins", "export", "bench") for path in (ROOT / top).rglob("*.py")}
    assert not sorted(modules - covered)


def test_help_of_every_command_is_in_one_voice() -> None:
    import typer.main
    from typer.testing import CliRunner

    from matshot.cli.commands import app

    group = typer.main.get_command(app)
    found = []
    for name in ("", *sorted(group.commands)):  # type: ignore[attr-defined]
        shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "400", "TERM": "dumb"})
        assert shown.exit_code == 0
        for line in shown.stdout.split("\n"):
            text = " ".join(line.split("│")).strip()
            found += [f"matshot {name} --help: {what}" for what in phrases_in("help", text)]
            found += [
                f"matshot {name} --help: {match[0]!r}" for match in (*_BRITISH.finditer(text), *_METRE.finditer(text))
            ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "There is no wrap 'z'; there are auto, none, x, y, xy.",
        "x.json is no picture.",
        "All maps stay in step.",
        "Start Maya anew.",
        "What is missing and the command that mends it.",
        "Axes along which it shall repeat.",
        "Run again, it goes on where it was.",
        "0 takes EXIF's, else 60.",
        "X made nothing.",
        "The folder bad cannot be made: file exists.",
    ],
)
def test_translated_phrases_are_found(text: str) -> None:
    assert list(phrases_in("string", text))


@pytest.mark.parametrize(
    "text",
    [
        "Unknown wrap 'z'. Choose from: auto, none, x, y, xy.",
        "A wall made of brick.",
        "There are two engines.",
        "The job is no longer running.",
        "Maps are told apart by their names.",
        "Run step 2 in step 3.",
        "x.json is not an image.",
    ],
)
def test_honest_english_passes(text: str) -> None:
    assert not list(phrases_in("string", text))


if __name__ == "__main__":
    for wanted in sys.argv[1:] or AREAS:
        lines = findings(wanted)
        print(f"{wanted}: {len(lines) or 'nothing'} to fix", *lines, sep="\n  ")
