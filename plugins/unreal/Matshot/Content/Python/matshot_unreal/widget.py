"""The panel: an Editor Utility Widget made once from Python, opened as a tab, its parts found by their names.

Unreal lets Python build widgets from 5.6 on. Where a step fails the panel is not there, which its caller hears as a
:class:`MatshotError`, and menus and dialogs do all of the work.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence

import unreal

from matshot_host.errors import MatshotError
from matshot_host.jobs import Job
from matshot_host.tools import Tool

from . import assets
from .controller import Controller, Row
from .editor import selected_textures
from .offer import offered, title
from .options import ToolOptions

#: In the plug-in's own content, so that it goes with the plug-in. Another layout gets another name.
FOLDER, NAME = "/Matshot", "EUW_Matshot_1"
ROOT = "MatshotRoot"
#: Jobs that the panel shows.
ROWS = 6

#: Roots that Unreal may have put into a new widget before us: the project's default one, numbered.
_ROOTS = ("CanvasPanel_0", "VerticalBox_0", "Overlay_0", "GridPanel_0", "HorizontalBox_0", "ScrollBox_0", "SizeBox_0")
#: Side of the preview in Slate units.
_PREVIEW = 192.0


class Part(NamedTuple):
    """One widget of the panel.

    Attributes:
        name: by which it is found.
        kind: name of its class.
        parent: name of the panel that it is in.
        text: that it shows, for labels.
        fills: whether it takes the room that others leave.
    """

    name: str
    kind: str
    parent: str
    text: str = ""
    fills: bool = False


def parts() -> list[Part]:
    """Every widget below the root, parents before children."""
    found = [Part("MatshotTop", "HorizontalBox", ROOT), Part("MatshotTool", "ComboBoxString", "MatshotTop", "", True)]
    for name, text in (("Selection", "Use Selection"), ("Run", "Run"), ("Test", "Test"), ("Setup", "Preferences")):
        found += _button(f"Matshot{name}", "MatshotTop", text)
    found.append(Part("MatshotHelp", "TextBlock", ROOT))
    found.append(Part("MatshotOptions", "DetailsView", ROOT, "", True))
    for index in range(ROWS):
        row = f"MatshotRow{index}"
        found += [Part(row, "HorizontalBox", ROOT), Part(f"{row}Told", "TextBlock", row, "", True)]
        found.append(Part(f"{row}Bar", "ProgressBar", row, "", True))
        found += _button(f"{row}Act", row, "")
    found.append(Part("MatshotPreview", "Image", ROOT))
    found.append(Part("MatshotMessages", "MultiLineEditableTextBox", ROOT))
    return found


def supported() -> bool:
    """Whether this Unreal lets Python build and reach into widgets."""
    return hasattr(unreal.EditorUtilityLibrary, "add_source_widget") and hasattr(
        unreal.EditorUtilityWidget, "find_child_widget_by_name"
    )


class Panel:
    """A view with everything: tools, options, jobs, messages.

    Args:
        controller: whose view it is.
        set_up: opens the preferences.
    """

    def __init__(self, controller: Controller, set_up: Callable[[], None]) -> None:
        self._controller, self._set_up = controller, set_up
        self._blueprint: Any = None
        self._widget: Any = None
        self._parts: dict[str, Any] = {}
        self._options: dict[str, ToolOptions] = {}
        # Unreal holds callables weakly; without this list buttons go dead once Python collects them.
        self._handlers: list[Callable[..., None]] = []
        self._numbers = [0] * ROWS
        self._shown: Tool | None = None
        self._preview = ""

    @property
    def open(self) -> bool:
        """Whether the tab is there."""
        return bool(self._parts)

    def show(self) -> None:
        """Open the tab, or bring it to the front.

        Raises:
            MatshotError: when that does not work; nothing is left open then.
        """
        if not supported():
            raise MatshotError("This version of Unreal does not let Python build a panel; 5.6 is the first that does.")
        self._blueprint = _blueprint()
        subsystem = unreal.get_editor_subsystem(unreal.EditorUtilitySubsystem)
        widget, tab = subsystem.spawn_and_register_tab_and_get_id(self._blueprint)
        try:
            if widget is None:
                raise MatshotError("Unreal did not open the tab of the panel.")
            self._bind(widget)
        except Exception:
            subsystem.close_tab_by_id(tab)
            raise

    def adopt(self) -> None:
        """Take over a tab that the editor opened by itself because it was open when the editor was closed."""
        if supported():
            self._blueprint = assets.loaded(f"{FOLDER}/{NAME}")
            self.follow()

    def follow(self) -> None:
        """Notice a tab that was closed, and one that Unreal filled anew, as it does with every level that is opened."""
        if self._blueprint is None:
            return
        subsystem = unreal.get_editor_subsystem(unreal.EditorUtilitySubsystem)
        widget = subsystem.find_utility_widget_from_blueprint(self._blueprint)
        if widget is None and self.open:
            self.release()
        elif widget is not None and widget != self._widget:
            try:
                self._bind(widget)
            except Exception as error:
                self.release()
                # Not tried again in every frame.
                self._widget = widget
                unreal.log_warning(f"Matshot: the panel cannot be used: {error}")

    def release(self) -> None:
        """Hold on to nothing of Unreal's any more."""
        self._widget, self._parts, self._handlers = None, {}, []
        self._controller.detach(self)

    def refresh(self) -> None:
        """Show what the controller has."""
        if not self.open:
            return
        try:
            self._draw()
        except Exception as error:
            # Unreal takes widgets away without a word; the next frame finds new ones, if there are any.
            self.release()
            unreal.log(f"Matshot: the panel is gone ({error}).")

    def finished(self, job: Job, assets: Sequence[str]) -> None:
        """Nothing to do: the job's row has a button that shows the assets."""

    def _bind(self, widget: Any) -> None:
        found = {part.name: widget.find_child_widget_by_name(part.name) for part in parts()}
        missing = [name for name, one in found.items() if one is None]
        if missing:
            raise MatshotError(f"The panel lacks {', '.join(missing[:3])}.")
        self._handlers, self._shown, self._preview = [], None, ""
        chooser = found["MatshotTool"]
        chooser.clear_options()
        for tool in offered():
            chooser.add_option(title(tool))
        chooser.set_selected_option(title(self._controller.chosen))
        self._on(chooser.on_selection_changed, self._choose)
        self._on(found["MatshotSelection"].on_clicked, self._use_selection)
        self._on(found["MatshotRun"].on_clicked, self._run)
        self._on(found["MatshotTest"].on_clicked, self._test)
        self._on(found["MatshotSetup"].on_clicked, self._set_up)
        for index in range(ROWS):
            self._on(found[f"MatshotRow{index}Act"].on_clicked, self._actor(index))
        found["MatshotMessages"].set_is_read_only(True)
        self._widget, self._parts = widget, found
        self._controller.detach(self)
        self._controller.attach(self)

    def _on(self, event: Any, handler: Callable[..., None]) -> None:
        self._handlers.append(handler)
        event.add_callable(handler)

    def _actor(self, index: int) -> Callable[[], None]:
        return lambda: self._controller.act(self._numbers[index])

    def _choose(self, chosen: str, how: Any) -> None:
        for tool in offered():
            if title(tool) == str(chosen) and tool is not self._controller.chosen:
                self._controller.choose(tool)

    def _use_selection(self) -> None:
        options = self._current()
        options.take(selected_textures())
        self._parts["MatshotOptions"].set_object(options.object)

    def _run(self) -> None:
        options = self._current()
        self._controller.start(options.tool, options.pictures, options.values, options.name, options.folder)

    def _test(self) -> None:
        self._controller.test()

    def _current(self) -> ToolOptions:
        """Options of the chosen tool, which keep what the artist set in them."""
        tool = self._controller.chosen
        if tool.name not in self._options:
            self._options[tool.name] = ToolOptions(tool)
        return self._options[tool.name]

    def _draw(self) -> None:
        found, tool = self._parts, self._controller.chosen
        if tool is not self._shown:
            self._shown = tool
            found["MatshotHelp"].set_text(tool.help)
            found["MatshotOptions"].set_object(self._current().object)
            found["MatshotTool"].set_selected_option(title(tool))
        rows = self._controller.rows()
        for index in range(ROWS):
            self._draw_row(index, rows[index] if index < len(rows) else None)
        found["MatshotMessages"].set_text("\n".join(reversed(self._controller.messages)))
        preview = next((row.preview for row in rows if row.preview), "")
        if preview and preview != self._preview:
            self._preview = preview
            texture = unreal.RenderingLibrary.import_file_as_texture2d(found["MatshotPreview"], preview)
            if texture is not None:
                found["MatshotPreview"].set_brush_from_texture(texture)
                found["MatshotPreview"].set_desired_size_override(unreal.Vector2D(_PREVIEW, _PREVIEW))

    def _draw_row(self, index: int, row: Row | None) -> None:
        name = f"MatshotRow{index}"
        shown = unreal.SlateVisibility.COLLAPSED if row is None else unreal.SlateVisibility.VISIBLE
        self._parts[name].set_visibility(shown)
        if row is None:
            return
        self._numbers[index] = row.number
        self._parts[f"{name}Told"].set_text(f"{row.title}: {row.told}")
        self._parts[f"{name}Bar"].set_percent(row.fraction)
        self._parts[f"{name}ActText"].set_text(row.action)


def _button(name: str, parent: str, text: str) -> list[Part]:
    return [Part(name, "Button", parent), Part(f"{name}Text", "TextBlock", name, text)]


def _blueprint() -> Any:
    """The widget's asset, made or completed if need be.

    Raises:
        MatshotError: naming the step that does not work.
    """
    library, asset = unreal.EditorUtilityLibrary, assets.loaded(f"{FOLDER}/{NAME}")
    if asset is None:
        factory = unreal.EditorUtilityWidgetBlueprintFactory()
        # Never a class of Python's: there is none yet when Unreal loads the asset.
        factory.set_editor_property("parent_class", unreal.EditorUtilityWidget)
        asset = assets.create(NAME, FOLDER, unreal.EditorUtilityWidgetBlueprint, factory)
    if not isinstance(asset, unreal.EditorUtilityWidgetBlueprint):
        raise MatshotError("Unreal does not take the panel's asset as a widget.")
    wanted = [part for part in parts() if library.find_source_widget_by_name(asset, part.name) is None]
    if wanted:
        _add_root(asset)
        for part in wanted:
            _add(asset, part)
        unreal.BlueprintEditorLibrary.compile_blueprint(asset)
        assets.save(asset)
    return asset


def _add_root(blueprint: Any) -> None:
    """Our root as the tree's, or below the one that Unreal put there."""
    library = unreal.EditorUtilityLibrary
    if library.find_source_widget_by_name(blueprint, ROOT) is not None:
        return
    there = [name for name in _ROOTS if library.find_source_widget_by_name(blueprint, name) is not None]
    root = library.add_source_widget(blueprint, unreal.VerticalBox, ROOT, there[0] if there else "")
    if root is None:
        raise MatshotError("Unreal does not let the panel's first widget be made.")
    slot = root.get_editor_property("slot")
    if isinstance(slot, unreal.CanvasPanelSlot):
        slot.set_anchors(unreal.Anchors(unreal.Vector2D(0.0, 0.0), unreal.Vector2D(1.0, 1.0)))
        slot.set_offsets(unreal.Margin(0.0, 0.0, 0.0, 0.0))


def _add(blueprint: Any, part: Part) -> None:
    kind = getattr(unreal, part.kind)
    made = unreal.EditorUtilityLibrary.add_source_widget(blueprint, kind, part.name, part.parent)
    if made is None:
        raise MatshotError(f"Unreal does not let the panel's {part.name} be made.")
    if part.text:
        made.set_editor_property("text", part.text)
    slot = made.get_editor_property("slot")
    if isinstance(slot, (unreal.HorizontalBoxSlot, unreal.VerticalBoxSlot)):
        slot.set_padding(unreal.Margin(4.0, 2.0, 4.0, 2.0))
        if part.fills:
            slot.set_size(unreal.SlateChildSize(1.0, unreal.SlateSizeRule.FILL))
