# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environments that the tests use besides `.venv`: made where the machine has a Python for them, else told why not."""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]

from pythons import find  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Environment:
    """`requirements/<name>.txt` installed in `.venv-<name>` on the first of the Pythons that is there."""

    name: str
    what: str
    pythons: tuple[str, ...]
    neighbours: tuple[str, ...] = ("--neighbours",)

    @property
    def venv(self) -> str:
        return f".venv-{self.name}"

    @property
    def python(self) -> str:
        return f"{self.venv}/bin/python"

    @property
    def without(self) -> str:
        """Why there is none."""
        return f"{self.what} needs Python {' or '.join(sorted(self.pythons, key=minor))}, which was not found"


def minor(python: str) -> int:
    return int(python.partition(".")[2])


# `.venv` has ansible-core 2.19. The oldest core gets the oldest Python that it runs on and the newest a new one, so that both ends are tried.
CORES = (
    Environment("core-2.16", "ansible-core 2.16", ("3.10", "3.11", "3.12")),
    Environment("core-2.21", "ansible-core 2.21", ("3.13", "3.12", "3.14")),
)
MODULES = Environment("modules-3.9", "the oldest Python that modules run on", ("3.9",), neighbours=())
IMPORTER = Environment("importer", "galaxy-importer", ("3.11", "3.12", "3.13", "3.14"))
ENVIRONMENTS = (*CORES, MODULES, IMPORTER)


def missing() -> list[Environment]:
    return [environment for environment in ENVIRONMENTS if find(environment.pythons) is None]


def make(environment: Environment) -> None:
    python = find(environment.pythons)
    if python is None:
        print(f"environments: no {environment.venv}: {environment.without}", flush=True)
        return
    command = [
        str(python),
        str(ROOT / "tools/make_venv.py"),
        "--minimum",
        "3.9",
        *environment.neighbours,
        environment.venv,
        f"requirements/{environment.name}.txt",
    ]
    if code := subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode:
        sys.exit(code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--missing", action="store_true", help="make nothing; print, a line each, the Pythons one of which an environment still lacks")
    if parser.parse_args().missing:
        print("".join(" ".join(environment.pythons) + "\n" for environment in missing()), end="")
        return
    for environment in ENVIRONMENTS:
        make(environment)


if __name__ == "__main__":
    main()
