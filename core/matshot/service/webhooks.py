"""Webhooks: the ends of jobs, sent to addresses that the settings allow, signed, and again until they arrive.

They are signed as https://www.standardwebhooks.com has it: ``webhook-signature`` is ``v1,`` and the base64 of the
HMAC-SHA256 of ``ID.TIMESTAMP.BODY``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from .records import Delivery
from .recurring import Recurring
from .refusal import Refusal
from .settings import signing_key
from .store import Store, now

#: Seconds after each failure until the next try; after the last, the webhook is given up.
_PAUSES = (5, 30, 300, 1800, 7200, 18000, 36000)
#: Seconds that a receiver has to answer.
_PATIENCE = 10.0
#: Seconds between looks at what is due.
_PACE = 2.0


def check_webhook(url: str, hosts: Collection[str]) -> None:
    """Check that an address may be told of jobs.

    Raises:
        Refusal: for an address that is malformed, or not allowed by the settings.
    """
    try:
        parts = urlsplit(url)
        named = {parts.hostname or "", f"{parts.hostname}:{parts.port}" if parts.port else ""} - {""}
    except ValueError:
        parts, named = urlsplit(""), set()
    if (
        parts.scheme not in ("http", "https")
        or not named
        or parts.username
        or not url.isascii()
        or not url.isprintable()
    ):
        raise Refusal(422, "A webhook must be an address such as https://pipeline.example/jobs.")
    if not named & set(hosts):
        raise Refusal(
            422, f"This service sends no webhooks to {parts.hostname}. Add it to webhook_hosts in its settings."
        )


def delivery(job: str, url: str, data: Mapping[str, Any]) -> Delivery:
    """The message on the end of a job."""
    body = {"type": "job.ended", "timestamp": int(now()), "data": data}
    return Delivery(f"msg_{uuid.uuid4().hex}", job, url, json.dumps(body), 0, 0.0)


def signature(secret: str, identifier: str, timestamp: int, body: bytes) -> str:
    """What a receiver compares with the header ``webhook-signature``."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(signing_key(secret), signed, hashlib.sha256).digest()).decode()


class Webhooks(Recurring):
    """Delivers webhooks, in a thread of its own; what is not delivered when it closes waits for the next start.

    Args:
        store: in which they wait.
        secret: that signs them.
        write_log: writes a line to the log of a job.
    """

    def __init__(self, store: Store, secret: str, write_log: Callable[[str, str], None]) -> None:
        super().__init__("webhooks", _PACE, self.deliver)
        self._store, self._secret, self._write_log = store, secret, write_log
        # What answers with another address is not followed, and no proxy of the environment comes in between.
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))

    def deliver(self) -> None:
        """Try everything that is due."""
        for one in self._store.due_deliveries():
            if self._closing.is_set():
                return
            failure = self._failure(one)
            if not failure:
                self._store.remove_delivery(one.id)
            elif one.tries < len(_PAUSES):
                self._store.put_off_delivery(one, _PAUSES[one.tries])
            else:
                self._store.remove_delivery(one.id)
                self._write_log(one.job, f"The webhook could not be delivered after {one.tries + 1} tries: {failure}.")

    def _failure(self, one: Delivery) -> str:
        """Why a try failed; empty if it did not."""
        body, timestamp = one.body.encode(), int(now())
        headers = {
            "content-type": "application/json",
            "webhook-id": one.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._secret, one.id, timestamp, body),
            "user-agent": "matshot",
        }
        request = urllib.request.Request(one.url, body, headers, method="POST")
        try:
            with self._opener.open(request, timeout=_PATIENCE):
                return ""
        except urllib.error.HTTPError as error:
            error.close()
            return f"it was answered with {error.code}"
        except (OSError, ValueError) as error:
            return f"{type(error).__name__}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None
