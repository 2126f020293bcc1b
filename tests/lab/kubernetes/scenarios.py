"""How the recorded cluster stood when each recording began, and what happened besides its requests."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from collections.abc import Callable
from typing import Any

from lab.copies import copied
from lab.kubernetes.api import Api, Request
from lab.kubernetes.kinds import CRDS
from lab.kubernetes.state import ADMIN, State, User, status

# "limited" gets its token from the recording that makes it.
USERS = {"admin-token": ADMIN, "nobody-token": User("nobody"), "limited-token": User("limited, before it is made")}
Step = tuple[float, Callable[[State], Any]]
CA_TEXT = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or "
    "kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."
)


def ca(state: State, version: int, namespace: str = "lab") -> None:
    """What the controller manager puts into every namespace."""
    state.version = version - 1
    meta = {"annotations": {"kubernetes.io/description": CA_TEXT}}
    state.put("configmaps", namespace, "kube-root-ca.crt", {"metadata": meta, "data": {"ca.crt": "<pem>\n"}})


def begun(state: State, version: int) -> None:
    """The recording begins at this version, with no history."""
    state.version = version
    state.history.clear()
    state.oldest = 2


def lab(state: State) -> None:
    ca(state, 284)
    begun(state, 288)


def config_maps(state: State, first: int = 333) -> None:
    """l0 to l6 as the lists show them, at the versions they had; then the store stood at 339."""
    ca(state, 288)
    state.users["maker"] = ADMIN
    for number in range(7):
        state.version = first + number - 1
        labels = {"lab": "yes", "n": str(number), **({"even": ""} if number % 2 == 0 else {})}
        body = json.dumps({"metadata": {"name": f"l{number}", "labels": labels}, "data": {"a": "1"}}).encode()
        Api(state).handle(Request("POST", "/api/v1/namespaces/lab/configmaps", {}, {"authorization": "Bearer maker"}, body))
    begun(state, 339)


def writes(w: int) -> list[Step]:
    """Somebody creates, changes, changes nothing, relabels twice and deletes `w`."""

    def put(label: str, value: str) -> Callable[[State], Any]:
        return lambda state: state.put("configmaps", "lab", "w", {"metadata": {"labels": {"w": label}}, "data": {"a": value}})

    def rest(state: State) -> None:
        state.remove("configmaps", "lab", "w")
        state.version += 1  # something else, in another kind

    acts = (put("1", "1"), put("1", "2"), put("1", "2"), put("2", "2"), put("1", "2"), rest)
    return [(w + 0.5 + number / 100, act) for number, act in enumerate(acts)]


def bookmarked(state: State) -> None:
    state.version = 3436
    state.put("configmaps", "lab", "l1", {"metadata": {"labels": {"n": "1"}}, "data": {"a": "1"}})
    begun(state, 3440)


def outside(state: State) -> None:
    """One that the watch sees, one that it does not."""
    state.version = 3448
    state.put("configmaps", "lab", "l1", {"metadata": {"labels": {"n": "1"}}, "data": {"a": "1795424962.705917"}})
    state.put("configmaps", "lab", "outside", {"metadata": {}, "data": {"a": "1"}})


def patched(state: State) -> None:
    state.version = 322
    state.put("configmaps", "lab", "p", {"metadata": {}, "data": {"a": "1", "b": "2"}})


# --- pods ---
def pod(name: str, phase: str, ready: bool, **more: Any) -> Callable[[State], Any]:
    return lambda state: state.add_pod("lab", f"p-{name}", {"app": "p"}, phase, ready, **more)


def nowhere(state: State) -> None:
    spec = {"containers": [{"name": "app", "image": "registry.example/app:1"}]}
    body = state.put("pods", "lab", "p-nowhere", {"metadata": {}, "spec": spec, "status": status("Pending", False)})
    text = (
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/2 nodes are available: "
        "2 Preemption is not helpful for scheduling."
    )
    event = {"involvedObject": {"kind": "Pod", "name": "p-nowhere"}, "reason": "FailedScheduling", "type": "Warning", "message": text}
    state.put("events", "lab", "p-nowhere.18ea9faafec447e4", {"metadata": {}, **event})
    body = copied(body)
    body["status"]["conditions"][-1] = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": text}
    state.put("pods", "lab", "p-nowhere", body)


def talking(state: State) -> None:
    body = copied(state.add_pod("lab", "p-ready", {"app": "p"}))
    body["status"]["startTime"] = "2026-11-23T00:00:00Z"
    state.put("pods", "lab", "p-ready", body)
    state.logs["lab", "p-ready", "app"] = "a line of the app\n"


def events(state: State) -> None:
    """45 with the one of p-nowhere that comes; the first by name is shown."""
    ca(state, 284)
    state.version = 1099
    text = "Successfully assigned lab/fg-787979b9b6-748gl to node-1"
    for number in range(44):
        event = {"involvedObject": {"kind": "Pod", "name": "fg"}, "reason": "Scheduled", "type": "Normal", "message": text}
        state.put("events", "lab", f"fg-787979b9b6-748gl.{number:02}", {"metadata": {}, **event})
    begun(state, 1150)


def pods_go(state: State) -> None:
    for item in state.all("pods"):
        state.remove("pods", "lab", item["metadata"]["name"])


def bare(state: State) -> None:
    """A machine that will never speak."""
    ca(state, 284)
    state.silent.add("bare")
    begun(state, 378)


# --- others ---
def forgotten(state: State) -> None:
    ca(state, 1216)
    for name, version in (("l0", 1218), ("l1", 1219), ("l2", 1220), ("l3", 1221), ("l4", 1222), ("l5", 1223)):
        state.version = version - 1
        state.put("configmaps", "lab", name, {"metadata": {"labels": {"lab": "yes"}}, "data": {"a": "1"}})
    begun(state, 1223)


def change(state: State) -> None:
    """etcd forgets; the server's own window for watches is wider."""
    for value in ("5", "6", "7"):
        state.put("configmaps", "lab", "l5", {"metadata": {"labels": {"lab": "yes"}}, "data": {"a": value}})


def compact(state: State) -> None:
    state.compacted = state.version


def let_go(state: State) -> None:
    """Somebody takes the finalizer from what held the namespace."""
    body = copied(state.get("configmaps", "doomed", "held"))
    if body is None:
        return
    del body["metadata"]["finalizers"]
    state.put("configmaps", "doomed", "held", body)


def doomed(state: State) -> None:
    body = {"metadata": {"labels": {"kubernetes.io/metadata.name": "doomed"}}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    state.put("namespaces", "", "doomed", body)


def definition(text: str) -> dict[str, Any]:
    """group/version plural Kind short: as the recorded cluster had it."""
    where, plural, kind, *short = text.split()
    group, _slash, version = where.partition("/")
    names = {"plural": plural, "kind": kind, "singular": kind.lower(), "listKind": f"{kind}List", **({"shortNames": short} if short else {})}
    versions = [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}]
    return {"metadata": {}, "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": versions}}


DEFINED = (
    *("velero.io/v1 backupstoragelocations BackupStorageLocation bsl", "velero.io/v1 podvolumebackups PodVolumeBackup"),
    *("velero.io/v1 backuprepositories BackupRepository", "velero.io/v1 restores Restore", "velero.io/v1 schedules Schedule"),
    *("velero.io/v1 backups Backup", "velero.io/v1 deletebackuprequests DeleteBackupRequest", "velero.io/v1 downloadrequests DownloadRequest"),
    *("velero.io/v1 podvolumerestores PodVolumeRestore", "velero.io/v1 serverstatusrequests ServerStatusRequest ssr"),
    *("velero.io/v1 volumesnapshotlocations VolumeSnapshotLocation vsl", "velero.io/v2alpha1 datauploads DataUpload"),
    "kwok.x-k8s.io/v1alpha1 stages Stage",
)


def with_velero(state: State) -> None:
    for text in DEFINED:
        body = definition(text)
        state.put(CRDS, "", f"{body['spec']['names']['plural']}.{body['spec']['group']}", body)


BEFORE: dict[str, Callable[[State], None]] = {
    "auth": config_maps,
    "crd": lab,
    "crud": lab,
    "discovery": with_velero,
    "finalizers": lab,
    "gone-410": forgotten,
    "lists": config_maps,
    "no-kubelet": bare,
    "patches": patched,
    "pods-states": events,
    "server-side-apply": lab,
    "watch": config_maps,
    "watch-bookmarks": bookmarked,
}
STEPS: dict[str, list[Step]] = {
    "finalizers": [(0.08, doomed), (7.2, let_go)],
    "gone-410": [(0.04, change), (0.09, compact)],
    "no-kubelet": [
        (2.39, lambda state: state.end_pod("lab", "lonely", 1)),  # kubectl delete --now
        (128.8, lambda state: state.remove("pods", "lab", "lonely")),  # kubectl delete --force
    ],
    "pods-states": [
        (0.01, pod("crashloop", "Pending", False)),
        (0.03, lambda state: state.set_pod("lab", "p-crashloop", ready=False)),
        (0.07, pod("imagepull", "Pending", False)),
        (0.11, pod("unready", "Running", False, grace=5)),
        (0.14, pod("completed", "Succeeded", False)),
        (0.17, pod("oom", "Failed", False)),
        (2.0, nowhere),
        (4.0, talking),
        (10.9, lambda state: state.budgets.update(lab="all")),
        (13.6, pods_go),
    ],
    "watch": [*writes(0), *writes(3)],
    "watch-bookmarks": [(20.02, outside), (100.0, lambda state: setattr(state, "version", 3518))],
}
