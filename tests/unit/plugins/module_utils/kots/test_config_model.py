# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kotsadm's words about versions, keys and preflights, the cluster's about what rolls, and sealed passwords, as values."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, NotPermitted
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_model import (
    Item,
    Preflight,
    Version,
    items_from_api,
    preflight_from_api,
    shown,
    unready_of,
    versions_from_api,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_seal_client import opener

from lab.kots import vault


def row(sequence: int, status: str, **more: Any) -> dict[str, Any]:
    return {"sequence": sequence, "versionLabel": "3.4.0", "status": status, "source": "Config Change", **more}


def test_versions_are_the_deployed_one_and_those_ahead() -> None:
    body = {"currentSequence": 5, "downstream": {"currentVersion": row(3, "deployed"), "pendingVersions": [row(5, "pending"), row(4, "pending")]}}
    versions, current, newest = versions_from_api(body)
    assert [one.sequence for one in versions] == [3, 4, 5] and (current, newest) == (3, 5)
    assert versions[0] == Version(3, "3.4.0", "deployed", "Config Change")


def test_a_version_is_known_by_its_archives_number() -> None:
    body = {"currentSequence": 7, "downstream": {"currentVersion": row(2, "deployed", parentSequence=6), "pendingVersions": None}}
    assert versions_from_api(body) == ((Version(6, "3.4.0", "deployed", "Config Change"),), 6, 7)


@pytest.mark.parametrize("downstream", [None, {}, {"currentVersion": None, "pendingVersions": []}])
def test_an_app_without_a_deployed_version(downstream: Any) -> None:
    assert versions_from_api({"currentSequence": 0, "downstream": downstream}) == ((), None, 0)


def one(**told: Any) -> Item:
    body = {"configGroups": [{"name": "main", "when": told.pop("group_when", ""), "items": [{"name": "key", **told}]}]}
    return items_from_api(body, lambda text: {"sealed": "open", "": ""}.get(text))[0]


ASKED = [({}, True), ({"when": "false"}, False), ({"when": False}, False), ({"when": "true"}, True), ({"group_when": "false"}, False)]


@pytest.mark.parametrize(("told", "asked"), ASKED)
def test_what_is_asked_for(told: dict[str, Any], asked: bool) -> None:
    assert one(**told).asked is asked


EQUAL = [
    ({"value": "a"}, "a", True),
    ({"value": "a"}, "b", False),
    ({"value": "", "default": "4"}, "4", True),
    ({"value": "4", "default": "4"}, "", False),
    ({"value": "", "default": "4"}, "", True),
    ({"value": True, "type": "bool"}, "true", True),
    ({"value": "0", "type": "bool"}, "false", True),
    ({"value": None, "default": "1", "type": "bool"}, "1", True),
    ({"value": "true"}, "1", False),
    ({"value": "sealed", "type": "password"}, Secret("open"), True),
    ({"value": "sealed", "type": "password"}, Secret("sealed"), False),
    ({"value": "of another key", "type": "password"}, Secret("open"), None),
    ({"value": "", "type": "password"}, Secret(""), True),
]


@pytest.mark.parametrize(("told", "wanted", "equal"), EQUAL)
def test_what_equals_what(told: dict[str, Any], wanted: Any, equal: bool | None) -> None:
    assert one(**told).equals(wanted) is equal


HIDDEN = [{"type": "password", "value": "sealed"}, {"type": "file"}, {"hidden": True}, {"title": "API token"}, {"value": "-----BEGIN RSA-----"}]


@pytest.mark.parametrize("told", HIDDEN)
def test_a_secret_is_shown_to_nobody(told: dict[str, Any]) -> None:
    item = one(**{"value": "plain", "name": "field", **told})
    assert item.is_secret and shown(item) == "********" and "open" not in repr(item) and "plain" not in repr(item)


def test_a_key_says_what_it_takes() -> None:
    rule = {"regex": {"pattern": "^a", "message": "an a"}}
    item = one(type="select_one", items=[{"name": "x"}, {"name": "y"}], validation=rule, readonly=True, repeatable=True, required=True, filename="f.pem")
    assert (item.choices, item.pattern, item.pattern_says, item.read_only, item.repeatable, item.required, item.filename) == (
        ("x", "y"),
        "^a",
        "an a",
        True,
        True,
        True,
        "f.pem",
    )


PREFLIGHTS: list[tuple[Any, bool, Preflight]] = [
    ("", False, Preflight()),
    ({"results": [{"title": "Nodes", "message": "3", "isPass": True}]}, False, Preflight()),
    ({"results": [{"title": "Nodes", "message": "1", "isFail": True}]}, False, Preflight((("Nodes", "1"),))),
    ({"results": [{"title": "Nodes", "isFail": True}, {"title": "Kubernetes", "isWarn": True}]}, True, Preflight((("Nodes", ""),), True)),
    ({"results": None, "errors": [{"error": "forbidden"}]}, False, Preflight((("a preflight could not be tried", "forbidden"),))),
]


@pytest.mark.parametrize(("result", "strict", "found"), PREFLIGHTS)
def test_preflights(result: Any, strict: bool, found: Preflight) -> None:
    text = json.dumps(result) if result else ""
    assert preflight_from_api({"preflightResult": {"result": text, "hasFailingStrictPreflights": strict}}) == found


def workload(wanted: int | None = 2, **status: int) -> dict[str, Any]:
    spec = {} if wanted is None else {"replicas": wanted}
    return {"kind": "Deployment", "metadata": {"name": "web", "generation": 2}, "spec": spec, "status": status}


ROLLED = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}


@pytest.mark.parametrize(
    ("made", "rolled"),
    [
        (workload(**ROLLED), True),
        (workload(**{**ROLLED, "observedGeneration": 1}), False),
        (workload(**{**ROLLED, "updatedReplicas": 1}), False),
        (workload(**{**ROLLED, "readyReplicas": 1}), False),
        (workload(**{**ROLLED, "replicas": 3}), False),
        (workload(), False),
        (workload(wanted=0, observedGeneration=2), True),
        (workload(wanted=None, **{**ROLLED, "replicas": 1}), True),
    ],
)
def test_what_has_rolled(made: dict[str, Any], rolled: bool) -> None:
    assert unready_of([made], []) == (() if rolled else ("Deployment web",))


def pod(name: str, ready: str = "True", phase: str = "Running", **meta: str) -> dict[str, Any]:
    return {"metadata": {"name": name, **meta}, "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}}


def test_pods_that_should_serve_and_do_not() -> None:
    pods = [pod("a"), pod("b", "False"), pod("job", "False", "Succeeded"), pod("old", "False", deletionTimestamp="now"), pod("c", "False", "Pending")]
    assert unready_of([], pods) == ("pod b", "pod c")


# -- sealed passwords --------------------------------------------------------------------------------------------


def kubernetes(found: Any) -> Any:
    def get(*_args: Any) -> Any:
        if isinstance(found, Exception):
            raise found
        return found

    return SimpleNamespace(get=get)


def test_what_kotsadm_sealed_is_opened() -> None:
    opened, why = opener(kubernetes({"data": vault.secret()}), "space")
    assert why == "" and [opened(vault.sealed(text)) for text in ("", "word", "Wörter: ß")] == ["", "word", "Wörter: ß"]
    assert opened("never sealed") == "never sealed" and opened("") == ""
    assert opened(base64.b64encode(b"sealed by another key, long enough").decode()) is None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (NotFound("no"), "has no Secret kotsadm-encryption"),
        (NotPermitted("may not"), "cannot be read"),
        ({"data": {}}, "no usable key"),
        ({"data": {"encryptionKey": "!"}}, "no usable key"),
        ({"data": {"encryptionKey": base64.b64encode(base64.b64encode(b"short")).decode()}}, "no usable key"),
    ],
)
def test_without_the_key_nothing_is_guessed(found: Any, words: str) -> None:
    opened, why = opener(kubernetes(found), "space")
    assert words in why and opened(vault.sealed("word")) is None
    assert opened(vault.sealed("")) == "", "an empty one is known by its length"
