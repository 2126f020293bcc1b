# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two who restore at once, and what changes between a look and the act that rests on it: one CLI at most, and nobody's object goes for another one's sake."""

from __future__ import annotations

import base64
import copy
import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.kots import restore_cli_client, restore_port
from faults.test_restore_faults import console_gone, damaged, is_whole, killed_when, restore, superseded
from unit.laws.kots_restore_world import VELERO, RestoreWorld

from lab.installation.installation import NAMESPACE

Json = dict[str, Any]
MARK = ("configmaps", VELERO, f"serverops-kots-restore-{NAMESPACE}")
KEPT = ("secrets", VELERO, f"serverops-kots-console-{NAMESPACE}")


def steps(result: Json) -> list[str]:
    return [str(step["step"]) for step in result["steps"]]


@contextmanager
def meanwhile(where: Any, name: str, act: Callable[[], Any], so: Callable[..., bool] = lambda *_args: True) -> Iterator[None]:
    """`act` happens just before the first call of `where.name` that is as asked for."""
    real, left = getattr(where, name), [act]

    def instead(self: Any, *args: Any, **more: Any) -> Any:
        if left and so(*args):
            left.pop()()
        return real(self, *args, **more)

    with mock.patch.object(where, name, instead):
        yield
    assert not left, "it never came so far"


def before_step(name: str, act: Callable[[], Any]) -> Any:
    return meanwhile(restore_port.RestorePort, "apply", act, lambda step: bool(step.name == name))


def while_surveying(act: Callable[[], Any]) -> Any:
    """A survey takes long: all of it happens while one is made."""
    return meanwhile(restore_port.Surveyor, "ground", act)


def begins(world: RestoreWorld, last: str = "restore", **more: Any) -> Callable[[], None]:
    """Somebody else, who goes as far as that step and no further."""

    def act() -> None:
        for _turn in range(6):
            if last in steps(restore(world, wait=False, **more)):
                return
        raise AssertionError(f"never came to {last}")

    return act


def kept(world: RestoreWorld) -> list[str]:
    held = world.state.objects[KEPT]["data"]["objects.json.gz"]
    return sorted(f"{one['kind']}/{one['metadata']['name']}" for one in json.loads(gzip.decompress(base64.b64decode(held))))


@pytest.mark.parametrize("last", ["mark", "save_console", "restore"])
def test_of_two_who_look_at_once_one_begins_and_the_other_joins(last: str) -> None:
    world = damaged()
    with while_surveying(begins(world, last)):
        result = restore(world)
    assert not result.get("failed"), result["msg"]
    assert result["verdict"] == "restored" and is_whole(world)
    assert len(world.started) == 1 and world.crowd == 1
    assert steps(result).count("mark") == 0, "the mark is the other one's"


def test_another_backup_that_began_meanwhile_is_not_interrupted() -> None:
    world = damaged()
    other = world.make_backup()
    with while_surveying(begins(world, backup=other, confirm=other)):
        result = restore(world)
    assert result["failed"] and f"a restore of backup {other}" in result["msg"] and result["steps"] == []
    assert world.started and all(other in argv for argv in world.started) and world.crowd == 1
    assert world.state.objects[MARK]["data"]["backup"] == other


def test_a_mark_that_is_taken_over_between_two_steps_starts_no_second_program() -> None:
    """The survey before the start is long enough for somebody on another machine."""
    world = damaged()

    def elsewhere() -> None:
        world.place = "other-host/boot"
        begins(world, owner="they", take_over=True)()
        world.place = "lab-host/boot"

    with before_step("restore", elsewhere):
        result = restore(world)
    assert len(world.started) == 1 and world.crowd == 1, "theirs"
    assert result["failed"] and "they restores backup" in result["msg"] and "restore" not in steps(result)
    assert world.state.objects[MARK]["data"]["owner"] == "they"


def test_a_program_that_starts_between_look_and_mark_is_not_joined_by_another() -> None:
    """What was decided while the other one had marked and not started is refused after its start."""
    world = damaged()
    other = world.make_backup()
    begins(world, "mark", backup=other, confirm=other)()
    with while_surveying(begins(world, backup=other, confirm=other)):
        result = restore(world)
    assert result["failed"] and f"restore of backup {other}" in result["msg"]
    assert all(other in argv for argv in world.started) and world.crowd == 1


def test_the_kept_console_is_not_replaced_by_what_a_running_restore_left() -> None:
    world = damaged()
    begins(world)()
    whole = kept(world)
    with pytest.raises(AssertionError, match="never came"):
        begins(world, "save_console")()
    assert kept(world) == whole and "StatefulSet/kotsadm" in whole


def test_a_console_that_has_no_workload_any_more_is_not_kept() -> None:
    world = damaged()

    def gone() -> None:
        world.state.remove("statefulsets.apps", NAMESPACE, "kotsadm")

    with before_step("save_console", gone):
        result = restore(world)
    assert "save_console" not in steps(result) and KEPT not in world.state.objects
    assert result["verdict"] == "restored" and is_whole(world), "there is nothing to keep"


def test_what_is_kept_for_an_older_restore_gives_way_to_the_console_of_now() -> None:
    world = damaged()
    killed_when(world, lambda: console_gone(world))
    result = restore(world, backup="instance-none", confirm="instance-none", wait_timeout=1.0)
    assert result["failed"] and KEPT in world.state.objects
    note = copy.deepcopy(world.state.objects[KEPT])
    assert restore(world)["verdict"] == "restored"
    world.state.put(*KEPT, {**note, "data": {"objects.json.gz": "AAAA"}})
    other = world.make_backup()
    world.state.put(*MARK, {"data": {"backup": "instance-gone", "owner": "serverops.circleci", "since": "2026-01-01T00:00:00Z"}})
    begins(world, "save_console", backup=other, confirm=other)()
    assert "StatefulSet/kotsadm" in kept(world)


def test_a_mark_and_a_kept_console_without_the_newer_notes_are_understood() -> None:
    world = damaged()
    killed_when(world, lambda: console_gone(world))
    for key, where in ((MARK, "data"), (KEPT, "annotations")):
        body = copy.deepcopy(world.state.objects[key])
        held = body["data"] if where == "data" else body["metadata"]["annotations"]
        for name in ("begun", "serverops.circleci/restore-since"):
            held.pop(name, None)
        world.state.put(*key, body)
    result = restore(world)
    assert result["verdict"] == "restored" and "save_console" not in steps(result) and is_whole(world)


# -- what goes ------------------------------------------------------------------------------------------------


def test_a_restore_that_was_made_anew_under_its_name_is_not_deleted() -> None:
    world, first = superseded()
    keys = [("restores.velero.io", VELERO, f"{first}.{part}") for part in ("kotsadm", "circleci-server")]
    uids = []

    def anew() -> None:
        for key in keys:
            body = copy.deepcopy(world.state.objects[key])
            world.state.remove(*key)
            for name in ("uid", "creationTimestamp", "resourceVersion", "finalizers"):
                body["metadata"].pop(name, None)
            uids.append(world.state.put(*key, body)["metadata"]["uid"])

    begins(world, "mark")()
    with before_step("clear_restores", anew):
        result = restore(world, wait=False)
    assert [world.state.objects[key]["metadata"]["uid"] for key in keys] == uids
    assert "clear_restores" not in steps(result), "what was not done is not told"


def test_restores_that_somebody_deleted_meanwhile_are_no_step_of_ours() -> None:
    world, first = superseded()
    world.lose_data()

    def gone() -> None:
        for part in ("kotsadm", "circleci-server"):
            world.state.remove("restores.velero.io", VELERO, f"{first}.{part}")

    with before_step("clear_restores", gone):
        result = restore(world)
    assert result["verdict"] == "restored" and "clear_restores" not in steps(result) and is_whole(world)


def test_a_mark_that_is_another_ones_by_now_is_not_closed() -> None:
    world = damaged()

    def taken() -> None:
        body = copy.deepcopy(world.state.objects[MARK])
        body["data"].update(owner="they", place="other-host/boot")
        world.state.put(*MARK, body)

    with before_step("close", taken):
        result = restore(world, wait_timeout=300.0)
    assert "close" not in steps(result) and MARK in world.state.objects and KEPT in world.state.objects


# -- what is whole -----------------------------------------------------------------------------------------------


def test_volumes_of_another_backups_restore_are_no_proof_of_this_one() -> None:
    world = damaged()
    assert restore(world)["verdict"] == "restored"
    world.backup = world.make_backup()
    assert restore(world)["verdict"] == "restored"
    mine = [key for key, body in world.state.objects.items() if key[0] == "podvolumerestores.velero.io" and world.backup in key[2] and body]
    assert len(mine) == 3
    world.state.remove(*mine[0])
    result = restore(world)
    assert result["failed"] and result["verdict"] == "incomplete" and "not whole" in result["msg"] and len(result["lost_volumes"]) == 1


@pytest.mark.parametrize("progress", [{"totalBytes": 9, "bytesDone": 1}, {}])
def test_a_volume_of_which_not_all_bytes_came_is_not_whole(progress: Json) -> None:
    world = damaged()
    assert restore(world)["verdict"] == "restored"
    key = next(key for key, body in world.state.objects.items() if key[0] == "podvolumerestores.velero.io" and "postgresql" in json.dumps(body))
    body = copy.deepcopy(world.state.objects[key])
    body["status"]["progress"] = progress
    world.state.put(*key, body)
    result = restore(world)
    assert result["failed"] and result["verdict"] == "incomplete" and "postgresql-0" in result["msg"]


# -- what cannot be started --------------------------------------------------------------------------------------


def test_a_program_that_cannot_be_started_is_tried_twice_and_its_reason_told() -> None:
    world, tries = damaged(), []

    def refused(self: Any, *_args: Any) -> None:
        tries.append(world.clock.now())
        world.clock.sleep(1.5)
        raise Refused("kubectl-kots cannot be started: No such file or directory")

    with mock.patch.object(restore_cli_client.ProgramClient, "start", refused):
        result = restore(world)
    assert result["failed"] and "No such file or directory" in result["msg"] and len(tries) == 2, (len(tries), result["msg"])


@pytest.mark.parametrize("again", [1, 2])
def test_an_answer_that_is_lost_before_the_start_is_no_program_that_ended(again: int) -> None:
    world, left = damaged(), [again]
    real = restore_port.RestoreClient.set_mark

    def lost(self: Any, mark: Any) -> None:
        if mark.begun and left[0]:
            left[0] -= 1
            raise Unreachable("the connection was lost")
        real(self, mark)

    with mock.patch.object(restore_port.RestoreClient, "set_mark", lost):
        result = restore(world)
    assert not result.get("failed") and result["verdict"] == "restored" and left == [0], result
    assert steps(result).count("restore") == 1
