"""Training of style in one pass: what the optimization of :mod:`matshot.synthesis.style` minimizes, learnt beforehand.

Johnson, Alahi and Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", section 3,
train a network on the objective of Gatys et al. for one style; here the style is an input. All is compared in
standard colors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from matshot.inference.cards import SHIPPED
from matshot.synthesis.standard_colors import DEVIATION, MEAN, Palette, palette_of

from .data import find_maps, image_counts, load_map
from .loop import Call, as_used, begin, best_device, carry_out, compiled, write_picture
from .networks.descriptor import TextureDescriptor, gram
from .networks.style import StyleTransfer
from .patches import PatchSource, Shrink
from .shipped import shipped_weights

#: Levels of the descriptor whose distributions are compared, and the level whose features are the content.
SLICED = (1, 2, 3, 4)
CONTENT = 2
#: Random directions along which distributions are compared.
_DIRECTIONS = 24
#: Side of raw patches, and the distance between those that are compared.
_PATCH = 7
_STRIDE = 2
#: Weight of the content at full strength, and what it gains at none.
_CONTENT = 1.0
_MORE_CONTENT = 20.0
#: Strengths that are trained.
_STRENGTHS = (0.3, 1.0)
#: Deviations of what contents gain in contrast and in lightness, since a part of a picture is not like all of it.
_CONTRAST = 0.25
_SHIFT = 0.25
#: Looks whose statistics are found common before training begins.
_LOOKS = 256
#: Side of the textures that a run is measured on, and its strength.
_WATCHED_SIDE = 256
_WATCHED_STRENGTH = 0.7
#: Weight of the content in what is measured, whatever it is in training, so that runs compare.
_WATCHED_CONTENT = 1.22


@dataclass(frozen=True)
class StyleRecipe:
    """What decides a run.

    Attributes:
        steps: of the schedule; the rate falls linearly to nothing.
        batch: pairs of content and look a step.
        side: of their crops in pixels.
        rate: Muon's.
        border: pixels at a crop's edge that are not judged, since their surroundings are not seen.
    """

    steps: int = 40000
    batch: int = 4
    side: int = 128
    rate: float = 0.005
    warmup: int = 100
    average: float = 0.998
    border: int = 8
    seed: int = 1
    log_every: int = 200


def shipped_texture_descriptor(models: Path = SHIPPED) -> TextureDescriptor:
    """The descriptor of textures that is shipped, frozen."""
    weights = {
        key.removeprefix("descriptor."): value for key, value in shipped_weights("texture_features", models).items()
    }
    descriptor = TextureDescriptor()
    descriptor.load_state_dict(weights)
    return descriptor.requires_grad_(False)


def standard(images: torch.Tensor) -> tuple[torch.Tensor, list[Palette]]:
    """Color images ``(N, 3, H, W)``, each in its own standard colors, and their palettes."""
    palettes = [palette_of(image.permute(1, 2, 0).cpu().numpy()) for image in images]
    matrices = torch.from_numpy(np.stack([np.linalg.inv(one.root) * DEVIATION for one in palettes])).to(images)
    means = torch.from_numpy(np.stack([one.mean for one in palettes])).to(images)
    centered = (images - means[:, :, None, None]).flatten(2)
    return (matrices @ centered).view_as(images) + MEAN, palettes


def look_statistics(features: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Covariances, means and sizes of a descriptor's levels.

    As :class:`~matshot_export.networks.style.LookEncoder` has them.
    """
    covariances, means, sizes = [], [], []
    for level in features:
        size = level.square().mean(dim=(1, 2, 3)).clamp(min=1e-8)
        mean = level.mean(dim=(2, 3))
        covariances.append(gram(level - mean[:, :, None, None]).flatten(1) / size[:, None])
        means.append(mean / size.sqrt()[:, None])
        sizes.append(size.log() / 2)
    return torch.cat(covariances, dim=1), torch.cat(means, dim=1), torch.stack(sizes, dim=1)


class StyleLoss:
    """The objective of style: correlations and distributions of the look, features of the content.

    Args:
        descriptor: that compares.
    """

    def __init__(self, descriptor: TextureDescriptor) -> None:
        self.descriptor = descriptor

    def __call__(
        self,
        result: torch.Tensor,
        look: torch.Tensor,
        look_features: list[torch.Tensor],
        content_features: torch.Tensor,
        content_weight: torch.Tensor,
        border: int,
        generator: torch.Generator | None = None,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Of results ``(N, 3, H, W)``.

        Args:
            result: pictures, like all in standard colors.
            look: whose texture they shall have.
            look_features: of the descriptor.
            content_features: likewise, of the level ``CONTENT`` of the picture whose structure they shall have.
            content_weight: ``(N,)``.
            border: pixels at the edge that do not count.
            generator: of directions.

        Returns:
            The loss, and its terms for the log.
        """
        features = list(self.descriptor.features(result))
        correlations = result.new_zeros(len(result))
        distributions = result.new_zeros(len(result))
        for number, (own, other) in enumerate(zip(features, look_features, strict=True)):
            inner = _inside(own, border >> number)
            wanted = gram(other)
            error = (gram(inner) - wanted).square().sum(dim=(1, 2))
            correlations = correlations + error / wanted.square().sum(dim=(1, 2)).clamp(min=1e-8)
            if number in SLICED:
                directions = F.normalize(torch.randn(_DIRECTIONS, own.shape[1], generator=generator), dim=1).to(own)
                distance = transported(directions @ inner.flatten(2), directions @ other.flatten(2))
                distributions = distributions + distance / other.square().mean(dim=(1, 2, 3)).clamp(min=1e-8)
        patches = result.new_zeros(len(result))
        own, other = _inside(result, border), look
        for octave in range(2):
            if octave:
                own, other = F.avg_pool2d(own, 2), F.avg_pool2d(other, 2)
            directions = torch.randn(_DIRECTIONS, 3, _PATCH, _PATCH, generator=generator).to(own)
            directions = directions / directions.flatten(1).norm(dim=1)[:, None, None, None]
            mine, theirs = (F.conv2d(x - MEAN, directions, stride=_STRIDE).flatten(2) for x in (own, other))
            patches = patches + transported(mine, theirs) / theirs.square().mean(dim=(1, 2)).clamp(min=1e-6)
        off = _inside(features[CONTENT] - content_features, border >> CONTENT).square().mean(dim=(1, 2, 3))
        content = off / content_features.square().mean(dim=(1, 2, 3)).clamp(min=1e-8)
        beyond = (result - result.clamp(-0.5, 1.5)).square().mean(dim=(1, 2, 3))
        terms = {"gram": correlations, "slices": distributions, "patches": patches, "content": content}
        total = correlations + distributions + patches + content_weight * content + 10 * beyond
        # Of a nearly even look all differences are large in parts of its own; no such look may decide alone.
        return torch.log1p(total).mean(), {name: value.detach().mean() for name, value in terms.items()}


def transported(own: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Squared 2-Wasserstein distance along directions, ``(N,)``, of samples ``(N, K, m)`` and ``(N, K, M)``."""
    ordered = own.sort(dim=2).values
    wanted = F.interpolate(other.sort(dim=2).values, size=ordered.shape[2], mode="linear", align_corners=False)
    return (ordered - wanted).square().mean(dim=(1, 2))


def content_weight(strength: torch.Tensor) -> torch.Tensor:
    """Of the content at a strength."""
    return _CONTENT + _MORE_CONTENT * (1 - strength).square()


class StyleTask:
    """The network, its pictures and its loss; see :class:`~matshot_export.loop.Task`.

    Args:
        recipe: how it is trained.
        data: folder as :mod:`matshot_export.data` describes.
        device: that it is trained on.
        models: folder of models that the descriptor is taken from.

    Raises:
        FileNotFoundError: when data are missing.
    """

    def __init__(self, recipe: StyleRecipe, data: Path, device: torch.device, models: Path = SHIPPED) -> None:
        self.recipe, self.device = recipe, device
        self.descriptor = shipped_texture_descriptor(models).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network: nn.Module = StyleTransfer(self.descriptor.widths).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.forward = compiled(self.network, device)
        self.judge = StyleLoss(self.descriptor)
        # Photographs are no textures: their parts are alike in nothing.
        self.paths = [path for path in find_maps(data, "train", "color") if path.parent.parent.name == "train"]
        self.watched = [_middle(load_map(path, "color"), _WATCHED_SIDE) for path in find_maps(data, "val", "color")]

    @cached_property
    def source(self) -> PatchSource:
        """The crops; reading all images takes a minute, which measuring alone can do without."""
        recipe = self.recipe
        return PatchSource(
            self.paths, "color", recipe.side, 2 * recipe.batch, Shrink(1, 0), seed=recipe.seed, device=self.device
        )

    @property
    def rng(self) -> np.random.Generator:
        """Of the crops."""
        return self.source.rng

    def loss(self, done: float) -> tuple[torch.Tensor, dict[str, torch.Tensor], int]:
        """Of the next batch of pairs."""
        images, rng, count = next(self.source)[1], self.rng, self.recipe.batch
        with torch.no_grad():
            planes, _ = standard(images)
            contents, looks = planes[:count], planes[count:]
            gain = torch.from_numpy(np.exp(rng.normal(0, _CONTRAST, (count, 1, 1, 1)))).to(planes)
            shift = torch.from_numpy(rng.normal(0, _SHIFT * DEVIATION, (count, 3, 1, 1))).to(planes)
            contents = (contents - MEAN) * gain + MEAN + shift
            strength = torch.from_numpy(rng.uniform(*_STRENGTHS, (count, 1))).to(planes)
            look_features = list(self.descriptor.features(_last(looks)))
            content_features = self._content_features(_last(contents))
            look = look_statistics(look_features)
            noise = torch.randn(count, 1, *planes.shape[2:]).to(planes)
        result = self.forward(_last(contents), noise, *look, strength)
        value, terms = self.judge(
            result,
            looks,
            look_features,
            content_features,
            content_weight(strength[:, 0]),
            self.recipe.border,
        )
        return value, terms, count * planes.shape[2] * planes.shape[3]

    def figures(self, weights: dict[str, torch.Tensor], picture: Path) -> dict[str, float]:
        """The objective on held-out pairs; the picture has rows of content, look and results at two strengths."""
        values: list[float] = []
        rows: list[torch.Tensor] = []
        with as_used(self.network, weights):
            for number in range(len(self.watched)):
                content, look, palette = self._pair(number)
                strengths = (_WATCHED_STRENGTH, 1.0)
                results = [self._result(content, look, number, strength) for strength in strengths]
                values.append(self._objective(results[0], content, look))
                if len(rows) < 8:
                    own = [content, look, *results]
                    rows.append(torch.cat([_colored(one, palette) for one in own], dim=2))
        write_picture(picture, torch.cat(rows, dim=1))
        return {"objective": float(np.mean(values))}

    @torch.no_grad()
    def without(self) -> float:
        """The objective on held-out pairs of contents that take a look's colors alone."""
        pairs = [self._pair(number)[:2] for number in range(len(self.watched))]
        return float(np.mean([self._objective(content, content, look) for content, look in pairs]))

    def _pair(self, number: int) -> tuple[torch.Tensor, torch.Tensor, Palette]:
        """A held-out content and look, and the look's palette."""
        contents, _ = standard(self.watched[number].to(self.device))
        looks, palettes = standard(self.watched[(number + 4) % len(self.watched)].to(self.device))
        return contents, looks, palettes[0]

    def _result(self, content: torch.Tensor, look: torch.Tensor, seed: int, strength: float) -> torch.Tensor:
        noise = torch.randn(1, 1, *content.shape[2:], generator=torch.Generator().manual_seed(seed)).to(content)
        statistics = look_statistics(list(self.descriptor.features(look)))
        given: torch.Tensor = self.network(content, noise, *statistics, content.new_full((1, 1), strength))
        return given

    def _objective(self, result: torch.Tensor, content: torch.Tensor, look: torch.Tensor) -> float:
        features = list(self.descriptor.features(look))
        wanted = self._content_features(content)
        weight = result.new_full((1,), _WATCHED_CONTENT)
        directions = torch.Generator().manual_seed(0)
        return float(self.judge(result, look, features, wanted, weight, self.recipe.border, directions)[0])

    def _content_features(self, content: torch.Tensor) -> torch.Tensor:
        return next(islice(self.descriptor.features(content), CONTENT, None))

    @torch.no_grad()
    def adjust(self) -> None:
        """Show the network many looks before training begins, unless it has seen some."""
        if not (self.network.look.spread == 1).all():  # type: ignore[union-attr]
            return
        seen: list[tuple[torch.Tensor, ...]] = []
        for _ in range(-(-_LOOKS // (2 * self.recipe.batch))):
            looks, _ = standard(next(self.source)[1])
            seen.append(look_statistics(list(self.descriptor.features(_last(looks)))))
        self.network.look.adjust(*(torch.cat(parts) for parts in zip(*seen, strict=True)))  # type: ignore[operator, union-attr]

    def state(self) -> dict[str, Any]:
        """Nothing besides the network."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Continue."""


def train_style(
    recipe: StyleRecipe,
    data: Path,
    out: Path,
    **call: Unpack[Call],
) -> Path:
    """Train style in one pass.

    Args:
        recipe: how.
        data: folder as :mod:`matshot_export.data` describes.
        out: run folder, as :func:`~matshot_export.loop.descend` fills it.
        **call: see :class:`~matshot_export.loop.Call`.

    Returns:
        The path of the averaged weights.

    Raises:
        FileExistsError: when ``out`` holds a run that is not to be resumed.
        FileNotFoundError: when data or start weights are missing.
        FloatingPointError: when the loss stops being a number.
    """
    torch.manual_seed(recipe.seed)
    task = StyleTask(recipe, data, best_device(call.get("device", "auto")))
    begin(task, call)
    task.adjust()
    facts = {
        "recipe": "style",
        "images": image_counts(task.paths),
        "patches": f"{recipe.batch} pairs of {recipe.side} px a step",
    }
    return carry_out(task, recipe, out, facts, call)


def _last(planes: torch.Tensor) -> torch.Tensor:
    return planes.contiguous(memory_format=torch.channels_last)


def _inside(planes: torch.Tensor, border: int) -> torch.Tensor:
    return planes[..., border : planes.shape[2] - border, border : planes.shape[3] - border]


def _middle(image: np.ndarray, side: int) -> torch.Tensor:
    """The middle of an image of bytes, ``(1, 3, side, side)`` in [0, 1], at half the size if that is large enough."""
    planes = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    if min(image.shape[:2]) >= 2 * side:
        planes = F.avg_pool2d(planes, 2)
    side = min(side, *planes.shape[2:]) // 16 * 16
    top, left = ((size - side) // 2 for size in planes.shape[2:])
    return planes[..., top : top + side, left : left + side].contiguous()


def _colored(planes: torch.Tensor, palette: Palette) -> torch.Tensor:
    """One picture in standard colors as ``(3, H, W)`` in a palette."""
    pixels = palette.colored(planes[0].permute(1, 2, 0).cpu().float().numpy())
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
