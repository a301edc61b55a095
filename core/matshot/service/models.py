"""Requests and answers of the API, checked by pydantic and described by OpenAPI."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema, field_validator

from matshot_host.tools import tool

from ..material.map_names import guess_map
from .naming import LONGEST_NAME, plain_name
from .records import AssetRecord, JobRecord, Preset
from .refusal import CODES
from .schema import LONGEST_PRESET, MOST_INPUTS, PRESET, REQUEST, STEP
from .store import now

#: Steps of a chain.
MOST_STEPS = 16
#: Jobs, uploads or results of one request.
MOST_BATCH = 100
#: Share of a job from which on the time that it still takes can be told.
_TELLING = 0.05

State = Literal["waiting", "running", "done", "failed", "cancelled"]

#: What browsers and programs call the files that are served.
MEDIA_TYPES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".tif": "image/tiff", ".tiff": "image/tiff",
    ".webp": "image/webp", ".bmp": "image/bmp", ".exr": "image/x-exr", ".hdr": "image/vnd.radiance",
    ".tga": "image/x-tga", ".dds": "image/vnd-ms.dds", ".ktx2": "image/ktx2", ".json": "application/json",
    ".heic": "image/heic", ".dng": "image/x-adobe-dng",
    ".mtlx": "application/xml", ".usda": "model/vnd.usda", ".glb": "model/gltf-binary",
}  # fmt: skip


def media_type(name: str) -> str:
    """Of a file by its name."""
    return MEDIA_TYPES.get(f".{name.rpartition('.')[2].lower()}", "application/octet-stream")


class Cause(BaseModel):
    """Why a job failed."""

    sentence: str = Field(description="One sentence for the artist.")
    cause: str = Field("", description="Technical detail.")


class Problem(BaseModel):
    """A request that failed, as RFC 9457 has it."""

    type: str = Field(description="urn:matshot:problem: and the code.")
    title: str = Field(description="Shared by all failures of this code.")
    status: int = Field(description="HTTP status.")
    detail: str = Field(description="One sentence for the artist.")
    code: str = Field(description=f"Stable, for programs: {', '.join(CODES)}.")
    cause: str = Field("", description="Technical detail.")


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
    kept_until: str | None = Field(
        description="When it expires unless a job uses it or it is sent again; null if it is kept."
    )


class AssetList(BaseModel):
    """Assets, newest first."""

    assets: list[AssetView]
    more: bool


class AssetBatch(BaseModel):
    """Assets of one upload, in its order."""

    assets: list[AssetView]


class NamedInput(BaseModel):
    """An asset as input of a job."""

    model_config = ConfigDict(extra="forbid")

    asset: str = Field(pattern="^[0-9a-f]{64}$")
    name: str = Field("", max_length=LONGEST_NAME, description="File name; results are named after it.")
    kind: Literal["", "color", "normal", "data"] = Field("", description="For upscale: what the map holds.")
    normal: Literal["", "gl", "dx"] = Field("", description="For upscale: green channel of a normal map.")


class ResultInput(BaseModel):
    """A result of a job that is done, as input of another."""

    model_config = ConfigDict(extra="forbid")

    job: str = Field(pattern="^[0-9a-f]{32}$")
    result: int = Field(0, ge=0, lt=2**31, description="Number of the result.")
    name: str = Field("", max_length=LONGEST_NAME, description="File name; results are named after it.")


AssetId = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
JobInput = AssetId | NamedInput | ResultInput


class Step(BaseModel):
    """A tool with its parameters."""

    model_config = ConfigDict(extra="forbid")

    tool: str = Field(max_length=40)
    preset: str = Field("", max_length=LONGEST_PRESET, description="Preset whose parameters hold where none is given.")
    parameters: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("parameters")
    @classmethod
    def _encodable(cls, parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """JSON can hold lone surrogates, which no answer could repeat."""
        json.dumps(parameters, ensure_ascii=False).encode()
        return parameters


class ChainStep(Step):
    """A step of a chain."""

    inputs: list[JobInput] = Field(
        default_factory=list, max_length=MOST_INPUTS, description="Further inputs, after the results before it."
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """One alternative for each tool, with its parameters."""
        return {"$ref": f"#/components/schemas/{STEP}"}


class Handling(BaseModel):
    """How a job is queued, and who is told of it."""

    model_config = ConfigDict(extra="forbid")

    priority: int = Field(0, ge=-10, le=10, description="Jobs of a higher priority run first.")
    tags: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(default_factory=list, max_length=16)
    webhook: str = Field("", max_length=2000, description="Address that receives a signed POST at its end.")

    @field_validator("tags", "webhook")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        json.dumps(value, ensure_ascii=False).encode()
        return value


class JobRequest(Step, Handling):
    """A job to run."""

    inputs: list[JobInput] = Field(min_length=1, max_length=MOST_INPUTS)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """One alternative for each tool, with its parameters."""
        return {"$ref": f"#/components/schemas/{REQUEST}"}


class JobOrder(JobRequest):
    """A job to run on files that come with it, which are its first inputs."""

    inputs: list[JobInput] = Field(default_factory=list, max_length=MOST_INPUTS - 1)

    def on(self, files: Sequence[NamedInput]) -> JobRequest:
        """The job with its files."""
        return self.model_copy(update={"inputs": [*files, *self.inputs]})


class JobBatchRequest(BaseModel):
    """Several jobs, which are taken together or not at all."""

    model_config = ConfigDict(extra="forbid")

    jobs: list[JobRequest] = Field(min_length=1, max_length=MOST_BATCH)


class ChainRequest(Handling):
    """Several tools in a row; each takes the results of the one before."""

    inputs: list[JobInput] = Field(min_length=1, max_length=MOST_INPUTS, description="Of the first step.")
    steps: list[ChainStep] = Field(min_length=1, max_length=MOST_STEPS)


class PresetView(BaseModel):
    """Parameters of a tool under a name."""

    name: str
    tool: str
    parameters: dict[str, JsonValue]
    changed: str


class PresetList(BaseModel):
    """Presets, by name."""

    presets: list[PresetView]


class PresetRequest(Step):
    """A preset to keep."""

    preset: Literal[""] = ""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """One alternative for each tool, with its parameters."""
        return {"$ref": f"#/components/schemas/{PRESET}"}


class InputView(BaseModel):
    """An input of a job."""

    asset: str = Field(description="Id of an asset; empty for a result of another job.")
    name: str
    job: str | None = Field(None, description="Id of the job whose result it is.")
    result: int | None = Field(None, description="Number of that result.")


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
    position: int = Field(description="Jobs that run before it.")
    priority: int
    tags: list[str]
    owner: str = Field(description="User whose it is; empty for the service's own token.")
    chain: str | None = Field(description="Id of the first job of its chain.")
    after: str | None = Field(description="Id of the job whose results it takes.")
    inputs: list[InputView]
    parameters: dict[str, JsonValue]
    created: str
    started: str | None
    ended: str | None
    kept_until: str | None = Field(description="When it expires with its results; null before its end, and if kept.")
    seconds: float | None = Field(description="That it has run.")
    remaining: float | None = Field(description="Seconds that it still takes, by how far it is; null if unknown.")
    error: Cause | None
    failures: list[str]
    log: list[LogLine]
    preview: str | None
    results: list[ResultView]
    zip: str | None

    def body(self) -> bytes:
        """The job as JSON."""
        return self.model_dump_json().encode()


class LogLine(BaseModel):
    """Something that was noted about a job."""

    time: str
    text: str


class Chain(BaseModel):
    """The jobs of a chain, in order."""

    jobs: list[JobView]


class JobBatch(BaseModel):
    """Jobs of one request, in its order."""

    jobs: list[JobView]


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
    keep_days: float = Field(description="Days that jobs and unused assets are kept; 0 for ever.")


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


class MapNamesRequest(BaseModel):
    """Names of files."""

    model_config = ConfigDict(extra="forbid")

    names: list[Annotated[str, Field(max_length=LONGEST_NAME)]] = Field(max_length=256)


class MapName(BaseModel):
    """What the name of a file says."""

    name: str
    map: str = Field(description="Map of a material that it is, or empty.")
    base: str = Field(description="What the names of all maps of the material have in common.")


class MapNames(BaseModel):
    """What names of files say, in the order of the request."""

    names: list[MapName]


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


def map_name(name: str) -> MapName:
    """What the name of a file says."""
    shown = plain_name(name)
    guess = guess_map(shown) if shown else None
    return MapName(name=shown, map=(guess.kind or "") if guess else "", base=guess.base if guess else "")


def asset_view(asset: AssetRecord, kept_until: float | None) -> AssetView:
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
        kept_until=instant(kept_until) if kept_until is not None else None,
    )


def preset_view(preset: Preset) -> PresetView:
    """A preset as clients see it."""
    return PresetView(
        name=preset.name, tool=preset.tool, parameters=dict(preset.parameters), changed=instant(preset.changed)
    )


def job_view(
    job: JobRecord,
    progress: JobProgress,
    position: int,
    log: list[tuple[float, str]],
    kept_until: float | None = None,
) -> JobView:
    """A job as clients see it."""
    running = (job.ended or now()) - job.started if job.started is not None else None
    seconds = round(max(0.0, running), 3) if running is not None else None
    known = seconds is not None and job.ended is None and progress.fraction >= _TELLING
    remaining = round(seconds * (1 / progress.fraction - 1), 1) if known and seconds is not None else None
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
        priority=job.priority,
        tags=list(job.tags),
        owner=job.owner,
        chain=job.chain or None,
        after=job.after or None,
        inputs=[
            InputView(asset=one["asset"], name=one["name"], job=one.get("job"), result=one.get("result"))
            for one in job.inputs
            if not one.get("parameter")
        ],
        parameters=dict(job.parameters),
        created=instant(job.created),
        started=instant(job.started) if job.started is not None else None,
        ended=instant(job.ended) if job.ended is not None else None,
        kept_until=instant(kept_until) if kept_until is not None else None,
        seconds=seconds,
        remaining=remaining,
        error=Cause(sentence=job.sentence, cause=job.cause) if job.sentence else None,
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
