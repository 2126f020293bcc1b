#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try out whether requests of a 2.x host and its containers take the way that they should: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_probe
short_description: Try out from a 2.x host and its containers who is asked through the proxy, and who directly
version_added: 0.1.0
description:
  - Sends one request to each target with curl, from the host and inside of containers, and tells whether it went through the proxy or directly, and whether it
    was answered. By the connection that curl made, or tried to make, not by the settings.
  - The task fails where a request took the wrong way, where nobody answers, and where it is not known. Any answer of the
    target counts, also that it wants a login.
  - From the host the proxy is the one that O(environment_file) sets; the file is read, not run. In a container it is what a program there gets.
  - It writes nothing, and check mode is the same.
requirements:
  - curl, on the host and in the containers
  - docker, where there are O(containers)
options:
  github_enterprise:
    description:
      - Name of GitHub Enterprise, which is then asked in place of github.com, directly.
    type: str
  usual_targets:
    description:
      - Ask the usual ones. V(github) (through the proxy), V(s3) (directly), V(registry) (Docker's, through the proxy) and V(metadata) (directly; outside of a
        cloud it need not answer).
    type: bool
    default: true
  targets:
    description:
      - Whom to ask besides. One with the name of a usual target takes its place.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name in the result.
        type: str
        required: true
      url:
        description: Whom to ask.
        type: str
        required: true
      via:
        description: The way that the request must take.
        type: str
        choices: [proxy, direct, any]
        default: any
      optional:
        description: It need not answer where it is asked directly.
        type: bool
        default: false
  from_host:
    description:
      - Ask from the host.
    type: bool
    default: true
  containers:
    description:
      - Containers to ask from, by name.
    type: list
    elements: str
    default: []
  environment_file:
    description:
      - File with the variables of the proxy for the host; C(/etc/environment) on a Nomad client.
    type: path
    default: /etc/circle-installation-customizations
  timeout:
    description:
      - Seconds for each request.
    type: float
    default: 10.0
extends_documentation_fragment:
  - serverops.circleci.attributes
  - serverops.circleci.attributes.host
attributes:
  check_mode:
    support: full
    details: The same requests are sent; nothing is written.
  diff_mode:
    support: N/A
    details: Never changes anything.
  idempotent:
    support: full
    details: Never changes anything.
  async:
    support: full
seealso:
  - module: serverops.circleci.proxy_config
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Do the host and the frontend ask the right way?
  serverops.circleci.proxy_probe:
    github_enterprise: ghe.example.com
    containers: [frontend]
    targets:
      - name: registry
        url: https://registry.example.com/v2/
        via: direct
"""

RETURN = r"""
probes:
  description:
    - Each request, with C(name), C(url), C(container) (null for the host), C(verdict), C(via) (V(proxy) or V(direct); null where nothing tells) and
      C(reason).
    - The verdict is V(as_wanted), V(wrong_way), V(refused) (by the proxy), V(untrusted) (its certificate), V(unreachable) or V(unknown).
  returned: always
  type: list
  elements: dict
  sample: [{name: github, url: "https://github.com/", container: null, verdict: as_wanted, via: proxy, reason: it answers through the proxy}]
as_wanted:
  description: Whether all of them are as wanted.
  returned: always
  type: bool
  sample: true
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.host.probe_client import probe
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import ProbeDoor, run_probe_door

TARGET: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "via": {"type": "str", "choices": ["proxy", "direct", "any"], "default": "any"},
    "optional": {"type": "bool", "default": False},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "github_enterprise": {"type": "str"},
    "usual_targets": {"type": "bool", "default": True},
    "targets": {"type": "list", "elements": "dict", "default": [], "options": TARGET},
    "from_host": {"type": "bool", "default": True},
    "containers": {"type": "list", "elements": "str", "default": []},
    "environment_file": {"type": "path", "default": "/etc/circle-installation-customizations"},
    "timeout": {"type": "float", "default": 10.0},
}

DOOR = ProbeDoor(options=OPTIONS, probe=probe)


def main() -> None:
    run_probe_door(DOOR)


if __name__ == "__main__":
    main()
