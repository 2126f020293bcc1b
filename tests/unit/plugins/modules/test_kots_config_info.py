# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of kots_config_info: the keys that a version has, and no secret among their values."""

from __future__ import annotations

import json

import pytest
from unit.laws.kots_world import Installation
from unit.plugins.modules.indoors import check_options, module, process, returned
from unit.plugins.modules.kots_doors import change, read
from unit.plugins.modules.kots_keys import CANARY, keyed

from lab.kots import vault
from lab.kots.model import Version

NAME = "kots_config_info"


@pytest.fixture
def world() -> Installation:
    return keyed()


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, module(NAME).DOOR.options)


def test_info_lists_keys_and_shows_no_secret(world: Installation) -> None:
    change(world, "kots_config", values={"nomad_server_key": CANARY}, secret_values={"secret": CANARY, "ca": "Y2FuYXJ5"})
    found = read(world, NAME)
    assert set(found) == set(returned(NAME)) and CANARY not in json.dumps(found) and "Y2FuYXJ5" not in json.dumps(found)
    by_name = {one["name"]: one for one in found["config"]}
    assert by_name["secret"] | {"title": None} == {**by_name["secret"], "title": None} and by_name["secret"]["is_set"] and by_name["secret"]["value"] is None
    assert (by_name["workers"]["value"], by_name["workers"]["is_default"]) == ("4", True)
    assert by_name["provider"]["choices"] == ["none", "aws", "gcp"] and not by_name["autoscale_max"]["asked"]
    assert by_name["generated"]["read_only"] and by_name["hosts"]["read_only"]
    assert (found["sequence"], found["deployed_sequence"], found["pending"], found["secrets_comparable"]) == (1, 1, [], True)


def test_what_is_in_a_value_makes_it_a_secret_too(world: Installation) -> None:
    change(world, "kots_config", values={"notes": f"-----BEGIN CERTIFICATE-----\n{CANARY}\n"})
    assert CANARY not in json.dumps(read(world, NAME))


def test_info_chooses_by_name_word_and_sequence(world: Installation) -> None:
    change(world, "kots_config", values={"workers": 6})
    assert [one["name"] for one in read(world, NAME, search="CLIENTS")["config"]] == ["autoscale_max"]
    found = read(world, NAME, keys=["workers", "gone"], sequence=0)
    assert (found["settings"], found["missing"], found["sequence"], found["deployed_sequence"]) == ({"workers": "4"}, ["gone"], 0, 1)


def test_versions_that_wait_are_told(world: Installation) -> None:
    world.app.versions.append(Version(1, "3.4.1", world.state.stamp(), values=dict(world.app.versions[0].values)))
    found = read(world, NAME)
    assert found["deployed"] == {"sequence": 0, "label": "3.4.0", "status": "deployed", "source": "Online Install"}
    assert found["pending"] == [{"sequence": 1, "label": "3.4.1", "status": "pending", "source": "Upstream Update"}]


def test_without_the_key_of_the_passwords_it_says_so_and_reads_on(world: Installation) -> None:
    change(world, "kots_config", secret_values={"secret": CANARY})
    world.state.remove("secrets", "circleci-server", vault.SECRET)
    found = read(world, NAME)
    assert not found["secrets_comparable"] and next(one for one in found["config"] if one["name"] == "secret")["is_set"]
    assert world.app.versions[-1].values["secret"] not in json.dumps(found), "not even as it is sealed"


def test_a_process_says_what_it_needs() -> None:
    found = process(NAME, host="http://127.0.0.1:9", namespace="a_b")
    assert found["failed"] and "namespace" in found["msg"]
