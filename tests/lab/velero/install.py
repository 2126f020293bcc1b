"""The objects that an installation of Velero consists of, by version, as its own CLI makes them."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lab.velero import crds
from lab.velero.profile import Profile

Json = dict[str, Any]
CREDENTIALS = "[default]\naws_access_key_id = lab-key\naws_secret_access_key = lab-secret\n"
PRIVILEGED = {
    f"pod-security.kubernetes.io/{mode}{end}": value for mode in ("audit", "enforce", "warn") for end, value in (("", "privileged"), ("-version", "latest"))
}
CONFIG = {"region": "us-east-1", "s3ForcePathStyle": "true", "s3Url": "http://127.0.0.1:5000"}


@dataclass(frozen=True)
class Wish:
    """What the flags of `velero install` say."""

    profile: Profile
    provider: str = "aws"
    bucket: str = "lab-bucket"
    prefix: str = ""
    plugins: tuple[str, ...] = ()
    namespace: str = "velero"
    credentials: str | None = CREDENTIALS  # None: --no-secret
    config: Json = field(default_factory=lambda: dict(CONFIG))
    snapshot_config: Json | None = field(default_factory=lambda: {"region": "us-east-1"})  # None: no location for snapshots
    agent: bool = True
    image: str = ""
    service_account_annotations: Json = field(default_factory=dict)
    pod_annotations: Json = field(default_factory=dict)
    default_location: bool = True
    restore_only: bool = False
    uploader: str = ""
    extra_args: tuple[str, ...] = ()

    @property
    def images(self) -> tuple[str, ...]:
        return self.plugins or (f"velero/velero-plugin-for-{self.provider}:{self.profile.plugin}",)

    @property
    def velero(self) -> str:
        return self.image or f"velero/velero:v{self.profile.version}"


def head(version: str, kind: str, name: str, namespace: str = "", **more: Any) -> Json:
    meta: Json = {
        "creationTimestamp": None,
        "labels": {"component": "velero", **more.pop("labels", {})},
        "name": name,
        **({"namespace": namespace} if namespace else {}),
    }
    if more.get("annotations"):
        meta["annotations"] = more["annotations"]
    return {"apiVersion": version, "kind": kind, "metadata": meta}


def objects(wish: Wish) -> list[Json]:
    """In the order in which the CLI makes them."""
    return [*crds.definitions(wish.profile), *others(wish)]


def others(wish: Wish) -> list[Json]:
    space = wish.namespace
    labels = PRIVILEGED if wish.profile.agent == "node-agent" else {}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = head("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "velero" if space == "velero" else f"velero-{space}")
    made = [
        {**head("v1", "Namespace", space, labels=labels), "spec": {}},
        {**binding, "roleRef": role, "subjects": [{"kind": "ServiceAccount", "name": "velero", "namespace": space}]},
        head("v1", "ServiceAccount", "velero", space, annotations=wish.service_account_annotations),
    ]
    if wish.credentials is not None:
        data = {"cloud": base64.b64encode(wish.credentials.encode()).decode()}
        made.append({**head("v1", "Secret", "cloud-credentials", space), "data": data, "type": "Opaque"})
    if wish.default_location:
        made.append({**head("velero.io/v1", "BackupStorageLocation", "default", space), "spec": location(wish)})
    if wish.snapshot_config is not None:
        spec = {"provider": wish.provider, **({"config": wish.snapshot_config} if wish.snapshot_config else {})}
        made.append({**head("velero.io/v1", "VolumeSnapshotLocation", "default", space), "spec": spec})
    made.append({**head("apps/v1", "Deployment", "velero", space), "spec": deployment(wish)})
    if wish.agent:
        made.append({**head("apps/v1", "DaemonSet", wish.profile.agent, space), "spec": daemon_set(wish)})
    return made


def location(wish: Wish) -> Json:
    where = {"bucket": wish.bucket, **({"prefix": wish.prefix} if wish.prefix else {})}
    return {"provider": wish.provider, "default": True, "objectStorage": where, **({"config": wish.config} if wish.config else {})}


def environment(wish: Wish) -> list[Json]:
    names = ("GOOGLE_APPLICATION_CREDENTIALS", "AWS_SHARED_CREDENTIALS_FILE", "AZURE_CREDENTIALS_FILE", "ALIBABA_CLOUD_CREDENTIALS_FILE")
    return [{"name": name, "value": "/credentials/cloud"} for name in names] if wish.credentials is not None else []


def field_of(name: str, path: str) -> Json:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def mounts(wish: Wish, *first: Json) -> list[Json]:
    return [
        *first,
        {"mountPath": "/scratch", "name": "scratch"},
        *([{"mountPath": "/credentials", "name": "cloud-credentials"}] if wish.credentials is not None else []),
    ]


def secret_volume(wish: Wish) -> list[Json]:
    return [{"name": "cloud-credentials", "secret": {"secretName": "cloud-credentials"}}] if wish.credentials is not None else []


def deployment(wish: Wish) -> Json:
    uploader = wish.uploader or wish.profile.uploader
    args = ["server", "--features=", *([f"--uploader-type={uploader}"] if wish.profile.agent == "node-agent" else [])]
    args += ["--restore-only"] if wish.restore_only else []
    container = {
        "args": [*args, *wish.extra_args],
        "command": ["/velero"],
        "env": [
            {"name": "VELERO_SCRATCH_DIR", "value": "/scratch"},
            field_of("VELERO_NAMESPACE", "metadata.namespace"),
            {"name": "LD_LIBRARY_PATH", "value": "/plugins"},
            *environment(wish),
        ],
        "image": wish.velero,
        "imagePullPolicy": "IfNotPresent",
        "name": "velero",
        "ports": [{"containerPort": 8085, "name": "metrics"}],
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "500m", "memory": "128Mi"}},
        "volumeMounts": mounts(wish, {"mountPath": "/plugins", "name": "plugins"}),
    }
    first = [plugin(image) for image in wish.images]
    volumes = [{"emptyDir": {}, "name": "plugins"}, {"emptyDir": {}, "name": "scratch"}, *secret_volume(wish)]
    spec = {"containers": [container], "initContainers": first, "restartPolicy": "Always", "serviceAccountName": "velero", "volumes": volumes}
    notes = {"prometheus.io/path": "/metrics", "prometheus.io/port": "8085", "prometheus.io/scrape": "true", **wish.pod_annotations}
    meta = {"annotations": notes, "creationTimestamp": None, "labels": {"component": "velero", "deploy": "velero"}}
    return {"selector": {"matchLabels": {"deploy": "velero"}}, "strategy": {}, "template": {"metadata": meta, "spec": spec}}


def plugin(image: str) -> Json:
    """Named after its image, without registry and tag."""
    name = image.rsplit("@", 1)[0]
    name = name.rsplit(":", 1)[0] if ":" in name.rsplit("/", 1)[-1] else name
    parts = name.split("/")
    parts = parts[1:] if len(parts) > 2 or "." in parts[0] else parts
    mount = [{"mountPath": "/target", "name": "plugins"}]
    return {"image": image, "imagePullPolicy": "IfNotPresent", "name": "-".join(parts).replace("_", "-"), "resources": {}, "volumeMounts": mount}


def daemon_set(wish: Wish) -> Json:
    agent, later = wish.profile.agent, wish.profile.agent == "node-agent"
    own = [{"mountPath": "/host_pods", "mountPropagation": "HostToContainer", "name": "host-pods"}]
    hosts = [{"hostPath": {"path": "/var/lib/kubelet/pods"}, "name": "host-pods"}]
    if later:
        own.append({"mountPath": "/var/lib/kubelet/plugins", "mountPropagation": "HostToContainer", "name": "host-plugins"})
        hosts.append({"hostPath": {"path": "/var/lib/kubelet/plugins"}, "name": "host-plugins"})
    container = {
        "args": [agent, "server", "--features="],
        "command": ["/velero"],
        "env": [
            field_of("NODE_NAME", "spec.nodeName"),
            field_of("VELERO_NAMESPACE", "metadata.namespace"),
            {"name": "VELERO_SCRATCH_DIR", "value": "/scratch"},
            *environment(wish),
        ],
        "image": wish.velero,
        "imagePullPolicy": "IfNotPresent",
        "name": agent,
        "resources": {} if later else {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "512Mi"}},
        "volumeMounts": mounts(wish, *own),
    }
    if later:
        container |= {"ports": [{"containerPort": 8085, "name": "metrics"}], "securityContext": {"privileged": False}}
    spec = {
        "containers": [container],
        "securityContext": {"runAsUser": 0},
        "serviceAccountName": "velero",
        "volumes": [*hosts, {"emptyDir": {}, "name": "scratch"}, *secret_volume(wish)],
    }
    meta = {"creationTimestamp": None, "labels": {"component": "velero", "name": agent}}
    return {"selector": {"matchLabels": {"name": agent}}, "template": {"metadata": meta, "spec": spec}, "updateStrategy": {}}


PLACES = {
    "CustomResourceDefinition": "customresourcedefinitions.apiextensions.k8s.io",
    "Namespace": "namespaces",
    "ClusterRoleBinding": "clusterrolebindings.rbac.authorization.k8s.io",
    "ServiceAccount": "serviceaccounts",
    "Secret": "secrets",
    "BackupStorageLocation": "backupstoragelocations.velero.io",
    "VolumeSnapshotLocation": "volumesnapshotlocations.velero.io",
    "Deployment": "deployments.apps",
    "DaemonSet": "daemonsets.apps",
}


def keyed(made: list[Json]) -> Iterator[tuple[str, str, str, Json]]:
    """With their places in a state, and what the API would take off or fill in."""
    for body in made:
        meta = {key: value for key, value in body["metadata"].items() if value is not None}
        yield PLACES[body["kind"]], meta.get("namespace", ""), meta["name"], {**body, "metadata": meta}
