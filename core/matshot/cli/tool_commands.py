"""One command for each tool, made from its entry in the tool table."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from matshot_host.tools import Input, Parameter, Tool

from ..errors import MatshotError
from ..tools.registry import ToolEntry
from .option_words import in_options, option_name

#: Exit code of a command that failed.
FAILED = 1
#: What the help writes for a value of each type.
_METAVARS = {int: "INTEGER", float: "NUMBER", str: "TEXT"}
#: What the option ``--output`` takes, by the kind of a tool's outputs.
_OUTPUTS = {
    "material": "Output folder of the material.",
    "same": "Output file for an image, or output folder.",
    "picture": "Output file.",
}

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


def tool_command(entry: ToolEntry) -> Callable[..., None]:
    """The function of a tool's command: arguments for its inputs, options for its parameters."""
    table = entry.table

    def command(**values: Any) -> None:
        inputs: list[str] = []
        for one in table.inputs:
            value = values[_argument(one)]
            inputs += value if one.several else [value]
        if "" in inputs:
            raise MatshotError("The input is empty. Give a file or a folder.")
        for first, second in _pairs(table):
            if any(values[f"pair_{first.pair}"]):
                values[first.name], values[second.name] = values[f"pair_{first.pair}"]
        texts = {parameter.name: _typed(parameter, values[parameter.name]) for parameter in table.parameters}
        parameters = table.check(texts, {parameter.name: option_name(parameter.name) for parameter in table.parameters})
        from ..tools.store import deliver
        from .reporter import Reporter

        with Reporter(as_json=values["as_json"], quiet=values["quiet"], tool=table) as reporter:
            output = values["output"] or Path(inputs[0])
            try:
                complete = deliver(entry, inputs, output, parameters, reporter, values.get("octaves"))
            except MatshotError as error:
                raise MatshotError(in_options(error.sentence, table), error.cause) from error
        if not complete:
            raise typer.Exit(FAILED)

    arguments = [_input(one) for one in table.inputs]
    if entry.in_place:
        place = typer.Option("--output", "-o", help=f"{_OUTPUTS[table.result]} Default: the input itself.")
        options = [_keyword("output", Annotated[Path | None, place], None)]
    else:
        place = typer.Option("--output", "-o", help=_OUTPUTS[table.result])
        options = [_keyword("output", Annotated[Path, place], inspect.Parameter.empty)]
    if entry.octaves:
        folder = typer.Option("--octaves", help="Folder for a picture of each octave when it is done.")
        options.append(_keyword("octaves", Annotated[Path | None, folder], None))
    options += [_pair_option(*pair) for pair in _pairs(table)]
    options += [_keyword("as_json", AsJson, False), _keyword("quiet", Quiet, False)]
    signature = inspect.Signature([*arguments, *options, *map(_option, table.parameters)])
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
    command.__name__, command.__doc__ = table.name, table.help
    return command


def _pairs(table: Tool) -> list[tuple[Parameter, Parameter]]:
    """Parameters that one option takes two by two."""
    following = zip(table.parameters, table.parameters[1:], strict=False)
    return [(first, second) for first, second in following if first.pair]


def _pair_option(first: Parameter, second: Parameter) -> inspect.Parameter:
    metavar = f"{first.name.upper()} {second.name.upper()}"
    words = f"{first.label} and {second.label[0].lower()}{second.label[1:]} in one option."
    option = typer.Option(f"--{first.pair}", help=words, show_default=False, metavar=metavar)
    return _keyword(f"pair_{first.pair}", Annotated[tuple[str, str], option], ("", ""))


def _argument(one: Input) -> str:
    """Name of an input as a function's argument, apart from those of parameters."""
    return f"input_{one.name}"


def _input(one: Input) -> inspect.Parameter:
    metavar = f"{one.name.upper()}..." if one.several else one.name.upper()
    kind: Any = list[str] if one.several else str
    return _keyword(
        _argument(one), Annotated[kind, typer.Argument(metavar=metavar, help=one.help)], inspect.Parameter.empty
    )


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(parameter: Parameter) -> inspect.Parameter:
    """The option of a parameter. Values stay texts, so that what is wrong with them is said by the tool table."""
    count = len(parameter.parts)
    kind: Any = bool if parameter.type is bool else str
    if count:
        kind = types.GenericAlias(tuple, (str,) * count)
    default = parameter.default
    if count:
        default = tuple(map(str, default))
    elif kind is str:
        default = str(default)
    metavar = (
        "|".join(map(str, parameter.choices))
        or ("PATH" if parameter.file else "")
        or _METAVARS.get(parameter.type)
        or " ".join(["N"] * count)
    )
    names = [option_name(name) for name in (parameter.name, parameter.alias) if name]
    if "_" in parameter.name:
        names.append(f"--{parameter.name}")
    option = typer.Option(
        *names,
        help=parameter.help,
        show_default=bool(parameter.default) and not count,
        metavar=metavar if kind is not bool else None,
        rich_help_panel="Advanced" if parameter.advanced else "Options",
    )
    return _keyword(parameter.name, Annotated[kind, option], default)


def _typed(parameter: Parameter, value: Any) -> Any:
    """What an option's texts stand for."""
    if isinstance(value, str):
        return parameter.parse(value)
    return parameter.parse(",".join(value)) if parameter.parts else value


def add_tool_commands(app: typer.Typer, entries: tuple[ToolEntry, ...]) -> None:
    """Give a command line one command for each tool."""
    for entry in entries:
        app.command(entry.table.name)(tool_command(entry))
