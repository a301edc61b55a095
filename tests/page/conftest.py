"""A browser, and the service that its page talks to."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import matshot
from matshot.image.writer import write_texture
from matshot.material.folder import save_material
from matshot.material.types import Material
from matshot.shading.procedural import brick_wall

from .service_double import ServiceDouble

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

PAGE = Path(matshot.__file__).parent / "service" / "page"
#: Chromium without a screen, without a GPU, and without calls home.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
    "--disable-dev-shm-usage", "--force-color-profile=srgb", "--window-size=1440,900",
)  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A browser beside other tests may starve; what fails is tried once more, and the summary says so."""
    if config.pluginmanager.hasplugin("rerunfailures"):
        for item in items:
            if item.path.parent == Path(__file__).parent:
                item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def built_page() -> Path:
    """Folder of the page."""
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built (npm ci && npm run build in page/)")
    return PAGE


@pytest.fixture(scope="session")
def browser_process(tmp_path_factory: pytest.TempPathFactory, built_page: Path) -> Iterator[Chrome]:
    """Chromium, started once."""
    pytest.importorskip("selenium")
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium or its chromedriver is not installed")
    options = ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = Chrome(options=options, service=ChromeService(driver))
    yield started
    started.quit()


@pytest.fixture
def browser(browser_process: Chrome) -> Iterator[Chrome]:
    """Chromium as it is at first; what its console complains of fails the test."""
    _emulate(browser_process, dark=False, width=1440, height=900)
    browser_process.get_log("browser")
    yield browser_process
    errors = [line for line in browser_process.get_log("browser") if _wrong(line)]
    browser_process.get("about:blank")
    browser_process.delete_all_cookies()
    assert not errors


def _wrong(line: dict[str, Any]) -> bool:
    """Whether a line of the console is an error of the page: answers that are refusals are not."""
    return line["level"] == "SEVERE" and line["source"] != "network"


@pytest.fixture
def emulate(browser: Chrome) -> Callable[..., None]:
    """Set what kind of screen the browser has."""
    return lambda **wanted: _emulate(browser, **{"dark": False, "width": 1440, "height": 900, **wanted})


def _emulate(browser: Chrome, dark: bool, width: int, height: int) -> None:
    features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@pytest.fixture
def service(built_page: Path, tmp_path: Path) -> Iterator[ServiceDouble]:
    """A service without a token."""
    double = ServiceDouble(built_page, tmp_path / "service")
    double.start()
    yield double
    double.stop()


@pytest.fixture(scope="session")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A material's folder."""
    maps = brick_wall(256)
    named = {"normal" if name == "normal_gl" else name: texture for name, texture in maps.items()}
    made = Material(named, "wall", physical_size=(1.0, 1.0), height_scale=0.02)  # type: ignore[arg-type]
    return save_material(made, tmp_path_factory.mktemp("materials") / "wall")


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two pictures."""
    folder = tmp_path_factory.mktemp("photographs")
    names = ("flash.png", "ambient.png")
    return [write_texture(brick_wall(128, seed)["basecolor"], folder / name) for seed, name in enumerate(names)]
