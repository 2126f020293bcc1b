# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of replicated_config, against the lab's Services host: differences, secrets, notes, applying now, what Replicated does in silence."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from unit.laws.running import module_run
from unit.laws.services_world import CANARY, ServicesWorld

MODULE = import_module("ansible_collections.serverops.circleci.plugins.modules.replicated_config")
INFO = import_module("ansible_collections.serverops.circleci.plugins.modules.replicated_config_info")
Json = dict[str, Any]


@pytest.fixture
def world() -> ServicesWorld:
    return ServicesWorld()


def go(world: ServicesWorld, check: bool = False, **params: Any) -> tuple[Json, str]:
    result = module_run(MODULE.DOOR, world, {"wait_timeout": 300.0, **params}, check)
    return result, str(result.get("msg", ""))


def notes(world: ServicesWorld) -> list[tuple[str, str]]:
    return [(note.what, note.why) for note in PendingRestarts(world.notes_path).notes()]


def test_differences_are_stored_and_noted_and_nothing_is_restarted(world: ServicesWorld) -> None:
    given = {"hostname": "new.example.com", "Storage/AWS Region": "us-east-1"}
    result, failure = go(world, settings=given, secrets={"ghe_client_secret": CANARY})
    assert failure == "" and result["changed"] and result["restart_required"]
    assert result["steps"] == [{"step": "import", "id": "settings", "names": ["ghe_client_secret", "hostname"]}]
    assert result["settings"] == {"hostname": "new.example.com", "aws_region": "us-east-1", "ghe_client_secret": "as wanted"}
    assert result["diff"]["before"]["settings"] == {"hostname": "circleci.example.com", "aws_region": "us-east-1", "ghe_client_secret": "differs"}
    assert world.host.stored("ghe_client_secret") == {"value": CANARY} and CANARY not in str(result)
    assert world.host.stored("s3_bucket") == {} and world.host.live("hostname") == {"value": "circleci.example.com"}
    assert notes(world) == [("settings", "ghe_client_secret, hostname were changed")]
    assert [world.host.count(what) for what in ("import", "stop", "create")] == [1, 0, 0]
    assert set(result) - {"changed", "diff"} == set(yaml.safe_load(MODULE.RETURN))
    again = go(world, settings=given, secrets={"ghe_client_secret": CANARY})[0]
    assert (again["changed"], again["restart_required"], world.host.count("import")) == (False, True, 1)


def test_nothing_to_change_leaves_no_note(world: ServicesWorld) -> None:
    result, failure = go(world, settings={"hostname": "circleci.example.com", "allow_cluster": False})
    assert (failure, result["changed"], result["restart_required"], notes(world)) == ("", False, False, [])


def test_applied_now_it_is_live_when_it_ends(world: ServicesWorld) -> None:
    world.noted("/etc/x")
    result, failure = go(world, settings={"hostname": "new.example.com"}, apply="now", allow_downtime=True)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["import", "stop", "start", "clear"]
    assert world.host.live("hostname") == {"value": "new.example.com"} and result["app"]["healthy"]
    assert (notes(world), world.host.count("create"), result["restart_required"]) == ([], 1, False)
    again = go(world, settings={"hostname": "new.example.com"}, apply="now")[0]
    assert (again["changed"], world.host.count("create")) == (False, 1), "and no consent is needed where nothing differs"


def test_what_was_stored_for_later_is_applied_now_by_the_next(world: ServicesWorld) -> None:
    go(world, settings={"hostname": "new.example.com"})
    result, failure = go(world, settings={"hostname": "new.example.com"}, apply="now")
    assert "downtime" in failure and world.host.count("stop") == 0
    result, failure = go(world, settings={"hostname": "new.example.com"}, apply="now", allow_downtime=True)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["stop", "start", "clear"]


def test_notes_of_others_are_no_reason_to_restart_where_nothing_differs(world: ServicesWorld) -> None:
    world.noted("/etc/x")
    result, failure = go(world, settings={"hostname": "circleci.example.com"}, apply="now", allow_downtime=True)
    assert (failure, result["changed"], notes(world)) == ("", False, [("/etc/x", "it was changed")])


@pytest.mark.parametrize("check", [False, True])
def test_without_consent_nothing_is_stored(world: ServicesWorld, check: bool) -> None:
    failure = go(world, check, settings={"hostname": "new.example.com"}, apply="now")[1]
    assert "to apply hostname now would restart the app" in failure and "allow_downtime" in failure
    assert (world.writes(), notes(world)) == ([], [])


BAD = [
    ({}, "neither settings nor secrets nor files"),
    ({"settings": {"hostnam": "x"}}, "no item 'hostnam'; near it are hostname"),
    ({"settings": {"Enabled": True}}, "title of several items"),
    ({"settings": {"hostname": {"value": "x"}}}, "with a dictionary"),
    ({"settings": {"ghe_client_secret": "x"}}, "give it in secrets"),
    ({"settings": {"ghe_type": "other"}}, "the choices are github_type_public"),
    ({"secrets": {"ghe_client_secret": "abc"}}, "4 letters or more"),
    ({"files": [{"item": "ssl_cert"}]}, "with neither path and content"),
    ({"files": [{"item": "ssl_cert", "path": "/nowhere/x.pem"}]}, "no file that can be read"),
    ({"files": [{"item": "ssl_cert", "path": "/x", "content": "y"}]}, "with both path and content"),
]


@pytest.mark.parametrize(("params", "words"), BAD)
@pytest.mark.parametrize("check", [False, True])
def test_bad_input_is_one_sentence_and_stores_nothing(world: ServicesWorld, params: Json, words: str, check: bool) -> None:
    failure = go(world, check, **params)[1]
    assert words in failure and "\n" not in failure, failure
    assert (world.writes(), notes(world)) == ([], [])


def test_what_replicated_refuses_is_told_and_leaves_no_note(world: ServicesWorld) -> None:
    result, failure = go(world, settings={"hostname": ""}, secrets={"ghe_client_secret": CANARY})
    assert "hostname is required" in failure and CANARY not in failure
    assert (notes(world), result["changed"], world.host.count("import")) == ([], False, 0)


def test_nor_does_what_it_refuses_renew_a_note_that_was_there(world: ServicesWorld) -> None:
    go(world, settings={"aws_region": "eu-west-1"})
    before = PendingRestarts(world.notes_path).notes()
    world.clock.sleep(60)
    assert "hostname is required" in go(world, settings={"hostname": ""})[1]
    assert PendingRestarts(world.notes_path).notes() == before != ()


def test_what_replicated_passes_over_in_silence_is_told(world: ServicesWorld) -> None:
    result, failure = go(world, settings={"lab_installation_id": "i-2"})
    assert "lab_installation_id did not change" in failure and notes(world) == []
    result, failure = go(world, settings={"lab_installation_id": "i-2", "aws_region": "eu-west-1"})
    assert "lab_installation_id did not change" in failure and result["settings"]["aws_region"] == "eu-west-1"
    assert [what for what, _why in notes(world)] == ["settings"], "the other one waits for a restart"


def test_files_from_the_host_and_as_text(world: ServicesWorld, tmp_path: Path) -> None:
    cert = tmp_path / "chain.pem"
    cert.write_bytes(b"not text \xff")
    files = [{"item": "ssl_cert", "path": str(cert)}, {"item": "ssl_private_key", "content": CANARY}]
    assert go(world, files=files)[1] == ""
    assert (world.host.stored("ssl_cert")["value"], world.host.stored("ssl_cert")["data"]) == ("chain.pem", "bm90IHRleHQg/w==")
    assert world.host.stored("ssl_private_key")["value"] == "ssl_private_key.pem"
    again = go(world, files=files)[0]
    assert not again["changed"] and CANARY not in str(again)


def test_a_restart_just_before_the_import_does_not_count(world: ServicesWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """By somebody else, after the first note: the app has not read what is stored since."""
    right = world._run

    def run(argv: Any, *more: Any) -> Any:
        if "import" in argv:
            world.restarted()
        return right(argv, *more)

    monkeypatch.setattr(world, "_run", run)
    result, failure = go(world, settings={"hostname": "new.example.com"})
    assert (failure, result["restart_required"], world.host.live("hostname")["value"]) == ("", True, "circleci.example.com")


def test_killed_after_the_import_the_note_is_there(world: ServicesWorld) -> None:
    with pytest.raises(BaseException, match="after replicatedctl app-config import"):
        world.tap.kill(next(n for n, point in enumerate(_points()) if point == "after replicatedctl app-config import"))
        go(world, settings={"hostname": "new.example.com"})
    world.tap.kill(None)
    assert notes(world) == [("settings", "hostname was changed")]
    result, failure = go(world, settings={"hostname": "new.example.com"})
    assert (failure, result["changed"], result["restart_required"]) == ("", False, True)


def _points() -> list[str]:
    world = ServicesWorld()
    go(world, settings={"hostname": "new.example.com"})
    return list(world.tap.points)


@pytest.mark.parametrize("stored", ["", "5"])
def test_an_emptied_item_falls_back_to_its_default(world: ServicesWorld, stored: str) -> None:
    if stored:
        go(world, settings={"lab_vm_docker": stored})
    wanted = {"settings": {"lab_vm_docker": ""}}
    check, failure = go(world, check=True, **wanted)
    assert (failure, check["changed"]) == ("", bool(stored))
    result, failure = go(world, **wanted)
    assert (failure, result["steps"]) == ("", check["steps"])
    assert result["changed"] is bool(stored) and not world.host.stored("lab_vm_docker").get("value")
    assert not go(world, **wanted)[0]["changed"]


def test_an_item_that_keeps_its_value_when_it_is_to_be_emptied_is_told(world: ServicesWorld) -> None:
    before = world.host.stored("lab_installation_id")
    failure = go(world, settings={"lab_installation_id": ""})[1]
    assert "lab_installation_id" in failure and world.host.stored("lab_installation_id") == before != {}
