# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine images by a real Packer against EC2 as moto has it: built once, private, swept up after whatever was killed."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.playing import TARGETS, Played, play, play_target
from moto.server import ThreadedMotoServer

CANARY = "canary/secret+4e1"
NO_PACKER = "no packer on PATH: install it by apt"
pytestmark = pytest.mark.skipif(shutil.which("packer") is None, reason=NO_PACKER)


@pytest.fixture
def account() -> Iterator[dict[str, Any]]:
    """An account's EC2 on a port of the loopback, and an image to start from."""
    import boto3

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")).close()  # moto's state is one for the process
    ec2 = boto3.client("ec2", endpoint_url=url, region_name="eu-west-1", aws_access_key_id="lab", aws_secret_access_key="lab")
    yield {"ec2": ec2, "endpoint": url, "base": ec2.describe_images()["Images"][0]["ImageId"]}
    server.stop()


def variables(account: dict[str, Any], folder: Path, **more: Any) -> dict[str, Any]:
    script = folder / "setup.sh"
    script.write_text("echo set up\n")
    given = {"target_endpoint": account["endpoint"], "target_base": account["base"], "target_canary": CANARY}
    return {**given, "target_script": str(script), "target_logs": str(folder / "logs"), **more}


def things(account: dict[str, Any]) -> dict[str, Any]:
    """What is left of building, and the images that were made."""
    ec2 = account["ec2"]
    machines = [one for group in ec2.describe_instances()["Reservations"] for one in group["Instances"]]
    return {
        "images": [one["State"] for one in ec2.describe_images(Filters=[{"Name": "name", "Values": ["circleci-*"]}])["Images"]],
        "machines": [one["InstanceId"] for one in machines if one["State"]["Name"] != "terminated"],
        "keys": [one["KeyName"] for one in ec2.describe_key_pairs()["KeyPairs"]],
        "groups": [one["GroupName"] for one in ec2.describe_security_groups()["SecurityGroups"] if "packer" in one["GroupName"]],
        "disks": [one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]],
    }


def test_target(account: dict[str, Any], tmp_path: Path) -> None:
    played = play_target("vm_image", variables(account, tmp_path), tmp_path, "-vvv")
    assert played.code == 0, played.output
    assert "[image] circleci-linux-" in played.output, "a person who waits is told what Packer does"
    told = played.output.replace(f'"target_canary": "{CANARY}"', "")
    assert CANARY not in told
    assert things(account) == {"images": ["available"], "machines": [], "keys": [], "groups": [], "disks": []}
    logs = tmp_path / "logs"
    assert [path.name for path in logs.iterdir() if CANARY in path.read_text()] == [], "no file that stays holds the secret"


def test_reading_target(account: dict[str, Any], tmp_path: Path) -> None:
    ec2 = account["ec2"]
    machine = ec2.run_instances(ImageId=account["base"], MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    image = ec2.create_image(InstanceId=machine, Name="circleci-linux-by-hand")["ImageId"]
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"Group": "all"}]})
    played = play_target("vm_image_info", variables(account, tmp_path), tmp_path)
    assert played.code == 0, played.output


MOMENTS = ("Creating temporary keypair", "Running local shell script", "Creating AMI")
ONCE = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - serverops.circleci.vm_image:
        name: circleci-linux
        template: "{{ target_template }}"
        scripts: ["{{ target_script }}"]
        base_image: "{{ target_base }}"
        region: eu-west-1
        variables: {endpoint: "{{ target_endpoint }}", seconds: "{{ target_seconds | default('2') }}"}
        secret_variables: {password: "{{ target_canary }}"}
        digest_key: "{{ target_canary }}-key"
        log_directory: "{{ target_logs }}"
        cloud: {endpoint_url: "{{ target_endpoint }}", access_key: lab, secret_key: "{{ target_canary }}"}
        wait: "{{ target_wait }}"
        wait_timeout: 300
"""


def once(account: dict[str, Any], folder: Path, **more: Any) -> Played:
    """One run of the module, for tests that kill what it began."""
    playbook = folder / "once.yml"
    playbook.write_text(ONCE)
    template = str(TARGETS / "vm_image" / "files" / "lab.json")
    return play(str(playbook), {**variables(account, folder), "target_template": template, **more}, folder / "home")


@pytest.mark.parametrize("moment", [*(pytest.param(one, marks=pytest.mark.soak) for one in MOMENTS[:-1]), MOMENTS[-1]])
def test_f93_killed_in_mid_build_and_run_again(moment: str, account: dict[str, Any], tmp_path: Path) -> None:
    """kill -9 of Packer with all its plugins as soon as its log tells the moment."""
    played = once(account, tmp_path, target_wait=False)
    assert played.code == 0, played.output
    kill_at(moment, tmp_path / "logs")
    left = [path.suffixes[-1] for path in (tmp_path / "logs").iterdir() if CANARY in path.read_text()]
    played = once(account, tmp_path, target_wait=True)
    assert played.code == 0, played.output
    assert things(account) == {"images": ["available"], "machines": [], "keys": [], "groups": [], "disks": []}
    assert ".json" in left, "a killed build leaves the file with its variables"
    assert [path.name for path in (tmp_path / "logs").glob("*.json")] == [], "which is gone when the image is there"


def kill_at(moment: str, logs: Path) -> None:
    """Wait until the build says that, and end its session; it may have ended by itself."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        found = list(logs.glob("*.log"))
        if found and moment in found[0].read_text():
            break
        time.sleep(0.005)
    [lock] = logs.glob("*.lock")
    os.killpg(int(lock.read_text()), signal.SIGKILL)


def test_a_build_that_fails_says_why_and_leaves_nothing(account: dict[str, Any], tmp_path: Path) -> None:
    played = once(account, tmp_path, target_wait=True, target_seconds="x; exit 3")
    assert played.code != 0
    assert "Packer ended without the image circleci-linux-" in played.output
    assert things(account) == {"images": [], "machines": [], "keys": [], "groups": [], "disks": []}
