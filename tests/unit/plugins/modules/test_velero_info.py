# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of velero_info: a sound installation has no problem, each fault of the lab is named, and nothing is ever written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from unit.laws.running import module_run
from unit.laws.velero import CANARY, INSTALL, WISH
from unit.laws.velero_world import BUCKET, Cluster
from unit.plugins.modules.indoors import check_options, module, returned

NAME = "velero_info"
DOOR = module(NAME).DOOR
CREDENTIALS = WISH["credentials"]


def read(world: Cluster, **params: Any) -> dict[str, Any]:
    world.settle_in()
    full = {name: option.get("default") for name, option in DOOR.options.items()}
    with world.open():
        found = DOOR.read({**full, **params}, world.clock)
    assert world.journal == [], "an _info module never writes"
    return dict(found)


def causes(found: dict[str, Any]) -> set[str]:
    return {one["cause"] for one in found["problems"]}


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, DOOR.options)
    assert "wait" in WAIT_OPTIONS


@pytest.mark.parametrize("version", ["1.6.3", "1.14.0"])
def test_an_installation_of_ours_is_healthy(version: str) -> None:
    world = Cluster(version)
    made = module_run(INSTALL, world, {**WISH, "version": version})
    assert not made.get("failed"), made
    found = read(world)
    assert (found["healthy"], found["problems"], found["version"], found["default_repository_password"]) == (True, [], version, False)
    assert (found["agents"]["ready"], found["locations"][0]["phase"], found["installed"]) == (3, "Available", True)
    assert set(found) == set(returned(NAME))
    assert CANARY not in str(found)


def test_nothing_installed_is_said() -> None:
    found = read(Cluster("1.6.3"))
    assert (found["installed"], found["healthy"], causes(found)) == (False, False, {"server_missing"})


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("NoSuchBucket", "bucket_missing"),
        ("AccessDenied", "access_denied"),
        ("InvalidAccessKeyId", "unknown_key"),
        ("SignatureDoesNotMatch", "wrong_signature"),
        ("RequestTimeTooSkewed", "clock_skew"),
        ("BucketRegionError", "wrong_region"),
        ("down", "unreachable"),
    ],
)
def test_what_the_store_refuses_is_named(fault: str, cause: str) -> None:
    world = Cluster("1.14.0").guide(credentials=CREDENTIALS)
    world.store.fault = fault
    world.clock.sleep(130)
    found = read(world)
    assert cause in causes(found) and not found["healthy"]
    assert next(one for one in found["problems"] if one["cause"] == cause)["object"] == "BackupStorageLocation default"


def test_a_dead_server_a_poisoned_backup_and_bare_nodes_are_named() -> None:
    world = Cluster("1.6.3").guide(credentials=CREDENTIALS)
    world.velero.kill_server()
    world.state.put("backups.velero.io", "velero", "poison", {"metadata": {}, "spec": {"ttl": "30d"}})
    world.clock.sleep(1000)
    assert {"location_stale", "bad_ttl"} <= causes(read(world))


def test_agents_without_room_and_a_plugin_of_another_version() -> None:
    world = Cluster("1.6.3", nodes=1)
    world.control.node("small", cpu="200m", memory="8Gi")
    world.guide(plugins=("velero/velero-plugin-for-aws:v1.9.0",))
    found = read(world, kots_version="1.130.7")
    assert {"agents_pending", "agents_missing", "plugin_version", "kots_version"} <= causes(found)
    assert found["nodes_without_agent"] == ["small"] and found["locations"][0]["bucket"] == BUCKET


def test_who_may_read_no_secret_is_told_of_no_missing_one() -> None:
    from lab.kubernetes.state import Rule, User

    world = Cluster("1.6.3").guide(credentials=CREDENTIALS)
    rules = tuple(Rule((kind,), ("get", "list"), group="*") for kind in ("deployments", "daemonsets", "pods", "backupstoragelocations", "backups", "schedules"))
    world.state.users[world.token] = User("reader", (*rules, Rule(("resticrepositories", "backuprepositories"), ("list",), group="*")))
    found = read(world)
    assert found["default_repository_password"] is None and causes(found) == set()
    assert (found["nodes_without_agent"], found["log_read"]) == ([], False)
