# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every refusal of the recorded API gets its type, and one sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import refusals
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.refusals import refusal, told
from unit.plugins.module_utils.kubernetes.scripted import RECORDED, recorded

FILES = sorted(path.stem for path in RECORDED.glob("*.jsonl") if path.stem != "python-client")


def refused(name: str) -> list[tuple[str, int, Any, dict[str, str]]]:
    found = []
    for line in recorded(name):
        answer = line.get("response") or {}
        if answer.get("status", 0) >= 400 and "body" in answer:
            found.append((line.get("note") or "", answer["status"], answer["body"], answer["headers"]))
    return found


def expected(status: int, body: Any) -> type[CollectionError]:
    """By the table of the API's conventions, written down apart from the code under test."""
    text = body["message"] if isinstance(body, dict) else body
    if status == 404:
        return refusals.NotServed if not isinstance(body, dict) or "server could not find" in text else NotFound
    if status == 403:
        return refusals.BeingDeleted if "being terminated" in text else refusals.Forbidden if " resource " in text else NotPermitted
    if status == 409:
        manager = "Apply failed" in text
        kinds = {"AlreadyExists": refusals.AlreadyExists, "Conflict": refusals.ApplyConflict if manager else refusals.Conflict}
        return refusals.BeingDeleted if "being deleted" in text else kinds[body["reason"]]
    named: dict[int, type[CollectionError]] = {401: refusals.Unauthenticated, 410: refusals.Expired, 422: refusals.Invalid, 429: refusals.Busy}
    named[504] = refusals.TooNew
    return named.get(status, Unreachable if status >= 500 else Refused)


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_refusal_has_its_type_and_one_sentence(name: str) -> None:
    for _note, status, body, headers in refused(name):
        found = refusal(told(status, body if isinstance(body, str) else json.dumps(body), headers), "api.example:6443")
        assert found.__class__ is expected(status, body), (status, body)
        assert "api.example:6443" in str(found) and str(status) in str(found) and "\n" not in str(found) and len(str(found)) < 3000


def test_the_recordings_hold_every_type() -> None:
    seen = {expected(status, body) for name in FILES for _note, status, body, _headers in refused(name)}
    ours = {one for one in vars(refusals).values() if isinstance(one, type) and issubclass(one, CollectionError) and one.__module__ == refusals.__name__}
    assert ours - seen == set()


def made(status: int, message: str, reason: str = "", **more: Any) -> CollectionError:
    body = {"kind": "Status", "message": message, "reason": reason, **more}
    return refusal(told(status, json.dumps(body), {}), "x")


def test_a_missing_right_is_named() -> None:
    found = made(403, 'pods "a" is forbidden: User "u" cannot get resource "pods/log" in API group "" in the namespace "lab"')
    assert isinstance(found, refusals.Forbidden)
    assert (found.verb, found.resource, found.namespace) == ("get", "pods/log", "lab")
    wide = made(403, 'backups.velero.io is forbidden: User "u" cannot list resource "backups" in API group "velero.io" at the cluster scope')
    assert isinstance(wide, refusals.Forbidden)
    assert (wide.verb, wide.resource, wide.namespace) == ("list", "backups.velero.io", "") and "list on backups.velero.io in the whole cluster" in str(wide)


def test_an_admissions_no_is_no_missing_right() -> None:
    assert made(403, 'admission webhook "x" denied the request: not on a Friday').__class__ is NotPermitted


def test_an_apply_conflict_names_managers_and_fields() -> None:
    causes = [{"reason": "FieldManagerConflict", "message": 'conflict with "kubectl" using apps/v1', "field": ".spec.replicas"}]
    found = made(409, "Apply failed", "Conflict", details={"causes": [*causes, {**causes[0], "message": 'conflict with "helm"', "field": ".spec.paused"}]})
    assert isinstance(found, refusals.ApplyConflict)
    assert found.owners == (("kubectl", ".spec.replicas"), ("helm", ".spec.paused")) and ".spec.paused of helm" in str(found)


def test_many_causes_of_an_invalid_object_are_one_sentence() -> None:
    causes = [{"reason": "FieldValueInvalid", "message": f"bad {number}", "field": f"spec.f{number}"} for number in range(20)]
    found = made(422, "long text", "Invalid", details={"causes": causes})
    assert isinstance(found, refusals.Invalid)
    assert len(found.causes) == 20 and "spec.f0: bad 0; spec.f1: bad 1" in str(found) and "and 12 more" in str(found)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None)])
def test_how_long_to_wait_is_the_headers(header: str, seconds: float | None) -> None:
    found = refusal(told(429, "slow down", {"Retry-After": header}), "x")
    assert isinstance(found, refusals.Busy) and found.after == seconds and found.retry


def test_or_the_status_objects() -> None:
    found = made(503, "later", details={"retryAfterSeconds": 3})
    assert isinstance(found, Unreachable) and found.after == 3.0


def test_an_expired_version_is_not_asked_for_again() -> None:
    found = made(410, "too old", "Expired")
    assert isinstance(found, refusals.Expired) and not found.retry


def test_no_part_of_a_secret_is_left_where_the_text_is_cut() -> None:
    secret = "s3cret-" * 20
    found = refusal(told(400, "x" * 350 + secret, {}, (secret,)), "x")
    assert "s3cret" not in str(found) and "****" in str(found)
    cause = {"reason": "r", "field": "data.key", "message": f"Invalid value: {secret}"}
    text = json.dumps({"kind": "Status", "message": "m", "details": {"causes": [cause]}})
    assert "s3cret" not in str(refusal(told(422, text, {}, (secret,)), "x"))


@pytest.mark.parametrize("text", ["", "<html>log in</html>", "[1]", '{"kind": "Other"}', '{"kind": "Status", "message": null, "details": null}'])
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 409, 410, 418, 422, 429, 500, 504])
def test_whatever_stands_between_may_answer_anything(status: int, text: str) -> None:
    assert str(refusal(told(status, text, {}), "x"))
