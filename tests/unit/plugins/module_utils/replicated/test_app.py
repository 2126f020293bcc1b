# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of the one restart, decision by decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Look
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import Note
from ansible_collections.serverops.circleci.plugins.module_utils.replicated import app
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.app_model import AppSpec, AppState, ClearNotes, StartApp, StopApp, app_spec
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.model import AppStatus, Container

NOW = datetime(2026, 3, 4, 5, 6, 7, 0, timezone.utc)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
OLD = Note("settings", "hostname was changed", NOW - HOUR / 2)
UP = AppState(AppStatus("started", "started", False, modified="1"), (Container("frontend", True, NOW - HOUR), Container("nomad", True, NOW)), (), (), NOW)
DOWN = replace(UP, status=AppStatus("stopped", "stopped", False, modified="2"), containers=(Container("frontend", False, NOW - HOUR),))
FRESH = replace(UP, containers=(Container("frontend", True, NOW + SECOND), Container("nomad", True, NOW + 2 * SECOND)))
ONCE = AppSpec(restart_if_pending=True, allow_downtime=True)


def decide(spec: AppSpec, *states: AppState) -> Decision:
    """What is decided on the last, when all were seen one after the other."""
    memory: dict[str, Any] = {}
    for state in states:
        memory = app.remember(Look(spec, state, memory))
    return app.decide(Look(spec, states[-1], memory))["app"]


def steps(spec: AppSpec, *states: AppState) -> list[str]:
    return [type(step).__name__ for step in decide(spec, *states).steps]


def moving(state: str, desired: str, base: AppState = UP) -> AppState:
    return replace(base, status=AppStatus(state, desired, True, modified="3"))


def test_state_alone_is_not_enough() -> None:
    assert decide(AppSpec(), UP).kind == "settled"
    assert decide(AppSpec(), moving("started", "started")).kind == "waiting"
    assert decide(AppSpec(state="stopped"), moving("stopped", "stopped", DOWN)).kind == "waiting"
    assert decide(AppSpec(), replace(UP, unhealthy=("http://h",))).kind == "waiting"
    assert decide(AppSpec(), replace(UP, containers=())).kind == "waiting", "started, but nothing runs"


def test_a_note_is_served_by_one_stop_and_start_and_then_cleared() -> None:
    noted, fresh = replace(UP, notes=(OLD,)), replace(FRESH, notes=(OLD,))
    assert steps(ONCE, noted) == ["StopApp"]
    assert steps(ONCE, noted, replace(DOWN, notes=(OLD,))) == ["StartApp"]
    assert steps(ONCE, noted, replace(DOWN, notes=(OLD,)), fresh) == ["ClearNotes"]
    assert decide(ONCE, noted, replace(DOWN, notes=(OLD,)), fresh, FRESH).kind == "settled"


def test_the_oldest_container_tells_what_is_live() -> None:
    one_restarted = replace(UP, containers=(Container("telegraf", True, NOW), Container("frontend", True, NOW - HOUR)), notes=(OLD,))
    assert steps(ONCE, one_restarted) == ["StopApp"]
    ended = replace(one_restarted, containers=(Container("telegraf", True, NOW), Container("frontend", False, NOW - HOUR)))
    assert steps(ONCE, ended) == ["ClearNotes"]


def test_what_a_start_has_served_is_cleared_without_a_restart_and_without_consent() -> None:
    for spec in (AppSpec(restart_if_pending=True), AppSpec()):
        assert steps(spec, replace(FRESH, notes=(OLD,))) == ["ClearNotes"]
        assert decide(spec, replace(FRESH, notes=(OLD,), unhealthy=("http://h",))).kind == "waiting", "not before it is healthy"


def test_without_being_asked_notes_wait() -> None:
    assert decide(AppSpec(), replace(UP, notes=(OLD,))).kind == "settled"
    assert "1 of the notes wait" in decide(AppSpec(), replace(UP, notes=(OLD,))).reason


def test_notes_about_something_else_are_not_ours() -> None:
    docker = replace(OLD, restart="docker")
    assert decide(ONCE, replace(UP, notes=(docker,))).kind == "settled"
    assert decide(ONCE, replace(FRESH, notes=(docker,))).kind == "settled", "and not cleared"
    assert steps(ONCE, replace(UP, notes=(docker, OLD), others_served=(docker,))) == ["StopApp"]
    assert steps(AppSpec(), replace(UP, notes=(docker, OLD), others_served=(docker,))) == ["ClearNotes"]


def test_what_is_noted_while_it_restarts_waits_for_the_next() -> None:
    late = replace(OLD, what="/etc/x", time=NOW + HOUR)
    seen = (replace(UP, notes=(OLD,)), replace(DOWN, notes=(OLD,)), replace(FRESH, notes=(OLD, late)))
    decision = decide(ONCE, *seen)
    assert [step.notes for step in decision.steps if isinstance(step, ClearNotes)] == [(OLD,)]
    assert decide(ONCE, *seen, replace(FRESH, notes=(late,))).kind == "settled"
    assert steps(ONCE, replace(FRESH, notes=(late,))) == ["StopApp"], "by the next run"


def test_a_start_that_somebody_else_had_begun_before_the_note_does_not_serve_it() -> None:
    note = replace(OLD, time=NOW - SECOND)
    coming = replace(moving("starting", "started"), notes=(note,), containers=(Container("frontend", True, NOW - 2 * SECOND),))
    assert decide(ONCE, coming).kind == "waiting"
    assert steps(ONCE, coming, replace(UP, containers=coming.containers, notes=(note,))) == ["StopApp"]


def test_nothing_is_restarted_while_a_change_is_half_written() -> None:
    half = replace(UP, notes=(OLD,), half_done=("proxy of the app",))
    for spec in (ONCE, AppSpec(state="restarted", allow_downtime=True), AppSpec(restart_if_pending=True)):
        decision = decide(spec, half)
        assert decision.kind == "stuck" and "did not end" in decision.reason and "proxy of the app" in decision.reason, decision.reason
        assert "run the play that configures again" in decision.reason
    assert decide(AppSpec(), half).kind == "settled", "who asks for no restart gets none"
    assert steps(AppSpec(state="stopped", allow_downtime=True), half) == ["StopApp"], "a stop reads no files"
    assert steps(ONCE, half, replace(DOWN, half_done=half.half_done)) == ["StartApp"], "an app that is down is brought up"


def test_clocks_that_differ_do_not_make_it_restart_for_ever() -> None:
    future = replace(OLD, time=NOW + 9 * HOUR)
    decision = decide(ONCE, replace(UP, notes=(future,)), replace(DOWN, notes=(future,)), replace(FRESH, notes=(future,)))
    assert decision.kind == "stuck" and "compare the clocks" in decision.reason


@pytest.mark.parametrize(
    ("spec", "state", "words"),
    [
        (AppSpec(restart_if_pending=True), replace(UP, notes=(OLD,)), ("would restart it", "settings: hostname was changed", "downtime", "allow_downtime")),
        (AppSpec(state="restarted"), UP, ("would restart it", "state is restarted", "allow_downtime")),
        (AppSpec(state="stopped"), UP, ("would stop it", "downtime", "allow_downtime")),
    ],
)
def test_a_stop_needs_consent(spec: AppSpec, state: AppState, words: tuple[str, ...]) -> None:
    decision = decide(spec, state)
    assert decision.kind == "stuck" and all(word in decision.reason for word in words), decision.reason
    assert steps(replace(spec, allow_downtime=True), state) == ["StopApp"]


def test_a_start_needs_none() -> None:
    assert steps(AppSpec(restart_if_pending=True), replace(DOWN, notes=(OLD,))) == ["StartApp"]


def test_restarted_means_younger_than_the_task() -> None:
    spec = AppSpec(state="restarted", allow_downtime=True)
    assert steps(spec, UP) == ["StopApp"]
    assert steps(spec, UP, DOWN) == ["StartApp"]
    assert decide(spec, UP, DOWN, FRESH).kind == "settled"
    assert decide(spec, UP, DOWN, UP).kind == "stuck"


def test_a_start_that_comes_to_nothing_is_told_in_replicateds_words() -> None:
    failed = replace(DOWN, status=AppStatus("stopped", "started", False, "frontend exited", modified="9"))
    assert steps(AppSpec(), failed) == ["StartApp"], "found so: tried once"
    decision = decide(AppSpec(), failed, moving("starting", "started", DOWN), failed)
    assert decision.kind == "stuck" and "frontend exited" in decision.reason
    later = replace(failed, status=replace(failed.status, modified="10"))
    assert decide(AppSpec(), failed, later).kind == "stuck", "it failed too fast to be seen on its way"


def test_the_fold_ends_as_the_run_does() -> None:
    state = app.effect(replace(UP, notes=(OLD,)), StopApp(""))
    assert (state.is_down, state.started) == (True, None)
    risen = app.effect(state, StartApp())
    assert risen.is_up and risen.served == (OLD,)
    assert app.effect(risen, ClearNotes((OLD,))).notes == ()


PARAMS: dict[str, Any] = {
    **{"state": "started", "restart_if_pending": False, "allow_downtime": False, "health_urls": [], "containers": ["frontend"]},
    "restart_notes": "/x",
}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"state": "stopped", "restart_if_pending": True}, "leave one of them out"),
        ({"health_urls": ["localhost:80"]}, "begin with http"),
        ({"containers": []}, "containers is empty"),
    ],
)
def test_options_that_do_not_go_together(params: dict[str, Any], words: str) -> None:
    assert app_spec(PARAMS).restart_notes == "/x"
    with pytest.raises(BadInput, match=words):
        app_spec({**PARAMS, **params})
