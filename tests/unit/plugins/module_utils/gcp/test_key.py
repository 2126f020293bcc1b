# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done about a key: a table of what the file, the pair beside it and Google say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.gcp import key
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.key import GoogleKey, KeptKey, KeySpec, KeyState

EMAIL = "velero@p.iam.gserviceaccount.com"
SPEC = KeySpec(EMAIL, "/f")
OLD, NEW, DAY = "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", "2026-03-01T00:00:00Z"
KEPT, BEGUN = KeptKey(EMAIL, "a", "fa", OLD), KeptKey(EMAIL, "", "fb", NEW)
A, B, C = GoogleKey("a", "fa", OLD, True), GoogleKey("b", "fb", NEW, True), GoogleKey("c", "fc", OLD, True)
FOREIGN = GoogleKey("x", "fx", OLD, False)
NOW = KeyState(now="2026-11-29T00:00:00Z")


@pytest.mark.parametrize(
    ("state", "spec", "kind", "words"),
    [
        (NOW, SPEC, "steps", "begin_key"),
        (replace(NOW, keys=(FOREIGN,)), SPEC, "steps", "begin_key"),
        (replace(NOW, begun=BEGUN), SPEC, "steps", "upload_key"),
        (replace(NOW, begun=BEGUN, sent=True), SPEC, "waiting", "does not list"),
        (replace(NOW, begun=BEGUN, keys=(B,)), SPEC, "steps", "keep_key"),
        (replace(NOW, kept=KEPT, begun=BEGUN, keys=(A, B)), SPEC, "steps", "keep_key"),
        (replace(NOW, kept=KEPT, keys=(A,)), SPEC, "settled", "in use"),
        (replace(NOW, kept=KEPT, keys=(A, FOREIGN)), SPEC, "settled", "in use"),
        (replace(NOW, kept=KEPT, young=True), SPEC, "waiting", "does not list"),
        (replace(NOW, kept=KEPT, young=True), replace(SPEC, made_after=DAY), "waiting", "does not list"),
        (replace(NOW, kept=KEPT, young=True), replace(SPEC, removed=True), "waiting", "does not list"),
        (replace(NOW, kept=KEPT, young=True, keys=(C,)), SPEC, "waiting", "does not list"),
        (replace(NOW, kept=KEPT), SPEC, "steps", "begin_key"),
        (replace(NOW, kept=KEPT, keys=(A,)), replace(SPEC, made_after=DAY), "steps", "begin_key"),
        (replace(NOW, kept=KEPT, keys=(A,)), replace(SPEC, made_after=OLD), "settled", "in use"),
        (replace(NOW, kept=KEPT, keys=(A, C)), replace(SPEC, made_after=DAY), "stuck", "remove it first"),
        (replace(NOW, keys=(C,)), SPEC, "stuck", "cannot be read again"),
        (replace(NOW, keys=(replace(C, disabled=True),)), SPEC, "steps", "begin_key"),
        (replace(NOW, keys=(C,)), replace(SPEC, made_after=DAY), "steps", "begin_key"),
        (replace(NOW, keys=(B,)), replace(SPEC, made_after=DAY), "stuck", "a later made_after"),
        (replace(NOW, kept=KEPT, keys=(A, C)), SPEC, "settled", "in use"),
        (replace(NOW, kept=KEPT, keys=(A, C)), replace(SPEC, removed=True), "steps", "remove_key"),
        (replace(NOW, kept=KEPT, keys=(A, FOREIGN)), replace(SPEC, removed=True), "settled", "in use"),
        (replace(NOW, kept=KEPT, begun=BEGUN, keys=(A, B)), replace(SPEC, removed=True), "stuck", "give it to whoever"),
        (replace(NOW, kept=KEPT, keys=(A,)), replace(SPEC, removed=True, made_after=DAY), "stuck", "give it to whoever"),
        (NOW, replace(SPEC, removed=True), "steps", "begin_key"),
        (replace(NOW, kept=KEPT, keys=(replace(A, disabled=True),)), SPEC, "stuck", "is disabled"),
        (replace(NOW, kept=replace(KEPT, email="o@p.iam.gserviceaccount.com")), SPEC, "stuck", "holds the key of o@p"),
        (NOW, replace(SPEC, made_after="2027-01-01T00:00:00Z"), "stuck", "yet to come"),
    ],
)
def test_decide(state: KeyState, spec: KeySpec, kind: str, words: str) -> None:
    found = key.decide(Look(spec, state))[key.ITEM]
    assert found.kind == kind, found
    assert words in (found.steps[0].describe()["step"] if found.steps else found.reason)


def test_what_is_shown_names_no_key_twice() -> None:
    look = Look(SPEC, replace(NOW, kept=KEPT, keys=(A, C, FOREIGN)))
    shown = key.view(look, key.decide(look))
    assert (shown["key"]["id"], [one["id"] for one in shown["superseded"]], [one["id"] for one in shown["foreign_keys"]]) == ("a", ["c"], ["x"])


@pytest.mark.parametrize(
    ("text", "stamp"),
    [("", ""), ("2026-11-29", "2026-11-29T00:00:00Z"), ("2026-11-29 12:30", "2026-11-29T12:30:00Z"), ("2026-11-29T12:30:01Z", "2026-11-29T12:30:01Z")],
)
def test_a_time_may_be_given_in_some_ways(text: str, stamp: str) -> None:
    params = {"service_account": EMAIL, "credentials_file": "/f", "made_after": text, "superseded": "kept"}
    assert key.key_spec(params).made_after == stamp
