# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of kots_snapshot_schedule: only what differs is sent, in kotsadm's units, and what it would not take is refused before any call."""

from __future__ import annotations

from typing import Any

import pytest
from unit.laws.kots_world import Installation
from unit.plugins.modules.indoors import check_options, module, process, returned
from unit.plugins.modules.kots_doors import change

NAME = "kots_snapshot_schedule"
NIGHT = {"cron": "0 3 * * *", "retention": "60d"}


@pytest.fixture
def world() -> Installation:
    return Installation().settle_in()


def test_documentation_and_code_tell_the_same_options() -> None:
    from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS

    check_options(NAME, {**module(NAME).DOOR.options, **WAIT_OPTIONS})


def test_it_is_set_and_then_left_alone(world: Installation) -> None:
    result, failure = change(world, NAME, **NIGHT)
    assert failure == "" and result["changed"] and (world.console.cron, world.console.retention) == ("0 3 * * *", ("60", "days"))
    assert result["schedule"] == {"enabled": True, "cron": "0 3 * * *", "retention": 60 * 86400.0, "retention_words": "60 days"}
    assert [step["step"] for step in result["steps"]] == ["schedule", "retention"]
    assert set(result) - {"changed", "diff"} == set(returned(NAME))
    world.told.clear()
    again, failure = change(world, NAME, **NIGHT)
    assert failure == "" and not again["changed"] and world.writes() == []


def test_check_mode_sends_nothing(world: Installation) -> None:
    result, failure = change(world, NAME, check=True, **NIGHT)
    assert failure == "" and result["changed"] and world.writes() == [] and world.console.cron == ""
    assert result["diff"]["after"]["schedule"]["cron"] == "0 3 * * *"


@pytest.mark.parametrize("retention", ["30d", "720h", "1mo", "30 days", "43200 minutes"])
def test_equal_times_in_other_units_are_equal(world: Installation, retention: str) -> None:
    """kotsadm shows a month at first, which it would not take back by that name."""
    result, failure = change(world, NAME, cron="0 3 * * *", retention=retention)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["schedule"]


def test_off_forgets_the_cron_which_is_then_not_compared(world: Installation) -> None:
    change(world, NAME, **NIGHT)
    result, failure = change(world, NAME, enabled=False, **NIGHT)
    assert failure == "" and result["changed"] and result["schedule"]["cron"] is None and world.console.cron == ""
    world.told.clear()
    again, failure = change(world, NAME, enabled=False, cron="0 4 * * *", retention="60d")
    assert failure == "" and not again["changed"] and world.writes() == []


def test_on_needs_a_cron_once_kotsadm_has_none(world: Installation) -> None:
    result, failure = change(world, NAME, retention="60d")
    assert result == {} and "give cron to switch it on" in failure and world.writes() == []
    change(world, NAME, **NIGHT)
    again, failure = change(world, NAME, retention="14d")
    assert failure == "" and [step["step"] for step in again["steps"]] == ["retention"] and again["schedule"]["cron"] == "0 3 * * *"


def test_minimal_rights_are_told(world: Installation) -> None:
    world.state.remove("clusterrolebindings.rbac.authorization.k8s.io", "", "kotsadm-rolebinding")
    _result, failure = change(world, NAME, **NIGHT)
    assert "may not see Velero" in failure and "ensure-permissions" in failure


BAD = [
    pytest.param({"cron": "every day"}, ["cron", "every day"], id="words"),
    pytest.param({"cron": "0 3 * *"}, ["cron"], id="four fields"),
    pytest.param({"cron": "61 3 * * *"}, ["cron", "61"], id="minute 61"),
    pytest.param({"retention": "30"}, ["retention", "'30'"], id="no unit"),
    pytest.param({"retention": "0d"}, ["retention", "more than 0"], id="nothing"),
    pytest.param({"retention": "1 month ago"}, ["retention"], id="more words"),
    pytest.param({"retention": "99y"}, ["retention", "20 years"], id="a century"),
    pytest.param({"namespace": "a_b"}, ["namespace"], id="no namespace"),
]


@pytest.mark.parametrize(("params", "words"), BAD)
def test_bad_values_are_refused_before_any_call(world: Installation, params: dict[str, Any], words: list[str]) -> None:
    result, failure = change(world, NAME, **{**NIGHT, **params})
    assert all(word in failure for word in words), failure
    assert result == {} and world.told == [] and "\n" not in failure


def test_a_process_says_what_it_needs() -> None:
    found = process(NAME, host="http://127.0.0.1:9", retention="soon", cron="0 3 * * *")
    assert found["failed"] and "retention" in found["msg"]
