"""The worker process, as its host sees it: JSON-RPC 2.0 over pipes, one message per line.

The host's main thread never waits here: starting the process, writing to it and reading from it are done by threads,
and what it says is put into a queue.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import queue
import subprocess
import threading
from typing import Any, Deque, Dict, Mapping, NamedTuple, Optional

from . import __version__
from .location import WorkerCommand

#: Version of the messages between client and worker; both must have the same.
PROTOCOL = 1

#: Last lines of the worker's standard error that are kept for the log.
_KEPT_LINES = 40
#: Seconds that a worker has to end by itself.
_PATIENCE = 1.0


class Event(NamedTuple):
    """A message of the worker, or its end.

    Attributes:
        kind: ``ready`` (data: what ``initialize`` answered), ``progress`` (``fraction``, ``stage``, ``preview``),
            ``log`` (``level``, ``text``), ``result``, ``error`` (``sentence``, ``cause``, ``cancelled``), or ``lost``
            (``code``: exit code or None, ``started``, ``ready``, ``text``: last lines of its standard error).
        request: number that it belongs to, 0 for none.
        data: see ``kind``.
    """

    kind: str
    request: int
    data: Dict[str, Any]


class WorkerClient:
    """One worker process, from start to end.

    Args:
        command: how it is started.
        host: name and version of the program this runs in.
        folder: of the host's jobs, which the worker removes should the host die.
    """

    def __init__(self, command: WorkerCommand, host: str, folder: str) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self.command = command
        self.ready = False
        self._lines: queue.SimpleQueue[Optional[str]] = queue.SimpleQueue()
        self._stderr: Deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self._lock = threading.Lock()
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._killed = False
        self._ended = threading.Event()
        self._number = 0
        self._initialize = self.request(
            "initialize",
            {"host": host, "version": __version__, "protocol": PROTOCOL, "pid": os.getpid(), "folder": folder},
        )
        threading.Thread(target=self._live, name="matshot worker", daemon=True).start()

    def request(self, method: str, parameters: Mapping[str, Any]) -> int:
        """Ask for something; the answer is an event with the number that is returned."""
        with self._lock:
            self._number += 1
            number = self._number
        self._say({"jsonrpc": "2.0", "id": number, "method": method, "params": dict(parameters)})
        return number

    def notify(self, method: str, parameters: Mapping[str, Any]) -> None:
        """Say something that is not answered."""
        self._say({"jsonrpc": "2.0", "method": method, "params": dict(parameters)})

    def kill(self) -> None:
        """End the process at once; ``lost`` follows."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                with contextlib.suppress(OSError):
                    self._process.kill()

    def close(self) -> None:
        """Let the worker end, and end it if it does not within a second."""
        self.notify("shutdown", {})
        self._lines.put(None)
        if not self._ended.wait(_PATIENCE):
            self.kill()
            self._ended.wait(_PATIENCE)

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._ended.is_set()

    @property
    def pid(self) -> int:
        """Of the process; 0 before it was started."""
        return self._process.pid if self._process is not None else 0

    def _say(self, message: Mapping[str, Any]) -> None:
        self._lines.put(json.dumps(message))

    def _live(self) -> None:
        """From start to end; the thread of the process."""
        try:
            with self._lock:
                if self._killed:
                    raise OSError("it was ended before it was started")
                self._process = process = subprocess.Popen(
                    self.command.arguments,
                    env=self.command.environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    # On Windows without a console window, and below the host's priority; elsewhere without its Ctrl-C.
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
                    | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
                    start_new_session=os.name == "posix",
                )
        except (OSError, ValueError) as error:
            self._lose(None, False, str(error))
            return
        errors = threading.Thread(target=self._read_errors, args=(process,), name="matshot errors", daemon=True)
        errors.start()
        threading.Thread(target=self._write, args=(process,), name="matshot requests", daemon=True).start()
        assert process.stdout is not None
        for line in process.stdout:
            self._hear(line)
        code = process.wait()
        errors.join(_PATIENCE)
        self._lines.put(None)
        process.stdout.close()
        self._lose(code, True, "\n".join(self._stderr))

    def _write(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        # Closing flushes, which fails once the worker is gone; the reading thread reports its end.
        with contextlib.suppress(OSError, ValueError):
            while True:
                line = self._lines.get()
                if line is None:
                    break
                process.stdin.write(line.encode("utf-8") + b"\n")
                process.stdin.flush()
        with contextlib.suppress(OSError, ValueError):
            process.stdin.close()

    def _read_errors(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self._stderr.append(line.decode("utf-8", "replace").rstrip())
        process.stderr.close()

    def _hear(self, line: bytes) -> None:
        try:
            message = json.loads(line.decode("utf-8"))
            method, number = message.get("method"), int(message.get("id") or 0)
            if method is not None:
                parameters = message.get("params") or {}
                self.events.put(Event(str(method), int(parameters.get("job") or 0), parameters))
                return
            if number == self._initialize and "result" in message:
                self.ready = True
                self.events.put(Event("ready", number, message["result"]))
            elif "result" in message:
                self.events.put(Event("result", number, message["result"]))
            else:
                error = message.get("error") or {}
                more = error.get("data") or {}
                failure = {
                    "sentence": str(error.get("message") or "The worker failed without an error message."),
                    "cause": str(more.get("cause") or ""),
                    "cancelled": bool(more.get("cancelled")),
                }
                self.events.put(Event("error", number, failure))
        except (ValueError, AttributeError, TypeError):
            # A library that printed past the protocol; it may explain what follows.
            self._stderr.append(line.decode("utf-8", "replace").rstrip())

    def _lose(self, code: Optional[int], started: bool, text: str) -> None:
        self._ended.set()
        self.events.put(Event("lost", 0, {"code": code, "started": started, "ready": self.ready, "text": text}))
