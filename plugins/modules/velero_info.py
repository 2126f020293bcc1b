#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Velero as it is, and what is wrong with it: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: velero_info
short_description: Show how Velero is installed, and name what is wrong with it
version_added: 0.1.0
description:
  - Version, plugins, locations, agents, repositories, schedules and backups of an installation of Velero.
  - Names each problem with its cause, what was seen of it, and the remedy.
  - Needs no C(velero) program and asks the server nothing. Everything is read from the Kubernetes API, and nothing is ever written.
  - Runs on the controller or in the execution environment.
options:
  namespace:
    description:
      - Namespace of Velero.
    type: str
    default: velero
  logs:
    description:
      - Whether the server's last lines are searched for errors of the store too. Versions before 1.9 tell them nowhere else.
    type: bool
    default: true
  kots_version:
    description:
      - Version of KOTS, to be held against the table of which Velero it goes with.
    type: str
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
  - serverops.circleci.attributes.kubernetes
seealso:
  - module: serverops.circleci.velero_install
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: How is Velero
  serverops.circleci.velero_info:
  register: velero

- name: What stops backups
  ansible.builtin.debug:
    msg: "{{ velero.problems | selectattr('stops_backups') | list }}"
"""

RETURN = r"""
namespace:
  description: Namespace of Velero.
  returned: success
  type: str
  sample: velero
installed:
  description: Whether a Deployment of Velero is there.
  returned: success
  type: bool
  sample: true
healthy:
  description: Whether no problem was found that stops backups.
  returned: success
  type: bool
  sample: true
version:
  description: Version by the tag of the image; null where it tells none.
  returned: success
  type: str
  sample: 1.9.7
image:
  description: Image of the server.
  returned: success
  type: str
  sample: velero/velero:v1.9.7
plugins:
  description: Images of the plugins.
  returned: success
  type: list
  elements: str
  sample: ["velero/velero-plugin-for-aws:v1.5.0"]
server:
  description: How many pods are wanted and ready, whether it is up, and its pods with name, node, ready and trouble.
  returned: success
  type: dict
  sample: {wanted: 1, ready: 1, up: true, pods: [{name: velero-5d, node: n1, ready: true, trouble: ""}]}
agents:
  description: The same of the agents; null where there are none.
  returned: success
  type: dict
  sample: {wanted: 3, ready: 3, up: true, pods: []}
nodes_without_agent:
  description: Nodes that take pods and have no agent.
  returned: success
  type: list
  elements: str
  sample: []
locations:
  description: The locations of backups; age is seconds since the server last looked, null where it never did.
  returned: success
  type: list
  elements: dict
  sample:
    - name: default
      default: true
      provider: aws
      bucket: ci-backups
      prefix: ""
      access_mode: ReadWrite
      phase: Available
      message: ""
      validated: "2026-11-23T08:50:42Z"
      age: 12
repositories:
  description: The repositories of volumes, with name, kind, namespace, type, phase and message.
  returned: success
  type: list
  elements: dict
  sample: []
schedules:
  description: The schedules, with name, schedule, phase, paused and last_backup.
  returned: success
  type: list
  elements: dict
  sample: []
backups:
  description: How many backups there are, by phase, and the newest that completed. That it completed proves nothing of its volumes.
  returned: success
  type: dict
  sample: {total: 3, phases: {Completed: 3}, newest_completed: instance-x, newest_completed_at: "2026-11-23T08:50:50Z"}
default_repository_password:
  description: Whether the repositories have the password that Velero gives by itself and everybody knows; null where none is set yet, or may not be read.
  returned: success
  type: bool
  sample: false
log_read:
  description: Whether the server's log could be read.
  returned: success
  type: bool
  sample: true
problems:
  description: What is wrong, as dictionaries with cause, what, object, evidence, remedy and stops_backups; what stops backups comes first.
  returned: success
  type: list
  elements: dict
  sample:
    - cause: bucket_missing
      what: the bucket does not exist
      object: BackupStorageLocation default
      evidence: "NoSuchBucket: The specified bucket does not exist"
      remedy: make it (role velero_aws or velero_gcp), or give the right name in bucket of velero_install
      stops_backups: true
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, Params, run_info_door
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.velero.info_client import InfoReader

OPTIONS: dict[str, dict[str, Any]] = {
    "namespace": {"type": "str", "default": "velero"},
    "logs": {"type": "bool", "default": True},
    "kots_version": {"type": "str"},
}


def read(params: Params, clock: Clock) -> Json:
    """The installation, read once."""
    return InfoReader(client_from_params(params, clock), params["namespace"]).read(params["logs"], params["kots_version"] or "")


DOOR = InfoDoor(options={**OPTIONS, **KUBERNETES_OPTIONS}, read=read, libraries=("kubernetes",))


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
