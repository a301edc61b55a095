from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from service_double import TOKEN, Running, picture, sentence

from matshot.errors import MatshotError
from matshot.service.naming import plain_name, safe_name
from matshot.service.settings import Settings, is_loopback, settings

ADDRESSES = ("/v1/tools", "/v1/jobs", "/metrics", "/openapi.json", "/v1/jobs/x/events", "/v1/assets/x/preview")


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_token_is_asked_for(start: Callable[..., Running], address: str) -> None:
    client = start(token=TOKEN).client
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "matshot_token=wrong"}, {"Cookie": "\x7f;=="}):
        answer = client.get(address, headers=headers)
        assert (answer.status_code, "token" in sentence(answer)) == (401, True)
        assert TOKEN not in answer.text + str(answer.headers)
    for headers in ({"Authorization": f"Bearer {TOKEN}"}, {"Cookie": f"matshot_token={TOKEN}"}):
        assert client.get(address, headers=headers).status_code in (200, 404)


def test_a_token_in_an_address_serves_only_events_and_the_page(start: Callable[..., Running]) -> None:
    client = start(token=TOKEN).client
    assert client.get("/v1/jobs", params={"token": TOKEN}).status_code == 401
    assert client.get("/v1/jobs/x/events", params={"token": TOKEN}).status_code == 404
    page = client.get("/", params={"token": TOKEN})
    assert (page.status_code, page.headers["location"]) == (303, "./")
    assert "HttpOnly" in page.headers["set-cookie"]
    assert "samesite=strict" in page.headers["set-cookie"].lower()
    assert client.get("/v1/jobs").status_code == 200
    assert client.get("/", params={"token": "wrong"}).status_code == 401


def test_a_browser_gets_a_cookie(start: Callable[..., Running]) -> None:
    client = start(token=TOKEN).client
    assert client.get("/healthz").status_code == 200
    assert client.get("/").status_code == 200
    assert client.post("/v1/session", json={"token": "wrong"}).status_code == 401
    assert client.get("/v1/tools").status_code == 401
    assert client.post("/v1/session", json={"token": TOKEN}).status_code == 204
    assert client.get("/v1/tools").status_code == 200
    assert client.delete("/v1/session").status_code == 204
    assert client.get("/v1/tools").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "[", "10.0.0.1"])
def test_other_names_are_refused_on_loopback(running: Running, host: str) -> None:
    for address in ("/v1/tools", "/"):
        assert running.client.get(address, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1", "[::1]:8765", "textures.example"])
def test_own_names_are_taken(start: Callable[..., Running], host: str) -> None:
    client = start(hosts=("textures.example",)).client
    assert client.get("/v1/tools", headers={"Host": host, "Origin": f"http://{host}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://["},
    ],
)
def test_other_pages_are_refused(running: Running, headers: dict[str, str]) -> None:
    answer = running.client.post("/v1/assets", content=picture(), headers=headers)
    assert (answer.status_code, sentence(answer) != "") == (403, True)
    assert running.service.store.asset_ids() == []
    preflight = running.client.options("/v1/jobs", headers={**headers, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 403
    assert not any(name.startswith("access-control") for name in preflight.headers)


def test_every_answer_has_security_headers(running: Running) -> None:
    asset = running.send(picture())
    for address in ("/", "/v1/tools", f"/v1/assets/{asset}/files/0", "/v1/none", "/assets/../../settings.py"):
        headers = running.client.get(address).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers
    assert "sandbox" in running.client.get(f"/v1/assets/{asset}/files/0").headers["content-security-policy"]


@pytest.mark.parametrize("address", ["/..%2f..%2fsettings.py", "/%2e%2e/work.py", "//etc/passwd", "/assets/%00"])
def test_the_page_is_all_that_is_served(running: Running, address: str) -> None:
    assert running.client.get(address).status_code == 404


def test_bodies_are_bounded(running: Running) -> None:
    large = b'{"tool": "' + b"x" * 2**21 + b'"}'
    headers = {"Content-Type": "application/json"}
    assert running.client.post("/v1/jobs", content=large, headers=headers).status_code == 413
    pieces = iter([large[: 2**20], large[2**20 :]])
    assert running.client.post("/v1/jobs", content=pieces, headers=headers).status_code == 413


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"\xff"', b'{"tool": "\\ud800", "inputs": []}', b"[" * 100_000, b"NaN", b"9" * 5000]
)
def test_nonsense_is_a_sentence(running: Running, body: bytes) -> None:
    answer = running.client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code in (400, 422), sentence(answer) != "") == (True, True)


@pytest.mark.parametrize("value", ['"\\ud800"', "NaN", "Infinity", "1e999", "{}", "[" * 500 + "]" * 500])
def test_odd_values_are_a_sentence(running: Running, value: str) -> None:
    asset = running.send(picture())
    body = f'{{"tool": "upscale", "inputs": ["{asset}"], "parameters": {{"scale": {value}, "colorspace": {value}}}}}'
    answer = running.client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code in (400, 422), sentence(answer) != "") == (True, True)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"host": "0.0.0.0"}, "needs a token"),
        ({"host": "textures.example"}, "needs a token"),
        ({"host": "::"}, "needs a token"),
        ({"token": "short"}, "too easy"),
        ({"token": "sixteen letters and spaces"}, "characters"),
        ({"queue": 0}, "must be 1 or more"),
        ({"quota": -1}, "must be 0 or more"),
        ({"port": 99999}, "Port must be 0-65535"),
        ({"nonsense": 1}, "Unknown setting"),
        ({"upload": "much"}, "amount"),
        ({"hosts": 5}, "cannot be"),
        ({"seconds": True}, "cannot be"),
    ],
)
def test_settings_that_are_not_safe(given: dict[str, object], told: str) -> None:
    with pytest.raises(MatshotError, match=told):
        settings(None, given, {})


def test_settings_come_from_file_options_and_environment(tmp_path: Path) -> None:
    file = tmp_path / "service.toml"
    file.write_text('host = "0.0.0.0"\nupload = "1G"\nkeep_days = 3\nhosts = ["Textures.Example"]\nport = 80\n')
    found = settings(file, {"port": 8080, "memory": None}, {"MATSHOT_TOKEN": TOKEN})
    assert (found.host, found.port, found.upload, found.keep_days) == ("0.0.0.0", 8080, 2**30, 3.0)
    assert (found.hosts, found.token, found.memory) == (("textures.example",), TOKEN, 0)
    file.write_text("host = ")
    with pytest.raises(MatshotError, match="not TOML"):
        settings(file, {}, {})
    with pytest.raises(MatshotError, match="cannot be read"):
        settings(tmp_path / "none.toml", {}, {})


@pytest.mark.parametrize(
    ("host", "alone"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)]
)
def test_loopback(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone
    assert not alone or Settings(host=host).loopback


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("brick_n.png", "brick_n.png"),
        ("../../brick n.PNG", "brick n.PNG"),
        ("C:\\maps\\brick.exr", "brick.exr"),
        ("", "file"),
        ("...", "file"),
        (".bashrc", "bashrc"),
        ("nul.png", "file_nul.png"),
        ("com¹.png", "file_com¹.png"),
        ("a\x00\n<UDIM>.png", "a_UDIM_.png"),
        ("Mörtel ’weiß‘.tif", "Mörtel ’weiß‘.tif"),
        ("Mo\u0308rtel.tif", "Mörtel.tif"),
        ("壁紙.png", "壁紙.png"),
        ("日本.1001.png", "日本.1001.png"),
        ("brick\u202egnp.png", "brickgnp.png"),
        ("a:b?.png", "a_b_.png"),
        ("\ud800x.png", "x.png"),
        ("x" * 300 + "_normal.png", "x" * 107 + "~" + "x" * 41 + "_normal.png"),
        ("壁" * 300 + ".1001.png", "壁" * 35 + "~" + "壁" * 14 + ".1001.png"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert "/" not in plain_name(name)


def test_the_command_line_stays_light() -> None:
    heavy = ("fastapi", "pydantic", "distributed", "numpy")
    code = f"import sys, matshot.cli.commands; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--host", "0.0.0.0"], "needs a token"),
        (["--port", "99999"], "Port must be 0-65535"),
        (["--host", "192.0.2.1", "--token", TOKEN], "cannot listen"),
    ],
)
def test_a_service_that_cannot_start_says_why(options: list[str], told: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "matshot", "serve", "--data", str(tmp_path / "service"), *options]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (found.returncode, found.stdout) == (1, "")
    assert told in found.stderr
    assert "Traceback" not in found.stderr


def test_a_missing_package_is_a_sentence(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['fastapi'] = None; sys.argv = ['matshot', 'serve', '--data', sys.argv[1]]; "
        "from matshot.cli.commands import main; main()"
    )
    found = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert (found.returncode, "pip install 'matshot[service]'" in found.stderr) == (1, True)


@pytest.mark.parametrize("token", ["\U000c8250", "ü", "a\nb", "x" * 1000])
def test_a_token_that_nobody_wants_breaks_nothing(running: Running, token: str) -> None:
    assert running.client.post("/v1/session", json={"token": token}).status_code == 204
    assert running.client.get("/", params={"token": token}).status_code == 303


def test_the_help_of_serve_shows_what_to_install() -> None:
    found = subprocess.run([sys.executable, "-m", "matshot", "serve", "--help"], capture_output=True, text=True)
    assert "'matshot[service]'" in " ".join(found.stdout.split())
