# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of certbot_certificate on a folder and a certbot of the lab's, and how a program gets its secrets."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils import door
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.transport.detached import Detached
from unit.laws.certbot import PARAMS
from unit.laws.certbot_world import CANARY, NAME, CertbotWorld
from unit.plugins.modules.indoors import check_options, module, process, returned

CERTBOT = "certbot_certificate"
# Tells what it was given, and how the file of credentials stood while it ran.
TELLS = """#!{python}
import json, os, sys
path = sys.argv[sys.argv.index("--dns-lab-credentials") + 1]
told = {{"argv": sys.argv[1:], "mode": oct(os.stat(path).st_mode & 0o777), "text": open(path).read(), "path": path}}
told["environment"] = {{name: os.environ.get(name) for name in ("DNS_TOKEN", "HOME", "REQUESTS_CA_BUNDLE", "LAB_FOREIGN")}}
json.dump(told, open({told!r}, "w"))
print("Saving debug log to /x", flush=True)
sys.exit("dns-lab: no zone for the key " + told["text"].split("=")[1].strip() + " and the token " + os.environ["DNS_TOKEN"])
"""


def obtain(world: CertbotWorld, check: bool = False, **params: Any) -> tuple[dict[str, Any], str]:
    found = module(CERTBOT).DOOR
    full = {key: option.get("default") for key, option in {**found.options, **door.WAIT_OPTIONS}.items()}
    with world.open():
        try:
            outcome = door.reconcile(found, {**full, "_run": None, **PARAMS, **params}, check, world.clock)
        except CollectionError as error:
            return {}, str(error)
    return door.result_of(outcome), outcome.failure


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(CERTBOT, {**module(CERTBOT).DOOR.options, **door.WAIT_OPTIONS})


def test_a_certificate_is_obtained_once_and_told() -> None:
    world = CertbotWorld()
    result, failure = obtain(world)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["order"]
    assert set(result) - {"changed", "diff"} == set(returned(CERTBOT))
    assert result["certificate"]["names"] == [NAME] and result["certificate_file"].endswith(f"/live/{NAME}/fullchain.pem")
    again, failure = obtain(world)
    assert (failure, again["changed"], again["certificate"]) == ("", False, result["certificate"]) and world.issued == 1


def test_a_refused_order_is_told_without_the_token_and_not_tried_again_in_the_run() -> None:
    world = CertbotWorld().store(days=10).link(1)
    world.fails = True
    result, failure = obtain(world)
    assert "certbot obtained no certificate (the stored certificate ends at" in failure
    assert "reported error code 3; 403: no zone is open to the token ********; No TXT records found for DNS challenge" in failure
    assert failure.endswith("the earlier one is as it was") and CANARY not in failure
    assert len(world.began) == 1 and world.newest() == 1 and result["certificate"]["fingerprint"]


def test_credentials_of_a_certbot_that_was_killed_are_removed_where_nothing_is_ordered() -> None:
    world = CertbotWorld().store().link(1)
    (world.folder / "runs").mkdir(mode=0o700)
    world.folder.chmod(0o700)
    left = world.folder / "runs" / f"{NAME}.credentials.ini"
    left.write_text(CANARY)
    with mock.patch("unit.laws.certbot_world.Process", lambda world: Detached(str(world.folder / "runs"), NAME, "credentials.ini")):
        check, _failure = obtain(world, check=True)
        assert [step["step"] for step in check["steps"]] == ["tidy"] and left.exists()
        result, failure = obtain(world)
        assert (failure, result["steps"]) == ("", check["steps"]) and not left.exists() and world.began == []
        assert not obtain(world)[0]["changed"]


def test_a_secret_is_hidden_also_where_the_reason_is_cut_in_the_middle_of_it() -> None:
    world = CertbotWorld()
    world.fails = True
    with mock.patch("unit.laws.certbot_world.FAILS", "x" * 490 + " " + CANARY):
        _result, failure = obtain(world)
    assert "x *" in failure and CANARY[:6] not in failure


def test_links_that_certbot_does_not_set_are_told_and_nothing_is_ordered() -> None:
    world = CertbotWorld().store(days=10).store().link(1)
    world.link = lambda _number: world  # type: ignore[method-assign]
    _result, failure = obtain(world)
    assert "that its links do not lead to, and does not set them" in failure and [force for _at, _names, force in world.began] == [False]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"host_names": []}, "host_names is empty"),
        ({"host_names": ["127.0.0.1"]}, "host_names has '127.0.0.1'"),
        ({"host_names": ["https://circleci.example.com"]}, "give a whole DNS name"),
        ({"host_names": ["circleci"]}, "host_names has 'circleci'"),
        ({"host_names": ["a.*.example.com"]}, "host_names has 'a.*.example.com'"),
        ({"name": "../x"}, "name is '../x'"),
        ({"agree_tos": False}, "agree_tos is false"),
        ({"directory_url": "http://ca.example.com/dir"}, "begins with https://"),
        ({"plugin": "standalone"}, "plugin is 'standalone'"),
        ({"plugin": "webroot"}, "no port of the app is taken"),
        ({"auth_hook": None}, "auth_hook is needed for plugin manual"),
        ({"plugin": "dns-route53"}, "auth_hook and cleanup_hook are for plugin manual"),
        ({"credentials": "key = secret"}, "credentials are given, but manual reads no such file"),
        ({"environment": {"A B": "x"}}, "environment has 'A B'"),
        ({"renew_days": 0}, "renew_days is 0"),
        ({"propagation_seconds": -1}, "propagation_seconds is -1"),
    ],
)
def test_what_cannot_be_right_is_named_and_nothing_is_begun(given: dict[str, Any], words: str) -> None:
    world = CertbotWorld()
    result, failure = obtain(world, **given)
    assert result == {} and words in failure and world.began == []


def test_a_program_gets_its_secrets_by_a_private_file_and_its_environment_and_they_are_gone_when_it_ends(tmp_path: Path) -> None:
    told, program, folder = tmp_path / "told.json", tmp_path / "certbot", tmp_path / "letsencrypt"
    program.write_text(TELLS.format(python=sys.executable, told=str(told)))
    program.chmod(0o755)
    given = {"host_names": [NAME], "plugin": "dns-lab", "credentials": "dns_lab_key = canary-key-0f3a", "environment": {"DNS_TOKEN": CANARY}}
    more = {"agree_tos": True, "config_directory": str(folder), "certbot": str(program), "directory_authorities": "-----PEM-----", "propagation_seconds": 7}
    result = process(CERTBOT, {"LAB_FOREIGN": "x", "PYTHONPATH": os.pathsep.join(sys.path)}, **given, **more)
    assert result["failed"] and "dns-lab: no zone for the key ******** and the token ********" in result["msg"], result
    seen = json.loads(told.read_text())
    assert (seen["mode"], seen["text"].strip(), seen["environment"]["DNS_TOKEN"]) == ("0o600", "dns_lab_key = canary-key-0f3a", CANARY)
    assert seen["environment"]["LAB_FOREIGN"] is None and "-----PEM-----" in Path(seen["environment"]["REQUESTS_CA_BUNDLE"]).read_text()
    assert "canary" not in " ".join(seen["argv"]) and seen["argv"][seen["argv"].index("--dns-lab-propagation-seconds") + 1] == "7"
    ends = time.monotonic() + 10
    while Path(seen["path"]).exists() and time.monotonic() < ends:
        time.sleep(0.05)
    assert not Path(seen["path"]).exists() and "canary" not in json.dumps(result).replace(result["invocation"]["module_args"]["config_directory"], "")
    assert folder.stat().st_mode & 0o077 == 0 and (folder / "runs").stat().st_mode & 0o077 == 0


def test_of_a_certbot_that_cannot_begin_its_own_words_are_told_and_not_those_of_an_earlier_run(tmp_path: Path) -> None:
    """The certificate is due again, and the plugin was removed meanwhile: certbot ends while it reads its arguments, and says nothing that it begins with."""
    program, folder = tmp_path / "certbot", tmp_path / "letsencrypt"
    given = {"host_names": [NAME], "plugin": "dns-lab", "agree_tos": True, "config_directory": str(folder), "certbot": str(program)}
    for script, reason in (
        ("echo Saving debug log to /x; echo Detail: No TXT record", "No TXT record"),
        ("echo certbot: no such plugin", "certbot: no such plugin"),
    ):
        program.write_text(f"#!/bin/sh\n{script}\nexit 1\n")
        program.chmod(0o755)
        told = process(CERTBOT, {"PYTHONPATH": os.pathsep.join(sys.path)}, **given)["msg"]
        assert f"(there is no certificate yet): {reason} (its log is" in told, told


def test_a_folder_that_others_may_write_to_is_refused_by_its_option() -> None:
    world = CertbotWorld()
    world.folder.mkdir()
    world.folder.chmod(0o777)
    result, failure = obtain(world)
    assert result == {} and "config_directory is " in failure and "no folder of ours alone" in failure and world.began == []
