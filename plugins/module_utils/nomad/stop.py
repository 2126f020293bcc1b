# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of stopping a job: order it once, wait until all that ran of it has ended, and say whose order it was.

Facts: below 0.6 a stopped job is forgotten at once while its tasks still wind up; from 0.9 on it is kept, dead, with Stop set (recorded).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.job import Job
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Allocation, Server

CONFIRM = 0.5  # s; a placement that was under way when the order came is seen by then
CONFIRM_LOST = 2.0  # s; a client that returns reports its builds again within a moment
KEEPS_STOPPED = (0, 6, 0)
ENDING = "ending"


@dataclass(frozen=True)
class StopSpec:
    """Which job is to be stopped."""

    job: str
    confirm: str


def stop_spec(params: Mapping[str, Any]) -> StopSpec:
    """The wish from the module's parameters; raises BadInput with the first option that cannot be."""
    spec = spec_from_params(StopSpec, params)
    if not spec.job.strip():
        raise BadInput("job is empty; give the id of the job to stop")
    if spec.confirm != spec.job:
        raise BadInput(f"confirm is {spec.confirm!r}, but job is {spec.job!r}; stopping ends what runs of it, so give the same id in both")
    return spec


@dataclass(frozen=True)
class StopState:
    """The job (None: the servers know none) and its allocations; `clients` are names by id."""

    server: Server
    job: Optional[Job] = None
    allocations: tuple[Allocation, ...] = ()
    clients: Mapping[str, str] = field(default_factory=dict)

    @property
    def live(self) -> tuple[Allocation, ...]:
        """What still runs, or may."""
        return tuple(one for one in self.allocations if one.is_live)

    @property
    def is_wanted(self) -> bool:
        """The servers still want it to run: what has ended may be started again."""
        return self.job is not None and not self.job.stop and (self.job.status != "dead" or any(one.desired == "run" for one in self.live))


@dataclass(frozen=True)
class StopJob:
    """Have the servers end a job. They keep it, dead, so that its logs and its history can be read."""

    item: str
    namespace: str = ""

    def describe(self) -> Json:
        return {"step": "stop", "id": self.item}


StopLook = Look[StopSpec, StopState]


def refusals(look: StopLook) -> list[str]:
    """Every reason not to begin, as sentences."""
    server, job = look.state.server, look.state.job
    found = []
    if not server.lists_all:
        found.append(
            "ACLs are on, and nomad_token is not known to see every job: one that may not list and read jobs sees none of what would die; "
            'give a management token in nomad_token, or one with list-jobs, read-job and submit-job in namespace "*"'
        )
    if server.paused and look.state.is_wanted:
        found.append("the evaluation broker is paused (PauseEvalBroker), so a stopped job would run on; unpause it in the scheduler configuration first")
    if job and job.is_parent:
        found.append(f"job {job.id} only brings forth others, and stopping it ends none of them; stop those one by one (nomad_job_info lists them)")
    return found


def decide(look: StopLook) -> dict[str, Decision]:
    """What is due for the one job."""
    state, item = look.state, look.spec.job
    if state.is_wanted:
        return {item: act(f"stop job {item}: {_will_die(state)}", StopJob(item, state.job.namespace if state.job else ""))}
    if state.live:
        cut_off = any(one.client == "unknown" for one in state.live)  # on a client that does not answer: never assumed to have ended
        words = f"job {item} is stopped; {_count(state.live)} on {_places(state, state.live)} still {'ends' if len(state.live) == 1 else 'end'}"
        return {item: waiting(words, phase=ENDING, unknown=cut_off)}
    lost = _lost(look)
    if lost:
        return {item: stuck(f"job {item}: {_count(lost)} went down with {_places(state, lost)} and may still run there", confirm=CONFIRM_LOST)}
    return {item: settled(_end(look), confirm=CONFIRM if _by_us(look) else 0.0)}


def effect(state: StopState, step: StopJob) -> StopState:
    """The state once the servers have taken the order."""
    told = tuple(one._replace(desired="stop") if one.is_live else one for one in state.allocations)
    kept = state.job if state.server.version >= KEEPS_STOPPED else None
    return replace(state, job=replace(kept, stop=True, status="dead", queued=0) if kept else None, allocations=told)


def assume(look: StopLook, item: str) -> StopState:
    """All that was told to stop has stopped."""
    ended = tuple(one._replace(client="complete") if one.is_live else one for one in look.state.allocations)
    return replace(look.state, allocations=ended)


def remember(look: StopLook) -> Json:
    """What no later read can tell: whether this task found it wanted, and what of it ran then."""
    past = look.memory or {"type": look.state.job.type if look.state.job else None, "known": _is_known(look.state), "wanted": False, "ran": {}}
    ran = {one.id: [one.node, one.started] for one in look.state.live}
    return {**past, "wanted": past["wanted"] or look.state.is_wanted, "ran": {**past["ran"], **ran}}


def facts(look: StopLook) -> dict[str, Json]:
    """The state as seen: status, and what of it runs where."""
    state = look.state
    runs = sorted(f"{one.id} on {state.clients.get(one.node, one.node)}" for one in state.live)
    return {look.spec.job: {"status": _status(state), "running": runs}}


def view(look: StopLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    decision, ran = decisions[look.spec.job], look.memory["ran"]
    over = decision.kind == "settled"
    return {
        "job": look.spec.job,
        "type": look.memory["type"],
        "verdict": _verdict(look, decision),
        "stopped": over and not _ended_alone(look),
        "by_us": _by_us(look),
        "reason": decision.reason,
        "allocations": [_told(look.state, one) for one in sorted(look.state.allocations, key=lambda one: one.id) if one.id in ran],
        "left": len(look.state.live),
        "waited": round(look.waited.get(look.spec.job, 0.0), 1),
    }


def out_of_sight(last: Json) -> Json:
    """The last view once no answer comes any more."""
    return {**last, "verdict": "unknown", "stopped": False} if last.get("verdict") == "unfinished" else last


def progress(look: StopLook, decisions: Mapping[str, Decision]) -> str:
    """Such as "build-1: 2 of 3 allocations ended"."""
    ran = look.memory["ran"]
    left = look.state.live
    where = f", left on {_places(look.state, left)}" if left else ""
    return f"{look.spec.job}: {len(ran) - len(left)} of {len(ran)} allocation{'' if len(ran) == 1 else 's'} ended{where}"


# -- words ---------------------------------------------------------------------------------------------


def _by_us(look: StopLook) -> bool:
    """This task found it wanted, and now it is stopped, or (below 0.6) forgotten."""
    job = look.state.job
    return bool(look.memory["wanted"]) and not look.state.is_wanted and (job is None or job.stop)


def _is_known(state: StopState) -> bool:
    """Below 0.6 the allocations of a stopped job outlive it."""
    return state.job is not None or bool(state.allocations)


def _ended_alone(look: StopLook) -> bool:
    job = look.state.job
    return job is not None and not job.stop


def _verdict(look: StopLook, decision: Decision) -> str:
    if decision.kind == "stuck":
        return "lost"
    if decision.kind != "settled":
        return "unfinished"
    if _ended_alone(look):
        return "ended"
    if _by_us(look):
        return "stopped"
    return "was_stopped" if look.memory["known"] else "absent"


def _end(look: StopLook) -> str:
    job = look.spec.job
    if _ended_alone(look):
        return f"job {job} has ended by itself"
    if _by_us(look):
        return f"job {job} is stopped, and all of it has ended"
    if look.memory["known"]:
        return f"job {job} was stopped before, and all of it has ended"
    return f"the servers know no job {job}: it was never there, or is long forgotten"


def _lost(look: StopLook) -> tuple[Allocation, ...]:
    """What ran when this task looked first, and went down with its client since."""
    return tuple(one for one in look.state.allocations if one.client == "lost" and one.id in look.memory["ran"])


def _will_die(state: StopState) -> str:
    if not state.live:
        return "nothing of it runs"
    return f"{_count(state.live)} on {_places(state, state.live)} {'ends' if len(state.live) == 1 else 'end'}"


def _status(state: StopState) -> str:
    if state.job is None:
        return "absent"
    return "stopped" if state.job.stop else state.job.status


def _told(state: StopState, one: Allocation) -> Json:
    return {
        "allocation": one.id,
        "client": state.clients.get(one.node, one.node),
        "client_id": one.node,
        "started": one.started or None,
        "status": one.client,
    }


def _places(state: StopState, allocations: tuple[Allocation, ...]) -> str:
    return ", ".join(sorted({state.clients.get(one.node, one.node) for one in allocations}))


def _count(allocations: tuple[Allocation, ...]) -> str:
    return f"{len(allocations)} allocation{'' if len(allocations) == 1 else 's'}"
