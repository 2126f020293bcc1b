# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a token's policies amount to: may it drain, and does it see every build? Evaluated as the servers do; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Grant

DENY = "deny"
READ_JOB = "read-job"
# Of what a namespace's short word stands for, the part that matters here. The servers spell it out too, and theirs counts: `scale` holds read-job on 1.11,
# not on 1.7 (recorded). Words that nobody knows give no sight of builds.
SHORTHANDS = {"read": frozenset({"list-jobs", READ_JOB}), "write": frozenset({"list-jobs", READ_JOB}), DENY: frozenset({DENY})}
FEW = 5
LEVELS = ("", "list", "read", "write")
NOTHING: frozenset[str] = frozenset()
LEAST = 'node { policy = "write" } namespace "*" { capabilities = ["read-job"] } agent { policy = "read" }'
REMEDY = f"give a management token, or one whose policies hold this and no deny: {LEAST}"
HINTS = {
    "agent": "without agent:read the version of the servers is taken to be that of the newest client",
    "operator": "without operator:read it is not noticed that the evaluation broker is paused",
}


@dataclass(frozen=True)
class Policy:
    """One policy as the servers parsed it. `stamp` changes with its text."""

    name: str
    stamp: str = ""
    node: str = ""
    agent: str = ""
    operator: str = ""
    namespaces: tuple[tuple[str, frozenset[str]], ...] = ()


@dataclass(frozen=True)
class Rights:
    """All policies of a token as one. `namespaces`: capabilities by the name or the glob of the rule."""

    node: str = ""
    agent: str = ""
    operator: str = ""
    namespaces: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """node:write: may drain, cordon, release."""
        return self.node == "write"

    def may(self, namespace: str, capability: str) -> bool:
        """In one namespace: its own rule decides, else the glob with the most letters of it; of two as close both must allow."""
        rules = [self.namespaces[namespace]] if namespace in self.namespaces else self._closest(namespace)
        return bool(rules) and all(capability in held and DENY not in held for held in rules)

    def blind_spots(self) -> list[str]:
        """Where builds may run unseen, in words; empty: nowhere, whatever namespaces there are or will be."""
        found = [] if any(set(name) == {"*"} for name in self.namespaces) else [self._uncovered()]
        return found + _some([f'namespace "{name}" ({_why(held)})' for name, held in sorted(self.namespaces.items()) if not _sees(held)])

    def _closest(self, namespace: str) -> list[frozenset[str]]:
        matching = [glob for glob in self.namespaces if "*" in glob and _matches(glob, namespace)]
        most = max((_letters(glob) for glob in matching), default=0)
        return [self.namespaces[glob] for glob in matching if _letters(glob) == most]

    def _uncovered(self) -> str:
        seen = ", ".join(_some(sorted(name for name, held in self.namespaces.items() if _sees(held))))
        return f'every namespace but {seen} (only a rule for namespace "*" covers those that are not listed or come later)' if seen else "every namespace"


def policy_from_api(data: Mapping[str, Any]) -> Optional[Policy]:
    """A policy from `/v1/acl/policy/<name>`; None where the server gives its text alone (RulesJSON came after 0.9: hashicorp/nomad#6017)."""
    parsed = data.get("RulesJSON")
    if not isinstance(parsed, Mapping):
        return None
    rules = tuple((str(rule["Name"]), _capabilities(rule)) for rule in parsed.get("Namespaces") or ())
    levels = {key: str((parsed.get(key.title()) or {}).get("Policy") or "") for key in ("node", "agent", "operator")}
    return Policy(str(data["Name"]), stamp_of(data), namespaces=rules, **levels)


def stamp_of(data: Mapping[str, Any]) -> str:
    """What tells one state of a policy from another: the same in the list and in the policy itself."""
    return f"{data['Name']}:{data.get('Hash') or ''}:{data.get('ModifyIndex') or 0}"


def rights_of(policies: Iterable[Policy]) -> Rights:
    """The sum of the policies: more rights add up, a deny ends them."""
    held = tuple(policies)
    merged: dict[str, frozenset[str]] = {}
    for policy in held:
        for name, capabilities in policy.namespaces:
            merged[name] = merged.get(name, NOTHING) | capabilities
    spaces = {name: frozenset({DENY}) if DENY in capabilities else capabilities for name, capabilities in merged.items()}
    return Rights(_level(p.node for p in held), _level(p.agent for p in held), _level(p.operator for p in held), spaces)


def grant_of(rights: Rights, proof: tuple[str, ...], default_only: bool = False) -> Grant:
    """What these rights are good for; `proof` goes with them where they are enough.

    `default_only`: the servers know no other namespace (before 1.0, without an Enterprise licence).
    """
    spots = [] if default_only and rights.may("default", READ_JOB) else rights.blind_spots()
    lacks = [] if rights.writes else [f"node:write (it has {'node:' + rights.node if rights.node else 'no right on clients'})"]
    lacks += [f"{READ_JOB} in {spot}" for spot in spots]
    words = f"the token in nomad_token lacks {' and '.join(lacks)}" + ("; it would see busy clients as empty" if spots else "") if lacks else ""
    hints = tuple(text for key, text in HINTS.items() if getattr(rights, key) not in ("read", "write"))
    return Grant(rights.writes, not spots, f"{words}; {REMEDY}" if words else "", () if words else proof, hints)


def _capabilities(rule: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(map(str, rule.get("Capabilities") or ())) | SHORTHANDS.get(str(rule.get("Policy") or ""), NOTHING)


def _level(words: Iterable[str]) -> str:
    found = set(words)
    if DENY in found:
        return DENY
    return max((word for word in found if word in LEVELS), key=LEVELS.index, default="")


def _sees(held: frozenset[str]) -> bool:
    return READ_JOB in held and DENY not in held


def _why(held: frozenset[str]) -> str:
    return DENY if DENY in held else f"its rule has {', '.join(sorted(held)) or 'nothing that shows builds'}"


def _some(names: list[str]) -> list[str]:
    """A list that fits into a sentence."""
    return names if len(names) <= FEW else [*names[:FEW], f"{len(names) - FEW} more"]


def _letters(glob: str) -> int:
    return len(glob) - glob.count("*")


def _matches(glob: str, name: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, glob.split("*"))), name, re.DOTALL) is not None
