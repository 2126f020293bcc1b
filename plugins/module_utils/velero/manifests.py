# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of an installation, built for one version: what `velero install` would make, by the same names, so that its installations are adopted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import kinds as core
from ansible_collections.serverops.circleci.plugins.module_utils.velero import kinds, versions
from ansible_collections.serverops.circleci.plugins.module_utils.velero.spec import InstallSpec, plugin_name

CRDS, GROUND, PARTS, SERVER, AGENTS = range(5)  # the order: each waits for the one before
LABELS = {"component": "velero"}
DIGEST = "serverops.circleci/config-digest"
VERSION = "serverops.circleci/velero-version"
CREDENTIALS, REPOSITORY, KEY = "cloud-credentials", "velero-repo-credentials", "velero-config-digest"
CREDENTIAL_FIELD, PASSWORD_FIELD, KEY_FIELD = "cloud", "repository-password", "key"
CREDENTIAL_VARIABLES = ("GOOGLE_APPLICATION_CREDENTIALS", "AWS_SHARED_CREDENTIALS_FILE", "AZURE_CREDENTIALS_FILE", "ALIBABA_CLOUD_CREDENTIALS_FILE")
PRIVILEGED = {f"pod-security.kubernetes.io/{mode}": "privileged" for mode in ("enforce", "audit", "warn")}  # agents read the disks of other pods
RESTIC_RESOURCES_UNTIL = 13
SERVER_RESOURCES = {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "500m", "memory": "128Mi"}}
AGENT_RESOURCES = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "512Mi"}}


@dataclass(frozen=True)
class Wanted:
    """One object that is to be there. `is_secret`: its values are never shown."""

    kind: core.Kind
    name: str
    stage: int
    body: Any = None
    namespace: str = ""

    @property
    def item(self) -> str:
        return f"{self.kind.name} {self.name}"

    @property
    def is_secret(self) -> bool:
        return self.kind == core.SECRET

    def __hash__(self) -> int:
        return hash(self.item)


def wanted_objects(spec: InstallSpec, crds: tuple[Json, ...], key: Secret, password: Optional[Secret]) -> tuple[Wanted, ...]:
    """All objects in the order of their stages. `key` keys the digest that restarts the pods; no `password`: that Secret is left alone."""
    digest = _digest(spec, key)
    found = [_object(spec, core.CRD, crd["metadata"]["name"], CRDS, crd) for crd in crds]
    found += [
        _object(spec, core.NAMESPACE, spec.namespace, GROUND, {"metadata": {"labels": {**LABELS, **PRIVILEGED}}}),
        _object(spec, core.CLUSTER_ROLE_BINDING, "velero" if spec.namespace == "velero" else f"velero-{spec.namespace}", GROUND, _binding(spec)),
        _object(spec, core.SERVICE_ACCOUNT, "velero", PARTS, _account(spec)),
        _object(spec, core.SECRET, KEY, PARTS, _secret(KEY_FIELD, key)),
        _object(spec, kinds.BACKUP_STORAGE_LOCATION, "default", PARTS, {"spec": location_spec(spec)}),
    ]
    if spec.credentials:
        found.append(_object(spec, core.SECRET, CREDENTIALS, PARTS, _secret(CREDENTIAL_FIELD, spec.credentials)))
    if password:
        found.append(_object(spec, core.SECRET, REPOSITORY, PARTS, _secret(PASSWORD_FIELD, password)))
    if spec.snapshot_location_config is not None:
        body = {"spec": {"provider": spec.provider, "config": dict(spec.snapshot_location_config)}}
        found.append(_object(spec, kinds.VOLUME_SNAPSHOT_LOCATION, "default", PARTS, body))
    found.append(_object(spec, core.DEPLOYMENT, "velero", SERVER, {"spec": _deployment(spec, digest)}))
    if spec.agents:
        found.append(_object(spec, core.DAEMON_SET, spec.agents, AGENTS, {"spec": _daemon_set(spec, digest)}))
    return tuple(found)


def location_spec(spec: InstallSpec) -> Json:
    """The spec of the default BackupStorageLocation."""
    store = {"bucket": spec.bucket, **({"prefix": spec.prefix} if spec.prefix else {})}
    return {
        "provider": spec.provider,
        "default": True,
        "accessMode": spec.access_mode,
        "objectStorage": store,
        "config": dict(spec.backup_location_config),
    }


def _object(spec: InstallSpec, kind: core.Kind, name: str, stage: int, body: Any) -> Wanted:
    namespace = spec.namespace if kind.namespaced else ""
    told = body.get("metadata") or {}
    meta: Json = {"name": name, "labels": {**LABELS, **(told.get("labels") or {})}}
    if told.get("annotations"):
        meta["annotations"] = told["annotations"]
    if namespace:
        meta["namespace"] = namespace
    return Wanted(kind, name, stage, {**body, "apiVersion": kind.api_version, "kind": kind.name, "metadata": meta}, namespace)


def _binding(spec: InstallSpec) -> Json:
    subjects = [{"kind": "ServiceAccount", "name": "velero", "namespace": spec.namespace}]
    return {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}, "subjects": subjects}


def _account(spec: InstallSpec) -> Json:
    return {"metadata": {"annotations": dict(spec.service_account_annotations)}}


def _secret(name: str, value: Secret) -> Json:
    return {"type": "Opaque", "data": {name: base64.b64encode(value.reveal().encode()).decode()}}


def _digest(spec: InstallSpec, key: Secret) -> str:
    """Changes with what a running server does not take up by itself, and tells nobody what it was made of."""
    told = [spec.credentials.reveal() if spec.credentials else "", location_spec(spec), spec.snapshot_location_config, dict(spec.service_account_annotations)]
    text = json.dumps(told, sort_keys=True, default=dict)
    return hmac.new(key.reveal().encode(), text.encode(), hashlib.sha256).hexdigest()[:40]


def _deployment(spec: InstallSpec, digest: str) -> Json:
    scrape = {"prometheus.io/path": "/metrics", "prometheus.io/port": "8085", "prometheus.io/scrape": "true"}
    labels = {**LABELS, "deploy": "velero"}
    container = {
        **_container(spec, "velero", ["server", *_server_args(spec)], "LD_LIBRARY_PATH"),
        "ports": [{"containerPort": 8085, "name": "metrics", "protocol": "TCP"}],
        "resources": SERVER_RESOURCES,
    }
    container["volumeMounts"] = [{"mountPath": "/plugins", "name": "plugins"}, *container["volumeMounts"]]
    pod = {
        "containers": [container],
        "initContainers": [_plugin(image) for image in spec.plugins],
        "restartPolicy": "Always",
        "serviceAccountName": "velero",
        "volumes": [{"emptyDir": {}, "name": "plugins"}, *_volumes(spec)],
    }
    template = {"metadata": {"annotations": {**scrape, DIGEST: digest}, "labels": labels}, "spec": pod}
    return {"replicas": 1, "selector": {"matchLabels": {"deploy": "velero"}}, "template": template}


def _server_args(spec: InstallSpec) -> list[str]:
    args = [f"--features={','.join(spec.features)}"]
    if spec.minor >= versions.NODE_AGENT_FROM:
        args.append(f"--uploader-type={versions.default_uploader(spec.minor) if spec.uploader == 'none' else spec.uploader}")
    return args + [f"--{name}={value}" for name, value in sorted(spec.flags.items())]


def _daemon_set(spec: InstallSpec, digest: str) -> Json:
    name = spec.agents
    container = _container(spec, name, [name, "server", f"--features={','.join(spec.features)}"], "NODE_NAME")
    mounts = [{"mountPath": "/host_pods", "mountPropagation": "HostToContainer", "name": "host-pods"}]
    volumes: list[Json] = [{"hostPath": {"path": "/var/lib/kubelet/pods"}, "name": "host-pods"}]
    if spec.minor >= versions.DATA_MOVER_FROM:
        mounts.append({"mountPath": "/var/lib/kubelet/plugins", "mountPropagation": "HostToContainer", "name": "host-plugins"})
        volumes.append({"hostPath": {"path": "/var/lib/kubelet/plugins"}, "name": "host-plugins"})
    container["volumeMounts"] = [*mounts, *container["volumeMounts"]]
    if spec.minor <= RESTIC_RESOURCES_UNTIL:
        container["resources"] = AGENT_RESOURCES
    pod = {"containers": [container], "securityContext": {"runAsUser": 0}, "serviceAccountName": "velero", "volumes": [*volumes, *_volumes(spec)]}
    template = {"metadata": {"annotations": {DIGEST: digest}, "labels": {**LABELS, "name": name}}, "spec": pod}
    return {"selector": {"matchLabels": {"name": name}}, "template": template}


def _container(spec: InstallSpec, name: str, args: list[str], own: str) -> Json:
    """What server and agents have in common."""
    variables: list[Json] = [
        {"name": "VELERO_SCRATCH_DIR", "value": "/scratch"},
        {"name": "VELERO_NAMESPACE", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}},
    ]
    if own == "NODE_NAME":
        variables.insert(0, {"name": own, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}})
    else:
        variables.append({"name": own, "value": "/plugins"})
    mounts = [{"mountPath": "/scratch", "name": "scratch"}]
    if spec.credentials:
        variables += [{"name": variable, "value": "/credentials/cloud"} for variable in CREDENTIAL_VARIABLES]
        mounts.append({"mountPath": "/credentials", "name": CREDENTIALS})
    pull = {"imagePullPolicy": _pull(spec.image), "image": spec.image}
    return {"name": name, "command": ["/velero"], "args": args, "env": variables, "volumeMounts": mounts, **pull}


def _volumes(spec: InstallSpec) -> list[Json]:
    key = [{"name": CREDENTIALS, "secret": {"secretName": CREDENTIALS}}] if spec.credentials else []
    return [{"emptyDir": {}, "name": "scratch"}, *key]


def _plugin(image: str) -> Json:
    return {"name": plugin_name(image), "image": image, "imagePullPolicy": _pull(image), "volumeMounts": [{"mountPath": "/target", "name": "plugins"}]}


def _pull(image: str) -> str:
    """A tag that moves is fetched at every start."""
    return "Always" if "@" not in image and versions.tag_of(image) in ("", "latest") else "IfNotPresent"
