"""Cloud DNS by its API v1: managed zones, record sets in pages, and changes that are made as a whole or not at all."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.google.answers import Answer, Asked, Json, Said, ok
from lab.google.model import World

PAGE = 100
BOTH = "A DNS name may have either one CNAME record or resource records of other types, but not both."


@dataclass
class Zone:
    """A managed zone. A change is with the name servers `pending` seconds after it was made."""

    name: str
    dns_name: str
    id: str
    visibility: str = "public"
    pending: float = 0.0
    sets: dict[tuple[str, str], Json] = field(default_factory=dict)
    changes: list[Json] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)

    def put(self, name: str, kind: str, ttl: int, target: list[str], **more: Any) -> None:
        """A record set, past the API."""
        self.sets[name, kind] = {**_set(name, kind, ttl, target), **more}

    def shown(self) -> Json:
        return {"kind": "dns#managedZone", "name": self.name, "dnsName": self.dns_name, "id": self.id, "visibility": self.visibility, "description": ""}


class Dns:
    """dns.googleapis.com."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.zones: dict[tuple[str, str], Zone] = {}
        every = r"/dns/v1/projects/([^/]+)/managedZones"
        one = every + r"/([^/]+)"
        self.routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("GET", every, self.list),
            ("GET", one, self.zone),
            ("GET", one + r"/rrsets", self.rrsets),
            ("POST", one + r"/changes", self.change),
            ("GET", one + r"/changes", self.changes),
            ("GET", one + r"/changes/([^/]+)", self.one_change),
        ]

    def make(self, project: str, name: str, dns_name: str, visibility: str = "public", pending: float = 0.0) -> Zone:
        """A zone with the two records that each has, past the API."""
        made = Zone(name, dns_name, str(7000000000000000000 + self._world.next()), visibility, pending)
        for kind, ttl, data in (("NS", 21600, "ns-cloud-a1.googledomains.com."), ("SOA", 21600, "ns-cloud-a1.googledomains.com. x. 1 21600 3600 259200 300")):
            made.put(dns_name, kind, ttl, [data])
        self.zones[project, name] = made
        return made

    def list(self, asked: Asked, project: str) -> Answer:
        self._must(asked, project, "managedZones.list")
        wanted = asked.query.get("dnsName", "")
        found = [zone for (owner, _name), zone in self.zones.items() if owner == project and wanted in ("", zone.dns_name)]
        return self._page(asked, "managedZones", [zone.shown() for zone in found])

    def zone(self, asked: Asked, project: str, name: str) -> Answer:
        self._must(asked, project, "managedZones.get")
        return ok(self._zone(project, name).shown())

    def rrsets(self, asked: Asked, project: str, name: str) -> Answer:
        self._must(asked, project, "resourceRecordSets.list")
        zone, wanted, kind = self._zone(project, name), asked.query.get("name", ""), asked.query.get("type", "")
        if kind and not wanted:
            raise Said(400, "Invalid value for 'parameters.type': The 'name' parameter must be specified along with the 'type' parameter.")
        found = [body for (owner, type_), body in sorted(zone.sets.items()) if wanted in ("", owner) and kind in ("", type_)]
        return self._page(asked, "rrsets", found)

    def changes(self, asked: Asked, project: str, name: str) -> Answer:
        self._must(asked, project, "changes.list")
        zone = self._zone(project, name)
        found = [self._told(zone, place) for place in range(len(zone.changes))]
        return self._page(asked, "changes", found[::-1] if asked.query.get("sortOrder") == "descending" else found)

    def one_change(self, asked: Asked, project: str, name: str, number: str) -> Answer:
        self._must(asked, project, "changes.get")
        zone = self._zone(project, name)
        if not number.isdigit() or int(number) >= len(zone.changes):
            raise Said(404, f"The 'parameters.changeId' resource named '{number}' does not exist.")
        return ok(self._told(zone, int(number)))

    def change(self, asked: Asked, project: str, name: str) -> Answer:
        """All of it or nothing."""
        for what in ("changes.create", "resourceRecordSets.create", "resourceRecordSets.delete"):
            self._must(asked, project, what)
        zone, after = self._zone(project, name), {}
        after.update(zone.sets)
        additions, deletions = asked.json.get("additions", []), asked.json.get("deletions", [])
        if not additions and not deletions:
            raise Said(400, "The 'entity.change' parameter is required but was missing.")
        for place, body in enumerate(deletions):
            held = after.pop((body.get("name", ""), body.get("type", "")), None)
            if held is None:
                raise Said(404, f"The 'entity.change.deletions[{place}]' resource named '{body.get('name')} ({body.get('type')})' does not exist.")
            if held["ttl"] != body.get("ttl") or sorted(held.get("rrdatas", [])) != sorted(body.get("rrdatas", [])):
                raise Said(412, f"Precondition not met for 'entity.change.deletions[{place}]'")
        for place, body in enumerate(additions):
            made = _checked(zone, body, f"entity.change.additions[{place}]")
            if (made["name"], made["type"]) in after:
                raise Said(409, f"The resource 'entity.change.additions[{place}]' named '{made['name']} ({made['type']})' already exists")
            kinds = {kind for owner, kind in after if owner == made["name"]} | {made["type"]}
            if "CNAME" in kinds and len(kinds) > 1:
                raise Said(400, f"The resource record set 'entity.change.additions[{place}]' is invalid because of the DNS name '{made['name']}'. {BOTH}")
            after[made["name"], made["type"]] = made
        zone.sets = after
        zone.changes.append(
            {"kind": "dns#change", "id": str(len(zone.changes)), "startTime": self._world.stamp(), "additions": additions, "deletions": deletions}
        )
        zone.begun.append(self._world.now())
        return ok(self._told(zone, len(zone.changes) - 1))

    def _told(self, zone: Zone, place: int) -> Json:
        done = self._world.now() >= zone.begun[place] + zone.pending
        return {**zone.changes[place], "status": "done" if done else "pending"}

    def _zone(self, project: str, name: str) -> Zone:
        found = self.zones.get((project, name)) or next((one for (owner, _name), one in self.zones.items() if (owner, one.id) == (project, name)), None)
        if found is None:
            raise Said(404, f"The 'parameters.managedZone' resource named '{name}' does not exist.")
        return found

    def _must(self, asked: Asked, project: str, what: str) -> None:
        if project not in self._world.projects:
            raise Said(403, f"Permission denied on resource project {project}.")
        if not self._world.may(asked.member or "", f"dns.{what}", f"projects/{project}"):
            raise Said(403, f"Required '{f'dns.{what}'}' permission for 'projects/{project}'")

    def _page(self, asked: Asked, what: str, found: "list[Json]") -> Answer:
        begin, size = int(asked.query.get("pageToken") or 0), min(PAGE, int(asked.query.get("maxResults") or PAGE))
        more = {"nextPageToken": str(begin + size)} if begin + size < len(found) else {}
        return ok({"kind": f"dns#{what}ListResponse", what: found[begin : begin + size], **more})


def _set(name: str, kind: str, ttl: int, data: list[str]) -> Json:
    return {"kind": "dns#resourceRecordSet", "name": name, "type": kind, "ttl": ttl, "rrdatas": data, "signatureRrdatas": []}


def _checked(zone: Zone, body: Json, where: str) -> Json:
    name, kind, data = str(body.get("name", "")), str(body.get("type", "")), body.get("rrdatas", [])
    if not re.fullmatch(r"(\*\.)?([a-zA-Z0-9_-]{1,63}\.)+", name) or not (name == zone.dns_name or name.endswith("." + zone.dns_name)):
        raise Said(400, f"Invalid value for '{where}.name': '{name}'")
    for place, one in enumerate(data):
        if not _is_data(kind, one):
            raise Said(400, f"Invalid value for '{where}.rrdata[{place}]': '{one}'")
    if not data or (kind == "CNAME" and len(data) != 1):
        raise Said(400, f"Invalid value for '{where}.rrdata'")
    return _set(name, kind, int(body.get("ttl", 0)), list(data))


def _is_data(kind: str, text: str) -> bool:
    if kind not in ("A", "AAAA"):
        return kind != "CNAME" or text.endswith(".")
    try:
        return ipaddress.ip_address(text).version == (4 if kind == "A" else 6)
    except ValueError:
        return False
