# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of server_addresses_info: a restored installation whose names lead elsewhere is not called well, and what is to be done is listed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError
from unit.laws.server_addresses import DOOR, KEYS, NAMES, AddressesWorld, restored
from unit.laws.server_world import CANARY, NAMESPACE, PARAMS
from unit.laws.subject import Reading
from unit.plugins.modules.indoors import check_options, returned

from lab.kubernetes.state import Rule, User

NAME = "server_addresses_info"
Json = dict[str, Any]


def read(world: AddressesWorld, **params: Any) -> Json:
    with world.open():
        return Reading("", DOOR, lambda: world, {**PARAMS, "names": NAMES, **params}, CANARY).read(world.clock)


def verdicts(result: Json) -> dict[str, str]:
    return {role: one["verdict"] for role, one in result["services"].items()}


@pytest.fixture
def world() -> AddressesWorld:
    made = AddressesWorld()
    made.settle_in()
    return made


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, DOOR.options)


def test_names_that_lead_there(world: AddressesWorld) -> None:
    result = read(world)
    assert set(result) == set(returned(NAME))
    assert set(verdicts(result).values()) == {"resolves"} and result["reachable"] and result["records"] == [] and world.tried == []
    assert world.writes() == []


def test_a_restored_installation_whose_names_lead_to_the_old_one_is_not_reachable() -> None:
    """F64."""
    world = restored()
    old = world.names["ci.example.com"][0]
    result = read(world)
    assert set(verdicts(result).values()) == {"elsewhere"} and not result["reachable"]
    assert f"ci.example.com resolves to {old}, the balancer is 203.0.113.10" in result["reason"]
    assert {"service": "frontend", "name": "ci.example.com", "type": "A", "value": "203.0.113.10", "now": [old]} in result["records"]
    assert [one["service"] for one in result["records"]] == list(NAMES)
    assert [result["services"][role]["port"] for role in NAMES] == [443, 4647, 8585, 3000]


def test_one_that_is_put_right_is_judged_alone() -> None:
    world = restored()
    world.names["ci.example.com"] = ["203.0.113.10"]
    result = read(world)
    assert verdicts(result)["frontend"] == "resolves" and not result["reachable"] and "ci.example.com" not in result["reason"]


def test_a_name_with_an_old_address_beside_the_new_one_leads_elsewhere_at_times(world: AddressesWorld) -> None:
    world.names["vm.example.com"] = [*world.addresses("vm_service"), "192.0.2.9"]
    assert verdicts(read(world))["vm_service"] == "elsewhere"


def test_only_who_answers_is_reachable(world: AddressesWorld) -> None:
    world.listening.add((world.addresses("frontend")[0], 443))
    result = read(world, probe=["frontend", "vm_service"])
    found = verdicts(result)
    assert (found["frontend"], found["vm_service"], found["nomad_server"]) == ("reachable", "unreachable", "resolves")
    assert not result["reachable"] and "port 3000" in result["reason"] and result["records"] == []


def test_nobody_is_tried_at_an_address_that_is_not_the_balancers() -> None:
    world = restored()
    read(world, probe=list(NAMES))
    assert world.tried == []


def test_a_name_that_does_not_resolve_needs_a_record(world: AddressesWorld) -> None:
    del world.names["nomad.example.com"]
    result = read(world)
    assert verdicts(result)["nomad_server"] == "no_name" and not result["reachable"]
    assert result["records"] == [
        {"service": "nomad_server", "name": "nomad.example.com", "type": "A", "value": world.addresses("nomad_server")[0], "now": []},
    ]


def test_no_answer_is_neither_right_nor_wrong(world: AddressesWorld) -> None:
    world.silent = True
    result = read(world)
    assert set(verdicts(result).values()) == {"unknown"} and not result["reachable"] and result["records"] == []


def test_a_balancer_without_an_address_yet(world: AddressesWorld) -> None:
    world.balance("vm_service")
    result = read(world)
    assert verdicts(result)["vm_service"] == "no_address" and "no address yet" in result["reason"] and result["records"] == []


def test_a_service_that_is_not_there(world: AddressesWorld) -> None:
    result = read(world, services={"vm_service": "vms"})
    found = result["services"]["vm_service"]
    assert found["verdict"] == "absent" and "no service vms" in result["reason"]
    assert found["resolves_to"] == world.addresses("vm_service") and found["port"] == 3000, "where the old one is, and how it is asked whether it lives"


HOST = "lab-1.elb.amazonaws.com"


@pytest.mark.parametrize(
    ("names", "word"),
    [
        ({"ci.example.com": HOST, HOST: ["203.0.113.1"]}, "resolves"),
        ({"ci.example.com": ["203.0.113.1"], HOST: ["203.0.113.1", "203.0.113.2"]}, "resolves"),
        ({"ci.example.com": ["203.0.113.1", "203.0.113.3"], HOST: ["203.0.113.1", "203.0.113.2"]}, "resolves"),
        ({"ci.example.com": "old-9.elb.amazonaws.com", "old-9.elb.amazonaws.com": ["203.0.113.9"], HOST: ["203.0.113.1"]}, "elsewhere"),
        ({"ci.example.com": ["203.0.113.9"], HOST: ["203.0.113.1"]}, "elsewhere"),
        ({HOST: ["203.0.113.1"]}, "no_name"),
    ],
    ids=["an alias", "its addresses", "some of its addresses", "an alias of the old one", "the old one's addresses", "nothing"],
)
def test_a_balancer_with_a_host_name(world: AddressesWorld, names: Json, word: str) -> None:
    world.balance("frontend", {"hostname": HOST})
    world.names = names
    result = read(world, names={"frontend": "ci.example.com"})
    assert verdicts(result)["frontend"] == word
    assert [(one["type"], one["value"]) for one in result["records"]] == ([("CNAME", HOST)] if word != "resolves" else [])


def test_a_balancer_whose_own_name_is_not_known_yet(world: AddressesWorld) -> None:
    """It takes minutes until a new one's name resolves: then the name leads elsewhere as far as anybody knows."""
    world.balance("frontend", {"hostname": HOST})
    result = read(world, names={"frontend": "ci.example.com"})
    assert verdicts(result)["frontend"] == "elsewhere" and HOST in result["reason"]


def test_an_address_or_a_clouds_name_in_the_place_of_a_name_is_a_setting() -> None:
    world = restored()
    result = read(world, names={"vm_service": "192.0.2.14", "nomad_server": "old.elb.amazonaws.com"}, config_keys={"vm_service": "vm_service_host"})
    assert result["records"] == [] and not result["reachable"]
    assert result["settings"] == [
        {"service": "nomad_server", "key": None, "value": "203.0.113.11", "now": "old.elb.amazonaws.com"},
        {"service": "vm_service", "key": "vm_service_host", "value": "203.0.113.13", "now": "192.0.2.14"},
    ]


@pytest.mark.parametrize(
    ("text", "host", "mended"),
    [
        ("192.0.2.14", "192.0.2.14", "203.0.113.13"),
        ("192.0.2.14:3000", "192.0.2.14", "203.0.113.13:3000"),
        (" http://192.0.2.14:3000/api?a=b", "192.0.2.14", "http://203.0.113.13:3000/api?a=b"),
        ("https://old.elb.amazonaws.com", "old.elb.amazonaws.com", "https://203.0.113.13"),
        ("https://[2001:db8::1]:3000/", "2001:db8::1", "https://203.0.113.13:3000/"),
        ("2001:db8::1", "2001:db8::1", "203.0.113.13"),
    ],
)
@pytest.mark.parametrize("given", [True, False])
def test_of_a_setting_the_host_alone_is_another_one(text: str, host: str, mended: str, given: bool) -> None:
    world = restored()
    for one in world.app.versions:
        one.values["vm_service_host"] = text
    world.names["old.elb.amazonaws.com"] = ["192.0.2.15"]
    result = read(world, names={"vm_service": host} if given else {}, config_keys={"vm_service": "vm_service_host"})
    assert result["settings"] == [{"service": "vm_service", "key": "vm_service_host", "value": mended, "now": host}]


def test_an_address_of_ipv6_in_a_url_is_in_brackets(world: AddressesWorld) -> None:
    world.balance("vm_service", {"ip": "2001:db8::2"})
    for text, mended in (("192.0.2.14", "2001:db8::2"), ("192.0.2.14:3000", "[2001:db8::2]:3000"), ("[2001:db8::1]:1", "[2001:db8::2]:1")):
        for one in world.app.versions:
            one.values["vm_service_host"] = text
        result = read(world, names={}, config_keys={"vm_service": "vm_service_host"})
        assert [one["value"] for one in result["settings"]] == [mended]


def test_names_are_read_from_the_configuration(world: AddressesWorld) -> None:
    result = read(world, names={}, config_keys=KEYS)
    assert {role: one["name"] for role, one in result["services"].items()} == {
        "frontend": "ci.example.com",
        "nomad_server": None,
        "output_processor": None,
        "vm_service": "192.0.2.14",
    }
    assert verdicts(result)["nomad_server"] == "not_asked" and verdicts(result)["vm_service"] == "elsewhere"


def test_kotsadm_is_not_asked_where_every_name_is_given(world: AddressesWorld) -> None:
    read(world, config_keys=KEYS)
    assert world.console.requests == []


@pytest.mark.parametrize(("key", "words"), [("nothing", "kots_config_info"), ("secret", "a password")])
def test_a_key_that_holds_no_name(world: AddressesWorld, key: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read(world, names={}, config_keys={"frontend": key})


def test_without_names_nothing_is_called_reachable(world: AddressesWorld) -> None:
    result = read(world, names={})
    assert not result["reachable"] and "no name is given" in result["reason"] and set(verdicts(result).values()) == {"not_asked"}


def test_by_the_ports_of_the_nodes(world: AddressesWorld) -> None:
    world.balance("nomad_server", type="NodePort", ports=[{"port": 4647, "nodePort": 30647}])
    for name in ("node-1", "node-2"):
        node = dict(world.state.objects["nodes", "", name])
        world.state.put("nodes", "", name, {**node, "status": {**node["status"], "addresses": [{"type": "InternalIP", "address": f"10.0.0.{name[-1]}"}]}})
    world.state.remove("nodes", "", "node-3")
    world.names["nomad.example.com"] = ["10.0.0.2"]
    found = read(world)["services"]["nomad_server"]
    assert (found["port"], found["addresses"], found["verdict"]) == (30647, ["10.0.0.1", "10.0.0.2"], "resolves")


def test_by_an_ingress(world: AddressesWorld) -> None:
    world.balance("frontend", type="ClusterIP")
    backend = {"service": {"name": "circleci-server-traefik", "port": {"number": 80}}}
    spec = {"tls": [{}], "rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]}
    body = {"metadata": {}, "spec": spec, "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.77"}]}}}
    world.state.put("ingresses.networking.k8s.io", NAMESPACE, "front", body)
    world.names["ci.example.com"] = ["203.0.113.77"]
    found = read(world)["services"]["frontend"]
    assert (found["verdict"], found["addresses"], found["port"]) == ("resolves", ["203.0.113.77"], 443)


def test_rights_that_are_missing_leave_it_unknown(world: AddressesWorld) -> None:
    world.balance("nomad_server", type="NodePort", ports=[{"port": 4647, "nodePort": 30647}])
    world.state.users[CANARY] = User("reader", (Rule(("services",), ("get", "list")),))
    result = read(world)
    assert verdicts(result)["nomad_server"] == "unknown" and not result["reachable"]
    world.state.users[CANARY] = User("nobody", ())
    with pytest.raises(CollectionError, match="services"):
        read(world)


BAD = [
    ({"names": {"frontend": "https://ci.example.com"}}, "names.frontend"),
    ({"names": {"frontend": "ci.example.com:443"}}, "names.frontend"),
    ({"names": {"vm_service": "a b"}}, "names.vm_service"),
    ({"resolver": "dns.example.com"}, "resolver"),
    ({"probe_timeout": 0.0}, "probe_timeout"),
    ({"namespace": "a_b"}, "namespace"),
]


@pytest.mark.parametrize(("params", "word"), BAD)
def test_bad_values_are_refused_before_any_call(world: AddressesWorld, params: Json, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        read(world, **params)
    assert world.journal == []
