"""The traps of newer servers, met as a caller meets them: through the API, on the virtual clock, by version."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from typing import Any

import pytest

from lab.nomad.control import Control
from lab.nomad.lab import SEC, Lab

NEW = ("1.6.1", "1.7.7", "1.11.3")
ALL = ("0.9.3", "0.11.3", "1.1.2", *NEW)


def drain(lab: Lab, name: str = "c1", deadline: float = 0.0, ignore_system: bool = True) -> None:
    spec = {"Deadline": int(deadline * SEC), "IgnoreSystemJobs": ignore_system}
    answer = lab.session().put(f"http://lab/v1/node/{lab.node_id(name)}/drain", json={"DrainSpec": spec})
    assert answer.status_code == 200


def node(lab: Lab, name: str = "c1") -> dict[str, Any]:
    found: dict[str, Any] = lab.get(f"/v1/node/{lab.node_id(name)}")
    return found


def allocations(lab: Lab, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.get(f"/v1/job/{job}/allocations")
    return found


@pytest.mark.parametrize("version", NEW)
def test_a_drain_hangs_and_another_deadline_frees_it(version: str) -> None:
    lab = Lab(version)
    lab.build("slow", "c1", seconds=None, stop_seconds=3.0, kill_timeout=8.0)
    lab.clock.sleep(2)
    lab.cancel("slow")
    lab.clock.sleep(0.1)
    drain(lab)
    lab.clock.sleep(60)
    assert allocations(lab, "slow")[0]["ClientStatus"] == "complete"
    assert node(lab)["DrainStrategy"] is not None
    drain(lab)
    lab.clock.sleep(60)
    assert node(lab)["DrainStrategy"] is not None, "the same drain again must not help"
    drain(lab, deadline=3600)
    lab.clock.sleep(2)
    assert node(lab)["DrainStrategy"] is None


def test_on_an_old_server_it_does_not_hang() -> None:
    lab = Lab("1.1.2")
    lab.build("slow", "c1", seconds=None, stop_seconds=3.0, kill_timeout=8.0)
    lab.clock.sleep(2)
    lab.cancel("slow")
    lab.clock.sleep(0.1)
    drain(lab)
    lab.clock.sleep(1)
    assert node(lab)["DrainStrategy"] is None
    assert allocations(lab, "slow")[0]["ClientStatus"] == "running"


@pytest.mark.parametrize(("version", "starts"), [(version, 1 if version == "1.11.3" else 2) for version in ALL])
def test_a_struck_build_starts_anew_or_not(version: str, starts: int) -> None:
    lab = Lab(version)
    lab.build("build", "c[12]", seconds=None)
    lab.clock.sleep(2)
    drain(lab, deadline=-1e-9)
    lab.clock.sleep(10)
    assert len(allocations(lab, "build")) == starts


@pytest.mark.parametrize("version", ALL)
def test_a_struck_build_without_room_vanishes_silently(version: str) -> None:
    lab = Lab(version)
    lab.build("build", "c1", seconds=None)
    lab.clock.sleep(2)
    drain(lab, deadline=-1e-9)
    lab.clock.sleep(10)
    lab.session().put(f"http://lab/v1/node/{lab.node_id('c1')}/eligibility", json={"NodeID": lab.node_id("c1"), "Eligibility": "eligible"})
    lab.clock.sleep(10)
    assert [a["ClientStatus"] for a in allocations(lab, "build")] == ["complete"]
    assert lab.get("/v1/job/build")["Status"] == "dead"


def test_made_eligible_too_early_a_build_runs_twice_on_1_11() -> None:
    lab = Lab("1.11.3")
    lab.build("slow", "c[12]", seconds=None, stop_seconds=3.0, kill_timeout=8.0)
    lab.clock.sleep(2)
    drain(lab, deadline=-1e-9)
    lab.clock.sleep(1.2)
    assert node(lab)["DrainStrategy"] is None
    lab.session().put(f"http://lab/v1/node/{lab.node_id('c1')}/eligibility", json={"NodeID": lab.node_id("c1"), "Eligibility": "eligible"})
    lab.clock.sleep(1)
    assert [b["ended"] for b in lab.truth()["builds"]] == [None, None]


@pytest.mark.parametrize("version", NEW)
def test_a_sysbatch_holds_a_drain_for_ever(version: str) -> None:
    lab = Lab(version)
    lab.build("once", "c1", seconds=5.0, type="sysbatch")
    lab.clock.sleep(2)
    drain(lab)
    lab.clock.sleep(600)
    assert allocations(lab, "once")[0]["ClientStatus"] == "complete"
    assert node(lab)["DrainStrategy"] is not None


@pytest.mark.parametrize(("version", "wish"), [("1.6.1", "stop"), ("1.7.7", "stop"), ("1.11.3", "run")])
def test_a_cut_off_client_leaves_unknown_allocations(version: str, wish: str) -> None:
    lab = Lab(version)
    lab.build("build", "c1", seconds=None, away=300)
    lab.clock.sleep(2)
    lab.freeze_client("c1", heartbeat=4.0)
    lab.clock.sleep(5)
    assert node(lab)["Status"] == "disconnected"
    drain(lab, deadline=5)
    lab.clock.sleep(7)
    found = allocations(lab, "build")[0]
    assert node(lab)["DrainStrategy"] is None
    assert (found["DesiredStatus"], found["ClientStatus"]) == (wish, "unknown")
    lab.return_client("c1")
    lab.clock.sleep(3)
    assert allocations(lab, "build")[0]["ClientStatus"] == "complete"


def test_a_job_that_may_not_stay_away_so_long_is_lost_after_all() -> None:
    lab = Lab("1.7.7")
    lab.build("build", "c1", seconds=None, away=20)
    lab.clock.sleep(2)
    lab.freeze_client("c1", heartbeat=4.0)
    lab.clock.sleep(10)
    assert allocations(lab, "build")[0]["ClientStatus"] == "unknown"
    lab.clock.sleep(20)
    assert allocations(lab, "build")[0]["ClientStatus"] == "lost"


@pytest.mark.parametrize("version", NEW)
def test_a_paused_broker_makes_complete_a_lie(version: str) -> None:
    lab = Lab(version)
    lab.build("build", "c1", seconds=None)
    lab.clock.sleep(2)
    lab.pause_broker()
    drain(lab, deadline=3)
    lab.clock.sleep(10)
    assert node(lab)["LastDrain"]["Status"] == "complete"
    assert allocations(lab, "build")[0]["ClientStatus"] == "running"
    lab.pause_broker(False)
    lab.clock.sleep(2)
    assert allocations(lab, "build")[0]["ClientStatus"] == "complete"


@pytest.mark.parametrize(("version", "accessor"), [("1.1.2", ""), ("1.6.1", ""), ("1.7.7", "token:acls-disabled"), ("1.11.3", "token:acls-disabled")])
def test_the_accessor_of_a_drain(version: str, accessor: str) -> None:
    lab = Lab(version)
    drain(lab)
    assert node(lab)["LastDrain"]["AccessorID"] == accessor


def test_1_6_1_says_its_own_version() -> None:
    lab = Lab("1.6.1")
    assert node(lab)["Attributes"]["nomad.version"] == "1.6.1"
    assert lab.get("/v1/agent/self")["config"]["Version"]["Version"] == "1.6.1"


def test_clients_of_another_version_than_the_server() -> None:
    lab = Lab("1.11.3", clients=0)
    lab.add_client("c1", version="1.7.7")
    lab.add_client("c2")
    assert [n["Version"] for n in lab.get("/v1/nodes")] == ["1.7.7", "1.11.3"]


def test_logs_of_a_build_until_its_client_collects_garbage() -> None:
    lab = Lab("1.7.7")
    lab.build("build", "c1", seconds=5.0, stdout="compiling\n", stderr="warning\n", last="green\n")
    lab.clock.sleep(2)
    path = f"http://lab/v1/client/fs/logs/{allocations(lab, 'build')[0]['ID']}"
    ask = {"task": "task", "plain": "true"}
    assert lab.session().get(path, params={**ask, "type": "stdout"}).text == "compiling\n"
    assert lab.session().get(path, params={**ask, "type": "stderr"}).text == "warning\n"
    lab.clock.sleep(5)
    assert lab.session().get(path, params={**ask, "type": "stdout"}).text == "compiling\ngreen\n"
    assert lab.session().get("http://lab/v1/client/gc", params={"node_id": lab.node_id("c1")}).status_code == 200
    assert lab.session().get(path, params={**ask, "type": "stdout"}).status_code == 404


def test_a_thin_token_gets_no_logs() -> None:
    lab = Lab("1.7.7")
    lab.build("build", "c1")
    lab.clock.sleep(2)
    lab.acl(True, {"boss": "management", "thin": "drain-and-read"})
    path = f"http://lab/v1/client/fs/logs/{next(iter(lab.cluster.allocations))}"
    ask = {"task": "task", "type": "stdout", "plain": "true"}
    assert lab.session().get(path, params=ask, headers={"X-Nomad-Token": "thin"}).status_code == 500
    assert lab.session().get(path, params=ask, headers={"X-Nomad-Token": "boss"}).text == "build started\n"


def test_dispatched_builds_are_children() -> None:
    lab = Lab("1.7.7")
    lab.build("build", "c1", seconds=3.0, parameterized=True)
    child = lab.dispatch("build")
    lab.clock.sleep(2)
    assert lab.get(f"/v1/job/{child}")["ParentID"] == "build"
    assert lab.get("/v1/job/build/summary")["Children"]["Running"] == 1
    lab.clock.sleep(5)
    assert lab.get("/v1/job/build/summary")["Children"] == {"Dead": 1, "Pending": 0, "Running": 0}
    with pytest.raises(ValueError, match="not parameterized"):
        lab.dispatch(child)


def test_a_service_moves_one_by_one() -> None:
    lab = Lab("1.7.7")
    lab.build("svc", "c[12]", seconds=None, type="service", count=3, max_parallel=1)
    lab.clock.sleep(15)
    drain(lab)
    most = 0
    for _second in range(60):
        lab.clock.sleep(1)
        most = max(most, sum(a["DesiredStatus"] == "stop" and a["ClientStatus"] == "running" for a in allocations(lab, "svc")))
    assert most <= 1
    assert node(lab)["DrainStrategy"] is None
    assert {a["NodeName"] for a in allocations(lab, "svc") if a["DesiredStatus"] == "run"} == {"c2"}


def test_filters_of_lists() -> None:
    lab = Lab("1.7.7")
    ask = lab.session().get("http://lab/v1/nodes", params={"filter": 'Name == "c2" or (Status == "down" and not Name matches "c.")'})
    assert [n["Name"] for n in ask.json()] == ["c2"]
    first = lab.session().get("http://lab/v1/nodes", params={"per_page": "2"})
    rest = lab.session().get("http://lab/v1/nodes", params={"per_page": "2", "next_token": first.headers["X-Nomad-Nexttoken"]})
    assert [n["Name"] for n in first.json() + rest.json()] == ["c1", "c2", "c3"]
    assert lab.session().get("http://lab/v1/nodes", params={"filter": "Name =="}).status_code == 400
    assert len(Lab("1.1.2").get("/v1/nodes", filter='Name == "c2"')) == 3


def test_an_agent_that_drains_itself_is_gone_before_its_build() -> None:
    lab = Lab("1.7.7")
    lab.build("build", "c[12]", seconds=None)
    lab.clock.sleep(2)
    lab.shutdown_client("c1", deadline=3.0)
    lab.clock.sleep(12)
    assert node(lab)["Status"] == "down"
    assert sorted(a["ClientStatus"] for a in allocations(lab, "build")) == ["lost", "running"]
    lab.acl(True, {"boss": "management"})
    lab.shutdown_client("c2", deadline=3.0)
    assert lab.cluster.nodes[lab.node_id("c2")].strategy is None, "with access control 1.7.7 drains nothing"


def test_control_routes_of_the_new_subjects() -> None:
    lab = Lab("1.7.7", clients=0)
    control = Control(lab)
    try:

        def post(path: str, **body: Any) -> tuple[int, Any]:
            return control.handle("POST", path, json.dumps(body).encode())

        assert post("/clients", name="c1", version="1.6.1", pool="builders")[0] == 200
        assert post("/builds", job="build", pool="builders", parameterized=True, away=60, stdout="hello\n")[0] == 200
        status, answer = post("/dispatch", job="build")
        assert (status, answer["job"].startswith("build/dispatch-")) == (200, True)
        assert post("/dispatch", job="nope")[0] == 400
        assert post("/broker", paused=True) == (200, {})
        assert lab.get("/v1/operator/scheduler/configuration")["SchedulerConfig"]["PauseEvalBroker"] is True
        assert post("/clients/c1/shutdown", deadline=2.0) == (200, {})
        assert lab.get("/v1/nodes")[0]["NodePool"] == "builders"
        old = Control(Lab("1.1.2"))
        assert old.handle("POST", "/broker", b'{"paused": true}')[0] == 400
        old.http.server_close()
    finally:
        control.http.server_close()
