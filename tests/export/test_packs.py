"""Packs hold what training reads, are bounded, and are read like the folder that they were made of."""

import zipfile

import numpy as np
import OpenImageIO as oiio
import pytest
from typer.testing import CliRunner

from matshot_export.cli import app
from matshot_export.data import find_maps, load_map
from matshot_export.packs import training_folder, write_packs


@pytest.fixture
def data(tmp_path, waves, write_image):
    """Maps of 8 bits, one of 16, a JPEG, and files that training does not read."""
    brick = tmp_path / "data" / "materials" / "train" / "Brick"
    for seed, name in enumerate(("basecolor.png", "normal_gl.jpg", "preview.png")):
        write_image(brick / name, waves(seed))
    write_image(brick / "height.png", np.linspace(0, 65535, 64 * 64).reshape(64, 64, 1).astype(np.uint16))
    write_image(tmp_path / "data" / "materials" / "val" / "Stone" / "basecolor.png", waves(4))
    write_image(tmp_path / "data" / "photos" / "hill.jpg", waves(5))
    (tmp_path / "data" / "photos" / "notes.txt").write_text("not a photograph")
    return tmp_path / "data"


def test_what_is_packed_is_what_training_reads(data, tmp_path):
    packs = write_packs(data, tmp_path / "packs", megabytes=0.05)
    assert len(packs) > 1
    assert [pack.name for pack in packs][:1] == [f"pack-1-of-{len(packs)}.zip"]
    assert all(pack.stat().st_size <= 0.05 * 2**20 for pack in packs)
    with training_folder(tmp_path / "packs") as folder:
        for split, kind in (("train", "color"), ("train", "normal"), ("train", "data"), ("val", "color")):
            ours, theirs = find_maps(data, split, kind), find_maps(folder, split, kind)
            assert [p.relative_to(data) for p in ours] == [p.relative_to(folder) for p in theirs]
            for our, their in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(load_map(our, kind), load_map(their, kind))
        assert not list(folder.rglob("preview.png"))
        height = next(folder.rglob("height.png"))
        assert oiio.ImageInput.open(str(height)).spec().format == oiio.UINT8
    assert not folder.exists()


def test_the_same_data_give_the_same_bytes(data, tmp_path):
    first, again = (write_packs(data, tmp_path / name) for name in "ab")
    assert [pack.read_bytes() for pack in first] == [pack.read_bytes() for pack in again]


def test_a_folder_without_packs_is_read_as_it_is(data):
    with training_folder(data) as folder:
        assert folder == data


def test_nothing_is_half_packed(data, tmp_path):
    with pytest.raises(ValueError, match=r"holds at most 0\.01 MiB"):
        write_packs(data, tmp_path / "packs", megabytes=0.01)
    assert not list((tmp_path / "packs").iterdir())
    with pytest.raises(FileNotFoundError, match="No maps"):
        write_packs(tmp_path, tmp_path / "packs")
    packs = write_packs(data, tmp_path / "packs", megabytes=0.05)
    with pytest.raises(FileExistsError, match="holds packs already"):
        write_packs(data, tmp_path / "packs")
    packs[-1].unlink()
    with (
        pytest.raises(FileNotFoundError, match=rf"{packs[-1].name} is missing"),
        training_folder(tmp_path / "packs"),
    ):
        pass


def test_commands(data, tmp_path):
    run = CliRunner().invoke(app, ["pack", "--data", str(data), "--out", str(tmp_path / "packs")])
    assert run.output.startswith("Wrote ")
    with zipfile.ZipFile(tmp_path / "packs" / "pack-1-of-1.zip") as pack:
        assert len(pack.namelist()) == 5
    runs = tmp_path / "runs"
    found = CliRunner().invoke(
        app, ["train", "fidelity_x4", "--data", str(tmp_path / "packs"), "--runs", str(runs), "--device", "cpu"]
    )
    # The packs are read; what is missing are the weights that this recipe begins from.
    assert "train that first" in str(found.exception)
