"""Materials in DDS and KTX2: written, read again, named where something is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

import matshot
from matshot.errors import MatshotError
from matshot.image.types import FileSource, Texture
from matshot.material.folder import load_material
from matshot.material.types import Material
from matshot.shading.procedural import brick_material


@pytest.fixture(scope="module")
def brick() -> Material:
    return brick_material(64)


def error(found: Material, wanted: Material, kind: str) -> float:
    return float(np.abs(found.maps[kind].pixels - wanted.maps[kind].pixels).mean())


@pytest.mark.parametrize("format_", ["dds", "ktx2"])
@pytest.mark.parametrize("convention", ["gl", "dx"])
def test_a_material_comes_back(tmp_path, brick, format_, convention):
    matshot.convert(brick, format=format_, normal=convention, output=tmp_path / "out")
    back = load_material(tmp_path / "out")
    assert {kind: texture.pixels.shape for kind, texture in back.maps.items()} == {
        kind: texture.pixels.shape for kind, texture in brick.maps.items()
    }
    assert max(error(back, brick, kind) for kind in ("basecolor", "roughness", "height")) < 0.02
    assert error(back, brick, "normal") < 0.03
    assert back.wrap == "xy"
    assert (tmp_path / "out" / f"normal_{convention}.{format_}").is_file()


def test_all_mips_are_there_and_roughness_is_raised(tmp_path, brick):
    matshot.convert(brick, format="dds", pack="orm", output=tmp_path)
    image = oiio.ImageInput.open(str(tmp_path / "orm.dds"))
    means = []
    for level in range(7):
        assert image.seek_subimage(0, level)
        assert image.spec().width == 64 >> level
        means.append(float(np.asarray(image.read_image(0, level, 1, 2, oiio.FLOAT)).mean()))
    image.close()
    assert means[4] > means[0] + 0.02


def test_small_is_half_the_size(tmp_path, brick):
    for compression in ("best", "small"):
        matshot.convert(brick, format="dds", compression=compression, output=tmp_path / compression)
    best, small = ((tmp_path / one / "basecolor.dds").stat().st_size for one in ("best", "small"))
    assert (best - 148) == 2 * (small - 148)


def test_light_is_stored_as_light(tmp_path):
    y, x = np.mgrid[0:16, 0:16]
    glow = np.stack([x / 2, y / 2, (x + y) / 4], axis=2).astype(np.float32)
    source = FileSource(Path("glow.exr"), "half")
    lamp = Material({"emission": Texture(glow, "linear", source=source)}, name="lamp")
    matshot.convert(lamp, format="ktx2", output=tmp_path)
    back = load_material(tmp_path).maps["emission"]
    assert (back.encoding, back.source.depth) == ("linear", "half")
    assert float(np.abs(back.pixels - glow).mean()) < 0.2
    assert float(back.pixels.max()) > 4


def test_templates_pack_every_mip(tmp_path, brick):
    (tmp_path / "studio.toml").write_text(
        'format = "dds"\nnormal = "dx"\n[[files]]\nname = "{name}_BC"\nrgb = "basecolor"\n'
        '[[files]]\nname = "{name}_N"\nrgb = "normal"\n[[files]]\nname = "{name}_H"\ngray = "height"\nformat = "png"\n'
        '[[files]]\nname = "{name}_ORM"\nr = "ao"\ng = "roughness"\nb = "metallic"\n'
    )
    matshot.convert(brick, template=str(tmp_path / "studio.toml"), output=tmp_path / "out")
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"bricks_BC.dds", "bricks_N.dds", "bricks_H.png", "bricks_ORM.dds", "material.json"}
    back = load_material(tmp_path / "out").unpacked()
    assert error(back, brick, "roughness") < 0.02
    assert error(back, brick, "normal") < 0.03
    image = oiio.ImageInput.open(str(tmp_path / "out" / "bricks_ORM.dds"))
    assert image.seek_subimage(0, 6)
    image.close()


def test_what_is_lost_is_named(tmp_path, brick):
    sources = {kind: FileSource(Path(f"{kind}.png"), "uint16") for kind in brick.maps}
    maps = {
        kind: replace(one, pixels=np.ascontiguousarray(one.pixels[:30, :30]), source=sources[kind])
        for kind, one in brick.maps.items()
    }
    made = matshot.convert(Material(maps, name="bricks"), format="dds", output=tmp_path)
    notes = " ".join(made.parameters["notes"])
    assert "30 x 30 is not a multiple of 4 pixels" in notes
    assert "height.dds: BC4 holds about 8 bits; height.png is uint16." in notes


def test_a_depth_is_refused(brick, tmp_path):
    with pytest.raises(MatshotError, match="DDS files have the depth of their codecs"):
        matshot.convert(brick, format="dds", depth="uint16", output=tmp_path)


def test_without_the_encoder_nothing_is_left(tmp_path, brick, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ispc_texcomp", None)
    with pytest.raises(MatshotError, match="matshot"):
        matshot.convert(brick, format="dds", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
