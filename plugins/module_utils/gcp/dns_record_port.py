# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to one zone of Cloud DNS."""

from __future__ import annotations

from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import doing
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.client import GcpClient
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.dns_model import DnsSpec, Zone, names_in_change, records_from_api, zone_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.dns_record import DnsState, SetRecord

DNS = "https://dns.googleapis.com"
# A change is with the name servers within a minute or two: an older one than these need not be looked at.
CHANGES = {"sortBy": "changeSequence", "sortOrder": "descending", "maxResults": "100"}


class DnsPort:
    """Some names in one zone."""

    def __init__(self, client: GcpClient, spec: DnsSpec) -> None:
        self._client, self._spec = client, spec
        self._zones = f"/dns/v1/projects/{quote(client.project, safe='')}/managedZones"

    def read(self, _confirming: frozenset[str]) -> DnsState:
        """The zones that fit, and in the one that does what is at the wanted names."""
        with doing(f"read zone {self._spec.zone.rstrip('.')}"):
            zones = self._fitting()
            if len(zones) != 1:
                return DnsState(zones)
            place = f"{self._zones}/{zones[0].name}"
            found = {name: tuple(map(records_from_api, self._client.entries(DNS, f"{place}/rrsets", "rrsets", name=name))) for name in self._spec.names}
            latest = self._client.read("GET", DNS, f"{place}/changes", query=CHANGES).get("changes") or ()
        return DnsState(zones, found, frozenset().union(*(names_in_change(one) for one in latest if one.get("status") != "done")))

    def _fitting(self) -> tuple[Zone, ...]:
        """Private zones answer to networks alone, so nobody outside would find the name there."""
        wanted = self._spec.zone
        if not wanted.endswith("."):
            one = self._client.find(DNS, f"{self._zones}/{wanted}")
            return (zone_from_api(one),) if one else ()
        found = [zone_from_api(one) for one in self._client.entries(DNS, self._zones, "managedZones", dnsName=wanted)]
        return tuple(zone for zone in found if zone.public and zone.dns_name == wanted)

    def apply(self, step: SetRecord) -> None:
        """One change, which Google makes as a whole or not at all; what is to go must be there as it was seen."""
        body = {"additions": [step.record.body()], "deletions": [one.body() for one in step.instead_of]}
        with doing(f"set {step.item}"):
            self._client.write("POST", DNS, f"{self._zones}/{step.zone}/changes", body)

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._client.clock.sleep(min(2.0, seconds))
