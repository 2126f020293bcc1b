#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether host name, DNS, certificate and OAuth callback of an installation agree: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server_names_info
short_description: Compare host name, DNS, certificate and OAuth callback of CircleCI Server 2.x
version_added: 0.1.0
description:
  - Users can log in only if four values agree, the host name of the installation, what DNS says of it, the name in the certificate that is served,
    and the callback of the OAuth app on GitHub. Says which one does not, and changes nothing.
  - What cannot be seen is V(unknown), and then RV(agree) is false.
  - GitHub has no interface that tells the callback of an OAuth app. Give O(oauth_callback) as it stands there, or O(login_url) to see which one the
    installation asks for.
options:
  host_name:
    description:
      - Host name of the installation. The setting C(hostname) where it is not given; it is then read through C(replicatedctl) on the Services host.
    type: str
  scheme:
    description:
      - With which scheme the callback must begin.
    type: str
    choices: [https, http]
    default: https
  addresses:
    description:
      - Addresses to which DNS must lead, all of them and no others. Where none is given, any will do.
    type: list
    elements: str
  endpoint:
    description:
      - Where the certificate is looked at, such as V(127.0.0.1:443). The host name itself by default, so the load balancer where there is one.
    type: str
  oauth_callback:
    description:
      - The callback as it stands in the OAuth app on GitHub. It must lead to the host name, on the usual port of O(scheme).
    type: str
  login_url:
    description:
      - Address of the installation that redirects to GitHub to log in. It is asked once, without following, and the C(redirect_uri) in its answer
        is compared in place of O(oauth_callback).
    type: str
extends_documentation_fragment:
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
  - serverops.circleci.attributes.replicated
requirements:
  - cryptography >= 3.3 (on the host)
seealso:
  - module: serverops.circleci.tls_certificate
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Do the names agree?
  serverops.circleci.server_names_info:
    addresses: [203.0.113.10]
    oauth_callback: https://circleci.example.com/auth/github
  register: names

- name: Fail where they do not, and say which
  ansible.builtin.assert:
    that: names.agree
    fail_msg: "{{ names.compared | rejectattr('verdict', 'equalto', 'agrees') | list }}"
"""

RETURN = r"""
host_name:
  description: The host name that the others are compared with.
  returned: always
  type: str
  sample: circleci.example.com
compared:
  description: The four values, each with a verdict (V(agrees), V(differs), V(unknown), V(not_asked)) and the reason.
  returned: always
  type: list
  elements: dict
  sample:
    - {name: certificate, value: [ci.example.com], verdict: differs, reason: ci.example.com is not for circleci.example.com; it is for ci.example.com}
agree:
  description: Whether all values that were asked for agree.
  returned: always
  type: bool
  sample: false
differing:
  description: Names of the values that differ or could not be seen.
  returned: always
  type: list
  elements: str
  sample: [certificate]
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, run_info_door
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.names_client import read_names

OPTIONS: dict[str, dict[str, Any]] = {
    "host_name": {"type": "str"},
    "scheme": {"type": "str", "choices": ["https", "http"], "default": "https"},
    "addresses": {"type": "list", "elements": "str"},
    "endpoint": {"type": "str"},
    "oauth_callback": {"type": "str"},
    "login_url": {"type": "str"},
}

DOOR = InfoDoor(options=OPTIONS, read=read_names, libraries=("cryptography",))


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
