"""A material as an asset in a .blend file, written and opened by a real Blender."""

from __future__ import annotations

import json
import subprocess

import matshot
from matshot.shading.procedural import brick_material

_LOOK = """
import bpy, json, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[-1])
material, = bpy.data.materials
images = {i.name: [i.filepath, i.colorspace_settings.name, list(i.size)] for i in bpy.data.images}
tree = material.node_tree
principled = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
print("ANSWER", json.dumps({
    "name": material.name, "asset": material.asset_data is not None, "images": images,
    "tags": [t.name for t in material.asset_data.tags], "text": material.asset_data.description,
    "preview": list(material.preview.image_size), "linked": [s.name for s in principled.inputs if s.is_linked],
}))
"""


def test_the_asset_shows_the_maps(tmp_path, blender_python, monkeypatch):
    monkeypatch.setenv("MATSHOT_BPY_PYTHON", blender_python)
    matshot.convert(brick_material(64), scene="blend", normal="dx", output=tmp_path)
    command = [blender_python, "-c", _LOOK, str(tmp_path / "material.blend")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("ANSWER"))[7:])
    assert (found["name"], found["asset"], found["text"]) == ("bricks", True, "64 x 64 px")
    assert {"matshot", "bricks", "tileable", "basecolor", "normal"} <= set(found["tags"])
    assert min(found["preview"]) >= 64
    assert {"Base Color", "Roughness", "Normal"} <= set(found["linked"])
    assert found["images"]["basecolor.png"] == ["//basecolor.png", "sRGB", [64, 64]]
    assert found["images"]["normal_dx.png"][1] == "Non-Color"
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]
