# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the official program's exit code does not tell, and what the modules say of the same: both in one lab, side by side."""

from __future__ import annotations

import io
import json

import pytest
from unit.laws.kots_world import Installation
from unit.plugins.modules.kots_doors import change, read
from unit.plugins.modules.kots_keys import CANARY, keyed

from lab.kots import vault
from lab.kots.cli.program import main
from lab.kots.inside import Inside

SPACE = ("-n", "circleci-server")
APP = "circleci-server"


@pytest.fixture
def world() -> Installation:
    return keyed()


def program(world: Installation, *argv: str) -> tuple[int, str, str]:
    """Exit code and both outputs of the program 1.124.18."""
    out, err = io.StringIO(), io.StringIO()
    code = main("1.124.18", [*argv, *SPACE], Inside(world.state, world.console), out, err)
    return int(code or 0), out.getvalue(), err.getvalue()


def test_the_same_value_again_is_a_new_version_for_the_program_and_none_for_the_module(world: Installation) -> None:
    assert [program(world, "set", "config", APP, "workers=6")[0] for _time in range(2)] == [0, 0]
    assert len(world.app.versions) == 3
    result, failure = change(world, "kots_config", values={"workers": 6})
    assert failure == "" and [step["step"] for step in result["steps"]] == ["deploy"] and len(world.app.versions) == 3


def test_the_program_is_done_before_anything_runs(world: Installation) -> None:
    world.app.deploy_seconds = 60.0
    code, out, _err = program(world, "set", "config", APP, "workers=6", "--deploy")
    assert code == 0 and "Done" in out and world.app.newest.status == "deploying"
    result, failure = change(world, "kots_config", values={"workers": 6})
    assert failure == "" and not result["changed"] and world.app.newest.status == "deployed", "the module waits for what is under way"


def test_a_deploy_that_fails_is_exit_0(world: Installation) -> None:
    world.app.refuses.add(1)
    assert program(world, "set", "config", APP, "workers=6", "--deploy")[0] == 0
    world.clock.sleep(10)
    _result, failure = change(world, "kots_config", values={"workers": 6})
    assert "its deploy failed" in failure


def test_a_deploy_by_the_program_does_not_heed_failed_preflights(world: Installation) -> None:
    from lab.kots.model import Check

    world.app.preflights = (Check("Nodes", "too few", fails=True),)
    assert program(world, "set", "config", APP, "workers=6", "--deploy")[0] == 0
    world.clock.sleep(30)
    assert world.app.newest.status == "deployed"
    _result, failure = change(world, "kots_config", values={"workers": 7})
    assert "too few" in failure and world.app.version(world.app.current) is not world.app.newest


def test_an_auth_string_that_is_not_the_right_one_is_an_empty_list_for_the_program(world: Installation) -> None:
    """It does not look at the status of the answer."""
    world.console.sessions.clear()
    real = world.console.secret_value
    world.console.secret_value = lambda: real() + "-of-before"  # type: ignore[method-assign]
    code, out, _err = program(world, "get", "apps", "-o", "json")
    assert (code, json.loads(out)) == (0, [])
    result, failure = change(world, "kots_config", values={"workers": 6})
    assert result == {} and "kotsadm-authstring" in failure


def test_an_app_that_is_not_there_is_exit_0_of_an_upgrade(world: Installation) -> None:
    code, out, _err = program(world, "upstream", "upgrade", "nobody", "-o", "json")
    assert code == 0 and json.loads(out)["success"] is False
    result, failure = change(world, "kots_config", values={"workers": 6}, app="nobody")
    assert result == {} and "nobody" in failure and "kots_info" in failure


def test_the_programs_config_has_defaults_among_the_values_and_sealed_passwords(world: Installation) -> None:
    change(world, "kots_config", secret_values={"secret": CANARY})
    _code, out, _err = program(world, "get", "config", "--appslug", APP)
    assert 'default: "4"' in out and CANARY not in out
    assert CANARY in program(world, "get", "config", "--appslug", APP, "--decrypt")[1], "whoever has the Secret can read it"
    found = read(world, "kots_config_info")
    assert found["settings"]["workers"] == "4" and CANARY not in json.dumps(found)
    world.state.remove("secrets", "circleci-server", vault.SECRET)
    assert program(world, "get", "config", "--appslug", APP, "--decrypt")[0] == 1
    assert not read(world, "kots_config_info")["secrets_comparable"]


def test_an_unknown_key_has_no_reason_from_the_program_and_a_near_name_from_the_module(world: Installation) -> None:
    code, _out, err = program(world, "set", "config", APP, "wokers=6")
    assert code == 1 and "failed to create new config" in err and "workers" not in err.replace("wokers", "")
    _result, failure = change(world, "kots_config", values={"wokers": 6})
    assert "workers" in failure


def test_the_program_builds_on_whatever_is_newest(world: Installation) -> None:
    from lab.kots.model import Version

    world.app.versions.append(Version(1, "3.4.1", world.state.stamp(), cursor="1", values=dict(world.app.versions[0].values)))
    program(world, "set", "config", APP, "workers=6", "--deploy")
    deployed = world.app.version(world.app.current)
    assert deployed is not None and deployed.label == "3.4.1", "a setting was to be changed, and the application was upgraded"
