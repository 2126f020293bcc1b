#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A support bundle of an installation, fetched and searched for secrets: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kots_support_bundle
short_description: Fetch a support bundle of an installation, and search it for secrets before it is given away
version_added: 0.1.0
description:
  - Has kotsadm collect a support bundle, waits for it, writes it to O(dest) (readable by its owner only), and searches every file in it.
  - Searched for are the values of all Secrets in O(namespace) that are longer than 7 characters (as they are, in JSON and in base64), private keys, AWS keys,
    signed tokens, and the auth string of kotsadm. Compressed files in the bundle are searched too. What was found is named by file and kind, never shown.
  - Where something was found the module fails, unless O(allow_unredacted) is set. The file stays at O(dest).
  - A file that is at O(dest) already is searched again, and nothing is collected. A bundle that kotsadm collected in the last 10 minutes is taken instead of
    collecting another, so a run that was cut short goes on where it was.
  - A search that finds nothing is no proof. It does not know data of users, nor secrets in another form, nor those of other namespaces.
options:
  consent:
    description:
      - Whether whoever may decide it agrees that the data is collected and written to O(dest). It may hold data of users; with V(false) the module refuses.
    type: bool
    required: true
  dest:
    description:
      - Path of the file to write, on the machine that the module runs on, which is the controller with C(delegate_to=localhost). Its folder must be there.
    type: path
    required: true
  allow_unredacted:
    description:
      - Whether a bundle with findings is a success. They are named all the same.
    type: bool
    default: false
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
      - Namespace of Velero; not used for a bundle.
    type: str
    default: velero
notes:
  - Needs the right to list Secrets in O(namespace).
  - The whole bundle is held in memory while it is fetched.
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.kubernetes
seealso:
  - module: serverops.circleci.kots_info
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Fetch a support bundle
  serverops.circleci.kots_support_bundle:
    namespace: circleci-server
    consent: true
    dest: /root/support-bundle.tar.gz
    wait_timeout: 1800
"""

RETURN = r"""
dest:
  description: The path that was asked for.
  returned: whenever kotsadm or the file could be read
  type: str
  sample: /root/support-bundle.tar.gz
bundle:
  description: The name of the bundle in kotsadm; null where the file was there already.
  returned: whenever kotsadm or the file could be read
  type: str
  sample: 2ZsvhsmWm3mPiTLwwTfGNwzC1aV
fetched:
  description: Whether a bundle is at dest.
  returned: whenever kotsadm or the file could be read
  type: bool
redacted:
  description: Whether the search found nothing; null while there is no bundle at dest, and where the namespace held no value to search for.
  returned: whenever kotsadm or the file could be read
  type: bool
findings:
  description: At most 100 places, each with file (its path in the bundle) and kind.
  returned: whenever kotsadm or the file could be read
  type: list
  elements: dict
  sample: [{file: support-bundle/logs/api.txt, kind: "value of Secret minio, key password"}]
size:
  description: Bytes of the file at dest; null while there is none.
  returned: whenever kotsadm or the file could be read
  type: int
  sample: 1834221
files:
  description: How many files of the bundle were searched; null while there is none at dest.
  returned: whenever kotsadm or the file could be read
  type: int
  sample: 412
secrets_searched:
  description: How many values of Secrets it was searched for; null while there is no bundle at dest.
  returned: whenever kotsadm or the file could be read
  type: int
  sample: 37
reason:
  description: The end in words.
  returned: whenever kotsadm or the file could be read
  type: str
  sample: the support bundle is at /root/support-bundle.tar.gz; nothing that looks like a secret was found in it
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever kotsadm or the file could be read
  type: list
  elements: dict
  sample: [{step: collect, id: bundle}, {step: fetch, id: bundle, dest: /root/support-bundle.tar.gz}]
run:
  description: Id of this run.
  returned: whenever kotsadm or the file could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.kots import support
from ansible_collections.serverops.circleci.plugins.module_utils.kots.connection import APP_OPTION, KOTS_OPTIONS, installation_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kots.support import SupportSpec, support_spec
from ansible_collections.serverops.circleci.plugins.module_utils.kots.support_port import SupportPort
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS

OPTIONS: dict[str, dict[str, Any]] = {
    "consent": {"type": "bool", "required": True},
    "dest": {"type": "path", "required": True},
    "allow_unredacted": {"type": "bool", "default": False},
    **APP_OPTION,
    **KOTS_OPTIONS,
}


def port(params: Params, spec: SupportSpec, _task: Task, clock: Clock) -> SupportPort:
    """The way to the bundle."""
    return SupportPort(installation_from_params(params, clock), spec, clock)


DOOR = Door(options={**OPTIONS, **KUBERNETES_OPTIONS}, rules=support, spec=support_spec, port=port, libraries=("kubernetes", "requests"))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
