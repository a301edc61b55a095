"""Settings of a service, from a TOML file and from the command line, which wins."""

from __future__ import annotations

import base64
import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from ..errors import MatshotError
from ..files import os_reason
from ..inference.memory import bytes_from_text
from .accounts import Account, accounts, check_token

#: Environment variable of the token, which in a command line every user of the machine could read.
TOKEN = "MATSHOT_TOKEN"
#: The same of the secret that signs webhooks.
WEBHOOK_SECRET = "MATSHOT_WEBHOOK_SECRET"
_LAST_PORT = 65535
#: Beginning of a secret whose key is base64, and the fewest bytes of that key.
_PREFIX, _KEY = "whsec_", 24


@dataclass(frozen=True)
class Settings:
    """How a service runs. Amounts of bytes are numbers, or texts such as ``2G``.

    Attributes:
        host: address to listen at.
        port: likewise; 0 takes a free one.
        data: folder for assets, jobs and results. Workers on other machines have to see it under the same path.
        token: that clients have to know; empty for none, which works on loopback alone.
        hosts: further names under which it is reached, such as that of a proxy before it.
        scheduler: address of a Dask scheduler; empty for workers of its own.
        workers: processes of its own; 0 for half the processors.
        upload: bytes of one upload.
        unpacked: bytes of a material when its zip is unpacked.
        files: of one material.
        pixels: of one image that is uploaded.
        result_pixels: that one job may make, of all maps of all its results.
        queue: jobs that wait or run.
        seconds: that one job may run; 0 for no bound.
        memory: that the process of one job may hold; 0 for its even share of the machine.
        quota: bytes of all assets and results; 0 for no bound.
        spare: bytes of the disk that are left free.
        keep_days: after which jobs that have ended, and assets that nothing used, are removed; 0 keeps them.
        users: with tokens of their own, whose jobs and assets are apart.
        webhook_hosts: that may be told of the ends of jobs, as ``host`` or ``host:port``; none by default.
        webhook_secret: that signs what they are sent.
        dashboard: whether the workers of this machine are shown on a page of their own, for this machine alone.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    data: Path = Path("matshot-service")
    token: str = ""
    hosts: tuple[str, ...] = ()
    scheduler: str = ""
    workers: int = 0
    upload: int = 512 * 2**20
    unpacked: int = 2 * 2**30
    files: int = 64
    pixels: int = 100_000_000
    result_pixels: int = 800_000_000
    queue: int = 1000
    seconds: float = 3600.0
    memory: int = 0
    quota: int = 50 * 2**30
    spare: int = 256 * 2**20
    keep_days: float = 14.0
    dashboard: bool = False
    users: tuple[Account, ...] = ()
    webhook_hosts: tuple[str, ...] = ()
    webhook_secret: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot work or is not safe."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and value < 0:
                raise MatshotError(f"{_title(field.name)} must be 0 or more, got {value}.")
        for name in ("upload", "unpacked", "files", "pixels", "result_pixels", "queue"):
            if getattr(self, name) < 1:
                raise MatshotError(f"{_title(name)} must be 1 or more, got {getattr(self, name)}.")
        if self.port > _LAST_PORT:
            raise MatshotError(f"Port must be 0-{_LAST_PORT}, got {self.port}.")
        if self.token:
            check_token(self.token)
        if self.webhook_hosts and not self.webhook_secret:
            raise MatshotError(f"Webhooks need a secret that signs them: set {WEBHOOK_SECRET} or webhook_secret.")
        signing_key(self.webhook_secret)
        if not self.loopback and not self.token and not self.users:
            raise MatshotError(
                f"Others can reach the service at {self.host}, so it needs a token: set {TOKEN} or use --token."
            )

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def signing_key(secret: str) -> bytes:
    """The key of a secret: after ``whsec_``, as Standard Webhooks writes it, base64; of any other, its own bytes.

    Raises:
        MatshotError: when what follows ``whsec_`` is not base64 of 24 bytes or more.
    """
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if len(key) < _KEY:
        raise MatshotError(f"A webhook secret with {_PREFIX} must continue with base64 of {_KEY} bytes or more.")
    return key


def settings(file: Path | None, given: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of a file, overruled by those that are given.

    Args:
        file: TOML with the names of :class:`Settings`; None for no file.
        given: by name; those that are None are not.
        environment: in which the token may be; None for that of this process.

    Raises:
        MatshotError: for a file that cannot be read, names that do not exist, and values that make no sense.
    """
    chosen = {**_read(file), **{name: value for name, value in given.items() if value is not None}}
    given_by = os.environ if environment is None else environment
    for setting, variable in (("token", TOKEN), ("webhook_secret", WEBHOOK_SECRET)):
        chosen.setdefault(setting, given_by.get(variable, ""))
    types = get_type_hints(Settings)
    for name in chosen:
        if name not in types:
            raise MatshotError(f"Unknown setting {name!r}. Choose from: {', '.join(types)}.")
    return replace(Settings(), **{name: _typed(name, types[name], value) for name, value in chosen.items()})


def _title(name: str) -> str:
    """A setting's name at the start of a sentence."""
    return name.replace("_", " ").capitalize()


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise MatshotError(f"{file} cannot be read: {os_reason(error)}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MatshotError(f"{file} is not TOML: {error}.") from error


def _typed(name: str, wanted: Any, value: Any) -> Any:
    if wanted is Path and isinstance(value, str | Path):
        return Path(value).expanduser()
    if wanted is str and isinstance(value, str):
        return value.strip()
    if wanted is int and isinstance(value, str):
        return bytes_from_text(value)
    if wanted in (int, float) and isinstance(value, int | float) and not isinstance(value, bool):
        return wanted(value)
    if wanted is bool and isinstance(value, bool):
        return value
    if name == "users" and isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return accounts(value)
    texts = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
    if name in ("hosts", "webhook_hosts") and texts:
        return tuple(one.lower() for one in value)
    raise MatshotError(f"{_title(name)} cannot be {value!r}.")
