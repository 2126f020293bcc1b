# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the virtual environment of a checkout and link the checkout into it as an installed collection."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLLECTION = Path("ansible_collections", "serverops", "circleci")
PIP_WHEEL = "pip-26.3-py3-none-any.whl"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
DEFAULT_INDEX = "https://pypi.org/simple"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("venv", type=Path, help="folder of the virtual environment")
    parser.add_argument("requirements", nargs="+", type=Path, help="requirement files to install")
    parser.add_argument("--no-deps", type=Path, action="append", default=[], help="requirement file to install without dependencies")
    parser.add_argument("--neighbours", action="store_true", help="also the collections that ours depends on, without Galaxy")
    parser.add_argument("--minimum", default="3.10", help="oldest Python that the requirements can be installed on")
    return parser.parse_args()


def run(*argv: str | Path) -> None:
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"make_venv: this command failed ({done.returncode}): {' '.join(map(str, argv))}")


def create(venv: Path) -> None:
    """Debian and Ubuntu ship `venv` without ensurepip unless python3-venv is installed, so pip may have to be fetched."""
    if importlib.util.find_spec("venv") is None:
        sys.exit(f"make_venv: {sys.executable} has no `venv` module; install your system's package for it (on Debian and Ubuntu: python3-venv)")
    quiet = subprocess.DEVNULL
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], stdin=quiet, stdout=quiet, stderr=quiet, check=False)
    if made.returncode == 0:
        return
    print("make_venv: this Python cannot give the environment a pip by itself; fetching one from the package index", flush=True)
    run(sys.executable, "-m", "venv", "--clear", "--without-pip", venv)
    with tempfile.TemporaryDirectory() as folder:
        wheel = fetch_pip(Path(folder))
        run(venv / "bin/python", wheel / "pip", "install", "--quiet", "--no-index", wheel)


def fetch_pip(folder: Path) -> Path:
    index = os.environ.get("PIP_INDEX_URL", DEFAULT_INDEX).rstrip("/") + "/pip/"
    request = urllib.request.Request(index, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            files = json.load(answer)["files"]
        url = next(f["url"] for f in files if f["filename"] == PIP_WHEEL)
        with urllib.request.urlopen(urllib.parse.urljoin(index, url), timeout=60) as answer:
            data = answer.read()
    except (OSError, ValueError, StopIteration) as exc:
        sys.exit(f"make_venv: cannot fetch {PIP_WHEEL} from {index} ({exc!r}); install python3-venv or set PIP_INDEX_URL")
    if hashlib.sha256(data).hexdigest() != PIP_SHA256:
        sys.exit(f"make_venv: {PIP_WHEEL} from {index} is not the file we know; nothing was installed")
    wheel = folder / PIP_WHEEL
    wheel.write_bytes(data)
    return wheel


def install(venv: Path, args: argparse.Namespace) -> None:
    pip = (venv / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-input")
    run(*pip, "-c", ROOT / "requirements/constraints.txt", "pip", *(part for file in args.requirements for part in ("-r", file)))
    for file in args.no_deps:
        run(*pip, "--no-deps", "-r", file)


def link(venv: Path) -> None:
    """In site-packages one link serves ansible-playbook, which looks through sys.path, and a plain import alike.

    mypy does not check what it finds there, so it gets a link of its own.
    """
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    purelib = subprocess.run([str(venv / "bin/python"), "-c", asked], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    for folder in (Path(purelib), ROOT / "build/collections"):
        target = folder / COLLECTION
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink() and target.resolve() != ROOT:
            target.unlink()
        if not target.is_symlink():
            target.symlink_to(ROOT, target_is_directory=True)


def main() -> None:
    args = parse()
    stamp = args.venv / f".{'-'.join(f.stem for f in args.requirements + args.no_deps)}.done"
    wanted = fingerprint()
    python = args.venv / "bin/python"
    check_version(python if python.exists() else Path(sys.executable), args.minimum)
    if not (args.venv / "bin/pip").exists():
        create(args.venv)
    if not stamp.exists() or stamp.read_text() != wanted:
        install(args.venv, args)
        stamp.write_text(wanted)
    link(args.venv)
    if args.neighbours:
        run(python, ROOT / "tools/neighbours.py")


def check_version(python: Path, minimum: str) -> None:
    asked = "import platform; print(platform.python_version())"
    found = subprocess.run([str(python), "-c", asked], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    if numbers(found)[:2] < numbers(minimum):
        sys.exit(f"make_venv: this needs Python {minimum} or newer, {python} is {found}; try: make clean, then PYTHON=python{minimum} make ...")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def fingerprint() -> str:
    """The requirement files as they stand, so that an unchanged environment costs no look at the index."""
    digest = hashlib.sha256()
    for file in sorted((ROOT / "requirements").glob("*.txt")):
        digest.update(file.read_bytes())
    return digest.hexdigest() + "\n"


if __name__ == "__main__":
    main()
