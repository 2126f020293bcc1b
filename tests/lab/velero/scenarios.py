"""How the recorded cluster stood when each recording of Velero began, and what happened besides its lines: after which line, or how long into it."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.kubernetes.state import ADMIN, Change, User
from lab.velero.replay import Act, Replay

DENIED = "configmaps \"two\" is forbidden: ValidatingAdmissionPolicy 'deny-two' with binding 'deny-two' denied request: two is not wanted here"
FULL_OF = ("one", "two")


# --- before ---
def users(run: Replay) -> None:
    run.state.users |= {"admin-token": ADMIN, "nobody-token": User("nobody")}


def available(run: Replay) -> None:
    """Something plays the kubelet for Deployments."""

    def follow(change: Change) -> None:
        if change.key[0] == "deployments.apps" and change.type == "ADDED":
            body = {**change.object, "status": {"conditions": [{"type": "Available", "status": "True"}]}}
            run.state.clock.after(1.0, lambda: run.state.put(*change.key, body))

    run.state.controllers.append(follow)


def ca(run: Replay) -> None:
    """The controller manager fills every namespace: with 1.6.3 it came too late to be in the way of a restore."""
    late = run.version == "1.6.3"

    def fill(name: str) -> None:
        if ("namespaces", "", name) in run.state.objects and ("configmaps", name, "kube-root-ca.crt") not in run.state.objects:
            run.state.put("configmaps", name, "kube-root-ca.crt", {"metadata": {"annotations": {"not": "yet"}}, "data": {"ca.crt": "<pem>\n"}})

    def follow(change: Change) -> None:
        if change.key[0] == "namespaces" and change.type == "ADDED":
            run.state.clock.after(0.5 if late else 0.01, lambda: fill(change.key[2]))

    run.state.controllers.append(follow)


def app(run: Replay) -> None:
    state = run.state
    state.put("namespaces", "", "app", {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}})
    for name in FULL_OF:
        state.put("configmaps", "app", name, {"metadata": {"labels": {"app": "x"}}, "data": {"a": name}})
    state.put("configmaps", "app", "kube-root-ca.crt", {"data": {"ca.crt": "<pem>\n"}})
    state.put("serviceaccounts", "app", "default", {})
    state.put("events", "app", "hooked.1", {"reason": "Scheduled"})
    pod(run, "hooked")


def pod(run: Replay, name: str, **annotations: str) -> None:
    meta = {"labels": {"app": "x"}, "annotations": annotations}
    volumes = [{"name": "data", "emptyDir": {}}]
    spec = {"nodeName": "node-2", "volumes": volumes, "containers": [{"name": "app", "image": "registry.example/app:1"}], "terminationGracePeriodSeconds": 1}
    run.state.put("pods", "app", name, {"metadata": meta, "spec": spec, "status": {"phase": "Running", "conditions": []}})


def serving(run: Replay, seconds: float = 8.0) -> None:
    """Installed, and the server at work for so long. The recorded ones ran beside the cluster: there is no agent."""
    users(run)
    run.world.install(agent=False)
    run.state.clock.sleep(seconds)


def with_app(run: Replay, seconds: float = 8.0) -> None:
    app(run)
    serving(run, seconds)


def stopped(run: Replay) -> None:
    users(run)
    run.world.killed = True
    run.world.install(agent=False)


def starting(run: Replay) -> None:
    stopped(run)
    run.world.start_server()


# --- besides ---
def down(run: Replay) -> None:
    run.store.fault = "down"


def clean(run: Replay) -> None:
    run.store.fault = ""
    run.store.keys = {"lab-key": "lab-secret"}
    run.store.buckets = {"lab-bucket": {}}


def foreign(run: Replay) -> None:
    run.store.bucket("foreign-bucket")
    run.store.put("foreign-bucket", "somebody/else.txt", b"x")


def strict(run: Replay) -> None:
    run.store.keys = {"another": "x"}


def no_bucket(run: Replay) -> None:
    clean(run)
    run.store.buckets.clear()


def restart(run: Replay) -> None:
    run.world.kill_server()
    run.world.start_server()


def kill(run: Replay) -> None:
    run.world.kill_server()


def back(run: Replay) -> None:
    run.world.start_server()


def second_pod(run: Replay) -> None:
    clean(run)
    pod(run, "volumes", **{"backup.velero.io/backup-volumes": "data"})
    run.state.put("events", "app", "volumes.1", {"reason": "Scheduled"})
    run.world.volumes.no_program = True


def note_later(run: Replay) -> None:
    """Annotations of later, which no file knows."""
    body = dict(run.state.objects["backups.velero.io", "velero", "keep"])
    body["metadata"] = {**body["metadata"], "annotations": {**body["metadata"]["annotations"], "kots.io/instance": "true"}}
    run.state.put("backups.velero.io", "velero", "keep", body)


def change_one(run: Replay) -> None:
    body = dict(run.state.objects["configmaps", "app", "one"])
    run.state.put("configmaps", "app", "one", {**body, "data": {"a": "changed"}})


def wipe(run: Replay, name: str = "app") -> None:
    for key in [key for key in run.state.objects if key[1] == name]:
        run.state.remove(*key)
    run.state.remove("namespaces", "", name)


def wipe_and_deny(run: Replay) -> None:
    wipe(run)
    run.world.restores.refused["configmaps", "two"] = DENIED


def terminating(run: Replay) -> None:
    run.world.restores.refused.clear()
    run.state.put("configmaps", "app", "hold", {"metadata": {"finalizers": ["lab.example/hold"]}})
    run.http("admin", "DELETE", "/api/v1/namespaces/app", {}, None)


def gone_and_down(run: Replay) -> None:
    wipe(run)
    run.state.clock.sleep(8.0)
    down(run)


@dataclass(frozen=True)
class Scenario:
    before: Callable[[Replay], Any]
    acts: dict[int | tuple[int, float], Act] = field(default_factory=dict)
    users: dict[int, str] = field(default_factory=dict)


def start(run: Replay) -> None:
    users(run)
    available(run)
    run.world.killed = True


def restoring(run: Replay) -> None:
    with_app(run)
    ca(run)


FAILURES: dict[int | tuple[int, float], Act] = {22: second_pod, (32, 0.2): kill, 33: back}
RESTORES: dict[int | tuple[int, float], Act] = {2: change_one, 6: wipe, 26: wipe_and_deny, 30: terminating, 32: gone_and_down, 34: clean}


def failed_before(run: Replay) -> None:
    """1.6.3's recording finds a backup of an earlier take."""
    with_app(run)
    command = {"exec": {"container": "app", "command": ["false"], "onError": "Fail", "timeout": "30s"}}
    hooks = {"resources": [{"name": "h", "includedNamespaces": ["app"], "labelSelector": {"matchLabels": {"app": "x"}}, "pre": [command]}]}
    run.state.put("backups.velero.io", "velero", "hook-fails", {"spec": {"includedNamespaces": ["app"], "hooks": hooks}})
    run.state.clock.sleep(5.0)


def slow_before(run: Replay) -> None:
    """Another request of an earlier take; and the next round of the sync comes 11 s on."""
    with_app(run, 23.8)
    labels = {"velero.io/backup-name": "slow", "velero.io/backup-uid": "gone"}
    status = {"phase": "Processed", "errors": ["backup is still in progress"]}
    meta = {"generateName": "slow-", "labels": labels}
    run.state.put("deletebackuprequests.velero.io", "velero", "slow-76dzq", {"metadata": meta, "spec": {"backupName": "slow"}, "status": status})


SCENARIOS: dict[str, dict[str, Scenario]] = {
    "1.6.3": {
        "install": Scenario(start),
        "no-server": Scenario(stopped),
        "location": Scenario(starting, {13: foreign, 21: down, 25: clean}),
        "backup": Scenario(with_app, {41: restart, 44: restart}, {55: "nobody"}),
        "backup-failures": Scenario(failed_before, {**FAILURES, (19, 3.0): down}),
        "restore": Scenario(restoring, RESTORES),
        "sync-delete": Scenario(slow_before, {0: note_later, 12: down}),
        "logs-download": Scenario(with_app),
        "schedule": Scenario(with_app),
        "rights": Scenario(with_app, {}, {0: "nobody", 1: "nobody", 2: "nobody", 3: "none"}),
    },
    "1.14.0": {
        "install": Scenario(start),
        "no-server": Scenario(stopped),
        "location": Scenario(starting, {13: foreign, 21: down, 25: clean}),
        "wrong-key": Scenario(lambda run: with_app(run, 7.5), {0: strict, 4: no_bucket, 6: clean}),
        "backup": Scenario(with_app, {41: restart}, {56: "nobody"}),
        "backup-failures": Scenario(with_app, {**FAILURES, (19, 0.06): down}),
        "restore": Scenario(restoring, RESTORES),
        "sync-delete": Scenario(lambda run: with_app(run, 20.7), {0: note_later, 10: clean, 12: down}),
        "logs-download": Scenario(with_app),
        "schedule": Scenario(lambda run: with_app(run, 54.0)),
        "rights": Scenario(with_app, {}, {0: "nobody", 1: "nobody", 2: "nobody", 3: "none"}),
    },
}
