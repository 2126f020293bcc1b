# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many clients are closed at once, how many must be left, how long one may take; and what is refused before the first write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.drain import decide, refusals, view
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Grant
from unit.plugins.module_utils.nomad.values import (
    ALL,
    MARKED,
    NEW,
    OLD,
    build,
    cordoned,
    decided,
    draining,
    ended,
    mark,
    opened,
    orders,
    ours,
    see,
    server,
    state,
    struck,
    wish,
)

new = pytest.mark.parametrize("version", NEW)
every = pytest.mark.parametrize("version", ALL)
THREE = ("c1", "c2", "c3")


def kinds(look: Any) -> list[str]:
    """The decisions of all targets in short."""
    return [decision.kind for decision in decide(look).values()]


@every
def test_without_a_limit_all_are_closed_at_once(version: str) -> None:
    assert kinds(see(state(version, *map(opened, THREE), targets=THREE))) == ["steps"] * 3


@every
def test_with_a_limit_of_one_only_one_is_closed(version: str) -> None:
    look = see(state(version, *map(opened, THREE), targets=THREE), wish(max_in_flight=1))
    assert kinds(look) == ["steps", "waiting", "waiting"] and "max_in_flight" in decide(look)["c2"].reason


@new
@pytest.mark.parametrize(
    ("first", "allocations", "second"),
    [
        pytest.param(ours("c1"), (build(node="c1"),), "waiting", id="it drains"),
        pytest.param(ours("c1"), (), "waiting", id="its drain is about to end"),
        pytest.param(cordoned("c1", last_drain=mark()), (ended(node="c1"),), "steps", id="it is drained"),
        pytest.param(cordoned("c1", status="disconnected"), (), "waiting", id="it is cut off"),
        pytest.param(cordoned("c1", status="down"), (build(node="c1"),), "steps", id="it is lost, hence stuck"),
    ],
)
def test_a_closed_client_holds_its_slot_until_it_ends(version: str, first: Any, allocations: tuple, second: str) -> None:
    targets = ("c1", "c2")
    before = see(state(version, opened("c1"), opened("c2"), targets=targets), wish(max_in_flight=1))
    look = see(state(version, first, opened("c2"), allocations=allocations, targets=targets), after=before)
    assert decide(look)["c2"].kind == second


@new
def test_a_killed_client_frees_its_slot(version: str) -> None:
    targets = ("c1", "c2")
    before = see(state(version, opened("c1"), opened("c2"), targets=targets), wish(max_in_flight=1))
    look = see(state(version, cordoned("c1", last_drain=mark()), opened("c2"), allocations=(struck(node="c1"),), targets=targets), after=before)
    assert kinds(look) == ["stuck", "steps"]


@new
def test_drains_of_others_elsewhere_take_slots(version: str) -> None:
    look = see(state(version, opened(), draining("c8", last=mark("autoscaler"))), wish(max_in_flight=1))
    assert decided(look).kind == "waiting" and "max_in_flight" in decided(look).reason
    assert decided(replace(look, spec=wish(max_in_flight=2))).kind == "steps"


@pytest.mark.parametrize("version", OLD)
def test_below_0_8_others_that_drain_for_ever_take_no_slot(version: str) -> None:
    assert decided(see(state(version, opened(), draining("c8")), wish(max_in_flight=1))).kind == "steps"


@new
def test_a_cordon_elsewhere_takes_no_slot(version: str) -> None:
    assert decided(see(state(version, opened(), cordoned("c8")), wish(max_in_flight=1))).kind == "steps"


@new
def test_several_slots_are_filled_one_a_look(version: str) -> None:
    targets = ("c1", "c2", "c3", "c4")
    nodes = [opened(name) for name in targets]
    assert kinds(see(state(version, *nodes, targets=targets), wish(max_in_flight=2))).count("steps") == 1
    before = see(state(version, *nodes, targets=targets), wish(max_in_flight=2))
    after_one = see(state(version, ours("c1"), *nodes[1:], allocations=(build(node="c1"),), targets=targets), after=before)
    assert kinds(after_one) == ["waiting", "steps", "waiting", "waiting"]
    after_two = see(state(version, ours("c1"), ours("c2"), *nodes[2:], allocations=(build(node="c1"), build(node="c2")), targets=targets), after=before)
    assert kinds(after_two) == ["waiting"] * 4


@new
def test_a_client_waiting_for_a_slot_is_unfinished_and_not_unknown(version: str) -> None:
    look = see(state(version, opened("c1"), opened("c2"), targets=("c1", "c2")), wish(max_in_flight=1))
    assert [node["verdict"] for node in view(look, decide(look))["nodes"]] == ["unfinished", "unfinished"]


@new
def test_cordoning_knows_no_slots(version: str) -> None:
    look = see(state(version, *map(opened, THREE), targets=THREE), wish(state="cordoned", max_in_flight=1))
    assert kinds(look) == ["steps"] * 3


# -- min_ready --------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize(
    ("others", "refused"),
    [
        pytest.param((opened("c2"),), True, id="one other"),
        pytest.param((opened("c2"), cordoned("c3")), True, id="one other and a cordoned one"),
        pytest.param((opened("c2"), opened("c3", status="down")), True, id="one other and one that is down"),
        pytest.param((opened("c2"), draining("c3")), True, id="one other and one that drains"),
        pytest.param((opened("c2"), opened("c3")), False, id="two others"),
    ],
)
def test_min_ready_counts_ready_open_clients_besides_the_targets(version: str, others: tuple, refused: bool) -> None:
    seen = state(version, opened(), *others)
    look = see(replace(seen, nodes={key: node for key, node in seen.nodes.items() if key != "c9"}), wish(min_ready=2))
    assert bool(refusals(look)) is refused


@every
def test_too_few_are_a_refusal_first_and_a_wait_later(version: str) -> None:
    seen = state(version, opened())
    alone = replace(seen, nodes={"c1": seen.nodes["c1"]})
    look = see(alone, wish())
    assert len(refusals(look)) == 1
    assert decided(look).kind == "waiting" and "min_ready" in decided(look).reason and decided(look).steps == ()


@every
def test_the_refusal_names_the_zero_for_a_site_with_one_client(version: str) -> None:
    seen = state(version, opened())
    sentence = refusals(see(replace(seen, nodes={"c1": seen.nodes["c1"]}), wish()))[0]
    assert "min_ready is 1" in sentence and "min_ready: 0" in sentence and "one client" in sentence
    assert refusals(see(replace(seen, nodes={"c1": seen.nodes["c1"]}), wish(min_ready=0))) == []


@new
def test_min_ready_is_not_asked_when_every_target_is_closed_already(version: str) -> None:
    seen = state(version, ours(), allocations=(build(),))
    look = see(replace(seen, nodes={"c1": seen.nodes["c1"]}), wish(min_ready=5))
    assert refusals(look) == [] and decided(look).kind == "waiting" and "min_ready" not in decided(look).reason


@new
def test_min_ready_is_not_asked_for_making_clients_eligible(version: str) -> None:
    seen = state(version, ours())
    assert refusals(see(replace(seen, nodes={"c1": seen.nodes["c1"]}), wish(state="eligible", min_ready=5))) == []


@new
def test_min_ready_holds_for_cordoning_too(version: str) -> None:
    seen = state(version, opened())
    look = see(replace(seen, nodes={"c1": seen.nodes["c1"]}), wish(state="cordoned"))
    assert refusals(look) and decided(look).kind == "waiting"


# -- max_build_time ---------------------------------------------------------------------------------


@new
def test_after_max_build_time_a_client_is_unfinished_and_its_slot_free(version: str) -> None:
    spec = wish(max_build_time=600.0, max_in_flight=1)
    targets = ("c1", "c2")
    before = see(state(version, opened("c1"), opened("c2"), targets=targets), spec)
    running = state(version, ours("c1"), opened("c2"), allocations=(build(node="c1"),), targets=targets)
    early = see(running, after=before, phase=599.0)
    assert kinds(early) == ["waiting", "waiting"] and 0 < decided(early).recheck <= 1.0
    late = see(running, after=before, phase=600.0)
    assert kinds(late) == ["stuck", "steps"] and "max_build_time" in decided(late).reason
    assert view(late, decide(late))["nodes"][0]["verdict"] == "unfinished"
    assert decided(late).steps == ()  # closed and draining without deadline: running the same command again goes on


@pytest.mark.parametrize("version", MARKED)
def test_max_build_time_holds_for_a_joined_drain_too(version: str) -> None:
    look = see(state(version, draining(last=mark("autoscaler")), allocations=(build(),)), wish(max_build_time=60.0), phase=60.0)
    assert decided(look).kind == "stuck" and decided(look).steps == ()


@new
def test_max_build_time_never_ends_a_client_that_is_empty(version: str) -> None:
    look = see(state(version, cordoned(), allocations=(ended(),)), wish(max_build_time=60.0), phase=3600.0)
    assert decided(look).kind == "settled"


@pytest.mark.parametrize("version", OLD)
def test_below_0_8_max_build_time_ends_the_wait_with_the_client_left_open(version: str) -> None:
    look = see(state(version, opened(), allocations=(build(),)), wish(max_build_time=60.0), phase=60.0)
    assert decided(look).kind == "stuck" and decided(look).steps == ()


# -- what is refused --------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("wanted", ["drained", "eligible"])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"acl": True}, ["nomad_token", "management"], id="ACLs on, nothing proved"),
        pytest.param({"acl": True, "grant": Grant(True, False, "it sees nothing")}, ["ACLs are on", "it sees nothing"], id="ACLs on, writes only"),
        pytest.param({"acl": True, "grant": Grant(False, True, "it only sees")}, ["ACLs are on", "it only sees"], id="ACLs on, reads only"),
        pytest.param({"paused": True}, ["PauseEvalBroker", "unpause"], id="the broker is paused"),
    ],
)
def test_servers_that_could_lie_are_refused(version: str, wanted: str, fields: dict, words: list[str]) -> None:
    found = refusals(see(state(version, opened(), server=server(version, **fields)), wish(state=wanted)))
    assert len(found) == 1 and all(word in found[0] for word in words)


@every
def test_acls_with_a_proved_token_and_no_acls_are_fine(version: str) -> None:
    assert refusals(see(state(version, opened(), server=server(version, acl=True, grant=Grant(True, True, ""))))) == []
    assert refusals(see(state(version, opened()))) == []


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"state": "cordoned"}, ["state is cordoned", "0.5.6", "drained"], id="cordoned"),
        pytest.param({"deadline": 60.0, "allow_killing_builds": True}, ["deadline is 60", "0.5.6", "leave it out"], id="deadline"),
    ],
)
def test_below_0_8_what_it_does_not_know_is_refused(version: str, fields: dict, words: list[str]) -> None:
    found = refusals(see(state(version, opened()), wish(**fields)))
    assert len(found) == 1 and all(word in found[0] for word in words)


@every
def test_every_reason_is_told_at_once(version: str) -> None:
    seen = state(version, opened(), server=server(version, acl=True, paused=True))
    assert len(refusals(see(replace(seen, nodes={"c1": seen.nodes["c1"]})))) == 3


@new
def test_a_cordon_waits_for_min_ready_and_is_sent_when_others_are_back(version: str) -> None:
    assert orders(decided(see(state(version, opened()), wish(state="cordoned")))) == ["cordon"]
