"""What the service says, as pydantic checks it and OpenAPI describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema, field_validator

from matshot_host.tools import tool

from .schema import MOST_INPUTS, asked_schema
from .store import AssetRecord, JobRecord

State = Literal["waiting", "running", "done", "failed", "cancelled"]

#: What browsers and programs call the files that are served.
MEDIA_TYPES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".tif": "image/tiff", ".tiff": "image/tiff",
    ".webp": "image/webp", ".bmp": "image/bmp", ".exr": "image/x-exr", ".hdr": "image/vnd.radiance",
    ".tga": "image/x-tga", ".dds": "image/vnd-ms.dds", ".json": "application/json", ".mtlx": "application/xml",
}  # fmt: skip


def media_type(name: str) -> str:
    """Of a file by its name."""
    return MEDIA_TYPES.get(f".{name.rpartition('.')[2].lower()}", "application/octet-stream")


class Problem(BaseModel):
    """What is wrong."""

    sentence: str = Field(description="One sentence for the artist.")
    cause: str = Field("", description="Technical detail.")


class Failure(BaseModel):
    """Every answer that is not what was asked for."""

    error: Problem


class FileShape(BaseModel):
    """One file of an asset or a result."""

    name: str
    map: str = Field(description="Map of a material that it is, or empty.")
    width: int = Field(description="In pixels; 0 for what is no image.")
    height: int
    bytes: int
    media_type: str
    href: str = Field(description="Where it is; with ?side=N as 8-bit PNG of at most N pixels a side.")


class AssetShape(BaseModel):
    """Something that was uploaded."""

    id: str = Field(description="SHA-256 of the file, or of the names and contents of a material's files.")
    kind: Literal["image", "material"]
    name: str
    width: int
    height: int
    bytes: int
    created: str
    files: list[FileShape]
    preview: str


class NamedInput(BaseModel):
    """An asset as a job takes it."""

    model_config = ConfigDict(extra="forbid")

    asset: str = Field(pattern="^[0-9a-f]{64}$")
    name: str = Field("", max_length=200, description="Its file's name: results are named by it.")
    kind: Literal["", "color", "normal", "data"] = Field("", description="Of upscale: what the map holds.")
    normal: Literal["", "gl", "dx"] = Field("", description="Of upscale: green channel of a normal map.")


class Asked(BaseModel):
    """What a job is to do."""

    model_config = ConfigDict(extra="forbid")

    tool: str = Field(max_length=40)
    inputs: list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | NamedInput] = Field(
        min_length=1, max_length=MOST_INPUTS
    )
    parameters: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("parameters")
    @classmethod
    def _sayable(cls, parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """JSON can hold halves of characters, which no answer could repeat."""
        json.dumps(parameters, ensure_ascii=False).encode()
        return parameters

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """One alternative for each tool, with its parameters."""
        return asked_schema()


class InputShape(BaseModel):
    """What a job was given."""

    asset: str
    name: str


class ResultShape(BaseModel):
    """One thing that a job made."""

    number: int
    kind: Literal["image", "material"]
    name: str
    width: int
    height: int
    wrap: str = Field(description="Axes on which it repeats.")
    input: int | None = Field(description="Number of the input that it was made of.")
    notes: list[str]
    href: str = Field(description="The file, or a zip of the material's folder.")
    preview: str | None
    files: list[FileShape]


class ResultsShape(BaseModel):
    """All that a job made."""

    results: list[ResultShape]
    zip: str


class JobShape(BaseModel):
    """A job."""

    id: str
    tool: str
    title: str
    state: State
    cancelling: bool
    fraction: float
    stage: str
    position: int = Field(description="Jobs that wait before it.")
    inputs: list[InputShape]
    parameters: dict[str, JsonValue]
    created: str
    started: str | None
    ended: str | None
    error: Problem | None
    failures: list[str]
    log: list[LogShape]
    preview: str | None
    results: list[ResultShape]
    zip: str | None


class LogShape(BaseModel):
    """Something that was noted about a job."""

    time: str
    text: str


class JobsShape(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobShape]
    more: bool


class LimitsShape(BaseModel):
    """What the service takes."""

    upload_bytes: int
    pixels: int
    result_pixels: int
    queue: int
    seconds: float


class ToolShape(BaseModel):
    """A tool of the table."""

    name: str
    title: str
    help: str
    result: str
    inputs: list[dict[str, JsonValue]]
    parameters: Annotated[dict[str, JsonValue], WithJsonSchema({"type": "object", "title": "JSON Schema"})]


class ToolsShape(BaseModel):
    """The tool table."""

    version: str
    limits: LimitsShape
    accepts: list[str]
    tools: list[ToolShape]


class TokenShape(BaseModel):
    """What a browser shows once, to get a cookie."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=1000)


class HealthShape(BaseModel):
    """That the service works."""

    status: Literal["ok"] = "ok"
    version: str


class Live(BaseModel):
    """How far a job is that runs."""

    fraction: float = 0.0
    stage: str = ""
    preview: str = ""
    pictures: int = 0


def instant(seconds: float) -> str:
    """A time as ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def asset_shape(asset: AssetRecord) -> AssetShape:
    """An asset as it is told."""
    base = f"/v1/assets/{asset.id}"
    return AssetShape(
        id=asset.id,
        kind="image" if asset.kind == "image" else "material",
        name=asset.name,
        width=asset.width,
        height=asset.height,
        bytes=asset.bytes,
        created=instant(asset.created),
        files=[
            _file(
                {**one, "name": asset.name, "stored": one["name"]} if asset.kind == "image" else one,
                f"{base}/files/{number}",
            )
            for number, one in enumerate(asset.files)
        ],
        preview=f"{base}/preview",
    )


def job_shape(job: JobRecord, live: Live, position: int, said: list[tuple[float, str]]) -> JobShape:
    """A job as it is told."""
    base = f"/v1/jobs/{job.id}"
    preview = f"{base}/preview?n={live.pictures}" if live.preview and job.state == "running" else None
    if any(result["preview"] for result in job.results):
        preview = f"{base}/preview?n=done"
    done = job.state == "done"
    return JobShape(
        id=job.id,
        tool=job.tool,
        title=tool(job.tool).title,
        state=job.state,  # type: ignore[arg-type]
        cancelling=job.cancelling and job.ended is None,
        fraction=1.0 if done else live.fraction,
        stage=live.stage if job.ended is None else "",
        position=position,
        inputs=[InputShape(asset=one["asset"], name=one["name"]) for one in job.inputs],
        parameters=dict(job.parameters),
        created=instant(job.created),
        started=instant(job.started) if job.started is not None else None,
        ended=instant(job.ended) if job.ended is not None else None,
        error=Problem(sentence=job.sentence, cause=job.cause) if job.sentence else None,
        failures=list(job.failures),
        log=[LogShape(time=instant(time), text=text) for time, text in said],
        preview=preview,
        results=results_shape(job).results,
        zip=f"{base}/results.zip" if done else None,
    )


def results_shape(job: JobRecord) -> ResultsShape:
    """What a job made, as it is told."""
    base = f"/v1/jobs/{job.id}/results"
    return ResultsShape(
        zip=f"{base}.zip",
        results=[
            ResultShape(
                number=number,
                **{name: one[name] for name in ("kind", "name", "width", "height", "wrap", "input", "notes")},
                href=f"{base}/{number}",
                preview=f"{base}/{number}/preview" if one["preview"] else None,
                files=[_file(file, f"{base}/{number}/files/{place}") for place, file in enumerate(one["files"])],
            )
            for number, one in enumerate(job.results)
        ],
    )


def _file(told: Mapping[str, Any], href: str) -> FileShape:
    names = ("name", "map", "width", "height", "bytes")
    kind = media_type(told.get("stored", told["name"]))
    return FileShape(**{name: told[name] for name in names}, media_type=kind, href=href)
