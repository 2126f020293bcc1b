# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gcp_dns_record as a subject of the laws: a new name, one that leads elsewhere, a CNAME that becomes addresses, and name servers that are late."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.gcp_world import PROJECT, TOKEN, Fault, GoogleWorld
from unit.laws.subject import Subject

DOOR = import_module("ansible_collections.serverops.circleci.plugins.modules.gcp_dns_record").DOOR
ZONE, DOMAIN = "ci-zone", "example.com."
OTHER: list[Any] = ["other.example.com.", "A", 300, "203.0.113.9"]
WISH: Json = {
    "project": PROJECT,
    "access_token": TOKEN,
    "endpoint_url": "http://lab",
    "zone": "example.com",
    "records": [
        {"name": "ci.example.com", "type": "A", "target": ["198.51.100.5", "198.51.100.6"], "ttl": 60},
        {"name": "ci.example.com", "type": "AAAA", "target": ["2001:db8::5"], "ttl": 60},
        {"name": "nomad.ci.example.com", "type": "CNAME", "target": ["balancer.example.net"], "ttl": 60},
    ],
    "wait_timeout": 300.0,
}
ENDS: list[list[Any]] = [
    ["ci.example.com.", "A", 60, "198.51.100.5", "198.51.100.6"],
    ["ci.example.com.", "AAAA", 60, "2001:db8::5"],
    ["nomad.ci.example.com.", "CNAME", 60, "balancer.example.net."],
    OTHER,
]


class DnsWorld(GoogleWorld):
    """A project with a zone that has a record of somebody else's."""

    def __init__(self, records: list[list[Any]] | None = None, pending: float = 0.0) -> None:
        super().__init__()
        self.control.zone(ZONE, DOMAIN, [OTHER, *(records or [])], pending=pending)
        self.zone = self.api.dns.zones[PROJECT, ZONE]

    def end(self) -> Json:
        return {"records": sorted(self.control.records(ZONE))}

    def harm(self) -> list[str]:
        """A name that led somewhere and leads nowhere: each change took away no more than it gave."""
        bare = [one for one in self.zone.changes if {body["name"] for body in one["deletions"]} - {body["name"] for body in one["additions"]}]
        return [f"change {one['id']} took a name away" for one in bare]


def _fault(answer: str, match: str, times: int = 1000, done: bool = False) -> Callable[[GoogleWorld], None]:
    return lambda world: world.api.faults.append(Fault(answer, match, times, done))


TROUBLES = (_fault("denied", "POST"), _fault("reset", "POST", done=True), _fault("unavailable", ""), lambda world: world.world.tokens.clear())


def subjects() -> list[Subject]:
    """Each in a zone of its own."""
    old = [["ci.example.com.", "A", 300, "192.0.2.1"], ["nomad.ci.example.com.", "CNAME", 300, "old.example.net."]]
    crossed = [["ci.example.com.", "CNAME", 300, "old.example.net."], ["nomad.ci.example.com.", "A", 300, "192.0.2.1"]]

    def subject(name: str, make: Callable[[], GoogleWorld], short: float | None = None) -> Subject:
        return Subject(f"gcp_dns_record, {name}", DOOR, lambda: make().settle_in(), WISH, {"records": sorted(ENDS)}, TOKEN, short, troubles=TROUBLES)

    return [
        subject("new names", DnsWorld),
        subject("names that lead elsewhere", lambda: DnsWorld(old)),
        subject("other types", lambda: DnsWorld(crossed)),
        subject("late name servers", lambda: DnsWorld(old, 40.0), 5.0),
    ]
