"""Three servers: what a caller meets when the leader dies, in process and as a program, over TLS too."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import signal
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.nomad.lab import Lab
from lab.nomad.pki import Pki
from lab.nomad.test_server import Running

NODE = "/v1/node/11111111-2222-4333-8444-555555555551"


def ask(lab: Lab, server: str, path: str, method: str = "GET", **fields: Any) -> tuple[int, str]:
    answer = lab.session().request(method, f"http://{server}:4646{path}", **fields)
    return answer.status_code, answer.text


def test_a_leader_dies_and_a_drain_goes_on() -> None:
    lab = Lab("1.1.2", servers=3)
    lab.build("build", "c1", seconds=None)
    lab.clock.sleep(1)
    assert ask(lab, "s2", NODE + "/drain", "PUT", json={"DrainSpec": {"Deadline": 14 * 10**9}})[0] == 200
    lab.clock.sleep(2)
    assert lab.kill_peer(elect=3.5) == "server"
    with pytest.raises(requests.ConnectionError, match="refused"):
        ask(lab, "server", NODE)
    status, text = ask(lab, "s2", NODE)
    assert status == 500 and text.startswith("rpc error: failed to get conn: dial tcp") and text.endswith("connection refused")
    assert ask(lab, "s3", NODE + "?stale")[0] == 200
    began = lab.clock.now()
    lab.clock.sleep(1.9)
    assert ask(lab, "s2", NODE)[0] == 200 and 3.4 < lab.clock.now() - began < 3.7, "held until another leads"
    assert ask(lab, "s2", "/v1/status/leader")[1] == f'"{lab.peers.leader.address}"' and len(lab.get("/v1/status/peers")) == 3
    lab.clock.sleep(12)
    assert lab.get(NODE)["DrainStrategy"] is None and lab.truth()["builds"][0]["how"] == "killed", "the deadline is kept"


def test_a_held_question_ends_with_the_leader_that_it_was_passed_to() -> None:
    lab = Lab("1.1.2", servers=3)
    index = lab.session().get("http://s2/v1/nodes").headers["X-Nomad-Index"]
    lab.clock.after(5, lab.kill_peer)
    assert ask(lab, "s2", f"/v1/nodes?index={index}&wait=60s") == (500, "rpc error: EOF")
    lab.clock.sleep(10)
    lab.peers.lead("s3")
    lab.clock.after(5, lambda: lab.kill_peer(elect=2.0))
    with pytest.raises(requests.ConnectionError):
        ask(lab, "s3", f"/v1/nodes?index={index}&wait=60s")


def test_without_a_majority_nobody_leads_until_one_returns() -> None:
    lab = Lab("1.1.2", servers=3)
    assert lab.session().get("http://s2/v1/operator/autopilot/health").status_code == 200
    lab.kill_peer("s3")
    assert ask(lab, "server", "/v1/nodes")[0] == 200, "a follower's death changes nothing"
    assert lab.session().get("http://s2/v1/operator/autopilot/health").status_code == 429
    lab.kill_peer("s2")
    lab.clock.sleep(10)
    assert ask(lab, "server", "/v1/nodes") == (500, "No cluster leader")
    lab.start_peer("s2")
    lab.clock.sleep(5)
    assert ask(lab, "server", "/v1/nodes")[0] == 200
    with pytest.raises(ValueError, match="one server"):
        Lab("1.1.2").kill_peer()
    with pytest.raises(ValueError, match="dead already"):
        lab.kill_peer("s3")


def test_three_servers_as_a_program_over_tls(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    pki.ca("good")
    for name in ("server", "cli"):
        pki.issue(name, "good")
    files = ["--tls-cert", str(pki.path("server")), "--tls-key", str(pki.path("server-key")), "--tls-ca", str(pki.path("good-ca"))]
    lab = Running(tmp_path, "--servers", "3", *files)
    try:
        urls = lab.line["urls"]
        assert len(set(urls)) == 3 and urls[0] == lab.url and all(url.startswith("https://") for url in urls)
        context = pki.client(pki.path("good-ca"), "cli")

        def get(url: str, path: str = "/v1/status/leader") -> tuple[int, str]:
            try:
                with urllib.request.urlopen(url + path, context=context, timeout=20) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()

        assert {get(url) for url in urls} == {(200, f'"{urls[0].partition("://")[2]}"')}
        with pytest.raises(OSError, match="certificate required|EOF"):
            urllib.request.urlopen(urls[0], context=ssl.create_default_context(cafile=str(pki.path("good-ca"))), timeout=5)
        assert lab.post("/leader/kill", elect=30) == {"killed": "server"}
        lab.until(lambda: not _up(get, urls[0]), 60)
        assert get(urls[1], "/v1/nodes")[0] == 500 and get(urls[2], "/v1/nodes?stale")[0] == 200
        lab.until(lambda: get(urls[1], "/v1/nodes")[0] == 200, 60)
        lab.post("/servers/server/start")
        lab.until(lambda: _up(get, urls[0]), 60)
        before = serial(urls[0], context)
        assert before == serial(urls[2], context)
        pki.issue("server", "good")
        lab.process.send_signal(signal.SIGHUP)
        lab.until(lambda: before not in {serial(url, context) for url in urls}, 60)
    finally:
        lab.process.send_signal(signal.SIGTERM)
        assert lab.process.wait(20) == 0


def serial(url: str, context: ssl.SSLContext) -> str:
    """Of the certificate that a new connection meets."""
    host, _colon, port = url.partition("://")[2].partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as plain, context.wrap_socket(plain, server_hostname=host) as secured:
        return str((secured.getpeercert() or {})["serialNumber"])


def _up(get: Any, url: str) -> bool:
    try:
        return bool(get(url)[0] == 200)
    except OSError:
        return False
