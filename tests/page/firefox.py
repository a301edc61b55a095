"""Firefox, driven by its own protocol, in the words of Selenium that an artist uses.

Selenium needs geckodriver, which no package index has; ``pip install marionette-driver`` is enough here.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marionette_driver.marionette import Marionette

#: What Firefox does not do here: calls home, first pages, and a GPU.
PREFERENCES = {
    "app.update.disabledForTesting": True, "browser.shell.checkDefaultBrowser": False, "datareporting.policy."
    "dataSubmissionEnabled": False, "network.captive-portal-service.enabled": False, "network.connectivity-service."
    "enabled": False, "network.proxy.type": 0, "toolkit.telemetry.enabled": False, "webgl.force-enabled": True,
}  # fmt: skip

#: Seconds that its start may take.
_START = 120.0


class Firefox:
    """A running Firefox.

    Args:
        program: its path.
        profile: folder for its profile.
        log: file for what it prints.
    """

    def __init__(self, program: str, profile: Path, log: Path) -> None:
        from marionette_driver.marionette import Marionette

        port = _free_port()
        wanted = {**PREFERENCES, "marionette.port": port}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in wanted.items()]
        (profile / "user.js").write_text("".join(lines))
        words = [
            program,
            "--headless",
            "--marionette",
            "--remote-allow-system-access",
            "--no-remote",
            "--profile",
            str(profile),
        ]
        with log.open("wb") as stream:
            self._process = subprocess.Popen(words, stdout=stream, stderr=stream)
        _wait_for(port, self._process)
        self._marionette: Marionette = Marionette(host="127.0.0.1", port=port, socket_timeout=120)
        self._marionette.start_session()
        self._marionette.timeout.script = 60
        self._marionette.set_window_rect(width=1440, height=980)

    def get(self, address: str) -> None:
        """Open a page."""
        self._marionette.navigate(address)

    def back(self) -> None:
        """Go back."""
        self._marionette.go_back()

    def find_elements(self, _: str, selector: str) -> list[Any]:
        """Elements by a CSS selector."""
        return [_Element(one) for one in self._marionette.find_elements("css selector", selector)]

    def find_element(self, by: str, selector: str) -> Any:
        """The first of them, or the one of an id."""
        selector = f"#{selector}" if by == "id" else selector
        return _Element(self._marionette.find_element("css selector", selector))

    def execute_script(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page."""
        return self._marionette.execute_script(script, script_args=[_plain(one) for one in arguments], sandbox=None)

    def execute_async_script(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page that calls its last argument with what it returns."""
        return self._marionette.execute_async_script(
            script, script_args=[_plain(one) for one in arguments], sandbox=None
        )

    def drag(self, element: Any, *places: tuple[float, float]) -> None:
        """A stroke with the mouse through places, as fractions of an element."""
        rect = element.rect
        offsets = [(round((x - 0.5) * rect["width"]), round((y - 0.5) * rect["height"])) for x, y in places]
        stroke = self._marionette.actions.sequence("pointer", "mouse", {"pointerType": "mouse"})
        stroke.pointer_move(*offsets[0], origin=element.found).pointer_down()
        for offset in offsets[1:]:
            stroke.pointer_move(*offset, duration=50, origin=element.found)
        stroke.pointer_up().perform()

    @property
    def has_webgl(self) -> bool:
        """Whether it draws in three dimensions, which needs a GPU or a driver that stands in for one."""
        return bool(self.execute_script("return document.createElement('canvas').getContext('webgl2') !== null"))

    def dark(self, *, wanted: bool) -> None:
        """Which colors the page is asked for."""
        self._marionette.set_pref("layout.css.prefers-color-scheme.content-override", 0 if wanted else 1)

    def screenshot(self) -> bytes:
        """The page as PNG."""
        return bytes(self._marionette.screenshot(format="binary", full=False))

    def quit(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Element:
    """An element of the page, with the errors of Selenium."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def __getattr__(self, name: str) -> Any:
        from marionette_driver.errors import StaleElementException
        from selenium.common.exceptions import StaleElementReferenceException

        try:
            value = getattr(self.found, name)
        except StaleElementException as error:
            raise StaleElementReferenceException(str(error)) from error
        if not callable(value):
            return value

        def called(*arguments: Any) -> Any:
            try:
                return value(*arguments)
            except StaleElementException as error:
                raise StaleElementReferenceException(str(error)) from error

        return called


def _plain(one: Any) -> Any:
    return one.found if isinstance(one, _Element) else one


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a program listens."""
    until = time.monotonic() + _START
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            time.sleep(0.2)
    process.kill()
    raise RuntimeError("Firefox did not start.")
