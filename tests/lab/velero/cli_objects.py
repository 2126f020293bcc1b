"""The commands `velero backup`, `restore`, `schedule` and `backup-location`, as far as tests and the recordings need them."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import gzip
from collections.abc import Callable
from typing import Any

from lab.velero.command import Call, Json, Stop, age, table, time_of
from lab.velero.core import dig, label_of, seconds_of

TERMINAL = ("Completed", "PartiallyFailed", "Failed", "FailedValidation")
LOGGED = ("Completed", "PartiallyFailed", "Failed")
WAITING = "Waiting for {0} to complete. You may safely press ctrl-c to stop waiting - your {0} will continue in the background."
DONE = "{1} completed with status: {2}. You may check for more information using the commands `velero {0} describe {3}` and `velero {0} logs {3}`.\n"
NOT_YET = 'ogs for {} "{}" are not available until it\'s finished processing'
MORE = "lease wait until the {} has a phase of Completed or Failed and try again"
DELETED = "The {} will be fully deleted after all associated data ({}) are removed."
KINDS = {"backup": ("backups", "Backup"), "restore": ("restores", "Restore"), "schedule": ("schedules", "Schedule")}


def listed(text: str) -> list[str]:
    return [one for one in text.split(",") if one]


def zero_spec(call: Call) -> Json:
    """What Go sends besides what was said."""
    spec: Json = {"metadata": {}, "hooks": {}, "ttl": go(call.flags.get("ttl", "720h0m0s" if call.profile.agent == "restic" else "0s"))}
    if call.profile.agent == "restic":
        spec.pop("metadata")
        return spec
    return {**spec, "csiSnapshotTimeout": "0s", "itemOperationTimeout": "0s"}


def go(text: str) -> str:
    """A duration as Go writes it. Raises Stop for one that it cannot read."""
    try:
        whole = int(seconds_of(text))
    except ValueError as why:
        raise Stop(f'invalid argument "{text}" for "--ttl" flag: {why}') from why
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}h{minutes}m{seconds}s" if hours else f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def backup_spec(call: Call) -> Json:
    given, spec = call.flags, zero_spec(call)
    spec["includedNamespaces"] = listed(given.get("include-namespaces", "*"))
    names = {"exclude-namespaces": "excludedNamespaces", "include-resources": "includedResources", "exclude-resources": "excludedResources"}
    spec |= {key: listed(given[flag]) for flag, key in names.items() if flag in given}
    if "selector" in given:
        spec["labelSelector"] = {"matchLabels": dict(one.split("=", 1) for one in listed(given["selector"]))}
    for flag, key in (("default-volumes-to-restic", "defaultVolumesToRestic"), ("default-volumes-to-fs-backup", "defaultVolumesToFsBackup")):
        spec |= {key: given[flag] == "true"} if flag in given else {}
    return spec | ({"storageLocation": given["storage-location"]} if "storage-location" in given else {})


def head(call: Call, kind: str, name: str) -> Json:
    meta: Json = {"name": name, "namespace": call.namespace}
    if "labels" in call.flags:
        meta["labels"] = dict(one.split("=", 1) for one in listed(call.flags["labels"]))
    return {"apiVersion": "velero.io/v1", "kind": kind, "metadata": meta}


# --- create ---
def create_backup(call: Call) -> None:
    if "from-schedule" in call.flags:
        return from_schedule(call)
    if not call.names:
        old = "A backup name is required, unless you are creating based on a schedule."
        raise Stop(old if call.profile.sdk == 1 else "a backup name is required, unless you are creating based on a schedule")
    spec = backup_spec(call)
    both = [one for one in spec.get("excludedNamespaces") or [] if one in spec["includedNamespaces"]]
    if both and call.profile.sdk == 2:
        raise Stop(f"excludes list cannot contain an item in the includes list: {both[0]}")
    if "storageLocation" in spec:
        call.call("GET", "backupstoragelocations", "BackupStorageLocation", spec["storageLocation"])
    return submit(call, "backup", {**head(call, "Backup", call.names[0]), "spec": spec, "status": {}})


def from_schedule(call: Call) -> None:
    of = call.flags["from-schedule"]
    schedule = call.call("GET", "schedules", "Schedule", of)
    call.say("Creating backup from schedule, all other filters are ignored.")
    name = call.names[0] if call.names else f"{of}-{call.now().strftime('%Y%m%d%H%M%S')}"
    body = head(call, "Backup", name)
    labels = schedule["metadata"].get("labels") or {}
    body["metadata"]["labels"] = {**labels, "velero.io/schedule-name": of}
    if call.profile.sdk == 2 and not dig(schedule, "spec", "template", "metadata", "labels"):
        shown = " ".join(f"{key}:{value}" for key, value in sorted(labels.items()))
        words = 'level=info msg="No Schedule.template.metadata.labels set - using Schedule.labels for backup object"'
        call.err.append(f'time="{call.now().strftime("%Y-%m-%dT%H:%M:%SZ")}" {words} backup={call.namespace}/{name} labels="map[{shown}]"\n')
    return submit(call, "backup", {**body, "spec": schedule["spec"]["template"], "status": {}})


def create_restore(call: Call) -> None:
    given = call.flags
    if bool(given.get("from-backup")) == bool(given.get("from-schedule")):
        raise Stop("either a backup or schedule must be specified, but not both")
    of = given.get("from-backup") or given["from-schedule"]
    kind = ("backups", "Backup") if "from-backup" in given else ("schedules", "Schedule")
    call.call("GET", kind[0], kind[1], of)
    spec: Json = {"backupName": given.get("from-backup", ""), "hooks": {}, "includedNamespaces": listed(given.get("include-namespaces", "*"))}
    spec |= {"scheduleName": given["from-schedule"]} if "from-schedule" in given else {}
    spec |= {"itemOperationTimeout": "0s", "uploaderConfig": {}} if call.profile.sdk == 2 else {}
    spec |= {"namespaceMapping": dict(one.split(":", 1) for one in listed(given["namespace-mappings"]))} if "namespace-mappings" in given else {}
    name = call.names[0] if call.names else f"{of}-{call.now().strftime('%Y%m%d%H%M%S')}"
    return submit(call, "restore", {**head(call, "Restore", name), "spec": spec, "status": {}})


def submit(call: Call, word: str, body: Json) -> None:
    plural, kind = KINDS[word]
    if "output" in call.flags:
        return call.show(kind, [body], False)
    name = body["metadata"]["name"]
    call.call("POST", plural, kind, body=body)
    call.say(f'{kind} request "{name}" submitted successfully.')
    if not call.on("wait"):
        return call.say(f"Run `velero {word} describe {name}` or `velero {word} logs {name}` for more details.")
    call.say(WAITING.format(word))
    return wait(call, word, name)


def wait(call: Call, word: str, name: str) -> None:
    """Ends with 0 whatever the phase. The old one waits for a change: of a phase that it found final it never hears again."""
    plural, kind = KINDS[word]
    call.sleep(0.02)
    first, ticks = dig(call.call("GET", plural, kind, name), "status", "phase"), 0.0
    deaf = call.profile.sdk == 1 and first in TERMINAL
    while True:
        phase = dig(call.call("GET", plural, kind, name), "status", "phase")
        if phase in TERMINAL and not deaf:
            return call.say("\n" + DONE.format(word, kind, phase, name).rstrip("\n"))
        call.sleep(0.05)
        ticks += 0.05
        if ticks >= 1.0:
            ticks = 0.0
            call.dot()


# --- get ---
def chosen(call: Call, word: str) -> list[Json]:
    plural, kind = KINDS.get(word, ("backupstoragelocations", "BackupStorageLocation"))
    if call.names:
        return [call.call("GET", plural, kind, name) for name in call.names]
    query = {"labelSelector": call.flags["selector"]} if "selector" in call.flags else {}
    found = list(call.call("GET", plural, kind, query=query)["items"])
    if word == "backup":
        readable(call, found)
    return found


OLD_DECODER = "v1.BackupList.ListMeta: v1.ListMeta.TypeMeta: Kind: Items: []v1.Backup: v1.Backup.Spec: v1.BackupSpec.TTL: unmarshalerDecoder: "


def readable(call: Call, found: list[Json]) -> None:
    for body in found:
        for name in ("ttl", "csiSnapshotTimeout", "itemOperationTimeout"):
            try:
                seconds_of(str(dig(body, "spec", name) or "0"))
            except ValueError as why:
                raise Stop(f"{OLD_DECODER if call.profile.sdk == 1 else ''}{why}") from why


def selector(body: Json) -> str:
    return ",".join(f"{key}={value}" for key, value in (dig(body, "spec", "labelSelector", "matchLabels") or {}).items()) or "<none>"


def backup_row(call: Call, body: Json) -> list[str]:
    status = body.get("status") or {}
    ends = status.get("expiration")
    left = age(stamp(ends) - call.now().timestamp()) if ends else "n/a"
    if not ends and call.profile.sdk == 1:
        left = age(seconds_of(dig(body, "spec", "ttl") or "0") - 1)
    phase = "Deleting" if body["metadata"].get("deletionTimestamp") else status.get("phase") or "New"
    counts = [str(status.get("errors") or 0), str(status.get("warnings") or 0)]
    more = [str(status.get("queuePosition") or "")] if call.profile.queued else []
    where = dig(body, "spec", "storageLocation") or ""
    return [body["metadata"]["name"], phase, *counts, time_of(status.get("startTimestamp")), left, where, *more, selector(body)]


def stamp(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def restore_row(call: Call, body: Json) -> list[str]:
    status = body.get("status") or {}
    times = [time_of(status.get("startTimestamp")), time_of(status.get("completionTimestamp"))]
    counts = [str(status.get("errors") or 0), str(status.get("warnings") or 0)]
    made = time_of(body["metadata"]["creationTimestamp"])
    return [body["metadata"]["name"], dig(body, "spec", "backupName") or "", status.get("phase") or "New", *times, *counts, made, selector(body)]


def schedule_row(call: Call, body: Json) -> list[str]:
    status, spec = body.get("status") or {}, body["spec"]
    last = status.get("lastBackup")
    ago = f"{age(call.now().timestamp() - stamp(last))} ago" if last else "n/a"
    row = [body["metadata"]["name"], status.get("phase") or "New", time_of(body["metadata"]["creationTimestamp"]), spec["schedule"]]
    row += [dig(spec, "template", "ttl") or "0s", ago, selector({"spec": spec.get("template")})]
    return row + ([str(bool(spec.get("paused"))).lower()] if call.profile.sdk == 2 else [])


def location_row(call: Call, body: Json) -> list[str]:
    spec, status = body["spec"], body.get("status") or {}
    where = spec["objectStorage"]["bucket"] + (f"/{spec['objectStorage']['prefix']}" if spec["objectStorage"].get("prefix") else "")
    seen = time_of(status.get("lastValidationTime")) if status.get("lastValidationTime") else "Unknown"
    mode = spec.get("accessMode") or "ReadWrite"
    default = "true" if spec.get("default") else ""
    return [body["metadata"]["name"], spec["provider"], where, status.get("phase") or "Unknown", seen, mode, default]


HEADS = {
    "backup": "NAME|STATUS|ERRORS|WARNINGS|CREATED|EXPIRES|STORAGE LOCATION|SELECTOR",
    "restore": "NAME|BACKUP|STATUS|STARTED|COMPLETED|ERRORS|WARNINGS|CREATED|SELECTOR",
    "schedule": "NAME|STATUS|CREATED|SCHEDULE|BACKUP TTL|LAST BACKUP|SELECTOR",
    "backup-location": "NAME|PROVIDER|BUCKET/PREFIX|PHASE|LAST VALIDATED|ACCESS MODE|DEFAULT",
}
ROWS = {"backup": backup_row, "restore": restore_row, "schedule": schedule_row, "backup-location": location_row}


def get(call: Call) -> None:
    word = call.words[0]
    found = chosen(call, word)
    if "output" in call.flags:
        found = [{**body, "spec": {key: value for key, value in body["spec"].items() if value != {} or key != "config"}} for body in found]
        return call.show(KINDS.get(word, ("", "BackupStorageLocation"))[1], found, True)
    if not found:
        return None
    columns = HEADS[word].split("|")
    if word == "backup" and call.profile.queued:
        columns.insert(-1, "QUEUE POSITION")
    if word == "schedule" and call.profile.sdk == 2:
        columns.append("PAUSED")
    return call.say(table([columns, *(ROWS[word](call, body) for body in found)]))


# --- logs, delete, schedules ---
def logs(call: Call) -> None:
    word, name = call.words[0], call.names[0]
    plural, kind = KINDS[word]
    try:
        body = call.find(plural, kind, name)
    except Stop as why:
        if call.profile.sdk == 1:
            raise Plain(f'{kind} "{name}" does not exist.') from why
        raise Stop(f'error checking for {word} "{name}": {why}') from why
    if body is None:
        raise Plain(f'{kind} "{name}" does not exist.') if call.profile.sdk == 1 or word == "restore" else Stop(f'{word} "{name}" does not exist')
    if dig(body, "status", "phase") not in LOGGED:
        if call.profile.sdk == 1 or word == "restore":
            raise Plain(f"L{NOT_YET.format(word, name)}. P{MORE.format(word)}.")
        raise Stop(f"l{NOT_YET.format(word, name)}, p{MORE.format(word)}")
    call.out.append(gzip.decompress(download(call, f"{kind}Log", name)).decode())


class Plain(Exception):
    """Exit code 1, and the words without the usual beginning."""


def download(call: Call, kind: str, name: str) -> bytes:
    body = {**head(call, "DownloadRequest", f"{name}-{call.now().strftime('%Y%m%d%H%M%S')}"), "spec": {"target": {"kind": kind, "name": name}}}
    made = call.call("POST", "downloadrequests", "DownloadRequest", body=body)
    for _turn in range(int(seconds_of(call.flags.get("timeout", "1m")) * 20)):
        found = call.call("GET", "downloadrequests", "DownloadRequest", made["metadata"]["name"])
        if dig(found, "status", "downloadURL"):
            return call.fetch(found["status"]["downloadURL"])
        call.sleep(0.05)
    raise Stop("timed out waiting for download URL")


def download_backup(call: Call) -> None:
    name = call.names[0]
    call.call("GET", "backups", "Backup", name)
    data = download(call, "BackupContents", name)
    target = call.flags.get("output", f"{name}-data.tar.gz")
    with open(target, "wb") as file:
        file.write(data)
    call.say(f"Backup {name} has been successfully downloaded to {target}")


def delete(call: Call) -> None:
    word, name = call.words[0], call.names[0]
    plural, kind = KINDS[word]
    if not call.on("confirm"):
        call.err.append("error reading user input: EOF\n")
        return call.out.append("Are you sure you want to continue (Y/N)? ")
    try:
        found = call.find(plural, kind, name)
    except Stop:
        found = None
    if found is None:
        if word == "restore" and call.profile.sdk == 2:
            call.say(f'errs:  [{plural}.velero.io "{name}" not found]')
            raise Stop(f'{plural}.velero.io "{name}" not found')
        return call.say(f"No {plural} found")
    return REMOVE[word](call, found)


def delete_backup(call: Call, found: Json) -> None:
    name = found["metadata"]["name"]
    labels = {"velero.io/backup-name": label_of(name), "velero.io/backup-uid": found["metadata"]["uid"]}
    meta = {"generateName": f"{name}-", "namespace": call.namespace, "labels": labels}
    body = {"apiVersion": "velero.io/v1", "kind": "DeleteBackupRequest", "metadata": meta, "spec": {"backupName": name}, "status": {}}
    call.call("POST", "deletebackuprequests", "DeleteBackupRequest", body=body)
    call.say(f'Request to delete backup "{name}" submitted successfully.')
    call.say(DELETED.format("backup", "disk snapshots, backup files, restores"))


def delete_restore(call: Call, found: Json) -> None:
    name = found["metadata"]["name"]
    call.call("DELETE", "restores", "Restore", name)
    if call.profile.sdk == 1:
        return call.say(f'Restore "{name}" deleted')
    call.say(f'Request to delete restore "{name}" submitted successfully.')
    return call.say(DELETED.format("restore", "restore files in object storage"))


def delete_schedule(call: Call, found: Json) -> None:
    call.call("DELETE", "schedules", "Schedule", found["metadata"]["name"])
    call.say(f"Schedule deleted: {found['metadata']['name']}")


REMOVE: dict[str, Callable[[Call, Json], None]] = {"backup": delete_backup, "restore": delete_restore, "schedule": delete_schedule}


def create_schedule(call: Call) -> None:
    spec: Json = {"schedule": call.flags["schedule"], "template": backup_spec(call), "useOwnerReferencesInBackup": False}
    if call.profile.sdk == 2:
        spec["skipImmediately"] = False
    call.call("POST", "schedules", "Schedule", body={**head(call, "Schedule", call.names[0]), "spec": spec, "status": {}})
    call.say(f'Schedule "{call.names[0]}" created successfully.')


def pause(call: Call) -> None:
    held = call.words[1] == "pause"
    for name in call.names:
        body: Any = {"spec": {"paused": held or None, "skipImmediately": None}}
        call.call("PATCH", "schedules", "Schedule", name, body=body)
        call.say(f"Schedule {name} {'paused' if held else 'unpaused'} successfully")


def create_location(call: Call) -> None:
    given = call.flags
    spec: Json = {"provider": given["provider"], "objectStorage": {"bucket": given["bucket"]}}
    spec |= {"config": dict(one.split("=", 1) for one in listed(given["config"]))} if "config" in given else {}
    call.call(
        "POST", "backupstoragelocations", "BackupStorageLocation", body={**head(call, "BackupStorageLocation", call.names[0]), "spec": spec, "status": {}}
    )
    call.say(f'Backup storage location "{call.names[0]}" configured successfully.')
