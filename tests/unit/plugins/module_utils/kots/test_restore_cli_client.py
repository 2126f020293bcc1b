# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The official CLI as a real program beside us: it acts on the cluster that was looked at, and is asked for its life only where its locks are ours."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_cli_client import ProgramClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_model import Mark
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.link_client import Link

TELLS = '#!/bin/sh\necho "KUBECONFIG=$KUBECONFIG" > told.new\necho "$@" >> told.new\nmv told.new told\nwhile [ ! -e stop ]; do sleep 0.05; done\n'
PATIENCE = 20.0


def until(so: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of an operator whose usual kubeconfig is that of production, beside one of a rehearsal."""
    for path, host in ((".kube/config", "production"), ("rehearsal", "rehearsal"), ("more", "more")):
        cluster = {"clusters": [{"name": host, "cluster": {"server": f"https://{host}:6443"}}], "users": [{"name": host, "user": {"token": "t"}}]}
        contexts = [{"name": host, "context": {"cluster": host, "user": host}}]
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **cluster, "contexts": contexts, "current-context": host}))
    program = tmp_path / "kots"
    program.write_text(TELLS)
    program.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def client(home: Path, folder: str = "logs", **given: Any) -> ProgramClient:
    return ProgramClient(KubernetesConnection(**given), str(home / "kots"), str(home / folder))


def mark(one: ProgramClient, run: str = "run-1") -> Mark:
    return Mark("instance-a", run=run, place=one.place(), folder=one.folder)


def told(home: Path, folder: str = "logs", **given: Any) -> tuple[str, str]:
    """Its KUBECONFIG and its arguments."""
    one = client(home, folder, **given)
    (home / folder).mkdir(mode=0o700)
    one.start(mark(one), "circleci-server", False)
    until((home / folder / "told").exists)
    (home / folder / "stop").touch()
    until(lambda: one.lives(mark(one)) is False)
    environment, arguments = (home / folder / "told").read_text().splitlines()
    return environment.partition("=")[2], arguments


# what the environment says, the options, the files that count, the server that is read
CLUSTERS: list[tuple[str, dict[str, str], list[str], str]] = [
    ("", {}, [".kube/config"], "production"),
    ("{home}/rehearsal", {}, ["rehearsal"], "rehearsal"),
    ("{home}/rehearsal:{home}/more", {}, ["rehearsal", "more"], "rehearsal"),
    ("{home}/rehearsal:{home}/more", {"context": "more"}, ["rehearsal", "more"], "more"),
    ("{home}/rehearsal", {"kubeconfig": "{home}/more"}, ["more"], "more"),
    ("{home}/rehearsal", {"kubeconfig": "more:rehearsal"}, ["more", "rehearsal"], "more"),
    ("{home}/rehearsal", {"kubeconfig": "~/more"}, ["more"], "more"),
    ("rehearsal", {}, ["rehearsal"], "rehearsal"),
    ("{home}/nothing:{home}/rehearsal", {}, ["nothing", "rehearsal"], "rehearsal"),
]


@pytest.mark.parametrize(("environment", "given", "files", "server"), CLUSTERS)
def test_it_acts_on_the_cluster_that_is_read(
    home: Path, monkeypatch: pytest.MonkeyPatch, environment: str, given: dict[str, str], files: list[str], server: str
) -> None:
    monkeypatch.setenv("KUBECONFIG", environment.format(home=home))
    given = {name: text.format(home=home) for name, text in given.items()}
    assert Link(KubernetesConnection(**given)).place == f"{server}:6443"  # type: ignore[arg-type]
    kubeconfig, arguments = told(home, **given)
    assert kubeconfig == os.pathsep.join(str(home / one) for one in files)
    assert "--kubeconfig" not in arguments and arguments.endswith(f"--context {server}"), "whatever is current when it comes to read them"


def test_a_host_that_is_given_goes_with_a_kubeconfig_of_its_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(home / "rehearsal"))
    kubeconfig, arguments = told(home, host="https://given:6443", context="more")
    assert kubeconfig == "" and f"--kubeconfig {home}/logs/run-1.kubeconfig" in arguments and "--context" not in arguments


def test_a_user_reads_the_life_of_a_program_in_the_folder_of_its_mark(home: Path) -> None:
    first, second = client(home), client(home, "other")
    (home / "logs").mkdir(mode=0o700)
    first.start(mark(first), "circleci-server", False)
    assert second.lives(mark(first)) is True, "our own log_directory is another one, and the program lives all the same"
    (home / "logs" / "stop").touch()
    until(lambda: second.lives(mark(first)) is False)
    here = replace(mark(first), place=second.place(), folder=second.folder)  # as a restore that goes on marks it
    second.start(here, "circleci-server", True)
    assert client(home, "third").lives(here) is True and first.lives(mark(first)) is False
    (home / "other" / "stop").touch()
    until(lambda: second.lives(here) is False)


def test_nobody_knows_of_the_program_of_another_user_or_machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = client(home)
    theirs = mark(one)
    assert one.lives(theirs) is False and one.lives(replace(theirs, place="elsewhere/boot")) is None and one.lives(replace(theirs, place="")) is False
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert one.lives(theirs) is None and one.said(theirs) == "" and one.lives(mark(one, "run-2")) is False
