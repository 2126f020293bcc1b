"""Replays the recordings in which controllers work: requests at their times, and what was read is looked for within a moment of its time.
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

Controllers answer when they get to it: an object may be read just before or after one of them wrote. So a recorded read is right if ours read the
same at some moment from TOLERANCE before it until TOLERANCE after it. Times in conditions may differ by SLACK.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from lab.kubernetes.api import Api, Request
from lab.kubernetes.controllers.control import Control
from lab.kubernetes.replay import load
from lab.kubernetes.state import ADMIN, State
from lab.kubernetes.status import Response

Json = dict[str, Any]
Line = dict[str, Any]
Step = tuple[float, Callable[["Play"], Any]]
TOLERANCE, STRIDE = 0.06, 0.002  # s
SLACK = 2.0  # s: the API tells whole seconds
NAMES = re.compile(r"\b(web|fg|orphaned|db)-[a-z0-9]{8,10}(-[a-z0-9]{5})?\b|\b(once|fails)-[a-z0-9]{5}\b")
TIMES = ("lastUpdateTime", "lastTransitionTime", "completionTime", "startTime")
META = ("labels", "finalizers", "annotations")
# What the API alone decides is compared elsewhere: selectors of tables, checks of fields, pages.
LEFT_OUT = {
    "accept": "other forms of a list",
    "limit": "pages",
    "/scale": "a view of the same object",
    "leases": "nobody renews leases here",
    "events.k8s.io": "a view of the same events",
    "/log": "logs",
    "/eviction": "evictions and budgets",
    "poddisruptionbudgets": "budgets",
}


class Play:
    """One recording. `found` are the differences, `compared` counts requests, and commands whose outcome was compared."""

    def __init__(self, name: str, prepare: Callable[["Play"], None]) -> None:
        self.name = name
        self.state = State(users={"admin-token": ADMIN})
        self.control = Control(self.state)
        self.api = Api(self.state)
        self.found: list[str] = []
        self.compared = self.left_out = 0
        self.seen: dict[tuple[str, str], Json] = {}
        self._waiting: list[tuple[Line, float, list[str]]] = []
        prepare(self)
        self.zero = self.state.clock.now()
        self.state.history.clear()

    # --- acting ---
    def call(self, method: str, path: str, body: Any = None, kind: str = "application/merge-patch+json", query: Json | None = None) -> Response:
        """A request of ours, or one of the recording."""
        path, _mark, more = path.partition("?")
        headers = {"authorization": "Bearer admin-token", "content-type": kind if method == "PATCH" else "application/json"}
        raw = b"" if body is None else json.dumps(body).encode()
        told = {key: str(value) for key, value in (query or {}).items()}
        answer = self.api.handle(Request(method, path, told | dict(parse_qsl(more)), headers, raw))
        assert isinstance(answer, Response)
        return answer

    def merge(self, path: str, body: Json) -> None:
        answer = self.call("PATCH", path, body)
        assert answer.status == 200, answer.text

    def object(self, resource: str, name: str, namespace: str = "lab") -> Json | None:
        return self.state.get(resource, namespace, name)

    def check(self, what: str, holds: bool) -> None:
        """The outcome of a recorded command."""
        self.compared += 1
        if not holds:
            self.found.append(f"{self.name} t={self.now:.2f}: {what}")

    @property
    def now(self) -> float:
        return self.state.clock.now() - self.zero

    # --- the recording ---
    def run(self, steps: list[Step]) -> list[str]:
        todo: list[tuple[float, int, Callable[[], Any]]] = [(at, 0, lambda act=act: act(self)) for at, act in steps]  # type: ignore[misc]
        for line in load(self.name):
            if "request" not in line:
                continue
            if _left_out(line):
                self.left_out += 1
            elif line["request"]["method"] == "GET" and "lines" not in line["response"]:
                self._waiting.append((line, line["t"], []))
            else:
                todo.append((line["t"] + line["took"] / 2, 1, lambda line=line: self._ask(line)))  # type: ignore[misc]
        for at, _order, act in sorted(todo, key=lambda entry: entry[:2]):
            self._until(at)
            act()
        self._until(self.now + 10 * TOLERANCE)
        self._until(max([line["t"] + line["took"] for line, _at, _texts in self._waiting], default=0.0) + 2 * TOLERANCE)
        assert not self._waiting
        return self.found

    def _until(self, at: float) -> None:
        """Stride by stride where a read is due; else at once."""
        while self._waiting:
            line = self._waiting[0][0]
            if line["t"] - TOLERANCE > at:
                break
            self._sleep(line["t"] - TOLERANCE)
            while self.now <= at and not self._look(0):
                self._sleep(self.now + STRIDE)
            if self._waiting and self._waiting[0][0] is line:
                break
        self._sleep(at)
        for index in range(len(self._waiting) - 1, 0, -1):
            line = self._waiting[index][0]
            if line["t"] - TOLERANCE <= self.now:
                self._look(index)

    def _sleep(self, at: float) -> None:
        self.state.clock.sleep(max(0.0, self.zero + at - self.state.clock.now()))

    def _look(self, index: int) -> bool:
        """True once this read is decided: it fits, or its time is over."""
        line, at, texts = self._waiting[index]
        differences = self._differences(self._call(line), line)
        if not texts or texts[0].startswith("status") or len(differences) < len(texts):
            texts[:] = differences
        if differences and self.now < at + line["took"] + TOLERANCE:
            return False
        self._waiting.pop(index)
        self.compared += 1
        title = f"{self.name} t={line['t']} {line['request']['method']} {line['request']['path']} {line['request']['query']}"
        self.found += [f"{title}: {text}" for text in texts] if differences else []
        return True

    def _call(self, line: Line) -> Response:
        told = line["request"]
        query = told["query"]
        if told["method"] == "DELETE" and "/jobs/" in told["path"]:
            query = {"propagationPolicy": "Orphan", **query}  # what an API server takes where nothing is said about a Job's pods (recorded)
        return self.call(told["method"], told["path"], told.get("body"), told.get("content_type") or "application/json", query)

    def _ask(self, line: Line) -> None:
        if "lines" in line["response"]:
            self._watched(line)
            return
        answer = self._call(line)
        if _is_of_the_api(line["request"]):
            self.left_out += 1
            return
        self.compared += 1
        texts = self._differences(answer, line)
        title = f"{self.name} t={line['t']} {line['request']['method']} {line['request']['path']}"
        self.found += [f"{title}: {text}" for text in texts]

    def _watched(self, line: Line) -> None:
        """The states of one object, in their order: those recorded are among ours; ours may have some in between."""
        self.compared += 1
        name = line["request"]["query"]["fieldSelector"].partition("=")[2]
        ours = [shown(change.object, self.zero_time) for change in self.state.history if change.key[0] == "deployments.apps" and change.key[2] == name]
        theirs = [shown(entry["event"]["object"], recorded_zero(line, self.name)) for entry in line["response"]["lines"]]
        at = 0
        for number, state in enumerate(theirs):
            fitting = [index for index in range(at, len(ours)) if not unequal(ours[index], state)]
            if not fitting:
                self.found.append(f"{self.name} watch: state {number} of {len(theirs)} does not follow: {state.get('status')}")
                return
            at = fitting[0] + 1

    @property
    def zero_time(self) -> float:
        return self.state.clock.base.timestamp() + self.zero

    def _differences(self, answer: Response, line: Line) -> list[str]:
        theirs = line["response"]
        if answer.status != theirs["status"]:
            return [f"status {answer.status} for {theirs['status']}: {answer.text[:200]}"]
        right = theirs["body"]
        if not isinstance(right, dict) or answer.status >= 400:
            return []  # its words are the API's
        return unequal(shown(answer.body, self.zero_time), shown(right, recorded_zero(line, self.name)))


ZEROS: dict[str, float] = {}


def recorded_zero(_line: Line, name: str) -> float:
    """When the recording began, by the first object that one of its answers made: the API tells whole seconds."""
    if name not in ZEROS:
        ZEROS[name] = _zero(name)
    return ZEROS[name]


def _zero(name: str) -> float:
    for line in load(name):
        body = (line.get("response") or {}).get("body")
        if "request" in line and line["request"]["method"] == "POST" and isinstance(body, dict) and body.get("metadata", {}).get("creationTimestamp"):
            return seconds(body["metadata"]["creationTimestamp"]) + 0.5 - float(line["t"])
    return 0.0


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _left_out(line: Line) -> bool:
    told = line["request"]
    said = f"{told['path']} {'accept' if told.get('accept') else ''} {'limit' if 'limit' in told['query'] else ''}"
    if told["method"] == "PATCH" and line["response"]["status"] == 422:
        return True  # checks of fields
    return any(pattern in said for pattern in LEFT_OUT)


def _is_of_the_api(told: Json) -> bool:
    """What is done, but whose answer is compared elsewhere: counters and labels that are filled in at once, and whether annotations raise a generation."""
    if told["method"] == "PATCH":
        return set(told["body"]) == {"metadata"}
    return bool(told["method"] == "POST" and not told["path"].endswith("/deployments"))


def shown(item: Json, zero: float) -> Any:
    """What is compared of an object or a list. `zero` is when the scene began."""
    if "items" in item:
        found = [shown({"kind": item["kind"].removesuffix("List"), **one}, zero) for one in item["items"]]
        return sorted(found, key=lambda one: json.dumps(one, sort_keys=True, default=str)) if item["kind"] == "PodList" else found
    kind = item.get("kind", "")
    if kind == "Status":
        return {"status": item["status"]}
    meta = item["metadata"]
    told: Json = {"name": masked(meta["name"]), "deleting": bool(meta.get("deletionTimestamp"))}
    if kind == "Event":
        return {key: masked(item.get(key)) for key in ("reason", "message", "type", "reportingComponent")} | {"about": masked(item["involvedObject"]["name"])}
    told |= {key: masked(value) for key, value in meta.items() if key in META}
    told["owner"] = [(one["kind"], masked(one["name"])) for one in meta.get("ownerReferences") or ()]
    if kind == "Pod":
        return told | {"placed": bool(item["spec"].get("nodeName")), "status": _pod(item["status"])}
    if kind == "Node":
        return {"name": meta["name"], "spec": _node(item["spec"]), "status": _pod(item["status"])}
    status = timed(masked(item.get("status")), zero)
    if isinstance(status, dict) and "observedGeneration" in status:  # what generations count is the API's; how far behind the controller is, its own
        status["observedGeneration"] -= meta["generation"]
    return told | {"replicas": (item.get("spec") or {}).get("replicas"), "status": status}


def _pod(status: Json) -> Json:
    conditions = [{key: masked(one.get(key)) for key in ("type", "status", "reason", "message")} for one in status.get("conditions") or ()]
    containers = [timeless(masked(one)) for one in status.get("containerStatuses") or ()]
    room = {"room": status["allocatable"]} if "allocatable" in status else {}
    return {"phase": status.get("phase") if not room else "", "conditions": conditions, "containers": containers, **room}


def _node(spec: Json) -> Json:
    return {"closed": bool(spec.get("unschedulable")), "taints": [(one["key"], one["effect"]) for one in spec.get("taints") or ()]}


def timeless(item: Any) -> Any:
    """Without times, and without what tells images and pods apart: those of a played kubelet are not its own."""
    if isinstance(item, dict):
        return {key: timeless(value) for key, value in item.items() if key not in ("startedAt", "finishedAt", "image", "imageID")}
    if isinstance(item, str):
        return re.sub(r"registry\.example/\S+?:1|pod=\S+", "*", item)
    return [timeless(one) for one in item] if isinstance(item, list) else item


def timed(item: Any, zero: float) -> Any:
    """Times as seconds of the scene."""
    if isinstance(item, dict):
        return {key: round(seconds(value) - zero, 1) if key in TIMES else True if key == "lastProbeTime" else timed(value, zero) for key, value in item.items()}
    return [timed(one, zero) for one in item] if isinstance(item, list) else item


def masked(value: Any) -> Any:
    """Names that are made up by the way differ from run to run."""
    if isinstance(value, str):
        return NAMES.sub(lambda found: f"{found[1] or found[3]}-*" + ("-*" if found[2] else ""), value)
    if isinstance(value, dict):
        gone = ("pod-template-hash", "controller-revision-hash", "controller-uid", "batch.kubernetes.io/controller-uid")
        quiet = ("kubectl.kubernetes.io/last-applied-configuration", "lab-state")
        return {key: "*" if key in gone else masked(one) for key, one in value.items() if key not in quiet}
    return [masked(one) for one in value] if isinstance(value, list) else value


def unequal(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where two values differ; times by more than SLACK."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = []
        for key in {**ours, **theirs}:
            if (key in ours) != (key in theirs):
                found.append(f"{path}.{key}: {ours.get(key, 'nothing')!r} for {theirs.get(key, 'nothing')!r}")
            elif key in TIMES:
                found += [] if abs(ours[key] - theirs[key]) <= SLACK else [f"{path}.{key}: {ours[key]} s for {theirs[key]} s"]
            else:
                found += unequal(ours[key], theirs[key], f"{path}.{key}")
        return found
    if isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            return [f"{path}: {ours!r} for {theirs!r}"]
        return [text for number, pair in enumerate(zip(ours, theirs)) for text in unequal(*pair, f"{path}[{number}]")]
    return [] if ours == theirs else [f"{path}: {ours!r} for {theirs!r}"]
