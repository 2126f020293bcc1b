# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of network_load_balancer: options, result, the whole way; a check that fails is named, and what cannot be is one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from unit.laws.balancers import CANARY, PARAMS, TLS, WEB, BalancerWorld, foreign, made
from unit.laws.running import module_run
from unit.plugins.modules.indoors import check_options, module, returned

from lab.balancers.account import refusal

NAME = "network_load_balancer"
DOOR = module(NAME).DOOR


def run(world: BalancerWorld, check: bool = False, **params: Any) -> dict[str, Any]:
    return module_run(DOOR, world, {**PARAMS, **params}, check)


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**DOOR.options, **WAIT_OPTIONS})


def test_made_told_and_left_alone() -> None:
    world = BalancerWorld()
    result = run(world)
    assert not result.get("failed"), result
    assert set(result) - {"changed", "diff"} == set(returned(NAME))
    assert [one["port"] for one in result["listeners"]] == [80, 443]
    assert result["load_balancer"]["dns_name"] == "circleci.elb.lab"
    assert {target["state"] for one in result["listeners"] for target in one["targets"]} == {"healthy"}
    world.settle_in()
    assert (run(world)["changed"], world.writes()) == (False, [])


def test_targets_are_registered_before_a_listener_leads_to_them() -> None:
    world = BalancerWorld()
    run(world)
    acts = [act for act, _given in world.writes()]
    assert max(index for index, act in enumerate(acts) if act == "register_targets") < acts.index("create_listener")


def test_machines_see_the_load_balancer_unless_it_is_wanted_otherwise() -> None:
    for preserve in (False, True):
        world = BalancerWorld()
        run(world, preserve_client_ip=preserve)
        assert {one["preserve"] for one in world.account.groups.values()} == {str(preserve).lower()}


def test_a_check_that_fails_is_named_and_nothing_is_taken_out() -> None:
    world = made()
    world.account.ill.add(443)
    result = run(world, targets=["i-2"], wait_timeout=60.0)
    assert result["failed"]
    assert "port 443: the health check TCP:443 of i-2 says unhealthy (Target.FailedHealthChecks: Health checks failed)" in result["msg"]
    assert "deregister" not in [step["step"] for step in result["steps"]], "the old machine stays while the new one is ill"
    world.account.ill.clear()
    assert "deregister" in [step["step"] for step in run(world, targets=["i-2"])["steps"]]


def led(world: BalancerWorld) -> dict[int, str]:
    """Name of the target group of each listener."""
    return {one["Port"]: one["DefaultActions"][0]["TargetGroupArn"].split("/")[1] for one in world.account.listeners.values()}


PASSING: dict[str, Any] = {"port": 443, "target_port": None, "protocol": "TCP", "health_check": None}


@pytest.mark.parametrize(
    ("make", "given", "before", "after"),
    [
        (lambda: foreign(443), {"take_over": True}, "theirs", "circleci-443-tls"),
        (made, {"listeners": [WEB, PASSING]}, "circleci-443-tls", "circleci-443-tcp"),
    ],
    ids=["taken over", "another protocol"],
)
def test_a_listener_is_led_elsewhere_only_when_that_is_seen_healthy(make: Any, given: dict[str, Any], before: str, after: str) -> None:
    world = make()
    world.account.ill.add(443)
    tagged = dict(world.account.tags)
    result = run(world, **given, wait_timeout=60.0)
    assert result["failed"] and led(world)[443] == before
    assert "port 443: the health check TCP:443 of i-1 says unhealthy" in result["msg"]
    assert "until all are healthy, listener 443 stays as it was (T" in result["msg"] and f"to {before})" in result["msg"]
    old = [arn for arn, one in world.account.listeners.items() if one["Port"] == 443]
    assert [tagged.get(arn) for arn in old] == [world.account.tags.get(arn) for arn in old], "it is whose it was"
    world.account.ill.clear()
    result = run(world, **given)
    assert not result.get("failed"), result
    assert led(world) == {80: "circleci-80-tcp", 443: after}, "the trial listener is gone"
    assert world.harm() == []
    assert [step["step"] for step in result["steps"]][0] == "change_listener", "the trial of the run before is used"


def test_a_trial_that_is_not_wanted_any_more_goes() -> None:
    world = made()
    world.account.ill.add(443)
    assert run(world, listeners=[WEB, PASSING], wait_timeout=60.0)["failed"] and set(led(world)) == {80, 443, 64534}
    world.account.ill.clear()
    assert [step["step"] for step in run(world)["steps"]] == ["remove_listener", "remove_target_group"]
    assert led(world) == {80: "circleci-80-tcp", 443: "circleci-443-tls"}


def test_a_target_group_that_aws_frees_late_is_waited_for() -> None:
    world = made()
    world.account.letting_go = 12.0
    result = run(world, listeners=[WEB])
    assert not result.get("failed") and result["warnings"] == [], result
    assert [step["step"] for step in result["steps"]] == ["remove_listener", "remove_target_group"]
    assert [one["TargetGroupName"] for one in world.account.groups.values()] == ["circleci-80-tcp"]


def test_a_target_group_that_aws_does_not_free_is_left_and_told() -> None:
    world = made()
    world.account.letting_go = 3600.0
    began = world.clock.now()
    result = run(world, listeners=[WEB])
    assert not result.get("failed"), result
    assert world.clock.now() - began < 120.0 and [step["step"] for step in result["steps"]] == ["remove_listener"]
    [words] = result["warnings"]
    assert words.startswith("target group circleci-443-tls is left") and words in result["reason"]
    world.clock.sleep(3600)
    assert [step["step"] for step in run(world, listeners=[WEB])["steps"]] == ["remove_target_group"], "a later run takes it away"


def test_what_aws_refuses_is_told_in_its_words() -> None:
    world = BalancerWorld()

    def fail() -> None:
        raise refusal("CertificateNotFound", "Certificate not found", "CreateListener")

    world.account.fails["create_listener"] = fail
    result = run(world)
    assert result["failed"] and "AWS says CertificateNotFound: Certificate not found" in result["msg"] and CANARY not in str(result)


def test_others_listener_is_refused_and_left() -> None:
    world = foreign(443).settle_in()
    result = run(world)
    assert result["failed"] and "take_over: true" in result["msg"] and world.writes() == []


def test_a_target_group_of_others_on_the_way_is_refused() -> None:
    world = made()
    world.account.tags = {arn: [] if "circleci-80" in arn else tags for arn, tags in world.account.tags.items()}
    assert "target group circleci-80-tcp is not of this collection's making" in run(world)["msg"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "a" * 23}, "give 1 to 22 letters and digits"),
        ({"name": "a--b"}, "name is 'a--b'"),
        ({"name": "internal-x"}, "not beginning with internal-"),
        ({"subnets": []}, "subnets is empty; give at least one"),
        ({"targets": ["10.0.0.1"]}, "targets has '10.0.0.1'; give ids of EC2 instances"),
        ({"listeners": []}, "listeners is empty"),
        ({"listeners": [WEB, WEB]}, "listeners has port 80 twice"),
        ({"listeners": [{**WEB, "port": 70000}]}, "port of a listener is 70000; give 1 to 65535"),
        ({"listeners": [{**TLS, "certificate": None}]}, "listener 443 has protocol TLS and no certificate"),
        ({"listeners": [{**TLS, "protocol": "TCP"}]}, "listener 443 has protocol TCP and the certificate"),
        ({"listeners": [{**TLS, "certificate": "cert.pem"}]}, "certificate of listener 443 is 'cert.pem'; give the ARN"),
        ({"listeners": [{**WEB, "health_check": {"protocol": "TCP", "path": "/h"}}]}, "has protocol TCP and path '/h'"),
        ({"listeners": [{**WEB, "health_check": {"protocol": "HTTP", "path": None}}]}, "give a path that begins with /"),
    ],
)
def test_what_cannot_be_is_told_before_aws_is_asked(given: dict[str, Any], words: str) -> None:
    world = BalancerWorld()
    result = run(world, **given)
    assert words in result["msg"] and world.tap.points == []
