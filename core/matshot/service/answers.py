"""Answers that are not JSON of a model: files, pictures, zips, streams of events, and failures."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from ..errors import MatshotError
from .models import media_type
from .refusal import PROBLEM_TYPE, Refusal, problem
from .zipping import zipped

#: What is answered to a request for an unknown address, and the like.
SENTENCES = {
    400: "The request is malformed.",
    404: "Nothing is at this address.",
    405: "This address does not support that method.",
}


#: Bytes of a file that is read at once.
_SMALL = 1 << 18


def stream_response(body: AsyncIterator[bytes]) -> StreamingResponse:
    """Events, as they come."""
    # A proxy that gathers answers would hold events back.
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(body, media_type="text/event-stream", headers=headers)


def zip_response(files: list[tuple[str, Path]], name: str) -> StreamingResponse:
    """A zip, made while it is sent.

    Args:
        files: name in the zip, and where it is.
        name: of the zip.
    """
    headers = {"content-disposition": _attached(name)}
    return StreamingResponse(zipped(files), media_type="application/zip", headers=headers)


def file_response(request: Request, path: Path, name: str) -> Response:
    """A file to keep, or a part of it."""
    headers = {"content-disposition": _attached(name), "cache-control": "private, max-age=3600"}
    return _file(request, path, media_type(path.name), headers)


def picture_response(request: Request, path: Path) -> Response:
    """A picture to look at."""
    return _file(request, path, "image/png", {"cache-control": "private, max-age=3600"})


def _file(request: Request, path: Path, kind: str, headers: dict[str, str]) -> Response:
    """A file with its tag; without its contents if the client has them already."""
    # Small ones whole and at once: to open, read and close a file piece by piece takes a change of threads each.
    whole = request.method == "GET" and "range" not in request.headers
    try:
        found = path.stat()
        contents = path.read_bytes() if whole and found.st_size <= _SMALL else None
    except FileNotFoundError as error:
        raise Refusal(404, "It has just been deleted.") from error
    response = FileResponse(path, media_type=kind, headers=headers, stat_result=found)
    tag = response.headers["etag"]
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers={"etag": tag, "cache-control": headers["cache-control"]})
    return response if contents is None else Response(contents, headers=dict(response.headers))


def _attached(name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def add_failures(app: FastAPI) -> None:
    """Answer every failure with one sentence."""

    def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return _failure(error.status, error.sentence, error.cause, error.headers, error.code)

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
        return _failure(error.status_code, SENTENCES.get(error.status_code, str(error.detail)), "", headers)

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


def _failure(
    status: int, sentence: str, cause: str = "", headers: dict[str, str] | None = None, code: str = ""
) -> Response:
    content = problem(status, sentence, cause, code)
    return JSONResponse(content, status_code=status, headers=headers, media_type=PROBLEM_TYPE)
