"""Files of the real world: every case of a folder is run as an artist runs it, and judged.

    python -m bench.material.cases --cases DIR [--only PART] [--verbose]

``DIR`` holds one folder a case, named as in :data:`CASES`. What is read must be stored rightly, refused in a
sentence, or left out and named. Exit status 1 if a case is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from matshot.image.color import linear_from_srgb, srgb_from_linear
from matshot.image.formats import READABLE

#: How far the mean of a channel may move.
MEAN = 1.2 / 255

#: What a case comes to: whether it is right, and what was seen.
Verdict = tuple[bool, str]


@dataclass
class Run:
    """One run of the command line.

    Attributes:
        code: exit status.
        said: both streams.
        events: lines of ``--json``.
    """

    code: int
    said: str
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether it ended with a sentence."""
        return self.code != 0 and "Error:" in self.said and "Traceback" not in self.said

    @property
    def notes(self) -> str:
        """All notes of all outputs in one line, with what was refused."""
        notes: list[str] = []
        for event in self.events:
            notes += event.get("notes", [])
            notes += [event["error"]] if "error" in event else []
        return " | ".join(notes)

    def done(self, name: str) -> dict[str, Any]:
        """The event of the output whose source or target has this name, empty for none."""
        for event in self.events:
            names = {Path(event.get(key, "")).name for key in ("source", "target")}
            if event["event"] == "done" and name in names:
                return event
        return {}


def matshot(*arguments: str | Path) -> Run:
    """Run ``matshot`` in this process, which saves the time of a start."""
    from matshot.cli.commands import main

    out, code, before = io.StringIO(), 0, sys.argv
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        sys.argv = ["matshot", *map(str, arguments)]
        try:
            main()
        except SystemExit as ending:
            code = int(ending.code or 0)
        except BaseException as error:  # what an artist would see as a traceback
            return Run(70, f"Traceback: {type(error).__name__}: {error}")
        finally:
            sys.argv = before
    said = out.getvalue()
    events = [json.loads(line) for line in said.splitlines() if line.startswith('{"event"')]
    return Run(code, said, events)


def pixels(path: Path) -> tuple[np.ndarray[Any, Any], oiio.ImageSpec]:
    """What a file stores, alpha beside color as it is there, and its header."""
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    image = oiio.ImageInput.open(str(path), config)
    if image is None:
        raise FileNotFoundError(f"{path}: {oiio.geterror()}")
    spec = image.spec()
    values = np.asarray(image.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT))
    image.close()
    return values.reshape(spec.height, spec.width, spec.nchannels), spec


def shrunk(values: np.ndarray[Any, Any], scale: int = 2) -> np.ndarray[Any, Any]:
    """Means of blocks of ``scale`` x ``scale``."""
    height, width, channels = values.shape
    return values.reshape(height // scale, scale, width // scale, scale, channels).mean(axis=(1, 3))


def kept(source: Path, target: Path, *, mean: float = MEAN) -> Verdict:
    """Whether a result twice as large stores what its source does, as far as means tell."""
    if not target.exists():
        return False, "nothing written"
    (before, old), (after, new) = pixels(source), pixels(target)
    if old.get_int_attribute("Orientation", 1) in (5, 6, 7, 8):
        before = before.transpose(1, 0, 2)
    if before.shape[2] != after.shape[2]:
        return False, f"{before.shape[2]} channels became {after.shape[2]}"
    if old.format != new.format and target.suffix == source.suffix:
        return False, f"{old.format} became {new.format}"
    if after.shape[:2] != (2 * before.shape[0], 2 * before.shape[1]):
        return False, f"size {after.shape}"
    if old.alpha_channel == before.shape[2] - 1 > 0:
        # Color that alpha hides is looked at by the cases that are about it.
        before, after = (np.concatenate([v[..., :-1] * v[..., -1:], v[..., -1:]], axis=2) for v in (before, after))
    moved = np.abs(before.mean(axis=(0, 1)) - after.mean(axis=(0, 1))).max()
    return bool(moved <= mean), f"means moved {moved * 255:.2f} of 255"


def all_of(*verdicts: Verdict) -> Verdict:
    """Right if all are."""
    return all(right for right, _ in verdicts), "; ".join(dict.fromkeys(what for _, what in verdicts))


def upscaled(case: Path, out: Path, name: str, target: str = "", *options: str) -> tuple[Run, Path]:
    """One file enlarged, and where the result is."""
    place = out / (target or name)
    return matshot("upscale", case / name, "-o", place, "--scale", "2", "--json", *options), place


#: Means of pictures of nothing but black and white, or of saturated color, move by what cannot be overshot.
HARD = ("stencil.png", "sat.png", "one.tif", "mask.png")


def ordinary(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Files that are enlarged as they are."""
    for file in sorted(case.rglob("*")):
        if file.is_file() and file.suffix.lower() in READABLE:
            target = file.name if file.suffix.lower() != ".dds" else f"{file.stem}.png"
            run, place = upscaled(file.parent, out, file.name, target)
            mean = 2.5 / 255 if file.name in HARD else MEAN
            yield file.name, kept(file, place, mean=mean) if run.code == 0 else (False, run.said.strip()[-200:])


#: What the files of libraries are, by the pattern of their names; "other" must be named in a note.
_LIBRARY: tuple[tuple[str, str], ...] = (
    (r"preview|^Bricks037\.png", "picture"),
    (r"NormalDX|nor_dx", "second normal"),
    (r"_arm_|_(?-i:ORM)|OcclusionRoughnessMetallic|metalRoughness|MetallicSmoothness", "packed"),
    (r"VAR2|col_02", "second color"),
    (r"Cavity", "other"),
    (r"normal|nrm|nor_gl|_N\.", "normal"),
    (r"rough", "roughness"),
    (r"gloss|smoothness", "gloss"),
    (r"METALNESS_4K|_metallic", "metallic"),
    (r"disp|height", "height"),
    (r"_ao[._]|AmbientOcc|Mixed_AO|_AO_", "ao"),
    (r"spec|refl", "specular"),
    (r"emissive", "emission"),
    (r".", "basecolor"),
)


def library(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """A folder of one library of materials."""
    files = sorted(file for file in case.iterdir() if file.suffix == ".png")
    kinds = {file.name: next(k for p, k in _LIBRARY if re.search(p, file.name, re.IGNORECASE)) for file in files}
    converted = matshot("convert", case, "-o", out / "converted", "--json")
    if converted.code:
        yield "convert", (False, converted.said.strip()[-160:])
    else:
        made = {file.stem.replace("_gl", "") for file in (out / "converted").glob("*.png")}
        wanted = {kind for kind in kinds.values() if " " not in kind and kind not in ("other", "picture", "packed")}
        notes = converted.notes
        unnamed = [name for name, kind in kinds.items() if kind in ("other", "second color") and name not in notes]
        yield "convert", (wanted <= made and not unnamed, f"missing {wanted - made}, unnamed {unnamed}")
    enlarged = matshot("upscale", case, "-o", out / "enlarged", "--scale", "2", "--method", "lanczos", "--json")
    wrong = []
    for name, kind in kinds.items():
        done = enlarged.done(name)
        color = kind in ("basecolor", "emission", "second color", "picture")
        expected = "color" if color else "normal" if "normal" in kind else "data"
        if done.get("kind") != expected or (not color and not done.get("notes")):
            wrong.append(f"{name} as {done.get('kind')}")
    yield "upscale", (not wrong, ", ".join(wrong) or "every map for what it is")


def _unit(path: Path) -> Verdict:
    values, spec = pixels(path)
    if spec.nchannels < 3:
        return False, f"{spec.nchannels} channels"
    lengths = np.linalg.norm(values[..., :3] * (1 if values.min() < 0 else 2) - (0 if values.min() < 0 else 1), axis=2)
    worst = float(np.abs(lengths - 1).max())
    return worst < 0.012, f"lengths off by {worst:.4f}"


def name_n(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """``brick_n.png`` is a normal map."""
    run, place = upscaled(case, out, "brick_n.png")
    yield "brick_n.png", all_of((run.done("brick_n.png").get("kind") == "normal", run.notes), _unit(place))


def gloss_halves(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Gloss becomes roughness when it is packed."""
    matshot("convert", case, "-o", out / "o", "--pack", "orm", "--json")
    values, _ = pixels(out / "o" / "orm.png")
    seen = (values[..., 1].min() * 255, values[..., 1].max() * 255)
    yield "orm", (round(seen[0]) == 25 and round(seen[1]) == 235, f"roughness {seen[0]:.0f} to {seen[1]:.0f}")


def opacity(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Opacity in alpha, and fourth channels."""
    run = matshot("convert", case, "-o", out / "o", "--json")
    if run.code:
        yield "convert", (False, run.said[-200:])
        return
    made, _ = pixels(out / "o" / "opacity.png")
    source, _ = pixels(case / "Leaf_Opacity.png")
    error = float(np.abs(made[..., 0] - source[..., 3]).max())
    yield "opacity", (error < 0.01, f"alpha missed by {error:.3f}")
    told = "Leaf_ORM" in run.notes or re.search("fourth|alpha", run.notes) is not None
    yield "fourth channel of ORM", (told, run.notes)


def photographs(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Two photographs are no UDIM set."""
    run = matshot("upscale", case, "-o", out, "--scale", "2", "--json")
    verdicts = [kept(case / name, out / name) for name in ("IMG_1234.JPG", "IMG_1235.JPG")]
    yield "alone", all_of(*verdicts, ("UDIM" not in run.notes, run.notes))


def same_stem(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """``wall.png`` beside ``wall.dds``."""
    matshot("upscale", case, "-o", out / "o", "--scale", "2", "--json")
    made = sorted(file.name for file in (out / "o").glob("*"))
    yield "all made", (made == ["other.png", "wall.jpg", "wall.png", "wall_dds.png"], str(made))


def folders(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Hidden folders are skipped, damaged files named."""
    run = matshot("upscale", case, "-o", out / "o", "--scale", "2", "--json")
    made = sorted(str(file.relative_to(out / "o")) for file in (out / "o").rglob("*") if file.is_file())
    named = all(name in run.said for name in ("empty.png", "text.png"))
    yield "made", (made == ["b.png", "rock.png/a.png"] and named, str(made))


def output_suffix(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """An output that cannot be written is refused."""
    for suffix in ("dds", "psd", "gif"):
        run = matshot("upscale", case / "a.png", "-o", out / f"x.{suffix}", "--scale", "2")
        yield suffix, (run.refused and not (out / f"x.{suffix}").exists(), run.said.strip()[:120])


def odd_sizes(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Small and narrow files."""
    for file in sorted(case.glob("*.png")):
        run, place = upscaled(case, out, file.name)
        if run.code:
            yield file.name, (False, run.said.strip()[-160:])
            continue
        off = float(np.abs(shrunk(pixels(place)[0]) - pixels(file)[0]).max())
        exact = file.stem in ("s1x1", "s2x2", "s1_normal")
        yield file.name, all_of(kept(file, place), (not exact or off <= 1.01 / 255, f"blocks off by {off * 255:.2f}"))


def meters(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Heights in meters keep their shape."""
    shapes = {}
    for file in sorted(case.glob("*_height.tif")):
        _, place = upscaled(case, out, file.name)
        source = pixels(file)[0]
        shapes[file.name] = (pixels(place)[0] - source.min()) / np.ptp(source)
    for name, shape in shapes.items():
        off = float(np.abs(shape - shapes["unit_height.tif"]).max())
        yield name, (off < 2e-3, f"{off:.2%} of the range")


def exr_normals(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Normals in [-1, 1]."""
    for file in sorted(case.iterdir()):
        if file.suffix in (".exr", ".png"):
            run, place = upscaled(case, out, file.name, "", "--look", "detail")
            kind = run.done(file.name).get("kind")
            yield file.name, all_of((kind == "normal", f"{kind}: {run.notes}"), kept(file, place, mean=0.01))


def panorama(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """A panorama wraps in x and keeps its energy."""
    run, place = upscaled(case, out, "sky.hdr")
    before, after = pixels(case / "sky.hdr")[0].mean(axis=(0, 1)), pixels(place)[0].mean(axis=(0, 1))
    off = float(np.abs(after / before - 1).max())
    wrap = run.done("sky.hdr").get("wrap")
    yield "sky.hdr", (wrap == "x" and off < 0.01, f"wraps {wrap}, energy off by {off:.2%}")


def gamma(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """A PNG with gAMA 1.0 looks the same."""
    _, place = upscaled(case, out, "linear.png")
    source, _ = pixels(case / "linear.png")
    made, spec = pixels(place)
    linear = spec.get_string_attribute("oiio:ColorSpace").startswith("lin")
    light = made if linear else linear_from_srgb(made.astype(np.float32))
    off = float(np.abs(light.mean(axis=(0, 1)) - source.mean(axis=(0, 1))).max())
    alone = not (linear and b"sRGB" in place.read_bytes()[:400])
    yield "linear.png", (off < 2 / 255 and alone, f"linear {linear}, light off by {off * 255:.1f}")
    _, jpeg = upscaled(case, out, "linear.png", "l.jpg")
    off = float(np.abs(shrunk(pixels(jpeg)[0]) - srgb_from_linear(source)).mean())
    yield "to JPEG", (off < 3 / 255, f"off by {off * 255:.1f}")


def directx(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """A DirectX normal map whose name does not say so."""
    source, _ = pixels(case / "Wall_Normal.png")
    for label, options in (("measured", ()), ("overridden", ("--source-normal", "dx"))):
        run = matshot("convert", case, "-o", out / label, "--normal", "dx", "--json", *options)
        if run.code:
            yield label, (False, run.said[-200:])
            continue
        made, _ = pixels(out / label / "normal_dx.png")
        off = float(np.abs(made - source).max())
        yield label, (off < 0.01 and "DirectX" in run.notes, f"green off by {off:.3f}: {run.notes}")
    run = matshot("convert", case, "-o", out / "gl", "--source-normal", "gl", "--normal", "gl", "--json")
    yield "as OpenGL", (run.code == 0 and "OpenGL" in run.notes, run.notes)


def to_exr(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """16 bits become floats."""
    matshot("convert", case / "M", "-o", out / "o", "--format", "exr", "--json")
    values, spec = pixels(out / "o" / "height.exr")
    off = float(np.abs(values - pixels(case / "M" / "M_Height.png")[0]).max() * 65535)
    yield "convert", (str(spec.format) == "float" and off < 0.6, f"{spec.format}, {off:.1f} steps off")
    _, place = upscaled(case, out, "ramp_height.png", "r.exr")
    values, spec = pixels(place)
    yield "upscale", (str(spec.format) == "float", str(spec.format))


def stale(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Old orientations and gain maps are gone."""
    for name in ("pano.jpg", "e.jpg"):
        _, place = upscaled(case, out, name)
        spec = pixels(place)[1]
        left = [key for key in ("hdrgm:Version",) if spec.getattribute(key) is not None]
        yield name, (not left and spec.get_int_attribute("Orientation", 1) == 1, f"left {left}")


def dds_kinds(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Kinds of DDS."""
    for name in ("a8", "a8l8", "b5g6r5", "l8", "srgb"):
        run, place = upscaled(case, out, f"{name}.dds", f"{name}.png")
        yield name, kept(case / f"{name}.dds", place) if run.code == 0 else (False, run.said[-160:])
    for name in ("cube", "snorm_normal", "garbage"):
        run, _ = upscaled(case, out, f"{name}.dds", f"{name}.png")
        right = run.refused or "failed" in run.said
        yield name, (right and "damaged" not in run.said, run.said.strip()[-160:])


def udim(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """A UDIM set by its pattern."""
    run = matshot("upscale", f"{case}/hero.<UDIM>.png", "-o", out, "--scale", "2", "--json")
    names = ("hero.1001.png", "hero.1002.png", "hero.1011.png")
    yield "hero", all_of((run.code == 0, run.said[-80:]), *(kept(case / name, out / name) for name in names))


def field_of_view(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Fields of view by EXIF."""
    from matshot.capture.photograph import read_photograph

    for name, low, high in (("main26", 69, 70), ("tele77", 26, 27), ("zero35", 59, 61), ("cropped_square", 0, 54.95)):
        taken = read_photograph(case / f"{name}.jpg")
        told = taken.fov_source == "assumed" and bool(taken.notes)
        right = low <= taken.fov <= high or (name == "cropped_square" and told)
        yield name, (right, f"{taken.fov:.1f} degrees, {taken.fov_source}")


def packed_alpha(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Smoothness in alpha is not transparency."""
    run = matshot("convert", case, "-o", out / "o", "--size", "32", "--json")
    if run.code:
        yield "convert", (False, run.said[-160:])
        return
    light = linear_from_srgb(pixels(case / "R_BaseColor.png")[0][..., :3])
    expected = srgb_from_linear(shrunk(light))
    off = float(np.abs(pixels(out / "o" / "basecolor.png")[0][..., :3] - expected).max())
    yield "convert", (off < 3 / 255, f"color off by {off * 255:.1f}")
    run, place = upscaled(case, out, "R_BaseColor.png")
    off = float(np.abs(shrunk(pixels(place)[0])[..., :3] - pixels(case / "R_BaseColor.png")[0][..., :3]).max())
    yield "upscale", (off < 4 / 255, f"color off by {off * 255:.1f}")


def more_files(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Unusual TIFF and PNG: right, or a sentence."""
    for file in sorted(case.iterdir()):
        if file.suffix in (".tif", ".png"):
            run, place = upscaled(case, out, file.name)
            named = run.code != 0 and "Traceback" not in run.said and bool(run.said)
            mean = 2.5 / 255 if file.name in HARD else MEAN
            yield file.name, kept(file, place, mean=mean) if run.code == 0 else (named, run.said.strip()[-160:])


def tileable(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """What tiles already stays."""
    for file in sorted(case.glob("*.png")):
        matshot("tile", file, "-o", out / file.name, "--json")
        same = float((np.abs(pixels(out / file.name)[0] - pixels(file)[0]) < 2.5 / 255).mean())
        yield file.name, (same > 0.99, f"{1 - same:.0%} changed")


def multiplied(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """16 bits stay 16 bits."""
    folder = out / "W"
    folder.mkdir()
    for name in ("BaseColor", "Height", "Normal"):
        shutil.copy(case / f"W_{name}.png", folder)
    run = matshot("multiply", folder, "-o", out / "o", "--size", "64", "--json")
    if run.code:
        yield "multiply", (False, run.said[-160:])
        return
    deep = all(str(pixels(out / "o" / name)[1].format) == "uint16" for name in ("height.png", "normal_gl.png"))
    yield "multiply", all_of((deep, "16 bits" if deep else "bits lost"), _unit(out / "o" / "normal_gl.png"))


def alpha_zero(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Alpha 0 everywhere."""
    for name in ("wood.tga", "wood.png"):
        _, place = upscaled(case, out, name, f"{name}.png")
        source, made = pixels(case / name)[0], pixels(place)[0]
        off = float(np.abs(made[..., :3].mean(axis=(0, 1)) - source[..., :3].mean(axis=(0, 1))).max())
        yield name, (off < MEAN, f"color off by {off * 255:.2f}")


def profiles(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """ICC profiles are converted where they cannot be kept."""
    for name, linear in (("IMG_0412.jpg", (0.340, 0.043, 0.005)), ("adobe.jpg", (0.390, 0.050, 0.008))):
        run = matshot("oneshot", case / name, "-o", out / name, "--light", "even", "--json")
        if run.code:
            yield f"oneshot {name}", (False, run.said[-160:])
        else:
            made = linear_from_srgb(pixels(out / name / "basecolor.png")[0][..., :3]).mean(axis=(0, 1))
            off = 0 if made[0] > 8 * made[1] and "converted" in run.notes else 1
            yield f"oneshot {name}", (off < 1, f"red to green {made[0] / made[1]:.1f}: {run.notes[:80]}")
        run, place = upscaled(case, out, name, f"{name}.exr")
        made = np.median(pixels(place)[0], axis=(0, 1))
        off = float(np.abs(made - linear).max())
        yield f"{name} to EXR", (off < 0.02, f"{np.round(made, 3)}: {run.notes}")
        run, place = upscaled(case, out, name, f"{name}.png")
        head = place.read_bytes()[:20000]
        verdict = kept(case / name, place)
        yield f"{name} to PNG", all_of(verdict, (b"iCCP" in head and b"sRGB\x00" not in head[:300], "chunks"))


def two_channels(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Channels that are not alpha."""
    for name in ("river_flow", "motion_uv", "disp_ya"):
        run, place = upscaled(case, out, f"{name}.exr")
        if run.refused or (run.code and "Error" in run.said):
            yield name, (True, run.said[-120:])
            continue
        (source, old), (made, new) = pixels(case / f"{name}.exr"), pixels(place)
        names = tuple(old.channelnames) == tuple(new.channelnames)
        off = float(np.abs(shrunk(made) - source).max())
        yield name, (names and off < 0.2 and kept(case / f"{name}.exr", place)[0], f"{new.channelnames}, off {off:.2f}")


def told(name: str, *words: str) -> Callable[[Path, Path], Iterator[tuple[str, Verdict]]]:
    """A case whose result names what it leaves out."""

    def judge(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
        run, place = upscaled(case, out, name)
        right = run.code == 0 and place.exists() and all(word.lower() in run.notes.lower() for word in words)
        yield name, (right, run.notes or run.said[-160:])

    return judge


def multilayer(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Combined of Blender's layers."""
    for name in ("ml.exr", "ml4.exr"):
        run, place = upscaled(case, out, name)
        if run.code:
            yield name, (False, run.said[-160:])
            continue
        source, made = pixels(case / name)[0][..., :4], pixels(place)[0]
        off = float(np.abs(made[..., :4].mean(axis=(0, 1)) - source.mean(axis=(0, 1))).max())
        yield name, (off < 0.02 and (name == "ml4.exr" or "Depth" in run.notes), f"off {off:.3f}: {run.notes}")


def windows(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Data and display windows grow with the pixels."""
    for name in ("crop.exr", "overscan.exr"):
        _, place = upscaled(case, out, name)
        old, new = pixels(case / name)[1], pixels(place)[1]
        before = [old.x, old.y, old.full_x, old.full_y, old.full_width, old.full_height]
        after = [new.x, new.y, new.full_x, new.full_y, new.full_width, new.full_height]
        yield name, (after == [2 * one for one in before], f"{before} became {after}")
        run, _ = upscaled(case, out, name, f"{name}.png")
        yield f"{name} to PNG", ("window" in run.notes, run.notes)


def infinite(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Infinity is refused."""
    run, _ = upscaled(case, out, "sun.exr")
    yield "sun.exr", (run.code != 0 and "infinite" in run.said, run.said[-120:])


def cutout(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Premultiplied cut-outs and glows."""
    for name in ("leaf.exr", "lamp.exr"):
        _, place = upscaled(case, out, name)
        source, made = pixels(case / name)[0], pixels(place)[0]
        over = 0.18 * (1 - made[..., 3:]) + made[..., :3]
        wanted = 0.18 * (1 - source[..., 3:]) + source[..., :3]
        off = float(np.abs(shrunk(over) - wanted).max())
        mean = float(np.abs(shrunk(made).mean(axis=(0, 1)) - source.mean(axis=(0, 1))).max())
        outside = made[..., :3][made[..., 3] == 0]
        invented = float(outside.max() - source[..., :3][source[..., 3] == 0].max()) if len(outside) else 0.0
        yield (
            name,
            (off < 0.12 and mean < 0.01 and invented < 0.1, f"off {off:.3f}, mean {mean:.4f}, A 0 {invented:.4f}"),
        )
    run = matshot("convert", case / "M", "-o", out / "M", "--format", "exr", "--json")
    made = pixels(out / "M" / "basecolor.exr")[0]
    off = float(np.abs(made - pixels(case / "M" / "L_BaseColor.exr")[0]).max())
    yield "convert", (run.code == 0 and off < 1e-3, f"off {off:.4f}")


def bc5(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """BC5 normals get their blue."""
    for file in sorted(case.glob("*.dds")):
        run, place = upscaled(case, out, file.name, f"{file.stem}.png")
        yield file.name, all_of((run.done(file.name).get("kind") == "normal", run.notes), _unit(place))


def straight_dds(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """DDS with straight alpha."""
    for name in ("leaf.dds", "argb.dds", "wall.dds", "wall_h.dds"):
        _, place = upscaled(case, out, name, f"{name}.png")
        yield name, kept(case / name, place)
    matshot("tile", case / "leaf.dds", "-o", out / "t.png")
    means = [pixels(file)[0][..., :3].mean(axis=(0, 1)) for file in (out / "t.png", case / "leaf.dds")]
    off = np.abs(means[0] - means[1]).max()
    yield "tile", (bool(off < 25 / 255), f"means off by {off * 255:.1f}")


def object_space(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Normals of all directions."""
    run, place = upscaled(case, out, "head_normal.png")
    yield "head_normal.png", all_of((run.done("head_normal.png").get("kind") == "normal", ""), _unit(place))


def flat(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Flat maps stay as they are."""
    for file in sorted(case.glob("*.png")):
        _, place = upscaled(case, out, file.name)
        off = float(np.abs(pixels(place)[0].mean(axis=(0, 1)) - pixels(file)[0].mean(axis=(0, 1))).max() * 255)
        yield file.name, (off < 0.01, f"off {off:.2f} of 255")


def webp(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """WebP, and animations whose further pictures are named."""
    for name in ("lossless.webp", "lossy.webp", "anim.webp", "anim.png"):
        run, place = upscaled(case, out, name, f"{name}.png")
        if name.startswith("anim"):
            yield name, ("first" in run.notes, run.notes)
        else:
            yield name, kept(case / name, place)


def jpeg_kinds(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """JPEG of all sorts, and files under wrong names."""
    for name in ("progressive.jpg", "really.jpg", "png_named.jpg", "webp_named.jpg", "jpeg_named.png", "png_named.tga"):
        run, place = upscaled(case, out, name)
        yield name, kept(case / name, place) if run.code == 0 else (False, run.said[-120:])
    for name in ("cmyk.jpg", "cut.jpg"):
        run, _ = upscaled(case, out, name)
        yield name, (run.code != 0 and "Traceback" not in run.said, run.said[-120:])
    (gray,) = case.glob("*_dotgain.jpg")
    run, place = upscaled(case, out, gray.name, "a.webp")
    from matshot.image.profiles import linear_from_profile

    source, spec = pixels(gray)
    wanted = srgb_from_linear(linear_from_profile(source, bytes(spec.getattribute("ICCProfile")))).mean()
    off = abs(float(pixels(place)[0][..., :3].mean()) - float(wanted))
    yield "gray profile to WebP", (off < 2 / 255, f"off {off * 255:.1f}: {run.notes}")


def other_formats(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Files that are not read are named in folders."""
    run = matshot("upscale", case, "-o", out / "o", "--scale", "2", "--json")
    missed = [f.name for f in sorted(case.iterdir()) if f.suffix not in (".JPG", "") and f.name not in run.said]
    yield "upscale", ((out / "o" / "IMG_0002.JPG").exists() and not missed, f"not named: {missed}")
    run = matshot("batch", case, "-o", out / "b", "--set", "scale=2", "--workers", "1", "--json")
    yield "batch", ("IMG_0001.HEIC" in run.said and "a.psd" in run.said, run.said[-300:])
    run = matshot("oneshot", case / "IMG_0001.HEIC", "-o", out / "x")
    yield "oneshot HEIC", (run.refused, run.said[-120:])


def two_materials(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Two materials in a folder: convert refuses and says why."""
    run = matshot("convert", case, "-o", out / "c")
    yield "convert", (run.refused and "Brick" in run.said and "Stone" in run.said, run.said[-160:])
    yield from ordinary(case, out)


def extra_picture(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """An unknown picture beside the maps."""
    run = matshot("convert", case, "-o", out / "c", "--json")
    yield "convert", (run.code == 0 and "reference_photo.png" in run.notes, run.notes or run.said[-160:])
    yield from ordinary(case, out)


def nested(case: Path, out: Path) -> Iterator[tuple[str, Verdict]]:
    """Maps in ``textures/``."""
    run = matshot("convert", case, "-o", out / "c", "--json")
    made = sorted(file.name for file in (out / "c").glob("*.png"))
    yield "convert", (run.code == 0 and "basecolor.png" in made and "roughness.png" in made, f"{made} {run.said[-80:]}")


#: What judges each case, by the start of its name; all others are ordinary.
CASES: dict[str, Callable[[Path, Path], Iterator[tuple[str, Verdict]]]] = {
    "01-": name_n, "100-": gloss_halves, "102-": opacity, "120-": photographs, "122-": same_stem, "123-": folders,
    "124-": output_suffix, "130-": odd_sizes, "131-": meters, "140-": exr_normals, "143-": panorama, "15-": gamma,
    "150-": directx, "153-": two_materials, "154-": extra_picture, "155-": nested, "160-": to_exr, "161-": stale,
    "162-": dds_kinds, "163-": udim, "180-": field_of_view, "181-": packed_alpha, "182-": more_files, "190-": tileable,
    "191-": multiplied, "21-": alpha_zero, "30-": profiles, "40-": two_channels, "42-": told("layers.exr", "N"),
    "43-": multilayer, "44-": windows, "47-": infinite, "48-": told("parts.exr", "part"), "50b-": cutout,
    "51-": told("pages.tif", "first", "3"), "60-": bc5, "63-": straight_dds, "64-": object_space, "65-": flat,
    "72-": webp, "81-": jpeg_kinds, "82-": other_formats,
    **dict.fromkeys(("90-", "91-", "92-", "92b-", "93-", "94-", "95-", "96-", "97-", "98b-", "99"), library),
}  # fmt: skip


def judged(folder: Path, only: str = "") -> Iterator[tuple[str, str, Verdict]]:
    """Every case, what of it was looked at, and the verdict."""
    for case in sorted(one for one in folder.iterdir() if one.is_dir() and only in one.name):
        judge = next((CASES[start] for start in CASES if case.name.startswith(start)), ordinary)
        with tempfile.TemporaryDirectory() as place:
            try:
                for what, verdict in judge(case, Path(place)):
                    yield case.name, what, verdict
            except (OSError, ValueError, IndexError, KeyError) as error:
                yield case.name, "all", (False, f"{type(error).__name__}: {error}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge all cases of a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, required=True, help="folder with one folder a case")
    parser.add_argument("--only", default="", help="part of the names of the cases to run")
    parser.add_argument("--verbose", action="store_true", help="also print what is right")
    options = parser.parse_args(arguments)
    wrong: set[str] = set()
    every: set[str] = set()
    checks = faults = 0
    for case, what, (right, seen) in judged(options.cases, options.only):
        every.add(case)
        checks += 1
        if not right:
            wrong.add(case)
            faults += 1
        if options.verbose or not right:
            print(f"{'right' if right else 'WRONG'}  {case}: {what}: {seen}", flush=True)
    print(f"{len(every) - len(wrong)} of {len(every)} cases right; {checks - faults} of {checks} checks.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
