#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One description of a proxy in all the places that need it: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_config
short_description: Set an HTTP proxy in all the places of a host that need it, or take it away
version_added: 0.1.0
description:
  - Takes one description of a proxy and writes it, in the way of each reader, to the O(places) of a Services machine or a Nomad client of 2.x.
  - The metadata address 169.254.169.254, this host itself, Services, GitHub Enterprise and S3 are never asked through the proxy. What a reader cannot take (a
    network, a port, a domain) is told as a warning that names the reader.
  - Each file is read, and written again with what differs. Nothing is ever appended. Other lines, other options of C(JVM_OPTS), comments and order stay.
  - Files are written whole or not at all. Where a file holds nothing but literal values, a real C(sh) reads it back.
  - In their usual places C(apt-config) and systemd are asked what they get for the proxy. Where another file has the last word, the task fails and names it.
  - Restarts nothing. It leaves one note for each restart that is due (the app, Docker, Nomad) when all files are written. Run again after Docker or Nomad was
    restarted, it clears the note. What systemd reads is taken up
    after a C(daemon-reload), which the roles do.
  - The same description is returned for the fields of 3.x.
options:
  state:
    description:
      - With V(absent) nothing of a proxy is left in the O(places).
    type: str
    choices: [present, absent]
    default: present
  http:
    description:
      - Address of the proxy, such as V(http://10.0.0.33:3128). Scheme and port are needed.
    type: str
  https:
    description:
      - Address of the proxy for https. That of O(http) by default.
    type: str
  allow_credentials:
    description:
      - Take addresses with a name and a password in them. They then stand in files that every user of the host may read.
    type: bool
    default: false
  services:
    description:
      - Addresses and names of the Services machine.
    type: list
    elements: str
    default: []
  github_enterprise:
    description:
      - Name of GitHub Enterprise.
    type: str
  s3_hosts:
    description:
      - Names of S3. An empty list lets S3 be asked through the proxy.
    type: list
    elements: str
    default: [s3.amazonaws.com, "*.s3.amazonaws.com"]
  no_proxy:
    description:
      - Whoever else is asked directly. A host, a domain (V(.example.com) or V(*.example.com)), an address or a network (V(10.0.0.0/8)), the first three
        with a port where need be.
    type: list
    elements: str
    default: []
  places:
    description:
      - V(replicated) is C(/etc/replicated.conf), which is read at the first start alone. Where Replicated is installed (C(/etc/default/replicated), or
        C(/etc/sysconfig/replicated) on Red Hat's systems) it is left alone; the installer is then run again with RV(proxy.install_arguments).
      - V(customizations) is the overrides of all services, with C(JVM_OPTS). V(environment) is C(/etc/environment), with C(JVM_OPTS).
      - V(apt) is left alone on a host that has no apt.
      - V(docker_daemon) (a drop-in of its unit), V(docker_client) (what root's containers get) and V(nomad) (a drop-in of its unit).
      - V(env_file) is a file for C(docker run --env-file), whose path O(paths) must hold.
    type: list
    elements: str
    choices: [replicated, customizations, environment, apt, docker_daemon, docker_client, nomad, env_file]
    required: true
  paths:
    description:
      - Paths of the O(places) where they are others than usual, by place. C(replicated_installed) is the file by which an installed Replicated is known.
    type: dict
    default: {}
  environment_restart:
    description:
      - What must be restarted to take up the place V(environment). V(nomad) on a client, V(app) on the Services machine, V(none) for no note.
      - Where it is not given, V(nomad) if the place V(nomad) is among O(places), else V(app).
    type: str
    choices: [app, nomad, none]
extends_documentation_fragment:
  - serverops.circleci.restart_notes
  - serverops.circleci.wait.nothing
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.host
seealso:
  - module: serverops.circleci.service_customization
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: The proxy of the Services machine
  serverops.circleci.proxy_config:
    http: http://10.0.0.33:3128
    services: [10.0.1.238]
    github_enterprise: ghe.example.com
    places: [replicated, customizations, apt, docker_daemon, docker_client]

- name: The proxy of a Nomad client
  serverops.circleci.proxy_config:
    http: http://10.0.0.33:3128
    services: [10.0.1.238]
    github_enterprise: ghe.example.com
    no_proxy: [10.0.0.0/8]
    places: [environment, apt, docker_daemon, docker_client, nomad]

- name: No proxy any more
  serverops.circleci.proxy_config:
    state: absent
    places: [customizations, apt, docker_daemon, docker_client]
"""

RETURN = r"""
proxy:
  description: What was made of the description; passwords are stars.
  returned: whenever the files could be read, with O(state=present)
  type: dict
  contains:
    kots_values:
      description: For the fields of 3.x's console, C(http_proxy), C(https_proxy) and C(no_proxy).
      type: dict
    install_arguments:
      description: What Replicated's installer takes when it is run again.
      type: list
      elements: str
files:
  description:
    - Each file, with C(path), C(exists), C(values) (what its reader gets; null where only a shell could tell) and C(reason).
  returned: whenever the files could be read
  type: list
  elements: dict
  sample: [{path: /etc/environment, exists: true, values: {HTTP_PROXY: "http://10.0.0.33:3128"}, reason: as wanted}]
restart_required:
  description: Whether a note of a restart stands for these files, left by this task or by an earlier one.
  returned: whenever the files could be read
  type: bool
  sample: true
restarts:
  description: What is to be restarted, of V(app), V(docker) and V(nomad).
  returned: whenever the files could be read
  type: list
  elements: str
  sample: [app, docker]
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever the files could be read
  type: list
  elements: dict
  sample: [{step: write, id: /etc/environment, names: [HTTP_PROXY, HTTPS_PROXY, NO_PROXY, http_proxy, https_proxy, no_proxy, JVM_OPTS]}]
run:
  description: Id of this run.
  returned: whenever the files could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.host import files
from ansible_collections.serverops.circleci.plugins.module_utils.host.files_client import FilesPort
from ansible_collections.serverops.circleci.plugins.module_utils.host.model import HostSpec
from ansible_collections.serverops.circleci.plugins.module_utils.host.options import RESTART_NOTES
from ansible_collections.serverops.circleci.plugins.module_utils.host.proxy import S3
from ansible_collections.serverops.circleci.plugins.module_utils.host.proxy_places import PLACES, proxy_spec

OPTIONS: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "http": {"type": "str"},
    "https": {"type": "str"},
    "allow_credentials": {"type": "bool", "default": False},
    "services": {"type": "list", "elements": "str", "default": []},
    "github_enterprise": {"type": "str"},
    "s3_hosts": {"type": "list", "elements": "str", "default": list(S3)},
    "no_proxy": {"type": "list", "elements": "str", "default": []},
    "places": {"type": "list", "elements": "str", "choices": list(PLACES), "required": True},
    "paths": {"type": "dict", "default": {}},
    "environment_restart": {"type": "str", "choices": ["app", "nomad", "none"]},
}


def port(params: Params, spec: HostSpec, _task: Task, clock: Clock) -> FilesPort:
    """The way to the files."""
    return FilesPort(spec, params["restart_notes"], clock)


DOOR = Door(options={**OPTIONS, **RESTART_NOTES}, rules=files, spec=proxy_spec, port=port, waits=False)


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
