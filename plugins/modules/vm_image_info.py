#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine images of a family, in each region: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_image_info
short_description: List the machine images of a family, with who may use them and whether they are in use
version_added: 0.1.0
description:
  - Lists the account's or the project's images whose names begin with the family's, the newest first. Never writes.
options:
  provider:
    description:
      - V(aws), or V(gcp) for Google Cloud.
    type: str
    choices: [aws, gcp]
    default: aws
  name:
    description:
      - Name of the family.
    type: str
    required: true
  region:
    description:
      - Region to look in. Needed on AWS.
      - The environment variable E(AWS_REGION) is used where the option is not set.
    type: str
  project:
    description:
      - Id of the project to look in. Needed on Google Cloud.
      - The environment variable E(GCP_PROJECT) is used where the option is not set.
    type: str
  regions:
    description:
      - More regions to look in.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - serverops.circleci.cloud
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
seealso:
  - module: serverops.circleci.vm_image
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Which images are there
  serverops.circleci.vm_image_info:
    name: circleci-linux
    region: eu-west-1
    regions: [us-east-1]
  register: linux

- name: None may be public
  ansible.builtin.assert:
    that: linux.images | selectattr('public') | list == []
"""

RETURN = r"""
images:
  description:
    - The images, each with id, name, region, state, digest (null where it has no tag of ours), created, encrypted, public, shared_with and used.
    - An image is used when a machine runs on it or a launch template names it, on Google Cloud when there is a disk of it or an instance template names it.
      Where that may not be seen, it counts as used. Machines of others who may use it are never seen; shared_with names those.
  returned: success
  type: list
  elements: dict
  sample: [{id: ami-0a, name: circleci-linux-5b1d0c7f2a9e, region: eu-west-1, state: available, public: false, shared_with: [], used: true}]
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.options import CLOUD_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.image.info_client import read_images
from ansible_collections.serverops.circleci.plugins.module_utils.image.options import FAMILY_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, Params, run_info_door

OPTIONS: dict[str, dict[str, Any]] = {**FAMILY_OPTIONS, **CLOUD_OPTIONS}


def read(params: Params, clock: Clock) -> Json:
    """The result from the parameters."""
    return read_images(params, clock)


DOOR = InfoDoor(options=OPTIONS, read=read)


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
