# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the VM service by the words of the guides: which keys they are, and what is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.vms.settings import settings_of

Item = dict[str, Any]


def item(name: str, title: str, group: str, **more: Any) -> Item:
    return {"name": name, "title": title, "group": group, "group_title": group.replace("_", " ").capitalize(), "type": "text", "secret": False, **more}


OLD = [
    item("aws_region", "AWS Region", "storage"),
    item("a1", "AWS Region", "vm_provider"),
    item("a2", "EC2 Subnet ID", "vm_provider"),
    item("a3", "EC2 Security Group ID (Required)", "vm_provider"),
    item("a4", "", "vm_provider", group_title="VM Provider", type="select_one"),
    item("a5", "AWS Authentication", "vm_provider"),
    item("a6", "Secret", "vm_provider", secret=True),
    item("a7", "Remote Docker", "vm_preallocation"),
    item("a8", "Machine Executor", "vm_preallocation"),
]
NEW = [
    item("s3_region", "AWS Region", "object_storage"),
    item("as_region", "AWS Region", "nomad_autoscaler"),
    item("b1", "AWS Region *", "vm_service"),
    item("b2", "Subnets", "vm_service"),
    item("b3", "Security Group ID", "vm_service"),
    item("b4", "AWS IAM Secret Key", "vm_service", type="password", secret=True),
    item("b5", "GCP Service Account JSON file", "vm_service", type="file", secret=True),
    item("b6", "Number of Linux VMs to keep prescaled", "vm_service"),
    item("b7", "VM Service Custom Configuration", "vm_service", type="textarea"),
]


@pytest.mark.parametrize(
    ("line", "items", "wanted", "names", "plain", "secret"),
    [
        ("2.x", OLD, {"region": "eu-west-1", "subnet": ["subnet-1"]}, {}, {"a1": "eu-west-1", "a2": "subnet-1"}, {}),
        ("2.x", OLD, {"provider": "aws", "security_group": "sg-1"}, {}, {"a4": "AWS EC2", "a3": "sg-1"}, {}),
        ("2.x", OLD, {"provider": "on_host", "authentication": "user"}, {}, {"a4": "On-Host", "a5": "IAM User (Key+Secret)"}, {}),
        ("2.x", OLD, {"prescaled": {"remote_docker": 7, "machine": "0"}}, {}, {"a7": 7, "a8": 0}, {}),
        ("2.x", OLD, {"secret_key": "x"}, {"secret_key": "a6"}, {}, {"a6": "x"}),
        ("3.x", NEW, {"region": "eu-west-1", "subnet": "subnet-1", "security_group": ""}, {}, {"b1": "eu-west-1", "b2": "subnet-1"}, {}),
        ("3.x", NEW, {"secret_key": "x"}, {}, {}, {"b4": "x"}),
        ("3.x", NEW, {"service_account_json": "{}"}, {}, {}, {"b5": base64.b64encode(b"{}").decode()}),
        ("3.x", NEW, {"service_account_json": {"type": "x"}}, {}, {}, {"b5": base64.b64encode(b'{"type": "x"}').decode()}),
        ("3.x", NEW, {"custom_configuration": {"a": True}}, {}, {"b7": '{"a": true}'}, {}),
        ("3.x", NEW, {"prescaled": {"linux": 5}}, {}, {"b6": 5}, {}),
        ("3.x", NEW, {"custom_configuration": "a: 1\n", "more": {"b3": ""}}, {}, {"b7": "a: 1\n", "b3": ""}, {}),
        ("3.x", NEW, {"region": None, "prescaled": {}, "more": {}}, {}, {}, {}),
    ],
)
def test_found_by_title(line: str, items: list[Item], wanted: Item, names: dict[str, str], plain: Item, secret: Item) -> None:
    assert settings_of(items, line, wanted, names) == {"plain": plain, "secret": secret}


@pytest.mark.parametrize(
    ("line", "items", "wanted", "names", "words"),
    [
        ("1.x", OLD, {}, {}, "line is '1.x'"),
        ("2.x", OLD, {"zone": "z"}, {}, "wanted has zone, which is no field of the VM service on 2.x"),
        ("2.x", OLD, {"secret_key": "x"}, {}, "the title of secret_key is not published"),
        ("2.x", OLD, {"image": "ami-1"}, {}, r"no key with the title 'Custom VM AMI' for image; in groups of the VM service there are a1 \(AWS Region\)"),
        ("2.x", OLD, {"prescaled": {"linux": 1}}, {}, "prescaled has linux; on 2.x there are remote_docker and machine"),
        ("3.x", NEW, {"prescaled": {"Linux": 6}}, {}, "prescaled.Linux is 6; the server takes at most 5"),
        ("3.x", NEW, {"prescaled": {"Linux": "many"}}, {}, "prescaled.Linux is 'many'"),
        ("3.x", NEW, {"prescaled": {"Linux": True}}, {}, "prescaled.Linux is True"),
        ("3.x", NEW, {"prescaled": {"Windows": 1}}, {}, "no key with the title 'Number of Windows VMs to keep prescaled'"),
        ("3.x", NEW, {"subnet": ["a", "b"]}, {}, "subnet has 2 entries"),
        ("3.x", NEW, {"region": "x"}, {"region": "b99"}, "no key 'b99', which is named for region"),
        ("3.x", NEW, {"more": {"b99": 1}}, {}, "no key 'b99'"),
        ("3.x", NEW, {"region": "x", "more": {"b1": "y"}}, {}, "two wishes are for b1"),
        ("3.x", NEW[:2], {"region": "x"}, {}, r"'AWS Region' is the title of s3_region \(AWS Region\), as_region"),
        ("3.x", NEW[:1], {"region": "x"}, {}, r"'AWS Region' is the title of s3_region \(AWS Region\), not of one key in a group of the VM service"),
        ("3.x", [NEW[2], {**NEW[2], "name": "b0"}], {"region": "x"}, {}, "is the title of b1"),
        ("3.x", [], {"region": "x"}, {}, "no group of the VM service is seen"),
    ],
)
def test_refused(line: str, items: list[Item], wanted: Item, names: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        settings_of(items, line, wanted, names)


def test_a_refusal_shows_no_secret() -> None:
    with pytest.raises(BadInput) as said:
        settings_of([], "3.x", {"secret_key": "canary-5f1"}, {})
    assert "canary" not in str(said.value)
