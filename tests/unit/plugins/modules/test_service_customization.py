# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of service_customization: overrides, names and environment as data; one note for all of them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.host import readers_client
from unit.plugins.modules.host_doors import change, notes, snapshot
from unit.plugins.modules.indoors import check_options, module, returned

NAME = "service_customization"
SECRET = "5ec2e7-of-postgres"


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")
    names = {"global_file": "global", "config_directory": "circleconfig", "hosts_file": "hosts", "environment_file": "environment"}
    return {option: str(tmp_path / name) for option, name in names.items()}


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**module(NAME).DOOR.options, **WAIT_OPTIONS})


def test_all_files_are_written_and_one_note_is_left(tmp_path: Path, paths: dict[str, str]) -> None:
    params: dict[str, Any] = {
        **paths,
        "service": "frontend",
        "variables": {"JVM_HEAP_SIZE": "4g", "N": 3, "ON": True},
        "hosts": {"ghe.example.com": "10.0.1.20"},
        "environment": {"TZ": "UTC"},
    }
    before = snapshot(tmp_path)
    predicted, failure = change(NAME, tmp_path, check=True, **params)
    assert failure == "" and predicted["changed"] and predicted["restart_required"] and snapshot(tmp_path) == before
    result, failure = change(NAME, tmp_path, **params)
    assert failure == "" and result["steps"] == predicted["steps"] and result["diff"] == predicted["diff"]
    assert [step["step"] for step in result["steps"]] == ["begin", "write", "write", "write", "note"]
    assert (tmp_path / "circleconfig/frontend/customizations").read_text() == 'export JVM_HEAP_SIZE="4g"\nexport N="3"\nexport ON="true"\n'
    assert (tmp_path / "environment").read_text() == "TZ=UTC\n"
    assert [(note.what, note.restart) for note in notes(tmp_path)] == [("overrides of frontend (app)", "app")]
    assert set(result) - {"changed", "diff", "warnings"} == set(returned(NAME))
    again, failure = change(NAME, tmp_path, **params)
    assert failure == "" and not again["changed"] and again["restart_required"], "the restart is still due"
    assert list((tmp_path / "notes.d.begun").iterdir()) == []


def test_a_secret_is_written_and_not_shown(tmp_path: Path, paths: dict[str, str]) -> None:
    params: dict[str, Any] = {**paths, "secret_variables": {"POSTGRES_PASSWORD": SECRET}}
    result, failure = change(NAME, tmp_path, **params)
    path = tmp_path / "global"
    assert failure == "" and SECRET in path.read_text() and stat.S_IMODE(path.stat().st_mode) == 0o600 and SECRET not in str(result)
    path.write_text("export POSTGRES_PASSWORD=other\n")
    result, failure = change(NAME, tmp_path, check=True, **params)
    assert "other" not in str(result) and result["diff"]["before"][str(path)]["values"]["POSTGRES_PASSWORD"] == "******** (not as wanted)"


def test_a_secret_in_a_file_that_everybody_may_read_is_warned_about(tmp_path: Path, paths: dict[str, str]) -> None:
    path = tmp_path / "global"
    path.write_text("# by hand\n")
    path.chmod(0o644)
    params: dict[str, Any] = {**paths, "secret_variables": {"POSTGRES_PASSWORD": SECRET}}
    for check in (True, False, False):
        result, failure = change(NAME, tmp_path, check, **params)
        [warning] = result["warnings"]
        assert failure == "" and f"{path}: it holds values of secret_variables" in warning and "(mode 0644)" in warning
    assert change(NAME, tmp_path, **params, mode="0640")[0]["warnings"] == []
    assert change(NAME, tmp_path, **params)[0]["warnings"] == [], "it is 0640 now"
    path.chmod(0o644)
    assert change(NAME, tmp_path, **paths, secret_variables={"POSTGRES_PASSWORD": None})[0]["warnings"] == []


def test_mode_and_owner_are_brought_about_and_told(tmp_path: Path, paths: dict[str, str]) -> None:
    path = tmp_path / "global"
    path.write_text('export A="1"\n')
    path.chmod(0o644)
    params: dict[str, Any] = {**paths, "variables": {"A": "1"}, "mode": "0600", "owner": str(os.geteuid())}
    result, _failure = change(NAME, tmp_path, check=True, **params)
    key = str(path)
    assert result["changed"] and (result["diff"]["before"][key]["mode"], result["diff"]["after"][key]["mode"]) == ("0644", "0600")
    change(NAME, tmp_path, **params)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and not change(NAME, tmp_path, **params)[0]["changed"]
    result, failure = change(NAME, tmp_path, **{**params, "owner": "nobody-of-that-name"})
    assert "no such owner or group" in failure


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "there is nothing to be brought about"),
        ({"service": "front-end", "variables": {"A": "1"}}, "did you mean frontend?"),
        ({"service": "frontend", "shared": "vault", "variables": {"A": "1"}}, "service is frontend and shared is vault; give one"),
        ({"service": "../x", "variables": {"A": "1"}}, "no name of a service"),
        ({"variables": {"A B": "1"}}, "variables: 'A B' is no name"),
        ({"variables": {"A": ["1"]}}, "the value of A is a list"),
        ({"variables": {"A": 1.5}}, "the value of A is a float"),
        ({"variables": {"A": "1"}, "secret_variables": {"A": "2"}}, "both hold A"),
        ({"secret_variables": {"A": f"{SECRET}\n"}}, "the value of A holds a line end"),
        ({"environment": {"A": "a#b"}}, "the value of A holds #"),
        ({"hosts": {"localhost": "10.0.0.1"}}, "own name for itself"),
        ({"variables": {"A": "1"}, "mode": "rw"}, "mode is 'rw'"),
        # What YAML makes of 0640, 0644 and 0660 without quotes: as octal numbers the first two would let everybody write.
        *(({"variables": {"A": "1"}, "mode": mode}, f"mode is '{mode}', but it must be") for mode in ("416", "420", "432")),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_changed(tmp_path: Path, paths: dict[str, str], params: dict[str, Any], words: str) -> None:
    before = snapshot(tmp_path)
    result, failure = change(NAME, tmp_path, **{**paths, **params})
    assert result == {} and words in failure and SECRET not in failure and snapshot(tmp_path) == before


def test_another_service_is_taken_where_it_is_said(tmp_path: Path, paths: dict[str, str]) -> None:
    _result, failure = change(NAME, tmp_path, **paths, service="my-service", other_service=True, variables={"A": "1"})
    assert failure == "" and (tmp_path / "circleconfig/my-service/customizations").is_file()


def test_data_services_elsewhere_have_files_that_several_services_read(tmp_path: Path, paths: dict[str, str]) -> None:
    given: dict[str, Any] = {"shared": "postgresql", "variables": {"POSTGRES_HOST": "db.example.com"}, "secret_variables": {"POSTGRES_PASSWORD": SECRET}}
    predicted, failure = change(NAME, tmp_path, check=True, **paths, **given)
    assert failure == "" and predicted["changed"] and not (tmp_path / "circleconfig/shared").exists()
    result, failure = change(NAME, tmp_path, **paths, **given)
    path = tmp_path / "circleconfig/shared/postgresql"
    assert failure == "" and result["steps"] == predicted["steps"] and SECRET not in str(result)
    assert path.read_text() == f'export POSTGRES_HOST="db.example.com"\nexport POSTGRES_PASSWORD="{SECRET}"\n'
    assert path.stat().st_mode & 0o777 == 0o600
    assert [note.what for note in notes(tmp_path)] == ["overrides of shared/postgresql (app)"]
    again, failure = change(NAME, tmp_path, **paths, **given)
    assert failure == "" and not again["changed"]


def test_a_file_that_stands_in_the_way_stops_all_before_the_first(tmp_path: Path, paths: dict[str, str]) -> None:
    (tmp_path / "environment").write_text("")
    os.link(tmp_path / "environment", tmp_path / "twin")
    for check in (True, False):
        result, failure = change(NAME, tmp_path, check, **paths, variables={"A": "1"}, environment={"B": "2"})
        assert "2 names (hard links)" in failure and not (tmp_path / "global").exists() and notes(tmp_path) == ()


def test_a_shell_that_reads_another_value_fails_the_task(tmp_path: Path, paths: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    liar = tmp_path / "sh"
    liar.write_text("#!/bin/sh\nexec printf 'A=2\\0'\n")
    liar.chmod(0o755)
    monkeypatch.setattr(readers_client.commands, "find_program", lambda *_names: str(liar))
    result, failure = change(NAME, tmp_path, **paths, variables={"A": "1"})
    assert "a shell reads A in" in failure and "no restart of app is asked for" in failure and notes(tmp_path) == ()
    liar.write_text("#!/bin/sh\nexit 2\n")
    _result, failure = change(NAME, tmp_path, **paths, variables={"A": "1"})
    assert "a shell cannot read" in failure


def test_a_file_that_runs_commands_is_not_run(tmp_path: Path, paths: dict[str, str]) -> None:
    (tmp_path / "global").write_text(f"touch {tmp_path}/ran\nexport B=`touch {tmp_path}/ran`\n")
    result, failure = change(NAME, tmp_path, **paths, variables={"A": "1"})
    assert failure == "" and not (tmp_path / "ran").exists()
    assert result["warnings"] == [f"{tmp_path}/global: line 1 is neither an assignment nor a comment; a shell takes it for a command"]
