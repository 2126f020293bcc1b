# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of a restore, by the rows of the table of faults: what is refused and why, what a death leaves, who finishes it. The data are the witness."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from unit.laws.killing import Killed
from unit.laws.kots_restore import RESTORE, params
from unit.laws.kots_restore_world import CANARY, VELERO, RestoreWorld
from unit.laws.running import module_run

from lab.installation.installation import NAMESPACE

Json = dict[str, Any]
VAULT = "registry.example/circleci/vault"
every = pytest.mark.parametrize("velero", ["1.14.0", "1.6.3"])


def damaged(velero: str = "1.14.0", **more: Any) -> RestoreWorld:
    return RestoreWorld(velero, **more).lose_data().settle_in()


def restore(world: RestoreWorld, check: bool = False, **more: Any) -> Json:
    return module_run(RESTORE, world, {**params(world.backup), **more}, check)


def is_whole(world: RestoreWorld) -> bool:
    end = world.end()
    return bool(end["console"] and end["ready"]) and end["differences"] == [] and end["kept"] == []


def untouched(world: RestoreWorld) -> bool:
    """Nothing was written, nothing started, and the console lives."""
    return world.writes() == [] and world.started == [] and world.end()["console"]


def changed(world: RestoreWorld, change: Callable[[Json], None], kind: str = "backups.velero.io", name: str = "") -> RestoreWorld:
    body = copy.deepcopy(world.state.objects[kind, VELERO, name or world.backup])
    change(body)
    world.state.put(kind, VELERO, name or world.backup, body)
    return world


def gate(result: Json, name: str) -> Json:
    return next(one for one in result["gates"] if one["gate"] == name)


# -- F61: what the official CLI passes over with exit code 0 -----------------------------------------------------


def phase(word: str) -> Callable[[Json], None]:
    return lambda body: body["status"].update(phase=word)


def without(note: str) -> Callable[[Json], None]:
    return lambda body: body["metadata"]["annotations"].pop(note)


USELESS: dict[str, tuple[Callable[[Json], None], str]] = {
    "failed": (phase("Failed"), "is Failed"),
    "partially failed": (phase("PartiallyFailed"), "is PartiallyFailed"),
    "not validated": (phase("FailedValidation"), "is FailedValidation"),
    "unfinished": (phase("InProgress"), "has not ended: it is InProgress"),
    "a phase that nobody knows": (phase("Finalising"), "has not ended: it is Finalising"),
    "not begun": (lambda body: body.update(status={}), "has not ended"),
    "of a part": (without("kots.io/instance"), "none of a whole installation"),
    "without an image": (without("kots.io/kotsadm-image"), "lacks the annotation kots.io/kotsadm-image"),
    "of several parts": (lambda body: body["metadata"]["labels"].update({"replicated.com/backup-name": "x"}), "one part of several"),
    "of another namespace": (
        lambda body: body["metadata"]["annotations"].update({"kots.io/kotsadm-deploy-namespace": "elsewhere"}),
        "give namespace: elsewhere",
    ),
    "of another app": (lambda body: body["metadata"]["annotations"].update({"kots.io/apps-sequences": '{"other": 1}'}), "holds no app circleci-server"),
    "in another location": (lambda body: body["spec"].update(storageLocation="second"), "in the location second"),
}


@pytest.mark.parametrize("case", USELESS)
def test_F61_a_backup_that_the_cli_would_pass_over_is_refused_with_the_reason(case: str) -> None:
    change, words = USELESS[case]
    world = changed(damaged(), change).settle_in()
    result = restore(world)
    assert result["failed"] and words in result["msg"] and (result["verdict"], result["changed"], result["steps"]) == ("refused", False, [])
    assert untouched(world)


def test_F61_the_cli_itself_says_success_and_does_nothing() -> None:
    world = changed(damaged(), phase("Failed"))
    world.launch("by hand", ["kots", "restore", "--from-backup", world.backup, "-o", "json"], None)
    world.clock.sleep(60)
    assert world.programs["by hand"].code == 0 and json.loads(world.programs["by hand"].out.getvalue()) == {"success": True}
    assert world.end()["restores"] == {}


def test_F61_a_backup_that_is_not_there_is_waited_for_as_long_as_velero_may_bring_it() -> None:
    world = damaged()
    result = restore(world, backup="instance-none", confirm="instance-none")
    assert result["failed"] and "there is no backup instance-none" in result["msg"] and world.backup in result["msg"]
    assert result["waited"] > 100 and untouched(world)


def test_F61_an_unproven_backup_is_refused_unless_that_is_allowed() -> None:
    world = damaged()
    key = next(key for key in world.store.objects("lab-bucket") if key.endswith("-logs.gz") and "/backups/" in f"/{key}")
    world.store.delete("lab-bucket", key)
    result = restore(world)
    assert result["failed"] and "is missing" in result["msg"] and "allow_unproven" in result["msg"] and untouched(world)
    assert restore(world, allow_unproven=True)["verdict"] == "restored" and is_whole(world)


def test_F61_a_store_that_does_not_answer_leaves_it_open_and_everything_in_its_place() -> None:
    world = damaged()
    world.store.fault = "RequestTimeout"
    result = restore(world, wait_timeout=120.0)
    assert result["failed"] and result["verdict"] in ("unproven", "refused") and untouched(world)


def test_F61_rights_that_would_be_missed_half_way_are_missed_before() -> None:
    from lab.kubernetes.state import Rule, User

    world = damaged()
    world.state.users[CANARY] = User("reader", (Rule(("*",), ("get", "list", "watch"), group="*"), Rule(("selfsubjectaccessreviews",), ("create",), group="*")))
    result = restore(world)
    assert result["failed"] and "delete on restores.velero.io in namespace velero" in result["msg"] and untouched(world)


# -- F62: deaths --------------------------------------------------------------------------------------------


def until(world: RestoreWorld, so: Callable[[], bool], seconds: float = 600.0) -> None:
    ends = world.clock.now() + seconds
    while not so():
        assert world.clock.now() < ends, "it never came"
        world.clock.sleep(0.1)


def console_gone(world: RestoreWorld) -> bool:
    return world.state.get("statefulsets.apps", NAMESPACE, "kotsadm") is None


def killed_when(world: RestoreWorld, so: Callable[[], bool], machine: bool = True) -> None:
    """The play dies right after the start of the CLI, and with `machine` the CLI at that very moment."""
    world.mortal = True
    with pytest.raises(Killed):
        restore(world)
    world.mortal = False
    until(world, so)
    if machine:
        world.kill_programs()


MOMENTS: dict[str, Callable[[RestoreWorld], bool]] = {
    "the console is gone": console_gone,
    "the console's Restore is made": lambda world: bool(world.phase(f"{world.backup}.kotsadm", "restores")),
    "the console is restored": lambda world: world.phase(f"{world.backup}.kotsadm", "restores") == "Completed",
    "the apps were taken down": lambda world: bool(world.phase(f"{world.backup}.circleci-server", "restores")),
    "the apps are restored": lambda world: world.phase(f"{world.backup}.circleci-server", "restores") == "Completed",
}


@every
@pytest.mark.parametrize("moment", MOMENTS)
def test_F62_killed_with_its_machine_at_any_moment_the_next_run_ends_with_console_and_data(velero: str, moment: str) -> None:
    world = damaged(velero)
    killed_when(world, lambda: MOMENTS[moment](world))
    assert world.state.get("configmaps", VELERO, f"serverops-kots-restore-{NAMESPACE}") is not None, "the mark tells the next run"
    result = restore(world)
    assert not result.get("failed"), result["msg"]
    assert result["verdict"] == "restored" and is_whole(world) and world.harm() == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_F62_check_mode_after_a_death_predicts_how_it_ends_and_writes_nothing(moment: str) -> None:
    world = damaged()
    killed_when(world, lambda: MOMENTS[moment](world))
    world.journal.clear()
    result = restore(world, check=True)
    assert not result.get("failed") and result["verdict"] == "restored" and world.writes() == []
    assert result["steps"][-1]["step"] == "close"


@pytest.mark.parametrize("moment", MOMENTS)
def test_F62_a_play_that_dies_alone_leaves_the_cli_to_its_work(moment: str) -> None:
    world = damaged()
    killed_when(world, lambda: MOMENTS[moment](world), machine=False)
    result = restore(world)
    assert result["verdict"] == "restored" and result["joined"] and is_whole(world)
    assert len(world.started) == 1, "the one that lives is waited for"


def test_F62_a_console_that_is_gone_without_a_restore_is_a_state_with_a_next_step() -> None:
    world = damaged()
    killed_when(world, lambda: console_gone(world))
    result = restore(world, wait=False, check=True)
    assert not result.get("failed") and result["verdict"] in ("console_gone", "restoring") and result["steps"]


def test_F62_where_velero_is_dead_since_the_kept_console_comes_back() -> None:
    world = damaged()
    secret = copy.deepcopy(world.state.objects["secrets", NAMESPACE, "kotsadm-authstring"]["data"])
    killed_when(world, lambda: console_gone(world))
    world.velero.kill_server()
    world.state.remove("deployments.apps", VELERO, "velero")
    world.clock.sleep(60)
    result = restore(world)
    assert result["failed"] and "velero" in result["msg"].lower()
    assert [step["step"] for step in result["steps"]] == ["put_console_back"]
    assert not console_gone(world) and world.state.objects["secrets", NAMESPACE, "kotsadm-authstring"]["data"] == secret
    assert result["mark"] is not None and result["console"]["saved"], "so that the restore can still be finished"


def test_F62_a_restore_that_another_machine_began_is_waited_for_and_then_taken_up() -> None:
    world = damaged()
    killed_when(world, lambda: console_gone(world))
    world.place = "other-host/boot"
    result = restore(world)
    assert result["verdict"] == "restored" and is_whole(world) and result["waited"] > 800
    world = damaged()
    killed_when(world, lambda: console_gone(world))
    world.place = "other-host/boot"
    assert restore(world, take_over=True)["waited"] < 300 and is_whole(world)


def test_F62_somebody_elses_restore_is_left_alone() -> None:
    world = damaged()
    killed_when(world, lambda: console_gone(world))
    world.settle_in()
    result = restore(world, owner="another team")
    assert result["failed"] and "serverops.circleci restores backup" in result["msg"] and world.writes() == []
    assert restore(world, owner="another team", take_over=True)["verdict"] == "restored" and is_whole(world)


def superseded() -> tuple[RestoreWorld, str]:
    """A backup was restored, then another one; the first is wanted again."""
    world = damaged()
    assert restore(world)["verdict"] == "restored"
    first, world.backup = world.backup, world.make_backup()
    assert restore(world)["verdict"] == "restored"
    world.backup = first
    return world, first


def test_F62_old_restores_of_the_same_backup_go_first_for_the_cli_dies_of_them() -> None:
    world, first = superseded()
    world.lose_data()
    result = restore(world)
    assert result["verdict"] == "restored" and is_whole(world)
    cleared = [step for step in result["steps"] if step["step"] == "clear_restores"]
    assert cleared and sorted(cleared[0]["restores"]) == sorted(f"{first}.{part}" for part in ("kotsadm", "circleci-server"))


def test_F62_a_restored_site_that_was_scaled_to_nothing_since_is_not_restored_over() -> None:
    world = damaged()
    assert restore(world)["verdict"] == "restored"
    world.made.volume("data-postgresql-0").write("base/since", b"a day's work")
    for key in [key for key in world.state.objects if key[0] in ("deployments.apps", "statefulsets.apps") and key[1] == NAMESPACE and key[2] != "kotsadm"]:
        body = copy.deepcopy(world.state.objects[key])
        body["spec"]["replicas"] = 0
        world.state.put(*key, body)
    for pod in [pod["metadata"]["name"] for pod in world.made.pods() if not pod["metadata"].get("ownerReferences")]:
        world.state.remove("pods", NAMESPACE, pod)
    world.clock.sleep(120)
    world.settle_in()
    result = restore(world, wait_timeout=60.0)
    assert result["failed"] and result["verdict"] == "starting" and "have not come yet" in result["msg"] and world.writes() == []
    assert "base/since" in world.made.volume("data-postgresql-0").records and len(world.started) == 1


def test_F62_a_restored_site_of_which_nothing_is_left_is_restored_anew() -> None:
    world = damaged()
    assert restore(world)["verdict"] == "restored"
    for key in [key for key in world.state.objects if key[1] == NAMESPACE]:
        world.state.remove(*key)
    world.clock.sleep(60)
    assert restore(world)["verdict"] == "restored" and is_whole(world) and len(world.started) == 2


# -- Restores that end badly, or never ------------------------------------------------------------------------


def test_a_restore_that_fails_in_part_is_no_success_and_the_next_run_tries_anew() -> None:
    world = damaged()
    world.velero.restores.refused["secrets", "postgresql"] = "admission webhook denied the request"
    result = restore(world)
    assert result["failed"] and "PartiallyFailed" in result["msg"] and result["verdict"] == "failed"
    world.velero.restores.refused.clear()
    result = restore(world)
    assert result["verdict"] == "restored" and is_whole(world)


def test_a_console_that_cannot_be_restored_comes_back_as_it_was() -> None:
    world = damaged()
    world.velero.restores.refused["statefulsets.apps", "kotsadm"] = "admission webhook denied the request"
    result = restore(world)
    assert result["failed"] and "PartiallyFailed" in result["msg"] and "put_console_back" in [step["step"] for step in result["steps"]]
    assert not console_gone(world)


def test_a_dead_velero_is_named_and_ends_in_a_time_out_of_ours() -> None:
    world = damaged()
    killed_when(world, lambda: bool(world.phase(f"{world.backup}.kotsadm", "restores")), machine=False)
    world.velero.kill_server()
    changed(world, lambda body: body["spec"].update(replicas=0), "deployments.apps", "velero")
    result = restore(world, wait_timeout=600.0)
    assert result["failed"] and "wait_timeout" in result["msg"] and not result["restored"] and result["verdict"] == "restoring"


def test_a_restore_that_a_restarted_velero_left_is_begun_anew() -> None:
    """1.6 leaves it InProgress for ever, and the CLI waits for it for ever."""
    world = damaged("1.6.3")
    killed_when(world, lambda: world.phase(f"{world.backup}.kotsadm", "restores") == "InProgress", machine=False)
    pod = next(key[2] for key in world.state.objects if key[:2] == ("pods", VELERO) and key[2].startswith("velero-"))
    world.state.remove("pods", VELERO, pod)
    world.clock.sleep(60)
    assert world.phase(f"{world.backup}.kotsadm", "restores") == "InProgress"
    result = restore(world)
    assert result["verdict"] == "restored" and is_whole(world)
    assert [step["step"] for step in result["steps"]][:2] == ["end_program", "clear_restores"]


# -- F63: another cluster ----------------------------------------------------------------------------------------


def moved(**more: Any) -> RestoreWorld:
    return RestoreWorld(lost=RestoreWorld(), **more).settle_in()


def test_F63_into_a_new_cluster_with_other_nodes_and_the_same_classes() -> None:
    world = moved()
    refused = restore(world)
    assert refused["failed"] and "allow_foreign" in refused["msg"] and refused["origin"] == "elsewhere" and world.writes() == []
    result = restore(world, allow_foreign=True)
    assert result["verdict"] == "restored" and is_whole(world) and result["origin"] == "elsewhere"
    assert [step["step"] for step in result["steps"]] == ["mark", "restore", "close"], "there was no console to keep"


def test_F63_another_storage_class_is_refused_by_name_or_mapped() -> None:
    world = moved(classes=("gp3", "fast"))
    refused = restore(world, allow_foreign=True)
    assert refused["failed"] and "storage class gp2, which is not here" in refused["msg"] and "storage_classes" in refused["msg"]
    wrong = restore(world, allow_foreign=True, storage_classes={"gp2": "slow"})
    assert wrong["failed"] and "storage class slow" in wrong["msg"] and world.writes() == []
    result = restore(world, allow_foreign=True, storage_classes={"gp2": "gp3"})
    assert result["verdict"] == "restored" and is_whole(world)
    claims = [body["spec"]["storageClassName"] for key, body in world.state.objects.items() if key[:2] == ("persistentvolumeclaims", NAMESPACE)]
    assert set(claims) == {"gp3"} and "map_storage" in [step["step"] for step in result["steps"]]


def test_F63_a_mapping_of_somebody_else_is_not_fought_with() -> None:
    world = moved(classes=("gp3",))
    labels = {"velero.io/plugin-config": "", "velero.io/change-storage-class": "RestoreItemAction"}
    world.state.put("configmaps", VELERO, "theirs", {"metadata": {"labels": labels}, "data": {"gp2": "gp3"}})
    refused = restore(world, allow_foreign=True, storage_classes={"gp2": "other"})
    assert refused["failed"] and "ConfigMap theirs" in refused["msg"]
    assert restore(world, allow_foreign=True)["verdict"] == "restored" and is_whole(world)


def test_F63_kinds_that_this_kubernetes_serves_no_more_are_refused_by_name() -> None:
    world = damaged()
    world.add_to_archive(
        "resources/podsecuritypolicies.policy/cluster/psp.json", {"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": {"name": "psp"}}
    )
    result = restore(world)
    assert result["failed"] and "policy/v1beta1/PodSecurityPolicy (1)" in result["msg"] and untouched(world)
    assert restore(world, allow_missing_kinds=["policy/v1beta1/PodSecurityPolicy"])["verdict"] == "restored"


def test_F63_a_cluster_without_velero_is_told_so() -> None:
    world = damaged()
    for key in [key for key in world.state.objects if key[0].startswith("customresourcedefinitions") and key[2].endswith("velero.io")]:
        world.state.remove(*key)
    result = restore(world)
    assert result["failed"] and "Velero is not in this cluster" in result["msg"]


# -- F66: Vault ---------------------------------------------------------------------------------------------------


def test_F66_a_sealed_vault_is_found_and_named_and_no_key_is_shown(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    world = damaged()
    key = "q7pLkVn0c4a1f0de5ec2e7ca9a2b70ad1e5ca9e5aa="
    world.made.control.images.set(VAULT, ready_after=None, log=(f"Unseal Key 1: {key}", "core: vault is sealed"))
    result = restore(world, wait_timeout=3600.0)
    assert result["failed"] and result["verdict"] == "sealed" and result["sealed"] == ["vault-0"] and "vault-0" in result["msg"]
    assert key not in json.dumps(result) + caplog.text + "".join(capfd.readouterr())
    world.made.control.images.set(VAULT, ready_after=1.0, log=("core: vault is unsealed",))
    world.clock.sleep(30)
    result = restore(world)
    assert result["verdict"] == "restored" and [step["step"] for step in result["steps"]] == ["close"] and is_whole(world)


def test_F66_a_probe_that_says_sealed_is_enough_and_another_pod_that_is_not_ready_is_waited_for() -> None:
    world = damaged()
    world.made.control.images.set(VAULT, ready_after=None, log=("starting",))
    result = restore(world, wait_timeout=900.0)
    assert result["failed"] and (result["verdict"], result["sealed"]) == ("starting", []) and "vault-0" in result["msg"]
    event = {"type": "Warning", "reason": "Unhealthy", "message": "Readiness probe failed: Key Value\n--- ---\nSealed          true\nTotal Shares    5"}
    event["involvedObject"] = {"kind": "Pod", "namespace": NAMESPACE, "name": "vault-0"}  # type: ignore[assignment]
    world.state.put("events", NAMESPACE, "vault-0.1", event)
    assert restore(world, wait_timeout=900.0)["verdict"] == "sealed"


# -- F70: the old installation still lives -----------------------------------------------------------------------


def test_F70_a_backup_that_the_old_one_made_since_shows_that_it_lives() -> None:
    old = RestoreWorld()
    world = RestoreWorld(lost=old)
    old.clock.sleep(world.clock.now() - old.clock.now())
    old.make_backup()
    world.clock.sleep(300)
    world.settle_in()
    result = restore(world, allow_foreign=True)
    assert result["failed"] and gate(result, "rivals")["state"] == "failed" and "fenced" in result["msg"] and world.writes() == []
    assert restore(world, allow_foreign=True, fenced=True)["verdict"] == "restored" and is_whole(world)


def test_F70_the_old_one_is_not_brought_back_beside_its_successor() -> None:
    old = RestoreWorld()
    successor = RestoreWorld(lost=old)
    assert restore(successor, allow_foreign=True)["verdict"] == "restored"
    old.settle_in()
    result = restore(old)
    assert result["failed"] and "left by a restore of this backup in another cluster" in result["msg"] and untouched(old)


# -- F73: versions ------------------------------------------------------------------------------------------------


def holds(label: str) -> Callable[[Json], None]:
    return lambda body: body["metadata"]["annotations"].update({"kots.io/apps-versions": json.dumps({"circleci-server": label})})


@pytest.mark.parametrize(
    ("held", "here", "words"),
    [
        ("3.4.1", "", "upgrade first (3.4), then restore"),
        ("3.4.0", "3.2.2", "upgrade first (3.2 -> 3.3 -> 3.4), then restore"),
        ("3.1.0", "3.4.0", "the way up is 3.1 -> 3.2 -> 3.3 -> 3.4, one release at a time"),
    ],
)
def test_F73_a_version_that_does_not_fit_is_refused_with_the_path(held: str, here: str, words: str) -> None:
    world = changed(damaged(), holds(held)).settle_in()
    result = restore(world, **({"server_version": here} if here else {}))
    assert result["failed"] and words in result["msg"] and "allow_other_version" in result["msg"] and untouched(world)


@pytest.mark.parametrize(("held", "here"), [("3.3.0", "3.4.0"), ("3.4.0", "3.4.0"), ("", "3.4.0"), ("3.4.0", "")])
def test_F73_one_release_older_or_unknown_is_no_hindrance(held: str, here: str) -> None:
    world = changed(damaged(), holds(held)).settle_in()
    result = restore(world, check=True, **({"server_version": here} if here else {}))
    assert not result.get("failed"), result["msg"]


def test_F73_a_cli_older_than_the_kots_of_the_backup_is_refused() -> None:
    world = damaged()
    world.cli = "1.40.0"
    result = restore(world)
    assert result["failed"] and "is 1.40.0, older than KOTS 1.65.0" in result["msg"] and untouched(world)
