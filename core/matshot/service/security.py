"""Checks of every request (token, host, origin) and security headers of every answer.

A service on loopback without a token trusts whoever can reach it, which every page in the user's browser can. So a
request has to name this host (else a foreign name that resolves to 127.0.0.1 would do), and must not come from
another page.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .accounts import ADMIN, Account, token_digest
from .metrics import Metrics
from .refusal import ENDING, PROBLEM_TYPE, Refusal, problem
from .settings import Settings, is_loopback

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]

#: Cookie that holds the token.
COOKIE = "matshot_token"
#: Bytes of a body that is not an upload.
_MOST_BYTES = 1 << 20
#: Seconds that such a body may take.
_BODY = 20.0
#: Addresses of uploads.
_UPLOADS = ("/v1/assets", "/v1/assets/batch", "/v1/jobs/upload")
#: Addresses that need no token; the page asks for it and has no secrets.
OPEN_API = ("/healthz", "/v1/session")

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self' blob:; "
    "font-src 'self'; worker-src 'self' blob:; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
#: Files of strangers are never to run as a page, however a browser takes them.
_API_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


class Guard:
    """Checks requests and adds headers to answers.

    Args:
        app: that answers what is let through.
        settings: of the service.
        metrics: in which requests are counted.
    """

    def __init__(self, app: _App, settings: Settings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        own = (Account("", token_digest(settings.token)),) if settings.token else ()
        self._accounts = (*own, *settings.users)
        self._is_loopback = settings.loopback

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, answered = time.monotonic(), 500, False
        path: str = scope["path"]
        api = _is_api(path)

        async def send_checked(message: _Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], True
                message["headers"] = _with_headers(message.get("headers", ()), api)
            await send(message)

        taken, whole = 0, False

        async def receive_bounded() -> _Message:
            nonlocal taken, whole
            if path in _UPLOADS or whole:
                message = await receive()
            else:
                try:
                    async with asyncio.timeout(max(0.0, began + _BODY - time.monotonic())):
                        message = await receive()
                except TimeoutError as error:
                    raise Refusal(408, "The request timed out.", headers=ENDING) from error
            whole = not message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > _MOST_BYTES and path not in _UPLOADS:
                raise Refusal(413, "The request is too large.")
            return message

        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            self._check_host(headers)
            self._check_origin(headers, api)
            if api and path not in OPEN_API:
                scope.setdefault("state", {})["account"] = self._admitted(scope, headers)
            await self._app(scope, receive_bounded, send_checked)
        except Refusal as refusal:
            if not answered:
                await _refuse(refusal, send_checked)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.count(
                "matshot_requests_total", "Requests.", method=_method(scope), route=route, status=str(status)
            )
            # What waits for a job says nothing of the service.
            if not route.endswith("/events") and b"wait=" not in scope["query_string"]:
                self._metrics.duration(
                    "matshot_request_seconds", "Seconds that requests took.", time.monotonic() - began, route=route
                )

    @property
    def needs_token(self) -> bool:
        """Whether the service has any token."""
        return bool(self._accounts)

    def account(self, given: list[str]) -> Account | None:
        """Whose one of these tokens is; None for nobody's."""
        if not self._accounts:
            return ADMIN
        # Every token is compared with every account, so that the time says nothing.
        found = [account for token in given for account in self._accounts if account.has_token(token)]
        return found[0] if found else None

    def _admitted(self, scope: _Message, headers: dict[str, str]) -> Account:
        account = self.account(_tokens(scope, headers))
        if account is None:
            challenge = {"WWW-Authenticate": 'Bearer realm="matshot"'}
            raise Refusal(401, "This service needs a token.", headers=challenge)
        needed = "read" if scope["method"] in ("GET", "HEAD") else "run"
        if scope["path"] == "/metrics":
            needed = "admin"
        if needed not in account.scopes and "admin" not in account.scopes:
            raise Refusal(403, f"The token of {account.name} does not allow this: it lacks {needed}.", code="scope")
        return account

    def _check_host(self, headers: dict[str, str]) -> None:
        names = self._settings.hosts
        host = _host_name(headers.get("host", ""))
        if host in names or (self._is_loopback and is_loopback(host)):
            return
        if self._is_loopback or names:
            raise Refusal(403, "This service does not answer under that host name. Add it to hosts in its settings.")

    def _check_origin(self, headers: dict[str, str], api: bool) -> None:
        if not api:
            return
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        # Behind a proxy that speaks TLS the scheme differs; the host has to agree.
        host = headers.get("host", "").lower()
        foreign = origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}")
        if foreign or site not in ("same-origin", "none"):
            raise Refusal(403, "Pages of other sites cannot use this service.")


def _is_api(path: str) -> bool:
    return path.startswith("/v1/") or path in ("/healthz", "/metrics", "/openapi.json")


def _method(scope: _Message) -> str:
    method = str(scope["method"])
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"


def _host_name(header: str) -> str:
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _tokens(scope: _Message, headers: dict[str, str]) -> list[str]:
    """Every token that a request shows."""
    found = []
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        found.append(value.strip())
    cookies = SimpleCookie()
    try:
        cookies.load(headers.get("cookie", ""))
    except CookieError:
        cookies = SimpleCookie()
    if COOKIE in cookies:
        found.append(cookies[COOKIE].value)
    # Programs that follow a job cannot always set headers. Elsewhere a token in an address would end up in logs.
    if scope["path"].endswith("/events"):
        found += parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
    return found


def _with_headers(headers: Any, api: bool) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in headers if name.lower() != b"server"]
    present = {name.lower() for name, _ in kept}
    kept += _HEADERS
    kept.append((b"content-security-policy", (_API_POLICY if api else _PAGE_POLICY).encode()))
    if api and b"cache-control" not in present:
        kept.append((b"cache-control", b"no-store"))
    return kept


async def _refuse(refusal: Refusal, send: _Send) -> None:
    content = problem(refusal.status, refusal.sentence, refusal.cause, refusal.code)
    headers = [(b"content-type", PROBLEM_TYPE.encode()), (b"connection", b"close")]
    headers += [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})
