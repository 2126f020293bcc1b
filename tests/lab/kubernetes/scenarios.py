"""How the recorded cluster stood when each recording began, and what happened besides its requests."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Callable
from typing import Any

from lab.kubernetes.state import ADMIN, Rule, State, User

LIMITED = User(
    "system:serviceaccount:lab:limited",
    (
        Rule(("configmaps",), ("get", "list", "watch"), "lab"),
        Rule(("pods",), ("get",), "lab"),
        Rule(("secrets",), ("get",), "lab", names=("known",)),
        Rule(("backups",), ("get", "list", "create"), "lab", group="velero.io"),
    ),
)
USERS = {"admin-token": ADMIN, "nobody-token": User("nobody"), "limited-token": LIMITED}
Step = tuple[float, Callable[[State], Any]]


def config_maps(state: State, first: int = 333) -> None:
    """l0 to l6 as the lists show them, at the versions they had; then the store stood at 339."""
    for number in range(7):
        state.version = first + number - 1
        labels = {"lab": "yes", "n": str(number), **({"even": ""} if number % 2 == 0 else {})}
        state.put("configmaps", "lab", f"l{number}", {"metadata": {"labels": labels}, "data": {"a": "1"}})
    state.version = 339
    state.history.clear()
    state.oldest = 2


def with_ca(state: State) -> None:
    config_maps(state)
    state.put("configmaps", "lab", "kube-root-ca.crt", {"metadata": {}, "data": {"ca.crt": "<pem>\n"}})


def writes(w: int) -> list[Step]:
    """Somebody creates, changes, changes nothing, relabels twice and deletes `w`."""

    def put(label: str, value: str) -> Callable[[State], Any]:
        return lambda state: state.put("configmaps", "lab", "w", {"metadata": {"labels": {"w": label}}, "data": {"a": value}})

    def rest(state: State) -> None:
        state.remove("configmaps", "lab", "w")
        state.version += 1  # something else, in another kind

    acts = (put("1", "1"), put("1", "2"), put("1", "2"), put("2", "2"), put("1", "2"), rest)
    return [(w + 0.5 + number / 100, act) for number, act in enumerate(acts)]


def pods(state: State) -> None:
    """p-*: what the player of the kubelets reported."""
    states = {"crashloop": ("Running", False), "imagepull": ("Pending", False), "unready": ("Running", False), "completed": ("Succeeded", False)}
    states |= {"oom": ("Failed", False), "ready": ("Running", True)}
    for name, (phase, ready) in states.items():
        state.add_pod("lab", f"p-{name}", {"app": "p"}, phase, ready, grace=5 if name == "unready" else 30)
        if name == "crashloop":
            state.set_pod("lab", "p-crashloop", "Pending", False)  # just scheduled
    body = state.add_pod("lab", "p-nowhere", {}, "Pending", False)
    body["spec"].pop("nodeName")


def lonely(state: State) -> None:
    """A pod of a machine that never spoke."""
    state.put("nodes", "", "bare", {"status": {}})
    state.silent.add("bare")
    body = state.add_pod("lab", "lonely", {"app": "lonely"}, "Pending", False)
    body["spec"]["nodeName"] = "bare"


def forgotten(state: State) -> None:
    state.version = 1223
    for value in ("5", "6", "7"):
        state.put("configmaps", "lab", "l5", {"metadata": {"labels": {"lab": "yes"}}, "data": {"a": value}})
    state.history[0].__dict__["type"] = "MODIFIED"  # it was there before the scene
    state.history[0].__dict__["before"] = state.history[0].object
    state.oldest = 2


def address(state: State) -> None:
    state.put("nodes", "", "bare", {"status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]}})


def everything_goes(state: State) -> None:
    for resource, namespace, name in list(state.objects):
        if resource == "pods":
            state.remove(resource, namespace, name)


BEFORE: dict[str, Callable[[State], None]] = {
    "auth": with_ca,
    "lists": config_maps,
    "watch": config_maps,
    "gone-410": forgotten,
    "no-kubelet": lonely,
    "pods-states": pods,
}
STEPS: dict[str, list[Step]] = {
    "watch": [*writes(0), *writes(3)],
    "auth": [(1.5, lambda state: state.users.pop("limited-token"))],
    "no-kubelet": [
        (0.125, lambda state: state.set_pod("lab", "lonely")),
        (0.18, address),
        (2.39, lambda state: state.end_pod("lab", "lonely", 1)),
        (128.8, everything_goes),
    ],
    "pods-states": [
        (0.03, lambda state: state.set_pod("lab", "p-crashloop", ready=False)),
        (10.9, lambda state: state.budgets.update(lab="all")),
        (13.6, everything_goes),
    ],
}
