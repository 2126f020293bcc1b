"""Claims get their volumes, and services of type LoadBalancer their addresses."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.installation.volumes import Volume, volumes_of
from lab.kubernetes.controllers.world import World
from lab.kubernetes.state import Change

Json = dict[str, Any]
BIND = 0.2  # s
BALANCE = 2.0  # s until the cloud has made a load balancer


class Storage:
    """`classes` are the storage classes that make volumes; a claim of another waits for ever. `addresses` False: the cloud gives none."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.classes = {"", "gp2", "gp3", "standard", "standard-rwo"}
        self.addresses = True
        self._given = 0

    def follow(self, change: Change) -> None:
        resource, namespace, name = change.key
        if resource == "persistentvolumeclaims" and change.type == "ADDED":
            self._world.later(self.bind, namespace, name, BIND)
        elif resource == "persistentvolumeclaims" and change.type == "DELETED":
            volume = (change.object.get("spec") or {}).get("volumeName")
            if volume:
                self._world.state.remove("persistentvolumes", "", volume)
            volumes_of(self._world.state).pop((namespace, name), None)
        elif resource == "services" and change.type != "DELETED" and (change.object.get("spec") or {}).get("type") == "LoadBalancer":
            self._world.later(self.balance, namespace, name, BALANCE)

    def bind(self, namespace: str, name: str) -> None:
        claim = self._world.get("persistentvolumeclaims", namespace, name)
        if claim is None or (claim.get("status") or {}).get("phase") == "Bound":
            return
        kind = claim["spec"].get("storageClassName") or ""
        if kind not in self.classes:
            told = f'storageclass.storage.k8s.io "{kind}" not found'
            self._world.event("persistentvolumeclaims", claim, "ProvisioningFailed", told, "persistentvolume-controller", warning=True)
            return
        size = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "1Gi")
        modes = claim["spec"].get("accessModes") or ["ReadWriteOnce"]
        volume = f"pvc-{claim['metadata']['uid']}"
        reference = {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": name, "uid": claim["metadata"]["uid"]}
        spec = {"capacity": {"storage": size}, "accessModes": modes, "claimRef": reference, "persistentVolumeReclaimPolicy": "Delete", "storageClassName": kind}
        self._world.state.put("persistentvolumes", "", volume, {"metadata": {}, "spec": spec, "status": {"phase": "Bound"}})
        self._world.event("persistentvolumeclaims", claim, "ProvisioningSucceeded", f"Successfully provisioned volume {volume}", "ebs.csi.aws.com")
        volumes_of(self._world.state).setdefault((namespace, name), Volume())
        status = {"phase": "Bound", "accessModes": modes, "capacity": {"storage": size}}
        self._world.write("persistentvolumeclaims", claim, spec={**claim["spec"], "volumeName": volume}, status=status)

    def balance(self, namespace: str, name: str) -> None:
        service = self._world.get("services", namespace, name)
        if service is None or not self.addresses or ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress"):
            return
        self._given += 1
        address = {"ip": f"198.51.100.{self._given}"}  # a block for documents: nobody is there
        self._world.event("services", service, "EnsuredLoadBalancer", "Ensured load balancer", "service-controller")
        self._world.status("services", service, {"loadBalancer": {"ingress": [address]}})
