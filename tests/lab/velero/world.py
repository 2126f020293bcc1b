"""Velero on a lab cluster: install it, kill its server, start it again. The entry for tests."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.copies import copied
from lab.kubernetes.state import Change, State
from lab.velero import install
from lab.velero.asked import Requests, Schedules
from lab.velero.backups import Backups
from lab.velero.core import REACTION, Core, Json, dig
from lab.velero.locations import Locations
from lab.velero.profile import profile_of
from lab.velero.restores import Restores
from lab.velero.store import S3Store
from lab.velero.sync import Deletions, Sync
from lab.velero.volumes import Volumes, ready

START = 0.2  # s from a Ready pod to a server that works


class VeleroWorld:
    """Velero's controllers and node agents beside a state.

    The server works while the Deployment `velero` has a Ready pod; where nobody plays Deployments, while it has replicas and `kill_server` was not called.
    """

    def __init__(self, state: State, version: str = "1.6.3", store: Any = None, **settings: Any) -> None:
        self.state, self.profile = state, profile_of(version)
        store = store if hasattr(store, "as_seen") else S3Store(store.url)
        self.core = Core(state, self.profile, store, **settings)
        self.volumes = Volumes(self.core)
        self.locations = Locations(self.core)
        self.backups = Backups(self.core, self.volumes)
        self.sync = Sync(self.core, self.volumes)
        self.deletions = Deletions(self.core, self.backups)
        self.requests = Requests(self.core)
        self.schedules = Schedules(self.core)
        self.restores = Restores(self.core, self.backups, self.volumes)
        self.parts: list[Any] = [self.volumes, self.locations, self.sync, self.backups, self.deletions, self.requests, self.schedules, self.restores]
        self.killed = False
        self.serves = ""  # uid of the pod that is the server
        self._asked = False
        self._teach()
        state.controllers.append(self.follow)

    # --- for tests ---
    def install(self, bucket: str = "lab-bucket", **options: Any) -> None:
        """As the command line of the guide leaves it."""
        self._teach()
        wish = install.Wish(self.profile, bucket=bucket, namespace=self.core.namespace, **options)
        for resource, namespace, name, body in install.keyed(install.objects(wish)):
            if self.state.objects.get((resource, namespace, name)) is None or (resource == "namespaces" and not self._labelled(name)):
                alive = {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}} if resource == "namespaces" else {}
                self.state.put(resource, namespace, name, {**body, **alive})

    def _teach(self) -> None:
        """Who plays containers here has to know that those of plugins copy a file and end."""
        for one in self.state.controllers:
            images = getattr(getattr(one, "__self__", None), "images", None)
            if images is not None and not any("plugin-for" in name for name in images.known):
                for provider in ("aws", "gcp", "microsoft-azure"):
                    images.set(f"velero/velero-plugin-for-{provider}", run_for=1.0)

    def _labelled(self, namespace: str) -> bool:
        return bool(dig(self.state.objects["namespaces", "", namespace], "metadata", "labels", "component"))

    def kill_server(self) -> None:
        """kill -9, and nothing starts it again."""
        self.killed = True
        self._stop()

    def start_server(self) -> None:
        self.killed = False
        self._ask()

    # --- what happens ---
    def follow(self, change: Change) -> None:
        resource, namespace, name = change.key
        if namespace != self.core.namespace:
            return
        if resource in ("deployments.apps", "pods"):
            self._ask()
        if resource == "pods" and dig(change.object, "metadata", "labels", "name") == self.profile.agent and change.type != "DELETED":
            self.state.clock.after(REACTION, self.volumes.seen)
        plural = resource.removesuffix(".velero.io")
        if plural == resource:
            return
        body = None if change.type == "DELETED" else copied(change.object)
        if plural == "podvolumebackups" and change.type == "ADDED":
            self.state.clock.after(REACTION, self.volumes.seen)
        if self.core.running:
            self._told(plural, name, change, body)

    def _told(self, plural: str, name: str, change: Change, body: Json | None) -> None:
        if plural == "backups":
            before = change.before or change.object
            self.backups.changed(name, body, copied(before))
        elif plural == "restores":
            self.restores.changed(body)
        elif plural == "schedules" and body is not None:
            self.schedules.changed(body)
        elif change.type == "ADDED" and body is not None:
            self._made(plural, body)

    def _made(self, plural: str, body: Json) -> None:
        if plural == "backupstoragelocations":
            self.locations.made(body)
        elif plural == "deletebackuprequests":
            self.deletions.made(body)
        elif plural in ("downloadrequests", "serverstatusrequests"):
            self.requests.made(plural, body)

    def _ask(self) -> None:
        """Looks soon whether the server has to start or to stop."""
        if not self._asked:
            self._asked = True
            self.state.clock.after(REACTION, self._look)

    def _look(self) -> None:
        self._asked = False
        pod = self._pod()
        if self.core.running and pod != self.serves:
            self._stop()
        if pod and not self.core.running and self.serves != pod:
            self.serves = pod
            self.state.clock.after(START, lambda: self._start(pod))

    def _pod(self) -> str:
        """The uid of the pod that is the server, "" if there is none."""
        namespace = self.core.namespace
        deployment = self.state.objects.get(("deployments.apps", namespace, "velero"))
        if deployment is None or self.killed:
            return ""
        played = any(key[:2] == ("replicasets.apps", namespace) for key in self.state.objects)
        if not played:
            alone = f"{deployment['metadata']['uid']}/{dig(deployment, 'spec', 'template')}"
            return alone if dig(deployment, "spec", "replicas") != 0 else ""
        mine = [body for key, body in self.state.objects.items() if key[:2] == ("pods", namespace) and dig(body, "metadata", "labels", "deploy") == "velero"]
        there = [pod for pod in mine if ready(pod)]
        if there:
            self.core.pod = there[0]["metadata"]["name"]
        return str(there[0]["metadata"]["uid"]) if there else ""

    def _stop(self) -> None:
        self.serves = ""
        self.core.stop()

    def _start(self, pod: str) -> None:
        if self.serves != pod or self.core.running or self._pod() != pod:
            return
        self.core.start()
        for part in self.parts:
            part.begin()
