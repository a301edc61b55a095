"""The losses of super-resolution training, combined by weight.

All take ``(N, C, H, W)`` tensors and return a scalar. Color is display-encoded in [0, 1], normals are unit vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

#: Rec. 601 luma, the Y of "PSNR-Y".
LUMA = (0.299, 0.587, 0.114)


def mse(result: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean squared error."""
    return F.mse_loss(result, truth)


def l1(result: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean absolute error."""
    return F.l1_loss(result, truth)


def psnr(result: torch.Tensor, truth: torch.Tensor, floor: float = 1e-6) -> torch.Tensor:
    """Mean over patches of the logarithm of the squared error: every texture counts alike, smooth or rough.

    Half of the error is that of luma, which PSNR-Y measures; single planes have no luma apart.
    """
    error = result - truth
    squared = error.square().mean(dim=(1, 2, 3))
    if error.shape[1] == 3:
        weights = error.new_tensor(LUMA).view(1, 3, 1, 1)
        squared = 0.5 * squared + 0.5 * (error * weights).sum(dim=1).square().mean(dim=(1, 2))
    return torch.log(squared + floor).mean()


def hfen(result: torch.Tensor, truth: torch.Tensor, sigma: float = 1.5, size: int = 15) -> torch.Tensor:
    """High-frequency error norm: mean absolute difference of both images under a Laplacian of Gaussian.

    Ravishankar and Bresler 2011, "MR image reconstruction from highly undersampled k-space data by dictionary
    learning", section IV, with their 15 x 15 filter of deviation 1.5.
    """
    axis = torch.arange(size, dtype=result.dtype, device=result.device) - size // 2
    radius = axis[:, None] ** 2 + axis[None, :] ** 2
    gauss = torch.exp(-radius / (2 * sigma**2))
    kernel = (radius - 2 * sigma**2) / sigma**4 * gauss / gauss.sum()
    kernel = (kernel - kernel.mean())[None, None].repeat(result.shape[1], 1, 1, 1)
    return F.conv2d(result - truth, kernel, groups=result.shape[1]).abs().mean()


def angular(result: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean chord between unit vectors, which for small errors is the angle in radians and has a gradient at zero."""
    return torch.sqrt((result - truth).square().sum(dim=1) + 1e-8).mean()


def fourier(result: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of the real and imaginary parts of both images' Fourier transforms.

    A regular pattern, whose error gathers in few frequencies, counts otherwise than the same error spread out. Cho et
    al. 2021, "Rethinking coarse-to-fine approach in single image deblurring", equation (5).
    """
    return torch.view_as_real(torch.fft.rfft2(result - truth, norm="ortho")).abs().mean()


def spectrum(result: torch.Tensor, truth: torch.Tensor, floor: float = 1e-7) -> torch.Tensor:
    """Mean absolute difference of both images' logarithmic power over frequencies and orientations, wherever it lies.

    Detail that is invented cannot lie where the truth's does, but it should be as strong, and no grain of one direction
    should stand out. Durall, Keuper and Keuper 2020, "Watch your up-convolution: CNN based generative deep neural
    networks are failing to reproduce spectral distributions", section 4, compare rings of frequencies; here windows of
    5 x 5 frequencies are compared, which tell directions apart.
    """
    powers = [_power(image) for image in (result, truth)]
    return (torch.log(powers[0] + floor) - torch.log(powers[1] + floor)).abs().mean()


def _power(image: torch.Tensor) -> torch.Tensor:
    """Mean power of luma, or of each plane, in windows of frequencies of a tapered image."""
    if image.shape[1] == 3:
        image = (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    down, across = (torch.hann_window(n, dtype=image.dtype, device=image.device) for n in image.shape[2:])
    tapered = (image - image.mean(dim=(2, 3), keepdim=True)) * (down[:, None] * across)
    # The transform's parts, not its modulus, which has no gradient at zero.
    power = torch.view_as_real(torch.fft.rfft2(tapered, norm="ortho")).square().sum(dim=-1)
    wrapped = F.pad(power, (0, 0, 2, 2), mode="circular")
    return F.avg_pool2d(wrapped, 5, stride=1)


def lattice(result: torch.Tensor, truth: torch.Tensor, period: int = 4) -> torch.Tensor:
    """Mean absolute error of each patch's means over every ``period``-th pixel, one for each place in the lattice.

    A network that makes ``period`` x ``period`` pixels of one makes each of them by weights of its own, and what these
    have in common all over a patch is a canvas of that period. It is too weak for other losses, but the eye sees it.
    Sides are multiples of ``period``.
    """
    return F.pixel_unshuffle(result - truth, period).mean(dim=(2, 3)).abs().mean()


POINTWISE: dict[str, Loss] = {
    "mse": mse,
    "l1": l1,
    "psnr": psnr,
    "hfen": hfen,
    "angular": angular,
    "fourier": fourier,
    "spectrum": spectrum,
    "lattice": lattice,
}


class WeightedLoss:
    """A sum of losses by weight.

    Args:
        weights: name to weight, from ``POINTWISE`` and from the keys of ``learned``.
        learned: losses that carry weights of their own, such as ``perceptual``.

    Raises:
        ValueError: for an unknown name.
    """

    def __init__(self, weights: Mapping[str, float], learned: Mapping[str, Loss] | None = None) -> None:
        known = {**POINTWISE, **(learned or {})}
        unknown = sorted(set(weights) - set(known))
        if unknown:
            raise ValueError(f"unknown loss {unknown[0]!r}; there are {', '.join(sorted(known))}")
        self.terms = [(name, weight, known[name]) for name, weight in weights.items() if weight]

    def __call__(self, result: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The weighted sum, and each term unweighted for the log; nothing waits for the device."""
        total = result.new_zeros(())
        parts = {}
        for name, weight, loss in self.terms:
            value = loss(result, truth)
            parts[name] = value.detach()
            total = total + weight * value
        return total, parts
