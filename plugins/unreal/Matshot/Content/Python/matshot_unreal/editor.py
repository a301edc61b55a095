"""Unreal, behind the interface of the job manager."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

import unreal

from matshot_host.errors import MatshotError
from matshot_host.graph import Image, MaterialGraph
from matshot_host.jobs import Result

from . import assets, materials, messages, naming, textures
from .inputs import ExportedFile, Source
from .job_manager import Imported
from .preferences import Preferences


class UnrealEditor:
    """The running editor.

    Args:
        preferences: returns the current preferences.
    """

    def __init__(self, preferences: Callable[[], Preferences]) -> None:
        self._preferences = preferences

    def idle(self) -> bool:
        """Whether assets can be created now; not during Play in Editor."""
        return not unreal.get_editor_subsystem(unreal.LevelEditorSubsystem).is_in_play_in_editor()

    def export(self, asset: str, folder: str, photograph: bool) -> ExportedFile:
        """Export a texture to a folder; see :func:`.textures.export_texture`."""
        texture = assets.loaded(asset.partition(".")[0])
        if not assets.is_exactly(texture, unreal.Texture2D):
            raise MatshotError(f"{Source(asset).name} does not exist or is not a texture.")
        return textures.export_texture(texture, folder, photograph)

    def check_folder(self, folder: str) -> None:
        """Raise for a content folder outside the project, and one that cannot be written."""
        assets.check_folder(folder)

    def exists(self, folder: str, name: str) -> bool:
        """Whether an asset exists."""
        return assets.exists(f"{folder}/{name}")

    def import_material(self, graph: MaterialGraph, base: str, folder: str) -> Imported:
        """Create textures and an instance of the master material, which is the first of the assets."""
        chosen = self._preferences()
        options = materials.MaterialOptions(
            chosen.displacement, chosen.translucency, chosen.virtual_textures, chosen.master, chosen.names
        )
        created = materials.create_material(graph, base, folder, options)
        return Imported([assets.path_of(asset) for asset in created.assets], created.notes)

    def import_image(self, result: Result, origin: str, name: str, folder: str) -> Imported:
        """Create a texture, with the settings of its source if that still exists."""
        source = assets.loaded(origin.partition(".")[0]) if origin else None
        if source is not None:
            settings = textures.settings_like(source, result.wrap)
        else:
            # Only the name of a file on disk tells its map type.
            kind = naming.map_of(name) or "basecolor"
            colored = kind in ("basecolor", "emission")
            channels = 3 if colored or kind in ("normal", "orm") else 1
            image = Image(kind, result.path, "srgb" if colored else "data", "", result.wrap, "", channels)
            settings = textures.map_settings(image, "dx")
        imported = textures.import_textures([textures.Import(result.path, name, settings)], folder)
        notes = [note for texture in imported for note in textures.size_notes(texture)]
        return Imported([assets.path_of(asset) for asset in imported], notes)

    def import_tiles(self, tiles: Mapping[int, Result], origin: str, name: str, folder: str) -> Imported:
        """Create a virtual texture of UDIM tiles with the settings of its source.

        Raises:
            MatshotError: when the source no longer exists, or Unreal cannot make the texture.
        """
        source = assets.loaded(origin.partition(".")[0])
        if source is None:
            raise MatshotError(f"{Source(origin).name} no longer exists, so its tiles were not imported.")
        files = {number: result.path for number, result in tiles.items()}
        texture = textures.import_tiles(files, name, textures.settings_like(source, "none"), folder)
        return Imported([assets.path_of(texture)], textures.size_notes(texture))

    def selected_components(self) -> list[Any]:
        """Components with meshes of the actors that are selected in the level."""
        actors = unreal.get_editor_subsystem(unreal.EditorActorSubsystem).get_selected_level_actors()
        return [one for actor in actors for one in actor.get_components_by_class(unreal.MeshComponent)]

    def assign(self, material: str, components: Sequence[Any], slot: str) -> int:
        """Assign a material to components; returns the number of slots."""
        return materials.assign(assets.loaded(material), components, slot)

    def replace(self, old: str, new: str) -> list[str]:
        """Use a texture in place of another in material instances; returns notes."""
        return materials.replace_texture(old.partition(".")[0], assets.loaded(new))

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
    """Textures selected in the Content Browser."""
    return [
        asset
        for asset in unreal.EditorUtilityLibrary.get_selected_assets()
        if assets.is_exactly(asset, unreal.Texture2D)
    ]
