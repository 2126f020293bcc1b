#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine image for the VM service: built once for what it is made of, private, in all wanted regions: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_image
short_description: Build a private machine image for the VM service with Packer, once for what it is made of
version_added: 0.1.0
description:
  - On AWS, or with O(provider=gcp) on Google Cloud.
  - An image is known by a digest of what it is made of, which is the template, the variables, the scripts, the base image's id and Packer's version.
    Where an image of this digest is there, nothing is built; one that is still being made is waited for; whatever is different makes a new image.
  - Packer runs on its own, and goes on when the task or the play ends. A later run finds it, and waits for it.
  - The image is never public. Exactly the accounts of O(shared_with) may use it, in every region of O(regions).
  - What a dead build left (machine, disk, snapshot, key pair, security group) is found by its tags, its name and the build's log, and taken away.
options:
  provider:
    description:
      - V(aws), or V(gcp) for Google Cloud.
    type: str
    choices: [aws, gcp]
    default: aws
  name:
    description:
      - Name of the family of images. An image is called by it and the first 12 digits of its digest.
      - On Google Cloud up to 40 lower-case letters, digits and dashes.
    type: str
    required: true
  template:
    description:
      - Path of the Packer template, JSON or HCL2, with an C(amazon-ebs) or C(googlecompute) builder. Those of the role C(vm_image) will do for Linux.
      - It must use the variables C(image_name), C(image_family), C(image_digest) and C(image_run), by which its image, and what it starts, are found again.
        C(region), and C(base_image) where O(base_image) is given, are handed to it as well.
      - On Google Cloud it must give its machine the name C(image_name-image_run), since the machine's disk has no other mark. C(project), C(zone),
        C(base_image) with C(base_project), and C(account_file) where O(cloud.service_account_contents) is given, are handed to it instead.
    type: path
    required: true
  variables:
    description:
      - Variables of the template. Their values are part of the digest.
    type: dict
    default: {}
  secret_variables:
    description:
      - Variables that nobody may read. They go to Packer in a private file, and into the digest by O(digest_key).
    type: dict
    default: {}
  digest_key:
    description:
      - A secret of yours by which secret variables enter the digest, so that a changed one makes a new image while the tag tells nothing of it.
      - Needed with O(secret_variables).
    type: str
  scripts:
    description:
      - Paths of files that the template uses. Their content is part of the digest.
    type: list
    elements: str
    default: []
  base_image:
    description:
      - Id of the image to start from; it must be there while the image is built.
      - On Google Cloud the name of an image of the project, or C(projects/PROJECT/global/images/NAME).
      - Without it the template says what it starts from, and a newer one makes no new image.
    type: str
    default: ""
  region:
    description:
      - Region in which to build. Needed on AWS.
      - The environment variable E(AWS_REGION) is used where the option is not set.
    type: str
  project:
    description:
      - Id of the project in which to build. Needed on Google Cloud.
      - The environment variable E(GCP_PROJECT) is used where the option is not set.
    type: str
  zone:
    description:
      - Zone in which to build. Needed on Google Cloud.
    type: str
  regions:
    description:
      - Regions to copy the image to. Its ids are told when it is available in all of them. An image of Google Cloud is in all regions by itself.
    type: list
    elements: str
    default: []
  shared_with:
    description:
      - Ids of the accounts that may use the image besides its owner. All others, and everybody, are shut out.
      - On Google Cloud members such as C(serviceAccount:EMAIL), C(user:EMAIL) and C(group:EMAIL), or a project's number, which is the account by which that
        project starts machines. What somebody may do by a role on the whole project is not changed.
    type: list
    elements: str
    default: []
  encrypted:
    description:
      - Whether its disks must be encrypted. The template has to do it; an image that is not is an error. Copies are encrypted by EC2.
      - Those of Google Cloud always are.
    type: bool
    default: false
  keep:
    description:
      - How many images of the family to keep in each region, the newest and this one among them. V(0) keeps all.
      - An image that a machine runs on, that a launch template names, or that is in O(in_use) is never taken away; nor is one that this module did not make.
      - On Google Cloud that is one of which there is a disk, or that an instance template names.
      - Nor is one that others may use, for their machines are not seen from here, unless O(remove_shared) consents; nor the one that was used before this one,
        see O(supersedes).
    type: int
    default: 0
  in_use:
    description:
      - Ids of images that stay in any case, such as the one that the server's settings name.
    type: list
    elements: str
    default: []
  supersedes:
    description:
      - Id of the image that was used before this one, such as the one that a setting names before it is switched over.
      - It is noted on this image by a tag, C(serverops_previous), and stays in later runs that do not name it, until another one is noted. See RV(previous).
      - On Google Cloud a name; of one that is given with its project only the name is noted. This image itself is not noted.
    type: str
    default: ""
  remove_shared:
    description:
      - Whether O(keep) may take away older images that other accounts, projects or members may use. Whether their machines run on them cannot be seen.
      - On Google Cloud only what the image's own policy says is seen, not who may use all images of the project. Where others may, leave O(keep) at V(0).
    type: bool
    default: false
  max_build_time:
    description:
      - After how many seconds a build of another controller, another user or another O(log_directory) is taken for dead.
    type: float
    default: 7200
  log_directory:
    description:
      - Folder for logs and for what tells whether a build lives, on the machine where this module runs. It must be of the user alone.
    type: path
    default: ~/.serverops/images
  packer:
    description:
      - Packer's name on C(PATH), or its path. From 1.10 on it needs the plugin for Amazon or Google Compute Engine installed.
    type: str
    default: packer
requirements:
  - Packer 1.6 or newer
  - boto3, on AWS
  - google-auth >= 2.20 and requests, on Google Cloud
extends_documentation_fragment:
  - serverops.circleci.cloud
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
seealso:
  - module: serverops.circleci.vm_image_info
  - module: serverops.circleci.iam_policy_info
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: An image of our own for machine jobs, the last three kept
  serverops.circleci.vm_image:
    name: circleci-linux
    template: "{{ playbook_dir }}/packer/linux.json"
    scripts: ["{{ playbook_dir }}/packer/setup.sh"]
    base_image: ami-0a1b2c3d4e5f60718
    region: eu-west-1
    regions: [us-east-1]
    shared_with: ["111111111111"]
    keep: 3
    in_use: ["{{ current_image }}"]
  register: linux

- name: The same on Google Cloud
  serverops.circleci.vm_image:
    provider: gcp
    name: circleci-linux
    template: "{{ playbook_dir }}/packer/linux-google.json"
    scripts: ["{{ playbook_dir }}/packer/setup.sh"]
    base_image: projects/ubuntu-os-cloud/global/images/ubuntu-2004-focal-v20230831
    project: example-images
    zone: europe-west1-b
    shared_with: ["serviceAccount:circleci-vm-service@example-project.iam.gserviceaccount.com"]
"""

RETURN = r"""
image:
  description: The image in its first region, with id, name, region, state, digest, created, encrypted, public and shared_with; null while there is none.
  returned: whenever the cloud could be read
  type: dict
  sample: {id: ami-0a, name: circleci-linux-5b1d0c7f2a9e, region: eu-west-1, state: available, public: false, shared_with: ["111111111111"]}
name:
  description: What the image is called.
  returned: whenever the cloud could be read
  type: str
  sample: circleci-linux-5b1d0c7f2a9e
digest:
  description: The digest of what it is made of.
  returned: whenever the cloud could be read
  type: str
regions:
  description: The image's id by region, on Google Cloud its name by V(global); empty until it is available in all of them.
  returned: whenever the cloud could be read
  type: dict
  sample: {eu-west-1: ami-0a, us-east-1: ami-0b}
previous:
  description: The image that was used before this one, as was noted by O(supersedes) in this run or an earlier one; null where none was.
  returned: whenever the cloud could be read
  type: str
  sample: ami-0c
leftovers:
  description: What dead builds and images that were removed left and is still there, each with kind and id, and with region where that is a copy's.
  returned: whenever the cloud could be read
  type: list
  elements: dict
  sample: []
log:
  description: Path of Packer's log.
  returned: whenever the cloud could be read
  type: str
reason:
  description: The end in words.
  returned: whenever the cloud could be read
  type: str
  sample: image circleci-linux-5b1d0c7f2a9e is there
steps:
  description: What was done, or would be in check mode, in order; build, tag, share, note, copy, remove and sweep.
  returned: whenever the cloud could be read
  type: list
  elements: dict
  sample: [{step: build, id: image, digest: 5b1d0c7f2a9e}]
run:
  description: Id of this run.
  returned: whenever the cloud could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.options import CLOUD_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.image import build
from ansible_collections.serverops.circleci.plugins.module_utils.image.build_client import ImagePort, image_spec
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import ImageSpec
from ansible_collections.serverops.circleci.plugins.module_utils.image.options import FAMILY_OPTIONS

OPTIONS: dict[str, dict[str, Any]] = {
    "template": {"type": "path", "required": True},
    "variables": {"type": "dict", "default": {}},
    "secret_variables": {"type": "dict", "default": {}, "no_log": True},
    "digest_key": {"type": "str", "no_log": True},
    "scripts": {"type": "list", "elements": "str", "default": []},
    "base_image": {"type": "str", "default": ""},
    "shared_with": {"type": "list", "elements": "str", "default": [], "no_log": False},  # members of Google's: kind:name@domain
    "encrypted": {"type": "bool", "default": False},
    "zone": {"type": "str"},
    "keep": {"type": "int", "default": 0},
    "in_use": {"type": "list", "elements": "str", "default": []},
    "supersedes": {"type": "str", "default": ""},
    "remove_shared": {"type": "bool", "default": False},
    "max_build_time": {"type": "float", "default": 7200.0},
    "log_directory": {"type": "path", "default": "~/.serverops/images"},
    "packer": {"type": "str", "default": "packer"},
    **FAMILY_OPTIONS,
    **CLOUD_OPTIONS,
}


def port(params: Params, spec: ImageSpec, _task: Task, clock: Clock) -> ImagePort:
    """The way to the image."""
    return ImagePort(spec, params["cloud"] or {}, clock)


DOOR = Door(options=OPTIONS, rules=build, spec=image_spec, port=port)


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
