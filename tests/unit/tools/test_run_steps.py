# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A step that cannot run is never silent: it is told as skipped, and where everything is expected to be there it is a failure."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import run_steps
from environments import CORES, Environment
from run_steps import SUITES, Runner, Step, on, summary

NOWHERE = Environment("core-9.9", "ansible-core 9.9", ("3.99",))
STEP = on(NOWHERE, Step("anything", (sys.executable, "-c", "pass")))


@pytest.mark.parametrize(("ci", "optional", "code"), [("", False, 0), ("true", False, 1), ("true", True, 0)])
def test_a_step_without_its_python_is_skipped_with_the_reason(
    ci: str, optional: bool, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", ci)
    result = Runner().run(replace(STEP, optional=optional))
    assert summary([result], 0.0) == code
    told = capsys.readouterr().out
    assert "there is no .venv-core-9.9/bin/python: ansible-core 9.9 needs Python 3.99, which was not found" in told
    assert f"0 passed, {code} failed, {1 - code} skipped" in told


def test_a_step_gets_its_own_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_steps, "BUILD", tmp_path)
    (tmp_path / "logs").mkdir()
    step = Step("anything", (sys.executable, "-c", "import os; print(os.environ['GIVEN'])"), variables=(("GIVEN", "this"),))
    assert Runner().run(step).passed == 1
    assert (tmp_path / "logs/anything.log").read_text().endswith("this\n")
    assert Runner().run(replace(step, variables=())).failed == 1


def test_a_failure_is_told_with_its_words_and_the_counts_come_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(run_steps, "BUILD", tmp_path)
    for folder in ("logs", "results"):
        (tmp_path / folder).mkdir()
    (tmp_path / "test_it.py").write_text("def test_good(): pass\ndef test_bad(): assert 'the pod' == 'the node'\n")
    tests = Step("tests", (*run_steps.PYTEST, str(tmp_path / "test_it.py"), "-p", "no:cacheprovider", f"--junitxml={tmp_path}/results/tests.xml"))
    program = Step("program", (sys.executable, "-c", "import sys; print('it broke here'); sys.exit(3)"))
    fine = Step("fine", (sys.executable, "-c", "print('nothing to see')"))
    assert summary([Runner().run(step) for step in (tests, program, fine)], 0.0) == 1
    told = capsys.readouterr().out
    assert "test_it::test_bad after" in told and "'the pod' == 'the node'" in told
    assert "--- program\n" in told and "it broke here" in told
    assert "test_good" not in told and "nothing to see" not in told
    assert told.endswith("2 passed, 2 failed, 0 skipped\n")


def test_the_deciding_suite_plays_and_checks_on_every_core() -> None:
    steps = {step.name: step for lane in SUITES["test"] for step in lane}
    for core in CORES:
        for name in (f"drain-{core.name}", f"sanity-{core.name}"):
            assert core.python in steps[name].needs and not steps[name].optional


def test_names_are_logs_and_so_there_are_no_two_alike() -> None:
    for lanes in SUITES.values():
        names = [step.name for lane in lanes for step in lane]
        assert sorted(names) == sorted(set(names))
