"""What happened besides the recorded requests on 0.9.3, 0.11.3, 1.7.7 and 1.11.3, where it was not as on 1.1.2; and that of the scenarios made later."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.nomad import scenarios as s
from lab.nomad.lab import Lab
from lab.nomad.replay import Scenario, Step

START_ALL = s.chain((s.SYS, "running"), (s.SVC, "running"), (s.BUILD, "running"), (s.DONE, "complete"), (s.BAD, "failed"))


def six(nowhere: float) -> list[Step]:
    return [(0.01, START_ALL), (nowhere, s.start(s.NOWHERE))]


def silence(name: str, seconds: float, back: float) -> s.Act:
    """A restarted agent is there at once, but its heartbeats only count after `back` s; the server calls it down before."""

    def act(lab: Lab) -> None:
        lab.freeze_client(name, seconds)
        lab.clock.after(back, lambda: lab.return_client(name))

    return act


def jobs(nowhere: float, stopped: float, purged: float) -> dict[str, Scenario]:
    then_stop = Scenario(steps=[*six(nowhere), (stopped, s.cancel("build"))])
    return {
        "jobs-list": Scenario(steps=six(nowhere)),
        "job-read": then_stop,
        "job-summary": then_stop,
        "job-allocations": Scenario(steps=[*then_stop.steps, (purged, s.cancel("build", purge=True))]),
        "job-evaluations": Scenario(steps=six(nowhere)),
        "allocation-read": Scenario(steps=six(nowhere)),
    }


def busy(pause: float, last: float = 0.0, flags: dict[str, Any] | None = None) -> dict[str, Scenario]:
    closed = s.both(s.gate("c2", False), s.gate("c3", False), s.ran(s.BUSY[0]), s.rest(pause), s.ran(*s.BUSY[1:]))
    before = s.both(s.ran(s.SYS), closed, s.gate("c2", True), s.gate("c3", True), s.rest(0.01 + last))
    blocking = Scenario(before=before, steps=[(0.035, s.drain("c1"))], flags=flags or {})
    return {"drain-busy-natural-end": Scenario(before=before, flags=flags or {}), "drain-busy-natural-end-blocking": blocking}


SLOW = s.spec("slow", script=s.SLOW, node="c1", kill=8)
SLOW2 = {**SLOW, "ID": "slow2", "Name": "slow2"}
ONCE, FOREVER, SYS1 = s.spec("once", "sysbatch", "exec sleep 6", "c1"), s.spec("long", "sysbatch", node="c1"), s.spec("sys", "system", node="c1")
SHORT = s.spec("build", script="exec sleep 5", node="c1")
MOVES = {"MaxParallel": 1, "HealthCheck": "task_states", "MinHealthyTime": s.SEC, "HealthyDeadline": 10 * s.SEC}
THREE = s.spec("svc", "service", s.SLOW, "c[12]", 8)
THREE["TaskGroups"][0] |= {"Count": 3, "Migrate": MOVES}


def first(*names: str) -> s.Act:
    """Of nodes that are equally good the scheduler took these first in that run: a chance of the score."""

    def act(lab: Lab) -> None:
        ids = [lab.node_id(name) for name in names]
        lab.cluster.nodes = {key: lab.cluster.nodes[key] for key in [*ids, *[key for key in lab.cluster.nodes if key not in ids]]}

    return act


def pooled(lab: Lab) -> None:
    for name, pool in (("c1", "default"), ("c2", "builders"), ("c3", "default")):
        lab.add_client(name, pool=pool)


NOTHING = s.rest(0)
QUICK = {"MinHealthyTime": s.SEC, "HealthyDeadline": 60 * s.SEC}
POOLED = {**s.spec("svc", "service"), "NodePool": "builders"}
POOLED["TaskGroups"][0]["Update"] = QUICK
CLOSED, OPEN = s.both(s.gate("c2", False), s.gate("c3", False)), s.both(s.gate("c2", True), s.gate("c3", True))
CALM, SERVICE = s.spec("build", script=s.SLOW, node="c[12]", kill=6), s.spec("svc", "service", node="c[12]")
ECHO = s.spec("done", script="echo hello", node="c1")
FOUR, ENDLESS = s.spec("build", script="exec sleep 4", node="c[12]"), s.spec("long", node="c[12]")


def complete(*jobs: dict[str, Any]) -> s.Act:
    """Each job ran to its end before the next began."""

    def act(lab: Lab) -> None:
        for job in jobs:
            lab.register(job)
            while not s.has(lab, job["ID"], "complete"):
                lab.clock.sleep(0.1)

    return act


def logs(collected: float) -> Scenario:
    live, dead = s.spec("build", script=s.SPEAK % 100, node="c1"), s.spec("done", script=s.SPEAK % 0, node="c1")
    gone = s.both(s.cancel("done", purge=True), lambda lab: lab.cluster.collect())
    return Scenario(before=s.both(s.ran(live), complete(dead), s.rest(0.5)), steps=[(collected, gone)], logs_of=("build", "done"))


def operator(closed: float, opened: float, *order: str) -> Scenario:
    start = s.both(CLOSED, s.chain((CALM, "running"), (SERVICE, "running")))
    before = s.both(s.rest(0.537), first(*order), complete(ECHO))
    return Scenario(before=before, steps=[(closed, start), (opened, OPEN)], logs_of=("done",))


def dies(job: str) -> s.Act:
    """A task ended while its agent was away."""

    def act(lab: Lab) -> None:
        for client in lab.machines.values():
            for build in client.builds.values():
                if build.job == job and build.client == "c1" and build.ended is None:
                    client._over(build, "killed")

    return act


def shutdown(opened: float, term: float, back: float, meanwhile: s.Act = NOTHING) -> Scenario:
    start = s.both(CLOSED, s.chain((FOUR, "running"), (ENDLESS, "running"), (SERVICE, "running")))
    steps = [(0.01, start), (opened, OPEN), (term, lambda lab: lab.shutdown_client("c1", 6.0)), (back - 0.1, meanwhile), (back, s.back("c1"))]
    return Scenario(steps=steps)


def sysbatch(second: float, phase: float = 0.0) -> Scenario:
    return Scenario(before=s.rest(phase), steps=[(0.01, s.start(ONCE)), (second, s.chain((FOREVER, "running"), (SYS1, "running")))])


def csi(reset: float, build: float) -> Scenario:
    clean = [s.cancel(name, purge=True) for name in ("build", "csi-service", "csi-system")]
    return Scenario(before=s.rest(0.2), steps=[(0.01, s.start(SHORT)), (reset, s.both(*clean, s.gate("c1", True))), (build, s.start(SHORT))])


def away(new: bool, frozen: float, back: float, missed: tuple[float, ...]) -> Scenario:
    """Jobs that may be cut off for 120 s; the agent is frozen, its heartbeats are missed after so many seconds each."""
    jobs = [s.spec("build", node="c1"), s.spec("svc", "service", node="c[12]")]
    for job in jobs:
        job["TaskGroups"][0] |= {"Disconnect": {"LostAfter": 120 * s.SEC, "Replace": False}} if new else {"MaxClientDisconnect": 120 * s.SEC}

    def freeze(lab: Lab) -> None:
        lab.machines["c1"].later = list(missed[1:])
        lab.freeze_client("c1", missed[0])

    return Scenario(before=s.movable(*jobs), steps=[(frozen, freeze), (back, s.back("c1"))])


def parameterized(name: str, memory: int, script: str = s.SLEEP) -> dict[str, Any]:
    job = s.spec(name, script=script)
    job["ParameterizedJob"] = {"Payload": "optional", "MetaRequired": [], "MetaOptional": ["build"]}
    job["TaskGroups"][0]["Tasks"][0]["Resources"]["MemoryMB"] = memory
    return job


SAME = {
    **{name: scenario for name, scenario in s.NEW.items() if name != "acl"},
    "node-allocations": Scenario(steps=[(0.01, START_ALL)]),
    "metrics": Scenario(before=s.both(s.ran(s.BUILD), s.rest(2.5))),
    "drain-migrate-block": Scenario(before=s.both(s.rest(0.75), s.movable(THREE))),
}

V_1_7_7 = {
    **SAME,
    **jobs(3.8478, 3.888, 4.6035),
    "drain-sysbatch": sysbatch(23.6),
    "dispatch": Scenario(before=s.both(CLOSED, s.rest(0.2)), steps=[(8.664, s.gate("c2", True))], flags={"think": 0.0085}),
    "no-room": Scenario(before=s.both(first("c2"), s.start(parameterized("big", 14463)))),
    "alloc-logs": logs(0.0745),
    "operator-calls": operator(1.55, 3.145, "c3"),
    "node-pools": Scenario(clients=0, before=pooled, steps=[(0.012, s.start(POOLED))]),
    "shutdown-drain": shutdown(3.1, 3.18, 13.8),
    "drain-csi-plugin": csi(10.46, 10.8),
    "drain-then-disconnect": away(False, 0.012, 18.498, (4.3, 6.45, 6.4)),
    "disconnect-then-drain": away(False, 0.003, 19.409, (3.7, 5.2, 6.0)),
    **busy(0.3),
    "nodes-list": Scenario(steps=[(0.01, s.start(s.BUILD)), (0.486, s.gate("c2", False)), (0.5, s.start(s.BUILD2)), (1.55, s.kill("c3", 5.8))]),
    "purge-down-node": Scenario(
        before=s.both(s.ran(s.BUILD), s.gate("c2", False), s.ran(s.BUILD2), s.drain("c1"), s.kill("c3", 5.0), s.rest(6)),
        steps=[(0.022, s.back("c3", 8.9, 4.0))],
        flags={"purged_back": (1.25, 1.25)},
    ),
    "node-allocations-pending": Scenario(
        before=s.both(s.ran(s.SYS), s.rest(1), lambda lab: lab.freeze_client("c2", 4.0), s.run("late", node="c2"), s.rest(0.1)), steps=[(0.02, s.back("c2"))]
    ),
    "drain-idle": Scenario(steps=[(2.4845, s.start(s.spec("sys", "system", node="c1")))], flags={"think": 0.03}),
    "eligibility": Scenario(steps=[(0.056, s.gate("c1", True)), (0.063, s.gate("c2", True)), (0.065, s.run("build", node="c2"))]),
    "errors": Scenario(steps=[(0.0745, s.openings)], flags={"drain_look": 0.006}),
    "client-killed": Scenario(before=s.both(s.ran(s.SYS), s.movable(s.MOVABLE, s.PINNED)), steps=[(0.95, s.kill("c1", 4.95)), (7.98, s.back("c1"))]),
    "drain-while-stopping": Scenario(before=s.ran(SLOW), steps=[(16.355, s.cancel("slow", purge=True)), (16.36, s.start(SLOW2))]),
    "drain-client-restart-term": Scenario(before=s.ran(s.LONG), steps=[(0.05, s.kill("c1", 30.0)), (0.5, s.back("c1"))]),
    "drain-client-restart-kill": Scenario(before=s.ran(s.LONG), steps=[(0.025, s.kill("c1", 30.0)), (0.4, s.back("c1")), (0.42, silence("c1", 4.15, 4.4))]),
    "node-gc": Scenario(steps=[(0.112, s.kill("c3", 4.7)), (4.86, s.back("c3", 2.8)), (7.725, s.kill("c3", 5.2)), (14.52, s.back("c3", 0.1))]),
    "purge-busy": Scenario(
        steps=[
            (0.005, s.run("build", node="c3")),
            (13.115, s.cancel("build", purge=True)),
            (14.12, s.run("build", node="c3")),
            (15.25, s.kill("c3", 4.55)),
            (19.88, s.back("c3", 0.15)),
        ],
        flags={"purged_back": (5.1, 5.1)},
    ),
}

V_1_11_3 = {
    **SAME,
    **jobs(4.2245, 4.2755, 5.0),
    "drain-sysbatch": sysbatch(23.15, 0.55),
    "dispatch": Scenario(before=CLOSED, steps=[(8.9, s.gate("c2", True))], flags={"think": 0.017}),
    "no-room": Scenario(before=s.both(first("c3"), s.start(parameterized("big", 14463)))),
    "alloc-logs": logs(0.0745),
    "operator-calls": operator(1.55, 3.118, "c1", "c3"),
    "node-pools": Scenario(clients=0, before=pooled, steps=[(0.012, s.start(POOLED))]),
    "shutdown-drain": shutdown(3.15, 3.25, 15.465, dies("svc")),
    "drain-csi-plugin": csi(10.5, 10.6),
    "drain-then-disconnect": away(True, 0.009, 18.4395, (4.9, 4.9, 5.0, 8.0)),
    "disconnect-then-drain": away(True, 0.009, 22.125, (6.5, 5.5, 6.4)),
    **busy(0.3),
    "nodes-list": Scenario(steps=[(0.01, s.start(s.BUILD)), (1.1365, s.gate("c2", False)), (1.14, s.start(s.BUILD2)), (2.2, s.kill("c3", 6.2))]),
    "purge-down-node": Scenario(
        before=s.both(s.ran(s.BUILD), s.gate("c2", False), s.ran(s.BUILD2), s.drain("c1"), s.kill("c3", 5.0), s.rest(6)),
        steps=[(0.02, s.back("c3", 3.5))],
        flags={"purged_back": (4.3, 4.3)},
    ),
    "node-allocations-pending": V_1_7_7["node-allocations-pending"],
    "drain-idle": Scenario(steps=[(2.4605, s.start(s.spec("sys", "system", node="c1")))], flags={"think": 0.03, "quiet_sync": 0.2}),
    "eligibility": Scenario(steps=[(0.03, s.gate("c1", True)), (0.04, s.gate("c2", True)), (0.042, s.run("build", node="c2"))]),
    "errors": Scenario(steps=[(0.031, s.openings)]),
    "client-killed": Scenario(before=s.both(s.ran(s.SYS), s.movable(s.MOVABLE, s.PINNED)), steps=[(0.95, s.kill("c1", 2.85)), (5.85, s.back("c1"))]),
    "drain-while-stopping": Scenario(before=s.ran(SLOW), steps=[(16.325, s.cancel("slow", purge=True)), (16.33, s.start(SLOW2))]),
    "drain-client-restart-term": Scenario(before=s.ran(s.LONG), steps=[(0.05, s.kill("c1", 30.0)), (0.5, s.back("c1"))]),
    "drain-client-restart-kill": Scenario(before=s.ran(s.LONG), steps=[(0.025, s.kill("c1", 30.0)), (0.4, s.back("c1")), (0.42, silence("c1", 3.5, 3.9))]),
    "node-gc": Scenario(steps=[(0.01, s.kill("c3", 4.55)), (4.61, s.back("c3", 5.15)), (9.82, s.kill("c3", 5.9)), (17.36, s.back("c3", 4.95))]),
    "purge-busy": Scenario(
        steps=[
            (0.005, s.run("build", node="c3")),
            (12.625, s.cancel("build", purge=True)),
            (13.63, s.run("build", node="c3")),
            (14.75, s.kill("c3", 3.7)),
            (18.58, s.back("c3", 0.15)),
        ],
        flags={"purged_back": (3.75, 3.75)},
    ),
}

BEFORE_1_1 = {
    **{name: scenario for name, scenario in s.NEW.items() if name != "acl"},
    "metrics": Scenario(before=s.both(s.ran(s.BUILD), s.rest(2.5))),
}

V_0_11_3 = {
    **BEFORE_1_1,
    "nodes-list": Scenario(steps=[(0.01, s.start(s.BUILD)), (0.392, s.gate("c2", False)), (0.4, s.start(s.BUILD2)), (0.82, s.kill("c3", 6.8))]),
    "purge-down-node": Scenario(before=s.NEW["purge-down-node"].before, steps=[(0.1, s.back("c3", 6.1))], flags={"purged_back": (1.8, 1.8)}),
    "eligibility": Scenario(steps=[(0.0335, s.gate("c1", True)), (0.041, s.gate("c2", True)), (0.043, s.run("build", node="c2"))]),
    "errors": Scenario(steps=[(0.078, s.openings)], flags={"drain_look": 0.004}),
    "alloc-logs": logs(0.11),
    "blocking-query": Scenario(before=s.ran(s.BUILD), steps=[(14.22, s.gate("c1", False)), (15.245, s.cancel("build"))]),
    "drain-idle": Scenario(steps=[(1.973, s.start(SYS1))]),
    "client-killed": Scenario(before=s.NEW["client-killed"].before, steps=s.NEW["client-killed"].steps, flags={"recovered_stop": 3.2}),
    **busy(0.4, 0.1, {"end_takes": 0.2}),
}

V_0_9_3 = {
    **BEFORE_1_1,
    "nodes-list": Scenario(steps=[(0.01, s.start(s.BUILD)), (0.492, s.gate("c2", False)), (0.5, s.start(s.BUILD2)), (1.163, s.kill("c3", 4.2))]),
    "purge-down-node": Scenario(before=s.NEW["purge-down-node"].before, steps=[(0.1, s.back("c3", 0.2))], flags={"purged_back": (3.3, 3.3)}),
    "eligibility": Scenario(steps=[(0.0295, s.gate("c1", True)), (0.036, s.gate("c2", True)), (0.04, s.run("build", node="c2"))]),
    "errors": Scenario(steps=[(0.055, s.openings)]),
    "alloc-logs": logs(0.2),
    "drain-old-enable-form": Scenario(before=s.NEW["drain-old-enable-form"].before, flags={"drain_look": 0.01}),
    "jobs-list": Scenario(steps=[*s.SIX[:-1], (2.976, s.start(s.NOWHERE))]),
}

BEFORE_1_2 = {
    "metrics": BEFORE_1_1["metrics"],
    "alloc-logs": logs(0.087),
    "dispatch": Scenario(before=CLOSED, steps=[(7.625, s.gate("c2", True))], flags={"think": 0.008}),
    "no-room": Scenario(before=s.both(first("c3"), s.start(parameterized("big", 14463)))),
    "operator-calls": Scenario(before=complete(ECHO), logs_of=("done",)),
}
SCENARIOS = {
    "0.5.6": {**s.OLD, "alloc-logs": logs(0.1), "metrics": Scenario()},
    "1.1.2": {**s.NEW, **BEFORE_1_2},
    "0.9.3": V_0_9_3,
    "0.11.3": V_0_11_3,
    "1.7.7": V_1_7_7,
    "1.11.3": V_1_11_3,
}
