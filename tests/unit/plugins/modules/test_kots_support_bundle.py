# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of kots_support_bundle: its words and its code agree, nothing without consent, and what is found is named and never shown."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from unit.laws.kots_support import CANARY, DEST, DOOR, PARAMS, SupportWorld
from unit.laws.running import module_run
from unit.plugins.modules.indoors import check_options, returned

from lab.kots.model import Answer

NAME = "kots_support_bundle"
PLANTED = {"logs/api.txt": f"login with {CANARY}\n"}


def go(world: SupportWorld, check: bool = False, **more: Any) -> dict[str, Any]:
    return module_run(DOOR, world, {**PARAMS, **more}, check)


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**DOOR.options, **WAIT_OPTIONS})


def test_it_is_collected_fetched_and_searched() -> None:
    world = SupportWorld()
    told = go(world)
    assert not told.get("failed"), told
    assert (told["changed"], told["fetched"], told["redacted"], told["findings"]) == (True, True, True, [])
    assert [one["step"] for one in told["steps"]] == ["collect", "fetch"]
    assert told["files"] == 3 and told["secrets_searched"] == 3, "passwords of minio, auth string and key; not the user's name"
    assert told["size"] == len(world.disk or b"") and world.mode == 0o600
    assert set(told) - {"changed", "diff"} == set(returned(NAME))


@pytest.mark.parametrize("consent", [False])
def test_without_consent_nothing_is_asked(consent: bool) -> None:
    world = SupportWorld()
    told = go(world, consent=consent)
    assert told["failed"] and "consent is false" in told["msg"] and "data of users" in told["msg"]
    assert world.kots.requests == [] and world.disk is None


def test_a_secret_is_named_by_file_and_kind_and_fails() -> None:
    world = SupportWorld(PLANTED)
    told = go(world)
    assert told["failed"] and told["redacted"] is False
    assert told["findings"] == [{"file": "support-bundle/logs/api.txt", "kind": "value of Secret minio, key password"}]
    assert "support-bundle/logs/api.txt (value of Secret minio, key password)" in told["msg"]
    assert CANARY not in json.dumps(told)
    assert world.disk is not None, "it stays, for its owner alone"


def test_allowed_it_is_named_all_the_same() -> None:
    told = go(SupportWorld(PLANTED), allow_unredacted=True)
    assert not told.get("failed") and told["redacted"] is False and len(told["findings"]) == 1


def test_the_auth_string_of_kotsadm_is_a_secret_like_any_other() -> None:
    world = SupportWorld()
    world.kots.bundle_files = {"env.txt": f"KOTS={world.kots.authstring}"}
    told = go(world)
    assert [one["kind"] for one in told["findings"]] == ["value of Secret kotsadm-authstring, key kotsadm-authstring"]
    assert world.kots.authstring not in json.dumps(told)


def test_a_file_that_is_there_is_searched_again_and_nothing_is_collected() -> None:
    world = SupportWorld(PLANTED)
    go(world, allow_unredacted=True)
    world.settle_in()
    told = go(world)
    assert told["failed"] and told["changed"] is False and told["bundle"] is None and told["redacted"] is False
    assert world.kots.requests == [], "kotsadm is not needed for that"


def test_another_file_at_dest_is_left_alone() -> None:
    world = SupportWorld()
    world.disk, world.mode = b"my shopping list", 0o644
    told = go(world)
    assert told["failed"] and "is no whole tar.gz archive; it is left as it is" in told["msg"]
    assert (world.disk, world.mode, world.writes()) == (b"my shopping list", 0o644, [])


PLACES = [("/nowhere/x.tar.gz", "there is no folder /nowhere"), (str(Path(DEST).parent), "is a folder"), ("  ", "dest is empty")]


@pytest.mark.parametrize(("dest", "words"), PLACES, ids=["no folder", "a folder", "empty"])
def test_a_place_where_no_file_can_be(dest: str, words: str) -> None:
    world = SupportWorld()
    told = go(world, dest=dest)
    assert told["failed"] and words in told["msg"]
    assert world.writes() == []


def test_one_that_kotsadm_could_not_collect_says_so_and_the_next_run_tries_anew() -> None:
    world = SupportWorld()
    world.kots.bundle_status = "failed"
    told = go(world)
    assert told["failed"] and "could not collect" in told["msg"] and told["redacted"] is None
    world.kots.bundle_status = "uploaded"
    assert not go(world).get("failed")
    assert len(world.kots.bundles) == 2


def test_one_that_never_ends_is_a_time_out() -> None:
    world = SupportWorld()
    world.kots.bundle_status = "running"
    told = go(world, wait_timeout=900)
    assert told["failed"] and told["fetched"] is False and told["redacted"] is None
    assert len(world.kots.bundles) == 1, "it grows old while it is collected, and stays ours"


def test_an_old_one_is_not_taken() -> None:
    world = SupportWorld()
    go(world, wait=False)
    world.clock.sleep(3600)
    go(world)
    assert len(world.kots.bundles) == 2


def test_an_app_that_is_not_there() -> None:
    told = go(SupportWorld(), app="other")
    assert told["failed"] and "no app other" in told["msg"]


def test_a_download_that_breaks_off_is_never_taken_for_whole() -> None:
    world = SupportWorld()
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        entry = tarfile.TarInfo("x")
        entry.size = 200_000
        archive.addfile(entry, io.BytesIO(bytes(range(256)) * 782))
    world.kots.fault("download$", Answer(200, raw.getvalue()[:300], "application/gzip"))
    told = go(world)
    assert not told.get("failed") and told["files"] == 3, "the second try is whole"


def test_check_mode_asks_for_nothing() -> None:
    world = SupportWorld(PLANTED)
    told = go(world, check=True)
    assert (told["changed"], world.writes(), world.disk) == (True, [], None)
