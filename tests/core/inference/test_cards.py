"""Model cards and their registry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from matshot.errors import MatshotError
from matshot.inference.cards import SHIPPED, Card, Registry, installed, read_card, write_card

CARD = Card(
    name="sample",
    summary='says "hello"',
    task="upscale",
    method="network",
    scale=2,
    encoding="srgb",
    planes=3,
    receptive_field=7,
    grid=4,
    bytes_per_pixel=100,
    license="Apache-2.0",
    file="sample.onnx",
    sha256="00",
    opset=17,
    training={"data": ["a", "b"], "steps": 3},
    quality={"psnr_y": 33.5},
)


def test_a_card_survives_its_file(tmp_path: Path) -> None:
    write_card(CARD, tmp_path / "sample.toml")
    assert read_card(tmp_path / "sample.toml") == replace(CARD, folder=tmp_path)


@pytest.mark.parametrize("text", ["name = ", 'name = "sample"', 'colour = "blue"'])
def test_an_invalid_card_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "sample.toml").write_text(text)
    with pytest.raises(MatshotError, match="not valid"):
        read_card(tmp_path / "sample.toml")


def test_a_card_must_bear_its_files_name(tmp_path: Path) -> None:
    write_card(CARD, tmp_path / "other.toml")
    with pytest.raises(MatshotError, match="names another model"):
        read_card(tmp_path / "other.toml")


def test_a_failed_registration_leaves_the_registry_unchanged(tmp_path: Path) -> None:
    registry = Registry(SHIPPED)
    before = list(registry)
    write_card(CARD, tmp_path / "sample.toml")
    (tmp_path / "zz.toml").write_text("broken")
    with pytest.raises(MatshotError):
        registry.add(tmp_path)
    assert list(registry) == before


def test_missing_and_changed_files_are_noticed(tmp_path: Path) -> None:
    write_card(CARD, tmp_path / "sample.toml")
    card = read_card(tmp_path / "sample.toml")
    with pytest.raises(MatshotError, match="missing"):
        card.path()
    (tmp_path / "sample.onnx").write_bytes(b"not this")
    with pytest.raises(MatshotError, match="checksum"):
        card.path()


def test_unknown_model_names_those_there_are() -> None:
    with pytest.raises(MatshotError, match="fidelity_x4"):
        installed()["nothing"]


def test_users_folder_overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_card(CARD, tmp_path / "sample.toml")
    monkeypatch.setenv("MATSHOT_MODELS", str(tmp_path))
    assert installed()["sample"].folder == tmp_path


@pytest.mark.parametrize("card", list(installed()), ids=lambda card: card.name)
def test_shipped_cards_are_whole(card: Card) -> None:
    assert card.path().is_file()
    # What computes with products of features leaves the range of half precision, and has no such file.
    assert card.path(half=True).is_file() if card.half_file else card.task in ("refinement", "synthesis")
    assert card.license == "Apache-2.0"
    for key in ("data", "command", "seed", "losses"):
        assert card.training[key] not in ("", []), key
    assert card.quality, "a shipped model states what was measured"


def test_shipped_models_stay_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.glob("*.onnx")) < 60e6
