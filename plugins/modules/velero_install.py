#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Velero with its plugins, agents and location, as wanted: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: velero_install
short_description: Install Velero, or change how it is installed, and wait until its location is Available
version_added: 0.1.0
description:
  - Makes the objects of an installation of Velero 1.5 to 1.18 and applies them, each in one server-side apply with a field manager of its own.
  - The program C(velero install) skips what exists; another bucket, plugin or key given to it changes nothing. This module changes it and restarts the pods.
  - An installation made by that program, as the guide of CircleCI Server 3.x has it, is adopted. Its objects keep their names and uids.
  - Fields that others manage (not C(velero) and not C(kubectl)) are refused unless O(take_over) is set. The resources of its containers are kept.
  - Waits for the Deployment, for one agent on each node, and for a location that the newly started server itself found Available.
  - Needs no C(velero) program where the cluster has the kinds of that version already, or where O(crds_file) is given.
  - Removes nothing but plugins that are no longer named, and agents that are no longer wanted. Runs on the controller or in the execution environment.
options:
  version:
    description:
      - Version of Velero, whole. See the table of the guide on which versions go with which KOTS and CircleCI Server.
    type: str
    required: true
  provider:
    description:
      - Where the bucket is. For other stores that speak S3 use V(aws) with C(s3Url) in O(backup_location_config).
    type: str
    required: true
    choices: [aws, gcp]
  bucket:
    description:
      - Name of the bucket. It must exist, in the region that O(backup_location_config) names.
    type: str
    required: true
  prefix:
    description:
      - Folder inside the bucket.
    type: str
  access_mode:
    description:
      - V(ReadOnly) for a cluster that is only to restore.
    type: str
    choices: [ReadWrite, ReadOnly]
    default: ReadWrite
  backup_location_config:
    description:
      - Configuration of the location by the plugin's own names, such as C(region), C(s3Url), C(kmsKeyId), C(serviceAccount). C(region) is required for V(aws).
    type: dict
    default: {}
  snapshot_location_config:
    description:
      - Configuration of the snapshots of volumes. Where it is not set, no VolumeSnapshotLocation is made, and one that is there is left alone.
    type: dict
  plugins:
    description:
      - Images of the plugins. The provider's own of the version that goes with O(version) where it is not set.
      - A plugin that is in no table, or does not go with O(version), is refused unless O(allow_untested) is set.
    type: list
    elements: str
  credentials:
    description:
      - Text of the key's file, for V(aws) an AWS credentials file, for V(gcp) the JSON of a service account's key.
      - Either this or the annotation of an identity in O(service_account_annotations).
    type: str
  service_account_annotations:
    description:
      - Annotations of Velero's service account. C(eks.amazonaws.com/role-arn) or C(iam.gke.io/gcp-service-account) give it an identity; no Secret is then made.
    type: dict
    default: {}
  uploader:
    description:
      - What copies the files of volumes. V(restic) until 1.16 and V(kopia) from 1.17 on where it is not set, as KOTS expects it. V(none) is without agents.
    type: str
    choices: [restic, kopia, none]
  features:
    description:
      - Names of features to switch on.
    type: list
    elements: str
    default: []
  flags:
    description:
      - More flags of the server, by name without dashes. One that O(version) does not know is refused, since the server would not start.
    type: dict
    default: {}
  image:
    description:
      - Image of Velero, for a registry of your own. The released one of O(version) where it is not set.
    type: str
  namespace:
    description:
      - Namespace of Velero.
    type: str
    default: velero
  crds_file:
    description:
      - JSON or YAML file with the kinds (CustomResourceDefinitions) of O(version), as C(velero install --crds-only --dry-run -o json) prints them.
    type: path
  velero_cli:
    description:
      - Path of the program C(velero) of O(version), which is asked for the kinds. C(velero) of PATH where it is of that version and this is not set.
    type: path
  repository_password:
    description:
      - Password of the repositories of volumes. One is made up where it is not set and Velero's own, which everybody knows, would be used.
      - Nothing can read a repository with another password, so it is refused when a backup or repository is there and it differs from the one in use.
      - For a bucket that holds backups already give the password that they were made with.
    type: str
  repository_password_export:
    description:
      - File on the controller into which the password in use is written, for its owner alone, to be put into your vault. Without it a restore is impossible.
    type: path
  allow_untested:
    description:
      - Lets plugins, flags and images pass that no table here names.
    type: bool
    default: false
  take_over:
    description:
      - Takes over fields that others manage.
    type: bool
    default: false
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.kubernetes
seealso:
  - module: serverops.circleci.velero_info
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Velero for CircleCI Server 3.x on AWS
  serverops.circleci.velero_install:
    version: 1.9.7
    provider: aws
    bucket: ci-backups
    backup_location_config:
      region: us-east-1
    credentials: "{{ vault_velero_credentials }}"
    repository_password_export: "{{ lookup('env', 'HOME') }}/velero-password"
    wait_timeout: 900

- name: On Google Cloud, with workload identity
  serverops.circleci.velero_install:
    version: 1.16.2
    provider: gcp
    bucket: ci-backups
    backup_location_config:
      serviceAccount: velero@project.iam.gserviceaccount.com
    service_account_annotations:
      iam.gke.io/gcp-service-account: velero@project.iam.gserviceaccount.com
    wait_timeout: 900
"""

RETURN = r"""
version:
  description: Version that was wanted.
  returned: whenever the cluster could be read
  type: str
  sample: 1.9.7
namespace:
  description: Namespace of Velero.
  returned: whenever the cluster could be read
  type: str
  sample: velero
verdict:
  description: V(installed), V(failed), V(unfinished), or V(unknown) when the last read failed.
  returned: whenever the cluster could be read
  type: str
  sample: installed
reason:
  description: The verdict in words.
  returned: whenever the cluster could be read
  type: str
  sample: Velero is installed, its agents are ready, and its location is Available
adopted:
  description: Whether an installation was found that another had made.
  returned: whenever the cluster could be read
  type: bool
  sample: true
objects:
  description: What became of each object, as dictionaries with object and change (V(created), V(changed), V(unchanged)).
  returned: whenever the cluster could be read
  type: list
  elements: dict
  sample: [{object: Deployment velero, change: changed}]
server:
  description: The server, with image, ready, and troubles of its pods.
  returned: whenever the cluster could be read
  type: dict
  sample: {image: "velero/velero:v1.9.7", ready: true, troubles: []}
agents:
  description: The agents, with the name of their DaemonSet, how many are wanted and ready, and troubles of their pods.
  returned: whenever the cluster could be read
  type: dict
  sample: {name: restic, wanted: 3, ready: 3, troubles: []}
location:
  description: The default location, with bucket, phase, message, and whether the server that runs now has looked at it (fresh).
  returned: whenever the cluster could be read
  type: dict
  sample: {bucket: ci-backups, phase: Available, message: "", fresh: true}
repository_password:
  description:
    - Which password the repositories have. V(generated) by this task, V(given), V(own) as it was found, V(default) as everybody knows it,
      V(absent) while it is left to Velero.
  returned: whenever the cluster could be read
  type: str
  sample: generated
warnings:
  description: What is not as it should be and is left so.
  returned: whenever the cluster could be read
  type: list
  elements: str
  sample: []
waited:
  description: Seconds that the task took.
  returned: whenever the cluster could be read
  type: float
  sample: 41.5
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever the cluster could be read
  type: list
  elements: dict
  sample: [{step: change, id: Deployment velero}]
run:
  description: Id of this run.
  returned: whenever the cluster could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.velero import install
from ansible_collections.serverops.circleci.plugins.module_utils.velero.install_client import InstallPort
from ansible_collections.serverops.circleci.plugins.module_utils.velero.spec import INSTALL_OPTIONS, InstallSpec, install_spec


def port(params: Params, spec: InstallSpec, task: Task, clock: Clock) -> InstallPort:
    """The way to the installation."""
    return InstallPort(client_from_params(params, clock), spec, not task.looked, params["kubeconfig"] or "")


OPTIONS: dict[str, dict[str, Any]] = {**INSTALL_OPTIONS, **KUBERNETES_OPTIONS}
DOOR = Door(options=OPTIONS, rules=install, spec=install_spec, port=port, libraries=("kubernetes",))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
