#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods of a 3.x installation made again, one by one: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server_pod_restart
short_description: Restart pods of a 3.x installation one by one
version_added: 0.1.0
description:
  - Deletes pods so that their workload makes them again. The next goes only when the one before is Ready again.
  - A pod is deleted by its uid, so never another one that has taken its name meanwhile.
  - Stateful pods (of a StatefulSet, or with a persistent volume claim) are restarted only where O(names) names them or their workload.
  - A ready pod is taken only while all the others of its workload are ready. A pod that is not ready may always go.
  - Each run restarts the pods again, so the module is never quiet. A run that was killed is repeated with the same result.
  - Runs on the controller or in the execution environment.
options:
  namespace:
    description: Namespace of the installation.
    type: str
    default: circleci-server
  names:
    description: Names of pods, or of the Deployments, StatefulSets or DaemonSets that they belong to.
    type: list
    elements: str
    default: []
  selector:
    description:
      - A label selector, such as V(app=frontend). Its pods are restarted besides those of O(names).
      - Refused where it means a stateful pod that O(names) does not name.
    type: str
    default: ""
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.kubernetes
attributes:
  check_mode:
    details: The real decisions are folded in memory; pods that are made again are taken to become ready.
  idempotent:
    support: none
    details: Restarts the pods each time it is run.
seealso:
  - module: serverops.circleci.server_pods_info
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: The frontend, pod by pod
  serverops.circleci.server_pod_restart:
    kubeconfig: ~/.kube/config
    selector: app=frontend
    wait_timeout: 900

- name: The Nomad server, so that it tells its new address
  serverops.circleci.server_pod_restart:
    kubeconfig: ~/.kube/config
    names: [nomad-server]
    wait_timeout: 600

- name: A pod that holds data, by its own name
  serverops.circleci.server_pod_restart:
    kubeconfig: ~/.kube/config
    names: [vault-0]
    wait_timeout: 600
"""

RETURN = r"""
pods:
  description: The pods that were to be restarted, in the order in which they are.
  returned: whenever the pods could be looked for
  type: list
  elements: dict
  contains:
    name:
      description: The name that it had, or that was asked for.
      type: str
      sample: frontend-6d4cf56db6-x2x4z
    new:
      description: The name of the pod that stands for it now; null where there is none yet, or it is not known which.
      type: str
      sample: frontend-6d4cf56db6-7kqvn
    owner:
      description: What makes it again, as dictionary with kind and name.
      type: dict
      sample: {kind: Deployment, name: frontend}
    stateful:
      description: Whether it holds data.
      type: bool
      sample: false
    verdict:
      description:
        - V(restarted) when another pod made since this task began stands for it and is Ready. V(was_gone) when it was gone or on its way out
          before this task began, as after a run that was killed, and its workload has all its pods.
        - V(unfinished) while it ends or the new one is not Ready. V(untouched) when its turn has not come. V(unknown) when the last read failed.
      type: str
      sample: restarted
    reason:
      description: The verdict in words.
      type: str
    waited:
      description: Seconds from the task's begin to its end, or to now.
      type: float
restarted:
  description: How many are restarted.
  returned: whenever the pods could be looked for
  type: int
  sample: 2
left:
  description: How many are not.
  returned: whenever the pods could be looked for
  type: int
  sample: 0
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever the pods could be looked for
  type: list
  elements: dict
  sample: [{step: delete, id: frontend-6d4cf56db6-x2x4z}]
run:
  description: Id of this run.
  returned: whenever the pods could be looked for
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.server import restart
from ansible_collections.serverops.circleci.plugins.module_utils.server.pods_client import PodsClient
from ansible_collections.serverops.circleci.plugins.module_utils.server.restart_client import RestartPort
from ansible_collections.serverops.circleci.plugins.module_utils.server.restart_model import RestartSpec, restart_spec

OPTIONS: dict[str, dict[str, Any]] = {
    "namespace": {"type": "str", "default": "circleci-server"},
    "names": {"type": "list", "elements": "str", "default": []},
    "selector": {"type": "str", "default": ""},
}


def port(params: Params, spec: RestartSpec, task: Task, clock: Clock) -> RestartPort:
    """The way to the pods."""
    kinds = frozenset(one["kind"] for one in task.memory.get("targets", {}).values())
    return RestartPort(PodsClient(client_from_params(params, clock), spec.namespace), spec, clock, kinds)


DOOR = Door(options={**OPTIONS, **KUBERNETES_OPTIONS}, rules=restart, spec=restart_spec, port=port, libraries=("kubernetes",))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
