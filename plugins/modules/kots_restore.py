#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a whole installation from a proven backup: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kots_restore
short_description: Restore a CircleCI Server 3.x installation from a backup, and succeed only when it is whole
version_added: 0.1.0
description:
  - Has the official CLI of KOTS restore a backup of the whole installation, and judges by the Restore objects, the volumes and the pods alone.
  - Deletes what is there. First the console goes and comes back, then every app with its volumes. So O(confirm) must repeat the name of the backup.
  - Refuses, before anything is deleted, what cannot end well. A backup that failed, has not ended, is not proven or is of another installation; a store
    that does not answer; a storage class or a kind of object that this cluster has not. See RV(gates). The CLI passes over some of these with exit code 0.
  - Leaves a mark in Velero's namespace first. A run that was killed is finished by the same task, and of two that begin at once only one does.
  - Keeps the console's objects in a Secret beside it. A console that is gone while nothing is restored any more gets them back.
  - Starts the CLI detached, since it outlives the task.
  - Does nothing where this backup was the last one restored, and is whole. To restore it once more, delete the Restores whose names begin with its name.
  - Needs in the namespace of the installation get, list and create on secrets, configmaps, services, serviceaccounts, roles, rolebindings, statefulsets and
    deployments, list on pods, events and persistentvolumeclaims, get on pods/log, and get and create on pods/portforward; in that of Velero get, list, create,
    patch and delete on configmaps and secrets, get, list, watch and delete on restores, get, list and watch on its other kinds, and get on deployments and
    daemonsets; and get and list on storageclasses. The CLI acts with the same rights, and needs those of an administrator.
  - Runs on the controller or in the execution environment, where the official CLI must be.
options:
  backup:
    description:
      - Name of the backup, such as C(instance-lwxb9).
    type: str
    required: true
  confirm:
    description:
      - The name of the backup once more. What is in the namespace now is lost.
    type: str
    required: true
  app:
    description:
      - Slug of the app in kotsadm.
    type: str
    default: circleci-server
  namespace:
    description:
      - Namespace of the installation, and of kotsadm. A backup goes back to the namespace that it was made in.
    type: str
    default: circleci-server
  velero_namespace:
    description:
      - Namespace of Velero.
    type: str
    default: velero
  required_proofs:
    description:
      - What must be shown of the backup before anything is deleted, by the names of M(serverops.circleci.kots_backup).
    type: list
    elements: str
    default: [phase, volumes, files]
  allow_empty:
    description:
      - Volumes that may be empty or absent in the backup, as M(serverops.circleci.kots_backup) takes them.
    type: list
    elements: str
    default: []
  allow_unproven:
    description:
      - Restore it though a proof of volumes, files or repository failed or cannot be made, and though its contents cannot be looked at. What it lacks is lost.
      - A backup that is not V(Completed) is refused all the same, since the CLI does nothing with it.
    type: bool
    default: false
  allow_foreign:
    description:
      - Restore it though nothing shows that it was made in this cluster. Say so when this is the new cluster of a lost one.
      - A backup is taken for this cluster's own when its object was made here, or when a claim that is in it lives here.
    type: bool
    default: false
  fenced:
    description:
      - States that no other installation lives on the same bucket and databases any more. It is asked for when something shows one, such as a backup that
        was begun elsewhere after Velero was installed here, or what a restore of the same backup in another cluster left in the store.
    type: bool
    default: false
  server_version:
    description:
      - Version of CircleCI Server that databases outside and clients are at. Without it, the one that is deployed here, if any.
      - A backup of a newer version, or of one more than one release older, is refused with the path of upgrades between them.
    type: str
  allow_other_version:
    description:
      - Restore it though its version of the server does not fit.
    type: bool
    default: false
  storage_classes:
    description:
      - Storage classes of the backup's claims, and the ones that they get here. Given to Velero as its mapping for as long as the restore lasts.
    type: dict
    default: {}
  allow_missing_kinds:
    description:
      - Kinds of objects in the backup that this cluster does not serve and that may be lost, such as V(policy/v1beta1/PodSecurityPolicy).
    type: list
    elements: str
    default: []
  kots_executable:
    description:
      - Path or name of the official CLI of KOTS. Without it C(kubectl-kots) or C(kots) of PATH.
    type: str
  log_directory:
    description:
      - Folder for the log of the CLI and what else is kept for it, with mode 0700. It must outlive the task.
    type: path
    default: ~/.local/state/serverops
  owner:
    description:
      - Who restores, as it stands in the mark. A restore of another owner is left alone.
    type: str
    default: serverops.circleci
  take_over:
    description:
      - Take up a restore of another owner, and one whose program ran on a machine that cannot be asked.
      - Without it such a one is taken for dead after 15 minutes without a word.
    type: bool
    default: false
notes:
  - With O(wait=false) what is due now is done once, which is one step in each run. So it takes several runs to come to V(restore).
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.cloud
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.kubernetes
seealso:
  - module: serverops.circleci.kots_backup
  - module: serverops.circleci.kots_backup_info
  - module: serverops.circleci.velero_info
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Back to the state of that backup
  serverops.circleci.kots_restore:
    backup: instance-lwxb9
    confirm: instance-lwxb9
    wait_timeout: 7200
  register: restored

- name: The same in the new cluster of a lost one, which has other storage classes
  serverops.circleci.kots_restore:
    backup: instance-lwxb9
    confirm: instance-lwxb9
    allow_foreign: true
    fenced: true
    storage_classes:
      gp2: gp3
"""

RETURN = r"""
backup:
  description:
    - The backup with name, uid, phase, started, completed, expires, namespace, kots (version of KOTS in it), versions and sequences of its apps,
      proofs, and reasons why a proof failed.
  returned: whenever the cluster could be read
  type: dict
  sample: {name: instance-lwxb9, uid: 533c70aa-b31e-4b07-8dfe-99c935238224, phase: Completed}
verdict:
  description:
    - V(restored) when this backup was the last one restored, and is whole.
    - V(restoring) while the CLI or Velero is at work. V(console_gone) when the console is gone and nothing is at work; there is a next step.
    - V(starting) when all is restored and pods are not ready yet. V(sealed) when a Vault among them is sealed.
    - V(incomplete) when a volume of the backup was not brought back. V(failed) when a Restore or the CLI ended badly.
    - V(refused) when a gate failed, or somebody else's restore is under way. V(unproven) when a gate cannot be decided yet.
    - V(due) when it has to be begun. V(unknown) when the last read failed.
  returned: whenever the cluster could be read
  type: str
  sample: restored
restored:
  description: Whether this backup was the last one restored, and is whole.
  returned: whenever the cluster could be read
  type: bool
  sample: true
reason:
  description: The verdict in words.
  returned: whenever the cluster could be read
  type: str
  sample: backup instance-lwxb9 was the last one restored, and is whole
origin:
  description: V(here) when something shows that the backup was made in this cluster, else V(elsewhere). Null where none had to be restored.
  returned: whenever the cluster could be read
  type: str
  sample: here
joined:
  description: Whether the restore was under way when this task began.
  returned: whenever the cluster could be read
  type: bool
  sample: false
parts:
  description: The console (V(kotsadm)) and each app, with restore, phase, started, completed, errors, warnings, items and total_items of its Restore.
  returned: whenever the cluster could be read
  type: list
  elements: dict
  sample:
    - {part: kotsadm, restore: instance-lwxb9.kotsadm, phase: Completed, started: "2026-11-23T09:02:11Z", completed: "2026-11-23T09:02:40Z",
       errors: 0, warnings: 1, items: 14, total_items: 14}
volumes:
  description: The volumes that were brought back, with namespace, pod, volume, phase, bytes, total_bytes and reason.
  returned: whenever the cluster could be read
  type: list
  elements: dict
  sample:
    - {namespace: circleci-server, pod: postgresql-0, volume: data, phase: Completed, bytes: 48211943, total_bytes: 48211943, reason: null}
lost_volumes:
  description: Volumes of the backup that its Restores did not bring back with all their bytes, as namespace/pod/volume. Empty while it is not ended.
  returned: whenever the cluster could be read
  type: list
  elements: str
  sample: []
console:
  description: Whether kotsadm is there, is ready, and has its objects kept for the case that it is gone.
  returned: whenever the cluster could be read
  type: dict
  sample: {there: true, ready: true, saved: false}
pods:
  description: Pods of the installation that are not ready, with name and reason. Read once all Restores have ended.
  returned: whenever the cluster could be read
  type: list
  elements: dict
  sample: []
sealed:
  description: Pods of Vault that are sealed. Their keys are read nowhere.
  returned: whenever the cluster could be read
  type: list
  elements: str
  sample: []
gates:
  description:
    - What must be so before anything is deleted, as dictionaries with gate, state (V(passed), V(failed), V(unknown)), reason and remedy.
    - The gates are V(backup), V(proofs), V(velero), V(location), V(agents), V(rights), V(program), V(program_version), V(origin), V(rivals), V(versions),
      V(uploader), V(kinds) and V(storage). Empty where nothing had to be begun.
  returned: whenever the cluster could be read
  type: list
  elements: dict
  sample:
    - {gate: origin, state: passed, reason: the backup was made in this cluster, remedy: null}
mark:
  description: The mark of the restore that is under way, with owner, backup, since, run and place; null where there is none.
  returned: whenever the cluster could be read
  type: dict
  sample: null
program:
  description: The official CLI, with running (null where that cannot be known from here), log (path of its log) and said (its last word of an error).
  returned: whenever the cluster could be read
  type: dict
  sample: {running: false, log: null, said: null}
waited:
  description: Seconds from the task's begin to the end, or to now.
  returned: whenever the cluster could be read
  type: float
  sample: 412.0
steps:
  description:
    - What was done, or would be in check mode, in order. V(mark), V(clear_restores) with its restores, V(save_console), V(map_storage), V(restore), V(close).
    - Where a restore went wrong or was cut short, also V(restore_apps), V(end_program) and V(put_console_back).
  returned: whenever the cluster could be read
  type: list
  elements: dict
  sample: [{step: mark, id: restore}, {step: save_console, id: restore}, {step: restore, id: restore}, {step: close, id: restore}]
run:
  description: Id of this run.
  returned: whenever the cluster could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.options import CLOUD_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.kots import restore
from ansible_collections.serverops.circleci.plugins.module_utils.kots.connection import APP_OPTION, KOTS_OPTIONS, installation_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_cli_client import program_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_model import RESTORE_OPTIONS, RestoreSpec, restore_spec
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_port import RestorePort
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS

OPTIONS: dict[str, dict[str, Any]] = {**RESTORE_OPTIONS, **APP_OPTION, **KOTS_OPTIONS, **CLOUD_OPTIONS, **KUBERNETES_OPTIONS}


def port(params: Params, spec: RestoreSpec, task: Task, clock: Clock) -> RestorePort:
    """The way to the restore."""
    return RestorePort(installation_from_params(params, clock), program_from_params(params), spec, task, clock)


DOOR = Door(options=OPTIONS, rules=restore, spec=restore_spec, port=port, libraries=("kubernetes", "requests"))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
