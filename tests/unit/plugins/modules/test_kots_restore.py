# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of kots_restore: its words and its code agree; a damaged site becomes what it was, and what cannot end well is refused before anything is gone."""

from __future__ import annotations

from typing import Any

import pytest
from unit.laws.kots_restore import params
from unit.laws.kots_restore_world import RestoreWorld
from unit.plugins.modules.indoors import check_options, module, returned
from unit.plugins.modules.kots_doors import change

NAME = "kots_restore"


@pytest.fixture
def world() -> RestoreWorld:
    return RestoreWorld().lose_data().settle_in()


def restore(world: RestoreWorld, check: bool = False, **more: Any) -> tuple[dict[str, Any], str]:
    return change(world, NAME, check, **{**params(world.backup), **more})  # type: ignore[arg-type]


def test_documentation_and_code_tell_the_same_options() -> None:
    from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS

    check_options(NAME, {**module(NAME).DOOR.options, **WAIT_OPTIONS})


def test_a_damaged_site_becomes_what_it_was(world: RestoreWorld) -> None:
    assert world.made.differences(world.before) != [], "there must be something to mend"
    result, failure = restore(world)
    assert failure == "" and (result["verdict"], result["restored"], result["changed"]) == ("restored", True, True)
    assert world.made.differences(world.before) == [] and world.made.problems() == []
    assert [(one["part"], one["phase"], one["errors"]) for one in result["parts"]] == [("kotsadm", "Completed", 0), ("circleci-server", "Completed", 0)]
    assert {one["phase"] for one in result["volumes"]} == {"Completed"} and len(result["volumes"]) == 3
    assert result["origin"] == "here" and result["console"] == {"there": True, "ready": True, "saved": False}
    assert {gate["state"] for gate in result["gates"]} == {"passed"} and len(result["gates"]) == 14
    assert set(result) - {"changed", "diff"} == set(returned(NAME))


def test_the_cli_is_told_the_backup_and_no_secret(world: RestoreWorld) -> None:
    restore(world)
    assert [argv[1:4] for argv in world.started] == [["restore", "--from-backup", world.backup]]
    assert not any(world.console.authstring in word or params("")["api_key"] in word for word in world.started[0])


@pytest.mark.parametrize("confirm", ["", "yes", "instance-other"])
def test_confirm_repeats_the_name(world: RestoreWorld, confirm: str) -> None:
    result, failure = restore(world, confirm=confirm)
    assert result == {} and "confirm" in failure and world.backup in failure
    assert world.writes() == [] and world.started == []
