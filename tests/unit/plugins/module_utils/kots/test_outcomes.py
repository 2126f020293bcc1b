# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the system showed -> what we say: every phase, every silent success, every doubt. A row is a world and the words that an operator must get."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.kots import backup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import Agents, Server
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import App, Licence
from unit.plugins.module_utils.kots.values import (
    NOW,
    Site,
    evidence,
    files,
    following,
    instance,
    location,
    look,
    repository,
    site,
    stamp,
    state,
    volume,
    wanted,
)

ALL = ("phase", "volumes", "files", "repository")


class Row(NamedTuple):
    """A name, what the kernel shows, the verdict, and words of the reason."""

    name: str
    shown: Any
    verdict: str
    words: str = ""


def mine(
    *args: Any, still: float = 0.0, seen: Any = None, proofs: tuple[str, ...] = ("phase", "volumes", "files"), empty: tuple[str, ...] = (), **more: Any
) -> Any:
    """A backup that this task asked for and follows."""
    one = instance("instance-a", *args, **more)
    return look(state(one, seen=None if seen is None else {"instance-a": seen}), following(), still, required_proofs=proofs, allow_empty=empty)


def volumes(*found: Any, expected: Any = None, empty: tuple[str, ...] = ()) -> Any:
    """One that is Completed, with these volumes."""
    return mine(seen=evidence(volumes=tuple(found), expected=(wanted(),) if expected is None else tuple(expected)), empty=empty)


def store(**changes: Any) -> Any:
    """One that is Completed, with these files."""
    return mine(seen=evidence(**changes))


def fresh(at: Site | None = None, *there: Any, bad: Any = None, max_age: float | None = None, **more: Any) -> Any:
    """A task that begins."""
    return look(state(*there, at=at, bad=bad, **more), max_age=max_age)


def named(name: str, *there: Any) -> Any:
    """A task that is to prove one backup."""
    return look(state(*there), backup=name)


def server(**changes: Any) -> Any:
    return fresh(site(**changes))


PHASES = [
    Row("Completed, all there", mine(), "verified"),
    Row("Completed with warnings", mine(status={"warnings": 3}), "verified"),
    Row("Completed, yet with errors", mine(status={"errors": 2}), "unverified", "Completed, but with 2 errors"),
    Row("Completed, written by hand: no times", mine("Completed", None), "unverified", "no server of Velero made it"),
    Row("Completed and expired", mine(status={"expiration": stamp(5)}), "unverified", "expired"),
    Row("Completed and on its way out", mine(meta={"deletionTimestamp": stamp(1)}), "unverified", "being deleted"),
    Row("Deleting", mine("Deleting"), "unverified", "being deleted"),
    Row("PartiallyFailed", mine("PartiallyFailed", status={"errors": 1}), "unverified", "PartiallyFailed with 1 error"),
    Row("Failed, with a reason", mine("Failed", status={"failureReason": "store is gone"}), "unverified", "Failed: store is gone"),
    Row("Failed without a reason (1.6)", mine("Failed"), "unverified", "Velero gives no reason"),
    Row(
        "FailedValidation", mine("FailedValidation", status={"validationErrors": ["the location is Unavailable"]}), "unverified", "the location is Unavailable"
    ),
    Row("no phase at all: it waits for its turn", mine(None), "running", "is New"),
    Row("New", mine("New"), "running", "is New"),
    Row("Queued (1.18)", mine("Queued"), "running", "is Queued"),
    Row("InProgress", mine("InProgress"), "running", "is InProgress"),
    Row("Uploading (1.8)", mine("Uploading"), "running", "is Uploading"),
    Row("WaitingForPluginOperations", mine("WaitingForPluginOperations"), "running"),
    Row("WaitingForPluginOperationsPartiallyFailed has not ended", mine("WaitingForPluginOperationsPartiallyFailed"), "running"),
    Row("Finalizing", mine("Finalizing"), "running", "is Finalizing"),
    Row("FinalizingPartiallyFailed has not ended", mine("FinalizingPartiallyFailed"), "running"),
    Row("a phase that nobody heard of", mine("Pondering"), "running", "is Pondering"),
    Row("InProgress, and no progress for an hour", mine("InProgress", still=3700), "stalled", "no progress for 61 minutes"),
    Row("InProgress of a server that died", mine("InProgress", 90000), "stalled", "began anew since"),
    Row("New since before the server began: it still has its turn", mine("New", 90000), "running"),
    Row("vanished", look(state(), following()), "gone", "has vanished"),
    Row("another object of its name", look(state(instance(meta={"uid": "uid-other"})), following()), "gone", "another uid"),
]
VOLUMES = [
    Row("a volume that belongs into it is missing", volumes(), "unverified", "circleci-server/postgresql-0/data is not in it"),
    Row("one of two is missing", volumes(volume(), expected=[wanted(), wanted("mongodb-0")]), "unverified", "mongodb-0/data is not in it"),
    Row("no volume at all", volumes(expected=[]), "unverified", "no volume at all"),
    Row(
        "a volume failed while the phase says Completed", volumes(volume(phase="Failed", message="repository is locked")), "unverified", "repository is locked"
    ),
    Row("a volume that never began", volumes(volume(phase="New", total=None)), "unverified", "is New"),
    Row("a volume that still runs", volumes(volume(phase="InProgress")), "unverified", "is InProgress"),
    Row("a volume called off", volumes(volume(phase="Canceled")), "unverified", "is Canceled"),
    Row("0 bytes", volumes(volume(total=0)), "unverified", "has no bytes"),
    Row("0 bytes, and that is right: by volume", volumes(volume(total=0), empty=("data",)), "verified"),
    Row("0 bytes, and that is right: by claim", volumes(volume(total=0), empty=("data-postgresql-0",)), "verified"),
    Row("0 bytes, and that is right: by pod and volume", volumes(volume(total=0), empty=("postgresql-0/data",)), "verified"),
    Row("0 bytes, and that is right: in full", volumes(volume(total=0), empty=("circleci-server/postgresql-0/data",)), "verified"),
    Row("0 bytes, another one may be empty", volumes(volume(total=0), empty=("mongodb-0/data",)), "unverified", "has no bytes"),
    Row("bytes are not told", volumes(volume(total=None)), "unverified", "an unknown number of bytes"),
    Row("half of the bytes", volumes(volume(total=1000, done=400)), "unverified", "400 of 1000 bytes"),
    Row("a claim that came after it began", volumes(volume(), expected=[wanted(), wanted("new-0", since=60)]), "verified"),
    Row(
        "a pod of a deployment with another name now, same claim",
        volumes(volume("web-5d4f8c7b9-aaaaa"), expected=[wanted("web-77d9f6b54-bbbbb", claim="data-web-5d4f8c7b9-aaaaa")]),
        "verified",
    ),
    Row("the volumes cannot be read", mine(seen=evidence(volumes=None, blind={"volumes": "refused (403)"})), "unproven", "refused (403)"),
    Row("the pods cannot be read", mine(seen=evidence(expected=None, blind={"volumes": "pods: refused (403)"})), "unproven", "pods: refused (403)"),
]
FILES = [
    Row("the tarball is missing", store(files=files(tarball=None)), "unverified", "instance-a.tar.gz is missing"),
    Row("the tarball is empty", store(files=files(tarball=0)), "unverified", "instance-a.tar.gz is empty"),
    Row("velero-backup.json is missing", store(files=files(json=None)), "unverified", "velero-backup.json is missing"),
    Row("the log is missing", store(files=files(logs=None)), "unverified", "instance-a-logs.gz is missing"),
    Row("the list of volumes is missing", store(files=files(volumes=None)), "unverified", "podvolumebackups.json.gz is missing"),
    Row("the bucket was emptied behind it", store(files={}), "unverified", "velero-backup.json is missing"),
    Row(
        "the repository of the volumes is empty",
        store(folders={"circleci-server": False}),
        "unverified",
        "repository of the volumes of namespace circleci-server is empty",
    ),
    Row("the store cannot be reached", store(files=None, blind={"files": "the bucket does not answer"}), "unproven", "the bucket does not answer"),
    Row("the store cannot be reached, and a volume failed: failed wins", mine(seen=evidence(files=None, volumes=())), "unverified", "is not in it"),
    Row("files are not asked for", mine(seen=evidence(files=None), proofs=("phase", "volumes")), "verified"),
    Row("the phase alone is asked for", mine(seen=evidence(files=None, volumes=None, expected=None), proofs=("phase",)), "verified"),
    Row("nothing was read yet", mine(seen=evidence(volumes=None, expected=None, files=None)), "unproven", "could not be read"),
]
REPOSITORIES = [
    Row("the repository is Ready", mine(proofs=ALL), "verified"),
    Row("NotReady", mine(proofs=ALL, seen=evidence(repositories=(repository("NotReady", message="locked"),))), "unverified", "NotReady: locked"),
    Row("there is none", mine(proofs=ALL, seen=evidence(repositories=())), "unverified", "there is no repository"),
    Row("not maintained for a month", mine(proofs=ALL, seen=evidence(repositories=(repository(maintained=30 * 86400),))), "unverified", "for 30 days"),
    Row("does not say when", mine(proofs=ALL, seen=evidence(repositories=(repository(maintained=None),))), "unproven", "does not say when"),
    Row("cannot be read", mine(proofs=ALL, seen=evidence(repositories=None)), "unproven", "repositories could not be read"),
]
CHOICES = [
    Row("nothing there, nothing asked for", fresh(), "due", "a backup is asked for"),
    Row("a young proven one", fresh(None, instance(), max_age=3600), "verified", "younger than 3600 s"),
    Row("a scheduled one counts too", fresh(None, instance(notes={"kots.io/snapshot-trigger": "schedule"}), max_age=3600), "verified"),
    Row("a proven one that is too old", fresh(None, instance(begun=3601), max_age=3600), "due", "no proven backup is young enough"),
    Row(
        "a young one that failed, an older one that is proven",
        fresh(None, instance("instance-b", "Failed", 100), instance(begun=900), max_age=3600),
        "verified",
        "instance-a",
    ),
    Row("a young one that failed, alone", fresh(None, instance("instance-b", "Failed", 100), max_age=3600), "due"),
    Row(
        "a young one that cannot be proven: nothing is begun",
        look(state(instance(), seen={"instance-a": evidence(files=None, blind={"files": "the store is down"})}), max_age=3600),
        "unproven",
        "the store is down",
    ),
    Row("one runs, and none may be joined", fresh(None, instance(phase="InProgress")), "refused", "give max_age to join it"),
    Row("one runs that is young enough", fresh(None, instance(phase="InProgress"), max_age=3600), "running", "instance-a is InProgress"),
    Row("one runs, begun too long ago", fresh(None, instance(phase="InProgress", begun=4000), max_age=3600), "refused", "runs already"),
    Row("one waits for its turn: it runs", fresh(None, instance(phase=None)), "refused", "runs already"),
    Row("one is stalled since Velero died: it does not run", fresh(None, instance(phase="InProgress", begun=90000)), "due"),
    Row(
        "one runs, and a proven one is young enough", fresh(None, instance("instance-b", "InProgress", 100), instance(), max_age=3600), "verified", "instance-a"
    ),
    Row("one is named: its age does not matter", named("instance-a", instance(begun=90000), instance("instance-b")), "verified", "backup instance-a is proven"),
    Row("one is named that runs, whatever else runs", named("instance-a", instance(phase="InProgress"), instance("instance-b", None)), "running", "instance-a"),
    Row("one is named that is not proven: none is begun", named("instance-a", instance(phase="Failed"), instance("instance-b")), "unverified", "instance-a"),
    Row("one is named that is not there", named("instance-c", instance(), instance("instance-b")), "refused", "there are: instance-a, instance-b"),
    Row("kotsadm was asked, and none has shown", look(state(sent=True), {**following(), "uid": "", "name": ""}), "asked", "has not shown yet"),
    Row("kotsadm was asked a minute ago", look(state(sent=True), {**following(), "uid": "", "name": ""}, asked=61), "refused", "none has shown within 60 s"),
    Row("the answer was lost, but it is there", look(state(instance(phase="InProgress"), sent=True), {**following(), "uid": "", "name": ""}), "running"),
    Row("one that was there before is not ours", look(state(instance(), sent=True), {**following(known=("instance-a",)), "uid": "", "name": ""}), "asked"),
]
OLD = (App("circleci-server", deployed=1, deployed_label="3.0.2", snapshots=True),)
SILENT = (App("circleci-server", "CircleCI server", "ready", "prod", 4, "3.4.0", "deployed", None, "", None),)
REFUSALS = [
    Row("the location is Unavailable", server(location=location("Unavailable", message="no such bucket")), "refused", "no such bucket"),
    Row("the location has no phase (1.6: no plugin)", server(location=location(None, None)), "refused", "without a phase"),
    Row("Available, but looked at long ago: Velero is dead", server(location=location(validated=900)), "refused", "looked at last 900 s ago"),
    Row("Available, but never looked at", server(location=location(validated=None)), "refused", "looked at last never"),
    Row("the location is ReadOnly", server(location=location(accessMode="ReadOnly")), "refused", "ReadOnly"),
    Row("there is no location", server(location=None), "refused", "no backup storage location"),
    Row("no Velero", server(server=Server()), "refused", "no Deployment velero"),
    Row("Velero's pod is not ready", server(server=Server(True, "1.6.3", False, None, "velero-0 (CrashLoopBackOff)")), "refused", "CrashLoopBackOff"),
    Row("no agents", server(agents=Agents()), "refused", "no agent"),
    Row("an agent is Pending", server(agents=Agents("restic", 2, 1, frozenset({"node-1"}))), "refused", "1 of 2 agents are ready"),
    Row("no agent where a volume is", server(agents=Agents("restic", 1, 1, frozenset({"node-2"}))), "refused", "no agent is ready on node-1"),
    Row("server 3.0", server(apps=OLD), "refused", "came with 3.1.0"),
    Row("no such app", server(apps=()), "refused", "kotsadm has no app circleci-server"),
    Row("KOTS 1.39", server(console="1.39.2"), "refused", "1.40.0 is the least"),
    Row("the licence forbids", server(licence=Licence(snapshots=False)), "refused", "licence does not permit"),
    Row("minimal rights", server(minimal=True), "refused", "ensure-permissions"),
    Row("a Velero that is too new for this KOTS", server(console="1.124.18", server=Server(True, "1.18.3", True)), "refused", "1.15.2 is the newest"),
    Row("a Backup with a ttl that Go cannot read", fresh(None, bad={"by-hand": "30d"}), "refused", "by-hand (30d)"),
    Row("a gate that could not be looked at: none is begun", server(agents=None, blind={"agents": "refused (403)"}), "unknown", "refused (403)"),
    Row("kotsadm could not be asked: none is begun", server(console=None, apps=None, blind={"console": "lost"}), "unknown", "kotsadm could not be asked: lost"),
    Row("a gate that failed is told before one that could not be looked at", server(minimal=True, agents=None), "refused", "ensure-permissions"),
    Row("a version of which no table tells hinders nothing", server(console="1.65.0", server=Server(True, "1.9.0", True)), "due"),
    Row("a licence that does not say hinders nothing", server(licence=None, apps=SILENT), "due"),
]
ROWS = [*PHASES, *VOLUMES, *FILES, *REPOSITORIES, *CHOICES, *REFUSALS]


def said(shown: Look[Any, Any]) -> tuple[str, str]:
    """Verdict and reason, those of a refusal too."""
    found = backup.view(shown, backup.decide(shown))
    refused = backup.refusals(shown)
    assert not refused or (found["verdict"], found["reason"]) == ("refused", "; ".join(refused))
    return found["verdict"], found["reason"]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_what_is_shown_is_what_is_said(row: Row) -> None:
    verdict, reason = said(row.shown)
    assert (verdict, row.words in reason) == (row.verdict, True), reason
    assert "\n" not in reason


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_only_a_proven_backup_is_called_verified_and_only_then_is_the_task_done(row: Row) -> None:
    decision = backup.decide(row.shown)[backup.ITEM]
    found = backup.view(row.shown, {backup.ITEM: decision})
    assert found["verified"] == (row.verdict == "verified") == (decision.kind == "settled")
    assert decision.steps == () or row.verdict == "due"
    if found["verified"]:
        assert set(found["backup"]["proofs"].values()) <= {"passed", "not_asked"}


def test_there_are_enough_of_them_and_each_has_its_own_name() -> None:
    assert len(ROWS) >= 60
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert {row.verdict for row in ROWS} == {"verified", "unverified", "unproven", "running", "stalled", "asked", "gone", "due", "refused", "unknown"}


def test_times_are_those_of_the_api_server() -> None:
    found = backup.view(mine(), backup.decide(mine()))
    assert found["backup"]["age"] == 600.0 and found["backup"]["started"] == stamp(600) and NOW > 0
