"""Names and where they lead: a zone of the site's simulated Route 53, and a resolver that looks there, over UDP."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import socket
import socketserver
import struct
import threading
from typing import Any

import boto3

A, IN, NO_SUCH_NAME = 1, 1, 3


class Names:
    """`address` is the resolver's. It knows the zone alone; what is an alias there is followed to its addresses."""

    def __init__(self, domain: str, store: str) -> None:
        self.domain, self._aws = domain, {"endpoint_url": store, "region_name": "us-east-1", "aws_access_key_id": "lab", "aws_secret_access_key": "lab"}
        self.zone = str(self._client().create_hosted_zone(Name=domain, CallerReference="lab")["HostedZone"]["Id"])
        self.wire = socketserver.ThreadingUDPServer(("127.0.0.1", 0), self._handler())
        self.wire.daemon_threads = True
        self.address = f"127.0.0.1:{self.wire.server_address[1]}"
        threading.Thread(target=self.wire.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self.wire.shutdown()
        self.wire.server_close()

    def resolve(self, name: str) -> list[str]:
        """The addresses of a name; [] where there is none."""
        found = self.records().get(name.rstrip(".").lower(), [])
        return [address for one in found for address in (self.resolve(one) if one.rstrip(".").endswith(self.domain) else [one])]

    def change(self, name: str, kind: str, *values: str) -> None:
        """Set a record, as a person does it in Amazon's console."""
        record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": one} for one in values]}
        batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
        self._client().change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch=batch)

    def records(self) -> dict[str, list[str]]:
        """Values of addresses and aliases by name."""
        sets = self._client().list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        return {one["Name"].rstrip(".").lower(): [value["Value"] for value in one["ResourceRecords"]] for one in sets if one["Type"] in ("A", "CNAME")}

    def answer(self, query: bytes) -> bytes:
        """A datagram's answer, with the question as it came."""
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind = struct.unpack_from("!H", query, at + 1)[0]
        addresses = self.resolve(".".join(labels))
        told = addresses if kind == A else []
        head = query[:2] + struct.pack("!HHHHH", 0x8180 | (0 if addresses else NO_SUCH_NAME), 1, len(told), 0, 0)
        return head + query[12 : at + 5] + b"".join(struct.pack("!HHHIH", 0xC00C, A, IN, 60, 4) + socket.inet_aton(one) for one in told)

    def _client(self) -> Any:
        return boto3.client("route53", **self._aws)

    def _handler(self) -> type[socketserver.BaseRequestHandler]:
        names = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                query, wire = self.request
                wire.sendto(names.answer(query), self.client_address)

        return Handler
