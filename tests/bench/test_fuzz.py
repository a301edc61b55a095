"""A short run of the fuzzing of headers, always with the same damage."""

from __future__ import annotations

from pathlib import Path

from bench.material.fuzz import attempts, seed_files


def test_damaged_headers_are_refused_or_kept(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    files = seed_files(tmp_path / "seeds", (".png", ".tif", ".exr", ".tga", ".bmp", ".webp", ".hdr"))
    found = attempts(files, tmp_path, seed=7, count=60)
    assert not [one for one in found if one[1].startswith("WRONG")]
    assert {said for _, said in found} >= {"refused", "kept"}
