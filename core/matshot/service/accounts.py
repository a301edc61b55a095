"""Who may use a service: its own token, and users with tokens and scopes of their own."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import MatshotError

#: What a user may do: look at their own assets, jobs and presets; send and run, and delete; see those of all.
SCOPES = ("read", "run", "admin")
#: Fewest characters of a token.
_SHORTEST_TOKEN = 16
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Account:
    """A user.

    Attributes:
        name: whose jobs and assets are apart; empty for the service's own token.
        digest: SHA-256 of the token in hexadecimal digits; empty for none.
        scopes: what it may do.
    """

    name: str = ""
    digest: str = ""
    scopes: frozenset[str] = frozenset(SCOPES)

    @property
    def owner(self) -> str | None:
        """Whose jobs and assets it sees; None for all."""
        return None if "admin" in self.scopes else self.name

    def sees(self, owner: str) -> bool:
        """Whether it may see what belongs to a user."""
        return "admin" in self.scopes or owner == self.name

    def has_token(self, token: str) -> bool:
        """Whether a token is its own."""
        return bool(self.digest) and hmac.compare_digest(self.digest, token_digest(token))


#: The service itself, and whoever uses one that has no token.
ADMIN = Account()


def token_digest(token: str) -> str:
    """What is kept of a token, which is long and random."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def check_token(token: str) -> None:
    """Check a token.

    Raises:
        MatshotError: for one that is easy to guess, or that no header can carry.
    """
    if len(token) < _SHORTEST_TOKEN:
        raise MatshotError(f"The token is too easy to guess. Use {_SHORTEST_TOKEN} or more characters.")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise MatshotError("The token has characters that a header cannot carry. Use letters, digits and -_.~.")


def accounts(entries: Sequence[Mapping[str, Any]]) -> tuple[Account, ...]:
    """The users of a settings file.

    Args:
        entries: with ``name``, ``token`` or ``token_sha256``, and ``scopes``, by default ``read`` and ``run``.

    Raises:
        MatshotError: for an entry that cannot be used.
    """
    found = tuple(_account(entry) for entry in entries)
    for name in ("name", "digest"):
        if len({getattr(one, name) for one in found}) < len(found):
            what = "names" if name == "name" else "tokens"
            raise MatshotError(f"Users must have different {what}.")
    return found


def _account(entry: Mapping[str, Any]) -> Account:
    unknown = set(entry) - {"name", "token", "token_sha256", "scopes"}
    if unknown:
        names = "name, token, token_sha256, scopes"
        raise MatshotError(f"Unknown setting {min(unknown)!r} of a user. Choose from: {names}.")
    name, token = entry.get("name"), entry.get("token", "")
    digest, scopes = entry.get("token_sha256", ""), entry.get("scopes", ["read", "run"])
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise MatshotError(f"The name of a user must be 1 to 64 letters, digits and -_. characters, got {name!r}.")
    if bool(token) == bool(digest) or not isinstance(token, str) or not isinstance(digest, str):
        raise MatshotError(f"The user {name} needs either token or token_sha256.")
    if token:
        check_token(token)
        digest = token_digest(token)
    elif not _SHA256.fullmatch(digest):
        raise MatshotError(f"token_sha256 of the user {name} must be 64 hexadecimal digits in lower case.")
    wrong = [one for one in scopes if one not in SCOPES] if isinstance(scopes, list) else [scopes]
    if wrong or not scopes:
        raise MatshotError(f"Unknown scope {wrong[0] if wrong else ''!r} of {name}. Choose from: {', '.join(SCOPES)}.")
    return Account(name, digest, frozenset({"read", *scopes}))
