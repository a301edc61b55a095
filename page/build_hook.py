"""Builds the web page into the wheel, where npm is there to do it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before a wheel is packed; without npm the wheel goes without the page, and the service says so."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page, unless it is built, or the package is installed editable."""
        root = Path(self.root)
        if version == "editable" or (root / "core/matshot/service/page/index.html").is_file():
            return
        npm = shutil.which("npm")
        if npm is None:
            self.app.display_warning("npm was not found: the wheel goes without the web page of `matshot serve`")
            return
        try:
            for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
                subprocess.run([npm, *arguments], cwd=root / "page", check=True, timeout=600)
        except (OSError, subprocess.SubprocessError) as error:
            self.app.display_warning(f"the web page of `matshot serve` was not built: {error}")
