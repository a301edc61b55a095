"""Small textures that training tests read, and a processor as it was after them."""

import sys

import numpy as np
import OpenImageIO as oiio
import pytest


@pytest.fixture(autouse=True)
def _processor_as_it_was():
    """Commands that train count denormal numbers as 0, and tests run some in their own process."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


def _waves(seed=0, size=96, channels=3):
    """Random waves, ``uint8``."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    planes = [np.sin(x * rng.uniform(0.1, 0.9) + y * rng.uniform(-0.9, 0.9)) for _ in range(channels)]
    return np.round(127.5 + 100 * np.stack(planes, axis=-1)).astype(np.uint8)


def _write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = oiio.ImageBuf(np.ascontiguousarray(pixels))
    assert buffer.write(str(path)), buffer.geterror()
    return path


def _bump(size=64):
    """A bump off the center on a slope, unlike itself however it is turned."""
    y, x = np.mgrid[:size, :size] / size
    return 6 * np.exp(-((x - 0.35) ** 2 + (y - 0.4) ** 2) / 0.04) + 8 * x - 3 * y


def _normals(height):
    """Unit normals ``3 x H x W``, +X right and +Y up, as ``uint8``."""
    down, right = np.gradient(height)
    n = np.stack([-right, down, np.ones_like(height)])
    n /= np.linalg.norm(n, axis=0)
    return np.round(127.5 + 127.5 * n).astype(np.uint8)


@pytest.fixture(scope="session")
def waves():
    return _waves


@pytest.fixture(scope="session")
def write_image():
    return _write


@pytest.fixture(scope="session")
def bump():
    return _bump


@pytest.fixture(scope="session")
def normals():
    return _normals


@pytest.fixture(scope="session")
def textures(tmp_path_factory):
    """A data folder: two materials to train with, one to measure on, a photograph."""
    root = tmp_path_factory.mktemp("data")
    for split, names in (("train", ("Brick", "Cloth")), ("val", ("Stone",))):
        for seed, name in enumerate(names):
            material = root / "materials" / split / name
            _write(material / "basecolor.png", _waves(seed))
            _write(material / "normal_gl.png", _normals(_bump(96)).transpose(1, 2, 0))
            _write(material / "roughness.png", _waves(seed + 5, channels=1))
    _write(root / "photos" / "hill.png", _waves(9, 120))
    (root / "photos" / "notes.txt").write_text("not a photograph")
    return root
