"""Drives a Blender with a window through the extension: `blender --enable-event-simulate --python window.py -- JSON`.

Keys and clicks are simulated events, which take the way of real ones: menus, dialogs, modal operators, undo. What
happened is written as JSON; the test judges it.
"""

import itertools
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

import addon_utils
import bpy

MODULE = "bl_ext.user_default.matshot"
GIVEN = json.loads(sys.argv[sys.argv.index("--") + 1])
FOLDER = Path(GIVEN["folder"])
REPORT = {"version": bpy.app.version_string}
#: When the main thread was free, the number of the job that ran then, and how long the thread had worked.
TICKS = []
#: Seconds that the modal part of our operators took.
MODAL = []


def extension(name):
    return sys.modules[f"{MODULE}.{name}"]


def tick():
    job = extension("job_queue").running() if MODULE in sys.modules else None
    TICKS.append((time.perf_counter(), job.number if job else 0, time.thread_time()))
    return 0.002


def blocks():
    """Longest blocks of the main thread in milliseconds.

    `running`: between two looks of a timer while a job ran, from half a second after its start on, because Blender
    first draws what the dialog covered; `busy`: the part of such a block that the thread worked in, rather than wait
    for a processor or the screen; `ending`: when results came in; `own`: in our operators while a job ran.
    """
    running, busy, ending, first = 0.0, 0.0, 0.0, None
    for (before, job, used), (after, later, used_later) in itertools.pairwise(TICKS):
        first = before if job and first is None else first
        if job and job != later:
            ending = max(ending, after - before)
        elif job and before > first + 0.5:
            running, busy = max(running, after - before), max(busy, used_later - used)
    found = {"running": running, "busy": busy, "ending": ending, "own": max(MODAL, default=0.0)}
    TICKS.clear()
    MODAL.clear()
    return {name: round(1000 * seconds, 1) for name, seconds in found.items()}


def timed(modal):
    """The modal part of our operators, with its time taken where it does not take in results."""

    def measured(self, context, event):
        begun = time.perf_counter()
        answer = modal(self, context, event)
        if answer != {"FINISHED"}:
            MODAL.append(time.perf_counter() - begun)
        return answer

    return measured


def window():
    return bpy.context.window_manager.windows[0]


def area(kind):
    return max((one for one in window().screen.areas if one.type == kind), key=lambda one: one.width * one.height)


def inside(kind):
    place = area(kind)
    region = next(region for region in place.regions if region.type == "WINDOW")
    return bpy.context.temp_override(window=window(), area=place, region=region)


def middle(kind):
    place = area(kind)
    return place.x + place.width // 2, place.y + place.height // 2


def key(name, x=0, y=0, **modifiers):
    for value in ("PRESS", "RELEASE"):
        window().event_simulate(type=name, value=value, x=x, y=y, **modifiers)


def point(kind):
    x, y = middle(kind)
    window().event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    return x, y


def shot(name):
    """Let whoever started this take a picture of the screen."""
    wanted = FOLDER / f"{name}.wanted"
    wanted.touch()
    until = time.monotonic() + 10
    while wanted.exists() and time.monotonic() < until:
        yield 0.05


def until(condition, seconds=150):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        yield 0.02
    assert condition(), "waited in vain"


def running():
    return extension("job_queue").running() is not None


def idle():
    return not extension("job_queue").jobs().busy


def menu(kind, name, letter, x, y):
    """Open a menu where the mouse is, and choose by its underlined letter."""
    with inside(kind):
        bpy.ops.wm.call_menu(name=name)
    yield 0.4
    yield from shot(f"menu_{letter.lower()}")
    key(letter, x, y)
    yield 0.5


def upscaled_by_menu(name, **parameters):
    """Menu, dialog, OK: a job that runs."""
    for parameter, value in parameters.items():
        setattr(window_properties("matshot.upscale"), parameter, value)
    x, y = point("IMAGE_EDITOR")
    yield 0.2
    yield from menu("IMAGE_EDITOR", "MATSHOT_MT_image", "U", x, y)
    yield from shot(f"dialog_{name}")
    key("RET", x, y)
    yield from until(running, 20)


def window_properties(operator):
    """What a dialog of that operator shows first."""
    return bpy.context.window_manager.operator_properties_last(operator)


def prepared():
    """A large image editor above the shader editor."""
    window().workspace = bpy.data.workspaces["Shading"]
    yield 1.0
    # Solid shading, because compiling EEVEE's shaders without a GPU blocks Blender for a minute.
    area("VIEW_3D").spaces.active.shading.type = "SOLID"
    area("VIEW_3D").type = "IMAGE_EDITOR"
    yield 0.5
    space = area("IMAGE_EDITOR").spaces.active
    space.image = bpy.data.images.load(GIVEN["wall"])
    bpy.ops.ed.undo_push(message="Start")
    yield 0.5


def placed(node):
    """Place of a node in its tree; before Blender 4.4, that of a node in a frame is the frame's plus its own."""
    if hasattr(node, "location_absolute"):
        return tuple(node.location_absolute)
    above = placed(node.parent) if node.parent is not None else (0.0, 0.0)
    return node.location.x + above[0], node.location.y + above[1]


def steps():
    preferences = bpy.context.preferences.addons[MODULE].preferences
    preferences.python = GIVEN["worker"]
    yield from prepared()

    # What Blender itself takes to draw its status bar: without a GPU, most of what follows.
    TICKS.clear()
    for percent in range(20):
        window().workspace.status_text_set(f"{percent} %")
        yield 0.05
    window().workspace.status_text_set(None)
    moments = [moment for moment, _, _ in TICKS]
    longest = max(after - before for before, after in itertools.pairwise(moments))
    REPORT["drawing"] = round(1000 * longest, 1)

    # Menu, dialog, progress, result, undo.
    # With one thread, so that a machine that draws without a GPU has a processor left for that.
    yield from upscaled_by_menu("upscale", scale="8", threads=1)
    yield from until(idle)
    yield 0.5
    REPORT["upscale"] = {"shown": area("IMAGE_EDITOR").spaces.active.image.name, **blocks()}
    yield from shot("upscaled")
    REPORT["upscale"]["images"] = bpy.data.images.keys()
    x, y = point("IMAGE_EDITOR")
    key("Z", x, y, ctrl=True)
    yield 0.5
    REPORT["upscale"]["undone"] = bpy.data.images.keys()
    area("IMAGE_EDITOR").spaces.active.image = bpy.data.images["wall.png"]

    # Esc.
    yield from upscaled_by_menu("esc", scale="8")
    yield 1.0
    yield from shot("progress")
    job = extension("job_queue").running()
    x, y = point("IMAGE_EDITOR")
    begun = time.perf_counter()
    key("ESC", x, y)
    yield from until(lambda: job.ended, 5)
    REPORT["esc"] = {"seconds": round(time.perf_counter() - begun, 2), "state": job.state}
    yield 0.5

    # The worker killed by its process id.
    yield from upscaled_by_menu("killed", scale="8")
    yield 0.7
    job = extension("job_queue").running()
    pid = extension("job_queue").jobs().worker_pid
    os.kill(pid, signal.SIGKILL)
    yield from until(lambda: job.ended, 5)
    yield 0.7
    yield from shot("killed")
    REPORT["killed"] = {"state": job.state, "error": job.error, "images": bpy.data.images.keys()}
    key("ESC", *middle("IMAGE_EDITOR"))
    yield 0.5
    blocks()

    # A photograph, as the file browser and a drop give it: dialog, wired material, undo.
    cube = bpy.data.objects["Cube"]
    old = cube.active_material.name
    x, y = point("NODE_EDITOR")
    yield 0.2
    with inside("NODE_EDITOR"):
        bpy.ops.matshot.oneshot("INVOKE_DEFAULT", filepath=GIVEN["photograph"], threads=1)
    yield 0.6
    yield from shot("photograph")
    key("RET", x, y)
    yield from until(running, 20)
    yield from until(idle)
    yield 0.7
    made = bpy.data.objects["Cube"].active_material
    nodes = made.node_tree.nodes
    REPORT["oneshot"] = {
        **blocks(),
        "old": old,
        "new": made.name,
        "links": sorted(
            [link.from_node.label or link.from_node.name, link.to_node.label or link.to_node.name, link.to_socket.name]
            for link in made.node_tree.links
        ),
    }
    x, y = point("NODE_EDITOR")
    key("HOME", x, y)
    yield 0.7
    yield from shot("material")
    boxes = [(one.name, *placed(one), one.dimensions.x, one.dimensions.y) for one in nodes if one.type != "FRAME"]
    scale = bpy.context.preferences.system.ui_scale
    REPORT["oneshot"]["boxes"] = [
        (name, x, x + width / scale, y - height / scale, y) for name, x, y, width, height in boxes
    ]

    # Its textures upscaled in place, and back.
    def textures():
        tree = bpy.data.objects["Cube"].active_material.node_tree
        return {node.label: node.image.name for node in tree.nodes if node.type == "TEX_IMAGE"}

    before = textures()
    window_properties("matshot.upscale_material").scale = "2"
    window_properties("matshot.upscale_material").threads = 1
    x, y = point("NODE_EDITOR")
    yield from menu("NODE_EDITOR", "MATSHOT_MT_material", "U", x, y)
    key("RET", x, y)
    yield from until(running, 20)
    yield from until(idle)
    yield 0.7
    sizes = {bpy.data.images[name].size[0] for name in textures().values()}
    REPORT["textures"] = {"before": before, "after": textures(), "sizes": sorted(sizes), **blocks()}
    yield from shot("textures")
    x, y = point("NODE_EDITOR")
    key("Z", x, y, ctrl=True)
    yield 0.7
    REPORT["textures"]["undone"] = textures()
    REPORT["textures"]["old sizes"] = sorted({bpy.data.images[name].size[0] for name in textures().values()})
    key("Z", x, y, ctrl=True)
    yield 0.7
    REPORT["oneshot"]["undone"] = bpy.data.objects["Cube"].active_material.name

    # Asked before applying: Apply, then Discard.
    preferences = bpy.context.preferences.addons[MODULE].preferences
    preferences.ask = True
    area("IMAGE_EDITOR").spaces.active.image = bpy.data.images["wall.png"]
    REPORT["asked"] = []
    for answer in ("RET", "ESC"):
        known = set(bpy.data.images.keys())
        yield from upscaled_by_menu(f"asked_{answer.lower()}", scale="2")
        yield from until(idle)
        yield 1.2
        yield from shot(f"review_{answer.lower()}")
        kept = set(bpy.data.images.keys()) == known
        key(answer, *middle("IMAGE_EDITOR"))
        yield 0.7
        area("IMAGE_EDITOR").spaces.active.image = bpy.data.images["wall.png"]
        REPORT["asked"].append([kept, sorted(set(bpy.data.images.keys()) - known)])
    preferences.ask = False

    # Two at once.
    yield from upscaled_by_menu("first", scale="8")
    x, y = point("IMAGE_EDITOR")
    yield from upscaled_by_menu("second", scale="2")
    yield from until(lambda: len(extension("job_queue").jobs().listing) == 2)
    yield 0.2
    REPORT["two"] = [job.state for job in extension("job_queue").jobs().listing]
    yield from shot("two")
    yield from until(idle)
    yield 0.7
    REPORT["both"] = sorted(image.name for image in bpy.data.images if image.name.startswith("wall_upscale"))

    # The sidebar lists what ran.
    area("NODE_EDITOR").spaces.active.show_region_ui = True
    yield 0.5
    sidebar = next(region for region in area("NODE_EDITOR").regions if region.type == "UI")
    sidebar.active_panel_category = "Matshot"
    sidebar.tag_redraw()
    yield 0.5
    yield from shot("sidebar")
    REPORT["sidebar"] = sidebar.active_panel_category

    # Another file is opened while a job runs.
    yield from upscaled_by_menu("reload", scale="8")
    bpy.ops.wm.read_homefile()
    yield 1.5
    REPORT["another file"] = [job.title for job in extension("job_queue").jobs().listing]
    yield from prepared()

    # Blender is closed while a job runs.
    yield from upscaled_by_menu("quit", scale="8")
    yield 0.5
    REPORT["pid at the end"] = extension("job_queue").jobs().worker_pid
    REPORT["folder at the end"] = os.path.dirname(extension("job_queue").running().folder)
    done()


def done():
    Path(GIVEN["answer"]).write_text(json.dumps(REPORT), "utf-8")
    bpy.ops.wm.quit_blender()


def main():
    bpy.context.preferences.view.show_splash = False
    addon_utils.enable(MODULE, default_set=True)
    follows = extension("job_operator").JobOperator
    follows.modal = timed(follows.modal)
    script = steps()

    def step():
        try:
            return next(script)
        except StopIteration:
            return None
        except Exception:
            REPORT["failed"] = traceback.format_exc()
            done()
            return None

    bpy.app.timers.register(tick, persistent=True)
    bpy.app.timers.register(step, first_interval=2.0, persistent=True)


main()
