"""Startup: wait until the project's assets are loaded, then start Matshot."""

from __future__ import annotations

import unreal

from .ticker import Ticker


def begin() -> None:
    """Start Matshot in the first frame with all assets loaded; not under ``-game`` and in command-line tools."""
    if not unreal.is_editor() or "-run=" in unreal.SystemLibrary.get_command_line().lower():
        return
    waiting: list[Ticker] = []

    def check() -> None:
        if unreal.AssetRegistryHelpers.get_asset_registry().is_loading_assets():
            return
        waiting.pop().stop()
        # Imported only now, so that the editor's startup is not delayed.
        from . import commands

        commands.start()

    waiting.append(Ticker(check))
