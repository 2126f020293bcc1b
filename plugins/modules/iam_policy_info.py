#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least rights for a purpose, and what a policy of yours allows besides or lacks: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: iam_policy_info
short_description: Give the least rights for a purpose, and judge a policy by the calls that are needed and those that are dangerous
version_added: 0.1.0
description:
  - Works out the policy, and judges it or yours, without a call to a cloud.
  - A policy is judged call by call, on AWS each with the resource and the context that AWS would see, on Google Cloud each with its permission and place.
  - What a policy says in terms that are not understood here is refused, never guessed.
  - Only policies of the identity are judged. A bucket's own policy, a permissions boundary or a policy of the organization may deny more.
options:
  purpose:
    description:
      - What the rights are for.
      - V(velero_aws) and V(velero_gcp) are Velero with its uploader; V(vm_service_aws) and V(vm_service_gcp) are the VM service, which starts machines for
        C(machine) jobs and remote Docker; V(vm_image_aws) and V(vm_image_gcp) are whoever builds its images by M(serverops.circleci.vm_image).
    type: str
    required: true
    choices: [velero_aws, velero_gcp, vm_image_aws, vm_image_gcp, vm_service_aws, vm_service_gcp]
  parameters:
    description:
      - Names of what the rights are on.
      - For V(velero_aws), C(bucket), C(prefix), C(region), C(uploader) (V(restic) or V(kopia)), C(snapshots) (whether Velero makes volume snapshots)
        and C(partition).
      - For V(vm_service_aws), C(region), C(account), C(subnets) and C(security_groups), all needed; C(images) (the only ones that may be started), or
        C(image_owners) (accounts whose images may be; default V(self)); C(instance_types) (patterns such as V(m5.*); default all); C(imdsv2) (start only
        machines whose metadata asks for a token); C(partition).
      - For V(vm_image_aws), C(region), C(account), C(name) (the family of images), C(subnets) and C(security_groups), all needed; C(base_images), or
        C(base_owners) (accounts whose images may be built on); C(regions) (to copy to); C(instance_types); C(sharing) (it may say who uses its images);
        C(removal) (it may remove its own images and their snapshots); C(protected_tags) (things with one of these tags it may not tag, by default those
        of Velero and of the VM service); C(partition).
      - For V(velero_gcp), C(bucket), C(snapshots), C(workload_identity) (Velero has no key) and C(name) (what the roles' ids begin with).
      - For V(vm_service_gcp), C(external_ip) (machines have public addresses; by default they do), C(service_account) (they run as one) and C(name).
      - For V(vm_image_gcp), C(external_ip), C(sharing), C(removal) and C(name).
    type: dict
    default: {}
  documents:
    description:
      - Policy documents to judge together, as AWS joins them, in place of the least one. An empty list is judged as what it is, no right at all.
      - For Google Cloud each is a grant, with C(role) (one of Google's) or C(permissions), and C(place) (V(project), the default, V(bucket) or V(account)).
    type: list
    elements: dict
extends_documentation_fragment:
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: The least policy of the VM service
  serverops.circleci.iam_policy_info:
    purpose: vm_service_aws
    parameters:
      region: eu-west-1
      account: "111111111111"
      subnets: [subnet-0a1]
      security_groups: [sg-0b2]
      instance_types: ["m5.*"]
  register: vm_service

- name: What does the policy do that is in force
  serverops.circleci.iam_policy_info:
    purpose: velero_aws
    parameters:
      bucket: circleci-backups
      prefix: velero
    documents: "{{ [lookup('ansible.builtin.file', 'velero-policy.json') | from_json] }}"
  register: velero
  failed_when: velero.verdict != 'least'

- name: What does the role allow that the guide names for Google Cloud
  serverops.circleci.iam_policy_info:
    purpose: vm_service_gcp
    documents:
      - role: roles/compute.instanceAdmin
  register: instance_admin
"""

RETURN = r"""
policy:
  description: The least policy document for the purpose. Empty for Google Cloud, which has roles.
  returned: success
  type: dict
permissions:
  description: The permissions that the purpose takes on Google Cloud. Empty for AWS.
  returned: success
  type: list
  elements: str
  sample: [compute.disks.create, compute.instances.create]
roles:
  description: The custom roles that hold them, each for one place, as M(serverops.circleci.gcp_service_account) takes them. Empty for AWS.
  returned: success
  type: list
  elements: dict
  sample: [{role_id: vm_service, title: VM service, permissions: [compute.disks.create], place: project}]
verdict:
  description:
    - What the judged policy is. V(least), V(too narrow) (something needed is refused), V(too broad) (something dangerous is allowed) or
      V(too narrow and too broad).
  returned: success
  type: str
  sample: least
needed:
  description: The calls that the purpose makes, each with what it is for, action, resource and whether it is allowed.
  returned: success
  type: list
  elements: dict
  sample: [{what: start a machine of its own, action: "ec2:RunInstances", resource: "arn:aws:ec2:eu-west-1:111111111111:instance/*", allowed: true}]
dangers:
  description: Calls that must not be allowed, in the same shape.
  returned: success
  type: list
  elements: dict
  sample: [{what: delete any snapshot, action: "ec2:DeleteSnapshot", resource: "arn:aws:ec2:eu-west-1::snapshot/snap-9", allowed: false}]
summary:
  description: How many calls are needed, how many of them refused, how many are dangerous, how many of those open.
  returned: success
  type: dict
  sample: {needed: 26, refused: 0, dangers: 48, open: 0}
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.purposes import PURPOSES, judged, purpose_of
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, Params, run_info_door

OPTIONS: dict[str, dict[str, Any]] = {
    "purpose": {"type": "str", "required": True, "choices": sorted(PURPOSES)},
    "parameters": {"type": "dict", "default": {}},
    "documents": {"type": "list", "elements": "dict"},
}


def read(params: Params, _clock: Clock) -> Json:
    """The result from the parameters."""
    purpose = purpose_of(params["purpose"], params["parameters"])
    told = {"policy": purpose.policy, "permissions": purpose.permissions, "roles": list(purpose.roles)}
    documents = params["documents"]
    return {**told, **judged(purpose, purpose.documents if documents is None else documents)}  # none at all is a policy, too


DOOR = InfoDoor(options=OPTIONS, read=read)


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
