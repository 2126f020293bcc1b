# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of the VM service against EC2 as moto has it, through ansible-playbook: one that the server has forgotten goes, no other."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from integration.playing import play_target
from integration.test_images import account

__all__ = ["account"]
CANARY = "canary/secret+7e2"
TAGS = [{"Key": "ManagedBy", "Value": "circleci-vm-service"}]


def machine(account: dict[str, Any], group: str, tags: list[dict[str, str]]) -> str:
    """A machine of moto's, of the default type of the guides."""
    given = {"ImageId": account["base"], "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1, "SecurityGroupIds": [group]}
    made = account["ec2"].run_instances(**given, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])
    return str(made["Instances"][0]["InstanceId"])


def test_target(account: dict[str, Any], tmp_path: Path) -> None:
    ec2 = account["ec2"]
    [ours, theirs] = [ec2.create_security_group(GroupName=name, Description="x")["GroupId"] for name in ("ours", "theirs")]
    known, orphan = machine(account, ours, TAGS), machine(account, ours, TAGS)
    others = [machine(account, theirs, TAGS), machine(account, ours, [{"Key": "ManagedBy", "Value": "somebody"}])]
    records = tmp_path / "records.json"
    records.write_text(json.dumps({"vms": [{"id": 1, "provider_id": known}], "tasks": None}))
    time.sleep(1.5)  # moto tells whole seconds
    given = {"target_endpoint": account["endpoint"], "target_canary": CANARY, "target_records": str(records)}
    played = play_target("vm_service", {**given, "target_group": ours, "target_orphan": orphan}, tmp_path, "-vvv")
    assert played.code == 0, played.output
    assert CANARY not in played.output.replace(f'"target_canary": "{CANARY}"', "")
    states = {one["InstanceId"]: one["State"]["Name"] for group in ec2.describe_instances()["Reservations"] for one in group["Instances"]}
    assert states == {orphan: "terminated", **dict.fromkeys([known, *others], "running")}
