"""Super-resolution by sparse coding over a coupled pair of dictionaries.

Yang, Wright, Huang and Ma 2010, "Image super-resolution via sparse representation": a patch of the small image is
written as a combination of few atoms of one dictionary, and the same combination of the other dictionary's atoms is
what bicubic lacks there. The code is found by a fixed number of steps of iterative shrinkage and thresholding, unrolled
into layers (Gregor and LeCun 2010, "Learning fast approximations of sparse coding", section 2), so that the whole
method is one graph of convolutions. :mod:`matshot_export.dictionaries` learns the dictionaries.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ..losses import LUMA
from .map_network import MapNetwork
from .resampling import REACH, enlarge_kernel

#: Side of a coded patch, and of the part of it whose detail is predicted, in low-resolution pixels.
PATCH = 5
CORE = 3

#: Contrast of a patch of 8-bit values below which it is rounding noise, and not to be written large.
FLOOR = 0.01


class SparseCoding(MapNetwork):
    """Super-resolution by ``scale`` of color (its luma; chroma is bicubic, as in Yang et al.) or of a single plane.

    Input ``(N, planes, H, W)`` display-encoded in [0, 1], output ``(N, planes, scale H, scale W)`` in the same
    encoding, not clipped. Until dictionaries are loaded it is bicubic.

    Args:
        scale: any whole number.
        planes: 3 or 1.
        atoms: of each dictionary.
        steps: of the encoder.
        threshold: what a step takes from every coefficient: the weight of the code's sum of magnitudes.

    Attributes:
        low: ``(atoms, 25, 1, 1)``, the low-resolution atoms. As a matrix its largest singular value is 1, so that the
            encoder may take steps of length 1.
        high: ``(scale**2, atoms, 3, 3)``, the high-resolution atoms as the kernel that adds up overlapping patches.
    """

    weights: torch.Tensor
    extract: torch.Tensor
    enlarge: torch.Tensor

    def __init__(
        self, scale: int = 4, planes: int = 3, atoms: int = 256, steps: int = 8, threshold: float = 0.03
    ) -> None:
        super().__init__()
        self.scale, self.planes, self.steps, self.threshold = scale, planes, steps, threshold
        low = torch.randn(atoms, PATCH * PATCH)
        self.low = nn.Parameter((low / torch.linalg.matrix_norm(low, 2)).view(atoms, -1, 1, 1))
        self.high = nn.Parameter(torch.zeros(scale * scale, atoms, CORE, CORE))
        weights = torch.tensor(LUMA) if planes == 3 else torch.ones(planes) / planes
        self.register_buffer("weights", weights.view(1, planes, 1, 1))
        pixels = torch.eye(PATCH * PATCH) - 1 / PATCH**2
        self.register_buffer("extract", pixels.view(-1, 1, PATCH, PATCH))
        self.register_buffer("enlarge", enlarge_kernel(scale, planes))

    @property
    def receptive_field(self) -> int:
        """Radius, in low-resolution pixels, outside which nothing changes an output pixel."""
        return max(PATCH // 2 + CORE // 2, REACH)

    def luma(self, x: torch.Tensor) -> torch.Tensor:
        """The one plane that is coded, ``(N, 1, H, W)``."""
        return (x * self.weights).sum(dim=1, keepdim=True)

    def bicubic(self, x: torch.Tensor) -> torch.Tensor:
        """The image enlarged, which the detail is added to."""
        packed = F.conv2d(F.pad(x, (REACH,) * 4, mode="replicate"), self.enlarge)
        return F.pixel_shuffle(packed, self.scale)

    def patches(self, luma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Every 5x5 patch less its mean and over its contrast.

        Args:
            luma: ``(N, 1, H, W)``.

        Returns:
            ``(N, 25, H - 4, W - 4)`` of length at most 1, and the contrast ``(N, 1, H - 4, W - 4)``.
        """
        patches = F.conv2d(luma, self.extract)
        contrast = torch.sqrt(patches.square().sum(dim=1, keepdim=True) + FLOOR**2)
        return patches / contrast, contrast

    def codes(self, luma: torch.Tensor) -> torch.Tensor:
        """Sparse codes, times the contrast, ``(N, atoms, H - 4, W - 4)``.

        Each step is x <- soft(x - D^T (D x - y)) for the objective |y - D x|^2 / 2 + threshold |x|_1.
        """
        wanted, contrast = self.patches(luma)
        atoms = self.low.transpose(0, 1)
        code = _shrunk(F.conv2d(wanted, self.low), self.threshold)
        for _ in range(self.steps - 1):
            error = F.conv2d(code, atoms) - wanted
            code = _shrunk(code - F.conv2d(error, self.low), self.threshold)
        return code * contrast

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Bicubic and the detail that it lacks."""
        # The edge is repeated for both patches and overlaps, so that border pixels have as many patches as others.
        codes = self.codes(F.pad(self.luma(x), (self.receptive_field,) * 4, mode="replicate"))
        # With the chroma of Y'CbCr as it is, a change of luma is the same change of red, green and blue.
        return self.bicubic(x) + F.pixel_shuffle(F.conv2d(codes, self.high), self.scale)


def _shrunk(x: torch.Tensor, threshold: float) -> torch.Tensor:
    # Soft thresholding in two operations; torch's own becomes seven in the exported graph.
    return x - x.clamp(-threshold, threshold)
