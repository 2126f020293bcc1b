# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches what is to be given away for what must not be: values of Secrets, and what looks like a key. Names places and kinds, never the thing."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.kots.bundle import Finding

SHORTEST = 8  # characters; shorter values (true, admin, 5432) are in every log
OVERLAP = 65536  # bytes that two pieces have in common: what lies across their border is seen
# Keys of Secrets whose values are known to all. Certificates are public; their private keys are under other names.
PUBLIC = frozenset("user username host hostname port namespace region bucket endpoint database ca.crt tls.crt server.crt client.crt ca.pem cert.pem".split())
PATTERNS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("private key", re.compile(rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----(?:\\n|\s)*[A-Za-z0-9+/=]{16}")),
    ("AWS access key id", re.compile(rb"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])")),
    ("AWS secret access key", re.compile(rb"(?i)aws_?secret_?access_?key[\"']?\s{0,8}[=:]\s{0,8}[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])")),
    ("token", re.compile(rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,4096}\.eyJ[A-Za-z0-9_-]{10,8192}\.[A-Za-z0-9_-]{16,4096}")),
    ("kotsadm auth string", re.compile(rb"(?i)authorization[\"']?\s{0,8}[=:]\s{0,8}[\"']?Kots [A-Za-z0-9+/=_-]{8}")),
)


@dataclass(frozen=True)
class Needle:
    """A value to look for, and the words for it."""

    kind: str
    value: Secret


def needles_of(secrets: Sequence[Mapping[str, Any]]) -> tuple[Needle, ...]:
    """What the Secrets of a namespace hold that is long enough to tell; each value once, named by the first that has it."""
    found: dict[Secret, Needle] = {}
    for one in secrets:
        name = str(one["metadata"]["name"])
        for key, text in sorted((one.get("data") or {}).items()):
            value = _decoded(text).strip()
            if len(value) < SHORTEST or key.lower() in PUBLIC:
                continue
            found.setdefault(Secret(value), Needle(f"value of Secret {name}, key {key}", Secret(value)))
    return tuple(found.values())


def search(file: str, pieces: Iterable[bytes], needles: Sequence[Needle]) -> tuple[Finding, ...]:
    """The kinds of what a file holds, each once."""
    forms = [(needle.kind, form) for needle in needles for form in _forms(needle.value.reveal())]
    seen: dict[str, None] = {}
    for piece in _overlapping(pieces, max([OVERLAP, *(len(form) for _kind, form in forms)])):
        for kind, form in forms:
            if kind not in seen and form in piece:
                seen[kind] = None
        for kind, pattern in PATTERNS:
            if kind not in seen and pattern.search(piece):
                seen[kind] = None
    return tuple(Finding(file, kind) for kind in seen)


def _forms(value: str) -> Iterator[bytes]:
    """As it is, as a text of JSON the ways that JSON is written, and in base64 as far as that is the same whatever follows."""
    plain = value.encode("utf-8", "surrogateescape")
    text = json.dumps(value, ensure_ascii=False)[1:-1]
    gos = re.sub("[&<>\u2028\u2029]", lambda letter: f"\\u{ord(letter[0]):04x}", text)  # encoding/json of Go, which most of a bundle is written by
    jsons = (json.dumps(value)[1:-1], text, gos)
    whole = plain[: len(plain) // 3 * 3]
    yield from dict.fromkeys((plain, *(one.encode("utf-8", "surrogateescape") for one in jsons), base64.b64encode(whole)))


def _overlapping(pieces: Iterable[bytes], overlap: int) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        yield rest + piece
        rest = (rest + piece)[-overlap:]


def _decoded(text: Any) -> str:
    try:
        return base64.b64decode(str(text), validate=True).decode("utf-8", "surrogateescape")
    except (ValueError, binascii.Error):
        return ""
