# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy as each of its readers takes it, and what a reader cannot take."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.host.proxy import Bypass, Description

OWN_FLAGS = tuple(f"-D{name}=" for name in ("http.proxyHost", "http.proxyPort", "https.proxyHost", "https.proxyPort", "http.nonProxyHosts"))
BYTES = {8: 1, 16: 2, 24: 3}


def no_proxy(bypass: Iterable[Bypass]) -> str:
    """As NO_PROXY has it."""
    return ",".join(one.common for one in bypass)


def variables(given: Description, lower: bool = True) -> dict[str, Optional[Secret]]:
    """The usual variables; curl and wget take http_proxy by its small name alone."""
    values = {"HTTP_PROXY": given.http.url, "HTTPS_PROXY": given.https.url, "NO_PROXY": Secret(no_proxy(given.bypass))}
    small = {name.lower(): value for name, value in values.items()} if lower else {}
    return {**values, **small}


def java_hosts(bypass: Iterable[Bypass]) -> str:
    """As Java's http.nonProxyHosts has it: a star at one end, no port, no network but by whole bytes."""
    return "|".join(dict.fromkeys(name for one in bypass for name in (_java(one),) if name))


def java_flags(given: Description) -> tuple[str, ...]:
    """What JVM_OPTS gets."""
    values = (given.http.host, given.http.port, given.https.host, given.https.port, java_hosts(given.bypass))
    return tuple(f"{flag}{value}" for flag, value in zip(OWN_FLAGS, values))


def apt_settings(given: Description) -> dict[str, Optional[Secret]]:
    """The proxy of both schemes, and each host that apt asks without it."""
    found: dict[str, Optional[Secret]] = {"Acquire::http::Proxy": given.http.url, "Acquire::https::Proxy": given.https.url}
    hosts = dict.fromkeys(one.name for one in given.bypass if one.kind in ("host", "address") and ":" not in one.name)
    return {**found, **{f"Acquire::{scheme}::Proxy::{host}": Secret("DIRECT") for host in hosts for scheme in ("http", "https")}}


def warnings(given: Description, java: bool, apt: bool) -> tuple[str, ...]:
    """Which reader cannot take what; `java` and `apt` tell whether they are among the readers."""
    found = [words for one in given.bypass for words in _cannot(one, java, apt)]
    if given.has_login:
        found.append("name and password of the proxy stand in files that every user of the host may read")
    if java and given.has_login:
        found.append("Java takes no name and password from its options: services on Java will not get through this proxy")
    if java and "https" in (given.http.scheme, given.https.scheme):
        found.append("Java speaks http to its proxy: services on Java will not get through one of the scheme https")
    return tuple(found)


def kots_values(given: Description) -> dict[str, str]:
    """What the fields of 3.x's console take; a password is not told."""
    return {"http_proxy": given.http.shown, "https_proxy": given.https.shown, "no_proxy": no_proxy(given.bypass)}


def install_arguments(given: Description) -> list[str]:
    """What Replicated's installer takes when it is run again, which is the way once replicated.conf is not read any more."""
    return [f"http-proxy={given.http.shown}", f"additional-no-proxy={no_proxy(given.bypass)}"]


def _java(one: Bypass) -> str:
    if one.kind == "domain":
        return f"*.{one.name}"
    if one.kind != "network":
        return f"[{one.name}]" if ":" in one.name else one.name
    network = ipaddress.ip_network(one.name)
    if network.prefixlen == network.max_prefixlen:
        return _java(Bypass("address", str(network.network_address)))
    count = BYTES.get(network.prefixlen, 0) if network.version == 4 else 0
    return ".".join([*str(network.network_address).split(".")[:count], "*"]) if count else ""


def _cannot(one: Bypass, java: bool, apt: bool) -> list[str]:
    found = []
    if one.kind == "network":
        found.append(f"{one.name}: a network is taken by Go, requests and curl from 7.86 on; older curl, wget and Python's urllib ask the proxy")
    if one.port:
        others = "curl and wget do not take it and ask the proxy" + (", Java goes without the proxy at every port" if java else "")
        found.append(f"{one.common}: a port is taken by Go and requests; {others}")
    if java and not _java(one):
        found.append(f"{one.name}: Java takes a network by whole bytes alone (/8, /16, /24), so services on Java ask the proxy; name its hosts")
    if apt and one.kind in ("domain", "network"):
        found.append(f"{one.common}: apt takes single hosts alone and asks the proxy; name the host of a package mirror that is there")
    return found
