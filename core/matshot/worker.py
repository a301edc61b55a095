"""The worker process: JSON-RPC 2.0 over standard input and output, one message per line.

Requests: ``initialize`` ({host, version, protocol, pid, folder}), ``tools/list``, ``run`` (see
:class:`~matshot.tools.job.ToolRequest`), ``doctor``, ``shutdown``; ``revoke`` ({job}: the id of a run's request;
answers ``revoked``, whether it had not begun, and then it never does); notification ``cancel`` ({job}).
The worker sends ``progress`` ({job, fraction, stage, preview}) and ``log`` ({level, text}). Failures that can be
foreseen are errors whose message is a sentence for the artist; ``data`` has ``cause``, and ``cancelled`` where that is
the reason.

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
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from matshot_host import __version__
from matshot_host.client import PROTOCOL
from matshot_host.errors import quoted
from matshot_host.jobs import NOTE, is_job_folder
from matshot_host.tools import TOOLS, Tool

from .errors import Cancelled, MatshotError
from .files import is_link, remove
from .progress import CancelSwitch

# Error codes of JSON-RPC.
_PARSE = -32700
_INVALID = -32600
_NO_METHOD = -32601
_NO_PARAMETERS = -32602
# Error codes of Matshot.
_FAILED = -32000
_CANCELLED = -32001
#: Seconds between progress messages.
_PACE = 0.05
#: Seconds that a job has to stop when the host is gone.
_PATIENCE = 2.0
#: How much lower the worker's priority is than that of its host, which is drawing for somebody.
_NICER = 5

_log = logging.getLogger("matshot.worker")


class _Refused(Exception):
    """A message that is no valid request."""

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
        self._jobs: queue.SimpleQueue[tuple[object, Callable[[], dict[str, Any]]] | None] = queue.SimpleQueue()
        self._switches: dict[object, CancelSwitch] = {}
        self._queued: set[object] = set()
        self._folder: Path | None = None
        self._thread = threading.Thread(target=self._work, name="matshot jobs", daemon=True)

    def serve(self) -> None:
        """Answer until ``shutdown``, or until standard input ends."""
        self._thread.start()
        for line in self._requests:
            if line.strip() and not self._handle(line):
                break
        else:
            self._abandon()

    def _handle(self, line: bytes) -> bool:
        """Handle one message; False after ``shutdown``."""
        number: object = None
        try:
            try:
                message = json.loads(line)
            except ValueError as error:
                raise _Refused(_PARSE, "The message is not JSON.") from error
            if not isinstance(message, dict) or not isinstance(message.get("method"), str):
                raise _Refused(_INVALID, "The message is not a request.")
            number, parameters = message.get("id"), message.get("params") or {}
            if not isinstance(parameters, dict):
                raise _Refused(_NO_PARAMETERS, "Parameters must be given by name.")
            return self._dispatch(message["method"], number, parameters)
        except _Refused as refusal:
            self._fail(number, refusal.code, str(refusal))
        return True

    def _dispatch(self, method: str, number: object, parameters: Mapping[str, Any]) -> bool:
        if method == "initialize":
            folder = parameters.get("folder")
            self._folder = Path(folder) if folder else None
            self._answer(
                number,
                {
                    "name": "matshot", "version": __version__, "protocol": PROTOCOL, "pid": os.getpid(),
                    "python": sys.executable, "python_version": platform.python_version(),
                },
            )  # fmt: skip
            self._jobs.put((None, _preload))
        elif method == "tools/list":
            self._answer(number, {"tools": [_tool_json(table) for table in TOOLS]})
        elif method == "run":
            self._queue(number, lambda: self._run(number, parameters))
        elif method == "doctor":
            self._queue(number, _diagnosis)
        elif method == "cancel":
            switch = self._switches.get(parameters.get("job"))
            if switch is not None:
                switch.cancel()
            if number is not None:
                self._answer(number, {"cancelled": switch is not None})
        elif method == "revoke":
            revoked = self._is_taken_from_queue(parameters.get("job"))
            if revoked:
                self._switches.pop(parameters.get("job"), None)
            self._answer(number, {"revoked": revoked})
        elif method == "shutdown":
            self._give_up()
            if number is not None:
                self._answer(number, {})
            return False
        else:
            raise _Refused(_NO_METHOD, f"Unknown method {quoted(method)}.")
        return True

    def _queue(self, number: object, job: Callable[[], dict[str, Any]]) -> None:
        if number is None:
            raise _Refused(_INVALID, "A job needs an id.")
        self._switches[number] = CancelSwitch()
        with self._lock:
            self._queued.add(number)
        self._jobs.put((number, job))

    def _is_taken_from_queue(self, number: object) -> bool:
        """Take a job from those that wait; False if it is none of them, or was taken already."""
        with self._lock:
            queued = number in self._queued
            self._queued.discard(number)
        return queued

    def _work(self) -> None:
        """Do the jobs, one after the other; the thread of the jobs."""
        while (entry := self._jobs.get()) is not None:
            number, job = entry
            if number is not None and not self._is_taken_from_queue(number):
                continue  # it was revoked
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
                sentence = "Out of memory. Set a memory limit, or close other programs."
                self._fail(number, _FAILED, sentence)
            except Exception as error:
                _log.exception("a job failed")
                sentence = f"Internal error in Matshot ({type(error).__name__}); the log has the details."
                self._fail(number, _FAILED, sentence, traceback.format_exc())
            finally:
                self._switches.pop(number, None)

    def _run(self, number: object, parameters: Mapping[str, Any]) -> dict[str, Any]:
        from .tools.job import ToolRequest
        from .tools.run import run

        switch = self._switches[number]
        # A job that takes no longer than that tells its end alone.
        last_time, last = time.monotonic(), ("", -1.0)

        def progress(fraction: float, stage: str) -> None:
            nonlocal last_time, last
            switch(fraction, stage)
            now = time.monotonic()
            if now - last_time >= _PACE and last != (stage, fraction):
                last_time, last = now, (stage, fraction)
                self._notify("progress", job=number, fraction=round(fraction, 4), stage=stage)

        def on_preview(path: Path) -> None:
            self._notify("progress", job=number, preview=str(path))

        result = run(ToolRequest.from_json(parameters), progress=progress, on_preview=on_preview)
        return result.as_json()

    def _answer(self, number: object, result: Mapping[str, Any]) -> None:
        self._send({"jsonrpc": "2.0", "id": number, "result": result})

    def _fail(self, number: object, code: int, message: str, cause: str = "", *, cancelled: bool = False) -> None:
        data = {"cause": cause, "cancelled": cancelled}
        self._send({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message, "data": data}})

    def _notify(self, method: str, **parameters: object) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": parameters})

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
        if self._folder is not None and not is_link(self._folder) and (self._folder / NOTE).is_file():
            for entry in list(self._folder.iterdir()):
                if entry.name == NOTE or is_job_folder(entry.name):
                    remove(entry)
            with contextlib.suppress(OSError):
                self._folder.rmdir()  # goes only if it is empty


def _tool_json(table: Tool) -> dict[str, Any]:
    """A tool of the table, as JSON."""
    parameters = [
        {**parameter._asdict(), "type": getattr(parameter.type, "__name__", str(parameter.type))}
        for parameter in table.parameters
    ]
    return {**table._asdict(), "parameters": parameters, "inputs": [one._asdict() for one in table.inputs]}


def _diagnosis() -> dict[str, Any]:
    from .hosts.doctor import diagnosis

    return {"findings": [vars(finding) for finding in diagnosis()]}


def _preload() -> dict[str, Any]:
    """Load what most tools need, while the artist still looks at the dialog."""
    from .inference.session import onnxruntime
    from .tools import assets, capture  # noqa: F401

    # The job that needs it says what is wrong.
    with contextlib.suppress(MatshotError):
        onnxruntime()

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
