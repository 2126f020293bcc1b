# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests from this host, with the proxy that a file of it sets, and from containers, with the one that they have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import positive
from ansible_collections.serverops.circleci.plugins.module_utils.host.assignments import variables
from ansible_collections.serverops.circleci.plugins.module_utils.host.probe import HOST, Heard, Json, curl_argv, result, targets, verdict
from ansible_collections.serverops.circleci.plugins.module_utils.transport import commands
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import HostFiles

PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
NAMES = (*PROXIES, "no_proxy", "NO_PROXY")
ADDRESS = re.compile(r"(?:(?P<scheme>[A-Za-z0-9]+)://)?(?:[^@/]*@)?(?P<host>\[[^\]/]*\]|[^\[\]:/@]+)(?::(?P<port>\d+))?/?")
PORTS = {"https": "443"}  # where an address has none; curl takes 1080 else
GRACE = 5.0  # s for starting curl, and docker


def probe(params: Mapping[str, Any], _check: bool, _clock: Clock) -> Json:
    """Ask everybody from everywhere. Nothing is written, so check mode is the same."""
    positive(timeout=params["timeout"])
    asked, timeout = targets(params), float(params["timeout"])
    environment = _of_file(params["environment_file"])
    probes = []
    for place in ([HOST] if params["from_host"] else []) + list(params["containers"]):
        known = environment if place == HOST else _of_container(place)
        proxies, blind = _proxies(known)
        for target in asked:
            argv = curl_argv(target, timeout)
            there = argv if place == HOST else ["docker", "exec", place, *argv]
            ran = commands.run(there, timeout + GRACE, more=environment if place == HOST else None)
            probes.append(verdict(target, place, Heard(ran.code, ran.out, ran.err, proxies, blind)))
    return result(probes)


def _of_file(path: str) -> dict[str, str]:
    """The proxy that a file of variables sets; it is read, not run."""
    with doing(f"read {path}"):
        data = HostFiles().look(path).data or b""
        found = variables(data.decode("utf-8", "surrogateescape"))
        return {name: value for name in NAMES for value in [found.get(name)] if value}


def _of_container(name: str) -> dict[str, str]:
    """The proxy that a program in the container gets."""
    ran = commands.run(["docker", "exec", name, "env"], 20.0)
    pairs = (line.partition("=")[::2] for line in ran.out.splitlines())
    return {key: value for key, value in pairs if key in NAMES}


def _proxies(environment: Mapping[str, str]) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    """Names, addresses and ports of the proxies, to know their connections by; and the ports of those whose name only the container finds."""
    found, blind = set(), set()
    for text in (environment[name] for name in PROXIES if environment.get(name)):
        match = ADDRESS.fullmatch(text)
        if match is None:  # curl may take it all the same
            blind.add("")
            continue
        host, port = match["host"].strip("[]"), match["port"] or PORTS.get(match["scheme"] or "", "1080")
        addresses = commands.addresses_of(host)
        found |= {(name, port) for name in (host, *addresses)}
        if not addresses:
            blind.add(port)
    return frozenset(found), frozenset(blind)
