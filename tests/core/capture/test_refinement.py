"""Maps that are refined until they look like the photograph under its flash."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matshot.capture.refinement import refined, with_photographs_detail
from matshot.errors import MatshotError
from matshot.image.color import Pixels
from matshot.material.planes import normals_of_slopes, slopes
from matshot.progress import Cancelled, Progress
from matshot.shading.procedural import noise
from matshot.shading.render import Camera, flash, render
from matshot.shading.surface import Surface

SIDE = 192
CAMERA = Camera(SIDE, SIDE)
EVERYWHERE = np.ones((SIDE, SIDE), bool)


def bumpy(roughness: float, strength: float) -> Surface:
    """Stained plaster."""
    chance = np.random.default_rng(3)
    color = 0.3 * np.exp(0.2 * noise(SIDE, 0.6, chance))[..., np.newaxis] * np.array([1.0, 0.8, 0.6])
    steep = strength * np.stack([noise(SIDE, 0.5, chance), noise(SIDE, 0.5, chance)], axis=2)
    return Surface.of(color.clip(0, 1).astype(np.float32), normals_of_slopes(steep.astype(np.float32)), roughness)


@pytest.fixture(scope="module")
def photograph() -> Pixels:
    seen = render(bumpy(0.35, 0.15), CAMERA, [flash(CAMERA)])
    return np.asarray((0.6 / seen.max()) * seen, np.float32)


def difference(surface: Surface, photograph: Pixels) -> float:
    """Of its picture under the flash, after the best exposure."""
    lit = render(surface, CAMERA, [flash(CAMERA)])
    return float(np.sqrt(np.square(lit * ((lit * photograph).sum() / np.square(lit).sum()) - photograph).mean()))


def test_what_is_too_rough_becomes_glossier_and_the_picture_more_like_the_photograph(photograph: Pixels) -> None:
    guess = bumpy(0.6, 0.15)
    told: list[float] = []
    found = refined(
        guess, photograph, EVERYWHERE, CAMERA, device="cpu", progress=Progress(lambda done, _: told.append(done))
    )
    assert float(found.roughness.mean()) < 0.5
    assert difference(found, photograph) < 0.5 * difference(guess, photograph)
    assert told == sorted(told)
    assert told[-1] <= 1
    # Relief that was right is not much changed.
    before, after = (np.square(slopes(each.normal)).mean() for each in (guess, found))
    assert 0.5 < after / before < 2


def test_detail_of_the_photograph_is_given_to_the_base_color_where_it_is_known(photograph: Pixels) -> None:
    plain = replace(bumpy(0.35, 0.15), base_color=np.full((SIDE, SIDE, 3), 0.3, np.float32))
    half = EVERYWHERE.copy()
    half[:, SIDE // 2 :] = False
    found = with_photographs_detail(plain, photograph, half, CAMERA)
    np.testing.assert_array_equal(found.base_color[~half], plain.base_color[~half])
    truth = bumpy(0.35, 0.15).base_color
    assert np.corrcoef(np.log(found.base_color[half]).ravel(), np.log(truth[half]).ravel())[0, 1] > 0.9


def test_bad_input_is_one_sentence(photograph: Pixels) -> None:
    guess = bumpy(0.5, 0.1)
    with pytest.raises(MatshotError):
        refined(guess, photograph[:-8], EVERYWHERE[:-8], CAMERA, device="cpu")
    with pytest.raises(MatshotError):
        refined(guess, photograph, ~EVERYWHERE, CAMERA, device="cpu")


def test_it_is_cancelled_at_once(photograph: Pixels) -> None:
    def stop(done: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        refined(bumpy(0.5, 0.1), photograph, EVERYWHERE, CAMERA, device="cpu", progress=Progress(stop))
