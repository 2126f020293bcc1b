# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One restart for any number of changed settings, files and roles, counted on the host; also when the play is killed at any point and run again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from faults.processes import Playing
from integration.playing import Played, play

from lab.replicated.services import ServicesHost

PROXY = "http://proxy.example.com:3128"
WINDOW = {"restart_if_pending": True, "allow_downtime": True, "wait_timeout": 120}


class Site:
    """A Services host, and a play that changes settings twice, two override files and the proxy, and ends with the one restart."""

    def __init__(self, folder: Path) -> None:
        self.host = ServicesHost(folder / "host", pace=0.03)
        self.notes, self.home = str(folder / "serverops" / "pending-restart.d"), folder / "home"
        self.home.mkdir()
        self.playbook = folder / "window.yml"
        etc = self.host.root / "etc"
        files = {"global_file": str(etc / "circle-installation-customizations"), "config_directory": str(etc / "circleconfig")}
        override = {"restart_notes": self.notes, **files}
        settings = {"restart_notes": self.notes, "wait_timeout": 60}
        app = {"restart_notes": self.notes, "health_urls": self.host.health_urls, **WINDOW}
        tasks = [
            {"serverops.circleci.replicated_config": {**settings, "settings": {"hostname": "new.example.com"}}},
            {"serverops.circleci.service_customization": {**override, "service": "frontend", "variables": {"JVM_HEAP_SIZE": "4g"}}},
            {"serverops.circleci.service_customization": {**override, "variables": {"CIRCLE_URL": "https://new.example.com"}}},
            {"ansible.builtin.include_role": {"name": "serverops.circleci.services_proxy"}},
            {"serverops.circleci.replicated_config": {**settings, "settings": {"aws_region": "eu-west-1"}}},
            {"serverops.circleci.replicated_app": app},
        ]
        proxy = {
            "services_proxy_http": PROXY,
            "services_proxy_services": ["10.0.0.9"],
            "services_proxy_places": ["customizations"],
            "services_proxy_paths": {"customizations": files["global_file"]},
            "services_proxy_restart_notes": self.notes,
        }
        head = {"hosts": "localhost", "connection": "local", "gather_facts": False, "environment": {"PATH": self.host.path}}
        own = {"ansible_python_interpreter": "{{ ansible_playbook_python }}", **proxy}
        self.playbook.write_text(json.dumps([{**head, "vars": own, "tasks": tasks}]))

    def play(self, *options: str) -> Played:
        return play(str(self.playbook), {}, self.home, *options)

    def begin(self) -> Playing:
        return type("Window", (Playing,), {"PLAYBOOK": str(self.playbook)})({}, self.home)

    def pending(self) -> list[str]:
        return [note.what for note in PendingRestarts(self.notes).notes()]

    def is_as_wanted(self) -> None:
        """All that was changed is live in containers, and nothing waits any more."""
        env = self.host.env("frontend")
        assert (self.host.live("hostname"), self.host.live("aws_region")) == ({"value": "new.example.com"}, {"value": "eu-west-1"})
        assert (env["JVM_HEAP_SIZE"], env["CIRCLE_URL"], env["HTTP_PROXY"]) == ("4g", "https://new.example.com", PROXY)
        assert self.pending() == [] and self.host.health()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.host.close()


def changed(played: Played) -> int:
    return int(played.output.rpartition("changed=")[2].split()[0])


def test_one_restart_for_all_and_none_when_nothing_changed(site: Site) -> None:
    check = site.play("--check")
    assert check.code == 0, check.output
    assert (site.host.count("import"), site.host.count("stop"), site.pending()) == (0, 0, [])
    first = site.play()
    assert first.code == 0, first.output
    site.is_as_wanted()
    assert (site.host.count("create"), site.host.count("stop"), site.host.count("import")) == (1, 1, 2)
    assert changed(first) == 6
    again = site.play()
    assert again.code == 0 and changed(again) == 0, again.output
    assert (site.host.count("create"), site.host.count("stop"), site.host.count("import")) == (1, 1, 2)


def _imported(site: Site) -> bool:
    return site.host.count("import") == 1


def _noted(site: Site) -> bool:
    return len(site.pending()) >= 3


def _stopped(site: Site) -> bool:
    with site.host.look() as now:
        return bool(now.app["state"] == "stopped")


def _created(site: Site) -> bool:
    return site.host.count("create") == 1


MOMENTS: list[Any] = [_stopped, *(pytest.param(moment, marks=pytest.mark.soak) for moment in (_imported, _noted, _created))]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__.strip("_"))
def test_killed_and_run_again_it_is_still_one(site: Site, moment: Callable[[Site], bool]) -> None:
    first = site.begin()
    ends = time.monotonic() + 120
    while not moment(site) and first.process.poll() is None and time.monotonic() < ends:
        time.sleep(0.02)
    assert moment(site) and first.process.poll() is None, first.output
    first.kill()
    again = site.play()
    assert again.code == 0, again.output
    site.is_as_wanted()
    assert site.host.count("create") == 1


def test_what_is_noted_while_the_app_restarts_waits_for_the_next_window(site: Site) -> None:
    first = site.begin()
    ends = time.monotonic() + 120
    while not _created(site) and first.process.poll() is None and time.monotonic() < ends:
        time.sleep(0.02)
    PendingRestarts(site.notes).leave("/etc/late", "it was changed", datetime.now(UTC))
    assert first.process.wait(120) == 0, first.output
    assert (site.pending(), site.host.count("create")) == (["/etc/late"], 1)
    assert site.play().code == 0
    assert (site.pending(), site.host.count("create")) == ([], 2)
