"""A CircleCI Server 3.x in a lab's Kubernetes: nodes, namespaces, some twenty pods, four volumes, and a workload that checks its own data."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab.installation import kotsadm
from lab.installation.parts import PARTS, RECORDS, Part
from lab.installation.volumes import Claim, Volume, compare, filled, snapshot, volumes_of
from lab.kubernetes.controllers.control import Control
from lab.kubernetes.controllers.images import Images
from lab.kubernetes.controllers.podstatus import is_ready
from lab.kubernetes.state import State

Json = dict[str, Any]
NAMESPACE = "circleci-server"
SLUG = "circleci-server"
WORKLOAD = {"kots.io/app-slug": SLUG, "kots.io/backup": "velero"}
CONSOLE = "1.65.0"
SIZE = 4096  # bytes of a record, at most


@dataclass
class Installation:
    """What was made. `control` has the controllers; volumes are found by namespace and claim."""

    state: State
    control: Control
    namespace: str
    claims: tuple[str, ...] = tuple(RECORDS)

    @property
    def volumes(self) -> dict[Claim, Volume]:
        return {claim: volume for claim, volume in volumes_of(self.state).items() if claim[0] == self.namespace}

    def volume(self, claim: str) -> Volume:
        return volumes_of(self.state)[self.namespace, claim]

    def pods(self) -> list[Json]:
        return self.control.world.of("pods", self.namespace)

    def unready(self) -> list[str]:
        return [pod["metadata"]["name"] for pod in self.pods() if not is_ready(pod)]

    def problems(self) -> list[str]:
        """What the workload itself finds wrong: pods that are missing or not ready, volumes without or with other data than it wrote."""
        found = [f"pod {name} is not ready" for name in self.unready()]
        names = {pod["metadata"]["name"] for pod in self.pods()}
        for claim in self.claims:
            pod = claim.split("-", 1)[1]
            if pod not in names:
                found.append(f"pod {pod} is gone")
            volume = volumes_of(self.state).get((self.namespace, claim))
            if volume is None:
                found.append(f"claim {claim} has no volume")
            elif not volume.sums:
                found.append(f"{claim} is empty")
            else:
                found += [f"{claim}: {text}" for text in volume.problems()]
        return found

    def remember(self) -> dict[Claim, Volume]:
        """The data as it is, to be compared after a restore."""
        return {claim: volume for claim, volume in snapshot(self.state).items() if claim[0] == self.namespace}

    def differences(self, before: dict[Claim, Volume]) -> list[str]:
        return compare(before, self.volumes)


def install(state: State, nodes: int = 3, namespace: str = NAMESPACE, images: Images | None = None, parts: Sequence[Part] = PARTS) -> Installation:
    """Put the installation, or only some parts of it, into the state. On a virtual clock its pods are ready within 30 s; `settle` waits for that."""
    claims = (*(f"{part.claim}-{part.name}-0" for part in parts if part.claim), "kotsadmdata-kotsadm-0")
    with state.news:
        control = Control(state, images)
        for number in range(1, nodes + 1):
            control.node(f"node-{number}", cpu="4", memory="16Gi")
        _namespace(state, namespace)
        default = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
        state.put("storageclasses.storage.k8s.io", "", "gp2", {"metadata": default, "provisioner": "kubernetes.io/aws-ebs"})
        for part in parts:
            for resource, name, body in objects(part, namespace):
                state.put(resource, namespace, name, body)
        for resource, name, body in kotsadm.console(namespace, CONSOLE):
            state.put(resource, namespace, name, body)
        kotsadm.grant(state, namespace)
        for name, values in (
            ("postgresql", {"postgresql-password": "a-password-of-the-lab"}),
            ("mongodb", {"mongodb-root-password": "a-root-password-of-the-lab"}),
        ):
            state.put("secrets", namespace, name, {"metadata": {"labels": dict(WORKLOAD)}, "type": "Opaque", "data": kotsadm.encoded(values)})
        for claim in claims:
            volumes_of(state)[namespace, claim] = filled(RECORDS[claim], SIZE, claim)
    return Installation(state, control, namespace, claims)


def settle(made: Installation, seconds: float = 60.0) -> Installation:
    """Let the virtual clock run until all is ready; raises where it does not become so."""
    step = 1.0
    for _step in range(int(seconds / step)):
        made.state.clock.sleep(step)
        if not made.problems():
            return made
    raise AssertionError(f"not ready after {seconds:g} s: {made.problems()}")


def objects(part: Part, namespace: str) -> list[tuple[str, str, Json]]:
    """Resource, name and body of a workload and its services."""
    labels = {"app": part.name, "layer": part.layer, **WORKLOAD, **part.labels}
    selector = {"app": part.name}
    container: Json = {
        "name": part.name,
        "image": part.image,
        "ports": [{"containerPort": port} for port in part.ports],
        "resources": {"requests": {"cpu": part.cpu, "memory": part.memory}},
    }
    template: Json = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec: Json = {"replicas": part.replicas, "selector": {"matchLabels": selector}, "template": template}
    made: list[tuple[str, str, Json]] = []
    if part.claim:
        container["volumeMounts"] = [{"name": part.claim, "mountPath": part.path}]
        template["metadata"]["annotations"] = {"backup.velero.io/backup-volumes": part.claim}
        spec |= {
            "serviceName": part.name,
            "volumeClaimTemplates": [{"metadata": {"name": part.claim, "labels": dict(WORKLOAD)}, "spec": kotsadm.claim_spec(part.size)}],
        }
        made.append(("statefulsets.apps", part.name, {"metadata": {"labels": dict(labels)}, "spec": spec}))
    else:
        made.append(("deployments.apps", part.name, {"metadata": {"labels": dict(labels)}, "spec": spec}))
    ports = [{"name": f"port-{port}", "port": port, "targetPort": port, "protocol": "TCP"} for port in part.ports]
    if ports:
        service = {"type": "ClusterIP", "selector": selector, "ports": ports}
        made.append(("services", part.name, {"metadata": {"labels": dict(labels)}, "spec": service}))
    if part.public:
        made = [one for one in made if (one[0], one[1]) != ("services", part.public)]
        public = {"type": "LoadBalancer", "selector": selector, "ports": copy.deepcopy(ports)}
        made.append(("services", part.public, {"metadata": {"labels": dict(labels)}, "spec": public}))
    return made


def _namespace(state: State, namespace: str) -> None:
    if ("namespaces", "", namespace) not in state.objects:
        state.put(
            "namespaces",
            "",
            namespace,
            {"metadata": {"labels": {"kubernetes.io/metadata.name": namespace}}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}},
        )
    if ("serviceaccounts", namespace, "default") not in state.objects:
        state.put("serviceaccounts", namespace, "default", {"metadata": {}})
