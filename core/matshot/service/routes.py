"""The routes of the service."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import anyio
from fastapi import APIRouter, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from matshot_host.tools import TOOLS

from .. import __version__
from ..errors import MatshotError
from . import models
from .events import Event
from .metrics import CONTENT_TYPE
from .models import AssetView, Failure, Health, JobList, JobView, ResultList, State, ToolList
from .naming import LONGEST_NAME
from .pictures import LEAST_SIDE, MOST_SIDE
from .refusal import Refusal
from .schema import tool_schema
from .security import COOKIE, Guard
from .service import Service
from .upload import Upload
from .zipping import zipped

#: Folder of the page, which is built by npm.
PAGE = Path(__file__).parent / "page"
#: Suffixes that uploads may have.
_ACCEPTED = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".tga", ".bmp", ".webp", ".hdr", ".dds", ".zip")
#: Bytes of an upload that are gathered before they are written.
_PIECE = 1 << 20
#: Seconds without a byte after which an upload is given up.
_SILENCE = 60.0
#: Bytes per second below which it is given up as well.
_SLOWEST = 4096
#: Uploads inspected, and pictures drawn, at once; further ones wait without a thread.
_INSPECTIONS = 4
_DRAWINGS = 2

_log = logging.getLogger("matshot.service")

_SENTENCES = {
    400: "The request is malformed.",
    404: "Nothing is at this address.",
    405: "This address does not support that method.",
}
_MEANINGS = {
    400: "The request or the upload is malformed or ends early.",
    401: "The token is missing or wrong.",
    403: "The request names another host, or comes from a page of another site.",
    404: "Unknown or deleted.",
    405: "The method is not supported.",
    409: "The job is not done.",
    413: "Too many bytes or pixels.",
    415: "Neither an image nor a material.",
    422: "Inputs or parameters do not fit.",
    429: "The queue is full; Retry-After says when to try again.",
    503: "The service is not available.",
    507: "The disk is full or the quota used up.",
}

Side = Annotated[
    int | None,
    Query(ge=LEAST_SIDE, le=MOST_SIDE, description="Longest side of an 8-bit PNG to send instead of the file."),
]
_Result = TypeVar("_Result")


def _failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    always = (400, 401, 403, 422, 503)
    return {one: {"model": Failure, "description": _MEANINGS[one]} for one in sorted({*always, *statuses})}


def _file_answer(*types: str) -> dict[int | str, dict[str, Any]]:
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"content": dict.fromkeys(types, schema), "description": "The file."}}


_FILES = (*dict.fromkeys(models.MEDIA_TYPES.values()), "application/zip", "application/octet-stream")


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
        description="AI texture and material tools. Every failure has one sentence: {'error': {'sentence', 'cause'}}.",
        lifespan=lifespan,
        docs_url=None,  # both pages fetch scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation,
    )
    guard = Guard(app, service.settings, service.metrics)
    inspections, drawings = anyio.CapacityLimiter(_INSPECTIONS), anyio.CapacityLimiter(_DRAWINGS)
    app.include_router(_about(service, guard))
    app.include_router(_assets(service, inspections, drawings))
    app.include_router(_jobs(service))
    app.include_router(_results(service, drawings))
    _add_page(app, guard)
    _add_failures(app)
    return guard


def _operation(route: APIRoute) -> str:
    return route.name


def _about(service: Service, guard: Guard) -> APIRouter:
    router = APIRouter(tags=["service"])

    @router.get("/healthz", responses={503: {"model": Failure, "description": _MEANINGS[503]}, **_failures()})
    def health() -> Health:
        """Whether the service works; needs no token."""
        service.check()
        return Health(version=__version__)

    @router.get("/metrics", response_class=PlainTextResponse, responses=_failures())
    def metrics() -> Response:
        """Metrics for Prometheus."""
        return Response(service.metrics_text(), media_type=CONTENT_TYPE)

    @router.get("/v1/tools", responses=_failures())
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
            ),
            accepts=list(_ACCEPTED),
            tools=[models.ToolView(**tool_schema(tool)) for tool in TOOLS],
        )

    @router.post("/v1/session", status_code=204, responses=_failures())
    def open_session(given: models.TokenRequest, request: Request) -> Response:
        """Exchange the token for a cookie; for browsers."""
        if not guard.knows_token([given.token]):
            raise Refusal(401, "The token is wrong.")
        return _with_cookie(Response(status_code=204), service.settings.token, request)

    @router.delete("/v1/session", status_code=204, responses=_failures())
    def close_session() -> Response:
        """Delete the cookie."""
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, samesite="strict", httponly=True)
        return response

    return router


def _assets(service: Service, inspections: anyio.CapacityLimiter, drawings: anyio.CapacityLimiter) -> APIRouter:
    router = APIRouter(prefix="/v1/assets", tags=["assets"])
    binary = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"file": {"type": "array", "items": binary}}, "required": ["file"]}
    body = {
        "required": True,
        "description": "The file, or a form: one part 'file', or one for each map of a material.",
        "content": {
            "application/octet-stream": {"schema": binary},
            "multipart/form-data": {"schema": form},
        },
    }

    @router.post(
        "",
        status_code=201,
        responses={200: {"model": AssetView, "description": "It was here already."}, **_failures(413, 415, 507)},
        openapi_extra={"requestBody": body},
    )
    async def upload(
        request: Request,
        response: Response,
        name: Annotated[str, Query(max_length=LONGEST_NAME, description="Name of the file or the material.")] = "",
        sha256: Annotated[str, Query(pattern="^([0-9a-fA-F]{64})?$", description="Expected SHA-256 of the file.")] = "",
    ) -> AssetView:
        """Upload an image, a zip of a material's folder, or the files of a material."""
        declared = request.headers.get("content-length", "0")
        length = int(declared) if declared.isdecimal() and len(declared) < 19 else 0
        kind = request.headers.get("content-type", "")
        incoming = await run_in_threadpool(service.assets.begin_upload, kind, name, length)
        try:
            await _receive(request, incoming)
            asset, new = await _in_turn(inspections, service.assets.add, incoming, sha256)
        finally:
            incoming.discard()
        response.status_code = 201 if new else 200
        response.headers["location"] = f"/v1/assets/{asset.id}"
        return models.asset_view(asset)

    @router.get("/{identifier}", responses=_failures(404))
    def asset(identifier: str) -> AssetView:
        """An asset."""
        return models.asset_view(service.assets.get(identifier))

    @router.delete("/{identifier}", status_code=204, responses=_failures(404))
    def delete_asset(identifier: str) -> None:
        """Delete an asset."""
        service.assets.delete(identifier)

    @router.get("/{identifier}/preview", responses={**_file_answer("image/png"), **_failures(404, 507)})
    async def asset_preview(identifier: str) -> FileResponse:
        """A picture of at most 512 pixels per side."""
        return _shown(await _in_turn(drawings, service.pictures.asset_preview, identifier))

    @router.get("/{identifier}/files/{number}", responses={**_file_answer(*_FILES), **_failures(404, 415, 507)})
    async def asset_file(identifier: str, number: int, side: Side = None) -> FileResponse:
        """A file as it was uploaded, or a picture of it."""
        if side is not None:
            return _shown(await _in_turn(drawings, service.pictures.asset_file, identifier, number, side))
        path, facts = await run_in_threadpool(service.assets.file, identifier, number)
        return _sent(path, facts["name"])

    return router


def _jobs(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

    @router.post(
        "",
        status_code=201,
        responses={200: {"model": JobView, "description": "It was here already."}, **_failures(404, 413, 429, 507)},
    )
    def submit(
        job_request: models.JobRequest,
        response: Response,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
    ) -> JobView:
        """Run a tool. The same Idempotency-Key gives the same job again."""
        job, new = service.jobs.submit(job_request, idempotency_key)
        response.status_code = 201 if new else 200
        response.headers["location"] = f"/v1/jobs/{job.id}"
        return service.jobs.view(job)

    @router.get("", responses=_failures(404))
    def jobs(
        state: Annotated[State | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        before: Annotated[str | None, Query(max_length=64, description="Id of a job: list those before it.")] = None,
    ) -> JobList:
        """Jobs, newest first."""
        number = service.jobs.get(before).number if before else None
        found = service.jobs.listing(state, limit + 1, number)
        return JobList(jobs=[service.jobs.view(job) for job in found[:limit]], more=len(found) > limit)

    @router.get("/{identifier}", responses=_failures(404))
    def job(identifier: str) -> JobView:
        """A job."""
        return service.jobs.view(service.jobs.get(identifier))

    @router.post("/{identifier}/cancel", responses=_failures(404))
    def cancel(identifier: str) -> JobView:
        """Cancel a job; one that has ended stays as it is."""
        return service.jobs.view(service.jobs.cancel(identifier))

    @router.delete("/{identifier}", status_code=204, responses=_failures(404))
    def delete_job(identifier: str) -> None:
        """Delete a job and its results, after cancelling it if need be."""
        service.jobs.delete(identifier)

    @router.get("/{identifier}/preview", responses={**_file_answer("image/png"), **_failures(404)})
    def job_preview(identifier: str) -> FileResponse:
        """The latest picture of the job."""
        return _shown(service.pictures.job_preview(identifier))

    event = {"type": "object", "properties": {name: {"type": "string"} for name in ("id", "event", "data")}}
    stream: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/event-stream": {"schema": event}}, "description": "Events."}
    }

    @router.get(
        "/{identifier}/events",
        response_class=StreamingResponse,
        responses={**stream, 204: {"description": "The client has seen the end."}, **_failures(404)},
    )
    async def events(
        identifier: str,
        last_event_id: Annotated[str, Header(max_length=100)] = "",
        last: Annotated[str, Query(alias="last_event_id", max_length=100)] = "",
        token: Annotated[str, Query(max_length=1000, description="For clients that cannot set headers.")] = "",
    ) -> Response:
        """Follow a job: ``state``, ``progress``, ``preview`` and ``log``, until it has ended."""
        del token  # the guard has checked it
        last_id = last_event_id or last
        await run_in_threadpool(service.jobs.get, identifier)
        listener, missed, number = service.events.subscribe(identifier, last_id)
        try:
            # After listening began, so that no end is missed.
            known = await run_in_threadpool(service.jobs.get, identifier)
            if known.ended is not None and service.events.has_seen_end(identifier, last_id):
                service.events.unsubscribe(identifier, listener)
                return Response(status_code=204)
            if missed is None or known.ended is not None:
                view = await run_in_threadpool(service.jobs.view, known)
                missed = [Event(number, "state", view.model_dump(), known.ended is not None)]
        except BaseException:
            service.events.unsubscribe(identifier, listener)
            raise
        # A proxy that gathers answers would hold events back.
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        body = service.events.stream(identifier, listener, missed)
        return StreamingResponse(body, media_type="text/event-stream", headers=headers)

    return router


def _results(service: Service, drawings: anyio.CapacityLimiter) -> APIRouter:
    router = APIRouter(prefix="/v1/jobs/{identifier}", tags=["results"])

    @router.get("/results", responses=_failures(404, 409))
    def results(identifier: str) -> ResultList:
        """The results of a job."""
        return models.result_list(service.jobs.finished(identifier))

    @router.get(
        "/results.zip",
        response_class=StreamingResponse,
        responses={**_file_answer("application/zip"), **_failures(404, 409)},
    )
    def results_zip(identifier: str) -> StreamingResponse:
        """A zip of all results."""
        job = service.jobs.finished(identifier)
        files: list[tuple[str, Path]] = []
        for number in range(len(job.results)):
            # Files of one name may come from several places.
            files += _packed(service, identifier, number, f"{number}/" if len(job.results) > 1 else "")
        return _zip(files, f"matshot_{job.tool}_{job.id[:8]}.zip")

    @router.get("/results/{number}", responses={**_file_answer(*_FILES), **_failures(404, 409)})
    def result(identifier: str, number: int) -> Response:
        """An image, or the zip of a material's folder."""
        path, facts = service.jobs.result(identifier, number)
        if facts["kind"] == "image":
            return _sent(path, facts["name"])
        return _zip(_packed(service, identifier, number, ""), f"{facts['name']}.zip")

    @router.get("/results/{number}/preview", responses={**_file_answer("image/png"), **_failures(404, 409)})
    def result_preview(identifier: str, number: int) -> FileResponse:
        """A picture of at most 512 pixels per side."""
        return _shown(service.pictures.result_preview(identifier, number))

    @router.get("/results/{number}/files/{place}", responses={**_file_answer(*_FILES), **_failures(404, 409, 415, 507)})
    async def result_file(identifier: str, number: int, place: int, side: Side = None) -> FileResponse:
        """A file as it was written, or a picture of it."""
        if side is not None:
            return _shown(await _in_turn(drawings, service.pictures.result_file, identifier, number, place, side))
        path, facts = await run_in_threadpool(service.jobs.result_file, identifier, number, place)
        return _sent(path, facts["name"])

    return router


async def _receive(request: Request, upload: Upload) -> None:
    """Write a body as it arrives."""
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
                await run_in_threadpool(upload.feed, b"".join(pieces))
                pieces, gathered = [], 0
            if piece is None:
                break
    except ClientDisconnect as error:
        raise Refusal(400, "The upload ended early and was discarded.") from error
    except TimeoutError as error:
        raise Refusal(400, "The upload timed out and was discarded.") from error
    await run_in_threadpool(upload.finish)


async def _in_turn(limiter: anyio.CapacityLimiter, work: Callable[..., _Result], *arguments: Any) -> _Result:
    """Run work that waits for the inspector, in one of the few threads for it."""
    return await anyio.to_thread.run_sync(lambda: work(*arguments), limiter=limiter)


def _packed(service: Service, identifier: str, number: int, prefix: str) -> list[tuple[str, Path]]:
    """Files of a result with their names in a zip."""
    path, facts = service.jobs.result(identifier, number)
    if facts["kind"] == "image":
        return [(f"{prefix}{facts['name']}", path)]
    return [(f"{prefix}{facts['name']}/{one['name']}", path / one["name"]) for one in facts["files"]]


def _zip(files: list[tuple[str, Path]], name: str) -> StreamingResponse:
    headers = {"content-disposition": _attached(name)}
    return StreamingResponse(zipped(files), media_type="application/zip", headers=headers)


def _sent(path: Path, name: str) -> FileResponse:
    """A file to keep."""
    _check_there(path)
    headers = {"content-disposition": _attached(name), "cache-control": "private, max-age=3600"}
    return FileResponse(path, media_type=models.media_type(path.name), headers=headers)


def _shown(path: Path) -> FileResponse:
    """A picture to look at."""
    _check_there(path)
    return FileResponse(path, media_type="image/png", headers={"cache-control": "private, max-age=3600"})


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise Refusal(404, "It has just been deleted.")


def _attached(name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def _with_cookie(response: Response, token: str, request: Request) -> Response:
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return response


def _add_page(app: FastAPI, guard: Guard) -> None:
    """The files of the page, each at its own address: no request ever becomes a path."""
    files = {f"/{file.relative_to(PAGE).as_posix()}": file for file in PAGE.rglob("*") if file.is_file()}

    @app.get("/", include_in_schema=False)
    def page(request: Request, token: Annotated[str, Query(max_length=1000)] = "") -> Response:
        if token:
            if not guard.knows_token([token]):
                raise Refusal(401, "The token is wrong.")
            # Relative, so that a proxy may have the service under another path.
            return _with_cookie(RedirectResponse("./", 303), token, request)
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
            raise Refusal(404, _SENTENCES[404])
        kept = "public, max-age=31536000, immutable" if place.startswith("assets/") else "no-cache"
        return FileResponse(file, headers={"cache-control": kept})


def _add_failures(app: FastAPI) -> None:
    """Answer every failure with one sentence."""

    def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return _failure(error.status, error.sentence, error.cause, error.headers)

    def failed(_: Request, error: Exception) -> Response:
        assert isinstance(error, MatshotError)
        return _failure(422, error.sentence, error.cause)

    def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        sentence = f"Invalid {place or first['loc'][0]}: {first['msg'].rstrip('.')}."
        return _failure(422, sentence.encode("utf-8", "replace").decode())

    def unknown(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if isinstance(error.__cause__, Refusal):  # of the guard, while the body was read
            return refused(_, error.__cause__)
        headers = dict(error.headers or {})
        return _failure(error.status_code, _SENTENCES.get(error.status_code, str(error.detail)), "", headers)

    def disk(_: Request, error: Exception) -> Response:
        assert isinstance(error, OSError | sqlite3.Error)
        return refused(_, Refusal.of_disk(error))

    def broken(_: Request, error: Exception) -> Response:
        return _failure(500, f"Something went wrong inside Matshot ({type(error).__name__}); its log says more.")

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(MatshotError, failed)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(OSError, disk)
    app.add_exception_handler(sqlite3.Error, disk)
    app.add_exception_handler(Exception, broken)


def _failure(status: int, sentence: str, cause: str = "", headers: dict[str, str] | None = None) -> Response:
    content = {"error": {"sentence": sentence, "cause": cause}}
    return JSONResponse(content, status_code=status, headers=headers)
