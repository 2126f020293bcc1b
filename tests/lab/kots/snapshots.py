"""Instance snapshots: Velero's Backup and Restore objects as kotsadm makes and reads them."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import hashlib
import json
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.kots.model import Answer, Json

if TYPE_CHECKING:
    from lab.kots.world import KotsWorld

BACKUPS, RESTORES, DELETES = "backups.velero.io", "restores.velero.io", "deletebackuprequests.velero.io"
ENDED = {"Completed", "PartiallyFailed", "Failed", "FailedValidation"}
LETTERS = "bcdfghjklmnpqrstvwxz2456789"
LOGS = 60.0  # how long logs of an unknown backup are waited for
UNDEPLOY, POLL = 2.0, 1.0
HOURS = {"seconds": 1 / 3600, "minutes": 1 / 60, "hours": 1, "days": 24, "weeks": 168, "months": 720, "years": 8766}


# --- rights ---
def cluster_wide(world: "KotsWorld") -> bool:
    found = world.state.objects.get(("clusterrolebindings.rbac.authorization.k8s.io", "", "kotsadm-rolebinding"))
    wanted = {"kind": "ServiceAccount", "name": "kotsadm", "namespace": world.namespace}
    return any(wanted.items() <= one.items() for one in (found or {}).get("subjects") or ())


def access(world: "KotsWorld") -> bool:
    """Decided by names alone: the cluster's binding, or what `velero ensure-permissions` makes (the latter is not recorded)."""
    if cluster_wide(world):
        return True
    found = world.state.objects.get(("configmaps", world.namespace, "kotsadm-velero-namespace")) or {}
    there = (found.get("data") or {}).get("veleroNamespace", "")
    return bool(there) and ("rolebindings.rbac.authorization.k8s.io", there, "kotsadm-rolebinding") in world.state.objects


def refusal(world: "KotsWorld") -> Answer | None:
    if access(world):
        return None
    told = {"success": False, "error": "kotsadm does not have access to velero", "kotsadmNamespace": world.namespace, "kotsadmRequiresVeleroAccess": True}
    return Answer(409, told)


# --- backups ---
def of(world: "KotsWorld") -> list[Json]:
    """All instance backups, in no order that anybody could rely on."""
    found = [body for (kind, namespace, _name), body in world.state.objects.items() if (kind, namespace) == (BACKUPS, world.velero_namespace)]
    mine = [body for body in found if (body["metadata"].get("annotations") or {}).get("kots.io/instance") == "true"]
    return sorted(mine, key=lambda body: hashlib.sha256(body["metadata"]["name"].encode()).digest())


def phase(body: Json) -> str:
    return str((body.get("status") or {}).get("phase", ""))


def unfinished(body: Json) -> bool:
    return phase(body) not in ENDED


def status(body: Json) -> str:
    here = phase(body)
    return here if here in ("Completed", "Deleting") else "Failed" if here in ENDED else "InProgress"


def volumes(world: "KotsWorld", name: str) -> list[Json]:
    everything = world.state.objects.items()
    held = [body for (kind, namespace, _name), body in everything if (kind, namespace) == ("podvolumebackups.velero.io", world.velero_namespace)]
    return [body for body in held if (body["metadata"].get("labels") or {}).get("velero.io/backup-name") == name]


def human(size: int) -> str:
    number, units = float(size), iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while number >= 1000 and unit != "TB":
        number, unit = number / 1000, next(units)
    return f"{number:.0f}{unit}" if unit == "B" else f"{number:.1f}{unit}"


def shown(world: "KotsWorld", body: Json) -> Json:
    notes, told = body["metadata"].get("annotations") or {}, body.get("status") or {}
    out: Json = {"name": body["metadata"]["name"], "status": status(body), "trigger": notes.get("kots.io/snapshot-trigger", ""), "appID": "", "sequence": 0}
    for name, theirs in (("startedAt", "startTimestamp"), ("finishedAt", "completionTimestamp"), ("expiresAt", "expiration")):
        if told.get(theirs):
            out[name] = told[theirs]
    if world.profile.parts:
        out |= {"expectedBackupCount": 1, "backupCount": 1}
    held = volumes(world, out["name"])
    size = sum(int(((one.get("status") or {}).get("progress") or {}).get("bytesDone", 0)) for one in held)
    done = sum((one.get("status") or {}).get("phase") == "Completed" for one in held)
    return {**out, "volumeCount": len(held), "volumeSuccessCount": done, "volumeBytes": size, "volumeSizeHuman": human(size)}


def listed(world: "KotsWorld", body: Json, query: Json) -> Answer:
    return Answer(200, {"backups": [shown(world, one) for one in of(world)]})


def find(world: "KotsWorld", name: str) -> Json | None:
    return world.state.objects.get((BACKUPS, world.velero_namespace, name))


def one(world: "KotsWorld", body: Json, query: Json, name: str) -> Answer:
    found = find(world, name)
    if found is None:
        return Answer(500, {"backupDetails": None, "backup": None, "success": False, "error": "failed to get backup detail"})
    told = shown(world, found)
    detail = {"name": name, "type": "legacy", "status": told["status"], "volumeSizeHuman": told["volumeSizeHuman"]}
    detail |= {"namespaces": found["spec"].get("includedNamespaces", []), "hooks": [], "volumes": [], "errors": [], "warnings": []}
    return Answer(200, {"backupDetails": [detail], "backup": told, "success": True})


def logs(world: "KotsWorld", body: Json, query: Json, name: str) -> Answer:
    """Waited for a minute when there are none; then 200 and empty."""
    found = find(world, name)
    if found is None or unfinished(found):
        return Answer(200, "", "text/plain", after=LOGS)
    at = (found.get("status") or {}).get("startTimestamp", "")
    return Answer(200, f'time="{at}" level=info msg="Setting up backup temp file" backup={world.velero_namespace}/{name}\n', "text/plain")


def backup(world: "KotsWorld", body: Json, query: Json) -> Answer:
    """Never refuses because another one runs."""
    no = refusal(world)
    if no is not None:
        return no
    if ("backupstoragelocations.velero.io", world.velero_namespace, "default") not in world.state.objects:
        return Answer(500, {"success": False, "error": "failed to create instance backup"})
    return Answer(200, {"success": True, "backupName": make(world, "manual")})


def make(world: "KotsWorld", trigger: str) -> str:
    """A Backup object with all that marks an instance backup; its name."""
    deployed = {slug: app for slug, app in world.apps.items() if app.current >= 0}
    labels = {slug: next(one.label for one in app.versions if one.sequence == app.current) for slug, app in deployed.items()}
    stateful = world.state.objects.get(("statefulsets.apps", world.namespace, "kotsadm")) or {}
    containers = (stateful.get("spec") or {}).get("template", {}).get("spec", {}).get("containers") or [{"image": ""}]
    notes = {
        "kots.io/apps-sequences": json.dumps({slug: app.current for slug, app in deployed.items()}, separators=(",", ":")),
        "kots.io/instance": "true",
        "kots.io/is-airgap": "false",
        "kots.io/kotsadm-deploy-namespace": world.namespace,
        "kots.io/kotsadm-image": containers[0]["image"],
        "kots.io/snapshot-requested": world.state.stamp(),
        "kots.io/snapshot-trigger": trigger,
    }
    if world.profile.versions_noted:
        notes["kots.io/apps-versions"] = json.dumps(labels, separators=(",", ":"))
    chosen = {"matchLabels": {"kots.io/backup": "velero"}}
    spaces = list(dict.fromkeys([world.namespace, *(space for app in world.apps.values() for space in app.namespaces)]))
    spec: Json = {
        "csiSnapshotTimeout": "0s",
        "hooks": {},
        "includeClusterResources": True,
        "includedNamespaces": spaces,
        "itemOperationTimeout": "0s",
        "metadata": {},
    }
    spec |= {"orLabelSelectors": [chosen]} if world.profile.selectors else {"labelSelector": chosen}
    spec |= {"storageLocation": "default", "ttl": ttl(world)}
    name = fresh(world)
    body = {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "metadata": {"generateName": "instance-", "annotations": notes, "generation": 1},
        "spec": spec,
        "status": {},
    }
    world.state.put(BACKUPS, world.velero_namespace, name, body)
    return name


def fresh(world: "KotsWorld") -> str:
    dice = random.Random(f"{world.state.version} {world.numbers}")
    world.numbers += 1
    return "instance-" + "".join(dice.choice(LETTERS) for _turn in range(5))


def ttl(world: "KotsWorld") -> str:
    value, unit = world.retention
    return f"{int(float(value) * HOURS[unit])}h0m0s" if value else "720h0m0s"


def delete(world: "KotsWorld", body: Json, query: Json, name: str) -> Answer:
    """A request with the backup's own name, also for one that is not there; it fails while an old request stands."""
    if (DELETES, world.velero_namespace, name) in world.state.objects:
        return Answer(500, {"success": False, "error": "failed to delete backup"})
    body = {"apiVersion": "velero.io/v1", "kind": "DeleteBackupRequest", "metadata": {"generation": 1}, "spec": {"backupName": name}, "status": {}}
    world.state.put(DELETES, world.velero_namespace, name, body)
    return Answer(200, {"success": True})


# --- restores of applications ---
def slugs(world: "KotsWorld", found: Json, body: Json, everything: str) -> Iterator[str]:
    """Those that are asked for and known to the backup; of an unknown one nothing is said."""
    held = json.loads((found["metadata"].get("annotations") or {}).get("kots.io/apps-sequences", "{}"))
    return (slug for slug in held if (body.get(everything) or slug in (body.get("appSlugs") or ())) and slug in world.apps)


def restore_apps(world: "KotsWorld", body: Json, query: Json, name: str) -> Answer:
    found = find(world, name)
    if found is None:
        return Answer(500, {"success": False, "error": "failed to find backup"})
    for slug in slugs(world, found, body, "restoreAll"):
        world.restores.add((name, slug))
        world.state.remove(RESTORES, world.velero_namespace, f"{name}.{slug}")
        world.state.clock.after(UNDEPLOY, lambda slug=slug, found=found: _undeploy(world, found, slug))  # type: ignore[misc]
    return Answer(200, {"success": True})


def _undeploy(world: "KotsWorld", found: Json, slug: str) -> None:
    """The application goes, its volumes with it; then it is asked back."""
    spaces = set(found["spec"].get("includedNamespaces") or ())
    for resource, namespace, name in list(world.state.objects):
        held = world.state.objects.get((resource, namespace, name)) or {"metadata": {}}  # what goes may take others along
        labels = held["metadata"].get("labels") or {}
        if namespace in spaces and labels.get("kots.io/app-slug") == slug:
            world.state.remove(resource, namespace, name)
    backup = found["metadata"]["name"]
    spec = {"backupName": backup, "restorePVs": True, "includeClusterResources": True, "labelSelector": {"matchLabels": {"kots.io/app-slug": slug}}}
    body = {"apiVersion": "velero.io/v1", "kind": "Restore", "metadata": {"annotations": {"kots.io/instance": "true"}}, "spec": spec, "status": {}}
    world.state.put(RESTORES, world.velero_namespace, f"{backup}.{slug}", body)
    world.state.clock.after(POLL, lambda: _poll(world, backup, slug))


def _poll(world: "KotsWorld", backup: str, slug: str) -> None:
    held = world.state.objects.get((RESTORES, world.velero_namespace, f"{backup}.{slug}"))
    if held is None or phase(held) in ENDED:
        world.restores.discard((backup, slug))
        return
    world.state.clock.after(POLL, lambda: _poll(world, backup, slug))


def restore_status(world: "KotsWorld", body: Json, query: Json, name: str) -> Answer:
    found = find(world, name)
    if found is None:
        return Answer(500, {"success": False, "error": "failed to find backup"})
    told = []
    for slug in slugs(world, found, body, "checkAll"):
        held = (world.state.objects.get((RESTORES, world.velero_namespace, f"{name}.{slug}")) or {}).get("status") or {}
        detail = {"name": f"{name}.{slug}", "phase": held.get("phase") or "New", "volumes": [], "errors": [], "warnings": []}
        told.append({"appSlug": slug, "restoreDetail": detail})
    return Answer(200, {"statuses": told})
