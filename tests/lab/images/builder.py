"""Packer as a program on a virtual clock: it makes a key, a group, a machine, an image, and cleans up; killed, it leaves what it had made."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from dataclasses import dataclass, field
from typing import Any

from lab.images.account import Account, _tags

STAGES = (
    (0.0, "keys", "Creating temporary keypair: {key}"),
    (2.0, "groups", "Creating temporary security group for this instance: {key}"),
    (5.0, "machine", "Launching a source AWS instance..."),
    (30.0, "provision", "Provisioning with shell script: setup.sh"),
    (60.0, "image", "Creating AMI {name}"),
    (110.0, "tags", "Adding tags to AMI"),
    (115.0, "clean", "Terminating the source AWS instance..."),
)


@dataclass
class Build:
    """One run. `fails` at a stage leaves a line and cleans up, as the real one does."""

    variables: dict[str, str]
    began: float
    key: str
    done: int = 0
    alive: bool = True
    kept: bool = True  # the file with its variables; what ends by itself takes it away
    log: str = ""
    made: dict[str, str] = field(default_factory=dict)


class Builder:
    """The builds of one machine, by the path of what stands for their process."""

    stages = STAGES
    label = "amazon-ebs"

    def __init__(self, account: Account) -> None:
        self.account, self.clock = account, account.clock
        self.builds: dict[str, Build] = {}
        self.starts = 0
        self.fails = ""

    def start(self, name: str, variables: str) -> None:
        self.starts += 1
        given = json.loads(variables)
        old = self.builds.get(name)
        self.builds[name] = Build(given, self.clock.now(), f"packer_{self.starts}", log=old.log if old else "")

    def look(self, name: str) -> Build | None:
        """The build as far as it has come by now."""
        build = self.builds.get(name)
        if build is None or not build.alive:
            return build
        for at, stage, words in self.stages[build.done :]:
            if self.clock.now() < build.began + at:
                break
            build.done += 1
            build.log += f"==> {self.label}: {words.format(key=build.key, name=build.variables['image_name'])}\n"
            if stage == self.fails:
                build.log += f"==> {self.label}: Script exited with non-zero exit status: 1\n"
                stage, build.alive = "clean", False
            self._work(build, stage, build.began + at)
            if not build.alive:
                break
        return build

    def _work(self, build: Build, stage: str, _at: float) -> None:
        getattr(self, f"_{stage}")(build)

    def kill(self, name: str) -> None:
        build = self.look(name)
        assert build is not None
        build.alive = False

    def _here(self, build: Build) -> dict[str, dict[str, Any]]:
        return self.account.region(build.variables["region"])

    def _keys(self, build: Build) -> None:
        self._here(build)["keys"][build.key] = {"KeyName": build.key}

    def _groups(self, build: Build) -> None:
        build.made["group"] = self.account.new("sg")
        self._here(build)["groups"][build.made["group"]] = {"GroupName": build.key, "GroupId": build.made["group"]}

    def _machine(self, build: Build) -> None:
        given = build.variables
        tags = {"serverops_image": given["image_family"], "serverops_digest": given["image_digest"], "serverops_run": given["image_run"]}
        build.made["machine"] = one = self.account.new("i")
        group = {"GroupId": build.made["group"], "GroupName": build.key}
        body = {"InstanceId": one, "KeyName": build.key, "SecurityGroups": [group], "Tags": _tags(tags), "State": {"Name": "running"}}
        self._here(build)["instances"][one] = {**body, "ImageId": given.get("base_image", "ami-base"), "LaunchTime": self.account.clock.wall()}

    def _provision(self, build: Build) -> None:
        build.log += f"    {self.label}: the password is " + build.variables.get("password", "none") + "\n"

    def _image(self, build: Build) -> None:
        given = build.variables
        build.made["image"] = self.account.image(given["region"], given["image_name"], {}, encrypted=given.get("encrypt") == "true")

    def _tags(self, build: Build) -> None:
        given = build.variables
        tags = {"serverops_image": given["image_family"], "serverops_digest": given["image_digest"], "serverops_owner": "serverops.circleci"}
        here = self._here(build)
        if build.made["image"] in here["images"]:
            here["images"][build.made["image"]]["Tags"] = _tags(tags)

    def _clean(self, build: Build) -> None:
        here = self._here(build)
        if "machine" in build.made:
            self.account.end_machine(build.variables["region"], build.made["machine"])
        here["keys"].pop(build.key, None)
        here["groups"].pop(build.made.get("group", ""), None)
        build.alive = build.kept = False
