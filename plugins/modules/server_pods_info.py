#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods of a 3.x installation, and why some are not ready: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server_pods_info
short_description: See which pods of a 3.x installation are ready, and why others are not
version_added: 0.1.0
description:
  - Lists pods with their conditions, containers, restarts, last terminations, owners and events, and names a cause and a remedy for each that is not ready.
  - Readiness is told by the pod's condition, not by its phase. A pod can be Running and serve nobody.
  - A pod that has done its work (such as a Job's) is none that is missing.
  - Reads only, with two requests and one more for each log.
  - Runs on the controller or in the execution environment.
options:
  namespace:
    description: Namespace of the installation.
    type: str
    default: circleci-server
  names:
    description: Names of pods, or of the Deployments, StatefulSets, DaemonSets or Jobs that they belong to. All pods where it is empty.
    type: list
    elements: str
    default: []
  selector:
    description: A label selector, such as V(layer=application). Together with O(names) both must fit.
    type: str
    default: ""
  logs:
    description:
      - How many of the last lines to show of the log of each container that is not ready, up to 1000. V(0) shows none.
      - Of a container that waits for its next start the log of the run before is shown. What the application writes is shown as it is, secrets included.
    type: int
    default: 0
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
  - serverops.circleci.attributes.kubernetes
seealso:
  - module: serverops.circleci.server_pod_restart
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: All pods of the installation
  serverops.circleci.server_pods_info:
    kubeconfig: ~/.kube/config
  register: pods

- name: Fail where something is not ready, and say why
  ansible.builtin.assert:
    that: pods.ready
    fail_msg: "{{ pods.problems }}"

- name: The Nomad server's pods, with the last lines of what is not ready
  serverops.circleci.server_pods_info:
    kubeconfig: ~/.kube/config
    names: [nomad-server]
    logs: 20
"""

RETURN = r"""
pods:
  description: The pods, by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: vault-0
    ready:
      description: Whether its condition C(Ready) holds and it is not on its way out.
      type: bool
    phase:
      description: Its phase, as the API tells it.
      type: str
      sample: Running
    ending:
      description: Whether it is on its way out.
      type: bool
    node:
      description: Its node; null while it has none.
      type: str
    owner:
      description: What makes it again, as dictionary with kind and name; null for a pod of its own.
      type: dict
      sample: {kind: StatefulSet, name: vault}
    stateful:
      description: Whether it belongs to a StatefulSet or holds a persistent volume claim.
      type: bool
    claims:
      description: Names of its persistent volume claims.
      type: list
      elements: str
    restarts:
      description: How often its containers were started again, together.
      type: int
    conditions:
      description: Its conditions, as dictionaries with type, status, reason and message.
      type: list
      elements: dict
    containers:
      description: >-
        Its containers, init containers first, as dictionaries with name, init, image, ready, state (waiting, running or terminated), reason, message, restarts
        and last_termination (exit_code, reason and finished; null where none ended).
      type: list
      elements: dict
    events:
      description: Its last ten events, the newest last, as dictionaries with type, reason, message, count and time; null where we may not read events.
      type: list
      elements: dict
    logs:
      description: With O(logs), a dictionary for each container with container, previous, lines (null where they cannot be read) and reason.
      type: list
      elements: dict
missing:
  description: Entries of O(names) that mean no pod.
  returned: success
  type: list
  elements: str
  sample: []
problems:
  description: For each pod that is not ready, its name (pod), cause, evidence and remedy. The cause is one word for programs.
  returned: success
  type: list
  elements: dict
  sample:
    - pod: frontend-6d4cf56db6-x2x4z
      cause: out_of_memory
      evidence: container frontend restarted 7 times; it last ended with code 137 (OOMKilled)
      remedy: raise its memory limit, or give it less to do
counts:
  description: How many pods are expected to serve, ready, not_ready, completed and ending.
  returned: success
  type: dict
  sample: {expected: 21, ready: 20, not_ready: 1, completed: 0, ending: 0}
ready:
  description: Whether there are pods that should serve, all of them are ready, and nothing is missing.
  returned: success
  type: bool
  sample: true
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, Params, run_info_door
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.server.pods import pods_spec
from ansible_collections.serverops.circleci.plugins.module_utils.server.pods_client import read_pods_info

OPTIONS: dict[str, dict[str, Any]] = {
    "namespace": {"type": "str", "default": "circleci-server"},
    "names": {"type": "list", "elements": "str", "default": []},
    "selector": {"type": "str", "default": ""},
    "logs": {"type": "int", "default": 0},
}


def read(params: Params, clock: Clock) -> Json:
    """The result from the parameters."""
    spec = pods_spec(params)
    return read_pods_info(client_from_params(params, clock), spec)


DOOR = InfoDoor(options={**OPTIONS, **KUBERNETES_OPTIONS}, read=read, libraries=("kubernetes",))


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
