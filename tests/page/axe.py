"""axe-core, which looks for barriers on a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from .firefox import Firefox

AXE = Path(__file__).parents[2] / "page" / "node_modules" / "axe-core" / "axe.min.js"
#: What axe looks at: success criteria of WCAG 2.2, levels A and AA, and best practices.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def violations(browser: Chrome | Firefox) -> list[str]:
    """What axe-core finds on the page as it is."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed (npm ci in page/)")
    look = "axe.run(document, arguments[0]).then(arguments[1]);"
    told = browser.execute_async_script(f"{AXE.read_text(encoding='utf-8')}\n{look}", RULES)
    return [f"{one['id']}: {node['html'][:120]}" for one in told["violations"] for node in one["nodes"]]
