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


def is_orphan(spec: VmSpec, state: VmState, vm: Vm) -> bool:
    """Whether it lives and nobody will ever end it."""
    return vm.lives and vm.id not in spec.keep and is_forgotten(spec, state, vm)


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
    if state.records is UNKNOWN:
        return settled(f"{_count(look)}; which of them are orphans is not known: {state.why}")
    return settled(_count(look))


def _swept(look: VmLook) -> Decision:
    spec, state = look.spec, look.state
    if not isinstance(state.records, Records):
        return waiting(f"what the server knows of its machines cannot be read: {state.why}", unknown=True)
    orphans = [vm for vm in state.vms if is_orphan(spec, state, vm)]
    doubt = _doubt(look, state.records) if orphans else ""
    if doubt:
        return stuck(f"nothing was terminated: {doubt}")
    if orphans:
        return act(f"the server does not know {_names(orphans)}", *(Terminate(vm.id) for vm in orphans))
    ending = [vm for vm in state.vms if vm.state == ENDING and is_forgotten(spec, state, vm)]
    if ending:
        return waiting(f"{_names(ending)} end{'s' if len(ending) == 1 else ''}", phase="ending", recheck=POLL)
    return settled(_count(look))


def _doubt(look: VmLook, records: Records) -> str:
    """Why the records cannot be relied upon; empty where they can."""
    if not records.vms:
        words = "the server's records hold no machine at all, as after a restore; set records_may_be_empty if no build runs on any"
        return "" if look.spec.records_may_be_empty else words
    if not records.are_understood(vm for vm in look.state.vms if vm.lives):
        return "the server's records name no machine as the cloud does, so that it cannot be told which ones it knows"
    return ""


def effect(state: VmState, step: Step) -> VmState:
    """The state after a step: the machine ends."""
    gone = step.vm if isinstance(step, Terminate) else ""
    return replace(state, vms=tuple(replace(vm, state=ENDING) if vm.id == gone else vm for vm in state.vms))


def assume(look: VmLook, _item: str) -> VmState:
    """What ends has ended."""
    return replace(look.state, vms=tuple(replace(vm, state=GONE) if vm.state == ENDING else vm for vm in look.state.vms))


# -- what is told ------------------------------------------------------------------------------------------------


def remember(look: VmLook) -> Json:
    """Which machines were seen to be orphans: when they are gone, that was this task."""
    seen = set(look.memory.get("orphans", ())) | {vm.id for vm in look.state.vms if is_orphan(look.spec, look.state, vm)}
    return {**look.memory, "orphans": sorted(seen)}


def facts(look: VmLook) -> dict[str, Json]:
    """What is there, not judged by age, which changes by itself."""
    spec, state = look.spec, look.state
    return {ITEM: {vm.id: {"state": vm.state, "orphan": is_orphan(spec, state, vm)} for vm in state.vms if vm.state != GONE}}


def view(look: VmLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    spec, state = look.spec, look.state
    shown = [vm for vm in state.vms if vm.state != GONE]
    living = [vm for vm in shown if vm.lives]
    known = state.records if isinstance(state.records, Records) else None
    there = {vm.id for vm in living}
    return {
        "vms": [_vm_view(look, vm, known) for vm in shown],
        "count": len(living),
        "count_by_type": {kind: sum(vm.type == kind for vm in living) for kind in sorted({vm.type for vm in living})},
        "old": [vm.id for vm in living if is_old(spec, state, vm)],
        "orphans": [vm.id for vm in living if is_orphan(spec, state, vm)] if known else None,
        "terminated": [one for one in look.memory.get("orphans", ()) if one not in there] if spec.orphans == "terminated" else [],
        "reason": decisions[ITEM].reason,
        "waited": look.waited.get(ITEM, 0.0),
    }


def _vm_view(look: VmLook, vm: Vm, records: Optional[Records]) -> Json:
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
        "known": records.knows(vm) if records else None,
        "task": records.has_task(vm) if records else None,
        "orphan": is_orphan(spec, state, vm) if records else None,
    }


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
    orphans = [vm for vm in living if is_orphan(spec, state, vm)]
    more = [f"{len(old)} older than {spec.max_age:g} s" if old else "", f"the server does not know {_names(orphans)}" if orphans else ""]
    return "; ".join([f"{len(living)} machine{'' if len(living) == 1 else 's'}", *filter(None, more)])


def _names(vms: list[Vm]) -> str:
    return ", ".join(vm.id for vm in vms)
