"""The judge of adversarial training: real patch or enlarged one?

A patch discriminator (Isola, Zhu, Zhou and Efros 2017, "Image-to-image translation with conditional adversarial
networks", section 3.2.2): it says so for every place of the image apart, from the neighborhood that its strided
convolutions see, so that it learns texture and not composition. Spectral normalization (Miyato, Kataoka, Koyama and
Yoshida 2018, equation 8) holds its gradient in bounds.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

SLOPE = 0.2

#: Channels after each halving. Few, because on a CPU the judge must not cost more than what it judges.
WIDTHS = (32, 64, 128, 128)


class Discriminator(nn.Module):
    """Logits of "this is real", one for each of about ``H / 16 x W / 16`` places, each seeing 78 pixels across.

    Input ``(N, planes, H, W)`` in the encoding of the maps, output ``(N, 1, H // 16, W // 16)``, unbounded.

    Args:
        planes: channels of the map.
    """

    def __init__(self, planes: int = 3) -> None:
        super().__init__()
        inputs = (planes, *WIDTHS[:-1])
        layers = [nn.Conv2d(i, o, 4, stride=2, padding=1) for i, o in zip(inputs, WIDTHS, strict=True)]
        layers.append(nn.Conv2d(WIDTHS[-1], 1, 3, padding=1))
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, a=SLOPE)
        self.layers = nn.ModuleList(spectral_norm(layer) for layer in layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of each place."""
        # The power iteration mixes stored and computed vectors, which must stay of one type under autocast; cached,
        # it also runs once a call.
        with parametrize.cached():
            with torch.autocast(x.device.type, enabled=False):
                for layer in self.layers:
                    _ = layer.weight
            for layer in self.layers[:-1]:
                x = F.leaky_relu(layer(x), SLOPE)
            logits: torch.Tensor = self.layers[-1](x)
        return logits
