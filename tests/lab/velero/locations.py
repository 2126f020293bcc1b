"""BackupStorageLocations: is the bucket there, may it be read, is nothing foreign in it; by version with or without a word of why."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from lab.velero.core import Core, Json, Plain, Work, seconds_of
from lab.velero.store import Refused

OWN_FOLDERS = {"backups", "restores", "restic", "metadata", "plugins", "kopia"}
TICKS = {True: 10.0, False: 5.0}  # s between two looks; a location is asked anew when its period is over besides


def prefix_of(location: Json) -> str:
    prefix = str(location["spec"]["objectStorage"].get("prefix") or "").strip("/")
    return f"{prefix}/" if prefix else ""


def bucket_of(location: Json) -> str:
    return str(location["spec"]["objectStorage"]["bucket"])


def default_location(core: Core) -> str:
    """The name of the one that is marked; the server's flag says `default` besides."""
    marked = [one["metadata"]["name"] for one in core.all("backupstoragelocations") if one["spec"].get("default")]
    return marked[0] if marked else "default"


class Locations:
    def __init__(self, core: Core) -> None:
        self.core = core
        self.checked: dict[str, float] = {}  # uid -> when

    def begin(self) -> None:
        self.checked.clear()
        self.core.every(TICKS[self.core.profile.says_why], self.look, self.core.profile.first_check)

    def made(self, location: Json) -> None:
        if not self.core.profile.says_why:
            return  # 1.6.3 looks in its rounds only

        def work() -> Work:
            self.look()
            yield 0.0

        self.core.spawn(work(), 0.05)

    def look(self) -> None:
        now = self.core.state.clock.now()
        verdicts = []
        for location in self.core.all("backupstoragelocations"):
            period = self._period(location)
            last = self.checked.get(location["metadata"]["uid"])
            if last is None or (period and now - last >= period - 1e-6):
                self.checked[location["metadata"]["uid"]] = now
                verdicts.append(self.check(location))
        bad = [text for text in verdicts if text]
        if bad:
            counts = f"{len(verdicts) - len(bad)}/{len(bad)}/0"
            kind = "BackupStorageLocations" if self.core.profile.says_why else "backup storage locations"
            self.core.log("error", f"Current {kind} available/unavailable/unknown: {counts}, {'; '.join(bad)}", controller="backup-storage-location")

    def _period(self, location: Json) -> float:
        text = location["spec"].get("validationFrequency")
        return self.core.validation if text is None else seconds_of(text)

    def check(self, location: Json) -> str:
        """Looks and says so in the status. Returns what is wrong with it."""
        core, name, uid = self.core, location["metadata"]["name"], location["metadata"]["uid"]
        try:
            self._try(location)
        except Foreign as why:
            return self._unavailable(location, str(why))
        except Plain as why:
            return self._cannot_ask(location, str(why))
        except Refused as why:
            return self._unavailable(location, core.words(why, location))
        core.report("backupstoragelocations", name, uid, phase="Available", lastValidationTime=core.state.stamp(), message=None)
        return ""

    def _try(self, location: Json) -> None:
        seen, start = self.core.open(location), prefix_of(location)
        found = seen.objects(bucket_of(location), start)
        folders = {key[len(start) :].split("/")[0] for key in found if "/" in key[len(start) :]}
        foreign = sorted(folders - OWN_FOLDERS)
        if foreign:
            raise Foreign(f"Backup store contains invalid top-level directories: [{' '.join(foreign)}]")

    def _cannot_ask(self, location: Json, why: str) -> str:
        """The store was not even asked: 1.6.3 gives no verdict then, and its log alone says why."""
        if self.core.profile.says_why:
            return self._unavailable(location, why)
        self.core.log(
            "error", "Error getting a backup store", controller="backup-storage-location", error=why, backup_storage_location=location["metadata"]["name"]
        )
        return ""

    def _unavailable(self, location: Json, why: str) -> str:
        core, name = self.core, location["metadata"]["name"]
        kind = "BackupStorageLocation" if core.profile.says_why else "Backup storage location"
        text = f'{kind} "{name}" is unavailable: {why}'
        message = text if core.profile.says_why else None
        stamp = core.state.stamp()
        core.report("backupstoragelocations", name, location["metadata"]["uid"], phase="Unavailable", lastValidationTime=stamp, message=message)
        return text


class Foreign(Plain):
    """The bucket is asked, and holds what is not Velero's."""
