# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kots_backup where the backups lie on Google Cloud: the proof of the files is read there, by a key with just the rights that the role gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils import door
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.client import store_of
from ansible_collections.serverops.circleci.plugins.module_utils.kots import connection
from unit.laws.kots_world import BUCKET, Installation
from unit.plugins.modules.indoors import module
from unit.plugins.modules.kots_doors import asked as asked_for
from unit.plugins.modules.kots_doors import change

from lab.google.google import Google


@pytest.fixture(scope="module")
def google() -> Iterator[Google]:
    with Google.start() as running:
        running.ask("bucket", name=BUCKET)
        yield running


def proven(world: Installation, google: Google, bucket: str = BUCKET) -> tuple[dict[str, Any], str]:
    """kots_backup once more, its store a bucket on Google."""
    made = module("kots_backup").DOOR
    full = {key: option.get("default") for key, option in {**made.options, **door.WAIT_OPTIONS}.items()}
    given = {"max_age": 3600.0, "wait_timeout": 60.0, "cloud": {"service_account_contents": google.contents}, "_run": None}

    def there(location: Any, secret: Any, cloud: Any) -> Any:
        prefix = str(location["spec"]["objectStorage"].get("prefix") or "")
        return store_of(google.location(bucket, prefix), secret, cloud)

    with world.open(), mock.patch.object(connection, "store_of", there):
        outcome = door.reconcile(made, {**full, **given}, False, world.clock)
    return door.result_of(outcome), outcome.failure


@pytest.mark.parametrize("velero", ["1.6.3", "1.14.0"])
def test_the_files_of_a_backup_are_proven_on_google_and_one_that_is_missing_is_told(google: Google, velero: str) -> None:
    world = Installation(velero).settle_in()
    first, failure = change(world, "kots_backup", max_age=3600.0)
    assert failure == ""
    files = world.store.objects(BUCKET)
    for key in files:
        google.ask("write", bucket=BUCKET, key=key, body=world.store.get(BUCKET, key).decode("latin-1"))
    google.ask("calls")
    second, failure = proven(world, google)
    assert failure == "" and (second["reused"], second["backup"]["uid"]) == (True, first["backup"]["uid"])
    assert second["backup"]["proofs"]["files"] == "passed"
    asked = [call["path"] for call in google.ask("calls")]
    assert f"/storage/v1/b/{BUCKET}/o" in asked and {call for call in asked if "/o" not in call} == {"/token"}
    google.fault("denied", match="/storage/")
    third, failure = proven(world, google)
    google.fault()
    assert "cannot be proven now: files: bucket lab-bucket" in failure and third["backup"]["uid"] == first["backup"]["uid"]
    assert asked_for(world) == 1, "what cannot be read is no reason for another backup"
    half = f"half-{velero.replace('.', '-')}"
    google.ask("bucket", name=half)
    for key in files:
        if not key.endswith("/velero-backup.json"):
            google.ask("write", bucket=half, key=key, body="1")
    fourth, failure = proven(world, google, half)
    assert "velero-backup.json is missing" in failure and fourth["backup"]["proofs"]["files"] == "failed"
    assert asked_for(world) == 2, "the one that is not whole is not reused"
