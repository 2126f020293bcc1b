# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run `ansible-test sanity` in the current collection with nothing but the package index in reach."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

# ansible-test gives each of its environments a pip by a script that it downloads from a host of its own, unless the script is
# in its cache already (https://github.com/ansible/ansible/issues/77304). This one installs the very pip it asks for, by ours.
GET_PIP = """\
import subprocess
import sys

given = [a for a in sys.argv[1:] if a not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([{python!r}, "-m", "pip", "--python", sys.executable, "install", *given]))
"""
# The names under which ansible-core 2.16, 2.18 and 2.19, 2.20 and 2.21 look for it.
NAMES = ("get_pip_23_1_2.py", "get_pip_24_2.py", "get_pip_25_2.py")


def own_home(home: Path) -> dict[str, str]:
    """A home for this run alone: the script above must never meet other projects of this user."""
    cache = home / ".ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (cache / name).write_text(GET_PIP.format(python=sys.executable))
    user = Path.home()
    env = dict(os.environ, HOME=str(home))
    env.setdefault("PIP_CACHE_DIR", str(user / ".cache/pip"))
    for file in (user / ".config/pip/pip.conf", user / ".pip/pip.conf"):
        if file.exists():
            env.setdefault("PIP_CONFIG_FILE", str(file))
    return env


def version_of(python: Path) -> str:
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([str(python), "-c", asked], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder for the environments that ansible-test makes")
    parser.add_argument("tests", nargs="*", help="only these sanity tests")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="the Python that modules are compiled and imported by")
    args = parser.parse_args()
    only = [part for name in args.tests for part in ("--test", name)]
    env = own_home(args.home.resolve())
    # ansible-test takes the first of the wanted version on PATH; a version manager's shim there may be none.
    env["PATH"] = f"{args.python.parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    command = [str(Path(sys.executable).parent / "ansible-test"), "sanity", "--python", version_of(args.python), "--color", "no", *only]
    sys.exit(watched(command, env))


def watched(command: list[str], env: dict[str, str]) -> int:
    """The exit code, which ansible-test leaves at 0 when it found nothing to test; then it is 1 here."""
    found = True
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout or ():
        print(line, end="", flush=True)
        found = found and "All targets skipped" not in line
    return process.wait() or int(not found)


if __name__ == "__main__":
    main()
