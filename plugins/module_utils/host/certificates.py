# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys as facts: what a client has parsed, and how the faults found in them are told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

DAY = 86400.0


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, by name and in words. What can be mended without asking anybody is `mendable`.

    `hides`: a certificate is there, or may be, that could not be read.
    """

    kind: str
    words: str
    mendable: bool = False
    hides: bool = False


@dataclass(frozen=True)
class Paper:
    """One certificate. `key` says kind and size ("rsa 2048", "ec secp256r1"), `spki` is the fingerprint of its public key.

    `signers` are the fingerprints of those certificates at hand whose key made its signature; its own among them: it is self-signed.
    """

    fingerprint: str
    subject: str
    issuer: str
    begins: datetime
    ends: datetime
    pem: str
    key: str = "rsa 2048"
    spki: str = ""
    digest: str = "sha256"
    common_name: str = ""
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    is_authority: bool = False
    may_sign: bool = True
    for_servers: bool = True
    depth: int = -1  # how many authorities may stand below it; -1: any number
    signers: tuple[str, ...] = ()

    @property
    def is_self_signed(self) -> bool:
        return self.fingerprint in self.signers

    @property
    def title(self) -> str:
        """How people know it."""
        return self.common_name or self.subject or self.fingerprint[:16]


@dataclass(frozen=True)
class Key:
    """A private key, told by nothing that helps to guess it: kind and size, and the fingerprint of its public half."""

    key: str
    spki: str


@dataclass(frozen=True)
class Material:
    """What was found in one text: certificates in their order, private keys, and the faults of its form."""

    papers: tuple[Paper, ...] = ()
    keys: tuple[Key, ...] = ()
    faults: tuple[Fault, ...] = ()


def days_left(paper: Paper, now: datetime) -> int:
    """Whole days until it ends; below zero when it has."""
    return int((paper.ends - now).total_seconds() // DAY)


def paper_view(paper: Paper, now: datetime) -> Json:
    """A certificate for results."""
    return {
        "subject": paper.subject,
        "issuer": paper.issuer,
        "names": [*paper.names, *paper.addresses],
        "begins": paper.begins.isoformat(),
        "ends": paper.ends.isoformat(),
        "days_left": days_left(paper, now),
        "key": paper.key,
        "fingerprint": paper.fingerprint,
    }


def sentences(option: str, faults: Iterable[Fault]) -> list[str]:
    """Faults as sentences that begin with the option they are in."""
    return [f"{option}: {fault.words} ({fault.kind})" for fault in faults]
