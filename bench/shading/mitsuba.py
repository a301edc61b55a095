"""The renderer against an independent one: Mitsuba 3 on the same maps, under the same lights.

    python -m bench.shading.mitsuba [--data DIR] [--limit N] [--skip-slow] [--write]

Needs `pip install mitsuba`. Looks at a generated brick wall and, with --data, at DIR/materials/val/*.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench import report
from bench.measures import Image
from matshot.material.folder import load_material
from matshot.material.types import Material
from matshot.shading.preview import shrunk
from matshot.shading.procedural import brick_wall
from matshot.shading.render import SPHERE_SHARE, Camera, Environment, PointLight, render, rendered_sphere
from matshot.shading.surface import Surface, surface_of

NAME = "render_mitsuba"
SIDE = 128

#: Pixels darker than this part of the mean count as this bright: they are black on a screen.
DARK = 0.01

#: Beside the lens of a camera with 60 degrees, off to the side, and low over the surface.
LIGHTS = {"flash": (0.02, 0.03, 0.866), "side": (0.6, 0.0, 0.6), "low": (-0.5, 0.5, 0.25)}
#: And beside a sphere.
LAMP = (1.5, 2.0, 3.0)
KINDS = [
    (kind, metallic, roughness)
    for kind, metallic in (("dielectric", 0.0), ("metal", 1.0))
    for roughness in (0.1, 0.3, 0.6, 1.0)
]

#: Normals as they are: Mitsuba would by default turn those that face away, and darken slopes (Estevez 2019).
PLAIN_NORMALS = {"flip_invalid_normals": False, "use_shadowing_function": False}

SKY = Environment((0.9, 1.0, 1.2), (0.5, 0.5, 0.5), (0.1, 0.1, 0.1), up=(0.0, 1.0, 0.0))
SAMPLES = 256


def installed() -> bool:
    """Whether Mitsuba is there."""
    return importlib.util.find_spec("mitsuba") is not None


def bricks(side: int = SIDE) -> Surface:
    """The generated wall."""
    maps = brick_wall(side)
    return surface_of(
        Material({**{kind: maps[kind] for kind in ("basecolor", "roughness")}, "normal": maps["normal_gl"]})
    )


def photographed(
    bsdf: dict[str, Any],
    normal: Image,
    emitter: dict[str, Any],
    camera: Camera,
    *,
    turn: float = 0.0,
    **normalmap: bool,
) -> Image:
    """Mitsuba's radiance ``H x W x 3`` of a plane, in the middle of each pixel.

    Args:
        bsdf: what it is made of.
        normal: unit vectors ``H x W x 3``.
        emitter: a point light.
        camera: above it.
        turn: radians by which the plane, then larger than the picture, and its tangent are turned.
        **normalmap: options of that plugin.
    """
    place = _mitsuba().ScalarTransform4f
    longer = max(camera.width, camera.height)
    size = (2.0, 2.0) if turn else (camera.width / longer / 2, camera.height / longer / 2)
    plane = {
        "type": "rectangle",
        "to_world": place().rotate([0, 0, 1], float(np.degrees(turn))).scale([*size, 1]),
        "bsdf": {"type": "normalmap", "normalmap": bitmap(normal / 2 + 0.5), "bsdf": bsdf, **normalmap},
    }
    sensor = {
        "type": "perspective",
        "fov": camera.fov,
        "fov_axis": "larger",
        "to_world": place().look_at(origin=list(camera.position), target=[0, 0, 0], up=[0, 1, 0]),
    }
    return _radiance(plane, emitter, sensor, camera.width, camera.height, 1)


def photographed_sphere(bsdf: dict[str, Any], emitter: dict[str, Any], size: int, samples: int) -> Image:
    """Mitsuba's radiance ``size x size x 3`` of a sphere, black where there is none.

    Args:
        bsdf: what it is made of.
        emitter: its light.
        size: pixels a side.
        samples: per pixel; 4 for one in the middle of each quarter of it, else random.
    """
    place = _mitsuba().ScalarTransform4f
    view = place().look_at(origin=[0, 0, 4], target=[0, 0, 0], up=[0, 1, 0])
    sensor = {"type": "orthographic", "to_world": view.scale([1 / SPHERE_SHARE, 1 / SPHERE_SHARE, 1])}
    return _radiance({"type": "sphere", "bsdf": bsdf}, emitter, sensor, size, size, samples)


def _radiance(
    shape: dict[str, Any], emitter: dict[str, Any], sensor: dict[str, Any], width: int, height: int, samples: int
) -> Image:
    exact = samples <= 4
    film = {"width": width, "height": height, "pixel_format": "rgb", "component_format": "float32"}
    sampler = {"type": "stratified", "jitter": False} if exact else {"type": "independent"}
    scene = {
        "type": "scene",
        "integrator": {"type": "direct", "emitter_samples": 1, "bsdf_samples": int(not exact), "hide_emitters": True},
        "shape": shape,
        "emitter": emitter,
        "sensor": {
            **sensor,
            "film": {"type": "hdrfilm", "rfilter": {"type": "box"}, **film},
            "sampler": {**sampler, "sample_count": samples},
        },
    }
    return np.array(_mitsuba().render(_mitsuba().load_dict(scene), spp=samples), dtype=np.float64)


def bitmap(values: Image) -> dict[str, Any]:
    """A texture whose first row is at the top and whose pixels are the picture's."""
    mitsuba = _mitsuba()
    pixels = mitsuba.Bitmap(np.array(values, dtype=np.float32))
    upright = mitsuba.ScalarTransform4f().scale([1, -1, 1])
    return {"type": "bitmap", "bitmap": pixels, "raw": True, "filter_type": "nearest", "to_uv": upright}


def lamp(position: Iterable[float]) -> dict[str, Any]:
    """A point light of intensity 1."""
    return {"type": "point", "position": list(position), "intensity": {"type": "rgb", "value": [1.0, 1.0, 1.0]}}


def same_model(surface: Surface) -> tuple[dict[str, Any], dict[str, Any]]:
    """Mitsuba's plugins for the two parts of what both renderers mean by the same formula.

    Light adds up, so reflectance may be taken apart: `diffuse` has the Lambert part, and `principled` with metallic 1
    has nothing but GGX with Schlick's Fresnel between its base color and 1, for dielectrics too.
    """
    metallic = surface.metallic
    straight = 0.08 * surface.specular * (1 - metallic) + surface.base_color * metallic
    rough = bitmap(np.maximum(surface.roughness, 0.05))
    return (
        {"type": "diffuse", "reflectance": bitmap(surface.base_color * (1 - metallic))},
        {"type": "principled", "base_color": bitmap(straight), "metallic": 1.0, "roughness": rough},
    )


def principled(surface: Surface, light: tuple[float, float, float], camera: Camera, **normalmap: bool) -> Image:
    """Radiance of Mitsuba's own idea of the same parameters: Disney's diffuse, exact Fresnel, separable Smith."""
    bsdf = {
        "type": "principled",
        "base_color": bitmap(surface.base_color),
        "metallic": bitmap(surface.metallic),
        "roughness": bitmap(np.maximum(surface.roughness, 0.05)),
        "specular": float(surface.specular.flat[0]),
    }
    return photographed(bsdf, surface.normal, lamp(light), camera, **normalmap)


def smith_exchange(view: Image, light: Image, normal: Image, alphas: Image, angle: float = 0.0) -> Image:
    """Height-correlated over separable Smith shadowing, ``H x W x 1`` (Heitz 2014, equations 99 and 98).

    Mitsuba has the latter.

    Args:
        view: unit vectors to the viewer, ``H x W x 3``.
        light: and to the light.
        normal: unit normals.
        alphas: ``H x W x 2``, along and across the angle; different ones only on a flat surface.
        angle: radians.
    """
    hidden = []
    for ray in (view, light):
        cosine = np.clip((ray * normal).sum(axis=2), 1e-9, 1)
        azimuth = np.arctan2(ray[..., 1], ray[..., 0]) - angle
        spread = (alphas[..., 0] * np.cos(azimuth)) ** 2 + (alphas[..., 1] * np.sin(azimuth)) ** 2
        hidden.append((np.sqrt(1 + spread * (1 / cosine**2 - 1)) - 1) / 2)
    return ((1 + hidden[0]) * (1 + hidden[1]) / (1 + hidden[0] + hidden[1]))[..., np.newaxis]


def error(result: Image, truth: Image) -> float:
    """Mean relative error."""
    return float(np.mean(np.abs(result - truth) / np.maximum(truth, DARK * truth.mean())))


def plane_errors(surface: Surface, light: tuple[float, float, float]) -> tuple[float, float, float]:
    """Of our plane to the same model, to `principled`, and to `principled` with the default normal mapping."""
    camera = Camera(surface.width, surface.height)
    ours = render(surface, camera, [PointLight(light)])
    diffuse, glossy = (
        photographed(part, surface.normal, lamp(light), camera, **PLAIN_NORMALS) for part in same_model(surface)
    )
    points = camera.positions().astype(np.float64)
    alpha = np.maximum(surface.roughness.astype(np.float64), 0.05) ** 2
    exchange = smith_exchange(
        _towards(camera.position, points), _towards(light, points), surface.normal, np.repeat(alpha, 2, axis=2)
    )
    return (
        error(ours, diffuse + glossy * exchange),
        error(ours, principled(surface, light, camera, **PLAIN_NORMALS)),
        error(ours, principled(surface, light, camera)),
    )


def brushed_error(light: tuple[float, float, float], roughness: float, anisotropy: float, angle: float) -> float:
    """To `roughconductor` with two alphas on a flat surface that reflects everything (F = 1)."""
    camera = Camera(SIDE, SIDE)
    white = np.ones((SIDE, SIDE, 3), dtype=np.float32)
    surface = Surface.of(white, None, roughness, 1.0, anisotropy=anisotropy, anisotropy_angle=angle)
    along, across = roughness**2 * (1 + anisotropy), roughness**2 * (1 - anisotropy)
    bsdf = {"type": "roughconductor", "material": "none", "distribution": "ggx", "alpha_u": along, "alpha_v": across}
    truth = photographed(bsdf, surface.normal, lamp(light), camera, turn=angle)
    points = camera.positions().astype(np.float64)
    alphas = np.broadcast_to([along, across], (SIDE, SIDE, 2))
    truth *= smith_exchange(_towards(camera.position, points), _towards(light, points), surface.normal, alphas, angle)
    return error(render(surface, camera, [PointLight(light)]), truth)


def sphere_error(surface: Surface, light: tuple[float, float, float]) -> float:
    """Of our sphere under a point light to the same model, for a surface that is the same everywhere."""
    fine = 2 * SIDE
    side = ((np.arange(fine) + 0.5) / SIDE - 1) / SPHERE_SHARE
    x, y = np.meshgrid(side, -side)
    out = np.dstack([x, y, np.sqrt(np.maximum(1 - x**2 - y**2, 0))])
    alphas = np.full((fine, fine, 2), max(float(surface.roughness.flat[0]), 0.05) ** 2)
    exchange = smith_exchange(np.array([0.0, 0.0, 1.0]) + 0 * out, _towards(light, out), out, alphas)
    exchange = exchange.reshape(SIDE, 2, SIDE, 2).mean(axis=(1, 3))[..., np.newaxis]
    diffuse, glossy = (photographed_sphere(part, lamp(light), SIDE, 4) for part in same_model(surface))
    ours = rendered_sphere(surface, SIDE, [PointLight(light)])
    inside = ours[..., 3] == 1
    return error(ours[inside, :3], (diffuse + glossy * exchange)[inside])


def sky_error(surface: Surface) -> float:
    """Of our sphere under a sky, whose highlights are approximate, summed, in parts of all light."""
    mitsuba = _mitsuba()
    above = np.cos((np.arange(256) + 0.5) / 256 * np.pi)[:, np.newaxis]
    zenith, horizon, ground = (np.array(value) for value in (SKY.zenith, SKY.horizon, SKY.ground))
    radiance = horizon + (zenith - ground) / 2 * above + ((zenith + ground) / 2 - horizon) * above**2
    picture = np.repeat(radiance[:, np.newaxis], 512, axis=1).astype(np.float32)
    sky = {"type": "envmap", "bitmap": mitsuba.Bitmap(picture)}
    truth = sum(photographed_sphere(part, sky, SIDE // 2, SAMPLES) for part in same_model(surface))
    ours = rendered_sphere(surface, SIDE // 2, [SKY])
    inside = ours[..., 3] == 1
    return float(np.abs(ours[..., :3] - truth)[inside].sum() / truth[inside].sum())


def _towards(position: Iterable[float], points: Image) -> Image:
    ray = np.array(list(position)) - points
    return ray / np.linalg.norm(ray, axis=2, keepdims=True)


@cache
def _mitsuba() -> Any:
    import mitsuba

    mitsuba.set_variant("scalar_rgb")
    return mitsuba


def _percent(value: float) -> str:
    return f"{100 * value:.5f}" if value < 1e-4 else f"{100 * value:.2f}"


def _constant(surface: Surface, roughness: float, metallic: float) -> Surface:
    plane = np.ones_like(surface.roughness)
    return replace(surface, roughness=roughness * plane, metallic=metallic * plane)


def _row(label: str, surface: Surface) -> list[str]:
    report.say(f"{NAME}: {label}")
    found = [plane_errors(surface, light) for light in LIGHTS.values()]
    same, own, own_default = zip(*found, strict=True)
    return [label, *(_percent(value) for value in same), _percent(np.mean(own)), _percent(np.mean(own_default))]


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    title = "The renderer beside Mitsuba 3"
    if not installed():
        return report.Section(NAME, title, "Skipped: Mitsuba is not installed (`pip install mitsuba`).")
    wall = bricks()
    rows = [_row("generated brick wall", wall)]
    folders = sorted((options.data / "materials" / "val").glob("*/")) if options.data else []
    for folder in folders[: options.limit]:
        rows.append(_row(folder.name, surface_of(shrunk(load_material(folder), SIDE))))
    for kind, metallic, roughness in KINDS:
        label = f"wall, {kind}, roughness {roughness:g}"
        rows.append(_row(label, _constant(wall, roughness, metallic)))
    for roughness, anisotropy in ((0.3, 0.8), (0.6, -0.5), (0.6, 0.8)):
        found = [brushed_error(light, roughness, anisotropy, 0.6) for light in LIGHTS.values()]
        label = f"flat, brushed, roughness {roughness:g}, anisotropy {anisotropy:g}"
        rows.append([label, *(_percent(value) for value in found), "", ""])
    text = [
        report.conditions(report.command(NAME, options), ["mitsuba"]),
        f"Mean relative error in percent (pixels darker than {DARK:.0%} of the mean count as that bright), maps and "
        f"pictures {SIDE} px, camera 60 degrees, one point light, one sample in the middle of each pixel. The first "
        "three columns are the same model: Lambert plus GGX with Schlick's Fresnel, out of Mitsuba's `diffuse` and of "
        "`principled` with metallic 1, whose separable Smith term is exchanged for the height-correlated one; brushed "
        "surfaces beside `roughconductor`. The last two are means over the three lights of the difference to "
        "`principled` as it is (Disney's diffuse, exact dielectric Fresnel, separable Smith), without and with the "
        "shadowing of slopes that `normalmap` does by default.",
        report.table(["surface", *LIGHTS, "`principled`", "with slope shadowing"], rows),
        *_spheres(sky=not options.skip_slow),
    ]
    return report.Section(NAME, title, "\n\n".join(text))


def _spheres(*, sky: bool) -> list[str]:
    rows = []
    for kind, metallic, roughness in KINDS:
        report.say(f"{NAME}: sphere, {kind}, roughness {roughness:g}")
        surface = Surface.of(np.full((1, 1, 3), (0.7, 0.5, 0.3), dtype=np.float32), None, roughness, metallic)
        cells = [sphere_error(surface, LAMP), *([sky_error(surface)] if sky else [])]
        rows.append([f"{kind}, roughness {roughness:g}", *(_percent(value) for value in cells)])
    text = "The same on a sphere under a point light, each pixel the mean of 2 x 2."
    if sky:
        text += (
            " A sky is for looking at materials, and its highlights are approximate by design (split sum): the "
            "difference to Mitsuba's integral over the whole sky, summed and in percent of all light "
            f"({SAMPLES} samples a pixel, separable Smith)."
        )
    return [text, report.table(["sphere", "point light", *(["sky"] if sky else [])], rows)]


if __name__ == "__main__":
    parser = report.parser(__doc__, data=False)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with materials/val/")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N materials: to try it out")
    report.run_alone(measure, parser)
