"""Replays a recording against the simulator, in process and on the virtual clock, and says where the answers differ."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from lab.nomad import compare, recording
from lab.nomad.clock import VirtualClock
from lab.nomad.lab import Lab
from lab.nomad.not_modelled import REQUESTS
from lab.nomad.profile import PROFILES, Profile
from lab.nomad.stream import Stream
from lab.nomad.wire import Blocked, Query, Response

# Real servers differ from run to run: clients report every 0.2 s, polls came every 0.3 to 1 s, a batch of the drainer takes up to 1 s.
# An answer is right if it is the recorded one or that of the same question up to this much earlier or later, never across a write.
TOLERANCE = 1.2
HELD = 0.5  # an exchange that took longer was held by the server
HELD_TOLERANCE = 1.0

NOBODY = "99999999-2222-4333-8444-555555555559"
Step = tuple[float, Callable[[Lab], None]]


@dataclass
class Scenario:
    """What happened besides the requests: before the first one, and at times."""

    before: Callable[[Lab], None] = lambda lab: None
    steps: list[Step] = field(default_factory=list)
    flags: dict[str, Any] = field(default_factory=dict)  # chances of that run: how long a heartbeat was
    guard: dict[str, Any] = field(default_factory=dict)  # the same of what guards the server
    clients: int = 3
    logs_of: tuple[str, ...] = ()  # jobs of the allocations in the paths of client calls, as they occur
    tolerance: float = TOLERANCE
    servers: int = 1
    since: int = 0  # the first recorded index that is its own, where the first answer came after the first deed


@dataclass
class Asked:
    """One recorded line, replayed."""

    number: int
    line: dict[str, Any]
    at: float
    section: int
    answer: Response | str | None = None
    finished: float = 0.0


class Replay:
    def __init__(self, version: str, name: str, scenario: Scenario, profile: Profile | None = None) -> None:
        self.version, self.name, self.scenario = version, name, scenario
        chosen = profile or PROFILES[version]
        self.profile = chosen.but(guard=replace(chosen.guards, **scenario.guard), **scenario.flags)
        self.lines = recording.load(version, name)
        self.slimmed = recording.is_slim(version, name)
        self.clock = VirtualClock()
        self.lab = Lab(self.profile, scenario.clients, self.clock, instances=self.profile.metadata, servers=scenario.servers)
        self.asked: list[Asked] = []
        self.names: dict[str, str] = {}  # recorded id of a dispatched job or of an allocation -> ours
        self.found: list[str] = []

    @staticmethod
    def not_modelled(line: dict[str, Any]) -> bool:
        q = line["request"]
        said = f"{line['agent']} {q['method']} {q['path']} {q.get('query') or ''}"
        return any(re.search(pattern, said) for pattern in REQUESTS)

    # --- run ---
    def run(self) -> list[str]:
        self.clock.sleep(2)
        self.scenario.before(self.lab)
        self._seed_past()
        self.since_ours = self.lab.cluster.index + 1
        self.zero = self.clock.now()
        section = 0
        todo: list[tuple[float, int, Callable[[], None]]] = []
        for number, line in enumerate(self.lines):
            if "request" not in line or self.not_modelled(line):
                continue
            if line["request"]["method"] != "GET":
                section += 1
            asked = Asked(number, line, line["t"], section)
            self.asked.append(asked)
            took = line.get("took", 0.0)
            todo.append((line["t"] + (took / 2 if took < HELD else 0.0), 1, lambda asked=asked: self._ask(asked)))  # type: ignore[misc]
            if line["request"]["method"] != "GET":
                section += 1
            if line.get("until", line["t"]) > line["t"]:
                again = Asked(number, line, line["until"], section)
                self.asked.append(again)
                todo.append((line["until"], 1, lambda asked=again: self._ask(asked)))  # type: ignore[misc]
        todo += [(at, 0, lambda act=act: act(self.lab)) for at, act in self.scenario.steps]  # type: ignore[misc]
        self.held: list[tuple[Asked, Blocked, float]] = []
        self.postponed: list[Asked] = []
        for at, _order, action in sorted(todo, key=lambda item: item[:2]):
            self._until(self.zero + at)
            action()
            self._look()
        while self.held:
            self._until(min(min(held.until, limit) for _order, held, limit in self.held))
        self.since_theirs = self._since()
        for asked in self.asked:
            for text in self._differences(asked):
                q = asked.line["request"]
                self.found.append(f"{self.version} {self.name} line {asked.number} t={asked.at} {q['method']} {q['path']} {q['query'] or ''}: {text}")
        return self.found

    def _until(self, when: float) -> None:
        """Let time pass, and look at what is held after each event."""
        while True:
            due = self.clock.next_due()
            ends = [min(held.until, limit) for _order, held, limit in self.held]
            step = min([when, *ends, *([due] if due is not None else [])])
            if step > when or (step == when and not (due == when or when in ends)):
                break
            if due is not None and due <= step:
                self.clock.step()
            else:
                self.clock.run_until(step)
            self._look()
            if step == when and not self.held and (self.clock.next_due() or when + 1) > when:
                break
        self.clock.run_until(when)

    def _look(self) -> None:
        left = []
        for asked, held, limit in self.held:
            answer: Response | str | None
            place = self.lab.place(asked.line["agent"])
            if not place.up or place.epoch != held.epoch:
                answer = "ConnectionResetError"
            else:
                answer = held.poll()
                if answer is None and self.clock.now() >= held.until:
                    answer = held.expire()
                elif answer is None and self.clock.now() >= limit:
                    answer = "TimeoutError"
            if answer is None:
                left.append((asked, held, limit))
            else:
                asked.answer, asked.finished = answer, self.clock.now() - self.zero
        self.held = left
        again, self.postponed = self.postponed, []
        for asked in again:
            self._ask(asked)

    def _awaited(self, asked: Asked) -> bool:
        """The asker went on from an answer that we have not given yet: it will ask as soon as it has it."""
        q = asked.line["request"]
        same = [a for a in self.asked if a.line["request"]["path"] == q["path"] and a is not asked]
        same = [a for a in same if a.line["response"].get("headers", {}).get("X-Nomad-Index") == q["query"]["index"]]
        open_yet = [held[0] for held in self.held] + self.postponed
        return not any(a.answer for a in same) and any(a in same and a.number < asked.number for a in open_yet)

    def _ask(self, asked: Asked) -> None:
        q = asked.line["request"]
        if "index" in q["query"] and self._awaited(asked):
            self.postponed.append(asked)
            return
        asked.finished = self.clock.now() - self.zero
        place = self.lab.place(asked.line["agent"])
        if not place.up:
            asked.answer = "ConnectionRefusedError"
            return
        body = q["body"]
        data = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        path, _mark, rest = q["path"].partition("?")
        query = Query("&".join(part for part in (rest, q["query"] if isinstance(q["query"], str) else urlencode(q["query"])) if part))
        if query.get("index", "").isdigit():
            query["index"] = self._index(asked, query["index"])
        agent = {} if asked.line["agent"] == place.name else {"agent": asked.line["agent"]}
        answer = place.handle(q["method"], self._path(path, asked), query, data, self._token(q["token"]), **agent)
        if isinstance(answer, Stream):
            answer = answer.as_blocked()
        if isinstance(answer, Blocked):
            timed_out = (asked.line["response"]).get("error") == "TimeoutError"
            limit = self.clock.now() + (asked.line["took"] if timed_out else 40.0)
            self.held.append((asked, answer, limit))
        else:
            asked.answer = answer
            self._learn(asked)

    def _learn(self, asked: Asked) -> None:
        """A dispatched job has another id here."""
        body = asked.line["response"].get("body")
        if isinstance(body, dict) and "DispatchedJobID" in body and isinstance(asked.answer, Response) and asked.answer.status == 200:
            self.names[body["DispatchedJobID"]] = json.loads(asked.answer.body)["DispatchedJobID"]

    def _token(self, name: str) -> dict[str, str]:
        secret = {"unknown": NOBODY, "malformed": "not-a-uuid"}.get(name, f"{name}-token")
        return {"X-Nomad-Token": secret} if self.lab.api.acl.enabled and name != "none" else {}

    def _index(self, asked: Asked, text: str) -> str:
        """A recorded index was that of an earlier answer: take ours of the same line."""
        answered = [a for a in self.asked if a is not asked and isinstance(a.answer, Response)]
        earlier = [a for a in answered if a.line["response"].get("headers", {}).get("X-Nomad-Index") == text]
        same = [a for a in earlier if a.line["request"]["path"] == asked.line["request"]["path"]] or earlier
        chosen = same[-1].answer if same else None
        return chosen.headers.get("X-Nomad-Index", text) if isinstance(chosen, Response) else text

    def _path(self, path: str, asked: Asked) -> str:
        """Recorded ids are another run's: take ours of the same job, of the only role."""
        if path.startswith("/v1/acl/role/"):
            return "/v1/acl/role/" + next(iter(self.lab.api.acl.roles), path.rpartition("/")[2])
        for theirs, ours in self.names.items():
            path = path.replace(theirs, ours).replace(theirs.replace("/", "%2F"), ours.replace("/", "%2F"))
        if path.startswith("/v1/client/"):
            return self._client_path(path)
        if not path.startswith("/v1/allocation/"):
            return path
        body = asked.line["response"].get("body")
        if not isinstance(body, dict):
            return path
        ours = [a for a in self.lab.cluster.allocations.values() if a.job.id == body["JobID"] and a.node_id == body["NodeID"]]
        return f"/v1/allocation/{ours[0].id}" if ours else path

    def _client_path(self, path: str) -> str:
        seen: list[str] = []
        for line in self.lines:
            found = re.search("^/v1/client/.*([0-9a-f]{8}-[0-9a-f-]{27})", line.get("request", {}).get("path", ""))
            if found and found[1] not in seen and not found[1].startswith("99999999"):
                seen.append(found[1])
        for theirs, job in zip(seen, self.scenario.logs_of, strict=False):
            ours = [a.id for a in self.lab.cluster.allocations.values() if a.job.id == job]
            if ours:
                self.names[theirs] = ours[0]
                path = path.replace(theirs, ours[0])
        return path

    # --- where it began ---
    def _since(self) -> int:
        """The first recorded index of this scenario."""
        if self.scenario.since:
            return self.scenario.since
        first = 0
        for line in self.lines:
            if "request" not in line or "status" not in line["response"] or "index" in line["request"]["query"]:
                continue
            index = int(line["response"]["headers"].get("X-Nomad-Index", 0))
            written = line["request"]["method"] != "GET" and line["response"]["status"] != 403
            if written or line["t"] > min([at for at, _step in self.scenario.steps], default=1e9):
                own = re.fullmatch("/v1/node/[^/]+", line["request"]["path"]) is not None  # then its index is that of the node's last change
                return first + 1 if first else index + own
            first = max(first, index)
        return first + 1

    def _seed_past(self) -> None:
        """Earlier scenarios left their LastDrain on untouched nodes: it is a given, not a result."""
        since = self._since()
        known: set[str] = set()
        for line in self.lines:
            body = line.get("response", {}).get("body")
            for item in body if isinstance(body, list) else [body]:
                if not isinstance(item, dict) or "StatusDescription" not in item or "NodeClass" not in item or item["ID"] in known:
                    continue
                known.add(item["ID"])
                node = self.lab.cluster.nodes.get(item["ID"])
                if node is not None and (item["ModifyIndex"] < since or self._old(item, since)):
                    node.last_drain = item.get("LastDrain")
                    node.text.clear()

    def _old(self, item: dict[str, Any], since: int) -> bool:
        """The drain that LastDrain tells of began before this scenario: no such event is newer, nobody asked for one."""
        if not item.get("LastDrain") or item["LastDrain"]["Status"] == "draining":
            return False
        if "Events" in item:
            return not any(e["Subsystem"] == "Drain" and e["CreateIndex"] >= since for e in item["Events"])
        return not any(line.get("request", {}).get("path", "").endswith(item["ID"] + "/drain") for line in self.lines)

    # --- judge ---
    def _near(self, asked: Asked) -> list[Asked]:
        """The same question, a little earlier or later, with no write between."""
        key = self._key(asked)
        tolerance = self.scenario.tolerance
        near = []
        for other in self.asked:
            until = other.line.get("until", other.line["t"])
            close = other.line["t"] - tolerance <= asked.at <= max(until, other.at) + tolerance
            if other is asked or (close and other.section == asked.section and self._key(other) == key):
                near.append(other)
        return near

    @staticmethod
    def _key(asked: Asked) -> str:
        q = asked.line["request"]
        query = {k: v for k, v in q["query"].items() if k not in ("index", "wait")}
        return json.dumps([asked.line["agent"], q["token"], q["method"], q["path"], query], sort_keys=True)

    def _differences(self, asked: Asked) -> list[str]:
        theirs = asked.line["response"]
        if asked.answer is None:
            return ["was never answered"]
        took = asked.line.get("took", 0.0)
        if "until" not in asked.line and (took >= HELD or asked.finished - asked.at >= HELD):
            late = (asked.finished - asked.at) - took
            if abs(late) > HELD_TOLERANCE:
                return [f"was held for {asked.finished - asked.at:.2f} s, recorded {took:.2f} s"]
        near = self._near(asked)
        if isinstance(asked.answer, str) or "error" in theirs:
            got = asked.answer if isinstance(asked.answer, str) else f"status {asked.answer.status}"
            return [] if any(got == other.line["response"].get("error") for other in near) else [f"{got} for {theirs.get('error', theirs.get('status'))}"]
        answers = [other.line["response"] for other in near if "status" in other.line["response"]]
        alike = [a for a in answers if a["status"] == asked.answer.status]
        if not alike:
            return [f"status {asked.answer.status} for {theirs['status']}: {asked.answer.body[:200]!r}"]
        best: list[str] = []
        for answer in [theirs, *alike] if theirs["status"] == asked.answer.status else alike:
            best = self._against(asked.answer, answer, alike)
            if not best:
                return []
        return self._against(asked.answer, theirs if theirs["status"] == asked.answer.status else alike[0], alike)

    def _against(self, answer: Response, theirs: dict[str, Any], near: list[dict[str, Any]]) -> list[str]:
        few = self.name in recording.FEW_HEADERS
        found = compare.headers({k: v for k, v in answer.headers.items() if not few or k == "Content-Type"}, theirs["headers"])
        text = answer.body.decode()
        for theirs_name, ours_name in self.names.items():
            text = text.replace(ours_name, theirs_name)
        try:
            ours = json.loads(text)
        except ValueError:
            ours = text
        ours, body = recording.as_recorded(ours, self.name, self.slimmed), theirs["body"]
        if isinstance(ours, str) or isinstance(body, str) or body is None:
            same = [compare.PORT.sub(":0", x) if isinstance(x, str) else x for x in (ours, body)]
            return found + ([] if same[0] == same[1] else [f"{ours!r} for {body!r}"])
        if isinstance(ours, dict) and "JWT" in ours and re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", ours["JWT"]):
            ours = {**ours, "JWT": "<jwt>"}
        a, b = compare.relations(ours, answer.headers.get("X-Nomad-Index")), compare.relations(body, theirs["headers"].get("X-Nomad-Index"))
        found += [f"{key}: {a[key]} for {b[key]}" for key in a.keys() & b.keys() if a[key] != b[key]]
        return found + self._body(ours, body, near)

    def _body(self, ours: Any, body: Any, near: list[dict[str, Any]]) -> list[str]:
        sample = (ours or body) if isinstance(body, list) else ours
        first = sample[0] if isinstance(sample, list) and sample else sample
        if isinstance(first, dict) and "ClientStatus" in first:
            return self._allocations(ours, body, near)
        if isinstance(first, dict) and "StatusDescription" in first and "NodeClass" in first:
            return self._nodes(ours, body)
        if isinstance(first, dict) and "Members" in first:
            ours, body = ({**x, "Members": sorted(x["Members"], key=lambda m: m["Name"])} for x in (ours, body))
        if isinstance(first, dict) and "FailureTolerance" in first:
            a, b = compare.autopilot(ours), compare.autopilot(body)
            return compare.shape(ours, body) + [f"{key}: {a.get(key)} for {b[key]}" for key in b if a.get(key) != b[key] and b[key] != []]
        if isinstance(ours, dict) and "Gauges" in ours:
            if self.name == "acl-thin-tokens":  # asked while the figures lagged behind: that it answers counts
                return compare.shape(ours, {**body, "Gauges": [], "Samples": [], "Counters": []})
            return compare.gauges(ours, body)
        if self.name == "agent-self":
            return compare.shape(ours, body)
        ours, body = compare.in_order(ours), compare.in_order(body)
        return compare.shape(ours, body) + compare.values(ours, body)

    def _nodes(self, ours: Any, body: Any) -> list[str]:
        left, right = (x if isinstance(x, list) else [x] for x in (ours, body))
        if [n["ID"] for n in left] != [n["ID"] for n in right]:
            return [f"nodes {[n['Name'] for n in left]} for {[n['Name'] for n in right]}"]
        found = []
        for a, b in zip(left, right, strict=True):
            found += compare.shape(a, b)
            found += compare.same_node(compare.node_view(a, self.since_ours), compare.node_view(b, self.since_theirs))
        return found

    def _allocations(self, ours: Any, body: Any, near: list[dict[str, Any]]) -> list[str]:
        single = isinstance(body, dict)
        left = [ours] if single else ours
        lists: list[Any] = [[answer["body"]] if single else answer["body"] for answer in near if isinstance(answer["body"], (list, dict))]
        keys = compare.allocation_key(left)
        there = []
        for items in lists:
            theirs = compare.allocation_key(items)
            there.append({theirs[item["ID"]]: item for item in items})
        found = []
        mine = set(keys.values())
        always = set.intersection(*(set(t) for t in there)) if there else set()
        ever = set.union(*(set(t) for t in there)) if there else set()
        if always - mine or mine - ever:
            found.append(f"allocations {sorted(mine)} for {sorted(always)}, {sorted(ever)}")
        for item in left:
            key = keys[item["ID"]]
            views = [compare.allocation_view(t[key]) if key in t else None for t in there]
            found += [f"{key}: {text}" for text in compare.same_allocation(compare.allocation_view(item), views, self.slimmed)]
            like = [t[key] for t in there if key in t and t[key]["ClientStatus"] == item["ClientStatus"] and t[key]["DesiredStatus"] == item["DesiredStatus"]]
            shapes = [compare.shape(item, other, f"{key[0]}") for other in like]
            if shapes and all(shapes) and item["ClientStatus"] != "pending":  # how much a pending one says already is a matter of moments
                found += min(shapes, key=len)
        return found
