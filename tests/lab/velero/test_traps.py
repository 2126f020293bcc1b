"""What the recordings do not show of the simulated Velero: 1.18.3 from its description, volumes, agents, faults of the store, restarts."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import gzip
from typing import Any

import pytest

from lab.kubernetes.state import State
from lab.velero.core import dig, seconds_of
from lab.velero.store import MemoryStore
from lab.velero.volumes import EMPTY, PASSWORD, Held
from lab.velero.world import VeleroWorld

VERSIONS = ["1.6.3", "1.14.0", "1.18.3"]
LATER = ["1.14.0", "1.18.3"]


class Lab:
    """An application with one volume, and Velero beside it; nobody plays its pods."""

    def __init__(self, version: str, **options: Any) -> None:
        self.state = State()
        self.store = MemoryStore(keys={"lab-key": "lab-secret"})
        self.store.bucket("lab-bucket")
        self.volume = Held({"a": b"x" * 1000}, {})
        self.state.volumes = {("app", "claim"): self.volume}  # type: ignore[attr-defined]
        self.world = VeleroWorld(self.state, version, self.store)
        self.world.install(**options)
        self.pod()
        self.state.clock.sleep(10.0)

    def pod(self) -> None:
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": "claim"}}
        meta = {"annotations": {"backup.velero.io/backup-volumes": "data"}}
        self.state.put("persistentvolumeclaims", "app", "claim", {"spec": {}})
        self.state.put("pods", "app", "p", {"metadata": meta, "spec": {"nodeName": "node-1", "volumes": [volume]}, "status": {"phase": "Running"}})

    def make(self, plural: str, name: str, spec: dict[str, Any]) -> None:
        self.state.put(f"{plural}.velero.io", "velero", name, {"spec": spec})

    def backup(self, name: str, seconds: float = 20.0, **spec: Any) -> dict[str, Any]:
        self.make("backups", name, {"includedNamespaces": ["app"], **spec})
        self.state.clock.sleep(seconds)
        return self.status("backups", name)

    def status(self, plural: str, name: str) -> dict[str, Any]:
        return dict(dig(self.state.get(f"{plural}.velero.io", "velero", name), "status") or {})

    def copies(self) -> list[dict[str, Any]]:
        return [dict(one.get("status") or {}) for one in self.state.all("podvolumebackups.velero.io", "velero")]

    @property
    def location(self) -> dict[str, Any]:
        return self.status("backupstoragelocations", "default")

    @property
    def log(self) -> str:
        return "".join(text for key, text in self.state.logs.items() if key[0] == "velero")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_backup_copies_each_volume_once(version: str) -> None:
    lab = Lab(version)
    assert lab.backup("first")["phase"] == "Completed"
    assert [(one["phase"], one["progress"]) for one in lab.copies()] == [("Completed", {"totalBytes": 1000, "bytesDone": 1000})]
    before = sum(lab.store.objects("lab-bucket", lab.world.volumes.uploader).values())
    assert before > 1000
    lab.backup("again")
    assert sum(lab.store.objects("lab-bucket", lab.world.volumes.uploader).values()) - before < 1000, "equal contents lie there once"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_emptied_volume_completes_without_a_snapshot(version: str) -> None:
    lab = Lab(version)
    lab.volume.records.clear()
    assert lab.backup("b")["phase"] == "Completed"
    assert [(one["phase"], one.get("message"), one.get("snapshotID")) for one in lab.copies()] == [("Completed", EMPTY, None)]


def test_1_18_queues() -> None:
    lab = Lab("1.18.3")
    start = len(lab.state.history)
    lab.backup("b")
    phases = [dig(one.object, "status", "phase") for one in lab.state.history[start:] if one.key[0] == "backups.velero.io"]
    assert phases == [None, "Queued", "ReadyToStart", "InProgress", "InProgress", "InProgress", "Finalizing", "Completed"]


def test_without_an_agent_the_old_one_waits_four_hours() -> None:
    lab = Lab("1.6.3")
    lab.world.volumes.without.add("node-1")
    assert lab.backup("b", 3600.0)["phase"] == "InProgress"
    assert lab.copies() == [{}]
    lab.state.clock.sleep(4 * 3600.0)
    assert (lab.status("backups", "b")["phase"], lab.status("backups", "b")["errors"]) == ("PartiallyFailed", 1)


def test_restic_s_time_limit_is_a_flag() -> None:
    lab = Lab("1.6.3", extra_args=("--restic-timeout=10m",))
    lab.world.volumes.without.add("node-1")
    assert lab.backup("b", 660.0)["phase"] == "PartiallyFailed"


@pytest.mark.parametrize("version", LATER)
def test_without_an_agent_later_ones_fail_at_once(version: str) -> None:
    lab = Lab(version)
    lab.world.volumes.without.add("node-1")
    assert lab.backup("b")["phase"] == "PartiallyFailed"
    assert lab.copies() == []


@pytest.mark.parametrize("version", VERSIONS)
def test_an_agent_that_comes_takes_what_waits(version: str) -> None:
    lab = Lab(version)
    lab.world.volumes.stalled.add(("app", "claim"))
    assert lab.backup("b", 120.0)["phase"] == "InProgress"
    assert [one["phase"] for one in lab.copies()] == ["InProgress"]
    lab.world.volumes.stalled.clear()
    lab.state.clock.sleep(30.0)
    assert lab.status("backups", "b")["phase"] == "Completed"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_copy_that_fails(version: str) -> None:
    lab = Lab(version)
    lab.world.volumes.broken["app", "claim"] = "no space left on device"
    assert lab.backup("b")["phase"] == "PartiallyFailed"
    assert "no space left" in gzip.decompress(lab.store.get("lab-bucket", "backups/b/b-logs.gz")).decode()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_big_volume_tells_its_progress(version: str) -> None:
    lab = Lab(version)
    lab.world.volumes.rate = 20.0
    lab.make("backups", "b", {"includedNamespaces": ["app"]})
    lab.state.clock.sleep(25.0)
    done = lab.copies()[0]["progress"]
    assert 0 < done["bytesDone"] < done["totalBytes"] == 1000
    lab.state.clock.sleep(60.0)
    assert lab.status("backups", "b")["phase"] == "Completed"


@pytest.mark.parametrize("version", VERSIONS)
def test_one_unreadable_ttl_stops_everything(version: str) -> None:
    lab = Lab(version)
    lab.make("backups", "bad", {"includedNamespaces": ["app"], "ttl": "30d"})
    assert lab.backup("good", 300.0) == {}
    lab.world.kill_server()
    lab.world.start_server()
    lab.state.clock.sleep(60.0)
    assert lab.status("backups", "good") == {}
    assert 'unknown unit \\"d\\"' in lab.log
    lab.state.remove("backups.velero.io", "velero", "bad")
    lab.state.clock.sleep(30.0)
    if version == "1.6.3":
        assert lab.status("backups", "good") == {}
        lab.world.kill_server()
        lab.world.start_server()
        lab.state.clock.sleep(30.0)
    assert lab.status("backups", "good")["phase"] == "Completed"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_dies(version: str) -> None:
    lab = Lab(version)
    lab.world.volumes.stalled.add(("app", "claim"))
    lab.backup("b", 5.0)
    lab.world.kill_server()
    lab.state.clock.sleep(600.0)
    assert lab.status("backups", "b")["phase"] == "InProgress"
    seen = lab.location["lastValidationTime"]
    assert lab.location["phase"] == "Available", "a dead server leaves the last word standing"
    lab.world.start_server()
    lab.state.clock.sleep(600.0)
    assert lab.status("backups", "b")["phase"] == ("InProgress" if version == "1.6.3" else "Failed")
    assert lab.location["lastValidationTime"] > seen


@pytest.mark.parametrize("version", VERSIONS)
def test_a_location_unavailable_at_the_start(version: str) -> None:
    lab = Lab(version)
    lab.store.fault = "down"
    lab.state.clock.sleep(120.0)
    assert lab.location["phase"] == "Unavailable"
    found = lab.backup("b")
    told = {"1.6.3": ("Failed", False), "1.14.0": ("Failed", True), "1.18.3": ("FailedValidation", False)}
    assert (found["phase"], "failureReason" in found) == told[version]
    if version == "1.18.3":
        assert "is in Unavailable status" in found["validationErrors"][0]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("RequestTimeTooSkewed", "RequestTimeTooSkewed"),
        ("SignatureDoesNotMatch", "SignatureDoesNotMatch"),
        ("AccessDenied", "AccessDenied"),
        ("down", "connection refused"),
        ("gone", "NoSuchBucket"),
        ("region", ""),
    ],
)
def test_the_log_says_what_the_store_said(version: str, fault: str, word: str) -> None:
    lab = Lab(version)
    if fault == "gone":
        lab.store.buckets.clear()
    elif fault == "region":
        lab.store.regions["lab-bucket"] = "eu-west-1"
        word = "BucketRegionError" if version == "1.6.3" else "PermanentRedirect"
    else:
        lab.store.fault = fault
    lab.state.clock.sleep(120.0)
    assert lab.location["phase"] == "Unavailable"
    assert word in lab.log
    assert (word in lab.location.get("message", "")) == (version != "1.6.3")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_clock_that_is_wrong(version: str) -> None:
    lab = Lab(version)
    lab.store.skew = 1000.0
    lab.state.clock.sleep(120.0)
    assert "RequestTimeTooSkewed" in lab.log


@pytest.mark.parametrize("version", VERSIONS)
def test_new_credentials_count_after_a_restart(version: str) -> None:
    lab = Lab(version)
    lab.store.keys = {"other-key": "other-secret"}
    lab.state.clock.sleep(120.0)
    assert lab.location["phase"] == "Unavailable"
    lab.world.install(credentials="[default]\naws_access_key_id=other-key\naws_secret_access_key=other-secret\n")
    lab.state.clock.sleep(120.0)
    assert lab.location["phase"] == "Unavailable", "what is there is left as it is"
    lab.state.remove("secrets", "velero", "cloud-credentials")
    lab.world.install(credentials="[default]\naws_access_key_id=other-key\naws_secret_access_key=other-secret\n")
    lab.state.clock.sleep(120.0)
    assert lab.location["phase"] == "Unavailable"
    lab.world.kill_server()
    lab.world.start_server()
    lab.state.clock.sleep(120.0)
    assert lab.location["phase"] == "Available"


@pytest.mark.parametrize("version", VERSIONS)
def test_another_password_does_not_open_the_repository(version: str) -> None:
    lab = Lab(version)
    assert PASSWORD and lab.backup("b")["phase"] == "Completed"
    name = lab.world.volumes.secret
    lab.state.put("secrets", "velero", name, {"data": {"repository-password": "b3RoZXI="}})
    assert lab.backup("c")["phase"] == "PartiallyFailed"
    plural = lab.world.profile.repositories
    assert dig(lab.state.all(f"{plural}.velero.io", "velero")[0], "status", "phase") == "NotReady"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_emptied_bucket_takes_the_objects_along(version: str) -> None:
    lab = Lab(version)
    lab.backup("b")
    lab.store.buckets["lab-bucket"].clear()
    lab.state.clock.sleep(130.0)
    assert lab.state.get("backups.velero.io", "velero", "b") is None
    assert lab.copies() == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_store_that_cannot_be_asked_takes_nothing_along(version: str) -> None:
    lab = Lab(version)
    lab.backup("b")
    lab.store.fault = "AccessDenied"
    lab.state.clock.sleep(600.0)
    assert lab.status("backups", "b")["phase"] == "Completed"


@pytest.mark.parametrize("version", VERSIONS)
def test_another_cluster_finds_the_backups_and_restores_them(version: str) -> None:
    first = Lab(version)
    first.backup("b")
    second = State()
    world = VeleroWorld(second, version, first.store)
    world.install()
    second.clock.sleep(130.0)
    assert dig(second.get("backups.velero.io", "velero", "b"), "status", "phase") == "Completed"
    second.put("restores.velero.io", "velero", "r", {"spec": {"backupName": "b"}})
    second.clock.sleep(30.0)
    assert dig(second.get("restores.velero.io", "velero", "r"), "status", "phase") == "Completed"
    assert second.volumes["app", "claim"].records == first.volume.records  # type: ignore[attr-defined]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_damaged_repository_fails_the_restore(version: str) -> None:
    lab = Lab(version)
    lab.backup("b")
    blob = next(key for key, size in lab.store.objects("lab-bucket", lab.world.volumes.uploader).items() if size == 1000)
    lab.store.put("lab-bucket", blob, b"y" * 1000)
    lab.state.remove("pods", "app", "p")
    lab.make("restores", "r", {"backupName": "b"})
    lab.state.clock.sleep(30.0)
    assert (lab.status("restores", "r")["phase"], lab.status("restores", "r")["errors"]) == ("PartiallyFailed", 1)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_schedule_with_labels_and_volumes(version: str) -> None:
    lab = Lab(version)
    lab.make("schedules", "daily", {"schedule": "0 3 * * *", "template": {"includedNamespaces": ["app"]}})
    lab.state.clock.sleep(30.0)
    at_once = len(lab.state.all("backups.velero.io", "velero"))
    assert at_once == (1 if version == "1.6.3" else 0)
    lab.state.clock.sleep(24 * 3600.0)
    assert len(lab.state.all("backups.velero.io", "velero")) == at_once + 1


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_over_is_deleted(version: str) -> None:
    lab = Lab(version)
    assert lab.backup("b", ttl="1h")["phase"] == "Completed"
    lab.state.clock.sleep(3 * 3600.0)
    assert lab.state.get("backups.velero.io", "velero", "b") is None
    assert lab.store.objects("lab-bucket", "backups/") == {}


def test_durations_of_go() -> None:
    assert seconds_of("1h30m") == 5400.0
    for text in ("30d", "", "h", "1 h"):
        with pytest.raises(ValueError, match="time:"):
            seconds_of(text)


def test_an_unknown_version() -> None:
    with pytest.raises(KeyError, match="only 1.6.3"):
        VeleroWorld(State(), "1.2.3", MemoryStore())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_restore_whose_location_is_unavailable(version: str) -> None:
    lab = Lab(version)
    lab.backup("b")
    lab.store.fault = "down"
    lab.state.clock.sleep(120.0)
    lab.make("restores", "r", {"backupName": "b"})
    lab.state.clock.sleep(20.0)
    found = lab.status("restores", "r")
    assert (found["phase"], "failureReason" in found) == (("FailedValidation", False) if version == "1.18.3" else ("Failed", True))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_restore_of_a_server_that_dies(version: str) -> None:
    lab = Lab(version)
    lab.backup("b")
    lab.make("restores", "r", {"backupName": "b"})
    lab.state.clock.sleep(0.05)
    lab.world.kill_server()
    lab.world.start_server()
    lab.state.clock.sleep(60.0)
    assert lab.status("restores", "r")["phase"] == ("InProgress" if version == "1.6.3" else "Failed")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_deleted_backup_takes_its_snapshots_and_restores_along(version: str) -> None:
    lab = Lab(version)
    lab.backup("b")
    lab.make("restores", "r", {"backupName": "b"})
    lab.state.clock.sleep(20.0)
    assert lab.store.objects("lab-bucket", "restores/r/")
    lab.make("deletebackuprequests", "d", {"backupName": "b"})
    lab.state.clock.sleep(20.0)
    left = [key for key in lab.store.objects("lab-bucket") if key.startswith(("backups/", "restores/")) or "/snapshots/" in key or "/q" in key]
    assert left == []
    assert (lab.state.get("restores.velero.io", "velero", "r"), lab.copies()) == (None, [])


def test_a_long_name_is_cut_in_labels() -> None:
    lab = Lab("1.6.3")
    name = "b" * 80
    lab.backup(name)
    found = lab.state.all("podvolumebackups.velero.io")[0]["metadata"]["labels"]["velero.io/backup-name"]
    assert len(found) == 63 and found.startswith("b" * 57)


def test_the_old_one_copies_pod_by_pod_and_tells_how_far_it_is() -> None:
    lab = Lab("1.6.3")
    first = lab.state.objects["pods", "app", "p"]
    lab.state.put("pods", "app", "q", {**first, "metadata": {"annotations": first["metadata"]["annotations"]}})
    start = len(lab.state.history)
    assert lab.backup("b")["phase"] == "Completed"
    told = [dig(one.object, "status", "progress", "itemsBackedUp") for one in lab.state.history[start:] if one.key[0] == "backups.velero.io"]
    assert 1 in told and told[-1] > 1
