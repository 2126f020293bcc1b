#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines that the VM service keeps in a cloud, and those that it has forgotten: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_service
short_description: List the machines of the VM service, tell old ones and orphans, and terminate orphans
version_added: 0.1.0
description:
  - The VM service starts a machine for each C(machine) and remote Docker job, and may keep some waiting. This lists them by the tag that it puts on them, with
    age and type, so that it can be seen whether as many wait as the settings say, and whether they are recycled each day.
  - An orphan is one that carries the tag, is older than O(min_age), and of which the server knows nothing; nobody will ever end it. With
    O(orphans=terminated) orphans are terminated, each only after a second, fresh look at the cloud and at the server's records.
  - A machine that the server knows is never touched, old or not, since a build may run on it, or begin to the next moment. Old ones are told.
    The server's own cron is to recycle them.
  - What the server knows is read from its database C(vms), which the vendor's pages name. Its columns are not published, so a machine counts as known when
    its id stands anywhere in there. Records that cannot be read, that name no machine as the cloud does, or none of those that are there, are not relied
      upon. It is then told as not known which machines are orphans; with O(orphans=terminated) the task fails, and nothing is terminated.
  - The settings of the VM service are settings like all others. The roles C(vm_service_aws) and C(vm_service_gcp) write them, by
    M(serverops.circleci.kots_config) on 3.x and M(serverops.circleci.replicated_config) on 2.x, with P(serverops.circleci.vm_service_settings#filter)
    to find the keys by the titles of the guides.
options:
  provider:
    description:
      - The cloud.
    type: str
    choices: [aws, gcp]
    default: aws
  region:
    description:
      - Region of AWS.
      - The environment variable E(AWS_REGION) is used where the option is not set.
    type: str
  project:
    description:
      - Project of Google Cloud.
      - The environment variable E(GCP_PROJECT) is used where the option is not set.
    type: str
  zone:
    description:
      - Zone of Google Cloud.
    type: str
  tags:
    description:
      - Tags that the machines carry, on Google Cloud labels. On AWS C(ManagedBy=circleci-vm-service) is always among them, and no other value of it is
        taken. On Google Cloud no mark is published, so look at a machine, and give one.
    type: dict
    default: {}
  subnets:
    description:
      - Ids of the subnets of AWS that the machines are in.
    type: list
    elements: str
    default: []
  security_groups:
    description:
      - Ids of the security groups of AWS that the machines are in. Two installations in one account need different ones, or each takes the other's for orphans.
    type: list
    elements: str
    default: []
  orphans:
    description:
      - V(listed) changes nothing. V(terminated) needs O(records), and O(security_groups), O(subnets) or O(tags) beside the mark.
    type: str
    choices: [listed, terminated]
    default: listed
  records:
    description:
      - Where the server keeps what it knows. V(2.x) asks PostgreSQL in its container by C(docker), on the Services machine, as root.
        V(3.x) asks it in its pod by C(kubectl). V(none) asks nobody; then no machine is told to be an orphan.
      - The program finds the variables of AWS, Google Cloud, C(kubectl), C(docker), PostgreSQL and proxies in its environment. With O(orphans=terminated)
        records that cannot be read are waited for, five minutes at most; a program that is not there fails at once.
    type: str
    choices: [none, '2.x', '3.x']
    default: none
  records_command:
    description:
      - A program with its arguments, in place of that, such as where PostgreSQL runs elsewhere. It prints one JSON object with C(vms) and C(tasks), each
        a list of the rows of that table. A password has no place in it.
    type: list
    elements: str
  namespace:
    description:
      - Namespace of a 3.x installation.
    type: str
    default: circleci-server
  kubeconfig:
    description:
      - File by which C(kubectl) reaches the cluster; its own choice where it is not given.
      - The environment variable E(KUBECONFIG) is used where the option is not set.
    type: path
  context:
    description:
      - Context in O(kubeconfig). The current one where it is not set, so name it where more than one cluster is at hand.
      - The environment variable E(K8S_AUTH_CONTEXT) is used where the option is not set.
    type: str
  max_age:
    description:
      - Seconds after which a machine should have been recycled.
    type: float
    default: 86400
  min_age:
    description:
      - Seconds before which none is taken for an orphan.
    type: float
    default: 3600
  keep:
    description:
      - Ids of machines that stay in any case.
    type: list
    elements: str
    default: []
  records_may_be_empty:
    description:
      - Consent to believe records without a single machine, such as after a restore of the server; then all are orphans. See first that no build runs on any.
    type: bool
    default: false
  all_may_be_orphans:
    description:
      - Consent to believe records that name machines, but none of those that are there. So are the records of another installation, by which every machine of
        this one would be an orphan. See first that the records are of the installation to which the machines belong.
    type: bool
    default: false
requirements:
  - boto3, or google-auth and requests
extends_documentation_fragment:
  - serverops.circleci.cloud
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
seealso:
  - module: serverops.circleci.kots_config
  - module: serverops.circleci.replicated_config
  - module: serverops.circleci.iam_policy_info
  - module: serverops.circleci.vm_image
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Are machines recycled
  serverops.circleci.vm_service:
    region: eu-west-1
    security_groups: [sg-0a1b2c3d4e5f60718]
  register: machines
  failed_when: machines.old | length > 0

- name: What would go
  serverops.circleci.vm_service:
    region: eu-west-1
    security_groups: [sg-0a1b2c3d4e5f60718]
    records: 3.x
    orphans: terminated
  check_mode: true
"""

RETURN = r"""
vms:
  description:
    - The machines, the oldest first, each with id, type, state, image, private_ip_address, launched, age (in seconds), old, known (to the server), task
      (whether a task of the server names it, as far as its records show), and orphan. The last three are null where the records were not read, or cannot
      be relied upon.
  returned: whenever the cloud could be read
  type: list
  elements: dict
  sample: [{id: i-0a1b2c3d4e5f60718, type: m5.large, state: running, age: 90061, old: true, known: true, task: false, orphan: false}]
count:
  description: How many there are.
  returned: whenever the cloud could be read
  type: int
  sample: 3
count_by_type:
  description: How many of each type.
  returned: whenever the cloud could be read
  type: dict
  sample: {m5.large: 3}
old:
  description: Ids of those older than O(max_age).
  returned: whenever the cloud could be read
  type: list
  elements: str
  sample: [i-0a1b2c3d4e5f60718]
orphans:
  description: Ids of orphans that are there; null where that is not known.
  returned: whenever the cloud could be read
  type: list
  elements: str
  sample: []
terminated:
  description: Ids of orphans that this task has terminated, or would in check mode.
  returned: whenever the cloud could be read
  type: list
  elements: str
  sample: [i-0f0e0d0c0b0a09080]
reason:
  description: The end in words.
  returned: whenever the cloud could be read
  type: str
  sample: 3 machines
waited:
  description: Seconds from the task's begin to its end, or to now.
  returned: whenever the cloud could be read
  type: float
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever the cloud could be read
  type: list
  elements: dict
  sample: [{step: terminate, id: vms, vm: i-0f0e0d0c0b0a09080}]
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
from ansible_collections.serverops.circleci.plugins.module_utils.vms import sweep
from ansible_collections.serverops.circleci.plugins.module_utils.vms.model import VmSpec, checked
from ansible_collections.serverops.circleci.plugins.module_utils.vms.sweep_client import VmPort

OPTIONS: dict[str, dict[str, Any]] = {
    "provider": {"type": "str", "choices": ["aws", "gcp"], "default": "aws"},
    "region": {"type": "str", "env": "AWS_REGION"},
    "project": {"type": "str", "env": "GCP_PROJECT"},
    "zone": {"type": "str"},
    "tags": {"type": "dict", "default": {}},
    "subnets": {"type": "list", "elements": "str", "default": []},
    "security_groups": {"type": "list", "elements": "str", "default": []},
    "orphans": {"type": "str", "choices": ["listed", "terminated"], "default": "listed"},
    "records": {"type": "str", "choices": ["none", "2.x", "3.x"], "default": "none"},
    "records_command": {"type": "list", "elements": "str"},
    "namespace": {"type": "str", "default": "circleci-server"},
    "kubeconfig": {"type": "path", "env": "KUBECONFIG"},
    "context": {"type": "str", "env": "K8S_AUTH_CONTEXT"},
    "max_age": {"type": "float", "default": 86400.0},
    "min_age": {"type": "float", "default": 3600.0},
    "keep": {"type": "list", "elements": "str", "default": []},
    "records_may_be_empty": {"type": "bool", "default": False},
    "all_may_be_orphans": {"type": "bool", "default": False},
    **CLOUD_OPTIONS,
}


def port(params: Params, spec: VmSpec, _task: Task, clock: Clock) -> VmPort:
    """The way to the machines."""
    return VmPort(spec, params["cloud"] or {}, clock)


DOOR = Door(options=OPTIONS, rules=sweep, spec=checked, port=port)


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
