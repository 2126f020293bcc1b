"""The three programs over a folder: `python -m lab.replicated PROGRAM FOLDER [words...]`; each run takes the folder's lock."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.replicated import docker, replicated, replicatedctl
from lab.replicated.host import Failed, Host

PROGRAMS = {"docker": docker.run, "replicated": replicated.run, "replicatedctl": replicatedctl.run}
ATTACH = 0.05  # s between two looks of a program that waits for a task


class Folder:
    """State of a host in a file, on real time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def host(self) -> Iterator[Host]:
        """The host now, alone; what became of it is kept, also where a program failed."""
        with open(self.folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            path = self.folder / "state.json"
            state = json.loads(path.read_text())
            try:
                yield Host(state, self.folder / "root", time.time() - _epoch(state))
            finally:
                draft = path.with_suffix(".new")
                draft.write_text(json.dumps(state))
                os.replace(draft, path)


def _epoch(state: dict[str, Any]) -> float:
    from datetime import datetime

    return datetime.fromisoformat(state["epoch"]).timestamp()


def ran(program: str, host: Host, argv: list[str], stdin: Callable[[], str]) -> tuple[int, str, str, str]:
    """Exit code, stdout, stderr, and the task that it waits for."""
    try:
        return 0, PROGRAMS[program](host, argv, stdin), "", ""
    except replicatedctl.Waits as wait:
        return 0, "", "", wait.task
    except Failed as failure:
        return failure.code, failure.out, f"{failure}\n", ""


def main(program: str, folder: Path, argv: list[str]) -> int:
    place = Folder(folder)
    with place.host() as host:
        code, out, err, task = ran(program, host, argv, sys.stdin.read)
    while task:
        time.sleep(ATTACH)
        with place.host() as host:
            try:
                if replicatedctl.follow(host, task) is not None:
                    break
            except Failed as failure:
                code, err = failure.code, f"{failure}\n"
                break
    sys.stdout.write(out)
    sys.stderr.write(err)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
