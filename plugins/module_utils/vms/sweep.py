# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of the VM service's machines: told by tag, an orphan is one that the server does not know, and only such a one is ever terminated. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Optional, Union

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import (
    UNKNOWN,
    Decision,
    Json,
    Look,
    Step,
    Unknown,
    act,
    settled,
    stuck,
    waiting,
)
from ansible_collections.serverops.circleci.plugins.module_utils.vms.model import ENDING, GONE, Records, Vm, VmSpec, told_time

ITEM = "vms"
UNREAD = 300.0  # s for which records that cannot be read are waited for: a pod that starts anew, not a lack of rights
POLL = 5.0  # s between two looks at a machine that ends


@dataclass(frozen=True)
class VmState:
    """The machines, the server's records (None: nobody is asked), and the time of the reading."""

    vms: tuple[Vm, ...] = ()
    records: Union[Records, Unknown, None] = None
    why: str = ""
    now: float = 0.0


@dataclass(frozen=True)
class Terminate:
    """Terminate one machine."""

    vm: str
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "terminate", "id": ITEM, "vm": self.vm}


VmLook = Look[VmSpec, VmState]


# -- what a machine is ---------------------------------------------------------------------------------------


def age_of(vm: Vm, state: VmState) -> Optional[float]:
    """Seconds since it was started; None where the cloud does not say."""
    return state.now - vm.launched if vm.launched else None


def is_old(spec: VmSpec, state: VmState, vm: Vm) -> bool:
    """Whether the server should have recycled it."""
    age = age_of(vm, state)
    return vm.lives and age is not None and age > spec.max_age


def doubt(spec: VmSpec, state: VmState) -> str:
    """Why the server's records cannot be relied upon; empty where they can, or where nothing is there to be judged by them."""
    there = [vm for vm in state.vms if vm.state != GONE]
    if not isinstance(state.records, Records):
        return state.why or "nobody is asked"
    if not there or any(state.records.knows(vm) for vm in there):
        return ""  # one known machine proves that they are this installation's, and how they name machines
    if not state.records.vms:
        words = "the server's records hold no machine at all, as after a restore; set records_may_be_empty if no build runs on any"
        return "" if spec.records_may_be_empty else words
    if not state.records.names_machines():
        return "the server's records name no machine as the cloud does, so that it cannot be told which ones it knows"
    words = (
        "the server's records name machines, but none of those that are there, as where they are another installation's; see that they are read from the "
        "installation to which these machines belong, and set all_may_be_orphans if they are"
    )
    return "" if spec.all_may_be_orphans else words


def orphans_of(spec: VmSpec, state: VmState) -> list[Vm]:
    """Those that live and nobody will ever end: none while the records are in doubt."""
    found = _unheard_of(spec, state)
    return found if found and not doubt(spec, state) else []


def _unheard_of(spec: VmSpec, state: VmState) -> list[Vm]:
    """Those that would be orphans if the records were right."""
    return [vm for vm in state.vms if vm.lives and vm.id not in spec.keep and is_forgotten(spec, state, vm)]


def is_forgotten(spec: VmSpec, state: VmState, vm: Vm) -> bool:
    """Whether the server knows nothing of it. One that is young may not be written down yet; where the records are not read, nobody is forgotten."""
    age, records = age_of(vm, state), state.records
    if not isinstance(records, Records) or age is None:
        return False
    return age > spec.min_age and not records.knows(vm)


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(_look: VmLook) -> list[str]:
    """What is wrong with the options is found before; all else may be different at the next look."""
    return []


def decide(look: VmLook) -> dict[str, Decision]:
    """What is to be done now."""
    return {ITEM: _listed(look) if look.spec.orphans == "listed" else _swept(look)}


def _listed(look: VmLook) -> Decision:
    state = look.state
    if state.records is UNKNOWN or _unheard_of(look.spec, state):
        why = doubt(look.spec, state)
        return settled(f"{_count(look)}; which of them are orphans is not known: {why}" if why else _count(look))
    return settled(_count(look))


def _swept(look: VmLook) -> Decision:
    spec, state = look.spec, look.state
    if not isinstance(state.records, Records):
        words = f"what the server knows of its machines cannot be read: {state.why}"
        return stuck(f"{words}; that was so for {UNREAD:g} s") if _unread_for(look) >= UNREAD else waiting(words, unknown=True)
    unheard = _unheard_of(spec, state)
    why = doubt(spec, state) if unheard else ""
    if why:
        return stuck(f"which machines are orphans is not known, and none is terminated: {why}")
    if unheard:
        return act(f"the server does not know {_names(unheard)}", *(Terminate(vm.id) for vm in unheard))
    ending = [vm for vm in state.vms if vm.state == ENDING and is_forgotten(spec, state, vm)]
    if ending:
        return waiting(f"{_names(ending)} end{'s' if len(ending) == 1 else ''}", phase="ending", recheck=POLL)
    return settled(_count(look))


def _unread_for(look: VmLook) -> float:
    """Seconds for which the records could not be read, look by look."""
    since = look.memory.get("unread")
    return 0.0 if since is None or look.now is None else look.now - float(since)


def effect(state: VmState, step: Step) -> VmState:
    """The state after a step: the machine ends."""
    gone = step.vm if isinstance(step, Terminate) else ""
    return replace(state, vms=tuple(replace(vm, state=ENDING) if vm.id == gone else vm for vm in state.vms))


def assume(look: VmLook, _item: str) -> VmState:
    """What ends has ended."""
    return replace(look.state, vms=tuple(replace(vm, state=GONE) if vm.state == ENDING else vm for vm in look.state.vms))


# -- what is told ------------------------------------------------------------------------------------------------


def remember(look: VmLook) -> Json:
    """Which machines were seen to be orphans: when they are gone, that was this task. And since when the records cannot be read."""
    seen = set(look.memory.get("orphans", ())) | {vm.id for vm in orphans_of(look.spec, look.state)}
    unread = _since(look) if look.state.records is UNKNOWN else None
    return {**look.memory, "orphans": sorted(seen), "unread": unread}


def _since(look: VmLook) -> Optional[float]:
    since = look.memory.get("unread")
    return look.now if since is None else float(since)


def facts(look: VmLook) -> dict[str, Json]:
    """What is there, not judged by age, which changes by itself."""
    orphans = orphans_of(look.spec, look.state)
    return {ITEM: {vm.id: {"state": vm.state, "orphan": vm in orphans} for vm in look.state.vms if vm.state != GONE}}


def view(look: VmLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    spec, state = look.spec, look.state
    shown = [vm for vm in state.vms if vm.state != GONE]
    living = [vm for vm in shown if vm.lives]
    sure = not doubt(spec, state)
    orphans = [vm.id for vm in orphans_of(spec, state)]
    none = isinstance(state.records, Records) and not _unheard_of(spec, state)  # by no reading of the records is there one
    there = {vm.id for vm in living}
    return {
        "vms": [{**_vm_view(look, vm), **_told(state, vm, orphans if sure else None)} for vm in shown],
        "count": len(living),
        "count_by_type": {kind: sum(vm.type == kind for vm in living) for kind in sorted({vm.type for vm in living})},
        "old": [vm.id for vm in living if is_old(spec, state, vm)],
        "orphans": orphans if sure or none else None,
        "terminated": [one for one in look.memory.get("orphans", ()) if one not in there] if spec.orphans == "terminated" else [],
        "reason": decisions[ITEM].reason,
        "waited": look.waited.get(ITEM, 0.0),
    }


def _vm_view(look: VmLook, vm: Vm) -> Json:
    spec, state = look.spec, look.state
    age = age_of(vm, state)
    return {
        "id": vm.id,
        "type": vm.type or None,
        "state": vm.state,
        "image": vm.image or None,
        "private_ip_address": vm.address or None,
        "launched": told_time(vm.launched),
        "age": round(age) if age is not None else None,
        "old": is_old(spec, state, vm),
    }


def _told(state: VmState, vm: Vm, orphans: Optional[list[str]]) -> Json:
    """What the records say of it; nothing where they are in doubt, which is told as not known."""
    if orphans is None or not isinstance(state.records, Records):
        return {"known": None, "task": None, "orphan": None}
    return {"known": state.records.knows(vm), "task": state.records.has_task(vm), "orphan": vm.id in orphans}


def out_of_sight(view: Json) -> Json:
    """When no answer came any more."""
    return {**view, "orphans": None, "reason": "no answer comes any more; what became of the machines is not known"}


def progress(look: VmLook, decisions: Mapping[str, Decision]) -> str:
    """One short line."""
    return f"{sum(vm.lives for vm in look.state.vms)} machines: {decisions[ITEM].reason}"


def _count(look: VmLook) -> str:
    spec, state = look.spec, look.state
    living = [vm for vm in state.vms if vm.lives]
    old = [vm for vm in living if is_old(spec, state, vm)]
    orphans = orphans_of(spec, state)
    more = [f"{len(old)} older than {spec.max_age:g} s" if old else "", f"the server does not know {_names(orphans)}" if orphans else ""]
    return "; ".join([f"{len(living)} machine{'' if len(living) == 1 else 's'}", *filter(None, more)])


def _names(vms: list[Vm]) -> str:
    return ", ".join(vm.id for vm in vms)
