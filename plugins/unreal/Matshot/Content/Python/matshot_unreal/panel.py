"""The panel: an Editor Utility Widget that Python builds once and opens as a tab; its parts are found by name.

Python can build widgets from Unreal 5.6 on. Where a step fails, the panel raises :class:`MatshotError`, and menus and
dialogs still do everything.
"""

from __future__ import annotations

import os
from typing import Any, Callable, NamedTuple, Sequence

import unreal

from matshot_host.errors import MatshotError
from matshot_host.jobs import Job
from matshot_host.tools import Tool

from . import assets
from .editor import selected_textures
from .editor_tools import editor_tools, menu_title
from .job_manager import JobManager, Row
from .options import ToolOptions

#: In the plug-in's own content, so that it is removed with the plug-in.
FOLDER = "/Matshot"
#: Another layout needs another name.
NAME = "EUW_Matshot_1"
ROOT = "MatshotRoot"
#: Number of jobs that the panel shows.
ROWS = 6

#: Roots that Unreal may have added to a new widget, by the project's settings.
_ROOTS = ("CanvasPanel_0", "VerticalBox_0", "Overlay_0", "GridPanel_0", "HorizontalBox_0", "ScrollBox_0", "SizeBox_0")
#: Side of the preview in Slate units.
_PREVIEW = 192.0


class Part(NamedTuple):
    """One widget of the panel.

    Attributes:
        name: of the widget.
        kind: name of its class.
        parent: name of the panel that contains it.
        text: of a label.
        fills: whether it takes the remaining space.
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
        found += [Part(row, "HorizontalBox", ROOT), Part(f"{row}Status", "TextBlock", row, "", True)]
        found.append(Part(f"{row}Bar", "ProgressBar", row, "", True))
        found += _button(f"{row}Act", row, "")
    found.append(Part("MatshotPreview", "Image", ROOT))
    found.append(Part("MatshotMessages", "MultiLineEditableTextBox", ROOT))
    return found


def supported() -> bool:
    """Whether Python can build and access widgets in this version of Unreal."""
    return hasattr(unreal.EditorUtilityLibrary, "add_source_widget") and hasattr(
        unreal.EditorUtilityWidget, "find_child_widget_by_name"
    )


class Panel:
    """The view with tools, options, jobs and messages.

    Args:
        manager: of the jobs.
        edit_preferences: opens the preferences.
    """

    def __init__(self, manager: JobManager, edit_preferences: Callable[[], None]) -> None:
        self._manager, self._edit_preferences = manager, edit_preferences
        self._blueprint: Any = None
        self._widget: Any = None
        self._parts: dict[str, Any] = {}
        self._options: dict[str, ToolOptions] = {}
        # Unreal references callables weakly; without this list, buttons stop working once Python collects them.
        self._handlers: list[Callable[..., None]] = []
        self._numbers = [0] * ROWS
        self._shown: Tool | None = None
        self._preview = ""

    @property
    def open(self) -> bool:
        """Whether the tab is open."""
        return bool(self._parts)

    def show(self) -> None:
        """Open the tab, or bring it to the front.

        Raises:
            MatshotError: when it cannot be opened.
        """
        if not supported():
            raise MatshotError("The panel needs Unreal 5.6 or later.")
        self._blueprint = _blueprint()
        subsystem = unreal.get_editor_subsystem(unreal.EditorUtilitySubsystem)
        widget, tab = subsystem.spawn_and_register_tab_and_get_id(self._blueprint)
        try:
            if widget is None:
                raise MatshotError("Unreal did not open the tab.")
            self._bind(widget)
        except Exception:
            subsystem.close_tab_by_id(tab)
            raise

    def adopt(self) -> None:
        """Take over a tab that the editor restored at startup."""
        if supported():
            self._blueprint = assets.loaded(f"{FOLDER}/{NAME}")
            self.follow()

    def follow(self) -> None:
        """Detect a closed tab, and a tab that Unreal rebuilt, as it does whenever a level is opened."""
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
                # Do not try again in every frame.
                self._widget = widget
                unreal.log_warning(f"Matshot: Cannot use the panel: {error}")

    def release(self) -> None:
        """Release all of Unreal's objects."""
        self._widget, self._parts, self._handlers = None, {}, []
        self._manager.detach(self)

    def refresh(self) -> None:
        """Show the current state."""
        if not self.open:
            return
        try:
            self._draw()
        except Exception as error:
            # Unreal deletes widgets without notice; the next frame finds new ones, if any.
            self.release()
            unreal.log(f"Matshot: The panel was closed ({error}).")

    def finished(self, job: Job, assets: Sequence[str]) -> None:
        """Do nothing: the row of the job has a button that shows the assets."""

    def _bind(self, widget: Any) -> None:
        found = {part.name: widget.find_child_widget_by_name(part.name) for part in parts()}
        missing = [name for name, one in found.items() if one is None]
        if missing:
            raise MatshotError(
                f"The panel has no {', '.join(missing[:3])}. Delete {FOLDER}/{NAME} and open the panel again."
            )
        self._handlers, self._shown, self._preview = [], None, ""
        chooser = found["MatshotTool"]
        chooser.clear_options()
        for tool in editor_tools():
            chooser.add_option(menu_title(tool))
        chooser.set_selected_option(menu_title(self._manager.chosen))
        self._on(chooser.on_selection_changed, self._choose)
        self._on(found["MatshotSelection"].on_clicked, self._use_selection)
        self._on(found["MatshotRun"].on_clicked, self._run)
        self._on(found["MatshotTest"].on_clicked, self._test)
        self._on(found["MatshotSetup"].on_clicked, self._edit_preferences)
        for index in range(ROWS):
            self._on(found[f"MatshotRow{index}Act"].on_clicked, self._actor(index))
        found["MatshotMessages"].set_is_read_only(True)
        self._widget, self._parts = widget, found
        self._manager.detach(self)
        self._manager.attach(self)

    def _on(self, event: Any, handler: Callable[..., None]) -> None:
        self._handlers.append(handler)
        event.add_callable(handler)

    def _actor(self, index: int) -> Callable[[], None]:
        return lambda: self._manager.act(self._numbers[index])

    def _choose(self, chosen: str, selection: Any) -> None:
        for tool in editor_tools():
            if menu_title(tool) == str(chosen) and tool is not self._manager.chosen:
                self._manager.choose(tool)

    def _use_selection(self) -> None:
        options = self._current()
        options.set_textures(selected_textures())
        self._parts["MatshotOptions"].set_object(options.object)

    def _run(self) -> None:
        for request in self._current().requests:
            self._manager.start(request)

    def _test(self) -> None:
        self._manager.test()

    def _current(self) -> ToolOptions:
        """Options of the chosen tool; they keep the artist's values."""
        tool = self._manager.chosen
        if tool.name not in self._options:
            self._options[tool.name] = ToolOptions(tool)
        return self._options[tool.name]

    def _draw(self) -> None:
        found, tool = self._parts, self._manager.chosen
        if tool is not self._shown:
            self._shown = tool
            found["MatshotHelp"].set_text(tool.help)
            found["MatshotOptions"].set_object(self._current().object)
            found["MatshotTool"].set_selected_option(menu_title(tool))
        rows = self._manager.rows()
        for index in range(ROWS):
            self._draw_row(index, rows[index] if index < len(rows) else None)
        found["MatshotMessages"].set_text("\n".join(reversed(self._manager.messages)))
        preview = next((row.preview for row in rows if row.preview), "")
        # One of unfinished work may be gone again.
        if preview != self._preview and os.path.isfile(preview):
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
        self._parts[f"{name}Status"].set_text(f"{row.title}: {row.status}")
        self._parts[f"{name}Bar"].set_percent(row.fraction)
        self._parts[f"{name}ActText"].set_text(row.action)


def _button(name: str, parent: str, text: str) -> list[Part]:
    return [Part(name, "Button", parent), Part(f"{name}Text", "TextBlock", name, text)]


def _blueprint() -> Any:
    """The asset of the widget, created or completed if necessary.

    Raises:
        MatshotError: for the step that fails.
    """
    library, asset = unreal.EditorUtilityLibrary, assets.loaded(f"{FOLDER}/{NAME}")
    if asset is None:
        factory = unreal.EditorUtilityWidgetBlueprintFactory()
        # Never a Python class: none exists yet when Unreal loads the asset.
        factory.set_editor_property("parent_class", unreal.EditorUtilityWidget)
        asset = assets.create(NAME, FOLDER, unreal.EditorUtilityWidgetBlueprint, factory)
    if not isinstance(asset, unreal.EditorUtilityWidgetBlueprint):
        raise MatshotError(f"{FOLDER}/{NAME} is not a widget. Delete it and open the panel again.")
    missing = [part for part in parts() if library.find_source_widget_by_name(asset, part.name) is None]
    if missing:
        _add_root(asset)
        for part in missing:
            _add(asset, part)
        unreal.BlueprintEditorLibrary.compile_blueprint(asset)
        try:
            assets.save(asset)
        except MatshotError:
            # The plug-in may be in a folder that cannot be written; then the panel is built again after a restart.
            assets.keep_unsaved(asset)
    return asset


def _add_root(blueprint: Any) -> None:
    """Add our root widget, below the one that Unreal may have added."""
    library = unreal.EditorUtilityLibrary
    if library.find_source_widget_by_name(blueprint, ROOT) is not None:
        return
    existing = [name for name in _ROOTS if library.find_source_widget_by_name(blueprint, name) is not None]
    root = library.add_source_widget(blueprint, unreal.VerticalBox, ROOT, existing[0] if existing else "")
    if root is None:
        raise MatshotError("Unreal did not create the root widget of the panel.")
    slot = root.get_editor_property("slot")
    if isinstance(slot, unreal.CanvasPanelSlot):
        slot.set_anchors(unreal.Anchors(unreal.Vector2D(0.0, 0.0), unreal.Vector2D(1.0, 1.0)))
        slot.set_offsets(unreal.Margin(0.0, 0.0, 0.0, 0.0))


def _add(blueprint: Any, part: Part) -> None:
    kind = getattr(unreal, part.kind)
    created = unreal.EditorUtilityLibrary.add_source_widget(blueprint, kind, part.name, part.parent)
    if created is None:
        raise MatshotError(f"Unreal did not create the widget {part.name} of the panel.")
    if part.text:
        created.set_editor_property("text", part.text)
    slot = created.get_editor_property("slot")
    if isinstance(slot, (unreal.HorizontalBoxSlot, unreal.VerticalBoxSlot)):
        slot.set_padding(unreal.Margin(4.0, 2.0, 4.0, 2.0))
        if part.fills:
            slot.set_size(unreal.SlateChildSize(1.0, unreal.SlateSizeRule.FILL))
