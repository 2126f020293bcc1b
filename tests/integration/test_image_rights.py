# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy for building images against what a real Packer asks of EC2 with the template of the role: none of its calls is missing in the policy."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.image_calls import dangers, needed
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.image_policy import image_wish
from integration.playing import ROOT
from integration.test_images import NO_PACKER, account
from moto.moto_api import recorder as moto_recorder

__all__ = ["account"]
TEMPLATE = ROOT / "roles" / "vm_image" / "files" / "linux.json"
pytestmark = pytest.mark.skipif(shutil.which("packer") is None, reason=NO_PACKER)


def recorded(account: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch, **values: str) -> list[dict[str, str]]:
    """What Packer asked, request by request, while it built."""
    monkeypatch.setattr(moto_recorder, "_location", str(folder / "asked"))
    template = json.loads(TEMPLATE.read_text())
    [builder] = template["builders"]
    builder.update(custom_endpoint_ec2=account["endpoint"], skip_region_validation=True, skip_metadata_api_check=True, communicator="none")
    (folder / "t.json").write_text(json.dumps({**template, "provisioners": []}))
    names = {"image_name": "circleci-linux-1", "image_family": "circleci-linux", "image_digest": "1", "image_run": "lab", "region": "eu-west-1"}
    (folder / "v.json").write_text(json.dumps({**names, "base_image": account["base"], **values}))
    recorder(account, "start-recording")
    keys = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab", "CHECKPOINT_DISABLE": "1"}
    argv = ["packer", "build", f"-var-file={folder / 'v.json'}", str(folder / "t.json")]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, **keys})
    recorder(account, "stop-recording")
    assert ran.returncode == 0, ran.stdout
    entries = [json.loads(line) for line in (folder / "asked").read_text().splitlines()]
    bodies = [base64.b64decode(one["body"]).decode() if one["body_encoded"] else one["body"] for one in entries]
    return [{name: values[0] for name, values in parse_qs(body).items()} for body in bodies]


def recorder(account: dict[str, Any], act: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{account['endpoint']}/moto-api/recorder/{act}", method="POST")).close()


def test_every_call_of_packer_is_in_the_policy(account: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subnet = account["ec2"].describe_subnets()["Subnets"][0]["SubnetId"]
    group = account["ec2"].describe_security_groups()["SecurityGroups"][0]["GroupId"]
    asked = recorded(account, tmp_path, monkeypatch, subnet_id=subnet, security_group_id=group)
    actions = {f"ec2:{one['Action']}" for one in asked}
    assert {"ec2:RunInstances", "ec2:CreateImage", "ec2:TerminateInstances", "ec2:CreateKeyPair"} <= actions, "a recording that is empty proves nothing"
    given = {"region": "eu-west-1", "account": "111111111111", "name": "circleci-linux", "subnets": subnet, "security_groups": group}
    wish = image_wish({**given, "base_images": account["base"]})
    assert actions <= {right.call.action for right in needed(wish)}
    assert next(one for one in asked if one["Action"] == "CreateKeyPair")["KeyName"].startswith("packer_"), "the only key pairs that it may make"


def test_a_group_of_packer_s_own_and_a_copy_that_encrypts_are_not(account: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither carries a tag by which the one that is Packer's could be told from all others; the guide says what to do instead."""
    asked = recorded(account, tmp_path, monkeypatch, encrypted="true")
    actions = {f"ec2:{one['Action']}" for one in asked}
    given = {"region": "eu-west-1", "account": "111111111111", "name": "circleci-linux", "subnets": "subnet-1", "security_groups": "sg-1"}
    wish = image_wish({**given, "base_images": account["base"]})
    more = actions - {right.call.action for right in needed(wish)}
    assert more >= {"ec2:CreateSecurityGroup", "ec2:AuthorizeSecurityGroupIngress", "ec2:DeleteSecurityGroup", "ec2:CopyImage", "ec2:DeregisterImage"}
    assert more - {"ec2:CopyImage"} <= {right.call.action for right in dangers(wish)}
