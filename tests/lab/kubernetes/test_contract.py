"""The simulated Kubernetes answers as the recorded one did: every recorded request that is modelled is replayed, on the virtual clock, and compared."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import re

import pytest

from lab.kubernetes.not_modelled import REQUESTS, SUBJECTS
from lab.kubernetes.replay import Replay, asked, left_out, replay
from lab.kubernetes.scenarios import BEFORE, STEPS, USERS
from lab.kubernetes.state import State

FILES = sorted(BEFORE)


def run(name: str) -> list[str]:
    return replay(name, State(users=dict(USERS)), BEFORE[name], STEPS.get(name))


@pytest.mark.parametrize("name", FILES)
def test_recording(name: str) -> None:
    assert run(name) == []


def test_tally(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the counts."""
    whole = 0
    with capsys.disabled():
        print()
        for name in FILES:
            state = State(users=dict(USERS))
            BEFORE[name](state)
            played = Replay(name, state)
            played.run(STEPS.get(name, []))
            out = sum(left_out(line) for line in asked(name))
            assert played.compared + out == len(asked(name)), name
            print(f"Kubernetes {name}: {played.compared} requests replayed and compared, {out} not modelled")
            whole += played.compared
        print(f"Kubernetes: {whole} requests in all; {len(SUBJECTS)} subjects are not simulated: {', '.join(SUBJECTS)}")
    assert whole > 250


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["pods", "pods/y/log", "secrets", "events", "backups.velero.io", "customresourcedefinitions"])
def test_not_modelled_holds_nothing_that_clients_use(method: str, path: str) -> None:
    assert not any(re.search(pattern, f"{method} /api/v1/namespaces/x/{path} {{}}  admin") for pattern in REQUESTS)
