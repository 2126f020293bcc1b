# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorities that a host trusts: the ways of the families, what is wanted of each name, what was found, and the steps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json, Look
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates import Fault, Paper
from ansible_collections.serverops.circleci.plugins.module_utils.host.endpoints import Endpoint, parse_endpoint
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import APP, RESTARTS, Note

ITEM = "authorities"
SERVICES = "/usr/local/share/ca-certificates"  # what the containers of Services read (guide 2.17, "Setting Up Certificates")
MOST = 20  # certificates of one name


@dataclass(frozen=True)
class Store:
    """A family's way: the folder for authorities of one's own, the program that takes them up, and the file that it makes of all."""

    folder: str
    bundle: str
    refresh: tuple[str, ...]
    program: str


STORES = {
    "debian": Store(SERVICES, "/etc/ssl/certs/ca-certificates.crt", (), "update-ca-certificates"),
    "redhat": Store("/etc/pki/ca-trust/source/anchors", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", ("extract",), "update-ca-trust"),
}


@dataclass(frozen=True)
class Wish:
    """What is wanted of one name; nothing of it where there are no certificates. Their text is a secret until it is known that nobody put a key into it."""

    name: str
    certificates: Optional[Secret] = None
    option: str = "certificates"


@dataclass(frozen=True)
class TrustSpec:
    """What is wanted."""

    wishes: tuple[Wish, ...]
    store: str = "auto"
    root: str = "/"
    services: bool = True
    hosts: tuple[Endpoint, ...] = ()
    order: str = "fix"
    min_days: int = 0
    restart: str = APP


@dataclass(frozen=True)
class Anchor:
    """A file of an authority; `fingerprint` is empty where the file is not one plain certificate, None where there is no file.

    `hindrance` says why the file must not be changed; `certificates` are all that lie in it, whatever its form.
    """

    path: str
    fingerprint: Optional[str] = None
    hindrance: str = ""
    certificates: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Named:
    """What was found of one name, beside what is wanted of it. `pending`: a note of a restart stands for it; `served`: the one that had its restart."""

    name: str
    option: str = "certificates"
    wanted: tuple[Paper, ...] = ()
    faults: tuple[Fault, ...] = ()
    mended: tuple[Fault, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    pending: bool = False
    served: Optional[Note] = None


@dataclass(frozen=True)
class TrustState:
    """What was found. `behind`: the store was made before its folder last changed. `hosts`: each with why it would not be trusted; empty where it would."""

    named: tuple[Named, ...] = ()
    trusted: frozenset[str] = frozenset()
    behind: bool = False
    hosts: tuple[tuple[str, str], ...] = ()
    folders: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[Paper, ...]:
        return tuple(paper for one in self.named for paper in one.wanted)

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        return tuple(anchor for one in self.named for anchor in one.anchors)


@dataclass(frozen=True)
class WriteAnchor:
    """Put one certificate, plain PEM and nothing beside it, into its file: what Java and update-ca-certificates both read."""

    path: str
    paper: Paper = field(repr=False)
    name: str = ""
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "write", "id": ITEM, "path": self.path, "subject": self.paper.subject, "fingerprint": self.paper.fingerprint}


@dataclass(frozen=True)
class RemoveAnchor:
    """Take a file away."""

    path: str
    name: str = ""
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "remove", "id": ITEM, "path": self.path}


@dataclass(frozen=True)
class RefreshStore:
    """Have the store made anew of its folders."""

    fingerprints: frozenset[str] = frozenset()
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "refresh", "id": ITEM}


TrustLook = Look[TrustSpec, TrustState]


def trust_spec(params: Mapping[str, Any]) -> TrustSpec:
    """Raises BadInput."""
    if not params["root"].startswith("/"):
        raise BadInput(f"root is {params['root']!r}, but it must be an absolute path")
    if params["restart"] not in (*RESTARTS, "none"):
        raise BadInput(f"restart is {params['restart']!r}; it must be one of {', '.join(RESTARTS)}, none")
    return TrustSpec(
        wishes=_wishes(params),
        store=params["store"],
        root=params["root"].rstrip("/") or "/",
        services=params["services"],
        hosts=tuple(parse_endpoint(text, "verify_hosts") for text in params["verify_hosts"] or ()),
        order=params["chain_order"],
        min_days=params["min_days"],
        restart=params["restart"],
    )


def _wishes(params: Mapping[str, Any]) -> tuple[Wish, ...]:
    """From the options of one authority, or from the list of them."""
    several = params["authorities"]
    if several is None:
        if not params["name"]:
            raise BadInput("name or authorities is needed; give the name of one authority, or a list of them")
        return (_wish(params, "certificates"),)
    if params["name"] or params["certificates"] or params["state"] != "present":
        raise BadInput("authorities stands instead of name, certificates and state; give these in its entries")
    names = [entry["name"] for entry in several]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"authorities has {twice[0]!r} more than once; give each a name of its own")
    return tuple(_wish(entry, f"certificates of {entry['name']}") for entry in several)


def _wish(entry: Mapping[str, Any], option: str) -> Wish:
    name, present = entry["name"], entry["state"] == "present"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}", name):
        raise BadInput(f"name is {name!r}, but it becomes the name of a file; use letters, digits, dots and hyphens")
    if re.search(r"(\.\d+|\.crt)$", name):
        raise BadInput(f"name is {name!r}, but what ends with a dot and a number, or with .crt, would be taken for a file of another name; leave that off")
    if present and not entry["certificates"]:
        raise BadInput(f"{option} is needed for state present; give the PEM text of the authority and of those above it")
    return Wish(name, Secret.maybe(entry["certificates"]) if present else None, option)


def anchor_names(name: str) -> list[str]:
    """The files that one name may have."""
    return [f"{name}.crt", *(f"{name}.{number}.crt" for number in range(2, MOST + 1))]
