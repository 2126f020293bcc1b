"""A zone of the site's simulated Route 53, and a resolver that looks there."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

import boto3

from lab.google.google import Google
from lab.names.resolver import Resolver


class Zone(dict[str, list[str] | str]):
    """Its records, as they are at the moment somebody asks."""

    def __init__(self, domain: str, store: str) -> None:
        super().__init__()
        self._aws = {"endpoint_url": store, "region_name": "us-east-1", "aws_access_key_id": "lab", "aws_secret_access_key": "lab"}
        self.id = str(self._client().create_hosted_zone(Name=domain, CallerReference="lab")["HostedZone"]["Id"])

    def get(self, name: str, default: Any = None) -> Any:
        sets = self._client().list_resource_record_sets(HostedZoneId=self.id)["ResourceRecordSets"]
        mine = [one for one in sets if one["Name"].rstrip(".") == name.rstrip(".").lower() and one["Type"] in ("A", "CNAME")]
        values = [value["Value"].rstrip(".") for one in mine for value in one["ResourceRecords"]]
        return default if not mine else values[0] if mine[0]["Type"] == "CNAME" else values

    def change(self, name: str, kind: str, *values: str) -> None:
        """Set a record, as a person does it in Amazon's console."""
        record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": one} for one in values]}
        batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
        self._client().change_resource_record_sets(HostedZoneId=self.id, ChangeBatch=batch)

    def _client(self) -> Any:
        return boto3.client("route53", **self._aws)


class GoogleZone(dict[str, list[str] | str]):
    """The records of a zone of the simulated Cloud DNS, as they are at the moment somebody asks."""

    def __init__(self, google: Google, zone: str) -> None:
        super().__init__()
        self._google, self._zone = google, zone

    def get(self, name: str, default: Any = None) -> Any:
        sets = [one for one in self._google.ask("records", zone=self._zone) if one[0].rstrip(".") == name.rstrip(".").lower() and one[1] in ("A", "CNAME")]
        return default if not sets else sets[0][3].rstrip(".") if sets[0][1] == "CNAME" else sets[0][3:]


class Names:
    """`address` is the resolver's."""

    def __init__(self, domain: str, store: str) -> None:
        self.zone = Zone(domain, store)
        self.resolver = Resolver()
        self.resolver.names = self.zone
        self.address = self.resolver.address

    def stop(self) -> None:
        self.resolver.stop()

    def change(self, name: str, kind: str, *values: str) -> None:
        self.zone.change(name, kind, *values)

    def resolve(self, name: str) -> list[str]:
        """The addresses of a name; [] where there is none."""
        found = self.zone.get(name, [])
        return self.resolve(found) if isinstance(found, str) else list(found)
