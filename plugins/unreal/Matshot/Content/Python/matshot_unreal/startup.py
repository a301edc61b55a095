"""What happens when the editor starts: wait until it knows the project's assets, then begin."""

from __future__ import annotations

from .ticking import Ticking


def begin() -> None:
    """Start Matshot in the first frame in which all assets are known."""
    waiting: list[Ticking] = []

    def look() -> None:
        import unreal

        if unreal.AssetRegistryHelpers.get_asset_registry().is_loading_assets():
            return
        waiting.pop().stop()
        # Menus, jobs and the rest load only now, so that the start of the editor waits for next to nothing.
        from . import session

        session.start()

    waiting.append(Ticking(look))
