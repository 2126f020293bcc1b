"""What happened besides the recorded lines: who was there when, and what stood in for Velero and a kubelet."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
from collections.abc import Callable
from datetime import UTC, datetime

from lab.copies import copied
from lab.kots.inside import Inside
from lab.kots.model import Json
from lab.kots.world import BINDING, IMAGE, LABELS, KotsWorld
from lab.kubernetes.state import ADMIN, State, User

SPACE = "kots"
NOBODY = User("nobody")
FINALIZER = "restores.velero.io/external-resources-finalizer"
PLUGIN = {"name": "velero-velero-plugin-for-aws", "image": "velero/velero-plugin-for-aws:v1.10.0"}


class Stage:
    """A cluster with what a scenario needs. Scenarios differ in flags."""

    def __init__(self, version: str, name: str) -> None:
        self.state = State()
        self.state.clock.base = datetime(2026, 11, 23, 8, 43, tzinfo=UTC)
        self.world = KotsWorld(self.state, "1.124.18", namespace=SPACE, encryption=False, authstring="Kots made-by-hand")
        dead = not name.startswith("kotsadm")
        self.cluster = Inside(self.state, self.world, NOBODY if name == "rights" else ADMIN, dead=dead)
        self.name, self.version = name, version
        SETUPS[name](self)
        self.state.clock.sleep(1)

    # --- what is there ---
    def console(self) -> None:
        """StatefulSet, Service and a pod that is ready; no auth Secret yet."""
        self.world.minimal_rbac = True
        self.world.install()
        self.state.remove("secrets", SPACE, "kotsadm-authstring")
        self.state.put("configmaps", SPACE, "kube-root-ca.crt", {})

    def velero(self, works: bool) -> None:
        agents = {"spec": {"template": {"spec": {"initContainers": [PLUGIN], "containers": [{"name": "velero", "image": "velero/velero:v1.14.0"}]}}}}
        self.state.put("deployments.apps", "velero", "velero", {"metadata": {"labels": {"component": "velero"}}, **agents})
        self.state.add_pod("velero", "velero-57d55f7b5c-qm28p", {"deploy": "velero"})
        config = {"region": "us-east-1", "s3ForcePathStyle": "true", "s3Url": "http://127.0.0.1:5001"}
        spec = {"provider": "aws", "config": config, "objectStorage": {"bucket": "lab-bucket"}}
        self.state.put("backupstoragelocations.velero.io", "velero", "default", {"metadata": {"generation": 1}, "spec": spec, "status": {}})
        text = "[default]\naws_access_key_id     = lab-key\naws_secret_access_key = lab-secret\n"
        self.state.put("secrets", "velero", "cloud-credentials", {"data": {"cloud": base64.b64encode(text.encode()).decode()}, "type": "Opaque"})
        if works:
            self.busy = 0.0
            self.saved: dict[str, list[tuple[tuple[str, str, str], Json]]] = {}
            self._serve()

    # --- what stands in for Velero and a kubelet ---
    def _serve(self) -> None:
        """Looks every 0.1 s."""
        for key in list(self.state.objects):
            handle = {"backups.velero.io": self._backup, "restores.velero.io": self._restore, "deletebackuprequests.velero.io": self._delete}.get(key[0])
            if handle is not None:
                handle(key, copied(self.state.objects[key]))
        self._kubelet()
        self.state.clock.after(0.1, self._serve)

    def _backup(self, key: tuple[str, str, str], body: Json) -> None:
        phase = body.get("status", {}).get("phase", "")
        where = self.state.objects["backupstoragelocations.velero.io", "velero", "default"]["spec"]["objectStorage"]["bucket"]
        if phase == "":
            if self.state.clock.now() < self.busy:
                return  # one after the other
            self.busy = self.state.clock.now() + 0.6
            self.saved[key[2]] = [(k, copied(v)) for k, v in self.state.objects.items() if k[1] == SPACE and labelled(v)]
            body["status"] = {"phase": "InProgress", "startTimestamp": self.state.stamp(), "expiration": self.state.stamp(720 * 3600), "version": 1}
            if where != "lab-bucket":
                body["status"]["phase"] = "FailedValidation"
            body["metadata"]["generation"] += 1
        elif phase == "InProgress" and body["metadata"]["generation"] < 6:
            body["metadata"]["generation"] += 1  # progress
        elif phase == "InProgress":
            body["status"] |= {"phase": "Completed", "completionTimestamp": self.state.stamp()}
        else:
            return
        self.state.put(*key, body)

    def _restore(self, key: tuple[str, str, str], body: Json) -> None:
        meta, phase = body["metadata"], body.get("status", {}).get("phase", "")
        if meta.get("deletionTimestamp"):
            due = meta.setdefault("lab", self.state.clock.now() + 1.0)
            self.state.objects[key]["metadata"]["lab"] = due
            if self.state.clock.now() >= due:
                self.state.remove(*key)
        elif phase == "":
            meta["finalizers"], body["status"] = [FINALIZER], {"phase": "InProgress", "startTimestamp": self.state.stamp()}
            self.state.put(*key, body)
        elif phase == "InProgress":
            marks = {"velero.io/backup-name": body["spec"]["backupName"], "velero.io/restore-name": key[2]}
            for where, item in self.saved[body["spec"]["backupName"]]:
                if (item["metadata"].get("labels") or {}).get("kots.io/kotsadm") == "true" and where not in self.state.objects:
                    fresh = {k: v for k, v in item["metadata"].items() if k in ("labels", "annotations")}
                    self.state.put(*where, {**item, "metadata": {**fresh, "labels": {**fresh["labels"], **marks}}})
            body["status"] |= {"phase": "Completed", "completionTimestamp": self.state.stamp()}
            self.state.put(*key, body)

    def _delete(self, key: tuple[str, str, str], body: Json) -> None:
        if body.get("status", {}).get("phase"):
            return
        if ("backups.velero.io", "velero", key[2]) in self.state.objects:
            self.state.remove("backups.velero.io", "velero", key[2])
            self.state.remove(*key)
        else:
            self.state.put(*key, {**body, "status": {"phase": "Processed", "errors": ["backup not found"]}})

    def _kubelet(self) -> None:
        there = ("statefulsets.apps", SPACE, "kotsadm") in self.state.objects
        if there and ("pods", SPACE, "kotsadm-0") not in self.state.objects:
            self.state.add_pod(SPACE, "kotsadm-0", {"app": "kotsadm", **LABELS})

    def location(self, bucket: str) -> None:
        body = copied(self.state.objects["backupstoragelocations.velero.io", "velero", "default"])
        body["spec"]["objectStorage"]["bucket"] = bucket
        self.state.put("backupstoragelocations.velero.io", "velero", "default", body)

    def bring_back(self) -> None:
        self.world.minimal_rbac = True
        secret = ("secrets", SPACE, "kotsadm-authstring")
        had = secret in self.state.objects
        self.world.install()
        if not had:
            self.state.remove(*secret)


def labelled(item: Json) -> bool:
    return (item["metadata"].get("labels") or {}).get("kots.io/backup") == "velero"


# --- setups ---
def nothing(stage: Stage) -> None:
    stage.cluster.velero = False


def dead(stage: Stage) -> None:
    nothing(stage)
    stage.console()


def left_over(stage: Stage) -> None:
    """From earlier: the pod of a try to reach the store, and what names Velero's namespace."""
    body = {"metadata": {"labels": {"app": "kotsadm-s3-ops"}}, "spec": {"containers": []}, "status": {"phase": "Pending"}}
    stage.state.put("pods", SPACE, "kotsadm-validate-other-s3-bucket-1795423788", body)


def traps(stage: Stage) -> None:
    stage.velero(works=False)
    stage.console()
    left_over(stage)
    stage.state.put("configmaps", SPACE, "kotsadm-velero-namespace", {"metadata": {"labels": LABELS}, "data": {"veleroNamespace": "velero"}})


def commands(stage: Stage) -> None:
    stage.velero(works=False)
    if stage.version != "1.40.0":
        stage.console()


def minimal(stage: Stage) -> None:
    stage.velero(works=True)
    stage.console()


def cluster(stage: Stage) -> None:
    """After the scenario with minimal rights: its auth Secret and a processed deletion are still there."""
    minimal(stage)
    stage.world.bind()
    _authstring(stage)
    body = {"metadata": {"generation": 2}, "spec": {"backupName": "missing"}, "status": {"errors": ["backup not found"], "phase": "Processed"}}
    stage.state.put("deletebackuprequests.velero.io", "velero", "missing", body)


def _authstring(stage: Stage) -> None:
    data = {"kotsadm-authstring": base64.b64encode(b"Kots made-by-hand").decode()}
    stage.state.put("secrets", SPACE, "kotsadm-authstring", {"metadata": {"labels": LABELS}, "data": data, "type": "Opaque"})


def restore(stage: Stage) -> None:
    minimal(stage)
    stage.world.bind()
    _authstring(stage)
    stage.state.put("secrets", SPACE, "kotsadm-sessions", {"metadata": {"labels": LABELS}})
    stage.state.put("configmaps", SPACE, "kotsadm-id", {"metadata": {"labels": {"kots.io/kotsadm": "true"}}})
    left_over(stage)


def app(stage: Stage) -> None:
    minimal(stage)
    stage.world.bind()
    _authstring(stage)
    stage.world.add_app().upstream.dead = True


def lost(stage: Stage) -> None:
    app(stage)
    mine = stage.world.apps["circleci-server"]
    mine.store_lost, mine.state = True, "missing"
    for version in mine.versions:
        version.skipped = False


SETUPS: dict[str, Callable[[Stage], None]] = {
    "no-kotsadm": nothing,
    "rights": nothing,
    "dead-kotsadm": dead,
    "restore-traps": traps,
    "velero-commands": commands,
    "kotsadm-minimal-rbac": minimal,
    "kotsadm-cluster": cluster,
    "kotsadm-restore": restore,
    "kotsadm-app": app,
    "kotsadm-app-store-lost": lost,
}
# before a line of that number (from 0) in a file
STEPS: dict[str, dict[int, Callable[[Stage], None]]] = {
    "kotsadm-cluster": {81: lambda stage: stage.location("no-such-bucket")},
    "kotsadm-minimal-rbac": {68: lambda stage: stage.location("no-such-bucket")},
}
__all__ = ["BINDING", "IMAGE", "SETUPS", "STEPS", "Stage"]
