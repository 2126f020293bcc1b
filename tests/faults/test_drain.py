# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may happen to clients and builds in mid drain (F17-F31): each is noticed, named, and never called drained."""

from __future__ import annotations

import pytest
from faults.operators import Operator, assert_drained, assert_true, both_profiles, both_ways, ends, is_closed, order, reasons, verdicts, writes

from lab.nomad.lab import Lab

SEC = 10**9


def site(profile: str, seconds: float | None = 30.0, clients: int = 3) -> Lab:
    lab = Lab(profile, clients=clients)
    lab.build("build-1", "c1", seconds=seconds)
    lab.clock.sleep(1)
    return lab


@both_ways
def test_F17_below_0_8_a_busy_client_is_waited_for_and_nothing_is_sent_until_it_is_idle(sliced: bool) -> None:
    lab = site("0.5.6", seconds=300)
    result = Operator(lab, sliced).drain("c1", wait_timeout=120)
    assert result["failed"] and verdicts(result) == {"c1": "unfinished"} and not result["changed"]
    assert not writes(lab) and not is_closed(lab, "c1")
    assert_drained(lab, Operator(lab, sliced).drain("c1"), "c1")
    sent = writes(lab, "/drain")
    assert len(sent) == 1 and sent[0]["t"] >= lab.truth()["builds"][0]["ended"]


@both_ways
@pytest.mark.parametrize("allowed", [False, True])
def test_F18_below_0_8_a_build_that_lands_in_the_gap_is_killed_and_named(sliced: bool, allowed: bool) -> None:
    lab = site("0.5.6", seconds=10)

    def hook(moment: str, _method: str, path: str) -> None:
        if moment == "before" and "/drain" in path:
            lab.build("late", "c1", seconds=60)
            lab.clock.sleep(0.5)

    result = Operator(lab, sliced, hook).drain("c1", allow_killing_builds=allowed)
    assert ends(lab) == {"build-1": "itself", "late": "killed"}
    assert [build["job"] for build in result["nodes"][0]["killed"]] == ["late"]
    assert verdicts(result) == {"c1": "killed"} and result["failed"] is not allowed


@both_ways
def test_F18_from_0_8_a_build_that_lands_in_the_gap_ends_by_itself(sliced: bool) -> None:
    lab = site("1.1.2", seconds=10)

    def hook(moment: str, _method: str, path: str) -> None:
        if moment == "before" and "/drain" in path and "late" not in lab.cluster.jobs:
            lab.build("late", "c1", seconds=60)
            lab.clock.sleep(0.5)

    assert_drained(lab, Operator(lab, sliced, hook).drain("c1"), "c1")
    assert ends(lab)["late"] == "itself"


@both_profiles
@both_ways
@pytest.mark.parametrize("bound", ["wait_timeout", "max_build_time"])
def test_F19_a_build_that_outlives_the_bound_is_unfinished_named_and_goes_on(profile: str, sliced: bool, bound: str) -> None:
    lab = site(profile, seconds=500)
    result = Operator(lab, sliced).drain("c1", **{bound: 60})
    assert result["failed"] and verdicts(result) == {"c1": "unfinished"}
    assert [build["job"] for build in result["nodes"][0]["running"]] == ["build-1"]
    assert ends(lab) == {"build-1": "running"} and is_closed(lab, "c1") == (profile == "1.1.2")
    assert_drained(lab, Operator(lab, sliced).drain("c1"), "c1")


@both_ways
def test_F20_a_deadline_that_strikes_lists_the_killed_builds_and_passes_only_with_consent(sliced: bool) -> None:
    lab = site("1.1.2", seconds=300)
    lab.build("build-2", "c1", seconds=4)
    lab.clock.sleep(1)
    refused = Operator(lab, sliced).drain("c1", deadline=10)
    assert refused["failed"] and "allow_killing_builds" in refused["msg"] and not writes(lab)
    result = Operator(lab, sliced).drain("c1", deadline=10, allow_killing_builds=True)
    assert not result["failed"] and verdicts(result) == {"c1": "killed"}, reasons(result)
    assert [build["job"] for build in result["nodes"][0]["killed"]] == ["build-1"]
    assert ends(lab) == {"build-1": "killed", "build-2": "itself"}
    # Without consent the same client, looked at again, does not pass: the builds were killed since our mark.
    again = Operator(lab, sliced).drain("c1")
    assert again["failed"] and verdicts(again) == {"c1": "killed"}


@both_ways
def test_F20_another_ones_deadline_that_strikes_is_not_called_drained(sliced: bool) -> None:
    lab = site("1.1.2", seconds=300)
    lab.clock.after(20, lambda: order(lab, "c1", DrainSpec={"Deadline": 5 * SEC, "IgnoreSystemJobs": True}, Meta={"serverops_owner": "night-shift"}))
    result = Operator(lab, sliced).drain("c1")
    assert result["failed"] and verdicts(result) == {"c1": "killed"} and ends(lab) == {"build-1": "killed"}


@both_profiles
@both_ways
@pytest.mark.parametrize("builds", ["die", "live"])
@pytest.mark.parametrize("second", [0.1, 5.0, 25.0])
def test_F21_a_client_that_falls_in_mid_drain_has_lost_its_builds(profile: str, sliced: bool, builds: str, second: float) -> None:
    lab = site(profile, seconds=90)
    lab.clock.after(second, lambda: lab.kill_client("c1", builds))
    result = Operator(lab, sliced).drain("c1", "c2")
    assert result["failed"] and verdicts(result) == {"c1": "lost", "c2": "drained"}, reasons(result)
    assert [build["job"] for build in result["nodes"][0]["lost"]] == ["build-1"]


@both_profiles
@both_ways
def test_F21_an_idle_client_that_is_down_proves_nothing(profile: str, sliced: bool) -> None:
    lab = site(profile)
    lab.kill_client("c2")
    lab.clock.sleep(60)
    result = Operator(lab, sliced).drain("c2")
    assert result["failed"] and verdicts(result) == {"c2": "unknown"} and "down" in reasons(result)


@both_profiles
@both_ways
def test_F21_a_client_that_returns_in_time_with_its_builds_is_drained(profile: str, sliced: bool) -> None:
    lab = site(profile, seconds=60)
    lab.clock.after(5, lambda: lab.kill_client("c1", "live"))
    lab.clock.after(7, lambda: lab.return_client("c1"))
    assert_drained(lab, Operator(lab, sliced).drain("c1"), "c1")


@both_profiles
@both_ways
def test_F22_a_client_that_the_servers_forget_in_mid_watch_is_gone_and_before_it_is_no_such_client(profile: str, sliced: bool) -> None:
    lab = site(profile, seconds=90)

    def forget() -> None:
        lab.kill_client("c1")
        lab.cluster.forget_node(lab.cluster.nodes[lab.node_id("c1")])

    lab.clock.after(10, forget)
    result = Operator(lab, sliced).drain("c1", "c2")
    assert result["failed"] and verdicts(result) == {"c1": "gone", "c2": "drained"}, reasons(result)
    again = Operator(lab, sliced).drain("c1")
    assert again["failed"] and "no such client" in again["msg"] and not again.get("nodes")


@both_profiles
@both_ways
def test_F22_a_live_client_that_is_purged_and_comes_back_open_is_never_drained(profile: str, sliced: bool) -> None:
    lab = site(profile, seconds=90)
    lab.clock.after(10, lambda: lab.cluster.forget_node(lab.cluster.nodes[lab.node_id("c1")]))
    result = Operator(lab, sliced).drain("c1", wait_timeout=300)
    assert_true(lab, result)
    assert profile == "0.5.6" or verdicts(result)["c1"] in ("gone", "reopened"), reasons(result)


@both_profiles
@both_ways
@pytest.mark.parametrize("named", ["name", "instance"])
def test_F23_a_client_back_under_a_new_id_is_gone_and_the_new_id_is_told(profile: str, sliced: bool, named: str) -> None:
    lab = site(profile, seconds=90)
    old, instance = lab.node_id("c1"), lab.get(f"/v1/node/{lab.node_id('c1')}")["Attributes"]["unique.platform.aws.instance-id"]

    def replaced() -> None:
        lab.replace_client("c1")
        lab.cluster.forget_node(lab.cluster.nodes[old])

    lab.clock.after(10, replaced)
    result = Operator(lab, sliced).drain(instance if named == "instance" else "c1")
    assert result["failed"] and verdicts(result) == {"c1": "gone"}, reasons(result)
    assert result["nodes"][0]["id"] == old and lab.node_id("c1") in reasons(result)


@both_profiles
def test_F24_a_name_or_a_prefix_that_two_clients_share_names_both_and_neither_is_touched(profile: str) -> None:
    lab = Lab(profile, clients=2)
    for name, tail in (("x1", "1"), ("x2", "2")):
        lab.add_client(name, node_id=f"abcdef01-2222-4333-8444-55555555555{tail}")
    lab.clock.sleep(1)
    for node in lab.cluster.nodes.values():
        node.name = "twin" if node.name.startswith("x") else node.name
    for selector in ("twin", "abcdef01"):
        result = Operator(lab).drain(selector)
        assert result["failed"] and "names 2 clients" in result["msg"]
        assert all(f"abcdef01-2222-4333-8444-55555555555{tail}" in result["msg"] for tail in "12")
    assert not writes(lab)


@both_ways
@pytest.mark.parametrize("second", [3.0, 12.0, 28.9, 29.3])
def test_F25_a_client_that_somebody_reopens_is_left_open_and_named(sliced: bool, second: float) -> None:
    lab = site("1.1.2")
    lab.clock.after(second, lambda: order(lab, "c1", DrainSpec=None, MarkEligible=True))
    result = Operator(lab, sliced).drain("c1")
    assert result["failed"] and verdicts(result) == {"c1": "reopened"}, reasons(result)
    assert len(writes(lab, "/drain")) == 1 and not is_closed(lab, "c1")


@both_ways
def test_F25_reopened_between_the_last_two_reads_is_not_drained(sliced: bool) -> None:
    lab = site("0.5.6", seconds=5)
    opened: list[float] = []

    def hook(moment: str, method: str, path: str) -> None:
        if moment == "after" and method == "GET" and path == "/v1/nodes" and is_closed(lab, "c1") and not opened:
            opened.append(lab.clock.now())
            order(lab, "c1", DrainSpec=None)

    result = Operator(lab, sliced, hook).drain("c1")
    assert opened and result["failed"] and verdicts(result) == {"c1": "reopened"}, reasons(result)


@both_ways
def test_F26_a_foreign_drain_is_joined_not_replaced_and_its_end_is_judged(sliced: bool) -> None:
    lab = site("1.1.2", seconds=60)
    order(lab, "c1", DrainSpec={"Deadline": 3600 * SEC, "IgnoreSystemJobs": True}, Meta={"serverops_owner": "night-shift", "ticket": "7"})
    result = Operator(lab, sliced).drain("c1")
    assert_drained(lab, result, "c1")
    assert result["nodes"][0]["joined"] and not result["changed"] and not writes(lab)
    assert result["nodes"][0]["mark"]["owner"] == "night-shift"


@both_ways
def test_F26_below_0_8_another_ones_drain_in_mid_watch_kills_and_is_not_called_drained(sliced: bool) -> None:
    lab = site("0.5.6", seconds=60)
    lab.clock.after(10, lambda: order(lab, "c1", DrainSpec={}))
    result = Operator(lab, sliced).drain("c1")
    assert result["failed"] and verdicts(result) == {"c1": "killed"} and ends(lab) == {"build-1": "killed"}
    assert [build["job"] for build in result["nodes"][0]["killed"]] == ["build-1"]


@both_ways
def test_F27_system_jobs_stay_and_do_not_hold_the_verdict_unless_they_are_to_go(sliced: bool) -> None:
    lab = site("1.1.2")
    lab.build("telegraf", seconds=None, type="system")
    lab.clock.sleep(1)
    result = Operator(lab, sliced).drain("c1")
    assert not result["failed"] and verdicts(result) == {"c1": "drained"}
    assert ends(lab)["telegraf"] == "running"
    result = Operator(lab, sliced).drain("c2", ignore_system_jobs=False)
    assert not result["failed"] and verdicts(result) == {"c2": "drained"}, reasons(result)
    assert {b["how"] for b in lab.truth()["builds"] if b["client"] == "c2"} == {"killed"}, "the system job's own end"
    assert not result["nodes"][0]["killed"], "a system job is no build"


@both_ways
def test_F27_below_0_8_a_system_job_does_not_keep_an_idle_client_from_its_drain(sliced: bool) -> None:
    lab = site("0.5.6")
    lab.build("telegraf", seconds=None, type="system")
    lab.clock.sleep(1)
    result = Operator(lab, sliced).drain("c1")
    assert not result["failed"] and verdicts(result) == {"c1": "drained"}, reasons(result)
    assert ends(lab)["build-1"] == "itself"
