# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorities that a host trusts: which files, whether its store has taken them up, and what would be lost by dropping one that is still in use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, stuck
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates import Fault, Paper, sentences
from ansible_collections.serverops.circleci.plugins.module_utils.host.endpoints import Endpoint, parse_endpoint
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import APP, RESTARTS

ITEM = "authorities"
SERVICES = "/usr/local/share/ca-certificates"  # what the containers of Services read (guide 2.17, "Setting Up Certificates")
MOST = 20  # certificates of one name


@dataclass(frozen=True)
class Store:
    """A family's way: the folder for authorities of one's own, the program that takes them up, and the file that it makes of all."""

    folder: str
    bundle: str
    refresh: tuple[str, ...]
    refresh_below: tuple[str, ...]  # for a system below another folder than /, which is put after it
    program: str


STORES = {
    "debian": Store(SERVICES, "/etc/ssl/certs/ca-certificates.crt", (), ("--sysroot",), "update-ca-certificates"),
    "redhat": Store("/etc/pki/ca-trust/source/anchors", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", ("extract",), (), "update-ca-trust"),
}


@dataclass(frozen=True)
class TrustSpec:
    """What is wanted. The text is a secret until it is known that nobody put a key into it."""

    name: str
    certificates: Optional[Secret] = None
    present: bool = True
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

    `hindrance` says why the file must not be changed.
    """

    path: str
    fingerprint: Optional[str] = None
    hindrance: str = ""


@dataclass(frozen=True)
class TrustState:
    """What was found. `behind`: the store was made before its folder last changed. `hosts`: each with why it would not be trusted; empty where it would."""

    wanted: tuple[Paper, ...] = ()
    faults: tuple[Fault, ...] = ()
    mended: tuple[Fault, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    trusted: frozenset[str] = frozenset()
    behind: bool = False
    hosts: tuple[tuple[str, str], ...] = ()
    pending: bool = False
    folders: tuple[str, ...] = ()


@dataclass(frozen=True)
class WriteAnchor:
    """Put one certificate, plain PEM and nothing beside it, into its file: what Java and update-ca-certificates both read."""

    path: str
    paper: Paper = field(repr=False)
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "write", "id": ITEM, "path": self.path, "subject": self.paper.subject, "fingerprint": self.paper.fingerprint}


@dataclass(frozen=True)
class RemoveAnchor:
    """Take a file away."""

    path: str
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
    name, present = params["name"], params["state"] == "present"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}", name):
        raise BadInput(f"name is {name!r}, but it becomes the name of a file; use letters, digits, dots and hyphens")
    if re.search(r"(\.\d+|\.crt)$", name):
        raise BadInput(f"name is {name!r}, but what ends with a dot and a number, or with .crt, would be taken for a file of another name; leave that off")
    if present and not params["certificates"]:
        raise BadInput("certificates is needed for state present; give the PEM text of the authority and of those above it")
    if not params["root"].startswith("/"):
        raise BadInput(f"root is {params['root']!r}, but it must be an absolute path")
    if params["restart"] not in (*RESTARTS, "none"):
        raise BadInput(f"restart is {params['restart']!r}; it must be one of {', '.join(RESTARTS)}, none")
    return TrustSpec(
        name=name,
        certificates=Secret.maybe(params["certificates"]) if present else None,
        present=present,
        store=params["store"],
        root=params["root"].rstrip("/") or "/",
        services=params["services"],
        hosts=tuple(parse_endpoint(text, "verify_hosts") for text in params["verify_hosts"] or ()),
        order=params["chain_order"],
        min_days=params["min_days"],
        restart=params["restart"],
    )


def anchor_names(name: str) -> list[str]:
    """The files that one name may have."""
    return [f"{name}.crt", *(f"{name}.{number}.crt" for number in range(2, MOST + 1))]


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(look: TrustLook) -> list[str]:
    """Faults of what was given, and files that must not be changed; nothing is touched."""
    due = {path for path, _paper in _missing(look.state)} | {anchor.path for anchor in _surplus(look.state)}
    found = sentences("certificates", look.state.faults) + [anchor.hindrance for anchor in look.state.anchors if anchor.hindrance and anchor.path in due]
    if len(look.state.wanted) > MOST:
        found.append(f"certificates: there are {len(look.state.wanted)}, but {MOST} at most go under one name; give each root a name of its own")
    return found


def decide(look: TrustLook) -> dict[str, Decision]:
    """Write what differs, take away what is too much, refresh the store; drop nothing that a host in `verify_hosts` still needs."""
    return {ITEM: _decision(look)}


def _decision(look: TrustLook) -> Decision:
    state = look.state
    failing = [f"{host}: {why}" for host, why in state.hosts if why]
    if lost(state) and failing:
        return stuck(f"nothing was dropped: without it this host would not trust {'; '.join(failing)}")
    files: list[Any] = [*(WriteAnchor(path, paper) for path, paper in _missing(state)), *(RemoveAnchor(anchor.path) for anchor in _surplus(state))]
    wanted = frozenset(paper.fingerprint for paper in state.wanted)
    if files or state.behind or not wanted <= state.trusted:
        return act("the store is not as wanted", *files, RefreshStore(wanted))
    if failing:
        return stuck(f"the store is as wanted, but this host does not trust {'; '.join(failing)}")
    return settled("the host trusts them" if look.spec.present else "the host has none of that name")


def effect(state: TrustState, step: Any) -> TrustState:
    """The state after a step."""
    if isinstance(step, RefreshStore):
        return replace(state, trusted=state.trusted | step.fingerprints, behind=False)
    found = step.paper.fingerprint if isinstance(step, WriteAnchor) else None
    anchors = tuple(replace(anchor, fingerprint=found) if anchor.path == step.path else anchor for anchor in state.anchors)
    return replace(state, anchors=anchors, behind=True, pending=True)


def assume(look: TrustLook, _item: str) -> TrustState:
    """Nothing is ever waited for."""
    return look.state


def remember(look: TrustLook) -> Json:
    """Nothing."""
    return look.memory


def facts(look: TrustLook) -> dict[str, Json]:
    """The files, and whether the store has taken them up."""
    anchors = {anchor.path: anchor.fingerprint or "something else" for anchor in look.state.anchors if anchor.fingerprint is not None}
    return {ITEM: {"files": anchors, "store_current": _is_current(look.state)}}


def view(look: TrustLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    state = look.state
    return {
        "authorities": [{"subject": paper.subject, "ends": paper.ends.isoformat(), "fingerprint": paper.fingerprint} for paper in state.wanted],
        "files": [anchor.path for anchor in state.anchors if anchor.fingerprint is not None],
        "mended": [fault.kind for fault in state.mended],
        "hosts": [{"host": host, "trusted": not why, "reason": why or None} for host, why in state.hosts],
        "restart_required": state.pending and look.spec.restart != "none",
        "reason": decisions[ITEM].reason,
    }


def out_of_sight(last: Json) -> Json:
    """The last view."""
    return last


def progress(look: TrustLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return decisions[ITEM].reason


def _is_current(state: TrustState) -> bool:
    return not state.behind and frozenset(paper.fingerprint for paper in state.wanted) <= state.trusted


def _homes(state: TrustState) -> dict[str, Paper]:
    """Which certificate belongs into which file: in each folder the first names, in order."""
    found = {}
    for folder in state.folders:
        own = [anchor.path for anchor in state.anchors if anchor.path.rpartition("/")[0] == folder]
        found.update(dict(zip(own, state.wanted)))
    return found


def _missing(state: TrustState) -> list[tuple[str, Paper]]:
    homes, there = _homes(state), {anchor.path: anchor.fingerprint for anchor in state.anchors}
    return [(path, paper) for path, paper in homes.items() if there[path] != paper.fingerprint]


def _surplus(state: TrustState) -> list[Anchor]:
    homes = _homes(state)
    return [anchor for anchor in state.anchors if anchor.fingerprint is not None and anchor.path not in homes]


def lost(state: TrustState) -> frozenset[str]:
    """What the store loses by what is due: certificates in files of this name that are not wanted any more."""
    wanted = {paper.fingerprint for paper in state.wanted}
    return frozenset(anchor.fingerprint for anchor in state.anchors if anchor.fingerprint and anchor.fingerprint not in wanted)
