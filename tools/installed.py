# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the built tarball into an empty place and use it there as its user would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "serverops.circleci"
# All that a tarball may hold at its top and in its tests; anything else is a gap in build_ignore of galaxy.yml.
ALLOWED = {
    "CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md",
    "changelogs", "docs", "extensions", "inventories", "meta", "playbooks", "plugins", "roles", "tests/config.yml",
}  # fmt: skip


def call(*argv: str, env: dict[str, str], output: bool = False) -> str:
    print("+", *argv, flush=True)
    stdout = subprocess.PIPE if output else None
    done = subprocess.run(argv, env=env, cwd=env["HOME"], stdin=subprocess.DEVNULL, stdout=stdout, text=True, check=False)
    if done.returncode:
        sys.exit(f"installed: this failed with {done.returncode}: {' '.join(argv)}")
    return done.stdout or ""


def install(dist: Path, place: Path) -> dict[str, str]:
    tarballs = sorted(dist.glob("serverops-circleci-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    if not tarballs:
        sys.exit(f"installed: no tarball in {dist}; run the step `tarball` first")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    env = dict(os.environ, HOME=str(place), ANSIBLE_COLLECTIONS_PATH=str(place))
    call("ansible-galaxy", "collection", "install", str(tarballs[-1]), "-p", str(place), "--no-deps", "--force", env=env)
    return env


def check_contents(collection: Path) -> None:
    found = {path.relative_to(collection).as_posix() for path in (*collection.iterdir(), *collection.glob("tests/*"))}
    extra = found - ALLOWED - {"tests"}
    if extra:
        sys.exit(f"installed: the tarball holds what no user needs: {', '.join(sorted(extra))}")


def check_documents(collection: Path, env: dict[str, str]) -> None:
    modules = sorted(path.stem for path in (collection / "plugins/modules").glob("*.py"))
    found = json.loads(call("ansible-doc", "--json", "--type", "module", *(f"{NAME}.{name}" for name in modules), env=env, output=True))
    strangers = [name for name, entry in found.items() if not entry["doc"]["filename"].startswith(str(collection))]
    if strangers or len(found) != len(modules):
        sys.exit(f"installed: {sorted(found)} of {modules} have documentation; not from the tarball: {strangers}")


@contextmanager
def lab(place: Path) -> Iterator[str]:
    """The address of a simulated cluster that stands as long as the block runs."""
    ready = place / "lab.json"
    command = [sys.executable, "-m", "lab.nomad", "--ready", str(ready)]
    process = subprocess.Popen(command, env=dict(os.environ, PYTHONPATH=str(ROOT / "tests")), stdin=subprocess.DEVNULL)
    try:
        for _attempt in range(300):
            if ready.exists():
                break
            time.sleep(0.1)
        yield json.loads(ready.read_text())["url"]
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    place = (ROOT / "build/installed").resolve()
    env = install(ROOT / "build/dist", place)
    collection = place / "ansible_collections/serverops/circleci"
    check_contents(collection)
    check_documents(collection, env)
    for playbook in sorted((collection / "playbooks").glob("*.yml")):
        call("ansible-playbook", "--syntax-check", f"{NAME}.{playbook.stem}", env=env)
    with lab(place) as url:
        for name in ("drain", "release"):
            call("ansible-playbook", f"{NAME}.{name}", "-e", f"nomad_url={url}", "-e", "nomad_drain_nodes=c1", env=env)


if __name__ == "__main__":
    main()
