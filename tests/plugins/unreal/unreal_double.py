"""A strict stand-in for Unreal's Python module: what the plug-in uses and nothing else.

Names, arguments, properties and values are those of Unreal; ``test_double.py`` compares each with the text of Epic's
generated documentation. What is not here cannot be used, arguments of other types are refused, and so is every call
off the main thread. How things behave follows what is publicly known of the editor; where versions differ or are not
known well, the ``world`` has a switch.
"""

# Annotations are the types as Unreal's documentation writes them, names of its own among them.
# ruff: noqa: F821, RUF012, PIE800

import copy
import inspect
import re
import shutil
import struct
import threading
import weakref
from pathlib import Path

_MAIN = threading.main_thread()


class World:
    """Everything behind the module, and what tests set and look at."""

    def __init__(self):
        self.project = Path()
        self.objects = {}  # path of an asset -> asset
        self.saved = set()  # names of assets that were saved
        self.selected = []
        self.actors = []  # selected in the level
        self.source_control = False
        self.locked = set()  # assets that somebody else has checked out
        self.checked_out = []
        self.editor = True  # False under -game
        self.command_line = "Project.uproject"
        self.icons = {}
        self.messages = []
        self.log = []
        self.answer = lambda shown: True  # what an artist does in a dialog of details
        self.dialogs = []
        self.commands = {}  # (menu, entry) -> line of Python
        self.labels = {}
        self.ticks = {}
        self.shutdowns = {}
        self.loading = 0  # frames until the asset registry is ready
        self.playing = False
        self.frame = 0  # GFrameCounter, which frames inside of dialogs leave alone
        self.depth = 0  # of frames in frames
        self.console = {"r.VirtualTextures": True}
        self.console |= {f"Interchange.FeatureFlags.Import.{kind}": True for kind in ("PNG", "EXR", "JPG")}
        self.suppressed = []  # dialogs that nobody saw, since the editor was unattended
        self.auto_virtual = False  # large imports become virtual textures
        self.default_root = ""  # class of the root that new widgets have
        self.spawns = True  # whether a tab opens
        self.finds = True  # whether parts of a widget are found
        self.tabs = {}
        self.tasks = []  # a task makes the editor unattended until it is finished
        self.shown = []  # selected in the Content Browser
        self.open_transactions = []
        self.slow = []
        self.live = []

    def tick(self, frames=1):
        for _ in range(frames):
            self.frame += 1
            self.loading = max(self.loading - 1, 0)
            self._slate_tick()

    def modal(self, frames=1):
        """A dialog of the editor's, which runs Slate's frames but not the engine's."""
        for _ in range(frames):
            self._slate_tick()

    def _slate_tick(self):
        self.depth += 1
        try:
            for callback in list(self.ticks.values()):
                callback(1.0 / 60.0)
        finally:
            self.depth -= 1

    @property
    def unattended(self):
        return any(not task._finished for task in self.tasks)

    @property
    def status(self):
        """Label of our entry in the status bar, empty for none."""
        return self.labels.get(("LevelEditor.StatusBar.ToolBar", "Matshot"), ("", ""))[0]

    def close_tab(self):
        """The artist closes the panel; its widgets live as long as somebody holds them."""
        self.tabs.clear()

    def open_level(self):
        """Unreal takes all widgets away, whoever holds them, and fills open tabs anew."""
        for name, widget in self.tabs.items():
            for part in widget._tree.values():
                object.__setattr__(part, "_dead", True)
            self.tabs[name] = _spawned(self.objects[f"/Matshot/{name}"])


world = World()


# What makes it strict.


def _fits(value, wanted):
    """Whether Unreal would take this value for an argument or property of that type."""
    if wanted in ("str", "Name", "Text"):
        return isinstance(value, str)
    if wanted == "bool":
        return isinstance(value, bool)
    if wanted in ("int", "int32", "uint8"):
        return isinstance(value, int) and not isinstance(value, bool)
    if wanted == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if wanted in ("Class", "type(Class)"):
        return isinstance(value, type) and issubclass(value, Object)
    if wanted.startswith("Array["):
        return isinstance(value, (list, tuple)) and all(_fits(one, wanted[6:-1]) for one in value)
    if wanted.startswith(("Callable", "Union[Callable")):
        return callable(value)
    if wanted in ("object", "type", "Any"):
        return True
    if wanted.startswith("Union["):
        return any(_fits(value, part.strip()) for part in wanted[6:-1].split(","))
    if wanted.startswith("Optional["):
        return value is None or _fits(value, wanted[9:-1])
    kind = globals()[wanted]
    return isinstance(value, kind) or (value is None and issubclass(kind, Object))


def _guarded(function, name):
    signature = inspect.signature(function)

    def call(*arguments, **named):
        if threading.current_thread() is not _MAIN:
            raise RuntimeError(f"{name} was called off the main thread")
        try:
            bound = signature.bind(*arguments, **named)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        owner = next(iter(bound.arguments.values()), None)
        if isinstance(owner, _Strict) and owner._dead:
            raise Exception(f"{name}: the object is gone")
        for argument, value in bound.arguments.items():
            wanted = signature.parameters[argument].annotation
            if wanted is not inspect.Parameter.empty and not _fits(value, wanted):
                raise TypeError(f"{name}: {argument} is {wanted}, not {value!r}")
        return function(*arguments, **named)

    call.__wrapped__ = function
    call.__name__ = function.__name__
    return call


def _default(wanted):
    simple = {"str": "", "Name": "None", "Text": "", "bool": False, "int": 0, "int32": 0, "uint8": 0, "float": 0.0}
    if wanted in simple:
        return simple[wanted]
    if wanted.startswith("Array["):
        return []
    kind = globals().get(wanted)
    if kind is None or wanted == "type(Class)" or issubclass(kind, Object):
        return None
    return kind._members()[0] if issubclass(kind, EnumBase) else kind()


class _StrictType(type):
    def __new__(cls, name, bases, namespace):
        for key, value in list(namespace.items()):
            told = f"{name}.{key}"
            if isinstance(value, classmethod):
                namespace[key] = classmethod(_guarded(value.__func__, told))
            elif inspect.isfunction(value) and not key.startswith("_"):
                namespace[key] = _guarded(value, told)
        return super().__new__(cls, name, bases, namespace)


class _Strict(metaclass=_StrictType):
    """Properties are declared: ``attributes`` are reached with a dot, ``editor`` ones by their methods only."""

    attributes = {}
    editor = {}
    _dead = False

    @classmethod
    def _kinds(cls, which):
        found = {}
        for base in reversed(cls.__mro__):
            found.update(base.__dict__.get(which, {}))
        return found

    def _make_values(self):
        every = {**self._kinds("editor"), **self._kinds("attributes")}
        object.__setattr__(self, "_values", {name: _default(wanted) for name, wanted in every.items()})

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if self._dead:
            raise Exception("the object is gone")
        if name in type(self)._kinds("attributes"):
            return self._values[name]
        raise AttributeError(f"{type(self).__name__} has no {name}")

    def __setattr__(self, name, value):
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        wanted = type(self)._kinds("attributes").get(name)
        if wanted is None:
            raise AttributeError(f"{type(self).__name__} has no {name} to set")
        self._set(name, wanted, value)

    def _set(self, name, wanted, value):
        if threading.current_thread() is not _MAIN:
            raise RuntimeError(f"{name} was set off the main thread")
        if not _fits(value, wanted):
            raise TypeError(f"{type(self).__name__}.{name} is {wanted}, not {value!r}")
        self._values[name] = value

    def _every(self, name):
        every = {**self._kinds("editor"), **self._kinds("attributes")}
        if name not in every:
            raise Exception(f"{type(self).__name__}: Failed to find property '{name}'")
        return every[name]


class StructBase(_Strict):
    def __init__(self, *arguments, **named):
        self._make_values()
        names = list(self._kinds("attributes"))
        for index, value in enumerate(arguments):
            setattr(self, names[index], value)
        for name, value in named.items():
            setattr(self, name, value)

    def __eq__(self, other):
        return type(self) is type(other) and self._values == other._values

    __hash__ = None


class EnumBase(_Strict):
    values = ()

    def __init_subclass__(cls):
        for name in cls.values:
            member = object.__new__(cls)
            object.__setattr__(member, "_name", name)
            setattr(cls, name, member)

    @classmethod
    def _members(cls):
        return [getattr(cls, name) for name in cls.values]

    def __repr__(self):
        return f"{type(self).__name__}.{self._name}"


class Object(_Strict):
    def __init__(self):
        self._make_values()
        self._path = ""
        self._notified = 0  # each notification rebuilds a texture, and recompiles the material of a node
        self._modified = False

    def modify(self, always_mark_dirty: "bool" = True):
        self._modified = True
        return True

    def get_editor_property(self, name: "str"):
        self._every(name)
        value = self._values[name]
        return copy.copy(value) if isinstance(value, StructBase) else value

    def set_editor_property(
        self,
        name: "str",
        value: "object",
        notify_mode: "PropertyAccessChangeNotifyMode" = None,
    ):
        modes = PropertyAccessChangeNotifyMode
        before = self._values.get(name)
        self._set(name, self._every(name), value)
        changed = before is not value and before != value
        if notify_mode is modes.ALWAYS or (notify_mode is not modes.NEVER and changed):
            self._notified += 1
            self._changed(name)

    def get_name(self):
        return self._path.rpartition("/")[2] or type(self).__name__

    def get_path_name(self):
        return f"{self._path}.{self.get_name()}"

    def get_class(self):
        return Class(type(self))

    def _changed(self, name):
        """What Unreal does of itself after a property was set."""


class Class(Object):
    def __init__(self, kind):
        super().__init__()
        object.__setattr__(self, "_kind", kind)

    def get_name(self):
        return self._kind.__name__


# Enumerations.


class AppMsgType(EnumBase):
    values = ("OK", "YES_NO")


class AppReturnType(EnumBase):
    values = ("NO", "YES", "OK", "CANCEL")


class BlendMode(EnumBase):
    values = ("BLEND_OPAQUE", "BLEND_MASKED", "BLEND_TRANSLUCENT")


class MaterialProperty(EnumBase):
    values = (
        *("MP_EMISSIVE_COLOR", "MP_OPACITY_MASK", "MP_BASE_COLOR", "MP_METALLIC", "MP_SPECULAR", "MP_ROUGHNESS"),
        *("MP_OPACITY", "MP_ANISOTROPY", "MP_NORMAL", "MP_TANGENT", "MP_WORLD_POSITION_OFFSET", "MP_AMBIENT_OCCLUSION"),
    )


class MaterialSamplerType(EnumBase):
    values = (
        *("SAMPLERTYPE_COLOR", "SAMPLERTYPE_GRAYSCALE", "SAMPLERTYPE_NORMAL", "SAMPLERTYPE_MASKS"),
        *("SAMPLERTYPE_ALPHA", "SAMPLERTYPE_LINEAR_COLOR", "SAMPLERTYPE_LINEAR_GRAYSCALE"),
        *("SAMPLERTYPE_VIRTUAL_COLOR", "SAMPLERTYPE_VIRTUAL_GRAYSCALE", "SAMPLERTYPE_VIRTUAL_ALPHA"),
        *("SAMPLERTYPE_VIRTUAL_NORMAL", "SAMPLERTYPE_VIRTUAL_MASKS", "SAMPLERTYPE_VIRTUAL_LINEAR_COLOR"),
        "SAMPLERTYPE_VIRTUAL_LINEAR_GRAYSCALE",
    )


class MaterialParameterAssociation(EnumBase):
    values = ("GLOBAL_PARAMETER",)


class MultiBlockType(EnumBase):
    values = ("NONE", "MENU_ENTRY", "TOOL_BAR_BUTTON")


class SelectInfo(EnumBase):
    values = ("ON_MOUSE_CLICK", "DIRECT")


class SlateSizeRule(EnumBase):
    values = ("AUTOMATIC", "FILL")


class SlateVisibility(EnumBase):
    values = ("VISIBLE", "COLLAPSED")


class TextureAddress(EnumBase):
    values = ("TA_WRAP", "TA_CLAMP", "TA_MIRROR")


class TextureCompressionSettings(EnumBase):
    values = (
        *("TC_DEFAULT", "TC_NORMALMAP", "TC_MASKS", "TC_GRAYSCALE", "TC_HDR", "TC_HDR_COMPRESSED", "TC_HALF_FLOAT"),
        *("TC_SINGLE_FLOAT", "TC_HDR_F32", "TC_ALPHA"),
    )


class TextureFilter(EnumBase):
    values = ("TF_NEAREST", "TF_BILINEAR", "TF_TRILINEAR", "TF_DEFAULT")


class TextureGroup(EnumBase):
    values = ("TEXTUREGROUP_WORLD", "TEXTUREGROUP_WORLD_NORMAL_MAP", "TEXTUREGROUP_WORLD_SPECULAR")


class TextureMipGenSettings(EnumBase):
    values = ("TMGS_FROM_TEXTURE_GROUP", "TMGS_NO_MIPMAPS")


class TexturePowerOfTwoSetting(EnumBase):
    values = ("NONE", "PAD_TO_POWER_OF_TWO", "STRETCH_TO_POWER_OF_TWO", "STRETCH_TO_SQUARE_POWER_OF_TWO")


class TextureSourceEncoding(EnumBase):
    values = ("TSE_NONE", "TSE_S_RGB")


class ToolMenuStringCommandType(EnumBase):
    values = ("COMMAND", "PYTHON")


class ToolMenuInsertType(EnumBase):
    values = ("DEFAULT",)


class AppMsgCategory(EnumBase):
    values = ("WARNING",)


class PropertyAccessChangeNotifyMode(EnumBase):
    values = ("DEFAULT", "NEVER", "ALWAYS")


# Structures.


class Vector2D(StructBase):
    attributes = {"x": "float", "y": "float"}


class IntPoint(StructBase):
    attributes = {"x": "int", "y": "int"}


class Vector4(StructBase):
    attributes = {"x": "float", "y": "float", "z": "float", "w": "float"}


class LinearColor(StructBase):
    attributes = {"r": "float", "g": "float", "b": "float", "a": "float"}


class Margin(StructBase):
    attributes = {"left": "float", "top": "float", "right": "float", "bottom": "float"}


class Anchors(StructBase):
    attributes = {"minimum": "Vector2D", "maximum": "Vector2D"}


class SlateChildSize(StructBase):
    attributes = {"value": "float", "size_rule": "SlateSizeRule"}


class FilePath(StructBase):
    attributes = {"file_path": "str"}


class DirectoryPath(StructBase):
    attributes = {"path": "str"}


class TextureSourceColorSettings(StructBase):
    attributes = {"encoding_override": "TextureSourceEncoding"}


class ToolMenuInsert(StructBase):
    attributes = {"name": "Name", "position": "ToolMenuInsertType"}


class EditorDialogLibraryObjectDetailsViewOptions(StructBase):
    attributes = {
        **{"show_object_name": "bool", "allow_search": "bool", "allow_resizing": "bool"},
        **{"min_width": "int", "min_height": "int", "value_column_width_ratio": "float"},
    }


class ToolMenuEntry(StructBase):
    attributes = {"name": "Name", "type": "MultiBlockType"}

    def set_label(self, label: "Text"):
        object.__setattr__(self, "_label", label)

    def set_tool_tip(self, tool_tip: "Text"):
        object.__setattr__(self, "_told", tool_tip)

    def set_icon(self, style_set_name: "Name", style_name: "Name" = "None", small_style_name: "Name" = "None"):
        object.__setattr__(self, "_icon", (style_set_name, style_name))

    def set_string_command(self, type: "ToolMenuStringCommandType", custom_type: "Name", string: "str"):
        object.__setattr__(self, "_command", string)


# Textures and assets.


class AssetImportData(Object):
    def extract_filenames(self):
        return list(self._files)


class Texture(Object):
    pass


class Texture2D(Texture):
    editor = {
        **{"compression_settings": "TextureCompressionSettings", "srgb": "bool", "lod_group": "TextureGroup"},
        **{"flip_green_channel": "bool", "address_x": "TextureAddress", "address_y": "TextureAddress"},
        **{"filter": "TextureFilter", "mip_gen_settings": "TextureMipGenSettings"},
        **{"virtual_texture_streaming": "bool", "source_color_settings": "TextureSourceColorSettings"},
        **{"asset_import_data": "AssetImportData", "power_of_two_mode": "TexturePowerOfTwoSetting"},
        **{"max_texture_size": "int32", "lod_bias": "int32", "never_stream": "bool", "compression_no_alpha": "bool"},
        **{"do_scale_mips_for_alpha_coverage": "bool", "alpha_coverage_thresholds": "Vector4"},
        **{"adjust_brightness": "float", "adjust_brightness_curve": "float", "adjust_vibrance": "float"},
        **{"adjust_saturation": "float", "adjust_rgb_curve": "float", "adjust_hue": "float"},
        **{"adjust_min_alpha": "float", "adjust_max_alpha": "float"},
    }

    def __init__(self):
        super().__init__()
        self._source = None  # file with the pixels of its source
        self._values["srgb"] = True
        self._values["asset_import_data"] = AssetImportData()
        self._values["asset_import_data"]._files = []

    def _changed(self, name):
        if name == "compression_settings" and self._values[name] in (
            TextureCompressionSettings.TC_NORMALMAP,
            TextureCompressionSettings.TC_MASKS,
        ):
            self._values["srgb"] = False

    def blueprint_get_size_x(self):
        return self._size()[0]

    def blueprint_get_size_y(self):
        return self._size()[1]

    def _size(self):
        """Size of the source in pixels, as its PNG states it."""
        png = self._source and Path(self._source).suffix == ".png"
        return struct.unpack(">II", Path(self._source).read_bytes()[16:24]) if png else (8, 8)

    def _has_mips(self):
        """Whether Unreal builds mipmaps, without which a texture shimmers and is never streamed."""
        modes = TexturePowerOfTwoSetting
        powers = all(size & (size - 1) == 0 for size in self._size())
        return powers or self._values["power_of_two_mode"] is not modes.NONE

    def _sampler(self):
        """How Unreal wants this texture to be sampled."""
        plain = self._plain_sampler()
        if not self._values["virtual_texture_streaming"]:
            return plain
        return getattr(MaterialSamplerType, plain._name.replace("SAMPLERTYPE_", "SAMPLERTYPE_VIRTUAL_"))

    def _plain_sampler(self):
        compression, srgb = self._values["compression_settings"], self._values["srgb"]
        if compression is TextureCompressionSettings.TC_NORMALMAP:
            return MaterialSamplerType.SAMPLERTYPE_NORMAL
        if compression is TextureCompressionSettings.TC_MASKS:
            return MaterialSamplerType.SAMPLERTYPE_MASKS
        if compression is TextureCompressionSettings.TC_ALPHA:
            return MaterialSamplerType.SAMPLERTYPE_ALPHA
        if compression is TextureCompressionSettings.TC_GRAYSCALE:
            gray, linear = MaterialSamplerType.SAMPLERTYPE_GRAYSCALE, MaterialSamplerType.SAMPLERTYPE_LINEAR_GRAYSCALE
            return gray if srgb else linear
        return MaterialSamplerType.SAMPLERTYPE_COLOR if srgb else MaterialSamplerType.SAMPLERTYPE_LINEAR_COLOR


class LightMapTexture2D(Texture2D):
    pass


class Factory(Object):
    pass


class MaterialFactoryNew(Factory):
    pass


class MaterialInstanceConstantFactoryNew(Factory):
    pass


class EditorUtilityWidgetBlueprintFactory(Factory):
    editor = {"parent_class": "type(Class)"}


class AssetImportTask(Object):
    editor = {
        **{"filename": "str", "destination_path": "str", "destination_name": "str", "automated": "bool"},
        **{"replace_existing": "bool", "save": "bool", "imported_object_paths": "Array[str]"},
    }


class AssetExportTask(Object):
    editor = {
        **{"object": "Object", "filename": "str", "exporter": "Exporter", "automated": "bool", "prompt": "bool"},
        **{"replace_identical": "bool"},
    }


class Exporter(Object):
    @classmethod
    def run_asset_export_task(cls, task: "AssetExportTask"):
        values = task._values
        source, target = values["object"]._source, Path(values["filename"])
        suffix = {"TextureExporterPNG": ".png", "TextureExporterEXR": ".exr"}[type(values["exporter"]).__name__]
        if source is None or target.suffix != suffix or Path(source).suffix != suffix:
            return False
        shutil.copyfile(source, target)
        return True


class TextureExporterPNG(Exporter):
    pass


class TextureExporterEXR(Exporter):
    pass


class AssetTools(Object):
    def import_asset_tasks(self, import_tasks: "Array[AssetImportTask]"):
        for task in import_tasks:
            values = task._values
            file = Path(values["filename"])
            kind = {".jpeg": "JPG"}.get(file.suffix.lower(), file.suffix[1:].upper())
            interchange = world.console.get(f"Interchange.FeatureFlags.Import.{kind}", False)
            # Interchange waits for tasks of the game thread, which Slate's callbacks block.
            assert not (interchange and world.depth), "Interchange import in a frame of Slate's"
            name = file.stem if interchange else values["destination_name"]
            path = f"{values['destination_path']}/{name}"
            readable = file.is_file() and file.read_bytes()[:8] in (b"\x89PNG\r\n\x1a\n", b"v/1\x01\x02\x00\x00\x00")
            if not readable or re.search(r"[._]1\d{3}$", file.stem) or path in world.objects:
                continue
            texture = Texture2D()
            texture._source = str(file)
            texture._values["asset_import_data"]._files = [str(file)]
            texture._values["virtual_texture_streaming"] = world.auto_virtual
            _store(texture, path)
            values["imported_object_paths"] = [texture.get_path_name()]

    def create_asset(
        self, asset_name: "str", package_path: "str", asset_class: "Class", factory: "Factory",
        calling_context: "Name" = "None",
    ):  # fmt: skip
        path = f"{package_path}/{asset_name}"
        if path in world.objects:
            return None
        made = asset_class()
        if isinstance(made, EditorUtilityWidgetBlueprint):
            if factory._values["parent_class"] is not EditorUtilityWidget:
                return None
            if world.default_root:
                made._tree[f"{world.default_root}_0"] = globals()[world.default_root]()
        return _store(made, path)


class AssetToolsHelpers(Object):
    @classmethod
    def get_asset_tools(cls):
        return AssetTools()


class AssetRegistry(Object):
    def is_loading_assets(self):
        return world.loading > 0


class AssetRegistryHelpers(Object):
    @classmethod
    def get_asset_registry(cls):
        return AssetRegistry()


class EditorSubsystem(Object):
    pass


class UDIMTextureFunctionLibrary(Object):
    @classmethod
    def make_udim_virtual_texture_from_texture2_ds(
        cls, output_path_name: "str", source_textures: "Array[Texture2D]", block_coords: "Array[IntPoint]",
        keep_existing_settings: "bool" = False, check_out_and_save: "bool" = False,
    ):  # fmt: skip
        if output_path_name in world.objects or len(source_textures) != len(block_coords) or not source_textures:
            return None
        texture = Texture2D()
        texture._source = source_textures[0]._source
        texture._blocks = {
            (place.x, place.y): one._source for one, place in zip(source_textures, block_coords, strict=True)
        }
        texture._values["virtual_texture_streaming"] = True
        return _store(texture, output_path_name)


class EditorAssetSubsystem(EditorSubsystem):
    def does_asset_exist(self, asset_path: "str"):
        return asset_path in world.objects

    def load_asset(self, asset_path: "str"):
        return world.objects.get(asset_path)

    def save_loaded_asset(self, asset_to_save: "Object", only_if_is_dirty: "bool" = True):
        root = {"Game": world.project / "Content", "Matshot": world.project / "Plugins" / "Matshot" / "Content"}
        mount, _, inner = asset_to_save._path[1:].partition("/")
        try:
            (root[mount] / f"{inner}.uasset").parent.mkdir(parents=True, exist_ok=True)
            (root[mount] / f"{inner}.uasset").write_bytes(b"asset")
        except OSError:
            return False
        world.saved.add(asset_to_save._path)
        return True

    def delete_loaded_asset(self, asset_to_delete: "Object"):
        return world.objects.pop(asset_to_delete._path, None) is not None

    def set_dirty_flag(self, object: "Object", dirty_state: "bool"):
        object._dirty = dirty_state
        return True

    def checkout_loaded_asset(self, asset_to_checkout: "Object"):
        if asset_to_checkout._path in world.locked:
            return False
        world.checked_out.append(asset_to_checkout._path)
        return True

    def find_package_referencers_for_asset(self, asset_path: "str", load_assets_to_confirm: "bool" = False):
        texture = world.objects[asset_path]
        return [
            path
            for path, one in world.objects.items()
            if texture in getattr(one, "_set_values", {}).values()
            or any(node._values.get("texture") is texture for node in getattr(one, "_nodes", ()))
        ]


class SourceControl(Object):
    @classmethod
    def is_enabled(cls):
        return world.source_control


class ActorComponent(Object):
    pass


class SceneComponent(ActorComponent):
    pass


class PrimitiveComponent(SceneComponent):
    def __init__(self, slots=()):
        super().__init__()
        self._slots = dict.fromkeys(slots)

    def get_num_materials(self):
        return len(self._slots)

    def get_material_slot_names(self):
        return list(self._slots)

    def set_material(self, element_index: "int", material: "MaterialInterface"):
        assert world.open_transactions, "an actor is changed outside of a transaction"
        self._slots[list(self._slots)[element_index]] = material


class MeshComponent(PrimitiveComponent):
    pass


class Actor(Object):
    def __init__(self, *components):
        super().__init__()
        self._components = components

    def get_components_by_class(self, component_class: "Class" = ActorComponent):
        return [one for one in self._components if isinstance(one, component_class)]


class EditorActorSubsystem(EditorSubsystem):
    def get_selected_level_actors(self):
        return list(world.actors)


class EditorAssetLibrary(Object):
    @classmethod
    def sync_browser_to_objects(cls, asset_paths: "Array[str]"):
        world.shown = list(asset_paths)


class LevelEditorSubsystem(EditorSubsystem):
    def is_in_play_in_editor(self):
        return world.playing


class Paths(Object):
    @classmethod
    def project_content_dir(cls):
        return f"{world.project}/Content/"

    @classmethod
    def project_saved_dir(cls):
        return f"{world.project}/Saved/"

    @classmethod
    def convert_relative_path_to_full(cls, path: "str", base_path: "str" = ""):
        return path


class PlayerController(Object):
    pass


class SystemLibrary(Object):
    @classmethod
    def get_frame_count(cls):
        return world.frame

    @classmethod
    def get_console_variable_bool_value(cls, variable_name: "str"):
        return world.console.get(variable_name, False)

    @classmethod
    def execute_console_command(
        cls, world_context_object: "Object", command: "str", specific_player: "PlayerController" = None
    ):
        name, value = command.split()
        world.console[name] = value == "1"

    @classmethod
    def get_command_line(cls):
        return world.command_line

    @classmethod
    def get_engine_version(cls):
        return "5.6.0-43139311+++UE5+Release-5.6"


class RenderingLibrary(Object):
    @classmethod
    def import_file_as_texture2d(cls, world_context_object: "Object", filename: "str"):
        texture = Texture2D()
        texture._source = filename
        return texture if Path(filename).is_file() else None


def _store(asset, path):
    # Imports go on after the transaction, and undo would remove half of an asset.
    assert not world.open_transactions, f"{path} is created in a transaction"
    asset._path = path
    world.objects[path] = asset
    return asset


# Materials. Names of inputs are the short ones that the material editor shows, which is what connecting goes by.


class MaterialInterface(Object):
    pass


class Material(MaterialInterface):
    editor = {"blend_mode": "BlendMode"}

    def __init__(self):
        super().__init__()
        self._nodes, self._inputs, self._compiled = [], {}, False


class MaterialInstanceConstant(MaterialInterface):
    def __init__(self):
        super().__init__()
        self._parent, self._set_values, self._updated = None, {}, False


class MaterialExpression(Object):
    inputs = ()
    outputs = {"": None}  # name -> number of components, None where it depends on inputs

    def __init__(self):
        super().__init__()
        self._joined = {}

    def width(self, output):
        """Number of components of an output; refuses what the shader compiler would."""
        return self.outputs[output]


class MaterialExpressionTextureSampleParameter2D(MaterialExpression):
    editor = {
        **{"parameter_name": "Name", "group": "Name", "texture": "Texture"},
        **{"sampler_type": "MaterialSamplerType"},
    }
    inputs = ("UVs",)
    outputs = {"RGB": 3, "R": 1, "G": 1, "B": 1, "A": 1, "RGBA": 4}

    def width(self, output):
        assert _joined_width(self, "UVs") == 2
        assert self._values["texture"]._sampler() is self._values["sampler_type"], self._values["parameter_name"]
        return self.outputs[output]


class MaterialExpressionScalarParameter(MaterialExpression):
    editor = {"parameter_name": "Name", "group": "Name", "default_value": "float"}
    outputs = {"": 1}


class MaterialExpressionConstant(MaterialExpression):
    attributes = {"r": "float"}
    outputs = {"": 1}


class MaterialExpressionConstant3Vector(MaterialExpression):
    attributes = {"constant": "LinearColor"}
    outputs = {"": 3}


class MaterialExpressionTextureCoordinate(MaterialExpression):
    outputs = {"": 2}


class MaterialExpressionVertexNormalWS(MaterialExpression):
    outputs = {"": 3}


class MaterialExpressionAppendVector(MaterialExpression):
    inputs = ("A", "B")

    def width(self, output):
        total = _joined_width(self, "A") + _joined_width(self, "B")
        assert total <= 4
        return total


class _Arithmetic(MaterialExpression):
    inputs = ("A", "B")

    def width(self, output):
        widths = {_joined_width(self, "A"), _joined_width(self, "B")}
        assert len(widths) == 1 or 1 in widths, widths
        return max(widths)


class MaterialExpressionMultiply(_Arithmetic):
    pass


class MaterialExpressionSubtract(_Arithmetic):
    pass


class _Unary(MaterialExpression):
    inputs = ("",)

    def width(self, output):
        return _joined_width(self, "")


class MaterialExpressionSaturate(_Unary):
    pass


class MaterialExpressionSine(_Unary):
    editor = {"period": "float"}


class MaterialExpressionCosine(_Unary):
    editor = {"period": "float"}


class MaterialExpressionStaticSwitchParameter(MaterialExpression):
    editor = {"parameter_name": "Name", "group": "Name", "default_value": "bool"}
    inputs = ("True", "False")

    def width(self, output):
        widths = {_joined_width(self, "True"), _joined_width(self, "False")}
        assert len(widths) == 1, widths
        return widths.pop()


def _joined_width(node, name):
    source, output = node._joined[name]
    return source.width(output)


class MaterialEditingLibrary(Object):
    @classmethod
    def create_material_expression(
        cls, material: "Material", expression_class: "Class", node_pos_x: "int" = 0, node_pos_y: "int" = 0
    ):
        node = expression_class()
        material._nodes.append(node)
        return node

    @classmethod
    def connect_material_expressions(
        cls, from_expression: "MaterialExpression", from_output_name: "str", to_expression: "MaterialExpression",
        to_input_name: "str",
    ):  # fmt: skip
        output = from_output_name or next(iter(from_expression.outputs))
        name = to_input_name or to_expression.inputs[0]
        if output not in from_expression.outputs or name not in to_expression.inputs:
            return False
        to_expression._joined[name] = (from_expression, output)
        return True

    @classmethod
    def connect_material_property(
        cls, from_expression: "MaterialExpression", from_output_name: "str", property_: "MaterialProperty"
    ):
        output = from_output_name or next(iter(from_expression.outputs))
        material = next(
            one for one in world.objects.values() if isinstance(one, Material) and from_expression in one._nodes
        )
        if output not in from_expression.outputs:
            return False
        material._inputs[property_] = (from_expression, output)
        return True

    @classmethod
    def layout_material_expressions(cls, material: "Material"):
        pass

    @classmethod
    def recompile_material(cls, material: "Material"):
        properties = MaterialProperty
        vectors = [properties.MP_BASE_COLOR, properties.MP_EMISSIVE_COLOR, properties.MP_NORMAL, properties.MP_TANGENT]
        vectors.append(getattr(properties, "MP_WORLD_POSITION_OFFSET", None))
        for slot, (node, output) in material._inputs.items():
            assert node.width(output) == (3 if slot in vectors else 1), slot
        names = [node._values["parameter_name"] for node in material._nodes if "parameter_name" in node._values]
        assert len(names) == len(set(names)), names
        material._compiled = True

    @classmethod
    def get_texture_parameter_names(cls, material: "MaterialInterface"):
        return _parameter_names(material, MaterialExpressionTextureSampleParameter2D)

    @classmethod
    def get_scalar_parameter_names(cls, material: "MaterialInterface"):
        return _parameter_names(material, MaterialExpressionScalarParameter)

    @classmethod
    def get_static_switch_parameter_names(cls, material: "MaterialInterface"):
        return _parameter_names(material, MaterialExpressionStaticSwitchParameter)

    @classmethod
    def get_material_instance_texture_parameter_value(
        cls, instance: "MaterialInstanceConstant", parameter_name: "Name",
        association: "MaterialParameterAssociation" = MaterialParameterAssociation.GLOBAL_PARAMETER,
    ):  # fmt: skip
        own = instance._set_values.get(parameter_name)
        return (
            own or _parameter(instance, parameter_name, MaterialExpressionTextureSampleParameter2D)._values["texture"]
        )

    @classmethod
    def set_material_instance_parent(cls, instance: "MaterialInstanceConstant", new_parent: "MaterialInterface"):
        instance._parent = new_parent

    @classmethod
    def set_material_instance_texture_parameter_value(
        cls, instance: "MaterialInstanceConstant", parameter_name: "Name", value: "Texture",
        association: "MaterialParameterAssociation" = MaterialParameterAssociation.GLOBAL_PARAMETER,
    ):  # fmt: skip
        node = _parameter(instance, parameter_name, MaterialExpressionTextureSampleParameter2D)
        assert value._sampler() is node._values["sampler_type"], parameter_name
        instance._set_values[parameter_name] = value
        return False

    @classmethod
    def set_material_instance_scalar_parameter_value(
        cls, instance: "MaterialInstanceConstant", parameter_name: "Name", value: "float",
        association: "MaterialParameterAssociation" = MaterialParameterAssociation.GLOBAL_PARAMETER,
    ):  # fmt: skip
        _parameter(instance, parameter_name, MaterialExpressionScalarParameter)
        instance._set_values[parameter_name] = value
        return False

    @classmethod
    def set_material_instance_static_switch_parameter_value(
        cls, instance: "MaterialInstanceConstant", parameter_name: "Name", value: "bool",
        association: "MaterialParameterAssociation" = MaterialParameterAssociation.GLOBAL_PARAMETER,
    ):  # fmt: skip
        _parameter(instance, parameter_name, MaterialExpressionStaticSwitchParameter)
        instance._set_values[parameter_name] = value
        return False

    @classmethod
    def update_material_instance(cls, instance: "MaterialInstanceConstant"):
        instance._updated = True


def _parameter_names(material, kind):
    """Names of parameters of a material, or of the parent of an instance."""
    while isinstance(material, MaterialInstanceConstant):
        material = material._parent
    return [node._values["parameter_name"] for node in material._nodes if isinstance(node, kind)]


def _parameter(instance, name, kind):
    return next(
        node for node in instance._parent._nodes if isinstance(node, kind) and node._values["parameter_name"] == name
    )


# Menus and dialogs.


class ToolMenu(Object):
    def __init__(self, name=""):
        super().__init__()
        self._name, self._sections = name, set()

    def add_section(
        self, section_name: "Name", label: "Text" = "", insert_name: "Name" = "None",
        insert_type: "ToolMenuInsertType" = ToolMenuInsertType.DEFAULT,
    ):  # fmt: skip
        self._sections.add(section_name)

    def add_sub_menu(self, owner: "Name", section_name: "Name", name: "Name", label: "Text", tool_tip: "Text" = ""):
        assert section_name in self._sections
        return ToolMenu(f"{self._name}.{name}")

    def add_menu_entry(self, section_name: "Name", args: "ToolMenuEntry"):
        assert section_name in self._sections
        bar = "StatusBar" in self._name
        assert args.type is (MultiBlockType.TOOL_BAR_BUTTON if bar else MultiBlockType.MENU_ENTRY)
        world.commands[self._name, args.name] = args._command
        world.labels[self._name, args.name] = (args._label, args._told)
        world.icons[self._name, args.name] = getattr(args, "_icon", None)


class ToolMenus(Object):
    @classmethod
    def get(cls):
        return ToolMenus()

    def extend_menu(self, name: "Name"):
        return ToolMenu(name)

    def refresh_all_widgets(self):
        pass

    def refresh_menu_widget(self, name: "Name"):
        return True

    def remove_entry(self, menu_name: "Name", section: "Name", name: "Name"):
        world.commands.pop((menu_name, name), None)
        world.labels.pop((menu_name, name), None)


class EditorDialog(Object):
    @classmethod
    def show_message(
        cls, title: "Text", message: "Text", message_type: "AppMsgType",
        default_value: "AppReturnType" = AppReturnType.NO, message_category: "AppMsgCategory" = AppMsgCategory.WARNING,
    ):  # fmt: skip
        if world.unattended:
            world.suppressed.append(message)
            return default_value
        assert not world.depth, f"a modal dialog in a frame of Slate's: {message}"
        world.messages.append(message)
        # A dialog runs Slate's frames while it is open.
        world.modal()
        return default_value

    @classmethod
    def show_object_details_view(
        cls, title: "Text", out_object: "Object",
        options: "EditorDialogLibraryObjectDetailsViewOptions" = EditorDialogLibraryObjectDetailsViewOptions(),  # noqa: B008
    ):  # fmt: skip
        if world.unattended:
            world.suppressed.append(title)
            return False
        world.dialogs.append((title, out_object))
        return world.answer(out_object)


# Widgets.


class MulticastDelegateBase(_Strict):
    def __init__(self):
        self._held = []

    def add_callable(self, callable: "Callable[..., Any]"):
        # Whoever binds a callable has to keep it, or its button goes dead.
        self._held.append(weakref.ref(callable))

    @property
    def _callables(self):
        return [held() for held in self._held if held() is not None]


class OnButtonClickedEvent(MulticastDelegateBase):
    pass


class _OnSelectionChanged(MulticastDelegateBase):
    pass


class PanelSlot(Object):
    pass


class CanvasPanelSlot(PanelSlot):
    def set_anchors(self, anchors: "Anchors"):
        self._anchors = anchors

    def set_offsets(self, offset: "Margin"):
        self._offsets = offset


class _BoxSlot(PanelSlot):
    def set_padding(self, padding: "Margin"):
        self._padding = padding

    def set_size(self, size: "SlateChildSize"):
        self._size = size


class HorizontalBoxSlot(_BoxSlot):
    pass


class VerticalBoxSlot(_BoxSlot):
    pass


class ButtonSlot(PanelSlot):
    pass


class Widget(Object):
    editor = {"slot": "PanelSlot"}
    _visibility = SlateVisibility.VISIBLE

    def set_visibility(self, visibility: "SlateVisibility"):
        self._visibility = visibility


class PanelWidget(Widget):
    room, slots = 1000, PanelSlot


class ContentWidget(PanelWidget):
    room = 1


class CanvasPanel(PanelWidget):
    slots = CanvasPanelSlot


class VerticalBox(PanelWidget):
    slots = VerticalBoxSlot


class HorizontalBox(PanelWidget):
    slots = HorizontalBoxSlot


class Button(ContentWidget):
    attributes = {"on_clicked": "OnButtonClickedEvent"}
    slots = ButtonSlot


class TextBlock(Widget):
    attributes = {"text": "Text"}

    def set_text(self, text: "Text"):
        self._values["text"] = text


class MultiLineEditableTextBox(Widget):
    attributes = {"text": "Text"}

    def set_text(self, text: "Text"):
        self._values["text"] = text

    def set_is_read_only(self, read_only: "bool"):
        self._read_only = read_only


class ProgressBar(Widget):
    def set_percent(self, percent: "float"):
        self._percent = percent


class ComboBoxString(Widget):
    attributes = {"on_selection_changed": "_OnSelectionChanged"}

    def __init__(self):
        super().__init__()
        self._options, self._selected = [], ""

    def clear_options(self):
        self._options.clear()

    def add_option(self, option: "str"):
        self._options.append(option)

    def set_selected_option(self, option: "str"):
        assert option in self._options
        if option != self._selected:
            self._selected = option
            for callback in self._values["on_selection_changed"]._callables:
                callback(option, SelectInfo.DIRECT)


class DetailsView(Widget):
    def set_object(self, new_object: "Object"):
        self._object = new_object


class Image(Widget):
    def set_brush_from_texture(self, texture: "Texture2D", match_size: "bool" = False):
        self._texture = texture

    def set_desired_size_override(self, desired_size: "Vector2D"):
        self._size = desired_size


class UserWidget(Widget):
    pass


class EditorUtilityWidget(UserWidget):
    def __init__(self):
        super().__init__()
        self._tree = {}

    def find_child_widget_by_name(self, widget_name: "Name"):
        return self._tree.get(widget_name) if world.finds else None


class Blueprint(Object):
    pass


class WidgetBlueprint(Blueprint):
    def __init__(self):
        super().__init__()
        self._tree, self._parents, self._compiled = {}, {}, None


class EditorUtilityWidgetBlueprint(WidgetBlueprint):
    pass


class BlueprintEditorLibrary(Object):
    @classmethod
    def compile_blueprint(cls, blueprint: "Blueprint"):
        blueprint._compiled = list(blueprint._tree)


class EditorUtilityLibrary(Object):
    @classmethod
    def get_selected_assets(cls):
        return list(world.selected)

    @classmethod
    def find_source_widget_by_name(cls, widget_blueprint: "WidgetBlueprint", widget_name: "Name"):
        return widget_blueprint._tree.get(widget_name)

    @classmethod
    def add_source_widget(
        cls, widget_blueprint: "WidgetBlueprint", widget_class: "Class", widget_name: "Name",
        widget_parent_name: "Name",
    ):  # fmt: skip
        tree = widget_blueprint._tree
        parent = tree.get(widget_parent_name)
        if widget_name in tree or (parent is None and tree) or not issubclass(widget_class, Widget):
            return None
        if parent is not None:
            children = [name for name, above in widget_blueprint._parents.items() if above == widget_parent_name]
            if not isinstance(parent, PanelWidget) or len(children) >= parent.room:
                return None
        made = tree[widget_name] = widget_class()
        widget_blueprint._parents[widget_name] = widget_parent_name
        made._values["slot"] = parent.slots() if parent is not None else None
        return made


class EditorUtilitySubsystem(EditorSubsystem):
    def spawn_and_register_tab_and_get_id(self, blueprint: "EditorUtilityWidgetBlueprint"):
        if not world.spawns:
            return None, "None"
        name = blueprint.get_name()
        if name not in world.tabs:
            world.tabs[name] = _spawned(blueprint)
        return world.tabs[name], name

    def find_utility_widget_from_blueprint(self, blueprint: "EditorUtilityWidgetBlueprint"):
        return world.tabs.get(blueprint.get_name())

    def close_tab_by_id(self, new_tab_id: "Name"):
        return world.tabs.pop(new_tab_id, None) is not None

    def register_and_execute_task(
        self, new_task: "EditorUtilityTask", optional_parent_task: "EditorUtilityTask" = None
    ):
        world.tasks.append(new_task)


def _spawned(blueprint):
    """What a tab holds: the widget as it was compiled."""
    widget = EditorUtilityWidget()
    for part in blueprint._compiled or ():
        made = widget._tree[part] = type(blueprint._tree[part])()
        if "text" in made._values:
            made._values["text"] = blueprint._tree[part]._values["text"]
    return widget


class EditorUtilityTask(Object):
    def __init__(self):
        super().__init__()
        self._text, self._cancel, self._finished = "", False, False

    def set_task_notification_text(self, text: "Text"):
        self._text = text

    def was_cancel_requested(self):
        return self._cancel

    def finish_executing_task(self, success: "bool" = True):
        assert not self._finished, "the task is finished twice"
        self._finished = True

    def get_task_title_override(self):
        return ""


# Classes made in Python.


class _Definition:
    def __init__(self, kind, meta):
        self.kind, self.meta = kind, meta


class _ArrayOf:
    def __init__(self, kind):
        self.kind = kind


def Array(type):
    return _ArrayOf(type)


def uproperty(type, meta=None, getter=None, setter=None):
    for key, value in (meta or {}).items():
        assert isinstance(key, str), key
        assert isinstance(value, str), value
    return _Definition(type, meta or {})


def uvalue(val, meta=None):
    return _Definition(val, meta or {})


def ufunction(meta=None, ret=None, params=None, override=None, static=None, pure=None, getter=None, setter=None):
    def mark(function):
        function.override = override
        return function

    return mark


def uclass():
    def generate(kind):
        assert issubclass(kind, Object)
        assert kind.__name__ not in globals(), f"{kind.__name__} is made twice"
        kind.attributes = {}
        for name, one in list(vars(kind).items()):
            if isinstance(one, _Definition):
                assert not hasattr(kind.__bases__[0], name), f"{name} is something else of Unreal's"
                kind.attributes[name] = _told(one.kind)
                delattr(kind, name)
                kind._metas = {**getattr(kind, "_metas", {}), name: one.meta}
            elif getattr(one, "override", None):
                assert hasattr(kind.__bases__[0], name), f"there is no {name} to override"
        globals()[kind.__name__] = kind
        return kind

    return generate


def uenum():
    def generate(kind):
        assert issubclass(kind, EnumBase)
        assert kind.__name__ not in globals(), f"{kind.__name__} is made twice"
        kind.values = tuple(name for name, one in vars(kind).items() if isinstance(one, _Definition))
        kind._metas = {name: vars(kind)[name].meta for name in kind.values}
        EnumBase.__init_subclass__.__func__(kind)
        globals()[kind.__name__] = kind
        return kind

    return generate


def _told(kind):
    return f"Array[{_told(kind.kind)}]" if isinstance(kind, _ArrayOf) else kind.__name__


# Functions of the module.


def _function(function):
    return _guarded(function, function.__name__)


@_function
def log(arg: "Any"):
    world.log.append(str(arg))


@_function
def log_warning(arg: "Any"):
    world.log.append(f"warning: {arg}")


@_function
def log_error(arg: "Any"):
    world.log.append(f"error: {arg}")


@_function
def new_object(
    type: "Union[Class, type]", outer: "Optional[Object]" = None, name: "Union[Name, str]" = "",
    base_type: "Optional[Object]" = None,
):  # fmt: skip
    assert type.__name__ in globals(), f"{type.__name__} is not known to Unreal"
    return type()


@_function
def is_editor():
    return world.editor


@_function
def get_editor_subsystem(subsystem: "Union[Class, type[_EditorSubsystemTypeVar]]"):
    assert issubclass(subsystem, EditorSubsystem)
    return subsystem()


@_function
def register_slate_post_tick_callback(callable: "Union[Callable[[float], None], DelegateBase]"):
    handle = object()
    world.ticks[handle] = callable
    return handle


@_function
def unregister_slate_post_tick_callback(handle: "object"):
    del world.ticks[handle]


@_function
def register_python_shutdown_callback(callable: "Callable[[], None]"):
    handle = object()
    world.shutdowns[handle] = callable
    return handle


@_function
def unregister_python_shutdown_callback(handle: "object"):
    del world.shutdowns[handle]


class ScopedSlowTask:
    def __init__(self, work: float, desc: str = "", enabled: bool = True):
        self._left = work

    def __enter__(self):
        world.slow.append(self)
        return self

    def __exit__(self, *error):
        return False

    def make_dialog(self, can_cancel: bool = False, allow_in_pie: bool = False):
        pass

    def enter_progress_frame(self, work: float = 1.0, desc: str = ""):
        self._left -= work
        assert self._left >= 0
        # A progress window runs Slate's frames, too.
        world.modal()


class ScopedEditorTransaction:
    def __init__(self, desc: str):
        self._title = desc

    def __enter__(self):
        world.open_transactions.append(self._title)
        return self

    def __exit__(self, *error):
        world.open_transactions.pop()
        return False


#: Not in Unreal before 5.6, as its documentation has it.
SINCE_5_6 = (
    (EditorUtilityLibrary, "add_source_widget"),
    (EditorUtilityLibrary, "find_source_widget_by_name"),
    (EditorUtilityWidget, "find_child_widget_by_name"),
    (MaterialProperty, "MP_WORLD_POSITION_OFFSET"),
)


def become_5_5():
    """Take away what Unreal 5.3 to 5.5 do not have."""
    for owner, name in SINCE_5_6:
        delattr(owner, name)
