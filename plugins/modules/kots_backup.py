#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up a whole installation and prove it: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kots_backup
short_description: Back up a CircleCI Server 3.x installation, and succeed only when the backup is proven
version_added: 0.1.0
description:
  - Has kotsadm make a snapshot of the whole installation, waits for it by a watch, and proves it. A backup that is not proven fails the task.
  - With O(max_age) a proven backup that is young enough is taken as it is, and one that runs is joined. So the task can be repeated.
  - Looks before it acts whether a backup has a chance at all, and refuses with cause and remedy where it has not. See RV(gates).
    Begins none while one of them cannot be looked at.
  - kotsadm is asked once. Where its answer is lost, the backup is looked for, and never asked for a second time.
  - Deletes nothing, neither old backups nor failed ones; of a trial restore what it made itself.
  - Needs in the namespace of the installation get on secrets and configmaps, list on pods and persistentvolumeclaims, and get and create on
    pods/portforward; in that of Velero list and watch on its kinds, get on deployments, daemonsets and secrets, and list on pods.
  - The proof V(restored) needs more. Get, create and delete on namespaces and on Velero's restores, get and create on networkpolicies, patch on Velero's
    backups, list and patch on persistentvolumes, and in every namespace list on secrets, configmaps, serviceaccounts, pods and persistentvolumeclaims.
  - Runs on the controller or in the execution environment.
options:
  backup:
    description:
      - Name of a backup that is there. It alone is waited for and proven, whatever its age, and none is begun, even where a proof fails.
      - Not with O(max_age).
    type: str
  max_age:
    description:
      - Age in seconds up to which a proven backup is taken in place of a new one. It counts from the begin of the backup, by the API server's clock.
      - Backups of kotsadm's schedule count too. Without it there is always a new one, and the task is refused while another runs.
    type: float
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
  required_proofs:
    description:
      - What must be shown before a backup counts. A proof that is not named is not made.
      - V(phase), Velero says Completed, without errors, and says when.
      - V(volumes), every volume that belongs into it is there, Completed, with bytes. Those are the volumes that the pods which kotsadm takes name in the
        annotation C(backup.velero.io/backup-volumes), or all of them where Velero is told to take every volume.
      - V(files), the files of the backup and the repositories of its volumes are in the object store.
      - V(repository), Velero calls the repositories Ready, and maintained them within 14 days.
      - V(restored), the backup is restored for trial into a scratch namespace that this task makes and removes. Every volume must come back with all its
        bytes, every Secret, ConfigMap and ServiceAccount, and the pods and claims of the volumes. No service, job, ingress, role, Deployment or StatefulSet is
        restored, and a NetworkPolicy lets nothing in or out. It needs room in the cluster for the pods and for a second copy of the volumes. It is made last,
        once all else is proven, and noted in an annotation of the Backup (C(serverops.circleci/restored)), so that it is made once.
      - V(repository_check), C(restic check) goes through each repository of its volumes and finds no error. It needs restic where the module runs. It runs
        beside the task, may take long, and is taken up by the next run. It takes no lock, so that it breaks no backup, and waits for one that has a lock.
        Locks that nobody renews for 30 minutes are told and left. Only for restic in a store of S3's kind. It is made once all but V(restored) is proven.
    type: list
    elements: str
    default: [phase, volumes, files]
  restic_program:
    description:
      - Name or path of restic, for the proof V(repository_check).
    type: str
    default: restic
  read_data_subset:
    description:
      - How much of the data itself V(repository_check) reads, as restic's C(--read-data-subset) takes it. A share (V(5%)), a part (V(1/10)),
        or a size (V(500M)).
      - Without it, the structure alone. That finds data that is missing or cut off, and no byte that is another within the data.
    type: str
  log_directory:
    description:
      - Folder for the log of restic and, while it runs, the password of the repositories, with mode 0700. It must outlive the task.
    type: path
    default: ~/.local/state/serverops
  allow_empty:
    description:
      - Volumes that may be empty, or absent. Each entry is the name of a volume or of a claim, pod/volume, or namespace/pod/volume.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.cloud
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.kubernetes
seealso:
  - module: serverops.circleci.kots_backup_info
  - module: serverops.circleci.kots_snapshot_schedule
  - module: serverops.circleci.kots_info
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: A proven backup that is at most a day old
  serverops.circleci.kots_backup:
    namespace: circleci-server
    max_age: 86400
    wait_timeout: 7200
  register: backed_up

- name: Once a week, one that was restored for trial too
  serverops.circleci.kots_backup:
    namespace: circleci-server
    max_age: 86400
    required_proofs: [phase, volumes, files, restored]
    wait_timeout: 14400

- name: One that is there, restored for trial; no other is begun
  serverops.circleci.kots_backup:
    namespace: circleci-server
    backup: instance-lwxb9
    required_proofs: [phase, volumes, files, restored]
    wait_timeout: 14400

- name: Every night, with a tenth of its data read again by restic
  serverops.circleci.kots_backup:
    namespace: circleci-server
    max_age: 86400
    required_proofs: [phase, volumes, files, repository_check]
    read_data_subset: 10%
    wait_timeout: 14400

- name: Say what it rests on
  ansible.builtin.debug:
    msg: "{{ backed_up.backup.name }}: {{ backed_up.backup.proofs }}"
"""

RETURN = r"""
backup:
  description: The backup that the result is about; null where there is none.
  returned: whenever the backups could be read
  type: dict
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
      description: Each proof as V(passed), V(failed), V(not_asked) or V(unknown). V(repository_check) is among them only where it is asked for.
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
verdict:
  description:
    - V(verified) when it is proven.
    - V(unverified) when it has ended and a proof failed. V(unproven) when a proof could not be made yet.
    - V(running) or V(stalled) while it has no end.
    - V(asked) when kotsadm was asked and no backup has shown yet. V(gone) when it vanished, or is another one now.
    - V(due) when one has to be begun, V(refused) when none can be. V(unknown) when the last read failed, or a gate could not be looked at.
  returned: whenever the backups could be read
  type: str
  sample: verified
verified:
  description: Whether a proven backup is there.
  returned: whenever the backups could be read
  type: bool
  sample: true
joined:
  description: Whether it ran already when this task began.
  returned: whenever the backups could be read
  type: bool
  sample: false
reused:
  description: Whether it had ended when this task began.
  returned: whenever the backups could be read
  type: bool
  sample: false
reason:
  description: The verdict in words.
  returned: whenever the backups could be read
  type: str
  sample: backup instance-lwxb9 is proven
passed_over:
  description: Backups that are young enough, and why they do not count.
  returned: whenever the backups could be read
  type: list
  elements: str
  sample: []
stalled:
  description: Backups that run by their phase alone, since Velero's pod began anew. Nobody ends them; delete them.
  returned: whenever the backups could be read
  type: list
  elements: str
  sample: []
stale_locks:
  description: Locks in the repositories that nobody has renewed for 30 minutes, as the proof V(repository_check) sees them. C(restic unlock) removes them.
  returned: whenever the backups could be read
  type: list
  elements: str
  sample: []
gates:
  description:
    - What must be so before a backup can be begun, as dictionaries with gate, state (V(passed), V(failed), V(unknown)), reason and remedy.
    - Empty where none had to be begun.
  returned: whenever the backups could be read
  type: list
  elements: dict
  sample:
    - {gate: location, state: passed, reason: the backup storage location default is Available, remedy: null}
waited:
  description: Seconds from the task's begin to the end, or to now.
  returned: whenever the backups could be read
  type: float
  sample: 112.4
steps:
  description:
    - What was done, or would be in check mode, in order. V(backup), kotsadm is asked for one.
    - V(check), restic begins to go through a repository. V(tidy), the password that a killed check left in O(log_directory) is removed.
    - Of a trial, V(scratch), its namespace is made. V(restore), the restores are begun. V(note), what came of them is noted. V(clear), all of that is removed.
  returned: whenever the backups could be read
  type: list
  elements: dict
  sample: [{step: backup, id: backup}]
run:
  description: Id of this run.
  returned: whenever the backups could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.options import CLOUD_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.kots import backup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_port import BackupPort
from ansible_collections.serverops.circleci.plugins.module_utils.kots.choice import BackupSpec, backup_spec
from ansible_collections.serverops.circleci.plugins.module_utils.kots.connection import APP_OPTION, KOTS_OPTIONS, installation_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS

OPTIONS: dict[str, dict[str, Any]] = {
    "backup": {"type": "str"},
    "max_age": {"type": "float"},
    "required_proofs": {"type": "list", "elements": "str", "default": ["phase", "volumes", "files"]},
    "restic_program": {"type": "str", "default": "restic"},
    "read_data_subset": {"type": "str"},
    "log_directory": {"type": "path", "default": "~/.local/state/serverops"},
    "allow_empty": {"type": "list", "elements": "str", "default": []},
    **APP_OPTION,
    **KOTS_OPTIONS,
}


def port(params: Params, spec: BackupSpec, task: Task, clock: Clock) -> BackupPort:
    """The way to the backups."""
    return BackupPort(installation_from_params(params, clock), spec, task, clock)


DOOR = Door(options={**OPTIONS, **CLOUD_OPTIONS, **KUBERNETES_OPTIONS}, rules=backup, spec=backup_spec, port=port, libraries=("kubernetes", "requests"))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
