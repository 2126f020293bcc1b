"""Packer on Google Cloud as a program on a virtual clock: a machine with a disk, the machine gone, an image of the disk, the disk gone.

The order, and what it asks, are those of a real Packer (1.6.6) against the simulated Google; tests/integration/test_google_images.py runs that one.
"""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from typing import Any

from lab.google.answers import Asked
from lab.google.api import Api
from lab.images.builder import Build, Builder
from lab.nomad.clock import VirtualClock

STAGES = (
    (0.0, "check", "Checking image does not exist..."),
    (1.0, "machine", "Creating instance..."),
    (6.0, "provision", "Provisioning with shell script: setup.sh"),
    (12.0, "end", "Deleting instance..."),
    (20.0, "image", "Creating image..."),
    (45.0, "clean", "Deleting disk..."),
)


class GoogleBuilder(Builder):
    """The builds of one machine, in one project, with the rights of whom the token is."""

    stages = STAGES
    label = "googlecompute"

    def __init__(self, api: Api, clock: VirtualClock, token: str) -> None:
        self._api, self.clock, self._token = api, clock, token
        self.builds, self.starts, self.fails = {}, 0, ""

    def _work(self, build: Build, stage: str, at: float) -> None:
        """At its own time, however late somebody looks: what it orders ends the sooner."""
        offset, self._api.world.offset = self._api.world.offset, min(0.0, at - self.clock.now())
        try:
            super()._work(build, stage, at)
        finally:
            self._api.world.offset = offset

    def _ask(self, method: str, path: str, body: Any = None) -> int:
        headers = {"authorization": f"Bearer {self._token}"}
        answer = self._api.handle(Asked(method, f"/compute/v1/projects/{path}", {}, headers, json.dumps(body or {}).encode()))
        return answer.status if answer else 0

    def _zone(self, build: Build) -> str:
        return f"{build.variables['project']}/zones/{build.variables['zone']}"

    def _name(self, build: Build) -> str:
        return f"{build.variables['image_name']}-{build.variables['image_run']}"

    def _check(self, build: Build) -> None:
        if self._ask("GET", f"{build.variables['project']}/global/images/{build.variables['image_name']}") != 404:
            build.log += f"==> {self.label}: Image {build.variables['image_name']} already exists\n"
            build.alive = build.kept = False

    def _machine(self, build: Build) -> None:
        given = build.variables
        source = f"projects/{given['base_project']}/global/images/{given['base_image']}"
        labels = {"serverops_image": given["image_family"], "serverops_digest": given["image_digest"], "serverops_run": given["image_run"]}
        disks = [{"boot": True, "autoDelete": False, "initializeParams": {"sourceImage": source}}]
        assert self._ask("POST", f"{self._zone(build)}/instances", {"name": self._name(build), "labels": labels, "disks": disks}) == 200
        build.made["machine"] = self._name(build)

    def _end(self, build: Build) -> None:
        self._ask("DELETE", f"{self._zone(build)}/instances/{self._name(build)}")

    def _image(self, build: Build) -> None:
        given = build.variables
        labels = {"serverops_image": given["image_family"], "serverops_digest": given["image_digest"], "serverops_owner": "serverops_circleci"}
        body = {"name": given["image_name"], "labels": labels, "sourceDisk": f"{self._zone(build)}/disks/{self._name(build)}"}
        assert self._ask("POST", f"{given['project']}/global/images", {**body, "sourceDisk": f"https://lab/projects/{body['sourceDisk']}"}) == 200

    def _clean(self, build: Build) -> None:
        """The machine, where it is there still, with its disk."""
        if build.done < len(self.stages) and "machine" in build.made:
            self._ask("DELETE", f"{self._zone(build)}/instances/{self._name(build)}")
            shelf = self._api.compute.shelf(build.variables["project"])
            for one in shelf.instances.values():
                if one["name"] == self._name(build):
                    one["disks"][0]["autoDelete"] = True  # it waits for the machine's end, then deletes the disk; both are one here
        else:
            self._ask("DELETE", f"{self._zone(build)}/disks/{self._name(build)}")
        build.alive = build.kept = False
