# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From nothing to a backup on Google Cloud: the modules make bucket, account and key, velero_install takes them, and Velero works by those rights alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils import door
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import gcp_roles
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from unit.laws.running import module_run
from unit.laws.velero import INSTALL
from unit.laws.velero_world import Cluster
from unit.plugins.modules.indoors import module

from lab.google.google import Google
from lab.google.velero_store import GoogleStore

BUCKET, EMAIL = "ci-backups", "velero@lab-project.iam.gserviceaccount.com"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def google() -> Iterator[Google]:
    with Google.start() as running:
        yield running


def make(google: Google, name: str, given: Json) -> Json:
    """A module as the role runs it."""
    made = module(name).DOOR
    full = {key: option.get("default") for key, option in {**made.options, **door.WAIT_OPTIONS}.items()}
    group = {"project": "lab-project", "endpoint_url": google.url, "service_account_contents": google.contents}
    outcome = door.reconcile(made, {**full, **group, "wait_timeout": 60.0, **given}, False, SystemClock())
    assert outcome.failure == ""
    return door.result_of(outcome)


@pytest.fixture(scope="module")
def key(google: Google, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the role leaves in its file."""
    file = tmp_path_factory.mktemp("key") / "credentials-velero"
    make(google, "gcp_bucket", {"name": BUCKET, "location": "europe-west1"})
    roles = [{"bucket": None, **role} for role in gcp_roles(BUCKET)]
    make(google, "gcp_service_account", {"account_id": "velero", "roles": roles})
    make(google, "gcp_service_account_key", {"service_account": EMAIL, "credentials_file": str(file)})
    return Path(file).read_text()


def installed(google: Google, version: str, key: str, bucket: str = BUCKET) -> tuple[Cluster, Json]:
    world = Cluster(version, nodes=1)
    world.velero.core.store = GoogleStore(google, world.state)
    wish = {"version": version, "provider": "gcp", "bucket": bucket, "credentials": key, "wait_timeout": 300.0}
    return world, module_run(INSTALL, world.settle_in(), wish)


@pytest.mark.parametrize("version", ["1.6.3", "1.14.0"])
def test_velero_is_installed_with_the_key_and_its_backup_lies_on_google(google: Google, key: str, version: str) -> None:
    google.ask("calls")
    world, result = installed(google, version, key)
    assert not result.get("failed"), result["msg"]
    assert world.end()["phase"] == "Available" and key.splitlines()[4] not in repr(result)
    name = "nightly-" + version.replace(".", "-")
    body = {"apiVersion": "velero.io/v1", "kind": "Backup", "spec": {"storageLocation": "default", "includedNamespaces": ["velero"], "ttl": "720h0m0s"}}
    world.state.put("backups.velero.io", "velero", name, body)
    world.clock.sleep(300)
    assert world.object("backups.velero.io", name)["status"]["phase"] == "Completed"
    objects = google.ask("objects", bucket=BUCKET, prefix=f"backups/{name}/")
    assert f"backups/{name}/velero-backup.json" in objects and f"backups/{name}/{name}.tar.gz" in objects
    calls = google.ask("calls")
    assert {call["member"] for call in calls if call["path"] != "/token"} == {f"serviceAccount:{EMAIL}"}
    assert {call["status"] for call in calls} <= {200, 204, 404}, "nothing that Velero asked was denied"


def test_in_a_bucket_that_the_account_has_no_role_on_it_says_so(google: Google, key: str) -> None:
    google.ask("bucket", name="other-bucket")
    world, result = installed(google, "1.14.0", key, "other-bucket")
    location = world.object("backupstoragelocations.velero.io", "default")
    assert result["failed"] and location["status"]["phase"] == "Unavailable"
    assert "storage.objects.list" in location["status"]["message"]
