# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of gcp_service_account_key: a key that works, made once, known before it is told, replaced on order, and no secret anywhere but in its file."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.key import GoogleKey, KeySpec, RemoveKey
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.key_client import KeyPort
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.pair_client import certificate, seen_in
from cryptography.x509 import load_pem_x509_certificate
from google.auth import crypt, jwt
from unit.laws.gcp import KEY_WISH
from unit.laws.gcp_world import EMAIL, PROJECT, Fault, GoogleWorld
from unit.laws.killing import Killed
from unit.plugins.modules.gcp_doors import change, steps
from unit.plugins.modules.indoors import check_options, module, returned

from lab.google import oauth
from lab.google.answers import Asked

NAME = "gcp_service_account_key"
NEW = ["begin_key", "upload_key", "keep_key"]


@pytest.fixture
def world() -> GoogleWorld:
    made = GoogleWorld()
    made.control.account("velero")
    return made


def go(world: GoogleWorld, check: bool = False, **more: Any) -> tuple[dict[str, Any], str]:
    found = change(world, NAME, check, **{**KEY_WISH, **more})
    for text in (world.file.read_text() if world.file.exists() else "{}",):
        private = json.loads(text).get("private_key", "-----none")
        assert private.splitlines()[1 if "\n" in private else 0] not in repr(found)
    return found


def opens(world: GoogleWorld) -> bool:
    """Whether the token service takes the file's key."""
    body = json.loads(world.file.read_text())
    now = world.world.now()
    claims = {"iss": body["client_email"], "aud": body["token_uri"], "scope": "s", "iat": now, "exp": now + 3600}
    signed = jwt.encode(crypt.RSASigner.from_service_account_info(body), claims).decode()
    answer = world.api.handle(Asked("POST", "/token", body=urlencode({"grant_type": oauth.GRANT, "assertion": signed}).encode()))
    return answer is not None and answer.status == 200


def keys(world: GoogleWorld) -> list[str]:
    return sorted(world.world.accounts[EMAIL].keys)


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**module(NAME).DOOR.options, **WAIT_OPTIONS})


def test_a_key_is_made_once_works_and_is_for_its_owner_alone(world: GoogleWorld) -> None:
    result, failure = go(world)
    assert failure == "" and steps(result) == NEW and opens(world)
    assert world.file.stat().st_mode & 0o777 == 0o600 and not world.end()["beside"]
    assert result["key"]["id"] == json.loads(world.file.read_text())["private_key_id"] == keys(world)[0]
    assert set(result) - {"changed", "diff"} == set(returned(NAME))
    text = world.file.read_text()
    for _again in range(2):
        world.clock.sleep(1000)
        result, failure = go(world)
        assert (failure, result["changed"], world.file.read_text(), len(keys(world))) == ("", False, text, 1)


def test_the_private_half_is_on_the_disk_before_google_hears_of_it(world: GoogleWorld) -> None:
    go(world)
    assert world.writes() == ["write .new", f"POST /v1/projects/{PROJECT}/serviceAccounts/{EMAIL}/keys:upload", "write ", "remove"]


@pytest.mark.parametrize("point", range(20))
def test_a_run_that_is_killed_leaves_no_key_that_nobody_has(world: GoogleWorld, point: int) -> None:
    world.tap.kill(point)
    died = False
    try:
        go(world)
    except Killed:
        died = True
    assert world.harm() == []
    world.tap.kill(None)
    assert go(world)[1] == "" and (len(keys(world)), world.harm(), opens(world)) == (1, [], True)
    assert died or point > 10


def test_the_certificate_says_nothing_of_the_operator_and_marks_the_key_as_ours(world: GoogleWorld) -> None:
    go(world)
    given = certificate(Secret(world.file.read_text()))
    assert seen_in({"publicKeyData": given})[1]
    shown = load_pem_x509_certificate(base64.b64decode(given))
    assert shown.subject.rfc4514_string() == "CN=serverops.circleci" and b"PRIVATE" not in base64.b64decode(given)


def test_another_takes_its_place_on_order_and_the_old_one_goes_when_it_may(world: GoogleWorld) -> None:
    go(world)
    old = keys(world)
    world.clock.sleep(1000)
    order = {"made_after": world.world.stamp()}
    _result, failure = go(world, superseded="removed", **order)
    assert "give it to whoever works by it" in failure and keys(world) == old
    result, failure = go(world, **order)
    assert failure == "" and steps(result) == NEW and set(old) < set(keys(world)) and opens(world)
    assert [one["id"] for one in result["superseded"]] == old
    assert not go(world, **order)[0]["changed"]
    world.clock.sleep(1000)
    _result, failure = go(world, made_after=world.world.stamp())
    assert "remove it first" in failure and len(keys(world)) == 2
    result, failure = go(world, superseded="removed", **order)
    assert failure == "" and result["steps"] == [{"step": "remove_key", "id": "key", "key": old[0]}]
    assert old[0] not in keys(world) and len(keys(world)) == 1 and opens(world)


def test_before_a_key_is_removed_it_is_looked_at_once_more(world: GoogleWorld) -> None:
    """Neither the one in the file, nor one of somebody else's, whatever the first look said."""
    go(world)
    foreign = world.control.key(EMAIL)["id"]
    with world.open():
        port = KeyPort(client_from_params(world.params, world.clock), KeySpec(EMAIL, KEY_WISH["credentials_file"]), Task(run="r"))
        for name in keys(world):
            with pytest.raises(Refused, match="is not one that another has replaced"):
                port.apply(RemoveKey(GoogleKey(name, "other", "2026-01-01T00:00:00Z", True)))
    assert len(keys(world)) == 2 and foreign in keys(world)


def test_a_key_whose_secret_is_lost_stops_it_until_it_is_told(world: GoogleWorld) -> None:
    go(world)
    world.clock.sleep(1000)
    world.file.unlink()
    _result, failure = go(world)
    assert "whose private half is not in the file" in failure and len(keys(world)) == 1
    assert go(world, made_after=world.world.stamp())[1] == "" and len(keys(world)) == 2 and opens(world)


def test_a_key_that_google_has_no_more_is_made_anew(world: GoogleWorld) -> None:
    go(world)
    world.clock.sleep(1000)
    world.world.accounts[EMAIL].keys.clear()
    assert steps(go(world)[0]) == NEW and opens(world)


def test_a_disabled_key_is_told(world: GoogleWorld) -> None:
    go(world)
    world.world.accounts[EMAIL].keys[keys(world)[0]].disabled = True
    assert "is disabled; enable it" in go(world)[1]


def test_a_key_that_the_guide_made_is_taken_as_it_is_and_never_removed(world: GoogleWorld) -> None:
    made = world.control.key(EMAIL)
    world.file.write_text(made["contents"])
    world.file.chmod(0o600)
    result, failure = go(world, superseded="removed")
    assert (failure, result["changed"], result["key"]["id"]) == ("", False, made["id"])
    assert go(world, made_after="2026-01-01")[1] == ""
    result, failure = go(world, superseded="removed", made_after="2026-01-01")
    assert (failure, result["changed"]) == ("", False)
    assert [one["id"] for one in result["foreign_keys"]] == [made["id"]] and len(keys(world)) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[default]\naws_access_key_id=AKIA\n", "holds something else than the key"),
        ('{"type": "authorized_user"}', "holds something else"),
        ("[1]", "holds something else"),
    ],
)
def test_a_file_that_holds_something_else_is_not_written_over(world: GoogleWorld, text: str, words: str) -> None:
    world.file.write_text(text)
    result, failure = change(world, NAME, **KEY_WISH)
    assert words in failure and result == {} and world.file.read_text() == text and keys(world) == []


def test_a_file_of_another_account_is_not_written_over(world: GoogleWorld) -> None:
    world.control.account("other-one")
    world.file.write_text(world.control.key(f"other-one@{PROJECT}.iam.gserviceaccount.com")["contents"])
    assert "holds the key of other-one@" in go(world)[1] and keys(world) == []


def test_an_organization_that_forbids_keys_is_named_and_nothing_stays(world: GoogleWorld) -> None:
    world.control.constraint("iam.disableServiceAccountKeyUpload")
    _result, failure = go(world)
    assert "use workload identity" in failure and not world.end()["beside"] and not world.file.exists()


@pytest.mark.parametrize("done", [False, True])
def test_an_upload_without_an_answer_is_one_key(world: GoogleWorld, done: bool) -> None:
    world.control.lag(keys=2)
    world.api.faults = [Fault("reset", ":upload", 1, done)]
    result, failure = go(world)
    assert failure == "" and steps(result) == NEW and len(keys(world)) == 1 and opens(world)


def test_check_mode_makes_nothing(world: GoogleWorld) -> None:
    result, failure = go(world, check=True)
    assert failure == "" and steps(result) == NEW and world.writes() == [] and keys(world) == [] and not world.file.exists()


def test_a_folder_that_is_not_there_is_told_before_a_key_is_made(world: GoogleWorld) -> None:
    _result, failure = go(world, credentials_file="/lab/none/credentials")
    assert "credentials_file is" in failure and keys(world) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"made_after": "yesterday"}, "made_after is 'yesterday'"),
        ({"made_after": "2999-01-01"}, "is yet to come"),
        ({"service_account": "velero"}, "service_account is 'velero'"),
        ({"credentials_file": ""}, "credentials_file is empty"),
    ],
)
def test_what_cannot_be_is_told_first(world: GoogleWorld, given: dict[str, Any], words: str) -> None:
    result, failure = go(world, **given)
    assert words in failure and result == {} and world.writes() == []


def test_no_such_account(world: GoogleWorld) -> None:
    assert "Unknown service account" in go(world, service_account=f"none-such@{PROJECT}.iam.gserviceaccount.com")[1]
