# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drain's law: what is due now for each client, as one table of rules in order; the first that speaks decides.

Facts: recordings of real servers and the traps seen on them (a drain that hangs, "complete" that is not "empty", lost that is not final).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Callable, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Look, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.case import Case, DrainSpec, case_for, counted, facts, remember
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.drain_view import assume, out_of_sight, progress, view
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.preflight import ready_others, refusals
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.steps import LiftDrain, SetDrain, SetEligibility, State, effect

CONFIRM = 0.2  # s between the two reads of a verdict
CONFIRM_LOST = 2.0  # a client that returns reports its builds again within a moment
UNSTICK_AFTER = 5.0
ENDING = 0.5  # s that the servers need to end a drain after the last build
UNSTICK_DEADLINE = 3600.0  # any change of the strategy wakes a hung drainer (seen 1.6.1, 1.7.7, 1.11.3); by now nothing is left to strike
DOWN_AFTER = 30.0  # a restarted agent is back by then
DRAINING = "drain"
QUEUED = "queue"

Rule = Callable[[Case], Optional[Decision]]


def decide(look: Look[DrainSpec, State]) -> dict[str, Decision]:
    """One decision per target. Closed clients first, since they hold the slots that open ones wait for."""
    cases = {item: case_for(look, item) for item in look.state.targets}
    decisions = {item: _decide_one(case) for item, case in cases.items()}
    closing = [item for item, decision in decisions.items() if decision.kind == "steps" and _is_open(cases[item])]
    if look.spec.state == "eligible" or not closing:
        return decisions
    taken = _in_flight(look, cases, decisions)
    for item in closing:
        hold = _no_slot(look, taken)
        if hold:
            decisions[item] = hold
        else:
            taken += 1
            if look.spec.max_in_flight:
                taken = max(taken, look.spec.max_in_flight)  # one closing a look: the next is decided on a fresh list
    return decisions


def _decide_one(case: Case) -> Decision:
    for rule in TABLES[case.spec.state] if case.server.has_eligibility else OLD_TABLES[case.spec.state]:
        decision = rule(case)
        if decision is not None:
            return decision
    raise AssertionError(f"no rule speaks for {case}")


def _is_open(case: Case) -> bool:
    return case.node is not None and case.node.is_open


def _in_flight(look: Look[DrainSpec, State], cases: dict[str, Case], decisions: dict[str, Decision]) -> int:
    """Clients closed and on their way: targets that have not ended, and whatever drains elsewhere by another's order."""
    ours = sum(1 for item, case in cases.items() if case.node and not case.node.is_open and not decisions[item].is_end)
    others = sum(1 for node in look.state.nodes.values() if node.draining and node.id not in cases)
    return ours + others if look.state.server.has_eligibility else ours  # before 0.8 a drained client drains for ever


def _no_slot(look: Look[DrainSpec, State], taken: int) -> Optional[Decision]:
    spec = look.spec
    if spec.max_in_flight and spec.state == "drained" and taken >= spec.max_in_flight:
        return waiting(f"waits for one of {spec.max_in_flight} slots (max_in_flight)", phase=QUEUED)
    ready = ready_others(look)
    if ready < spec.min_ready:
        return waiting(f"waits until {spec.min_ready} other clients are ready (min_ready); now {ready}", phase=QUEUED, unknown=True)
    return None


# -- rules that hold for every wish ---------------------------------------------------------------------


def is_gone(case: Case) -> Optional[Decision]:
    """404 after we saw it: purged or collected; nothing more can be learned."""
    if case.node is not None:
        return None
    back = f"; its instance is back as client {case.returned_as}" if case.returned_as else ""
    return stuck(f"{case.name} is gone: the servers no longer know it{back}")


def is_unknown(case: Case) -> Optional[Decision]:
    """What cannot be seen is waited for."""
    if not case.is_unknown or case.node is None:
        return None
    cut_off = case.node.status not in ("ready", "down")
    why = f"the servers call it {case.node.status or 'nothing'}" if cut_off else "not all of it could be read"
    return waiting(f"{case.name} cannot be judged: {why}", unknown=True)


def is_reopened(case: Case) -> Optional[Decision]:
    """Somebody else opened it after this task saw it closed: their word counts."""
    if _is_open(case) and case.past.get("closed"):
        return stuck(f"{case.name} was made eligible by somebody else while this task had it closed; it is left open")
    return None


# -- state: drained, from 0.8 ---------------------------------------------------------------------------


def is_down(case: Case) -> Optional[Decision]:
    """A client that is down proves nothing about its machine."""
    if case.node is None or case.node.is_ready:
        return None
    if case.lost:
        return stuck(f"{case.name} is down with {counted(case.lost)}: they are lost unless it returns", confirm=CONFIRM)
    if case.still >= DOWN_AFTER:
        return stuck(f"{case.name} is down: what runs on its machine cannot be known; bring it back or take it out of the list")
    return waiting(f"{case.name} is down; waits for its return", recheck=DOWN_AFTER - case.still, unknown=True)


def close(case: Case) -> Optional[Decision]:
    """Close an open client: with the drain at once, or cordoned first while something winds up (a drain begun then hangs)."""
    if not _is_open(case):
        return None
    if case.stopping:
        return act(f"cordon {case.name}: {counted(case.stopping)} wind up", SetEligibility(case.id, False))
    return act(f"drain {case.name}", _set_drain(case, "eligible"))


def take_over(case: Case) -> Optional[Decision]:
    """A foreign drain is replaced only on the operator's word, else joined."""
    if not case.is_foreign:
        return None
    settled_on = not case.server.has_marks and case.node is not None and case.node.strategy == case.wanted  # no mark can show that it is ours by now
    if case.spec.take_over and not settled_on:
        return _overruled(case) or act(f"take over the drain of {case.name}", _set_drain(case, "ineligible", "take_over"))
    return _overtime(case) or waiting(f"{case.name} drains by another's order; {counted(case.busy)} left", phase=DRAINING, recheck=_recheck(case))


def adjust(case: Case) -> Optional[Decision]:
    """Our drain, with another deadline or another answer about system jobs than is wanted now."""
    strategy = case.node.strategy if case.node else None
    if strategy is None or not case.node or not case.node.draining:
        return None
    hour = strategy == case.wanted._replace(deadline=UNSTICK_DEADLINE)
    if strategy == case.wanted or (hour and not case.busy):
        return None
    was = case.mark.was if case.mark else "ineligible"
    return (None if hour else _overruled(case)) or act(f"change the drain of {case.name}", _set_drain(case, was, "change_drain"))


def unstick(case: Case) -> Optional[Decision]:
    """A drain in force with nothing left to wait for has hung: only a change of its strategy ends it."""
    if not case.node or not case.node.draining or case.busy or case.still < UNSTICK_AFTER:
        return None
    was = case.mark.was if case.mark else "ineligible"
    order = _set_drain(case, was, "unstick")
    return act(f"unstick the drain of {case.name}", replace(order, deadline=order.deadline or UNSTICK_DEADLINE))


def await_drain(case: Case) -> Optional[Decision]:
    """The drain runs; builds end by themselves."""
    if not case.node or not case.node.draining:
        return None
    overtime = _overtime(case)
    return overtime or waiting(f"{case.name} drains; {counted(case.busy)} left", phase=DRAINING, recheck=_recheck(case))


def await_busy(case: Case) -> Optional[Decision]:
    """Closed, no drain in force: what winds up is waited for; what runs, and what this task closed without a mark so far, gets a drain."""
    unmarked = case.server.has_marks and bool(case.past.get("open")) and case.mark is None
    if not case.busy and not unmarked:
        return None
    if case.stopping:
        reason = f"{case.name} is closed; {counted(case.stopping)} wind up"
        return _overtime(case) or waiting(reason, phase=DRAINING, recheck=_recheck(case))
    mark = case.mark
    was = mark.was if mark and case.is_ours else ("eligible" if case.past.get("open") else "ineligible")
    return _overtime(case) or act(f"drain {case.name}", _set_drain(case, was))


def judge(case: Case) -> Optional[Decision]:
    """Closed and empty: the verdict, seen twice."""
    if case.lost:
        return stuck(f"{case.name} lost {counted(case.lost)}", confirm=CONFIRM_LOST)
    if case.killed and not case.spec.allow_killing_builds:
        return stuck(f"{case.name}: {counted(case.killed)} killed by a drain", confirm=CONFIRM)
    allowed = f"; {counted(case.killed)} killed, as allowed" if case.killed else ""
    return settled(f"{case.name} is drained{allowed}", confirm=CONFIRM)


# -- state: drained, below 0.8: no cordon, and a drain stops builds ------------------------------------------


def await_idle(case: Case) -> Optional[Decision]:
    """An open client with builds is left alone until it is idle."""
    if not _is_open(case) or not case.builds:
        return None
    overtime = _overtime(case)
    return overtime or waiting(f"{case.name} still runs {counted(case.builds)}; a drain would kill them", phase=DRAINING, recheck=_recheck(case))


def close_idle(case: Case) -> Optional[Decision]:
    """Idle now: close it at once."""
    return act(f"drain {case.name}, idle now", _set_drain(case, "eligible")) if _is_open(case) else None


def await_stopped(case: Case) -> Optional[Decision]:
    """Closed, and the drain's stops not over yet."""
    if not case.busy:
        return None
    return _overtime(case) or waiting(f"{case.name} is closed; {counted(case.busy)} left", phase=DRAINING, recheck=_recheck(case))


# -- state: cordoned ------------------------------------------------------------------------------------


def cordon(case: Case) -> Optional[Decision]:
    """Closed is all that is wanted; builds are not waited for."""
    if _is_open(case):
        return act(f"cordon {case.name}", SetEligibility(case.id, False))
    return settled(f"{case.name} is cordoned")


# -- state: eligible ------------------------------------------------------------------------------------


def is_open(case: Case) -> Optional[Decision]:
    """Already as wanted."""
    return settled(f"{case.name} is eligible") if _is_open(case) else None


def is_not_ours(case: Case) -> Optional[Decision]:
    """Only our own closing is undone, or the operator says otherwise."""
    if case.spec.take_over or (case.is_ours and case.mark and case.mark.was == "eligible"):
        return None
    mark = case.mark
    if mark and case.is_ours:
        whose = "was closed already before this collection drained it"
    else:
        unmarked = "was closed by somebody who left no mark" if case.server.has_marks else "is closed, and this Nomad keeps no mark of who did it"
        whose = f"was closed by {mark.owner} ({mark.intent}, since {mark.since})" if mark else unmarked
    return stuck(f"{case.name} {whose}; set take_over to make it eligible all the same")


def await_windup(case: Case) -> Optional[Decision]:
    """Opened too early, 1.11 runs a stopped build a second time."""
    return waiting(f"{case.name}: {counted(case.stopping)} wind up first", phase=DRAINING) if case.stopping else None


def release(case: Case) -> Optional[Decision]:
    """Lift the drain where there is one; a "stop draining" sent to a client that does not drain would open what others closed."""
    draining = case.node is not None and case.node.draining
    step = LiftDrain(case.id) if draining else SetEligibility(case.id, True)
    return act(f"make {case.name} eligible", step)


TABLES: dict[str, Sequence[Rule]] = {
    "drained": (is_gone, is_unknown, is_reopened, is_down, close, take_over, adjust, unstick, await_drain, await_busy, judge),
    "cordoned": (is_gone, is_reopened, cordon),
    "eligible": (is_gone, is_open, is_unknown, is_not_ours, await_windup, release),
}
OLD_TABLES: dict[str, Sequence[Rule]] = {
    "drained": (is_gone, is_unknown, is_reopened, is_down, await_idle, close_idle, await_stopped, judge),
    "eligible": (is_gone, is_open, is_unknown, is_not_ours, await_windup, release),
}


def _set_drain(case: Case, was: str, why: str = "drain") -> SetDrain:
    return SetDrain(case.id, case.wanted.deadline, case.wanted.ignore_system_jobs, case.spec.owner, was, why=why)


def _overruled(case: Case) -> Optional[Decision]:
    """The newer word counts: two runs that both insist would change one drain for ever."""
    run = case.overruled_by
    return stuck(f"run {run} changes the drain of {case.name} too, and did so last; it is left so: end one of the two runs") if run else None


def _overtime(case: Case) -> Optional[Decision]:
    limit = case.spec.max_build_time
    if limit is None or case.phase < limit:
        return None
    return stuck(f"{case.name} is unfinished after {limit:g} s (max_build_time); {counted(case.busy)} left, none was stopped")


def _recheck(case: Case) -> float:
    """When this client is worth another look even if nothing changes."""
    soon = []
    if case.node and case.node.draining and not case.busy:  # over within a moment, or hung; the list of allocations tells neither
        soon.append(ENDING if case.still < 2 * ENDING else UNSTICK_AFTER - case.still)
    if case.spec.max_build_time is not None:
        soon.append(case.spec.max_build_time - case.phase)
    return max(0.1, min(soon)) if soon else 0.0


__all__ = ["assume", "decide", "effect", "facts", "out_of_sight", "progress", "refusals", "remember", "view"]
