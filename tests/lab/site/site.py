"""A whole 3.x site on the loopback: a cluster with an installation, kotsadm, Velero and its agents, and a store of S3's kind."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import secrets
import time

from lab.installation import kotsadm
from lab.installation.installation import CONSOLE, NAMESPACE, Installation, objects
from lab.installation.installation import install as install_server
from lab.installation.parts import PARTS
from lab.kots.world import Entitlement, KotsWorld
from lab.kubernetes.controllers.images import Images
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.nomad.clock import RealClock
from lab.store.store import Store
from lab.velero.world import VeleroWorld

BUCKET, REGION = "lab-backups", "us-east-1"
CREDENTIALS = "[default]\naws_access_key_id=lab\naws_secret_access_key=lab-secret\n"
TOPMOST = ("statefulsets.apps", "deployments.apps", "daemonsets.apps", "replicasets.apps", "jobs.batch")
PATIENCE = 90.0  # s of real time until all of it is ready


class Site:
    """All of it in one process, but the store, which has its own. Its time runs `speed` times as fast as real time. `store` is that of another site."""

    def __init__(self, velero: str = "1.14.0", kots: str = "1.124.18", speed: float = 10.0, installed: bool = True, store: Store | None = None) -> None:
        self._lent = store is not None
        self.store = store or Store.start()
        if not self._lent:
            self.store.bucket(BUCKET, REGION)
        self.state = State(RealClock(speed))
        self.token = secrets.token_urlsafe(18)
        self.state.users[self.token] = ADMIN
        self.server = Server(self.state)
        images = Images()
        images.set("velero/velero-plugin-for-", run_for=0.5)  # they copy themselves to where the server finds them, and end
        self.installation: Installation = install_server(self.state, images=images)
        self.console = KotsWorld(self.state, version=kots, authstring=self._secret("kotsadm-authstring")).start()
        app = self.console.add_app(labels=("3.4.0",))
        app.snapshots = True
        app.entitlements = (Entitlement("isSnapshotSupported", "Snapshots", True),)
        self.velero = VeleroWorld(self.state, velero, self.store)
        if installed:
            self.install_velero()

    def install_velero(self) -> None:
        """As the command line of the guide leaves it, for the lab's store."""
        config = {"region": REGION, "s3ForcePathStyle": "true", "s3Url": self.store.url}
        with self.state.news:
            self.velero.install(BUCKET, credentials=CREDENTIALS, config=config)

    def settle(self) -> "Site":
        """Until every pod is ready and Velero, if it is installed, has found its store."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            with self.state.news:
                if not self.installation.problems() and self._located():
                    return self
            time.sleep(0.05)
        raise RuntimeError(f"the site is not ready after {PATIENCE:g} s: {self.installation.problems() or 'Velero has not found its store'}")

    def app_installed(self) -> None:
        """Console and app as their installer leaves them, with nothing in them yet."""
        space = self.installation.namespace
        with self.state.news:
            for resource, name, body in [*(one for part in PARTS for one in objects(part, space)), *kotsadm.console(space, CONSOLE)]:
                self.state.put(resource, space, name, body)
            kotsadm.grant(self.state, space)

    def destroy(self, velero: bool = True) -> None:
        """A disaster: the installation with its volumes is gone, and Velero with it unless it is told otherwise. The object store is left."""
        spaces = [self.installation.namespace, *(["velero"] if velero else [])]
        with self.state.news:
            for order in (TOPMOST, ()):  # or their controllers would make anew what is taken first
                for resource, namespace, name in list(self.state.objects):
                    if namespace in spaces and (not order or resource in order):
                        self.state.remove(resource, namespace, name)

    def stop(self) -> None:
        self.console.stop()
        self.server.stop()
        if not self._lent:
            self.store.stop()

    def _located(self) -> bool:
        found = self.state.get("backupstoragelocations.velero.io", "velero", "default")
        return found is None or (found.get("status") or {}).get("phase") == "Available"

    def _secret(self, name: str) -> str:
        """What the installation's own Secret holds under its own name."""
        found = self.state.objects["secrets", NAMESPACE, name]
        return base64.b64decode(found["data"][name]).decode()
