#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a 3.x installation: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kots_config
short_description: Set keys of a KOTS application's configuration, deploy that, and wait until it runs
version_added: 0.1.0
description:
  - Compares the wanted keys alone. Where one differs, has kotsadm make one new version with them, deploys it, and waits until that very sequence is deployed
    and what runs of it is ready. All other keys stay as they are. Where all are as wanted, and run, nothing is done.
  - A key that the version does not have is refused, with names that come near it; so is a value that its key does not take. Nothing is changed then.
  - A new version is built on the one that is deployed. An update of the vendor that waits in the console is not brought along; it is listed in RV(pending).
  - A run that ended between making a version and deploying it is finished by the next one. kotsadm keeps no mark of who made a version, so such a one is known
    by what is in it, the wanted keys as wanted and all others as they are deployed; no second one is made.
  - A kotsadm that takes longer over a version than an answer may is waited for, up to five minutes. Then the task fails and says where to look; it never orders
    a second version.
  - kotsadm shows passwords sealed. To compare them the module reads the key in Secret C(kotsadm-encryption) and needs the Python package cryptography. Where
    that cannot be had, the key's state is C(unknown), which is refused with the reason, since sending it each time would make a version each time.
options:
  values:
    description:
      - What is wanted, key by key. A switch takes true or false; a file its content in base64; an empty text unsets a key, so that its default holds.
      - A number that is to stay as it is written, such as V("3.10"), needs quotes.
    type: dict
    default: {}
  secret_values:
    description:
      - The same for what nobody may read; passwords are taken here alone. They are compared, and shown nowhere.
    type: dict
    default: {}
  deploy:
    description:
      - Whether to deploy. With V(false) a version with the wanted keys is made, where none is there, and left for somebody to deploy.
    type: bool
    default: true
  base:
    description:
      - The version that a new one is built on. V(deployed) changes settings and nothing else; it needs kotsadm 1.108 or newer where another version waits.
      - With V(newest) a version of the vendor that waits is deployed with the change. That is an upgrade of the application.
    type: str
    choices: [deployed, newest]
    default: deployed
  skip_preflights:
    description:
      - Whether to let kotsadm skip its preflights, the tries whether a version can run here. Strict ones it runs all the same.
    type: bool
    default: false
  continue_with_failed_preflights:
    description:
      - Whether to deploy a version of which a preflight failed that is not strict. Without it the version is left undeployed, and the task says what failed.
    type: bool
    default: false
  app:
    description:
      - Slug of the application.
    type: str
    default: circleci-server
  namespace:
    description:
      - Namespace of the installation, and of kotsadm.
    type: str
    default: circleci-server
  velero_namespace:
    description:
      - Namespace of Velero. Nothing is asked there.
    type: str
    default: velero
notes:
  - With O(wait=false) what is due now is done once. A version is made by one run, and deployed by the next.
  - Restarts of what the change concerns are the application's own; kotsadm does not ask before it.
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.kubernetes
seealso:
  - module: serverops.circleci.kots_config_info
  - module: serverops.circleci.kots_info
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Another number of workers, and a password
  serverops.circleci.kots_config:
    namespace: circleci-server
    values:
      workers: 6
    secret_values:
      secret: "{{ vault_password_of_the_database }}"

- name: See what it would be to change the domain
  serverops.circleci.kots_config:
    values:
      domain: ci.example.com
  check_mode: true
  diff: true
"""

RETURN = r"""
config:
  description: >-
    The wanted keys, each with had (at the beginning), wanted, secret (then had and wanted are null) and state, which is as wanted, differs or unknown, in the
    version of RV(sequence), or in its base where there is none.
  returned: whenever the configuration could be read
  type: dict
  sample: {workers: {had: "4", wanted: "6", secret: false, state: as wanted}, secret: {had: null, wanted: null, secret: true, state: as wanted}}
keys_changed:
  description: Names of the wanted keys that were not as wanted at the beginning.
  returned: whenever the configuration could be read
  type: list
  elements: str
  sample: [workers]
sequence:
  description: The version that has the wanted configuration; null where none has.
  returned: whenever the configuration could be read
  type: int
  sample: 5
deployed_sequence:
  description: The version that is deployed, or on its way.
  returned: whenever the configuration could be read
  type: int
  sample: 5
deployed:
  description: Whether the wanted configuration is deployed; null where that is not known any more.
  returned: whenever the configuration could be read
  type: bool
  sample: true
not_ready:
  description: What of the application is not ready yet. Told with the wanted configuration deployed.
  returned: whenever the configuration could be read
  type: list
  elements: str
  sample: []
pending:
  description: Versions ahead of the deployed one that are not of this change, as dictionaries with sequence, label, status and source. They are let alone.
  returned: whenever the configuration could be read
  type: list
  elements: dict
  sample: [{sequence: 4, label: 3.4.1, status: pending, source: Upstream Update}]
failed_preflights:
  description: Preflights of the version that failed, as dictionaries with title and message.
  returned: whenever the configuration could be read
  type: list
  elements: dict
  sample: []
reason:
  description: The end in words.
  returned: whenever the configuration could be read
  type: str
  sample: the configuration is as wanted, and sequence 5 runs
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever the configuration could be read
  type: list
  elements: dict
  sample: [{step: version, id: config, keys: [workers], built_on: 3}, {step: deploy, id: config, sequence: 5}]
run:
  description: Id of this run.
  returned: whenever the configuration could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.kots import config
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_choice import ConfigSpec, config_spec
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_port import ConfigPort
from ansible_collections.serverops.circleci.plugins.module_utils.kots.connection import APP_OPTION, KOTS_OPTIONS, installation_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS

OPTIONS: dict[str, dict[str, Any]] = {
    "values": {"type": "dict", "default": {}},
    "secret_values": {"type": "dict", "default": {}, "no_log": True},
    "deploy": {"type": "bool", "default": True},
    "base": {"type": "str", "choices": ["deployed", "newest"], "default": "deployed"},
    "skip_preflights": {"type": "bool", "default": False},
    "continue_with_failed_preflights": {"type": "bool", "default": False},
    **APP_OPTION,
    **KOTS_OPTIONS,
}


def port(params: Params, spec: ConfigSpec, task: Task, clock: Clock) -> ConfigPort:
    """The way to the app's configuration."""
    return ConfigPort(installation_from_params(params, clock), spec, task, clock)


DOOR = Door(options={**OPTIONS, **KUBERNETES_OPTIONS}, rules=config, spec=config_spec, port=port, libraries=("kubernetes", "requests"))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
