# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong: one row for each thing that can be seen, and the cause that it must be called."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.velero.causes import CAUSES, cause_of, evidence
from ansible_collections.serverops.circleci.plugins.module_utils.velero.finder import Scene, problems
from ansible_collections.serverops.circleci.plugins.module_utils.velero.install_state import Pod, Rollout
from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import (
    Backup,
    BackupStorageLocation,
    Meta,
    Repository,
    Schedule,
    location_from_api,
)
from unit.plugins.module_utils.velero.recorded import named

NOW = 1_795_424_000.0
BEGAN = NOW - 3600
GOOD = BackupStorageLocation(Meta("default", created=BEGAN), "aws", "b", default=True, phase="Available", validated=NOW - 30)
UP = Rollout(True, True, 1, 1, (Pod("velero-1", "n1", True, started=BEGAN),))
FINE = Scene(
    now=NOW,
    image="velero/velero:v1.6.3",
    plugins=("velero/velero-plugin-for-aws:v1.2.1",),
    server=UP,
    agents=Rollout(True, True, 1, 1, (Pod("restic-1", "n1", True),)),
    locations=(GOOD,),
    secrets=frozenset({"cloud-credentials"}),
    mounts_credentials=True,
    default_password=False,
)


def place(**other: object) -> Scene:
    return replace(FINE, locations=(replace(GOOD, **other),))  # type: ignore[arg-type]


def said(message: str) -> Scene:
    return place(phase="Unavailable", message=message)


def backup(**other: object) -> Scene:
    return replace(FINE, backups=(replace(Backup(Meta("b1"), "Completed", started=BEGAN - 60), **other),))  # type: ignore[arg-type]


def agents(pod: Pod) -> Scene:
    return replace(FINE, agents=Rollout(True, True, 2, 1, (Pod("restic-1", "n1", True), pod)))


def repository(phase: str, message: str = "") -> Scene:
    return replace(FINE, repositories=(Repository(Meta("app"), phase=phase, message=message),))


TABLE = [
    ("no Velero", Scene(now=NOW), "server_missing"),
    ("pod crashes", replace(FINE, server=Rollout(True, True, 1, 0, (Pod("v", "n1", trouble="velero: CrashLoopBackOff"),))), "server_not_ready"),
    ("image not pulled", replace(FINE, server=Rollout(True, False, 1, 0, (Pod("v", "n1", trouble="velero: ImagePullBackOff"),))), "server_not_ready"),
    ("scaled to nothing", replace(FINE, server=Rollout(True, True, 0, 0)), "server_not_ready"),
    ("key's Secret gone", replace(FINE, secrets=frozenset()), "secret_missing"),
    ("location's Secret gone", place(credential="other"), "secret_missing"),
    ("too new", replace(FINE, image="velero/velero:v1.19.0"), "version_unknown"),
    ("no tag", replace(FINE, image="velero/velero:latest"), "version_unknown"),
    ("plugin too new", replace(FINE, plugins=("velero/velero-plugin-for-aws:v1.5.0",)), "plugin_version"),
    ("KOTS too new", replace(FINE, kots="1.130.7"), "kots_version"),
    ("plugin of another provider", replace(FINE, plugins=("velero/velero-plugin-for-gcp:v1.2.0",)), "plugin_missing"),
    ("no location", replace(FINE, locations=()), "location_missing"),
    ("read-only", place(access_mode="ReadOnly"), "location_read_only"),
    ("never looked at", place(phase="", validated=None), "location_unseen"),
    ("dead server", place(validated=NOW - 900), "location_stale"),
    ("no message (1.6)", place(phase="Unavailable"), "location_unavailable"),
    ("bucket missing", said("api error NoSuchBucket: The specified bucket does not exist"), "bucket_missing"),
    ("bucket missing, Google", said("storage: bucket doesn't exist"), "bucket_missing"),
    ("wrong region", said("api error PermanentRedirect: The bucket you are attempting to access must be addressed"), "wrong_region"),
    ("wrong region, old SDK", said("BucketRegionError: incorrect region, the bucket is not in 'us-east-1'"), "wrong_region"),
    ("wrong region, header", said("AuthorizationHeaderMalformed: the region 'a' is wrong; expecting 'b' status code: 400"), "wrong_region"),
    ("denied", said("AccessDenied: Access Denied\n\tstatus code: 403, request id: X, host id: Y"), "access_denied"),
    ("denied, Google", said("googleapi: Error 403: velero does not have storage.objects.list access"), "access_denied"),
    ("clocks", said("RequestTimeTooSkewed: The difference between the request time and the current time is too large. status code: 403"), "clock_skew"),
    ("signature", said("api error SignatureDoesNotMatch: The request signature we calculated does not match. StatusCode: 403"), "wrong_signature"),
    ("unknown key", said("StatusCode: 403, api error InvalidAccessKeyId: The AWS Access Key Id you provided does not exist"), "unknown_key"),
    ("ended token", said("ExpiredToken: The provided token has expired. status code: 400"), "expired_token"),
    ("no key", said("NoCredentialProviders: no valid providers in chain"), "no_credentials"),
    ("refused", said("request send failed, Get http://127.0.0.1:5000/b: dial tcp 127.0.0.1:5000: connect: connection refused"), "unreachable"),
    ("no name", said("dial tcp: lookup s3.nowhere: no such host"), "unresolvable"),
    ("private CA", said("x509: certificate signed by unknown authority"), "bad_certificate"),
    ("foreign files", said("Backup store contains invalid top-level directories: [somebody]"), "foreign_files"),
    ("agent has no room", agents(Pod("restic-2", trouble="no node has room for it (0/2 nodes: Insufficient cpu)")), "agents_pending"),
    ("agent crashes", agents(Pod("restic-2", "n2", trouble="restic: CrashLoopBackOff")), "agents_not_ready"),
    ("node without agent", replace(FINE, bare_nodes=("n2",)), "agents_missing"),
    ("ttl of days", backup(phase="New", bad_ttl="30d", started=None), "bad_ttl"),
    ("ttl of days in a schedule", replace(FINE, schedules=(Schedule(Meta("s"), bad_ttl="30d"),)), "bad_ttl"),
    ("stalled", backup(phase="InProgress"), "stalled_backup"),
    ("bad cron", replace(FINE, schedules=(Schedule(Meta("s"), "every day", phase="FailedValidation"),)), "schedule_invalid"),
    ("repository locked", repository("NotReady", "unable to create lock in backend: repository is already locked by PID 1"), "repository_locked"),
    ("repository's password", repository("NotReady", "Fatal: wrong password or no key found"), "repository_password"),
    ("repository broken", repository("NotReady", "exec: restic: executable file not found"), "repository_not_ready"),
    ("known password", replace(FINE, default_password=True), "default_password"),
    (
        "only the log tells (1.6)",
        replace(place(phase="Unavailable"), log='time="x" level=error msg="fail to validate" error="NoSuchBucket: no"\nlevel=info AccessDenied'),
        "bucket_missing",
    ),
]


def test_a_sound_installation_has_no_problem() -> None:
    assert problems(FINE) == ()


@pytest.mark.parametrize(("scene", "cause"), [(scene, cause) for _name, scene, cause in TABLE], ids=[name for name, _scene, _cause in TABLE])
def test_each_fault_is_called_by_its_cause(scene: Scene, cause: str) -> None:
    found = problems(scene)
    assert cause in {one.cause for one in found}
    more = {one.cause for one in found} - {cause}
    assert more <= {"location_unavailable"}, "nothing else is blamed"
    assert all(one.evidence and one.told()["remedy"] for one in found)


def test_the_table_has_a_row_for_nearly_every_cause() -> None:
    assert len(TABLE) >= 40
    assert set(CAUSES) - {cause for _name, _scene, cause in TABLE} == {"bad_config"}


@pytest.mark.parametrize(
    "scene",
    [
        backup(phase="InProgress", started=BEGAN + 60),
        backup(phase="Failed"),
        place(phase="", validated=None, meta=Meta("default", created=NOW - 30)),
        replace(FINE, log="level=error AccessDenied of yesterday"),
        replace(FINE, plugins=("velero/velero-plugin-for-aws:v1.2.1", "registry.example/own-plugin:v3")),
        repository("Ready", "locked"),
        replace(FINE, mounts_credentials=False, secrets=frozenset()),
    ],
    ids=["running", "failed", "young location", "old errors of a good location", "a plugin of one's own", "ready again", "identity"],
)
def test_what_is_no_problem(scene: Scene) -> None:
    assert problems(scene) == ()


def test_what_stops_backups_comes_first() -> None:
    scene = replace(said("NoSuchBucket"), default_password=True, plugins=("velero/velero-plugin-for-aws:v1.9.0",))
    assert [one.told()["stops_backups"] for one in problems(scene)] == [True, False, False]


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("missing-bucket", "bucket_missing"),
        ("no-server", "unreachable"),
        ("foreign", "foreign_files"),
        ("no-credential", "secret_missing"),
        ("no-plugin", "plugin_missing"),
        ("no-config", "bad_config"),
    ],
)
def test_the_recorded_messages_of_1_14_are_understood(name: str, cause: str) -> None:
    seen = [one.message for one in map(location_from_api, named("1.14.0", "BackupStorageLocation", name)) if one.message]
    assert seen
    assert {cause_of(message) for message in seen} == {cause}, seen[0]


def test_evidence_carries_no_ids_and_no_signed_address() -> None:
    text = evidence("S3: 403, RequestID: 5XaP, HostID: 9Gjj, api error X\nGet http://s3/b?X-Amz-Signature=abc&x=1 failed " + "y" * 500)
    assert "5XaP" not in text and "9Gjj" not in text and "Signature" not in text and "\n" not in text and len(text) < 310
