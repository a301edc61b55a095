# SPDX-License-Identifier: GPL-3.0-or-later
"""A material folder as a .blend file with one asset; run by Blender itself or by a Python that has bpy.

    blender --background --python asset_file.py -- REQUEST

REQUEST is a JSON object: ``folder`` of the material, ``target``, ``library`` (the folder of matshot_host), ``preview``
(a picture), ``tags``, and ``description``.
"""

import importlib
import json
import os
import sys
import types

import bpy

#: The name under which this folder is imported, as the extension itself is elsewhere.
_PACKAGE = "matshot_asset_file"


def write(request: dict) -> None:
    """Write the file that a request describes."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    _name_packages(request["library"])
    graphs = importlib.import_module(f"{_PACKAGE}.matshot_host.graph")
    nodes = importlib.import_module(f"{_PACKAGE}.nodes")
    color = importlib.import_module(f"{_PACKAGE}.color_spaces")
    folder = request["folder"]

    def image_of(node) -> bpy.types.Image:
        image = bpy.data.images.load(node.file)
        image.name = os.path.basename(node.file)
        color.set_color_space(image, node)
        # Read now: an image that cannot be read is only pink later.
        if not image.has_data and not image.pixels:
            raise RuntimeError(f"Blender cannot read {image.name}")
        image.filepath_raw = "//" + os.path.relpath(node.file, folder).replace(os.sep, "/")
        return image

    material = nodes.build(graphs.material_graph(folder), image_of)
    material.asset_mark()
    material.asset_data.description = request["description"]
    for tag in request["tags"]:
        material.asset_data.tags.new(tag, skip_if_exists=True)
    with bpy.context.temp_override(id=material):
        bpy.ops.ed.lib_id_load_custom_preview(filepath=request["preview"])
    bpy.ops.wm.save_as_mainfile(filepath=request["target"], compress=True, relative_remap=False)


def _name_packages(library: str) -> None:
    """Make this folder a package with matshot_host inside, as the installed extension has it."""
    for name, place in ((_PACKAGE, os.path.dirname(os.path.abspath(__file__))), (f"{_PACKAGE}.matshot_host", library)):
        package = types.ModuleType(name)
        package.__path__ = [place]
        sys.modules[name] = package


if __name__ == "__main__":
    write(json.loads(sys.argv[-1]))
