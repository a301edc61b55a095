"""Export of textures to files, and import of files with the settings that each map needs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

import unreal

from matshot_host.errors import MatshotError
from matshot_host.graph import Image
from matshot_host.tools import PHOTOGRAPH_SUFFIXES
from matshot_host.udim import UDIM

from . import assets
from .inputs import ExportedFile

#: Compressions of textures with values above 1, which PNG cannot store.
_FLOATING = ("TC_HDR", "TC_HDR_COMPRESSED", "TC_HALF_FLOAT", "TC_SINGLE_FLOAT", "TC_HDR_F32")
#: Suffixes and Interchange's names of their types.
_INTERCHANGE_TYPES = {".png": "PNG", ".exr": "EXR", ".jpg": "JPG", ".jpeg": "JPG", ".tga": "TGA", ".bmp": "BMP"}
#: Settings that a derived texture keeps: its source image, too, is one that Unreal adjusts and compresses.
_KEPT_SETTINGS = (
    *("compression_settings", "srgb", "source_color_settings", "lod_group", "flip_green_channel"),
    *("address_x", "address_y", "filter", "mip_gen_settings", "virtual_texture_streaming", "never_stream"),
    *("adjust_brightness", "adjust_brightness_curve", "adjust_vibrance", "adjust_saturation", "adjust_rgb_curve"),
    *("adjust_hue", "adjust_min_alpha", "adjust_max_alpha", "max_texture_size", "lod_bias"),
    *("compression_no_alpha", "do_scale_mips_for_alpha_coverage", "alpha_coverage_thresholds"),
)
#: A file of a UDIM tile: what comes before its number, the number, the suffix.
_TILE = re.compile(r"(.*[._])(1[0-9]{3})(\.[A-Za-z]+)\Z")
#: Single-channel maps that compression to blocks would spoil: height turns into steps, and angles jump from 1 to 0.
_PRECISE = ("height", "anisotropy_angle")


class Import(NamedTuple):
    """A file to import as a texture.

    Attributes:
        path: of the file.
        name: of the asset.
        settings: editor properties in the order in which they are set; compression first, since it changes others.
    """

    path: str
    name: str
    settings: Mapping[str, Any]


def map_settings(image: Image, convention: str, virtual: bool = False) -> dict[str, Any]:
    """Settings of a texture with a map of a material.

    Args:
        image: node of the map.
        convention: of a normal map's green channel, ``gl`` or ``dx``.
        virtual: whether to stream it as a virtual texture.
    """
    compressions, groups = unreal.TextureCompressionSettings, unreal.TextureGroup
    compression, group = compressions.TC_ALPHA, groups.TEXTUREGROUP_WORLD_SPECULAR
    if image.name in _PRECISE:
        compression = compressions.TC_GRAYSCALE
    if image.encoding == "srgb":
        compression, group = compressions.TC_DEFAULT, groups.TEXTUREGROUP_WORLD
    elif image.name == "normal":
        compression, group = compressions.TC_NORMALMAP, groups.TEXTUREGROUP_WORLD_NORMAL_MAP
    elif image.channels == 3:
        compression = compressions.TC_MASKS
    settings = {
        "compression_settings": compression,
        "srgb": image.encoding == "srgb",
        "lod_group": group,
        "flip_green_channel": image.name == "normal" and convention == "gl",
        **wrap_settings(image.wrap),
        **_stretched(),
        # Projects may make large textures virtual on import, and samplers of both kinds differ.
        "virtual_texture_streaming": virtual,
    }
    if image.encoding == "srgb":
        # Unreal's default for 16-bit files is linear.
        settings["source_color_settings"] = unreal.TextureSourceColorSettings(
            encoding_override=unreal.TextureSourceEncoding.TSE_S_RGB
        )
    return settings


def wrap_settings(wrap: str) -> dict[str, Any]:
    """Address modes of a texture that tiles on these axes."""
    modes = unreal.TextureAddress
    return {
        "address_x": modes.TA_WRAP if "x" in wrap else modes.TA_CLAMP,
        "address_y": modes.TA_WRAP if "y" in wrap else modes.TA_CLAMP,
    }


def settings_like(texture: Any, wrap: str) -> dict[str, Any]:
    """Settings of a texture derived from another one; axes that tile now wrap.

    The result may have another size: it gets mipmaps if its source had them.
    """
    settings = {name: texture.get_editor_property(name) for name in _KEPT_SETTINGS}
    mode = texture.get_editor_property("power_of_two_mode")
    sizes = texture.blueprint_get_size_x(), texture.blueprint_get_size_y()
    had_mips = all(_is_power_of_two(size) for size in sizes)
    settings.update(_stretched() if had_mips else {"power_of_two_mode": mode})
    for axis, mode in wrap_settings(wrap).items():
        if mode == unreal.TextureAddress.TA_WRAP:
            settings[axis] = mode
    return settings


def _stretched() -> dict[str, Any]:
    """Setting that gives textures of any size mipmaps, as only powers of two have them.

    Padding would break the tiling. Versions without the mode keep textures without mipmaps, see :func:`size_notes`.
    """
    mode = getattr(unreal.TexturePowerOfTwoSetting, "STRETCH_TO_POWER_OF_TWO", None)
    return {} if mode is None else {"power_of_two_mode": mode}


def size_notes(texture: Any) -> list[str]:
    """What the artist should know of an imported texture's size."""
    sizes = texture.blueprint_get_size_x(), texture.blueprint_get_size_y()
    limit, notes = texture.get_editor_property("max_texture_size"), []
    if 0 < limit < max(sizes):
        notes.append(
            f"{texture.get_name()} is shown with {limit} px, the Maximum Texture Size of its source. "
            "Raise it in the texture's settings."
        )
    mode = texture.get_editor_property("power_of_two_mode")
    if not all(_is_power_of_two(size) for size in sizes) and mode == unreal.TexturePowerOfTwoSetting.NONE:
        notes.append(f"{texture.get_name()} has no mipmaps: {sizes[0]} x {sizes[1]} are not powers of two.")
    return notes


def _is_power_of_two(size: int) -> bool:
    return size & (size - 1) == 0


def import_textures(imports: Sequence[Import], folder: str) -> list[Any]:
    """Import and save textures, all or none.

    Args:
        imports: files, names and settings.
        folder: content folder.

    Raises:
        MatshotError: for a file that Unreal cannot read, and an asset that cannot be saved.
    """
    imported: list[Any] = []
    try:
        # Without a progress window, which would run frames of Slate between imports.
        for one in imports:
            imported.append(_import(one, folder))
            assets.set_properties(imported[-1], one.settings)
            assets.save(imported[-1])
    except Exception:
        assets.remove(imported)
        raise
    return imported


def import_tiles(tiles: Mapping[int, str], name: str, settings: Mapping[str, Any], folder: str) -> Any:
    """Import and save a virtual texture of UDIM tiles, all or nothing.

    Args:
        tiles: files by number of their tile, from 1001.
        name: of the asset.
        settings: editor properties, see :class:`Import`.
        folder: content folder.

    Raises:
        MatshotError: for a file that Unreal cannot read, and an asset that cannot be saved.
    """
    parts: list[Any] = []
    try:
        # Names that end in the number alone would be imported with their neighbors.
        for number, path in sorted(tiles.items()):
            parts.append(_import(Import(path, f"{name}_Tile{number}", settings), folder))
        places = [unreal.IntPoint((number - 1001) % 10, (number - 1001) // 10) for number in sorted(tiles)]
        library = unreal.UDIMTextureFunctionLibrary
        texture = library.make_udim_virtual_texture_from_texture2_ds(f"{folder}/{name}", parts, places)
        if texture is None:
            raise MatshotError(f"Unreal could not make a virtual texture of the {len(parts)} UDIM tiles of {name}.")
        parts.append(texture)
        assets.set_properties(texture, {**settings, "virtual_texture_streaming": True})
        assets.save(texture)
    except Exception:
        assets.remove(parts)
        raise
    assets.remove(parts[:-1])
    return texture


def export_texture(texture: Any, folder: str, photograph: bool) -> ExportedFile:
    """Export the source image of a texture.

    Args:
        texture: to export.
        folder: for the file.
        photograph: whether to return the imported file instead, whose EXIF describes lens and light.

    Returns:
        The file; for a texture of UDIM tiles, which Unreal cannot export, the pattern of the imported files.

    Raises:
        MatshotError: when the texture has no source image, or UDIM tiles whose files are missing.
    """
    name = texture.get_name()
    sources = [str(file) for file in texture.get_editor_property("asset_import_data").extract_filenames()]
    if len(sources) > 1:
        if photograph:
            raise MatshotError(f"{name} has {len(sources)} UDIM tiles. Choose a texture of one image.")
        return ExportedFile(_pattern(name, sources), *_held(texture))
    suffix = os.path.splitext(sources[0])[1].lower() if sources else ""
    # Of other formats, such as PSD, the pixels of the asset are exported.
    if photograph and suffix in PHOTOGRAPH_SUFFIXES and os.path.isfile(sources[0]):
        path = sources[0]
    else:
        path = _export(texture, os.path.join(folder, name))
    return ExportedFile(path, *_held(texture))


def _pattern(name: str, files: Sequence[str]) -> str:
    """Path of UDIM tiles with ``<UDIM>`` in place of their number."""
    found = [_TILE.match(file) for file in files]
    patterns = {f"{one.group(1)}{UDIM}{one.group(3)}" for one in found if one is not None}
    if None in found or len(patterns) > 1 or not all(map(os.path.isfile, files)):
        raise MatshotError(
            f"The files of the {len(files)} UDIM tiles of {name} are missing or have different names, and Unreal "
            "cannot export tiles. Restore them, or upscale them with 'matshot upscale'."
        )
    return patterns.pop()


def _held(texture: Any) -> tuple[str, str]:
    """Map type of a texture, and convention of its green channel."""
    compression = texture.get_editor_property("compression_settings")
    kind = "color" if texture.get_editor_property("srgb") or _floating(texture) else "data"
    if compression == unreal.TextureCompressionSettings.TC_NORMALMAP:
        kind = "normal"
    # Unreal's normals are DirectX; the flip of a texture comes after its source.
    normal = "gl" if texture.get_editor_property("flip_green_channel") else "dx"
    return kind, normal


def _export(texture: Any, stem: str) -> str:
    exporters = [("png", unreal.TextureExporterPNG), ("exr", unreal.TextureExporterEXR)]
    if _floating(texture):
        exporters.reverse()
    for suffix, exporter in exporters:
        task = unreal.AssetExportTask()
        task.set_editor_property("object", texture)
        task.set_editor_property("filename", f"{stem}.{suffix}")
        task.set_editor_property("exporter", exporter())
        task.set_editor_property("automated", True)
        task.set_editor_property("prompt", False)
        task.set_editor_property("replace_identical", True)
        if unreal.Exporter.run_asset_export_task(task) and os.path.isfile(f"{stem}.{suffix}"):
            return f"{stem}.{suffix}"
    raise MatshotError(
        f"{texture.get_name()} has no source image in this project (cooked or virtual). Choose its file on disk."
    )


def _floating(texture: Any) -> bool:
    compression = texture.get_editor_property("compression_settings")
    return any(compression == getattr(unreal.TextureCompressionSettings, name) for name in _FLOATING)


def _import(one: Import, folder: str) -> Any:
    task = unreal.AssetImportTask()
    task.set_editor_property("filename", _saved_copy(one))
    task.set_editor_property("destination_path", folder)
    task.set_editor_property("destination_name", one.name)
    task.set_editor_property("automated", True)
    task.set_editor_property("replace_existing", False)
    task.set_editor_property("save", False)
    with _legacy_importer(one.path):
        unreal.AssetToolsHelpers.get_asset_tools().import_asset_tasks([task])
    paths = [str(path) for path in task.get_editor_property("imported_object_paths")]
    texture = assets.loaded(paths[0].partition(".")[0]) if paths else None
    if not assets.is_exactly(texture, unreal.Texture2D):
        raise MatshotError(f"Unreal could not import {one.name} from {one.path}. See the Output Log.")
    return texture


@contextlib.contextmanager
def _legacy_importer(path: str) -> Iterator[None]:
    """Disable Interchange for the type of a file: it waits for tasks that callbacks of Slate would block."""
    suffix = os.path.splitext(path)[1].lower()
    variable = f"Interchange.FeatureFlags.Import.{_INTERCHANGE_TYPES.get(suffix, '')}"
    enabled = suffix in _INTERCHANGE_TYPES and unreal.SystemLibrary.get_console_variable_bool_value(variable)
    if enabled:
        unreal.SystemLibrary.execute_console_command(None, f"{variable} 0")
    try:
        yield
    finally:
        if enabled:
            unreal.SystemLibrary.execute_console_command(None, f"{variable} 1")


def _saved_copy(one: Import) -> str:
    """Copy the file to the project's Saved folder, under the asset's name.

    Interchange, which imports types without a switch of their own, names assets after files. The copy also keeps
    Reimport working after the job's folder is deleted, so assets of one name in several folders each have their own.

    Returns:
        The path of the copy.
    """
    saved = unreal.Paths.convert_relative_path_to_full(unreal.Paths.project_saved_dir())
    name, number = one.name + os.path.splitext(one.path)[1].lower(), 1
    target = os.path.join(saved, "Matshot", name)
    while os.path.lexists(target):
        number += 1
        target = os.path.join(saved, "Matshot", str(number), name)
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(one.path, target)
    except OSError as error:
        raise MatshotError(f"Cannot write {target}: {error.strerror or error}.") from error
    return target
