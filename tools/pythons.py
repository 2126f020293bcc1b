# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a Python of a wanted version: on PATH, and where version managers keep theirs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

# Where a version manager keeps its interpreters: the variable that moves the folder, the folder it has in the home otherwise, and what is below.
MANAGERS = (
    ("PYENV_ROOT", ".pyenv", "versions"),
    ("ASDF_DATA_DIR", ".asdf", "installs/python"),
    ("MISE_DATA_DIR", ".local/share/mise", "installs/python"),
    ("UV_PYTHON_INSTALL_DIR", ".local/share/uv/python", "."),
)
ASK = "import ssl, sys, venv; print('%d.%d' % sys.version_info[:2])"


def candidates(version: str, env: Mapping[str, str]) -> Iterator[Path]:
    """All files that may be a Python of this version (`3.12`), those of the system first."""
    name = f"python{version}"
    folders = [Path(part) for part in env.get("PATH", os.defpath).split(os.pathsep) if part]
    for variable, usual, below in MANAGERS:
        root = Path(env[variable]) if env.get(variable) else Path(env.get("HOME", "/")) / usual
        folders += sorted(folder / "bin" for folder in (root / below).glob(f"*{version}*"))
    yield from (folder / name for folder in folders if (folder / name).is_file())


def works(python: Path, version: str) -> bool:
    """It starts, is what its name says and can make an environment: a version manager's shim may be there without a Python behind it."""
    try:
        asked = subprocess.run(
            [str(python), "-c", ASK], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0 and asked.stdout.strip() == version


def find(versions: Iterable[str], env: Mapping[str, str] | None = None) -> Path | None:
    """The first of the versions that this machine has."""
    env = os.environ if env is None else env
    return next((path for version in versions for path in candidates(version, env) if works(path, version)), None)


if __name__ == "__main__":
    found = find(sys.argv[1:])
    print(found or f"no Python {', '.join(sys.argv[1:])} was found")
    sys.exit(0 if found else 1)
