# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/etc/hosts: a name leads to one address; other names, comments and order stay."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.host.shell import unix

Wanted = Mapping[str, Optional[str]]  # address by name
HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*")


def with_names(text: str, wanted: Wanted) -> str:
    """The file in which each wanted name leads to its address alone (None: nowhere). Raises BadInput."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", unix(text))
    want = {name.lower(): address for name, address in wanted.items()}
    for name, address in wanted.items():
        _check(name, address)
    seen: set[str] = set()
    kept = [line for line in (_kept(line, want, seen) for line in lines) if line]
    added: dict[str, list[str]] = {}
    for name, address in wanted.items():
        if address is not None and name.lower() not in seen:
            added.setdefault(address, []).append(name)
    if added and kept and not kept[-1].endswith("\n"):
        kept[-1] += "\n"
    return "".join(kept) + "".join(f"{address}\t{' '.join(names)}\n" for address, names in added.items())


def addresses(text: str) -> dict[str, Optional[str]]:
    """The first address of each name, which is what most readers take."""
    found: dict[str, Optional[str]] = {}
    for line in unix(text).split("\n"):
        fields = line.partition("#")[0].split()
        for name in fields[1:]:
            found.setdefault(name.lower(), fields[0])
    return found


def _kept(line: str, want: Mapping[str, Optional[str]], seen: set[str]) -> str:
    """The line without the names that lead elsewhere, or that an earlier line has."""
    body, mark, comment = line.rstrip("\n").partition("#")
    fields = body.split()
    names = []
    for name in fields[1:]:
        key = name.lower()
        if key in want:
            if want[key] is None or not _same(want[key], fields[0]) or key in seen:
                continue
            seen.add(key)
        names.append(name)
    if names == fields[1:]:
        return line
    end = "\n" if line.endswith("\n") else ""
    if not names:
        return f"#{comment}{end}" if mark else ""
    return f"{fields[0]}\t{' '.join(names)}{f' #{comment}' if mark else ''}{end}"


def _same(wanted: Optional[str], found: str) -> bool:
    try:
        return ipaddress.ip_address(wanted or "") == ipaddress.ip_address(found)
    except ValueError:
        return False


def _check(name: str, address: Optional[str]) -> None:
    if not HOST.fullmatch(name):
        raise BadInput(f"{name!r} is no host name; give such as ghe.example.com")
    if name.lower() == "localhost" or name.lower().startswith(("ip6-", "localhost.")):
        raise BadInput(f"{name} is the host's own name for itself, which everything relies on; leave it out")
    try:
        ipaddress.ip_address(address if address is not None else "0.0.0.0")
    except ValueError:
        raise BadInput(f"the address of {name} is {address!r}, which is no IP address; give such as 10.0.1.238") from None
