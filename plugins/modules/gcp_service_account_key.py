#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a service account of Google Cloud, kept in a file: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gcp_service_account_key
short_description: Keep one key of a service account of Google Cloud in a file, and replace it on order
version_added: 0.1.0
description:
  - The pair of keys is made where the module runs and written down, mode 0600, before Google hears of it; Google then gets the public half.
    So the private half crosses no network, and a run that was killed leaves no key that nobody has. The next run goes on with the same pair.
  - The key is made once. While the file's key is in use nothing is done, however often the module runs.
  - O(made_after) is the order to replace it. The new one takes the place of the old one in the file; the old one stays valid
    until O(superseded) removes it, so that there is time to hand the new one on.
  - A key of this module is known by the subject of its certificate. Others' keys are told and never touched.
  - Where this module made a key that the file does not hold, it stops, since the secret cannot be read again.
  - Whoever asks needs the role Service Account Key Admin on the account. Where the organization forbids keys, the module says so.
options:
  service_account:
    description:
      - E-mail of the service account.
    type: str
    required: true
  credentials_file:
    description:
      - The file that keeps the key, in the form in which Google gives keys. Its folder must be there.
      - While a key is being made there is a second file beside it with C(.new) after its name.
    type: path
    required: true
  made_after:
    description:
      - A key that was made before this is replaced. A day, or a time in UTC, that is over.
    type: str
  superseded:
    description:
      - What becomes of keys of this module that another one has replaced. Remove them once the new one is in use everywhere.
      - V(removed) is refused while a new key is due.
    type: str
    choices: [kept, removed]
    default: kept
extends_documentation_fragment:
  - serverops.circleci.gcp
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.gcp
seealso:
  - module: serverops.circleci.gcp_service_account
  - module: serverops.circleci.velero_install
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: A key for Velero
  serverops.circleci.gcp_service_account_key:
    project: example-project
    service_account: velero@example-project.iam.gserviceaccount.com
    credentials_file: "{{ playbook_dir }}/credentials-velero"

- name: Another one, for the old may have been seen
  serverops.circleci.gcp_service_account_key:
    project: example-project
    service_account: velero@example-project.iam.gserviceaccount.com
    credentials_file: "{{ playbook_dir }}/credentials-velero"
    made_after: 2026-11-01

- name: Away with the old one, now that Velero has the new one
  serverops.circleci.gcp_service_account_key:
    project: example-project
    service_account: velero@example-project.iam.gserviceaccount.com
    credentials_file: "{{ playbook_dir }}/credentials-velero"
    superseded: removed
"""

RETURN = r"""
key:
  description: The key in the file, as Google lists it; null where there is none.
  returned: whenever it could be read
  type: dict
  sample: {id: 3f0c2a9d5b7e41c8a6d2e9f1b4c7a8d0e5f6a7b8, made: "2026-11-29T12:00:00Z", disabled: false}
superseded:
  description: Keys that this module made and the file does not hold.
  returned: whenever it could be read
  type: list
  elements: dict
  sample: []
foreign_keys:
  description: Keys that this module did not make.
  returned: whenever it could be read
  type: list
  elements: dict
  sample: []
credentials_file:
  description: The file.
  returned: whenever it could be read
  type: str
  sample: /srv/ops/credentials-velero
reason:
  description: The end in words.
  returned: whenever it could be read
  type: str
  sample: the key in the file is in use
steps:
  description: What was done, or would be in check mode, in order.
  returned: always
  type: list
  elements: dict
  sample: [{step: begin_key, id: key}, {step: upload_key, id: key}, {step: keep_key, id: key}]
run:
  description: Id of this run.
  returned: whenever it could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.gcp import key
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.key import KeySpec, key_spec
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.key_client import KeyPort
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.options import GCP_OPTIONS

OPTIONS: dict[str, dict[str, Any]] = {
    "service_account": {"type": "str", "required": True},
    "credentials_file": {"type": "path", "required": True},
    "made_after": {"type": "str"},
    "superseded": {"type": "str", "choices": ["kept", "removed"], "default": "kept"},
}


def port(params: Params, spec: KeySpec, task: Task, clock: Clock) -> KeyPort:
    """The way to the keys and the file."""
    return KeyPort(client_from_params(params, clock), spec, task)


DOOR = Door(options={**OPTIONS, **GCP_OPTIONS}, rules=key, spec=key_spec, port=port, libraries=("requests", "cryptography"))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
