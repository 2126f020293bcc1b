"""What kotsadm knows: applications with their versions, config, licence, upstream, and support bundles."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the server says, and how long it takes over it (s). `close`: it hangs up instead."""

    status: int
    body: Any = None  # None: no body and no content type
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0
    close: bool = False


@dataclass(frozen=True)
class Item:
    """An entry of the application's Config."""

    name: str
    title: str = ""
    type: str = "text"  # text, password, bool, select_one, select_many, textarea, file, label, heading
    default: str = ""
    required: bool = False
    group: str = "main"
    choices: tuple[str, ...] = ()
    hidden: bool = False
    read_only: bool = False
    when: str = ""  # another item: this one is asked for while that one is on
    repeatable: bool = False
    pattern: str = ""
    says: str = ""  # where the pattern does not match

    @property
    def label(self) -> str:
        return self.title or self.name.capitalize()


@dataclass(frozen=True)
class Check:
    """A preflight of the application, and how it ends."""

    title: str
    message: str = ""
    fails: bool = False
    strict: bool = False


@dataclass
class Version:
    """One sequence of an application."""

    sequence: int
    label: str
    created: str
    status: str = "pending"  # pending, pending_config, pending_preflight, deploying, deployed, failed
    source: str = "Upstream Update"
    deployed_at: str = ""
    cursor: str = "0"
    values: dict[str, str] = field(default_factory=dict)  # as stored: passwords encrypted
    skipped: bool = True  # preflights
    tried: tuple[Check, ...] = ()  # preflights that ended
    diff: str = "{}"


@dataclass(frozen=True)
class Entitlement:
    name: str
    title: str
    value: Any
    type: str = "Boolean"


@dataclass
class Upstream:
    """The vendor's side: dead, or with releases (label, cursor) that the console does not have yet."""

    dead: bool = False
    releases: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 1.0  # how long a check takes
    checking: bool = False
    task: Json = field(default_factory=lambda: {"currentMessage": "", "status": ""})


@dataclass
class App:
    """An installed application."""

    slug: str = "circleci-server"
    id: str = "applab000000000000000000000"
    name: str = "CircleCI server"
    created: str = ""
    items: tuple[Item, ...] = ()
    versions: list[Version] = field(default_factory=list)
    current: int = -1  # the sequence that is deployed, or on its way
    state: str = "ready"  # ready, updating, degraded, unavailable, missing
    upstream: Upstream = field(default_factory=Upstream)
    entitlements: tuple[Entitlement, ...] = ()
    expires: str = ""  # of the licence; "" never
    store_lost: bool = False  # the store lost the versions' archives
    refuses: set[int] = field(default_factory=set)  # sequences whose deploy fails
    namespaces: tuple[str, ...] = ()  # beside the console's own
    preflights: tuple[Check, ...] = ()
    preflight_seconds: float = 5.0
    deploy_seconds: float = 0.0  # beside those that every deploy takes
    render_seconds: float = 0.0  # from an order for a version to its coming up, where it is not there at once
    rolls: tuple[str, ...] = ()  # Deployments whose pods a change of the configuration replaces
    snapshots: bool = False  # its licence and its release let it be backed up

    def version(self, sequence: int) -> Version | None:
        return next((one for one in self.versions if one.sequence == sequence), None)

    @property
    def newest(self) -> Version:
        return max(self.versions, key=lambda one: one.sequence)


@dataclass
class Bundle:
    """A support bundle, and what is in it (file -> text)."""

    id: str
    app: str
    created: str
    status: str = "running"  # running, uploaded, failed
    files: dict[str, str] = field(default_factory=dict)
    size: int = 0
