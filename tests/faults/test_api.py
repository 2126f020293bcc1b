# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on the way to the servers (F01-F12): nothing is concluded from a missing, late, broken or old answer."""

from __future__ import annotations

import json

import pytest
import requests
from faults.operators import Operator, assert_drained, assert_true, both_profiles, both_ways, ends, is_closed, reasons, verdicts, writes

from lab.nomad.lab import Lab
from lab.nomad.wire import Response

WATCH = r"GET /v1/(nodes|allocations)$"


def site(profile: str, seconds: float = 30.0) -> Lab:
    lab = Lab(profile, clients=3)
    lab.build("build-1", "c1", seconds=seconds)
    lab.clock.sleep(1)
    return lab


def at(lab: Lab, seconds: float, kind: str, **fields: object) -> None:
    """A fault that begins later."""
    lab.clock.after(seconds, lambda: lab.fault(kind, **fields))


def never_accepts(lab: Lab) -> Operator:
    """Every connection times out after the 10 s of nomad_timeout."""

    def hook(moment: str, _method: str, _path: str) -> None:
        if moment == "before":
            lab.clock.sleep(10)
            raise requests.ConnectTimeout("timed out")

    return Operator(lab, hook=hook)


@both_profiles
def test_F01_a_connect_time_out_fails_within_the_bound_names_host_and_port_and_changes_nothing(profile: str) -> None:
    lab = site(profile)
    began = lab.clock.now()
    result = never_accepts(lab).drain("c1")
    assert result["failed"] and "nomad.example:4646 did not take the connection in time" in result["msg"]
    assert lab.clock.now() - began <= 30 + 10, "the bound of a read, and one more try"
    assert not writes(lab)


@both_profiles
@both_ways
@pytest.mark.parametrize("kind", ["stall", "reset", "close", "500", "html", "truncate"])
@pytest.mark.parametrize("applied", [True, False], ids=["applied", "not-applied"])
def test_F02_a_write_whose_answer_is_lost_has_one_effect_and_the_state_tells_which(profile: str, sliced: bool, kind: str, applied: bool) -> None:
    lab = site(profile, seconds=12)
    lab.fault(kind, match=r"(PUT|POST) .*/drain", apply=applied)
    result = Operator(lab, sliced).drain("c1")
    assert_drained(lab, result, "c1")
    assert [step["step"] for step in result["steps"]] == ["drain"], "counted once"
    sent = len(writes(lab, "/drain"))
    # A truncated answer is one of the server's: the order was taken.
    assert sent == (1 if applied or kind == "truncate" else 2)


@both_profiles
@both_ways
@pytest.mark.parametrize("kind", ["reset", "close", "refuse", "500", "stall", "truncate", "no_leader_text"])
def test_F03_a_watch_cut_in_mid_drain_is_opened_again_and_nothing_is_concluded(profile: str, sliced: bool, kind: str) -> None:
    lab = site(profile, seconds=60)
    for second in (5, 17, 31):
        at(lab, second, kind, match=WATCH, count=1 if kind == "stall" else 3)
    result = Operator(lab, sliced).drain("c1")
    assert_drained(lab, result, "c1")
    assert len(writes(lab)) == 1
    assert any("index" in entry["query"] for entry in lab.requests["last"])


@both_profiles
@pytest.mark.parametrize("kind", ["429", "503"])
def test_F04_retry_after_is_honoured_by_the_first_read(profile: str, kind: str) -> None:
    lab = site(profile)
    lab.fault(kind, match="GET /v1/nodes$", count=2, retry_after=7)
    times = []

    def hook(moment: str, _method: str, path: str) -> None:
        if moment == "before" and path.startswith("/v1/nodes"):
            times.append(lab.clock.now())

    assert_drained(lab, Operator(lab, hook=hook).drain("c1"), "c1")
    assert times[1] - times[0] >= 7 and times[2] - times[1] >= 7


@both_profiles
@pytest.mark.parametrize("name", ["Retry-After", "retry-after"])
def test_F04_retry_after_is_honoured_however_a_proxy_spells_the_header(profile: str, name: str) -> None:
    lab = site(profile)
    times: list[float] = []

    def hook(moment: str, _method: str, path: str) -> Response | None:
        if moment == "before" and path.startswith("/v1/nodes") and len(times) < 3:
            times.append(lab.clock.now())
            return Response(503, b"slow down", {name: "9"}) if len(times) < 3 else None
        return None

    assert_drained(lab, Operator(lab, hook=hook).drain("c1"), "c1")
    assert times[1] - times[0] > 8.9 and times[2] - times[1] > 8.9


@both_profiles
@pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
@pytest.mark.parametrize("kind", ["429", "503"])
def test_F04_retry_after_is_honoured_in_mid_drain_also_when_it_is_longer_than_a_reads_bound(profile: str, sliced: bool, kind: str) -> None:
    lab = site(profile, seconds=300)
    times: list[float] = []

    def hook(moment: str, method: str, _path: str) -> Response | None:
        if moment == "before" and method == "GET" and 20 < lab.clock.now() < 140:
            times.append(lab.clock.now())
            return Response(int(kind), b"slow down", {"Content-Type": "text/plain", "Retry-After": "45"})
        return None

    assert_drained(lab, Operator(lab, sliced, hook).drain("c1"), "c1")
    gaps = [later - sooner for sooner, later in zip(times, times[1:])]
    assert times and all(gap > 44.9 for gap in gaps), gaps


@both_profiles
@both_ways
@pytest.mark.parametrize("kind", ["429", "503", "500", "refuse"])
def test_F04_an_outage_to_the_end_keeps_the_bound_and_asks_a_bounded_number_of_times(profile: str, sliced: bool, kind: str) -> None:
    lab = site(profile, seconds=2000)
    at(lab, 20, kind, count=None)
    began = lab.clock.now()
    result = Operator(lab, sliced).drain("c1", wait_timeout=600)
    assert result["failed"] and verdicts(result) == {"c1": "unknown"}
    assert 600 <= lab.clock.now() - began <= 600 + 45, "wait_timeout, and one read's bound"
    asked = sum(1 for entry in lab.requests["last"] if entry["t"] > 21)
    assert asked <= 600 / 30 * 10, asked
    assert ends(lab)["build-1"] == "running"


@both_profiles
@both_ways
@pytest.mark.parametrize("seed", range(5))
def test_F05_with_500_on_a_fifth_of_all_calls_the_end_is_the_same(profile: str, sliced: bool, seed: int) -> None:
    lab = site(profile)
    lab.build("build-2", "c2", seconds=20)
    lab.clock.sleep(1)
    lab.fault("500", count=None, rate=0.2, seed=seed)
    result = Operator(lab, sliced).drain("c1", "c2")
    assert_drained(lab, result, "c1", "c2")
    assert len(result["steps"]) == 2


@both_profiles
@both_ways
def test_F05_with_500_on_the_first_order_and_on_every_third_call_from_then_on_the_end_is_the_same(profile: str, sliced: bool) -> None:
    lab = site(profile)
    calls = -1

    def hook(moment: str, method: str, _path: str) -> Response | None:
        nonlocal calls
        if moment == "before" and (calls >= 0 or method == "POST"):
            calls += 1
            return Response(500, b"rpc error: EOF", {}) if calls % 3 == 0 else None
        return None

    result = Operator(lab, sliced, hook).drain("c2", wait_timeout=300)
    assert_drained(lab, result, "c2")
    assert len(result["steps"]) == 1


@both_profiles
@pytest.mark.parametrize("kind", ["html", "truncate"])
def test_F06_a_log_in_page_or_half_an_answer_is_never_an_empty_list(profile: str, kind: str) -> None:
    lab = site(profile)
    lab.fault(kind, count=None)
    result = Operator(lab).drain("c1")
    assert result["failed"] and "nomad.example:4646" in result["msg"]
    if kind == "html":
        assert "not JSON" in result["msg"]
    assert not writes(lab)


@both_profiles
@both_ways
@pytest.mark.parametrize("kind", ["html", "truncate"])
@pytest.mark.parametrize("path", ["GET /v1/nodes$", "GET /v1/allocations$", "GET /v1/node/[^/]+$", "GET /v1/node/.*/allocations$", "GET /v1/jobs$"])
def test_F06_a_broken_answer_of_any_one_kind_is_waited_out(profile: str, sliced: bool, kind: str, path: str) -> None:
    lab = site(profile, seconds=20)
    at(lab, 10, kind, match=path, count=6)
    assert_drained(lab, Operator(lab, sliced).drain("c1"), "c1")


@both_profiles
@pytest.mark.parametrize("body", [b"null", b"{}", b'{"message": "no route"}', b'"hello"', b"[1]", b"[{}]"])
@pytest.mark.parametrize("path", ["/v1/nodes", "/v1/allocations"])
def test_F06_json_that_is_not_nomads_is_a_sentence_and_no_traceback(profile: str, path: str, body: bytes) -> None:
    lab = site(profile)

    def hook(moment: str, method: str, asked: str) -> Response | None:
        wrong = moment == "before" and method == "GET" and asked.partition("?")[0] == path
        return Response(200, body, {"Content-Type": "application/json", "X-Nomad-Index": "9"}) if wrong else None

    result = Operator(lab, hook=hook).drain("c1")
    assert result["failed"] and "nomad.example:4646" in result["msg"], result
    assert not writes(lab)


def test_F06_an_object_in_place_of_the_list_of_allocations_is_not_an_idle_client() -> None:
    lab = site("0.5.6", seconds=600)  # longer than all tries, whatever their jitter

    def hook(moment: str, method: str, asked: str) -> Response | None:
        wrong = moment == "before" and method == "GET" and asked.partition("?")[0] == "/v1/allocations"
        return Response(200, b"{}", {"Content-Type": "application/json"}) if wrong else None

    Operator(lab, hook=hook).drain("c1")
    assert ends(lab)["build-1"] == "running", "the drain was sent, and killed a build"


@both_ways
def test_F03_below_0_8_an_idle_client_seen_before_an_outage_is_looked_at_again_before_its_drain(sliced: bool) -> None:
    lab = site("0.5.6", seconds=20)
    # The watch shows the client idle at 21 s; the list of clients is not to be had for a while, and in the meantime the next build lands.
    lab.clock.after(19, lambda: lab.fault("reset", match="GET /v1/nodes$", count=4))
    lab.clock.after(21, lambda: lab.build("build-2", "c1", seconds=60))
    result = Operator(lab, sliced).drain("c1")
    assert ends(lab)["build-2"] == "itself", reasons(result)


@both_profiles
@both_ways
def test_F07_a_403_in_mid_drain_stops_leaves_the_mark_and_says_what_is_missing(profile: str, sliced: bool) -> None:
    lab = site(profile, seconds=60)
    lab.acl(True, {"boss": "management"})

    def hook(moment: str, _method: str, _path: str) -> Response | None:
        revoked = moment == "before" and lab.clock.now() > 15
        return Response(403, b"Permission denied", {}) if revoked else None

    result = Operator(lab, sliced, hook, token="boss").drain("c1")
    assert result["failed"] and verdicts(result) == {"c1": "unknown"}
    assert "nomad_token" in result["msg"] and "read-job" in result["msg"]
    assert lab.clock.now() < 40, "it does not ask again and again"
    assert len(writes(lab)) == (1 if profile == "1.1.2" else 0), "nothing is undone"
    if profile == "1.1.2":
        assert result["nodes"][0]["mark"]["run"] == result["run"]
    assert_drained(lab, Operator(lab, sliced, token="boss").drain("c1"), "c1")


@both_ways
def test_F07_a_token_deleted_in_mid_drain_is_not_a_drained_client(sliced: bool) -> None:
    lab = site("1.1.2", seconds=60)
    lab.acl(True, {"boss": "management"})
    lab.clock.after(15, lambda: lab.acl(True, {}))
    result = Operator(lab, sliced, token="boss").drain("c1")
    assert result["failed"] and verdicts(result) == {"c1": "unknown"} and "403" in result["msg"]


@pytest.mark.parametrize("kind", ["client", "drain-only", "drain-and-read", "read-only"])
def test_F08_a_token_that_may_not_see_all_builds_is_refused_before_any_write(kind: str) -> None:
    lab = site("1.1.2")
    lab.acl(True, {"thin": kind})
    result = Operator(lab, token="thin").drain("c1")
    assert result["failed"] and "nomad_token" in result["msg"]
    assert not writes(lab)


@both_profiles
@both_ways
def test_F09_no_cluster_leader_for_a_while_is_waited_out_and_for_ever_fails(profile: str, sliced: bool) -> None:
    lab = site(profile)
    lab.fault("no_leader_text", count=4)
    assert_drained(lab, Operator(lab, sliced).drain("c1"), "c1")
    lab = site(profile)
    lab.fault("no_leader_text", count=None)
    began = lab.clock.now()
    result = Operator(lab, sliced).drain("c1")
    assert result["failed"] and "No cluster leader" in result["msg"] and "no such client" not in result["msg"]
    assert lab.clock.now() - began <= 45 and not writes(lab)


@both_profiles
def test_F09_an_unknown_region_is_named_at_once(profile: str) -> None:
    lab = site(profile)

    def hook(moment: str, _method: str, _path: str) -> Response | None:
        return Response(500, b"No path to region", {}) if moment == "before" else None

    result = Operator(lab, hook=hook).drain("c1")
    assert result["failed"] and "nomad_region" in result["msg"] and not writes(lab)


@both_profiles
@both_ways
def test_F10_an_answer_of_a_server_that_knows_no_leader_ends_nothing(profile: str, sliced: bool) -> None:
    lab = site(profile, seconds=20)
    at(lab, 10, "stale", count=None)
    result = Operator(lab, sliced).drain("c1", wait_timeout=120)
    assert result["failed"] and verdicts(result) == {"c1": "unknown"}
    lab.clear_faults()
    assert_drained(lab, Operator(lab, sliced).drain("c1"), "c1")


@both_profiles
def test_F10_no_read_of_ours_asks_for_a_stale_answer(profile: str) -> None:
    lab = site(profile)
    assert_drained(lab, Operator(lab).drain("c1"), "c1")
    assert not any("stale" in entry["query"] for entry in lab.requests["last"])


@both_profiles
@both_ways
@pytest.mark.parametrize("back", [5, 20, None])
def test_F11_indexes_that_go_back_do_not_hold_the_watch(profile: str, sliced: bool, back: int | None) -> None:
    lab = site(profile, seconds=60)
    lab.clock.after(15, lambda: lab.restore_server(back))
    began = lab.clock.now()
    assert_drained(lab, Operator(lab, sliced).drain("c1"), "c1")
    assert lab.clock.now() - began < 60 + 15, "a watch on an index that never comes ends with its wait"


@both_profiles
@both_ways
@pytest.mark.parametrize("what", ["kill_server", "lose_leader"])
@pytest.mark.parametrize("second", [0.05, 0.3, 5.0, 29.0, 29.9])
def test_F12_a_restart_or_an_election_in_mid_drain_goes_by(profile: str, sliced: bool, what: str, second: float) -> None:
    lab = site(profile)
    lab.clock.after(second, lambda: getattr(lab, what)(8))
    result = Operator(lab, sliced).drain("c1", "c2")
    assert_true(lab, result)
    assert_drained(lab, result, "c1", "c2")


@both_profiles
@both_ways
def test_F12_a_server_that_stays_away_makes_the_verdict_unknown_and_the_next_run_finishes(profile: str, sliced: bool) -> None:
    lab = site(profile)
    lab.clock.after(5, lab.kill_server)
    result = Operator(lab, sliced).drain("c1", wait_timeout=90)
    assert result["failed"] and verdicts(result) == {"c1": "unknown"}, reasons(result)
    assert "nomad.example:4646" in result["msg"]
    lab.start_server()
    lab.clock.sleep(5)
    assert is_closed(lab, "c1") == (profile == "1.1.2")
    assert_drained(lab, Operator(lab, sliced).drain("c1"), "c1")


def test_results_are_plain_json_also_when_no_answer_came() -> None:
    lab = site("1.1.2")
    at(lab, 5, "refuse", count=None)
    assert json.loads(json.dumps(Operator(lab).drain("c1", wait_timeout=60)))["failed"]
