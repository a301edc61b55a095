"""Requests made up from the service's own OpenAPI description: whatever comes, nothing breaks, all is as described."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx
import pytest
from service_double import Running, picture

schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from hypothesis.errors import Unsatisfiable  # noqa: E402
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
#: Requests of each operation and mode.
MOST = 12
#: Seconds that a stream may go on.
PATIENCE = 20.0

OPERATIONS = (
    ("GET", "/healthz"),
    ("GET", "/metrics"),
    ("GET", "/v1/tools"),
    ("POST", "/v1/map-names"),
    ("POST", "/v1/session"),
    ("DELETE", "/v1/session"),
    ("GET", "/v1/assets"),
    ("POST", "/v1/assets"),
    ("GET", "/v1/assets/{identifier}"),
    ("DELETE", "/v1/assets/{identifier}"),
    ("GET", "/v1/assets/{identifier}/preview"),
    ("GET", "/v1/assets/{identifier}/files/{number}"),
    ("POST", "/v1/assets/batch"),
    ("POST", "/v1/jobs"),
    ("POST", "/v1/jobs/batch"),
    ("POST", "/v1/jobs/upload"),
    ("GET", "/v1/jobs"),
    ("POST", "/v1/chains"),
    ("GET", "/v1/chains/{identifier}"),
    ("GET", "/v1/presets"),
    ("PUT", "/v1/presets/{name}"),
    ("GET", "/v1/presets/{name}"),
    ("DELETE", "/v1/presets/{name}"),
    ("GET", "/v1/jobs/{identifier}"),
    ("POST", "/v1/jobs/{identifier}/cancel"),
    ("DELETE", "/v1/jobs/{identifier}"),
    ("GET", "/v1/jobs/{identifier}/preview"),
    ("GET", "/v1/jobs/{identifier}/events"),
    ("GET", "/v1/results.zip"),
    ("GET", "/v1/jobs/{identifier}/results"),
    ("GET", "/v1/jobs/{identifier}/results.zip"),
    ("GET", "/v1/jobs/{identifier}/results/{number}"),
    ("GET", "/v1/jobs/{identifier}/results/{number}/preview"),
    ("GET", "/v1/jobs/{identifier}/results/{number}/files/{place}"),
)


#: A stream without an end.
ENDLESS = ("GET", "/v1/events")


def test_operations_are_all(running: Running) -> None:
    paths = running.client.get("/openapi.json").json()["paths"]
    assert {(method.upper(), path) for path, found in paths.items() for method in found} == {*OPERATIONS, ENDLESS}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "not fitting"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_operation(running: Running, listening: str, method: str, path: str, mode: Any) -> None:
    asset = running.send(picture(), "brick_n.png")
    job = running.upscale(asset)
    running.wait(job)
    api = schemathesis.openapi.from_dict(running.client.get("/openapi.json").json())
    api.config.update(base_url=listening)
    operation = api[path][method]
    identifier = asset if "assets" in path else job

    @settings(
        max_examples=MOST,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @seed(1)
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        # What is not there is soon asked for; every other request hits.
        if "identifier" in (case.path_parameters or {}) and hash(str(case.query)) % 2 == 0 and method == "GET":
            case.path_parameters["identifier"] = identifier
        if path in ("/v1/jobs", "/v1/chains") and method == "POST" and isinstance(case.body, dict):
            case.body["inputs"] = _known(case.body.get("inputs"), asset)
        if path == "/v1/jobs/batch" and isinstance(case.body, dict) and isinstance(case.body.get("jobs"), list):
            for one in case.body["jobs"]:
                if isinstance(one, dict):
                    one["inputs"] = _known(one.get("inputs"), asset)
        if path == "/v1/jobs/upload" and isinstance(case.body, dict) and hash(str(case.body)) % 2 == 0:
            case.body = {"job": '{"tool": "upscale", "parameters": {"scale": 2}}', "file": [picture()]}
        if path == "/v1/results.zip" and isinstance((case.query or {}).get("job"), list):
            case.query["job"] = [job] * len(case.query["job"])
        case.call_and_validate(checks=CHECKS, timeout=PATIENCE)

    # Without parameters there is nothing that does not fit.
    with contextlib.suppress(Unsatisfiable):
        ask()
    assert httpx.get(f"{listening}/healthz").status_code == 200


def _known(inputs: Any, asset: str) -> Any:
    """The same inputs, of what there is."""
    if not isinstance(inputs, list):
        return inputs
    return [
        {**one, "asset": asset} if isinstance(one, dict) else asset if isinstance(one, str) else one for one in inputs
    ]
