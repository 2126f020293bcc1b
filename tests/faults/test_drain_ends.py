# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ends of drains (F28-F31): complete is not empty, opening waits, enough clients stay open, one that never ends holds nobody up."""

from __future__ import annotations

import pytest
from faults.operators import Operator, assert_drained, both_profiles, both_ways, ends, is_closed, reasons, verdicts, writes

from lab.nomad.lab import Lab


def site(profile: str, seconds: float | None = 30.0, clients: int = 3, stop_seconds: float = 0.0) -> Lab:
    lab = Lab(profile, clients=clients)
    lab.build("build-1", "c1", seconds=seconds, stop_seconds=stop_seconds, kill_timeout=20)
    lab.clock.sleep(1)
    return lab


@both_profiles
@both_ways
@pytest.mark.parametrize("second", [5.0, 28.0])
def test_F28_a_build_that_somebody_cancels_is_waited_for_until_its_task_has_ended(profile: str, sliced: bool, second: float) -> None:
    lab = site(profile, seconds=60, stop_seconds=9)
    lab.clock.after(second, lambda: lab.cancel("build-1"))
    result = Operator(lab, sliced).drain("c1")
    assert not result["failed"] and verdicts(result) == {"c1": "drained"}, reasons(result)
    build = lab.truth()["builds"][0]
    assert build["how"] == "cancelled" and build["ended"] is not None and build["ended"] > second + 8
    assert not result["nodes"][0]["killed"], "a person's stop is no kill of a drain's"


@both_ways
def test_F28_complete_on_the_server_while_the_last_stop_still_runs_is_not_the_end(sliced: bool) -> None:
    lab = site("1.1.2", seconds=300, stop_seconds=12)
    early: list[float] = []

    def hook(moment: str, method: str, path: str) -> None:
        node = lab.cluster.nodes[lab.node_id("c1")]
        if moment == "after" and method == "GET" and not node.drain and not node.eligible and lab.truth()["nodes"][0]["busy"]:
            early.append(lab.clock.now())

    result = Operator(lab, sliced, hook).drain("c1", deadline=10, allow_killing_builds=True)
    assert early, "the drain was over while the task ran: else this shows nothing"
    assert verdicts(result) == {"c1": "killed"} and not lab.truth()["nodes"][0]["busy"]
    assert result["nodes"][0]["running"] == []


@both_ways
def test_F29_opening_waits_until_nothing_is_on_its_way_to_stop(sliced: bool) -> None:
    lab = site("1.1.2", seconds=300, stop_seconds=12)
    assert Operator(lab, sliced).drain("c1", wait_timeout=20)["failed"]
    lab.cancel("build-1")
    lab.clock.sleep(1)
    result = Operator(lab, sliced).drain("c1", state="eligible")
    assert not result["failed"] and not is_closed(lab, "c1"), reasons(result)
    assert writes(lab, "/node/")[-1]["t"] >= lab.truth()["builds"][0]["ended"]


@both_ways
def test_F29_below_0_8_too(sliced: bool) -> None:
    lab = site("0.5.6", seconds=300, stop_seconds=12)
    lab.api.handle("PUT", f"/v1/node/{lab.node_id('c1')}/drain", {"enable": "true"})
    lab.clock.sleep(2)
    result = Operator(lab, sliced).drain("c1", state="eligible", take_over=True)
    assert not result["failed"] and not is_closed(lab, "c1"), reasons(result)
    assert writes(lab, "/node/")[-1]["t"] >= lab.truth()["builds"][0]["ended"]


@both_profiles
@both_ways
def test_F30_all_clients_are_refused_below_min_ready_and_allowed_with_0(profile: str, sliced: bool) -> None:
    lab = site(profile)
    for options in ({}, {"min_ready": 2}):
        result = Operator(lab, sliced).drain("all", **options)
        assert result["failed"] and "min_ready" in result["msg"] and "min_ready: 0" in result["msg"] and not writes(lab)
    assert_drained(lab, Operator(lab, sliced).drain("all", min_ready=0), "c1", "c2", "c3")


@both_profiles
@both_ways
def test_F30_a_client_that_falls_in_mid_task_holds_the_next_closing_back_until_it_returns(profile: str, sliced: bool) -> None:
    lab = site(profile, seconds=40, clients=4)
    lab.build("build-2", "c2", seconds=60)
    lab.clock.sleep(1)
    lab.clock.after(5, lambda: lab.kill_client("c3"))
    lab.clock.after(5, lambda: lab.kill_client("c4"))
    lab.clock.after(120, lambda: lab.return_client("c4"))
    result = Operator(lab, sliced).drain("c1", "c2", max_in_flight=1)
    assert_drained(lab, result, "c1", "c2")
    sent = {entry["path"].split("/")[3]: entry["t"] for entry in writes(lab, "/drain")}
    assert sent[lab.node_id("c2")] >= 120


@both_profiles
@both_ways
def test_F31_of_100_clients_10_at_a_time_one_never_ends_and_the_other_99_are_drained(profile: str, sliced: bool) -> None:
    lab = Lab(profile, clients=101)
    names = [f"c{number}" for number in range(1, 101)]
    for number, name in enumerate(names, 1):
        lab.build(f"build-{number}", name, seconds=None if number == 50 else 10 + number % 7)
    lab.clock.sleep(2)
    most = 0

    def hook(moment: str, method: str, _path: str) -> None:
        nonlocal most
        if moment == "after" and method == "POST":
            busy = {build["client"] for build in lab.truth()["builds"] if build["ended"] is None}
            most = max(most, sum(1 for name in busy if is_closed(lab, name)))

    result = Operator(lab, sliced, hook).drain(*names, max_in_flight=10, max_build_time=400)
    found = verdicts(result)
    assert result["failed"] and found.pop("c50") == "unfinished", reasons(result)
    assert set(found.values()) == {"drained"} and len(found) == 99
    assert "c50" in result["msg"] and [build["job"] for build in result["nodes"][49]["running"]] == ["build-50"]
    how = ends(lab)
    assert how.pop("build-50") == "running" and set(how.values()) == {"itself"}
    assert most <= 10 and (most > 5 or profile == "0.5.6")
