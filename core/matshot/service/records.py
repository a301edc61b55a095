"""What the service's database holds: assets, jobs, presets and webhooks, each as one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: States of a job that has not ended.
LIVE = ("waiting", "running")
#: Final states.
ENDED = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class AssetRecord:
    """An upload.

    Attributes:
        id: SHA-256 of what it holds.
        kind: ``image`` or ``material``.
        name: as it was called when it first came.
        width: in pixels.
        height: in pixels.
        bytes: on the disk.
        files: {name, map, width, height, bytes} each; names are those of files in the asset's folder.
        created: seconds since 1970.
        used: when it was last sent or given to a job.
        used_at: the same in the service's own time, see :meth:`Store.service_time`.
    """

    id: str
    kind: str
    name: str
    width: int
    height: int
    bytes: int
    files: Sequence[Mapping[str, Any]]
    created: float
    used: float
    used_at: float = 0.0


@dataclass(frozen=True)
class JobRecord:
    """A job.

    Attributes:
        number: counts all jobs.
        id: as clients know it.
        tool: its name.
        inputs: {asset, name, kind, normal, path} each; the path is relative to the job's folder.
        parameters: as they were given.
        key: of the client's, under which the same job is asked for again; None for none.
        digest: of what was asked for with that key.
        state: ``waiting``, ``running``, ``done``, ``failed`` or ``cancelled``.
        cancelling: whether it is to end.
        deleted: whether it is to go when it has ended.
        attempts: how often it was begun.
        created: seconds since 1970.
        started: likewise, None before.
        ended: likewise, None before.
        sentence: why it failed, else empty.
        cause: of that, for the log.
        results: as :class:`~matshot.service.runner.Runner` describes them; paths are within the results.
        failures: sentences about single files that failed.
        bytes: of its results.
        owner: name of the user whose it is; empty for whoever has the service's own token.
        priority: jobs of a higher one run first.
        tags: for clients to find it by.
        chain: id of the first job of the chain that it is a step of; empty for none.
        after: id of the job whose results it takes; empty for none.
        webhook: address that is told of its end; empty for none.
        ended_at: when it ended, in the service's own time, see :meth:`Store.service_time`.
    """

    number: int
    id: str
    tool: str
    inputs: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any]
    key: str | None
    digest: str
    state: str
    cancelling: bool
    deleted: bool
    attempts: int
    created: float
    started: float | None
    ended: float | None
    sentence: str = ""
    cause: str = ""
    results: Sequence[Mapping[str, Any]] = field(default=())
    failures: Sequence[str] = field(default=())
    bytes: int = 0
    owner: str = ""
    priority: int = 0
    tags: Sequence[str] = field(default=())
    chain: str = ""
    after: str = ""
    webhook: str = ""
    ended_at: float | None = None


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are listed.

    Attributes:
        owner: whose; None for all.
        states: that they may have; empty for any.
        tool: of theirs; empty for any.
        tag: that they have; empty for any.
        chain: that they are steps of; empty for any.
        before: number below which theirs are; None for no bound.
    """

    owner: str | None = None
    states: Sequence[str] = ()
    tool: str = ""
    tag: str = ""
    chain: str = ""
    before: int | None = None


@dataclass(frozen=True)
class Preset:
    """Parameters of a tool under a name.

    Attributes:
        owner: whose it is.
        name: of it.
        tool: whose parameters they are.
        parameters: by name.
        changed: seconds since 1970.
    """

    owner: str
    name: str
    tool: str
    parameters: Mapping[str, Any]
    changed: float


@dataclass(frozen=True)
class Delivery:
    """A webhook that is to be delivered.

    Attributes:
        id: of the message; the same for each try.
        job: that ended.
        url: to which it goes.
        body: of the message.
        tries: that failed.
        due: when it is tried next, in the service's own time.
    """

    id: str
    job: str
    url: str
    body: str
    tries: int
    due: float
