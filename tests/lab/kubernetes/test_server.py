"""The server on a real socket, spoken to by the official Python client: what it raises and returns is what it did with a real cluster; faults; the program."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kubernetes import client, config, watch
from kubernetes.client import exceptions
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient

from lab.kubernetes.replay import load
from lab.kubernetes.scenarios import definition
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State, User
from lab.nomad.clock import RealClock

RECORDED = {line["call"]: line for line in load("python-client")}
TESTS = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[Server]:
    state = State(RealClock())
    state.users.update({"admin": ADMIN, "nobody": User("nobody")})
    body = definition("velero.io/v1 backups Backup")
    state.put("customresourcedefinitions.apiextensions.k8s.io", "", "backups.velero.io", body)
    for name in ("kube-root-ca.crt", "l1", "outside"):
        state.put("configmaps", "lab", name, {"data": {"a": "1"}})
    state.forget(state.version - 1)
    made = Server(state)
    yield made
    made.stop()


def api_of(server: Server, token: str = "admin") -> client.ApiClient:
    made = client.Configuration()
    made.host, made.retries = server.url, False
    return client.ApiClient(made, "Authorization", f"Bearer {token}")


def stale(core: Any) -> Any:
    found = core.read_namespaced_config_map("py", "lab")
    found.metadata.resource_version = "1"
    return core.replace_namespaced_config_map("py", "lab", found)


def made_by(core: Any) -> Any:
    return core.create_namespaced_config_map("lab", {"metadata": {"name": "py"}, "data": {"a": "1"}}).metadata.name


def watched(call: Any, *given: Any, **named: Any) -> list[Any]:
    return [[one["type"], one["object"].metadata.name] for one in watch.Watch().stream(call, *given, timeout_seconds=1, **named)]


def applied(api: Any) -> Any:
    maps = DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
    for manager, value in (("one", "1"), ("two", "2")):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ssa"}, "data": {"a": value}}
        maps.server_side_apply(body=body, namespace="lab", field_manager=manager)


VELERO = ("velero.io", "v1")
CALLS: dict[str, Callable[[Server], Any]] = {
    "read_namespaced_config_map missing": lambda s: client.CoreV1Api(api_of(s)).read_namespaced_config_map("missing", "lab"),
    "create_namespaced_config_map": lambda s: made_by(client.CoreV1Api(api_of(s))),
    "create_namespaced_config_map again": lambda s: [made_by(client.CoreV1Api(api_of(s))) for _twice in range(2)],
    "replace_namespaced_config_map with a stale resourceVersion": lambda s: (made_by(client.CoreV1Api(api_of(s))), stale(client.CoreV1Api(api_of(s)))),
    "delete_namespaced_config_map again": lambda s: client.CoreV1Api(api_of(s)).delete_namespaced_config_map("py", "lab"),
    "CustomObjectsApi.get_namespaced_custom_object missing object": lambda s: client.CustomObjectsApi(api_of(s)).get_namespaced_custom_object(
        *VELERO, "velero", "backups", "missing"
    ),
    "CustomObjectsApi.list_namespaced_custom_object, group not served": lambda s: client.CustomObjectsApi(api_of(s)).list_namespaced_custom_object(
        "nothing.example", "v1", "lab", "things"
    ),
    "CustomObjectsApi.patch status subresource that is not there": lambda s: client.CustomObjectsApi(api_of(s)).patch_namespaced_custom_object_status(
        *VELERO, "velero", "backups", "missing", {"status": {}}
    ),
    "Watch.stream resource_version=1 (too old)": lambda s: watched(client.CoreV1Api(api_of(s)).list_namespaced_config_map, "lab", resource_version="1"),
    "Watch.stream resource_version=0": lambda s: watched(client.CoreV1Api(api_of(s)).list_namespaced_config_map, "lab", resource_version="0"),
    "Watch.stream resource_version of the future": lambda s: watched(
        client.CoreV1Api(api_of(s)).list_namespaced_config_map, "lab", resource_version="99999999"
    ),
    "read_namespaced_pod_log missing pod": lambda s: client.CoreV1Api(api_of(s)).read_namespaced_pod_log("missing", "lab"),
    "DynamicClient resources.get unknown kind": lambda s: DynamicClient(api_of(s)).resources.get(api_version="nothing.example/v1", kind="Thing"),
    "DynamicClient Backup get missing": lambda s: (
        DynamicClient(api_of(s)).resources.get(api_version="velero.io/v1", kind="Backup").get(name="missing", namespace="velero")
    ),
    "DynamicClient server_side_apply conflict": lambda s: applied(api_of(s)),
    "wrong token": lambda s: client.CoreV1Api(api_of(s, "wrong")).list_namespaced_config_map("lab"),
    "no rights": lambda s: client.CoreV1Api(api_of(s, "nobody")).list_namespaced_config_map("lab"),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_python_client(server: Server, call: str) -> None:
    theirs = RECORDED[call]
    try:
        returned = CALLS[call](server)
    except Exception as error:  # noqa: BLE001 -- compared with what was raised
        assert expected(theirs.get("raised", "nothing")) in {one.__name__ for one in type(error).__mro__}, repr(error)
        if theirs["status"]:
            assert error.status == theirs["status"]  # type: ignore[attr-defined]
        if theirs["body"]:
            body = error.body.decode() if isinstance(error.body, bytes) else error.body  # type: ignore[attr-defined]
            assert plain(body) == plain(theirs["body"])
        elif theirs["status"]:
            assert error.reason.partition(" (")[0] == theirs["reason"].partition(" (")[0]  # type: ignore[attr-defined]
        return
    assert "returned" in theirs, f"nothing was raised, but {returned}"
    assert returned == theirs["returned"]


def expected(raised: str) -> str:
    """The exception's name; clients before 37, which made the recording, have no class of its own for a conflict."""
    where, _dot, name = raised.rpartition(".")
    return "ApiException" if where == exceptions.__name__ and not hasattr(exceptions, name) else name


def plain(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def test_a_list_of_an_unknown_namespace_is_empty(server: Server) -> None:
    found = client.CustomObjectsApi(api_of(server)).list_namespaced_custom_object(*VELERO, "nowhere", "backups")
    theirs = RECORDED["CustomObjectsApi.list_namespaced_custom_object, unknown namespace"]["returned"]
    assert {**found, "metadata": {**found["metadata"], "resourceVersion": ""}} == {**theirs, "metadata": {**theirs["metadata"], "resourceVersion": ""}}


# --- the wire ---
def ask(server: Server, path: str, method: str = "GET", **more: Any) -> Any:
    headers = {"Authorization": "Bearer admin", **more.pop("headers", {})}
    return urllib3.PoolManager(retries=False).request(method, server.url + path, headers=headers, timeout=5.0, **more)


def test_every_answer_tells_the_time(server: Server) -> None:
    for path in ("/version", "/api/v1/nodes", "/apis/nothing.example/v1/x", "/api/v1/namespaces/none"):
        assert ask(server, path).headers["Date"].endswith(" GMT")


MAPS = "/api/v1/namespaces/lab/configmaps"


def test_a_connection_breaks_before_or_after_the_act(server: Server) -> None:
    server.state.faults.reset("^POST")
    for number in range(2):
        with pytest.raises(urllib3.exceptions.ProtocolError):
            ask(server, MAPS, "POST", json={"metadata": {"name": f"r{number}"}})
        server.state.faults.reset("^POST", done=True)
    assert server.state.get("configmaps", "lab", "r0") is None
    assert server.state.get("configmaps", "lab", "r1") is not None
    assert server.state.faults.struck == [f"reset POST {MAPS}"] * 2


@pytest.mark.parametrize("code", [429, 500, 503])
def test_an_overloaded_server(server: Server, code: int) -> None:
    server.state.faults.answer(code, "configmaps", times=1, skip=1, retry=7)
    got = [ask(server, MAPS) for _each in range(3)]
    assert [one.status for one in got] == [200, code, 200]
    assert got[1].headers["Retry-After"] == "7"
    assert got[1].data == b"Too many requests, please try again later.\n" if code == 429 else got[1].json()["code"] == code


def test_a_token_is_refused_for_a_while(server: Server) -> None:
    now = server.state.clock.now()
    server.state.faults.refuse_from(now, now + 0.3)
    assert ask(server, MAPS).status == 401
    time.sleep(0.35)
    assert ask(server, MAPS).status == 200


def test_a_stall_is_an_answer_that_comes_late(server: Server) -> None:
    server.state.faults.stall(0.4, "configmaps")
    began = time.monotonic()
    assert ask(server, MAPS).status == 200
    assert time.monotonic() - began >= 0.4


def test_a_watch_is_cut_in_the_middle_of_a_line(server: Server) -> None:
    server.state.faults.cut(events=1, where="configmaps")
    got = ask(server, MAPS + "?watch=1&timeoutSeconds=5", preload_content=False)
    read = b""
    with pytest.raises(urllib3.exceptions.ProtocolError):
        for piece in got.stream():
            read += piece
    first, rest = read.split(b"\n", 1)
    assert json.loads(first)["type"] == "ADDED"
    with pytest.raises(ValueError):
        json.loads(rest or b"{")


def test_a_watch_falls_silent_and_speaks_again(server: Server) -> None:
    server.state.faults.mute(events=3, seconds=0.6, where="configmaps")
    got = ask(server, MAPS + "?watch=1&timeoutSeconds=2", preload_content=False)
    server.state.put("configmaps", "lab", "late", {"data": {}})
    began, told = time.monotonic(), []
    for piece in got.stream():
        told += [(json.loads(line)["object"]["metadata"]["name"], time.monotonic() - began) for line in piece.splitlines()]
    assert [name for name, _at in told] == ["kube-root-ca.crt", "l1", "outside", "late"]
    assert told[-1][1] > 0.4


def test_a_watch_whose_client_has_gone_ends(server: Server) -> None:
    got = ask(server, MAPS + "?watch=1&timeoutSeconds=600", preload_content=False)
    next(got.stream())
    assert server.listener.watching == 1
    got.close()
    ends = time.monotonic() + 5
    while server.listener.watching and time.monotonic() < ends:
        time.sleep(0.05)
    assert server.listener.watching == 0


def test_faults_by_chance_are_the_same_for_a_seed() -> None:
    def struck(seed: int) -> list[bool]:
        state = State()
        state.faults.dice.seed(seed)
        fault = state.faults.answer(503, times=0)
        fault.chance = 0.3
        return [state.faults.find(("answer",), "GET", "/x", 0.0) is not None for _each in range(60)]

    assert struck(1) == struck(1) != struck(2)
    assert 5 < sum(struck(1)) < 35


# --- the program ---
def test_the_program_serves_whoever_has_its_kubeconfig(tmp_path: Path) -> None:
    manifest = tmp_path / "there.yml"
    manifest.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: there, namespace: lab}\ndata: {a: '1'}\n")
    argv = [sys.executable, "-m", "lab.kubernetes", "--kubeconfig", str(tmp_path / "config"), "--load", str(manifest)]
    env = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            told = json.loads(running.stdout.readline())
            assert "token" not in told and (tmp_path / "config").stat().st_mode & 0o77 == 0
            api = config.new_client_from_config(str(tmp_path / "config"))
            assert client.CoreV1Api(api).read_namespaced_config_map("there", "lab").data == {"a": "1"}
            with pytest.raises(ApiException):
                client.CoreV1Api(api).read_namespaced_config_map("there", "default")
        finally:
            with contextlib.suppress(ProcessLookupError):
                running.send_signal(signal.SIGTERM)
            assert running.wait(10) == 0
