"""The simulated Kubernetes answers as the recorded one did: every recorded request that is modelled is replayed, on the virtual clock, and compared."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from lab.kubernetes import api as api_module
from lab.kubernetes import selectors
from lab.kubernetes.api import Api, Request
from lab.kubernetes.not_modelled import REQUESTS, SUBJECTS
from lab.kubernetes.scenarios import BEFORE, STEPS, USERS
from lab.kubernetes.state import State
from lab.kubernetes.status import Fail, Response, Watch

FOLDER = Path(__file__).parents[1] / "recordings" / "kubernetes"
FILES = sorted(BEFORE)
Line = dict[str, Any]


def load(name: str) -> list[Line]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]


def asked(name: str) -> list[Line]:
    return [line for line in load(name) if "request" in line]


def left_out(line: Line) -> bool:
    told = line["request"]
    said = f"{told['method']} {told['path']} {json.dumps(told['query'])} {told.get('accept', '')} {told['user']}"
    return "/eviction" not in said and any(re.search(pattern, said) for pattern in REQUESTS)


def replay(name: str) -> list[str]:
    """The differences."""
    state = State(users=dict(USERS))
    BEFORE[name](state)
    api = Api(state)
    todo: list[tuple[float, Callable[[], Any]]] = []
    found: list[str] = []
    held: list[tuple[Line, Watch, list[Line]]] = []

    def ask(line: Line) -> None:
        told = line["request"]
        path, _mark, more = told["path"].partition("?")
        query = {key: str(value) for key, value in told["query"].items()} | dict(parse_qsl(more))
        token = {} if told["user"] == "none" else {"authorization": f"Bearer {told['user']}-token"}
        answer = api.handle(Request(told["method"], path, query, token, json.dumps(told.get("body")).encode() if told.get("body") else b""))
        if isinstance(answer, Watch):
            held.append((line, answer, []))
        else:
            assert isinstance(answer, Response)
            found.extend(f"{name} t={line['t']} {told['method']} {told['path']} {told['query']}: {text}" for text in differences(answer, line))

    for line in asked(name):
        if not left_out(line):
            todo.append((line["t"], lambda line=line: ask(line)))  # type: ignore[misc]
    todo += [(at, lambda act=act: act(state)) for at, act in STEPS.get(name, [])]  # type: ignore[misc]
    for at, act in sorted(todo, key=lambda entry: entry[0]):
        state.clock.sleep(at - state.clock.now())
        act()
        for _line, watch, events in held:
            if state.clock.now() <= watch.until:
                events += watch.poll()
    for line, _watch, events in held:
        found += [f"{name} t={line['t']} watch {line['request']['query']}: {text}" for text in watch_differences(events, line)]
    return found


def differences(answer: Response, line: Line) -> list[str]:
    theirs = line["response"]
    if answer.status != theirs["status"]:
        return [f"status {answer.status} for {theirs['status']}: {answer.text[:200]!r}"]
    found = [] if answer.headers["Content-Type"] == theirs["headers"]["Content-Type"] else [f"headers {answer.headers}"]
    if theirs["headers"].get("Retry-After") != answer.headers.get("Retry-After"):
        found.append("Retry-After")
    body = theirs["body"] if "body" in theirs else theirs["lines"][0]["event"]
    ours = answer.body
    if isinstance(body, str) or body.get("kind") == "Status":
        return found + ([] if without_causes(ours) == without_causes(body) else [f"{ours} for {body}"])
    if view(ours) != view(body):
        found.append(f"{view(ours)} for {view(body)}")
    return found


def without_causes(body: Any) -> Any:
    """A Status as callers read it. The causes repeat its message in pieces."""
    if isinstance(body, dict) and body.get("status") == "Failure":
        return {**body, "details": {key: value for key, value in (body.get("details") or {}).items() if key != "causes"}}
    if isinstance(body, dict) and "uid" in body.get("details", {}):
        return {**body, "details": {**body["details"], "uid": "another run's"}}
    return body


def view(item: Any) -> Any:
    """What callers read of an object or a list: names, labels, data, and of a pod whether it can be used. Versions only as far as they stand in relation."""
    if "items" in item:
        return {"kind": item["kind"], "items": [view({"kind": "", **one}) for one in item["items"] or []], "version": bool(item["metadata"]["resourceVersion"])}
    meta = item["metadata"]
    told = {"kind": item["kind"], "name": meta.get("name"), "labels": set(meta.get("labels") or ()) - {"lab-state"}, "data": item.get("data")}
    told["deleting"] = (bool(meta.get("deletionTimestamp")), meta.get("deletionGracePeriodSeconds"))
    if item["kind"] == "Pod":
        conditions = {one["type"]: one["status"] for one in item["status"]["conditions"]}
        told["state"] = (item["status"]["phase"], conditions.get("Ready", "False"), item["spec"].get("nodeName") is None)
    return told


def watch_differences(events: list[Line], line: Line) -> list[str]:
    theirs = [entry["event"] for entry in line["response"].get("lines", [])]

    def told(event: Line) -> Any:
        item = event["object"]
        return (event["type"], item["message"], item["code"]) if item["kind"] == "Status" else (event["type"], view(item), item["metadata"]["resourceVersion"])

    ours, right = [told(event) for event in events], [told(event) for event in theirs]
    return [] if ours == right else [f"{ours} for {right}"]


@pytest.mark.parametrize("name", FILES)
def test_recording(name: str) -> None:
    assert replay(name) == []


def test_tally(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the counts. Whatever speaks of reading pods is modelled."""
    with capsys.disabled():
        print()
        for name in FILES:
            lines = asked(name)
            out = sum(left_out(line) for line in lines)
            print(f"Kubernetes {name}: {len(lines) - out} requests replayed and compared, {out} not modelled")
        print(f"{len(SUBJECTS)} subjects are not simulated: {', '.join(SUBJECTS)}")
    assert sum(not left_out(line) for name in FILES for line in asked(name)) > 60


@pytest.mark.parametrize("said", ["GET /api/v1/namespaces/x/pods {}  admin", "GET /api/v1/namespaces/x/pods/y/portforward {}  admin"])
def test_not_modelled_holds_nothing_about_pods_and_their_ports(said: str) -> None:
    assert not any(re.search(pattern, said) for pattern in REQUESTS)


def broken(*_arguments: Any) -> None:
    raise Fail(500, "broken on purpose")


MUTANTS: list[tuple[str, Any, str, Any, str]] = [
    ("everybody may do everything", api_module.User, "may", lambda right: lambda *_: True, "auth"),
    ("an unknown token is anonymous", Api, "_user", lambda right: lambda self, r: USERS["admin-token"], "auth"),
    ("selectors choose all", selectors, "labels", lambda right: lambda text: lambda item: True, "lists"),
    ("nothing is ever too old", Api, "_check_version", lambda right: lambda self, request: None, "gone-410"),
    ("what leaves a selection stays", api_module, "seen_by", lambda right: lambda c, t: {"type": c.type, "object": {"kind": "", **c.object}}, "watch"),
    ("a deletion waits for nobody", State, "end_pod", lambda right: lambda self, ns, name, grace=None: right(self, ns, name, 0), "pods-states"),
    ("a second deletion lengthens the first", State, "end_pod", lambda right: lambda s, *a: (s.endings.clear(), right(s, *a))[1], "no-kubelet"),
    ("no upgrade is asked for", Api, "_portforward", lambda right: broken, "no-kubelet"),
]


@pytest.mark.parametrize(("what", "where", "name", "wrong", "file"), MUTANTS, ids=[mutant[0] for mutant in MUTANTS])
def test_a_mutant_is_found_out(monkeypatch: pytest.MonkeyPatch, what: str, where: Any, name: str, wrong: Any, file: str) -> None:
    monkeypatch.setattr(where, name, wrong(getattr(where, name)))
    assert replay(file), what
