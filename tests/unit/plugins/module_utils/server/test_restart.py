# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of restarting pods, as tables: what is there -> what is due; names of what is gone; check mode's picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json, Look
from ansible_collections.serverops.circleci.plugins.module_utils.server import restart
from ansible_collections.serverops.circleci.plugins.module_utils.server.model import Condition, Owner, Pod, Workload
from ansible_collections.serverops.circleci.plugins.module_utils.server.restart_model import RestartSpec, RestartState, owner_of_gone

WEB, DB = Owner("Deployment", "web"), Owner("StatefulSet", "db")
READY = (Condition("Ready", "True"),)
BEGAN = 1000.0


def web(name: str, ready: bool = True, created: float = 0.0, **more: Any) -> Pod:
    return Pod(f"web-abcdef-{name}", f"uid-{name}", created, "Running", owner=WEB, generated="web-abcdef-", conditions=READY if ready else (), **more)


def db(uid: str = "uid-db", ready: bool = True, created: float = 0.0, **more: Any) -> Pod:
    return Pod("db-0", uid, created, "Running", owner=DB, claims=("data-db-0",), conditions=READY if ready else (), **more)


def state(*pods: Pod, web_wants: int = 2, now: float = BEGAN, selected: tuple[str, ...] = ()) -> RestartState:
    return RestartState(pods, frozenset(selected), (Workload(WEB, web_wants), Workload(DB, 1)), now)


def look(seen: RestartState, memory: Json | None = None, **spec: Any) -> Look[RestartSpec, RestartState]:
    made = Look(RestartSpec("ns", **spec), seen, memory or {})
    return made if memory else replace(made, memory=restart.remember(made))


A, B = web("aaaaa"), web("bbbbb")
FIRST = look(state(A, B, db()), names=("web", "db-0"))
MEMORY = FIRST.memory
C = web("ccccc", created=BEGAN + 1)
ROWS: list[tuple[str, tuple[Pod, ...], list[str], str]] = [
    ("the first goes", (A, B, db()), ["steps", "waiting", "waiting"], A.name),
    ("it ends", (replace(A, ends=1030.0), B, db()), ["waiting", "waiting", "waiting"], ""),
    ("it ends beside its successor", (replace(A, ends=1030.0), B, C, db()), ["waiting", "waiting", "waiting"], ""),
    ("it is gone", (B, db()), ["waiting", "waiting", "waiting"], ""),
    ("its successor is not ready", (B, replace(C, conditions=()), db()), ["waiting", "waiting", "waiting"], ""),
    ("the second goes", (B, C, db()), ["settled", "steps", "waiting"], B.name),
    ("one that stood there before is no successor", (B, web("ccccc", created=BEGAN - 60), db()), ["waiting", "waiting", "waiting"], ""),
    ("data comes last", (C, web("ddddd", created=BEGAN + 9), db()), ["settled", "settled", "steps"], "db-0"),
    ("the same name is not the same pod", (C, web("ddddd", created=BEGAN + 9), db("new", False, BEGAN + 20)), ["settled", "settled", "waiting"], ""),
    ("all is done", (C, web("ddddd", created=BEGAN + 9), db("new", True, BEGAN + 20)), ["settled", "settled", "settled"], ""),
    ("a ready one stays while another is missing", (A, replace(B, conditions=()), db()), ["waiting", "waiting", "waiting"], ""),
    ("one that is not ready may go", (replace(A, conditions=()), B, db()), ["steps", "waiting", "waiting"], A.name),
]


@pytest.mark.parametrize(("what", "pods", "kinds", "goes"), ROWS, ids=[row[0] for row in ROWS])
def test_decide(what: str, pods: tuple[Pod, ...], kinds: list[str], goes: str) -> None:
    found = restart.decide(look(state(*pods, now=BEGAN + 30), MEMORY))
    assert [one.kind for one in found.values()] == kinds, what
    assert "".join(step.item for one in found.values() for step in one.steps) == goes


def test_a_workload_that_was_scaled_down_meanwhile_is_no_reason_to_wait() -> None:
    found = restart.decide(look(state(db(), web_wants=0), MEMORY))
    assert [one.kind for one in found.values()] == ["settled", "settled", "steps"]


@pytest.mark.parametrize(
    ("pods", "spec", "words"),
    [
        ((A, B, db()), {"selector": "x"}, "also means db-0, which hold data"),
        ((A, B), {"names": ("other",)}, "has no such pod or workload"),
        ((A,), {"selector": "y"}, "means no pod"),
        ((A, B, C), {"names": ("web",)}, "has more pods than the 2 it wants"),
        ((A, replace(B, conditions=())), {"names": (A.name,)}, "web has 1 of 2 pods ready"),
        ((replace(A, owner=None),), {"names": (A.name,)}, "belongs to nothing"),
        ((replace(A, owner=Owner("Job", "once")),), {"names": (A.name,)}, "does not keep pods running"),
        ((replace(A, owner=Owner("ReplicaSet", "gone")),), {"names": (A.name,)}, "which is not there any more"),
    ],
)
def test_refusals(pods: tuple[Pod, ...], spec: Any, words: str) -> None:
    seen = state(*pods, selected=tuple(pod.uid for pod in pods) if spec.get("selector") == "x" else ())
    assert any(words in text for text in restart.refusals(look(seen, **spec)))


@pytest.mark.parametrize("names", [("web", "db"), (A.name,), ("db-0",)])
def test_nothing_against_it(names: tuple[str, ...]) -> None:
    assert restart.refusals(look(state(A, B, db()), names=names)) == []


@pytest.mark.parametrize(
    ("name", "owner"),
    [("web", WEB), ("web-abcdef-zzzzz", WEB), ("db-0", DB), ("db", DB), ("db-1", None), ("db-x", None), ("webby", None), ("web-x", None), ("other", None)],
)
def test_whose_pod_it_was(name: str, owner: Owner | None) -> None:
    assert owner_of_gone(state(), name) == owner


def test_what_was_gone_before_is_waited_for() -> None:
    """As after a run that was killed between a pod and the next."""
    seen = look(state(B), names=(A.name, "db-0"))
    assert restart.refusals(seen) == [] and [one.kind for one in restart.decide(seen).values()] == ["waiting", "waiting"]
    after = look(state(B, C, db("new"), now=BEGAN + 9), seen.memory, names=(A.name, "db-0"))
    assert [one.kind for one in restart.decide(after).values()] == ["settled", "settled"]
    told = restart.view(after, restart.decide(after))
    assert [one["verdict"] for one in told["pods"]] == ["was_gone", "was_gone"] and (told["restarted"], told["left"]) == (0, 0)


def test_what_ends_already_is_not_taken_for_the_pod_that_stands_for_it() -> None:
    """Its successor was there when this run began, so by its age alone it would never count."""
    seen = look(state(replace(A, ends=1030.0), B, replace(C, created=BEGAN - 5), db()), names=("web",))
    kinds = {name: one.kind for name, one in restart.decide(seen).items()}
    assert kinds == {A.name: "settled", B.name: "steps", C.name: "waiting"}


def test_out_of_sight() -> None:
    last = {"pods": [{"verdict": "unfinished"}, {"verdict": "restarted"}], "left": 1}
    assert [one["verdict"] for one in restart.out_of_sight(last)["pods"]] == ["unknown", "restarted"]
    assert restart.out_of_sight({}) == {}
