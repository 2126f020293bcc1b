"""The admin console's objects: its StatefulSet, the Secrets, ConfigMaps and rights that are found by their labels."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
from typing import Any

from lab.kots import vault
from lab.kubernetes.state import State

Json = dict[str, Any]
BACKUP = {"kots.io/backup": "velero"}
LABELS = {"kots.io/kotsadm": "true", **BACKUP}
AUTH = "Kots a-token-for-the-lab"  # what the CLI sends as Authorization
SECRETS: dict[str, dict[str, str]] = {
    "kotsadm-authstring": {"kotsadm-authstring": AUTH},
    vault.SECRET: {vault.FIELD: vault.held()},
    "kotsadm-session": {"key": "a-session-key-of-the-lab"},
    "kotsadm-password": {"passwordBcrypt": "$2a$10$a-hash-of-the-lab"},
    "kotsadm-cluster-token": {"kotsadm-cluster-token": "a-cluster-token-of-the-lab"},
}
CONFIG_MAPS: dict[str, dict[str, str]] = {
    "kotsadm-confg": {"initial-app-images-pushed": "false", "minimal-rbac": "false", "skip-preflights": "false"},  # spelt so by KOTS
    "kotsadm-id": {"id": "a-console-of-the-lab"},
}


def encoded(values: dict[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


def console(namespace: str, version: str) -> list[tuple[str, str, Json]]:
    """Resource, name and body of each of its objects in the installation's namespace."""
    made: list[tuple[str, str, Json]] = []
    for name, values in SECRETS.items():
        made.append(("secrets", name, {"metadata": {"labels": dict(LABELS)}, "type": "Opaque", "data": encoded(values)}))
    for name, values in CONFIG_MAPS.items():
        made.append(("configmaps", name, {"metadata": {"labels": dict(LABELS)}, "data": dict(values)}))
    made.append(("serviceaccounts", "kotsadm", {"metadata": {"labels": dict(LABELS)}}))
    pods = {"app": "kotsadm", **LABELS}
    containers = [
        {
            "name": "kotsadm",
            "image": f"registry.example/kotsadm/kotsadm:v{version}",
            "ports": [{"name": "http", "containerPort": 3000}],
            "resources": {"requests": {"cpu": "100m", "memory": "100Mi"}, "limits": {"cpu": "1", "memory": "2Gi"}},
            "volumeMounts": [{"name": "kotsadmdata", "mountPath": "/kotsadmdata"}],
        }
    ]
    template = {
        "metadata": {"labels": pods, "annotations": {"backup.velero.io/backup-volumes": "kotsadmdata"}},
        "spec": {"serviceAccountName": "kotsadm", "containers": containers},
    }
    claims = [{"metadata": {"name": "kotsadmdata", "labels": dict(LABELS)}, "spec": claim_spec("4Gi")}]
    spec = {"replicas": 1, "serviceName": "kotsadm", "selector": {"matchLabels": {"app": "kotsadm"}}, "template": template, "volumeClaimTemplates": claims}
    service = {"type": "ClusterIP", "selector": {"app": "kotsadm"}, "ports": [{"name": "http", "port": 3000, "targetPort": "http"}]}
    made.append(("services", "kotsadm", {"metadata": {"labels": dict(LABELS)}, "spec": service}))
    made.append(("statefulsets.apps", "kotsadm", {"metadata": {"labels": dict(LABELS)}, "spec": spec}))
    return made


def grant(state: State, namespace: str) -> None:
    """The role and its binding that let the console reach Velero's namespace: by this binding's name alone it knows (recorded)."""
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    state.put("clusterroles.rbac.authorization.k8s.io", "", "kotsadm-role", {"metadata": {"labels": dict(LABELS)}, "rules": rules})
    binding = {
        "metadata": {"labels": dict(LABELS)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "kotsadm-role"},
        "subjects": [{"kind": "ServiceAccount", "name": "kotsadm", "namespace": namespace}],
    }
    state.put("clusterrolebindings.rbac.authorization.k8s.io", "", "kotsadm-rolebinding", binding)


def claim_spec(size: str) -> Json:
    return {"accessModes": ["ReadWriteOnce"], "storageClassName": "gp2", "resources": {"requests": {"storage": size}}, "volumeMode": "Filesystem"}
