# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of kots_info: what kotsadm and the cluster tell, gates as data, and null where nothing was told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.laws.kots_world import CANARY, NAMESPACE, VELERO, Installation
from unit.plugins.modules.indoors import check_options, module, process, returned
from unit.plugins.modules.kots_doors import read

from lab.kots.model import Answer

NAME = "kots_info"


@pytest.fixture
def world() -> Installation:
    return Installation().settle_in()


def gate(found: dict[str, Any], name: str) -> tuple[str, str]:
    [one] = [one for one in found["gates"] if one["gate"] == name]
    return one["state"], f"{one['reason']} {one['remedy'] or ''}"


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, module(NAME).DOOR.options)


def test_a_good_installation_can_be_backed_up(world: Installation) -> None:
    found = read(world, NAME)
    assert found["console"] == {"version": "1.124.18", "reachable": True}
    assert found["apps"] == [
        {
            "slug": "circleci-server",
            "name": "CircleCI server",
            "state": "ready",
            "deployed": {"sequence": 0, "label": "3.4.0", "status": "deployed"},
            "pending": None,
            "snapshots": False,
        }
    ]
    assert found["entitlements"]["snapshots"] is True
    assert (found["snapshots"]["velero"], found["snapshots"]["bucket"], found["snapshots"]["location"]) == ("1.6.3", "lab-bucket", "Available")
    assert found["snapshots"]["agents"] == {"name": "restic", "ready": 1, "desired": 1}
    assert found["schedule"] == {"enabled": False, "cron": None, "retention": 2592000.0, "retention_words": "1 months"}
    assert {one["state"] for one in found["gates"]} == {"passed"} and found["can_back_up"] is True
    assert set(found) == set(returned(NAME)) and world.writes() == [] and CANARY not in str(found)


def test_what_waits_to_be_deployed_is_not_what_is(world: Installation) -> None:
    world.console.add_app(labels=("3.3.0", "3.4.0", "3.4.1"))
    [app] = read(world, NAME)["apps"]
    assert (app["deployed"]["label"], app["pending"]) == ("3.3.0", {"sequence": 2, "label": "3.4.1"})


def _without_binding(world: Installation) -> None:
    world.state.remove("clusterrolebindings.rbac.authorization.k8s.io", "", "kotsadm-rolebinding")


def _old_server(world: Installation) -> None:
    world.app.versions[0].label = "3.0.2"


def _no_entitlement(world: Installation) -> None:
    world.app.entitlements = ()


def _no_velero(world: Installation) -> None:
    world.state.remove("deployments.apps", VELERO, "velero")


def _no_agent(world: Installation) -> None:
    world.state.set_pod(VELERO, "restic-1", "Pending", False)


def _no_location(world: Installation) -> None:
    world.state.remove("backupstoragelocations.velero.io", VELERO, "default")


def _dead(world: Installation) -> None:
    world.velero.kill_server()
    world.clock.sleep(900)


def _bucket_gone(world: Installation) -> None:
    world.store.fault = "NoSuchBucket"
    world.clock.sleep(130)


FAILED: list[tuple[str, Callable[[Installation], None], str]] = [
    ("minimal_rbac", _without_binding, "ensure-permissions"),
    ("server_version", _old_server, "3.1.0"),
    ("entitlement", _no_entitlement, "support"),
    ("velero", _no_velero, "velero_install"),
    ("agents", _no_agent, "no agent is ready on node-1"),
    ("location", _no_location, "no backup storage location"),
    ("location", _dead, "Velero is dead or stuck"),
    ("location", _bucket_gone, "is Unavailable"),
]


@pytest.mark.parametrize(("name", "spoil", "words"), FAILED, ids=[f"{name} {spoil.__name__}" for name, spoil, _words in FAILED])
def test_each_gate_says_what_stands_in_the_way_and_what_to_do(world: Installation, name: str, spoil: Callable[[Installation], None], words: str) -> None:
    spoil(world)
    found = read(world, NAME)
    state, said = gate(found, name)
    assert state == "failed" and words in said and found["can_back_up"] is False


def test_a_kotsadm_that_cannot_be_asked_leaves_its_gates_unknown(world: Installation) -> None:
    world.console.fault("GET", Answer(502, "<html>"), count=1000)
    found = read(world, NAME)
    assert found["console"] == {"version": None, "reachable": False} and found["apps"] is None and found["schedule"] is None
    assert {gate(found, name)[0] for name in ("console", "kots_version", "server_version", "minimal_rbac")} == {"unknown"}
    assert gate(found, "location")[0] == "passed" and found["can_back_up"] is False


@pytest.mark.parametrize(("said", "state"), [("missing authorization token", "unknown"), ("failed to parse authorization header", "unknown")])
def test_an_auth_string_that_is_not_kotsadms_is_told(world: Installation, said: str, state: str) -> None:
    world.console.fault("/api/v1/apps", Answer(401, {"error": said, "success": False}), count=1000)
    found = read(world, NAME)
    assert gate(found, "server_version")[0] == state and "kotsadm-authstring" in gate(found, "server_version")[1]


def test_without_its_secret_kotsadm_is_not_asked(world: Installation) -> None:
    world.state.remove("secrets", NAMESPACE, "kotsadm-authstring")
    found = read(world, NAME)
    assert "kubectl kots get apps" in gate(found, "server_version")[1]
    assert [path for _method, path in world.told] == ["/healthz"]


def test_a_process_that_reaches_nobody_says_unknown_in_each_gate() -> None:
    found = process(NAME, host="not an address")
    assert found["failed"] and "host" in found["msg"]
