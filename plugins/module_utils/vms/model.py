# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of the VM service in a cloud, and what the server itself knows of them, as values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import positive, spec_from_params

# On AWS the VM service tags what it starts: the guide of 3.x, chapter VM Service, conditions of the policy; of 2.x by enterprise-setup's policy.
MARK = {"aws": {"ManagedBy": "circleci-vm-service"}, "gcp": {}}
LIVING = ("pending", "running", "stopping", "stopped")
ENDING, GONE = "shutting-down", "terminated"
RECYCLED = 86400.0  # s; the server itself cycles its machines at least once a day (guides: A42, B26)
# Database vms with the tables vms.vms and vms.tasks: the vendor's page on operating 2.19, which empties them. Which columns they have is not told, so each row
# is taken as a whole. One object: whatever is cut short is no JSON.
QUERY = "select json_build_object('vms', (select json_agg(v) from vms.vms v), 'tasks', (select json_agg(t) from vms.tasks t))"
PSQL_OF_2 = ("docker", "exec", "-i", "postgres", "psql", "-U", "circle", "-d", "vms", "-At", "-c", QUERY)
IN_POD = 'PGPASSWORD="${POSTGRES_POSTGRES_PASSWORD:-$POSTGRES_PASSWORD}" exec psql -U postgres -d vms -At -c "$1"'
INSTANCE = re.compile(r"(?<![0-9A-Za-z-])i-[0-9a-f]{8,17}(?![0-9A-Za-z-])")  # how AWS calls a machine
WORD = r"(?<![0-9A-Za-z_-]){}(?![0-9A-Za-z_-])"
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class VmSpec:
    """Which machines are the installation's, how its records are read, and whether orphans are to go. Times in seconds."""

    provider: str
    region: str = ""
    project: str = ""
    zone: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    orphans: str = "listed"
    records: str = "none"
    records_command: tuple[str, ...] = ()
    namespace: str = "circleci-server"
    kubeconfig: str = ""
    context: str = ""
    max_age: float = RECYCLED
    min_age: float = 3600.0
    keep: tuple[str, ...] = ()
    records_may_be_empty: bool = False
    all_may_be_orphans: bool = False

    @property
    def marks(self) -> dict[str, str]:
        """The tags, or labels, that such a machine carries. The provider's mark is always among them: without it they are not the VM service's."""
        return {**self._more, **MARK[self.provider]}

    @property
    def is_named(self) -> bool:
        """Whether more than the provider's common mark tells this installation's machines from those of others."""
        return bool(self._more or self.subnets or self.security_groups)

    @property
    def _more(self) -> dict[str, str]:
        return {str(key): str(value) for key, value in self.tags.items() if str(key) not in MARK[self.provider]}

    @property
    def command(self) -> tuple[str, ...]:
        """The program that prints the server's records, as one JSON object; empty where none is to be asked."""
        if self.records_command:
            return self.records_command
        cluster = [part for name in ("kubeconfig", "context") if getattr(self, name) for part in (f"--{name}", getattr(self, name))]
        in_pod = ("kubectl", *cluster, "exec", "-n", self.namespace, "postgresql-0", "--", "sh", "-c", IN_POD, "sh", QUERY)
        return {"none": (), "2.x": PSQL_OF_2, "3.x": in_pod}[self.records]


@dataclass(frozen=True)
class Vm:
    """A machine. `names` are what it may be called by in the server's records."""

    id: str
    names: tuple[str, ...] = ()
    type: str = ""
    state: str = "running"
    launched: float = 0.0
    image: str = ""
    address: str = ""

    @property
    def lives(self) -> bool:
        return self.state in LIVING


@dataclass(frozen=True)
class Records:
    """What the server keeps of its machines, row by row as text: which ones it has, and which tasks."""

    vms: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()

    def knows(self, vm: Vm) -> bool:
        """Whether the machine stands anywhere in it."""
        return any(self._names(row, vm) for row in (*self.vms, *self.tasks))

    def has_task(self, vm: Vm) -> bool:
        """Whether a task names the machine, or shares an id with its row."""
        ids = {one.lower() for row in self.vms if self._names(row, vm) for one in UUID.findall(row)}
        return any(self._names(row, vm) or (ids and ids & {one.lower() for one in UUID.findall(row)}) for row in self.tasks)

    def names_machines(self) -> bool:
        """Whether it names any machine as AWS does, be it one that is gone or another installation's."""
        return any(INSTANCE.search(row) for row in self.vms)

    @staticmethod
    def _names(row: str, vm: Vm) -> bool:
        # Sites have ten thousands of rows, and few that hold the name at all.
        return any(name in row and re.search(WORD.format(re.escape(name)), row) for name in (vm.id, *vm.names) if name)


def checked(params: Mapping[str, Any]) -> VmSpec:
    """The spec from the module's parameters; raises BadInput."""
    spec = spec_from_params(VmSpec, params)
    positive(max_age=spec.max_age, min_age=spec.min_age)
    missing = {"aws": ("region",), "gcp": ("project", "zone", "tags")}[spec.provider]
    for name in missing:
        if not getattr(spec, name):
            why = "; Google's machines carry no mark that is the same everywhere" if name == "tags" else ""
            raise BadInput(f"provider is {spec.provider}, so give {name}{why}")
    for key, mark in MARK[spec.provider].items():
        if str(spec.tags.get(key, mark)) != mark:
            raise BadInput(f"tags.{key} is {spec.tags[key]!r}, but machines of the VM service carry {key}={mark}; leave it out, and give other tags")
    if spec.provider == "gcp" and (spec.subnets or spec.security_groups):
        raise BadInput("subnets and security_groups are of AWS; tell Google's machines by tags, which are their labels")
    if spec.orphans == "terminated" and not spec.is_named:
        raise BadInput(
            "orphans is terminated, but nothing tells the machines of this installation from those of another one in the same account: "
            "give security_groups, subnets or tags"
        )
    if spec.orphans == "terminated" and not spec.command:
        raise BadInput("orphans is terminated, but nobody is asked what the server knows; give records, or records_command")
    return spec


def records_from(text: str) -> Optional[Records]:
    """The records in what the program printed; None for what is none, such as an answer that was cut short."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict) or set(found) != {"vms", "tasks"}:
        return None
    if not all(rows is None or isinstance(rows, list) for rows in found.values()):
        return None
    return Records(**{name: tuple(json.dumps(row, sort_keys=True) for row in rows or ()) for name, rows in found.items()})


def vm_from_ec2(body: Mapping[str, Any]) -> Vm:
    """An entry of DescribeInstances."""
    launched = body.get("LaunchTime")
    return Vm(
        id=body["InstanceId"],
        type=body.get("InstanceType", ""),
        state=body["State"]["Name"],
        launched=launched.timestamp() if isinstance(launched, datetime) else 0.0,
        image=body.get("ImageId", ""),
        address=body.get("PrivateIpAddress") or "",
    )


STATES = {
    **dict.fromkeys(("PROVISIONING", "STAGING", "REPAIRING"), "pending"),
    **dict.fromkeys(("TERMINATED", "STOPPED", "SUSPENDED"), "stopped"),  # TERMINATED is Google's word for a machine that is off
    **dict.fromkeys(("STOPPING", "SUSPENDING", "DEPROVISIONING"), ENDING),  # on its way to be off, or to be deleted: which of them is seen when it is there
}


def vm_from_gce(body: Mapping[str, Any]) -> Vm:
    """An entry of Compute Engine's list of instances. What is deleted is in no list any more."""
    links = body.get("networkInterfaces") or [{}]
    return Vm(
        id=body["name"],
        names=(str(body.get("id", "")),),
        type=str(body.get("machineType", "")).rpartition("/")[2],
        state=STATES.get(str(body.get("status", "")), "running"),
        launched=_moment(str(body.get("creationTimestamp", ""))),
        image="",
        address=str(links[0].get("networkIP") or ""),
    )


def _moment(text: str) -> float:
    """Seconds since 1970; 0 for what is no time."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0


def told_time(moment: float) -> Optional[str]:
    """A time for results; None where it is not known."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
