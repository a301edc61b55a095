"""The page end to end, in Chromium, against a service that does what each test wants."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.material.folder import save_material
from matshot.material.types import Material
from matshot_host.tools import TOOLS

from .artist import Artist
from .axe import violations
from .service_double import Refused, ServiceDouble, until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytest.importorskip("selenium")


@pytest.fixture
def artist(browser: Chrome) -> Artist:
    """Someone at the browser."""
    return Artist(browser)


def states_of_a_job(
    artist: Artist, service: ServiceDouble, wall: Path, photographs: list[Path], result: str, seconds: float = 30.0
) -> Iterator[None]:
    """From an empty page over a running job to its result, which shows ``result`` in time; stops at each."""
    artist.opens(service.address)
    artist.sees(".empty")
    yield
    artist.starts(service.address, "oneshot", photographs[0])
    job = newest(service)
    service.tell(job, state="running", fraction=0.3, stage="fitting", seconds=12.0)
    artist.sees(".time", "left")
    yield
    service.done(job, wall, notes=("A note.",))
    artist.sees(result, seconds=seconds)
    yield


def newest(service: ServiceDouble) -> str:
    """The job that was asked for last."""
    until(lambda: bool(service.jobs))
    return list(service.jobs)[-1]


def finished(service: ServiceDouble, *results: Path, **told: object) -> Callable[[str], None]:
    """A play of a job that is done at once."""
    return lambda job: service.done(job, *results, **told)  # type: ignore[arg-type]


class TestAskingForAJob:
    def test_upload_of_a_photograph_and_its_form_reach_the_service(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path]
    ) -> None:
        artist.opens(service.address, "oneshot")
        artist.gives(photographs[0])
        artist.sees(".upload", "128 × 128")
        artist.sees(".row", "Light").find_element("css selector", "input[value=even]").click()
        artist.sees(".row label", "Refine").click()
        artist.presses("Start")
        job = newest(service)
        assert service.asked == [
            {
                "tool": "oneshot",
                "inputs": [{"asset": next(iter(service.assets)), "name": "flash.png"}],
                "parameters": {"light": "even", "refine": True},
            }
        ]
        until(lambda: artist.browser.current_url.endswith(f"#job={job}"))

    def test_two_dropped_photographs_mean_the_tool_that_takes_two(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path]
    ) -> None:
        artist.opens(service.address, "oneshot")
        artist.drops(*photographs)
        artist.sees(".slot", "Photograph without Flash")
        until(lambda: len(service.assets) == 2)
        artist.presses("Swap Photographs")
        artist.presses("Start")
        newest(service)
        assert service.asked[0]["tool"] == "twoshot"
        assert [one["name"] for one in service.asked[0]["inputs"]] == ["ambient.png", "flash.png"]

    def test_a_dropped_file_replaces_the_one_of_its_place(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path]
    ) -> None:
        artist.opens(service.address, "oneshot")
        artist.drops(photographs[0])
        artist.sees(".upload", "flash.png")
        artist.drops(photographs[1])
        artist.sees(".upload", "ambient.png")
        artist.misses(".upload", "flash.png")

    def test_one_of_two_photographs_that_is_removed_leaves_the_other_in_its_place(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path]
    ) -> None:
        artist.opens(service.address, "twoshot")
        artist.drops(photographs[1], on=".slot:nth-of-type(2) .drop")
        artist.sees(".slot:nth-of-type(2) .upload", "ambient.png")
        artist.presses("Start")
        artist.sees(".foot .wrong", "Choose the flash photograph first.")
        artist.gives(photographs[0])
        artist.sees(".slot:nth-of-type(1) .upload", "flash.png")
        artist.sees("button[aria-label='Remove flash.png']").click()
        artist.misses(".upload", "flash.png")
        artist.sees(".slot:nth-of-type(2) .upload", "ambient.png")

    def test_textures_of_a_tool_that_takes_several_are_all_given(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path]
    ) -> None:
        artist.opens(service.address, "upscale")
        artist.gives(*photographs)
        until(lambda: len(service.assets) == 2)
        artist.presses("Start")
        newest(service)
        assert [one["name"] for one in service.asked[0]["inputs"]] == ["flash.png", "ambient.png"]
        assert service.asked[0]["parameters"] == {}

    def test_a_chosen_folder_is_one_material(self, artist: Artist, service: ServiceDouble, wall: Path) -> None:
        artist.opens(service.address, "tile")
        artist.browser.find_element("css selector", ".folder input").send_keys(str(wall))
        artist.sees(".upload", "4 maps")
        artist.sees(".upload", "wall")

    def test_every_kind_of_parameter_of_every_tool_has_a_control_with_a_name(
        self, artist: Artist, service: ServiceDouble
    ) -> None:
        artist.opens(service.address)
        for radio in artist.browser.find_elements("css selector", "input[name=tool]"):
            radio.click()
            nameless = artist.browser.execute_script("""
                return [...document.querySelectorAll("input, select, button")].filter((one) =>
                  !(one.labels?.length || one.getAttribute("aria-label") || one.textContent)).length;
            """)
            assert nameless == 0

    def test_defaults_that_are_not_values_read_auto_and_units_are_shown(
        self, artist: Artist, service: ServiceDouble
    ) -> None:
        artist.opens(service.address, "oneshot")
        row = artist.sees(".row", "Field of View")
        field = artist.browser.find_element("id", "oneshot-fov")
        assert (field.get_attribute("value"), field.get_attribute("placeholder")) == ("", "Auto")
        assert row.find_element("css selector", ".unit").text == "\u00b0"
        field.send_keys("50\t")
        assert artist.kept()["values"]["oneshot"] == {"fov": 50}
        artist.presses("Defaults")
        assert field.get_attribute("value") == ""
        labels = [one.text for one in artist.sees(".row", "Light").find_elements("css selector", ".choices span")]
        assert labels == ["Flash", "Even"]

    def test_numbers_keep_to_their_bounds_and_sliders_follow(self, artist: Artist, service: ServiceDouble) -> None:
        from selenium.webdriver import Keys

        artist.opens(service.address, "style")
        slider = artist.sees(".row", "Strength").find_element("css selector", "[type=range]")
        assert slider.get_attribute("value") == "0.7"
        field = artist.browser.find_element("id", "style-strength")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys("7\t")
        assert field.get_attribute("value") == slider.get_attribute("value") == "1"
        assert artist.kept()["values"]["style"] == {"strength": 1}
        artist.presses("Defaults")
        assert field.get_attribute("value") == "0.7"
        assert slider.get_attribute("value") == "0.7"
        assert artist.kept()["values"]["style"] == {}

    def test_what_was_given_and_chosen_survives_a_reload(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path]
    ) -> None:
        artist.opens(service.address, "tile")
        artist.gives(photographs[0])
        artist.sees(".upload", "128 × 128")
        artist.sees(".row label", "Even").click()
        artist.browser.refresh()
        artist.sees(".upload", "flash.png")
        assert not artist.browser.find_element("id", "tile-even").is_selected()


class TestRefusals:
    def test_start_without_a_photograph_says_what_is_missing(self, artist: Artist, service: ServiceDouble) -> None:
        artist.opens(service.address, "oneshot")
        artist.presses("Start")
        artist.sees(".foot .wrong", "Photo to Material: Choose the photograph first.")
        assert service.asked == []

    def test_the_service_s_own_sentence_about_a_file_is_shown(
        self, artist: Artist, service: ServiceDouble, tmp_path: Path
    ) -> None:
        broken = tmp_path / "broken.png"
        broken.write_bytes(b"nothing")
        artist.opens(service.address, "oneshot")
        artist.gives(broken)
        artist.sees(".upload .wrong", "broken.png is not an image.")

    def test_a_file_of_another_kind_is_refused_before_it_is_sent(
        self, artist: Artist, service: ServiceDouble, tmp_path: Path
    ) -> None:
        text = tmp_path / "notes.txt"
        text.write_text("nothing")
        artist.opens(service.address, "oneshot")
        artist.drops(text)
        artist.sees(".foot .wrong", "notes.txt is not an image or a zipped material.")
        assert service.assets == {}

    def test_files_that_are_refused_are_named_beside_those_that_are_taken(
        self, artist: Artist, service: ServiceDouble, wall: Path, tmp_path: Path
    ) -> None:
        text, more = tmp_path / "notes.txt", tmp_path / "more.pdf"
        for one in (text, more):
            one.write_text("nothing")
        artist.opens(service.address, "convert")
        maps = [Path(shutil.copy(one, tmp_path / f"Wall_{one.name}")) for one in sorted(wall.glob("[bhr]*.png"))]
        artist.drops(*maps, text, more)
        artist.sees(".upload", "3 maps, ")  # the upload has ended
        assert "notes.txt is not an image" in artist.sees(".foot .wrong").text
        assert "more.pdf is not an image" in artist.sees(".foot .wrong").text
        artist.sees(".upload button[aria-label^='Remove']").click()
        artist.misses(".foot .wrong", "notes.txt")

    def test_a_full_queue_is_said_and_the_job_can_be_started_later(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path]
    ) -> None:
        artist.opens(service.address, "oneshot")
        artist.gives(photographs[0])
        artist.sees(".upload", "128 × 128")
        service.refusals["/v1/jobs"] = Refused(429, "The queue is full; try again in a minute.")
        artist.presses("Start")
        artist.sees(".foot .wrong", "The queue is full; try again in a minute.")
        service.refusals.clear()
        artist.presses("Start")
        newest(service)

    def test_a_failed_job_shows_its_sentence_and_its_cause_on_demand(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path]
    ) -> None:
        error = {"sentence": "The photograph is too dark.", "cause": "mean 0.002"}
        service.play = lambda job: service.tell(job, state="failed", error=error)
        artist.starts(service.address, "oneshot", photographs[0])
        artist.sees(".outcome .wrong", "The photograph is too dark.")
        assert artist.finds("pre", "mean 0.002") is None
        artist.sees(".outcome summary", "Details").click()
        artist.sees("pre", "mean 0.002")
        artist.sees(".jobs .wrong", "Failed")

    def test_a_failed_job_can_be_changed_and_run_again(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path]
    ) -> None:
        service.play = lambda job: service.tell(job, state="failed", error={"sentence": "No.", "cause": ""})
        artist.opens(service.address, "oneshot")
        artist.gives(photographs[0])
        artist.sees(".row", "Light").find_element("css selector", "input[value=even]").click()
        artist.presses("Start")
        artist.sees(".outcome .wrong", "No.")
        artist.chooses("upscale")
        artist.presses("Edit and Rerun")
        artist.sees(".upload", "flash.png")
        assert artist.sees(".row", "Light").find_element("css selector", "input[value=even]").is_selected()
        artist.presses("Start")
        until(lambda: len(service.asked) == 2)
        assert service.asked[0] == service.asked[1]


class TestFollowing:
    def test_progress_stage_and_previews_are_shown_while_it_runs(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path], wall: Path
    ) -> None:
        artist.starts(service.address, "oneshot", photographs[0])
        job = newest(service)
        artist.sees(".running .state", "Waiting")
        service.tell(job, state="running")
        service.progress(job, 0.42, "fitting the maps")
        artist.sees(".running .state", "42%")
        artist.sees(".running .bar", "fitting the maps")
        bar = artist.sees(".running progress")
        assert float(bar.get_property("value")) == pytest.approx(0.42)
        assert artist.browser.title == "42% Photo to Material · Matshot"
        for level in (0.2, 0.8):
            service.preview(job, np.full((64, 64, 3), level))
            until(lambda level=level: abs(artist.shows(".preview")[100, 100:].mean() - level) < 1)
        until(lambda: abs(artist.shows(".preview")[200, 400:420].mean() - 0.8) < 0.01)
        service.done(job, wall)
        artist.sees(".maps figure", "Base Color")

    def test_a_job_is_cancelled(self, artist: Artist, service: ServiceDouble, photographs: list[Path]) -> None:
        artist.starts(service.address, "oneshot", photographs[0])
        service.tell(newest(service), state="running")
        artist.presses("Cancel")
        artist.sees(".outcome", "Cancelled. The job has no output.")

    def test_a_service_that_restarts_is_found_again(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path], wall: Path
    ) -> None:
        artist.starts(service.address, "oneshot", photographs[0])
        job = newest(service)
        service.tell(job, state="running")
        service.progress(job, 0.3, "half-way")
        artist.sees(".running .state", "30%")
        service.stop()
        artist.sees(".banner", "Cannot reach the service. Trying again...")
        service.start()
        until(lambda: bool(service.jobs[job].listeners[1:]), 20)
        service.progress(job, 0.7, "further")
        artist.sees(".running .state", "70%")
        artist.misses(".banner")
        service.done(job, wall)
        artist.sees(".maps figure", "Base Color")

    def test_jobs_survive_a_reload(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path], wall: Path
    ) -> None:
        artist.starts(service.address, "oneshot", photographs[0])
        job = newest(service)
        service.tell(job, state="running")
        service.progress(job, 0.5, "half-way")
        artist.sees(".running .state", "50%")
        artist.browser.refresh()
        artist.sees(".jobs button[aria-current=true]", "flash.png")
        artist.sees(".running .state", "50%")
        service.progress(job, 0.6, "further")
        artist.sees(".running .state", "60%")

    def test_jobs_are_changed_and_deleted_from_the_list(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path]
    ) -> None:
        service.play = lambda job: service.tell(job, state="failed", error={"sentence": f"Job {job[-1]}.", "cause": ""})
        artist.opens(service.address, "oneshot")
        artist.gives(photographs[0])
        for number in (1, 2):
            artist.presses("Start")
            artist.sees(".outcome .wrong", f"Job {number}.")
        artist.browser.find_elements("css selector", ".jobs button")[1].click()
        artist.sees(".outcome .wrong", "Job 1.")
        artist.presses("Delete")
        artist.sees(".outcome .wrong", "Job 2.")
        assert len(artist.browser.find_elements("css selector", ".jobs li")) == 1

    def test_many_running_jobs_leave_connections_for_everything_else(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path]
    ) -> None:
        service.play = lambda job: service.tell(job, state="running")
        artist.opens(service.address, "oneshot")
        artist.gives(photographs[0])
        artist.sees(".upload", "128 × 128")
        for number in range(8):
            artist.presses("Start")
            until(lambda number=number: len(service.asked) == number + 1)
            until(lambda: artist.sees(".make [type=submit]").is_enabled())
        for row in artist.browser.find_elements("css selector", ".jobs button"):
            row.click()
        artist.presses("Cancel")
        artist.sees(".outcome", "Cancelled.")


class TestToken:
    def test_a_wrong_token_is_refused_and_the_right_one_opens_the_page(
        self, artist: Artist, built_page: Path, tmp_path: Path, photographs: list[Path]
    ) -> None:
        service = ServiceDouble(built_page, tmp_path, token="open sesame")
        service.start()
        try:
            artist.opens(service.address)
            artist.sees("dialog", "Enter the token")
            artist.types("guess", "\n")
            artist.sees("dialog .wrong", "The token is wrong.")
            artist.types("open sesame", "\n")
            artist.sees(".tools", "Photo to Material")
            artist.gives(photographs[0])
            artist.sees(".upload", "128 × 128")
        finally:
            service.stop()


class TestResult:
    @pytest.fixture
    def seen(self, artist: Artist, service: ServiceDouble, photographs: list[Path]) -> Callable[..., None]:
        """Make a job that is done at once and look at its result."""

        def look(tool: str, *results: Path, given: Path | None = None, **told: object) -> None:
            service.play = finished(service, *results, **told)
            artist.opens(service.address, tool)
            artist.gives(given or photographs[0])
            artist.sees(".upload .help")
            artist.presses("Start")
            artist.sees(".result")

        return look

    def test_maps_and_notes_are_shown_and_files_can_be_downloaded(
        self, artist: Artist, service: ServiceDouble, seen: Callable[..., None], wall: Path
    ) -> None:
        seen("oneshot", wall, notes=("The surface was taken for stone.",))
        captions = [one.text for one in artist.browser.find_elements("css selector", ".maps figcaption .name")]
        assert captions == ["Base Color", "Normal", "Roughness", "Height"]
        artist.sees(".notes", "The surface was taken for stone.")
        artist.sees(".facts", "256 × 256, tiles on x and y")
        links = artist.browser.find_elements("css selector", "a[download]")
        assert {link.get_attribute("download") for link in links} >= {"basecolor.png", "material.json", "material.mtlx"}
        assert artist.sees("a.button", "Download Zip").get_attribute("href").endswith("/results.zip")

    def test_the_material_turns_with_the_mouse_and_with_keys(
        self, artist: Artist, seen: Callable[..., None], wall: Path
    ) -> None:
        from selenium.webdriver import ActionChains, Keys

        seen("oneshot", wall)
        canvas = artist.sees(".stage[data-shown='0'] canvas")
        until(lambda: bool(artist.angles))
        first = artist.angles
        ActionChains(artist.browser).drag_and_drop_by_offset(canvas, 120, 60).perform()
        until(lambda: artist.angles != first)
        dragged = artist.angles
        assert dragged[0] > first[0]
        assert dragged[1] > first[1]
        assert dragged[2:] == first[2:]
        artist.browser.execute_script("arguments[0].focus()", canvas)
        artist.types(Keys.ARROW_LEFT)
        until(lambda: artist.angles[0] < dragged[0])
        ActionChains(artist.browser).key_down(Keys.SHIFT).send_keys(Keys.ARROW_UP).key_up(Keys.SHIFT).perform()
        until(lambda: artist.angles[3] > first[3])
        artist.types(Keys.HOME)
        until(lambda: artist.angles == first)

    def test_color_on_the_plane_is_that_of_the_map(
        self, artist: Artist, seen: Callable[..., None], tmp_path: Path
    ) -> None:
        maps = {"basecolor": Texture(np.full((64, 64, 3), (0.7, 0.3, 0.1), np.float32), "srgb", "xy")}
        rough = Texture(np.ones((64, 64, 1), np.float32), "data", "xy")
        seen("oneshot", save_material(Material({**maps, "roughness": rough}, "flat"), tmp_path / "flat"))
        artist.sees(".stage[data-shown='0'] canvas")
        until(lambda: bool(artist.angles))
        sphere = artist.angles
        artist.sees(".bar label", "Plane").click()
        until(lambda: artist.angles != sphere)
        taken = artist.shows(".stage")
        middle = taken[taken.shape[0] // 2, taken.shape[1] // 2] ** 2.2
        wanted = np.array((0.7, 0.3, 0.1)) ** 2.2
        # The light is not as strong as it is, but it is gray: ratios of channels are those of the map.
        assert middle[1] / middle[0] == pytest.approx(wanted[1] / wanted[0], rel=0.35)
        assert middle[0] > 0.15

    def test_normals_bulge_towards_the_light(self, artist: Artist, seen: Callable[..., None], tmp_path: Path) -> None:
        y, x = np.mgrid[1:-1:256j, -1:1:256j]
        inside = (x**2 + y**2 < 0.5)[..., None]
        slope = np.stack([x, y, np.full_like(x, 0.9)], -1) * inside + np.array((0, 0, 1.0)) * ~inside
        normal = (slope / np.linalg.norm(slope, axis=-1, keepdims=True)).astype(np.float32)
        gray = Texture(np.full((256, 256, 3), 0.5, np.float32), "srgb", "none")
        rough = Texture(np.full((256, 256, 1), 0.9, np.float32), "data", "none")
        maps = {"basecolor": gray, "normal": Texture(normal, "normal", "none"), "roughness": rough}
        seen("oneshot", save_material(Material(maps, "dome"), tmp_path / "dome"), wrap="none")  # type: ignore[arg-type]
        artist.sees(".stage[data-shown='0'] canvas[aria-label*='on a plane']")
        until(lambda: bool(artist.angles))
        taken = artist.shows(".stage").mean(-1)
        high, wide = taken.shape
        box = taken[high // 2 - 90 : high // 2 + 90, wide // 2 - 90 : wide // 2 + 90]
        # The light comes from above and from the left: of a dome these sides are bright, of a dent dark.
        assert box[:60].mean() > box[-60:].mean() + 0.02
        assert box[:, :60].mean() > box[:, -60:].mean() + 0.02

    def test_each_map_can_be_looked_at(self, artist: Artist, seen: Callable[..., None], wall: Path) -> None:
        seen("oneshot", wall)
        artist.sees(".maps figure button img[alt='Roughness map']").click()
        artist.sees(".image-view img[alt='roughness.png']")
        assert artist.finds(".line") is None

    def test_before_and_after_are_compared_by_a_line_that_keys_move(
        self, artist: Artist, seen: Callable[..., None], tmp_path: Path
    ) -> None:
        from selenium.webdriver import ActionChains, Keys

        small = write_texture(Texture(np.full((32, 48, 3), 0.2, np.float32), "srgb"), tmp_path / "small.png")
        large = write_texture(Texture(np.full((64, 96, 3), 0.8, np.float32), "srgb"), tmp_path / "large.png")
        seen("upscale", large, given=small)
        line = artist.sees(".line")

        def dark() -> float:
            taken = artist.shows(".image-view")
            row = taken[len(taken) // 3].mean(-1)
            lying = (np.abs(row - 0.2) < 0.02) | (np.abs(row - 0.8) < 0.02)
            return float((np.abs(row - 0.2) < 0.02).sum() / max(lying.sum(), 1))

        until(lambda: abs(dark() - 0.5) < 0.03)
        artist.browser.execute_script("arguments[0].focus()", line)
        artist.types(*[Keys.PAGE_UP] * 3)
        assert line.get_attribute("aria-valuenow") == "80"
        until(lambda: abs(dark() - 0.8) < 0.03)
        artist.types(Keys.HOME)
        until(lambda: dark() < 0.02)
        ActionChains(artist.browser).drag_and_drop_by_offset(line, 200, 0).perform()
        until(lambda: dark() > 0.1)

    def test_an_image_can_be_seen_on_a_sphere_too(
        self, artist: Artist, seen: Callable[..., None], photographs: list[Path]
    ) -> None:
        seen("multiply", photographs[1])
        artist.sees(".bar label", "Sphere").click()
        artist.sees(".stage[data-shown='0'] canvas")

    def test_several_results_are_picked_from(
        self, artist: Artist, seen: Callable[..., None], photographs: list[Path]
    ) -> None:
        seen("multiply", *photographs)
        artist.sees(".picker")
        artist.browser.find_elements("css selector", ".picker input")[1].click()
        artist.sees(".image-view img[alt='ambient.png']")

    def test_without_webgl_the_maps_are_shown(
        self, artist: Artist, service: ServiceDouble, wall: Path, photographs: list[Path]
    ) -> None:
        service.play = finished(service, wall)
        script = "HTMLCanvasElement.prototype.getContext = () => null"
        added = artist.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        try:
            artist.starts(service.address, "oneshot", photographs[0])
            artist.sees(".banner", "3D view is unavailable")
            artist.sees(".image-view img[alt='basecolor.png']")
        finally:
            artist.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
        artist.browser.get_log("browser")


class TestAccess:
    def test_a_job_is_made_and_looked_at_by_keyboard_alone(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path], wall: Path
    ) -> None:
        from selenium.webdriver import Keys

        service.play = finished(service, wall)
        artist.opens(service.address, "tile")
        artist.gives(photographs[0])
        artist.sees(".upload", "128 × 128")
        artist.browser.execute_script("document.activeElement.blur(); window.getSelection().removeAllRanges()")
        self._tabs(artist, lambda: artist.focused == "Make Seamless")
        artist.types(Keys.ARROW_UP, Keys.ARROW_UP)
        names = [one.name for one in TOOLS]
        assert artist.kept()["tool"] == names[names.index("tile") - 2]
        artist.types(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        self._tabs(artist, lambda: artist.focused == "Start")
        artist.types(Keys.ENTER)
        newest(service)
        assert service.asked[0]["tool"] == "tile"
        artist.sees(".stage[data-shown='0'] canvas")
        self._tabs(artist, lambda: "Arrow keys turn it" in artist.focused)
        first = artist.angles
        artist.types(Keys.ARROW_RIGHT)
        until(lambda: artist.angles != first)
        self._tabs(artist, lambda: artist.focused == "Sphere")
        artist.types(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        artist.sees(".image-view")
        assert artist.focused == "Maps"

    def _tabs(self, artist: Artist, there: Callable[[], bool]) -> None:
        for _ in range(80):
            if there():
                return
            artist.types("\t")
        raise AssertionError("The tab key does not lead there.")

    def test_what_happens_is_said_aloud(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path], wall: Path
    ) -> None:
        artist.starts(service.address, "oneshot", photographs[0])
        job = newest(service)
        artist.sees(".running")
        service.tell(job, state="running")
        service.progress(job, 0.5, "half-way")
        said = lambda: artist.browser.execute_script("return document.querySelector('[aria-live]').textContent")  # noqa: E731
        until(lambda: said() == "Photo to Material: 50 percent, half-way.")
        service.done(job, wall)
        until(lambda: said() == "Photo to Material of flash.png finished.")

    @pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
    def test_text_stands_out_from_its_ground(
        self, artist: Artist, service: ServiceDouble, emulate: Callable[..., None], dark: bool
    ) -> None:
        emulate(dark=dark)
        artist.opens(service.address, "oneshot")
        artist.sees(".tools")
        assert artist.browser.execute_script(_LEAST_CONTRAST) >= 4.5
        assert (artist.shows("header.top")[2, 2].mean() < 0.3) == dark

    @pytest.mark.parametrize("width", [360, 800, 1440])
    def test_nothing_sticks_out_sideways(
        self, artist: Artist, service: ServiceDouble, emulate: Callable[..., None], width: int
    ) -> None:
        emulate(width=width)
        artist.opens(service.address, "oneshot")
        artist.sees(".tools")
        assert artist.browser.execute_script("return document.documentElement.scrollWidth") <= width


#: Least ratio of contrast of a text that is seen (WCAG 2.2, 1.4.3), against the nearest ground that is painted.
_LEAST_CONTRAST = """
const part = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => 0.2126 * part(r / 255) + 0.7152 * part(g / 255) + 0.0722 * part(b / 255);
const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
const ground = (one) => {
  for (; one; one = one.parentElement) {
    const color = numbers(getComputedStyle(one).backgroundColor);
    if (color.length === 3 || color[3] === 1) return color;
  }
};
const texts = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility()
  && [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) && !one.closest(".hidden, option"));
return Math.min(...texts.map((one) => {
  const [a, b] = [light(numbers(getComputedStyle(one).color)), light(ground(one))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}));
"""


class TestAsADesignerWould:
    def test_loose_maps_become_one_material_and_what_is_left_out_is_named(
        self, artist: Artist, service: ServiceDouble, wall: Path, photographs: list[Path]
    ) -> None:
        artist.opens(service.address, "convert")
        maps = sorted(wall.glob("[bhr]*.png"))
        loose = [shutil.copy(one, service.folder.parent / f"Wall_{one.name}") for one in maps]
        artist.drops(*map(Path, loose), photographs[0])
        artist.sees(".upload", "3 maps")
        spare = artist.sees(".spare")
        assert "Not used by" in spare.text
        assert "flash.png" in spare.text
        artist.sees(".spare button[aria-label='Remove flash.png']").click()
        artist.misses(".spare")
        artist.presses("Start")
        newest(service)
        assert service.asked[0]["inputs"][0]["name"].lower() == "wall"
        assert len(service.asked[0]["inputs"]) == 1

    def test_what_does_not_tile_opens_on_the_plane(
        self, artist: Artist, service: ServiceDouble, wall: Path, photographs: list[Path]
    ) -> None:
        service.play = finished(service, wall, wrap="none")
        artist.starts(service.address, "oneshot", photographs[0])
        artist.sees(".stage canvas[aria-label*='on a plane']", seconds=90)
        service.play = finished(service, wall, wrap="xy")
        artist.presses("Start")
        artist.sees(".stage canvas[aria-label*='on a sphere']", seconds=90)

    def test_the_browser_goes_back_and_forward_between_jobs(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path]
    ) -> None:
        artist.starts(service.address, "oneshot", photographs[0])
        artist.sees(".running")
        artist.presses("Start")
        until(lambda: len(service.jobs) == 2)
        first, second = service.jobs
        until(lambda: second in artist.browser.current_url)
        artist.browser.back()
        until(lambda: artist.browser.execute_script("return location.hash") == f"#job={first}")
        assert (
            artist.sees(".jobs [aria-current]").text
            == artist.browser.find_elements("css selector", ".jobs button")[1].text
        )
        artist.browser.forward()
        until(lambda: artist.browser.execute_script("return location.hash") == f"#job={second}")

    def _delete_a_job(self, artist: Artist, service: ServiceDouble, wall: Path, photograph: Path) -> None:
        service.play = finished(service, wall)
        artist.starts(service.address, "oneshot", photograph)
        artist.presses("Delete")
        artist.sees(".undo", "Deleted")

    def test_a_deletion_can_be_taken_back(
        self, artist: Artist, service: ServiceDouble, wall: Path, photographs: list[Path]
    ) -> None:
        self._delete_a_job(artist, service, wall, photographs[0])
        artist.misses(".jobs button")
        artist.presses("Undo")
        artist.sees(".jobs button")
        artist.sees(".result")
        assert len(service.jobs) == 1
        artist.presses("Delete")
        until(lambda: not service.jobs)
        artist.misses(".undo")

    def test_the_focus_stays_on_the_page_when_the_time_to_undo_is_over(
        self, artist: Artist, service: ServiceDouble, wall: Path, photographs: list[Path]
    ) -> None:
        self._delete_a_job(artist, service, wall, photographs[0])
        active = "return document.activeElement.id || document.activeElement.textContent"
        assert artist.browser.execute_script(active) == "Undo"
        until(lambda: not service.jobs)
        artist.misses(".undo")
        assert artist.browser.execute_script(active) == "stage-title"

    def test_each_of_several_deletions_can_be_taken_back(
        self, artist: Artist, service: ServiceDouble, wall: Path, photographs: list[Path]
    ) -> None:
        service.play = finished(service, wall)
        artist.starts(service.address, "oneshot", photographs[0])
        artist.sees(".result")
        artist.presses("Start")
        until(lambda: len(service.jobs) == 2)
        first, second = service.jobs
        until(lambda: second in artist.browser.current_url)
        artist.sees(".result")
        # At once, for the page forgets what was deleted after a while.
        counts = artist.browser.execute_script(
            """
            const buttons = () => [...document.querySelectorAll("button")];
            const press = () => buttons().find((one) => one.textContent === "Delete").click();
            const count = (what) => document.querySelectorAll(what).length;
            press(); press();
            const deleted = [count(".jobs button"), count(".undo button")];
            document.querySelector(".undo button").click();
            const between = count(".undo button");
            document.querySelector(".undo button").click();
            return [...deleted, between];
            """
        )
        assert counts == [0, 2, 1]
        artist.misses(".undo")
        until(lambda: len(artist.browser.find_elements("css selector", ".jobs button")) == 2)
        assert list(service.jobs) == [first, second]

    def test_time_is_told_while_it_runs(self, artist: Artist, service: ServiceDouble, photographs: list[Path]) -> None:
        service.play = lambda job: service.tell(job, state="running", seconds=30.0, fraction=0.25)
        artist.starts(service.address, "oneshot", photographs[0])
        artist.sees(".time", "elapsed, about")
        told = artist.sees(".time", "left").text
        elapsed, left = (int(one) for one in re.findall(r"(\d+) (?:s|min)", told)[:2])
        assert 30 <= elapsed < 60
        assert left in range(2, 4) or 85 <= left < 180

    def test_an_heic_photograph_gets_help(self, artist: Artist, service: ServiceDouble, tmp_path: Path) -> None:
        artist.opens(service.address, "oneshot")
        photograph = tmp_path / "IMG_0001.HEIC"
        photograph.write_bytes(b"\0\0\0\x18ftypheic")
        artist.gives(photograph)
        assert "JPEG" in artist.sees(".foot .wrong", "HEIC").text
        assert not service.assets

    def test_sliders_can_be_used(self, artist: Artist, service: ServiceDouble) -> None:
        artist.opens(service.address)
        artist.sees(".tools")
        widths = []
        for tool in TOOLS:
            artist.chooses(tool.name)
            for one in artist.browser.find_elements("css selector", ".numeric input[type=range]"):
                if one.is_displayed():
                    widths.append(one.size["width"])
        assert widths
        assert min(widths) >= 120

    def test_a_material_is_compared_with_its_input_in_3d(
        self, artist: Artist, service: ServiceDouble, wall: Path
    ) -> None:
        service.play = finished(service, wall)
        artist.opens(service.address, "convert")
        artist.drops(*sorted(wall.glob("[bhr]*.png")))
        artist.sees(".upload", "3 maps")
        artist.presses("Start")
        artist.sees("label", "Before", 90).click()
        until(lambda: bool(artist.browser.find_elements("css selector", ".stage[data-shown='0 before']")), 90)
        artist.sees("label", "After").click()
        until(lambda: bool(artist.browser.find_elements("css selector", ".stage[data-shown='0']")), 90)

    def test_a_height_map_is_displaced(
        self, artist: Artist, service: ServiceDouble, photographs: list[Path], tmp_path: Path
    ) -> None:
        from matshot.shading.procedural import brick_wall

        maps = {"basecolor": brick_wall(64)["basecolor"], "height": brick_wall(64)["height"]}
        service.play = finished(service, save_material(Material(maps, "flat"), tmp_path / "flat"))  # type: ignore[arg-type]
        artist.starts(service.address, "oneshot", photographs[0])
        relief = artist.sees(".bar label", "Relief", 90).find_element("css selector", "input")
        assert float(relief.get_attribute("value") or 0) > 0

    def test_a_long_name_breaks_nothing(
        self, artist: Artist, service: ServiceDouble, wall: Path, tmp_path: Path
    ) -> None:
        service.play = finished(service, wall)
        named = tmp_path / f"{'long_name_without_any_break_' * 7}.png"
        shutil.copy(wall / "basecolor.png", named)
        artist.starts(service.address, "upscale", named)
        artist.sees(".result")
        wide = artist.browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0

    def test_axe_finds_nothing(
        self, artist: Artist, service: ServiceDouble, wall: Path, photographs: list[Path],
        emulate: Callable[..., None],
    ) -> None:  # fmt: skip
        def found() -> list[str]:
            return violations(artist.browser)

        for _ in states_of_a_job(artist, service, wall, photographs, ".stage canvas"):
            assert found() == []
        emulate(dark=True)
        assert found() == []
        artist.sees("label", "Maps").click()
        artist.sees(".maps figure")
        assert found() == []
        artist.presses("Delete")
        artist.sees(".undo")
        assert found() == []
