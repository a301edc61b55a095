"""A surface's reflectance as arrays, in the encodings that the renderer and the capture tools compute in."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from ..errors import MatshotError
from ..image.color import Pixels, linear_from_srgb, srgb_from_linear
from ..image.types import Texture, Wrap
from ..material.types import MapKind, Material

#: Maps that are taken as they are.
MAPPED: tuple[MapKind, ...] = ("metallic", "specular", "anisotropy")
#: Specular that dielectrics have without a map: 4 % at normal incidence.
DIELECTRIC = 0.5


@dataclass(frozen=True)
class Surface:
    """Spatially varying GGX parameters, one value per pixel, each pixel the same spot in all of them.

    Attributes:
        base_color: ``H x W x 3``, scene-linear.
        normal: ``H x W x 3`` unit vectors, +X right, +Y up.
        roughness: ``H x W x 1``, perceptual, [0, 1]; GGX alpha is its square.
        metallic: ``H x W x 1``, [0, 1].
        specular: ``H x W x 1``, [0, 1]; a dielectric's reflectance at normal incidence is 0.08 times it.
        anisotropy: ``H x W x 1``, [-1, 1].
        anisotropy_angle: ``H x W x 1``, radians, counter-clockwise from +X.
    """

    base_color: Pixels
    normal: Pixels
    roughness: Pixels
    metallic: Pixels
    specular: Pixels
    anisotropy: Pixels
    anisotropy_angle: Pixels

    @staticmethod
    def of(
        base_color: Pixels,
        normal: Pixels | None = None,
        roughness: Pixels | float = 0.6,
        metallic: Pixels | float = 0.0,
        specular: Pixels | float = DIELECTRIC,
        anisotropy: Pixels | float = 0.0,
        anisotropy_angle: Pixels | float = 0.0,
    ) -> Surface:
        """A surface with constants where no map is given, and flat without a normal."""
        shape = base_color.shape[:2]
        if normal is None:
            normal = np.broadcast_to(np.array([0, 0, 1], dtype=np.float32), (*shape, 3))

        def plane(value: Pixels | float) -> Pixels:
            given = np.asarray(value, dtype=np.float32)
            return np.ascontiguousarray(np.broadcast_to(given.reshape(*shape, 1) if given.ndim else given, (*shape, 1)))

        return Surface(
            np.ascontiguousarray(base_color, dtype=np.float32),
            np.ascontiguousarray(normal, dtype=np.float32),
            plane(roughness),
            plane(metallic),
            plane(specular),
            plane(anisotropy),
            plane(anisotropy_angle),
        )

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.base_color.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.base_color.shape[1])

    def cut(self, rows: slice, columns: slice) -> Surface:
        """The part of it inside a rectangle."""
        return replace(self, **{f.name: getattr(self, f.name)[rows, columns] for f in fields(self)})

    def textures(self, wrap: Wrap) -> dict[MapKind, Texture]:
        """Base color (display-encoded), normal, roughness and metallic, and the others where they say something."""
        made: dict[MapKind, Texture] = {
            "basecolor": Texture(srgb_from_linear(self.base_color), "srgb", wrap),
            "normal": Texture(self.normal, "normal", wrap),
            "roughness": Texture(self.roughness, "data", wrap),
            "metallic": Texture(self.metallic, "data", wrap),
        }
        if np.ptp(self.specular) > 0 or abs(float(self.specular.flat[0]) - DIELECTRIC) > 1e-3:
            made["specular"] = Texture(self.specular, "data", wrap)
        if np.abs(self.anisotropy).max() > 0:
            turns = np.mod(self.anisotropy_angle / (2 * np.pi), 1).astype(np.float32)
            made["anisotropy"] = Texture(self.anisotropy, "data", wrap)
            made["anisotropy_angle"] = Texture(turns, "data", wrap)
        return made


def surface_of(material: Material) -> Surface:
    """The reflectance that a material's maps describe; what it has no map for is flat, dielectric and isotropic.

    Raises:
        MatshotError: without a base color.
    """
    maps = material.unpacked().maps
    if "basecolor" not in maps:
        raise MatshotError(f"{material.name} has no base color, without which there is nothing to light.")
    color = maps["basecolor"]
    pixels = np.repeat(color.color, 3, axis=2) if color.color.shape[2] == 1 else color.color
    if color.encoding == "srgb":
        pixels = linear_from_srgb(pixels)
    roughness: Pixels | float = 0.6
    if "roughness" in maps:
        roughness = maps["roughness"].pixels
    elif "gloss" in maps:
        roughness = 1 - maps["gloss"].pixels
    others: dict[str, Pixels] = {kind: maps[kind].pixels[..., :1] for kind in MAPPED if kind in maps}
    if "anisotropy_angle" in maps:
        others["anisotropy_angle"] = 2 * np.pi * maps["anisotropy_angle"].pixels
    normal = maps["normal"].pixels[..., :3] if "normal" in maps else None
    return Surface.of(pixels, normal, roughness, **others)
