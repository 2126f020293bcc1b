# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role vm_service_gcp against the simulated Google and a 3.x installation's console: foreseen, made, quiet, and what its key may not do."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.purposes import purpose_of
from integration.playing import Played, play
from integration.sites import session_of, site_with

from lab.google.google import Google
from lab.kots.model import Item
from lab.site.site import Site

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  module_defaults:
    group/serverops.circleci.gcp: {endpoint_url: "{{ google }}", service_account_file: "{{ operator }}"}
    group/serverops.circleci.kubernetes: {host: "{{ cluster | default('') }}", api_key: "{{ token | default('') }}"}
  roles:
    - serverops.circleci.vm_service_gcp
  tasks:
    - ansible.builtin.debug:
        msg: "made {{ vm_service_gcp_result | to_json }}"
"""
EMAIL = "circleci-vm-service@lab-project.iam.gserviceaccount.com"
LEAST = purpose_of("vm_service_gcp", {}).permissions
# As the guide prints the titles; keys and groups are the lab's.
VM_ITEMS = (
    Item("lab_vm_project", "GCP project ID", group="vm_service"),
    Item("lab_vm_zone", "GCP Zone", group="vm_service"),
    Item("lab_vm_network", "GCP VPC Network", group="vm_service"),
    Item("lab_vm_subnet", "GCP VPC Subnet", default="auto", group="vm_service"),
    Item("lab_vm_json", "GCP Service Account JSON file", "file", group="vm_service"),
    Item("lab_vm_linux", "Number of Linux VMs to keep prescaled", default="0", group="vm_service"),
)


@pytest.fixture
def google() -> Iterator[Google]:
    with Google.start() as running:
        yield running


@pytest.fixture
def site() -> Iterator[Site]:
    with site_with(VM_ITEMS) as made:
        yield made


def go(google: Google, tmp_path: Path, *options: str, **variables: Any) -> Played:
    playbook, operator = tmp_path / "play.yml", tmp_path / "operator.json"
    playbook.write_text(PLAY)
    operator.write_text(google.contents)
    given = {"vm_service_gcp_project": "lab-project", "vm_service_gcp_credentials_file": str(tmp_path / "key")}
    return play(str(playbook), {**given, "google": google.url, "operator": str(operator), **variables}, tmp_path / "home", *options)


# What the guide's two roles, and one who took the key, could do.
DANGEROUS = [
    ("POST", f"/v1/projects/lab-project/serviceAccounts/{EMAIL}/keys"),
    ("POST", f"/v1/projects/lab-project/serviceAccounts/{EMAIL}:setIamPolicy"),
    ("POST", "/v1/projects/-/serviceAccounts/operator@lab-project.iam.gserviceaccount.com:generateAccessToken"),
    ("POST", "/v1/projects/lab-project/serviceAccounts"),
    ("POST", "/v1/projects/lab-project/roles"),
    ("PATCH", "/v1/projects/lab-project/roles/circleci_vm_service_machines"),
    ("POST", "/v3/projects/lab-project:setIamPolicy"),
    ("POST", "/storage/v1/b?project=lab-project"),
]


def test_made_once_with_the_least_rights(google: Google, tmp_path: Path) -> None:
    foreseen = go(google, tmp_path, "--check")
    assert foreseen.code == 0 and "changed=1" in foreseen.output, foreseen.output
    assert [google.ask(what) for what in ("accounts", "roles")] == [{}, {}] and not (tmp_path / "key").exists()
    for changed in (True, False):
        played = go(google, tmp_path, "-vvv", vm_service_gcp_client_cidrs=["10.0.0.0/16"])
        assert played.code == 0 and ("changed=0" not in played.output) is changed, played.output
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / "key").read_text())["private_key"].splitlines()[1] not in played.output
    [role] = google.ask("roles").values()
    assert role == sorted(LEAST) and "compute.instances.setServiceAccount" not in role and "compute.subnetworks.useExternalIp" in role
    bindings = [one["role"] for one in google.ask("policy", resource="projects/lab-project") if f"serviceAccount:{EMAIL}" in one["members"]]
    assert bindings == ["projects/lab-project/roles/circleci_vm_service_machines"]
    assert "tcp:2376" in played.output and "tcp:54782" not in played.output
    asked = session_of(tmp_path / "key")
    answers = {f"{method} {path}": asked.request(method, google.url + path, json={}).status_code for method, path in DANGEROUS}
    assert answers == dict.fromkeys(answers, 403)


def test_no_right_of_the_list_lets_it_become_somebody_else() -> None:
    assert len(LEAST) == len(set(LEAST)) and all(one.startswith("compute.") for one in LEAST)
    assert not [one for one in LEAST if one.split(".")[-1] in ("setIamPolicy", "setServiceAccount", "setCommonInstanceMetadata", "osAdminLogin", "osLogin")]


def test_workload_identity_needs_no_key(google: Google, tmp_path: Path) -> None:
    for changed in (True, False):
        played = go(google, tmp_path, vm_service_gcp_identity="workload_identity", vm_service_gcp_acts_as_itself=True, vm_service_gcp_external_ip=False)
        assert played.code == 0 and ("changed=0" not in played.output) is changed, played.output
    assert not (tmp_path / "key").exists() and "iam.gke.io/gcp-service-account" in played.output
    policy = str(google.ask("policy", resource=f"accounts/{EMAIL}"))
    [role] = [held for held in google.ask("roles").values() if "compute.instances.create" in held]
    assert "compute.instances.setServiceAccount" in role and "compute.subnetworks.useExternalIp" not in role
    assert "lab-project.svc.id.goog[circleci-server/vm-service]" in policy and "circleci_vm_service_itself" in policy


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"vm_service_gcp_credentials_file": ""}, "give vm_service_gcp_credentials_file"),
        ({"vm_service_gcp_settings": "kots"}, "give vm_service_gcp_zone and vm_service_gcp_network"),
        ({"vm_service_gcp_client_cidrs": ["0.0.0.0/0"]}, "opens SSH and Docker of every machine to the whole world"),
    ],
)
def test_what_does_not_go_together_is_told_first(google: Google, tmp_path: Path, given: dict[str, Any], words: str) -> None:
    played = go(google, tmp_path, **given)
    assert played.code != 0 and words in " ".join(played.output.split()), played.output
    assert google.ask("accounts") == {}


def test_settings_of_3x_are_found_by_title_deployed_and_quiet(google: Google, site: Site, tmp_path: Path) -> None:
    given = {"cluster": site.server.url, "token": site.token, "vm_service_gcp_settings": "kots", "vm_service_gcp_zone": "europe-west1-b"}
    given |= {"vm_service_gcp_network": "circleci", "vm_service_gcp_wanted": {"prescaled": {"linux": 1}}}
    foreseen = go(google, tmp_path, "--check", **given)
    assert foreseen.code == 0 and "changed=2" in foreseen.output, foreseen.output
    app = site.console.apps["circleci-server"]
    assert len(app.versions) == 1
    for changed in (True, False):
        played = go(google, tmp_path, "-vvv", **given)
        assert played.code == 0 and ("changed=0" not in played.output) is changed, played.output
    held, text = app.newest.values, (tmp_path / "key").read_text()
    assert len(app.versions) == 2 and app.current == app.newest.sequence
    plain = {"lab_vm_project": "lab-project", "lab_vm_zone": "europe-west1-b", "lab_vm_network": "circleci", "lab_vm_subnet": "", "lab_vm_linux": "1"}
    assert {name: held[name] for name in plain} == plain
    assert base64.b64decode(held["lab_vm_json"]).decode() == text
    assert json.loads(text)["private_key"].splitlines()[1] not in played.output and held["lab_vm_json"][200:400] not in played.output


def keys(google: Google, tmp_path: Path) -> set[str]:
    """Ids of the account's keys at Google."""
    path = f"/v1/projects/lab-project/serviceAccounts/{EMAIL}/keys?keyTypes=USER_MANAGED"
    return {one["name"].rpartition("/")[2] for one in session_of(tmp_path / "operator.json").get(google.url + path).json()["keys"]}


@pytest.mark.soak
def test_the_old_key_goes_when_the_server_runs_with_the_new_one(google: Google, site: Site, tmp_path: Path) -> None:
    given = {"cluster": site.server.url, "token": site.token, "vm_service_gcp_settings": "kots", "vm_service_gcp_zone": "europe-west1-b"}
    given |= {"vm_service_gcp_network": "circleci"}
    assert go(google, tmp_path, **given).code == 0
    old = keys(google, tmp_path)
    wanted = {"vm_service_gcp_key_made_after": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "vm_service_gcp_superseded_keys": "removed"}
    # The settings cannot be written: the installation has no such title.
    broken = {"vm_service_gcp_wanted": {"prescaled": {"windows": 1}}}
    for _turn in range(2):
        played = go(google, tmp_path, **given, **wanted, **broken)
        assert played.code != 0 and "no key with the title" in played.output, played.output
        assert old < keys(google, tmp_path), "the server has the old one still"
    foreseen = go(google, tmp_path, "--check", **given, **wanted)
    assert foreseen.code == 0 and "changed=2" in foreseen.output and old < keys(google, tmp_path), foreseen.output
    for changed in (True, False):
        played = go(google, tmp_path, **given, **wanted)
        assert played.code == 0 and ("changed=0" not in played.output) is changed, played.output
    [new] = keys(google, tmp_path)
    held = base64.b64decode(site.console.apps["circleci-server"].newest.values["lab_vm_json"]).decode()
    assert {new} != old and json.loads(held)["private_key_id"] == new
