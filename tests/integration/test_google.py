# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made on Google Cloud, through ansible-playbook against the simulated one: the targets of the modules, and the role that Velero needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.client import store_of
from integration.playing import Played, play, play_target
from integration.sites import session_of

from lab.google.google import Google

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  module_defaults:
    group/serverops.circleci.gcp: {endpoint_url: "{{ google }}", service_account_file: "{{ operator }}"}
  roles:
    - serverops.circleci.velero_gcp
  tasks:
    - ansible.builtin.debug:
        msg: "made {{ velero_gcp_result | to_json }}"
"""
EMAIL = "velero@lab-project.iam.gserviceaccount.com"
POD = "serviceAccount:lab-project.svc.id.goog[velero/velero]"
TARGETS = ("gcp_bucket", "gcp_dns_record", "gcp_service_account", "gcp_service_account_key")


@pytest.fixture(scope="module")
def running() -> Iterator[Google]:
    with Google.start() as google:
        yield google


@pytest.fixture
def google() -> Iterator[Google]:
    with Google.start() as google:
        yield google


def operator(google: Google, tmp_path: Path) -> str:
    file = tmp_path / "operator.json"
    file.write_text(google.contents)
    return str(file)


@pytest.mark.parametrize("target", TARGETS)
def test_target(target: str, running: Google, tmp_path: Path) -> None:
    running.ask("zone", name="target-zone", dns_name="example.com.")
    given = {"target_google": running.url, "target_operator": operator(running, tmp_path), "target_folder": str(tmp_path)}
    played = play_target(target, given, tmp_path, "-vvv")
    assert played.code == 0, played.output
    for file in (tmp_path / "operator.json", tmp_path / "credentials"):
        if file.exists():
            assert json.loads(file.read_text())["private_key"].splitlines()[1] not in played.output


# -- the role --------------------------------------------------------------------------------------------------


def go(google: Google, tmp_path: Path, *options: str, **variables: Any) -> Played:
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAY)
    given = {"velero_gcp_project": "lab-project", "velero_gcp_bucket": "ci-backups", "velero_gcp_location": "europe-west1"}
    more = {"velero_gcp_credentials_file": str(tmp_path / "key"), "google": google.url, "operator": operator(google, tmp_path)}
    return play(str(playbook), {**given, **more, **variables}, tmp_path / "home", *options)


# What Velero, restic and Kopia call, and whether it works.
NEEDED = [
    ("POST", "/upload/storage/v1/b/ci-backups/o?uploadType=media&name=backups/one/velero-backup.json", 200),
    ("POST", "/upload/storage/v1/b/ci-backups/o?uploadType=media&name=backups/one/velero-backup.json", 200),  # written over
    ("GET", "/storage/v1/b/ci-backups/o?prefix=backups/&delimiter=/", 200),
    ("GET", "/storage/v1/b/ci-backups/o/backups%2Fone%2Fvelero-backup.json", 200),
    ("GET", "/storage/v1/b/ci-backups/o/backups%2Fone%2Fvelero-backup.json?alt=media", 200),
    ("DELETE", "/storage/v1/b/ci-backups/o/backups%2Fone%2Fvelero-backup.json", 204),
]
# What the guide's objectAdmin, and one who took the key, could do.
DANGEROUS = [
    ("GET", "/storage/v1/b/other-bucket/o"),
    ("POST", "/upload/storage/v1/b/other-bucket/o?uploadType=media&name=x"),
    ("GET", "/storage/v1/b/ci-backups"),
    ("PATCH", "/storage/v1/b/ci-backups"),
    ("DELETE", "/storage/v1/b/ci-backups"),
    ("GET", "/storage/v1/b/ci-backups/iam"),
    ("PUT", "/storage/v1/b/ci-backups/iam"),
    ("POST", "/storage/v1/b?project=lab-project"),
    ("POST", f"/v1/projects/lab-project/serviceAccounts/{EMAIL}/keys"),
    ("GET", f"/v1/projects/lab-project/serviceAccounts/{EMAIL}/keys"),
    ("POST", f"/v1/projects/lab-project/serviceAccounts/{EMAIL}:setIamPolicy"),
    ("POST", f"/v1/projects/-/serviceAccounts/{EMAIL}:signBlob"),
    ("POST", "/v1/projects/-/serviceAccounts/operator@lab-project.iam.gserviceaccount.com:generateAccessToken"),
    ("POST", "/v1/projects/lab-project/serviceAccounts"),
    ("POST", "/v1/projects/lab-project/roles"),
    ("PATCH", "/v1/projects/lab-project/roles/velero_objects"),
    ("POST", "/v3/projects/lab-project:getIamPolicy"),
    ("POST", "/v3/projects/lab-project:setIamPolicy"),
]


def test_the_key_opens_what_velero_needs_and_nothing_else_and_a_second_run_is_quiet(google: Google, tmp_path: Path) -> None:
    foreseen = go(google, tmp_path, "--check")
    assert foreseen.code == 0 and "changed=2" in foreseen.output, foreseen.output
    assert [google.ask(what) for what in ("accounts", "roles", "buckets")] == [{}, {}, {}] and not (tmp_path / "key").exists()
    for changed in (True, False):
        played = go(google, tmp_path)
        assert played.code == 0 and ("changed=0" not in played.output) is changed, played.output
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / "key").read_text())["private_key"].splitlines()[1] not in played.output
    google.ask("bucket", name="other-bucket")
    asked = session_of(tmp_path / "key")
    assert [asked.request(method, google.url + path, data=b"1" if method == "POST" else None).status_code for method, path, _code in NEEDED] == [
        code for _method, _path, code in NEEDED
    ]
    answers = {f"{method} {path}": asked.request(method, google.url + path, json={}).status_code for method, path in DANGEROUS}
    assert answers == dict.fromkeys(answers, 403)
    assert EMAIL not in str(google.ask("policy", resource="projects/lab-project"))


@pytest.mark.soak
def test_the_way_of_the_guide_would_open_more(google: Google, tmp_path: Path) -> None:
    """So that the test before can tell: with objectAdmin on the bucket rights could be handed on."""
    assert go(google, tmp_path).code == 0
    asked, path = session_of(tmp_path / "key"), f"{google.url}/storage/v1/b/ci-backups/iam/testPermissions"
    wanted = {"permissions": "storage.objects.setIamPolicy,storage.objects.get"}
    assert asked.get(path, params=wanted).json()["permissions"] == ["storage.objects.get"]
    google.ask("grant", resource="buckets/ci-backups", role="roles/storage.objectAdmin", member=f"serviceAccount:{EMAIL}")
    assert len(asked.get(path, params=wanted).json()["permissions"]) == 2
    played = go(google, tmp_path)
    assert played.code == 0 and "changed=0" in played.output
    assert '\\"place\\": \\"bucket ci-backups\\", \\"role\\": \\"roles/storage.objectAdmin' in played.output


def test_the_files_of_a_backup_are_listed_by_the_key_of_the_role(google: Google, tmp_path: Path) -> None:
    assert go(google, tmp_path).code == 0
    names = [f"velero/backups/one/{name}" for name in ("velero-backup.json", "one.tar.gz", "one-logs.gz")]
    for name in [*names, *(f"velero/restic/ns/data/{number:04}" for number in range(1100))]:
        google.ask("write", bucket="ci-backups", key=name, body="12")
    store = store_of(google.location("ci-backups", "velero"), cloud={"service_account_file": str(tmp_path / "key")})
    assert store.list("velero/backups/one/") == dict.fromkeys(names, 2)
    assert len(store.list("velero/")) == 1103


@pytest.mark.soak
def test_workload_identity_lets_one_pod_in_and_makes_no_key(google: Google, tmp_path: Path) -> None:
    for changed in (True, False):
        played = go(google, tmp_path, velero_gcp_identity="workload_identity")
        assert played.code == 0 and ("changed=0" not in played.output) is changed, played.output
    assert "iam.gke.io/gcp-service-account" in played.output and not (tmp_path / "key").exists()
    assert google.ask("accounts") == {EMAIL: []}
    pod, stranger = (google.ask("token", member=member)["token"] for member in (POD, POD.replace("[velero/", "[default/")))
    become = f"/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"
    assert ask(google, become, stranger)[0] == 403
    status, said = ask(google, become, pod)
    assert status == 200
    assert ask(google, f"/v1/projects/-/serviceAccounts/{EMAIL}:signBlob", said["accessToken"])[0] == 200
    operator_blob = "/v1/projects/-/serviceAccounts/operator@lab-project.iam.gserviceaccount.com:signBlob"
    assert ask(google, operator_blob, said["accessToken"])[0] == 403


def ask(google: Google, path: str, token: str) -> tuple[int, Any]:
    answer = requests.post(google.url + path, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=10)
    return answer.status_code, answer.json()


def test_snapshots_are_a_role_of_eight_permissions_on_the_project(google: Google, tmp_path: Path) -> None:
    assert go(google, tmp_path, velero_gcp_snapshots=True).code == 0
    role = "projects/lab-project/roles/velero_snapshots"
    assert len(google.ask("roles")[role]) == 8
    assert {"role": role, "members": [f"serviceAccount:{EMAIL}"]} in google.ask("policy", resource="projects/lab-project")


def test_a_bucket_elsewhere_is_left_alone(google: Google, tmp_path: Path) -> None:
    google.ask("bucket", name="ci-backups", location="US")
    played = go(google, tmp_path)
    assert played.code != 0 and "is in US, but location is EUROPE-WEST1" in played.output, played.output
    assert "changed=0" in played.output and google.ask("accounts") == {}


def test_what_does_not_go_together_is_told_first(google: Google, tmp_path: Path) -> None:
    google.ask("calls")
    played = go(google, tmp_path, velero_gcp_credentials_file="")
    assert played.code != 0 and "give velero_gcp_credentials_file" in " ".join(played.output.split()), played.output
    assert google.ask("calls") == []


@pytest.mark.soak
def test_google_that_is_slow_to_see_and_busy_is_waited_for(google: Google, tmp_path: Path) -> None:
    google.ask("lag", accounts=3, keys=2)
    google.fault("busy", match="GET", times=3)
    played = go(google, tmp_path)
    assert played.code == 0, played.output
    assert len(google.ask("accounts")[EMAIL]) == 1 and "changed=0" in go(google, tmp_path).output
