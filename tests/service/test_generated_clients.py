"""Clients that common generators make of the API's description, at work.

The generators are commands (``pipx install openapi-python-client``, ``pipx install
datamodel-code-generator``, ``npm install openapi-typescript typescript@5``); without one, its test is skipped.
"""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from service_double import Running, picture


def command(name: str) -> str:
    """Path of a generator."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture
def described(running: Running, tmp_path: Path) -> Path:
    """The description of the API as a file."""
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(running.client.get("/openapi.json").json()))
    return file


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which modules are imported."""
    folder = tmp_path / "generated"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_the_description_names_what_it_describes(running: Running) -> None:
    description = running.client.get("/openapi.json").json()
    schemas = description["components"]["schemas"]
    request = schemas["JobRequest"]
    assert request["discriminator"]["propertyName"] == "tool"
    for tool, reference in request["discriminator"]["mapping"].items():
        name = reference.rpartition("/")[2]
        assert schemas[name]["properties"]["tool"]["enum"] == [tool]
        assert {"$ref": reference} in request["oneOf"]
    assert set(description["components"]["securitySchemes"]) == {"token", "cookie"}
    assert {"token": []} in description["security"]
    assert description["paths"]["/healthz"]["get"]["security"] == []

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [one for value in part.values() for one in references(value)]
        return [one for value in part for one in references(value)] if isinstance(part, list) else []

    assert {one.rpartition("/")[2] for one in references(description)} <= set(schemas)
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            problems = [one for status, one in operation["responses"].items() if int(status) >= 400]
            assert all("application/problem+json" in one["content"] for one in problems), (method, path)


def test_the_description_links_what_is_made_to_what_can_be_asked_of_it(running: Running) -> None:
    paths = running.client.get("/openapi.json").json()["paths"]
    links = paths["/v1/jobs"]["post"]["responses"]["201"]["links"]
    assert {"job", "cancel", "delete_job", "result_file"} <= set(links)
    assert links["result_file"]["parameters"] == {"identifier": "$response.body#/id", "number": 0, "place": 0}
    known = {one["operationId"] for operations in paths.values() for one in operations.values()}
    every = [
        link
        for start in ("assets", "jobs", "chains")
        for link in paths[f"/v1/{start}"]["post"]["responses"]["201"]["links"]
    ]
    assert set(every) <= known


def test_a_python_client(running: Running, listening: str, described: Path, importable: Path) -> None:
    """Of openapi-python-client."""
    pytest.importorskip("attrs")
    generator = command("openapi-python-client")
    words = [generator, "generate", "--path", str(described), "--output-path", str(importable / "studio")]
    words += ["--meta", "none"]
    said = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert said.returncode == 0, said.stderr
    assert "WARNING" not in said.stdout
    client = importlib.import_module("studio").Client(base_url=listening)
    models = importlib.import_module("studio.models")
    job_of = importlib.import_module("studio.api.jobs.submit")
    asset = running.send(picture())
    parameters = models.UpscaleParameters(
        scale=models.UpscaleParametersScale.VALUE_2, method=models.UpscaleParametersMethod.BICUBIC
    )
    request = models.UpscaleJob(tool=models.UpscaleJobTool.UPSCALE, inputs=[asset], parameters=parameters)
    job = job_of.sync(client=client, body=request)
    running.wait(job.id)
    done = importlib.import_module("studio.api.jobs.job").sync(job.id, client=client)
    assert (done.state, done.results[0].width) == ("done", 32)
    unknown = importlib.import_module("studio.api.jobs.job").sync_detailed("0" * 32, client=client)
    assert (unknown.status_code, b"unknown_job" in unknown.content) == (404, True)


def test_models_of_pydantic(described: Path, importable: Path) -> None:
    """Of datamodel-code-generator."""
    target = importable / "studio_models.py"
    words = [command("datamodel-codegen"), "--input", str(described), "--output", str(target)]
    words += ["--input-file-type", "openapi", "--output-model-type", "pydantic_v2.BaseModel"]
    said = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert said.returncode == 0, said.stderr
    models = importlib.import_module("studio_models")
    request = {"tool": "upscale", "inputs": ["a" * 64], "parameters": {"scale": 4, "memory": "4G"}}
    parsed = models.JobRequest.model_validate(request)
    assert type(parsed.root).__name__ == "UpscaleJob"
    for wrong in ({"tool": "tile"}, {**request, "tool": "fly"}, {**request, "parameters": {"scale": 3}}):
        with pytest.raises(ValueError, match="validation error"):
            models.JobRequest.model_validate(wrong)


USE = """
import type { components, paths } from "./api";
const job: components["schemas"]["UpscaleJob"] = { tool: "upscale", inputs: ["a"], parameters: { scale: 4 } };
const request: components["schemas"]["JobRequest"] = job;
type Created = paths["/v1/jobs"]["post"]["responses"]["201"]["content"]["application/json"];
export const id = (created: Created): string => created.id;
if (request.tool === "upscale") { const scale: number | undefined = request.parameters?.scale; void scale; }
// @ts-expect-error a scale that upscale does not have
const wrong: components["schemas"]["UpscaleJob"] = { tool: "upscale", inputs: [], parameters: { scale: 3 } };
void wrong;
"""


def test_types_of_typescript(described: Path, tmp_path: Path) -> None:
    """Of openapi-typescript, checked by the compiler."""
    generator, compiler = command("openapi-typescript"), command("tsc")
    types = [generator, str(described), "-o", str(tmp_path / "api.d.ts"), "--default-non-nullable=false"]
    subprocess.run(types, check=True, capture_output=True, timeout=120)
    (tmp_path / "use.ts").write_text(USE)
    checked = subprocess.run(
        [compiler, "--noEmit", "--strict", str(tmp_path / "use.ts")], capture_output=True, text=True, timeout=120
    )
    assert checked.returncode == 0, checked.stdout
