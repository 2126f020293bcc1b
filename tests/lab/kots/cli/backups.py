"""backup, backup ls, restore, restore ls, get backups, get restores."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.kots.cli import tables
from lab.kots.cli.run import Failed, Json, Run

NOTES = ("kots.io/instance", "kots.io/kotsadm-image", "kots.io/kotsadm-deploy-namespace")
BAD = {"Failed", "PartiallyFailed", "FailedValidation"}
MINE = ("statefulsets", "deployments", "daemonsets", "replicasets")
CORE = ("pods", "services", "secrets", "configmaps", "serviceaccounts")
RBAC = ("Velero Namespace Access Required", "The console runs with minimal rights, in its own namespace only; give it those it needs in Velero's:")


# --- backup ---
def backup(run: Run) -> None:
    run.quiet = run.flags.get("output") == "json"
    try:
        name = _backup(run)
    except Failed as fault:
        text = fault.text if fault.text.startswith("unable to access velero") else f"failed to create instance backup: {fault.text}"
        if not run.quiet:
            raise Failed(text, fault.code) from None
        run.told({"success": False, "error": text})
        return
    if run.quiet and name:
        run.told({"success": True, "backupName": name})


def _backup(run: Run) -> str:
    run.action("Connecting to cluster")
    try:
        run.forward()
        run.authorize()
    except Failed:
        run.finish(False)
        raise
    run.finish()
    run.action("Creating Backup")
    status, body = run.ask("POST", "/api/v1/snapshot/backup")
    if status == 409:
        if run.quiet:
            raise Failed("unable to access velero due to minimal RBAC privileges")
        run.finish(False)
        run.line(RBAC[0])
        run.line(f"{RBAC[1]}\n\n    kubectl kots velero ensure-permissions --namespace {run.namespace} --velero-namespace <velero-namespace>\n\n")
        return ""
    if status != 200 or not body.get("success"):
        run.finish(False)
        raise Failed(f"unexpected status code from {status}: {body.get('error', '') if isinstance(body, dict) else body}")
    name = str(body["backupName"])
    if run.flags.get("wait", "true") == "false":
        run.finish()
        run.line(f"Backup is in progress. Backup name is {name}")
        return name
    _wait(run, name)
    return name


def _wait(run: Run, name: str) -> None:
    space = run.velero()
    while True:
        _status, body = run.get(f"/apis/velero.io/v1/namespaces/{space}/backups/{name}")
        told = body.get("status") or {}
        phase = told.get("phase", "") if body.get("kind") == "Backup" else ""
        if phase == "Completed":
            run.finish()
            run.line(f"Backup completed successfully. Backup name is {name}")
            return
        if phase in BAD:
            run.finish(False)
            text = f"backup failed with {told.get('errors', 0)} errors and {told.get('warnings', 0)} warnings."
            run.line(text)
            raise Failed(f"{text}: backup failed")
        run.cluster.sleep(1)


# --- lists ---
def listed(run: Run, plural: str) -> list[Json]:
    space = run.velero()
    if not space:
        raise Failed("velero not found")
    _status, body = run.get(f"/apis/velero.io/v1/namespaces/{space}/{plural}")
    found = [item for item in body.get("items") or () if (item["metadata"].get("annotations") or {}).get("kots.io/instance") == "true"]
    if run.profile.old and not run.flags.get("namespace"):
        return found
    return [item for item in found if (item["metadata"].get("annotations") or {}).get(NOTES[2]) == run.namespace]


def backups(run: Run) -> None:
    try:
        found = listed(run, "backups")
    except Failed as fault:
        raise Failed(f"{_get(run, 'backups')}failed to list instance backups: {'' if run.profile.old else 'failed to get backup list: '}{fault.text}") from None
    rows = [tables.backup(item, run.cluster.wall()) for item in found]
    show(run, "Backup", found, tables.table(tables.BACKUPS, rows))


def restores(run: Run) -> None:
    try:
        found = listed(run, "restores")
    except Failed as fault:
        raise Failed(f"{_get(run, 'restores')}failed to list instance restores: {fault.text}") from None
    show(run, "Restore", found, tables.table(tables.RESTORES, [tables.restore(item) for item in found]))


def _get(run: Run, what: str) -> str:
    return f"failed to get {what}: " if run.profile.old and run.argv[:1] == ["get"] else ""


def show(run: Run, kind: str, found: list[Json], text: str) -> None:
    if run.flags.get("output") == "json":
        empty = {"hooks": {}, "metadata": {}} if kind == "Backup" else {"hooks": {}}  # what is not set is shown all the same
        run.told([{"kind": kind, "apiVersion": "velero.io/v1", **item, "spec": {**empty, **item["spec"]}} for item in found])  # type: ignore[arg-type]
    else:
        run.print(text)


# --- restore ---
def restore(run: Run) -> None:
    run.quiet = run.flags.get("output") == "json"
    name = run.flags.get("from-backup", "")
    if not name:
        run.out.write("a backup name must be provided via the '--from-backup' flag\n")
        raise Failed("", bare=True)
    try:
        _restore(run, name)
    except Failed as fault:
        text = f"failed to restore instance backup: {fault.text}"
        if not run.quiet:
            raise Failed(text) from None
        run.told({"success": False, "error": text})
        return
    if run.quiet:
        run.told({"success": True})


def _restore(run: Run, name: str) -> None:
    space = run.velero()
    if not space:
        raise Failed("velero not found")
    status, body = run.get(f"/apis/velero.io/v1/namespaces/{space}/backups/{name}")
    if status != 200:
        raise Failed(f"failed to find backup: {body.get('message', '')}")
    notes = body["metadata"].get("annotations") or {}
    if (body.get("status") or {}).get("phase") != "Completed" or any(not notes.get(note) for note in NOTES):
        return  # meant as an error; it is lost on the way, and counts as success
    run.flags["namespace"] = notes[NOTES[2]]
    console = run.flags.get("exclude-admin-console") != "true"
    if console:
        _console(run, space, name, {note: notes[note] for note in NOTES})
    if run.flags.get("exclude-apps") == "true":
        run.finish()
        run.line("Admin Console restored successfully.")
        return
    if console:
        run.finish()
    run.action("Restoring Applications")
    _apps(run, name)
    run.finish()
    run.line("Restore completed successfully.")


def _console(run: Run, space: str, backup: str, notes: dict[str, str]) -> None:
    """The console is deleted before anybody knows whether it can come back."""
    run.action("Deleting Admin Console")
    delete_console(run)
    run.finish()
    run.action("Restoring Admin Console")
    path, name = f"/apis/velero.io/v1/namespaces/{space}/restores", f"{backup}.kotsadm"
    run.cluster.kube("DELETE", f"{path}/{name}")
    spec = {
        "backupName": backup,
        "hooks": {},
        "includeClusterResources": True,
        "labelSelector": {"matchLabels": {"kots.io/kotsadm": "true"}},
        "restorePVs": True,
    }
    if not run.profile.old:
        spec["itemOperationTimeout"] = "0s"
    meta = {"name": name, "namespace": space, "annotations": notes}
    body = {"apiVersion": "velero.io/v1", "kind": "Restore", "metadata": meta, "spec": spec, "status": {}}
    status, answer = run.cluster.kube("POST", path, None, body)
    if status >= 300:
        raise Failed(f"failed to create restore: {answer.get('message', '')}")
    while True:
        _status, held = run.get(f"{path}/{name}")
        phase = (held.get("status") or {}).get("phase", "")
        if phase == "Completed":
            break
        if phase in BAD:
            run.finish(False)
            told = held["status"]
            raise Failed(f"restore failed with {told.get('errors', 0)} errors and {told.get('warnings', 0)} warnings.: restore failed")
        run.cluster.sleep(1)


def delete_console(run: Run) -> None:
    chosen = {"labelSelector": "kots.io/kotsadm=true"}
    paths = [f"/apis/apps/v1/namespaces/{run.namespace}/{kind}" for kind in MINE] + [f"/api/v1/namespaces/{run.namespace}/{kind}" for kind in CORE]
    for path in paths:
        status, body = run.get(path, chosen)
        for item in body.get("items") or () if status == 200 else ():
            run.cluster.kube("DELETE", f"{path}/{item['metadata']['name']}")
    while True:
        status, body = run.get(f"/api/v1/namespaces/{run.namespace}/pods", chosen)
        if status != 200 or not body.get("items"):
            return
        run.cluster.sleep(1)


def _apps(run: Run, name: str) -> None:
    while True:  # ten minutes are meant; a console that is not there is waited for longer
        try:
            run.forward()
            break
        except Failed:
            run.cluster.sleep(2)
    run.authorize()
    status, body = run.ask("POST", f"/api/v1/snapshot/{name}/restore-apps", {"restoreAll": True})
    if status != 200 or not body.get("success"):
        raise Failed(f"failed to restore apps: {body.get('error', '') if isinstance(body, dict) else body}")
    while run.flags.get("wait-for-apps", "true") != "false":
        status, body = run.ask("POST", f"/api/v1/snapshot/{name}/apps-restore-status", {"checkAll": True})
        phases: dict[str, Any] = {one["appSlug"]: one["restoreDetail"]["phase"] for one in body["statuses"]} if status == 200 else {}
        bad = [slug for slug, phase in phases.items() if phase in BAD]
        if bad:
            run.finish(False)
            raise Failed(f"failed to restore app {bad[0]}")
        if all(phase == "Completed" for phase in phases.values()):
            return
        run.cluster.sleep(2)
