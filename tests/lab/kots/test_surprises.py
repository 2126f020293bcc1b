"""What a caller of kotsadm trips over, tried on the virtual clock; also what no recording shows: the scheduler, updates, bundles, restores."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import gzip
import io
import tarfile
from datetime import UTC, datetime
from typing import Any

import pytest

from lab.kots import cron, vault
from lab.kots.model import Answer, Version
from lab.kots.profile import PROFILES
from lab.kots.world import KotsWorld
from lab.kubernetes.state import State

BACKUPS = "backups.velero.io"
LOCATION = ("backupstoragelocations.velero.io", "velero", "default")


@pytest.fixture
def world() -> KotsWorld:
    state = State()
    state.put(*LOCATION, {"spec": {"provider": "aws", "config": {"region": "r"}, "objectStorage": {"bucket": "b"}}})
    return KotsWorld(state).install()


def get(world: KotsWorld, path: str) -> Any:
    return world.call("GET", f"/api/v1{path}").body


def finish(world: KotsWorld, phase: str = "Completed") -> None:
    for key in [key for key in world.state.objects if key[0] == BACKUPS]:
        world.state.put(*key, {**world.state.objects[key], "status": {"phase": phase}})


# --- the scheduler ---
def test_a_slot_is_skipped_while_a_backup_is_unfinished(world: KotsWorld) -> None:
    world.call("PUT", "/api/v1/snapshot/schedule", {"schedule": "0 * * * *", "autoEnabled": True})
    world.state.clock.sleep(3700)
    assert [one["trigger"] for one in get(world, "/snapshots")["backups"]] == ["schedule"]
    world.state.clock.sleep(2 * 3600)
    assert len(get(world, "/snapshots")["backups"]) == 1
    finish(world)
    world.state.clock.sleep(3600)
    assert len(get(world, "/snapshots")["backups"]) == 2


def test_switched_off_it_is_forgotten_and_nothing_is_made(world: KotsWorld) -> None:
    for enabled in (True, False):
        world.call("PUT", "/api/v1/snapshot/schedule", {"schedule": "0 * * * *", "autoEnabled": enabled})
    assert (get(world, "/snapshot/config")["autoEnabled"], get(world, "/snapshot/config")["autoSchedule"]["schedule"]) == (False, "0 0 * * MON")
    world.state.clock.sleep(7 * 86400)
    assert get(world, "/snapshots")["backups"] == []


def test_without_rights_the_scheduler_makes_nothing(world: KotsWorld) -> None:
    world.call("PUT", "/api/v1/snapshot/schedule", {"schedule": "0 * * * *", "autoEnabled": True})
    world.state.remove("clusterrolebindings.rbac.authorization.k8s.io", "", "kotsadm-rolebinding")
    world.state.clock.sleep(3700)
    assert not [key for key in world.state.objects if key[0] == BACKUPS]


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("0 3 * * *", "2026-11-22T03:00"),
        ("@daily", "2026-11-22T00:00"),
        ("*/15 8-17 * * MON-FRI", "2026-11-23T08:00"),
        ("30 2 1 * *", "2026-12-01T02:30"),
        ("0 0 13 * FRI", "2026-11-27T00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
    ],
)
def test_when_it_is_next(text: str, then: str) -> None:
    assert cron.after(text, datetime(2026, 11, 21, 23, 59, 30, tzinfo=UTC)).strftime("%Y-%m-%dT%H:%M") == then


@pytest.mark.parametrize("text", ["every day", "* * * *", "60 * * * *", "* * * * * *", "@reboot", "1-70 * * * *", "*/0 * * * *", ""])
def test_what_is_no_schedule(text: str) -> None:
    assert cron.parse(text) is None


# --- backups ---
def test_two_at_once_are_taken(world: KotsWorld) -> None:
    names = {world.call("POST", "/api/v1/snapshot/backup").body["backupName"] for _turn in range(2)}
    assert len(names) == 2
    assert {one["name"] for one in get(world, "/snapshots")["backups"]} == names


def test_the_retention_goes_into_new_backups_alone(world: KotsWorld) -> None:
    old = world.call("POST", "/api/v1/snapshot/backup").body["backupName"]
    assert world.call("PUT", "/api/v1/snapshot/retention", {"inputValue": "30", "inputTimeUnit": "days"}).status == 200
    new = world.call("POST", "/api/v1/snapshot/backup").body["backupName"]
    assert [world.state.objects[BACKUPS, "velero", name]["spec"]["ttl"] for name in (old, new)] == ["720h0m0s", "720h0m0s"]
    world.call("PUT", "/api/v1/snapshot/retention", {"inputValue": "2", "inputTimeUnit": "weeks"})
    newest = world.call("POST", "/api/v1/snapshot/backup").body["backupName"]
    assert world.state.objects[BACKUPS, "velero", newest]["spec"]["ttl"] == "336h0m0s"


def test_volumes_are_counted_from_veleros_objects(world: KotsWorld) -> None:
    name = world.call("POST", "/api/v1/snapshot/backup").body["backupName"]
    for number, phase in enumerate(("Completed", "Failed")):
        body = {"metadata": {"labels": {"velero.io/backup-name": name}}, "status": {"phase": phase, "progress": {"bytesDone": 2_000_000}}}
        world.state.put("podvolumebackups.velero.io", "velero", f"v{number}", body)
    told = get(world, f"/snapshot/{name}")["backup"]
    assert (told["volumeCount"], told["volumeSuccessCount"], told["volumeBytes"], told["volumeSizeHuman"]) == (2, 1, 4_000_000, "4.0MB")


@pytest.mark.parametrize(
    ("phase", "status"),
    [("", "InProgress"), ("Deleting", "Deleting"), ("PartiallyFailed", "Failed"), ("FailedValidation", "Failed"), ("Completed", "Completed")],
)
def test_phases_in_the_consoles_words(world: KotsWorld, phase: str, status: str) -> None:
    world.call("POST", "/api/v1/snapshot/backup")
    finish(world, phase)
    assert [one["status"] for one in get(world, "/snapshots")["backups"]] == [status]


@pytest.mark.parametrize("version", sorted(PROFILES))
def test_what_versions_write(version: str) -> None:
    state = State()
    state.put(*LOCATION, {"spec": {"provider": "aws", "objectStorage": {"bucket": "b"}}})
    world = KotsWorld(state, version).install()
    world.add_app()
    body = state.objects[BACKUPS, "velero", world.call("POST", "/api/v1/snapshot/backup").body["backupName"]]
    new = version == "1.124.18"
    assert ("orLabelSelectors" in body["spec"], "labelSelector" in body["spec"]) == (new, not new)
    assert ("kots.io/apps-versions" in body["metadata"]["annotations"]) == new
    assert get(world, "/snapshot/config")["ttl"]["inputTimeUnit"] == ("months" if new else "month")
    assert world.call("PUT", "/api/v1/snapshot/retention", {"inputValue": "1", "inputTimeUnit": "month"}).status == 400
    assert world.call("GET", "/healthz", authorization=None).body["version"] == f"v{version}"


def test_the_stores_secret_is_hidden_and_kept(world: KotsWorld) -> None:
    text = base64.b64encode(b"[default]\naws_access_key_id = k\naws_secret_access_key = told-to-nobody\n").decode()
    world.state.put("secrets", "velero", "cloud-credentials", {"data": {"cloud": text}})
    store = get(world, "/snapshots/settings")["store"]
    assert "told-to-nobody" not in str(store)
    assert store["aws"]["secretAccessKey"] == "--- REDACTED ---"
    assert world.call("PUT", "/api/v1/snapshots/settings", {**store, "bucket": "c"}).status == 200
    held = base64.b64decode(world.state.objects["secrets", "velero", "cloud-credentials"]["data"]["cloud"]).decode()
    assert "told-to-nobody" in held
    assert get(world, "/snapshots/settings")["store"]["bucket"] == "c"


# --- applications ---
def test_a_deploy_is_answered_before_it_is_done(world: KotsWorld) -> None:
    app = world.add_app()
    app.refuses.add(1)
    assert world.call("POST", "/api/v1/app/circleci-server/sequence/1/deploy", {}).body == {"success": True, "status": ""}
    states = [get(world, "/app/circleci-server/versions")["versionHistory"][0]["status"]]
    world.state.clock.sleep(5)
    states.append(get(world, "/app/circleci-server/versions")["versionHistory"][0]["status"])
    assert states == ["deploying", "failed"]


def test_a_false_no_updates_while_a_check_runs(world: KotsWorld) -> None:
    app = world.add_app()
    app.upstream.dead = True
    first = world.ask("POST", "/api/v1/app/circleci-server/updatecheck?wait=true", {"authorization": world.secret_value()}, b"{}")
    second = world.call("POST", "/api/v1/app/circleci-server/updatecheck?wait=true", {})
    assert ((first.status, first.after), second.body["availableUpdates"]) == ((500, 15.0), 0)
    assert get(world, "/app/circleci-server/task/updatedownload")["status"] == "running"
    world.state.clock.sleep(16)
    assert get(world, "/app/circleci-server/task/updatedownload")["status"] == "failed"


def test_updates_arrive_and_are_deployed_when_asked(world: KotsWorld) -> None:
    app = world.add_app()
    app.upstream.releases = [("3.4.1", "2")]
    told = world.call("POST", "/api/v1/app/circleci-server/updatecheck?wait=true&deployVersionLabel=3.4.1", {}).body
    assert (told["availableUpdates"], told["availableReleases"]) == (1, [{"sequence": 2, "version": "3.4.1"}])
    world.state.clock.sleep(5)
    assert (app.current, app.newest.status) == (2, "deployed")


def test_config_that_waits_for_values_is_not_deployed(world: KotsWorld) -> None:
    app = world.add_app()
    app.versions.append(Version(2, "3.5.0", world.state.stamp(), status="pending_config"))
    assert world.call("POST", "/api/v1/app/circleci-server/sequence/2/deploy", {}).status == 400
    assert app.current == 0


def test_passwords_are_sealed_the_same_way_each_time(world: KotsWorld) -> None:
    world.add_app(secret="told-to-nobody")
    held = get(world, "/app/circleci-server/config/1")["configGroups"][0]["items"][2]["value"]
    assert held == vault.sealed("told-to-nobody") != "told-to-nobody"
    assert vault.opened(held) == "told-to-nobody"


def test_a_restore_of_applications_takes_their_volumes_first(world: KotsWorld) -> None:
    world.add_app()
    name = world.call("POST", "/api/v1/snapshot/backup").body["backupName"]
    finish(world)
    claim = ("persistentvolumeclaims", "circleci-server", "data")
    world.state.put(*claim, {"metadata": {"labels": {"kots.io/app-slug": "circleci-server"}}})
    assert world.call("POST", f"/api/v1/snapshot/{name}/restore-apps", {"restoreAll": True}).body == {"success": True}

    def asked() -> Any:
        told = world.call("POST", f"/api/v1/snapshot/{name}/apps-restore-status", {"checkAll": True}).body["statuses"]
        return told[0]["restoreDetail"]["phase"]

    assert asked() == "New"
    world.state.clock.sleep(3)
    assert claim not in world.state.objects
    key = ("restores.velero.io", "velero", f"{name}.circleci-server")
    world.state.put(*key, {**world.state.objects[key], "status": {"phase": "Completed"}})
    assert asked() == "Completed"
    world.state.clock.sleep(3)
    assert world.restores == set()


# --- bundles ---
def test_a_bundle_is_collected_polled_and_fetched(world: KotsWorld) -> None:
    app = world.add_app()
    world.bundle_files = {"logs/api.txt": "password=told-to-nobody\n"}
    told = world.call("POST", f"/api/v1/troubleshoot/supportbundle/app/{app.id}/cluster/this-cluster/collect", {})
    assert told.status == 202
    place = f"/api/v1/troubleshoot/supportbundle/{told.body['slug']}"
    assert (world.call("GET", place).body["status"], world.call("GET", f"{place}/download").status) == ("running", 500)
    world.state.clock.sleep(5)
    assert world.call("GET", place).body["status"] == "uploaded"
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(world.call("GET", f"{place}/download").body))) as archive:
        names = archive.getnames()
        planted = archive.extractfile("support-bundle/logs/api.txt")
        assert planted is not None and b"told-to-nobody" in planted.read()
    assert "support-bundle/circleci-server/app-info.json" in names


@pytest.mark.parametrize("status", ["failed", "running"])
def test_a_bundle_may_fail_or_never_end(world: KotsWorld, status: str) -> None:
    app = world.add_app()
    world.bundle_status = status
    slug = world.call("POST", f"/api/v1/troubleshoot/supportbundle/app/{app.id}/cluster/x/collect", {}).body["slug"]
    world.state.clock.sleep(3600)
    assert get(world, f"/troubleshoot/supportbundle/{slug}")["status"] == status


# --- who may ask ---
def test_a_session_serves_as_well_as_the_secret(world: KotsWorld) -> None:
    answer = world.call("POST", "/api/v1/login", {"password": world.password}, authorization=None)
    token = answer.headers["Set-Cookie"].split('"')[1]
    assert world.call("GET", "/api/v1/apps", authorization=token).status == 200
    assert world.ask("GET", "/api/v1/apps", {"cookie": f'signed-token="{token}"'}, b"").status == 200


def test_without_the_secret_nobody_is_let_in(world: KotsWorld) -> None:
    right = world.secret_value()
    world.state.remove("secrets", world.namespace, "kotsadm-authstring")
    assert world.call("GET", "/api/v1/apps", authorization=right).status == 401


def test_a_spoilt_answer_may_be_carried_out_all_the_same(world: KotsWorld) -> None:
    world.fault("POST /api/v1/snapshot/backup", Answer(502), apply=True)
    assert world.call("POST", "/api/v1/snapshot/backup").status == 502
    assert len(get(world, "/snapshots")["backups"]) == 1
    assert world.call("POST", "/api/v1/snapshot/backup").status == 200


def test_what_was_asked_is_known(world: KotsWorld) -> None:
    get(world, "/apps")
    assert world.requests[-1] == ("GET", "/api/v1/apps")
