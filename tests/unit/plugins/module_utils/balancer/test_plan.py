# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a load balancer before a Services machine needs: tables of rules and listeners, and every option that cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.serverops.circleci.plugins.filter.load_balancer_plan import FilterModule

PLAN = FilterModule().filters()["load_balancer_plan"]
ACM = "arn:aws:acm:eu-west-1:111111111111:certificate/1"
OFFICE = "192.0.2.0/24"
WISH: dict[str, Any] = {"type": "network", "users_cidrs": [OFFICE], "admins_cidrs": [OFFICE], "health_check": "TCP:443"}
OLD: dict[str, Any] = {**WISH, "type": "classic", "server_version": "2.17.2"}
HTTP, SSL, CONSOLE = {"port": 80, "protocol": "http"}, {"port": 443, "protocol": "ssl"}, {"port": 8800, "protocol": "https", "source": "admins"}


def rule(port: int, cidr: str, source: str, kind: str = "cidr_ip") -> dict[str, Any]:
    return {"proto": "tcp", "from_port": port, "to_port": port, kind: cidr, "rule_desc": f"CircleCI {source}"}


@pytest.mark.parametrize(
    ("listeners", "more", "rules"),
    [
        ([HTTP], {}, [rule(80, OFFICE, "users")]),
        (
            [HTTP, CONSOLE],
            {"users_cidrs": ["0.0.0.0/0", "::/0"]},
            [rule(80, "0.0.0.0/0", "users"), rule(80, "::/0", "users", "cidr_ipv6"), rule(8800, OFFICE, "admins")],
        ),
        ([{"port": 4647, "source": "clients"}], {"clients_cidrs": ["10.0.0.0/8"]}, [rule(4647, "10.0.0.0/8", "clients")]),
        ([CONSOLE], {"admins_cidrs": ["10.0.0.0/8"]}, [rule(8800, "10.0.0.0/8", "admins")]),
        ([CONSOLE], {"admins_cidrs": ["0.0.0.0/0"], "admins_from_anywhere": True}, [rule(8800, "0.0.0.0/0", "admins")]),
        ([{**HTTP, "target_port": 8080}], {}, [rule(80, OFFICE, "users")]),
    ],
)
def test_each_source_is_admitted_to_its_ports_alone(listeners: list[Any], more: dict[str, Any], rules: list[Any]) -> None:
    assert PLAN(listeners, **{**WISH, **more})["rules"] == rules


@pytest.mark.parametrize(
    ("listener", "certificate", "wanted"),
    [
        (HTTP, "", {"port": 80, "target_port": 80, "protocol": "TCP", "health_check": {"protocol": "TCP"}}),
        (HTTP, ACM, {"port": 80, "target_port": 80, "protocol": "TCP", "health_check": {"protocol": "TCP"}}),
        (SSL, "", {"port": 443, "target_port": 443, "protocol": "TCP", "health_check": {"protocol": "TCP"}}),
        (SSL, ACM, {"port": 443, "target_port": 443, "protocol": "TLS", "health_check": {"protocol": "TCP"}, "certificate": ACM}),
        ({**HTTP, "health_path": "/h"}, "", {"port": 80, "target_port": 80, "protocol": "TCP", "health_check": {"protocol": "HTTP", "path": "/h"}}),
        ({**SSL, "health_path": "/h"}, "", {"port": 443, "target_port": 443, "protocol": "TCP", "health_check": {"protocol": "HTTPS", "path": "/h"}}),
    ],
)
def test_a_network_load_balancer_ends_tls_with_a_certificate_only(listener: Any, certificate: str, wanted: Any) -> None:
    plan = PLAN([listener], **WISH, certificate=certificate)
    assert plan["listeners"] == [wanted] and plan["target_ports"] == [listener["port"]]


@pytest.mark.parametrize(
    ("listener", "certificate", "protocol"),
    [(HTTP, "", "HTTP"), (HTTP, ACM, "HTTP"), (SSL, "", "TCP"), (SSL, ACM, "SSL"), (CONSOLE, "", "TCP"), (CONSOLE, ACM, "HTTPS"), ({"port": 7171}, ACM, "TCP")],
)
def test_a_classic_one_has_the_guides_protocols(listener: Any, certificate: str, protocol: str) -> None:
    [found] = PLAN([listener], **OLD, certificate=certificate)["listeners"]
    assert (found["protocol"], found["instance_protocol"]) == (protocol, protocol)
    assert ("ssl_certificate_id" in found) == (protocol in ("SSL", "HTTPS"))


def seen(*listeners: tuple[int, str, int], made: str = "") -> list[Any]:
    told = [
        {"listener": {"load_balancer_port": port, "protocol": protocol, "instance_protocol": protocol, "instance_port": target}, "policy_names": []}
        for port, protocol, target in listeners
    ]
    return [{"listener_descriptions": told, "tags": {"serverops_ports": made}}]


@pytest.mark.parametrize(
    ("there", "more", "ports", "own"),
    [
        (seen(), {}, {80: 80}, "80"),
        (seen((80, "HTTP", 80)), {}, {80: 80}, ""),
        (seen((80, "HTTP", 80), made="8080"), {}, {80: 80}, ""),
        (seen((80, "HTTP", 80)), {"take_over": True}, {80: 80}, "80"),
        (seen((80, "HTTP", 80), made="80"), {}, {80: 80}, "80"),
        (seen((80, "HTTP", 8080), made="80"), {}, {80: 80}, "80"),
        (seen((80, "HTTP", 8080)), {"take_over": True}, {80: 80}, "80"),
        (seen((9000, "TCP", 9001)), {}, {80: 80, 9000: 9001}, "80"),
        (seen((9000, "TCP", 9001), made="80 9000"), {}, {80: 80}, "80"),
        (seen((9000, "TCP", 9001)), {"purge_listeners": True}, {80: 80}, "80"),
    ],
)
def test_a_classic_one_keeps_what_others_made(there: list[Any], more: dict[str, Any], ports: dict[int, int], own: str) -> None:
    plan = PLAN([HTTP], **OLD, seen=there, **more)
    assert {one["load_balancer_port"]: one["instance_port"] for one in plan["listeners"]} == ports
    assert plan["tags"] == {"serverops_ports": own}


def test_a_classic_one_never_loses_a_listener_that_was_as_wanted_before() -> None:
    theirs = seen((443, "TCP", 443))
    theirs[0]["tags"] = PLAN([HTTP, SSL], **OLD, seen=theirs)["tags"]
    assert {one["load_balancer_port"] for one in PLAN([HTTP], **OLD, seen=theirs)["listeners"]} == {80, 443}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("TCP:443", ("tcp", 443, None)), ("SSL:443", ("ssl", 443, None)), ("HTTP:80/health-check", ("http", 80, "/health-check"))],
)
def test_a_classic_one_has_one_health_check(text: str, wanted: tuple[Any, ...]) -> None:
    found = PLAN([SSL], **{**OLD, "health_check": text})
    assert (found["health_check"]["ping_protocol"], found["health_check"]["ping_port"], found["health_check"].get("ping_path")) == wanted
    assert found["target_ports"] == sorted({443, wanted[1]})


@pytest.mark.parametrize("version", ["2.17.2", "2.18.3", "2.19", "2.19.0", "2.19.01", "2.19.1"])
def test_versions_that_take_a_classic_one(version: str) -> None:
    assert PLAN([SSL], **{**OLD, "server_version": version})["listeners"]


@pytest.mark.parametrize(
    ("listeners", "wish", "words"),
    [
        ([], WISH, "services_load_balancer_listeners is empty; give at least one"),
        ([SSL, SSL], WISH, "has port 443 twice; give each port once"),
        ([{"port": 0}], WISH, "port of services_load_balancer_listeners is 0; give 1 to 65535"),
        ([{**SSL, "target_port": 70000}], WISH, "target_port of services_load_balancer_listeners is 70000"),
        ([{**SSL, "protocol": "udp"}], WISH, "protocol of listener 443 is 'udp'; give http, tcp, https, ssl"),
        ([{**SSL, "source": "all"}], WISH, "source of listener 443 is 'all'; give users, admins, clients"),
        ([{**SSL, "health_path": "h"}], WISH, "health_path of listener 443 is 'h'; give a path that begins with /"),
        ([SSL], {**WISH, "users_cidrs": []}, "services_load_balancer_users_cidrs is empty, but listener 443 is for users"),
        ([CONSOLE], {**WISH, "admins_cidrs": []}, "services_load_balancer_admins_cidrs is empty, but listener 8800 is for admins"),
        ([{"port": 4647, "source": "clients"}], WISH, "services_load_balancer_clients_cidrs is empty, but listener 4647 is for clients"),
        ([CONSOLE], {**WISH, "admins_cidrs": ["0.0.0.0/0"]}, "set services_load_balancer_admins_from_anywhere: true"),
        ([CONSOLE], {**WISH, "admins_cidrs": [OFFICE, "0.0.0.0/1"]}, "admins_cidrs has 0.0.0.0/1, which opens the administrators' ports to the world"),
        ([CONSOLE], {**WISH, "admins_cidrs": ["::/0"]}, "admins_cidrs has ::/0, which opens"),
        ([SSL], {**WISH, "users_cidrs": ["192.0.2.1/24"]}, "services_load_balancer_users_cidrs has '192.0.2.1/24' (192.0.2.1/24 has host bits set)"),
        ([SSL], {**OLD, "server_version": ""}, "services_load_balancer_server_version is '', but services_load_balancer_type is classic; give the version"),
        ([SSL], {**OLD, "server_version": "2.19.02"}, "server 2.19.02 does not support that (from 2.19.02 on); give services_load_balancer_type: network"),
        ([SSL], {**OLD, "server_version": "3.0.1"}, "server 3.0.1 does not support that"),
        ([SSL], {**OLD, "health_check": "HTTP:80"}, "services_load_balancer_health_check is 'HTTP:80'; give PROTOCOL:PORT"),
        ([HTTP], {**OLD, "seen": seen((80, "HTTP", 8080))}, "port 80 has a listener that this role did not make (HTTP to HTTP 8080)"),
    ],
)
def test_what_cannot_be_is_one_sentence(listeners: list[Any], wish: dict[str, Any], words: str) -> None:
    with pytest.raises(AnsibleFilterError) as failure:
        PLAN(listeners, **wish)
    assert words in str(failure.value)
    assert "\n" not in str(failure.value)
