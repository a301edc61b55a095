"""The one grammar of map names, for the core and all hosts."""

from __future__ import annotations

import pytest

from matshot_host.map_names import guess_name

ORM, METAL_SMOOTH = ("ao", "roughness", "metallic"), ("metallic", "", "", "gloss")

NAMES = [
    # name, kind or packing, base, variant
    ("brick_n", "normal", "brick", ""),
    ("p_normal_01", "normal", "p", "01"),
    ("wall_normal.001", "normal", "wall", "001"),
    ("wall_normal (1)", "normal", "wall", "1"),
    ("wall_normal_v02", "normal", "wall", ""),
    ("wall_normal_LOD0", "normal", "wall", ""),
    ("BrickNormal", "normal", "brick", ""),
    ("BrickBaseColor", "basecolor", "brick", ""),
    ("rock_NRM16", "normal", "rock", ""),
    ("Old Wall Normal Map", "normal", "old_wall", ""),
    ("Tiles05_COL_4K_METALNESS", "basecolor", "tiles05", ""),
    ("Tiles05_METALNESS_4K_METALNESS", "metallic", "tiles05", ""),
    ("Tiles05_ROUGHNESS_4K_METALNESS", "roughness", "tiles05", ""),
    ("Tiles05_NRM_METALNESS", "normal", "tiles05", ""),
    ("Tiles05_NRM16_4K_METALNESS", "normal", "tiles05", ""),
    ("Tiles05_DISP16_4K_METALNESS", "height", "tiles05", ""),
    ("wall_specular_roughness", "roughness", "wall", ""),
    ("wall_normal_camera", "normal", "wall", ""),
    ("Bricks001_COL_VAR2_3K", "basecolor", "bricks001", "2"),
    ("cloth_col_02_1k", "basecolor", "cloth", "02"),
    ("cloth_coll1_1k", "basecolor", "cloth", "1"),
    ("tk_2K_Cavity", "", "tk", ""),
    ("cloth_translucent_1k", "", "cloth", ""),
    ("tk_2K_Gloss", "gloss", "tk", ""),
    ("Floor_Smoothness", "gloss", "floor", ""),
    ("Rock_MaskMap", ("metallic", "ao", "", "gloss"), "rock", ""),
    ("Rock_MetallicSmoothness", METAL_SMOOTH, "rock", ""),
    ("T_Rock_MRA", ("metallic", "roughness", "ao"), "t_rock", ""),
    ("T_Rock_ORM", ORM, "t_rock", ""),
    ("Rock_OcclusionRoughnessMetallic", ORM, "rock", ""),
    ("Helmet_metalRoughness", ("", "roughness", "metallic"), "helmet", ""),
    ("rusty_metal_roughness", "roughness", "rusty_metal", ""),
    ("rusty-metal_metallic", "metallic", "rusty_metal", ""),
]


@pytest.mark.parametrize(("name", "wanted", "base", "variant"), NAMES)
def test_names_of_libraries(name, wanted, base, variant):
    guess = guess_name(name)
    assert guess is not None
    assert (guess.base, guess.variant) == (base, variant)
    assert (guess.packing if isinstance(wanted, tuple) else guess.kind) == wanted


@pytest.mark.parametrize("name", ["photo", "IMG_1234", "n", "Bricks037", "normalize", "wall_1001", "holiday2"])
def test_other_names_say_nothing(name):
    assert guess_name(name) is None


@pytest.mark.parametrize("name", ["brick_n", "rusty_metal", "door_r", "left_arm", "face_mask", "river_flow"])
def test_words_of_ordinary_names_are_not_sure(name):
    guess = guess_name(name)
    assert guess is not None
    assert not guess.sure
