# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of a recovery by themselves: none is moved by guess, neither away from where one may live, nor where nobody knows whence; and nothing is restored
beside one that lives."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.steps import one_file

from lab.kubernetes.__main__ import kubeconfig, written
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.names.resolver import Resolver
from lab.nomad.clock import RealClock

OLD = "127.0.0.4"


def fenced(home: Path, ports: dict[str, int], **more: Any) -> tuple[int, str]:
    """How it goes where the name of each of these services leads to OLD."""
    found = {"services": {role: {"port": port, "verdict": "elsewhere", "resolves_to": [OLD]} for role, port in ports.items()}}
    played = one_file("fence.yml", home, {"found": found, **more})
    return played.code, " ".join(played.output.split())


@contextmanager
def listening(silent: bool = False) -> Iterator[int]:
    """A port where somebody listens; where `silent`, one that neither answers nor refuses, as its queue is full."""
    with ExitStack() as stack:
        port = stack.enter_context(socket.create_server((OLD, 0), backlog=0 if silent else 5)).getsockname()[1]
        for _number in range(4 if silent else 0):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((OLD, port))
        yield int(port)


def free() -> int:
    with socket.create_server((OLD, 0)) as taken:
        return int(taken.getsockname()[1])


def test_each_name_is_asked_for_at_the_port_of_its_own_service(tmp_path: Path) -> None:
    with listening() as port:
        code, said = fenced(tmp_path, {"frontend": free(), "nomad_server": port})
        assert code == 2 and f"something still answers at {OLD} port {port}, where" in said
    code, said = fenced(tmp_path, {"frontend": free(), "nomad_server": free()})
    assert code == 0, said


def test_where_nobody_answers_or_refuses_nothing_is_known_and_no_name_is_moved(tmp_path: Path) -> None:
    with listening(silent=True) as port:
        code, said = fenced(tmp_path, {"frontend": 443}, fence_port=port)
    assert code == 2 and f"nobody knows whether something lives at {OLD} port {port}" in said and "then give kots_disaster_recovery_old_is_fenced" in said


class Hiccup(Resolver):
    """It fails as long as `failures` say so: a question more, one less."""

    failures = 0

    def answer(self, query: bytes, whole: bool) -> bytes | None:
        self.fails, self.failures = self.failures > 0, self.failures - 1
        return super().answer(query, whole)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Hiccup, dict[str, Any]]]:
    """A front end at 127.0.0.9, while its name leads to OLD; and what the step needs to know."""
    state = State(clock=RealClock())
    state.users["token-7d3"] = ADMIN
    body = {"metadata": {}, "spec": {"type": "LoadBalancer", "ports": [{"port": free()}]}, "status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.9"}]}}}
    with state.news:
        state.put("services", "circleci-server", "circleci-server-traefik", body)
        state.put("services", "circleci-server", "late", {"metadata": {}, "spec": {"type": "LoadBalancer", "ports": [{"port": 3000}]}})
    server, resolver = Server(state), Hiccup({"ci.example.com": [OLD]})
    written(tmp_path / "kubeconfig", yaml.safe_dump(kubeconfig(server.url, "token-7d3")))
    given = {"kubernetes_kubeconfig": str(tmp_path / "kubeconfig"), "resolver": resolver.address, "names": {"frontend": "ci.example.com"}}
    try:
        yield resolver, {**given, "probe": [], "ahead": False, "poll": 1, "dns_timeout": 4}
    finally:
        resolver.stop()
        server.stop()


def test_a_resolver_that_fails_for_a_moment_is_asked_again(place: tuple[Hiccup, dict[str, Any]], tmp_path: Path) -> None:
    resolver, given = place
    resolver.failures = 2
    played = one_file("dns.yml", tmp_path, given)
    assert played.code == 0 and resolver.failures < 0 and "to be set: ci.example.com to 127.0.0.9" in played.output, played.output


def test_a_name_that_stays_unknown_is_not_called_well(place: tuple[Hiccup, dict[str, Any]], tmp_path: Path) -> None:
    resolver, given = place
    resolver.failures = 1000
    played = one_file("dns.yml", tmp_path, given)
    said = " ".join(played.output.split())
    assert played.code == 2 and "restored, but no record was set: what ci.example.com resolves to is not known" in said, played.output


def test_a_service_that_gets_no_address_is_named_when_the_wait_is_over(place: tuple[Hiccup, dict[str, Any]], tmp_path: Path) -> None:
    _resolver, given = place
    played = one_file("addresses.yml", tmp_path, {**given, "addresses_timeout": 1, "services": {"vm_service": "late"}})
    said = " ".join(played.output.split())
    assert played.code == 2 and "restored, but late: its balancer has no address yet" in said, played.output


# -- before anything is restored -------------------------------------------------------------------------------------


def rivals(place: tuple[Hiccup, dict[str, Any]], home: Path, **more: Any) -> tuple[int, str]:
    """How the look goes that comes before a restore into a new cluster, in which there is no service yet."""
    _resolver, given = place
    services = {"frontend": "not-yet", "nomad_server": "not-yet-either"}
    names = {"frontend": "ci.example.com", "nomad_server": OLD}
    played = one_file("rivals.yml", home, {**given, "services": services, "names": names, "config_keys": {"vm_service": "vm_host"}, **more})
    return played.code, " ".join(played.output.split())


def test_nothing_is_restored_while_somebody_answers_where_the_names_lead(place: tuple[Hiccup, dict[str, Any]], tmp_path: Path) -> None:
    with listening() as port:
        code, said = rivals(place, tmp_path, fence_port=port)
    assert code == 2 and f"nothing was restored: something still answers at {OLD} port {port}, where the names lead now" in said
    with listening(silent=True) as port:
        code, said = rivals(place, tmp_path, fence_port=port)
    assert code == 2 and "nothing was restored: nobody knows whether something lives at" in said
    code, said = rivals(place, tmp_path, fence_port=free())
    assert code == 0, said


def test_nothing_is_restored_while_nobody_knows_where_a_name_leads(place: tuple[Hiccup, dict[str, Any]], tmp_path: Path) -> None:
    resolver, _given = place
    resolver.failures = 1000
    code, said = rivals(place, tmp_path, fence_port=free())
    assert code == 2 and "nothing was restored: what ci.example.com resolves to is not known" in said and "give kots_disaster_recovery_old_is_fenced" in said
    resolver.failures = 2
    code, said = rivals(place, tmp_path, fence_port=free())
    assert code == 0, said


def test_a_name_that_leads_to_this_cluster_already_is_no_rival(place: tuple[Hiccup, dict[str, Any]], tmp_path: Path) -> None:
    resolver, _given = place
    resolver.names = {"ci.example.com": ["127.0.0.9"]}
    with socket.create_server(("127.0.0.9", 0)) as ours:
        code, said = rivals(place, tmp_path, services={}, names={"frontend": "ci.example.com"}, fence_port=ours.getsockname()[1])
    assert code == 0, said


def test_an_old_one_at_an_address_in_a_setting_is_seen_before_the_setting_is_changed(place: tuple[Hiccup, dict[str, Any]], tmp_path: Path) -> None:
    _resolver, given = place
    with listening() as port:
        seen = {"port": port, "verdict": "elsewhere", "resolves_to": [OLD]}
        found = {"services": {"vm_service": seen}, "settings": [{"service": "vm_service", "key": "vm_host", "value": "127.0.0.9", "now": OLD}]}
        played = one_file("settings.yml", tmp_path, {**given, "found": found})
    said = " ".join(played.output.split())
    assert played.code == 2 and f"restored, but something still answers at {OLD} port {port}" in said, played.output
