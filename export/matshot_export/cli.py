"""``matshot-export``: train networks and turn them into models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from matshot.errors import MatshotError
from matshot.inference.cards import SHIPPED

from . import recipes

app = typer.Typer(name="matshot-export", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Runs = Annotated[Path, typer.Option("--runs", help="Folder of training runs.")]


def main() -> NoReturn:
    """Run the command line; what can be foreseen is one sentence and exit code 1."""
    try:
        app()
    except (MatshotError, FileNotFoundError, ValueError, ArithmeticError, OSError) as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(1)
    sys.exit(0)


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="A recipe's name, or a .toml file.")],
    data: Annotated[Path, typer.Option(help="Folder with materials/ and photos/.")],
    runs: Runs = Path("runs"),
    steps: Annotated[int, typer.Option(help="Instead of the recipe's; 0 keeps those.")] = 0,
    minutes: Annotated[float, typer.Option(help="End the schedule by then; 0 for no such bound.")] = 0.0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0 for torch's choice.")] = 0,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
) -> None:
    """Train a network; writes a log, pictures, checkpoints and the averaged weights to RUNS/NAME."""
    import torch

    from .training import train as run_training

    if threads:
        torch.set_num_threads(threads)
    recipe = recipes.load(name)
    start = runs / recipe.begin / "weights.pt" if recipe.begin else None
    if start is not None and not start.exists():
        raise FileNotFoundError(f"{recipe.name} starts from {recipe.begin}; train that first (no {start})")
    if recipe.architecture == "sparse_coding":
        from .dictionaries import train_dictionaries

        weights = train_dictionaries(recipe, data, runs / recipe.name, report=typer.echo)
    else:
        weights = run_training(
            recipe,
            data,
            runs / recipe.name,
            steps=steps or None,
            minutes=minutes or None,
            device=device,
            resume=resume,
            start=start,
            report=typer.echo,
        )
    typer.echo(f"Weights: {weights}")


@app.command()
def blend(
    name: Annotated[str, typer.Argument(help="Run that the result becomes.")],
    first: Annotated[str, typer.Argument(help="A run.")],
    second: Annotated[str, typer.Argument(help="A later run of the same network.")],
    share: Annotated[float, typer.Option(help="Of the second, 0 to 1.")] = 0.5,
    runs: Runs = Path("runs"),
) -> None:
    """Average the weights of two runs."""
    from .training import blend as blended

    weights = blended(runs / first / "weights.pt", runs / second / "weights.pt", share, runs / name)
    typer.echo(f"Weights: {weights}")


@app.command()
def onnx(
    name: Annotated[str, typer.Argument(help="A recipe's name, or a .toml file.")],
    runs: Runs = Path("runs"),
    models: Annotated[Path, typer.Option(help="Folder that the model goes into.")] = SHIPPED,
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
    data: Annotated[Path, typer.Option(help="Folder with materials/.")],
    runs: Runs = Path("runs"),
    steps: Annotated[int, typer.Option(help="Instead of the recipe's; 0 keeps those.")] = 0,
    minutes: Annotated[float, typer.Option(help="End the schedule by then; 0 for no such bound.")] = 0.0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0 for torch's choice.")] = 0,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
) -> None:
    """Train the network that turns photographs into maps, to RUNS/capture."""
    import torch

    from .capture_training import CaptureRecipe
    from .capture_training import train_capture as run_training

    if threads:
        torch.set_num_threads(threads)
    recipe = CaptureRecipe(steps=steps) if steps else CaptureRecipe()
    out = runs / "capture"
    weights = run_training(recipe, data, out, minutes=minutes or None, device=device, resume=resume, report=typer.echo)
    typer.echo(f"Weights: {weights}")


@app.command()
def onnx_capture(
    runs: Runs = Path("runs"),
    models: Annotated[Path, typer.Option(help="Folder that the models go into.")] = SHIPPED,
) -> None:
    """Export the capture network as its two graphs, check them against torch and write their cards."""
    from .capture_export import export_capture

    run = runs / "capture"
    if not (run / "weights.pt").exists():
        raise FileNotFoundError(f"the capture network is not trained yet (no {run / 'weights.pt'})")
    for card in export_capture(run / "weights.pt", models, run=run):
        typer.echo(
            f"{models / card.file}: receptive field {card.receptive_field}, {card.bytes_per_pixel} bytes a pixel"
        )


@app.command()
def train_descriptor(
    data: Annotated[Path, typer.Option(help="Folder with materials/ and photos/.")],
    runs: Runs = Path("runs"),
    steps: Annotated[int, typer.Option(help="Instead of the recipe's; 0 keeps those.")] = 0,
    minutes: Annotated[float, typer.Option(help="End the schedule by then; 0 for no such bound.")] = 0.0,
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
    models: Annotated[Path, typer.Option(help="Folder that the models go into.")] = SHIPPED,
) -> None:
    """Export the texture statistics and the objective of refinement."""
    from .objectives import export_refinement

    run = _descriptor_run(runs)
    for card in export_refinement(run / "weights.pt", models, run=run):
        typer.echo(f"{models / card.file}: {card.summary}")


@app.command()
def onnx_texture(
    runs: Runs = Path("runs"),
    models: Annotated[Path, typer.Option(help="Folder that the models go into.")] = SHIPPED,
) -> None:
    """Export the features of textures and the objectives of synthesis and style."""
    from .texture_objective import export_texture

    run = _descriptor_run(runs)
    for card in export_texture(run / "weights.pt", models, run=run):
        typer.echo(f"{models / card.file}: {card.summary}")


@app.command()
def measure(
    name: Annotated[str, typer.Argument(help="A model's name.")],
    data: Annotated[Path, typer.Option(help="Folder with materials/.")],
    models: Annotated[Path, typer.Option(help="Folder of models.")] = SHIPPED,
) -> None:
    """Measure a model on held-out textures and write the figures into its card."""
    from .measuring import measure_model

    measure_model(name, data, models, report=typer.echo)


@app.command(name="list")
def list_recipes() -> None:
    """List the recipes."""
    for name in recipes.names():
        typer.echo(f"{name:24} {recipes.load(name).summary}")


def _descriptor_run(runs: Path) -> Path:
    """The folder that the texture descriptor was trained in.

    Raises:
        FileNotFoundError: when it was not.
    """
    run = runs / "texture_descriptor"
    if not (run / "weights.pt").exists():
        raise FileNotFoundError(f"the texture descriptor is not trained yet (no {run / 'weights.pt'})")
    return run
