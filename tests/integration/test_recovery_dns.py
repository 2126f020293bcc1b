# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step dns of a recovery by itself: no name is moved by guess, neither away from where one may live, nor where nobody knows whence."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.playing import Played, play

from lab.kubernetes.__main__ import kubeconfig, written
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.names.resolver import Resolver
from lab.nomad.clock import RealClock

OLD = "127.0.0.4"
ROLE = "serverops.circleci.kots_disaster_recovery"


def one_file(name: str, home: Path, given: dict[str, Any]) -> Played:
    """One of the role's files, with the variables that the steps before it leave."""
    tell = {"name": "Tell", "ansible.builtin.debug": {"msg": "{{ kots_disaster_recovery_told | default({}) }}"}}
    tasks = [{"name": "Play it", "ansible.builtin.include_role": {"name": ROLE, "tasks_from": name}}, tell]
    defaults = {"group/serverops.circleci.kubernetes": {"kubeconfig": "{{ kubernetes_kubeconfig | default(omit) }}"}}
    book = home / "book.yml"
    book.write_text(json.dumps([{"name": "One step", "hosts": "localhost", "gather_facts": False, "module_defaults": defaults, "tasks": tasks}]))
    named = {key if key.startswith("kubernetes_") else f"kots_disaster_recovery_{key}": value for key, value in given.items()}
    return play(str(book), named, home / "home")


def fenced(home: Path, ports: dict[str, int], **more: Any) -> tuple[int, str]:
    """How it goes where the name of each of these services leads to OLD."""
    records = [{"service": role, "name": f"{role}.example.com", "type": "A", "value": "127.0.0.9", "now": [OLD]} for role in ports]
    found = {"services": {role: {"port": port} for role, port in ports.items()}}
    played = one_file("fence.yml", home, {"records": records, "found": found, **more})
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
