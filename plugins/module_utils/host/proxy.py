# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One description of a proxy: who it is, and who is never asked through it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import HIDDEN, Secret

ALWAYS = ("169.254.169.254", "127.0.0.1", "localhost", "::1")  # the cloud's metadata, and this host
S3 = ("s3.amazonaws.com", "*.s3.amazonaws.com")
ADDRESS = re.compile(r"(?P<scheme>[a-z]+)://((?P<user>[^/\s]*)@)?(?P<host>\[[^\]\s]*\]|[^/:@\s\[\]]+)(:(?P<port>[0-9]+))?(?P<rest>[/?#]\S*)?")
LOGIN = re.compile(r"[A-Za-z0-9._~!*+,;=%-]+:[A-Za-z0-9._~!*+,;=%-]*")
HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")


@dataclass(frozen=True)
class Proxy:
    """One address of a proxy; `host` without the brackets of IPv6, `login` is name:password as it stands in an address."""

    scheme: str
    host: str
    port: int
    login: Optional[Secret] = None

    @property
    def url(self) -> Secret:
        """As everybody takes it."""
        return Secret(self._with(f"{self.login.reveal()}@" if self.login else ""))

    @property
    def shown(self) -> str:
        """The same for people."""
        return self._with(f"{HIDDEN}@" if self.login else "")

    def _with(self, login: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{login}{host}:{self.port}"


@dataclass(frozen=True)
class Bypass:
    """Who is asked directly: a `host`, all below a `domain`, an `address` or a `network`, at one port or at all (0)."""

    kind: str
    name: str
    port: int = 0

    @property
    def common(self) -> str:
        """As NO_PROXY has it: Go, curl, requests and Python take a domain by its dot; the star of the guide is taken by Go alone."""
        name = f"[{self.name}]" if self.port and ":" in self.name else self.name
        return f"{'.' if self.kind == 'domain' else ''}{name}{f':{self.port}' if self.port else ''}"


@dataclass(frozen=True)
class Description:
    """What all places are rendered from."""

    http: Proxy
    https: Proxy
    bypass: tuple[Bypass, ...]

    @property
    def has_login(self) -> bool:
        return bool(self.http.login or self.https.login)


def description(params: Mapping[str, Any]) -> Description:
    """From the options. Raises BadInput with the remedy; no password is in it."""
    http = proxy(params["http"], "http")
    https = proxy(params["https"], "https") if params.get("https") else http
    found = Description(http, https, bypasses(params))
    if found.has_login and not params["allow_credentials"]:
        raise BadInput(
            "the proxy is given with a name and a password, and files that every user of the host may read would hold them; "
            "use a proxy that knows its clients by their addresses, or set allow_credentials to true"
        )
    return found


def proxy(text: str, option: str) -> Proxy:
    """An address such as http://10.0.0.33:3128. Raises BadInput with the fix."""
    shown = _masked(text)
    if "://" not in text:
        bare = text.rpartition("@")[2]
        fixed = f"http://[{bare}]:3128" if bare.count(":") > 1 and "[" not in bare else f"http://{bare if ':' in bare else f'{bare}:3128'}"
        raise BadInput(f"{option} is {shown!r}, which has no scheme, and apt and others do not take it so; write such as {fixed}")
    found = ADDRESS.fullmatch(text.strip())
    if found is None or found["scheme"] not in ("http", "https"):
        raise BadInput(f"{option} is {shown!r}, which is no address of a proxy; write such as http://10.0.0.33:3128, IPv6 in brackets: http://[fd00::1]:3128")
    if found["rest"] not in (None, "/"):
        raise BadInput(f"{option} is {shown!r}, and a proxy has no path; write {_fixed(found)}")
    if not found["port"] or not 0 < int(found["port"]) < 65536:
        raise BadInput(f"{option} is {shown!r}, which has no port from 1 to 65535; write such as {_fixed(found)}")
    return Proxy(found["scheme"], _host(found["host"], shown, option), int(found["port"]), _login(found["user"], option))


def bypasses(params: Mapping[str, Any]) -> tuple[Bypass, ...]:
    """Who is never asked through the proxy, each once; the metadata, this host, Services, GitHub Enterprise and S3 always."""
    services = list(params.get("services") or [])
    if not services:
        raise BadInput("services is empty; give the addresses of the Services machine, which must never be asked through a proxy")
    enterprise = [params["github_enterprise"]] if params.get("github_enterprise") else []
    named = (
        ("", ALWAYS),
        ("services", services),
        ("github_enterprise", enterprise),
        ("s3_hosts", params.get("s3_hosts") or ()),
        ("no_proxy", params.get("no_proxy") or ()),
    )
    found = [_bypass(entry, option) for option, entries in named for entry in _split(entries)]
    return tuple(dict.fromkeys(found))


def _split(entries: Iterable[Any]) -> list[str]:
    return [one.strip() for entry in entries for one in str(entry).split(",") if one.strip()]


def _bypass(entry: str, option: str) -> Bypass:
    """One entry. Raises BadInput for what no reader takes."""
    with_port = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]+):([0-9]+)", entry)
    text, port = (with_port[1].strip("[]"), int(with_port[2])) if with_port else (entry.strip("[]"), 0)
    if "/" in text:
        return _network(text, port, entry, option)
    try:
        return Bypass("address", str(ipaddress.ip_address(text)), port)
    except ValueError:
        pass
    kind = "domain" if text.startswith((".", "*.")) else "host"
    name = text[2:] if text.startswith("*.") else text.lstrip(".")
    if not HOST.fullmatch(name) or port > 65535 or re.fullmatch(r"[0-9.]+", name):
        more = "; to use no proxy at all, state: absent" if entry == "*" else ""
        raise BadInput(f"{option} holds {entry!r}, which is no host, domain (.example.com), address or network (10.0.0.0/8){more}")
    return Bypass(kind, name.lower(), port)


def _network(text: str, port: int, entry: str, option: str) -> Bypass:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise BadInput(f"{option} holds {entry!r}, which is no network ({error}); write such as 10.0.0.0/8") from None
    if port:
        raise BadInput(f"{option} holds {entry!r}, a network with a port, which nobody takes; leave the port out")
    return Bypass("network", str(network))


def _host(text: str, shown: str, option: str) -> str:
    inner = text.strip("[]")
    try:
        if text.startswith("["):
            return str(ipaddress.IPv6Address(inner))
    except ValueError:
        inner = ""
    if not HOST.fullmatch(inner):
        raise BadInput(f"{option} is {shown!r}, whose host is none; write such as http://10.0.0.33:3128")
    return inner


def _login(user: Optional[str], option: str) -> Optional[Secret]:
    if not user:
        return None
    if not LOGIN.fullmatch(user):
        raise BadInput(f"{option} has a name and password that do not fit into an address; write them as name:password, other letters as %xx (@ is %40)")
    return Secret(user)


def _masked(text: str) -> str:
    head, mark, tail = text.rpartition("@")
    return f"{head.partition('://')[0] + '://' if '://' in head else ''}{HIDDEN}@{tail}" if mark else text


def _fixed(found: re.Match[str]) -> str:
    return f"{found['scheme']}://{f'{HIDDEN}@' if found['user'] else ''}{found['host']}:{found['port'] or 3128}"
