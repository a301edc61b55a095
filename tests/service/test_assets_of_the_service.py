from __future__ import annotations

import hashlib
import io
import stat
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from service_double import Running, material_zip, picture, sentence, zip_of

from matshot.capture.camera_formats import stored_as_camera
from matshot.image.blocks import BC4, encoded_blocks
from matshot.image.ktx2 import ktx2_file
from matshot.image.reader import image_size
from matshot.service.inspector import _image
from matshot.service.refusal import Refusal


def leftovers(running: Running) -> list[Path]:
    """What of uploads lies about that became nothing."""
    return list((running.settings.data / "incoming").iterdir())


def test_an_upload_is_known_by_its_contents(running: Running) -> None:
    data = picture()
    first = running.client.post("/v1/assets?name=brick_n.png", content=data)
    second = running.client.post("/v1/assets", files={"file": ("other.png", data)})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"] == hashlib.sha256(data).hexdigest()
    assert first.json()["files"][0]["map"] == "normal"
    assert (second.json()["name"], second.json()["width"]) == ("other.png", 16)
    assert running.client.get(first.headers["location"]).json() == first.json()
    assert leftovers(running) == []


def test_files_come_back_as_they_were_and_as_pictures(running: Running, tmp_path: Path) -> None:
    data = picture(side=40, suffix=".exr")
    asset = running.client.get(f"/v1/assets/{running.send(data, 'wall.exr')}").json()
    whole = running.client.get(asset["files"][0]["href"])
    assert whole.content == data
    assert whole.headers["content-type"] == "image/x-exr"
    assert "attachment" in whole.headers["content-disposition"]
    for address, side in ((asset["files"][0]["href"] + "?side=20", 20), (asset["preview"], 40)):
        shown = running.client.get(address)
        assert shown.headers["content-type"] == "image/png"
        (tmp_path / "shown.png").write_bytes(shown.content)
        assert image_size(tmp_path / "shown.png")[:2] == (side, side)


def test_compressed_textures_are_accepted(running: Running) -> None:
    blocks = encoded_blocks(np.full((16, 16, 1), 90, np.uint8), BC4)
    data = ktx2_file([blocks], BC4, 16, 16, opaque=True)
    asset = running.client.get(f"/v1/assets/{running.send(data, 'height.ktx2')}").json()
    assert asset["width"] == 16
    whole = running.client.get(asset["files"][0]["href"])
    assert (whole.content, whole.headers["content-type"]) == (data, "image/ktx2")
    assert running.client.get(asset["preview"]).headers["content-type"] == "image/png"


@pytest.mark.parametrize("prefix", ["", "Wall/", "__MACOSX/../Wall/"])
def test_a_material_comes_as_zip(running: Running, prefix: str) -> None:
    answer = running.client.post("/v1/assets?name=Wall.zip", content=material_zip(prefix))
    if ".." in prefix:
        assert answer.status_code == 400
        return
    told = answer.json()
    assert (told["kind"], told["name"], answer.status_code) == ("material", "Wall", 201)
    assert [one["map"] for one in told["files"]] == ["basecolor", "normal", "roughness"]
    assert running.client.get(told["preview"]).headers["content-type"] == "image/png"


def test_a_material_is_the_same_packed_or_as_single_files(running: Running) -> None:
    packed = running.send(material_zip("Wall/"), "Wall.zip")
    with zipfile.ZipFile(io.BytesIO(material_zip())) as archive:
        parts = [("file", (name, archive.read(name))) for name in archive.namelist()]
    single = running.client.post("/v1/assets?name=Wall", files=parts)
    assert (single.status_code, single.json()["id"]) == (200, packed)
    assert single.json()["name"] == "Wall"


@pytest.mark.parametrize(
    "name",
    ["../../evil.png", "/etc/evil.png", "..\\evil.png", "C:evil.png", "a/../../evil.png"],
)
def test_a_zip_cannot_write_elsewhere(running: Running, name: str, tmp_path: Path) -> None:
    answer = running.client.post("/v1/assets", content=zip_of({"wall_basecolor.png": picture(), name: picture()}))
    assert answer.status_code == 400
    assert "outside" in sentence(answer)
    assert not list(tmp_path.rglob("*evil*"))
    assert leftovers(running) == []


def test_a_zip_cannot_hold_links(running: Running) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("wall_basecolor.png", picture())
        link = zipfile.ZipInfo("wall_normal.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    answer = running.client.post("/v1/assets", content=buffer.getvalue())
    assert (answer.status_code, "link" in sentence(answer)) == (400, True)


def test_a_description_cannot_name_other_files(running: Running) -> None:
    description = b'{"matshot": 1, "maps": {"basecolor": {"file": "../../../secret.png"}}}'
    answer = running.client.post("/v1/assets", content=zip_of({"material.json": description, "a.png": picture()}))
    assert (answer.status_code, "beside" in sentence(answer)) == (415, True)


def test_bombs_are_refused(start: Callable[..., Running]) -> None:
    running = start(unpacked=2**20, pixels=1000, files=4)
    bomb = zip_of({"wall_basecolor.png": bytes(8 * 2**20), "wall_normal.png": b""})
    assert len(bomb) < 20_000
    answer = running.client.post("/v1/assets", content=bomb)
    assert (answer.status_code, "larger than this service accepts" in sentence(answer)) == (413, True)
    many = zip_of({f"wall{number}_normal.png": b"x" for number in range(5)})
    assert running.client.post("/v1/assets", content=many).status_code == 413
    large = running.client.post("/v1/assets", content=picture(side=40))
    assert large.status_code == 413
    assert sentence(large) == "upload has 1,600 pixels; this service's limit is 1,000 per image."
    inside = zip_of({"wall_basecolor.png": picture(side=40), "wall_normal.png": picture(side=40)})
    assert running.client.post("/v1/assets", content=inside).status_code == 413
    assert leftovers(running) == []


def test_a_header_that_lies_takes_no_memory(running: Running) -> None:
    """A PNG of a few bytes that says it has 10^10 pixels."""
    data = bytearray(picture())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    answer = running.client.post("/v1/assets", content=bytes(data))
    assert answer.status_code in (400, 413)
    assert leftovers(running) == []


@pytest.mark.parametrize(
    ("data", "name", "status"),
    [
        (b"", "brick.png", 400),
        (b"no image", "brick.png", 415),
        (b"<svg onload='alert(1)'/>", "brick.png", 415),
        (b"\x89PNG\r\n\x1a\n", "brick.png", 400),
        (picture()[:-20], "brick.png", 400),
        (material_zip()[:-30], "wall.zip", 400),
        (zip_of({"readme.txt": b"hello"}), "wall.zip", 415),
        (zip_of({"wall.png": picture()}), "wall.zip", 415),
        (zip_of({"a/x_basecolor.png": picture(), "b/x_normal.png": picture()}), "wall.zip", 415),
    ],
)
def test_what_is_no_picture_is_refused(running: Running, data: bytes, name: str, status: int) -> None:
    answer = running.client.post("/v1/assets", params={"name": name}, content=data)
    assert (answer.status_code, sentence(answer) != "") == (status, True)
    assert str(running.settings.data) not in answer.text
    assert leftovers(running) == []
    assert running.service.store.asset_ids() == []


def test_truncated_forms_leave_nothing(running: Running) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + picture()
    kind = {"content-type": "multipart/form-data; boundary=x"}
    whole = running.client.post("/v1/assets", content=body + b"\r\n--x--\r\n", headers=kind)
    assert whole.status_code == 201
    for damaged in (body, body + b"\r\n--x", b"--y--", b""):
        answer = running.client.post("/v1/assets", content=damaged, headers=kind)
        assert answer.status_code == 400
    nameless = running.client.post("/v1/assets", content=body, headers={"content-type": "multipart/form-data"})
    assert nameless.status_code == 400
    assert leftovers(running) == []


def test_an_upload_can_be_held_to_its_digest(running: Running) -> None:
    data = picture()
    right, wrong = hashlib.sha256(data).hexdigest(), "0" * 64
    assert running.client.post("/v1/assets", params={"sha256": wrong}, content=data).status_code == 400
    assert running.client.post("/v1/assets", params={"sha256": right}, content=data).status_code == 201


def test_uploads_are_bounded(start: Callable[..., Running]) -> None:
    running = start(upload=2000, quota=3000)
    assert running.client.post("/v1/assets", content=bytes(5000)).status_code == 413
    assert running.client.post("/v1/assets", content=iter([bytes(1500), bytes(1500)])).status_code == 413
    form = running.client.post("/v1/assets", files={"file": ("a.png", bytes(3000))})
    assert form.status_code == 413
    for seed in range(5):
        answer = running.client.post("/v1/assets", content=picture(seed))
        if answer.status_code != 201:
            break
    assert (answer.status_code, "used" in sentence(answer)) == (507, True)
    assert leftovers(running) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "", ".hidden.png", "a\x00b.png", "CON.png", "x" * 999])
def test_names_never_become_places(running: Running, name: str, tmp_path: Path) -> None:
    asset = running.send(picture(), name)
    job = running.upscale({"asset": asset, "name": name[:200]})
    told = running.wait(job)
    assert told["state"] == "done", told
    data = running.settings.data
    folders = {"assets", "jobs", "incoming"}
    assert {path.name for path in data.iterdir()} <= folders | {
        "matshot-service.json",
        "service.db",
        "service.db-wal",
        "service.db-shm",
    }
    assert list(tmp_path.iterdir()) == [data]
    assert running.client.get(told["results"][0]["href"]).status_code == 200


def test_assets_can_be_deleted_while_jobs_use_them(running: Running) -> None:
    running.engine.gate.clear()
    asset = running.send(picture())
    job = running.upscale(asset)
    assert running.client.delete(f"/v1/assets/{asset}").status_code == 204
    assert running.client.get(f"/v1/assets/{asset}").status_code == 404
    assert running.ask("upscale", [asset]).status_code == 404
    running.engine.gate.set()
    assert running.wait(job)["state"] == "done"


def heic(side: int = 96) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    from PIL import Image

    rows, columns = np.mgrid[:side, : 2 * side]
    pixels = np.stack([rows, columns // 2, (rows + columns) // 3], axis=2).astype(np.uint8)
    stored = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(stored, quality=90)
    return stored.getvalue()


def test_photographs_of_phones_are_taken_by_the_capture_tools_and_no_other(running: Running, tmp_path: Path) -> None:
    accepted = running.client.get("/v1/tools").json()["accepts"]
    data = heic()
    assert {".heic", ".png"} <= set(accepted)
    asset = running.client.get(f"/v1/assets/{running.send(data, 'IMG_0001.HEIC')}").json()
    assert (asset["kind"], asset["width"], asset["height"]) == ("image", 192, 96)
    whole = running.client.get(asset["files"][0]["href"])
    assert (whole.content, whole.headers["content-type"]) == (data, "image/heic")
    (tmp_path / "shown.png").write_bytes(running.client.get(asset["files"][0]["href"] + "?side=64").content)
    assert image_size(tmp_path / "shown.png")[:2] == (64, 32)
    refused = running.client.post("/v1/jobs", json={"tool": "upscale", "inputs": [asset["id"]]})
    assert refused.status_code == 422
    assert "Export IMG_0001.HEIC as JPEG, PNG or TIFF first." in sentence(refused)
    job = running.client.post("/v1/jobs", json={"tool": "oneshot", "inputs": [asset["id"]]})
    assert job.status_code == 201, job.text


def test_photographs_whose_package_is_missing_say_what_to_do(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "photo"
    file.write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(Refusal, match=r"IMG\.heic is a HEIC photograph\. Install what reads it.*or export it as JPEG"):
        _image(str(file), "IMG.heic", 10**6)


@pytest.mark.parametrize(
    ("head", "name", "suffix"),
    [
        (b"II*\0", "wall.tif", ""),
        (b"II*\0", "wall.DNG", ".dng"),
        (b"II*\0", "wall.nef", ".nef"),
        (b"IIU\0", "wall.rw2", ".rw2"),
        (b"\0\0\0\x18ftypcrx ", "wall.cr3", ".cr3"),
        (b"\0\0\0\x18ftypmif1", "", ".heic"),
        (b"\0\0\0\x18ftypavif", "wall.heic", ""),
        (b"\x89PNG", "wall.dng", ""),
    ],
)
def test_camera_files_are_known_by_contents_and_raw_ones_by_names_too(head: bytes, name: str, suffix: str) -> None:
    assert stored_as_camera(head + bytes(16), name) == suffix
