#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backups of an installation, with what proves them: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kots_backup_info
short_description: List the backups of a CircleCI Server 3.x installation, with what proves each of them
version_added: 0.1.0
description:
  - Reads the backups of a whole installation, newest first, and makes the same proofs as M(serverops.circleci.kots_backup). Never writes.
  - A proof that cannot be made is V(unknown), with the reason; the task does not fail for it.
  - Volumes that belong into a backup are told by the pods that are there now. What came after a backup began is not asked of it.
options:
  backups:
    description:
      - Names of the backups. Empty for all. A name that no backup of the installation has is refused.
    type: list
    elements: str
    default: []
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
  required_proofs:
    description:
      - What must be shown before a backup counts. A proof that is not named is not made.
      - V(phase), Velero says Completed, without errors, and says when.
      - V(volumes), every volume that belongs into it is there, Completed, with bytes. Those are the volumes that the pods which kotsadm takes name in the
        annotation C(backup.velero.io/backup-volumes), or all of them where Velero is told to take every volume.
      - V(files), the files of the backup and the repositories of its volumes are in the object store.
      - V(repository), Velero calls the repositories Ready, and maintained them within 14 days.
      - V(restored), M(serverops.circleci.kots_backup) restored it for trial, and noted that on the Backup. Here nothing is restored.
    type: list
    elements: str
    default: [phase, volumes, files]
  allow_empty:
    description:
      - Volumes that may be empty, or absent. Each entry is the name of a volume or of a claim, pod/volume, or namespace/pod/volume.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.cloud
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
  - serverops.circleci.attributes.kubernetes
seealso:
  - module: serverops.circleci.kots_backup
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Which backups are there, and which of them are proven
  serverops.circleci.kots_backup_info:
    namespace: circleci-server
  register: found

- name: The newest that is proven
  ansible.builtin.debug:
    msg: "{{ found.newest_verified }}"
"""

RETURN = r"""
backups:
  description: The backups, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: instance-lwxb9
    uid:
      description: Its uid in Kubernetes.
      type: str
      sample: 533c70aa-b31e-4b07-8dfe-99c935238224
    phase:
      description: Velero's phase. V(Completed), V(PartiallyFailed), V(Failed) and V(FailedValidation) are ends; every other is one of a running backup.
      type: str
      sample: Completed
    trigger:
      description: V(manual) or V(schedule), as kotsadm noted.
      type: str
      sample: manual
    started:
      description: When Velero began it, in UTC; null while it waits.
      type: str
      sample: "2026-11-23T08:55:16Z"
    completed:
      description: When it ended; null while it has not.
      type: str
      sample: "2026-11-23T08:57:02Z"
    expires:
      description: When Velero deletes it.
      type: str
      sample: "2026-12-23T08:55:16Z"
    age:
      description: Seconds from its begin to now, by the API server's clock.
      type: float
      sample: 106.0
    errors:
      description: Errors that Velero counted.
      type: int
      sample: 0
    warnings:
      description: Warnings that Velero counted.
      type: int
      sample: 0
    sequences:
      description: Sequence of each app that is in it.
      type: dict
      sample: {circleci-server: 4}
    volumes:
      description: Its volumes, as dictionaries with namespace, pod, volume, claim, phase, bytes and reason. Not read where the phase alone is asked for.
      type: list
      elements: dict
      sample:
        - {namespace: circleci-server, pod: postgresql-0, volume: data, claim: data-postgresql-0, phase: Completed, bytes: 48211943, reason: null}
    not_asked_for:
      description: Claims of pods that it takes, whose files no annotation asks for and which are not in it.
      type: list
      elements: str
      sample: []
    restored:
      description: When it was restored for trial, and how many volumes, bytes and objects came back; null where it was not, or not well.
      type: dict
      sample: {at: "2026-11-23T09:12:40Z", volumes: 4, bytes: 96423886, objects: 41}
    restorable:
      description:
        - Whether the keys to what is in it are there. C(state) is V(yes), V(no) (it cannot be restored as it is) or V(unknown), with C(reasons).
        - C(keep) names what is in no backup and whoever restores needs. Null where the proof V(files) is not asked for, or it has not ended.
      type: dict
      sample: {state: "yes", reasons: [], keep: [the bucket and the keys to it, the licence file]}
    proofs:
      description: Each proof as V(passed), V(failed), V(not_asked) or V(unknown).
      type: dict
      sample: {phase: passed, volumes: passed, files: passed, repository: not_asked, restored: not_asked}
    reasons:
      description: Why a proof failed or could not be made.
      type: list
      elements: str
      sample: []
    verified:
      description: Whether every proof that is asked for passed.
      type: bool
      sample: true
    stalled:
      description: Whether it runs by its phase alone, since Velero's pod began anew.
      type: bool
      sample: false
newest_verified:
  description: Name of the newest that is proven; null where none is.
  returned: success
  type: str
  sample: instance-lwxb9
gates:
  description: Whether an object stops Velero altogether, as a dictionary with gate, state, reason and remedy.
  returned: success
  type: list
  elements: dict
  sample:
    - {gate: ttl, state: passed, reason: every Backup has a ttl that Velero can read, remedy: null}
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.options import CLOUD_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, Params, run_info_door
from ansible_collections.serverops.circleci.plugins.module_utils.kots.choice import backup_spec
from ansible_collections.serverops.circleci.plugins.module_utils.kots.connection import KOTS_OPTIONS, installation_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kots.info import read_backups
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS

OPTIONS: dict[str, dict[str, Any]] = {
    "backups": {"type": "list", "elements": "str", "default": []},
    "required_proofs": {"type": "list", "elements": "str", "default": ["phase", "volumes", "files"]},
    "allow_empty": {"type": "list", "elements": "str", "default": []},
    **KOTS_OPTIONS,
}


def read(params: Params, clock: Clock) -> Json:
    """The result from the parameters."""
    spec = backup_spec(params)
    return read_backups(installation_from_params(params, clock), spec, tuple(params["backups"]))


DOOR = InfoDoor(options={**OPTIONS, **CLOUD_OPTIONS, **KUBERNETES_OPTIONS}, read=read, libraries=("kubernetes",))


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
