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
import bpy.utils.previews

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
    for place in (
        "IMAGE_MT_editor_menus",
        "VIEW3D_MT_editor_menus",
        "NODE_MT_editor_menus",
        "MATERIAL_MT_context_menu",
    ):
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
    report["kinds"] = {one.name: kind for one, kind in extension("textures").textures(other).items()}
    report["tiled"] = {
        "answer": called(bpy.ops.matshot.upscale_material, material="tiled", scale="2", method="lanczos"),
        "image": told(node.image),
        "normal": told(normal.image),
        "old": [name in bpy.data.images for name in ("wall", "bumps")],
    }
    return report


def graph(given):
    """The material of a folder, and a picture of it under a flash."""
    nodes, storage, color_spaces = extension("nodes"), extension("storage"), extension("color_spaces")
    built = sys.modules[f"{MODULE}.matshot_host.graph"].material_graph(given["material"])

    def image(node):
        made = storage.load_image([node.file], node.name, False)
        color_spaces.set_color_space(made, node)
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


def fresh():
    """The default scene with its cube, without what was there."""
    bpy.ops.wm.read_homefile(use_factory_startup=False, load_ui=False)
    preferences().python = WORKER["python"]
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    mesh = bpy.data.meshes.new("Cube")
    corners = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh.from_pydata(corners, [], faces)
    for loop, uv in zip(mesh.uv_layers.new(name="UVMap").data, [(0, 0), (1, 0), (1, 1), (0, 1)] * 6, strict=True):
        loop.uv = uv
    cube = bpy.data.objects.new("Cube", mesh)
    bpy.context.scene.collection.objects.link(cube)
    bpy.context.view_layer.objects.active = cube
    return cube


#: The Python that works, as preferences forget it when a file is read.
WORKER = {"python": ""}
#: How long the extension took to be there.
INSTALL = {"seconds": 0.0}


def created():
    """What the last operator says that it made."""
    return [(one.kind, one.name) for one in bpy.context.window_manager.matshot_created]


def node_of(material, kind, label=""):
    return next(node for node in material.node_tree.nodes if node.type == kind and label in node.label)


def first_material(given):
    """A photograph dropped on the cube of a Blender where nothing was set."""
    cube, queue = bpy.data.objects["Cube"], extension("job_queue")
    begun, used = time.perf_counter(), time.process_time()
    queue.warm()
    answer = called(bpy.ops.matshot.oneshot, filepath=given["photo"], from_dialog=True)
    seconds = [INSTALL["seconds"], time.perf_counter() - begun]
    processor = time.process_time() - used + processor_time(queue.jobs().worker_pid)
    material = cube.active_material
    scale = node_of(material, "MAPPING").inputs["Scale"].default_value
    size = extension("surface").uv_size(cube)
    for job in list(queue.jobs().listing):
        queue.jobs().wait(job)
        queue._follow()
    drafted = len(extension("history").entries()) > 1
    return {
        "answer": answer,
        "seconds": [*seconds, time.perf_counter() - begun if drafted else 0.0],
        "processor": processor,
        "load": os.getloadavg()[0],
        "links": len(material.node_tree.links),
        "repetition": " x ".join(f"{side / repeats:.2f} m" for side, repeats in zip(size, scale, strict=False)),
    }


def processor_time(pid):
    """Seconds that a process has used processors, on Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def situations(given):
    """What artists do in an afternoon, one after the other in one Blender."""
    WORKER["python"] = given["worker"]
    folder, wide = Path(given["folder"]), given["wide"]
    photo, oneshot = given["photo"], bpy.ops.matshot.oneshot
    report, quick = {}, {"light": "even", "seamless": "none", "threads": 1}

    # Two drags and two clicks: the extension was installed by the first pair; this is the second.
    cube = fresh()
    begun = time.perf_counter()
    report["first"] = called(oneshot, filepath=wide)
    report["seconds"] = [INSTALL["seconds"], time.perf_counter() - begun]
    material = cube.active_material
    report["first created"] = created()
    report["first material"] = described(material)
    mapping = node_of(material, "MAPPING")
    report["aspect"] = list(mapping.inputs["Scale"].default_value)
    report["extension"] = sorted({node.extension for node in material.node_tree.nodes if node.type == "TEX_IMAGE"})
    report["relief"] = node_of(material, "DISPLACEMENT").inputs["Scale"].default_value
    report["relief label"] = node_of(material, "DISPLACEMENT").label

    # Adjusted afterwards.
    called(bpy.ops.matshot.adjust_mapping, size=2.0, relief=0.5)
    report["adjusted"] = list(mapping.inputs["Scale"].default_value)
    report["adjusted relief"] = node_of(material, "DISPLACEMENT").inputs["Scale"].default_value

    # A large photograph: a draft first, whose textures are replaced while the artist adjusts it.
    extension("operators")._DRAFT = 64
    cube = fresh()
    called(oneshot, photo=given["large"], from_dialog=True, **quick)
    material, queue = cube.active_material, extension("job_queue")
    textures = {node.label: node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE"}
    report["draft"] = [sorted({tuple(image.size) for image in textures.values()}), len(queue.jobs().listing)]
    names = {label: image.name for label, image in textures.items()}
    node_of(material, "MAPPING").inputs["Scale"].default_value[0] = 3.0
    textures["Roughness"].pixels[0] = 0.25
    (job,) = queue.jobs().listing
    queue.jobs().wait(job)
    # As its review would show it.
    drawn = Drawn()
    drawn.number = job.number
    extension("review").MATSHOT_OT_review.draw(drawn, bpy.context)
    report["review"] = [text for kind, _, text in drawn.layout.calls if kind == "label"]
    queue._follow()
    textures = {node.label: node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE"}
    report["full"] = {label: list(image.size) for label, image in textures.items()}
    report["full names"] = {label: image.name for label, image in textures.items()} == names
    report["full colors"] = [textures[label].colorspace_settings.name for label in ("Base Color", "Normal")]
    report["full scale"] = list(node_of(material, "MAPPING").inputs["Scale"].default_value)[:2]
    report["full summary"] = extension("history").entries()[0].summary

    # The same photograph in its real size on a cube of two meters, then on one scaled by hand.
    called(oneshot, photo=wide, width=0.5, **quick)
    report["real size"] = list(node_of(cube.active_material, "MAPPING").inputs["Scale"].default_value)
    report["real relief"] = node_of(cube.active_material, "DISPLACEMENT").inputs["Scale"].default_value
    cube.scale = (2, 2, 2)
    bpy.context.view_layer.update()
    called(oneshot, photo=wide, width=0.5, **quick)
    report["scaled"] = list(node_of(cube.active_material, "MAPPING").inputs["Scale"].default_value)
    report["scaled relief"] = node_of(cube.active_material, "DISPLACEMENT").inputs["Scale"].default_value
    cube.scale = (1, 1, 1)

    # A typing error, a Grease Pencil object, a camera that is active, nothing at all.
    report["typo"] = called(oneshot, photo=photo, target="typo", **quick)
    pencils = getattr(bpy.data, "grease_pencils_v3", bpy.data.grease_pencils)
    pencil = bpy.data.objects.new("Stroke", pencils.new("Stroke"))
    bpy.context.scene.collection.objects.link(pencil)
    report["pencil"] = called(oneshot, photo=photo, target="Stroke", **quick)
    report["pencil slots"] = len(pencil.material_slots)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.view_layer.objects.active = camera
    report["camera"] = called(oneshot, photo=photo, **quick)
    report["camera created"] = created()
    bpy.context.view_layer.objects.active = None
    report["plane"] = called(oneshot, photo=wide, plane=True, width=3.0, **quick)
    report["plane created"] = created()
    plane = bpy.data.objects[dict(created())["objects"]]
    report["plane size"] = list(plane.dimensions)
    report["plane scale"] = list(node_of(plane.active_material, "MAPPING").inputs["Scale"].default_value)

    # A mesh without UVs, with and without the unwrap that is offered.
    for unwrap in (False, True):
        bare = bpy.data.objects.new(f"Bare{unwrap}", bpy.data.meshes.new("Bare"))
        bare.data.from_pydata([(0, 0, 0), (4, 0, 0), (4, 2, 0), (0, 2, 0)], [], [(0, 1, 2, 3)])
        bpy.context.scene.collection.objects.link(bare)
        report[f"bare {unwrap}"] = called(oneshot, photo=photo, target=bare.name, unwrap=unwrap, **quick)
        report[f"bare {unwrap} uv"] = [list(loop.uv) for loop in bare.data.uv_layers[0].data] if unwrap else []

    # The slot below the drop.
    cube.data.materials.append(bpy.data.materials.new("second"))
    report["slot"] = called(oneshot, photo=photo, target="Cube", slot=1, **quick)
    report["slots"] = [slot.material.name for slot in cube.material_slots]

    # Two photographs of the same place together, and three of different ones.
    files = [{"name": "ambient.png"}, {"name": "flash.png"}]
    before = set(bpy.data.materials)
    bpy.context.view_layer.objects.active = cube
    report["pair"] = called(oneshot, files=files, directory=given["photographs"], assign=False)
    report["pair material"] = [one.name for one in set(bpy.data.materials) - before]
    report["pair history"] = extension("history").entries()[0].operator
    for name in ("one", "two", "three"):
        (folder / f"{name}.png").write_bytes(Path(photo).read_bytes())
    before = set(bpy.data.materials)
    files = [{"name": f"{name}.png"} for name in ("one", "two", "three")]
    report["three"] = called(oneshot, files=files, directory=str(folder), **quick)
    report["three materials"] = sorted(one.name for one in set(bpy.data.materials) - before)
    report["three assigned"] = cube.active_material.name

    # As an asset, with a picture.
    report["asset"] = called(oneshot, photo=photo, target="Cube", asset=True, **quick)
    report["asset data"] = cube.active_material.asset_data is not None
    report["asset preview"] = list(cube.active_material.preview.image_size)
    report["folder"] = called(bpy.ops.matshot.import_folder, directory=given["library"])
    report["assets"] = sorted(one.name for one in bpy.data.materials if one.asset_data is not None)
    report["empty folder"] = called(bpy.ops.matshot.import_folder, directory=str(folder / "nowhere"))

    # The whole material in place: seamless, multiplied, in the style of another, upscaled.
    cube = fresh()
    called(oneshot, photo=photo, **quick)
    material = cube.active_material
    report["maps"] = sorted(extension("textures").maps(material))
    links = described(material)["links"]
    for tool, more in (
        ("tile_material", {}),
        ("multiply_material", {"size": "96x64", "engine": "patch"}),
        ("style_material", {"style": material.name, "strength": 0.5}),
        ("adjust_material", {"roughness": 0.5, "normal": 0.5}),
        ("upscale_material", {"scale": "2", "method": "nearest"}),
    ):
        old = {node.label: node.image.name for node in material.node_tree.nodes if node.type == "TEX_IMAGE"}
        answer = called(getattr(bpy.ops.matshot, tool), material=material.name, **more)
        new = {node.label: node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE"}
        report[tool] = {
            "answer": answer,
            "changed": sorted(label for label in new if new[label].name != old[label]),
            "sizes": sorted({tuple(image.size) for image in new.values()}),
            "spaces": sorted({image.colorspace_settings.name for image in new.values()}),
            "links": described(material)["links"] == links,
        }

    # From the texture of a node to normals and height, from an open image to a material.
    other = bpy.data.materials.new("handmade")
    if other.node_tree is None:
        other.use_nodes = True
    node = other.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(photo)
    principled = node_of(other, "BSDF_PRINCIPLED")
    other.node_tree.links.new(node.outputs["Color"], principled.inputs["Base Color"])
    report["normal"] = called(bpy.ops.matshot.derive, image=node.image.name, map="normal")
    report["height"] = called(bpy.ops.matshot.derive, image=node.image.name, map="height")
    report["derived"] = described(other)["links"]
    loose = picture("loose", 64, 64, path=folder / "loose.png")
    report["material"] = called(bpy.ops.matshot.derive, image=loose.name, map="material")
    report["material links"] = len(described(cube.active_material)["links"])

    # Linked data: a local and a linked image of one name, and linked objects and materials.
    library = folder / "library.blend"
    shared = picture("shared", 32, 32, path=folder / "shared.png")
    linked_material = bpy.data.materials.new("linked material")
    thing = bpy.data.objects.new("Linked", bpy.data.meshes.new("Linked"))
    thing.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    thing.data.materials.append(linked_material)
    bpy.data.libraries.write(str(library), {shared, thing})
    cube = fresh()
    mine = picture("shared", 128, 128, path=folder / "mine.png")
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.images, wanted.objects = ["shared"], ["Linked"]
    bpy.context.scene.collection.objects.link(bpy.data.objects["Linked"])
    answer, made = new_images(lambda: called(bpy.ops.matshot.upscale, image="shared", scale="2", method="nearest"))
    report["of one name"] = [answer, sorted(image["size"] for image in made.values())]
    report["linked object"] = called(oneshot, photo=photo, target="Linked", **quick)
    report["linked material"] = called(bpy.ops.matshot.upscale_material, material="linked material", scale="2")
    both = bpy.data.materials.new("both")
    if both.node_tree is None:
        both.use_nodes = True
    used = [both.node_tree.nodes.new("ShaderNodeTexImage") for _ in range(2)]
    used[0].image, used[1].image = mine, next(image for image in bpy.data.images if image.library is not None)
    called(bpy.ops.matshot.upscale_material, material="both", scale="2", method="nearest")
    report["both"] = [list(node.image.size) for node in used]

    # What is below the cursor, where an area shows the cube from above.
    report["below"] = below_cursor(cube)

    # Again, with what the list remembers; and disabled while a job runs.
    report["again"] = called(bpy.ops.matshot.run_again)
    report["listed"] = [[entry.operator, entry.text] for entry in extension("history").entries()][:2]
    report["drawn"] = drawn_sidebar()
    history, queue = extension("history"), extension("job_queue")
    jobs = queue.jobs()
    job = jobs.new("multiply", "Multiply")
    jobs.start(job, [photo], {"size": "2048x2048", "engine": "patch"})
    history.add(job, "matshot.multiply", {})
    queue.follow(job)
    while job.state != "running":
        jobs.poll()
        time.sleep(0.01)
    report["outlives"] = bpy.app.timers.is_registered(queue._follow)
    pid, place = jobs.worker_pid, job.folder
    bpy.ops.preferences.addon_disable(module=MODULE)
    report["disabled"] = [os.path.isdir(place), bpy.app.timers.is_registered(queue._follow)]
    try:
        os.kill(pid, 0)
        report["worker"] = "lives"
    except ProcessLookupError:
        report["worker"] = "ended"
    return report


def below_cursor(cube):
    """Objects in the middle of a viewport that looks down, in its corner and outside of it."""
    import mathutils

    class Box:
        def __init__(self, **values):
            self.__dict__.update(values)

    view = mathutils.Matrix.Translation((0, 0, -10))
    # Four units across a square of 100 pixels.
    flat = mathutils.Matrix.Diagonal((0.5, 0.5, -0.01, 1.0))
    region = Box(type="WINDOW", x=20, y=10, width=100, height=100)
    shown = Box(view_matrix=view, perspective_matrix=flat @ view, is_perspective=False, view_perspective="ORTHO")
    spaces = Box(active=Box(region_3d=shown))
    area = Box(type="VIEW_3D", x=20, y=10, width=100, height=100, regions=[region], spaces=spaces)
    bpy.context.view_layer.update()
    context = Box(
        window=Box(screen=Box(areas=[area])),
        scene=bpy.context.scene,
        evaluated_depsgraph_get=bpy.context.evaluated_depsgraph_get,
    )
    found = [extension("drop").below(context, x, y) for x, y in ((70, 60), (21, 109), (0, 0))]
    return [*(one.target.name if one.target is not None else None for one in found), found[0].slot]


def drawn_sidebar():
    """Operators that the tab shows in each editor."""
    found = {}
    for space in ("view_3d", "image_editor", "node_editor"):
        for panel in ("tools", "jobs"):
            drawn = Drawn()
            kind = getattr(bpy.types, f"MATSHOT_PT_{panel}_{space}")
            area = type("Area", (), {"type": space.upper()})()
            kind.draw(drawn, type("Context", (), {"area": area})())
            found[f"{panel} {space}"] = [
                arguments[0] for call, arguments, _ in drawn.layout.calls if call == "operator"
            ]
    return found


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


def filled(name, colors, **how):
    """An image of a color for the left and one for the right half, as its buffer holds them."""
    image = bpy.data.images.new(name, 64, 64, **how)
    image.pixels.foreach_set(([*colors[0]] * 32 + [*colors[1]] * 32) * 64)
    return image


def gradient(name="wall"):
    """An image that does not tile, as it becomes brighter upward and has a grain."""
    image = bpy.data.images.new(name, 64, 64)
    values = []
    for y in range(64):
        for x in range(64):
            value = 0.2 + 0.5 * y / 64 + 0.2 * ((x * 7919 + y * 104729) % 31) / 31
            values += [value, value, value, 1.0]
    image.pixels.foreach_set(values)
    return image


def painted(given):
    """Guides and masks that are images and color attributes of the blend file."""
    folder, module, tool = Path(given["folder"]), extension("painted"), extension("operators").TILE
    white, black, gray = (1.0, 1.0, 1.0, 1.0), (0.0, 0.0, 0.0, 1.0), (0.2140, 0.2140, 0.2140, 1.0)
    gradient()
    filled("mask", (white, black))
    filled("float mask", (gray, black), float_buffer=True)
    data = filled("data mask", (gray, black), float_buffer=True, is_data=True)
    tiles(folder, "udim")
    mesh = bpy.data.objects["Cube"].data
    for name, kind, domain in (("Points", "FLOAT_COLOR", "POINT"), ("Corners", "BYTE_COLOR", "CORNER")):
        attribute = mesh.color_attributes.new(name, kind, domain)
        # The upper half of the UV map is white.
        for number, one in enumerate(attribute.data):
            uv = mesh.uv_layers.active.uv[number].vector if domain == "CORNER" else (0, 0)
            one.color_srgb = white if uv[1] > 0.5 else black
    square = bpy.data.meshes.new("square")
    square.from_pydata([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [], [(0, 1, 2, 3)])
    for corner, place in zip(
        square.uv_layers.new().uv, [(0.25, 0.0), (0.75, 0.0), (0.75, 0.5), (0.25, 0.5)], strict=True
    ):
        corner.vector = place
    ramp = square.color_attributes.new("Ramp", "FLOAT_COLOR", "POINT")
    for one, value in zip(ramp.data, (0.0, 1.0, 1.0, 0.0), strict=True):
        one.color_srgb = (value, 0.5, 0.0, 1.0)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("Square", square))
    report = {"offered": [name for name, _ in module.suggestions(None, bpy.context, "")]}
    report["searched"] = [name for name, _ in module.suggestions(None, bpy.context, "RAMP")]
    drawn = module.baked_colors(bpy.data.objects["Square"], "Ramp", (64, 64))
    report["ramp"] = {
        f"{x} {y}": [float(value) for value in drawn[y, x]] for x, y in ((20, 8), (32, 8), (47, 8), (32, 60))
    }
    report["written"] = {}
    for number, name in enumerate(("mask", "float mask", "data mask", "Ramp (color attribute of Square)")):
        path = module.painted_file(tool.parameter("protect"), name, str(folder / str(number)), (64, 64))
        report["written"][name] = path
    report["left"] = [image.name for image in bpy.data.images if image.name.startswith("painted")]
    report["data is raw"] = data.colorspace_settings.is_data
    spot = filled("spot", (black, black))
    for y in range(20, 44):
        spot.pixels[4 * (64 * y + 20) : 4 * (64 * y + 44)] = white * 24
    report["tile"] = {}
    for mask in ("spot", module.painted_file(tool.parameter("protect"), "spot", str(folder / "spot"), (64, 64))):
        answer, made = new_images(
            lambda mask=mask: called(bpy.ops.matshot.tile, image="wall", protect=mask, even=False)
        )
        (name,) = made or ("wall",)
        before, after = (list(bpy.data.images[one].pixels) for one in ("wall", name))
        rows = [[before[4 * (64 * y + x)] == after[4 * (64 * y + x)] for x in range(64)] for y in range(64)]
        report["tile"][mask] = [answer, all(all(row[20:44]) for row in rows[20:44]), all(map(all, rows))]
    attribute = "Corners (color attribute of Cube)"
    report["attribute"] = called(bpy.ops.matshot.multiply, image="wall", target_mask=attribute)
    report["missing"] = called(bpy.ops.matshot.tile, image="wall", protect="nowhere.png")
    report["folder"] = called(bpy.ops.matshot.tile, image="wall", protect=str(folder))
    report["tiles"] = called(bpy.ops.matshot.tile, image="wall", protect="udim")
    report["listing"] = len(extension("job_queue").jobs().listing)
    return report


def pictured(given):
    """A job whose picture changes while it runs, as the list of jobs shows it."""
    history, folder = extension("history"), Path(given["folder"])
    for name, side in (("first.png", 8), ("second.png", 32)):
        bpy.data.images.remove(picture(name, side, side, folder / name))
    # The background has no pictures of its own.
    history._pictures = bpy.utils.previews.new()
    job = type("Job", (), {"number": 1, "preview": ""})()
    report = {"sizes": []}
    for name in ("first.png", "second.png", "gone.png", ""):
        job.preview = str(folder / name) if name else ""
        history.picture(job)
        report["sizes"].append(list(history._pictures["1"].image_size))
    history.remove(1)
    report["left"] = [len(history._pictures), len(history._files)]
    return report


def killed(given):
    """The worker is killed while it works; the next job gets a new one."""
    picture("wall", 160, 160)
    jobs = extension("job_queue").jobs()

    def kill():
        # Before it works, its end is that of a worker that did not start.
        while not (jobs.worker_pid and any(job.fraction for job in jobs.listing)):
            time.sleep(0.01)
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
    begun = time.perf_counter()
    bpy.ops.extensions.package_install_files(filepath=given["zip"], repo=REPOSITORY, enable_on_install=True)
    INSTALL["seconds"] = time.perf_counter() - begun
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
