"""The kinds that a cluster serves: the built-in ones as rows, those of CustomResourceDefinitions read from the definition."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
ALL = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CUSTOM = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
SUB = ("get", "patch", "update")
CRDS = "customresourcedefinitions.apiextensions.k8s.io"

# Group, plural, kind, "C" for cluster-wide or "N", short names, subresources, "g" where metadata has a generation. The core group is "-".
ROWS = """
- configmaps ConfigMap N cm - -
- endpoints Endpoints N ep - -
- events Event N ev - -
- limitranges LimitRange N limits - -
- namespaces Namespace C ns finalize,status -
- nodes Node C no proxy,status -
- persistentvolumeclaims PersistentVolumeClaim N pvc status -
- persistentvolumes PersistentVolume C pv status -
- pods Pod N po attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status g
- podtemplates PodTemplate N - - g
- replicationcontrollers ReplicationController N rc scale,status g
- resourcequotas ResourceQuota N quota status -
- secrets Secret N - - -
- serviceaccounts ServiceAccount N sa token -
- services Service N svc proxy,status -
apiextensions.k8s.io customresourcedefinitions CustomResourceDefinition C crd,crds status g
apiregistration.k8s.io apiservices APIService C - status -
apps controllerrevisions ControllerRevision N - - -
apps daemonsets DaemonSet N ds status g
apps deployments Deployment N deploy scale,status g
apps replicasets ReplicaSet N rs scale,status g
apps statefulsets StatefulSet N sts scale,status g
autoscaling horizontalpodautoscalers HorizontalPodAutoscaler N hpa status -
batch cronjobs CronJob N cj status g
batch jobs Job N - status g
certificates.k8s.io certificatesigningrequests CertificateSigningRequest C csr approval,status -
coordination.k8s.io leases Lease N - - -
discovery.k8s.io endpointslices EndpointSlice N - - g
events.k8s.io events Event N ev - -
networking.k8s.io ingressclasses IngressClass C - - g
networking.k8s.io ingresses Ingress N ing status g
networking.k8s.io networkpolicies NetworkPolicy N netpol - g
node.k8s.io runtimeclasses RuntimeClass C - - -
policy poddisruptionbudgets PodDisruptionBudget N pdb status g
rbac.authorization.k8s.io clusterrolebindings ClusterRoleBinding C - - -
rbac.authorization.k8s.io clusterroles ClusterRole C - - -
rbac.authorization.k8s.io rolebindings RoleBinding N - - -
rbac.authorization.k8s.io roles Role N - - -
scheduling.k8s.io priorityclasses PriorityClass C pc - g
storage.k8s.io csidrivers CSIDriver C - - -
storage.k8s.io csinodes CSINode C - - -
storage.k8s.io storageclasses StorageClass C sc - -
storage.k8s.io volumeattachments VolumeAttachment C - status -
admissionregistration.k8s.io mutatingwebhookconfigurations MutatingWebhookConfiguration C - - g
admissionregistration.k8s.io validatingwebhookconfigurations ValidatingWebhookConfiguration C - - g
"""
# Groups in the order in which the recorded server tells them; versions, the preferred one first.
GROUPS: dict[str, tuple[str, ...]] = {
    "apiregistration.k8s.io": ("v1",),
    "apps": ("v1",),
    "events.k8s.io": ("v1",),
    "authentication.k8s.io": ("v1",),
    "authorization.k8s.io": ("v1",),
    "autoscaling": ("v2", "v1"),
    "batch": ("v1",),
    "certificates.k8s.io": ("v1",),
    "networking.k8s.io": ("v1",),
    "policy": ("v1",),
    "rbac.authorization.k8s.io": ("v1",),
    "storage.k8s.io": ("v1",),
    "admissionregistration.k8s.io": ("v1",),
    "apiextensions.k8s.io": ("v1",),
    "scheduling.k8s.io": ("v1",),
    "coordination.k8s.io": ("v1",),
    "node.k8s.io": ("v1",),
    "discovery.k8s.io": ("v1",),
    "flowcontrol.apiserver.k8s.io": ("v1",),
}


@dataclass(frozen=True)
class Resource:
    """A kind of object that the API serves. `definition` is the CustomResourceDefinition of one that is not built in."""

    name: str  # the plural
    kind: str
    namespaced: bool = True
    group: str = ""
    version: str = "v1"
    short: tuple[str, ...] = ()
    subs: tuple[str, ...] = ()
    generation: bool = False
    list_kind: str = ""
    singular: str = ""
    definition: Json | None = field(default=None, compare=False, hash=False)

    @property
    def qualified(self) -> str:
        return f"{self.name}.{self.group}" if self.group else self.name

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def custom(self) -> bool:
        return self.definition is not None

    @property
    def verbs(self) -> tuple[str, ...]:
        if self.name == "namespaces" and not self.group:
            return tuple(verb for verb in ALL if verb != "deletecollection")
        return CUSTOM if self.custom else ALL

    def of_version(self, version: str) -> Json:
        """The part of the definition about a version."""
        versions = (self.definition or {}).get("spec", {}).get("versions") or []
        return next((one for one in versions if one["name"] == version), {})

    @property
    def served(self) -> tuple[str, ...]:
        if self.definition is None:
            return GROUPS.get(self.group, ("v1",))
        return tuple(one["name"] for one in self.definition["spec"]["versions"] if one.get("served"))

    def has_status(self, version: str) -> bool:
        """Whether status has a path of its own."""
        if self.definition is None:
            return "status" in self.subs
        return "status" in (self.of_version(version).get("subresources") or {})

    def schema(self, version: str) -> Json:
        """The schema of a custom resource; empty where there is none, or only a root that names nothing (trimmed recordings have such)."""
        schema: Json = (self.of_version(version).get("schema") or {}).get("openAPIV3Schema") or {}
        return schema if schema.get("properties") else {}


def _row(text: str) -> Resource:
    group, name, kind, scope, short, subs, generation = text.split()
    group = "" if group == "-" else group

    def words(given: str) -> tuple[str, ...]:
        return () if given == "-" else tuple(given.split(","))

    version = GROUPS[group][0] if group else "v1"
    return Resource(name, kind, scope == "N", group, version, words(short), words(subs), generation == "g", f"{kind}List", kind.lower())


BUILT_IN = {one.qualified: one for one in map(_row, ROWS.strip().splitlines())}


def defined(definition: Json) -> Resource:
    """What a CustomResourceDefinition (apiextensions.k8s.io/v1) makes the API serve."""
    spec = definition["spec"]
    names = spec["names"]
    version = next((one["name"] for one in spec["versions"] if one.get("storage")), spec["versions"][0]["name"])
    subs = sorted({sub for one in spec["versions"] for sub in one.get("subresources") or {}})
    kind = names["kind"]
    return Resource(
        names["plural"],
        kind,
        spec.get("scope", "Namespaced") == "Namespaced",
        spec["group"],
        version,
        tuple(names.get("shortNames") or ()),
        tuple(subs),
        True,
        names.get("listKind") or f"{kind}List",
        names.get("singular") or kind.lower(),
        definition,
    )
