# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which volumes belong into a backup, what its scope takes, and what kotsadm and the CLI say of themselves."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.kots.cli_client import version_in
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import (
    Scope,
    Selector,
    instance_from_api,
    licence_from_api,
    plan_from_api,
    scope_from_api,
    version_numbers,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kots.schedule import checked_retention
from ansible_collections.serverops.circleci.plugins.module_utils.kots.volumes import claims_from_api, unasked, volumes_of, workload_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.transport.commands import find_program, run
from unit.plugins.module_utils.kots.values import raw_backup, stamp

TAKEN = Scope(("app",), (), (Selector({"kots.io/backup": "velero"}),))
KINDS = {
    "data": {"persistentVolumeClaim": {"claimName": "c"}},
    "tmp": {"emptyDir": {}},
    "host": {"hostPath": {}},
    "token": {"projected": {}},
    "cfg": {"configMap": {}},
}


def pod(asked: str = "", left_out: str = "", phase: str = "Running", namespace: str = "app", name: str = "web-0", **labels: str) -> Any:
    notes = {"backup.velero.io/backup-volumes": asked, "backup.velero.io/backup-volumes-excludes": left_out}
    meta = {
        "name": name,
        "namespace": namespace,
        "labels": labels or {"kots.io/backup": "velero"},
        "annotations": {key: text for key, text in notes.items() if text},
    }
    spec = {"nodeName": "n1", "volumes": [{"name": key, **kind} for key, kind in KINDS.items()]}
    return workload_from_api({"metadata": {**meta, "creationTimestamp": stamp(100)}, "spec": spec, "status": {"phase": phase}})


WANTED: list[tuple[str, Scope, Any, list[str]]] = [
    ("asked for", TAKEN, pod("data"), ["data"]),
    ("two, with blanks", TAKEN, pod("data , tmp"), ["data", "tmp"]),
    ("nobody asks", TAKEN, pod(), []),
    ("a volume that the pod has not", TAKEN, pod("data,nothing"), ["data"]),
    ("a folder of the machine is never read", TAKEN, pod("host,token,cfg"), []),
    ("a pod that waits counts", TAKEN, pod("data", phase="Pending"), ["data"]),
    ("a pod that has ended does not", TAKEN, pod("data", phase="Succeeded"), []),
    ("without the label", TAKEN, pod("data", other="x"), []),
    ("in another namespace", TAKEN, pod("data", namespace="other"), []),
    ("every volume", Scope(("app",), every_volume=True), pod(), ["data", "tmp"]),
    ("every volume but one", Scope(("app",), every_volume=True), pod(left_out="tmp"), ["data"]),
    ("all namespaces", Scope(), pod("data", namespace="other"), ["data"]),
    ("all but this one", Scope(excluded=("app",)), pod("data"), []),
]


@pytest.mark.parametrize(("scope", "one", "names"), [row[1:] for row in WANTED], ids=[row[0] for row in WANTED])
def test_what_belongs_into_a_backup(scope: Scope, one: Any, names: list[str]) -> None:
    assert [found.name for found in volumes_of(scope, [one], {})] == names


def test_a_claim_counts_once_and_is_as_old_as_itself() -> None:
    claims = claims_from_api([{"metadata": {"namespace": "app", "name": "c", "creationTimestamp": stamp(5000)}}])
    [found] = volumes_of(TAKEN, [pod("data"), pod("data", name="web-1")], claims)
    assert (found.claim, found.words) == ("c", "app/web-0/data")
    assert found.since == claims["app", "c"]


def test_claims_that_nobody_asks_for_are_named() -> None:
    assert unasked(TAKEN, [pod()]) == ("app/c",) and unasked(TAKEN, [pod("data")]) == ()


@pytest.mark.parametrize(
    ("expression", "labels", "holds"),
    [
        (("a", "In", ("x", "y")), {"a": "y"}, True),
        (("a", "In", ("x",)), {}, False),
        (("a", "NotIn", ("x",)), {"a": "x"}, False),
        (("a", "NotIn", ("x",)), {}, True),
        (("a", "Exists", ()), {"a": ""}, True),
        (("a", "DoesNotExist", ()), {"a": ""}, False),
    ],
)
def test_a_selector_is_read_as_kubernetes_reads_it(expression: Any, labels: dict[str, str], holds: bool) -> None:
    assert Selector(expressions=(expression,)).matches(labels) == holds


def test_the_selectors_of_old_and_new_kots_and_the_flags_of_old_and_new_velero() -> None:
    label = {"matchLabels": {"kots.io/backup": "velero"}}
    assert scope_from_api({"labelSelector": label}).selectors == scope_from_api({"orLabelSelectors": [label]}).selectors
    assert scope_from_api({"defaultVolumesToRestic": True}).every_volume and scope_from_api({"defaultVolumesToFsBackup": True}).every_volume
    assert not scope_from_api({"defaultVolumesToFsBackup": False, "defaultVolumesToRestic": True}).every_volume


def test_only_a_backup_of_a_whole_installation_is_one() -> None:
    assert instance_from_api(raw_backup(notes={"kots.io/instance": "false"})) is None
    assert instance_from_api({"metadata": {"name": "nightly"}}) is None
    found = instance_from_api(raw_backup(notes={"kots.io/apps-sequences": "not json"}))
    assert found is not None and found.sequences == {} and found.namespace == "circleci-server"


def test_a_schedule_that_is_off_has_no_cron_whatever_is_shown() -> None:
    shown = {"autoEnabled": False, "autoSchedule": {"schedule": "0 0 * * MON"}, "ttl": {"inputValue": "1", "inputTimeUnit": "months", "converted": "720h"}}
    found = plan_from_api(shown)
    assert (found.enabled, found.cron, found.retention, found.retention_words) == (False, "", 2592000.0, "1 months")
    assert plan_from_api({**shown, "autoEnabled": True}).cron == "0 0 * * MON"


@pytest.mark.parametrize(("told", "permitted"), [({"isSnapshotSupported": True}, True), ({"isSnapshotSupported": False}, False), ({}, None)])
def test_what_a_licence_says_of_snapshots(told: Any, permitted: bool | None) -> None:
    assert licence_from_api({"license": told}).snapshots is permitted
    told_as_entry = {"entitlements": [{"label": key, "value": value} for key, value in told.items()]}
    assert licence_from_api({"license": told_as_entry}).snapshots is permitted


@pytest.mark.parametrize(("text", "numbers"), [("v1.124.18", (1, 124, 18)), ("3.4.0-rc1", (3, 4, 0)), ("1.18", (1, 18, 0)), ("latest", None), ("", None)])
def test_versions(text: str, numbers: Any) -> None:
    assert version_numbers(text) == numbers


@pytest.mark.parametrize(
    ("text", "found"),
    [("30d", (30, "days")), ("12H", (12, "hours")), ("6mo", (6, "months")), ("2 weeks", (2, "weeks")), ("1y", (1, "years")), ("5m", (5, "minutes"))],
)
def test_retentions(text: str, found: tuple[int, str]) -> None:
    assert checked_retention(text) == found


@pytest.mark.parametrize("text", ["", "d", "30", "-1d", "0d", "1.5d", "30days ago", "month", "1 month", "9999999999d", "30d\n5"])
def test_retentions_that_are_none(text: str) -> None:
    with pytest.raises(BadInput, match="retention is"):
        checked_retention(text)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('{"version": "v1.124.18", "latestVersion": "1.130.0"}', "1.124.18"),
        ("Replicated KOTS 1.40.0\n", "1.40.0"),
        ("\x1b[32mReplicated KOTS v1.65.0\x1b[0m", "1.65.0"),
        ("Error: unknown command\n", None),
        ("", None),
        ("[1, 2]", None),
    ],
)
def test_the_version_in_what_the_cli_prints(text: str, version: str | None) -> None:
    assert version_in(text) == version


def test_a_program_is_judged_by_what_it_says_and_never_hangs() -> None:
    shell = find_program("no-such-program-anywhere", "sh")
    assert shell is not None and find_program("no-such-program-anywhere") is None
    assert run([shell, "-c", "echo out; echo err >&2; exit 3"]).out == "out\n"
    assert run([shell, "-c", "exec sleep 20"], timeout=0.2).code is None
    assert run(["/no/such/program"]).code is None


def test_a_program_gets_no_credentials_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_API_KEY", "cafecafe")
    shell = find_program("sh")
    assert shell is not None and "cafecafe" not in run([shell, "-c", "env"]).out
