"""The flags of `velero install` by version, and what it makes of them: a list on stdout, or objects that are made and never changed."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from pathlib import Path
from typing import Any

import yaml

from lab.velero import crds, install
from lab.velero.command import Call, Stop
from lab.velero.profile import Profile

Json = dict[str, Any]
SWITCHES = "use-volume-snapshots no-default-backup-location restore-only wait dry-run crds-only no-secret default-volumes-to-restic use-restic"
VALUES = (
    "provider bucket prefix secret-file plugins image backup-location-config snapshot-location-config pod-annotations sa-annotations cacert features "
    "velero-pod-cpu-request velero-pod-mem-request velero-pod-cpu-limit velero-pod-mem-limit crds-version default-restic-prune-frequency "
    "restic-pod-cpu-request restic-pod-mem-request restic-pod-cpu-limit restic-pod-mem-limit"
)
GONE = {  # by minor version from which they are errors
    8: "crds-version",
    10: "use-restic default-volumes-to-restic default-restic-prune-frequency restic-pod-cpu-request restic-pod-mem-request restic-pod-cpu-limit "
    "restic-pod-mem-limit",
}
NEW_SWITCHES = {
    10: "use-node-agent default-volumes-to-fs-backup",
    12: "default-snapshot-move-data disable-informer-cache privileged-node-agent",
    13: "schedule-skip-immediately",
    16: "use-node-agent-windows",
    17: "node-agent-disable-host-path",
    18: "apply",
}
NEW_VALUES = {
    9: "pod-labels garbage-collection-frequency",
    10: "uploader-type default-repo-maintain-frequency node-agent-pod-cpu-request node-agent-pod-mem-request node-agent-pod-cpu-limit node-agent-pod-mem-limit",
    11: "service-account-name",
    13: "pod-volume-operation-timeout",
    14: "maintenance-job-cpu-request maintenance-job-mem-request maintenance-job-cpu-limit maintenance-job-mem-limit keep-latest-maintenance-jobs",
    15: "backup-repository-configmap repo-maintenance-job-configmap node-agent-configmap",
    16: "item-block-worker-count",
    17: "kubelet-root-dir server-priority-class-name node-agent-priority-class-name",
    18: "concurrent-backups",
}
BROKEN = "\n\nError installing Velero. Use `kubectl logs deploy/velero -n velero` to check the deploy logs: "


def minor(profile: Profile) -> int:
    return int(profile.version.split(".")[1])


def flags(profile: Profile) -> tuple[set[str], set[str]]:
    """Switches and flags with a value that this version knows."""
    have, gone = minor(profile), {name for since, names in GONE.items() if minor(profile) >= since for name in names.split()}
    switches = set(SWITCHES.split()) | {name for since, names in NEW_SWITCHES.items() if have >= since for name in names.split()}
    values = set(VALUES.split()) | {name for since, names in NEW_VALUES.items() if have >= since for name in names.split()}
    return switches - gone, values - gone


def pairs(text: str) -> Json:
    return dict(one.split("=", 1) for one in text.split(",") if one)


def wish_of(call: Call) -> install.Wish:
    given, profile = call.flags, call.profile
    content: str | None = None
    if given.get("secret-file"):
        path = Path(given["secret-file"])
        if not path.exists():
            raise Stop(f"open {path}: no such file or directory")
        content = path.read_text()
    return install.Wish(
        profile,
        provider=given["provider"],
        bucket=given.get("bucket", ""),
        prefix=given.get("prefix", ""),
        plugins=tuple(one for one in given.get("plugins", "").split(",") if one),
        namespace=call.namespace,
        credentials=content,
        config=pairs(given.get("backup-location-config", "")),
        snapshot_config=pairs(given.get("snapshot-location-config", "")) if given.get("use-volume-snapshots", "true") == "true" else None,
        agent=given.get("use-restic" if profile.agent == "restic" else "use-node-agent") == "true",
        image=given.get("image", ""),
        service_account_annotations=pairs(given.get("sa-annotations", "")),
        pod_annotations=pairs(given.get("pod-annotations", "")),
        default_location=given.get("no-default-backup-location") != "true",
        restore_only=given.get("restore-only") == "true",
        uploader=given.get("uploader-type", ""),
    )


def check(call: Call) -> None:
    given = call.flags
    if given.get("output") == "table":
        raise Stop("'table' format is not supported with 'install' command")
    if given.get("crds-only") == "true":
        return
    for name, words in (("provider", "--provider is required"), ("bucket", "--bucket is required"), ("plugins", "--plugins flag is required")):
        if not given.get(name) and not (name == "bucket" and given.get("no-default-backup-location") == "true"):
            raise Stop(words)
    if given.get("no-secret") == "true" and given.get("secret-file"):
        raise Stop("Cannot use both --secret-file and --no-secret")
    if not given.get("secret-file") and given.get("no-secret") != "true":
        raise Stop("One of --secret-file or --no-secret is required")
    if minor(call.profile) >= 17 and given.get("uploader-type") == "restic":
        raise Stop("invalid uploader type 'restic', valid upload types are: 'kopia'")


def run(call: Call) -> None:
    check(call)
    only = call.flags.get("crds-only") == "true"
    made = crds.definitions(call.profile) if only else install.objects(wish_of(call))
    dry = call.flags.get("dry-run") == "true"
    if (dry or call.flags.get("output")) and minor(call.profile) >= 18:
        call.reach()  # later ones make a client even for a dry run
    if call.flags.get("output"):
        whole = {"apiVersion": "v1", "items": made, "kind": "List"}
        call.say(json.dumps(whole, indent=2) if call.flags["output"] == "json" else yaml.safe_dump(whole, default_flow_style=False))
    if dry:
        return
    for body in made:
        if body["kind"] == "Namespace":
            call.say("Waiting for resources to be ready in cluster...")
        make(call, body)
    if call.flags.get("wait") == "true" and not only:
        call.say("Waiting for Velero deployment to be ready.")
        wait(call)
    end = "Velero is installed! ⛵ Use 'kubectl logs deployment/velero -n {}' to view the status."
    call.say(end.format(call.namespace))


def make(call: Call, body: Json) -> None:
    """What is there stays as it is; both words are printed for it."""
    name = f"{body['kind']}/{body['metadata']['name']}"
    call.say(f"{name}: attempting to create resource")
    call.say(f"{name}: attempting to create resource client")
    resource, namespace, _name, bare = next(install.keyed([body]))
    group = body["apiVersion"].rpartition("/")[0]
    start = f"/apis/{body['apiVersion']}" if group else "/api/v1"
    where = f"/namespaces/{namespace}" if namespace else ""
    path = f"{start}{where}/{resource.split('.')[0]}"
    if call.on("apply"):
        status, answer = call.ask("APPLY", f"{path}/{body['metadata']['name']}", {"fieldManager": "velero-cli", "force": "true"}, bare)
    else:
        status, answer = call.ask("POST", path, {}, bare)
    if status == 409:
        call.say(f"{name}: already exists, proceeding")
    elif status >= 300:
        raise Stop(f"{BROKEN}Error creating resource {name}: {answer.get('message') if isinstance(answer, dict) else answer}")
    call.say(f"{name}: {'applied' if call.on('apply') else 'created'}")


def wait(call: Call) -> None:
    """Available for ten seconds on end, three minutes at most."""
    calm = 0
    for _turn in range(180):
        _status, answer = call.ask("GET", f"/apis/apps/v1/namespaces/{call.namespace}/deployments/velero", {}, None)
        states = {one["type"]: one["status"] for one in (answer.get("status") or {}).get("conditions") or []}
        calm = calm + 1 if states.get("Available") == "True" else 0
        if calm > 10:
            return
        call.sleep(1.0)
    raise Stop(f"{BROKEN}timed out waiting for the condition")
