"""The simulated controllers do what the recorded ones did: states in order, conditions with reasons, counters, events; broken, they are found out."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

import pytest

from lab.kubernetes.controllers import containers, kubelet, podstatus, rollouts, scheduling
from lab.kubernetes.controllers.deployments import Deployments
from lab.kubernetes.controllers.jobs import Jobs
from lab.kubernetes.controllers.kubelet import Kubelet
from lab.kubernetes.controllers.owners import Owners
from lab.kubernetes.controllers.playing import LEFT_OUT, Play
from lab.kubernetes.controllers.scenes import SCENES
from lab.kubernetes.controllers.scheduler import Scheduler
from lab.kubernetes.controllers.statefulsets import StatefulSets
from lab.kubernetes.controllers.world import World


def played(name: str) -> Play:
    prepare, steps = SCENES[name]
    play = Play(name, prepare)
    play.run(steps)
    return play


@pytest.mark.parametrize("name", SCENES)
def test_recording(name: str) -> None:
    assert played(name).found == []


def test_tally(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the counts."""
    plays = [played(name) for name in SCENES]
    with capsys.disabled():
        print()
        for play in plays:
            print(f"Controllers {play.name}: {play.compared} requests and commands compared, {play.left_out} of the API alone left out")
        print(f"Controllers: left out are {', '.join(LEFT_OUT.values())}")
    assert sum(play.compared for play in plays) >= 60


def nothing(*_arguments: Any, **_more: Any) -> None:
    return None


def changed(right: Any, **more: Any) -> Any:
    """The same, with parts of its result replaced."""
    return lambda *args, **named: {**right(*args, **named), **more}


MUTANTS: list[tuple[str, Any, str, Any, str]] = [
    ("a Deployment is available with no pod", rollouts, "limits", lambda right: lambda item: (right(item)[0], 99), "rollout"),
    ("no pod is made beyond the number wanted", rollouts, "limits", lambda right: lambda item: (0, 1), "rollout"),
    ("a late rollout is never told", Deployments, "_left", lambda right: nothing, "rollout"),
    ("counters at zero are told", rollouts, "counters", lambda right: lambda *a: {"unavailableReplicas": 0, "replicas": 0, **right(*a)}, "rollout"),
    ("the generation is seen at once", rollouts, "counters", lambda right: changed(right, observedGeneration=9), "rollout"),
    (
        "conditions keep their first place",
        rollouts,
        "with_condition",
        lambda right: lambda *a, **k: sorted(right(*a, **k), key=lambda one: one["type"]),
        "rollout",
    ),
    ("old pods go before new ones are ready", rollouts, "is_complete", lambda right: lambda item, counted: True, "rollout"),
    (
        "an undo makes a set anew",
        Deployments,
        "_hash",
        lambda right: lambda self, item: right(self, {**item, "spec": {"template": item["metadata"]["generation"]}}),
        "rollout",
    ),
    ("children outlive their owner", Owners, "_collect", lambda right: nothing, "rollout"),
    ("an owner in the foreground goes at once", Owners, "_children", lambda right: lambda *a: [], "rollout"),
    ("events are not told", World, "event", lambda right: nothing, "rollout"),
    ("a pod is ready as soon as it has a node", podstatus, "scheduled", lambda right: lambda *a: podstatus.conditions([], *a), "pods-states"),
    ("a full cluster takes everything", scheduling, "selected", lambda right: lambda *a: True, "pods-states"),
    ("an unplaced pod is not told why", podstatus, "unschedulable", lambda right: lambda old, now, text: right(old, now, ""), "pods-states"),
    ("nobody waits after a crash", containers, "back_off", lambda right: lambda failures: 10.0 if failures > 1 else 0.0, "pods-states"),
    (
        "a killed container counts as done",
        podstatus,
        "phase",
        lambda right: lambda mine, policy: right(mine, policy).replace("Failed", "Succeeded"),
        "pods-states",
    ),
    ("a failed pull is a crash", containers, "pull_back_off", lambda right: lambda pulls: 1e9, "pods-states"),
    ("pods stay for all of their grace", Kubelet, "_end", lambda right: nothing, "rollout"),
    (
        "all pods of a StatefulSet are one",
        StatefulSets,
        "_make",
        lambda right: lambda self, item, ordinal, revision: right(self, item, 0, revision),
        "statefulset",
    ),
    ("a StatefulSet keeps its old template", StatefulSets, "_renew", lambda right: nothing, "statefulset"),
    (
        "a Job never fails",
        Jobs,
        "_end",
        lambda right: lambda self, item, end, *a: right(self, item, end, *a) if end[0][1] == "Complete" else None,
        "statefulset",
    ),
    ("a Job's pods go with it", Owners, "look", lambda right: lambda self, *key: self._world.state.remove(*key), "statefulset"),
    ("a cordon leaves no taint", Scheduler, "look_node", lambda right: nothing, "nodes"),
    ("pods go to the fullest node", scheduling, "choose", lambda right: lambda pod, nodes, pods: ("node-1", ""), "nodes"),
    ("what waits for a kubelet is dead", kubelet, "_is_held", lambda right: lambda pod: False, "statefulset"),
]


@pytest.mark.parametrize(("what", "where", "name", "wrong", "scene"), MUTANTS, ids=[mutant[0] for mutant in MUTANTS])
def test_a_mutant_is_found_out(monkeypatch: pytest.MonkeyPatch, what: str, where: Any, name: str, wrong: Any, scene: str) -> None:
    monkeypatch.setattr(where, name, wrong(getattr(where, name)))
    assert played(scene).found, what
