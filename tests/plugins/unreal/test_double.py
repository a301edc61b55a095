"""The double of Unreal, compared with the text of Epic's generated documentation, which Python cannot import."""

import functools
import importlib.metadata
import inspect
import os
import re
import threading
import zipfile
from pathlib import Path

import pytest

#: Version of the package with each version's documentation.
PACKAGES = {"5.6": "0.3", "5.5": "0.2.1"}
#: Parts of the double that are no names of Unreal's: base classes that save repetition, and what runs it.
OWN = {"World", "Array"}


@functools.cache
def documentation(version):
    """Text of every class and of every function of the module, or None where the package is not there."""
    text = _text(PACKAGES[version])
    if text is None:
        return None
    heads = list(re.finditer(r"^class (\w+)\((.*?)\):", text, re.M))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    classes = {head[1]: (head[2], text[head.start() : end]) for head, end in zip(heads, ends, strict=True)}
    functions = dict(re.findall(r"^def (\w+)\((.*)\).*:$", text, re.M))
    return classes, functions


def _text(package):
    folder = os.environ.get("MATSHOT_UNREAL_STUBS")
    wheels = list(Path(folder).glob(f"unreal_stub-{package}-*.whl")) if folder else []
    if wheels:
        with zipfile.ZipFile(wheels[0]) as archive:
            return archive.read("unreal/unreal.py").decode("utf-8-sig").replace("\r\n", "\n")
    try:
        found = importlib.metadata.distribution("unreal-stub")
    except importlib.metadata.PackageNotFoundError:
        return None
    return Path(found.locate_file("unreal/unreal.py")).read_text("utf-8-sig") if found.version == package else None


@pytest.fixture(params=["5.6", "5.5"])
def version(request):
    if documentation(request.param) is None:
        pytest.skip(
            f"unreal-stub {PACKAGES[request.param]} (Unreal {request.param}) is neither installed nor in the folder "
            "$MATSHOT_UNREAL_STUBS, where 'pip download --no-deps unreal-stub==VERSION' puts it"
        )
    return request.param


@pytest.fixture
def double(version, fresh_double):
    made = fresh_double()
    if version == "5.5":
        made.become_5_5()
    return made


def classes_of(double):
    return [
        kind
        for name, kind in vars(double).items()
        if inspect.isclass(kind) and kind.__module__ == "unreal" and name not in OWN and not name.startswith("_")
    ]


def lineage(classes, name):
    while name in classes:
        yield classes[name][1]
        name = classes[name][0].split(",")[0].strip()


def arguments_of(text):
    """Names and types of arguments, without receivers and defaults' values."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "[(") - (sign in "])")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    found = []
    for part in parts:
        name, _, wanted = part.partition("=")[0].partition(":")
        found.append((name.strip(), wanted.strip(), "=" in part))
    return [one for one in found if one[0] not in ("self", "cls", "")]


def own_arguments(function):
    signature = inspect.signature(inspect.unwrap(function))
    empty = inspect.Parameter.empty
    return [
        (name, one.annotation if isinstance(one.annotation, str) else "", one.default is not empty)
        for name, one in signature.parameters.items()
        if name not in ("self", "cls")
    ]


def test_classes_and_bases(version, double):
    classes, _ = documentation(version)
    for kind in classes_of(double):
        if kind.__name__ in ("StructBase", "EnumBase", "MulticastDelegateBase"):
            continue
        assert kind.__name__ in classes, kind
        if kind.__name__ in ("ScopedSlowTask", "ScopedEditorTransaction", "Object"):
            continue
        above = next((base.__name__ for base in kind.__mro__[1:] if not base.__name__.startswith("_")), "")
        lines = [re.match(r"class (\w+)", text)[1] for text in lineage(classes, kind.__name__)]
        assert above in lines, (kind, above, lines)


def test_methods_and_arguments(version, double):
    classes, _ = documentation(version)
    checked = 0
    for kind in classes_of(double):
        for name, member in vars(kind).items():
            function = member.__func__ if isinstance(member, classmethod) else member
            # What nodes compute for the double's compiler is the only method of its own that has a plain name.
            if not inspect.isfunction(function) or name.startswith("_") or name == "width":
                continue
            found = None
            for text in lineage(classes, kind.__name__):
                found = re.search(rf"^(    @classmethod\n)?    def {name}\((.*)\) ->", text, re.M)
                if found:
                    break
            assert found, f"{kind.__name__}.{name} is not in Unreal {version}"
            assert bool(found[1]) == isinstance(member, classmethod), (kind, name)
            documented, own = arguments_of(found[2]), own_arguments(function)
            if (kind.__name__, name) == ("EditorUtilityTask", "finish_executing_task") and version == "5.5":
                assert documented == []
                continue
            assert [one[0] for one in own] == [one[0] for one in documented[: len(own)]], (kind, name)
            # Versions add arguments with defaults at the end; the plug-in uses what both have.
            assert all(one[2] for one in documented[len(own) :]), (kind, name)
            for mine, theirs in zip(own, documented, strict=False):
                assert mine[2] == theirs[2], (kind, name, mine)
                assert not mine[1] or mine[1] == theirs[1], (kind, name, mine, theirs)
            checked += 1
    assert checked > 70


def test_properties_and_their_types(version, double):
    classes, _ = documentation(version)
    checked = 0
    for kind in classes_of(double):
        for which in ("attributes", "editor"):
            for name, wanted in vars(kind).get(which, {}).items():
                found = None
                for text in lineage(classes, kind.__name__):
                    if which == "attributes":
                        found = re.search(rf"^    @property\n    def {name}\(self\) -> (.*):", text, re.M)
                    else:
                        found = re.search(rf"^    - ``{name}`` \((.*?)\):  \[Read", text, re.M)
                        found = found or re.search(rf"^    @property\n    def {name}\(self\) -> (.*):", text, re.M)
                    if found:
                        break
                assert found, f"{kind.__name__}.{name} is not in Unreal {version}"
                if not wanted.startswith("_"):
                    assert found[1] == wanted, (kind, name)
                checked += 1
    assert checked > 70


def test_values_of_enumerations(version, double):
    classes, _ = documentation(version)
    for kind in classes_of(double):
        if kind.__mro__[1].__name__ == "EnumBase":
            for name in [name for name in kind.values if name in vars(kind)]:
                assert re.search(rf"^    {name}: {kind.__name__}\b", classes[kind.__name__][1], re.M), (kind, name)


def test_functions_of_the_module(version, double):
    _, functions = documentation(version)
    names = ["log", "log_warning", "log_error", "new_object", "get_editor_subsystem", "uclass", "uenum", "uvalue"]
    names += ["uproperty", "ufunction", "register_slate_post_tick_callback", "unregister_slate_post_tick_callback"]
    names += ["register_python_shutdown_callback", "unregister_python_shutdown_callback", "is_editor"]
    for name in names:
        assert [one[0] for one in own_arguments(getattr(double, name))] == [
            one[0] for one in arguments_of(functions[name])
        ], name


def test_what_is_missing_before_5_6(fresh_double):
    if documentation("5.5") is None or documentation("5.6") is None:
        pytest.skip("needs unreal-stub 0.3 and 0.2.1 in the folder $MATSHOT_UNREAL_STUBS")
    for kind, name in fresh_double().SINCE_5_6:
        pattern = rf"^    (def {name}\(|{name}: )"
        assert re.search(pattern, documentation("5.6")[0][kind.__name__][1], re.M), name
        assert not re.search(pattern, documentation("5.5")[0][kind.__name__][1], re.M), name


def test_the_double_is_strict(unreal):
    task = unreal.AssetImportTask()
    with pytest.raises(AttributeError):
        unreal.no_such_thing  # noqa: B018
    with pytest.raises(AttributeError):
        task.filename = "an editor property is not reached with a dot"
    with pytest.raises(Exception, match="Failed to find property 'file'"):
        task.set_editor_property("file", "wall.png")
    with pytest.raises(TypeError, match="filename is str"):
        task.set_editor_property("filename", 1)
    with pytest.raises(TypeError, match="message"):
        unreal.EditorDialog.show_message(title="a", text="b")
    with pytest.raises(TypeError, match="message_type is AppMsgType"):
        unreal.EditorDialog.show_message("a", "b", "OK")


def test_the_double_refuses_other_threads(unreal):
    refused = []

    def call():
        for attempt in (lambda: unreal.log("x"), lambda: unreal.EditorAssetSubsystem().does_asset_exist("/Game/X")):
            try:
                attempt()
            except RuntimeError as error:
                refused.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert len(refused) == 2
    assert "off the main thread" in refused[0]
