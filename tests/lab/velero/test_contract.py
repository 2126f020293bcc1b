"""The simulated Velero does as the recorded ones did: every recorded line that is modelled is replayed and compared."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from pathlib import Path

import pytest

from lab.velero.not_modelled import SUBJECTS
from lab.velero.replay import Replay, left_out, load
from lab.velero.scenarios import SCENARIOS

FILES = [(version, name) for version in sorted(SCENARIOS) for name in sorted(SCENARIOS[version])]
SECRET = "[default]\naws_access_key_id = lab-key\naws_secret_access_key = lab-secret\n"


def run(version: str, name: str, folder: Path) -> Replay:
    secret = folder / "cloud"
    secret.write_text(SECRET)
    played = Replay(version, name, secret)
    scenario = SCENARIOS[version][name]
    scenario.before(played)
    played.run(scenario.acts, scenario.users)
    return played


@pytest.mark.parametrize(("version", "name"), FILES)
def test_recording(version: str, name: str, tmp_path: Path) -> None:
    assert run(version, name, tmp_path).found == []


def test_tally(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Prints the counts. No line is left out but by its reason."""
    whole = 0
    with capsys.disabled():
        print()
        for version, name in FILES:
            lines = load(version, name)
            out = sum(left_out(line) for line in lines)
            played = run(version, name, tmp_path)
            assert played.compared + out == len(lines), name
            print(f"Velero {version} {name}: {played.compared} lines replayed and compared, {out} not modelled")
            whole += played.compared
        print(f"Velero: {whole} lines in all; {len(SUBJECTS)} subjects are not simulated: {', '.join(SUBJECTS)}")
    assert whole > 500


def test_what_is_left_out_is_little() -> None:
    """No request about Velero's objects is, and of the commands only prose."""
    lines = [line for version, name in FILES for line in load(version, name)]
    out = [line for line in lines if left_out(line)]
    assert len(out) < 0.08 * len(lines)
    assert {line["request"]["path"] for line in out if "request" in line} == {"/apis/velero.io/v1"}
    assert {line["argv"][2] for line in out if "argv" in line} <= {"describe", "get", "--provider"}
