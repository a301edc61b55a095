"""The scores of captured materials, on a wall whose maps are known and that photographs itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from bench import measures
from bench.capture import relighting as capture_relighting
from bench.capture import scores as capture_scores
from bench.capture.photographs import NOVEL, Photographed, material_truth, write_photograph
from bench.capture.relighting import PLACES, camera_at
from bench.capture.scores import Answer, Bars, answer, comparison, exposure, scores, trivial, trivial_answer, true_maps
from matshot.errors import MatshotError
from matshot.image.color import Pixels, linear_from_srgb
from matshot.image.types import Texture
from matshot.material.types import MapKind, Material
from matshot.shading.procedural import brick_wall
from matshot.shading.render import Camera, PointLight, render
from matshot.shading.surface import Surface

SIDE = 96

_GREY: dict[MapKind, Texture] = {"basecolor": Texture(np.full((4, 6, 3), 0.5, np.float32))}


@pytest.fixture(scope="module")
def subject() -> Photographed:
    wall = brick_wall(SIDE)
    truth = Surface.of(
        linear_from_srgb(wall["basecolor"].pixels), wall["normal_gl"].pixels, wall["roughness"].pixels[..., 0]
    )
    camera = Camera(SIDE, SIDE)
    light = (0.02, 0.03, camera.distance)

    def seen(position: tuple[float, float, float]) -> Pixels:
        return (3 * render(truth, camera, [PointLight(position)])).clip(0, 1)

    flash = capture_scores.pictured(seen(light))
    return Photographed("wall", Path(), Path(), flash, camera, light, tuple(map(seen, NOVEL)), NOVEL, truth)


def test_truth_scores_best(subject: Photographed) -> None:
    best, simple = scores(true_maps(subject), subject), scores(trivial(subject), subject)
    assert best.normals < 0.05
    assert best.roughness == best.base_color == 0
    assert best.novel < 2e-3
    assert best.flash > 60
    assert simple.normals == pytest.approx(simple.flat, rel=1e-5)
    assert simple.flat > 5
    assert simple.roughness == pytest.approx(np.sqrt(np.mean((subject.truth.roughness - 0.6) ** 2)), abs=1e-6)
    assert simple.base_color > 0.01
    assert simple.novel > 10 * best.novel
    assert simple.flash < 40


def test_how_bright_the_maps_are_does_not_count(subject: Photographed) -> None:
    # Rough enough for highlights to say nothing of the scale.
    rough = replace(subject.truth, specular=np.zeros_like(subject.truth.specular))
    dark = replace(rough, base_color=rough.base_color / 2)
    one, other = (scores(Answer(surface), subject) for surface in (rough, dark))
    assert other.base_color < 1e-6
    assert other.novel == pytest.approx(one.novel, rel=1e-3)
    assert other.flash == pytest.approx(one.flash, abs=0.01)


def test_exposure_ignores_what_is_saturated() -> None:
    radiance = np.linspace(0.01, 1, 300, dtype=np.float32).reshape(10, 10, 3)
    photograph = capture_scores.pictured(2.5 * radiance)
    assert photograph.max() == pytest.approx(1)
    assert exposure(radiance, photograph) == pytest.approx(2.5, rel=1e-3)
    assert exposure(np.zeros_like(radiance), photograph) == 1


def test_a_part_is_compared_with_its_place(subject: Photographed) -> None:
    part = subject.truth.cut(slice(20, 60), slice(8, 72))
    there = scores(Answer(part, (20, 8)), subject)
    assert there.normals < 0.05
    assert there.novel < 2e-3
    assert there.flash > 60
    elsewhere = scores(Answer(part, (30, 8)), subject)
    assert elsewhere.normals > 5
    assert elsewhere.novel > 10 * there.novel


def test_a_material_stands_for_its_rectangle() -> None:
    found = answer(lambda: Material(_GREY, parameters={"rectangle": [10, 20, 6, 4]}))
    assert found.place == (slice(20, 24), slice(10, 16))
    assert found.seconds >= 0
    assert answer(lambda: Material(_GREY)).place == (slice(0, 4), slice(0, 6))
    with pytest.raises(MatshotError, match="6 x 4"):
        answer(lambda: Material(_GREY, parameters={"rectangle": [10, 20, 12, 8]}))


def test_trivial_answer_takes_the_light_away() -> None:
    camera = Camera(200, 160)
    dots = np.random.default_rng(1).random((160, 200, 1), dtype=np.float32)
    color = np.array([0.5, 0.3, 0.2], np.float32) * (0.75 + 0.5 * dots)
    photograph = capture_scores.pictured(
        2 * render(Surface.of(color, roughness=1.0), camera, [PointLight((0, 0, 0.9))])
    )
    found = trivial_answer(photograph).base_color
    middle, corner = found[60:100, 80:120].mean((0, 1)), found[:40, :40].mean((0, 1))
    assert photograph[60:100, 80:120].mean() > 1.1 * photograph[:40, :40].mean()
    assert corner == pytest.approx(middle, rel=0.03)
    assert np.corrcoef(found[..., 0].ravel(), color[..., 0].ravel())[0, 1] > 0.98


def test_table_of_a_tool_that_knows_only_the_trivial_answer(subject: Photographed) -> None:
    strict, kind = Bars(0.5, 0.01, 0.001, 0.001), Bars(1.001, 1.0, 1.0, 1.0)
    found = comparison({"trivial answer": trivial, "Matshot": trivial}, [subject])
    assert found.means["Matshot"].novel == found.results["Matshot"]["wall"].novel
    table = found.text("Matshot", strict)
    assert table.count("**FAILS**") == 4
    assert "| trivial answer | " in table
    assert "| **Matshot** | " in table
    assert "| wall | " in table
    assert "| *wanted, at most* |  | 0.50 | 0.010 | 0.001 | 0.001 |" in table
    assert "FAILS" not in found.text("Matshot", kind)
    assert "wanted" not in found.text("Matshot")


def test_a_refusal_is_told_and_its_material_left_out_of_all_means(subject: Photographed) -> None:
    other = replace(subject, name="roof")

    def refuses_roofs(given: Photographed) -> Answer:
        if given.name == "roof":
            raise MatshotError("This is a roof.")
        return trivial(given)

    found = comparison({"trivial answer": trivial, "Matshot": refuses_roofs}, [subject, other])
    assert found.answered == ["wall"]
    assert "Matshot refuses roof: This is a roof." in found.text("Matshot")
    assert "| roof |" not in found.text("Matshot")
    nothing = comparison({"Matshot": refuses_roofs}, [other])
    assert np.isnan(nothing.means["Matshot"].novel)
    assert "This is a roof." in nothing.text("Matshot", Bars(1, 1, 1, 1))


def test_a_written_photograph_is_exposed_noisy_and_says_how_it_was_taken(tmp_path: Path) -> None:
    light = np.full((64, 80, 3), 0.25, dtype=np.float64)
    light[:32] = 4
    path = tmp_path / "photograph.jpg"
    write_photograph(path, light, np.random.default_rng(0), {"Exif:FocalLengthIn35mmFilm": 27, "Orientation": 6})
    file = oiio.ImageInput.open(str(path))
    stored = file.read_image(oiio.FLOAT)
    assert file.spec().getattribute("Orientation") == 6
    assert file.spec().getattribute("Exif:FocalLengthIn35mmFilm") == 27
    assert (stored[:24] > 0.99).all()
    assert linear_from_srgb(stored[40:]).mean() == pytest.approx(0.25, abs=0.003)
    assert 0.003 < linear_from_srgb(stored[40:]).std() < 0.02


def test_truth_is_read_from_a_folder_of_maps(tmp_path: Path) -> None:
    stored: dict[str, Callable[[], np.ndarray]] = {
        "basecolor": lambda: np.full((40, 40, 3), 0.5),
        "normal_gl": lambda: np.broadcast_to([0.5, 0.75, 0.93], (40, 40, 3)),
        "roughness": lambda: np.full((40, 40, 1), 0.3),
    }
    for kind, pixels in stored.items():
        buffer = oiio.ImageBuf(np.ascontiguousarray(pixels(), dtype=np.float32))
        assert buffer.write(str(tmp_path / f"{kind}.png"), oiio.UINT8)
    truth = material_truth(tmp_path, 20)
    assert (truth.width, truth.height) == (20, 20)
    assert truth.base_color.mean() == pytest.approx(0.214, abs=0.003)
    assert truth.roughness.mean() == pytest.approx(0.3, abs=0.003)
    assert not truth.metallic.any()
    assert measures.angular_error(truth.normal, np.array([0, 0.5, 0.86]) / np.hypot(0.5, 0.86)) < 1
    (tmp_path / "roughness.png").unlink()
    with pytest.raises(SystemExit, match="roughness"):
        material_truth(tmp_path, 20)


def test_nine_photographs_of_known_maps_are_predicted() -> None:
    surface = Surface.of(np.full((48, 48, 3), 0.3, np.float32), roughness=0.35)
    cells = []
    for place in PLACES:
        camera = camera_at(place, 48)
        cells.append(capture_scores.pictured(render(surface, camera, [PointLight(camera.position)])))
        # The highlight lies below lens and flash.
        row, column = np.unravel_index(np.argmax(cells[-1].sum(axis=2)), (48, 48))
        x, y = (column + 0.5) / 48 - 0.5, 0.5 - (row + 0.5) / 48
        assert (x, y) == pytest.approx(tuple(3 / 6.848 * step for step in place), abs=0.04)
    grid = np.concatenate([np.concatenate(cells[first : first + 3], axis=1) for first in (0, 3, 6)])

    def by(found: Surface) -> capture_relighting.Predictor:
        return lambda photograph, camera: capture_relighting.predicted(Answer(found), photograph, camera)

    assert capture_relighting.error(grid, by(surface)) < 1e-3
    dull = replace(surface, roughness=np.ones_like(surface.roughness))
    assert capture_relighting.error(grid, by(dull)) > 0.03


def test_places_are_nine() -> None:
    assert sorted(PLACES) == sorted((x, y) for x in (-1, 0, 1) for y in (-1, 0, 1))
    assert camera_at((0, 0), 100).distance * 4 * 6.848 == pytest.approx(16)
