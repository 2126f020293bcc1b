# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of velero_install: the guide's installation is adopted, what changed is live, nothing is recreated, and bad input changes nothing."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.velero import install_client
from unit.laws.running import module_run
from unit.laws.velero import CANARY, WISH
from unit.laws.velero_world import BUCKET, OTHER, Cluster
from unit.plugins.module_utils.velero.wishes import ROLE
from unit.plugins.modules.indoors import check_options, module, process, returned

from lab.kubernetes.api import Request
from lab.kubernetes.state import Change

NAME = "velero_install"
DOOR = module(NAME).DOOR
NEWER = {"version": "1.14.0", "uploader": "kopia"}


def run(world: Cluster, check: bool = False, **other: Any) -> dict[str, Any]:
    world.settle_in()
    return module_run(DOOR, world, {**WISH, **other}, check)


def pod_spec(world: Cluster) -> dict[str, Any]:
    return dict(world.object("deployments.apps", "velero")["spec"]["template"]["spec"])


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**DOOR.options, **WAIT_OPTIONS})


@pytest.mark.parametrize("wish", [{}, NEWER], ids=["1.6.3", "1.14.0"])
def test_into_nothing_and_again(wish: dict[str, Any]) -> None:
    world = Cluster(wish.get("version", "1.6.3"))
    result = run(world, **wish)
    assert not result.get("failed"), result
    assert (result["verdict"], result["adopted"], result["repository_password"]) == ("installed", False, "generated")
    assert result["agents"]["ready"] == result["agents"]["wanted"] == 3
    assert set(result) - {"changed", "diff"} == set(returned(NAME))
    again = run(world, **wish)
    assert (again["changed"], again["steps"], world.journal) == (False, [], [])


def test_the_guides_installation_is_adopted_and_all_that_changed_is_live() -> None:
    world = Cluster("1.6.3").guide(plugins=("velero/velero-plugin-for-aws:v1.2.1", "velero/velero-plugin-for-gcp:v1.2.0"))
    before, pods = world.uids(), {key[2] for key in world.state.objects if key[0] == "pods"}
    result = run(world)
    assert not result.get("failed"), result
    assert result["adopted"] and result["changed"]
    after = world.uids()
    assert {name: after.get(name) for name in before} == before, "nothing is recreated"
    location = world.object("backupstoragelocations.velero.io", "default")
    assert location["spec"]["objectStorage"]["bucket"] == OTHER
    assert "s3Url" not in location["spec"]["config"], "what is no longer in the configuration is gone"
    assert [one["image"] for one in pod_spec(world)["initContainers"]] == ["velero/velero-plugin-for-aws:v1.2.0"]
    assert CANARY in world.velero.core.credentials, "the server that runs has the new key"
    assert not pods & {key[2] for key in world.state.objects if key[0] == "pods"}, "every pod was restarted"
    again = run(world)
    assert (again["changed"], world.journal) == (False, [])


@pytest.mark.parametrize(
    ("change", "objects"),
    [
        ({"bucket": BUCKET}, {"BackupStorageLocation default", "Deployment velero", "DaemonSet restic"}),
        ({"prefix": "ci"}, {"BackupStorageLocation default", "Deployment velero", "DaemonSet restic"}),
        ({"features": ["EnableCSI"]}, {"Deployment velero", "DaemonSet restic"}),
        ({"flags": {"default-backup-ttl": "48h"}}, {"Deployment velero"}),
        ({"image": "registry.example/velero:v1.6.3"}, {"Deployment velero", "DaemonSet restic"}),
        ({"credentials": WISH["credentials"].replace("lab-key", "other")}, {"Secret cloud-credentials", "Deployment velero", "DaemonSet restic"}),
    ],
    ids=["bucket", "prefix", "features", "flag", "image", "key"],
)
def test_a_change_touches_what_it_must_and_restarts_the_server(change: dict[str, Any], objects: set[str]) -> None:
    world = Cluster("1.6.3")
    run(world)
    serves = world.velero.serves
    result = run(world, **change)
    assert not result.get("failed"), result
    assert {step["id"] for step in result["steps"]} == objects
    assert world.velero.serves != serves
    back = run(world)
    assert {step["id"] for step in back["steps"]} == objects and not back.get("failed")


def test_an_identity_takes_the_keys_place_without_leftovers() -> None:
    world = Cluster("1.6.3").guide()
    result = run(world, credentials=None, service_account_annotations=ROLE, wait=False)
    for _round in range(8):
        result = run(world, credentials=None, service_account_annotations=ROLE, wait=False)
    assert "cloud-credentials" not in json.dumps(pod_spec(world)), result
    assert world.object("serviceaccounts", "velero")["metadata"]["annotations"] == ROLE


def test_the_old_agents_go_last() -> None:
    world = Cluster("1.6.3").guide()
    world.version = "1.14.0"
    result = run(world, **NEWER)
    assert not result.get("failed"), result
    assert result["steps"][-1] == {"step": "delete", "id": "DaemonSet restic"}
    assert world.end()["agents"] == ["node-agent"]


def test_an_operators_memory_is_kept() -> None:
    world = Cluster("1.6.3").guide()
    body = json.loads(json.dumps(world.object("deployments.apps", "velero")))
    body["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = "2Gi"
    world.state.put("deployments.apps", "velero", "velero", body)
    world.clock.sleep(10)
    run(world)
    assert pod_spec(world)["containers"][0]["resources"]["limits"]["memory"] == "2Gi"


def foreign(world: Cluster) -> None:
    """Somebody else's tool moved the bucket."""
    path = "/apis/velero.io/v1/namespaces/velero/backupstoragelocations/default"
    headers = {"authorization": f"Bearer {world.token}", "content-type": "application/merge-patch+json", "user-agent": "kotsadm/v1"}
    world.api.handle(Request("PATCH", path, {}, headers, json.dumps({"spec": {"objectStorage": {"bucket": BUCKET + "-kots"}}}).encode()))


def test_what_others_manage_is_refused_by_name_unless_taken_over() -> None:
    world = Cluster("1.6.3").guide()
    foreign(world)
    result = run(world)
    assert "kotsadm" in result["msg"] and "take_over" in result["msg"] and "BackupStorageLocation default" in result["msg"]
    assert world.journal == []
    taken = run(world, take_over=True)
    assert not taken.get("failed"), taken
    assert world.end()["bucket"] == OTHER


def test_without_a_source_of_the_kinds_it_is_refused_with_the_remedy() -> None:
    world = Cluster("1.6.3")
    world.has_program = False
    result = run(world)
    assert "crds_file" in result["msg"] and "velero install --crds-only" in result["msg"] and world.journal == []
    there = Cluster("1.6.3").guide()
    there.has_program = False
    kept = run(there)
    assert not kept.get("failed"), kept
    upgraded = run(there, **NEWER)
    assert "backuprepositories.velero.io" in upgraded["msg"] and there.journal == []


def test_a_password_is_exported_for_the_owner_alone_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "password"
    world = Cluster("1.6.3")
    result = run(world, repository_password_export=str(path))
    assert not result.get("failed"), result
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and len(path.read_text().strip()) > 30
    assert path.read_text().strip() not in json.dumps(result)
    again = run(world, repository_password_export=str(path))
    assert (again["changed"], again["repository_password"]) == (False, "own")


@pytest.mark.parametrize(("given", "refused"), [(None, False), ("another long password", True)])
def test_the_password_is_never_replaced_once_something_was_written(given: str | None, refused: bool) -> None:
    world = Cluster("1.6.3").guide()
    world.state.put("backups.velero.io", "velero", "b1", {"metadata": {}, "spec": {}})
    world.state.put("secrets", "velero", "velero-repo-credentials", {"metadata": {}, "type": "Opaque", "data": {"repository-password": "c3RhdGljLXBhc3N3MHJk"}})
    result = run(world, repository_password=given)
    assert bool(result.get("failed")) == refused
    held = world.object("secrets", "velero-repo-credentials")["data"]["repository-password"]
    assert held == "c3RhdGljLXBhc3N3MHJk"
    if refused:
        assert "repository_password differs" in result["msg"] and given not in result["msg"] and world.journal == []
    else:
        assert result["repository_password"] == "default" and "everybody knows" in result["warnings"][0]


@contextmanager
def before_the_password(act: Callable[[], Any]) -> Iterator[None]:
    """Something happens after the look and before the password is written, once."""
    real, left = install_client.InstallPort.apply, [act]

    def apply(self: Any, step: Any) -> None:
        if left and step.item == "Secret velero-repo-credentials":
            left.pop()()
        real(self, step)

    with mock.patch.object(install_client.InstallPort, "apply", apply):
        yield
    assert not left, "it was never to be written"


def test_a_password_is_not_replaced_that_something_was_written_with_a_moment_ago() -> None:
    world, before = Cluster("1.6.3").guide(), {"repository-password": "c3RhdGljLXBhc3N3MHJk"}  # Velero's own
    world.state.put("secrets", "velero", "velero-repo-credentials", {"metadata": {}, "type": "Opaque", "data": before})
    with before_the_password(lambda: world.state.put("backups.velero.io", "velero", "b1", {"metadata": {}, "spec": {}})):
        result = run(world)
    assert not result.get("failed"), result
    assert world.object("secrets", "velero-repo-credentials")["data"] == before and result["repository_password"] == "default"
    assert "Secret velero-repo-credentials" not in [step["id"] for step in result["steps"]]


def test_a_password_is_not_replaced_that_somebody_set_a_moment_ago() -> None:
    world = Cluster("1.6.3").guide()
    data = {"repository-password": base64.b64encode(b"somebody's own, and long").decode()}
    with before_the_password(lambda: world.state.put("secrets", "velero", "velero-repo-credentials", {"metadata": {}, "type": "Opaque", "data": data})):
        result = run(world)
    assert not result.get("failed"), result
    assert world.object("secrets", "velero-repo-credentials")["data"] == data


def test_a_bucket_that_is_not_there_fails_with_its_cause() -> None:
    world = Cluster("1.14.0")
    world.store.buckets.pop(OTHER)
    result = run(world, **NEWER)
    assert "NoSuchBucket" in result["msg"] and "the bucket does not exist" in result["msg"]
    assert (result["verdict"], result["location"]["phase"]) == ("failed", "Unavailable")


def test_the_last_word_of_the_old_server_is_not_taken_for_the_new_ones() -> None:
    """It looks once more while it goes, at the bucket that it knows; the new server looks later, and finds none."""
    world = Cluster("1.14.0")
    assert not run(world, **NEWER).get("failed")
    old = world.velero.serves

    def begin() -> None:
        world.velero.locations.core.every(10.0, world.velero.locations.look, 40.0)
        world.velero.locations.checked.clear()

    def last_word(change: Change) -> None:
        if change.key[0] == "pods" and change.type == "DELETED" and change.object["metadata"]["uid"] == old:
            body = json.loads(json.dumps(world.object("backupstoragelocations.velero.io", "default")))
            body["status"].update(phase="Available", lastValidationTime=world.state.stamp())
            world.state.put("backupstoragelocations.velero.io", "velero", "default", body)

    world.velero.locations.begin = begin  # type: ignore[method-assign]
    world.state.controllers.append(last_word)
    world.store.buckets.pop(OTHER)
    result = run(world, **NEWER, flags={"default-backup-ttl": "48h"})
    assert result.get("failed") and "NoSuchBucket" in result["msg"], result["reason"]


def test_agents_without_room_are_named() -> None:
    world = Cluster("1.6.3", nodes=1)
    world.control.node("small", cpu="200m", memory="8Gi")
    result = run(world)
    assert "1 of 2 agents are ready" in result["msg"] and "no node has room" in result["msg"] and "restic-" in result["msg"]


def test_an_image_that_cannot_be_pulled_is_named() -> None:
    world = Cluster("1.6.3")
    world.control.images.set("velero/velero:", pull_error="not found")
    result = run(world)
    assert "ImagePullBackOff" in result["msg"] or "ErrImagePull" in result["msg"]


def test_missing_rights_are_listed_before_any_write() -> None:
    from lab.kubernetes.state import Rule, User

    world = Cluster("1.6.3")
    world.state.users[world.token] = User("reader", (Rule(("*",), ("get", "list", "watch"), group="*"),))
    result = run(world)
    assert all(words in result["msg"] for words in ("patch on customresourcedefinitions", "create on secrets", "delete on daemonsets"))
    assert world.journal == []


BAD = [
    ({"version": "1.19.0"}, "version is '1.19.0'"),
    ({"version": "1.6"}, "give the whole version"),
    ({"bucket": "s3://b"}, "bucket is 's3://b'"),
    ({"bucket": "AB"}, "bucket is 'AB'"),
    ({"bucket": "10.0.0.1"}, "bucket is '10.0.0.1'"),
    ({"prefix": "/a/"}, "prefix is '/a/'"),
    ({"backup_location_config": {}}, "backup_location_config.region is missing"),
    ({"backup_location_config": {"region": "us east"}}, "region is 'us east'"),
    ({"backup_location_config": {"region": ["a"]}}, "backup_location_config.region is no text"),
    ({"snapshot_location_config": {}}, "snapshot_location_config.region is missing"),
    ({"credentials": None}, "neither is given"),
    ({"credentials": ""}, "neither is given"),
    ({"service_account_annotations": ROLE}, "both are given"),
    ({"credentials": "AKIA something"}, "credentials is no file of AWS credentials"),
    ({"provider": "gcp", "plugins": None}, "credentials is no key file of Google Cloud"),
    ({"plugins": ["velero/velero-plugin-for-aws:v1.9.0"]}, "needs velero/velero-plugin-for-aws:v1.2.x"),
    ({"plugins": ["velero/velero-plugin-for-aws:v1.2.0", "example/own:v1"]}, "in no table"),
    ({"plugins": ["velero/velero-plugin-for-gcp:v1.2.0"]}, "none for provider aws"),
    ({"uploader": "kopia"}, "knows only restic"),
    ({"version": "1.17.0", "uploader": "restic"}, "from 1.17 on"),
    ({"flags": {"default-volumes-to-fs-backup": True}}, "calls it default-volumes-to-restic"),
    ({"flags": {"default-backup-ttl": "30d"}}, "flags.default-backup-ttl is '30d'"),
    ({"flags": {"nonsense": "1"}}, "no server flag known"),
    ({"image": "velero/velero:v1.9.0"}, "image is velero/velero:v1.9.0, but version is 1.6.3"),
    ({"features": ["a b"]}, "features holds 'a b'"),
    ({"namespace": "Velero"}, "namespace is 'Velero'"),
    ({"repository_password": "short"}, "repository_password is too short"),
    ({"crds_file": "/nowhere/crds.json"}, "crds_file is /nowhere/crds.json"),
    ({"repository_password_export": "/nowhere/x"}, "repository_password_export is /nowhere/x"),
]


@pytest.mark.parametrize(("wrong", "words"), BAD, ids=[f"{number}-{next(iter(wrong))}" for number, (wrong, _words) in enumerate(BAD)])
def test_bad_input_is_one_sentence_and_changes_nothing(wrong: dict[str, Any], words: str) -> None:
    world = Cluster("1.6.3", nodes=1)
    for check in (False, True):
        result = run(world, check, **wrong)
        assert words in result["msg"], result["msg"]
        assert "\n" not in result["msg"] and CANARY not in result["msg"] and world.journal == []


def test_a_process_wants_its_required_options() -> None:
    found = process(NAME, version="1.6.3")
    assert found["failed"] and "bucket" in found["msg"] and "provider" in found["msg"]


class Noted(Cluster):
    """The Deployment's controller notes another revision between our reading and our asking what an apply would make of it, the first few times."""

    notes = 1

    @contextmanager
    def _around(self, asked: Request) -> Iterator[None]:
        if "dryRun" in asked.query and asked.path.endswith("/deployments/velero") and self.notes:
            self.notes -= 1
            item = json.loads(json.dumps(self.object("deployments.apps", "velero")))
            item["metadata"]["annotations"] = {**(item["metadata"].get("annotations") or {}), "lab/noted": str(self.clock.now())}
            self.state.put("deployments.apps", "velero", "velero", item)
        with super()._around(asked):
            yield


@pytest.mark.parametrize("notes", [1, 2])
def test_what_a_controller_notes_meanwhile_is_no_change_of_ours(notes: int) -> None:
    world = Noted("1.6.3")
    world.notes = 0
    run(world)
    world.notes = notes
    again = run(world)
    assert (again["changed"], again["steps"], world.journal) == (False, [], [])
    assert world.notes == 0
