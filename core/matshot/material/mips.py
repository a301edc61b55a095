"""Mips of a material: smaller copies of its maps that look like the large ones from far away.

Colors are averaged as light, normals stay unit vectors. What the normals of an area differ is lost when they are
averaged, and comes back as roughness; cut-outs keep as much of their area as they had.
"""

from __future__ import annotations

import numpy as np

from ..image.alpha import is_transparency
from ..image.color import Pixels
from ..image.types import Texture
from .resize import area_means, averaged_material
from .types import MapKind, Material, pack_orm

#: Maps that cut a surface out: by their numbers, or by their alpha.
_CUT_OUTS: tuple[MapKind, ...] = ("basecolor", "opacity")

#: Opacities between which a surface is neither there nor not, and the part of them with which it is still a cut-out.
_BETWEEN, _MOST_BETWEEN = (0.02, 0.98), 0.05

#: Opacity from which on shaders draw a cut-out.
_CUT = 0.5

#: Shortening of a mean normal that is but rounding.
_ROUNDING = 1e-6


def mip_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Sizes of all mips, the full one first: each half of the one before, rounded down, to a single pixel."""
    sizes = [(width, height)]
    while sizes[-1] != (1, 1):
        sizes.append((max(1, sizes[-1][0] // 2), max(1, sizes[-1][1] // 2)))
    return sizes


def material_mips(material: Material) -> list[Material]:
    """A material and all its mips, each made of the full one.

    Args:
        material: of any maps; a packed one stays packed.
    """
    plain = material.unpacked()
    coverage = {kind: _coverage(plain.maps[kind]) for kind in _CUT_OUTS if kind in plain.maps}
    mips = [material]
    for size in mip_sizes(material.width, material.height)[1:]:
        small = averaged_material(plain, size)
        maps = dict(small.maps)
        for kind in ("roughness", "gloss"):
            if kind in maps:
                maps[kind] = maps[kind].with_pixels(_roughened(plain, kind, size))
        for kind, covered in coverage.items():
            if covered is not None:
                maps[kind] = _with_coverage(maps[kind], covered)
        small = small.with_maps(maps)
        if "orm" in material.maps:
            packed: dict[MapKind, Texture] = {"orm": pack_orm(small)}
            small = small.with_maps({kind: packed.get(kind) or small.maps[kind] for kind in material.maps})
        mips.append(small)
    return mips


def _roughened(material: Material, kind: MapKind, size: tuple[int, int]) -> Pixels:
    """Roughness, or gloss, of a mip: that of the pixels it covers, and how much their normals differ.

    A Beckmann lobe of roughness ``a = r^2`` stands for slopes of variance ``a^2 / 2`` on each axis, so that variances
    of an area add up (Olano and Baker, LEAN Mapping, 2010, eq. 7). A mean normal of length ``n`` was shortened by a
    variance of ``(1 - n) / n`` (Toksvig, Mipmapping Normal Maps, 2004, eq. 4), which raises ``a^2`` by twice that.
    """
    pixels = material.maps[kind].pixels
    rough = 1 - pixels if kind == "gloss" else pixels
    squared = area_means(np.clip(rough, 0, 1) ** 4, size)
    if "normal" in material.maps:
        length = np.linalg.norm(area_means(material.maps["normal"].pixels[..., :3], size), axis=2, keepdims=True)
        lost = np.maximum(1 - length - _ROUNDING, 0) / np.maximum(length, _ROUNDING)
        squared = squared + 2 * lost
    rougher = np.asarray(np.clip(squared, 0, 1) ** 0.25, dtype=np.float32)
    return 1 - rougher if kind == "gloss" else rougher


def _coverage(texture: Texture) -> float | None:
    """The part of a cut-out that is drawn; None for what is no cut-out."""
    alpha = _opacity(texture)
    if alpha is None:
        return None
    between = float(((alpha > _BETWEEN[0]) & (alpha < _BETWEEN[1])).mean())
    covered = float((alpha >= _CUT).mean())
    return covered if between < _MOST_BETWEEN and 0 < covered < 1 else None


def _opacity(texture: Texture) -> Pixels | None:
    if is_transparency(texture):
        return texture.alpha
    return texture.pixels if texture.encoding == "data" and texture.pixels.shape[2] == 1 else None


def _with_coverage(texture: Texture, covered: float) -> Texture:
    """A mip of a cut-out with its opacity scaled so that as much of it is drawn (Castaño, 2010)."""
    alpha = _opacity(texture)
    assert alpha is not None
    # Above which opacity as much is drawn as before, as nearly as there are pixels for.
    edges, counts = np.unique(alpha[alpha > 0], return_counts=True)
    if not edges.size:
        return texture
    drawn = np.cumsum(counts[::-1])[::-1] / alpha.size
    edge = edges[np.argmin(np.abs(drawn - covered))]
    scaled = np.minimum(alpha * np.float32(_CUT / edge), 1)
    return texture.with_pixels(np.concatenate([texture.pixels[..., :-1], scaled], axis=2))
