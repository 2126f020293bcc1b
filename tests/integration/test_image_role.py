# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role vm_image and its playbook: templates that Packer takes, a script that refuses what it cannot do, a setting that is switched over and back."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.playing import ROOT, TARGETS, Played, play
from integration.test_images import NO_PACKER, account

from lab.site.site import Site

__all__ = ["account"]
FILES = ROOT / "roles" / "vm_image" / "files"
PLAYBOOK = "serverops.circleci.build_vm_image"
SETTING = "domain"  # a text of the lab's configuration; the vendor publishes no name for the image's key
needs_packer = pytest.mark.skipif(shutil.which("packer") is None, reason=NO_PACKER)
GIVEN = {
    **{name: "x" for name in ("image_family", "image_digest", "image_run")},
    **{"image_name": "circleci-linux-1", "region": "eu-west-1", "base_image": "ami-1", "encrypted": "true", "disk_gb": "30"},
    **{"docker_version": "20.10.24", "compose_version": "2.17.2"},
}


# -- templates ---------------------------------------------------------------------------------------------------


@needs_packer
@pytest.mark.parametrize("template", ["linux.json", "linux.pkr.hcl"])
def test_packer_takes_the_template(template: str, tmp_path: Path) -> None:
    variables = tmp_path / "x.pkrvars.json"
    variables.write_text(json.dumps(GIVEN))
    assert validated(FILES / template, variables) == 0
    variables.write_text(json.dumps({**GIVEN, "region": "", "image_name": "x"}))
    assert validated(FILES / template, variables) != 0, "a check that cannot fail is none"


def validated(template: Path, variables: Path) -> int:
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1"}
    return subprocess.run(["packer", "validate", f"-var-file={variables}", str(template)], capture_output=True, check=False, env=environment).returncode


@pytest.mark.parametrize("template", ["linux.json", "linux.pkr.hcl"])
def test_the_template_publishes_nothing_and_tags_all_that_it_makes(template: str) -> None:
    text = (FILES / template).read_text()
    assert "ami_groups" not in text and "snapshot_groups" not in text
    for word in ("run_tags", "run_volume_tags", "snapshot_tags", "image_run", "serverops_owner"):
        assert word in text


# -- the script --------------------------------------------------------------------------------------------------

FINGERPRINT = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
FAKES = {
    "apt-cache": 'printf "%s | 5:20.10.24~3-0~ubuntu-focal | x\\n%s | 5:20.10.2~3-0~ubuntu-focal | x\\n%s | 2.17.2-1~ubuntu.20.04~focal | x\\n" "$2" "$2" "$2"',
    "gpg": f'echo "fpr:::::::::${{FAKE_PRINT:-{FINGERPRINT}}}:"',
    "getent": "exit 2",
    **{name: "" for name in ("apt-get", "apt-mark", "curl", "useradd", "usermod", "systemctl")},
}


def set_up(folder: Path, **environment: str) -> tuple[int, str, str]:
    """The script below a folder that stands for /, with programs that write down how they were called."""
    root, programs = folder / "root", folder / "bin"
    for name in ("etc/sudoers.d", "etc/apt/sources.list.d", "usr/share/keyrings", "usr/local/bin", "var/lib/dbus"):
        (root / name).mkdir(parents=True)
    (root / "etc" / "os-release").write_text("ID=ubuntu\nVERSION_CODENAME=focal\n")
    programs.mkdir()
    for name, body in FAKES.items():
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{folder}/calls"\n{body}\n')
        (programs / name).chmod(0o755)
    given = {"PATH": f"{programs}:{os.environ['PATH']}", "SETUP_ROOT": str(root), **environment}
    ran = subprocess.run(["bash", str(FILES / "setup.sh")], capture_output=True, text=True, check=False, env=given)
    calls = folder / "calls"
    return ran.returncode, ran.stderr, calls.read_text() if calls.exists() else ""


VERSIONS = {"DOCKER_VERSION": "20.10.24", "COMPOSE_VERSION": "2.17.2"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"DOCKER_VERSION": ""}, "DOCKER_VERSION is empty"),
        ({"COMPOSE_VERSION": ""}, "COMPOSE_VERSION is empty"),
        ({"DOCKER_VERSION": "latest; reboot"}, "DOCKER_VERSION is latest; reboot; give digits and dots"),
    ],
)
def test_a_version_that_is_none_is_refused_before_anything_is_done(change: dict[str, str], words: str, tmp_path: Path) -> None:
    code, said, calls = set_up(tmp_path, **{**VERSIONS, **change})
    assert code == 1 and words in said and calls == ""


def test_user_docker_and_compose_at_the_versions_given(tmp_path: Path) -> None:
    code, said, calls = set_up(tmp_path, **VERSIONS)
    assert code == 0, said
    [installed] = [line for line in calls.splitlines() if "docker-ce=" in line]
    assert "docker-ce=5:20.10.24~3-0~ubuntu-focal docker-ce-cli=5:20.10.24~3-0~ubuntu-focal docker-compose-plugin=2.17.2-1~ubuntu.20.04~focal" in installed
    assert "useradd --create-home --shell /bin/bash circleci" in calls and "usermod --append --groups docker circleci" in calls
    assert "systemctl enable docker" in calls
    assert (tmp_path / "root/etc/sudoers.d/circleci").read_text() == "circleci ALL=(ALL) NOPASSWD:ALL\n"
    assert "signed-by=" in (tmp_path / "root/etc/apt/sources.list.d/docker.list").read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [({"DOCKER_VERSION": "20.10.99"}, "no docker-ce 20.10.99 for ubuntu focal"), ({"FAKE_PRINT": "0" * 40}, "is not the one that Docker tells of")],
)
def test_what_the_repository_does_not_have_or_who_it_is_not(change: dict[str, str], words: str, tmp_path: Path) -> None:
    code, said, calls = set_up(tmp_path, **{**VERSIONS, **change})
    assert code == 1 and words in said and "docker-ce=" not in calls


# -- how long ----------------------------------------------------------------------------------------------------


def test_a_dead_build_elsewhere_does_not_use_up_all_of_the_time() -> None:
    role = ROOT / "roles" / "vm_image"
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    assert defaults["vm_image_wait_timeout"] >= defaults["vm_image_max_build_time"] + 3600
    [task] = yaml.safe_load((role / "tasks" / "build.yml").read_text())
    assert task["serverops.circleci.vm_image"]["max_build_time"] == "{{ vm_image_max_build_time }}"


# -- the playbook ------------------------------------------------------------------------------------------------


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(velero="1.6.3", speed=4.0)
    try:
        yield made.settle()
    finally:
        made.stop()


def build(account: dict[str, Any], folder: Path, *options: str, **more: Any) -> Played:
    cloud = {"endpoint_url": account["endpoint"], "access_key": "lab", "secret_key": "a-key-of-nobody"}
    template = {"vm_image_template": str(TARGETS / "vm_image" / "files" / "lab.json"), "vm_image_scripts": [], "vm_image_encrypted": False}
    given = {"vm_image_cloud": cloud, "vm_image_region": "eu-west-1", "vm_image_base_image": account["base"], **template}
    inner = {"vm_image_variables": {"endpoint": account["endpoint"], "seconds": "0"}, "vm_image_log_directory": str(folder / "logs")}
    return play(PLAYBOOK, {**given, **inner, **more}, folder / "home", *options)


def journal(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(max((folder / "home" / "serverops-journal").glob("*.json")).read_text())
    return found


@needs_packer
def test_built_switched_over_and_the_way_back_is_told(account: dict[str, Any], site: Site, tmp_path: Path) -> None:
    cluster = {"kubernetes_host": site.server.url, "kubernetes_api_key": site.token}
    switch = {"vm_image_switch": "kots", "vm_image_setting": SETTING, "vm_image_keep": 1, **cluster}
    first = build(account, tmp_path, **cluster)
    assert first.code == 0 and "the server was not switched over" in first.output, first.output
    book = journal(tmp_path)
    assert (book["phase"], book["undo"], book["result"]["previous"]) == ("ended", "", None)
    image = book["result"]["image"]
    second = build(account, tmp_path, **switch)
    assert second.code == 0, second.output
    book = journal(tmp_path)
    assert book["result"]["image"] == image and book["result"]["switched"] and book["result"]["previous"] not in (None, "", image)
    assert book["result"]["previous"] in book["undo"] and "kots_config" in book["undo"] and f"and names {image} now" in second.output
    assert f'"host": "{site.server.url}"' in book["undo"] and f'"kubernetes_host": "{site.server.url}"' in book["go_on"], "of this cluster"
    assert site.token not in second.output + json.dumps(book)
    again = build(account, tmp_path, **switch)
    assert again.code == 0 and "changed=0" in again.output, again.output
    assert journal(tmp_path)["result"]["previous"] == book["result"]["previous"], "the image tells it"
    other = {**switch, "vm_image_variables": {"endpoint": account["endpoint"], "seconds": "1"}}
    for _turn in range(2):
        later = build(account, tmp_path, **other)
        assert later.code == 0, later.output
        book = journal(tmp_path)
        assert book["result"]["previous"] == image and image in book["undo"] and book["result"]["image"] != image
        assert [one["ImageId"] for one in account["ec2"].describe_images(ImageIds=[image])["Images"]] == [image], "it is kept beside the one of keep"
    assert "changed=0" in later.output, later.output


def test_versions_that_are_missing_are_refused_first(tmp_path: Path) -> None:
    given = {"vm_image_region": "eu-west-1", "vm_image_base_image": "ami-1", "vm_image_docker_version": "20.10.24"}
    played = play(PLAYBOOK, given, tmp_path / "home")
    assert played.code != 0 and 'vm_image_compose_version ""; give versions of digits and dots' in played.output.replace('\\"', '"'), played.output
    assert journal(tmp_path)["phase"] == "failed"


BACK = """\
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: serverops.circleci.journal
      vars:
        journal_phase: begun
        journal_name: vm_image
        journal_template: "{{ template }}"
"""


def test_both_commands_of_the_journal_go_to_the_cluster_that_was_given(tmp_path: Path) -> None:
    """A journal as the playbook writes it at its end, without a build."""
    where = {"kubernetes_kubeconfig": "/etc/circleci/kubeconfig", "kubernetes_context": "production"}
    switch = {"vm_image_switch": "kots", "vm_image_setting": SETTING, "vm_image_namespace": "ci", "vm_image_hosts": "localhost"}
    ended = {"vm_image_phase": "ended", "vm_image_built": {}, "vm_image_result": {"switched": True, "previous": "ami-before"}}
    secret = {"vm_image_cloud": {"secret_key": "canary-cloud-77aa"}, "kubernetes_api_key": "canary-cluster-08fe"}
    inventory, playbook = tmp_path / "hosts.json", tmp_path / "back.yml"
    inventory.write_text(json.dumps({"all": {"hosts": {"c1": {}}}}))
    playbook.write_text(BACK)
    template = {"template": str(ROOT / "playbooks" / "templates" / "vm_image.json.j2")}
    played = play(str(playbook), {**where, **switch, **ended, **secret, **template}, tmp_path / "home", "-i", str(inventory))
    assert played.code == 0, played.output
    book = journal(tmp_path)
    undo, go_on = shlex.split(book["undo"]), shlex.split(book["go_on"])
    assert undo[:6] == ["ansible", "localhost", "-i", str(inventory), "-m", "serverops.circleci.kots_config"] and go_on[2:4] == ["-i", str(inventory)]
    assert json.loads(undo[7]) == {"kubeconfig": "/etc/circleci/kubeconfig", "context": "production", "namespace": "ci", "values": {SETTING: "ami-before"}}
    assert json.loads(go_on[5]) == {**where, **switch} and set(book["besides"]) == set(secret)
    assert "canary-c" not in json.dumps(book)
