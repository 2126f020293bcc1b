# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones and records as Google's Cloud DNS tells them, and what is wanted of them, as values."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+")
ZONE_ID = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
TYPES = ("A", "AAAA", "CNAME")
LONGEST_TTL = 2147483647


@dataclass(frozen=True)
class Zone:
    """A managed zone. `dns_name` ends with a dot."""

    name: str
    dns_name: str
    public: bool = True


@dataclass(frozen=True)
class RecordSet:
    """All records of one name and type, `target` in order; `raw` is what Google told, needed word for word to take it away."""

    name: str
    type: str
    ttl: int
    target: tuple[str, ...]
    routed: bool = False
    raw: tuple[str, ...] = ()

    @property
    def item(self) -> str:
        """As people name it."""
        return f"{self.name.rstrip('.')} {self.type}"

    def view(self) -> Json:
        return {"name": self.name.rstrip("."), "type": self.type, "ttl": self.ttl, "target": list(self.target)}

    def body(self) -> Json:
        """As Google takes it."""
        return {"name": self.name, "type": self.type, "ttl": self.ttl, "rrdatas": list(self.raw or self.target)}


@dataclass(frozen=True)
class DnsSpec:
    """What is wanted. `zone` is the name of a managed zone, or its DNS name, which ends with a dot then."""

    zone: str
    records: tuple[RecordSet, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(record.name for record in self.records))


def zone_from_api(body: Mapping[str, Any]) -> Zone:
    """From `managedZones`."""
    return Zone(body["name"], body["dnsName"], body.get("visibility", "public") == "public")


def records_from_api(body: Mapping[str, Any]) -> RecordSet:
    """From `rrsets`. One with a policy has no records of its own."""
    raw = tuple(body.get("rrdatas") or ())
    return RecordSet(body["name"], body["type"], int(body.get("ttl", 0)), _in_order(body["type"], raw), "routingPolicy" in body, raw)


def names_in_change(body: Mapping[str, Any]) -> frozenset[str]:
    """The names that an entry of `changes` is about."""
    return frozenset(one["name"] for part in ("additions", "deletions") for one in body.get(part) or ())


def dns_spec(params: Mapping[str, Any]) -> DnsSpec:
    """The wish; raises BadInput with the first option that cannot be."""
    zone = str(params["zone"]).lower()
    if "." in zone:
        zone = _name(zone, "zone")
    elif not ZONE_ID.fullmatch(zone):
        raise BadInput(f"zone is {zone!r}; give the name of a managed zone, or its DNS name such as example.com")
    records = tuple(_record(entry) for entry in params["records"])
    double = [one.item for place, one in enumerate(records) if one.item in [other.item for other in records[:place]]]
    if double or not records:
        raise BadInput(f"records names {double[0]} twice; give each name and type once, with all of its targets" if double else "records is empty; give one")
    both = {one.name for one in records if one.type == "CNAME"} & {one.name for one in records if one.type != "CNAME"}
    if both:
        raise BadInput(f"records has a CNAME of {sorted(both)[0].rstrip('.')} and another type; a CNAME stands alone, so give one of the two")
    return DnsSpec(zone, records)


def _record(entry: Mapping[str, Any]) -> RecordSet:
    name, kind, ttl = _name(entry["name"], "name"), entry["type"], entry["ttl"]
    if not 0 <= ttl <= LONGEST_TTL:
        raise BadInput(f"ttl of {name.rstrip('.')} is {ttl}; give seconds from 0 to {LONGEST_TTL}")
    target = _in_order(kind, [_target(kind, str(one)) for one in entry["target"]])
    if not target or (kind == "CNAME" and len(target) > 1):
        raise BadInput(f"target of {name.rstrip('.')} has {len(target)} entries; give {'one' if kind == 'CNAME' else 'at least one'}")
    return RecordSet(name, kind, ttl, target)


def _name(text: str, option: str) -> str:
    """In small letters, with its dot."""
    found = text.strip().lower().rstrip(".") + "."
    if not NAME.fullmatch(found) or len(found) > 254:
        raise BadInput(f"{option} is {text!r}, which is no DNS name; give one such as ci.example.com")
    return found


def _target(kind: str, text: str) -> str:
    if kind == "CNAME":
        return _name(text, "target")
    try:
        found = ipaddress.ip_address(text.strip())
    except ValueError:
        raise BadInput(f"target is {text!r}, which is no IP address; give one, or type CNAME") from None
    if (found.version == 4) != (kind == "A"):
        raise BadInput(f"target is {text}, which is an address of IPv{found.version}; give it with type {'A' if found.version == 4 else 'AAAA'}")
    return str(found)


def _in_order(kind: str, targets: Sequence[str]) -> tuple[str, ...]:
    """Each once, addresses as everybody writes them: the order means nothing."""
    return tuple(sorted({str(ipaddress.ip_address(one)) if kind in ("A", "AAAA") else one.lower() for one in targets}))
