# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine of the VM service is, in two clouds; what the server's records say; and wishes that cannot be."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.vms.model import QUERY, Records, Vm, checked, records_from, vm_from_ec2, vm_from_gce

ONE = "i-0aaaaaaaaaaaaaaaa"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"vms": null, "tasks": null}', Records()),  # json_agg of no row is null
        ('{"vms": [{"id": 1}], "tasks": []}\n', Records(('{"id": 1}',), ())),
        ('{"vms": [{"id": 1}], "tasks": [', None),
        ('{"vms": []}', None),
        ('{"vms": {}, "tasks": []}', None),
        ("[]", None),
        ("", None),
        ("psql: error", None),
    ],
)
def test_records(text: str, wanted: Records | None) -> None:
    assert records_from(text) == wanted


@pytest.mark.parametrize(
    ("row", "knows"),
    [
        (f'{{"x": "{ONE}"}}', True),
        (f'{{"x": "aws:///eu-west-1a/{ONE}"}}', True),
        (f'{{"x": "{ONE}b"}}', False),
        (f'{{"x": "x-{ONE}"}}', False),
        ('{"x": "vm-1"}', False),
    ],
)
def test_a_name_counts_as_a_whole_word(row: str, knows: bool) -> None:
    assert Records((row,)).knows(Vm(ONE)) is knows
    assert Records((), (row,)).knows(Vm(ONE)) is knows


def test_google_knows_a_machine_by_name_or_number() -> None:
    vm = Vm("circleci-vm-1", ("4711",))
    assert Records(('{"x": "circleci-vm-1"}',)).knows(vm) and Records(('{"x": 4711}',)).knows(vm)
    assert not Records(('{"x": "circleci-vm-12", "y": 47110}',)).knows(vm)


def test_an_entry_of_ec2() -> None:
    body: dict[str, Any] = {"InstanceId": ONE, "State": {"Name": "running"}, "LaunchTime": datetime(2026, 1, 1, tzinfo=timezone.utc), "ImageId": "ami-1"}
    assert vm_from_ec2(body) == Vm(ONE, (), "", "running", 1767225600.0, "ami-1", "")
    assert vm_from_ec2({"InstanceId": ONE, "State": {"Name": "pending"}}).launched == 0.0


@pytest.mark.parametrize(
    ("status", "state"),
    [("RUNNING", "running"), ("STAGING", "pending"), ("STOPPING", "shutting-down"), ("TERMINATED", "stopped"), ("SOMETHING_NEW", "running")],
)
def test_an_entry_of_compute_engine(status: str, state: str) -> None:
    body = {"name": "vm-1", "id": "4711", "status": status, "creationTimestamp": "2026-01-01T00:00:00.000-08:00"}
    body |= {"machineType": "https://x/zones/z/machineTypes/n2-standard-8"}
    found = vm_from_gce({**body, "networkInterfaces": [{"networkIP": "10.0.0.7"}]})
    assert found == Vm("vm-1", ("4711",), "n2-standard-8", state, 1767254400.0, "", "10.0.0.7")
    assert vm_from_gce({"name": "vm-1", "creationTimestamp": "some day"}).launched == 0.0


AWS: dict[str, Any] = {"provider": "aws", "region": "eu-west-1"}
GCP: dict[str, Any] = {"provider": "gcp", "project": "p", "zone": "z", "tags": {"app": "circleci"}}
SWEEP: dict[str, Any] = {**AWS, "orphans": "terminated", "records": "3.x", "security_groups": ["sg-1"]}


@pytest.mark.parametrize(
    "params", [AWS, GCP, SWEEP, {**SWEEP, "records": "none", "records_command": ["x"]}, {**SWEEP, "security_groups": [], "tags": {"a": 1}}]
)
def test_wishes_that_can_be(params: dict[str, Any]) -> None:
    assert checked(params).provider == params["provider"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"provider": "aws"}, "provider is aws, so give region"),
        ({**GCP, "zone": None}, "so give zone"),
        ({**GCP, "tags": {}}, "so give tags; Google's machines carry no mark"),
        ({**GCP, "subnets": ["s"]}, "subnets and security_groups are of AWS"),
        ({**SWEEP, "security_groups": []}, "give security_groups, subnets or tags"),
        ({**SWEEP, "records": "none"}, "give records, or records_command"),
        ({**SWEEP, "security_groups": [], "tags": {"ManagedBy": "circleci-vm-service"}}, "give security_groups, subnets or tags"),
        ({**AWS, "tags": {"ManagedBy": "terraform"}}, "tags.ManagedBy is 'terraform', but machines of the VM service carry"),
        ({**AWS, "min_age": 0.0}, "min_age is 0.0"),
        ({**AWS, "max_age": -1.0}, "max_age is -1.0"),
    ],
)
def test_wishes_that_cannot(params: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        checked(params)


def test_who_is_asked() -> None:
    assert checked(AWS).command == ()
    assert checked({**AWS, "records": "2.x"}).command[:4] == ("docker", "exec", "-i", "postgres")
    in_pod = checked({**AWS, "records": "3.x", "namespace": "ci", "kubeconfig": "/k"}).command
    assert in_pod[:7] == ("kubectl", "--kubeconfig", "/k", "exec", "-n", "ci", "postgresql-0") and in_pod[-1] == QUERY
    elsewhere = checked({**AWS, "records": "3.x", "context": "site-b"}).command
    assert elsewhere[:4] == ("kubectl", "--context", "site-b", "exec")
    assert checked({**AWS, "records": "3.x", "records_command": ["psql", "x"]}).command == ("psql", "x")


def test_marks() -> None:
    assert checked({**AWS, "tags": {"site": 1}}).marks == {"ManagedBy": "circleci-vm-service", "site": "1"}
    assert checked({**AWS, "tags": {"ManagedBy": "circleci-vm-service"}}).marks == {"ManagedBy": "circleci-vm-service"}
    assert checked(GCP).marks == {"app": "circleci"}
    assert checked({**GCP, "tags": {"ManagedBy": "us"}}).marks == {"ManagedBy": "us"}, "Google's machines carry no mark of the VM service"
    assert json.loads(json.dumps(checked(AWS).marks)) == {"ManagedBy": "circleci-vm-service"}
