"""``matshot-export``: train networks and turn them into models."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from matshot.errors import MatshotError
from matshot.inference.cards import SHIPPED

from . import recipes

if TYPE_CHECKING:
    from .queue import Turn

#: The queue that comes with the package.
QUEUE = Path(__file__).parent / "queue.toml"

#: The one for a GPU.
GPU = Path(__file__).parent / "gpu.toml"

app = typer.Typer(name="matshot-export", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Runs = Annotated[Path, typer.Option("--runs", help="Folder of training runs.")]


def _unpacked(context: typer.Context, data: Path) -> Path:
    """The data folder, or a temporary one with what the packs in it hold, until the command ends."""
    from .packs import training_folder

    return context.with_resource(training_folder(data))


Data = Annotated[
    Path,
    typer.Option("--data", help="Folder with materials/ and photos/, or with their packs.", callback=_unpacked),
]


Steps = Annotated[int, typer.Option("--steps", help="Instead of the recipe's; 0 keeps those.")]
Minutes = Annotated[
    float, typer.Option("--minutes", help="End the schedule after so many minutes. Default: 0, no limit.")
]
CallMinutes = Annotated[
    float, typer.Option("--call-minutes", help="End this call after so many minutes; rerun to resume. 0: no limit.")
]
Batch = Annotated[int, typer.Option("--batch", help="Patches a step, such as 256 on a GPU. Default: 0, the recipe's.")]
Patch = Annotated[int, typer.Option("--patch", help="Side of a patch, such as 64 on a GPU. Default: 0, the recipe's.")]
Processor = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Threads = Annotated[int, typer.Option("--threads", help="CPU threads; 0 for torch's choice.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint.")]
Even = Annotated[bool, typer.Option("--even", help="The network for photographs without flash: relief_even.")]
Models = Annotated[Path, typer.Option("--models", help="Folder that models go into.")]
#: The relief network for photographs with flash, and for those without.
_RELIEF = ("relief", "relief_even")


def main() -> NoReturn:
    """Run the command line; what can be foreseen is one sentence and exit code 1."""
    try:
        app()
    except (MatshotError, ValueError, ArithmeticError, OSError) as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(1)
    sys.exit(0)


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="A recipe's name, or a .toml file.")],
    data: Data,
    runs: Runs = Path("runs"),
    steps: Steps = 0,
    minutes: Minutes = 0.0,
    batch: Batch = 0,
    patch: Patch = 0,
    device: Processor = "auto",
    threads: Threads = 0,
    resume: Resume = False,
) -> None:
    """Train a network; writes a log, pictures, checkpoints and the averaged weights to RUNS/NAME."""
    from .loop import use_processor
    from .training import train as run_training

    use_processor(threads)
    recipe = recipes.load(name)
    recipe = replace(recipe, steps=steps or recipe.steps, batch=batch or recipe.batch, patch=patch or recipe.patch)
    start = runs / recipe.begin / "weights.pt" if recipe.begin else None
    if start is not None and not start.exists():
        raise FileNotFoundError(f"{recipe.name} starts from {recipe.begin}; train that first (no {start})")
    if recipe.architecture == "sparse_coding":
        if minutes or resume or device == "cuda":
            raise ValueError(f"{name} is learnt on the CPU in one call, without --minutes, --resume or --device cuda")
        from .dictionaries import train_dictionaries

        weights = train_dictionaries(recipe, data, runs / recipe.name, report=typer.echo)
    else:
        weights = run_training(
            recipe,
            data,
            runs / recipe.name,
            minutes=minutes or None,
            device=device,
            resume=resume,
            start=start,
            report=typer.echo,
        )
    typer.echo(f"Weights: {weights}")


@app.command()
def pack(
    data: Annotated[Path, typer.Option(help="Folder with materials/ and photos/.")],
    out: Annotated[Path, typer.Option(help="Folder that the packs go into.")],
    megabytes: Annotated[float, typer.Option(help="Largest size of a pack in MiB.")] = 59.0,
) -> None:
    """Write the training data into a few files, losslessly; every --data option reads them."""
    from .packs import write_packs

    for path in write_packs(data, out, megabytes):
        typer.echo(f"Wrote {path} ({path.stat().st_size / 2**20:.1f} MiB)")


@app.command()
def train_all(
    data: Data,
    runs: Runs = Path("runs"),
    queue: Annotated[Path, typer.Option(help="File of turns and hours. Default: what is shipped.")] = QUEUE,
    only: Annotated[str, typer.Option(help="Names of networks, separated by commas. Default: all.")] = "",
    call_minutes: CallMinutes = 0.0,
    models: Annotated[Path, typer.Option(help="Folder of models that weights start from.")] = SHIPPED,
    out: Annotated[
        Path | None, typer.Option(help="Folder that better models go into. Default: that of --models.")
    ] = None,
    device: Processor = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0 for torch's choice. 1 is best on a busy machine.")] = 0,
) -> None:
    """Train everything that is shipped, in turn and at low priority; rerun to resume."""
    from .loop import use_processor
    from .queue import train_all as run_queue

    use_processor(threads)
    cards = run_queue(
        _turns(queue, only),
        data,
        runs,
        models=models,
        out=out,
        minutes=call_minutes or None,
        device=device,
        report=typer.echo,
    )
    for card in cards:
        typer.echo(f"Wrote {card.path()}")


@app.command()
def chain(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder that runs/ and models/ go into.")],
    queue: Annotated[Path, typer.Option(help="File of turns and hours. Default: for a GPU, half an hour first.")] = GPU,
    call_minutes: CallMinutes = 9.0,
    calls: Annotated[int, typer.Option(help="End after so many calls; 0 exports alone. Default: -1, no limit.")] = -1,
    models: Annotated[Path, typer.Option(help="Folder of models that weights start from.")] = SHIPPED,
    device: Processor = "auto",
) -> None:
    """Train on a rented machine, in calls of a few minutes that resume; exit code 3 while budgets are left."""
    from .chain import train_in_calls

    finished = train_in_calls(
        queue,
        data,
        out,
        minutes=call_minutes,
        calls=None if calls < 0 else calls,
        models=models,
        device=device,
        report=typer.echo,
    )
    if not finished:
        raise typer.Exit(3)


@app.command()
def status(
    runs: Runs = Path("runs"),
    queue: Annotated[Path, typer.Option(help="File of turns and hours. Default: what is shipped.")] = QUEUE,
) -> None:
    """Show for every network how far its training is and what it reaches; writes RUNS/status.md."""
    from .queue import read_queue, standing, write_status

    turns = read_queue(queue)
    for turn in turns:
        typer.echo(standing(turn, runs).line())
    write_status(turns, runs)


@app.command()
def export_better(
    data: Data,
    runs: Runs = Path("runs"),
    queue: Annotated[Path, typer.Option(help="File of turns and hours. Default: what is shipped.")] = QUEUE,
    only: Annotated[str, typer.Option(help="Names of networks, separated by commas. Default: all.")] = "",
    models: Models = SHIPPED,
) -> None:
    """Export every network that has beaten the shipped one on the validation maps, and measure it."""
    from .queue import export_better as exported

    for turn in _turns(queue, only):
        for card in exported(turn, data, runs, models=models, report=typer.echo):
            typer.echo(f"Wrote {card.path()}")


@app.command()
def blend(
    name: Annotated[str, typer.Argument(help="Run that the result becomes.")],
    run: Annotated[str, typer.Argument(help="A run.")],
    other: Annotated[
        str, typer.Option("--with", help="An earlier run of the same network. Default: what the run started from.")
    ] = "",
    share: Annotated[float, typer.Option(help="Of the run, 0 to 1.")] = 0.5,
    runs: Runs = Path("runs"),
) -> None:
    """Average the weights of a run with those it started from, or with an earlier run's."""
    from .loop import start_weights
    from .training import blend as blended

    first = runs / other / "weights.pt" if other else start_weights(runs / run)
    if first is None:
        raise FileNotFoundError(f"{runs / run} does not hold the weights that it started from; name a run with --with")
    weights = blended(first, runs / run / "weights.pt", share, runs / name)
    typer.echo(f"Weights: {weights}")


@app.command()
def onnx(
    name: Annotated[str, typer.Argument(help="A recipe's name, or a .toml file.")],
    runs: Runs = Path("runs"),
    models: Models = SHIPPED,
) -> None:
    """Export a trained network, check it against torch and write its card."""
    from .onnx_export import export

    recipe = recipes.load(name)
    run = runs / recipe.name
    if not (run / "weights.pt").exists():
        raise FileNotFoundError(f"{recipe.name} is not trained yet (no {run / 'weights.pt'})")
    card = export(recipe, run / "weights.pt", models, run=run)
    typer.echo(f"{models / card.file}: receptive field {card.receptive_field}, {card.bytes_per_pixel} bytes a pixel")


@app.command()
def train_capture(
    data: Data,
    runs: Runs = Path("runs"),
    steps: Steps = 0,
    minutes: Minutes = 0.0,
    batch: Batch = 0,
    device: Processor = "auto",
    threads: Threads = 0,
    resume: Resume = False,
) -> None:
    """Train the network that turns photographs into maps, to RUNS/capture."""
    _train_own("capture", data, runs, steps, minutes, batch, device, threads, resume)


@app.command()
def onnx_capture(runs: Runs = Path("runs"), models: Models = SHIPPED) -> None:
    """Export the capture network as its two graphs, check them against torch and write their cards."""
    _export_own("capture", "capture network", runs, models)


@app.command()
def train_relief(
    data: Data,
    runs: Runs = Path("runs"),
    steps: Steps = 0,
    minutes: Minutes = 0.0,
    batch: Batch = 0,
    device: Processor = "auto",
    threads: Threads = 0,
    resume: Resume = False,
    even: Even = False,
) -> None:
    """Train the network that reads relief off shading, to RUNS/relief or relief_even; it renders photographs there."""
    _train_own(_RELIEF[even], data, runs, steps, minutes, batch, device, threads, resume)


@app.command()
def onnx_relief(runs: Runs = Path("runs"), models: Models = SHIPPED, even: Even = False) -> None:
    """Export the relief network, check it against torch and write its card."""
    _export_own(_RELIEF[even], "relief network", runs, models)


@app.command()
def onnx_style(runs: Runs = Path("runs"), models: Models = SHIPPED) -> None:
    """Export the network of styles that train-all trained, check it against torch and write its card."""
    _export_own("style", "network of styles", runs, models)


@app.command()
def train_descriptor(
    data: Data,
    runs: Runs = Path("runs"),
    steps: Steps = 0,
    minutes: Minutes = 0.0,
) -> None:
    """Distil the texture descriptor from a VGG16, to RUNS/texture_descriptor."""
    from .descriptor_training import Distillation
    from .descriptor_training import train_descriptor as run_training

    recipe = Distillation(steps=steps) if steps else Distillation()
    weights = run_training(recipe, data, runs / "texture_descriptor", minutes=minutes or None, report=typer.echo)
    typer.echo(f"Weights: {weights}")


@app.command()
def onnx_refinement(
    runs: Runs = Path("runs"),
    models: Models = SHIPPED,
) -> None:
    """Export the texture statistics and the objective of refinement."""
    from .objectives import export_refinement

    run = _descriptor_run(runs)
    for card in export_refinement(run / "weights.pt", models, run=run):
        typer.echo(f"{models / card.file}: {card.summary}")


@app.command()
def onnx_texture(
    runs: Runs = Path("runs"),
    models: Models = SHIPPED,
) -> None:
    """Export the features of textures and the objectives of synthesis and style."""
    from .texture_objective import export_texture

    run = _descriptor_run(runs)
    for card in export_texture(run / "weights.pt", models, run=run):
        typer.echo(f"{models / card.file}: {card.summary}")


@app.command()
def measure(
    name: Annotated[str, typer.Argument(help="A model's name.")],
    data: Data,
    models: Annotated[Path, typer.Option(help="Folder of models.")] = SHIPPED,
) -> None:
    """Measure a model on held-out textures and write the figures into its card."""
    from .measuring import measure_model

    measure_model(name, data, models, report=typer.echo)


@app.command()
def speed(
    name: Annotated[str, typer.Argument(help="A recipe's name, capture or relief.")],
    data: Data,
    steps: Annotated[int, typer.Option(help="Steps that are measured.")] = 10,
    batch: Batch = 0,
    patch: Patch = 0,
    device: Processor = "auto",
    threads: Threads = 0,
) -> None:
    """Measure how long a training step takes: data, forward, backward, update."""
    from .loop import best_device, use_processor
    from .speed import step_time

    use_processor(threads)
    found = step_time(name, data, best_device(device), steps=steps, batch=batch, patch=patch)
    typer.echo(f"{name}: {found.line()}")


@app.command(name="list")
def list_recipes() -> None:
    """List the recipes."""
    for name in recipes.names():
        typer.echo(f"{name:24} {recipes.load(name).summary}")


def _train_own(
    name: str, data: Path, runs: Path, steps: int, minutes: float, batch: int, device: str, threads: int, resume: bool
) -> None:
    """Train a network that has a task of its own, to the folder of its name."""
    from .loop import use_processor
    from .queue import OWN_TASKS

    use_processor(threads)
    task = OWN_TASKS[name]
    recipe = task.recipe()
    recipe = replace(recipe, steps=steps or recipe.steps, batch=batch or recipe.batch)
    weights = task.train(
        recipe, data, runs / name, minutes=minutes or None, device=device, resume=resume, report=typer.echo
    )
    typer.echo(f"Weights: {weights}")


def _export_own(name: str, title: str, runs: Path, models: Path) -> None:
    """Export such a network.

    Raises:
        FileNotFoundError: when it was not trained.
    """
    from .queue import OWN_TASKS

    run = runs / name
    if not (run / "weights.pt").exists():
        raise FileNotFoundError(f"the {title} is not trained yet (no {run / 'weights.pt'})")
    for card in OWN_TASKS[name].export(run / "weights.pt", models, run=run):
        typer.echo(
            f"{models / card.file}: receptive field {card.receptive_field}, {card.bytes_per_pixel} bytes a pixel"
        )


def _turns(queue: Path, only: str) -> list[Turn]:
    """The turns of a queue file, or some of them.

    Raises:
        ValueError: for a name that has no turn.
    """
    from .queue import read_queue

    turns = {turn.name: turn for turn in read_queue(queue)}
    names = [name.strip() for name in only.split(",") if name.strip()]
    for name in names:
        if name not in turns:
            raise ValueError(f"Unknown network {name!r}. Choose from: {', '.join(turns)}.")
    return [turns[name] for name in names or turns]


def _descriptor_run(runs: Path) -> Path:
    """The folder that the texture descriptor was trained in.

    Raises:
        FileNotFoundError: when it was not.
    """
    run = runs / "texture_descriptor"
    if not (run / "weights.pt").exists():
        raise FileNotFoundError(f"the texture descriptor is not trained yet (no {run / 'weights.pt'})")
    return run
