"""A simulator broken on purpose must be found out by the replay."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.velero import (
    asked,
    backups,
    cli_install,
    cli_objects,
    items,
    locations,
    messages,
    profile,
    restores,
    store,
    sync,
    volumes,
    world,
)
from lab.velero import core as shared
from lab.velero.test_contract import run

OLD, NEW = "1.6.3", "1.14.0"


def of_profile(version: str, **changes: Any) -> Any:
    return (profile.PROFILES, version, lambda right: replace(right, **changes))


def nothing(_right: Any) -> Any:
    return lambda *_words, **_more: None


def quiet(_right: Any) -> Any:
    """A generator that has nothing to do."""

    def work(*_words: Any) -> Any:
        yield from ()

    return work


def never(value: Any) -> Any:
    return lambda _right: lambda *_words, **_more: value


# What is broken; where, its name, how; in which version and recording it shows.
MUTANTS: list[tuple[str, tuple[Any, str, Any], str, str]] = [
    ("a server that died marks what it left", of_profile(OLD, marks_left=True), OLD, "backup-failures"),
    ("a server that died leaves it for ever", of_profile(NEW, marks_left=False), NEW, "backup-failures"),
    ("nothing is finalized", of_profile(NEW, finalizing=False), NEW, "backup"),
    ("the old one finalizes", of_profile(OLD, finalizing=True), OLD, "backup"),
    ("hooks are not counted", of_profile(NEW, hook_status=False), NEW, "backup"),
    ("the old one says why", of_profile(OLD, says_why=True), OLD, "location"),
    ("the new one does not say why", of_profile(NEW, says_why=False), NEW, "location"),
    ("the wrong SDK's words", of_profile(NEW, sdk=1), NEW, "wrong-key"),
    ("an unknown namespace is an error only", of_profile(NEW, unknown_namespace_fails=False), NEW, "backup"),
    ("an unknown namespace fails validation", of_profile(OLD, unknown_namespace_fails=True), OLD, "backup"),
    ("nothing heals", of_profile(NEW, heals=False), NEW, "backup"),
    ("a new schedule waits", of_profile(OLD, schedule_at_once=False), OLD, "schedule"),
    ("a new schedule runs at once", of_profile(NEW, schedule_at_once=True), NEW, "schedule"),
    ("no finalizer on a restore", of_profile(NEW, restore_finalizer=False), NEW, "restore"),
    ("no agent is asked for", of_profile(NEW, asks_for_agent=False), NEW, "backup-failures"),
    ("a deletion gives up", of_profile(NEW, retry_deletes=False), NEW, "sync-delete"),
    ("a deletion goes on for ever", of_profile(OLD, retry_deletes=True), OLD, "sync-delete"),
    ("status paths everywhere", of_profile(NEW, with_status_path=("backups",)), NEW, "backup"),
    ("kinds of downloads of later", of_profile(OLD, download_kinds=profile.LATER_KINDS), OLD, "logs-download"),
    ("every location may be read", (locations.Locations, "_try", nothing), NEW, "location"),
    ("foreign folders are nobody's business", (locations, "OWN_FOLDERS", lambda right: right | {"somebody"}), NEW, "location"),
    ("all keys of a location's config are fine", (shared, "KEYS", lambda right: {name: keys | {"nonsense"} for name, keys in right.items()}), NEW, "location"),
    ("a location needs no Secret", (shared.Core, "_credentials_of", lambda right: lambda self, spec: self.credentials), NEW, "location"),
    (
        "the store takes every key",
        (store.MemorySeen, "_code", lambda right: lambda self, op, name: "" if name in self.store.buckets else right(self, op, name)),
        NEW,
        "wrong-key",
    ),
    ("nobody says what the store said", (messages, "of_sdk_2", never("an error")), NEW, "wrong-key"),
    ("hooks always work", (backups.Backups, "_hooks", quiet), NEW, "backup-failures"),
    (
        "backups run beside each other",
        (backups.Backups, "pump", lambda right: lambda self: (setattr(self, "current", ""), right(self))[1]),
        OLD,
        "backup-failures",
    ),
    ("the store is not asked first", (backups.Backups, "_not_there", quiet), NEW, "wrong-key"),
    ("an item too many", (items, "chosen", lambda right: lambda *words: right(*words) + right(*words)[:1]), OLD, "backup"),
    ("selectors choose all", (items, "selects", never(True)), OLD, "backup"),
    ("nothing comes back from the store", (sync.Sync, "_bring", nothing), OLD, "sync-delete"),
    ("what went from the store stays", (sync.Sync, "_take", nothing), NEW, "sync-delete"),
    ("nobody tells the server's version", (asked.Requests, "_answer", quiet), NEW, "logs-download"),
    ("a cron of any kind", (asked, "Cron", lambda right: lambda text: right("@every 9000h" if " day" in text else text)), NEW, "schedule"),
    ("what differs is equal", (restores, "equal", never(True)), OLD, "restore"),
    ("nothing is refused", (restores.Restores, "_object", lambda right: lambda self, *words: (self.refused.clear(), right(self, *words))[1]), NEW, "restore"),
    ("nobody waits for a namespace that ends", (restores, "TERMINATING", lambda right: 1.0), OLD, "restore"),
    ("two sources are one too few", (restores, "BOTH", lambda right: "no"), NEW, "restore"),
    ("restic is always there", (volumes.Volumes, "_try", never("")), OLD, "backup-failures"),
    ("the server works without a pod", (world.VeleroWorld, "kill_server", nothing), NEW, "backup-failures"),
    ("all flags are known", (cli_install, "GONE", lambda right: {}), NEW, "install"),
    ("the old program waits well", (cli_objects, "TERMINAL", lambda right: ()), NEW, "backup"),
]


class Hangs(Exception):
    """It never ends: found out as well."""


def strike(*_words: Any) -> None:
    raise Hangs


@pytest.mark.parametrize(("what", "where", "version", "name"), MUTANTS, ids=[one[0] for one in MUTANTS])
def test_a_mutant_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str, where: tuple[Any, str, Any], version: str, name: str) -> None:
    holder, key, wrong = where
    if isinstance(holder, dict):
        monkeypatch.setitem(holder, key, wrong(holder[key]))
    else:
        monkeypatch.setattr(holder, key, wrong(getattr(holder, key)))
    signal.signal(signal.SIGALRM, strike)
    signal.alarm(10)
    try:
        found = run(version, name, tmp_path).found
    except Hangs:
        found = ["it hangs"]
    finally:
        signal.alarm(0)
    assert found, what
