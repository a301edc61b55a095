"""The page with the service itself, from a file that is dropped to a result that is looked at."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_wall

from .artist import Artist
from .service_double import until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

for package in ("selenium", "fastapi", "uvicorn", "python_multipart", "distributed"):
    pytest.importorskip(package)


@pytest.fixture(scope="module")
def address(built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a service with one worker."""
    command = [sys.executable, "-m", "matshot", "serve", "--port", "0", "--workers", "1", "--data"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "NO_COLOR": "1"}
    process = subprocess.Popen(
        [*command, str(tmp_path_factory.mktemp("service"))], stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stderr is not None
    said: list[str] = []
    reading = threading.Thread(target=lambda: said.extend(iter(process.stderr.readline, "")), daemon=True)  # type: ignore[union-attr]
    reading.start()
    try:
        until(lambda: "Serving at" in "".join(said) or process.poll() is not None, 180)
        found = re.search(r"http://\S+", "".join(said))
        assert found, "".join(said)
        yield found[0]
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def artist(browser: Chrome) -> Artist:
    """Someone at the browser."""
    return Artist(browser)


def test_a_texture_is_enlarged_compared_and_downloaded(artist: Artist, address: str, tmp_path: Path) -> None:
    texture = write_texture(brick_wall(96, 2)["basecolor"], tmp_path / "brick.png")
    artist.opens(address, "upscale")
    artist.drops(texture)
    artist.sees(".upload", "96 × 96")
    artist.sees(".row", "Scale").find_element("css selector", "input[value='2']").click()
    artist.sees("summary", "Advanced").click()
    artist.browser.find_element("css selector", "#upscale-method option[value=bicubic]").click()
    artist.presses("Start")
    artist.sees(".line", seconds=180)
    artist.sees(".facts", "192 × 192")
    artist.sees(".jobs button[aria-current=true]", "brick.png")
    link = artist.sees("a.button", "Download Zip").get_attribute("href")
    assert link is not None
    with urllib.request.urlopen(link) as answer:
        assert answer.read(2) == b"PK"
    artist.browser.refresh()
    artist.sees(".line", seconds=60)


def test_a_dropped_material_is_lit_on_the_sphere(artist: Artist, address: str, wall: Path) -> None:
    artist.opens(address, "convert")
    artist.browser.find_element("css selector", ".folder input").send_keys(str(wall))
    artist.sees(".upload", "4 maps")
    artist.presses("Start")
    artist.sees(".stage[data-shown='0'] canvas", seconds=180)
    shown = artist.shows(".stage")
    high, wide = shown.shape[:2]
    ball, ground = shown[high // 2 - 40 : high // 2 + 40, wide // 2 - 40 : wide // 2 + 40], shown[:20, :20]
    # Bricks are red and rough; what is around them is an even gray.
    assert (ball[..., 0] - ball[..., 2]).mean() > 0.05
    assert ball.std() > 0.05
    assert ground.std() < 0.01
    captions = [one.text for one in artist.browser.find_elements("css selector", ".maps figcaption .name")]
    assert set(captions) == {"Base Color", "Normal", "Roughness", "Height"}


def test_sliders_act_on_the_view_at_once_and_make_a_material(artist: Artist, address: str, wall: Path) -> None:
    artist.opens(address, "convert")
    artist.browser.find_element("css selector", ".folder input").send_keys(str(wall))
    artist.sees(".upload", "4 maps")
    artist.presses("Start")
    artist.sees(".stage[data-shown='0'] canvas", seconds=180)
    artist.sees(".adjust summary", "Adjust this material").click()
    metal = artist.sees(".adjust .row", "Metal").find_element("css selector", "input[value=on]")
    seen = [artist.shows(".stage").mean()]
    until(lambda: seen.append(artist.shows(".stage").mean()) or abs(seen[-1] - seen[-2]) < 1e-4, 30)
    metal.click()
    # The view has changed, before any job runs.
    until(lambda: abs(artist.shows(".stage").mean() - seen[-1]) > 2e-3, 30)
    artist.sees("#stage-title", "Convert")
    artist.presses("Adjust", ".adjust button.primary")
    artist.sees("#stage-title", "Adjust", seconds=60)
    artist.sees(".stage[data-shown='0'] canvas", seconds=180)
    captions = [one.text for one in artist.browser.find_elements("css selector", ".maps figcaption .name")]
    assert "Metallic" in captions


def test_what_the_tool_refuses_is_said_in_its_words(artist: Artist, address: str, tmp_path: Path) -> None:
    even = write_texture(Texture(np.full((64, 64, 3), 0.5, np.float32), "srgb"), tmp_path / "even.png")
    artist.opens(address, "convert")
    artist.drops(even)
    artist.sees(".upload", "64 × 64")
    artist.presses("Start")
    artist.sees(".wrong", "material", 180)


def test_a_file_that_is_no_image_is_refused(artist: Artist, address: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    artist.opens(address, "oneshot")
    artist.gives(broken)
    artist.sees(".upload .wrong", "broken.png")


def test_a_job_that_takes_long_shows_its_progress_and_is_cancelled(
    artist: Artist, address: str, tmp_path: Path
) -> None:
    texture = write_texture(brick_wall(512, 2)["basecolor"], tmp_path / "brick.png")
    artist.opens(address, "multiply")
    artist.gives(texture)
    artist.sees(".upload", "512 × 512")
    field = artist.browser.find_element("id", "multiply-count")
    field.send_keys("0", "0", "\t")
    artist.presses("Start")
    artist.sees(".running .state", "%", 180)
    artist.sees(".running img.preview", seconds=180)
    artist.presses("Cancel")
    artist.sees(".outcome", "Cancelled.", 60)
