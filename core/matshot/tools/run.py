"""A tool run by its name, on files, into a folder: what the worker and other machines' faces need.

A run writes into a folder of its own. Only when it is whole are its results moved to where they are wanted, under
names that are free there, so that nothing is overwritten and nothing half-done is left, whatever ends the run.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

from matshot_host.tools import TOOLS, Parameter, Tool

from ..errors import MatshotError
from ..progress import Listener, Progress

if TYPE_CHECKING:
    from ..image.types import Texture
    from ..material.types import Material
    from ..upscale import UpscaleOptions
    from ..upscale.files import Upscaled
    from .assets import Asset
    from .convert import ConvertOptions

#: What is told of a picture of something that is not done yet.
Pictured = Callable[[Path], None]

#: Parameters that say how a source is read, not what is done to it.
_READING = {"multiply": ("kind", "normal"), "tile": ("kind", "normal"), "style": ("wrap", "kind", "normal")}
#: No parameter is as large, and no value is quoted beyond so many characters.
_LARGE, _LONGEST = 1e18, 60
#: Suffix of what is being moved.
_PARTIAL = ".partial"


@dataclass(frozen=True)
class Made:
    """One result.

    Attributes:
        kind: ``image`` or ``material``.
        path: of the file, or the material's folder.
        preview: picture of at most 512 pixels a side; None where there is none.
        width: in pixels.
        height: in pixels.
        wrap: axes on which it repeats.
        source: input that it was made of, empty if that is not one file.
        notes: sentences for the artist.
    """

    kind: str
    path: Path
    preview: Path | None
    width: int
    height: int
    wrap: str
    source: str = ""
    notes: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**asdict(self), "path": str(self.path), "preview": str(self.preview or ""), "notes": list(self.notes)}


@dataclass(frozen=True)
class Run:
    """What a tool is asked to do.

    Attributes:
        tool: its name.
        inputs: paths in the order of the tool's inputs, or ``{"path", "kind", "normal"}`` of what is upscaled.
        parameters: of the tool.
        folder: for the results, and for what lies about while they are made.
        output: where results go when they are whole; None leaves them in the folder.
        form: parameters of ``convert`` in which materials are wanted; empty for the form that they are made in.
    """

    tool: str
    inputs: Sequence[str | Mapping[str, str]]
    parameters: Mapping[str, Any]
    folder: Path
    output: Path | None = None
    form: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ran:
    """What became of it.

    Attributes:
        results: in the order they were made.
        failures: sentences about files that failed while others did not.
    """

    results: tuple[Made, ...]
    failures: tuple[str, ...] = ()


def run(asked: Run, *, progress: Listener | None = None, pictured: Pictured | None = None) -> Ran:
    """Run a tool.

    Args:
        asked: what to do.
        progress: told ``(fraction, stage)``; may raise ``Cancelled``.
        pictured: told of pictures of what is not done yet.

    Raises:
        MatshotError: for what the tool refuses, and when results cannot be written.
        Cancelled: when the listener says so.
    """
    table = tool_of(asked.tool)
    parameters = checked(table, asked.parameters)
    paths = _paths(table, asked.inputs)
    whole = Progress(progress)
    results = asked.folder / "results"
    shutil.rmtree(results, ignore_errors=True)
    _make(results)
    if asked.output is not None:
        from .assets import check_folder

        check_folder(asked.output)
    if table.name == "upscale":
        ran = _upscaled(asked, parameters, results, whole.part(0.0, 0.98))
    else:
        ran = Ran(tuple(_made(asked, table, paths, parameters, results, whole.part(0.0, 0.98), pictured)))
    if asked.output is not None:
        whole(0.98, "delivering")
        ran = replace(ran, results=tuple(_moved(ran.results, results, asked.output)))
    whole(1.0)
    return ran


def checked(table: Tool, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with the types that the tool's table states.

    Raises:
        MatshotError: for one that the tool does not have, or that is of another type.
    """
    known = {parameter.name: parameter for parameter in table.parameters}
    for name in parameters:
        if name not in known:
            raise MatshotError(f"{table.title} has no parameter {name!r}; there are {', '.join(known)}.")
    return {name: _typed(known[name], value) for name, value in parameters.items()}


def _typed(parameter: Parameter, value: Any) -> Any:
    wanted = parameter.type
    if get_origin(wanted) is tuple:
        parts = get_args(wanted)
        if not isinstance(value, list | tuple) or len(value) != len(parts) or not all(map(_is_number, value)):
            raise MatshotError(f"{parameter.label} is {len(parts)} numbers, not {_short(value)}.")
        return tuple(part(number) for part, number in zip(parts, value, strict=True))
    if wanted is float and _is_number(value):
        return float(value)
    if wanted is int and _is_number(value) and float(value).is_integer():
        return int(value)
    if wanted in (str, bool) and isinstance(value, wanted):
        return value
    names = {str: "a text", bool: "on or off", int: "a whole number", float: "a number"}
    raise MatshotError(f"{parameter.label} is {names[wanted]}, not {_short(value)}.")


def _short(value: object) -> str:
    """A value as a sentence can hold it."""
    if isinstance(value, int) and abs(value) >= _LARGE:
        return "one of so many digits"
    said = repr(value)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."


def _is_number(value: object) -> bool:
    """Whether it is a number that is finite, and small enough to be another type's, too."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGE


def tool_of(name: str) -> Tool:
    """The tool of that name.

    Raises:
        MatshotError: when there is none.
    """
    for candidate in TOOLS:
        if candidate.name == name:
            return candidate
    raise MatshotError(f"There is no tool {name!r}; there are {', '.join(one.name for one in TOOLS)}.")


def _paths(table: Tool, inputs: Sequence[str | Mapping[str, str]]) -> list[Path]:
    several = any(one.several for one in table.inputs)
    if not inputs or (not several and len(inputs) != len(table.inputs)):
        wanted = ", ".join(one.title.lower() for one in table.inputs)
        raise MatshotError(f"{table.title} needs {wanted}, not {len(inputs)} files.")
    paths = [Path(one["path"] if isinstance(one, Mapping) else one) for one in inputs]
    for path in paths:
        if not str(path).strip(".") or ("<UDIM>" not in path.name and not path.exists()):
            raise MatshotError(f"{path} does not exist.")
    return paths


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise MatshotError(f"The folder {folder} cannot be made: {(error.strerror or str(error)).lower()}.") from error


def _upscaled(asked: Run, parameters: dict[str, Any], results: Path, progress: Progress) -> Ran:
    """Every input enlarged, each in a folder of its own, since files of one name may come from several places."""
    from ..upscale import UpscaleOptions, upscale_all
    from ..upscale.files import FileOptions

    own = UpscaleOptions.__dataclass_fields__
    options = UpscaleOptions(**{name: value for name, value in parameters.items() if name in own})
    stored = {name: value for name, value in parameters.items() if name not in own}
    made: list[Made] = []
    failures: list[str] = []
    options = _common_wrap(asked.inputs, options)
    for index, one in enumerate(asked.inputs):
        told = {"path": one} if isinstance(one, str) else dict(one)
        place = results / str(index)
        _make(place)
        known = {name: told[name] for name in ("kind", "normal") if told.get(name)}
        files = FileOptions(**{**stored, **known})
        source = Path(told["path"])
        part = progress.part(index / len(asked.inputs), (index + 1) / len(asked.inputs), source.name)
        # A material is named for its folder, so it gets one of its own name.
        target = place / (source.resolve().name or "material") if source.is_dir() else place
        outcome = upscale_all([source], target, options, files, progress=part)
        failures += [error.sentence for _, error in outcome.failed]
        if not source.is_dir():
            made += [_enlarged_image(done) for done in outcome.done]
        elif outcome.done:
            made.append(_enlarged_folder(source, target, outcome.done))
    if not made:
        raise MatshotError(failures[0])
    return Ran(tuple(made), tuple(failures))


def _common_wrap(inputs: Sequence[str | Mapping[str, str]], options: UpscaleOptions) -> UpscaleOptions:
    """Maps of one size that are enlarged together are of one material, and repeat alike."""
    from ..image.reader import image_size
    from ..upscale.files import common_wrap

    told = [{"path": one} if isinstance(one, str) else dict(one) for one in inputs]
    files = [Path(one["path"]) for one in sorted(told, key=lambda one: one.get("kind", "color") != "color")]
    if options.wrap != "auto" or len(files) < 2 or not all(file.is_file() for file in files):
        return options
    try:
        alike = len({image_size(file) for file in files}) == 1
    except MatshotError:
        return options
    return replace(options, wrap=common_wrap(files)) if alike else options  # type: ignore[arg-type]


def _enlarged_image(done: Upscaled) -> Made:
    picture = _picture_of(done.target, done.target)
    return Made("image", done.target, picture, done.width, done.height, done.wrap, str(done.source), done.notes)


def _enlarged_folder(source: Path, folder: Path, done: Sequence[Upscaled]) -> Made:
    first = done[0]
    shown = next((one for one in done if any(note.startswith("basecolor of") for note in one.notes)), first)
    notes = tuple(dict.fromkeys(note for one in done for note in one.notes))
    picture = _picture_of(shown.target, folder)
    return Made("material", folder, picture, first.width, first.height, first.wrap, str(source), notes)


def _made(
    asked: Run,
    table: Tool,
    paths: list[Path],
    parameters: dict[str, Any],
    results: Path,
    progress: Progress,
    pictured: Pictured | None,
) -> Iterator[Made]:
    """What a tool makes that works on materials in memory."""
    from ..shading.thumbnail import write_picture

    form = _conversion(asked.form) if asked.form else None
    if table.name == "preview":
        yield _sheet(paths, parameters, results)
    elif table.name == "convert":
        from ..material.folder import load_material

        material = load_material(paths[0])
        target = results / _file_name(material.name)
        yield _stored(material, target, False, _conversion(parameters), str(paths[0]))
    elif table.name in ("oneshot", "twoshot"):
        material = captured(table.name, paths, parameters, progress.part(0.0, 0.9))
        yield _stored(material, results / _file_name(material.name), False, form, str(paths[0]))
    else:
        shown = 0

        def show(octave: Texture) -> None:
            nonlocal shown
            if pictured is not None:
                # Names change, for hosts keep pictures of one name in a cache.
                pictured(write_picture(octave, asked.folder / f"octave{shown}.png"))
                shown += 1

        remaking = Remaking.of(table.name, paths, parameters)
        name = _file_name(paths[0].stem if remaking.asset.image else remaking.asset.material.name)
        for ending, material in zip(remaking.endings, remaking.made(progress.part(0.0, 0.9), show), strict=True):
            target = results / f"{name}{ending}"
            if remaking.asset.image:
                target = target.with_name(f"{target.name}{remaking.suffix(paths[0])}")
            yield _stored(material, target, remaking.asset.image, form, str(paths[0]))


def captured(tool: str, photographs: Sequence[Path], parameters: Mapping[str, Any], progress: Listener) -> Material:
    """The material of a capture tool.

    Args:
        tool: ``oneshot`` or ``twoshot``.
        photographs: one, or two: with flash and without.
        parameters: of the tool.
        progress: told ``(fraction, stage)``; may raise ``Cancelled``.

    Raises:
        MatshotError: for what the tool refuses.
        Cancelled: when the listener says so.
    """
    if tool == "oneshot":
        from ..capture.oneshot import OneShotOptions, oneshot

        return oneshot(photographs[0], OneShotOptions(**parameters), progress=progress)
    from ..capture.twoshot import TwoShotOptions, twoshot

    return twoshot(photographs[0], photographs[1], TwoShotOptions(**parameters), progress=progress)


@dataclass(frozen=True)
class Remaking:
    """An image or a material of which multiply, tile or style makes others.

    Attributes:
        asset: that was read.
        endings: of the results' names, one for each.
        made: makes the results, one by one, telling of progress and of each octave that is done.
    """

    asset: Asset
    endings: tuple[str, ...]
    made: Callable[[Listener, Callable[[Texture], None] | None], Iterator[Material]]

    @classmethod
    def of(cls, tool: str, inputs: Sequence[Path], parameters: Mapping[str, Any]) -> Remaking:
        """Read what a tool is given, and refuse what it cannot do.

        Raises:
            MatshotError: for parameters that do not exist, and for what cannot be read.
        """
        from .assets import read_asset

        names = _READING[tool]
        reading = {name: value for name, value in parameters.items() if name in names}
        own = {name: value for name, value in parameters.items() if name not in names}
        if tool == "multiply":
            from ..synthesis.multiply import MultiplyOptions, variations

            many = MultiplyOptions(**own)
            asset = read_asset(inputs[0], **reading)
            endings = tuple(f"_{many.seed + number}" for number in range(many.count)) if many.count > 1 else ("",)
            return cls(asset, endings, lambda told, shown: variations(asset.material, many, progress=told, shown=shown))
        if tool == "tile":
            from ..synthesis.tile import TileOptions, tile

            seam = TileOptions(**own)
            asset = read_asset(inputs[0], **reading)
            return cls(asset, ("",), lambda told, _: iter([tile(asset.material, seam, progress=told)]))
        from ..synthesis.style import StyleOptions, style

        look = StyleOptions(**own)
        asset = read_asset(inputs[0], **reading)
        other = read_asset(inputs[1], wrap="auto").material
        return cls(asset, ("",), lambda told, _: iter([style(asset.material, other, look, progress=told)]))

    def suffix(self, source: Path) -> str:
        """Of a result that is an image: the source's, if it can be written."""
        from ..image.formats import WRITABLE

        return source.suffix if source.suffix.lower() in WRITABLE else ".png"


def _conversion(parameters: Mapping[str, Any]) -> ConvertOptions:
    from .convert import ConvertOptions

    return ConvertOptions(**checked(tool_of("convert"), parameters))


def _stored(material: Material, target: Path, image: bool, form: ConvertOptions | None, source: str) -> Made:
    from .assets import write_asset

    if image or form is None:
        write_asset(material, target, image=image)
    else:
        from .convert import convert, save_converted

        material = convert(material, form)
        save_converted(material, target, form)
    if image:
        notes = tuple(material.parameters.get("notes", ()))
        picture = _picture_of(target, target)
        return Made("image", target, picture, material.width, material.height, material.wrap, source, notes)
    return _made_material(material, target, source)


def _made_material(material: Material, folder: Path, source: str) -> Made:
    from ..shading.thumbnail import thumbnail, write_picture

    picture = write_picture(thumbnail(material), folder.with_name(f"{folder.name}.preview.png"))
    notes = tuple(material.parameters.get("notes", ()))
    return Made("material", folder, picture, material.width, material.height, material.wrap, source, notes)


def _sheet(paths: Sequence[Path], parameters: Mapping[str, Any], results: Path) -> Made:
    from ..image.writer import write_texture
    from ..shading.preview import preview, variations_sheet
    from .assets import shown_material

    materials = [shown_material(path) for path in paths]
    shown = preview(materials[0], **parameters) if len(materials) == 1 else variations_sheet(materials, **parameters)
    picture = write_texture(shown, results / f"{_file_name(materials[0].name)}_preview.png")
    return Made("image", picture, picture, shown.width, shown.height, "none")


def _picture_of(file: Path, beside: Path) -> Path | None:
    """A small picture of an image, beside a result, if it can be read once more."""
    from ..shading.thumbnail import file_thumbnail, is_thumbnail, write_picture

    picture = beside.with_name(f"{beside.stem}.preview.png")
    try:
        if is_thumbnail(file):
            # File systems without links get a copy, as larger images do.
            with contextlib.suppress(OSError):
                picture.hardlink_to(file)
                return picture
        return write_picture(file_thumbnail(file), picture)
    except MatshotError:
        return None


def _file_name(name: str) -> str:
    """A material's name as a file may have it on every system."""
    return re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", name).strip(" .") or "material"


def _moved(made: Sequence[Made], results: Path, output: Path) -> Iterator[Made]:
    """Results where they are wanted. Tiles of one UDIM set keep a common name, so that they stay a set.

    Raises:
        MatshotError: when the folder cannot be written; what was moved before stays, and is whole.
    """
    if not output.is_dir():
        _make(output)
    names: dict[tuple[Path, str], str] = {}
    for one in made:
        base, rest = _parted(one)
        key = (one.path.parent, base)
        if key not in names:
            together = [_parted(other)[1] for other in made if (other.path.parent, _parted(other)[0]) == key]
            names[key] = _free_base(output, base, together)
        target = output / f"{names[key]}{rest}"
        _move(one.path, target)
        yield replace(one, path=target)


def _parted(one: Made) -> tuple[str, str]:
    """A result's name, and what has to follow it: the number of a UDIM tile and the suffix."""
    if one.kind == "material":
        return one.path.name, ""
    found = re.fullmatch(r"(.+?)([._]1\d{3})?(\.[^.]+)", one.path.name)
    assert found is not None
    return found[1], f"{found[2] or ''}{found[3]}"


def _free_base(output: Path, base: str, rests: Sequence[str]) -> str:
    number, name = 1, base
    while any((output / f"{name}{rest}").exists() for rest in rests):
        number += 1
        name = f"{base}_{number}"
    return name


def _move(source: Path, target: Path) -> None:
    """Move a file or folder, also to another disk; the target appears when it is whole."""
    try:
        source.rename(target)
        return
    except OSError:
        pass  # on another disk, or not allowed: the copy tells
    partial = target.with_name(f".{uuid.uuid4().hex}{_PARTIAL}")
    try:
        if source.is_dir():
            shutil.copytree(source, partial)
        else:
            shutil.copyfile(source, partial)
        partial.rename(target)
    except OSError as error:
        raise MatshotError(f"{target} could not be written: {(error.strerror or str(error)).lower()}.") from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
