"""A worker that plays a part: every tool's name says how it behaves. Standard library only."""

from __future__ import annotations

import json
import os
import sys
import time

PROTOCOL = int(os.environ.get("ACTOR_PROTOCOL", "1"))


def say(**message: object) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def made(path: str) -> dict[str, object]:
    return {"kind": "image", "path": path, "preview": "", "width": 4, "height": 2, "wrap": "x", "notes": ["a", "a"]}


for line in sys.stdin:
    asked = json.loads(line)
    method, number, told = asked["method"], asked.get("id"), asked["params"]
    if method == "initialize":
        if "ACTOR_SLOW" in os.environ:
            time.sleep(60)
        say(id=number, result={"version": "9.9", "protocol": PROTOCOL})
    elif method == "shutdown":
        break
    elif method == "doctor":
        say(id=number, result={"findings": [{"subject": "Python", "state": "here", "ok": True}]})
    elif method == "run" and told["tool"] == "good":
        print("a library that prints past the protocol", flush=True)
        for step in range(5):
            say(method="progress", params={"job": number, "fraction": step / 5, "stage": f"step {step}"})
        say(method="progress", params={"job": number, "preview": "picture.png"})
        say(id=number, result={"results": [made(told["inputs"][0])], "failures": ["one was bad"]})
    elif method == "run" and told["tool"] == "bad":
        say(id=number, error={"code": -32000, "message": "That is no texture.", "data": {"cause": "because"}})
    elif method == "run" and told["tool"] == "deaf":
        say(method="progress", params={"job": number, "fraction": 0.5, "stage": "deaf"})
        time.sleep(60)
    elif method == "run" and told["tool"] == "obedient":
        say(method="progress", params={"job": number, "preview": "picture.png"})
        say(method="progress", params={"job": number, "fraction": 0.5, "stage": "working"})
        assert json.loads(sys.stdin.readline())["method"] == "cancel"
        say(id=number, error={"code": -32001, "message": "Cancelled.", "data": {"cancelled": True}})
    elif method == "run" and told["tool"] == "dying":
        print("out of something", file=sys.stderr, flush=True)
        os._exit(3)
