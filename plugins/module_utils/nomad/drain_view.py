# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drain tells people: verdicts, the result, one line of progress; and the good end that check mode assumes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, Unknown
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.case import Builds, Case, DrainSpec, case_for
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.history import history_view
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.mark import mark_view
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.steps import State

FINAL = ("drained", "cordoned", "eligible", "killed", "lost", "gone", "reopened")


def verdict(case: Case, decision: Decision) -> str:
    """One word for one client. Where several hold: unknown, gone, lost, killed, reopened, unfinished."""
    if case.node is None:
        return "gone"
    wish = case.spec.state
    if wish == "drained":
        if case.is_unknown or (case.node.status == "down" and not case.lost):
            return "unknown"
        if case.lost and decision.is_end:
            return "lost"
        if case.killed:
            return "killed"
    if decision.kind == "settled":
        return wish
    is_reopened = wish != "eligible" and case.node.is_open and bool(case.past.get("closed"))
    return "reopened" if is_reopened else "unfinished"


def view(look: Look[DrainSpec, State], decisions: Mapping[str, Decision]) -> Json:
    """The result: `nodes` (a dict a client), `summary` (verdict -> count), `server`."""
    nodes = [_node(look, item, decisions[item]) for item in look.state.targets]
    server = {"version": look.state.server.version_text, "region": look.state.server.region}
    return {"nodes": nodes, "summary": dict(sorted(Counter(str(node["verdict"]) for node in nodes).items())), "server": server}


def out_of_sight(last: Json) -> Json:
    """The last view once no answer comes any more: whoever had not ended is unknown."""
    nodes = [{**node, "verdict": node["verdict"] if node["verdict"] in FINAL else "unknown"} for node in last.get("nodes") or []]
    return {**last, "nodes": nodes, "summary": dict(sorted(Counter(str(node["verdict"]) for node in nodes).items()))}


def progress(look: Look[DrainSpec, State], decisions: Mapping[str, Decision]) -> str:
    """Such as "3 of 8 clients drained, 4 builds left"."""
    done = sum(1 for decision in decisions.values() if decision.kind == "settled")
    bad = sum(1 for decision in decisions.values() if decision.kind == "stuck")
    left = sum(len(case_for(look, item).builds) for item in look.state.targets)
    words = [f"{done} of {len(decisions)} clients {look.spec.state}"]
    words += [f"{bad} stuck"] if bad else []
    words += [f"{left} build{'' if left == 1 else 's'} left"] if look.spec.state == "drained" else []
    return ", ".join(words)


def assume(look: Look[DrainSpec, State], item: str) -> State:
    """Every build ends by itself before any deadline, every drain ends, every slot comes free."""
    state = look.state
    node = state.nodes[item]
    if node.is_open and state.server.has_eligibility:
        others = [n._replace(draining=False, strategy=None) if n.draining and n.id not in state.targets else n for n in state.nodes.values()]
        return replace(state, nodes={n.id: n for n in others})
    if look.spec.state == "eligible":  # only the stops are waited for; a drain with builds left stays in force
        stopped = tuple(a._replace(client="complete") if a.is_stopping else a for a in state.allocations[item] or ())
        state = replace(state, allocations={**state.allocations, item: stopped})
        over = not any(a.is_live and a.job_type != "system" for a in stopped)
        return state.with_node(node._replace(draining=False, strategy=None)) if over and state.server.has_eligibility else state
    spare = look.spec.ignore_system_jobs and state.server.has_eligibility
    ended = tuple(
        a._replace(client="complete") if a.is_live and (a.is_stopping or not (spare and a.job_type == "system")) else a for a in state.allocations[item] or ()
    )
    state = replace(state, allocations={**state.allocations, item: ended})
    if node.draining and state.server.has_eligibility:
        state = state.with_node(node._replace(draining=False, strategy=None))
    return state


def _node(look: Look[DrainSpec, State], item: str, decision: Decision) -> Json:
    case = case_for(look, item)
    node = case.node
    instance = node.instance_id if node is not None and not isinstance(node.instance_id, Unknown) else None
    return {
        "id": item,
        "name": case.name,
        "instance_id": instance or case.past.get("instance") or None,
        "verdict": verdict(case, decision),
        "reason": decision.reason,
        "joined": bool(case.past.get("joined")),
        "mark": mark_view(node, case.server) if node is not None else None,
        "running": _builds(case.builds),
        "finished": case.finished,
        "killed": _builds(case.killed),
        "lost": _builds(case.lost),
        "waited": round(look.waited.get(item, 0.0), 1),
        **history_view(case.past),
    }


def _builds(builds: Builds) -> list[Json]:
    return [{"job": a.job, "allocation": a.id, "started": a.started or None} for a in sorted(builds, key=lambda a: (a.job, a.id))]
