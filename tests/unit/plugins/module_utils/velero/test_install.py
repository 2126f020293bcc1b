# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of installing: the order of the stages, what waits for what, how long what looks hopeless is given, and what ends with what failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Look
from ansible_collections.serverops.circleci.plugins.module_utils.velero import install
from ansible_collections.serverops.circleci.plugins.module_utils.velero.install_state import ApplyObject, DeleteAgents, InstallState, Place, Pod, Rollout, Seen
from unit.plugins.module_utils.velero.wishes import wish

CRD, SECRET, SERVER, RESTIC = "CustomResourceDefinition backups.velero.io", "Secret cloud-credentials", "Deployment velero", "DaemonSet restic"
STAGES = {CRD: 0, SECRET: 2, SERVER: 3, RESTIC: 4}
UP = Rollout(True, True, 1, 1, (Pod("velero-1", "n1", True, started=1.0),))
DONE = InstallState(
    {item: Seen(item, stage, there=True) for item, stage in STAGES.items()},
    server=UP,
    agents=Rollout(True, True, 2, 2),
    stale={"node-agent": False},
    location=Place("Available", fresh=True),
)


def seen(item: str, **other: Any) -> InstallState:
    return replace(DONE, objects={**DONE.objects, item: replace(DONE.objects[item], **other)})


def look(state: InstallState, phases: Mapping[str, float] | None = None, **spec: Any) -> install.InstallLook:
    return Look(wish(**spec), state, phases=phases or {}, now=1000.0)


def decide(state: InstallState, phases: Mapping[str, float] | None = None, **spec: Any) -> dict[str, Decision]:
    return install.decide(look(state, phases, **spec))


def kinds(decisions: Mapping[str, Decision]) -> dict[str, str]:
    return {item: one.kind for item, one in decisions.items()}


def test_all_as_wanted_is_settled() -> None:
    assert set(kinds(decide(DONE)).values()) == {"settled"}


def test_each_stage_waits_for_the_one_before() -> None:
    nothing = replace(DONE, objects={item: replace(one, there=False) for item, one in DONE.objects.items()}, server=Rollout(), location=None)
    found = decide(nothing)
    assert found[CRD].steps == (ApplyObject(CRD, creates=True),)
    assert {kinds(found)[item] for item in (SECRET, SERVER, RESTIC, "deployment", "agents", "location")} == {"waiting"}
    served = decide(seen(CRD, established=False))
    assert served[CRD].kind == "waiting" and "not served" in served[CRD].reason and served["deployment"].kind == "waiting"


def test_what_fails_ends_what_comes_after() -> None:
    found = decide(seen(SECRET, changes=("data.cloud: changed",), fault="admission says no"))
    assert found[SECRET].kind == "stuck" and "admission says no" in found[SECRET].reason
    assert found["deployment"].kind == found["location"].kind == "stuck" and "not tried" in found["location"].reason


@pytest.mark.parametrize(("take_over", "kind"), [(False, "stuck"), (True, "steps")])
def test_fields_of_others_only_with_consent(take_over: bool, kind: str) -> None:
    state = seen(SERVER, changes=("x",), foreign=(".spec.replicas of keda",))
    assert decide(state, take_over=take_over)[SERVER].kind == kind
    refused = install.refusals(look(state, take_over=take_over))
    assert bool(refused) != take_over
    assert take_over or "keda" in refused[0] and "take_over" in refused[0]


def server(trouble: str) -> InstallState:
    return replace(DONE, server=Rollout(True, True, 1, 0, (Pod("velero-1", "n1", trouble=trouble),)))


def place(**other: Any) -> InstallState:
    return replace(DONE, location=Place(**other))


NO_ROOM = Rollout(True, True, 2, 1, (Pod("restic-2", trouble="no node has room for it (Insufficient cpu)"),))
PATIENCE = [
    (server("velero: ImagePullBackOff (not found)"), "deployment", install.PATIENCE_POD, "ImagePullBackOff"),
    (replace(DONE, agents=NO_ROOM), "agents", install.PATIENCE_ROOM, "restic-2"),
    (
        place(phase="Unavailable", message="NoSuchBucket: none", fresh=True, cause="bucket_missing"),
        "location",
        install.PATIENCE_LOCATION,
        "the bucket does not exist",
    ),
    (place(phase="Unavailable", fresh=True), "location", install.PATIENCE_LOCATION, "tells no reason"),
    (place(), "location", install.PATIENCE_SILENCE, "old versions never do"),
    (place(phase="Available"), "location", install.PATIENCE_SILENCE, "has not looked"),
]


@pytest.mark.parametrize(("state", "item", "seconds", "words"), PATIENCE)
def test_what_looks_hopeless_is_waited_for_and_then_named(state: InstallState, item: str, seconds: float, words: str) -> None:
    assert decide(state)[item].kind == "waiting"
    assert decide(state, {item: seconds - 1})[item].kind == "waiting"
    late = decide(state, {item: seconds + 1})[item]
    assert late.kind == "stuck" and words in late.reason


def test_an_old_word_about_the_location_is_none() -> None:
    assert decide(place(phase="Available", fresh=False))["location"].kind == "waiting"


def test_a_rollout_without_trouble_is_waited_for_without_end() -> None:
    state = replace(DONE, server=replace(UP, current=False))
    assert decide(state, {"deployment": 99_999.0})["deployment"].kind == "waiting"


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (DONE, "steps"),
        (replace(DONE, agents=replace(DONE.agents, ready=1)), "waiting"),
        (replace(DONE, server=replace(UP, ready=0)), "waiting"),
        (seen(SECRET, fault="no", changes=("x",)), "stuck"),
    ],
)
def test_the_old_agents_go_when_the_new_ones_stand(state: InstallState, kind: str) -> None:
    found = decide(replace(state, stale={"restic": True}))["DaemonSet restic"]
    assert found.kind == kind
    assert kind != "steps" or found.steps == (DeleteAgents("DaemonSet restic", "restic"),)


def test_effects_and_assumptions_lead_to_the_end() -> None:
    state = replace(
        DONE, objects={item: replace(one, there=False) for item, one in DONE.objects.items()}, server=Rollout(), agents=Rollout(wanted=0), location=None
    )
    for _round in range(20):
        found = decide(state)
        steps = [step for one in found.values() for step in one.steps]
        for step in steps:
            state = install.effect(state, step)
        for item in [] if steps else [item for item, one in found.items() if one.kind == "waiting"]:
            state = install.assume(look(state), item)
    assert set(kinds(decide(state)).values()) == {"settled"}


def test_rights_and_refusals_come_as_they_are() -> None:
    assert install.refusals(look(InstallState({}, missing_rights="no rights"))) == ["no rights"]
    assert install.refusals(look(replace(DONE, refusals=("no kinds",)))) == ["no kinds"]
    assert install.refusals(look(DONE)) == []
