"""Draws the panel for the documentation, from what the double of Unreal holds after the plug-in built and filled it.

It is a drawing, not a picture of the editor: parts, order, texts and values are the panel's own, the look is not.

Usage: python tests/plugins/unreal/draw_panel.py docs/images/unreal_panel.png
"""

import importlib.util
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent
WIDTH = 640
LINE = 26
PAD = 8
BACK = (36, 36, 36)
FIELD = (22, 22, 22)
BUTTON = (62, 62, 62)
TEXT = (225, 225, 225)
DIM = (150, 150, 150)
ACCENT = (220, 140, 40)
#: Drawn larger and made smaller, for smooth letters.
TIMES = 3


def loaded(name, file):
    spec = importlib.util.spec_from_file_location(name, file)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def opened(folder):
    """The double with an open panel: one job done, one that runs, one that waits."""
    unreal = loaded("unreal", HERE / "unreal_double.py")
    fakes = loaded("fakes", HERE / "conftest.py")
    sys.path.insert(0, str(fakes.PYTHON))
    from matshot_unreal.inputs import ExportedFile, Source
    from matshot_unreal.job_manager import Imported, JobManager, Request
    from matshot_unreal.panel import Panel
    from matshot_unreal.preferences import Preferences

    from matshot_host.jobs import Result
    from matshot_host.tools import MULTIPLY, ONESHOT, UPSCALE

    unreal.world.project = folder
    jobs = fakes.Jobs(folder)
    manager = JobManager(jobs, fakes.Editor(ExportedFile, Imported), Preferences)
    panel = Panel(manager, lambda: None)
    panel.show()
    first = manager.start(Request(UPSCALE, [[Source("/Game/Walls/T_Brick_BC")]], {}))
    source = jobs.started[0][1][0]["path"]
    jobs.end(first, "done", [Result("image", "x.png", "", 4, 4, "xy", source, ())])
    first.fraction = 1.0
    running = manager.start(Request(ONESHOT, [[Source("/Game/Photos/T_Old_Wall")]], {"light": "even"}))
    running.state, running.fraction, running.stage = "running", 0.62, "reflectance"
    manager.start(Request(MULTIPLY, [[Source("/Game/Walls/T_Brick_BC")]], {}))
    texture = unreal.Texture2D()
    texture._path = "/Game/Photos/T_Old_Wall"
    unreal.world.selected = [texture]
    manager.choose(ONESHOT)
    unreal.world.tabs["EUW_Matshot_1"]._tree["MatshotSelection"].on_clicked._callables[0]()
    manager.poll()
    manager.poll()
    return unreal


class Drawing:
    def __init__(self, height):
        self.image = np.full((height * TIMES, WIDTH * TIMES, 3), BACK, np.uint8)

    def box(self, left, top, width, height, color):
        corners = (int(left * TIMES), int(top * TIMES)), (int((left + width) * TIMES), int((top + height) * TIMES))
        cv2.rectangle(self.image, *corners, color, -1)

    def text(self, left, top, told, color=TEXT, room=WIDTH):
        font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.42 * TIMES
        while cv2.getTextSize(told, font, size, TIMES)[0][0] > room * TIMES:
            told = told[:-4] + "..."
        place = (int((left + 6) * TIMES), int((top + 17) * TIMES))
        cv2.putText(self.image, told, place, font, size, color, TIMES, cv2.LINE_AA)

    def saved(self, path):
        height, width = self.image.shape[:2]
        cv2.imwrite(path, cv2.resize(self.image, (width // TIMES, height // TIMES), interpolation=cv2.INTER_AREA))


def shown(value):
    """A property's value, as a details view tells it."""
    if isinstance(value, list):
        return ", ".join(shown(one) for one in value) or "None"
    if hasattr(value, "get_name"):
        return value.get_name()
    if hasattr(value, "file_path"):
        return value.file_path or "..."
    if hasattr(value, "_name"):
        return type(value)._metas[value._name]["DisplayName"]
    return str(value)


def draw_options(drawing, top, edited):
    """A details view: categories, names on the left, values on the right."""
    group = ""
    for name, meta in type(edited)._metas.items():
        if meta["Category"] != group:
            group = meta["Category"]
            drawing.box(PAD, top, WIDTH - 2 * PAD, LINE - 3, BUTTON)
            drawing.text(PAD, top, group)
            top += LINE
            if group.startswith("3"):
                return top
        drawing.text(PAD + 12, top, meta["DisplayName"], DIM)
        drawing.box(WIDTH * 0.45, top, WIDTH * 0.55 - PAD, LINE - 4, FIELD)
        drawing.text(WIDTH * 0.45, top, shown(edited.get_editor_property(name)))
        top += LINE
    return top


def draw(unreal, path):
    parts, parents = unreal.world.tabs["EUW_Matshot_1"]._tree, unreal.world.objects["/Matshot/EUW_Matshot_1"]._parents
    drawing, top = Drawing(900), PAD
    for name in [name for name, parent in parents.items() if parent == "MatshotRoot"]:
        part = parts[name]
        if part._visibility is unreal.SlateVisibility.COLLAPSED:
            continue
        if isinstance(part, unreal.TextBlock):
            drawing.text(PAD, top, part.text, DIM)
        elif isinstance(part, unreal.DetailsView):
            top = draw_options(drawing, top, part._object) - LINE
        elif isinstance(part, unreal.MultiLineEditableTextBox):
            drawing.box(PAD, top, WIDTH - 2 * PAD, 2 * LINE, FIELD)
            drawing.text(PAD, top, part.text, DIM)
            top += LINE
        elif isinstance(part, unreal.HorizontalBox):
            draw_row(drawing, top, unreal, parts, [one for one, parent in parents.items() if parent == name])
        else:
            continue
        top += LINE + 4
    drawing.image = drawing.image[: int((top + PAD) * TIMES)]
    drawing.saved(path)


def draw_row(drawing, top, unreal, parts, names):
    """Buttons as wide as their text, what is left shared by the others."""
    labels = {name: parts[f"{name}Text"].text for name in names if isinstance(parts[name], unreal.Button)}
    widths = {name: 20 + 7 * len(label) for name, label in labels.items()}
    left = WIDTH - 2 * PAD - sum(widths.values()) - 4 * len(names)
    rest = left / max(1, len(names) - len(labels))
    place = PAD
    for name in names:
        part, width = parts[name], widths.get(name, rest)
        if name in labels:
            drawing.box(place, top, width, LINE - 4, BUTTON)
            drawing.text(place + 3, top, labels[name])
        elif isinstance(part, unreal.ProgressBar):
            drawing.box(place, top + 6, width, LINE - 16, FIELD)
            drawing.box(place, top + 6, width * part._percent, LINE - 16, ACCENT)
        elif isinstance(part, unreal.ComboBoxString):
            drawing.box(place, top, width, LINE - 4, FIELD)
            drawing.text(place, top, f"{part._selected}   v")
        else:
            drawing.text(place, top, part.text, TEXT, width)
        place += width + 4


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        draw(opened(Path(folder)), sys.argv[1])
