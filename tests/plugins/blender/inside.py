"""Scenarios that run inside Blender, each in a process of its own: `python inside.py SCENARIO JSON`.

What they return is written as JSON; the tests judge it. Only Blender and the standard library are used here.
"""

import json
import math
import os
import signal
import sys
import threading
import time
from pathlib import Path

import bpy

MODULE = "bl_ext.user_default.matshot"
REPOSITORY = "user_default"
ICONS = bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys()


class RecordingLayout:
    """Takes what a menu draws."""

    def __init__(self, calls=None):
        self.calls = [] if calls is None else calls

    def __getattr__(self, name):
        def drawn(*arguments, **named):
            if "icon" in named:
                assert named["icon"] in ICONS
            self.calls.append((name, [str(argument) for argument in arguments], named.get("text", "")))
            return RecordingLayout(self.calls)

        return drawn


class Drawn:
    """A menu or header that draws into a recording."""

    def __init__(self):
        self.layout = RecordingLayout()


def extension(name):
    """A module of the installed extension."""
    return sys.modules[f"{MODULE}.{name}"]


def preferences():
    return bpy.context.preferences.addons[MODULE].preferences


def called(operator, **given):
    """What an operator returns or, for an error, says."""
    try:
        return sorted(operator(**given))
    except RuntimeError as error:
        return str(error).strip().removeprefix("Error: ")


def picture(name, width=48, height=32, path="", **how):
    """An image with a pattern, saved and loaded if a path is given."""
    image = bpy.data.images.new(name, width, height, **how)
    values = []
    for y in range(height):
        for x in range(width):
            values += [0.2 + 0.6 * ((x // 8 + y // 8) % 2), 0.3 + 0.4 * (x / width), 0.2 + 0.5 * (y / height), 1.0]
    image.pixels.foreach_set(values)
    if path:
        image.filepath_raw, image.file_format = str(path), "OPEN_EXR" if str(path).endswith(".exr") else "PNG"
        image.save()
        bpy.data.images.remove(image)
        image = bpy.data.images.load(str(path))
        image.name = name
    return image


def tiles(folder, name, numbers=(1001, 1002, 1011)):
    """An image of UDIM tiles."""
    for number in numbers:
        bpy.data.images.remove(picture("tile", 32, 32, Path(folder) / f"{name}.{number}.png"))
    image = bpy.data.images.load(str(Path(folder) / f"{name}.{numbers[0]}.png"))
    image.source, image.name = "TILED", name
    image.filepath = str(Path(folder) / f"{name}.<UDIM>.png")
    for number in numbers[1:]:
        image.tiles.new(tile_number=number)
    return image


def told(image):
    return {
        "size": list(image.size),
        "source": image.source,
        "space": image.colorspace_settings.name,
        "packed": len(image.packed_files),
        "path": image.filepath,
        "first": list(image.pixels[:4]) if image.has_data or image.size[0] else None,
        "tiles": [tile.number for tile in image.tiles] if image.source == "TILED" else [],
        "dirty": image.is_dirty,
        "kept": image.use_fake_user,
    }


def new_images(make):
    """What an action returns, and the images that are there afterwards and were not before."""
    before = set(bpy.data.images.keys())
    answer = make()
    return answer, {image.name: told(image) for image in bpy.data.images if image.name not in before}


# --- scenarios ---------------------------------------------------------------------------------------------------


def installed(given):
    menus = {}
    for place in ("IMAGE_MT_editor_menus", "NODE_MT_editor_menus", "MATERIAL_MT_context_menu"):
        drawn = Drawn()
        context = type("Context", (), {"space_data": type("Space", (), {"tree_type": "ShaderNodeTree"})})()
        for draw in getattr(bpy.types, place)._dyn_ui_initialize():
            if draw.__module__.startswith(MODULE):
                draw(drawn, context)
        menus[place] = [arguments[0] for kind, arguments, _ in drawn.layout.calls if kind == "menu"]
    entries = {}
    for menu in ("MATSHOT_MT_image", "MATSHOT_MT_material"):
        drawn = Drawn()
        extension("menus").__dict__[menu].draw(drawn, bpy.context)
        entries[menu] = [(arguments[0], text) for kind, arguments, text in drawn.layout.calls if kind == "operator"]
    dialogs = {}
    for name in dir(bpy.types):
        if name.startswith("MATSHOT_OT_"):
            kind = getattr(bpy.ops.matshot, name.removeprefix("MATSHOT_OT_")).get_rna_type()
            dialogs[name] = {given.identifier: given.type for given in kind.properties}
    handler = bpy.types.MATSHOT_FH_photograph
    index = [repository.module for repository in bpy.context.preferences.extensions.repos].index(REPOSITORY)
    uninstalled = called(bpy.ops.extensions.package_uninstall, repo_index=index, pkg_id="matshot")
    left = [name for name in dir(bpy.types) if name.startswith("MATSHOT_")]
    return {
        "menus": menus,
        "entries": entries,
        "dialogs": dialogs,
        "handler": [handler.bl_import_operator, handler.bl_file_extensions],
        "uninstalled": uninstalled,
        "left": left,
    }


def images(given):
    folder = Path(given["folder"])
    file = picture("file", path=folder / "file.png")
    changed = picture("changed", path=folder / "changed.png")
    changed.pixels[0] = 1.0
    packed = picture("packed", path=folder / "packed.png")
    packed.pack()
    os.remove(folder / "packed.png")
    hdr = picture("hdr", float_buffer=True)
    hdr.pixels[0] = 3.5
    data = picture("rough", path=folder / "rough.png")
    data.colorspace_settings.name = "Non-Color"
    udim = tiles(folder, "udim")
    packed_udim = tiles(folder, "packed_udim")
    packed_udim.pack()
    sources = [picture("generated"), file, changed, packed, hdr, data, udim, packed_udim]
    report = {}
    for image in sources:
        before = told(image)
        answer, made = new_images(
            lambda image=image: called(bpy.ops.matshot.upscale, image=image.name, scale="2", method="nearest")
        )
        report[image.name] = {"answer": answer, "made": made, "before": before, "after": told(image)}
    for tool, more in (("tile", {}), ("multiply", {"size": "64x64", "count": 2}), ("style", {"style": "file"})):
        answer, made = new_images(
            lambda tool=tool, more=more: called(getattr(bpy.ops.matshot, tool), image="generated", **more)
        )
        report[tool] = {"answer": answer, "made": made}
    if hasattr(bpy.context.window, "screen"):
        area = bpy.context.window.screen.areas[0]
        area.type = "IMAGE_EDITOR"
        region = next(region for region in area.regions if region.type == "WINDOW")
        with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
            area.spaces.active.image = None
            report["nothing open"] = bpy.ops.matshot.upscale.poll()
            area.spaces.active.image = file
            report["open"] = bpy.ops.matshot.upscale.poll()
            called(bpy.ops.matshot.upscale, scale="2", method="nearest")
            report["shown"] = area.spaces.active.image.name
    return report


def described(material):
    tree = material.node_tree
    return {
        "links": [
            [
                link.from_node.label or link.from_node.bl_label,
                link.from_socket.name,
                link.to_node.label or link.to_node.bl_label,
                link.to_socket.name,
            ]
            for link in tree.links
        ],
        "images": {
            node.label: {**told(node.image), "name": node.image.name} for node in tree.nodes if node.type == "TEX_IMAGE"
        },
        "frames": [node.label for node in tree.nodes if node.type == "FRAME"],
        "loose": [node.name for node in tree.nodes if node.type != "FRAME" and node.parent is None],
        "places": {
            node.name: [node.location.x, node.location.y, node.width, node.type, node.hide]
            for node in tree.nodes
            if node.type != "FRAME"
        },
        "displacement": material.displacement_method,
        "users": material.users,
        "kept": material.use_fake_user,
    }


def materials(given):
    cube = bpy.data.objects["Cube"]
    flash, ambient = (str(Path(given["photographs"]) / f"{name}.png") for name in ("flash", "ambient"))
    report = {"oneshot": {"answer": called(bpy.ops.matshot.oneshot, photo=flash)}}
    made = cube.active_material
    report["oneshot"].update(described(made), name=made.name)
    before = set(bpy.data.materials)
    answer = called(bpy.ops.matshot.twoshot, flash=flash, ambient=ambient, assign=False)
    (tile,) = set(bpy.data.materials) - before
    report["twoshot"] = {"answer": answer, **described(tile)}
    report["assigned still"] = cube.active_material == made
    answer = called(bpy.ops.matshot.upscale_material, scale="2", method="lanczos")
    report["upscaled"] = {"answer": answer, **described(made)}
    # A material with tiles, in a group.
    other = bpy.data.materials.new("tiled")
    if other.node_tree is None:
        other.use_nodes = True
    group = bpy.data.node_groups.new("inner", "ShaderNodeTree")
    node = group.nodes.new("ShaderNodeTexImage")
    node.image = tiles(given["folder"], "wall")
    normal = other.node_tree.nodes.new("ShaderNodeTexImage")
    normal.image = picture("bumps", path=Path(given["folder"]) / "bumps.png")
    normal.image.colorspace_settings.name = "Non-Color"
    mapped = other.node_tree.nodes.new("ShaderNodeNormalMap")
    other.node_tree.links.new(normal.outputs["Color"], mapped.inputs["Color"])
    other.node_tree.nodes.new("ShaderNodeGroup").node_tree = group
    report["kinds"] = extension("textures").textures(other)
    report["tiled"] = {
        "answer": called(bpy.ops.matshot.upscale_material, material="tiled", scale="2", method="lanczos"),
        "image": told(node.image),
        "normal": told(normal.image),
        "old": [name in bpy.data.images for name in ("wall", "bumps")],
    }
    return report


def graph(given):
    """The material of a folder, and a picture of it under a flash."""
    nodes, storage = extension("nodes"), extension("storage")
    built = sys.modules[f"{MODULE}.matshot_host.graph"].material_graph(given["material"])

    def image(node):
        made = storage.load_image([node.file], node.name, False)
        storage.set_color_space(made, node)
        return made

    material = nodes.build(built, image)
    report = described(material)
    principled = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    report["roughness"] = principled.inputs["Roughness"].default_value
    if given.get("render"):
        photographed(material, given["fov"], given["side"], given["offset"], given["render"])
    return report


def photographed(material, fov, side, offset, path):
    """Render a material on the unit square from above, under a point light at the lens.

    Blender's point light of P watts has the radiant intensity P / (4 pi) per steradian, so 4 pi watts are 1.
    """
    scene = bpy.context.scene
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    mesh = bpy.data.meshes.new("square")
    mesh.from_pydata([(-0.5, -0.5, 0), (0.5, -0.5, 0), (0.5, 0.5, 0), (-0.5, 0.5, 0)], [], [(0, 1, 2, 3)])
    for corner, place in zip(mesh.uv_layers.new().data, [(0, 0), (1, 0), (1, 1), (0, 1)], strict=True):
        corner.uv = place
    mesh.materials.append(material)
    distance = 0.5 / math.tan(math.radians(fov) / 2)
    camera = bpy.data.cameras.new("camera")
    camera.angle = math.radians(fov)
    lamp = bpy.data.lights.new("flash", "POINT")
    lamp.energy, lamp.shadow_soft_size = 4 * math.pi, 0
    for data, place in ((mesh, (0, 0, 0)), (camera, (0, 0, distance)), (lamp, (*offset, distance))):
        thing = bpy.data.objects.new(data.name, data)
        thing.location = place
        scene.collection.objects.link(thing)
        if data is camera:
            scene.camera = thing
    scene.world = None
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = 4, False, 0
    # Our renderer shades the middle of each pixel.
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BOX", 1.0
    scene.render.resolution_x = scene.render.resolution_y = side
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "Raw"
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    scene.render.filepath = path
    bpy.ops.render.render(write_still=True)


def places(given):
    """Where results go."""
    folder = Path(given["folder"])
    picture("wall", path=folder / "wall.png")
    chosen, report = preferences(), {}

    def upscaled():
        return new_images(lambda: called(bpy.ops.matshot.upscale, image="wall", scale="2", method="nearest"))

    chosen.storage = "BESIDE"
    report["unsaved"] = upscaled()[0]
    chosen.storage, chosen.folder = "FOLDER", str(folder / "results")
    report["folder"] = upscaled()[1]
    chosen.folder = str(folder / "wall.png")
    report["no folder"] = upscaled()[0]
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))
    chosen.storage = "BESIDE"
    report["beside"] = upscaled()[1]
    report["files"] = sorted(str(path.relative_to(folder)) for path in (folder / "matshot").rglob("*"))
    called(bpy.ops.matshot.oneshot, photo=str(Path(given["photographs"]) / "flash.png"))
    images = [
        node.image for node in bpy.data.objects["Cube"].active_material.node_tree.nodes if node.type == "TEX_IMAGE"
    ]
    report["material"] = [[image.filepath, os.path.isfile(bpy.path.abspath(image.filepath))] for image in images]
    return report


def bad_input(given):
    folder, chosen = Path(given["folder"]), preferences()
    report = {"nothing": called(bpy.ops.matshot.upscale)}
    report["no such image"] = called(bpy.ops.matshot.upscale, image="nowhere.png")
    missing = picture("gone", path=folder / "gone.png")
    os.remove(folder / "gone.png")
    missing.reload()
    report["missing file"] = called(bpy.ops.matshot.upscale, image="gone")
    empty = bpy.data.images.new("empty", 4, 4)
    empty.source = "FILE"
    report["no data"] = called(bpy.ops.matshot.upscale, image="empty")
    report["tiles"] = called(bpy.ops.matshot.tile, image=tiles(folder, "udim").name)
    report["one image"] = called(bpy.ops.matshot.style, image="udim.1001.png")
    picture("wall", path=folder / "wall.png")
    report["no look"] = called(bpy.ops.matshot.style, image="wall")
    report["no photograph"] = called(bpy.ops.matshot.oneshot)
    (folder / "broken.jpg").write_bytes(b"not a picture")
    report["broken"] = called(bpy.ops.matshot.oneshot, photo=str(folder / "broken.jpg"))
    report["no textures"] = called(bpy.ops.matshot.upscale_material)
    report["no material"] = called(bpy.ops.matshot.upscale_material, material="nowhere")
    report["bad value"] = called(bpy.ops.matshot.multiply, image="wall", size="large")
    chosen.python = str(folder / "no-python")
    report["no python"] = called(bpy.ops.matshot.upscale, image="wall")
    report["test without python"] = called(bpy.ops.matshot.test)
    chosen.python = given["bare"]
    report["no matshot"] = called(bpy.ops.matshot.upscale, image="wall")
    chosen.python = ""
    report["nothing installed"] = called(bpy.ops.matshot.upscale, image="wall")
    chosen.python = given["worker"]
    report["after all"] = called(bpy.ops.matshot.upscale, image="wall", scale="2", method="nearest")
    return report


def killed(given):
    """The worker is killed while it works; the next job gets a new one."""
    picture("wall", 160, 160)
    jobs = extension("job_queue").jobs()

    def kill():
        while not (jobs.worker_pid and extension("job_queue").running()):
            time.sleep(0.01)
        time.sleep(0.3)
        os.kill(jobs.worker_pid, signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    report = {"killed": called(bpy.ops.matshot.multiply, image="wall", size="4096x4096", engine="patch")}
    report["next"] = called(bpy.ops.matshot.upscale, image="wall", scale="2", method="nearest")
    report["pid"] = jobs.worker_pid
    report["folders"] = [os.path.isdir(job.folder) for job in jobs.listing]
    return report


def tested(given):
    """The Test button, and the panel that it fills."""
    report = {"answer": called(bpy.ops.matshot.test)}
    drawn = Drawn()
    extension("preferences").MatshotPreferences.draw.__get__(_Shown(drawn.layout))(bpy.context)
    report["labels"] = [text for kind, _, text in drawn.layout.calls if kind == "label"]
    report["properties"] = [arguments[1] for kind, arguments, _ in drawn.layout.calls if kind == "prop"]
    chosen = preferences()
    chosen.look = "detail"
    picture("wall")
    operator = bpy.ops.matshot.upscale
    report["preferred"] = called(operator, image="wall", scale="2")
    return report


def bundled(given):
    """A zip with everything inside: the worker runs on Blender's own Python."""
    import numpy

    report = {"numpy": numpy.__version__, "python": sys.version.split()[0], "test": called(bpy.ops.matshot.test)}
    report["findings"] = extension("preferences")._findings
    picture("wall", 64, 64)
    report["upscale"], made = new_images(lambda: called(bpy.ops.matshot.upscale, image="wall", scale="4"))
    report["size"] = [image["size"] for image in made.values()]
    for tool, more in (("tile", {}), ("multiply", {"size": "96x96"}), ("style", {"style": "wall"})):
        report[tool] = called(getattr(bpy.ops.matshot, tool), image="wall", **more)
    report["oneshot"] = called(bpy.ops.matshot.oneshot, photo=str(Path(given["photographs"]) / "flash.png"))
    return report


class _Shown:
    """Preferences that draw into a recording."""

    def __init__(self, layout):
        self.layout = layout

    def __getattr__(self, name):
        return getattr(preferences(), name)


def main():
    scenario, given = sys.argv[1], json.loads(sys.argv[2])
    bpy.ops.extensions.package_install_files(filepath=given["zip"], repo=REPOSITORY, enable_on_install=True)
    preferences().python = given["worker"]
    try:
        answer = globals()[scenario](given)
    finally:
        # Blender 4.2 crashes, and 4.5 hangs, when classes of Python are left at its end.
        if MODULE in bpy.context.preferences.addons:
            bpy.ops.preferences.addon_disable(module=MODULE)
    Path(given["answer"]).write_text(json.dumps({"version": list(bpy.app.version), **answer}), "utf-8")


if __name__ == "__main__":
    main()
