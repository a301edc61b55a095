"""The routes of the service."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
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
from . import models as shapes
from .events import Event
from .metrics import CONTENT_TYPE
from .models import AssetShape, Failure, HealthShape, JobShape, JobsShape, ResultsShape, State, ToolsShape
from .refusal import Refusal
from .schema import tool_schema
from .security import COOKIE, Guard
from .upload import Arrival
from .work import LEAST_SIDE, MOST_SIDE, Service
from .zipping import zipped

#: Folder of the page, which is built by npm.
PAGE = Path(__file__).parent / "page"
#: Suffixes that uploads may have.
_ACCEPTED = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".tga", ".bmp", ".webp", ".hdr", ".dds", ".zip")
#: Bytes of an upload that are gathered before they are written, and seconds that it may be silent.
_PIECE, _SILENCE = 1 << 20, 60.0
#: Uploads that are looked at, and pictures that are made, at once; others of them wait without a thread.
_LOOKS = 4

_log = logging.getLogger("matshot.service")

_SENTENCES = {
    400: "The request cannot be read.",
    404: "There is nothing at this address.",
    405: "That cannot be done at this address.",
}
_MEANINGS = {
    400: "The request or the upload cannot be read, or ends early.",
    401: "The token is missing or wrong.",
    403: "The request names another host, or comes from a page of another site.",
    404: "There is no such thing.",
    405: "There is no such method.",
    409: "The job is not done.",
    413: "Too many bytes or pixels.",
    415: "Neither an image nor a material.",
    422: "Inputs or parameters do not fit.",
    429: "The queue is full; Retry-After says when to ask again.",
    503: "The service cannot work just now.",
    507: "The disk or the quota is full.",
}

Side = Annotated[
    int | None,
    Query(ge=LEAST_SIDE, le=MOST_SIDE, description="Longest side of an 8-bit PNG that is sent in place of the file."),
]
_Result = TypeVar("_Result")


def _failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    always = (400, 401, 403, 422, 503)
    return {one: {"model": Failure, "description": _MEANINGS[one]} for one in sorted({*always, *statuses})}


def _file_answer(*types: str) -> dict[int | str, dict[str, Any]]:
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"content": dict.fromkeys(types, schema), "description": "The file."}}


_FILES = (*dict.fromkeys(shapes.MEDIA_TYPES.values()), "application/zip", "application/octet-stream")


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
        description="AI texture and material tools. Every failure is one sentence: {'error': {'sentence', 'cause'}}.",
        lifespan=lifespan,
        docs_url=None,  # both pages fetch scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation,
    )
    guard = Guard(app, service.settings, service.metrics)
    looks = anyio.CapacityLimiter(_LOOKS)
    app.include_router(_about(service, guard))
    app.include_router(_assets(service, looks))
    app.include_router(_jobs(service))
    app.include_router(_results(service, looks))
    _add_page(app, guard)
    _add_failures(app)
    return guard


def _operation(route: APIRoute) -> str:
    return route.name


def _about(service: Service, guard: Guard) -> APIRouter:
    router = APIRouter(tags=["service"])

    @router.get("/healthz", responses={503: {"model": Failure, "description": _MEANINGS[503]}, **_failures()})
    def health() -> HealthShape:
        """Whether the service works; asks for no token."""
        service.check()
        return HealthShape(version=__version__)

    @router.get("/metrics", response_class=PlainTextResponse, responses=_failures())
    def metrics() -> Response:
        """Counts for Prometheus."""
        return Response(service.metrics_text(), media_type=CONTENT_TYPE)

    @router.get("/v1/tools", responses=_failures())
    def tools() -> ToolsShape:
        """The tool table, and what the service takes."""
        settings = service.settings
        return ToolsShape(
            version=__version__,
            limits=shapes.LimitsShape(
                upload_bytes=settings.upload,
                pixels=settings.pixels,
                result_pixels=settings.result_pixels,
                queue=settings.queue,
                seconds=settings.seconds,
            ),
            accepts=list(_ACCEPTED),
            tools=[shapes.ToolShape(**tool_schema(tool)) for tool in TOOLS],
        )

    @router.post("/v1/session", status_code=204, responses=_failures())
    def open_session(given: shapes.TokenShape, request: Request) -> Response:
        """Take the token, and give it as a cookie; for browsers."""
        if not guard.knows_token([given.token]):
            raise Refusal(401, "This is not the service's token.")
        return _with_cookie(Response(status_code=204), service.settings.token, request)

    @router.delete("/v1/session", status_code=204, responses=_failures())
    def close_session() -> Response:
        """Take the cookie back."""
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, samesite="strict", httponly=True)
        return response

    return router


def _assets(service: Service, looks: anyio.CapacityLimiter) -> APIRouter:
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
        responses={200: {"model": AssetShape, "description": "It was here."}, **_failures(413, 415, 507)},
        openapi_extra={"requestBody": body},
    )
    async def upload(
        request: Request,
        response: Response,
        name: Annotated[str, Query(max_length=1000, description="Of the file, or of the material.")] = "",
        sha256: Annotated[str, Query(pattern="^([0-9a-fA-F]{64})?$", description="That the file has to have.")] = "",
    ) -> AssetShape:
        """Send an image, the zip of a material's folder, or the files of one."""
        declared = request.headers.get("content-length", "0")
        length = int(declared) if declared.isdecimal() and len(declared) < 19 else 0
        kind = request.headers.get("content-type", "")
        arrival = await run_in_threadpool(service.arrival, kind, name, length)
        try:
            await _received(request, arrival)
            asset, new = await _in_turn(looks, service.take, arrival, sha256)
        finally:
            arrival.discard()
        response.status_code = 201 if new else 200
        response.headers["location"] = f"/v1/assets/{asset.id}"
        return shapes.asset_shape(asset)

    @router.get("/{identifier}", responses=_failures(404))
    def asset(identifier: str) -> AssetShape:
        """An asset."""
        return shapes.asset_shape(service.asset(identifier))

    @router.delete("/{identifier}", status_code=204, responses=_failures(404))
    def delete_asset(identifier: str) -> None:
        """Forget an asset."""
        service.delete_asset(identifier)

    @router.get("/{identifier}/preview", responses={**_file_answer("image/png"), **_failures(404, 507)})
    async def asset_preview(identifier: str) -> FileResponse:
        """A picture of at most 512 pixels a side."""
        return _shown(await _in_turn(looks, service.asset_preview, identifier))

    @router.get("/{identifier}/files/{number}", responses={**_file_answer(*_FILES), **_failures(404, 415, 507)})
    async def asset_file(identifier: str, number: int, side: Side = None) -> FileResponse:
        """A file as it was sent, or a picture of it."""
        if side is not None:
            return _shown(await _in_turn(looks, service.asset_picture, identifier, number, side))
        path, told = await run_in_threadpool(service.asset_file, identifier, number)
        return _sent(path, told["name"])

    return router


def _jobs(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

    @router.post(
        "",
        status_code=201,
        responses={200: {"model": JobShape, "description": "It was here."}, **_failures(404, 413, 429, 507)},
    )
    def submit(
        asked: shapes.Asked,
        response: Response,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
    ) -> JobShape:
        """Have a tool run. With an Idempotency-Key, asking again gives the same job."""
        job, new = service.submit(asked, idempotency_key)
        response.status_code = 201 if new else 200
        response.headers["location"] = f"/v1/jobs/{job.id}"
        return service.shape(job)

    @router.get("", responses=_failures(404))
    def jobs(
        state: Annotated[State | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        before: Annotated[str | None, Query(max_length=64, description="A job's id: those before it.")] = None,
    ) -> JobsShape:
        """Jobs, newest first."""
        number = service.job(before).number if before else None
        found = service.store.jobs(state, limit + 1, number)
        return JobsShape(jobs=[service.shape(job) for job in found[:limit]], more=len(found) > limit)

    @router.get("/{identifier}", responses=_failures(404))
    def job(identifier: str) -> JobShape:
        """A job."""
        return service.shape(service.job(identifier))

    @router.post("/{identifier}/cancel", responses=_failures(404))
    def cancel(identifier: str) -> JobShape:
        """End a job; one that has ended stays as it is."""
        return service.shape(service.cancel(identifier))

    @router.delete("/{identifier}", status_code=204, responses=_failures(404))
    def delete_job(identifier: str) -> None:
        """Forget a job and its results, cancelled first if need be."""
        service.delete(identifier)

    @router.get("/{identifier}/preview", responses={**_file_answer("image/png"), **_failures(404)})
    def job_preview(identifier: str) -> FileResponse:
        """The latest picture of what is made."""
        return _shown(service.preview(identifier))

    event = {"type": "object", "properties": {name: {"type": "string"} for name in ("id", "event", "data")}}
    stream: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/event-stream": {"schema": event}}, "description": "Events."}
    }

    @router.get(
        "/{identifier}/events",
        response_class=StreamingResponse,
        responses={**stream, 204: {"description": "The end has been told."}, **_failures(404)},
    )
    async def events(
        identifier: str,
        last_event_id: Annotated[str, Header(max_length=100)] = "",
        last: Annotated[str, Query(alias="last_event_id", max_length=100)] = "",
        token: Annotated[str, Query(max_length=1000, description="For who cannot set headers.")] = "",
    ) -> Response:
        """Follow a job: ``state``, ``progress``, ``preview`` and ``log``, until it has ended."""
        del token  # the guard has seen it
        heard = last_event_id or last
        await run_in_threadpool(service.job, identifier)
        listener, missed, number = service.feeds.listen(identifier, heard)
        try:
            # After listening began, so that no end is missed.
            known = await run_in_threadpool(service.job, identifier)
            if known.ended is not None and service.feeds.heard_end(identifier, heard):
                service.feeds.leave(identifier, listener)
                return Response(status_code=204)
            if missed is None or known.ended is not None:
                shape = await run_in_threadpool(service.shape, known)
                missed = [Event(number, "state", shape.model_dump(), known.ended is not None)]
        except BaseException:
            service.feeds.leave(identifier, listener)
            raise
        # A proxy that gathers answers would hold events back.
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        told = service.feeds.stream(identifier, listener, missed)
        return StreamingResponse(told, media_type="text/event-stream", headers=headers)

    return router


def _results(service: Service, looks: anyio.CapacityLimiter) -> APIRouter:
    router = APIRouter(prefix="/v1/jobs/{identifier}", tags=["results"])

    @router.get("/results", responses=_failures(404, 409))
    def results(identifier: str) -> ResultsShape:
        """What a job made."""
        return shapes.results_shape(service.done_job(identifier))

    @router.get(
        "/results.zip",
        response_class=StreamingResponse,
        responses={**_file_answer("application/zip"), **_failures(404, 409)},
    )
    def results_zip(identifier: str) -> StreamingResponse:
        """All of it."""
        job = service.done_job(identifier)
        files: list[tuple[str, Path]] = []
        for number in range(len(job.results)):
            # Files of one name may come from several places.
            files += _packed(service, identifier, number, f"{number}/" if len(job.results) > 1 else "")
        return _zip(files, f"matshot_{job.tool}_{job.id[:8]}.zip")

    @router.get("/results/{number}", responses={**_file_answer(*_FILES), **_failures(404, 409)})
    def result(identifier: str, number: int) -> Response:
        """An image, or the zip of a material's folder."""
        path, told = service.result(identifier, number)
        if told["kind"] == "image":
            return _sent(path, told["name"])
        return _zip(_packed(service, identifier, number, ""), f"{told['name']}.zip")

    @router.get("/results/{number}/preview", responses={**_file_answer("image/png"), **_failures(404, 409)})
    def result_preview(identifier: str, number: int) -> FileResponse:
        """A picture of at most 512 pixels a side."""
        return _shown(service.result_preview(identifier, number))

    @router.get("/results/{number}/files/{place}", responses={**_file_answer(*_FILES), **_failures(404, 409, 415, 507)})
    async def result_file(identifier: str, number: int, place: int, side: Side = None) -> FileResponse:
        """A file as it was made, or a picture of it."""
        if side is not None:
            return _shown(await _in_turn(looks, service.result_picture, identifier, number, place, side))
        path, told = await run_in_threadpool(service.result_file, identifier, number, place)
        return _sent(path, told["name"])

    return router


async def _received(request: Request, arrival: Arrival) -> None:
    """Write a body as it comes."""
    pieces: list[bytes] = []
    gathered = 0
    stream = request.stream()
    try:
        while True:
            async with asyncio.timeout(_SILENCE):
                piece = await anext(stream, None)
            if piece is not None:
                pieces.append(piece)
                gathered += len(piece)
            if gathered >= _PIECE or (piece is None and gathered):
                await run_in_threadpool(arrival.feed, b"".join(pieces))
                pieces, gathered = [], 0
            if piece is None:
                break
    except ClientDisconnect as error:
        raise Refusal(400, "The upload ended early; nothing was kept of it.") from error
    except TimeoutError as error:
        raise Refusal(400, "The upload fell silent; nothing was kept of it.") from error
    await run_in_threadpool(arrival.finish)


async def _in_turn(looks: anyio.CapacityLimiter, work: Callable[..., _Result], *arguments: Any) -> _Result:
    """Work that waits for the examiner, in one of the few threads for it."""
    return await anyio.to_thread.run_sync(lambda: work(*arguments), limiter=looks)


def _packed(service: Service, identifier: str, number: int, prefix: str) -> list[tuple[str, Path]]:
    """Files of a result with their names in a zip."""
    path, told = service.result(identifier, number)
    if told["kind"] == "image":
        return [(f"{prefix}{told['name']}", path)]
    return [(f"{prefix}{told['name']}/{one['name']}", path / one["name"]) for one in told["files"]]


def _zip(files: list[tuple[str, Path]], name: str) -> StreamingResponse:
    headers = {"content-disposition": _attached(name)}
    return StreamingResponse(zipped(files), media_type="application/zip", headers=headers)


def _sent(path: Path, name: str) -> FileResponse:
    """A file to keep."""
    _check_there(path)
    headers = {"content-disposition": _attached(name), "cache-control": "private, max-age=3600"}
    return FileResponse(path, media_type=shapes.media_type(path.name), headers=headers)


def _shown(path: Path) -> FileResponse:
    """A picture to look at."""
    _check_there(path)
    return FileResponse(path, media_type="image/png", headers={"cache-control": "private, max-age=3600"})


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise Refusal(404, "It has just been removed.")


def _attached(name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def _with_cookie(response: Response, token: str, request: Request) -> Response:
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return response


def _add_page(app: FastAPI, guard: Guard) -> None:
    """The files of the page, each at its own address: nothing that is asked for becomes a path."""
    files = {f"/{file.relative_to(PAGE).as_posix()}": file for file in PAGE.rglob("*") if file.is_file()}

    @app.get("/", include_in_schema=False)
    def page(request: Request, token: Annotated[str, Query(max_length=1000)] = "") -> Response:
        if token:
            if not guard.knows_token([token]):
                raise Refusal(401, "This is not the service's token.")
            # Relative, so that a proxy may have the service under another path.
            return _with_cookie(RedirectResponse("./", 303), token, request)
        if "/index.html" not in files:
            return PlainTextResponse(
                "Matshot's service runs, but its page was not built; in the folder page/ of the sources run: "
                "npm ci && npm run build. The interface for programs is described at /openapi.json.\n"
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
    """Every failure as one sentence."""

    def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return _told(error.status, error.sentence, error.cause, error.headers)

    def impossible(_: Request, error: Exception) -> Response:
        assert isinstance(error, MatshotError)
        return _told(422, error.sentence, error.cause)

    def unfitting(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        sentence = f"The request's {place or first['loc'][0]} does not fit: {first['msg'].rstrip('.')}."
        return _told(422, sentence.encode("utf-8", "replace").decode())

    def unknown(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if isinstance(error.__cause__, Refusal):  # of the guard, while the body was read
            return refused(_, error.__cause__)
        headers = dict(error.headers or {})
        return _told(error.status_code, _SENTENCES.get(error.status_code, str(error.detail)), "", headers)

    def disk(_: Request, error: Exception) -> Response:
        assert isinstance(error, OSError | sqlite3.Error)
        return refused(_, Refusal.of_disk(error))

    def broken(_: Request, error: Exception) -> Response:
        return _told(500, f"Something went wrong inside Matshot ({type(error).__name__}); its log says more.")

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(MatshotError, impossible)
    app.add_exception_handler(RequestValidationError, unfitting)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(OSError, disk)
    app.add_exception_handler(sqlite3.Error, disk)
    app.add_exception_handler(Exception, broken)


def _told(status: int, sentence: str, cause: str = "", headers: dict[str, str] | None = None) -> Response:
    content = {"error": {"sentence": sentence, "cause": cause}}
    return JSONResponse(content, status_code=status, headers=headers)
