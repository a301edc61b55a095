"""What someone does at the page, by mouse and keyboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import cv2
import numpy as np

from .service_double import until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

#: A drop, which a driver cannot do: files come from an input of the test's own.
_DROP = """
const [input, target] = arguments;
const transfer = new DataTransfer();
for (const file of input.files) transfer.items.add(file);
for (const type of ["dragover", "drop"]) {
  target.dispatchEvent(new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true}));
}
input.remove();
"""


class Artist:
    """Someone at a browser."""

    def __init__(self, browser: Chrome) -> None:
        self.browser = browser

    def opens(self, address: str, tool: str = "") -> None:
        """The page, with nothing left of other visits; and a tool."""
        # Cleared where no page runs that would keep what it still has.
        self.browser.get(urljoin(address, "/icon.svg"))
        self.browser.execute_script("sessionStorage.clear()")
        self.browser.get(address)
        if tool:
            self.sees(".tools")
            self.chooses(tool)

    def finds(self, selector: str, text: str = "") -> WebElement | None:
        """The first element that is seen and holds a text."""
        for one in self.browser.find_elements("css selector", selector):
            if one.is_displayed() and text in one.text:
                return one
        return None

    def sees(self, selector: str, text: str = "", seconds: float = 30.0) -> WebElement:
        """An element that is there now, or soon."""
        from selenium.common.exceptions import StaleElementReferenceException

        found: list[WebElement] = []

        def there() -> bool:
            try:
                one = self.finds(selector, text)
            except StaleElementReferenceException:
                return False
            found[:] = [one] if one else []
            return bool(found)

        until(there, seconds)
        return found[0]

    def misses(self, selector: str, text: str = "") -> None:
        """Wait until something is gone."""
        from selenium.common.exceptions import StaleElementReferenceException

        def gone() -> bool:
            try:
                return self.finds(selector, text) is None
            except StaleElementReferenceException:  # it went while it was looked at
                return False

        until(gone)

    def presses(self, text: str, selector: str = "button, a.button") -> None:
        """A button."""
        self.sees(selector, text).click()

    def chooses(self, tool: str) -> None:
        """A tool."""
        self.browser.find_element("css selector", f"input[name=tool][value={tool}]").click()

    def starts(self, address: str, tool: str, *files: Path) -> None:
        """Open the page, choose files for a tool, and start it."""
        self.opens(address, tool)
        self.gives(*files)
        self.presses("Start")

    def gives(self, *paths: Path, place: int = 0) -> None:
        """Files, by the dialog of the system."""
        found: list[WebElement] = []

        def there() -> bool:
            found[:] = self.browser.find_elements("css selector", ".drop > input[type=file]")
            return len(found) > place

        until(there, 30.0)
        found[place].send_keys("\n".join(map(str, paths)))

    def drops(self, *paths: Path, on: str = "body") -> None:
        """Files, from a desktop."""
        self.browser.execute_script(
            "const own = document.createElement('input'); own.type = 'file'; own.multiple = true; own.id = 'dragged';"
            "document.body.append(own);"
        )
        own = self.browser.find_element("id", "dragged")
        own.send_keys("\n".join(map(str, paths)))
        self.browser.execute_script(_DROP, own, self.browser.find_element("css selector", on))

    def types(self, *keys: str) -> None:
        """Keys, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()

    def shows(self, selector: str = "body") -> np.ndarray:
        """Pixels of an element as they are on the screen, ``H x W x 3``, [0, 1]."""
        taken = np.frombuffer(self.sees(selector).screenshot_as_png, np.uint8)
        return cv2.imdecode(taken, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32) / 255

    @property
    def focused(self) -> str:
        """What the focused element is called."""
        return str(
            self.browser.execute_script("""
            const one = document.activeElement;
            const label = one.labels?.[0]?.textContent ?? one.closest("label")?.textContent;
            return one.getAttribute("aria-label") || label || one.textContent || one.tagName;
        """)
        )

    @property
    def angles(self) -> list[float]:
        """Yaw and pitch of what is turned, azimuth and elevation of the light."""
        told = self.browser.execute_script("return document.querySelector('.stage canvas')?.dataset.angles ?? ''")
        return [float(angle) for angle in told.split()]

    def kept(self) -> dict[str, Any]:
        """What the page remembers."""
        return json.loads(self.browser.execute_script("return sessionStorage.getItem('matshot')") or "{}")
