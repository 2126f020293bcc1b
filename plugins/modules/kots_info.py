#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an installation's console is like, and whether a backup has a chance: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kots_info
short_description: Tell versions, apps, entitlements and snapshot settings of KOTS, and what stands in the way of a backup
version_added: 0.1.0
description:
  - Asks kotsadm, over a forward into its pod, and the cluster. Never writes.
  - What cannot be read is null, and the gate that needs it V(unknown); the task does not fail for it.
  - The official CLI is asked for its version where it is on C(PATH). Nothing is concluded from its exit code.
options:
  app:
    description:
      - Slug of the app in kotsadm.
    type: str
    default: circleci-server
  namespace:
    description:
      - Namespace of the installation, and of kotsadm.
    type: str
    default: circleci-server
  velero_namespace:
    description:
      - Namespace of Velero.
    type: str
    default: velero
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
  - serverops.circleci.attributes.kubernetes
seealso:
  - module: serverops.circleci.kots_backup
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Can this installation be backed up
  serverops.circleci.kots_info:
    namespace: circleci-server
  register: kots

- name: Say what stands in the way
  ansible.builtin.debug:
    msg: "{{ kots.gates | selectattr('state', '!=', 'passed') | list }}"
"""

RETURN = r"""
console:
  description: kotsadm, with its version and whether it could be asked.
  returned: success
  type: dict
  sample: {version: 1.124.18, reachable: true}
cli:
  description: The official CLI on this machine; its version is null where there is none.
  returned: success
  type: dict
  sample: {version: 1.124.18}
apps:
  description: The apps, by slug; null where they could not be read.
  returned: success
  type: list
  elements: dict
  contains:
    slug:
      description: Slug of the app.
      type: str
      sample: circleci-server
    name:
      description: Its name.
      type: str
      sample: CircleCI server
    state:
      description: Its state as kotsadm sees it, such as V(ready), V(degraded) or V(missing).
      type: str
      sample: ready
    deployed:
      description: The deployed version, with sequence, label and status; null where none is.
      type: dict
      sample: {sequence: 0, label: 3.3.0, status: deployed}
    pending:
      description: The newest version that waits to be deployed, with sequence and label; null where none does.
      type: dict
      sample: {sequence: 1, label: 3.4.0}
    snapshots:
      description: Whether kotsadm offers snapshots of it; null where it does not say.
      type: bool
      sample: true
entitlements:
  description: What the licence permits, with type, expires, channel, snapshots and the fields of the vendor; null where it could not be read.
  returned: success
  type: dict
  sample: {type: prod, expires: null, channel: Stable, snapshots: true, fields: {}}
snapshots:
  description: Where snapshots go and who makes them. An entry is null where it could not be read.
  returned: success
  type: dict
  sample:
    velero: 1.6.3
    minimal_rbac: false
    provider: aws
    bucket: circleci-backups
    prefix: null
    location: Available
    agents: {name: restic, ready: 3, desired: 3}
schedule:
  description: The schedule, with enabled, cron, retention (seconds) and kotsadm's words for it; null where it could not be read.
  returned: success
  type: dict
  sample: {enabled: true, cron: 0 3 * * *, retention: 2592000.0, retention_words: 30 days}
gates:
  description: What must be so before a backup can be begun, as dictionaries with gate, state (V(passed), V(failed), V(unknown)), reason and remedy.
  returned: success
  type: list
  elements: dict
  sample:
    - {gate: entitlement, state: passed, reason: the licence permits snapshots, remedy: null}
can_back_up:
  description: Whether every gate is passed.
  returned: success
  type: bool
  sample: true
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, Params, run_info_door
from ansible_collections.serverops.circleci.plugins.module_utils.kots.cli_client import cli_version
from ansible_collections.serverops.circleci.plugins.module_utils.kots.connection import APP_OPTION, KOTS_OPTIONS, installation_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kots.info import read_info
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS

OPTIONS: dict[str, dict[str, Any]] = {**APP_OPTION, **KOTS_OPTIONS}


def read(params: Params, clock: Clock) -> Json:
    """The result from the parameters."""
    return read_info(installation_from_params(params, clock), cli_version())


DOOR = InfoDoor(options={**OPTIONS, **KUBERNETES_OPTIONS}, read=read, libraries=("kubernetes", "requests"))


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
