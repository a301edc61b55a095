"""Build the web page into the wheel, if npm is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before a wheel is packed; without npm, the wheel has no page, and the service reports that."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page, unless it exists or the package is installed in editable mode."""
        root = Path(self.root)
        if version == "editable" or (root / "core/matshot/service/page/index.html").is_file():
            return
        npm = shutil.which("npm")
        if npm is None:
            self.app.display_warning("npm was not found, so the wheel has no web page for `matshot serve`")
            return
        try:
            for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
                subprocess.run([npm, *arguments], cwd=root / "page", check=True, timeout=600)
        except (OSError, subprocess.SubprocessError) as error:
            self.app.display_warning(f"Cannot build the web page of `matshot serve`: {error}")
