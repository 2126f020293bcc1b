# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of gcp_dns_record: nothing is written over unseen, nothing else is touched, and what cannot be is told before anything."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from unit.laws.gcp_dns import OTHER, WISH, ZONE, DnsWorld
from unit.laws.gcp_world import Fault
from unit.plugins.modules.gcp_doors import change, steps
from unit.plugins.modules.indoors import check_options, module, returned

NAME = "gcp_dns_record"
ONE: dict[str, Any] = {"zone": "example.com", "records": [{"name": "ci.example.com", "type": "A", "target": ["198.51.100.5"], "ttl": 60}]}


def record(**more: Any) -> dict[str, Any]:
    return {"zone": "example.com", "records": [{**ONE["records"][0], **more}]}


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**module(NAME).DOOR.options, **WAIT_OPTIONS})


def test_a_new_name_and_the_result() -> None:
    world = DnsWorld()
    result, failure = change(world, NAME, **ONE)
    assert failure == "" and steps(result) == ["set_record"] and ["ci.example.com.", "A", 60, "198.51.100.5"] in world.control.records(ZONE)
    assert result["records"] == [{"name": "ci.example.com", "type": "A", "ttl": 60, "target": ["198.51.100.5"], "reason": "as wanted"}]
    assert result["zone"] == {"name": ZONE, "dns_name": "example.com."} and set(result) - {"changed", "diff"} == set(returned(NAME))


def test_addresses_in_another_order_or_spelling_are_the_same() -> None:
    held = [["ci.example.com.", "AAAA", 60, "2001:DB8:0::6", "2001:db8::5"]]
    world = DnsWorld(held)
    result, failure = change(world, NAME, **record(type="AAAA", target=["2001:db8::5", "2001:db8::6"]))
    assert failure == "" and not result["steps"] and world.writes() == []


def test_what_google_told_is_taken_away_word_for_word() -> None:
    world = DnsWorld([["ci.example.com.", "AAAA", 60, "2001:DB8:0::6"]])
    result, failure = change(world, NAME, **record(type="AAAA", target=["2001:db8::5"]))
    assert failure == "" and world.zone.changes[0]["deletions"][0]["rrdatas"] == ["2001:DB8:0::6"]


def test_a_zone_by_its_own_name_may_be_a_private_one() -> None:
    world = DnsWorld()
    world.control.zone("inside", "example.com.", visibility="private")
    result, failure = change(world, NAME, **{**ONE, "zone": "inside"})
    assert failure == "" and world.control.records("inside") and world.control.records(ZONE) == [OTHER]
    result, failure = change(world, NAME, **ONE)
    assert failure == "" and len(world.control.records(ZONE)) == 2, "by its DNS name the public one is meant"


def test_it_waits_until_the_name_servers_have_it_and_a_second_run_does_too() -> None:
    world = DnsWorld(pending=30.0)
    result, failure = change(world, NAME, **{**ONE, "wait": False})
    assert "do not have it yet" in result["reason"]
    began = world.clock.now()
    result, failure = change(world, NAME, **ONE)
    assert failure == "" and not result["steps"] and 25 < world.clock.now() - began < 40


def test_somebody_else_changes_it_meanwhile() -> None:
    """Between our look and our write: Google refuses, we look again, and theirs is replaced only once it was seen."""
    world = DnsWorld([["ci.example.com.", "A", 300, "192.0.2.1"]])
    handle, first = world.api.handle, []

    def meanwhile(asked: Any) -> Any:
        if asked.method == "POST" and not first:
            first.append(True)
            world.zone.put("ci.example.com.", "A", 300, ["192.0.2.7"])
        return handle(asked)

    world.api.handle = meanwhile  # type: ignore[method-assign]
    result, failure = change(world, NAME, **ONE)
    assert failure == "" and steps(result) == ["set_record"]
    assert [call["status"] for call in world.world.calls if call["method"] == "POST"] == [412, 200]
    assert result["diff"]["before"]["ci.example.com A"]["records"][0]["target"] == ["192.0.2.1"]


@pytest.mark.parametrize("answer", ["busy", "unavailable", "reset"])
def test_what_passes_is_gone_through(answer: str) -> None:
    world = DnsWorld()
    world.api.faults = [Fault(answer, "", 2)]
    result, failure = change(world, NAME, **ONE)
    assert failure == "" and steps(result) == ["set_record"] and len(world.zone.changes) == 1


def test_an_answer_that_is_lost_is_not_done_twice() -> None:
    world = DnsWorld()
    world.api.faults = [Fault("reset", "POST", 1, True)]
    result, failure = change(world, NAME, **ONE)
    assert failure == "" and steps(result) == ["set_record"] and len(world.zone.changes) == 1


def test_a_page_more_is_read() -> None:
    world = DnsWorld()
    for number in range(150):
        world.control.zone(f"private-{number}", "example.com.", visibility="private")
    world.api.dns.zones[("lab-project", ZONE)] = world.api.dns.zones.pop(("lab-project", ZONE))  # listed last
    result, failure = change(world, NAME, **ONE)
    assert failure == "" and result["zone"]["name"] == ZONE


def refused(world: DnsWorld, given: dict[str, Any]) -> str:
    """Why, where nothing was written."""
    before = world.control.records(ZONE)
    _result, failure = change(world, NAME, **given)
    return failure if world.writes() == [] and world.control.records(ZONE) == before else ""


def test_what_must_not_be_written_over() -> None:
    world = DnsWorld([["ci.example.com.", "TXT", 300, '"a word"']])
    assert "ci.example.com has TXT too, and a CNAME stands alone" in refused(world, record(type="CNAME", target=["balancer.example.net"]))
    world = DnsWorld()
    world.zone.put("ci.example.com.", "A", 300, [], routingPolicy={"wrr": {"items": []}})
    assert "ci.example.com A has a routing policy" in refused(world, ONE)


def test_a_zone_that_is_not_there_or_not_one_or_not_of_the_name() -> None:
    world = DnsWorld()
    assert "there is no public managed zone example.org in the project" in refused(world, {**ONE, "zone": "example.org"})
    assert "there is no public managed zone nowhere in the project" in refused(world, {**ONE, "zone": "nowhere"})
    assert "ci.example.net is not within zone ci-zone (example.com)" in refused(world, record(name="ci.example.net"))
    world.control.zone("second", "example.com.")
    assert "several public managed zones are called example.com: ci-zone, second" in refused(world, ONE)


def test_a_right_that_is_missing_is_named() -> None:
    world = DnsWorld()
    world.world.policies["projects/lab-project"].bindings = [{"role": "roles/dns.reader", "members": ["allUsers"]}]
    result, failure = change(world, NAME, **ONE)
    assert "set ci.example.com A" in failure and "dns.changes.create" in failure


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (record(target=["2001:db8::5"]), "is an address of IPv6; give it with type AAAA"),
        (record(target=["balancer.example.net"]), "is no IP address"),
        (record(target=[]), "has 0 entries"),
        (record(type="CNAME", target=["a.example.net", "b.example.net"]), "has 2 entries; give one"),
        (record(name="no name"), "name is 'no name'"),
        (record(ttl=-1), "ttl of ci.example.com is -1"),
        ({**ONE, "zone": "-"}, "zone is '-'"),
        ({**ONE, "records": []}, "records is empty"),
        ({**ONE, "records": ONE["records"] * 2}, "names ci.example.com A twice"),
        ({**ONE, "records": [*ONE["records"], {**WISH["records"][2], "name": "ci.example.com"}]}, "a CNAME stands alone"),
    ],
)
def test_what_cannot_be_is_told_first(given: dict[str, Any], words: str) -> None:
    world = DnsWorld()
    result, failure = change(world, NAME, **given)
    assert words in failure and result == {} and world.tap.points == []
