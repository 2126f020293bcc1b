# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine images by a real Packer against the simulated Google: built once, private, swept up after whatever was killed, with the least rights that do.

Packer's builder knows Google by its own names alone, so it goes through a proxy that answers in their place.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.purposes import purpose_of
from integration.playing import ROOT, TARGETS, Played, play, play_target
from integration.test_images import NO_PACKER, kill_at

from lab.google.control import PROJECT
from lab.google.google import Google

CANARY = "canary/secret+4e1"
CLEAN = {"machines": [], "disks": []}
FILES = ROOT / "roles" / "vm_image" / "files"
pytestmark = pytest.mark.skipif(shutil.which("packer") is None, reason=NO_PACKER)


def may_only(google: Google, permissions: list[str]) -> str:
    """The operator's key, when that is all that the operator may."""
    google.ask("role", name="only_these", permissions=permissions)
    return str(google.ask("operator", roles=[f"projects/{PROJECT}/roles/only_these"])["contents"])


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    """With an image to start from, and somebody who may use ours."""
    with Google.start() as google:
        google.ask("image", name="ubuntu-1", project="ubuntu-os-cloud")
        google.ask("account", name="vm-service")
        google.ask("compute", seconds={"images": 1.0, "instances": 0.3, "disks": 0.2, "delete": 0.3, "labels": 0.1})
        for name, value in google.environment.items():
            monkeypatch.setenv(name, value)
        google.contents = may_only(google, purpose_of("vm_image_gcp", {"sharing": True, "removal": True}).permissions)
        yield google


def variables(google: Google, folder: Path, **more: Any) -> dict[str, Any]:
    script = folder / "setup.sh"
    script.write_text("echo set up\n")
    cloud = {"endpoint_url": google.url, "service_account_contents": google.contents}
    return {"target_cloud": cloud, "target_canary": CANARY, "target_script": str(script), "target_logs": str(folder / "logs"), **more}


def private(google: Google) -> str:
    return str(json.loads(google.contents)["private_key"]).splitlines()[1]


def hidden(google: Google, output: str, logs: Path) -> None:
    """Neither the password nor the key is anywhere that stays."""
    told = "\n".join(line for line in output.splitlines() if '"target_' not in line)
    assert CANARY not in told and private(google) not in told
    assert [path.name for path in logs.iterdir() if CANARY in path.read_text() or private(google) in path.read_text()] == []


@pytest.mark.soak
def test_target_with_the_least_rights(google: Google, tmp_path: Path) -> None:
    played = play_target("vm_image_google", variables(google, tmp_path), tmp_path, "-v")
    assert played.code == 0, played.output
    made = google.ask("made")
    assert {**made, "images": [state for state, _members in made["images"].values()]} == {"images": ["READY"], **CLEAN}
    hidden(google, played.output, tmp_path / "logs")
    refused = [one for one in google.ask("calls") if one["status"] == 403]
    assert {one["path"].rpartition("/")[2] for one in refused} <= {"serialPort"}, "which Packer asks for, and does without"


MOMENTS = ("Creating instance", "Running local shell script", "Deleting instance", "Creating image")
ONCE = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - serverops.circleci.vm_image:
        provider: gcp
        name: circleci-linux
        template: "{{ target_template }}"
        scripts: ["{{ target_script }}"]
        base_image: projects/ubuntu-os-cloud/global/images/ubuntu-1
        project: lab-project
        zone: europe-west1-b
        variables: {seconds: "{{ target_seconds | default('2') }}"}
        secret_variables: {password: "{{ target_canary }}"}
        digest_key: "{{ target_canary }}-key"
        log_directory: "{{ target_logs }}"
        cloud: "{{ target_cloud }}"
        wait: "{{ target_wait }}"
        wait_timeout: 300
"""


def once(google: Google, folder: Path, **more: Any) -> Played:
    """One run of the module, for tests that kill what it began."""
    playbook = folder / "once.yml"
    playbook.write_text(ONCE)
    template = str(TARGETS / "vm_image_google" / "files" / "lab.json")
    given = variables(google, folder)
    return play(str(playbook), {**given, "target_template": template, **more}, folder / "home")


@pytest.mark.parametrize("moment", [*(pytest.param(one, marks=pytest.mark.soak) for one in MOMENTS[:-1]), MOMENTS[-1]])
def test_f93_killed_in_mid_build_and_run_again(moment: str, google: Google, tmp_path: Path) -> None:
    """kill -9 of Packer with all its plugins as soon as its log tells the moment."""
    played = once(google, tmp_path, target_wait=False)
    assert played.code == 0, played.output
    kill_at(moment, tmp_path / "logs")
    left = [path.name for path in (tmp_path / "logs").iterdir() if CANARY in path.read_text()]
    played = once(google, tmp_path, target_wait=True)
    assert played.code == 0, played.output
    made = google.ask("made")
    assert {**made, "images": [state for state, _members in made["images"].values()]} == {"images": ["READY"], **CLEAN}
    assert left, "a killed build leaves the file with its variables"
    hidden(google, played.output, tmp_path / "logs")


@pytest.mark.soak
def test_a_build_that_fails_says_why_and_leaves_nothing(google: Google, tmp_path: Path) -> None:
    played = once(google, tmp_path, target_wait=True, target_seconds="x; exit 3")
    assert played.code != 0
    assert "Packer ended without the image circleci-linux-" in played.output
    assert google.ask("made") == {"images": {}, **CLEAN}


@pytest.mark.parametrize("template", ["linux-google.json", "linux-google.pkr.hcl"])
def test_packer_takes_the_template(template: str, tmp_path: Path) -> None:
    names = ("image_family", "image_digest", "image_run", "project", "base_project")
    given = {**dict.fromkeys(names, "x"), "image_name": "circleci-linux-1", "zone": "europe-west1-b", "base_image": "ubuntu-1", "disk_gb": "30"}
    for change, wanted in (({}, True), ({"zone": ""}, False)):
        file = tmp_path / "x.pkrvars.json"
        file.write_text(json.dumps({**given, "docker_version": "20.10.24", "compose_version": "2.17.2", **change}))
        argv = ["packer", "validate", f"-var-file={file}", str(FILES / template)]
        ran = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, "CHECKPOINT_DISABLE": "1"})
        assert (ran.returncode == 0) is wanted, ran.stdout


# -- the role and its playbook ---------------------------------------------------------------------------------------


def build(google: Google, folder: Path, *options: str, **more: Any) -> Played:
    given = variables(google, folder)
    template = {"vm_image_template": str(TARGETS / "vm_image_google" / "files" / "lab.json"), "vm_image_scripts": [given["target_script"]]}
    place = {"vm_image_provider": "gcp", "vm_image_project": PROJECT, "vm_image_zone": "europe-west1-b", "vm_image_cloud": given["target_cloud"]}
    wanted = {"vm_image_base_image": "projects/ubuntu-os-cloud/global/images/ubuntu-1", "vm_image_variables": {"seconds": "1"}}
    logs = {"vm_image_log_directory": given["target_logs"]}
    return play("serverops.circleci.build_vm_image", {**template, **place, **wanted, **logs, **more}, folder / "home", *options)


def test_the_role_checks_runs_and_is_quiet(google: Google, tmp_path: Path) -> None:
    foreseen = build(google, tmp_path, "--check")
    assert foreseen.code == 0 and google.ask("made") == {"images": {}, **CLEAN}, foreseen.output
    first = build(google, tmp_path)
    made = google.ask("made")
    [name] = made["images"]
    assert first.code == 0 and made == {"images": {name: ["READY", []]}, **CLEAN}, first.output
    assert f"{name} in global" in first.output and "the server was not switched over" in first.output
    again = build(google, tmp_path)
    assert again.code == 0 and "changed=0" in again.output and google.ask("made") == made, again.output
    journals = [path.read_text() for path in (tmp_path / "home" / "serverops-journal").glob("*.json")]
    assert private(google) not in "".join(journals) + first.output + again.output
    assert max((json.loads(one) for one in journals), key=lambda one: str(one["time"]))["result"]["regions"] == {"global": name}


@pytest.mark.soak
def test_a_place_that_is_missing_is_named(google: Google, tmp_path: Path) -> None:
    played = build(google, tmp_path, vm_image_zone="")
    assert played.code != 0 and "zone is " in played.output and google.ask("made") == {"images": {}, **CLEAN}
