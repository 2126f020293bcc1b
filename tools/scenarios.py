# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Play the Molecule scenarios; those on hosts of their own only where hosts can be started, else say that they were not. `--long`: those of a long run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from lab.hosts.image import why_not  # noqa: E402

SHARED = "../hosts/prepare.yml"
LONG = ("kots_disaster_recovery", "velero_gcp", "vm_image", "vm_service_aws", "vm_service_gcp")  # what these play, the integration tests play too


def on_hosts(root: Path) -> list[str]:
    """The scenarios that start hosts."""
    return sorted(path.parent.name for path in root.glob("molecule/*/molecule.yml") if SHARED in path.read_text())


def command(root: Path, reason: str) -> list[str]:
    """What to run; without hosts (`reason` says why there are none) without the scenarios that need them."""
    left_out = [*LONG, *(on_hosts(root) if reason else [])]
    return ["molecule", "test", "--all", *(word for name in left_out for word in ("--exclude", name))]


def long_commands() -> list[list[str]]:
    """One for each scenario of a long run."""
    return [["molecule", "test", "--scenario-name", name] for name in LONG]


def main() -> None:
    if "--long" in sys.argv[1:]:
        sys.exit(max(subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode for argv in long_commands()))
    reason = why_not()
    if reason and os.environ.get("CI") == "true" and os.geteuid() == 0:
        sys.exit(f"molecule on hosts cannot be played: {reason}")
    if reason:
        print(f"skipped: {', '.join(on_hosts(ROOT))}: {reason}", flush=True)
    sys.exit(subprocess.run(command(ROOT, reason), cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode)


if __name__ == "__main__":
    main()
