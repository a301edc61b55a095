"""Export templates: what they write is read back, and what has no place is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matshot.errors import MatshotError
from matshot.image.reader import read_texture
from matshot.image.types import Texture
from matshot.material.folder import load_material
from matshot.material.template import load_template, save_template, template_names, template_plan
from matshot.material.types import MapKind, Material
from matshot.shading.procedural import brick_material
from matshot.tools.convert import ConvertOptions, convert, form_notes

SIDE = 24


@pytest.fixture(scope="module")
def full() -> Material:
    """A material with every map but those of older workflows."""
    bricks = brick_material(SIDE)
    rng = np.random.default_rng(3)
    maps = dict(bricks.maps)
    scalars: tuple[MapKind, ...] = ("roughness", "metallic", "ao", "specular", "opacity", "height", "anisotropy")
    for kind in scalars:
        maps[kind] = Texture(rng.random((SIDE, SIDE, 1), dtype=np.float32) * 0.8 + 0.1, "data", "xy")
    maps["emission"] = Texture(rng.random((SIDE, SIDE, 3), dtype=np.float32), "srgb", "xy")
    return Material(maps, name="Old Wall", physical_size=(2.0, 2.0))


@pytest.mark.parametrize("name", template_names())
def test_what_a_template_writes_is_read_back(name: str, full: Material, tmp_path: Path) -> None:
    template = load_template(name)
    _, notes = template_plan(full, template)
    again = load_material(save_template(full, tmp_path / name, template))
    assert (again.name, again.wrap, again.physical_size) == ("Old Wall", "xy", (2.0, 2.0))
    named = " ".join(note for note in notes if "no place" in note)
    for kind, texture in full.maps.items():
        read = again.unpacked().maps
        if kind == "roughness" and "roughness" not in read:
            assert "gloss is roughness, inverted." in notes
            found = 1 - read["gloss"].pixels
        elif kind == "opacity" and kind not in read and read["basecolor"].alpha is not None:
            found = read["basecolor"].alpha
        elif kind in read:
            found = read[kind].color if kind == "basecolor" else read[kind].pixels
        else:
            assert kind in named
            continue
        assert kind not in named
        # Eight bits: half a step, and for the parts of a vector twice that before its length is 1 again.
        np.testing.assert_allclose(found, texture.pixels, atol=1.5 / 255 if kind == "normal" else 0.51 / 255)
    lost = {kind for kind in again.unpacked().maps if kind not in full.maps} - {"gloss"}
    assert not lost


@pytest.mark.parametrize("name", template_names())
def test_names_alone_say_what_files_hold(name: str, full: Material, tmp_path: Path) -> None:
    folder = save_template(full, tmp_path / "out", load_template(name))
    with_description = load_material(folder)
    (folder / "material.json").unlink()
    alone = load_material(folder)
    assert set(alone.maps) == set(with_description.maps)
    assert alone.name.lower().replace("_", " ").endswith("old wall")


def test_a_bare_material_gets_the_files_that_it_has(tmp_path: Path) -> None:
    wall = brick_material(SIDE)
    files, notes = template_plan(wall, load_template("unreal"))
    assert [one.name for one in files] == ["T_bricks_BC.png", "T_bricks_N.png", "T_bricks_ORM.png", "T_bricks_H.png"]
    assert "T_bricks_ORM.png: metallic is missing; the channel is 0." in notes
    folder = save_template(wall, tmp_path / "out", load_template("bedrock"))
    texts = json.loads((folder / "bricks.texture_set.json").read_text())
    assert texts["minecraft:texture_set"]["metalness_emissive_roughness"] == "bricks_mer"
    # Again into the same folder, which Matshot wrote.
    save_template(wall, tmp_path / "out", load_template("bedrock"))


def test_alpha_of_colors_becomes_opacity(full: Material, tmp_path: Path) -> None:
    color = full.maps["basecolor"]
    opacity = full.maps["opacity"].pixels
    maps = {**full.maps, "basecolor": color.with_pixels(np.concatenate([color.pixels, opacity], axis=2))}
    del maps["opacity"]
    folder = save_template(full.with_maps(maps), tmp_path / "out", load_template("blender"))
    alpha = read_texture(folder / "Old Wall_alpha.png", encoding="data")
    np.testing.assert_allclose(alpha.pixels, opacity, atol=0.51 / 255)
    assert read_texture(folder / "Old Wall_basecolor.png").pixels.shape[2] == 3


def test_the_tool_takes_a_template_of_ones_own(full: Material, tmp_path: Path) -> None:
    file = tmp_path / "studio.toml"
    file.write_text(
        'normal = "dx"\nsize = 12\n[[files]]\nname = "{name}_{resolution}_N"\nrgb = "normal"\nformat = "tga"\n'
        '[[files]]\nname = "{name}_RMA"\nr = "roughness"\ng = "metallic"\nb = "ao"\n'
    )
    options = ConvertOptions(template=str(file), normal="dx")
    made = convert(full, options)
    folder = save_template(made, tmp_path / "out", load_template(str(file)))
    assert {one.name for one in folder.iterdir()} == {"Old Wall_12x12_N.tga", "Old Wall_RMA.png", "material.json"}
    again = load_material(folder)
    np.testing.assert_allclose(again.maps["ao"].pixels, made.maps["ao"].pixels, atol=0.51 / 255)
    np.testing.assert_allclose(again.maps["normal"].pixels, made.maps["normal"].pixels, atol=1.5 / 255)
    assert any("studio has no place for basecolor" in note for note in form_notes(made, options))
    with pytest.raises(MatshotError, match="Channel Packing"):
        replace(options, pack="orm")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("files = 3", "has no files"),
        ("normal = 'up'", "Unknown normal of the template"),
        ("[[files]]\nname = 'wall'\nrgb = 'basecolor'", "need {name}"),
        ("[[files]]\nname = '../{name}'\nrgb = 'basecolor'", "need {name}"),
        ("[[files]]\nname = '{name.__class__}'\nrgb = 'basecolor'", "need {name}"),
        ("[[files]]\nname = '{name}_x'\nrgb = 'basecolour'", "Unknown map"),
        ("[[files]]\nname = '{name}_x'\nr = 'basecolor'", "does not fit into the one channel"),
        ("[[files]]\nname = '{name}_x'\nrgb = 'basecolor'\na = 'opacity'\nformat = 'jpg'", "JPG has no alpha"),
        ("[[files]]\nname = '{name}_x'\nred = 'ao'", "Unknown key"),
        ("[[files]]\nname = '{name}_x'\nrgb = 'normal'\ndepth = '12'", "Unknown depth"),
        ("size = -1", "whole number of pixels"),
        ("[[files]", "is not TOML"),
        ("texts = 3\n[[files]]\nname = '{name}_x'\nrgb = 'basecolor'", "as \\[\\[texts"),
    ],
)
def test_a_damaged_template_is_one_sentence(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(MatshotError, match=said):
        load_template(str(tmp_path / "mine.toml"))


def test_an_unknown_template_lists_the_known_ones() -> None:
    with pytest.raises(MatshotError, match=r"Unknown template 'unrel'. Choose from: ambientcg, .*, a .toml file"):
        load_template("unrel")


def test_a_template_of_ones_own_is_read_anew_when_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    for title in ("First", "Second"):
        file.write_text(f"title = '{title}'\n[[files]]\nname = '{{name}}_x'\nrgb = 'basecolor'")
        assert load_template(str(file)).title == title
