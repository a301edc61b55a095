"""How well the shipped texture statistics tell textures apart as the large network does that they learnt from.

    python -m bench.synthesis.texture_descriptor --data DIR [--limit FAMILIES] [--write]

Needs torch and the teacher's weights: `pip install --no-deps stlpips-pytorch`. ``--limit`` is of families of crops.
"""

from __future__ import annotations

import argparse
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from bench import report

NAME = "synthesis.texture_descriptor"

#: Families of four crops, their side, and the seed of their choice, which no training uses.
_FAMILIES = 60
_SIDE = 128
_SEED = 2026
#: Side of the image that is timed.
_TIMED = 256

#: What the descriptor is to reach: rank correlation, and part of the teacher's time.
_RANK = 0.95
_TIME = 0.1


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    import torch
    from scipy.stats import spearmanr

    from matshot.inference.cards import installed_models
    from matshot.inference.session import Network
    from matshot_export.data import find_maps
    from matshot_export.descriptor_training import RELATIVES, families, teacher_distances
    from matshot_export.networks.descriptor import TextureDescriptor, gram, relative_distances
    from matshot_export.perceptual import PerceptualDistance

    torch.set_num_threads(report.THREADS)
    card = installed_models()["texture_statistics"]
    network = Network(card, "cpu", report.THREADS)
    teacher = PerceptualDistance().eval()
    paths = find_maps(options.data, "val", "color")
    crops = families(paths, options.limit or _FAMILIES, _SIDE, np.random.default_rng(_SEED))
    report.say(f"{NAME}: {len(crops)} crops of {len(paths)} textures")
    wanted = teacher_distances(teacher, crops).mean(dim=0).numpy()
    images = crops.numpy().astype(np.float32) / 255
    statistics = np.concatenate([network(image[np.newaxis]) for image in images])
    levels = _level_ends(TextureDescriptor().widths, statistics.shape[1])
    parts = np.split(statistics, levels[:-1], axis=1)
    given = np.mean([relative_distances(torch.from_numpy(part)).numpy() for part in parts], axis=0)

    def rank(members: NDArray[np.int_]) -> tuple[float, int]:
        above = np.triu_indices(len(members), 1)
        pairs = np.ix_(members, members)
        return float(spearmanr(given[pairs][above], wanted[pairs][above]).statistic), len(above[0])

    everything, apart = rank(np.arange(len(crops))), rank(np.arange(0, len(crops), RELATIVES))
    picture = np.random.default_rng(_SEED).random((1, 3, _TIMED, _TIMED), dtype=np.float32)
    tensor = torch.from_numpy(picture)

    def judged() -> None:
        with torch.inference_mode():
            for features in teacher.activations(tensor):
                gram(features)

    seconds = report.best_times({"ours": lambda: network(picture), "teacher": judged}, rounds=5)
    share = seconds["ours"] / seconds["teacher"]
    rows = [
        ["rank correlation, all pairs", f"{everything[0]:.3f}", f"{everything[1]} pairs", f">= {_RANK}"],
        ["rank correlation, one crop of each family", f"{apart[0]:.3f}", f"{apart[1]} pairs", f">= {_RANK}"],
        [
            f"time for {_TIMED} x {_TIMED} px, in parts of the teacher's",
            f"{share:.3f}",
            f"{seconds['ours'] * 1000:.0f} of {seconds['teacher'] * 1000:.0f} ms",
            f"<= {_TIME}",
        ],
    ]
    text = [
        report.conditions(report.command(NAME, options), ["torch", "stlpips-pytorch"]),
        f"`{card.name}` ({len(levels)} levels, run by ONNX Runtime) against the anti-aliased VGG16 that it was "
        f"distilled from (run by torch), {report.THREADS} threads. Distances of Gram matrices are relative, "
        "|A - B|^2 / (|A|^2 + |B|^2), mean over the levels; rank correlation is Spearman's over pairs of crops of "
        f"{len(paths)} held-out textures at several scales, {_SIDE} px. A family is two crops of one place and two "
        "alterations of the first in tint, contrast, sharpness or noise.",
        report.table(["", "", "of", "wanted"], rows, words=("of", "wanted")),
    ]
    return report.Section(NAME, "Texture descriptor", "\n\n".join(text))


def _level_ends(widths: tuple[int, ...], outputs: int) -> list[int]:
    """Where each level's Gram matrix ends in the statistics of a network with the first of these widths.

    Raises:
        SystemExit: when they do not add up.
    """
    ends = list(accumulate(width * width for width in widths))
    if outputs not in ends:
        raise SystemExit(f"{outputs} statistics are not those of levels with {widths} channels")
    return ends[: ends.index(outputs) + 1]


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__))
