# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a support bundle as tables: which one is ours, what is due, and what the end says."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.kots import support
from ansible_collections.serverops.circleci.plugins.module_utils.kots.bundle import Bundle, Contents, Finding, bundles_from_api, owner_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.kots.support import Collect, Fetch, SupportSpec, SupportState, support_spec

SPEC = SupportSpec("/x/b.tar.gz", True)
NOW = 10_000.0


def look(*bundles: Bundle, kept: Contents | None = None, spec: SupportSpec = SPEC, **memory: Any) -> support.SupportLook:
    return Look(spec, SupportState(kept, None, bundles, NOW), memory)


def one(slug: str, status: str = "uploaded", age: float = 60.0) -> Bundle:
    return Bundle(slug, slug, status, NOW - age)


@pytest.mark.parametrize(
    ("bundles", "memory", "kind", "step"),
    [
        ((), {}, "steps", Collect()),
        ((one("a", age=601),), {}, "steps", Collect()),
        ((one("a", "failed"),), {}, "steps", Collect()),
        ((one("a", "running"),), {}, "waiting", None),
        ((one("a"),), {}, "steps", Fetch("a", SPEC.dest)),
        ((one("a", age=300), one("b")), {}, "steps", Fetch("b", SPEC.dest)),
        ((one("a", age=9000), one("b")), {"slug": "a"}, "steps", Fetch("a", SPEC.dest)),
        ((one("a", "failed"),), {"known": ["old"]}, "stuck", None),
        ((one("a", "failed"),), {"known": ["a"]}, "steps", Collect()),
        ((one("a", "failed"), one("b", "running")), {"known": [], "slug": "a"}, "stuck", None),
        ((one("b", age=9000),), {"known": ["b"], "slug": "gone"}, "steps", Collect()),
    ],
)
def test_what_is_due(bundles: tuple[Bundle, ...], memory: dict[str, Any], kind: str, step: Any) -> None:
    decision = support.decide(look(*bundles, **memory))["bundle"]
    assert decision.kind == kind
    assert decision.steps == ((step,) if step else ())


@pytest.mark.parametrize(
    ("kept", "allowed", "kind", "redacted"),
    [
        (Contents(1, 1, 1), False, "settled", True),
        (Contents(1, 1, 1, (Finding("f", "private key"),)), False, "stuck", False),
        (Contents(1, 1, 1, (Finding("f", "private key"),)), True, "settled", False),
        (Contents(1, 1, 0), False, "stuck", None),
        (Contents(1, 1, 0), True, "settled", None),
        (Contents(1, 1, 0, (Finding("f", "private key"),)), False, "stuck", False),
        (Contents(1, problem="is no whole tar.gz archive"), True, "stuck", None),
    ],
)
def test_the_search_has_the_last_word(kept: Contents, allowed: bool, kind: str, redacted: bool | None) -> None:
    seen = look(kept=kept, spec=SupportSpec("/x/b.tar.gz", True, allow_unredacted=allowed))
    decisions = support.decide(seen)
    assert (decisions["bundle"].kind, support.view(seen, decisions)["redacted"]) == (kind, redacted)


def test_many_findings_are_named_up_to_a_bound() -> None:
    seen = look(kept=Contents(1, 1, 1, tuple(Finding(f"f{number}", "token") for number in range(300))))
    decisions = support.decide(seen)
    assert "and 295 more" in decisions["bundle"].reason
    assert len(support.view(seen, decisions)["findings"]) == 100


def test_what_is_remembered_survives_json() -> None:
    first = support.remember(look(one("old", age=9000)))
    assert first == {"known": ["old"], "slug": None}
    assert support.remember(look(one("old", age=9000), one("new", "running"), **first)) == {"known": ["old"], "slug": "new"}


def test_shapes_of_kotsadm() -> None:
    body = {
        "supportBundles": [
            {"id": "i2", "slug": "s2", "status": "running", "createdAt": "2026-11-23T08:50:42Z"},
            {"id": "i1", "slug": "s1", "status": "uploaded"},
        ]
    }
    assert [bundle.slug for bundle in bundles_from_api(body)] == ["s1", "s2"]
    assert bundles_from_api(body)[1].created == 1795423842.0
    assert bundles_from_api({"supportBundles": None}) == ()
    assert owner_from_api({"id": "a", "downstream": {"cluster": {"id": "c"}}}).cluster == "c"


@pytest.mark.parametrize(("change", "words"), [({"consent": False}, "consent is false"), ({"dest": " "}, "dest is empty"), ({"app": "a/b"}, "app is 'a/b'")])
def test_what_cannot_be(change: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        support_spec({"dest": "/x/y", "consent": True, "app": "circleci-server", **change})
