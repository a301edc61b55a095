"""Requests and answers of the API, checked by pydantic and described by OpenAPI."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema, field_validator

from matshot_host.tools import tool

from .naming import LONGEST_NAME
from .schema import MOST_INPUTS, request_schema
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
    """What went wrong."""

    sentence: str = Field(description="One sentence for the artist.")
    cause: str = Field("", description="Technical detail.")


class Failure(BaseModel):
    """Answer to a request that failed."""

    error: Problem


class FileView(BaseModel):
    """One file of an asset or a result."""

    name: str
    map: str = Field(description="Map of a material that it is, or empty.")
    width: int = Field(description="In pixels; 0 if it is not an image.")
    height: int
    bytes: int
    media_type: str
    href: str = Field(description="Address of the file; ?side=N gives an 8-bit PNG of at most N pixels per side.")


class AssetView(BaseModel):
    """An uploaded image or material."""

    id: str = Field(description="SHA-256 of the file, or of the names and contents of a material's files.")
    kind: Literal["image", "material"]
    name: str
    width: int
    height: int
    bytes: int
    created: str
    files: list[FileView]
    preview: str


class NamedInput(BaseModel):
    """An asset as input of a job."""

    model_config = ConfigDict(extra="forbid")

    asset: str = Field(pattern="^[0-9a-f]{64}$")
    name: str = Field("", max_length=LONGEST_NAME, description="File name; results are named after it.")
    kind: Literal["", "color", "normal", "data"] = Field("", description="For upscale: what the map holds.")
    normal: Literal["", "gl", "dx"] = Field("", description="For upscale: green channel of a normal map.")


class JobRequest(BaseModel):
    """A job to run."""

    model_config = ConfigDict(extra="forbid")

    tool: str = Field(max_length=40)
    inputs: list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | NamedInput] = Field(
        min_length=1, max_length=MOST_INPUTS
    )
    parameters: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("parameters")
    @classmethod
    def _encodable(cls, parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """JSON can hold lone surrogates, which no answer could repeat."""
        json.dumps(parameters, ensure_ascii=False).encode()
        return parameters

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """One alternative for each tool, with its parameters."""
        return request_schema()


class InputView(BaseModel):
    """An input of a job."""

    asset: str
    name: str


class ResultView(BaseModel):
    """One result of a job."""

    number: int
    kind: Literal["image", "material"]
    name: str
    width: int
    height: int
    wrap: str = Field(description="Axes on which it repeats.")
    input: int | None = Field(description="Number of the input that it comes from.")
    notes: list[str]
    href: str = Field(description="The file, or a zip of the material's folder.")
    preview: str | None
    files: list[FileView]


class ResultList(BaseModel):
    """All results of a job."""

    results: list[ResultView]
    zip: str


class JobView(BaseModel):
    """A job."""

    id: str
    tool: str
    title: str
    state: State
    cancelling: bool
    fraction: float
    stage: str
    position: int = Field(description="Jobs that wait before it.")
    inputs: list[InputView]
    parameters: dict[str, JsonValue]
    created: str
    started: str | None
    ended: str | None
    error: Problem | None
    failures: list[str]
    log: list[LogLine]
    preview: str | None
    results: list[ResultView]
    zip: str | None


class LogLine(BaseModel):
    """Something that was noted about a job."""

    time: str
    text: str


class JobList(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobView]
    more: bool


class Limits(BaseModel):
    """What the service takes."""

    upload_bytes: int
    pixels: int
    result_pixels: int
    queue: int
    seconds: float


class ToolView(BaseModel):
    """A tool of the table."""

    name: str
    title: str
    help: str
    result: str
    inputs: list[dict[str, JsonValue]]
    parameters: Annotated[dict[str, JsonValue], WithJsonSchema({"type": "object", "title": "JSON Schema"})]


class ToolList(BaseModel):
    """The tool table."""

    version: str
    limits: Limits
    accepts: list[str]
    tools: list[ToolView]


class TokenRequest(BaseModel):
    """What a browser shows once, to get a cookie."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=1000)


class Health(BaseModel):
    """That the service works."""

    status: Literal["ok"] = "ok"
    version: str


class JobProgress(BaseModel):
    """How far a job is that runs."""

    fraction: float = 0.0
    stage: str = ""
    preview: str = ""
    pictures: int = 0


def instant(seconds: float) -> str:
    """A time as ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def asset_view(asset: AssetRecord) -> AssetView:
    """An asset as clients see it."""
    base = f"/v1/assets/{asset.id}"
    return AssetView(
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


def job_view(job: JobRecord, progress: JobProgress, position: int, log: list[tuple[float, str]]) -> JobView:
    """A job as clients see it."""
    base = f"/v1/jobs/{job.id}"
    preview = f"{base}/preview?n={progress.pictures}" if progress.preview and job.state == "running" else None
    if any(result["preview"] for result in job.results):
        preview = f"{base}/preview?n=done"
    done = job.state == "done"
    return JobView(
        id=job.id,
        tool=job.tool,
        title=tool(job.tool).title,
        state=job.state,  # type: ignore[arg-type]
        cancelling=job.cancelling and job.ended is None,
        fraction=1.0 if done else progress.fraction,
        stage=progress.stage if job.ended is None else "",
        position=position,
        inputs=[InputView(asset=one["asset"], name=one["name"]) for one in job.inputs],
        parameters=dict(job.parameters),
        created=instant(job.created),
        started=instant(job.started) if job.started is not None else None,
        ended=instant(job.ended) if job.ended is not None else None,
        error=Problem(sentence=job.sentence, cause=job.cause) if job.sentence else None,
        failures=list(job.failures),
        log=[LogLine(time=instant(time), text=text) for time, text in log],
        preview=preview,
        results=result_list(job).results,
        zip=f"{base}/results.zip" if done else None,
    )


def result_list(job: JobRecord) -> ResultList:
    """A job's results as clients see them."""
    base = f"/v1/jobs/{job.id}/results"
    return ResultList(
        zip=f"{base}.zip",
        results=[
            ResultView(
                number=number,
                **{name: one[name] for name in ("kind", "name", "width", "height", "wrap", "input", "notes")},
                href=f"{base}/{number}",
                preview=f"{base}/{number}/preview" if one["preview"] else None,
                files=[_file(file, f"{base}/{number}/files/{place}") for place, file in enumerate(one["files"])],
            )
            for number, one in enumerate(job.results)
        ],
    )


def _file(facts: Mapping[str, Any], href: str) -> FileView:
    names = ("name", "map", "width", "height", "bytes")
    kind = media_type(facts.get("stored", facts["name"]))
    return FileView(**{name: facts[name] for name in names}, media_type=kind, href=href)
