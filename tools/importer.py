# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Import the built tarball as Galaxy and Automation Hub would, and take whatever they would only grumble about for a failure."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build/importer"
# All that can be asked of a collection but for ansible-test, which it runs in containers only and our own steps run, and for
# flake8, which Galaxy leaves out too: ruff has its rules, and its E203 is against how ruff formats a slice.
SETTINGS = """\
[galaxy-importer]
check_changelog = true
check_required_tags = true
run_ansible_doc = true
run_ansible_lint = true
run_ansible_test = false
run_flake8 = false
offline_ansible_lint = true
"""
LOUD = ("WARNING", "ERROR", "CRITICAL")
KINDS = {"module": "plugins/modules/*.py", "role": "roles/*", "playbook": "playbooks/*.yml"}


def faults(log: str, result: dict[str, Any], wanted: dict[str, set[str]]) -> list[str]:
    """Every loud line of the log, and every module, role or playbook of ours that was not imported or has no documentation."""
    found = [line for line in log.splitlines() if line.startswith(LOUD)]
    for kind, names in wanted.items():
        imported = {content["name"] for content in result.get("contents", []) if content["content_type"] == kind}
        found += [f"{kind} {name} was not imported" for name in sorted(names - imported)]
        found += [f"{kind} {name} was imported and is none of ours" for name in sorted(imported - names)]
    told = {content["content_name"] for content in result.get("docs_blob", {}).get("contents", []) if content.get("doc_strings")}
    return found + [f"module {name} has no documentation" for name in sorted(wanted.get("module", set()) - told)]


def ours(root: Path) -> dict[str, set[str]]:
    """What the checkout holds, by kind, under the names that an import gives."""
    return {kind: {path.name if kind == "playbook" else path.stem for path in root.glob(pattern)} for kind, pattern in KINDS.items()}


def run_import(tarball: Path) -> tuple[str, dict[str, Any]]:
    """The log, with a line of its own when it failed, and the result, empty then."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    (PLACE / "settings.cfg").write_text(SETTINGS)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    env = dict(os.environ, HOME=str(PLACE), PATH=path, GALAXY_IMPORTER_CONFIG=str(PLACE / "settings.cfg"))
    command = [sys.executable, "-m", "galaxy_importer.main", str(tarball)]
    done = subprocess.run(command, cwd=PLACE, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    result = PLACE / "importer_result.json"
    if done.returncode or not result.exists():
        return f"{done.stdout}\nERROR: galaxy-importer ended with {done.returncode}", {}
    return done.stdout, json.loads(result.read_text())


def main() -> None:
    tarballs = sorted((ROOT / "build/dist").glob("serverops-circleci-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    if not tarballs:
        sys.exit("importer: no tarball in build/dist; run the step `tarball` first")
    log, result = run_import(tarballs[-1])
    print(log)
    found = faults(log, result, ours(ROOT))
    for fault in found:
        print(f"importer: {fault}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
