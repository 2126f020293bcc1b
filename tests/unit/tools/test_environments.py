# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environments of the tests are pinned, and what we say we support is what they have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from environments import CORES, ENVIRONMENTS, MODULES, Environment

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda one: one.name)
def test_each_has_pinned_requirements(environment: Environment) -> None:
    lines = (ROOT / "requirements" / f"{environment.name}.txt").read_text().splitlines()
    constraints = (ROOT / "requirements/constraints.txt").read_text().lower()
    assert "-c constraints.txt" in lines
    for line in lines:
        if line and not line.startswith(("#", "-c")):
            assert "==" in line or f"\n{line.lower()}==" in constraints, f"{line} has no version"


@pytest.mark.parametrize("core", CORES, ids=lambda one: one.name)
def test_a_core_s_environment_has_that_core(core: Environment) -> None:
    pins = (ROOT / "requirements" / f"{core.name}.txt").read_text()
    assert re.search(rf"^ansible-core=={re.escape(core.name.partition('-')[2])}\.\d+$", pins, re.M)


def test_the_oldest_core_and_python_that_we_claim_are_those_that_are_tried() -> None:
    claimed = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["requires_ansible"]
    assert claimed == f">={CORES[0].name.partition('-')[2]}.0"
    assert yaml.safe_load((ROOT / "tests/config.yml").read_text())["modules"]["python_requires"] == f">={MODULES.pythons[0]}"


def test_what_is_skipped_says_which_pythons_would_do() -> None:
    found = Environment("x", "x 1.0", ("3.13", "3.9", "3.12"))
    assert found.without == "x 1.0 needs Python 3.9 or 3.12 or 3.13, which was not found"


def test_no_environment_is_outside_of_what_git_ignores_and_clean_removes() -> None:
    clean = re.search(r"^\trm -rf (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert clean
    patterns = [part for part in clean[1].split() if part.startswith(".venv")]
    assert all(any(Path(one.venv).match(pattern) for pattern in patterns) for one in ENVIRONMENTS)
    assert "/.venv*/" in (ROOT / ".gitignore").read_text().splitlines()
