# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rehearse a disaster as an operator meets it: Velero installed, a backup proven, the installation destroyed and brought back, a page of what happened."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from integration.disaster import DOMAIN, OLD, STEPS, Disaster  # noqa: E402
from integration.playing import Played, play  # noqa: E402

from lab.site.site import BUCKET, CREDENTIALS, REGION  # noqa: E402
from lab.velero.crds import definitions  # noqa: E402
from lab.velero.profile import profile_of  # noqa: E402

HOME = ROOT / "build" / "demo-recovery"
VELERO = "1.14.0"
INSTALL: dict[str, Any] = {
    "hosts": "localhost",
    "connection": "local",
    "gather_facts": False,
    "tasks": [
        {
            "name": "Install Velero, with the bucket and the key of the backups",
            "serverops.circleci.velero_install": {
                "kubeconfig": "{{ kubeconfig }}",
                "version": VELERO,
                "provider": "aws",
                "plugins": ["velero/velero-plugin-for-aws:v1.10.0"],
                "bucket": BUCKET,
                "backup_location_config": {"region": REGION, "s3ForcePathStyle": "true", "s3Url": "{{ store }}"},
                "credentials": "{{ credentials }}",
                "repository_password": "{{ repository_password }}",  # without it nobody reads the volumes of the backups again
                "crds_file": "{{ crds }}",
                "wait_timeout": 120,
            },
        }
    ],
}


def told(played: Played) -> None:
    """Show what an operator would look at: the progress of the restore, and a line a step."""
    for line in played.output.splitlines():
        found = re.search(r'^\[restore\] .*|(?<=")(\[recovery\] |[ 1]\d [a-z]).*(?=")', line)
        if found:
            print(f"    {found.group()}", flush=True)


def install_velero(world: Disaster) -> None:
    print("\n  $ ansible-playbook install-velero.yml", flush=True)
    book, crds = world.home / "install-velero.yml", world.home / "crds.json"
    book.write_text(json.dumps([INSTALL]))
    crds.write_text(json.dumps({"kind": "List", "items": definitions(profile_of(VELERO))}))
    secrets = {"credentials": CREDENTIALS, "repository_password": "a-password-out-of-the-vault"}
    given = {"kubeconfig": str(world.kubeconfig), "store": world.site.store.url, "crds": str(crds), **secrets}
    played = play(str(book), given, world.home)
    if played.code:
        raise SystemExit(played.output)


def restore(world: Disaster, words: str, *options: str, **more: Any) -> dict[str, Any]:
    print(f"\n  $ ansible-playbook serverops.circleci.restore -e kots_disaster_recovery_backup={world.backup} ... {' '.join(options)}".rstrip(), flush=True)
    journal, played = world.restored(*options, code=None, **more)
    told(played)
    if more.get("kill_after"):
        print("    killed  (the operator's laptop goes to sleep)", flush=True)
    print(f"  {words}", flush=True)
    return journal


def faults(world: Disaster, journal: dict[str, Any], backups: list[str], restores: list[str]) -> list[str]:
    """What did not go as promised; the lab's own truth is the witness, not our result."""
    found = world.came_back()
    if journal["phase"] != "ended" or [step["step"] for step in journal["steps"]] != list(STEPS):
        found.append(f"the run ended as {journal['phase']}: {journal['message']}")
    if world.kept("backups") != backups:
        found.append(f"there are other backups now: {', '.join(world.kept('backups'))}")
    if len(restores) != len(set(restores)) or len(restores) != 2:
        found.append(f"there are {len(restores)} restores, where one of the console and one of the app are wanted")
    if world.names.resolve(DOMAIN) == [OLD[0]]:
        found.append(f"{DOMAIN} still leads to the old balancer")
    return found


def main() -> None:
    began = time.monotonic()
    print("An installation with 21 pods, 4 volumes and 2 build machines is lost and brought back. All of it is simulated; the playbooks are the real ones.")
    shutil.rmtree(HOME, ignore_errors=True)
    world = Disaster(HOME, installed=False)
    try:
        install_velero(world)
        print("\n  $ ansible-playbook serverops.circleci.backup", flush=True)
        print(f"  backup {world.backed_up()} is proven", flush=True)
        backups = world.kept("backups")
        world.fleet.machines["c2"].runs(40.0)
        world.destroyed(put_back=False)
        print("\n  The node group and its volumes are deleted. c2 runs a build that can tell nobody.", flush=True)
        install_velero(world)
        restore(world, "nothing was changed", "--check")
        restore(world, "the same command again goes on", kill_after="restore")
        journal = restore(world, "done")
        found = faults(world, journal, backups, world.kept("restores"))
    finally:
        world.stop()
    newest = max((world.home / "serverops-journal").glob("*-restore.html"))
    page = shutil.copy(newest, HOME / "report.html")
    print(f"\nreport: {Path(page).relative_to(ROOT)}   ({time.monotonic() - began:.0f} s)")
    for fault in found:
        print(f"NOT AS PROMISED: {fault}")
    print("verdict: " + ("not as promised" if found else "every pod, every byte, every client is back; a build proved it; one backup, one restore"))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
