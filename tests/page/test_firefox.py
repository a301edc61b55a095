"""The page in Firefox: what an artist does most, and what axe-core finds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .artist import Artist
from .axe import violations
from .firefox import Firefox
from .service_double import ServiceDouble
from .test_mask_brush import painted, uploaded
from .test_page import finished, newest, states_of_a_job

#: Where Firefox itself may be; what is on the path may be a script that starts it.
PROGRAMS = (
    *(str(Path(found).resolve()) for name in ("firefox", "firefox-esr") if (found := shutil.which(name))),
    "/usr/lib/firefox-esr/firefox-esr", "/usr/lib/firefox/firefox",
)  # fmt: skip


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory, built_page: Path) -> Iterator[Firefox]:
    """Firefox, started once."""
    pytest.importorskip("marionette_driver")
    program = next((one for one in PROGRAMS if (Path(one).parent / "application.ini").is_file()), "")
    if not program:
        pytest.skip("Firefox is not installed")
    folder = tmp_path_factory.mktemp("firefox")
    (folder / "profile").mkdir()
    started = Firefox(program, folder / "profile", folder / "log")
    yield started
    started.quit()


@pytest.fixture
def artist(firefox: Firefox) -> Artist:
    """Someone at Firefox."""
    firefox.dark(wanted=False)
    return Artist(firefox)  # type: ignore[arg-type]


def test_a_photograph_becomes_a_material_that_is_shown(
    artist: Artist, firefox: Firefox, service: ServiceDouble, wall: Path, photographs: list[Path]
) -> None:
    service.play = finished(service, wall, wrap="none")
    artist.opens(service.address, "oneshot")
    artist.gives(photographs[0])
    artist.sees(".upload", "128 × 128")
    artist.presses("Start")
    assert newest(service)
    assert [one["name"] for one in service.asked[0]["inputs"]] == ["flash.png"]
    if firefox.has_webgl:
        artist.sees(".stage canvas[aria-label*='on a plane']", seconds=90)
        artist.sees("label", "Maps").click()
    else:
        artist.sees("body", "WebGL is disabled")
    artist.sees(".maps figure")


def test_loose_maps_are_dropped_together(artist: Artist, service: ServiceDouble, wall: Path) -> None:
    artist.opens(service.address, "convert")
    maps = [shutil.copy(one, service.folder.parent / f"Wall_{one.name}") for one in sorted(wall.glob("[bhr]*.png"))]
    artist.drops(*map(Path, maps))
    artist.sees(".upload", "3 maps")
    artist.presses("Start")
    newest(service)
    assert len(service.asked[0]["inputs"]) == 1


def test_back_returns_from_a_job(
    artist: Artist, firefox: Firefox, service: ServiceDouble, wall: Path, photographs: list[Path]
) -> None:
    service.play = finished(service, wall)
    artist.starts(service.address, "oneshot", photographs[0])
    artist.sees(".result")
    firefox.back()
    artist.misses(".result")


def test_a_mask_is_painted(artist: Artist, firefox: Firefox, service: ServiceDouble, photographs: list[Path]) -> None:
    artist.opens(service.address, "tile")
    artist.gives(photographs[0])
    artist.sees(".upload", "128 × 128")
    artist.presses("Paint", "button[aria-label='Paint Protect']")
    mask = artist.sees(".painter .mask")
    assert violations(firefox) == []
    firefox.drag(mask, (0.25, 0.25), (0.25, 0.75))
    artist.presses("Undo")
    assert not painted(artist).any()
    artist.presses("Redo")
    stroke = uploaded(artist, service)
    assert stroke.shape == (128, 128)
    assert stroke[32:96, 32].min() > 0.9
    assert stroke[:, 64:].max() == 0


def test_axe_finds_nothing(
    artist: Artist, firefox: Firefox, service: ServiceDouble, wall: Path, photographs: list[Path]
) -> None:
    result = ".stage canvas" if firefox.has_webgl else ".maps figure"
    for _ in states_of_a_job(artist, service, wall, photographs, result, seconds=90):
        assert violations(firefox) == []
    firefox.dark(wanted=True)
    assert violations(firefox) == []
