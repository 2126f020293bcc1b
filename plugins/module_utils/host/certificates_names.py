# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a certificate is for a name, as clients read it: the alternative names alone, a wildcard for one label."""

from __future__ import annotations

import ipaddress
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates import Fault, Paper


def is_for_by_common_name(paper: Paper, name: str) -> bool:
    """Whether it is for this name as clients read it once: no alternative names, the common name alone."""
    return not paper.names and not paper.addresses and plain(paper.common_name) == plain(name)


def name_fault(paper: Paper, name: str) -> Optional[Fault]:
    """Why clients that ask for this name refuse it."""
    asked = plain(name)
    if not asked.isascii():
        return Fault("name_not_ascii", f"{name} has letters that stand in no certificate; give the name in its xn-- form")
    address = as_address(asked)
    if address:
        if address in paper.addresses:
            return None
        return Fault("address_not_in_san", f"{paper.title} is not for the address {address}; it is for {_listed(paper)}")
    if any(_covers(plain(entry), asked) for entry in paper.names):
        return None
    if not paper.names and not paper.addresses:
        return Fault("no_san", f"{paper.title} has no alternative names, and clients no longer look at the common name; it must name {name}")
    deep = [entry for entry in paper.names if entry.startswith("*.") and asked.endswith(plain(entry)[1:])]
    if deep:
        return Fault("wildcard_depth", f"{paper.title} is for {deep[0]}, which stands for one label only and so not for {name}")
    bare = [entry for entry in paper.names if entry.startswith("*.") and plain(entry)[2:] == asked]
    if bare:
        return Fault("wildcard_depth", f"{paper.title} is for {bare[0]}, which is not for {name} itself")
    return Fault("name_not_in_san", f"{paper.title} is not for {name}; it is for {_listed(paper)}")


def plain(name: str) -> str:
    """A name as it is compared: small letters, no dot at its end."""
    return name.strip().lower().rstrip(".")


def as_address(name: str) -> str:
    """The address in its usual form; empty for what is none."""
    try:
        return str(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return ""


def _covers(entry: str, name: str) -> bool:
    if entry.startswith("*."):
        label, _dot, rest = name.partition(".")
        return bool(label) and rest == entry[2:]
    return entry == name


def _listed(paper: Paper) -> str:
    return ", ".join((*paper.names, *paper.addresses)) or "no name"
