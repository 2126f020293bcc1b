"""kotsadm and the program kots behave as the recorded ones did: every recorded line that is modelled is replayed and compared."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lab.kots import api, apps, deploys, settings, snapshots, world
from lab.kots.cli import apps as cli_apps
from lab.kots.cli import backups as cli_backups
from lab.kots.cli import profile as cli_profile
from lab.kots.cli import program, tables
from lab.kots.cli import velero as cli_velero
from lab.kots.cli.run import Failed, Run
from lab.kots.model import Answer
from lab.kots.not_modelled import LINES, SUBJECTS
from lab.kots.replay import FILES, left_out, load, replay, said


@pytest.mark.parametrize("name", FILES)
def test_recording(name: str) -> None:
    assert replay(name) == []


def test_tally(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the counts. What is left out is little, and each reason is used."""
    used: Counter[str] = Counter()
    done = out = 0
    with capsys.disabled():
        print()
        for name in FILES:
            lines = [line for line in load(name) if said(line)]
            gone = [line for line in lines if left_out(name, line)]
            done, out = done + len(lines) - len(gone), out + len(gone)
            print(f"KOTS {name}: {len(lines) - len(gone)} lines replayed and compared, {len(gone)} not modelled")
            for line in gone:
                used.update(why for file, pattern, why in LINES if file in ("*", name.partition("/")[2]) and re.search(pattern, said(line)))
        for why, count in used.items():
            print(f"  {count} x {why}")
        print(f"{len(SUBJECTS)} subjects are not simulated or unproven: {'; '.join(SUBJECTS)}")
    assert set(used) == {why for _file, _pattern, why in LINES}
    assert done >= 540 and out <= 12


def test_not_modelled_holds_nothing_of_kotsadm() -> None:
    assert not [line for name in FILES for line in load(name) if line.get("server") == "kotsadm" and left_out(name, line)]


Wrong = Callable[[Any], Any]
APP, LOST, CLUSTER, RBAC, RESTORE = (f"1.124.18/kotsadm-{name}" for name in ("app", "app-store-lost", "cluster", "minimal-rbac", "restore"))
TRAPS, DEAD, NONE, COMMANDS, RIGHTS = (f"1.124.18/{name}" for name in ("restore-traps", "dead-kotsadm", "no-kotsadm", "velero-commands", "rights"))


def always(value: Any) -> Wrong:
    return lambda right: lambda *_a, **_k: value


def trusting(right: Any) -> Any:
    """A schedule that stays when it is switched off."""

    def schedule(held: Any, body: Any, query: Any) -> Answer:
        return right(held, body | {"autoEnabled": True}, query)

    return schedule


def honest(right: Any) -> Any:
    """An update check that waits for the one that runs."""

    def check(held: Any, body: Any, query: Any, slug: str) -> Answer:
        if slug in held.apps:
            held.apps[slug].upstream.checking = False
        return right(held, body, query, slug)

    return check


def lazy(right: Any) -> Any:
    """Equal values make no version."""

    def add(held: Any, app: Any, base: Any, values: Any) -> Any:
        return base if values.get("workers") == base.values.get("workers") else right(held, app, base, values)

    return add


def spoken(right: Any) -> Any:
    def restore(run: Any, name: str) -> None:
        right(run, name)
        run.line("done")

    return restore


def angry(right: Any) -> Any:
    def backup(run: Run) -> None:
        right(run)
        if run.quiet:
            raise Failed("", bare=True)

    return backup


def strict(right: Any) -> Any:
    """A second backup is refused."""

    def backup(held: Any, body: Any, query: Any) -> Answer:
        return Answer(409, {}) if any(snapshots.unfinished(one) for one in snapshots.of(held)) else right(held, body, query)

    return backup


def found_again(right: Any) -> Any:
    def begin(held: Any, app: Any, version: Any) -> None:
        app.store_lost = False
        right(held, app, version)

    return begin


def patient(right: Any) -> Any:
    def delete(held: Any, body: Any, query: Any, name: str) -> Answer:
        held.state.remove(snapshots.DELETES, held.velero_namespace, name)
        return right(held, body, query, name)

    return delete


MUTANTS: list[tuple[str, Any, str, Wrong, str]] = [
    (
        "one text for both kinds of 401",
        api,
        "refused",
        lambda right: lambda w, h: right(w, h) and Answer(401, {"error": "missing authorization token"}),
        CLUSTER,
    ),
    ("an unknown application is 404", apps, "status", lambda right: lambda w, b, q, slug: right(w, b, q, slug) if slug in w.apps else Answer(404), CLUSTER),
    ("errors have a body", apps, "one", lambda right: lambda w, b, q, slug: right(w, b, q, slug) if slug in w.apps else Answer(500, {}), CLUSTER),
    ("a schedule switched off is remembered", settings, "schedule", trusting, CLUSTER),
    ("month is taken", settings, "HOURS", lambda right: {**right, "month": 720}, CLUSTER),
    (
        "every schedule is taken",
        settings,
        "schedule",
        lambda right: lambda w, b, q: right(w, b | {"schedule": b["schedule"].replace("every day", "@daily")}, q),
        CLUSTER,
    ),
    ("the secret is shown", settings, "HIDDEN", lambda right: "lab-secret", CLUSTER),
    ("a second backup is refused", snapshots, "backup", strict, CLUSTER),
    ("an old deletion request does not matter", snapshots, "delete", patient, CLUSTER),
    ("logs of nothing are answered at once", snapshots, "LOGS", lambda right: 0.0, CLUSTER),
    ("FailedValidation is its own status", snapshots, "status", lambda right: lambda body: snapshots.phase(body) or "InProgress", CLUSTER),
    ("a backup says nothing of the namespace", snapshots.json, "dumps", lambda right: lambda value, **more: right({"x": 1}), CLUSTER),
    ("rights do not matter", snapshots, "access", always(True), RBAC),
    ("GET of the plan is refused too", settings, "plan", lambda right: lambda w, b, q: snapshots.refusal(w) or right(w, b, q), RBAC),
    ("a check waits for the one before", deploys, "updatecheck", honest, APP),
    ("a dead upstream answers at once", deploys, "DEAD", lambda right: 1.0, APP),
    ("equal values make no version", deploys, "_add", lazy, APP),
    ("a deploy is done when it is answered", deploys, "DEPLOY", lambda right: 30.0, APP),
    ("a lost archive does not matter to a deploy", deploys, "begin", found_again, LOST),
    ("an empty password stays empty", deploys.vault, "sealed", lambda right: lambda text: text, APP),
    ("a deployed application is removed", deploys, "remove", lambda right: lambda w, b, q, slug: right(w, b | {"force": True}, q, slug), APP),
    ("versions are oldest first", apps, "shown", lambda right: lambda a, v, whole=True: right(a, v, True), APP),
    ("kots: a trap is an error", cli_backups, "_restore", spoken, TRAPS),
    ("kots: a restore leaves the console", cli_backups, "delete_console", always(None), TRAPS),
    ("kots: json is exit 1 on failure", cli_backups, "backup", angry, DEAD),
    ("kots: no usage after an error", program, "usage", always(""), DEAD),
    ("kots: the auth Secret is made without a console", Run, "forward", lambda right: lambda self, *a, **k: (self.authorize(), right(self, *a, **k))[1], DEAD),
    ("kots: an unknown application is exit 1", cli_apps, "upgrade", lambda right: lambda run: (run.forward(), run.authorize(), cli_apps._check(run)), CLUSTER),
    ("kots: an instruction is exit 1", cli_velero, "_guide", always(1 / 2), NONE),
    ("kots: the store is written last", cli_velero, "_store", always(None), COMMANDS),
    ("kots: no version check after a success", program, "_checked", always(None), TRAPS),
    ("kots: nobody is waited for", cli_apps, "POD", lambda right: 0.0, NONE),
    ("kots: <nil> is empty", tables, "when", lambda right: lambda text: right(text) if text else "", TRAPS),
    ("kots: set config says less", cli_apps, "HIDE", lambda right: "", APP),
    ("kots 1.40 speaks JSON", cli_profile, "Profile", lambda right: right, "1.40.0/no-kotsadm"),
    (
        "kots 1.40 is as quick as later ones",
        cli_apps.Run,
        "old_dial",
        lambda right: lambda self, pod, *a: self._dial(pod, "x", self.out),
        "1.40.0/dead-kotsadm",
    ),
]


@pytest.mark.parametrize(("what", "where", "name", "wrong", "file"), MUTANTS, ids=[mutant[0] for mutant in MUTANTS])
def test_a_mutant_is_found_out(monkeypatch: pytest.MonkeyPatch, what: str, where: Any, name: str, wrong: Wrong, file: str) -> None:
    right = getattr(where, name)
    made = wrong(right)
    monkeypatch.setattr(where, name, made)
    rewire(monkeypatch, right, made)
    if what == "kots 1.40 speaks JSON":
        monkeypatch.setitem(program.PROFILES, "1.40.0", replace(program.PROFILES["1.40.0"], json=True))
    assert replay(file), what


def rewire(monkeypatch: pytest.MonkeyPatch, right: Any, made: Any) -> None:
    """Tables of routes and commands hold the function itself."""
    monkeypatch.setattr(api, "ROUTES", [(verb, path, made if route is right else route) for verb, path, route in api.ROUTES])
    for words, command in program.COMMANDS.items():
        if command.act is right:
            monkeypatch.setitem(program.COMMANDS, words, replace(command, act=made))
    for module in (world, settings, snapshots):
        for name, held in vars(module).items():
            if held is right and callable(held):
                monkeypatch.setattr(module, name, made)
