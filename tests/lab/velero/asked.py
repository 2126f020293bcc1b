"""DownloadRequests (a signed URL, or never one), ServerStatusRequests, and Schedules with their cron."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from datetime import datetime, timedelta
from typing import Any

from lab.velero import files
from lab.velero.core import Core, Json, Plain, Work, dig, label_of, seconds_of
from lab.velero.locations import bucket_of, prefix_of

PLUGINS = {"aws": ("ObjectStore", "VolumeSnapshotter"), "gcp": ("ObjectStore", "VolumeSnapshotter"), "azure": ("ObjectStore", "VolumeSnapshotter")}
OWN_PLUGINS = ("crd-remap-version", "pod", "pv", "service-account")
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
WORDS = {"@yearly": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *"}


class Requests:
    def __init__(self, core: Core) -> None:
        self.core = core

    def begin(self) -> None:
        for plural in ("downloadrequests", "serverstatusrequests"):
            for body in self.core.all(plural):
                self.made(plural, body)

    def made(self, plural: str, body: Json) -> None:
        if dig(body, "status", "phase") != "Processed":
            work = self._link if plural == "downloadrequests" else self._answer
            self.core.spawn(work(body["metadata"]["name"], body["metadata"]["uid"], body), 0.05)

    def _link(self, name: str, uid: str, body: Json) -> Work:
        """What is not known never gets a URL, nor an error."""
        core, left = self.core, 600.0
        core.report("downloadrequests", name, uid, expiration=core.state.stamp(600.0))
        while left > 0:
            url = self._url(body["spec"]["target"])
            if url:
                core.report("downloadrequests", name, uid, phase="Processed", downloadURL=url, expiration=core.state.stamp(600.0))
                break
            left -= 1.0
            yield 1.0
        yield max(left, 600.0)
        if core.find("downloadrequests", name, uid):
            core.remove("downloadrequests", name)

    def _url(self, target: Json) -> str:
        core, kind, name = self.core, target["kind"], target["name"]
        backup: Json | None = None
        if kind.startswith("Restore"):
            restore = core.find("restores", name)
            backup = core.find("backups", dig(restore, "spec", "backupName") or "") if restore else None
        else:
            backup = core.find("backups", name)
        location = core.location(dig(backup, "spec", "storageLocation") or "") if backup else None
        if location is None or kind not in core.profile.download_kinds:
            return ""
        try:
            return core.open(location).link(bucket_of(location), prefix_of(location) + files.WHERE[kind].format(name))
        except Plain:
            return ""

    def _answer(self, name: str, uid: str, body: Json) -> Work:
        core = self.core
        found = [{"kind": "BackupItemAction", "name": f"velero.io/{one}"} for one in OWN_PLUGINS]
        found += [{"kind": kind, "name": f"velero.io/{provider}"} for provider in core.providers for kind in PLUGINS[provider]]
        version, stamp = f"v{core.profile.version}", core.state.stamp()
        core.report("serverstatusrequests", name, uid, phase="Processed", plugins=found, serverVersion=version, processedTimestamp=stamp)
        yield 60.0
        if core.find("serverstatusrequests", name, uid):
            core.remove("serverstatusrequests", name)


class BadCron(Exception):
    """In the words of the library that reads it."""


def numbers(text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _slash, step = part.partition("/")
        first, _dash, last = (str(low), "", str(high)) if span in ("*", "?") else span.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise BadCron(f"Failed to parse int from {first}: strconv.Atoi: parsing {first!r}: invalid syntax".replace("'", '"'))
        end = int(last) if last else (high if step else int(first))
        if end > high:
            raise BadCron(f"End of range ({end}) above maximum ({high}): {part}")
        if int(first) < low:
            raise BadCron(f"Beginning of range ({first}) below minimum ({low}): {part}")
        found |= set(range(int(first), end + 1, int(step or 1)))
    return found


class Cron:
    """Five fields, @daily and its like, @every. Raises BadCron."""

    def __init__(self, text: str) -> None:
        self.every = 0.0
        if text.startswith("@every "):
            self.every = seconds_of(text.split(" ", 1)[1])
            return
        parts = WORDS.get(text, text).split()
        if len(parts) != 5:
            raise BadCron(f"Expected exactly 5 fields, found {len(parts)}: {text}")
        self.fields = [numbers(part, low, high) for part, (low, high) in zip(parts, LIMITS, strict=True)]
        self.any_day = parts[2] in ("*", "?") or parts[4] in ("*", "?")

    def after(self, when: datetime) -> datetime:
        if self.every:
            return when + timedelta(seconds=self.every)
        now = when.replace(second=0, microsecond=0) + timedelta(minutes=1)
        for _minute in range(366 * 24 * 60):
            if self._fits(now):
                return now
            now += timedelta(minutes=1)
        raise BadCron("never")

    def _fits(self, now: datetime) -> bool:
        minute, hour, day, month, weekday = self.fields
        if now.minute not in minute or now.hour not in hour or now.month not in month:
            return False
        right = (now.day in day, (now.weekday() + 1) % 7 in weekday)
        return all(right) if self.any_day else any(right)


class Schedules:
    """Looked at once a minute. With 1.6.3 a new one runs at once; later ones wait for its first time."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.seen: dict[str, datetime] = {}

    def begin(self) -> None:
        self.core.every(60.0, self.look, 60.0)
        for body in self.core.all("schedules"):
            self.changed(body)

    def changed(self, body: Json) -> None:
        def work() -> Work:
            self._check(body["metadata"]["name"])
            yield 0.0

        if dig(body, "status", "phase") in (None, "", "New"):
            self.core.spawn(work())

    def _check(self, name: str) -> None:
        body = self.core.find("schedules", name)
        if body is None:
            return
        body["spec"].setdefault("useOwnerReferencesInBackup", False)
        if self.core.profile.says_why:
            body["spec"].setdefault("skipImmediately", False)
        try:
            Cron(body["spec"]["schedule"])
        except BadCron as why:
            body["status"] = {"phase": "FailedValidation", "validationErrors": [f"invalid schedule: {why}"]}
            self.core.write("schedules", body)
            return
        body["status"] = {**(body.get("status") or {}), "phase": "Enabled"}
        self.core.write("schedules", body)
        if self.core.profile.schedule_at_once:
            self._due(body)

    def look(self) -> None:
        for body in self.core.all("schedules"):
            if dig(body, "status", "phase") == "Enabled" and not body["spec"].get("paused"):
                self._due(body)

    def _due(self, body: Json) -> None:
        core, last = self.core, dig(body, "status", "lastBackup")
        now = core.state.clock.wall()
        since = read(last) if last else None if core.profile.schedule_at_once else read(body["metadata"]["creationTimestamp"])
        if since is not None and Cron(body["spec"]["schedule"]).after(since) > now:
            return
        name = f"{body['metadata']['name']}-{now.strftime('%Y%m%d%H%M%S')}"
        template: Json = dict(body["spec"].get("template") or {})
        labels = dig(template, "metadata", "labels") or body["metadata"].get("labels") or {}
        meta: Json = {"name": name, "labels": {**labels, "velero.io/schedule-name": label_of(body["metadata"]["name"])}}
        if body["metadata"].get("annotations"):
            meta["annotations"] = dict(body["metadata"]["annotations"])
        if body["spec"].get("useOwnerReferencesInBackup"):
            owner = {"apiVersion": "velero.io/v1", "kind": "Schedule", "name": body["metadata"]["name"], "uid": body["metadata"]["uid"], "controller": True}
            meta["ownerReferences"] = [owner]
        if core.find("backups", name) is None:
            core.write("backups", {"metadata": meta, "spec": template, "status": {}})
        core.report("schedules", body["metadata"]["name"], body["metadata"]["uid"], lastBackup=core.state.stamp())


def read(stamp: Any) -> datetime:
    return datetime.fromisoformat(str(stamp).replace("Z", "+00:00"))
