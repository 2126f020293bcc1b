"""velero ensure-permissions, configure-*, print-fs-instructions."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
from typing import Any

from lab.kots.cli.run import LABELS, Failed, Json, Run

RULES = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
GROUP = "rbac.authorization.k8s.io"
GUIDE = ("No Velero installation has been detected.", "Follow these instructions to set up Velero:")
DETECT = 5.0  # a new program looks that long at what Velero can do


def _guide(run: Run) -> None:
    for text in GUIDE:
        run.line(text)
    run.print("\n    [1] Install the Velero CLI.\n\n    [2] Install Velero.\n\n    [3] Configure the backup storage location: " + " ".join(run.argv) + "\n\n")


def instructions(run: Run) -> None:
    if run.profile.guides:
        _guide(run)
        return
    status, body = run.get(f"/api/v1/namespaces/{run.namespace}/secrets/kotsadm-fs-minio-creds")
    if status != 200:
        text = f"failed to get file system minio secret: {body.get('message', '')}"
        raise Failed(f"failed to get file system minio velero config: failed to build file system store: {text}")


def ensure_permissions(run: Run) -> None:
    space = run.flags.get("velero-namespace", "velero")
    status, _body = run.get(f"/apis/velero.io/v1/namespaces/{space}/backupstoragelocations")
    if status != 200:
        new = "unable to retrieve the complete list of server APIs: velero.io/v1: no matches for velero.io/v1, Resource="
        old = "the server could not find the requested resource (get backupstoragelocations.velero.io)"
        raise Failed(f"failed to list backupstoragelocations in '{space}' namespace: {old if run.profile.old else new}")
    rbac = f"/apis/{GROUP}/v1/namespaces/{space}"
    subject = {"kind": "ServiceAccount", "name": "kotsadm", "namespace": run.namespace}
    _put(run, f"{rbac}/roles", "Role", "kotsadm-role", {"rules": RULES}, space, f"{GROUP}/v1")
    role = {"apiGroup": GROUP, "kind": "Role", "name": "kotsadm-role"}
    _put(run, f"{rbac}/rolebindings", "RoleBinding", "kotsadm-rolebinding", {"roleRef": role, "subjects": [subject]}, space, f"{GROUP}/v1")
    data = {"data": {"veleroNamespace": space}}
    _put(run, f"/api/v1/namespaces/{run.namespace}/configmaps", "ConfigMap", "kotsadm-velero-namespace", data, run.namespace, "v1")


def _put(run: Run, path: str, kind: str, name: str, rest: Json, namespace: str, version: str) -> None:
    meta = {"name": name, "namespace": namespace, "labels": LABELS}
    status, answer = run.cluster.kube("POST", path, None, {"apiVersion": version, "kind": kind, "metadata": meta, **rest})
    if status >= 300 and status != 409:
        raise Failed(f"failed to create {kind.lower()}: {answer.get('message', '')}")


# --- the store ---
def configure(run: Run) -> None:
    space = run.velero()
    if not space and run.profile.guides:
        _guide(run)
        return
    if not space:
        raise Failed("velero namespace not found")
    if not run.profile.old:
        run.cluster.sleep(DETECT)
    kind = run.argv[1]
    if kind == "configure-gcp":
        _plugin(run, space, "velero-plugin-for-gcp")
    if run.flags.get("skip-validation") != "true":
        _validate(run, kind)
    _store(run, space, kind)


def _plugin(run: Run, space: str, plugin: str) -> None:
    _status, body = run.get(f"/apis/apps/v1/namespaces/{space}/deployments/velero")
    names = [one["name"] for one in body["spec"]["template"]["spec"].get("initContainers") or ()]
    if any(plugin in name for name in names):
        return
    new = f"velero does not have the '{plugin}' plugin installed"
    old = f"velero does not have the '{plugin}' installed; consult https://kots.io/kotsadm/snapshots/overview/ for install instructions`)"
    raise Failed(old if run.profile.old else new)


def _validate(run: Run, kind: str) -> None:
    """No store can be reached from a laboratory. The pod that tries stays where it is."""
    bucket = run.flags.get("bucket", "")
    if kind == "configure-aws-s3":
        host = f"{bucket}.s3.amazonaws.com"
        text = f'Head "https://{host}/": dial tcp: lookup {host} on <dns>: no such host'
        raise Failed(f"failed to configure store: RequestError: send request failed\ncaused by: {text}")
    run.print("    \nRunning a pod to test the connection to your S3 API and if the bucket exists...\n\n")
    name = f"kotsadm-validate-other-s3-bucket-{int(run.cluster.wall().timestamp())}"
    meta = {"name": name, "namespace": run.namespace, "labels": {"app": "kotsadm-s3-ops"}}
    spec = {"restartPolicy": "Never", "containers": [{"name": "s3-bucket", "image": "registry.example/kotsadm:v1"}]}
    run.cluster.kube("POST", f"/api/v1/namespaces/{run.namespace}/pods", None, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    raise Failed(f'failed to configure store: no logs found for container "s3-bucket" in pod "{run.namespace}/{name}"')


def _store(run: Run, space: str, kind: str) -> None:
    """Written first; only then is the rest looked at."""
    other = kind == "configure-other-s3"
    config: dict[str, Any] = {"region": run.flags.get("region", ""), "s3Url": run.flags.get("endpoint", "") if other else "https://s3.amazonaws.com"}
    if other:
        config["s3ForcePathStyle"] = "true"
    path = f"/apis/velero.io/v1/namespaces/{space}/backupstoragelocations/default"
    _status, held = run.get(path)
    held["spec"] |= {"provider": "aws", "config": config, "objectStorage": {"bucket": run.flags.get("bucket", "")}}
    run.cluster.kube("PUT", path, None, held)
    text = f"[default]\naws_access_key_id     = {run.flags.get('access-key-id', '')}\naws_secret_access_key = {run.flags.get('secret-access-key', '')}\n"
    if run.profile.old:
        text += "\n"
    secret = f"/api/v1/namespaces/{space}/secrets/cloud-credentials"
    _status, found = run.get(secret)
    found["data"] = {"cloud": base64.b64encode(text.encode()).decode()}
    run.cluster.kube("PUT", secret, None, found)
    status, _body = run.get(f"/apis/apps/v1/namespaces/{space}/daemonsets/{agent(run, space)}")
    if status != 200 and not run.profile.old:
        raise Failed('failed to configure store: failed to ensure secrets references: failed to get restic daemonset: daemonsets.apps "restic" not found')
    run.print("    \nStore Configured Successfully\n\n")


def agent(run: Run, space: str) -> str:
    status, _body = run.get(f"/apis/apps/v1/namespaces/{space}/daemonsets/node-agent")
    return "node-agent" if status == 200 else "restic"
