"""Masks that are painted on the page, in Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from matshot.image.reader import read_texture

from .artist import Artist
from .axe import violations
from .service_double import ServiceDouble, until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytest.importorskip("selenium")


@pytest.fixture
def artist(browser: Chrome) -> Artist:
    """Someone at the browser."""
    return Artist(browser)


@pytest.fixture
def painting(artist: Artist, service: ServiceDouble, photographs: list[Path]) -> Artist:
    """Someone who paints over a picture what stays as it is."""
    artist.opens(service.address, "tile")
    artist.gives(photographs[0])
    artist.sees(".upload", "128 × 128")
    artist.presses("Paint", "button[aria-label='Paint Protect']")
    artist.sees(".painter .mask")
    return artist


def drags(artist: Artist, *places: tuple[float, float]) -> None:
    """A stroke with the mouse through places, as fractions of the picture."""
    from selenium.webdriver import ActionChains

    mask = artist.sees(".painter .mask")
    width, height = mask.size["width"], mask.size["height"]
    offsets = [(round((x - 0.5) * width), round((y - 0.5) * height)) for x, y in places]
    chain = ActionChains(artist.browser, duration=50).move_to_element_with_offset(mask, *offsets[0]).click_and_hold()
    for offset in offsets[1:]:
        chain.move_to_element_with_offset(mask, *offset)
    chain.release().perform()


def presses_together(artist: Artist, *keys: str) -> None:
    """A key with those that are held, such as Control."""
    from selenium.webdriver import ActionChains

    chain = ActionChains(artist.browser)
    for held in keys[:-1]:
        chain.key_down(held)
    chain.send_keys(keys[-1])
    for held in keys[:-1]:
        chain.key_up(held)
    chain.perform()


def painted(artist: Artist) -> np.ndarray:
    """The mask as it is now, ``H x W`` of 0 to 255."""
    told = artist.browser.execute_script("""
        const mask = document.querySelector(".painter .mask");
        const {data} = mask.getContext("2d").getImageData(0, 0, mask.width, mask.height);
        return [mask.width, mask.height, Array.from(data.filter((_, index) => index % 4 === 0))];
    """)
    return np.array(told[2]).reshape(told[1], told[0])


def uploaded(artist: Artist, service: ServiceDouble) -> np.ndarray:
    """The mask as it reached the service with the job, ``H x W``, [0, 1]."""
    artist.presses("Use Mask")
    artist.misses(".painter")
    artist.sees("button[aria-label='Edit Protect']")
    artist.presses("Start")
    until(lambda: bool(service.asked))
    identity = service.asked[-1]["parameters"]["protect"]
    pixels = read_texture(service.paths[f"assets {identity}"][0]).pixels
    colors, alpha = pixels[..., :3], pixels[..., 3:]
    assert np.array_equal(colors.min(axis=2), colors.max(axis=2))
    assert np.all(alpha == 1)  # which Firefox writes
    return pixels[..., 0]


def test_what_is_painted_travels_with_the_job(painting: Artist, service: ServiceDouble) -> None:
    drags(painting, (0.25, 0.25), (0.25, 0.75))
    mask = uploaded(painting, service)
    assert mask.shape == (128, 128)
    assert mask[32:96, 32].min() > 0.9
    assert mask[:, 64:].max() == 0
    assert [one["name"] for one in service.asked[0]["inputs"]] == ["flash.png"]


def test_the_brush_is_soft_or_hard_large_or_small_and_erases(painting: Artist) -> None:
    drags(painting, (0.5, 0.5), (0.5, 0.5))
    soft = painted(painting)
    assert ((soft > 20) & (soft < 235)).sum() > 0.5 * (soft > 20).sum()
    painting.presses("Clear")
    painting.sees(".painter .choices label", "Hard").click()
    drags(painting, (0.5, 0.5), (0.5, 0.5))
    hard = painted(painting)
    assert ((hard > 20) & (hard < 235)).sum() < (hard > 235).sum()
    painting.sees("#brush-size").send_keys("\ue010")  # End
    drags(painting, (0.5, 0.5), (0.5, 0.5))
    large = painted(painting)
    assert (large > 235).sum() > 20 * (hard > 235).sum()
    painting.sees(".painter .choices label", "Erase").click()
    drags(painting, (0.5, 0.3), (0.5, 0.7))
    assert painted(painting)[40:90, 64].max() == 0


def test_undo_redo_clear_and_invert(painting: Artist) -> None:
    nothing = painted(painting)
    drags(painting, (0.2, 0.2), (0.8, 0.2))
    first = painted(painting)
    drags(painting, (0.2, 0.8), (0.8, 0.8))
    second = painted(painting)
    painting.presses("Undo")
    assert np.array_equal(painted(painting), first)
    presses_together(painting, "\ue009", "z")
    assert np.array_equal(painted(painting), nothing)
    presses_together(painting, "\ue009", "\ue008", "z")
    painting.presses("Redo")
    assert np.array_equal(painted(painting), second)
    painting.presses("Invert")
    assert np.array_equal(painted(painting), 255 - second)
    painting.presses("Clear")
    assert not painted(painting).any()
    painting.presses("Undo")
    assert np.array_equal(painted(painting), 255 - second)


def test_a_mask_is_painted_with_the_keyboard_alone(painting: Artist) -> None:
    from selenium.webdriver import ActionChains

    assert "Arrow keys move the brush" in painting.focused
    right = "\ue014"
    ActionChains(painting.browser).key_down(" ").send_keys(right * 12).key_up(" ").send_keys(right * 8).perform()
    mask = painted(painting)
    assert mask[64, 64:85].min() > 200
    assert mask[64, 100:].max() == 0
    painting.types("x", "]", "]")
    ActionChains(painting.browser).key_down(" ").key_up(" ").perform()
    painting.types("\ue012" * 12, " ")
    assert painted(painting).sum() < mask.sum()


def test_a_finger_paints(painting: Artist) -> None:
    mask = painting.sees(".painter .mask")
    place = painting.browser.execute_script(
        "const box = arguments[0].getBoundingClientRect(); return [box.left, box.top, box.width, box.height]", mask
    )
    points = [{"x": place[0] + part * place[2], "y": place[1] + 0.5 * place[3]} for part in (0.3, 0.5, 0.7)]
    send = painting.browser.execute_cdp_cmd
    send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
    for point in points[1:]:
        send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert painted(painting)[64, 40:88].min() > 200


def test_a_mask_is_painted_further_and_an_empty_one_is_not_used(painting: Artist, service: ServiceDouble) -> None:
    painting.presses("Use Mask")
    painting.sees(".painter footer .help", "The mask is empty.")
    drags(painting, (0.2, 0.5), (0.2, 0.5))
    before = painted(painting)
    painting.presses("Use Mask")
    painting.presses("Edit", "button[aria-label='Edit Protect']")
    painting.sees(".painter .mask")
    assert np.abs(painted(painting) - before).max() <= 1
    drags(painting, (0.8, 0.5), (0.8, 0.5))
    mask = uploaded(painting, service)
    assert min(mask[64, 25], mask[64, 102]) > 0.9


def test_escape_does_not_lose_a_mask_at_once(painting: Artist) -> None:
    drags(painting, (0.5, 0.5), (0.6, 0.5))
    painting.types("\ue00c")
    painting.sees(".painter footer .help", "Press Escape again")
    painting.types("\ue00c")
    painting.misses(".painter")
    assert painting.focused.startswith("Paint")
    painting.sees(".file-field", "or drop it here")


def test_without_an_input_there_is_nothing_to_paint_on(artist: Artist, service: ServiceDouble) -> None:
    artist.opens(service.address, "tile")
    assert "asset" not in artist.sees("#tile-protect-help").text
    artist.presses("Paint", "button[aria-label='Paint Protect']")
    artist.sees(".file-field", "Choose the input first, to paint on it.")


def test_guides_are_dropped_on_their_fields(artist: Artist, service: ServiceDouble, photographs: list[Path]) -> None:
    artist.opens(service.address, "multiply")
    artist.gives(photographs[0])
    artist.sees(".upload", "128 × 128")
    for place in (1, 2):
        selector = f".row:has(#multiply-{('source', 'target')[place - 1]}_guide) .file-field"
        artist.drops(photographs[place - 1], on=selector)
        until(lambda selector=selector: artist.finds(f"{selector} img") is not None)  # type: ignore[misc]
    assert len(artist.browser.find_elements("css selector", ".upload")) == 1
    artist.presses("Start")
    until(lambda: bool(service.asked))
    given = service.asked[0]["parameters"]
    first, second = list(service.assets)
    assert (given["source_guide"], given["target_guide"]) == (first, second)


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_at_the_brush(painting: Artist, dark: bool, emulate) -> None:  # type: ignore[no-untyped-def]
    emulate(dark=dark)
    assert violations(painting.browser) == []
    drags(painting, (0.3, 0.3), (0.6, 0.6))
    assert violations(painting.browser) == []
