"""The command line. It adds no image logic: every command calls a function of the package."""

from __future__ import annotations

import json
import logging
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.table import Table

from matshot_host.tools import tool as table_of

from .. import __version__
from ..errors import Cancelled, MatshotError
from ..tools.registry import ENTRIES
from .tool_commands import FAILED, AsJson, Quiet, add_tool_commands

app = typer.Typer(
    name="matshot",
    help="AI texture and material tools: local, fast, exact.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

#: Exit code of a command that was interrupted, as shells have it.
CANCELLED = 130
#: Exit code of a command that the system ended, as shells have it.
TERMINATED = 143

#: What typer raises for a command line that it does not understand; it has no public name for it.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def main() -> NoReturn:
    """Run the command line; every failure that can be foreseen is one sentence and exit code 1."""
    signal.signal(signal.SIGTERM, _end)
    code: object = 0
    try:
        code = typer.main.get_command(app).main(prog_name="matshot", standalone_mode=False)
    except _UsageError as error:
        if sentence := _usage_sentence(error):
            _print_error(sentence)
        sys.exit(FAILED)
    except typer.Abort:
        Console(stderr=True).print("Cancelled.")
        sys.exit(CANCELLED)
    except MatshotError as error:
        _print_error(error.sentence, error.cause)
        sys.exit(FAILED)
    except Cancelled:
        Console(stderr=True).print("Cancelled.")
        sys.exit(CANCELLED)
    except MemoryError:
        _print_error("Out of memory. Set a limit with --memory, or close other programs.")
        sys.exit(FAILED)
    sys.exit(code if isinstance(code, int) else 0)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """End on request of the system as after an error, so that nothing half-written is left."""
    raise SystemExit(TERMINATED)


def _usage_sentence(error: Exception) -> str:
    """What is wrong with a command line and what helps; empty where the help was printed."""
    sentence = str(error.format_message()).strip().rstrip(".")  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "matshot"
    end = "" if sentence.endswith("?") else "."
    return f"{sentence}{end} See: {command} --help" if sentence else ""


def _print_error(sentence: str, cause: str = "") -> None:
    Console(stderr=True, soft_wrap=True).print(f"[red]Error:[/] {escape(sentence)}", highlight=False)
    if cause:
        logging.getLogger("matshot").debug(cause)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"matshot {__version__}")
        raise typer.Exit


@app.callback()
def _all_commands(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also print the causes of errors.")] = False,
) -> None:
    handler = RichHandler(console=Console(stderr=True), show_time=False, show_path=False, show_level=False)
    logger = logging.getLogger("matshot")
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)


add_tool_commands(app, ENTRIES)


@app.command()
def batch(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="IN... [OUT]", help="Folders, images, or name.<UDIM>.exr; output folder last."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Output folder, instead of OUT; mirrors the inputs.")
    ] = None,
    tool: Annotated[str, typer.Option(help="Tool to run on every input.")] = "upscale",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a tool parameter (repeatable).")
    ] = None,
    look: Annotated[
        Path | None, typer.Option(help="Image or material folder whose look is applied, for the tool style.")
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Worker processes on this machine. Default: half the processors.", show_default=False)
    ] = 0,
    scheduler: Annotated[
        str, typer.Option(metavar="tcp://...", help="Address of a Dask cluster to use instead of this machine.")
    ] = "",
    memory: Annotated[str, typer.Option(metavar="4G", help="Memory limit per job, such as 4G.")] = "",
    seconds: Annotated[
        float, typer.Option("--time", help="Time limit per job in seconds. Default: none.", show_default=False)
    ] = 0.0,
    part: Annotated[
        str, typer.Option("--slice", metavar="K/N", help="Part of the inputs: 2/5 is the second of five slices.")
    ] = "1/1",
    rehash: Annotated[
        bool, typer.Option("--rehash", help="Compare inputs by content, even if their dates are unchanged.")
    ] = False,
    openjd: Annotated[
        Path | None, typer.Option(help="Write an Open Job Description template to this file instead of running.")
    ] = None,
    chunk: Annotated[int, typer.Option(help="Images or materials per task of the template.")] = 100,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Show the workers on a page of their own, for this machine only.")
    ] = False,
    farm: Annotated[bool, typer.Option("--farm", help="Report progress to Open Job Description.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run one tool on whole libraries, on this machine or a cluster. Rerun to resume."""
    from ..farm.batch import Batch, run_batch, target_of
    from ..farm.openjd import write_template
    from ..farm.units import slices
    from .batch_reporter import BatchReporter

    if "" in inputs:
        raise MatshotError("An input is empty. Give files or folders.")
    table = table_of(tool)
    parameters = table.parse(settings or [])
    places = [Path(one) for one in inputs]
    if output is None:
        *places, output = target_of(places)
    request = Batch(
        places, output, tool, parameters, look, slices(part), scheduler, workers, memory, seconds, rehash=rehash,
        dashboard=dashboard,
    )  # fmt: skip
    if openjd is not None:
        tasks, paths = write_template(request, openjd, chunk)
        arguments = "".join(f" -p {name}={path}" for name, path in paths.items())
        line = f"Wrote {openjd} ({tasks} tasks). Run it with: openjd run {openjd} --step Batch{arguments}"
        Console(stderr=True, soft_wrap=True, quiet=quiet).print(line, highlight=False, markup=False)
        return
    with BatchReporter(as_json=as_json, quiet=quiet, openjd=farm, tool=table) as reporter:
        outcome = run_batch(request, reporter)
    reporter.conclude(outcome)
    if outcome.failed:
        raise typer.Exit(FAILED)


@app.command(name="install")
def install_plugin(
    host: Annotated[
        str, typer.Argument(metavar="blender|maya|unreal|comfyui", help="Program to install the plug-in into.")
    ],
    version: Annotated[
        str, typer.Option(help="Version of Blender, such as 4.5, or Maya, such as 2025. Default: the newest found.")
    ] = "",
    into: Annotated[
        Path | None,
        typer.Option(help="Plug-in folder; for Unreal the project, for ComfyUI its own. Default: the program's own."),
    ] = None,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Remove the plug-in.")] = False,
) -> None:
    """Install the plug-in for Blender, Maya, an Unreal project or ComfyUI; it runs Matshot with this Python."""
    from ..hosts import install as installing

    console = Console(soft_wrap=True)
    if uninstall:
        for sentence in installing.uninstall(host, version, into):
            console.print(escape(sentence), highlight=False)
        return
    for path in installing.install(host, version, into, typer.echo):
        console.print(f"[green]Installed[/] {escape(str(path))}", highlight=False)
    console.print(installing.HOSTS[host].next_step, highlight=False)


@app.command()
def worker() -> None:
    """Run jobs for a plug-in over standard input and output. Plug-ins start this themselves."""
    from ..worker import main as serve_host

    serve_host()


# Rich takes square brackets for markup unless they are escaped.
@app.command(help="Serve the tools as a web page and an HTTP API. Requires: pip install 'matshot\\[service]'")
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1, this machine only.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one. Default: 8765.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder for uploads, jobs and outputs. Default: matshot-service.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="Token that clients must send. Safer in the environment variable MATSHOT_TOKEN."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://...", help="Address of a Dask cluster that runs the jobs.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes on this machine. Default: half the processors.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with these settings and more.")] = None,
    upload: Annotated[str | None, typer.Option(metavar="512M", help="Size limit per upload.")] = None,
    pixels: Annotated[int | None, typer.Option(help="Pixel limit per image.")] = None,
    queue: Annotated[int | None, typer.Option(help="Limit of waiting and running jobs.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Time limit per job in seconds; 0 for none.")] = None,
    memory: Annotated[str | None, typer.Option(metavar="8G", help="Memory limit per job.")] = None,
    quota: Annotated[str | None, typer.Option(metavar="50G", help="Total storage quota.")] = None,
    keep_days: Annotated[float | None, typer.Option(help="Days that outputs are kept; 0 keeps them forever.")] = None,
    dashboard: Annotated[
        bool | None, typer.Option("--dashboard", help="Show the workers on a page of their own, for this machine only.")
    ] = None,
) -> None:
    """Serve the tools until stopped."""
    chosen = {name: value for name, value in locals().items() if name != "config"}
    from ..service.server import serve as serve_until_stopped
    from ..service.settings import settings

    console = Console(stderr=True, soft_wrap=True)
    serve_until_stopped(settings(config, chosen), lambda line: console.print(escape(line), highlight=False))


@app.command()
def models(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False) -> None:
    """List the installed models with license, training data and measured quality."""
    from ..inference.cards import installed_models

    cards = list(installed_models())
    if as_json:
        for card in cards:
            typer.echo(json.dumps({name: value for name, value in vars(card).items() if name != "folder"}))
        return
    table = Table("Model", "Purpose", "Measured quality", "Trained on", "License", "MB")
    for card in cards:
        size = card.path().stat().st_size / 1e6
        quality = "\n".join(figure_in_words(key, value) for key, value in card.quality.items())
        data = "\n".join(card.training.get("data", []))
        table.add_row(card.name, card.summary, quality, data, card.license, f"{size:.1f}")
    Console().print(table)


#: What figures on cards are called, by words of their keys.
_FIGURE_WORDS = {
    "psnr": "PSNR", "psnr y": "PSNR-Y", "st lpips vgg": "ST-LPIPS", "mean angular error": "mean angular error",
    "spearman with vgg16": "rank correlation with VGG-16",
}  # fmt: skip
_FIGURE_UNITS = {"db": " dB", "degrees": "\u00b0"}


def figure_in_words(key: str, value: object) -> str:
    """A figure of a model card in words, such as ``PSNR-Y: 30.2 dB`` or ``PSNR-Y of bicubic: 29.5 dB``."""
    if key == "measured_on":
        return f"On {value}"
    key, _, peer = key.partition("_of_")
    name, unit = key, ""
    for ending, written in _FIGURE_UNITS.items():
        if key.endswith(f"_{ending}"):
            name, unit = key.removesuffix(f"_{ending}"), written
    words = name.replace("_", " ")
    words = _FIGURE_WORDS.get(words, words)
    words = f"{words} of {peer.replace('_', ' ')}" if peer else words
    return f"{words[:1].upper()}{words[1:]}: {value}{unit}"


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    devices: Annotated[bool, typer.Option("--devices", help="Measure every network on every device again.")] = False,
) -> None:
    """Report versions and devices, what is missing, and how to fix it."""
    from ..hosts.doctor import diagnosis

    findings = diagnosis(devices)
    if as_json:
        typer.echo(json.dumps([vars(finding) for finding in findings]))
    else:
        table = Table("", "Subject", "State", "How to fix it", box=None)
        for finding in findings:
            mark = "[green]ok[/]" if finding.ok else "[red]no[/]" if finding.required else "[yellow]--[/]"
            table.add_row(mark, finding.subject, escape(finding.state), escape(finding.fix))
        Console(soft_wrap=True).print(table)
    if any(finding.required and not finding.ok for finding in findings):
        raise typer.Exit(FAILED)


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Output folder.")] = Path("matshot-demo"),
) -> None:
    """Photograph a generated surface, make a material from the photographs, then multiply and upscale it."""
    from .demo import demonstrate
    from .reporter import Reporter

    with Reporter() as reporter:
        lines = demonstrate(output, progress=reporter.progress)
    console = Console(soft_wrap=True)
    for line in lines:
        console.print(line, highlight=False)
