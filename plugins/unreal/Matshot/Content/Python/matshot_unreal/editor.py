"""Unreal as the controller knows it."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import unreal

from matshot_host.errors import MatshotError
from matshot_host.graph import Image, MaterialGraph
from matshot_host.jobs import Result

from . import assets, materials, messages, naming, textures
from .inputs import Exported, Picture


class UnrealEditor:
    """The editor that this runs in.

    Args:
        displaces: whether new materials move vertices by their height.
    """

    def __init__(self, displaces: Callable[[], bool]) -> None:
        self._displaces = displaces

    def idle(self) -> bool:
        """Whether assets can be made now; not while the game is played in the editor."""
        return not unreal.get_editor_subsystem(unreal.LevelEditorSubsystem).is_in_play_in_editor()

    def export(self, asset: str, folder: str, photograph: bool) -> Exported:
        """Write a texture into a folder; see :func:`.textures.export_texture`."""
        texture = assets.loaded(asset.partition(".")[0])
        if not isinstance(texture, unreal.Texture2D):
            raise MatshotError(f"{Picture(asset).name} is not a texture, or not there any more.")
        return textures.export_texture(texture, folder, photograph)

    def check_folder(self, folder: str) -> None:
        """Refuse a content folder that cannot be written."""
        assets.check_folder(folder)

    def taken(self, folder: str, name: str) -> bool:
        """Whether there is an asset of that name."""
        return assets.exists(f"{folder}/{name}")

    def import_material(self, graph: MaterialGraph, base: str, folder: str) -> list[str]:
        """Make textures and an instance of the master material; the assets' paths, the instance first."""
        made = materials.make_material(graph, base, folder, self._displaces())
        return [assets.path_of(asset) for asset in made]

    def import_image(self, result: Result, origin: str, name: str, folder: str) -> list[str]:
        """Make a texture, with the settings of the one that it was made of if that is still there."""
        model = assets.loaded(origin.partition(".")[0]) if origin else None
        if model is not None:
            settings = textures.settings_like(model, result.wrap)
        else:
            # Of a file from the disk nothing is known but its name.
            kind = naming.map_of(name) or "basecolor"
            colored = kind in ("basecolor", "emission")
            channels = 3 if colored or kind in ("normal", "orm") else 1
            image = Image(kind, result.path, "srgb" if colored else "data", "", result.wrap, "", channels)
            settings = textures.map_settings(image, "dx")
        with unreal.ScopedEditorTransaction(f"Matshot: {name}"):
            made = textures.import_textures([textures.Import(result.path, name, settings)], folder)
        return [assets.path_of(asset) for asset in made]

    def alert(self, sentence: str) -> None:
        """Show a dialog."""
        messages.alert(sentence)

    def log(self, sentence: str) -> None:
        """Write a line to the Output Log."""
        messages.log(sentence)

    def show(self, assets: Sequence[str]) -> None:
        """Select assets in the Content Browser."""
        unreal.EditorAssetLibrary.sync_browser_to_objects(list(assets))


def selected_textures() -> list[Any]:
    """The textures that are selected in the Content Browser."""
    return [asset for asset in unreal.EditorUtilityLibrary.get_selected_assets() if isinstance(asset, unreal.Texture2D)]
