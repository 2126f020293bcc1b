# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One client as a drain sees it: the spec from parameters, what is remembered, the facts of the diff."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.case import DrainSpec, case_for, drain_spec, facts, remember
from unit.plugins.module_utils.nomad.values import (
    ALL,
    OTHER,
    SINCE_NS,
    build,
    cordoned,
    draining,
    ended,
    mark,
    opened,
    ours,
    see,
    state,
    struck,
    unread,
    winding_up,
    wish,
)


def test_a_spec_has_the_defaults_of_the_catalogue() -> None:
    assert drain_spec({"nodes": ["c1"]}) == DrainSpec(("c1",), "drained", None, False, True, 0, None, 1, "serverops.circleci", False)


def test_what_is_not_given_takes_the_default() -> None:
    assert drain_spec({"nodes": ["c1"], "deadline": None, "owner": None}) == DrainSpec(("c1",))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"nodes": []}, ["nodes is empty"]),
        ({"nodes": ["c1"], "max_in_flight": -1}, ["max_in_flight is -1", "0 or more"]),
        ({"nodes": ["c1"], "min_ready": -2}, ["min_ready is -2", "0 or more"]),
        ({"nodes": ["c1"], "deadline": 0, "allow_killing_builds": True}, ["deadline is 0", "more than 0"]),
        ({"nodes": ["c1"], "max_build_time": -3.0}, ["max_build_time is -3.0", "more than 0"]),
        ({"nodes": ["c1"], "deadline": 60.0}, ["deadline is 60", "allow_killing_builds"]),
        ({"nodes": ["c1"], "deadline": 60.0, "allow_killing_builds": True, "state": "eligible"}, ["deadline is 60", "state is eligible"]),
        ({"nodes": ["c1"], "owner": "  "}, ["owner is empty"]),
        ({}, ["nodes is required"]),
    ],
)
def test_a_spec_that_cannot_be_is_refused_by_name(given: dict, words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        drain_spec(given)
    assert all(word in str(caught.value) for word in words)


def test_the_baseline_is_kept_and_what_was_seen_adds_up() -> None:
    first = see(state("1.1.2", opened(instance_id="i-1"), allocations=(build(started="2026-11-23T08:00:01Z"),)))
    later = see(state("1.1.2", unread(cordoned()), allocations=(ended(), build("b2"))), after=first)
    past = later.memory["targets"]["c1"]
    assert past["open"] is True and past["closed"] is True and past["instance"] == "i-1" and past["name"] == "c1"
    assert {key: entry[:2] for key, entry in past["builds"].items()} == {"a-b1": ["b1", "2026-11-23T08:00:01Z"], "a-b2": ["b2", ""]}


def test_memory_is_plain_data_and_remembering_twice_adds_nothing() -> None:
    import json

    look = see(state("1.1.2", ours(), allocations=(build(), struck("b2"))))
    assert json.loads(json.dumps(look.memory)) == look.memory
    assert remember(look) == look.memory


@pytest.mark.parametrize("version", ALL)
def test_a_client_gone_at_the_first_look_is_remembered_by_its_id(version: str) -> None:
    look = see(state(version))
    assert case_for(look, "c1").name == "c1" and facts(look)["c1"]["status"] == "absent"


@pytest.mark.parametrize(
    ("last", "known"),
    [
        pytest.param(mark(), ["a-old"], id="ours: what is older than the mark"),
        pytest.param(mark(OTHER), ["a-new", "a-old"], id="another's: all that is there"),
        pytest.param(None, ["a-new", "a-old"], id="no drain: all that is there"),
    ],
)
def test_which_stops_are_older_than_the_task(last: object, known: list[str]) -> None:
    before, after = struck("old", modified=SINCE_NS - 1), struck("new", modified=SINCE_NS + 1)
    look = see(state("1.1.2", cordoned(last_drain=last), allocations=(before, after)))
    assert sorted(look.memory["targets"]["c1"]["known"]) == known


@pytest.mark.parametrize("text", ["", "yesterday", "2026"])
def test_a_mark_with_an_unreadable_time_counts_nothing_as_ours(text: str) -> None:

    look = see(state("1.1.2", cordoned(last_drain=mark()._replace(started=text)), allocations=(struck(),)))
    assert look.memory["targets"]["c1"]["known"] == ["a-b1"]


def test_busy_builds_and_stopping_are_three_questions() -> None:
    everything = (build("b"), winding_up("w"), build("s", job_type="service"), build("y", job_type="system"), winding_up("z", job_type="system"), ended("e"))
    case = case_for(see(state("1.7.7", opened(), allocations=everything)), "c1")
    assert [a.job for a in case.busy] == ["b", "w", "s"]
    assert [a.job for a in case.builds] == ["b", "w"]
    assert [a.job for a in case.stopping] == ["w", "z"]


def test_facts_tell_the_state_as_seen() -> None:
    look = see(state("1.7.7", draining(deadline=60.0, last=mark(OTHER)), allocations=(build(), winding_up("b2"))))
    assert facts(look)["c1"] == {
        "name": "c1",
        "status": "ready",
        "eligible": False,
        "draining": True,
        "deadline": 60.0,
        "owner": OTHER,
        "live": ["a-b1", "a-b2"],
        "stopping": ["a-b2"],
    }


def test_facts_call_unknown_what_was_not_read() -> None:
    found = facts(see(state("1.7.7", unread(ours()), blind={"c1": None}), wish()))["c1"]
    assert (found["deadline"], found["live"], found["stopping"]) == ("unknown", "unknown", [])
