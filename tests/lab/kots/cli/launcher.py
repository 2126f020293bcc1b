"""Puts the program into a folder of a test's PATH: kots, kubectl-kots, and a kubectl that knows the word kots."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import sys
from pathlib import Path

from lab.kots.cli.profile import PROFILES

TESTS = Path(__file__).parents[3]


def install(folder: Path, version: str = "1.124.18") -> Path:
    """The folder. `kubectl` there knows the one word kots, and leaves an existing one alone."""
    assert version in PROFILES, version
    folder.mkdir(parents=True, exist_ok=True)
    run = f'PYTHONPATH="{TESTS}" exec "{sys.executable}" -m lab.kots.cli {version} "$@"\n'
    for name in ("kots", "kubectl-kots"):
        _write(folder / name, "#!/bin/sh\n" + run)
    if not (folder / "kubectl").exists():
        refuse = 'echo \'error: unknown command "\'"$1"\'" for "kubectl"\' >&2\nexit 1\n'
        _write(folder / "kubectl", f'#!/bin/sh\nif [ "$1" = kots ]; then\nshift\n{run}fi\n{refuse}')
    return folder


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
