"""Replays a recording of a real cluster against the simulated one, on the virtual clock, and tells the differences.

    found = replay("crud", State(users=dict(USERS)), before, steps)

`before(state)` makes the cluster as it stood, `steps` are what happened besides the requests: (seconds, what to do with the state). Ids and
versions of a run are its own; what is compared is how they relate: one of theirs always stands for the same one of ours, in the same order.
"""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from lab.kubernetes.api import Api, Request
from lab.kubernetes.compare import Ids, View, differences, watch_differences
from lab.kubernetes.not_modelled import REQUESTS
from lab.kubernetes.state import State
from lab.kubernetes.status import Response, Watch

FOLDER = Path(__file__).parents[1] / "recordings" / "kubernetes"
Line = dict[str, Any]
Step = tuple[float, Callable[[State], Any]]


def load(name: str, folder: Path = FOLDER) -> list[Line]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def asked(name: str) -> list[Line]:
    """The lines with requests."""
    return [line for line in load(name) if "request" in line]


def left_out(line: Line) -> bool:
    told = line["request"]
    said = f"{told['method']} {told['path']} {json.dumps(told['query'])} {told.get('accept', '')} {told['user']}"
    return any(re.search(pattern, said) for pattern in REQUESTS)


class Replay:
    """One recording. `tokens` of users that the recording itself makes are learnt from its answers."""

    def __init__(self, name: str, state: State, view: View = None) -> None:
        self.name, self.state, self.api, self.view = name, state, Api(state), view
        self.ids = Ids()
        self.tokens: dict[str, str] = {}
        self.found: list[str] = []
        self.compared = 0
        self.held: list[tuple[Line, Watch, list[Line]]] = []

    def _request(self, line: Line) -> Request:
        told = line["request"]
        path, _mark, more = self.ids.ours(told["path"]).partition("?")
        query = {key: self.ids.ours(str(value), key) for key, value in told["query"].items()} | dict(parse_qsl(more, keep_blank_values=True))
        headers = {"content-type": told.get("content_type") or "application/json"}
        if told["user"] != "none":
            token = self.tokens.get(told["user"], f"{told['user']}-token")
            headers["authorization"] = f"Bearer {token}"
        if told.get("accept"):
            headers["accept"] = told["accept"]
        body = told.get("body")
        raw = body if isinstance(body, str) else "" if body is None else json.dumps(self.ids.translated(body))
        return Request(told["method"], path, query, headers, raw.encode())

    def ask(self, line: Line) -> None:
        told = line["request"]
        answer = self.api.handle(self._request(line))
        if isinstance(answer, Watch):
            self.held.append((line, answer, []))
            return
        assert isinstance(answer, Response), "an upgrade, which no recording has"
        self.compared += 1
        if isinstance(answer.body, dict) and answer.body.get("kind") == "TokenRequest":
            self.tokens[told["path"].split("/")[-2]] = answer.body["status"]["token"]
        title = f"{self.name} t={line['t']} {told['method']} {told['path']} {told['query']}"
        self.found += [f"{title}: {text}" for text in differences(answer, line, self.ids, self.view)]

    def run(self, steps: list[Step]) -> list[str]:
        todo: list[tuple[float, Callable[[], Any]]] = []
        for line in asked(self.name):
            if not left_out(line):
                todo.append((line["t"], lambda line=line: self.ask(line)))  # type: ignore[misc]
        todo += [(at, lambda act=act: act(self.state)) for at, act in steps]  # type: ignore[misc]
        for at, act in sorted(todo, key=lambda entry: entry[0]):
            self._until(at)
            act()
            self._poll()
        for _line, watch, _events in self.held:
            self._until(watch.until)
        for line, _watch, events in self.held:
            self.compared += 1
            title = f"{self.name} t={line['t']} watch {line['request']['query']}"
            self.found += [f"{title}: {text}" for text in watch_differences(events, line, self.ids, self.view)]
        return self.found

    def _until(self, moment: float) -> None:
        """Half a second at a time where watches are open: they are polled as a server does."""
        while self.held and self.state.clock.now() < moment - 0.5 and self.state.clock.now() < max(watch.until for _l, watch, _e in self.held):
            self.state.clock.sleep(0.5)
            self._poll()
        self.state.clock.sleep(moment - self.state.clock.now())
        self._poll()

    def _poll(self) -> None:
        now = self.state.clock.now()
        for line, watch, events in self.held:
            if now <= watch.until:
                events += [{"at": now - line["t"], "event": event} for event in watch.poll()]


def replay(name: str, state: State, before: Callable[[State], Any] | None = None, steps: list[Step] | None = None, view: View = None) -> list[str]:
    """The differences. `view` makes of an answer what is compared of it, of ours and of theirs."""
    if before is not None:
        before(state)
    return Replay(name, state, view).run(steps or [])
