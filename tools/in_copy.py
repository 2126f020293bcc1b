# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command in a copy of the work tree, uncommitted files included, that stands as an installed collection."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLLECTION = Path("ansible_collections", "serverops", "circleci")


def kept_files(root: Path) -> list[Path]:
    """What git holds or would take: everything but the ignored files, without those deleted since the last commit."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return [Path(name) for name in sorted(set(listed.split("\0"))) if name and (root / name).is_file()]


def copy_tree(place: Path) -> Path:
    """ansible-test insists on a real folder named after the collection: a link to the checkout is not enough.

    And on a repository of its own: in the one around it, where the copy is ignored, it would find nothing to test and pass.
    """
    target = place / COLLECTION
    shutil.rmtree(target, ignore_errors=True)
    for name in kept_files(ROOT):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet", str(target)], check=True)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("place", type=Path, help="folder that gets an ansible_collections folder")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="command to run inside the collection there")
    args = parser.parse_args()
    place = args.place.resolve()
    target = copy_tree(place)
    env = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(place))
    sys.exit(subprocess.run(args.command, cwd=target, env=env, stdin=subprocess.DEVNULL, check=False).returncode)


if __name__ == "__main__":
    main()
