"""Learning the dictionaries of sparse coding.

First a coupled pair of dictionaries as in Yang, Wright, Huang and Ma 2010, "Image super-resolution via sparse
representation", joint dictionary training: both patches of a pair are set one under the other and coded as one. The
encoder, though, sees the small patch alone and stops after a few steps. So the high-resolution atoms are then solved
for again by least squares, given the codes that the encoder does find, as Zeyde, Elad and Protter 2010, "On single
image scale-up using sparse-representations", do; here with the overlap of patches in the system, for it is their sum
that has to be right.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from matshot.files import atomic_write

from .checkpoints import open_run, save_checkpoint
from .data import find_maps, validation_pairs
from .loop import Progress, as_used
from .networks.sparse_coding import CORE, FLOOR, SparseCoding
from .patches import PatchSource, Shrink
from .recipes import Recipe
from .training import measure, peak_signal_to_noise


def train_dictionaries(
    recipe: Recipe, data: Path, out: Path, *, patches: int = 30000, report: Callable[[str], None] = print
) -> Path:
    """Learn what a recipe for sparse coding asks for, on the CPU.

    Args:
        recipe: its ``steps`` are the batches of crops that the least squares sees.
        data: folder as :mod:`matshot_export.data` describes.
        out: run folder; receives ``weights.pt``, ``run.json`` and a picture of validation textures.
        patches: pairs of patches that the coupled dictionaries are learnt from.
        report: receives one line at a time.

    Returns:
        The path of the weights.

    Raises:
        FileExistsError: when ``out`` holds a run.
        FileNotFoundError: when data is missing.
    """
    began = time.monotonic()
    open_run(out)
    torch.manual_seed(recipe.seed)
    network = recipe.build()
    assert isinstance(network, SparseCoding)
    paths = find_maps(data, "train", recipe.kind)
    source = PatchSource(paths, recipe.kind, recipe.patch, recipe.batch, Shrink(recipe.scale), None, recipe.seed)
    report(f"{len(source.images)} images")
    state = learn_dictionaries(network, source, patches=patches, crops=recipe.steps, seed=recipe.seed, report=report)
    pairs = validation_pairs(find_maps(data, "val", recipe.kind), recipe.kind, recipe.scale)
    with as_used(network, state):
        measured = measure(network, pairs, peak_signal_to_noise, out / "result.png", recipe.kind)
    seconds = time.monotonic() - began
    report(f"measured={measured:.4g} seconds={seconds:.0f}")
    save_checkpoint(state, out / "weights.pt")
    progress = Progress(recipe.steps, seconds, done=1.0, measured=[{"step": recipe.steps, "value": measured}])
    run = {**vars(progress), "recipe": recipe.name, "threads": torch.get_num_threads()}
    atomic_write(out / "run.json", json.dumps(run))
    return out / "weights.pt"


@torch.no_grad()
def learn_dictionaries(
    network: SparseCoding,
    source: PatchSource,
    *,
    patches: int = 30000,
    crops: int = 25,
    penalty: float = 0.1,
    seed: int = 0,
    report: Callable[[str], None] = print,
) -> dict[str, torch.Tensor]:
    """Learn both dictionaries.

    Args:
        network: receives them.
        source: pairs of crops at the network's scale.
        patches: pairs of patches that the coupled dictionaries are learnt from.
        crops: batches from ``source`` that the high-resolution atoms are fitted to.
        penalty: weight of the code's sum of magnitudes while learning, for patches and atoms of length 1.
        seed: of every choice that ``source`` does not make.
        report: receives one line at a time.

    Returns:
        The network's state.
    """
    low = _coupled_atoms(network, _patch_pairs(network, source, patches, seed), penalty, seed)
    network.low.copy_(torch.from_numpy(low / np.linalg.norm(low, 2)).float().view_as(network.low))
    report(f"{len(low)} pairs of atoms learnt")
    network.high.copy_(_fitted_kernel(network, source, crops))
    report(f"high-resolution atoms fitted to {crops} batches")
    return network.state_dict()


def _residual(network: SparseCoding, low: torch.Tensor, high: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Luma of the small crops, ``(N, 1, h, w)``, and what their bicubic lacks, ``(N, 1, scale h, scale w)``."""
    return network.luma(low), network.luma(high - network.bicubic(low))


def _patch_pairs(network: SparseCoding, source: PatchSource, count: int, seed: int) -> np.ndarray:
    """``(count, 25 + (3 scale)^2)``: small patches over their contrast beside large ones over the same contrast.

    The large halves are scaled to a mean square of 1 too, so that neither half outweighs the other, and the flattest
    fifth of all patches is left out: over their contrast they are noise.
    """
    generator = torch.Generator().manual_seed(seed)
    found: list[torch.Tensor] = []
    each = 64
    while sum(map(len, found)) < count:
        luma, residual = _residual(network, *next(source))
        wanted, contrast = network.patches(luma)
        s = network.scale
        # The outermost cells have no patch around them; beyond them, patches of the residual lie under those of luma.
        large = F.unfold(residual[..., s:-s, s:-s], CORE * s, stride=s)
        pairs = torch.cat([wanted.flatten(2), large / contrast.flatten(2)], dim=1).transpose(1, 2).flatten(0, 1)
        steep = (contrast.flatten() > max(float(contrast.quantile(0.2)), FLOOR)).nonzero().flatten()
        chosen = steep[torch.randperm(len(steep), generator=generator)[: each * len(luma)]]
        found.append(pairs[chosen])
    joint = torch.cat(found)[:count].double().numpy()
    split = wanted.shape[1]
    joint[:, split:] /= np.sqrt(np.square(joint[:, split:]).sum(axis=1).mean())
    return joint


def _coupled_atoms(network: SparseCoding, pairs: np.ndarray, penalty: float, seed: int) -> np.ndarray:
    """The small halves of jointly learnt atoms, ``(atoms, 25)``, of length 1."""
    from sklearn.decomposition import MiniBatchDictionaryLearning
    from sklearn.exceptions import ConvergenceWarning

    learner = MiniBatchDictionaryLearning(
        n_components=network.low.shape[0],
        alpha=penalty,
        max_iter=1,
        batch_size=256,
        fit_algorithm="cd",
        max_no_improvement=None,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # Codes in between need not be exact, and it would say so for every patch.
        warnings.simplefilter("ignore", ConvergenceWarning)
        learner.fit(pairs)
    small: np.ndarray = learner.components_[:, : network.low.shape[1]]
    small /= np.linalg.norm(small, axis=1, keepdims=True).clip(1e-6)
    return small


def _fitted_kernel(network: SparseCoding, source: PatchSource, crops: int, ridge: float = 0.02) -> torch.Tensor:
    """The ``high`` that leaves the least squared error of the sum of overlapping patches."""
    size = network.low.shape[0] * CORE * CORE
    gram = torch.zeros(size, size, dtype=torch.float64)
    target = torch.zeros(size, network.scale**2, dtype=torch.float64)
    border = network.receptive_field
    for _ in range(crops):
        luma, residual = _residual(network, *next(source))
        cells = F.pixel_unshuffle(residual, network.scale)[..., border:-border, border:-border]
        for code, cell in zip(network.codes(luma), cells, strict=True):
            overlapping = F.unfold(code[None], CORE)[0]
            gram += overlapping @ overlapping.T
            target += overlapping @ cell.flatten(1).T
    gram.diagonal().add_(ridge * gram.diagonal().mean())
    kernel: torch.Tensor = torch.linalg.solve(gram, target).T.float()
    return kernel.reshape(network.high.shape)
