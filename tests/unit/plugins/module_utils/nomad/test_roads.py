# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roads as the client takes them: options, addresses, names for TLS; a real ssh and the lab's Kubernetes under the real client."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import NomadClient, client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NOMAD_OPTIONS, NomadConnection
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.roads import KubernetesRoad, SshRoad, with_road
from ansible_collections.serverops.circleci.plugins.module_utils.transport import forward
from faults.roads import NAMESPACE, TOKEN, PodOf
from unit.plugins.module_utils.nomad.far_ends import Agent, Proxy
from unit.plugins.modules.indoors import process

from lab.kubernetes.server import Server
from lab.ssh.sshd import Sshd, why_not
from lab.tls import Front, Papers

NO_SSHD = pytest.mark.skipif(bool(why_not()), reason=f"the road through SSH is not tried: {why_not()}")
DEFAULTS = {name: option.get("default") for name, option in NOMAD_OPTIONS.items()}
NAME = "server.global.nomad"
Json = dict[str, Any]


@pytest.fixture
def agent() -> Iterator[Agent]:
    made = Agent()
    yield made
    made.close()


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    made = Sshd(tmp_path_factory.mktemp("ssh"))
    yield made
    made.close()


@pytest.fixture
def pod(agent: Agent) -> Iterator[PodOf]:
    made = PodOf(agent.url)
    yield made
    made.close()


def client(**params: Any) -> NomadClient:
    return client_from_params({**DEFAULTS, **params}, SystemClock())


def asked(made: NomadClient, bound: float = 0.0) -> Any:
    try:
        return made.read("nodes", bound=bound).body
    finally:
        made.close()


# -- options ---------------------------------------------------------------------------------------------------


def test_both_roads_at_once_are_refused() -> None:
    with pytest.raises(BadInput, match="ssh_forward and kubernetes_forward are both given"):
        client(ssh_forward={"host": "x"}, kubernetes_forward={"namespace": "y"})


@pytest.mark.parametrize("name", ["key_file", "known_hosts_file"])
def test_a_file_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(BadInput, match=f"ssh_forward.{name} is /no/such"):
        client(ssh_forward={"host": "x", name: "/no/such"})


def test_a_missing_library_is_named() -> None:
    with mock.patch.object(importlib.util, "find_spec", lambda name: None), pytest.raises(BadInput, match="needs the Python library kubernetes"):
        client(kubernetes_forward={"namespace": "x"})


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "http://127.0.0.1:4646"),
        ({"ca_path": "/ca.pem"}, "https://127.0.0.1:4646"),
        ({"tls_server_name": NAME}, "https://127.0.0.1:4646"),
        ({"ca_path": "/ca.pem", "url": "http://10.0.0.1:4646"}, "http://10.0.0.1:4646"),
    ],
)
def test_the_default_address_speaks_tls_once_tls_is_spoken_of(fields: Json, url: str) -> None:
    assert with_road(NomadConnection(**fields), {"ssh_forward": {"host": "x"}}).url == url


def test_messages_say_by_which_road_an_address_is_meant() -> None:
    found = with_road(NomadConnection(), {"ssh_forward": {"host": "bastion", "user": "ops"}})
    assert found.place == "127.0.0.1:4646 (through ssh_forward ops@bastion)"
    assert KubernetesRoad("circleci").words == "through kubernetes_forward circleci/app=nomad-server"


def test_a_module_without_a_road_loads_nothing_of_them() -> None:
    """They cost it no time at its start."""
    code = (
        "import sys; from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import client_from_params as c; "
        "from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock; c({}, SystemClock()); "
        "print([m for m in sys.modules if 'roads' in m or 'forward' in m or m.split('.')[0] in ('kubernetes', 'websocket', 'subprocess')])"
    )
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(got.stdout.replace("'", '"')) in ([], ["subprocess"])


def test_without_a_road_another_agent_is_asked_straight(agent: Agent) -> None:
    made = client(nomad_url="http://127.0.0.1:1").at(f"127.0.0.1:{agent.port}")
    assert asked(made) == [] and made.place == f"127.0.0.1:{agent.port}"
    with pytest.raises(BadInput, match="port"):
        client().at("10.0.0.7:port")


def test_the_environment_of_awx_fills_what_is_not_given(agent: Agent, pod: PodOf) -> None:
    """As a process, since the module's own fall-backs are meant; the agent is no Nomad, so the reading fails, but only there."""
    environment = {"K8S_AUTH_HOST": pod.server.url, "K8S_AUTH_API_KEY": TOKEN}
    told = process("nomad_node_info", environment, kubernetes_forward={"namespace": NAMESPACE})
    assert agent.hosts and TOKEN not in json.dumps(told) and "refused (403" in told["msg"]


# -- through SSH -------------------------------------------------------------------------------------------------


@NO_SSHD
def test_through_ssh_the_far_end_is_asked_by_its_own_name(agent: Agent, sshd: Sshd) -> None:
    assert asked(client(nomad_url=agent.url, ssh_forward=sshd.login)) == []
    assert agent.hosts == [f"127.0.0.1:{agent.port}"]


@NO_SSHD
def test_another_agent_is_reached_by_the_same_road(agent: Agent, sshd: Sshd) -> None:
    first = client(nomad_url="http://127.0.0.1:1", ssh_forward=sshd.login)
    other = first.at(f"127.0.0.1:{agent.port}")
    assert asked(other) == [] and "through ssh_forward" in other.place
    first.close()


@NO_SSHD
@pytest.mark.parametrize("mistake", ["key", "host key", "no host key", "far port", "ssh port", "name"])
def test_each_mistake_on_the_way_is_one_sentence(mistake: str, agent: Agent, sshd: Sshd, tmp_path: Path) -> None:
    strange = tmp_path / "known_hosts"
    strange.write_text(f"[127.0.0.1]:{sshd.port} {sshd.other_key.with_suffix('.pub').read_text()}")
    empty = tmp_path / "empty"
    empty.touch()
    options, url, kind, words = {
        "key": ({"key_file": str(sshd.other_key)}, agent.url, NotPermitted, "ssh_forward.key_file"),
        "host key": ({"known_hosts_file": str(strange)}, agent.url, Refused, "differs"),
        "no host key": ({"known_hosts_file": str(empty)}, agent.url, Refused, "ssh-keyscan"),
        "far port": ({}, "http://127.0.0.1:1", Unreachable, "nobody answers at 127.0.0.1:1"),
        "ssh port": ({"port": 1}, agent.url, Unreachable, "ssh_forward.port"),
        "name": ({"host": "no-such-host.invalid"}, agent.url, (BadInput, Unreachable), "no-such-host.invalid"),
    }[mistake]
    with pytest.raises(kind, match=words):
        asked(client(nomad_url=url, ssh_forward={**sshd.login, **options}))


@NO_SSHD
def test_a_machine_that_forwards_nothing_says_so(agent: Agent, tmp_path: Path) -> None:
    closed = Sshd(tmp_path / "closed", forwarding="no")
    try:
        with pytest.raises(Refused, match="AllowTcpForwarding"):
            asked(client(nomad_url=agent.url, ssh_forward=closed.login))
    finally:
        closed.close()


@NO_SSHD
def test_the_smallest_right_of_the_guide_is_enough_and_no_more(agent: Agent, tmp_path: Path) -> None:
    narrow = Sshd(tmp_path / "narrow")
    keys = narrow.folder / "authorized_keys"
    keys.write_text(f'restrict,port-forwarding,permitopen="127.0.0.1:{agent.port}" {keys.read_text()}')
    try:
        assert asked(client(nomad_url=agent.url, ssh_forward=narrow.login)) == []
        with pytest.raises(Refused, match="PermitOpen 127.0.0.1:1"):
            asked(client(nomad_url="http://127.0.0.1:1", ssh_forward=narrow.login))
    finally:
        narrow.close()


@NO_SSHD
def test_a_client_reads_on_when_the_machine_was_away(agent: Agent, tmp_path: Path) -> None:
    machine = Sshd(tmp_path / "machine")
    made = client(nomad_url=agent.url, ssh_forward=machine.login)
    try:
        assert made.read("nodes", bound=0.0).body == []
        machine.kill()
        with pytest.raises(Unreachable):
            made.read("nodes", bound=0.0)
        machine.start()
        assert made.read("nodes", bound=5.0).body == []
    finally:
        made.close()
        machine.close()


@NO_SSHD
def test_an_order_whose_answer_was_lost_with_the_tunnel_is_doubtful(agent: Agent, tmp_path: Path) -> None:
    machine = Sshd(tmp_path / "machine")
    agent.hold = 3.0
    made = client(nomad_url=agent.url, ssh_forward=machine.login)
    threading.Timer(1.5, machine.kill).start()
    try:
        with pytest.raises(Unreachable, match="ssh_forward"):
            made.write("node", "n1", "drain", body={})
        assert agent.orders == 1, "it arrived, and was not sent again"
    finally:
        made.close()


# -- through Kubernetes ------------------------------------------------------------------------------------------


def test_through_kubernetes_with_the_documented_rights_alone(agent: Agent, pod: PodOf) -> None:
    assert asked(client(**pod.variables)) == []
    assert {user for user, _method, _path in pod.server.api.asked} == {"system:serviceaccount:ops:drain"}
    assert agent.hosts == ["127.0.0.1:4646"]


def test_the_pod_is_found_again_when_it_moved(pod: PodOf) -> None:
    made = client(**pod.variables)
    try:
        assert made.read("nodes", bound=0.0).body == []
        pod.snap()
        with pytest.raises(Unreachable, match="no pod of app=nomad-server .* is Running and Ready: none at all"):
            made.read("nodes", bound=2.0)
        pod.mend()
        assert made.read("nodes", bound=0.0).body == []
        assert sorted({path.split("/")[6] for _u, _m, path in pod.server.api.asked if path.endswith("portforward")}) == ["nomad-server-0", "nomad-server-1"]
    finally:
        made.close()


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"api_key": "reader"}, NotPermitted, 'cannot get resource "pods/portforward".* needs list on pods, and get and create on pods/portforward'),
        ({"namespace": "elsewhere"}, NotPermitted, 'cannot list resource "pods"'),
        ({"api_key": "nobody-knows"}, NotPermitted, "401.*api_key"),
        ({"pod_selector": "app=other", "api_key": "admin"}, Unreachable, "no pod of app=other .* none at all"),
        ({"pod_selector": "app in x", "api_key": "admin"}, Unreachable, "unable to parse requirement"),
        ({"port": 1}, Unreachable, "connection refused"),
        ({"impersonate_user": "reader"}, NotPermitted, "cannot impersonate"),
        ({"impersonate_user": "reader", "api_key": "admin"}, NotPermitted, 'User "reader" cannot get resource "pods/portforward"'),
        ({"host": "http://127.0.0.1:1"}, Unreachable, "does not answer"),
        ({"host": "http://127.0.0.1:1", "proxy": "http://127.0.0.1:2"}, Unreachable, "does not answer"),
    ],
)
def test_each_mistake_in_kubernetes_is_one_sentence(options: Json, kind: type[Exception], words: str, pod: PodOf) -> None:
    with pytest.raises(kind, match=words) as caught:
        asked(client(kubernetes_forward={**pod.variables["kubernetes_forward"], **options}))
    assert TOKEN not in str(caught.value) and "nobody-knows" not in str(caught.value)


def test_a_pod_that_is_not_ready_is_waited_for(pod: PodOf) -> None:
    pod.state.set_pod(NAMESPACE, pod.pod, "Running", False)
    threading.Timer(0.7, lambda: pod.state.set_pod(NAMESPACE, pod.pod)).start()
    assert asked(client(**pod.variables), bound=10.0) == []


def test_a_silent_websocket_is_kept_alive(agent: Agent, pod: PodOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "IDLE", 0.1)
    agent.hold = 1.0
    assert asked(client(**pod.variables)) == []
    ends = time.monotonic() + 5
    while not pod.server.listener.pings and time.monotonic() < ends:
        time.sleep(0.05)
    assert pod.server.listener.pings >= 3


@pytest.mark.parametrize("way", [pytest.param("ssh", marks=NO_SSHD), "kubernetes"])
def test_an_answer_of_megabytes_comes_whole(way: str, agent: Agent, pod: PodOf, request: pytest.FixtureRequest) -> None:
    many = [{"number": number, "text": "x" * 100} for number in range(30_000)]
    agent.body = json.dumps(many).encode()
    ssh = {"nomad_url": agent.url, "ssh_forward": request.getfixturevalue("sshd").login} if way == "ssh" else {}
    assert asked(client(**(ssh or pod.variables))) == many


def test_four_websockets_at_most_stand_at_once(agent: Agent, pod: PodOf) -> None:
    agent.hold = 0.3
    made = client(**pod.variables)
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(made.read("nodes", bound=5.0).body)) for _number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    made.close()
    assert got == [[]] * 9 and 2 <= pod.server.listener.most <= 4


def test_a_clients_agent_is_not_reached_through_kubernetes(pod: PodOf) -> None:
    made = client(**pod.variables)
    with pytest.raises(Refused, match="server's pod .* use ssh_forward"):
        made.at("10.0.0.7:4646")
    made.close()


def test_a_proxy_of_the_environment_is_not_asked(pod: PodOf, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert asked(client(**pod.variables)) == []


# -- TLS on both ends -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    made = Papers(tmp_path_factory.mktemp("papers"))
    made.sign("client", "client.global.nomad")
    made.sign("api", "kubernetes.default.svc")
    return made


def mutual(papers: Papers) -> Json:
    folder = papers.folder
    return {"nomad_ca_path": papers.ca, "nomad_client_cert": str(folder / "client.pem"), "nomad_client_key": str(folder / "client.key")}


def test_the_name_of_the_certificate_is_checked_through_the_road(agent: Agent, papers: Papers) -> None:
    front = Front(papers, NAME, agent.port)
    pod = PodOf(f"https://127.0.0.1:{front.port}")
    try:
        assert asked(client(**pod.variables, **mutual(papers), nomad_tls_server_name=NAME)) == []
        assert asked(client(**pod.variables, **mutual(papers), nomad_url=f"https://{NAME}:4646")) == [], "the address's own name serves too"
        for other in ({"nomad_tls_server_name": "server.other.nomad"}, {}):
            with pytest.raises(Unreachable, match="TLS with 127.0.0.1:4646 .*nomad_tls_server_name"):
                asked(client(**pod.variables, **mutual(papers), **other))
    finally:
        pod.close()
        front.close()


def test_the_certificate_of_the_kubernetes_api_is_verified_for_the_list_and_the_websocket(agent: Agent, papers: Papers, tmp_path: Path) -> None:
    import ssl

    from kubernetes.client import Configuration

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(papers.folder / "api.pem"), str(papers.folder / "api.key"))
    plain = PodOf(agent.url)
    secure = Server(plain.state, tls=context)
    user = {"name": "u", "user": {"token": TOKEN}}
    cluster = {"server": secure.url, "certificate-authority": papers.ca, "tls-server-name": "kubernetes.default.svc"}
    contexts = [{"name": "x", "context": {"cluster": "k", "user": "u"}}]
    kubeconfig = tmp_path / "config"
    config: Json = {"apiVersion": "v1", "kind": "Config", "current-context": "x", "contexts": contexts, "users": [user]}
    config["clusters"] = [{"name": "k", "cluster": cluster}]
    kubeconfig.write_text(json.dumps(config))
    assert hasattr(Configuration(), "tls_server_name")
    given = {"namespace": NAMESPACE, "kubeconfig": str(kubeconfig)}
    try:
        assert asked(client(kubernetes_forward=given)) == []
        assert plain.server.listener.opened + secure.listener.opened == 1
        with pytest.raises(BadInput, match="context no-such"):
            asked(client(kubernetes_forward={**given, "context": "no-such"}))
        straight = {"namespace": NAMESPACE, "host": secure.url, "api_key": TOKEN}
        with pytest.raises(Unreachable, match="TLS with Kubernetes .*ca_cert"):
            asked(client(kubernetes_forward=straight))
        with pytest.raises(Unreachable, match="TLS with Kubernetes"):
            asked(client(kubernetes_forward={**straight, "ca_cert": papers.ca}))
        assert asked(client(kubernetes_forward={**straight, "validate_certs": False})) == []
    finally:
        secure.stop()
        plain.close()


def test_the_operators_proxy_carries_both_the_list_and_the_websocket(agent: Agent, papers: Papers) -> None:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(papers.folder / "api.pem"), str(papers.folder / "api.key"))
    plain = PodOf(agent.url)
    secure = Server(plain.state, tls=context)
    proxy = Proxy()
    given = {"namespace": NAMESPACE, "host": secure.url, "api_key": TOKEN, "validate_certs": False, "proxy": proxy.url}
    try:
        assert asked(client(kubernetes_forward=given)) == []
        assert proxy.connects == [f"127.0.0.1:{secure.port}"] * 2
    finally:
        proxy.close()
        secure.stop()
        plain.close()


def test_a_road_is_equal_to_one_with_the_same_options() -> None:
    made = with_road(NomadConnection(), {"ssh_forward": {"host": "x", "port": 22}})
    assert isinstance(made.road, SshRoad) and made == with_road(NomadConnection(), {"ssh_forward": {"host": "x", "port": 22}})
