"""The lab in process: time, truth, faults, deaths and returns on the virtual clock."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.nomad.lab import Lab

URL = "http://nomad:4646"


def drain(lab: Lab, name: str, deadline: int = 0, **fields: Any) -> requests.Response:
    node = lab.node_id(name)
    return lab.session().put(f"{URL}/v1/node/{node}/drain", json={"NodeID": node, "DrainSpec": {"Deadline": deadline, "IgnoreSystemJobs": True}, **fields})


def allocations(lab: Lab, name: str) -> list[tuple[str, str, str]]:
    found = lab.get(f"/v1/node/{lab.node_id(name)}/allocations")
    return sorted((a["JobID"], a["DesiredStatus"], a["ClientStatus"]) for a in found)


def how(lab: Lab, job: str) -> list[str]:
    return [b["how"] for b in lab.truth()["builds"] if b["job"] == job]


def test_a_build_ends_by_itself_under_a_drain_and_the_witness_saw_it(tmp_path: Path) -> None:
    lab = Lab("1.1.2", witness=tmp_path)
    lab.build("build", "c1", seconds=20)
    lab.clock.sleep(2)
    assert drain(lab, "c1").status_code == 200
    lab.clock.sleep(10)
    assert lab.get(f"/v1/node/{lab.node_id('c1')}")["DrainStrategy"] is not None
    lab.clock.sleep(10)
    node = lab.get(f"/v1/node/{lab.node_id('c1')}")
    assert node["DrainStrategy"] is None and node["SchedulingEligibility"] == "ineligible" and node["LastDrain"]["Status"] == "complete"
    assert allocations(lab, "c1") == [("build", "run", "complete")]
    assert [path.read_text() for path in tmp_path.iterdir()] == ["started\nitself\n"]


def test_a_struck_build_starts_anew_elsewhere_or_never() -> None:
    lab = Lab("1.1.2", clients=2)
    lab.build("tied", "c1", seconds=100)
    lab.build("free", "c1|c2", seconds=100)
    lab.clock.sleep(2)
    assert {b["client"] for b in lab.truth()["builds"] if b["job"] == "free"} == {"c2"}
    drain(lab, "c2", -1)
    lab.clock.sleep(5)
    drain(lab, "c1", -1)
    lab.clock.sleep(5)
    assert how(lab, "tied") == ["killed"] and how(lab, "free") == ["killed", "killed"]
    lab.session().put(f"{URL}/v1/node/{lab.node_id('c1')}/eligibility", json={"Eligibility": "eligible"})
    lab.clock.sleep(30)
    assert len(how(lab, "tied")) == 1
    summary = lab.get("/v1/job/tied/summary")["Summary"]["group"]
    assert summary["Complete"] == 1 and summary["Queued"] == 0


def test_complete_comes_before_the_last_stop_has_ended() -> None:
    lab = Lab("1.1.2", clients=1)
    lab.build("slow", "c1", seconds=None, stop_seconds=4)
    lab.clock.sleep(1)
    drain(lab, "c1", -1)
    lab.clock.sleep(2)
    assert lab.get(f"/v1/node/{lab.node_id('c1')}")["DrainStrategy"] is None
    assert allocations(lab, "c1") == [("slow", "stop", "running")]
    assert how(lab, "slow") == ["running"]
    lab.clock.sleep(4)
    assert allocations(lab, "c1") == [("slow", "stop", "complete")]


def test_below_0_8_a_drain_stops_builds_at_once() -> None:
    lab = Lab("0.5.6", clients=1)
    lab.build("build", "c1", seconds=100)
    lab.clock.sleep(1)
    node = lab.node_id("c1")
    assert lab.session().put(f"{URL}/v1/node/{node}/drain", params={"enable": "true"}).status_code == 200
    lab.clock.sleep(1)
    assert how(lab, "build") == ["killed"]
    assert "DesiredTransition" not in lab.get(f"/v1/node/{node}/allocations")[0]
    assert lab.session().put(f"{URL}/v1/node/{node}/eligibility", json={"Eligibility": "ineligible"}).status_code == 405


@pytest.mark.parametrize("version", ["0.5.6", "1.1.2"])
def test_a_client_dies_and_returns(version: str) -> None:
    lab = Lab(version, clients=2)
    lab.build("build", "c1", seconds=200)
    lab.clock.sleep(1)
    lab.kill_client("c1", builds="live")
    lab.clock.sleep(20)
    assert lab.get(f"/v1/node/{lab.node_id('c1')}")["Status"] == "down"
    assert allocations(lab, "c1") == [("build", "stop", "lost")]
    assert how(lab, "build") == ["running"]
    lab.return_client("c1")
    seen: set[str] = set()
    for _turn in range(40):
        lab.clock.sleep(0.1)
        seen.update(item[2] for item in allocations(lab, "c1") if item[1] == "stop")
    assert {"running", "complete"} <= seen, "status goes backwards when a client returns"


def test_a_machine_that_lost_its_data_has_a_new_id_and_the_same_instance() -> None:
    lab = Lab("1.1.2", clients=1)
    old = lab.node_id("c1")
    new = lab.replace_client("c1")
    lab.clock.sleep(15)
    nodes = {n["ID"]: n for n in lab.get("/v1/nodes")}
    assert nodes[old]["Status"] == "down" and nodes[new]["Status"] == "ready"
    ids = [lab.get(f"/v1/node/{n}")["Attributes"]["unique.platform.aws.instance-id"] for n in (old, new)]
    assert ids[0] == ids[1]


def test_a_dead_server_refuses_and_builds_go_on() -> None:
    lab = Lab("1.1.2", clients=1)
    lab.build("build", "c1", seconds=5)
    lab.clock.sleep(1)
    lab.kill_server(10)
    with pytest.raises(requests.ConnectionError):
        lab.get("/v1/nodes")
    lab.clock.sleep(10)
    before = lab.clock.now()
    assert len(lab.get("/v1/nodes")) == 1
    assert 0.5 < lab.clock.now() - before < 3, "held until the leader is back"
    lab.clock.sleep(2)
    assert how(lab, "build") == ["itself"] and allocations(lab, "c1") == [("build", "run", "complete")]


def test_without_a_leader_only_stale_reads_answer() -> None:
    lab = Lab("1.1.2")
    lab.lose_leader(30)
    begin = lab.clock.now()
    answer = lab.session().get(f"{URL}/v1/nodes")
    assert (answer.status_code, answer.text) == (500, "No cluster leader") and 5 < lab.clock.now() - begin < 5.2
    stale = lab.session().get(f"{URL}/v1/nodes", params={"stale": ""})
    assert stale.status_code == 200 and stale.headers["X-Nomad-Knownleader"] == "false"
    lab.clock.sleep(30)
    assert lab.session().get(f"{URL}/v1/nodes").status_code == 200


def test_a_blocking_query_lets_time_pass_until_news() -> None:
    lab = Lab("1.1.2")
    lab.clock.sleep(1)
    session = lab.session()
    index = session.get(f"{URL}/v1/nodes").headers["X-Nomad-Index"]
    lab.clock.after(7, lambda: lab.add_clients(1) and None)
    begin = lab.clock.now()
    answer = session.get(f"{URL}/v1/nodes", params={"index": index, "wait": "60s"})
    assert len(answer.json()) == 4 and 6.9 < lab.clock.now() - begin < 7.1
    begin = lab.clock.now()
    session.get(f"{URL}/v1/nodes", params={"index": answer.headers["X-Nomad-Index"] + "0", "wait": "16s"})
    assert 16 <= lab.clock.now() - begin <= 17.1, "wait plus up to a sixteenth"
    begin = lab.clock.now()
    with pytest.raises(requests.ReadTimeout):
        session.get(f"{URL}/v1/nodes", params={"index": "9999", "wait": "60s"}, timeout=(1, 10))
    assert lab.clock.now() - begin == pytest.approx(10)


def test_indexes_go_back_after_a_restore() -> None:
    lab = Lab("1.1.2")
    lab.clock.sleep(1)
    before = int(lab.session().get(f"{URL}/v1/nodes").headers["X-Nomad-Index"])
    lab.restore_server()
    after = lab.session().get(f"{URL}/v1/nodes")
    assert int(after.headers["X-Nomad-Index"]) < before and len(after.json()) == 3


def test_faults() -> None:
    lab = Lab("1.1.2")
    session = lab.session()
    lab.fault("reset", match="PUT .*drain", apply=True)
    with pytest.raises(requests.ConnectionError):
        drain(lab, "c1")
    assert lab.get(f"/v1/node/{lab.node_id('c1')}")["LastDrain"], "the write took effect"
    lab.clear_faults()
    for kind, status in (("500", 500), ("503", 503), ("html", 200), ("redirect", 302), ("no_leader_text", 500)):
        lab.fault(kind)
        assert session.get(f"{URL}/v1/nodes", allow_redirects=False).status_code == status
    lab.fault("429", retry_after=3, after=1)
    assert session.get(f"{URL}/v1/nodes").status_code == 200
    answer = session.get(f"{URL}/v1/nodes")
    assert answer.status_code == 429 and answer.headers["Retry-After"] == "3"
    lab.fault("truncate")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        session.get(f"{URL}/v1/nodes")
    lab.fault("stall")
    with pytest.raises(requests.ReadTimeout):
        session.get(f"{URL}/v1/nodes", timeout=4)
    lab.fault("stale")
    assert session.get(f"{URL}/v1/nodes").headers["X-Nomad-Knownleader"] == "false"
    first = [lab.fault("500", rate=0.5, seed=7, count=None).strikes("GET", "/") for _turn in range(1)]
    assert first == [Lab().fault("500", rate=0.5, seed=7, count=None).strikes("GET", "/")]
    with pytest.raises(ValueError):
        lab.fault("flood")


def test_acl() -> None:
    lab = Lab("1.1.2")
    lab.build("build", "c1")
    lab.clock.sleep(1)
    assert lab.session().get(f"{URL}/v1/acl/token/self").status_code == 400
    lab.acl(True, {"boss": "management", "thin": "drain-only", "look": "client"})
    node = f"{URL}/v1/node/{lab.node_id('c1')}"

    def ask(method: str, url: str, token: str = "", **fields: Any) -> tuple[int, str]:
        answer = lab.session().request(method, url, headers={"X-Nomad-Token": token} if token else {}, **fields)
        return answer.status_code, answer.text

    assert ask("GET", node) == (403, "Permission denied")
    assert ask("GET", node, "99999999-2222-4333-8444-555555555559") == (403, "ACL token not found")
    assert ask("GET", node + "/allocations", "thin") == (200, "[]"), "a busy node looks empty to a thin token"
    assert ask("GET", f"{URL}/v1/allocations?namespace=*") == (200, "[]")
    assert ask("GET", f"{URL}/v1/jobs", "thin")[0] == 403
    assert ask("PUT", node + "/eligibility", "look", json={"Eligibility": "ineligible"}) == (403, "Permission denied")
    assert ask("PUT", node + "/eligibility", "thin", json={"Eligibility": "ineligible"})[0] == 200
    assert len(json.loads(ask("GET", node + "/allocations", "boss")[1])) == 1
    assert json.loads(ask("GET", f"{URL}/v1/acl/token/self", "boss")[1])["Type"] == "management"
    assert "boss" not in json.dumps(lab.requests["last"])


def test_requests_are_kept() -> None:
    lab = Lab("1.1.2")
    drain(lab, "c1")
    lab.get("/v1/nodes")
    shown = lab.requests
    assert shown["counts"] == {"PUT /v1/node/<id>/drain": 1, "GET /v1/nodes": 1}
    assert "DrainSpec" in shown["writes"][0]["body"] and shown["last"][0]["status"] == 200


def test_size() -> None:
    """1,000 clients and 4,000 allocations: quick to make, cheap to list."""
    begin = time.perf_counter()
    lab = Lab("1.1.2", clients=1000)
    for number in range(1000):
        lab.build(f"b{number}", f"c{number + 1}", seconds=None, count=4)
    lab.clock.sleep(5)
    assert time.perf_counter() - begin < 30
    session = lab.session()
    assert len(session.get(f"{URL}/v1/allocations").json()) == 4000
    begin = time.perf_counter()
    for _turn in range(10):
        session.get(f"{URL}/v1/nodes")
        session.get(f"{URL}/v1/allocations")
    assert time.perf_counter() - begin < 3
