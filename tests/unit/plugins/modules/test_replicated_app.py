# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of replicated_app, against the lab's Services host: one restart, consent, what does not come up, notes of others."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import yaml
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import note_name
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from unit.laws.running import module_run
from unit.laws.services_world import ServicesWorld

MODULE = import_module("ansible_collections.serverops.circleci.plugins.modules.replicated_app")
Json = dict[str, Any]
ONCE = {"restart_if_pending": True, "allow_downtime": True}


@pytest.fixture
def world() -> ServicesWorld:
    return ServicesWorld()


def go(world: ServicesWorld, check: bool = False, **params: Any) -> tuple[Json, str]:
    result = module_run(MODULE.DOOR, world, {"wait_timeout": 300.0, **params}, check)
    return result, str(result.get("msg", ""))


def test_one_restart_for_any_number_of_notes(world: ServicesWorld) -> None:
    world.noted(*(f"/etc/file-{number}" for number in range(20)))
    result, failure = go(world, **ONCE)
    assert failure == "" and result["changed"]
    assert [step["step"] for step in result["steps"]] == ["stop", "start", "clear"]
    assert world.host.count("create") == 1
    assert len(result["cleared"]) == 20 and result["pending"] == []
    assert set(result) - {"changed", "diff"} == set(yaml.safe_load(MODULE.RETURN))
    again, failure = go(world, **ONCE)
    assert (again["changed"], failure, world.host.count("create")) == (False, "", 1)


def test_without_consent_it_fails_naming_the_notes_in_check_mode_too(world: ServicesWorld) -> None:
    world.noted("settings", "/etc/x")
    for check in (False, True):
        result, failure = go(world, check, restart_if_pending=True)
        assert "settings: it was changed; /etc/x: it was changed" in failure and "allow_downtime" in failure
        assert [note["what"] for note in result["pending"]] == ["settings", "/etc/x"]
    assert world.writes() == []


def test_check_mode_says_that_it_would_cause_downtime(world: ServicesWorld) -> None:
    world.noted("settings")
    result, failure = go(world, True, **ONCE)
    assert failure == "" and result["changed"]
    assert result["steps"][0] == {"step": "stop", "id": "app", "downtime": True, "why": "settings: it was changed"}
    assert world.writes() == [] and world.host.count("stop") == 0


def test_started_is_not_up(world: ServicesWorld) -> None:
    """Replicated says started long before the health URLs do."""
    world.noted("settings")
    world.host.trouble("unhealthy")
    result, failure = go(world, **ONCE, wait_timeout=200.0)
    assert "wait_timeout (200 s)" in failure and "http://127.0.0.1:80/health-check" in failure
    assert (result["app"]["state"], result["app"]["healthy"]) == ("started", False)
    assert [note.what for note in PendingRestarts(world.notes_path).notes()] == ["settings"], "not served yet"
    assert world.host.count("create") == 1


@pytest.mark.parametrize(("kind", "words"), [("fails", "Container frontend exited with code 1"), ("hangs", "the app is starting")])
def test_an_app_that_does_not_come_up_is_no_success(world: ServicesWorld, kind: str, words: str) -> None:
    world.noted("settings")
    world.host.trouble(kind)
    result, failure = go(world, **ONCE)
    assert words in failure and result["app"]["healthy"] is False
    assert [note.what for note in PendingRestarts(world.notes_path).notes()] == ["settings"]


def test_a_run_that_found_it_failing_is_repeated_when_the_cause_is_gone(world: ServicesWorld) -> None:
    world.noted("settings")
    world.host.trouble("fails")
    go(world, **ONCE)
    world.host.trouble("")
    result, failure = go(world, restart_if_pending=True)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["start", "clear"], "no consent is needed for a start"


def test_a_restart_that_is_under_way_is_waited_for_and_serves_the_notes(world: ServicesWorld) -> None:
    world.noted("settings")
    world.host.run("replicatedctl", "app", "apply-config")
    world.clock.sleep(2)
    result, failure = go(world, restart_if_pending=True)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["clear"]
    assert world.host.count("create") == 1


def test_replicated_that_is_initializing_is_waited_for(world: ServicesWorld) -> None:
    with world.host.look() as now:
        now.restart_daemon()
    world.noted("settings")
    first, failure = go(world, **ONCE)
    assert first.get("failed") and "initializing" in failure, "at the very beginning nothing is known"
    world.clock.sleep(60)
    assert go(world, **ONCE)[1] == ""


def test_notes_about_docker_are_named_and_left(world: ServicesWorld) -> None:
    world.noted("/etc/docker/daemon.json", restart="docker")
    result, failure = go(world, **ONCE)
    assert (failure, result["changed"]) == ("", False)
    assert [(note["what"], note["restart"]) for note in result["other_pending"]] == [("/etc/docker/daemon.json", "docker")]


@pytest.mark.parametrize("restart", ["docker", "nomad"])
def test_a_note_whose_unit_was_restarted_since_is_cleared(world: ServicesWorld, restart: str) -> None:
    world.noted("proxy", restart=restart)
    world.clock.sleep(30)
    world.units[f"{restart}.service"] = world.clock.wall()
    world.clock.sleep(30)
    world.noted("late", restart=restart)
    predicted, _failure = go(world, True, **ONCE)
    result, failure = go(world, **ONCE)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["clear"] and predicted["steps"] == result["steps"]
    assert [note["what"] for note in result["cleared"]] == ["proxy"] and [note["what"] for note in result["other_pending"]] == ["late"]
    assert not go(world, **ONCE)[0]["changed"] and world.host.count("stop") == 0


def test_a_note_that_cannot_be_read_stops_it(world: ServicesWorld) -> None:
    world.noted("settings")
    (world.host.directory / "pending" / note_name("settings")).write_text("{")
    _result, failure = go(world, **ONCE)
    assert "restart note" in failure and "cannot be read" in failure and world.writes() == []


def test_an_order_is_followed_until_it_has_begun(world: ServicesWorld) -> None:
    """A task begins a while after it was ordered; the state of before must not be taken for its end, nor the order be given again."""
    world.host.trouble("", begin=40.0)
    result, failure = go(world, state="restarted", allow_downtime=True)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["stop", "start"]
    assert (world.host.count("stop"), world.host.count("start"), world.host.count("create")) == (1, 1, 1)


def test_without_waiting_it_does_what_is_due_once(world: ServicesWorld) -> None:
    result, failure = go(world, state="stopped", allow_downtime=True, wait=False)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["stop"]
    assert result["app"]["transitioning"]


@pytest.mark.parametrize("check", [False, True])
def test_bad_input_is_one_sentence_and_nothing_is_done(world: ServicesWorld, check: bool) -> None:
    for params, words in (({"state": "stopped", "restart_if_pending": True}, "leave one of them out"), ({"health_urls": ["x"]}, "http://")):
        _result, failure = go(world, check, **params)
        assert words in failure and "\n" not in failure
    world.broken = True
    assert "run this on the Services host" in go(world, check)[1]
    assert world.writes() == []


def test_a_change_that_is_half_written_is_not_put_into_force(world: ServicesWorld) -> None:
    world.noted("settings")
    world.half_done("proxy of the app")
    for check in (False, True):
        failure = go(world, check, **ONCE)[1]
        assert "proxy of the app" in failure and "run the play that configures again" in failure, failure
    assert world.writes() == [] and world.host.count("stop") == 0
