# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drain's way to the servers: what is read for which decision, what is written, and how few requests it takes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound, Overtaken
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.case import DrainSpec
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.drain_port import GAP, DrainPort
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.lists import LONG
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Strategy
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.steps import LiftDrain, SetDrain, SetEligibility
from unit.plugins.module_utils.nomad.script import Said, ok, scripted, text
from unit.plugins.module_utils.nomad.values import OTHER, OURS

ONE = "11111111-2222-4333-8444-555555555551"
TWO = "21111111-2222-4333-8444-555555555552"
NOTHING = frozenset[str]()
META = {
    "serverops_owner": OURS,
    "serverops_run": "run-1",
    "serverops_intent": "drained",
    "serverops_since": "2026-11-23T08:00:00Z",
    "serverops_was": "eligible",
}


def agent(version: str) -> Said:
    config = {"Version": {"Version": version}, "Region": "global"}
    return ok({"config": config, "stats": {"nomad": {"leader": "true"}}}, asked="GET /v1/agent/self")


def data(item: str = ONE, name: str = "c1", index: int = 5, how: str = "open", **fields: Any) -> dict[str, Any]:
    """A client in the list's JSON, and in its own (which has more)."""
    told = {"ID": item, "Name": name, "Status": "ready", "ModifyIndex": index, "Drain": how == "draining", "Version": "1.1.2"}
    return {**told, "SchedulingEligibility": "eligible" if how == "open" else "ineligible", **fields}


def own(item: str = ONE, name: str = "c1", instance: str = "i-1", **fields: Any) -> dict[str, Any]:
    return data(item, name, Attributes={"unique.platform.aws.instance-id": instance}, Events=[], **fields)


def live(item: str = ONE) -> dict[str, Any]:
    return {"ID": "a1", "JobID": "b1", "NodeID": item, "JobType": "batch", "DesiredStatus": "run", "ClientStatus": "running"}


DRAINING = {"how": "draining", "DrainStrategy": {"Deadline": 0, "IgnoreSystemJobs": True}, "index": 8}


def lists(*nodes: dict[str, Any], allocations: tuple[dict[str, Any], ...] = ()) -> list[Said]:
    return [ok(list(nodes), asked="GET /v1/nodes"), ok(list(allocations), asked="GET /v1/allocations")]


def first(*nodes: dict[str, Any], version: str = "1.1.2", allocations: tuple[dict[str, Any], ...] = ()) -> list[Said]:
    """The answers to a first look."""
    listed, found = lists(*nodes, allocations=allocations)
    return [listed, agent(version), found]


def spec(*names: str, **fields: Any) -> DrainSpec:
    return DrainSpec(**{"nodes": names or ("c1",), **fields})


def test_a_first_look_at_an_open_client_takes_three_requests() -> None:
    with scripted(*first(data())) as (client, _script, clock):
        state = DrainPort(client, spec(), "run-1", clock).read(NOTHING)
    assert state.targets == (ONE,) and state.nodes[ONE].is_open and state.server.version_text == "1.1.2"


@pytest.mark.parametrize(
    ("node", "allocations", "state", "asked"),
    [
        pytest.param(data(), (live(),), "drained", True, id="open and busy: its instance id, should it vanish"),
        pytest.param(data(how="closed"), (), "drained", False, id="closed and idle: the verdict will read it"),
        pytest.param(data(how="closed"), (live(),), "drained", True, id="closed and busy: whose is it"),
        pytest.param(data(how="draining"), (), "drained", True, id="draining: the list hides the strategy"),
        pytest.param(data(how="closed"), (), "eligible", True, id="to be opened: was it ours"),
    ],
)
def test_a_clients_own_object_is_read_where_a_decision_needs_it(node: dict, allocations: tuple, state: str, asked: bool) -> None:
    more = [ok(own(**{**DRAINING, "index": 5}), asked=f"GET /v1/node/{ONE}")] if asked else []
    with scripted(*first(node, allocations=allocations), *more) as (client, _script, clock):
        found = DrainPort(client, spec(state=state), "run-1", clock).read(NOTHING)
    assert (found.nodes[ONE].instance_id == "i-1") is asked


def test_an_unchanged_client_is_not_read_again_and_a_changed_one_is() -> None:
    node, changed = data(**DRAINING), data(**{**DRAINING, "index": 9})
    answers = [*first(node, allocations=(live(),)), ok(own(**DRAINING)), *lists(node, allocations=(live(),)), *lists(changed, allocations=(live(),))]
    with scripted(*answers, ok(own(**{**DRAINING, "index": 9}))) as (client, script, clock):
        port = DrainPort(client, spec(), "run-1", clock)
        assert [port.read(NOTHING).nodes[ONE].change for _round in range(3)] == [8, 8, 9]
    assert script.calls.count(f"GET /v1/node/{ONE}") == 2


def test_a_confirmation_reads_the_clients_own_node_and_allocations() -> None:
    answers = [*first(data(how="closed")), ok(own(how="closed"), asked=f"GET /v1/node/{ONE}"), ok([live()], asked=f"GET /v1/node/{ONE}/allocations")]
    with scripted(*answers) as (client, _script, clock):
        port = DrainPort(client, spec(), "run-1", clock)
        port.read(NOTHING)
        state = port.read(frozenset({ONE}))
    assert not state.nodes[ONE].eligible and [a.job for a in state.allocations[ONE] or ()] == ["b1"]


def test_what_ended_since_the_allocations_were_read_is_asked_of_the_client_once() -> None:
    """A wait's answer may be half a second old; a drain that ended meanwhile would be sent again, for builds that are over."""
    drains = data(**DRAINING)
    over = data(how="closed", index=9)
    answers = [*first(drains, allocations=(live(),)), ok(own(**DRAINING)), ok([live()], asked="GET /v1/allocations")]  # the wait
    answers += [ok([over], asked="GET /v1/nodes"), ok([], asked=f"GET /v1/node/{ONE}/allocations")]
    with scripted(*answers) as (client, _script, clock):
        port = DrainPort(client, spec(), "run-1", clock)
        port.read(NOTHING)
        port.wait(5.0)
        clock.sleep(0.1)
        state = port.read(NOTHING)
    assert state.allocations[ONE] == () and not state.nodes[ONE].draining


def test_a_drain_that_is_over_before_the_next_look_is_not_sent_again_for_builds_of_an_old_list() -> None:
    """A long list is kept for seconds: nothing but the client itself tells that its builds ended meanwhile."""
    others = tuple({**live("21111111-2222-4333-8444-555555555559"), "ID": f"a{number}"} for number in range(LONG + 1))
    closed = data(how="closed", index=9, LastDrain={"Status": "complete", "StartedAt": "2026-11-23T08:00:00Z", "Meta": META})
    answers = [*first(data(), allocations=(live(), *others)), ok(own(), asked=f"GET /v1/node/{ONE}"), ok({"NodeModifyIndex": 8})]
    answers += [ok([closed], asked="GET /v1/nodes"), ok([], asked=f"GET /v1/node/{ONE}/allocations")]
    with scripted(*answers) as (client, _script, clock):
        port = DrainPort(client, spec(), "run-1", clock)
        port.read(NOTHING)
        port.apply(SetDrain(ONE, 0.0, True, OURS, "eligible"))
        assert port.read(NOTHING).allocations[ONE] == ()


def test_a_client_missing_from_the_list_is_asked_for_by_itself() -> None:
    answers = [*first(data()), *lists(data(TWO, "c2")), ok(own(how="closed"), asked=f"GET /v1/node/{ONE}"), ok([], asked=f"GET /v1/node/{ONE}/allocations")]
    with scripted(*answers) as (client, _script, clock):
        port = DrainPort(client, spec(), "run-1", clock)
        port.read(NOTHING)
        assert ONE in port.read(NOTHING).nodes


def test_a_client_that_is_404_is_gone_and_found_under_its_new_id() -> None:
    """The list and the client's own object agree: the servers forgot it; its machine came back with the same instance id."""
    back = data(TWO, "c1", index=20)
    answers = [
        *first(data(how="draining"), allocations=(live(),)),
        ok(own(**{**DRAINING, "index": 5})),
        *lists(back),
        text(404, "node not found", asked=f"GET /v1/node/{ONE}"),
        ok(own(TWO, "c1", index=20), asked=f"GET /v1/node/{TWO}"),
    ]
    with scripted(*answers) as (client, _script, clock):
        port = DrainPort(client, spec(), "run-1", clock)
        port.read(NOTHING)
        state = port.read(NOTHING)
    assert ONE not in state.nodes and state.returned == {ONE: TWO} and state.targets == (ONE,)


def test_a_later_slice_keeps_its_targets_whatever_the_selectors_say_now() -> None:
    with scripted(*first(data(), data(TWO, "c2"))) as (client, _script, clock):
        assert DrainPort(client, spec("all"), "run-1", clock, {TWO: "i-2"}).read(NOTHING).targets == (TWO,)


def test_an_instance_id_asks_each_client_once() -> None:
    listed, self_, allocations = first(data(), data(TWO, "c2"))
    reads = [ok(own()), ok(own(TWO, "c2", "i-00000000000000002"))]
    with scripted(listed, self_, *reads, allocations) as (client, _script, clock):
        assert DrainPort(client, spec("i-00000000000000002"), "run-1", clock).read(NOTHING).targets == (TWO,)


def test_a_selector_that_names_nobody_is_refused_after_two_reads_and_no_write() -> None:
    listed, self_, _allocations = first(data())
    with scripted(listed, self_) as (client, _script, clock), pytest.raises(BadInput, match="no such client"):
        DrainPort(client, spec("c9"), "run-1", clock).read(NOTHING)


def test_an_unreadable_strategy_stays_unknown_when_the_client_vanished_in_between() -> None:
    answers = [*first(data(how="draining")), text(404, "node not found", asked=f"GET /v1/node/{ONE}")]
    with scripted(*answers) as (client, _script, clock):
        assert DrainPort(client, spec(), "run-1", clock).read(NOTHING).nodes[ONE].strategy is UNKNOWN


# -- writes -----------------------------------------------------------------------------------------

WROTE = ok({"Index": 8, "NodeModifyIndex": 8})
DRAIN = SetDrain(ONE, 0.0, True, OURS, "eligible")


def applied(step: Any, version: str = "1.1.2", node: dict[str, Any] | None = None, more: list[Said] | None = None, **fields: Any) -> Any:
    """The request that this step sends."""
    with scripted(*first(node or data(), version=version), *(more or []), WROTE) as (client, script, clock):
        port = DrainPort(client, spec(**fields), "run-1", clock)
        port.read(NOTHING)
        port.apply(step)
    return script.asked[-1]


BROKER = ok({"SchedulerConfig": {}}, asked="GET /v1/operator/scheduler/configuration")


def test_a_drain_from_1_1_carries_the_mark() -> None:
    asked = applied(DRAIN)
    assert (asked.method, asked.path) == ("POST", f"/v1/node/{ONE}/drain")
    assert asked.body == {"NodeID": ONE, "DrainSpec": {"Deadline": 0, "IgnoreSystemJobs": True}, "Meta": META}


def test_a_drain_from_0_8_carries_none() -> None:
    asked = applied(SetDrain(ONE, 600.0, False, OURS, "eligible"), "0.9.3")
    assert asked.body == {"NodeID": ONE, "DrainSpec": {"Deadline": 600_000_000_000, "IgnoreSystemJobs": False}}


@pytest.mark.parametrize(("step", "enable"), [(DRAIN, "true"), (LiftDrain(ONE), "false")])
def test_below_0_8_a_drain_is_a_switch(step: Any, enable: str) -> None:
    asked = applied(step, "0.5.6")
    assert (asked.method, asked.path, asked.query, asked.body) == ("POST", f"/v1/node/{ONE}/drain", {"enable": enable}, None)


def test_lifting_says_null_and_opens() -> None:
    assert applied(LiftDrain(ONE)).body == {"NodeID": ONE, "DrainSpec": None, "MarkEligible": True}


@pytest.mark.parametrize(("eligible", "word"), [(True, "eligible"), (False, "ineligible")])
def test_eligibility(eligible: bool, word: str) -> None:
    asked = applied(SetEligibility(ONE, eligible))
    assert asked.path == f"/v1/node/{ONE}/eligibility" and asked.body == {"NodeID": ONE, "Eligibility": word}


def test_a_drain_over_anothers_keeps_its_meta_and_its_owner() -> None:
    last = {"Status": "draining", "StartedAt": "2026-11-23T07:00:00Z", "UpdatedAt": "", "Meta": {"serverops_owner": OTHER, "message": "scale down"}}
    node = data(**DRAINING, LastDrain=last)
    asked = applied(DRAIN, node=node, more=[ok(own(**DRAINING, LastDrain=last))])
    assert asked.body["Meta"] == {**META, "message": "scale down", "serverops_previous_owner": OTHER}


@pytest.mark.parametrize(
    "seconds",
    [
        0.5,
        600.0,
        3600.0,
        8.2,
        64.1,
        600.7,
    ],
)
def test_a_deadline_comes_back_as_it_was_sent(seconds: float) -> None:
    sent = applied(SetDrain(ONE, seconds, True, OURS, "eligible")).body["DrainSpec"]["Deadline"]
    assert sent / 1_000_000_000 == seconds


def test_after_a_drain_its_strategy_is_known_without_a_read() -> None:
    answers = [*first(data(), allocations=(live(),)), WROTE, *lists(data(**{**DRAINING, "DrainStrategy": None}), allocations=(live(),))]
    with scripted(*answers) as (client, _script, clock):
        port = DrainPort(client, spec(), "run-1", clock, {ONE: "i-1"})
        port.read(NOTHING)
        port.apply(DRAIN)
        assert port.read(NOTHING).nodes[ONE].strategy == Strategy(0.0, True)
    assert clock.now() > 0  # a moment for an idle client's drain to end


def test_nothing_is_written_to_a_client_that_was_never_read() -> None:
    with scripted() as (client, _script, clock), pytest.raises(NotFound):
        DrainPort(client, spec(), "run-1", clock).apply(DRAIN)


def test_a_refused_write_says_during_which_act() -> None:
    refused = text(500, "can not set eligible while it is draining")
    with scripted(*first(data()), refused) as (client, _script, clock), pytest.raises(Exception, match="make eligible of client c1"):
        port = DrainPort(client, spec(), "run-1", clock)
        port.read(NOTHING)
        port.apply(SetEligibility(ONE, True))


# -- orders that could strike a build ----------------------------------------------------------------

UNSTICK = SetDrain(ONE, 3600.0, True, OURS, "eligible", why="unstick")
OWN_LIST = f"GET /v1/node/{ONE}/allocations"


def own_live(kind: str = "batch") -> dict[str, Any]:
    """As a client's own list tells it: the job is inside."""
    return {"ID": "a1", "JobID": "b1", "Job": {"Type": kind}, "NodeID": ONE, "DesiredStatus": "run", "ClientStatus": "running"}


@pytest.mark.parametrize(("version", "step"), [("0.5.6", DRAIN), ("1.1.2", UNSTICK)])
def test_an_order_that_would_strike_a_build_begun_since_the_look_is_not_sent(version: str, step: SetDrain) -> None:
    with scripted(*first(data(), version=version), ok([own_live()], asked=OWN_LIST)) as (client, script, clock):
        port = DrainPort(client, spec(), "run-1", clock)
        port.read(NOTHING)
        clock.sleep(GAP + 0.01)
        with pytest.raises(Overtaken, match="a build began on c1"):
            port.apply(step)
    assert script.asked[-1].method == "GET"


@pytest.mark.parametrize(("version", "step"), [("0.5.6", DRAIN), ("1.1.2", UNSTICK)])
@pytest.mark.parametrize("own_allocations", [[], [own_live("service")], [{**own_live(), "ClientStatus": "complete"}]])
def test_it_is_sent_once_the_client_itself_tells_of_no_build(version: str, step: SetDrain, own_allocations: list[Any]) -> None:
    with scripted(*first(data(), version=version), ok(own_allocations, asked=OWN_LIST), WROTE) as (client, script, clock):
        port = DrainPort(client, spec(), "run-1", clock)
        port.read(NOTHING)
        clock.sleep(GAP + 0.01)
        port.apply(step)
    assert script.asked[-1].method == "POST"


@pytest.mark.parametrize(("version", "step", "since"), [("0.5.6", DRAIN, GAP / 2), ("0.5.6", LiftDrain(ONE), 60.0), ("1.1.2", DRAIN, 60.0)])
def test_no_client_is_asked_where_the_list_is_fresh_or_the_order_strikes_nothing(version: str, step: Any, since: float) -> None:
    with scripted(*first(data(), version=version), WROTE) as (client, script, clock):
        port = DrainPort(client, spec(), "run-1", clock)
        port.read(NOTHING)
        clock.sleep(since)
        port.apply(step)
    assert script.asked[-1].method == "POST" and OWN_LIST not in script.calls


def test_what_a_client_told_before_an_order_stands_while_the_long_list_is_kept() -> None:
    others = tuple({**live(TWO), "ID": f"a{number}", "ClientStatus": "complete", "DesiredStatus": "run"} for number in range(LONG + 1))
    answers = [*first(data(), version="0.5.6", allocations=others), ok([own_live()], asked=OWN_LIST), ok([data()], asked="GET /v1/nodes")]
    with scripted(*answers, ok(own(), asked=f"GET /v1/node/{ONE}")) as (client, _script, clock):
        port = DrainPort(client, spec(), "run-1", clock)
        port.read(NOTHING)
        clock.sleep(GAP + 0.01)
        with pytest.raises(Overtaken):
            port.apply(DRAIN)
        assert [a.id for a in port.read(NOTHING).allocations[ONE] or ()] == ["a1"]


# -- waiting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("allocations", "waits_on"), [((live(),), "/v1/allocations"), ((), "/v1/nodes")])
def test_it_waits_on_the_list_that_matters_now(allocations: tuple, waits_on: str) -> None:
    with scripted(*first(data(), allocations=allocations), ok([], index=9)) as (client, script, clock):
        port = DrainPort(client, spec(), "run-1", clock, {ONE: "i-1"})
        port.read(NOTHING)
        port.wait(10.0)
    assert script.asked[-1].path == waits_on and script.asked[-1].query["index"] == "7"
