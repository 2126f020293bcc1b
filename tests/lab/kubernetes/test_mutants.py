"""Comparisons must be able to fail: the simulator broken on purpose, in one place at a time, is found out by a recording."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from lab.kubernetes import api, checks, deletes, discovery, kinds, lifecycle, managed, patches, rbac, reads, request, schema, selectors, state, status, writes
from lab.kubernetes.pods import Pods
from lab.kubernetes.scenarios import USERS
from lab.kubernetes.test_contract import run

Wrong = Callable[[Any], Any]

MODULES = (api, checks, deletes, discovery, lifecycle, managed, patches, rbac, reads, schema, selectors, writes)


def always(value: Any) -> Wrong:
    """Whatever it is asked, it says this."""
    return lambda right: lambda *_given, **_named: value


def broken(*_given: Any, **_named: Any) -> None:
    raise status.Fail(500, "broken on purpose")


def bumping(right: Any) -> Any:
    """A write that changes nothing makes a version none the less."""

    def changed(self: Any, old: Any, item: Any) -> Any:
        made = right(self, old, item)
        key = (self.kind.qualified, self.target.namespace, self.target.name)
        return self.state._note("MODIFIED", key, copy.deepcopy(made)) if made is old else made

    return changed


def without(*fields: str) -> Wrong:
    """A failure without these."""
    return lambda right: property(lambda self: {key: value for key, value in right.fget(self).items() if key not in fields})


def swapped(index: int, value: Any) -> Wrong:
    """Called with another argument."""

    def wrong(right: Any) -> Any:
        def called(*given: Any, **named: Any) -> Any:
            changed = list(given)
            changed[index] = value(changed[index]) if callable(value) else value
            return right(*changed, **named)

        return called

    return wrong


def leaving_status(right: Any) -> Any:
    """Status may be written on the main path."""

    def keep(self: Any, old: Any, item: Any) -> None:
        mine = copy.deepcopy(item.get("status"))
        right(self, old, item)
        if mine is not None:
            item["status"] = mine

    return keep


def never_pruned(right: Any) -> Any:
    return lambda item, named, path="": []


def shorter(right: Any) -> Any:
    """Errors but the last."""
    return lambda item, named, path="": right(item, named, path)[:-1]


def unforced(right: Any) -> Any:
    return lambda tree, live, wanted, who, force, now: right(tree, live, wanted, who, True, now)


def forgetful(right: Any) -> Any:
    """What is left out of an apply stays."""
    return lambda self, item, gone, path=(): item


def shared(right: Any) -> Any:
    """Nobody owns anything after an update."""
    return lambda *_given: []


def text_404(right: Any) -> Any:
    return lambda self: status.Fail(404, "404 page not found", "NotFound", {}).response()


def sweeping(right: Any) -> Any:
    """A namespace goes with whatever is in it."""

    def sweep(of: Any, name: str) -> None:
        for key in [key for key in of.objects if key[1] == name]:
            of.remove(*key)
        of.remove("namespaces", "", name)

    return sweep


MUTANTS: list[tuple[str, Any, str, Wrong, str]] = [
    # who
    ("everybody may do everything", rbac, "allowed", always(""), "auth"),
    ("an unknown token is the administrator", api.Api, "_user", lambda right: lambda self, r: USERS["admin-token"], "auth"),
    ("names of a rule do not matter", rbac, "_holds", swapped(4, "known"), "auth"),
    ("the token of a deleted account ends at once", rbac, "CACHED", lambda right: 0.0, "auth"),
    ("the token of a deleted account never ends", rbac, "CACHED", lambda right: 1e9, "auth"),
    ("a review gives no reason", rbac, "_bound", lambda right: lambda *a: ((rule, "") for rule, _why in right(*a)), "auth"),
    ("everybody reads every path", rbac, "may_read", always(True), "discovery"),
    # what
    ("an unserved group is a Status", api.Absent, "response", text_404, "crd"),
    ("a kind has no subresources", kinds.Resource, "has_status", always(False), "crd"),
    ("status may be written on the main path", writes.Writer, "_keep", leaving_status, "crd"),
    ("unknown fields stay", schema, "prune", never_pruned, "crd"),
    ("one error of a schema is lost", schema, "errors", shorter, "crd"),
    ("defaults are not filled in", schema, "complete", lambda right: lambda item, named: item, "crd"),
    ("generation stands still", lifecycle, "generation", always(1), "crd"),
    ("a definition goes without its objects", lifecycle, "SETTLE", lambda right: 1e9, "crd"),
    ("verbs of another kind are told", discovery, "SUB", lambda right: ("get",), "discovery"),
    # writes
    ("a write that changes nothing makes a version", writes.Writer, "_changed", bumping, "patches"),
    ("an old version is no conflict", checks, "stale", lambda right: lambda target: status.not_found("configmaps", "p"), "patches"),
    ("no version is ever a conflict", writes, "check_versions", always(None), "crud"),
    ("a precondition is not looked at", deletes, "check_preconditions", always(None), "crud"),
    ("any name will do", writes, "check_name", always(None), "crud"),
    ("dry runs are carried out", request.Request, "dry", lambda right: property(lambda self: False), "crud"),
    ("what is immutable changes", writes, "check_immutable", always(None), "crud"),
    ("failures have no details", status.Fail, "status", without("details"), "crud"),
    ("failures have no reason", status.Fail, "status", without("reason"), "lists"),
    ("null in a merge patch is a value", patches, "merge", lambda right: lambda live, patch: {**live, **patch}, "patches"),
    ("a JSON patch that fails changes nothing", patches, "json_patch", lambda right: lambda live, patch: live, "patches"),
    ("a strategic patch replaces", patches, "strategic", lambda right: lambda live, patch: {**live, **patch}, "patches"),
    # apply
    ("an apply is always forced", managed, "applied", unforced, "server-side-apply"),
    ("what an apply leaves out stays", managed.Tree, "without", forgetful, "server-side-apply"),
    ("an update owns nothing", managed, "updated", shared, "crd"),
    ("two managers are one", managed, "read", lambda right: lambda item: dict(list(right(item).items())[:1]), "server-side-apply"),
    # deletions
    ("finalizers hold nothing", lifecycle, "let_go", lambda right: lambda item: bool(item["metadata"].get("deletionTimestamp")), "finalizers"),
    ("new finalizers come in deletion", writes, "check_finalizers", always(None), "finalizers"),
    ("a namespace waits for nothing", lifecycle, "_sweep", sweeping, "finalizers"),
    ("a namespace is swept at once", lifecycle, "SWEEP", lambda right: 0.0, "finalizers"),
    ("a deletion waits for nobody", state.State, "end_pod", lambda right: lambda self, ns, name, grace=None: right(self, ns, name, 0), "pods-states"),
    ("a second deletion lengthens the first", state.State, "end_pod", lambda right: lambda s, *a: (s.endings.clear(), right(s, *a))[1], "no-kubelet"),
    # lists and watches
    ("selectors choose all", selectors, "labels", lambda right: lambda text: lambda item: True, "lists"),
    ("fields choose all", selectors, "fields", lambda right: lambda text, kind: lambda item: True, "lists"),
    ("a page of a forgotten version is shown", reads.Reader, "_token", lambda right: lambda self, text: (-1, "l1"), "gone-410"),
    ("a token names no place", reads, "made_token", lambda right: lambda version, start: right(version, ""), "lists"),
    ("the future is answered at once", reads, "FUTURE", lambda right: 0.0, "lists"),
    ("nothing is ever too old", reads.Reader, "_check_version", always(None), "gone-410"),
    ("what leaves a selection stays", reads, "seen_by", lambda right: lambda c, t, form: {"type": c.type, "object": form.whole(c.object)}, "watch"),
    ("no bookmarks", reads.Reader, "_bookmarks", lambda right: lambda self, until: [], "watch-bookmarks"),
    ("bookmarks in short watches", reads.Reader, "_bookmarks", lambda right: lambda self, until: [self.state.clock.now()], "watch"),
    ("a watch skips what came before", reads.Reader, "_news", lambda right: lambda self, seen: right(self, max(seen, self.state.version - 1)), "watch"),
    # pods
    ("no upgrade is asked for", Pods, "portforward", lambda right: broken, "no-kubelet"),
    ("every machine has an address", Pods, "_address", lambda right: lambda self: "127.0.0.1:1", "no-kubelet"),
    ("a log is told whole and bare", Pods, "_tail", lambda right: lambda self, text: text, "pods-states"),
]


@pytest.mark.parametrize(("what", "where", "name", "wrong", "file"), MUTANTS, ids=[mutant[0] for mutant in MUTANTS])
def test_a_mutant_is_found_out(monkeypatch: pytest.MonkeyPatch, what: str, where: Any, name: str, wrong: Wrong, file: str) -> None:
    right = getattr(where, name)
    for place in MODULES:
        if place is not where and getattr(place, name, None) is right:  # imported there by its name
            monkeypatch.setattr(place, name, wrong(right))
    monkeypatch.setattr(where, name, wrong(right))
    assert run(file), what


def test_the_mutants_are_as_many_as_promised() -> None:
    assert len(MUTANTS) >= 28
    assert len({json.dumps([what, file]) for what, _where, _name, _wrong, file in MUTANTS}) == len(MUTANTS)
