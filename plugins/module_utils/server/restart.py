# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of restarting pods: one by one, the next only when the one before is Ready again, and never so that fewer serve than need be.

Facts: the pod of a StatefulSet comes back under its name, that of a Deployment under another; a grace begins with the order (recorded).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, act, settled, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.server.model import WORKLOADS, Condition, Owner, Pod
from ansible_collections.serverops.circleci.plugins.module_utils.server.problems import problem_of
from ansible_collections.serverops.circleci.plugins.module_utils.server.restart_model import (
    NEW,
    RestartLook,
    RestartState,
    Target,
    absent,
    is_gone,
    meant,
    named,
    owner_of_gone,
    successor,
    targets,
)

PATIENCE = 120.0  # s after which a pod that is not ready is not only starting
CONFIRM = 1.0  # s; one that falls over at once is seen by then


@dataclass(frozen=True)
class DeletePod:
    """Have the pod end; its workload makes it again. Only this very pod, by its uid."""

    item: str
    uid: str

    def describe(self) -> Json:
        return {"step": "delete", "id": self.item}


def refusals(look: RestartLook) -> list[str]:
    """Every reason not to begin, as sentences."""
    spec, state = look.spec, look.state
    found = [state.missing_rights] if state.missing_rights else []
    gone = [name for name in absent(spec, state.pods) if owner_of_gone(state, name) is None]
    if gone:
        found.append(f"names holds {', '.join(gone)}, but namespace {spec.namespace} has no such pod or workload; server_pods_info lists those there are")
    pods = meant(spec, state)
    if not pods and not gone and not spec.names:
        found.append(f"selector {spec.selector!r} means no pod of namespace {spec.namespace}; server_pods_info lists those there are")
    by_name = {pod.uid for pod in named(spec, state.pods)}
    held = [pod.name for pod in pods if pod.is_stateful and pod.uid not in by_name]
    if held:
        found.append(f"selector {spec.selector!r} also means {', '.join(held)}, which hold data; restart stateful pods by their own names, in names")
    return found + [words for pod in pods for words in _never_made_again(state, pod)] + _short(state, pods)


def _never_made_again(state: RestartState, pod: Pod) -> list[str]:
    """Why nothing would stand for it."""
    if pod.owner is None:
        return [f"pod {pod.name} belongs to nothing that would make it again; delete it yourself where it is to go"]
    if pod.owner.kind not in WORKLOADS:
        return [f"pod {pod.name} belongs to {pod.owner.words}, which does not keep pods running; leave it out"]
    workload = state.workload(pod.owner)
    if workload is None or workload.deleting:
        return [f"pod {pod.name} belongs to {pod.owner.words}, which is {'being deleted' if workload else 'not there any more'}: nothing would make it again"]
    if workload.wanted < len([one for one in state.of(pod.owner) if one.ends is None and not one.is_over]):
        return [f"{pod.owner.words} has more pods than the {workload.wanted} it wants, as while it is rolled out or scaled; wait until it has settled"]
    return []


def _short(state: RestartState, pods: list[Pod]) -> list[str]:
    """Workloads of which a ready pod would be taken while another is missing, and not only just made: that one is waited for."""
    found = []
    for owner in sorted({pod.owner for pod in pods if pod.owner}, key=lambda one: one.words):
        workload = state.workload(owner)
        asked = all(pod.is_ready for pod in pods if pod.owner == owner)
        sick = [pod for pod in state.of(owner) if not pod.is_ready and pod.ends is None and pod.created < state.now - PATIENCE]
        if workload and asked and sick and _ready(state, owner) < workload.wanted:
            names = ", ".join(pod.name for pod in sick)
            lack = f"{owner.words} has {_ready(state, owner)} of {workload.wanted} pods ready ({names} is not)"
            found.append(f"{lack}, and a restart would take one more; see to that first (server_pods_info tells why), or name it too")
    return found


def decide(look: RestartLook) -> dict[str, Decision]:
    """The first that is not restarted yet is worked on; those behind it wait."""
    found: dict[str, Decision] = {}
    busy = ""
    for target in targets(look.memory):
        decision = _judge(look, target)
        if busy and not decision.is_end:
            decision = waiting(f"{target.name} waits until {busy} is ready again", phase="queued")
        elif not decision.is_end:
            busy = target.name
        found[target.name] = decision
    return found


def _judge(look: RestartLook, target: Target) -> Decision:
    state, owner = look.state, target.owner
    if not target.uid:
        return _was_gone(state, target)
    old = state.by_uid(target.uid)
    if old is not None and old.ends is not None:
        return waiting(f"{target.name} ends", phase="ending")
    if old is not None:
        return _take(state, target, old)
    workload = state.workload(owner)
    if workload is None or workload.deleting or not workload.wanted:
        return settled(f"{target.name} has ended; {owner.words} wants no more pods")
    new = successor(look.memory, state, target)
    if new is None:
        return waiting(f"{target.name} has ended; {owner.words} has not made it again yet", phase="gone")
    if not new.is_ready:
        problem = problem_of(new, (), state.now)
        return waiting(f"{new.name} is not ready yet" + (f": {problem.evidence}" if problem else ""), phase="starting")
    return settled(f"{target.name} is restarted: {new.name} is ready", confirm=CONFIRM)


def _was_gone(state: RestartState, target: Target) -> Decision:
    """Somebody deleted it before: its workload must be whole again."""
    workload, ready = state.workload(target.owner), _ready(state, target.owner)
    wanted = workload.wanted if workload and not workload.deleting else 0
    if ready < wanted:
        return waiting(f"{target.name} was gone before, and {target.owner.words} has {ready} of {wanted} pods ready", phase="starting")
    return settled(f"{target.name} was gone before this task began, and {target.owner.words} has all its pods", confirm=CONFIRM)


def _take(state: RestartState, target: Target, old: Pod) -> Decision:
    """Delete it, unless fewer would then serve than the workload wants but for this one."""
    workload = state.workload(target.owner)
    wanted = workload.wanted if workload else 0
    others = sum(pod.is_ready for pod in state.of(target.owner) if pod.uid != old.uid)
    if old.is_ready and others < wanted - 1:
        return waiting(f"{target.name} is left until the others of {target.owner.words} are ready: {others} of {wanted - 1}", phase="held")
    return act(f"restart {target.name}", DeletePod(target.name, target.uid))


def effect(state: RestartState, step: DeletePod) -> RestartState:
    """The state once it has ended and its workload has made another."""
    old = state.by_uid(step.uid)
    if old is None:
        return state
    name = old.name if old.owner and old.owner.kind == "StatefulSet" else f"{old.name} {NEW}"
    new = Pod(name, f"{NEW} {old.uid}", max(state.now, old.created), "Pending", owner=old.owner, claims=old.claims, generated=old.generated)
    return replace(state, pods=(*(pod for pod in state.pods if pod.uid != old.uid), new))


def assume(look: RestartLook, item: str) -> RestartState:
    """What was made, or ends, has come up; what was not ready for others' sake is."""
    ready = (Condition("Ready", "True"),)
    target = next(one for one in targets(look.memory) if one.name == item)
    known = set(look.memory["known"])

    def risen(pod: Pod) -> Pod:
        mine = pod.owner == target.owner and pod.uid != target.uid
        return replace(pod, conditions=ready, phase="Running") if mine and (pod.uid not in known or not pod.is_ready) and pod.ends is None else pod

    state = look.state
    old = state.by_uid(target.uid)
    if old is not None and old.ends is not None:
        state = effect(state, DeletePod(item, target.uid))
    return replace(state, pods=tuple(risen(pod) for pod in state.pods))


def remember(look: RestartLook) -> Json:
    """When the task began by the API server's clock, which pods were there, and which of them are to go."""
    if look.memory:
        return look.memory
    pods = meant(look.spec, look.state)
    found = [Target(pod.name, pod.uid, pod.owner, pod.is_stateful) for pod in pods if pod.owner]
    for name in absent(look.spec, look.state.pods):
        owner = owner_of_gone(look.state, name)
        found += [Target(name, "", owner, owner.kind == "StatefulSet")] if owner else []
    chosen = {one.name: one.to_memory() for one in found}
    return {"began": int(look.state.now) - 1, "known": sorted(pod.uid for pod in look.state.pods), "targets": chosen}


def facts(look: RestartLook) -> dict[str, Json]:
    """Per pod: whether another stands for it, and how many of its workload are ready."""
    memory = look.memory or remember(look)
    found: dict[str, Json] = {}
    for target in targets(memory):
        new = successor(memory, look.state, target) if is_gone(look.state, target) else None
        found[target.name] = {"workload": target.owner.words, "restarted": new is not None, "ready": _ready(look.state, target.owner)}
    return found


def view(look: RestartLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    told = [_told(look, target, decisions[target.name]) for target in targets(look.memory)]
    return {
        "pods": told,
        "restarted": sum(one["verdict"] == "restarted" for one in told),
        "left": sum(one["verdict"] not in ("restarted", "was_gone") for one in told),
    }


def _told(look: RestartLook, target: Target, decision: Decision) -> Json:
    new: Optional[Pod] = successor(look.memory, look.state, target) if is_gone(look.state, target) else None
    return {
        "name": target.name,
        "new": new.name if new else None,
        "owner": {"kind": target.owner.kind, "name": target.owner.name},
        "stateful": target.stateful,
        "verdict": _verdict(look, target, decision),
        "reason": decision.reason,
        "waited": round(look.waited.get(target.name, 0.0), 1),
    }


def _verdict(look: RestartLook, target: Target, decision: Decision) -> str:
    if decision.kind == "settled":
        return "restarted" if target.uid else "was_gone"
    return "unfinished" if is_gone(look.state, target) or decision.phase in ("ending", "gone", "starting") else "untouched"


def out_of_sight(last: Json) -> Json:
    """The last view once no answer comes any more: what was on its way is unknown."""
    pods = [{**one, "verdict": "unknown"} if one["verdict"] == "unfinished" else one for one in last.get("pods", ())]
    return {**last, "pods": pods} if pods else last


def progress(look: RestartLook, decisions: Mapping[str, Decision]) -> str:
    """Such as "1 of 3 pods restarted, frontend-6d4cf-x2x4z is not ready yet"."""
    done = sum(one.kind == "settled" for one in decisions.values())
    now = next((one.reason for one in decisions.values() if not one.is_end), "")
    return f"{done} of {len(decisions)} pod{'' if len(decisions) == 1 else 's'} restarted" + (f", {now}" if now else "")


def _ready(state: RestartState, owner: Owner) -> int:
    return sum(pod.is_ready for pod in state.of(owner))
