"""Configuration keys of every kind, preflights, and what a change is built on."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import json
from typing import Any

import pytest

from lab.kots.model import Answer, App, Check, Item
from lab.kots.world import KotsWorld
from lab.kubernetes.state import State

ITEMS = (
    Item("domain", required=True),
    Item("workers", default="4", pattern="^[0-9]+$", says="a number"),
    Item("scale", type="bool"),
    Item("most", title="Most clients", required=True, when="scale"),
    Item("kind", type="select_one", choices=("a", "b")),
    Item("made", hidden=True, required=True, read_only=True),
)


@pytest.fixture
def world() -> KotsWorld:
    return KotsWorld(State()).install()


def add(world: KotsWorld, **more: Any) -> App:
    return world.add_app(items=ITEMS, **more)


def send(world: KotsWorld, values: dict[str, str], **more: Any) -> Answer:
    told = {"apiVersion": "kots.io/v1beta1", "kind": "ConfigValues", "spec": {"values": {name: {"value": text} for name, text in values.items()}}}
    body = {"configValues": base64.b64encode(json.dumps(told).encode()).decode(), "merge": True, "sequence": -1, **more}
    return world.call("POST", "/api/v1/app/circleci-server/config/values", body)


def keys(world: KotsWorld, sequence: int) -> dict[str, Any]:
    body = world.call("GET", f"/api/v1/app/circleci-server/config/{sequence}").body
    return {item["name"]: item for group in body["configGroups"] for item in group["items"]}


def test_a_key_says_what_it_is(world: KotsWorld) -> None:
    add(world)
    found = keys(world, 0)
    assert set(found["domain"]) == {"name", "type", "title", "default", "value", "required"}, "as recorded, nothing beside it"
    assert found["workers"]["validation"] == {"regex": {"pattern": "^[0-9]+$", "message": "a number"}}
    assert [one["name"] for one in found["kind"]["items"]] == ["a", "b"]
    assert (found["made"]["hidden"], found["made"]["readonly"], found["most"]["when"]) == (True, True, "false")


def test_a_switch_asks_for_more(world: KotsWorld) -> None:
    add(world)
    assert send(world, {"scale": "1"}).body["requiredItems"] == ["most"]
    assert send(world, {"scale": "1", "most": "9"}).status == 200
    assert keys(world, 2)["most"]["when"] == "true"


def test_a_value_against_the_pattern_makes_no_version(world: KotsWorld) -> None:
    app = add(world)
    said = send(world, {"workers": "many"})
    assert said.status == 400 and said.body["validationErrors"][0]["item_errors"][0]["name"] == "workers" and len(app.versions) == 2


@pytest.mark.parametrize(("version", "label"), [("1.124.18", "3.3.0"), ("1.40.0", "3.4.0")])
def test_current_builds_on_the_deployed_one_from_1_108_on(version: str, label: str) -> None:
    world = KotsWorld(State(), version=version).install()
    app = add(world)
    assert send(world, {"workers": "5"}, current=True).status == 200
    assert (app.newest.sequence, app.newest.label) == (2, label)


@pytest.mark.parametrize(("skip", "strict", "waits"), [(False, False, True), (True, False, False), (True, True, True)])
def test_a_version_waits_for_its_preflights(world: KotsWorld, skip: bool, strict: bool, waits: bool) -> None:
    app = add(world)
    app.preflights = (Check("Nodes", "too few", fails=True, strict=strict),)
    send(world, {"workers": "5"}, skipPreflights=skip)
    assert (app.newest.status == "pending_preflight") is waits
    world.state.clock.sleep(10)
    assert app.newest.status == "pending"
    told = world.call("GET", "/api/v1/app/circleci-server/sequence/2/preflight/result").body["preflightResult"]
    assert (bool(told["result"]), told["hasFailingStrictPreflights"]) == (waits, waits and strict)
