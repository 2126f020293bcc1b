"""What differs between the versions of Velero that callers meet. 1.18.3 is described from what was seen of it in words: unproven."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from dataclasses import dataclass

FINALIZER = "restores.velero.io/external-resources-finalizer"
FIRST_KINDS = ("BackupLog", "BackupContents", "BackupVolumeSnapshots", "BackupResourceList", "RestoreLog", "RestoreResults")
LATER_KINDS = (
    "BackupLog",
    "BackupContents",
    "BackupVolumeSnapshots",
    "BackupItemOperations",
    "BackupResourceList",
    "BackupResults",
    "RestoreLog",
    "RestoreResults",
    "RestoreResourceList",
    "RestoreItemOperations",
    "CSIBackupVolumeSnapshots",
    "CSIBackupVolumeSnapshotContents",
    "BackupVolumeInfos",
    "RestoreVolumeInfo",
)


@dataclass(frozen=True)
class Profile:
    """One version of the server, its node agent and its CLI."""

    version: str
    commit: str
    plugin: str  # of the AWS plugin that goes with it
    recorded: bool = True
    agent: str = "node-agent"
    repositories: str = "backuprepositories"
    with_status_path: tuple[str, ...] = ()  # kinds with a status subresource
    finalizing: bool = True
    queued: bool = False
    hook_status: bool = True
    says_why: bool = True  # a location has a message; a location that cannot be asked is Unavailable
    sdk: int = 2  # of AWS, whose errors differ
    marks_left: bool = True  # what was InProgress is Failed at the next start
    unknown_namespace_fails: bool = True  # validation, else an error of the backup
    checks_location: bool = False  # the phase of the location is validated before any work
    heals: bool = True  # reads all Backups again when the unreadable one is gone
    schedule_at_once: bool = False
    restore_finalizer: bool = True
    asks_for_agent: bool = True  # a volume on a node without agent is an error at once; else it is waited for
    retry_deletes: bool = False  # with the store gone a deletion goes on and on instead of ending with errors
    download_kinds: tuple[str, ...] = LATER_KINDS
    first_check: float = 0.49  # s from the server's start to the first verdict about a location
    listing: float = 0.25  # s until the items are counted
    writing: float = 0.04
    uploading: float = 0.12
    uploader: str = "kopia"

    @property
    def one_namespace(self) -> int:
        """Items of a backup in which nothing matches: later versions count the namespace itself."""
        return 0 if self.version.startswith("1.6") else 1


PROFILES = {
    "1.6.3": Profile(
        "1.6.3",
        "5fe3a50bfddc2becb4c0bd5e2d3d4053a23e95d2",
        "v1.2.1",
        agent="restic",
        repositories="resticrepositories",
        with_status_path=("backupstoragelocations", "downloadrequests", "serverstatusrequests"),
        finalizing=False,
        hook_status=False,
        says_why=False,
        sdk=1,
        marks_left=False,
        unknown_namespace_fails=False,
        heals=False,
        schedule_at_once=True,
        restore_finalizer=False,
        asks_for_agent=False,
        download_kinds=FIRST_KINDS,
        first_check=4.56,
        listing=0.75,
        writing=0.2,
        uploading=0.12,
        uploader="restic",
    ),
    "1.14.0": Profile("1.14.0", "2fc6300f2239f250b40b0488c35feae59520f2d3", "v1.10.0", retry_deletes=True),
    "1.18.3": Profile(
        "1.18.3",
        "0000000000000000000000000000000000000000",
        "v1.14.3",
        recorded=False,
        queued=True,
        unknown_namespace_fails=False,
        checks_location=True,
    ),
}


def profile_of(version: str) -> Profile:
    """Raises KeyError, with the versions that there are."""
    if version not in PROFILES:
        raise KeyError(f"no Velero {version} here, only {', '.join(PROFILES)}")
    return PROFILES[version]
