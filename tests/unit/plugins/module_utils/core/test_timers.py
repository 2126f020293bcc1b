# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times per item: how long unchanged, how long in a phase, how long waited for."""

from __future__ import annotations

import json

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import act, settled, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.core.timers import Timers


def test_an_item_is_still_since_its_facts_last_changed() -> None:
    timers = Timers({})
    timers.see({"a": {"n": 1}, "b": {"n": 1}}, 10.0)
    timers.see({"a": {"n": 1}, "b": {"n": 2}}, 14.0)
    assert timers.still(15.0) == {"a": 5.0, "b": 1.0}


def test_an_item_that_changes_back_is_not_still() -> None:
    timers = Timers({})
    for moment, fact in ((0.0, 1), (5.0, 2), (6.0, 1)):
        timers.see({"a": {"n": fact}}, moment)
    assert timers.still(8.0) == {"a": 2.0}


def test_a_phase_is_measured_from_its_first_decision_through_rounds_without_one() -> None:
    timers = Timers({})
    timers.judge({"a": waiting("drains", phase="drain")}, 3.0)
    timers.judge({"a": act("change it")}, 5.0)
    timers.judge({"a": waiting("drains", phase="drain")}, 6.0)
    assert timers.phases(10.0) == {"a": 7.0}


def test_another_phase_begins_anew() -> None:
    timers = Timers({})
    timers.judge({"a": waiting("waits", phase="queue")}, 3.0)
    timers.judge({"a": waiting("drains", phase="drain")}, 8.0)
    assert timers.phases(10.0) == {"a": 2.0}


def test_an_item_without_a_phase_has_no_time_in_one() -> None:
    timers = Timers({})
    timers.judge({"a": waiting("waits")}, 3.0)
    assert timers.phases(10.0) == {}


def test_waited_stops_at_the_end_and_goes_on_when_the_end_was_none() -> None:
    timers = Timers({})
    timers.judge({"a": settled("done"), "b": waiting("waits")}, 4.0)
    assert timers.waited(9.0) == {"a": 4.0, "b": 9.0}
    timers.judge({"a": settled("done")}, 7.0)
    assert timers.waited(9.0)["a"] == 4.0
    timers.judge({"a": waiting("not yet")}, 8.0)
    assert timers.waited(9.0)["a"] == 9.0


def test_the_times_go_on_in_the_next_slice() -> None:
    first = Timers({})
    first.see({"a": {"live": ["x"]}}, 1.0)
    first.judge({"a": waiting("drains", phase="drain")}, 2.0)
    second = Timers(json.loads(json.dumps(first.saved())))
    second.see({"a": {"live": ["x"]}}, 60.0)
    second.judge({"a": waiting("drains", phase="drain")}, 60.0)
    assert (second.still(61.0), second.phases(61.0)) == ({"a": 60.0}, {"a": 59.0})


def test_what_was_handed_in_is_not_written_to() -> None:
    handed = {"a": {"facts": 1, "since": 0.0}}
    Timers(handed).see({"a": {"n": 2}}, 5.0)
    assert handed == {"a": {"facts": 1, "since": 0.0}}
