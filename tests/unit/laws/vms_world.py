# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines of the VM service in a small EC2, and the database of the server that started them, as a world for the laws."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, timedelta
from typing import Any
from unittest import mock

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.transport.commands import Ran
from ansible_collections.serverops.circleci.plugins.module_utils.vms import ec2_client, sweep_client
from unit.laws.killing import Tap

from lab.images.account import refusal
from lab.nomad.clock import VirtualClock

CANARY = "canary-secret-key-7d1"
GROUP, SUBNET = "sg-0a1", "subnet-0a1"
ENDS = 20.0  # s that a machine takes to end
OURS = {"ManagedBy": "circleci-vm-service"}


class VmWorld:
    """`records` is what the database holds; None: the program fails. `later` is called before each contact with EC2, to change the world."""

    def __init__(self) -> None:
        self.clock, self.tap = VirtualClock(), Tap()
        self.machines: dict[str, Json] = {}
        self.records: dict[str, list[Json]] | None = {"vms": [], "tasks": []}
        self.output: str | None = None
        self.ran: list[Sequence[str]] = []
        self.fails: dict[str, Callable[[], None]] = {}
        self.later: Callable[[], None] = lambda: None
        self._writes: list[Any] = []

    def machine(self, name: str, hours: float = 5.0, known: bool = False, **more: Any) -> str:
        """A machine that was started so long ago; a known one has a row in the database."""
        one = f"i-{int.from_bytes(name.encode(), 'big') % 16**17:017x}"
        launched = self.clock.wall().astimezone(UTC) - timedelta(hours=hours)
        body = {"InstanceId": one, "InstanceType": "m5.large", "State": {"Name": "running"}, "LaunchTime": launched, "group": GROUP, "subnet": SUBNET}
        self.machines[one] = {**body, "tags": dict(OURS), "name": name, **more}
        if known and self.records is not None:
            self.records["vms"].append({"id": f"{len(self.machines):08d}-0000-4000-8000-000000000000", "provider_id": one})
        return one

    def task(self, name: str) -> None:
        """A build runs on it."""
        [row] = [row for row in (self.records or {})["vms"] if row["provider_id"] == self.id_of(name)]
        (self.records or {})["tasks"].append({"id": "99999999-0000-4000-8000-000000000000", "vm": row["id"]})

    def id_of(self, name: str) -> str:
        return next(one for one, body in self.machines.items() if body["name"] == name)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Clients and programs made inside lead here."""
        with (
            mock.patch.object(ec2_client, "aws_client", lambda _service, _region, _cloud: Client(self)),
            mock.patch.object(sweep_client, "run", self._run),
        ):
            yield

    def writes(self) -> list[Any]:
        return self._writes

    def end(self) -> Json:
        """Who lives."""
        self.clock.sleep(60)
        self.pass_time()
        return {body["name"]: body["State"]["Name"] for body in self.machines.values()}

    def harm(self) -> list[str]:
        """A machine that the server knows, or that is not the installation's, was ended."""
        rows = json.dumps(self.records)
        ended = [body for body in self.machines.values() if body["State"]["Name"] not in ("running", "stopped", "pending")]
        return [body["name"] for body in ended if body["InstanceId"] in rows or body["tags"] != OURS or body["group"] != GROUP]

    def pass_time(self) -> None:
        for body in self.machines.values():
            if body["State"]["Name"] == "shutting-down" and self.clock.now() >= body["gone"]:
                body["State"] = {"Name": "terminated"}

    def ended(self, one: str) -> None:
        body = self.machines[one]
        if body["State"]["Name"] in ("running", "stopped", "pending"):
            body["State"], body["gone"] = {"Name": "shutting-down"}, self.clock.now() + ENDS
        self._writes.append(("terminate", body["name"]))

    def _run(self, argv: Sequence[str], _timeout: float = 0.0, **_more: Any) -> Ran:
        assert CANARY not in str(argv), "a secret is in the arguments"
        self.ran.append(argv)
        with self.tap.around("records"):
            if self.output is not None:
                return Ran(0, self.output)
            if self.records is None:
                return Ran(1, "", "psql: could not connect to server\n")
            return Ran(0, json.dumps({name: rows or None for name, rows in self.records.items()}) + "\n")


class Client:
    """boto3's client of EC2, as far as it is used."""

    def __init__(self, world: VmWorld) -> None:
        self._world = world

    def get_paginator(self, call: str) -> Client:
        assert call == "describe_instances"
        return self

    def paginate(self, Filters: list[Json]) -> list[Json]:
        with self._world.tap.around("describe_instances"):
            self._refuse("describe_instances")
            self._world.later()
            self._world.pass_time()
            found = [body for body in self._world.machines.values() if all(_meets(body, one) for one in Filters)]
        half = len(found) // 2
        return [{"Reservations": [{"Instances": [dict(one)]} for one in part]} for part in (found[:half], found[half:])]

    def terminate_instances(self, InstanceIds: list[str]) -> Json:
        with self._world.tap.around("terminate_instances"):
            self._refuse("terminate_instances")
            for one in InstanceIds:
                self._world.ended(one)
        return {}

    def _refuse(self, act: str) -> None:
        if act in self._world.fails:
            self._world.fails[act]()


def _meets(body: Json, one: Json) -> bool:
    name = one["Name"]
    seen = {"subnet-id": body["subnet"], "instance.group-id": body["group"]}.get(name, body["tags"].get(name.partition(":")[2]))
    return seen in one["Values"]


def refuses(act: str, code: str) -> Callable[[Any], None]:
    """A trouble: EC2 says no."""

    def trouble(world: Any) -> None:
        def fail() -> None:
            raise refusal(code, f"no {act}", act)

        world.fails[act] = fail

    return trouble
