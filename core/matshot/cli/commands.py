"""The command line. It adds no image logic: every command calls a function of the package."""

from __future__ import annotations

import inspect
import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.table import Table

from matshot_host.tools import CONVERT, MULTIPLY, ONESHOT, PREVIEW, STYLE, TILE, TWOSHOT, UPSCALE, Tool

from .. import __version__
from ..errors import Cancelled, MatshotError

if TYPE_CHECKING:
    from ..image.types import Texture

app = typer.Typer(
    name="matshot",
    help="AI texture and material tools: local, fast, exact.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

FAILED, CANCELLED = 1, 130

#: What the help writes for values that are more than one word.
_METAVARS = {"tile": "X Y"}

Folder = Annotated[Path, typer.Option("--output", "-o", help="Folder that the material goes into.")]
Result = Annotated[Path, typer.Option("--output", "-o", help="A file for an image, else the folder for results.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]


def main() -> NoReturn:
    """Run the command line; every failure that can be foreseen is one sentence and exit code 1."""
    try:
        app()
    except MatshotError as error:
        _say(error.sentence, error.cause)
        sys.exit(FAILED)
    except Cancelled:
        Console(stderr=True).print("Cancelled.")
        sys.exit(CANCELLED)
    except MemoryError:
        _say("There is not enough memory; give the job a bound with --memory, or close other programs.")
        sys.exit(FAILED)
    sys.exit(0)


def _say(sentence: str, cause: str = "") -> None:
    Console(stderr=True, soft_wrap=True).print(f"[red]Error:[/] {escape(sentence)}", highlight=False)
    if cause:
        logging.getLogger("matshot").debug(cause)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"matshot {__version__}")
        raise typer.Exit


@app.callback()
def _all_commands(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say the cause of errors too.")] = False,
) -> None:
    handler = RichHandler(console=Console(stderr=True), show_time=False, show_path=False, show_level=False)
    logger = logging.getLogger("matshot")
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)


def options_of(table: Tool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a tool's table.

    The decorated function takes its own parameters by name and the table's as ``**chosen``.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.kind != p.VAR_KEYWORD]
        added = [
            inspect.Parameter(
                parameter.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=parameter.default,
                annotation=Annotated[
                    parameter.type,
                    typer.Option(
                        f"--{parameter.name}",
                        help=parameter.help,
                        show_default=bool(parameter.default) and not isinstance(parameter.default, tuple),
                        metavar="|".join(map(str, parameter.choices)) or _METAVARS.get(parameter.name),
                        rich_help_panel="Seldom needed" if parameter.advanced else "Options",
                    ),
                ],
            )
            for parameter in table.parameters
        ]
        command.__signature__ = inspect.Signature(own + added)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in own + added}
        command.__doc__ = table.help
        return command

    return decorate


@app.command()
@options_of(UPSCALE)
def upscale(
    inputs: Annotated[list[str], typer.Argument(metavar="IN...", help="Images, folders, or name.<UDIM>.exr.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A file, or the folder that results go into.")],
    as_json: AsJson = False,
    quiet: Quiet = False,
    **chosen: Any,
) -> None:
    """Filled in from the tool table."""
    from ..upscale import UpscaleOptions, upscale_all
    from ..upscale.files import FileOptions
    from .reporter import Reporter

    tool = {key: chosen.pop(key) for key in UpscaleOptions.__dataclass_fields__ if key in chosen}
    options, files = UpscaleOptions(**tool), FileOptions(**chosen)
    with Reporter(as_json=as_json, quiet=quiet) as reporter:
        outcome = upscale_all(inputs, output, options, files, progress=reporter.progress, report=reporter.report)
    reporter.summary(outcome)
    if outcome.failed:
        raise typer.Exit(FAILED)


@app.command()
@options_of(ONESHOT)
def oneshot(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A photograph, straight from above.")],
    output: Folder,
    as_json: AsJson = False,
    quiet: Quiet = False,
    **chosen: Any,
) -> None:
    """Filled in from the tool table."""
    _capture("oneshot", [photo], chosen, output, as_json, quiet)


@app.command()
@options_of(TWOSHOT)
def twoshot(
    flash: Annotated[Path, typer.Argument(metavar="FLASH", help="The photograph with flash, straight from above.")],
    ambient: Annotated[Path, typer.Argument(metavar="AMBIENT", help="The same place without flash.")],
    output: Folder,
    as_json: AsJson = False,
    quiet: Quiet = False,
    **chosen: Any,
) -> None:
    """Filled in from the tool table."""
    _capture("twoshot", [flash, ambient], chosen, output, as_json, quiet)


def _capture(
    tool: str, photographs: list[Path], chosen: dict[str, Any], output: Path, as_json: bool, quiet: bool
) -> None:
    from ..tools.assets import check_folder, delivered
    from ..tools.run import captured
    from .reporter import Reporter

    check_folder(output)
    with Reporter(as_json=as_json, quiet=quiet) as reporter:
        began = time.monotonic()
        material = captured(tool, photographs, chosen, reporter.progress)
        folder = delivered(material, output)
        reporter.delivered(material, folder, time.monotonic() - began)


@app.command()
@options_of(MULTIPLY)
def multiply(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An image or a material folder.")],
    output: Result,
    octaves: Annotated[
        Path | None, typer.Option("--octaves", help="Folder for a picture of every octave as it is done.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    **chosen: Any,
) -> None:
    """Filled in from the tool table."""
    _remake("multiply", [source], chosen, output, as_json, quiet, octaves)


@app.command()
@options_of(TILE)
def tile(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An image or a material folder.")],
    output: Result,
    as_json: AsJson = False,
    quiet: Quiet = False,
    **chosen: Any,
) -> None:
    """Filled in from the tool table."""
    _remake("tile", [source], chosen, output, as_json, quiet)


@app.command()
@options_of(STYLE)
def style(
    content: Annotated[Path, typer.Argument(metavar="CONTENT", help="What is shown: an image or a material folder.")],
    look: Annotated[Path, typer.Argument(metavar="STYLE", help="Whose look it gets: an image or a material folder.")],
    output: Result,
    as_json: AsJson = False,
    quiet: Quiet = False,
    **chosen: Any,
) -> None:
    """Filled in from the tool table."""
    _remake("style", [content, look], chosen, output, as_json, quiet)


def _remake(
    tool: str,
    inputs: list[Path],
    chosen: dict[str, Any],
    output: Path,
    as_json: bool,
    quiet: bool,
    octaves: Path | None = None,
) -> None:
    """Make results of what is read, and write each as that came as soon as it is made."""
    from ..image.writer import write_texture
    from ..tools.assets import targets, write_asset
    from ..tools.run import Remaking
    from .reporter import Reporter

    source = inputs[0]
    remaking = Remaking.of(tool, inputs, chosen)
    image = remaking.asset.image
    places = targets(source, output, remaking.asset, list(remaking.endings))
    with Reporter(as_json=as_json, quiet=quiet) as reporter:
        shown = 0

        def show(octave: Texture) -> None:
            nonlocal shown
            if octaves is not None:
                reporter.pictured(write_texture(octave, octaves / f"{source.stem}_octave_{shown:03d}.png"))
                shown += 1

        began = time.monotonic()
        for material, place in zip(remaking.made(reporter.progress, show), places, strict=True):
            reporter.delivered(material, write_asset(material, place, image=image), time.monotonic() - began)
            began = time.monotonic()


@app.command()
@options_of(CONVERT)
def convert(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="A material folder.")],
    output: Folder,
    as_json: AsJson = False,
    quiet: Quiet = False,
    **chosen: Any,
) -> None:
    """Filled in from the tool table."""
    from ..material.folder import load_material
    from ..tools.assets import Asset, targets
    from ..tools.convert import ConvertOptions, save_converted
    from ..tools.convert import convert as converted
    from .reporter import Reporter

    options = ConvertOptions(**chosen)
    material = load_material(source)
    (folder,) = targets(source, output, Asset(material, image=False), [""])
    with Reporter(as_json=as_json, quiet=quiet) as reporter:
        began = time.monotonic()
        made = converted(material, options, progress=reporter.progress)
        save_converted(made, folder, options)
        reporter.delivered(made, folder, time.monotonic() - began)


@app.command()
@options_of(PREVIEW)
def preview(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="A material folder or an image; several to compare them.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture.")],
    **chosen: Any,
) -> None:
    """Filled in from the tool table."""
    from ..image.writer import write_texture
    from ..shading.preview import preview as picture
    from ..shading.preview import variations_sheet
    from ..tools.assets import shown_material

    materials = [shown_material(path) for path in inputs]
    shown = picture(materials[0], **chosen) if len(materials) == 1 else variations_sheet(materials, **chosen)
    write_texture(shown, output)


@app.command()
def batch(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="IN... [OUT]", help="Folders, images, or name.<UDIM>.exr; at last where to.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder that mirrors what goes in, in place of OUT.")
    ] = None,
    tool: Annotated[str, typer.Option(help="Tool that everything goes through.")] = "upscale",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the tool; often.")
    ] = None,
    look: Annotated[Path | None, typer.Option(help="Whose look everything gets, for style.")] = None,
    workers: Annotated[int, typer.Option(help="Processes on this machine; 0 for half the processors.")] = 0,
    scheduler: Annotated[str, typer.Option(help="Address of a Dask cluster, tcp://..., instead.")] = "",
    memory: Annotated[str, typer.Option(help="That one run may hold, such as 4G.")] = "",
    seconds: Annotated[float, typer.Option("--time", help="Seconds that one run may take; 0 for any.")] = 0.0,
    part: Annotated[str, typer.Option("--slice", help="2/5 for the second of five slices of the library.")] = "1/1",
    rehash: Annotated[bool, typer.Option("--rehash", help="Read all inputs again, whatever their dates say.")] = False,
    openjd: Annotated[
        Path | None, typer.Option(help="Write an Open Job Description template for this, and do nothing.")
    ] = None,
    chunk: Annotated[int, typer.Option(help="Textures or materials of one of the template's tasks.")] = 100,
    farm: Annotated[bool, typer.Option("--farm", help="Tell progress as Open Job Description has it.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Whole libraries through one tool, on this machine or a cluster; run again, it goes on where it was."""
    from ..farm.batch import Batch, parameters_from, run_batch, target_of
    from ..farm.openjd import write_template
    from ..farm.units import slices
    from ..tools.run import tool_of
    from .batch_reporter import BatchReporter

    parameters = parameters_from(tool_of(tool), settings or [])
    if output is None:
        *inputs, output = target_of(inputs)
    asked = Batch(
        inputs, output, tool, parameters, look, slices(part), scheduler, workers, memory, seconds, rehash=rehash
    )
    if openjd is not None:
        tasks, paths = write_template(asked, openjd, chunk)
        given = "".join(f" -p {name}={path}" for name, path in paths.items())
        said = f"{openjd}: {tasks} tasks; to be run by: openjd run {openjd} --step Batch{given}"
        Console(stderr=True, soft_wrap=True, quiet=quiet).print(said, highlight=False, markup=False)
        return
    with BatchReporter(as_json=as_json, quiet=quiet, openjd=farm) as reporter:
        outcome = run_batch(asked, reporter)
    reporter.conclude(outcome)
    if outcome.failed:
        raise typer.Exit(FAILED)


@app.command(name="install")
def install_plugin(
    host: Annotated[str, typer.Argument(metavar="blender|maya|unreal", help="Program that gets the plug-in.")],
    version: Annotated[str, typer.Option(help="Of Blender, such as 4.5, or Maya, such as 2025.")] = "",
    into: Annotated[
        Path | None, typer.Option(help="Folder that plug-ins go into; the project's folder for Unreal.")
    ] = None,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Remove what was put there.")] = False,
) -> None:
    """Put the plug-in into Blender, Maya or an Unreal project, to work with this Python."""
    from ..hosts import install as installing

    console = Console(soft_wrap=True)
    if uninstall:
        for sentence in installing.uninstall(host, version, into):
            console.print(escape(sentence), highlight=False)
        return
    for path in installing.install(host, version, into):
        console.print(f"[green]done[/] {escape(str(path))}", highlight=False)
    console.print(installing.HOSTS[host].next, highlight=False)


@app.command()
def worker() -> None:
    """Serve a plug-in over standard input and output; plug-ins start this themselves."""
    from ..worker import main as serve

    serve()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen at; 127.0.0.1 is this machine alone.")] = None,
    port: Annotated[int | None, typer.Option(help="8765 if not given; 0 takes a free one.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder for uploads, jobs and results: matshot-service.")] = None,
    token: Annotated[
        str | None, typer.Option(help="That clients have to know; better set in the environment as MATSHOT_TOKEN.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://...", help="A Dask cluster that runs the jobs.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that run jobs; half the processors if 0.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with these settings and further ones.")] = None,
    upload: Annotated[str | None, typer.Option(metavar="512M", help="Largest upload.")] = None,
    pixels: Annotated[int | None, typer.Option(help="Pixels of the largest image that is taken.")] = None,
    queue: Annotated[int | None, typer.Option(help="Jobs that may wait or run.")] = None,
    seconds: Annotated[float | None, typer.Option(help="That one job may run; 0 for no bound.")] = None,
    memory: Annotated[str | None, typer.Option(metavar="8G", help="That one job may take.")] = None,
    quota: Annotated[str | None, typer.Option(metavar="50G", help="Of all uploads and results.")] = None,
    keep_days: Annotated[float | None, typer.Option(help="After which results are removed; 0 keeps them.")] = None,
) -> None:
    """Offer the tools as a web page and to programs; pip install 'matshot[service]'."""
    given = {name: value for name, value in locals().items() if name != "config"}
    from ..service.server import serve as serve_until_stopped
    from ..service.settings import settings

    console = Console(stderr=True, soft_wrap=True)
    serve_until_stopped(settings(config, given), lambda line: console.print(escape(line), highlight=False))


@app.command()
def models(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """List the models with licence, training data and measured quality."""
    from ..inference.cards import installed

    cards = list(installed())
    if as_json:
        for card in cards:
            shown = {k: v for k, v in vars(card).items() if k != "folder"}
            typer.echo(json.dumps(shown))
        return
    table = Table("model", "what it does", "quality (measured)", "trained on", "licence", "MB")
    for card in cards:
        size = card.path().stat().st_size / 1e6
        quality = "\n".join(f"{key}: {value}" for key, value in card.quality.items())
        data = "\n".join(card.training.get("data", []))
        table.add_row(card.name, card.summary, quality, data, card.license, f"{size:.1f}")
    Console().print(table)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Say what runs where: versions, providers, what is missing and the command that mends it."""
    from ..hosts.doctor import diagnosis

    found = diagnosis()
    if as_json:
        typer.echo(json.dumps([vars(finding) for finding in found]))
    else:
        table = Table("", "what", "found", "to mend it", box=None)
        for finding in found:
            mark = "[green]ok[/]" if finding.fine else "[red]no[/]" if finding.needed else "[yellow]--[/]"
            table.add_row(mark, finding.what, escape(finding.found), escape(finding.mend))
        Console(soft_wrap=True).print(table)
    if any(finding.needed and not finding.fine for finding in found):
        raise typer.Exit(FAILED)


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the pictures.")] = Path("matshot-demo"),
) -> None:
    """Photograph a surface of its own making, make a material of the two photographs, and enlarge that."""
    from .demo import demonstrate
    from .reporter import Reporter

    with Reporter() as reporter:
        made = demonstrate(output, progress=reporter.progress)
    console = Console(soft_wrap=True)
    for line in made:
        console.print(line, highlight=False)
