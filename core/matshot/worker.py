"""The worker process: JSON-RPC 2.0 over standard input and output, one message per line.

Requests: ``initialize`` ({host, version, protocol, pid, folder}), ``tools/list``, ``run`` (see
:class:`~matshot.tools.run.Run`), ``doctor``, ``shutdown``; notification ``cancel`` ({job}: the request's id). Told
meanwhile: ``progress`` ({job, fraction, stage, preview}) and ``log`` ({level, text}). Failures that can be foreseen are
errors whose message is a sentence for the artist; ``data`` has ``cause``, and ``cancelled`` where that is the reason.

Jobs run one after the other in a thread, so a cancel is heard while one runs. When standard input ends, the host is
gone: the job is given up, the host's job folder is removed, and the process ends.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
import queue
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from matshot_host import __version__
from matshot_host.client import PROTOCOL
from matshot_host.tools import TOOLS

from .errors import Cancelled, MatshotError
from .progress import CancelSwitch

if TYPE_CHECKING:
    from .tools.run import Run

#: JSON-RPC's own codes, and ours.
_PARSE, _INVALID, _NO_METHOD, _NO_PARAMETERS, _FAILED, _CANCELLED = -32700, -32600, -32601, -32602, -32000, -32001
#: Seconds between progress messages, and that a job has to give up when the host is gone.
_PACE, _PATIENCE = 0.05, 2.0
#: How much lower the worker's priority is than its host's, which is drawing for somebody.
_NICER = 5

_log = logging.getLogger("matshot.worker")


class _Refused(Exception):
    """A request that makes no sense."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Worker:
    """Answers requests and runs jobs.

    Args:
        requests: lines of UTF-8.
        answers: gets lines of JSON; nothing else may write to it.
    """

    def __init__(self, requests: BinaryIO, answers: TextIO) -> None:
        self._requests, self._answers = requests, answers
        self._lock = threading.Lock()
        self._jobs: queue.Queue[tuple[object, Callable[[], dict[str, Any]]] | None] = queue.Queue()
        self._switches: dict[object, CancelSwitch] = {}
        self._folder: Path | None = None
        self._thread = threading.Thread(target=self._work, name="matshot jobs", daemon=True)

    def serve(self) -> None:
        """Answer until ``shutdown``, or until standard input ends."""
        self._thread.start()
        for line in self._requests:
            if line.strip() and not self._heard(line):
                break
        else:
            self._abandon()

    def _heard(self, line: bytes) -> bool:
        """Take one message; False after ``shutdown``."""
        number: object = None
        try:
            try:
                message = json.loads(line)
            except ValueError as error:
                raise _Refused(_PARSE, "This is not JSON.") from error
            if not isinstance(message, dict) or not isinstance(message.get("method"), str):
                raise _Refused(_INVALID, "This is not a request.")
            number, told = message.get("id"), message.get("params") or {}
            if not isinstance(told, dict):
                raise _Refused(_NO_PARAMETERS, "Parameters are given by name.")
            return self._asked(message["method"], number, told)
        except _Refused as refusal:
            self._fail(number, refusal.code, str(refusal))
        return True

    def _asked(self, method: str, number: object, told: Mapping[str, Any]) -> bool:
        if method == "initialize":
            folder = told.get("folder")
            self._folder = Path(folder) if folder else None
            self._answer(
                number,
                {
                    "name": "matshot", "version": __version__, "protocol": PROTOCOL, "pid": os.getpid(),
                    "python": sys.executable, "python_version": platform.python_version(),
                },
            )  # fmt: skip
            self._jobs.put((None, _warmed))
        elif method == "tools/list":
            self._answer(number, {"tools": [_described(tool.name) for tool in TOOLS]})
        elif method == "run":
            self._queue(number, lambda: self._run(number, told))
        elif method == "doctor":
            self._queue(number, _examined)
        elif method == "cancel":
            switch = self._switches.get(told.get("job"))
            if switch is not None:
                switch.cancel()
            if number is not None:
                self._answer(number, {"cancelled": switch is not None})
        elif method == "shutdown":
            self._give_up()
            if number is not None:
                self._answer(number, {})
            return False
        else:
            raise _Refused(_NO_METHOD, f"There is no method {method!r}.")
        return True

    def _queue(self, number: object, job: Callable[[], dict[str, Any]]) -> None:
        if number is None:
            raise _Refused(_INVALID, "A job needs an id, by which it can be cancelled.")
        self._switches[number] = CancelSwitch()
        self._jobs.put((number, job))

    def _work(self) -> None:
        """Do the jobs, one after the other; the thread of the jobs."""
        while (entry := self._jobs.get()) is not None:
            number, job = entry
            try:
                if number is not None:
                    self._switches[number](0.0, "")
                result = job()
                if number is not None:
                    self._answer(number, result)
            except Cancelled:
                self._fail(number, _CANCELLED, "Cancelled.", cancelled=True)
            except MatshotError as error:
                self._fail(number, _FAILED, error.sentence, error.cause)
            except MemoryError:
                sentence = "There is not enough memory; set a bound on it, or close other programs."
                self._fail(number, _FAILED, sentence)
            except Exception as error:
                _log.exception("a job failed")
                sentence = f"Something went wrong inside Matshot ({type(error).__name__}); its log says more."
                self._fail(number, _FAILED, sentence, traceback.format_exc())
            finally:
                self._switches.pop(number, None)

    def _run(self, number: object, told: Mapping[str, Any]) -> dict[str, Any]:
        from .tools.run import run

        switch = self._switches[number]
        said, shown = 0.0, ("", -1.0)

        def progress(fraction: float, stage: str) -> None:
            nonlocal said, shown
            switch(fraction, stage)
            now = time.monotonic()
            if now - said >= _PACE and shown != (stage, fraction):
                said, shown = now, (stage, fraction)
                self._tell("progress", job=number, fraction=round(fraction, 4), stage=stage)

        def pictured(path: Path) -> None:
            self._tell("progress", job=number, preview=str(path))

        ran = run(_as_run(told), progress=progress, pictured=pictured)
        return {"results": [made.told() for made in ran.results], "failures": list(ran.failures)}

    def _answer(self, number: object, result: Mapping[str, Any]) -> None:
        self._send({"jsonrpc": "2.0", "id": number, "result": result})

    def _fail(self, number: object, code: int, message: str, cause: str = "", *, cancelled: bool = False) -> None:
        data = {"cause": cause, "cancelled": cancelled}
        self._send({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message, "data": data}})

    def _tell(self, method: str, **told: object) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": told})

    def _send(self, message: Mapping[str, Any]) -> None:
        # A host that is gone reads nothing; the end of standard input ends this process.
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._answers.write(json.dumps(message) + "\n")
            self._answers.flush()

    def _give_up(self) -> None:
        for switch in list(self._switches.values()):
            switch.cancel()
        self._jobs.put(None)
        self._thread.join(_PATIENCE)

    def _abandon(self) -> None:
        """Without a host nobody wants results, nor cleans up."""
        self._give_up()
        if self._folder is not None and self._folder.name.startswith("matshot-"):
            shutil.rmtree(self._folder, ignore_errors=True)


def _as_run(told: Mapping[str, Any]) -> Run:
    from .tools.run import Run

    shapes = {"tool": str, "inputs": list, "parameters": dict, "folder": str, "output": str, "form": dict}
    given = {"parameters": {}, "output": "", "form": {}, **told}
    for name, kind in shapes.items():
        if not isinstance(given.get(name), kind):
            raise MatshotError(f"The host's request has no {name} that makes sense.", repr(told))
    output = Path(given["output"]) if given["output"] else None
    return Run(
        given["tool"], given["inputs"], given["parameters"], Path(given["folder"]), output, given["form"]
    )  # fmt: skip


def _described(name: str) -> dict[str, Any]:
    """A tool of the table, as JSON."""
    from matshot_host.tools import tool

    found = tool(name)
    parameters = [
        {**parameter._asdict(), "type": getattr(parameter.type, "__name__", str(parameter.type))}
        for parameter in found.parameters
    ]
    return {**found._asdict(), "parameters": parameters, "inputs": [one._asdict() for one in found.inputs]}


def _examined() -> dict[str, Any]:
    from .hosts.doctor import diagnosis

    return {"findings": [vars(finding) for finding in diagnosis()]}


def _warmed() -> dict[str, Any]:
    """Load what nearly every tool needs, while the artist still looks at the dialog."""
    from .tools import assets  # noqa: F401

    return {}


def main() -> None:
    """Serve standard input; what libraries print goes to standard error, past the protocol."""
    if hasattr(os, "nice"):  # on Windows the client does it
        os.nice(_NICER)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    Worker(sys.stdin.buffer, answers).serve()
    # Native threads may still be inside a network; nothing of theirs is wanted any more.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
