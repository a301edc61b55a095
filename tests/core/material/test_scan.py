"""What a tree of folders holds, as upscaling and batches see it."""

from __future__ import annotations

from pathlib import Path

from matshot.farm.units import listed
from matshot.material.folder import save_material
from matshot.material.scan import folder_contents
from matshot.shading.procedural import brick_material
from matshot.super_resolution import UpscaleOptions
from matshot.super_resolution.batch import planned
from matshot.super_resolution.files import FileOptions
from matshot_host.tools import UPSCALE


def tree(root: Path) -> Path:
    """A material, images beside it and below it, a hidden folder, and the results of an earlier run."""
    save_material(brick_material(16), root / "wall")
    image = (root / "wall" / "basecolor.png").read_bytes()
    for name in ("skin.1001.png", "skin.1002.png", "wall/below/rust.png", ".git/a.png", ".b.png", "out/c.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(image)
    (root / "readme.txt").write_text("text")
    return root


def test_folders_come_in_order_without_hidden_ones_and_the_output(tmp_path: Path) -> None:
    root = tree(tmp_path / "library")
    found = {str(one.place): one for one in folder_contents(root, root / "out")}
    assert list(found) == [".", "wall", "wall/below"]
    assert [one.name for one in found["."].images] == ["skin.1001.png", "skin.1002.png"]
    assert found["wall"].material is not None
    assert (found["."].material, found["wall/below"].material) == (None, None)
    assert [found[place].nested for place in found] == [True, True, False]
    assert all(one.material is None for one in folder_contents(root, root / "out", materials=False))


def test_a_material_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    root = tree(tmp_path / "library")
    (root / "wall" / "height.png").unlink()
    (broken,) = (one for one in folder_contents(root, root / "out") if one.error)
    assert str(broken.place) == "wall"
    assert "height.png" in str(broken.error)


def test_links_to_folders_are_looked_into_once(tmp_path: Path) -> None:
    root = tree(tmp_path / "library")
    (root / "wall" / "loop").symlink_to(root)
    other = tmp_path / "other"
    (other / "deeper").mkdir(parents=True)
    (other / "moss.png").write_bytes((root / "skin.1001.png").read_bytes())
    (root / "linked").symlink_to(other)
    found = [str(one.place) for one in folder_contents(root, root / "out")]
    assert sorted(found) == [".", "linked", "wall", "wall/below"]


def test_upscale_and_batch_find_the_same(tmp_path: Path) -> None:
    root = tree(tmp_path / "library")
    output = root / "out"
    tasks = planned([root], output, UpscaleOptions(), FileOptions())
    units = listed([root], output, UPSCALE, look=None, form="same", kind="auto").units
    files = {one for unit in units for one in unit.files.values() if one.suffix == ".png"}
    assert {task.source for task in tasks} == files
    assert {unit.key for unit in units} == {"wall/", "skin.<UDIM>.png", "wall/below/rust.png"}
