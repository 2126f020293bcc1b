"""What happened besides the recorded requests, per scenario: jobs, deaths, returns, with their times."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from collections.abc import Callable
from typing import Any

from lab.nomad.lab import Lab
from lab.nomad.replay import Scenario

SEC = 10**9
SLEEP = "exec sleep 300"
SLOW = "trap 'echo stopping; sleep 3; echo stopped; exit 0' INT TERM; echo started; while :; do sleep 0.1; done"
DEAF = "trap '' INT TERM; while :; do sleep 0.2; done"
FAIL = "echo boom >&2; exit 7"
SPEAK = "echo one; echo two; echo oops >&2; for i in $(seq %d); do sleep 1; done; echo three"
Act = Callable[[Lab], Any]


def spec(name: str, kind: str = "batch", script: str = SLEEP, node: str | None = None, kill: int = 5) -> dict[str, Any]:
    """The job that the recordings ran under this name."""
    task = {
        "Name": "task",
        "Driver": "raw_exec",
        "Config": {"command": "/bin/sh", "args": ["-c", script]},
        "KillTimeout": kill * SEC,
        "Resources": {"CPU": 20, "MemoryMB": 10},
    }
    rules = [{"LTarget": "${node.unique.name}", "RTarget": node, "Operand": "regexp"}] if node else None
    group = {"Name": "group", "Count": 1, "Tasks": [task]}
    head = {"ID": name, "Name": name, "Type": kind, "Region": "global", "Datacenters": ["dc1"], "Priority": 50, "Constraints": rules}
    return {**head, "TaskGroups": [group]}


def run(name: str, *args: Any, **fields: Any) -> Act:
    return lambda lab: lab.register(spec(name, *args, **fields))


def ran(*jobs: dict[str, Any], wait: float = 0.3) -> Act:
    """Jobs that were started one after another, each when the one before ran."""

    def act(lab: Lab) -> None:
        for job in jobs:
            lab.register(job)
            lab.clock.sleep(wait)
            while lab.profile.quiet_sync > 0.5 and not has(lab, job["ID"], "running"):
                lab.clock.sleep(0.1)

    return act


def has(lab: Lab, job: str, status: str) -> bool:
    return any(a.job.id == job and a.client == status for a in lab.cluster.allocations.values())


def chain(*todo: tuple[dict[str, Any], str]) -> Act:
    """Jobs that were registered one after another, each when the one before had got its status."""

    def act(lab: Lab) -> None:
        if todo:
            lab.register(todo[0][0])
            look(lab)

    def look(lab: Lab) -> None:
        if has(lab, todo[0][0]["ID"], todo[0][1]):
            chain(*todo[1:])(lab)
        else:
            lab.clock.after(0.1, lambda: look(lab))

    return act


def gate(name: str, is_open: bool) -> Act:
    """Open or close a client by what the version offers."""

    def act(lab: Lab) -> None:
        path = f"/v1/node/{lab.node_id(name)}/"
        if lab.profile.old_drain:
            lab.api.handle("PUT", path + "drain", {"enable": "false" if is_open else "true"})
        elif is_open and lab.cluster.nodes[lab.node_id(name)].strategy is not None:
            lab.api.handle("PUT", path + "drain", {}, b'{"DrainSpec": null, "MarkEligible": true}')
        else:
            body = {"NodeID": lab.node_id(name), "Eligibility": "eligible" if is_open else "ineligible"}
            lab.api.handle("PUT", path + "eligibility", {}, json.dumps(body).encode())

    return act


def drain(name: str) -> Act:
    return lambda lab: lab.api.handle("PUT", f"/v1/node/{lab.node_id(name)}/drain", {}, b'{"DrainSpec": {"Deadline": 0, "IgnoreSystemJobs": true}}')


def movable(*jobs: dict[str, Any]) -> Act:
    """Started on c1 while c2 and c3 were closed."""
    return both(gate("c2", False), rest(0.01), gate("c3", False), rest(0.01), ran(*jobs), gate("c2", True), gate("c3", True), rest(0.01))


def both(*acts: Act) -> Act:
    def act(lab: Lab) -> None:
        for one in acts:
            one(lab)

    return act


def rest(seconds: float) -> Act:
    return lambda lab: lab.clock.sleep(seconds)


def kill(name: str, heartbeat: float) -> Act:
    return lambda lab: lab.kill_client(name, "live", heartbeat)


def back(name: str, ready_after: float = 0.0, heartbeat: float | None = None) -> Act:
    return lambda lab: lab.return_client(name, ready_after, heartbeat)


def cancel(name: str, purge: bool = False) -> Act:
    return lambda lab: lab.cancel(name, purge)


def openings(lab: Lab) -> None:
    for name in ("c1", "c2", "c3"):
        gate(name, True)(lab)


def nothing_led(lab: Lab) -> None:
    """A server that waits for another: never a leader, no log."""
    lab.lose_leader()
    lab.cluster.tables = dict.fromkeys(lab.cluster.tables, 0)


SYS, SVC, BUILD, BUILD2 = spec("sys", "system"), spec("svc", "service", node="c1"), spec("build", node="c1"), spec("build2", node="c1")
DONE, BAD, NOWHERE = spec("done", script=SPEAK % 1, node="c1"), spec("bad", script=FAIL, node="c1"), spec("nowhere", node="no-such-node")
MOVABLE, PINNED, SLOW_MOVABLE = spec("build", node="c[12]"), spec("pinned", node="c1"), spec("slow", script=SLOW, node="c[12]", kill=8)
LONG = spec("build", script="exec sleep 25", node="c1")
FIVE = (MOVABLE, PINNED, spec("svc", "service", node="c[12]"), spec("slow", script=SLOW, node="c1", kill=8))
BUSY = (spec("build", script=SPEAK % 9, node="c[12]"), spec("svc", "service", node="c[12]"), spec("build-short", script="exec sleep 4", node="c[12]"))


def start(job: dict[str, Any]) -> Act:
    return lambda lab: lab.register(job)


SIX = [(0.01, start(SYS)), (0.2, start(SVC)), (0.4, start(BUILD)), (0.55, start(DONE)), (1.4, start(BAD)), (1.9, start(NOWHERE))]
JOBS_THEN_STOP = Scenario(steps=[*SIX, (2.394, cancel("build"))])


def old_server_killed(lab: Lab) -> None:
    """Its log held the scenario before last: c1 drained with five jobs, then undrained; a restart shows that for a moment."""
    both(start(SYS), rest(0.3), movable(*FIVE), gate("c1", False), rest(1.0))(lab)
    lab.snapshots.keep("nodes")
    both(gate("c1", True), rest(0.06))(lab)
    lab.snapshots.keep("allocs")
    lab.clock.sleep(5)
    for name in ("sys", "build", "pinned", "svc", "slow"):
        lab.cancel(name, purge=True)
    lab.clock.sleep(5)
    lab.cluster.collect()
    ran(spec("build", script="exec sleep 16", node="c1"))(lab)


def server_dies(lab: Lab) -> None:
    lab.kill_server(3.3, leaderless=1.6)


COMMON: dict[str, Scenario] = {
    "agent-self": Scenario(),
    "node-read": Scenario(),
    "node-read-errors": Scenario(),
    "node-allocations": Scenario(steps=[(0.01, start(SYS)), (0.12, start(SVC)), (0.24, start(BUILD)), (0.36, start(DONE)), (1.7, start(BAD))]),
    "jobs-list": Scenario(steps=SIX),
    "job-read": JOBS_THEN_STOP,
    "job-allocations": Scenario(steps=[*SIX, (2.394, cancel("build")), (3.04, cancel("build", purge=True))]),
    "job-summary": JOBS_THEN_STOP,
    "job-evaluations": Scenario(steps=SIX),
    "allocation-read": Scenario(steps=SIX),
    "no-leader": Scenario(before=nothing_led, clients=0),
    "drain-old-enable-form": Scenario(before=both(start(SYS), rest(0.3), movable(*FIVE))),
}

OLD = {
    **COMMON,
    "nodes-list": Scenario(steps=[(0.01, start(BUILD)), (0.25, gate("c2", False)), (0.353, kill("c3", 18.1))]),
    "purge-down-node": Scenario(before=both(ran(BUILD), gate("c2", False), kill("c3", 10.0), rest(11)), steps=[(0.3, back("c3", 0.9))]),
    "node-allocations-pending": Scenario(
        before=both(start(SYS), rest(0.5), lambda lab: lab.freeze_client("c2", 15.0), run("late", node="c2"), rest(0.1)), steps=[(0.125, back("c2"))]
    ),
    "drain-idle": Scenario(
        steps=[
            (0.93, run("held", node="c1")),
            (1.936, cancel("held")),
            (2.87, run("held", node="c1")),
            (3.879, cancel("held")),
            (3.9, start(spec("sys", "system", node="c1"))),
            (5.04, run("held", node="c1")),
            (6.06, cancel("held")),
            (7.05, run("held", node="c1")),
            (8.076, cancel("held")),
        ]
    ),
    "eligibility": Scenario(),
    "errors": Scenario(steps=[(0.066, openings)]),
    "blocking-query": Scenario(before=ran(BUILD), steps=[(14.34, gate("c1", False)), (15.35, cancel("build"))]),
    "client-killed": Scenario(before=both(start(SYS), rest(0.3), movable(MOVABLE, PINNED)), steps=[(0.93, kill("c1", 9.9)), (13.0, back("c1", 6.2))]),
    "server-killed": Scenario(before=old_server_killed, steps=[(0.91, server_dies)]),
}

NEW = {
    **COMMON,
    "nodes-list": Scenario(steps=[(0.01, start(BUILD)), (0.362, gate("c2", False)), (0.37, start(BUILD2)), (0.674, kill("c3", 4.95))]),
    "purge-down-node": Scenario(
        before=both(ran(BUILD), gate("c2", False), ran(BUILD2), drain("c1"), kill("c3", 5.0), rest(6)),
        steps=[(0.1, back("c3", 5.8))],
        flags={"purged_back": (3.3, 3.3)},
    ),
    "node-allocations-pending": Scenario(
        before=both(start(SYS), rest(0.5), lambda lab: lab.freeze_client("c2", 4.0), run("late", node="c2"), rest(0.1)), steps=[(0.02, back("c2"))]
    ),
    "drain-idle": Scenario(steps=[(2.185, start(spec("sys", "system", node="c1")))]),
    "drain-busy-natural-end": Scenario(before=both(start(SYS), rest(0.3), movable(*BUSY))),
    "drain-busy-natural-end-blocking": Scenario(before=both(start(SYS), rest(0.3), movable(*BUSY)), steps=[(0.035, drain("c1"))]),
    "drain-deadline-strikes": Scenario(before=movable(MOVABLE, SLOW_MOVABLE, PINNED)),
    "drain-force": Scenario(before=movable(MOVABLE, SLOW_MOVABLE)),
    "drain-force-kill-timeout": Scenario(before=movable(spec("deaf", script=DEAF, node="c[12]", kill=7), spec("deaf-svc", "service", DEAF, "c[12]", 7))),
    "drain-force-then-eligible": Scenario(before=movable(SLOW_MOVABLE)),
    "drain-repeated": Scenario(before=ran(BUILD)),
    "drain-cancel": Scenario(before=ran(BUILD)),
    "drain-meta": Scenario(before=ran(spec("build", script="exec sleep 5", node="c1"))),
    "eligibility": Scenario(steps=[(0.047, gate("c1", True)), (0.058, gate("c2", True)), (0.06, run("build", node="c2"))]),
    "errors": Scenario(steps=[(0.06, openings)]),
    "blocking-query": Scenario(before=ran(BUILD), steps=[(14.258, gate("c1", False)), (15.285, cancel("build"))]),
    "client-killed": Scenario(before=both(start(SYS), rest(0.3), movable(MOVABLE, PINNED)), steps=[(0.95, kill("c1", 5.75)), (8.9, back("c1"))]),
    "server-killed": Scenario(before=ran(spec("build", script="exec sleep 16", node="c1")), steps=[(0.92, server_dies)]),
    "drain-while-stopping": Scenario(
        before=ran(spec("slow", script=SLOW, node="c1", kill=8)),
        steps=[(8.562, cancel("slow", purge=True)), (8.565, run("slow2", script=SLOW, node="c1", kill=8))],
    ),
    "drain-client-restart-term": Scenario(before=ran(LONG), steps=[(0.009, kill("c1", 4.88)), (0.3, back("c1", 4.6))]),
    "drain-client-restart-kill": Scenario(before=ran(LONG), steps=[(0.005, kill("c1", 10.0)), (0.4, back("c1"))]),
    "node-gc": Scenario(steps=[(0.12, kill("c3", 5.93)), (6.2, back("c3", 5.6, 4.2)), (11.88, kill("c3", 4.9)), (18.5, back("c3", 6.4, 4.7))]),
    "purge-busy": Scenario(
        steps=[
            (0.005, run("build", node="c3")),
            (12.295, cancel("build", purge=True)),
            (13.3, run("build", node="c3")),
            (13.6, kill("c3", 5.85)),
            (19.75, back("c3")),
        ],
        flags={"purged_back": (3.4, 3.4)},
    ),
}

SCENARIOS = {"0.5.6": OLD, "1.1.2": NEW}
