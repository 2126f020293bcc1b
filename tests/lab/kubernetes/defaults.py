"""What the API server fills in, drops and refuses of built-in kinds, as far as callers look."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
from typing import Any

from lab.copies import copied
from lab.kubernetes.kinds import CRDS, Resource
from lab.kubernetes.workloads import own_selector

Json = dict[str, Any]
META = {
    *("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp"),
    *("deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers", "managedFields"),
}
SPEC = {"spec", "status"}
# The fields of a kind beside apiVersion, kind and metadata. Those below are not looked at, nor are kinds that are not here.
FIELDS = {
    "configmaps": {"data", "binaryData", "immutable"},
    "secrets": {"data", "stringData", "type", "immutable"},
    "serviceaccounts": {"secrets", "imagePullSecrets", "automountServiceAccountToken"},
    "roles.rbac.authorization.k8s.io": {"rules"},
    "clusterroles.rbac.authorization.k8s.io": {"rules", "aggregationRule"},
    "rolebindings.rbac.authorization.k8s.io": {"subjects", "roleRef"},
    "clusterrolebindings.rbac.authorization.k8s.io": {"subjects", "roleRef"},
    **{name: SPEC for name in ("pods", "nodes", "namespaces", "services", "persistentvolumeclaims", "persistentvolumes", CRDS)},
    **{f"{name}.apps": SPEC for name in ("deployments", "daemonsets", "statefulsets", "replicasets")},
    **{f"{name}.batch": SPEC for name in ("jobs", "cronjobs")},
}
POD: Json = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
CONTAINER: Json = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
ROLLING: Json = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
WORKLOADS: dict[str, Json] = {
    "deployments.apps": {"replicas": 1, "strategy": ROLLING, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},
    "replicasets.apps": {"replicas": 1},
    "statefulsets.apps": {
        "replicas": 1,
        "serviceName": "",
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        "revisionHistoryLimit": 10,
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    },
    "daemonsets.apps": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}, "revisionHistoryLimit": 10},
    "jobs.batch": {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "podReplacementPolicy": "TerminatingOrFailed",
    },
    "services": {"type": "ClusterIP", "sessionAffinity": "None"},
}
# Kinds whose deletion answers with the object (the registry's setting of these kinds; serviceaccounts as recorded).
SHOWN_WHEN_DELETED = {"pods", "podtemplates", "persistentvolumes", "persistentvolumeclaims", "resourcequotas", "services", "serviceaccounts"}


def fill(kind: Resource, item: Json) -> Json:
    """The defaults of a new or changed object."""
    spec = item.get("spec")
    if kind.qualified in WORKLOADS and isinstance(spec, dict):
        for key, value in WORKLOADS[kind.qualified].items():
            spec.setdefault(key, copied(value))
        template = spec.get("template")
        if isinstance(template, dict):
            template["metadata"] = {"creationTimestamp": None, **(template.get("metadata") or {})}
            _pod(template.setdefault("spec", {}))
    elif kind.qualified == "pods" and isinstance(spec, dict):
        _pod(spec)
        spec.setdefault("enableServiceLinks", True)
    elif kind.qualified == "secrets":
        item.setdefault("type", "Opaque")
        for key, value in item.pop("stringData", {}).items():
            item.setdefault("data", {})[key] = base64.b64encode(str(value).encode()).decode()
    elif kind.qualified == CRDS and isinstance(spec, dict):
        names = spec["names"]
        names.setdefault("listKind", f"{names['kind']}List")
        names.setdefault("singular", names["kind"].lower())
        spec.setdefault("conversion", {"strategy": "None"})
    elif kind.qualified == "namespaces":
        item.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
        item["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = item["metadata"].get("name", "")
    return item


def is_filled(kind: Resource, item: Json) -> bool:
    """Whether it has the defaults already: a pod or a workload that was put past the API has not, and a patch of its labels is none of its spec."""
    if kind.qualified != "pods" and kind.qualified not in WORKLOADS:
        return True
    return fill(kind, copied(item)) == item


def _pod(spec: Json) -> None:
    for key, value in POD.items():
        spec.setdefault(key, copied(value))
    for kind in ("containers", "initContainers"):
        for one in spec.get(kind) or []:
            for key, value in CONTAINER.items():
                one.setdefault(key, copied(value))
            latest = ":" not in str(one.get("image", "")).rpartition("/")[2] or str(one.get("image", "")).endswith(":latest")
            one.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
            for port in one.get("ports") or []:
                port.setdefault("protocol", "TCP")


def born(kind: Resource, item: Json) -> None:
    """The status of a new object: whatever the caller sent, but of a node."""
    name = kind.qualified
    if name == "nodes":
        item.setdefault("spec", {})
        item.setdefault("status", {})
    elif name == "pods":
        item["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
    elif name == "namespaces":
        item["status"] = {"phase": "Active"}
    elif name == "persistentvolumeclaims":
        item["status"] = {"phase": "Pending"}
    elif name == CRDS:
        stored = [one["name"] for one in item["spec"]["versions"] if one.get("storage")]
        item["status"] = {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored}
    elif name == "jobs.batch":
        own_selector(item)
        item["status"] = {}
    elif name == "statefulsets.apps":
        item["status"] = {"replicas": 0, "availableReplicas": 0}
    elif name == "poddisruptionbudgets.policy":
        item["status"] = {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}
    elif "status" in kind.subs and not kind.custom:
        item["status"] = {"loadBalancer": {}} if name in ("services", "ingresses.networking.k8s.io") else {}
    elif kind.custom and kind.has_status(kind.version):
        item.pop("status", None)


def unknown(kind: Resource, item: Json) -> list[str]:
    """Takes away the fields that a built-in kind does not have, and tells them."""
    gone = []
    known = FIELDS.get(kind.qualified)
    for key in [key for key in item if known is not None and key not in known and key not in ("apiVersion", "kind", "metadata")]:
        del item[key]
        gone.append(key)
    meta = item.get("metadata")
    for key in [key for key in meta if key not in META] if isinstance(meta, dict) else []:
        del item["metadata"][key]
        gone.append(f"metadata.{key}")
    return gone


def mistyped(kind: Resource, item: Json) -> str:
    """The words for a value of another type, of the two kinds that hold data."""
    for key, value in (item.get("data") or {}).items() if kind.qualified in ("configmaps", "secrets") else ():
        if not isinstance(value, str) and value is not None and key is not None:
            of = "boolean" if isinstance(value, bool) else "number" if isinstance(value, (int, float)) else "object" if isinstance(value, dict) else "array"
            return f"json: cannot unmarshal {of} into Go struct field {kind.kind}.data of type {'string' if kind.name == 'configmaps' else '[]uint8'}"
    return ""
