# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults between the Kubernetes client and the lab's API on a real socket: broken and silent connections, refusals in the middle, restarts, skewed clocks."""

from __future__ import annotations

import json
import random
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import calls_client, refusals, watch_client
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient, client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import CONFIG_MAP
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.watch_client import Mirror
from faults.wires import Wire

from lab.kubernetes import reads
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, Rule, State, User
from lab.nomad.clock import RealClock
from lab.tls import Papers

TOKEN = "f0c4f3d1-a-token-of-the-lab"
READER = User("reader", (Rule(("configmaps",), ("get", "list", "watch"), "lab"),))


@pytest.fixture
def server() -> Iterator[Server]:
    state = State(RealClock())
    state.users[TOKEN] = ADMIN
    made = Server(state)
    put(made, "a")
    yield made
    made.stop()


def put(server: Server, name: str, **data: str) -> None:
    server.state.put("configmaps", "lab", name, {"metadata": {}, "data": data})


def client_of(server: Server, **more: Any) -> KubernetesClient:
    return client_from_params({"host": server.url, "api_key": TOKEN, **more})


def names(mirror: Mirror) -> list[str]:
    return [item["metadata"]["name"] for item in mirror.items()]


def versions(items: Any) -> list[tuple[str, str]]:
    return sorted((item["metadata"]["name"], item["metadata"]["resourceVersion"]) for item in items)


def check_soon(what: Callable[[], bool], seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.01)


def requests_of(server: Server) -> list[str]:
    return [method for _user, method, _path in server.api.asked]


# -- one request ------------------------------------------------------------------------------------------------------


def test_a_read_survives_resets_and_overload(server: Server) -> None:
    faults = server.state.faults
    faults.reset("GET", times=1)
    faults.answer(503, "GET", times=1)
    assert client_of(server).get(CONFIG_MAP, "lab", "a")["metadata"]["name"] == "a" and len(faults.struck) == 2


def test_a_write_whose_answer_is_lost_is_unknown_and_done_once(server: Server) -> None:
    server.state.faults.reset("POST", done=True)
    client = client_of(server)
    with pytest.raises(Unreachable, match="does not answer"):
        client.create(CONFIG_MAP, {"metadata": {"name": "b", "namespace": "lab"}})
    assert client.find(CONFIG_MAP, "lab", "b") is not None and requests_of(server).count("POST") == 1


def test_a_server_that_stalls_is_left_and_asked_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_client, "READ", 0.5)
    server.state.faults.stall(5.0, "GET")
    began = time.monotonic()
    client_of(server).get(CONFIG_MAP, "lab", "a")
    assert 0.5 < time.monotonic() - began < 3


def test_retry_after_is_honoured(server: Server) -> None:
    server.state.faults.answer(429, "GET", retry=2)
    began = time.monotonic()
    client_of(server).get(CONFIG_MAP, "lab", "a")
    assert 2.0 <= time.monotonic() - began < 4


@pytest.mark.parametrize("skew", [-86400.0, 7200.0])
def test_time_is_the_servers_whatever_our_clock_says(server: Server, skew: float) -> None:
    server.state.clock.base += timedelta(seconds=skew)
    client = client_of(server)
    assert abs(client.server_time() - server.state.clock.wall().timestamp()) < 1.5
    time.sleep(1.1)
    assert abs(client.server_time() - server.state.clock.wall().timestamp()) < 1.5


def test_a_token_that_ended_is_told_and_a_renewed_kubeconfig_is_read(server: Server, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"

    def write(token: str) -> None:
        cluster, user = {"name": "k", "cluster": {"server": server.url}}, {"name": "u", "user": {"token": token}}
        contexts = [{"name": "x", "context": {"cluster": "k", "user": "u"}}]
        made = {"apiVersion": "v1", "kind": "Config", "current-context": "x", "clusters": [cluster], "contexts": contexts, "users": [user]}
        kubeconfig.write_text(json.dumps(made))

    write(TOKEN)
    client = client_from_params({"kubeconfig": str(kubeconfig)})
    client.get(CONFIG_MAP, "lab", "a")
    del server.state.users[TOKEN]
    with pytest.raises(refusals.Unauthenticated, match="kubeconfig") as caught:
        client.get(CONFIG_MAP, "lab", "a")
    assert TOKEN not in str(caught.value)
    server.state.users["the-next-token"] = ADMIN
    write("the-next-token")
    assert client.create(CONFIG_MAP, {"metadata": {"name": "b", "namespace": "lab"}})["metadata"]["name"] == "b"


# -- watches ------------------------------------------------------------------------------------------------------------


def test_a_watch_that_is_torn_in_the_middle_of_a_line_goes_on_behind_the_last_whole_one(server: Server) -> None:
    server.state.faults.cut(events=1, where="GET")
    with Mirror(client_of(server), CONFIG_MAP, "lab") as mirror:
        mirror.items()
        check_soon(lambda: len(server.api.asked) == 2)
        put(server, "b")
        put(server, "c")
        check_soon(lambda: names(mirror) == ["a", "b", "c"])
        assert server.state.faults.struck and len(server.api.asked) == 3, "a list, a watch, and one more watch: no list"


def test_a_version_that_is_forgotten_while_the_api_restarts_is_listed_again(server: Server) -> None:
    with Mirror(client_of(server), CONFIG_MAP, "lab") as mirror:
        mirror.items()
        check_soon(lambda: len(server.api.asked) == 2)
        server.stop()
        put(server, "b")
        server.state.remove("configmaps", "lab", "a")
        server.state.forget(server.state.version)
        again = Server(server.state, port=server.port)
        check_soon(lambda: names(mirror) == ["b"])
        time.sleep(0.3)
        # The lab's stopped server still answers over connections that were open, so that one more watch may end at once.
        assert 5 <= len(server.api.asked + again.api.asked) <= 7, "a watch that is told 410, a list, a watch"
    again.stop()


def test_rights_that_are_taken_away_are_told_and_their_return_is_seen(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_client, "REFUSED_PAUSE", 0.2)
    server.state.users["limited"] = READER
    server.state.faults.cut(where="GET")
    with Mirror(client_of(server, api_key="limited"), CONFIG_MAP, "lab") as mirror:
        mirror.items()
        check_soon(lambda: bool(server.state.faults.struck))  # the watch stands, and is the one that is cut
        server.state.users["limited"] = User("reader")
        put(server, "b")
        with pytest.raises(NotPermitted, match="watch on configmaps in namespace lab"):
            mirror.wait(5.0)
            mirror.wait(5.0)
        server.state.users["limited"] = READER
        check_soon(lambda: recovered(mirror) == ["a", "b"])


def recovered(mirror: Mirror) -> list[str]:
    try:
        return names(mirror)
    except NotPermitted:
        return []


def test_a_half_dead_connection_is_left_for_another_one(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The far side of a balancer is gone, and the near side does not know: nothing comes, and nothing ends."""
    monkeypatch.setattr(watch_client, "SILENCE", 1.0)
    monkeypatch.setattr(reads, "BOOKMARKS", 0.3)
    wire = Wire(server.port)
    with Mirror(client_from_params({"host": wire.url, "api_key": TOKEN}), CONFIG_MAP, "lab") as mirror:
        mirror.items()
        time.sleep(1.5)
        quiet = len(server.api.asked)
        assert quiet == 2, "bookmarks show that it lives"
        wire.hang()
        put(server, "b")
        check_soon(lambda: names(mirror) == ["a", "b"], 5)
        assert len(server.api.asked) == quiet + 1
    wire.close()


def test_a_storm_of_cuts_refusals_and_restarts_ends_in_the_servers_list(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_client, "PAUSE", 0.02)
    monkeypatch.setattr(watch_client, "LONGEST_PAUSE", 0.1)
    dice, state, port = random.Random(7), server.state, server.port
    for events in range(4):
        state.faults.cut(events=events, where="GET", times=3, skip=events)
    state.faults.planned += [state.faults.answer(code, "GET", times=2, skip=3) for code in (429, 500, 503)]
    with Mirror(client_of(server), CONFIG_MAP, "lab") as mirror:
        mirror.items()
        for number in range(300):
            put(server, dice.choice("abcdefgh"), n=str(number))
            if dice.random() < 0.3:
                state.remove("configmaps", "lab", dice.choice("abcdefgh"))
            if number % 60 == 30:
                state.forget(state.version - 1)
            if number % 100 == 50:
                server.stop()
                server = Server(state, port=port)
            time.sleep(0.005)
        check_soon(lambda: versions(mirror.items()) == versions(mirror.fresh()))
        assert versions(mirror.items()) == versions(state.all("configmaps", "lab")) and len(state.faults.struck) > 8
    server.stop()


def test_from_a_create_to_a_terminal_phase_takes_four_requests_and_one_watch_in_five_minutes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(server)
    client.create(CONFIG_MAP, {"metadata": {"name": "backup", "namespace": "lab"}})
    with Mirror(client, CONFIG_MAP, "lab", fields="metadata.name=backup") as mirror:
        threading.Thread(target=lambda: [(time.sleep(0.1), put(server, "backup", phase=phase)) for phase in ("New", "InProgress", "Completed")]).start()
        while [item.get("data") for item in mirror.items()] != [{"phase": "Completed"}]:
            assert mirror.wait(5.0)
        assert mirror.fresh()[0]["data"]["phase"] == "Completed"
    assert len(server.api.asked) == 4
    monkeypatch.setattr(watch_client, "WATCH", 2)  # in place of the five minutes
    server.api.asked.clear()
    with Mirror(client, CONFIG_MAP, "lab") as mirror:
        began = time.monotonic()
        while time.monotonic() - began < 5.0:
            mirror.wait(0.5)
        assert len(server.api.asked) == 1 + 3, "a list, then a watch at 0, 2 and 4 s"


# -- the end --------------------------------------------------------------------------------------------------------------

SCRIPT = """
import sys
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import CONFIG_MAP
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.watch_client import Mirror
mirror = Mirror(client_from_params({"host": sys.argv[1], "api_key": sys.argv[2]}), CONFIG_MAP, "lab")
print(len(mirror.items()), mirror.wait(0.5), flush=True)
sys.exit(0)
"""


@pytest.mark.parametrize("silent", [False, True])
def test_a_module_that_ends_leaves_its_watch_at_once(server: Server, silent: bool) -> None:
    wire = Wire(server.port)
    if silent:
        threading.Timer(0.9, wire.hang).start()
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, wire.url, TOKEN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    began = time.monotonic()
    _output, errors = process.communicate(timeout=20)
    assert (line, errors, process.returncode) == ("1 False\n", "", 0) and time.monotonic() - began < 2
    wire.close()


def test_a_mirror_over_tls_ends_at_once_and_wakes_as_quickly(server: Server, tmp_path: Path) -> None:
    papers = Papers(tmp_path)
    certificate, key = papers.sign("api", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    secure = Server(server.state, tls=context)
    client = client_of(secure, host=f"https://localhost:{secure.port}", ca_cert=papers.ca)
    mirror = Mirror(client, CONFIG_MAP, "lab")
    mirror.items()
    check_soon(lambda: mirror._stream is not None)
    lags = []
    for number in range(3):
        told: list[float] = []
        threading.Timer(0.2, lambda n=number, told=told: (told.append(time.monotonic()), put(server, "b", n=str(n)))).start()  # type: ignore[misc]
        assert mirror.wait(5.0)
        lags.append(time.monotonic() - told[0])
    assert sorted(lags)[1] < 0.1, lags
    began = time.monotonic()
    mirror.close()
    assert time.monotonic() - began < 0.5 and mirror._thread is not None and not mirror._thread.is_alive()
    with pytest.raises(Unreachable, match="ca_cert"):
        client_of(secure, host=f"https://localhost:{secure.port}").get(CONFIG_MAP, "lab", "a")
    secure.stop()
