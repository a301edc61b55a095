"""A short run of the fuzzing of headers, always with the same damage."""

from __future__ import annotations

from pathlib import Path

from bench.material.fuzz import attempts, outcome, sealed, seed_files


def test_damaged_headers_are_refused_or_kept(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    files = seed_files(tmp_path / "seeds", (".png", ".tif", ".exr", ".tga", ".bmp", ".webp", ".hdr"))
    found = attempts(files, tmp_path, seed=7, count=60)
    assert not [one for one in found if one[1].startswith("WRONG")]
    assert {said for _, said in found} >= {"refused", "kept"}


def test_a_channel_whose_name_is_not_text_is_kept(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    (file,) = [one for one in seed_files(tmp_path / "seeds", (".exr",)) if one.name == "float1.exr"]
    data = file.read_bytes()
    assert b"Y\0\x02\0\0\0" in data
    data = data.replace(b"Y\0\x02\0\0\0", b"\xc7\0\x02\0\0\0", 1)
    (tmp_path / "in.exr").write_bytes(data)
    assert not outcome(tmp_path / "in.exr", tmp_path).startswith("WRONG")


def test_a_changed_png_is_sealed_with_right_check_sums(tmp_path: Path) -> None:
    (file,) = [one for one in seed_files(tmp_path, (".png",)) if one.name == "uint83.png"]
    data = bytearray(file.read_bytes())
    assert sealed(bytes(data)) == data
    data[24] = 16  # bits of a sample: fewer pixels than the header claims
    assert sealed(bytes(data)) != data
    (tmp_path / "in.png").write_bytes(sealed(bytes(data)))
    assert not outcome(tmp_path / "in.png", tmp_path).startswith("WRONG")
