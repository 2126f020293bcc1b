# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of Cloud DNS: what stands in their way, what replaces what, and whether Google's name servers have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.dns_model import TYPES, DnsSpec, RecordSet, Zone

PENDING = 2.0  # s until it is looked again whether the name servers have it


@dataclass(frozen=True)
class DnsState:
    """The zones that fit, all record sets at the wanted names, and the names in changes that the name servers do not have yet."""

    zones: tuple[Zone, ...] = ()
    found: Mapping[str, tuple[RecordSet, ...]] = field(default_factory=dict)
    pending: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SetRecord:
    """Put one record set in the place of others, all at once."""

    zone: str
    record: RecordSet
    instead_of: tuple[RecordSet, ...]

    @property
    def item(self) -> str:
        return self.record.item

    def describe(self) -> Json:
        return {"step": "set_record", "id": self.item, "ttl": self.record.ttl, "target": list(self.record.target)}


DnsLook = Look[DnsSpec, DnsState]


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(look: DnsLook) -> list[str]:
    """A zone that is not there, is not one, or has not these names; what must not be written over."""
    spec, zones = look.spec, look.state.zones
    if not zones:
        return [f"there is no public managed zone {spec.zone.rstrip('.')} in the project; make it, or give another zone or project"]
    if len(zones) > 1:
        names = ", ".join(zone.name for zone in zones)
        return [f"several public managed zones are called {spec.zone.rstrip('.')}: {names}; give the name of one of them as zone"]
    return [words for record in spec.records for words in [_hindered(look, record)] if words]


def _hindered(look: DnsLook, record: RecordSet) -> str:
    zone, beside = look.state.zones[0], look.state.found.get(record.name, ())
    name = record.name.rstrip(".")
    if record.name != zone.dns_name and not record.name.endswith("." + zone.dns_name):
        return f"{name} is not within zone {zone.name} ({zone.dns_name.rstrip('.')}); give the zone that it is in"
    routed = [one.type for one in beside if one.routed and one in _replaced(record, beside)]
    if routed:
        return f"{name} {routed[0]} has a routing policy, which this would take away; remove it, or change it by hand"
    others = sorted({one.type for one in beside} - set(TYPES)) if record.type == "CNAME" else []
    return f"{name} has {', '.join(others)} too, and a CNAME stands alone; give addresses (type A), or another name" if others else ""


def decide(look: DnsLook) -> dict[str, Decision]:
    """Each on its own; the first of a name takes away what cannot stand beside it."""
    if refusals(look):
        return {record.item: stuck(refusals(look)[0]) for record in look.spec.records}
    return {record.item: _decision(look, record) for record in look.spec.records}


def _decision(look: DnsLook, record: RecordSet) -> Decision:
    beside = look.state.found.get(record.name, ())
    replaced = _replaced(record, beside)
    if len(replaced) == 1 and _same(replaced[0], record):
        words = "Google's name servers do not have it yet"
        return waiting(words, recheck=PENDING) if record.name in look.state.pending else settled("as wanted")
    first = next(one for one in look.spec.records if one.name == record.name)
    gone = replaced if first is record else tuple(one for one in replaced if one.type == record.type)
    return act("it is not there" if not replaced else "it leads elsewhere", SetRecord(look.state.zones[0].name, record, gone))


def _replaced(record: RecordSet, beside: tuple[RecordSet, ...]) -> tuple[RecordSet, ...]:
    """What cannot stand beside it: its own type, and a CNAME or what a CNAME excludes."""
    return tuple(one for one in beside if one.type == record.type or (one.type in TYPES and "CNAME" in (one.type, record.type)))


def _same(one: RecordSet, other: RecordSet) -> bool:
    return (one.type, one.ttl, one.target) == (other.type, other.ttl, other.target)


def effect(state: DnsState, step: Any) -> DnsState:
    """The zone after a step; whether name servers have it is another matter."""
    record = step.record
    kept = tuple(one for one in state.found.get(record.name, ()) if one not in step.instead_of)
    return replace(state, found={**state.found, record.name: (*kept, record)}, pending=state.pending | {record.name})


def assume(look: DnsLook, item: str) -> DnsState:
    """The name servers get it in the end."""
    name = next(record.name for record in look.spec.records if record.item == item)
    return replace(look.state, pending=look.state.pending - {name})


def remember(look: DnsLook) -> Json:
    """Nothing."""
    return look.memory


def facts(look: DnsLook) -> dict[str, Json]:
    """What is there in the place of each."""
    found = look.state.found
    return {record.item: {"records": [one.view() for one in _replaced(record, found.get(record.name, ()))]} for record in look.spec.records}


def view(look: DnsLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    zone: Optional[Zone] = look.state.zones[0] if len(look.state.zones) == 1 else None
    rows = []
    for record in look.spec.records:
        there = [one for one in look.state.found.get(record.name, ()) if one.type == record.type]
        rows.append({**(there[0] if there else replace(record, ttl=0, target=())).view(), "reason": decisions[record.item].reason})
    return {"zone": {"name": zone.name, "dns_name": zone.dns_name} if zone else {}, "records": rows, "reason": _words(decisions)}


def _words(decisions: Mapping[str, Decision]) -> str:
    open_ones = [f"{item}: {decision.reason}" for item, decision in decisions.items() if decision.kind != "settled"]
    return "; ".join(open_ones) or "every name leads where it should"


def out_of_sight(last: Json) -> Json:
    """The last view."""
    return last


def progress(_look: DnsLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return _words(decisions)
