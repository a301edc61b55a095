import pytest


@pytest.fixture
def naming(plugin):
    return plugin("naming")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("old wall.v2", "old_wall_v2"), ("Mauer (süd)", "Mauer_süd"), ("///", "Material"), ("x" * 99, "x" * 60)],
)
def test_plain(naming, text, wanted):
    assert naming.asset_name(text) == wanted


def test_names_of_a_material(naming):
    assert naming.instance_name("Wall") == "MI_Wall"
    assert [naming.texture_name("Wall", kind) for kind in ("basecolor", "normal", "orm", "height")] == [
        *("T_Wall_BC", "T_Wall_N", "T_Wall_ORM", "T_Wall_H"),
    ]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("T_Wall_BC", "basecolor"), ("T_Wall_normal", "normal"), ("T_Wall_01", ""), ("Wall", ""), ("T_Wall_ORM", "orm")],
)
def test_map_of(naming, name, wanted):
    assert naming.map_of(name) == wanted


@pytest.mark.parametrize(
    ("name", "wanted"), [("T_Wall_BC", "Wall"), ("MI_Wall", "Wall"), ("Wall_2", "Wall_2"), ("T_", "T")]
)
def test_base_of(naming, name, wanted):
    assert naming.base_of(name) == wanted


def test_derived_names_end_with_their_map(naming):
    assert naming.derived_name("T_Wall_BC", "x4") == "T_Wall_x4_BC"
    assert naming.derived_name("wall", "Seamless") == "T_wall_Seamless"


def test_derived_names_are_no_tiles_of_a_set(naming):
    # Unreal takes a file that ends with _1001 for one of many UDIM tiles.
    assert naming.derived_name("T_Wall_1001", "x4") == "T_Wall_1001_x4"


def test_free(naming):
    there = {"A", "A_2"}
    assert naming.free_name("A", there.__contains__) == "A_3"
    assert naming.free_name("B", there.__contains__) == "B"
