"""The simulator as a program: sockets, held requests, refusals, control routes."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

TESTS = Path(__file__).parents[2]
SPEED = 10


class Running:
    def __init__(self, folder: Path, *options: str) -> None:
        ready = folder / "ready.json"
        command = [sys.executable, "-m", "lab.nomad", "--speed", str(SPEED), "--ready", str(ready), "--witness", str(folder / "witness"), *options]
        self.process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(TESTS)}, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.line = json.loads(self.process.stdout.readline())
        assert json.loads(ready.read_text()) == self.line
        self.url, self.control = self.line["url"], self.line["control"]

    def post(self, path: str, **body: Any) -> Any:
        answer = requests.post(self.control + path, json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str, **query: str) -> requests.Response:
        return requests.get(self.url + path, params=query, timeout=30)

    def until(self, check: Any, seconds: float = 5) -> None:
        end = time.monotonic() + seconds
        while not check():
            assert time.monotonic() < end, "did not come about"
            time.sleep(0.02)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(10) == 0


NODE = "11111111-2222-4333-8444-555555555551"


def test_a_blocking_query_is_woken(lab: Running) -> None:
    index = lab.get("/v1/nodes").headers["X-Nomad-Index"]
    threading.Timer(0.3, lambda: lab.post("/clients", name="extra", instance_id="i-1", **{"class": "big"})).start()
    begin = time.monotonic()
    answer = lab.get("/v1/nodes", index=index, wait="100s")
    assert 0.2 < time.monotonic() - begin < 3
    assert {n["Name"] for n in answer.json()} == {"c1", "c2", "c3", "extra"}


def test_keep_alive_and_requests(lab: Running) -> None:
    with requests.Session() as session:
        for _turn in range(5):
            assert session.get(lab.url + "/v1/status/leader", timeout=5).status_code == 200
    shown = requests.get(lab.control + "/requests", timeout=5).json()
    assert shown["counts"]["GET /v1/status/leader"] == 5 and shown["connections"]["ever"] == 1
    assert len({entry["port"] for entry in shown["last"]}) == 1


def test_builds_and_the_witness(lab: Running, tmp_path: Path) -> None:
    lab.post("/builds", job="short", client="c1", seconds=3)
    lab.post("/builds", job="long", client="c1", seconds=None, stop_seconds=1)
    lab.until(lambda: len(lab.get(f"/v1/node/{NODE}/allocations").json()) == 2)
    lab.until(lambda: "itself" in [b["how"] for b in requests.get(lab.control + "/truth", timeout=5).json()["builds"]])
    lab.post("/cancel", job="long")
    lab.until(lambda: "cancelled" in [b["how"] for b in requests.get(lab.control + "/truth", timeout=5).json()["builds"]])
    texts = {path.name.split(".")[0]: path.read_text() for path in (tmp_path / "witness").iterdir()}
    assert texts == {"short": "started\nitself\n", "long": "started\nkilled\n"}


def test_clients_die_and_return(lab: Running) -> None:
    lab.post("/clients/c1/kill", builds="die", heartbeat=2)
    lab.until(lambda: lab.get(f"/v1/node/{NODE}").json()["Status"] == "down")
    lab.post("/clients/c1/return")
    lab.until(lambda: lab.get(f"/v1/node/{NODE}").json()["Status"] == "ready")
    lab.post("/clients/c2/freeze", heartbeat=1)
    lab.until(lambda: "down" in {n["Status"] for n in lab.get("/v1/nodes").json()})
    assert lab.post("/clients/c3/replace")["node"] != "31111111-2222-4333-8444-555555555553"
    assert requests.post(lab.control + "/clients/nobody/kill", json={}, timeout=5).status_code == 400


def test_a_dead_server_refuses_and_returns(lab: Running) -> None:
    held: list[str] = []

    def wait() -> None:
        try:
            lab.get("/v1/nodes", index="99999", wait="300s")
        except requests.RequestException as error:
            held.append(type(error).__name__)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    lab.post("/server/kill", seconds=10, leaderless=1)
    thread.join(5)
    assert held == ["ConnectionError"]
    with pytest.raises(requests.ConnectionError):
        lab.get("/v1/nodes")
    time.sleep(1.0)

    def up() -> bool:
        try:
            return lab.get("/v1/nodes").status_code == 200
        except requests.ConnectionError:
            return False

    lab.until(up)


def test_leader_and_restore(lab: Running) -> None:
    before = int(lab.get("/v1/nodes").headers["X-Nomad-Index"])
    lab.post("/leader/lose", seconds=20)
    answer = lab.get("/v1/nodes")
    assert (answer.status_code, answer.text) == (500, "No cluster leader")
    assert lab.get("/v1/nodes", stale="").status_code == 200
    lab.until(lambda: lab.get("/v1/nodes").status_code == 200)
    lab.post("/server/restore")
    assert int(lab.get("/v1/nodes").headers["X-Nomad-Index"]) < before


def test_faults_over_sockets(lab: Running) -> None:
    for kind in ("reset", "close", "refuse"):
        lab.post("/fault", kind=kind, match="GET /v1/nodes")
        with pytest.raises(requests.ConnectionError):
            lab.get("/v1/nodes")
    lab.post("/fault", kind="truncate")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        lab.get("/v1/nodes")
    lab.post("/fault", kind="stall", seconds=20)
    with pytest.raises(requests.ReadTimeout):
        requests.get(lab.url + "/v1/nodes", timeout=0.3)
    lab.post("/fault", kind="429", retry_after=2)
    assert lab.get("/v1/nodes").headers["Retry-After"] == "2"
    lab.post("/fault", kind="503", count=None)
    requests.delete(lab.control + "/fault", timeout=5)
    assert lab.get("/v1/nodes").status_code == 200
    assert requests.post(lab.control + "/fault", json={"kind": "flood"}, timeout=5).status_code == 400


def test_acl_over_sockets(lab: Running) -> None:
    lab.post("/acl", enabled=True, tokens={"s3cret": "management"})
    assert lab.get("/v1/nodes").status_code == 403
    assert requests.get(lab.url + "/v1/nodes", headers={"X-Nomad-Token": "s3cret"}, timeout=5).status_code == 200
    assert "s3cret" not in requests.get(lab.control + "/requests", timeout=5).text


def test_the_hundred_and_first_connection_is_closed_without_a_byte(lab: Running) -> None:
    import socket

    port = int(lab.url.rsplit(":", 1)[1])
    held = [socket.create_connection(("127.0.0.1", port), 5) for _turn in range(100)]
    time.sleep(0.3)
    extra = socket.create_connection(("127.0.0.1", port), 5)
    try:
        extra.settimeout(3)
        assert extra.recv(10) == b""
    except ConnectionResetError:
        pass
    for connection in [*held, extra]:
        connection.close()
    lab.until(lambda: _reachable(lab))


def _reachable(lab: Running) -> bool:
    try:
        return lab.get("/v1/status/leader").status_code == 200
    except requests.ConnectionError:
        return False


def test_a_virtual_clock_and_stop(tmp_path: Path) -> None:
    running = Running(tmp_path, "--speed", "0", "--profile", "0.5.6", "--clients", "2")
    running.post("/builds", job="build", client="c1", seconds=1000)
    assert running.post("/clock", advance=500)["now"] == pytest.approx(500)
    assert len(running.get(f"/v1/node/{NODE}/allocations").json()) == 1
    running.post("/clock", advance=600)
    assert [b["how"] for b in requests.get(running.control + "/truth", timeout=5).json()["builds"]] == ["itself"]
    running.post("/stop")
    assert running.process.wait(10) == 0
