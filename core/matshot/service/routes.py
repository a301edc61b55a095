"""The routes of the service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

import anyio
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi import Path as RoutePath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import StringConstraints, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from matshot_host.tools import TOOLS

from .. import __version__
from ..capture.camera_formats import readable_camera_suffixes
from ..errors import MatshotError
from ..tools.registry import entry
from . import models
from .accounts import Account
from .answers import SENTENCES, add_failures, file_response, picture_response, stream_response, zip_response
from .events import QUEUE, Event
from .metrics import CONTENT_TYPE
from .models import AssetView, Health, JobList, JobView, ResultList, State, ToolList
from .naming import LONGEST_NAME
from .openapi import BINARY, EVENTS, FILES, FORM_FILES, description, failures, file_answer, operation
from .pictures import LEAST_SIDE, MOST_SIDE
from .records import LIVE, JobFilter, JobRecord, Preset
from .refusal import ENDING, Refusal
from .schema import LONGEST_PRESET, MOST_INPUTS, tool_schema
from .security import COOKIE, Guard
from .service import Service
from .store import now
from .upload import Upload

#: Folder of the page, which is built by npm.
PAGE = Path(__file__).parent / "page"
#: Suffixes that uploads may have, besides those of photographs that the installed packages read.
_ACCEPTED = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".tga", ".bmp", ".webp", ".hdr", ".dds", ".ktx2", ".zip")
#: Bytes of an upload that are gathered before they are written.
_PIECE = 1 << 20
#: Seconds without a byte after which an upload is given up.
_SILENCE = 60.0
#: Bytes per second below which it is given up as well.
_SLOWEST = 4096
#: Uploads inspected, and pictures drawn, at once; further ones wait without a thread.
_INSPECTIONS = 4
_DRAWINGS = 2

Side = Annotated[
    int | None,
    Query(ge=LEAST_SIDE, le=MOST_SIDE, description="Longest side of an 8-bit PNG to send instead of the file."),
]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=200)]
PresetName = Annotated[
    str, RoutePath(min_length=1, max_length=LONGEST_PRESET, pattern=r"^[^\x00-\x1f/\\]+$", description="Its name.")
]
LastEventId = Annotated[str, Header(max_length=100)]
LastEvent = Annotated[str, Query(alias="last_event_id", max_length=100)]
EventToken = Annotated[str, Query(max_length=1000, description="For clients that cannot set headers.")]
JobId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
#: Seconds that a request may wait for the end of a job; proxies end requests that are silent for a minute.
_LONGEST_WAIT = 50
Wait = Annotated[
    int, Query(ge=0, le=_LONGEST_WAIT, description="Seconds to wait for the end of the job; then it is as it is.")
]
_Result = TypeVar("_Result")


async def _caller(request: Request) -> Account:
    """Whose request it is; asynchronous, so that it takes no thread."""
    return cast("Account", request.state.account)


Caller = Annotated[Account, Depends(_caller)]


def make_app(service: Service) -> Guard:
    """The service as an ASGI application.

    Args:
        service: that does the work; it is started and closed with the application.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(service.start)
        yield
        await run_in_threadpool(service.close)

    app = FastAPI(
        title="Matshot",
        version=__version__,
        description="AI texture and material tools. Failures are problems (RFC 9457) with a sentence and a code.",
        lifespan=lifespan,
        docs_url=None,  # both pages fetch scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation,
    )
    guard = Guard(app, service.settings, service.metrics)
    inspections, drawings = anyio.CapacityLimiter(_INSPECTIONS), anyio.CapacityLimiter(_DRAWINGS)
    for router in (
        _about(service, guard),
        _assets(service, inspections, drawings),
        _jobs(service, inspections),
        _chains(service),
        _results(service, drawings),
        _batch_results(service),
        _presets(service),
        _events(service),
    ):
        _add_head(router)
        app.include_router(router)
    _add_page(app, guard)
    add_failures(app)
    app.openapi = lambda: description(app)  # type: ignore[method-assign]
    return guard


def _add_head(router: APIRouter) -> None:
    """Answer HEAD wherever GET is, but for streams, which have no end."""
    for route in router.routes:
        methods = route.methods or set() if isinstance(route, APIRoute) else set()
        if "GET" in methods and not str(getattr(route, "path")).endswith("/events"):  # noqa: B009
            methods.add("HEAD")


def _about(service: Service, guard: Guard) -> APIRouter:
    router = APIRouter(tags=["service"])

    @router.get("/healthz", responses=failures())
    def health() -> Health:
        """Whether the service works; needs no token."""
        service.check()
        return Health(version=__version__)

    @router.get("/metrics", response_class=PlainTextResponse, responses=failures())
    def metrics() -> Response:
        """Metrics for Prometheus."""
        return Response(service.metrics_text(), media_type=CONTENT_TYPE)

    @router.get("/v1/tools", responses=failures())
    def tools() -> ToolList:
        """The tool table, and the service's limits."""
        settings = service.settings
        return ToolList(
            version=__version__,
            limits=models.Limits(
                upload_bytes=settings.upload,
                pixels=settings.pixels,
                result_pixels=settings.result_pixels,
                queue=settings.queue,
                seconds=settings.seconds,
                keep_days=settings.keep_days,
            ),
            accepts=[*_ACCEPTED, *readable_camera_suffixes()],
            tools=[models.ToolView(**tool_schema(tool)) for tool in TOOLS],
        )

    @router.post("/v1/map-names", responses=failures())
    def map_names(names_request: models.MapNamesRequest) -> models.MapNames:
        """Which maps of which materials files are, by their names; for clients that gather loose files."""
        return models.MapNames(names=[models.map_name(name) for name in names_request.names])

    @router.post("/v1/session", status_code=204, responses=failures())
    def open_session(given: models.TokenRequest, request: Request) -> Response:
        """Exchange the token for a cookie; for browsers."""
        if guard.account([given.token]) is None:
            raise Refusal(401, "The token is wrong.")
        return _with_cookie(Response(status_code=204), given.token if guard.needs_token else "", request)

    @router.delete("/v1/session", status_code=204, responses=failures())
    def close_session() -> Response:
        """Delete the cookie."""
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, samesite="strict", httponly=True)
        return response

    return router


def _assets(service: Service, inspections: anyio.CapacityLimiter, drawings: anyio.CapacityLimiter) -> APIRouter:
    router = APIRouter(prefix="/v1/assets", tags=["assets"])
    form = {"type": "object", "properties": {"file": FORM_FILES}, "required": ["file"]}
    body = {
        "required": True,
        "description": "The file, or a form: one part 'file', or one for each map of a material.",
        "content": {
            "application/octet-stream": {"schema": BINARY},
            "multipart/form-data": {"schema": form},
        },
    }

    several = {
        "required": True,
        "description": "A form with one part 'file' for each.",
        "content": {"multipart/form-data": {"schema": form}},
    }

    @router.post(
        "",
        status_code=201,
        responses={200: {"model": AssetView, "description": "It was here already."}, **failures(413, 415, 507)},
        openapi_extra={"requestBody": body},
    )
    async def upload(
        request: Request,
        response: Response,
        caller: Caller,
        name: Annotated[str, Query(max_length=LONGEST_NAME, description="Name of the file or the material.")] = "",
        sha256: Annotated[str, Query(pattern="^([0-9a-fA-F]{64})?$", description="Expected SHA-256 of the file.")] = "",
    ) -> AssetView:
        """Upload an image, a zip of a material's folder, or the files of a material."""
        asset, new = await _received(
            service, request, inspections, lambda upload: service.assets.add(upload, sha256, caller), name
        )
        response.status_code = 201 if new else 200
        response.headers["location"] = f"/v1/assets/{asset.id}"
        return service.assets.view(asset)

    @router.post(
        "/batch",
        status_code=201,
        responses={
            200: {"model": models.AssetBatch, "description": "They were here already."},
            **failures(413, 415, 507),
        },
        openapi_extra={"requestBody": several},
    )
    async def upload_batch(request: Request, response: Response, caller: Caller) -> models.AssetBatch:
        """Upload several images or zips of materials in one form: each part becomes an asset, all of them or none."""
        kept = await _received(
            service,
            request,
            inspections,
            lambda upload: service.assets.add_each(upload, caller),
            most_files=models.MOST_BATCH,
        )
        response.status_code = 201 if any(new for _, new in kept) else 200
        return models.AssetBatch(assets=[service.assets.view(asset) for asset, _ in kept])

    @router.get("", responses=failures(404))
    def assets(
        caller: Caller,
        kind: Annotated[Literal["image", "material"] | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        before: Annotated[str | None, Query(max_length=64, description="Id of an asset: list those before it.")] = None,
    ) -> models.AssetList:
        """Assets, newest first."""
        if before:
            service.assets.get(before, caller)
        found = service.assets.listing(caller, kind or "", limit + 1, before)
        views = [service.assets.view(asset) for asset in found[:limit]]
        return models.AssetList(assets=views, more=len(found) > limit)

    @router.get("/{identifier}", responses=failures(404))
    def asset(identifier: str, caller: Caller) -> AssetView:
        """An asset."""
        return service.assets.view(service.assets.get(identifier, caller))

    @router.delete("/{identifier}", status_code=204, responses=failures(404))
    def delete_asset(identifier: str, caller: Caller) -> None:
        """Delete an asset."""
        service.assets.delete(identifier, caller)

    @router.get("/{identifier}/preview", responses={**file_answer("image/png"), **failures(404, 507)})
    async def asset_preview(identifier: str, caller: Caller, request: Request) -> Response:
        """A picture of at most 512 pixels per side."""
        return picture_response(request, await _in_turn(drawings, service.pictures.asset_preview, identifier, caller))

    @router.get("/{identifier}/files/{number}", responses={**file_answer(*FILES), **failures(404, 415, 507)})
    async def asset_file(identifier: str, number: int, caller: Caller, request: Request, side: Side = None) -> Response:
        """A file as it was uploaded, or a picture of it."""
        if side is not None:
            drawn = await _in_turn(drawings, service.pictures.asset_file, identifier, number, side, caller)
            return picture_response(request, drawn)

        def stored() -> Response:
            path, facts = service.assets.file(identifier, number, caller)
            return file_response(request, path, facts["name"])

        return await run_in_threadpool(stored)

    return router


def _jobs(service: Service, inspections: anyio.CapacityLimiter) -> APIRouter:
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

    @router.post(
        "",
        status_code=201,
        responses={200: {"model": JobView, "description": "It was here already."}, **failures(404, 413, 429, 507)},
    )
    async def submit(
        job_request: models.JobRequest,
        response: Response,
        caller: Caller,
        idempotency_key: IdempotencyKey = None,
    ) -> JobView:
        """Run a tool. The same Idempotency-Key gives the same job again."""

        def submitted() -> tuple[JobView, bool]:
            job, new = service.jobs.submit(job_request, idempotency_key, caller)
            return service.jobs.view(job), new

        view, new = await run_in_threadpool(submitted)
        response.status_code = 201 if new else 200
        response.headers["location"] = f"/v1/jobs/{view.id}"
        return view

    order = {
        "required": True,
        "description": "A form: one part 'job', and one part 'file' for each file.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "job": {
                            "type": "string",
                            "description": "The job as JSON, as POST /v1/jobs takes it; its inputs, which may be left "
                            "out, follow the files.",
                        },
                        "file": FORM_FILES,
                    },
                    "required": ["job", "file"],
                }
            }
        },
    }

    @router.post(
        "/upload",
        status_code=201,
        responses={
            200: {"model": JobView, "description": "It was here already."},
            **failures(404, 413, 415, 429, 507),
        },
        openapi_extra={"requestBody": order},
    )
    async def submit_upload(
        request: Request, response: Response, caller: Caller, idempotency_key: IdempotencyKey = None
    ) -> JobView:
        """Upload images or zips of materials, and run a tool on them. The same Idempotency-Key gives the same job."""

        def submitted(upload: Upload) -> tuple[JobView, bool]:
            if upload.text is None:
                raise Refusal(400, "The form has no part 'job'. Send it as JSON.")
            try:
                job_order = models.JobOrder.model_validate_json(upload.text)
            except ValidationError as error:
                wrong = [{**one, "loc": ("body", "job", *one["loc"])} for one in error.errors()]
                raise RequestValidationError(wrong) from error
            job, new = service.jobs.submit_upload(job_order, upload, idempotency_key, caller)
            return service.jobs.view(job), new

        view, new = await _received(
            service, request, inspections, submitted, most_files=MOST_INPUTS, text_field="job",
            check=service.jobs.check_queue,
        )  # fmt: skip
        response.status_code = 201 if new else 200
        response.headers["location"] = f"/v1/jobs/{view.id}"
        return view

    @router.post(
        "/batch",
        status_code=201,
        responses={
            200: {"model": models.JobBatch, "description": "They were here already."},
            **failures(404, 413, 429, 507),
        },
    )
    async def submit_batch(
        batch_request: models.JobBatchRequest,
        response: Response,
        caller: Caller,
        idempotency_key: IdempotencyKey = None,
    ) -> models.JobBatch:
        """Run several jobs, all of them or none. The same Idempotency-Key gives the same jobs again."""

        def submitted() -> tuple[list[JobView], bool]:
            kept, new = service.jobs.submit_batch(batch_request.jobs, idempotency_key, caller)
            return [service.jobs.view(job) for job in kept], new

        views, new = await run_in_threadpool(submitted)
        response.status_code = 201 if new else 200
        return models.JobBatch(jobs=views)

    @router.get("", responses=failures(404))
    def jobs(
        caller: Caller,
        state: Annotated[list[State] | None, Query(description="States that they may have.")] = None,
        tool: Annotated[str, Query(max_length=40)] = "",
        tag: Annotated[str, Query(max_length=64)] = "",
        owner: Annotated[str | None, Query(max_length=64, description="User whose they are; for admin.")] = None,
        chain: Annotated[str, Query(max_length=64, description="Id of a chain's first job.")] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        before: Annotated[str | None, Query(max_length=64, description="Id of a job: list those before it.")] = None,
    ) -> JobList:
        """Jobs, newest first."""
        number = service.jobs.get(before, caller).number if before else None
        whose = owner if caller.owner is None else caller.owner
        wanted = JobFilter(whose, tuple(state or ()), tool, tag, chain, number)
        found = service.jobs.listing(wanted, limit + 1)
        return JobList(jobs=[service.jobs.view(job) for job in found[:limit]], more=len(found) > limit)

    @router.get("/{identifier}", responses=failures(404))
    async def job(identifier: str, caller: Caller, wait: Wait = 0) -> JobView:
        """A job."""
        return await _at_end(
            service, identifier, caller, wait, lambda: service.jobs.view(service.jobs.get(identifier, caller))
        )

    @router.post("/{identifier}/cancel", responses=failures(404))
    def cancel(identifier: str, caller: Caller) -> JobView:
        """Cancel a job; one that has ended stays as it is."""
        return service.jobs.view(service.jobs.cancel(identifier, caller))

    @router.delete("/{identifier}", status_code=204, responses=failures(404))
    def delete_job(identifier: str, caller: Caller) -> None:
        """Delete a job and its results, after cancelling it if need be."""
        service.jobs.delete(identifier, caller)

    @router.get("/{identifier}/preview", responses={**file_answer("image/png"), **failures(404)})
    def job_preview(identifier: str, caller: Caller, request: Request) -> Response:
        """The latest picture of the job."""
        return picture_response(request, service.pictures.job_preview(identifier, caller))

    @router.get(
        "/{identifier}/events",
        response_class=StreamingResponse,
        responses={**EVENTS, 204: {"description": "The client has seen the end."}, **failures(404)},
    )
    async def events(
        identifier: str, caller: Caller, last_event_id: LastEventId = "", last: LastEvent = "", token: EventToken = ""
    ) -> Response:
        """Follow a job: ``state``, ``progress``, ``preview`` and ``log``, until it has ended."""
        del token  # the guard has checked it
        last_id = last_event_id or last
        # Listening begins before the job is looked up, so that no end is missed.
        listener, missed, number = service.events.subscribe(identifier, last_id)

        def beginning() -> list[Event] | None:
            """What the client is sent at once; None if it has seen the end."""
            known = service.jobs.get(identifier, caller)
            if known.ended is not None and service.events.has_seen_end(identifier, last_id):
                return None
            if missed is not None and known.ended is None:
                return missed
            return [_state(number, service.jobs.view(known))]

        try:
            first = await run_in_threadpool(beginning)
        except BaseException:
            service.events.unsubscribe(identifier, listener)
            raise
        if first is None:
            service.events.unsubscribe(identifier, listener)
            return Response(status_code=204)
        return stream_response(service.events.stream(identifier, listener, first))

    return router


def _chains(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v1/chains", tags=["jobs"])

    @router.post(
        "",
        status_code=201,
        responses={
            200: {"model": models.Chain, "description": "It was here already."},
            **failures(404, 413, 429, 507),
        },
    )
    def submit_chain(
        chain_request: models.ChainRequest, response: Response, caller: Caller, idempotency_key: IdempotencyKey = None
    ) -> models.Chain:
        """Run several tools in a row, each on the results of the one before."""
        first, new = service.jobs.submit_chain(chain_request, idempotency_key, caller)
        response.status_code = 201 if new else 200
        response.headers["location"] = f"/v1/chains/{first.id}"
        return models.Chain(jobs=[service.jobs.view(job) for job in service.jobs.chain(first.id, caller)])

    @router.get("/{identifier}", responses=failures(404))
    def chain(identifier: str, caller: Caller) -> models.Chain:
        """The jobs of a chain, by the id of the first."""
        return models.Chain(jobs=[service.jobs.view(job) for job in service.jobs.chain(identifier, caller)])

    return router


def _events(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["jobs"])

    def live_jobs(caller: Account) -> list[JobView]:
        found = service.jobs.listing(JobFilter(caller.owner, LIVE), service.settings.queue)
        return [service.jobs.view(job) for job in reversed(found)]

    @router.get(
        "/events",
        response_class=StreamingResponse,
        responses={**EVENTS, 204: {"description": "The client has seen the ends of all."}, **failures(404)},
    )
    async def all_events(
        caller: Caller,
        last_event_id: LastEventId = "",
        last: LastEvent = "",
        token: EventToken = "",
        job: Annotated[
            list[JobId] | None,
            Query(max_length=models.MOST_BATCH, description="Ids of jobs: follow these alone, until all have ended."),
        ] = None,
    ) -> Response:
        """Follow all jobs in one stream, or some until they have ended; every event names its ``job``."""
        del token
        last_id, wanted = last_event_id or last, frozenset(job) if job else None
        listener, missed, number = service.events.subscribe(QUEUE, last_id, caller.owner, wanted)

        def beginning() -> tuple[list[Event], set[str] | None]:
            """What the client is sent at once, and the jobs that it waits for; None for no end."""
            if wanted is None:
                return [_state(number, view) for view in live_jobs(caller)] if missed is None else missed, None
            known = [service.jobs.get(identifier, caller) for identifier in dict.fromkeys(job or ())]
            unseen = [one for one in known if not service.events.has_seen_end(one.id, last_id)]
            first = missed or []
            ends = {event.job for event in first if event.last}
            sent = unseen if missed is None else [one for one in unseen if one.ended is not None and one.id not in ends]
            first = [*first, *(_state(number, service.jobs.view(one)) for one in sent)]
            return first, {one.id for one in unseen}

        try:
            first, left = await run_in_threadpool(beginning)
        except BaseException:
            service.events.unsubscribe(QUEUE, listener)
            raise
        if left is not None and not left:
            service.events.unsubscribe(QUEUE, listener)
            return Response(status_code=204)
        return stream_response(service.events.stream(QUEUE, listener, first, left))

    return router


def _presets(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v1/presets", tags=["presets"])

    @router.get("", responses=failures())
    def presets(caller: Caller) -> models.PresetList:
        """The presets of this user, by name."""
        found = service.store.presets(caller.name)
        return models.PresetList(presets=[models.preset_view(one) for one in found])

    @router.put("/{name}", responses=failures())
    def put_preset(name: PresetName, preset_request: models.PresetRequest, caller: Caller) -> models.PresetView:
        """Keep parameters of a tool under a name, in the place of what had it."""
        try:
            entry(preset_request.tool).table.check(preset_request.parameters)
        except MatshotError as error:
            raise Refusal(422, error.sentence, error.cause) from error
        kept = Preset(caller.name, name, preset_request.tool, preset_request.parameters, now())
        service.store.put_preset(kept)
        return models.preset_view(kept)

    @router.get("/{name}", responses=failures(404))
    def preset(name: PresetName, caller: Caller) -> models.PresetView:
        """A preset."""
        found = service.store.preset(caller.name, name)
        if found is None:
            raise Refusal(404, f"Unknown preset {name!r}.", code="unknown_preset")
        return models.preset_view(found)

    @router.delete("/{name}", status_code=204, responses=failures(404))
    def delete_preset(name: PresetName, caller: Caller) -> None:
        """Delete a preset."""
        if not service.store.remove_preset(caller.name, name):
            raise Refusal(404, f"Unknown preset {name!r}.", code="unknown_preset")

    return router


def _batch_results(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["results"])

    @router.get(
        "/results.zip",
        response_class=StreamingResponse,
        responses={**file_answer("application/zip", "application/octet-stream"), **failures(404, 409)},
    )
    def batch_results_zip(
        caller: Caller,
        job: Annotated[list[JobId], Query(min_length=1, max_length=models.MOST_BATCH, description="Ids of jobs.")],
    ) -> StreamingResponse:
        """A zip of the results of several jobs, in a folder for each, named by its id."""
        files = [
            one
            for identifier in dict.fromkeys(job)
            for one in _all_packed(service, service.jobs.finished(identifier, caller), f"{identifier}/")
        ]
        return zip_response(files, "matshot_results.zip")

    return router


def _results(service: Service, drawings: anyio.CapacityLimiter) -> APIRouter:
    router = APIRouter(prefix="/v1/jobs/{identifier}", tags=["results"])

    @router.get("/results", responses=failures(404, 409))
    async def results(identifier: str, caller: Caller, wait: Wait = 0) -> ResultList:
        """The results of a job."""
        return await _at_end(
            service, identifier, caller, wait, lambda: models.result_list(service.jobs.finished(identifier, caller))
        )

    @router.get(
        "/results.zip",
        response_class=StreamingResponse,
        responses={**file_answer("application/zip", "application/octet-stream"), **failures(404, 409)},
    )
    async def results_zip(identifier: str, caller: Caller, wait: Wait = 0) -> StreamingResponse:
        """A zip of all results."""

        def stored() -> StreamingResponse:
            job = service.jobs.finished(identifier, caller)
            return zip_response(_all_packed(service, job, ""), f"matshot_{job.tool}_{job.id[:8]}.zip")

        return await _at_end(service, identifier, caller, wait, stored)

    @router.get("/results/{number}", responses={**file_answer(*FILES), **failures(404, 409)})
    async def result(identifier: str, number: int, caller: Caller, request: Request, wait: Wait = 0) -> Response:
        """An image, or the zip of a material's folder."""

        def stored() -> Response:
            path, facts = service.jobs.result(identifier, number, caller)
            if facts["kind"] == "image":
                return file_response(request, path, facts["name"])
            return zip_response(_packed(service, identifier, number, ""), f"{facts['name']}.zip")

        return await _at_end(service, identifier, caller, wait, stored)

    @router.get("/results/{number}/preview", responses={**file_answer("image/png"), **failures(404, 409)})
    def result_preview(identifier: str, number: int, caller: Caller, request: Request) -> Response:
        """A picture of at most 512 pixels per side."""
        return picture_response(request, service.pictures.result_preview(identifier, number, caller))

    @router.get("/results/{number}/files/{place}", responses={**file_answer(*FILES), **failures(404, 409, 415, 507)})
    async def result_file(
        identifier: str, number: int, place: int, caller: Caller, request: Request, side: Side = None
    ) -> Response:
        """A file as it was written, or a picture of it."""
        if side is not None:
            work = service.pictures.result_file
            return picture_response(request, await _in_turn(drawings, work, identifier, number, place, side, caller))

        def stored() -> Response:
            path, facts = service.jobs.result_file(identifier, number, place, caller)
            return file_response(request, path, facts["name"])

        return await run_in_threadpool(stored)

    return router


async def _at_end(
    service: Service, identifier: str, caller: Account, wait: int, answer: Callable[[], _Result]
) -> _Result:
    """What is answered of a job as it is at its end, or after so many seconds; made in a thread."""

    def is_live() -> bool:
        return service.jobs.get(identifier, caller).state in LIVE

    if wait:
        # Waiting begins before the job is looked up, so that no end is missed.
        with service.events.awaited_end(identifier) as ended:
            if await run_in_threadpool(is_live):
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), wait)
    return await run_in_threadpool(answer)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """A body as it arrives, gathered to pieces that are worth a write.

    Raises:
        Refusal: when it ends early, or takes too long.
    """
    pieces: list[bytes] = []
    gathered = taken = 0
    stream = request.stream()
    began = time.monotonic()
    try:
        while True:
            # In all, not only from piece to piece: a byte a minute would hold the connection for ever.
            left = began + _SILENCE + taken / _SLOWEST - time.monotonic()
            async with asyncio.timeout(min(_SILENCE, max(0.0, left))):
                piece = await anext(stream, None)
            if piece is not None:
                taken += len(piece)
                pieces.append(piece)
                gathered += len(piece)
            if gathered >= _PIECE or (piece is None and gathered):
                yield b"".join(pieces)
                pieces, gathered = [], 0
            if piece is None:
                break
    except ClientDisconnect as error:
        raise Refusal(400, "The upload ended early and was discarded.") from error
    except TimeoutError as error:
        raise Refusal(400, "The upload timed out and was discarded.", headers=ENDING) from error


async def _received(
    service: Service,
    request: Request,
    inspections: anyio.CapacityLimiter,
    add: Callable[[Upload], _Result],
    name: str = "",
    most_files: int = 0,
    text_field: str = "",
    check: Callable[[], None] | None = None,
) -> _Result:
    """What is made of the body of a request, an upload, when it is here; a large one is awaited only after a check."""
    declared = request.headers.get("content-length", "0")
    length = int(declared) if declared.isdecimal() and len(declared) < 19 else 0
    kind = request.headers.get("content-type", "")
    if 0 < length <= _PIECE:
        # In one thread at once: for a small file, each change of threads takes longer than the work.
        body = b"".join([piece async for piece in _pieces(request)])
        return await _in_turn(inspections, service.assets.take, kind, name, body, add, most_files, text_field)
    if check is not None:
        await run_in_threadpool(check)
    incoming = await run_in_threadpool(service.assets.begin_upload, kind, name, length, most_files, text_field)
    try:
        async for piece in _pieces(request):
            await run_in_threadpool(incoming.feed, piece)
        await run_in_threadpool(incoming.finish)
        return await _in_turn(inspections, add, incoming)
    finally:
        incoming.discard()


async def _in_turn(limiter: anyio.CapacityLimiter, work: Callable[..., _Result], *arguments: Any) -> _Result:
    """Run work that waits for the inspector, in one of the few threads for it."""
    return await anyio.to_thread.run_sync(lambda: work(*arguments), limiter=limiter)


def _state(number: int, view: JobView) -> Event:
    """A job as it is, as an event."""
    return Event(number, "state", view.id, view.body(), view.ended is not None)


def _packed(service: Service, identifier: str, number: int, prefix: str) -> list[tuple[str, Path]]:
    """Files of a result with their names in a zip."""
    path, facts = service.jobs.result(identifier, number)
    if facts["kind"] == "image":
        return [(f"{prefix}{facts['name']}", path)]
    return [(f"{prefix}{facts['name']}/{one['name']}", path / one["name"]) for one in facts["files"]]


def _all_packed(service: Service, job: JobRecord, prefix: str) -> list[tuple[str, Path]]:
    """Files of all results of a job with their names in a zip."""
    # Files of one name may come from several places.
    several = len(job.results) > 1
    return [
        file
        for number in range(len(job.results))
        for file in _packed(service, job.id, number, f"{prefix}{number}/" if several else prefix)
    ]


def _with_cookie(response: Response, token: str, request: Request) -> Response:
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return response


def _add_page(app: FastAPI, guard: Guard) -> None:
    """The files of the page, each at its own address: no request ever becomes a path."""
    files = {f"/{file.relative_to(PAGE).as_posix()}": file for file in PAGE.rglob("*") if file.is_file()}

    @app.get("/", include_in_schema=False)
    def page(request: Request, token: Annotated[str, Query(max_length=1000)] = "") -> Response:
        if token:
            if guard.account([token]) is None:
                raise Refusal(401, "The token is wrong.")
            # Relative, so that a proxy may have the service under another path.
            return _with_cookie(RedirectResponse("./", 303), token if guard.needs_token else "", request)
        if "/index.html" not in files:
            return PlainTextResponse(
                "Matshot's service is running, but its page was not built. In the folder page/ of the sources run: "
                "npm ci && npm run build. The API is described at /openapi.json.\n"
            )
        return FileResponse(files["/index.html"], headers={"cache-control": "no-cache"})

    @app.get("/{place:path}", include_in_schema=False)
    def page_file(place: str) -> Response:
        file = files.get(f"/{place}")
        if file is None:
            raise Refusal(404, SENTENCES[404])
        kept = "public, max-age=31536000, immutable" if place.startswith("assets/") else "no-cache"
        return FileResponse(file, headers={"cache-control": kept})
