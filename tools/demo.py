# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rehearse a drain as an operator would do it, on both simulated Nomad versions, and leave a report of what really happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

from integration.clusters.simulated import SimulatedCluster  # noqa: E402
from report import Run, Story, write_report  # noqa: E402

HOME = ROOT / "build" / "demo"
PACE = 6.0  # the cluster's time against ours: a build of two minutes takes twenty seconds
BUILDS = (("web-1204", "c1", 150), ("web-1205", "c1", 270), ("api-77", "c2", 210), ("api-78", "c3", 120))
ANSWER_WITHIN = 240.0


@dataclass
class Operator:
    """Starts playbooks against one cluster, shows what an operator would look at, keeps the rest in a log."""

    cluster: SimulatedCluster
    home: Path
    runs: list[Run] = field(default_factory=list)

    def play(self, title: str, playbook: str, nodes: str, *options: str, interrupt: bool = False, **more: Any) -> Run:
        """Play to the end, or (`interrupt`) until the first line of progress and then as Ctrl-C ends it."""
        variables = {"nomad_url": self.cluster.url, "nomad_drain_nodes": nodes, **more}
        argv = [str(Path(sys.executable).parent / "ansible-playbook"), f"serverops.circleci.{playbook}", "-e", json.dumps(variables), *options]
        print(f"\n  $ ansible-playbook serverops.circleci.{playbook} -e nomad_drain_nodes={nodes} {' '.join(options)}".rstrip(), flush=True)
        began = self.now()
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        process = subprocess.Popen(argv, cwd=self.home, env=self._environment(), start_new_session=True, **pipes)
        watchdog = threading.Timer(ANSWER_WITHIN, process.kill)
        watchdog.start()
        said, broken = self._watch(process, interrupt)
        process.wait()
        watchdog.cancel()
        if interrupt and not broken:
            title += ", but it was over before"
        given = [*options, *(f"-e {key}={json.dumps(value)}" for key, value in more.items() if value)]
        run = Run(title, argv[1], nodes, given, process.returncode, began, self.now(), broken, said, self._journal())
        self.runs.append(run)
        return run

    def now(self) -> float:
        """The cluster's time in seconds."""
        return float(str(self.cluster.told("/truth")["t"]))

    def _watch(self, process: subprocess.Popen[str], interrupt: bool) -> tuple[list[str], bool]:
        """What it says of its progress, and whether it was broken off."""
        said: list[str] = []
        broken = False
        assert process.stdout is not None
        with open(self.home / "ansible.log", "a", encoding="utf-8") as log:
            for line in process.stdout:
                log.write(line)
                if line.startswith("["):
                    words = line.strip()
                    if words.startswith("[drain]"):
                        said.append(words)
                        print(f"    {words}", flush=True)
                        if interrupt and not broken:
                            print("    ^C  (the operator's connection breaks)", flush=True)
                            os.killpg(process.pid, signal.SIGINT)
                            broken = True
        return said, broken

    def _journal(self) -> dict[str, Any]:
        newest = max((self.home / "serverops-journal").glob("*.json"))
        found: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8"))
        return found

    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "NOMAD_"))}
        quiet = {"ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", "ANSIBLE_HOME": str(self.home / "ansible")}
        return {**kept, **quiet, "PWD": str(self.home), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}


def table(run: Run) -> None:
    """The verdicts, a line a client."""
    for node in run.journal.get("nodes") or []:
        left, killed, lost = (len(node[key]) for key in ("running", "killed", "lost"))
        print(f"    {node['name']:4} {node['verdict']:10} finished {node['finished']}, left {left}, killed {killed}, lost {lost}")
    if not run.journal.get("nodes"):
        print(f"    refused: {run.journal.get('message') or 'no message'}")


def rehearse(profile: str) -> Story:
    """One cluster from its start to its end."""
    home = HOME / profile
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    print(f"\nNomad {profile}: a cluster of four clients", flush=True)
    cluster = SimulatedCluster(profile, home / "cluster", pace=PACE, clients=4)
    try:
        operator = Operator(cluster, home)
        table(operator.play("A wrong request", "drain", "c1,c9"))
        for job, client, seconds in BUILDS:
            cluster.build(job, client, seconds)
        print(f"\n  {len(BUILDS)} builds run now", flush=True)
        operator.play("What would happen", "drain", "c1,c2", "--check")
        if profile != "0.5.6":
            operator.play("The drain, broken off by Ctrl-C", "drain", "c1,c2", interrupt=True)
        table(operator.play("The drain" if profile == "0.5.6" else "The same command again", "drain", "c1,c2"))
        table(operator.play("Once more: nothing is left to do", "drain", "c1,c2"))
        table(operator.play("One client back to work", "release", "c2", nomad_drain_take_over=profile == "0.5.6"))
        truth, writes = cluster.told("/truth"), cluster.told("/requests")["writes"]
        return Story(profile, PACE, operator.runs, truth, [dict(write) for write in writes])  # type: ignore[call-overload]
    finally:
        cluster.close()


def faults(story: Story) -> list[str]:
    """What did not go as promised; the lab's own truth is the witness, not our result."""
    found = []
    for run in story.runs:
        wrong = run.title == "A wrong request"
        if not run.interrupted and (run.code == 0) == wrong:
            found.append(f"{story.profile}: '{run.title}' ended with {run.code}")
    drained = [node["verdict"] for node in story.runs[-3].journal.get("nodes", [])]
    if drained != ["drained", "drained"]:
        found.append(f"{story.profile}: the verdicts are {drained}")
    if story.runs[-2].journal.get("changed"):
        found.append(f"{story.profile}: the second run changed something")
    harmed = [build["job"] for build in story.truth["builds"] if build["how"] not in ("itself", "running")]
    return found + [f"{story.profile}: build {job} did not end by itself" for job in harmed]


def main() -> None:
    began = time.monotonic()
    print("Two clients are drained while builds run on them. The clusters are simulated; the playbooks are the real ones.")
    stories = [rehearse(profile) for profile in ("0.5.6", "1.1.2")]
    found = [fault for story in stories for fault in faults(story)]
    path = write_report(HOME / "report.html", stories, found)
    print(f"\nreport: {path.relative_to(ROOT)}   ({time.monotonic() - began:.0f} s)")
    for fault in found:
        print(f"NOT AS PROMISED: {fault}")
    print("verdict: " + ("not as promised" if found else "every build ended by itself, every drained client was empty"))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
