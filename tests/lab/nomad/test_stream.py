"""Event streams and connection limits as recorded, on real sockets and in process."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import contextlib
import itertools
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests

from lab.nomad import compare, recording
from lab.nomad.clock import RealClock, VirtualClock
from lab.nomad.guard import GUARDS
from lab.nomad.lab import Lab
from lab.nomad.profile import PROFILES, Profile
from lab.nomad.replay import NOBODY
from lab.nomad.scenarios import spec
from lab.nomad.scenarios_guard import thin
from lab.nomad.server import Server
from lab.nomad.stream import Stream

NODE = "11111111-2222-4333-8444-555555555551"
SPEED = 20.0
Flags = dict[str, Any]


def having(name: str) -> list[str]:
    return [version for version in PROFILES if name in recording.names(version)]


def broken(version: str, flags: Flags) -> Profile:
    return PROFILES[version].but(guard=replace(GUARDS[version], **flags))


# --- what a drain looks like to a listener ---
class Ear:
    """Reads a stream of a lab on the virtual clock."""

    def __init__(self, lab: Lab, query: str, token: str = "") -> None:
        self.lab = lab
        headers = {"X-Nomad-Token": token} if token else {}
        self.answer = lab.session().get(f"http://nomad/v1/event/stream?{query}", headers=headers, stream=True, timeout=(5, 0.001))
        self.lines: list[tuple[float, Any]] = []

    def listen(self, until: float) -> None:
        """Lines as they come up to that time, and how long nothing came then."""
        clock = self.lab.clock
        ear = self.answer.raw._fp
        while clock.now() < until and not ear.closed:
            ear.limit = until - clock.now()
            try:
                data = ear.read(1 << 20)
            except TimeoutError:
                return
            if not data:
                self.lines.append((clock.now(), None))
                return
            for line in data.decode().splitlines():
                self.lines.append((clock.now(), json.loads(line) if line[0] == "{" else line))


def story(messages: list[Any]) -> list[tuple[Any, ...]]:
    """What was told, in order; reports of a task that is not running yet may come or not."""
    told = []
    for message in messages:
        events = message.get("Events", []) if isinstance(message, dict) else []
        reports = [event["Payload"]["Allocation"]["ClientStatus"] for event in events if event["Topic"] == "Allocation"]
        if events and events[0]["Type"] == "AllocationUpdated" and set(reports) == {"pending"}:
            continue
        for event in events:
            thing = event["Payload"].get("Node") or event["Payload"].get("Allocation")
            how = [thing.get(key) for key in ("Status", "SchedulingEligibility", "Drain", "DesiredStatus", "ClientStatus", "JobID", "Name")]
            told.append((event["Topic"], event["Type"], event["Namespace"], (event["FilterKeys"] or [""])[0], *how))
    return [event for event, _same in itertools.groupby(told)]


def recorded_story(version: str, name: str) -> list[Any]:
    """From this scenario's job on: before it came what earlier ones had left in the server's buffer."""
    messages = [json.loads(line["raw"]) for line in recording.load(version, name) if "raw" in line]
    drains = [n for n, m in enumerate(messages) if any(e["Type"] == "PlanResult" and e["Payload"]["Allocation"]["JobID"] == name for e in m.get("Events", []))]
    if not drains:  # 1.1.2 leaves Allocation events out of *
        since = next(line["t"] for line in recording.load(version, name) if line.get("request", {}).get("method") == "PUT")
        return [json.loads(line["raw"]) for line in recording.load(version, name) if "raw" in line and line["t"] >= since]
    return messages[drains[0] :]


def our_story(version: str, name: str, profile: Profile) -> list[Any]:
    lines = recording.load(version, name)
    clock = VirtualClock()
    lab = Lab(profile, 3, clock, instances=True)
    clock.sleep(2)
    lab.register(spec(name, script="exec sleep 5", node="c1"))
    clock.sleep(0.4)
    zero, asked = clock.now(), next(line for line in lines if "request" in line)
    ear = Ear(lab, re.sub(r"&index=\d+", "", asked["request"]["query"]))
    for line in lines:
        q = line.get("request", {})
        if q.get("method") == "PUT":
            ear.listen(zero + line["t"] - asked["t"])
            lab.api.handle("PUT", q["path"], {}, json.dumps(q["body"]).encode())
    ear.listen(zero + 31)
    return [line for _at, line in ear.lines]


def differences(version: str, name: str, profile: Profile) -> list[str]:
    theirs = recorded_story(version, name)
    ours = our_story(version, name, profile)
    found = [] if ours[:1] == [{}] and ours[-1:] == [{}] else [f"begins and ends with {ours[:1]}, {ours[-1:]}"]
    mine = story(ours)
    start = next((n for n, event in enumerate(mine) if event == story(theirs)[0]), 0)
    if mine[start:] != story(theirs):
        found.append(f"{mine[start:]}\nfor\n{story(theirs)}")
    for message in theirs:
        for event in message.get("Events", []):
            alike = [e for m in ours if isinstance(m, dict) for e in m.get("Events", []) if (e["Topic"], e["Type"]) == (event["Topic"], event["Type"])]
            shapes = [compare.shape(recording.as_recorded(e, name, recording.is_slim(version, name)), event, event["Type"]) for e in alike]
            found += min(shapes, key=len) if shapes and all(shapes) else []
    return found


DRAINS = [(v, name) for name in ("event-stream", "event-stream-all-namespaces") for v in having(name) if GUARDS[v].stream == "yes"]


@pytest.mark.parametrize(("version", "name"), DRAINS)
def test_a_drain_as_a_listener_hears_it(version: str, name: str) -> None:
    found = differences(version, name, PROFILES[version])
    assert not found, "\n".join(found[:5])


# --- who may listen, byte by byte ---
def heard(server: Server, token: str, path: str, seconds: float) -> tuple[list[list[Any]], str]:
    """As the recorder listened: parts with their time, and how it ended."""
    secret = {"none": "", "unknown": NOBODY}.get(token, f"{token}-token")
    header = f"X-Nomad-Token: {secret}\r\n" if secret else ""
    parts: list[list[Any]] = []
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: nomad\r\n{header}\r\n".encode())
        while (left := seconds - (time.monotonic() - begin) * SPEED) > 0:
            connection.settimeout(left / SPEED)
            try:
                data = connection.recv(4096).decode()
            except TimeoutError:
                break
            if not data:
                return parts, "closed"
            now = (time.monotonic() - begin) * SPEED
            if parts and now - parts[-1][0] < 4:
                parts[-1][1] += data
            else:
                parts.append([now, data])
    return parts, "still open"


def plain(parts: list[list[Any]]) -> list[tuple[int, str]]:
    """Whole minutes of nothing aside: which half minute, and the bytes without the date, headers in any order."""
    out = []
    for at, text in parts:
        head, gap, body = text.partition("\r\n\r\n") if text.startswith("HTTP/") else ("", "", text)
        first, *names = re.sub(r"Date: [^\r]*\r\n", "", head + "\r\n").strip().split("\r\n")
        first = re.sub(r"(?<=HTTP/1.1 \d\d\d).*", "", first)  # the lab says no reason phrase
        out.append((round(at / 30), "\r\n".join([first, *sorted(names)]) + gap + body))
    return out


def listeners(version: str, profile: Profile, swept: bool) -> list[str]:
    lab = Lab(profile, 2, RealClock(SPEED), instances=True)
    server, found = Server(lab).start(), []
    try:
        thin(lab)
        while any(a.client != "running" for a in lab.cluster.allocations.values()):
            lab.clock.sleep(0.2)
        lines = recording.load(version, "acl-event-stream")
        ends = [line["took"] for line in lines if line["end"] == "closed"]
        if swept and ends:
            with lab.cluster.lock:
                lab.clock.after(max(ends), lab.api.broker.sweep)
        with ThreadPoolExecutor(len(lines)) as pool:
            all_heard = list(pool.map(lambda line: heard(server, line["request"]["token"], line["request"]["path"], 45), lines))
        for line, (parts, end) in zip(lines, all_heard, strict=True):
            if plain(parts) != plain(line["bytes"]) or end != line["end"]:
                found.append(f"{line['request']}: {plain(parts)} {end} for {plain(line['bytes'])} {line['end']}")
    finally:
        server.stop()
    return found


@pytest.mark.parametrize("version", having("acl-event-stream"))
def test_who_may_listen_and_what_the_others_read(version: str) -> None:
    found = listeners(version, PROFILES[version].but(guard=replace(GUARDS[version], stream_ends=(900, 900))), swept=True)
    assert not found, "\n".join(found)


# --- a token that ends while it listens ---
def over_the_end(version: str, profile: Profile) -> list[str]:
    note = next(line for line in recording.load(version, "acl-roles-expiry") if str(line.get("note", "")).startswith("event stream with"))
    lab = Lab(profile, 2, VirtualClock())
    thin(lab)
    lab.token("short-token", name="short", policies=["drain-and-read-job"], ttl=9)
    zero = lab.clock.now() - note["t"]
    for at, how in ((2, "eligible"), (12, "ineligible")):
        lab.clock.after(at, lambda how=how: lab.api.handle("PUT", f"/v1/node/{NODE}/eligibility", {}, b'{"Eligibility": "%s"}' % how.encode(), BOSS))
    lab.api.handle("PUT", f"/v1/node/{NODE}/eligibility", {}, b'{"Eligibility": "ineligible"}', BOSS)
    lab.clock.sleep(0)
    ear = Ear(lab, f"topic=Node&index={lab.cluster.index + 1}", "short-token")
    ear.listen(zero + note["end"][0])
    ours = [[at, [[e["Type"] for e in line["Events"]]] if isinstance(line, dict) and line else line] for at, line in ear.lines if line is not None]
    theirs = [[at, [[e[0] for e in line]] if isinstance(line, list) else line] for at, line in note["lines"]]
    found = [] if [line for _at, line in ours] == [line for _at, line in theirs] else [f"{ours} for {theirs}"]
    found += [f"{a} for {b}" for a, b in zip(ours, theirs, strict=False) if abs(a[0] - zero - b[0]) > 0.5]
    ended = "closed" if ear.lines[-1][1] is None else "TimeoutError"
    return found + ([] if ended == note["end"][1] else [f"ended by {ended} for {note['end']}"])


BOSS = {"X-Nomad-Token": "management-token"}
EXPIRES = [v for v in having("acl-roles-expiry") if GUARDS[v].roles]


@pytest.mark.parametrize("version", EXPIRES)
def test_a_token_that_ends_while_it_listens(version: str) -> None:
    found = over_the_end(version, PROFILES[version].but(guard=replace(GUARDS[version], stream_ends=(900, 900))))
    assert not found, "\n".join(found)


# --- too many connections ---
@contextlib.contextmanager
def served(profile: Profile) -> Iterator[Server]:
    server = Server(Lab(profile, 0, RealClock(1.0))).start()
    try:
        yield server
    finally:
        server.stop()


def crowd(version: str, profile: Profile) -> list[str]:
    """125 sockets of one address, then requests, then room again."""
    lines, found, held = recording.load(version, "too-many-connections"), [], []
    refused = {line["request"]["connection"]: line["response"] for line in lines if "connection" in line.get("request", {})}
    asked = [line["response"] for line in lines if "method" in line.get("request", {})]
    with served(profile) as server:
        for count in range(1, 126):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=5)
            theirs = refused.get(count, {})
            connection.settimeout(3.0 if theirs else 0.002)
            if len(found) > 2:
                break
            if count == 96:
                server.stopping.wait(0.2)  # the listener takes them one after another
            try:
                got: dict[str, Any] = {"raw": connection.recv(4096).decode()}
                got["then"] = "closed" if connection.recv(1) == b"" else "open"
                connection.close()
            except TimeoutError:
                held.append(connection)
                got = {}
            except OSError as error:
                got = {"error": type(error).__name__}
            shut = {"error": "ConnectionResetError"}  # where the close meets a reset is a race of the real servers too
            if got != theirs and not (got == shut and theirs and not theirs.get("raw")):
                found.append(f"connection {count}: {got} for {theirs}")
        for number, theirs in enumerate(asked):
            if number == len(asked) - 1:
                for connection in held:
                    connection.close()
                server.stopping.wait(0.5)
            try:
                answer = requests.get(server.url + "/v1/status/leader", timeout=5)
                mine: Any = answer.status_code
            except requests.ConnectionError:
                mine = "error"
            if mine != theirs.get("status", "error"):
                found.append(f"request {number}: {mine} for {theirs}")
    return found


@pytest.mark.parametrize("version", having("too-many-connections"))
def test_too_many_connections(version: str) -> None:
    found = crowd(version, PROFILES[version])
    assert not found, "\n".join(found[:5])


# --- simulators broken on purpose ---
BROKEN: list[tuple[str, Callable[[], list[str]]]] = [
    ("a room without walls", lambda: crowd("1.1.2", PROFILES["1.1.2"].but(max_connections=None))),
    ("a polite 429 of 1.1.2", lambda: crowd("1.1.2", broken("1.1.2", {"over_limit": GUARDS["1.7.7"].over_limit}))),
    ("1.1.2 shows Allocation events of *", lambda: differences("1.1.2", ALL, broken("1.1.2", {"stream_all_without_allocations": False}))),
    ("1.1.2 tells of nodes with allocations", lambda: differences("1.1.2", "event-stream", broken("1.1.2", {"stream_node_of_allocation": True}))),
    ("a denied listener waits in silence", lambda: listeners("1.1.2", broken("1.1.2", {"stream_denied": "silence"}), False)),
    ("1.7.7 refuses the unknown with 500", lambda: listeners("1.7.7", broken("1.7.7", {"stream_unknown_403": False}), False)),
    ("1.11.3 refuses the denied", lambda: listeners("1.11.3", broken("1.11.3", {"stream_denied": "500"}), False)),
    ("1.11.3 lets one namespace see all", lambda: listeners("1.11.3", broken("1.11.3", {"stream_any_namespace": True}), True)),
    ("1.11.3 sends chunks", lambda: listeners("1.11.3", broken("1.11.3", {"stream_hijacked": False}), True)),
    ("1.7.7 falls silent at a token's end", lambda: over_the_end("1.7.7", broken("1.7.7", {"stream_expired": ""}))),
    ("1.11.3 says a word at a token's end", lambda: over_the_end("1.11.3", broken("1.11.3", {"stream_expired": "ACL token expired"}))),
    ("1.7.7 closes without a word", lambda: crowd("1.7.7", broken("1.7.7", {"over_limit": b""}))),
    ("0.9.3 has a limit", lambda: crowd("0.9.3", broken("0.9.3", {"limits_connections": True}))),
    ("an unknown token is 403", lambda: listeners("1.1.2", broken("1.1.2", {"stream_unknown_403": True}), False)),
]
ALL = "event-stream-all-namespaces"


@pytest.mark.parametrize(("what", "run"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_simulator_broken_on_purpose_is_found_out(what: str, run: Callable[[], list[str]]) -> None:
    assert run(), what


def test_a_stream_without_a_heartbeat_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stream, "beat", lambda self: None)
    assert differences("1.1.2", "event-stream", PROFILES["1.1.2"])
