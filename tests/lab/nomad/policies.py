"""Policies as an operator writes them, in HCL or as data, and what a set of them allows."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

# What the short forms stand for (documentation of ACL policies; "deny" also in acl-thin-tokens, "scale" in acl-more).
READ = "list-jobs parse-job read-job csi-list-volume csi-read-volume list-scaling-policies read-scaling-policy read-job-scaling".split()
WRITE = READ + "submit-job dispatch-job read-logs read-fs alloc-exec alloc-lifecycle csi-write-volume csi-mount-volume scale-job submit-recommendation".split()
SCALE = "list-scaling-policies read-scaling-policy read-job-scaling scale-job".split()  # 1.11: guard.scale_more
SHORT = {"read": READ, "write": WRITE, "scale": SCALE, "deny": ["deny"], "": []}
LABELLED = {"namespace": "Namespaces", "node_pool": "NodePools", "host_volume": "HostVolumes"}
PLAIN = {"node": "Node", "agent": "Agent", "operator": "Operator", "quota": "Quota", "plugin": "Plugin"}
TOKEN = re.compile(r'\s*(?:(#[^\n]*|//[^\n]*)|"((?:[^"\\]|\\.)*)"|([A-Za-z_][\w-]*)|([{}\[\],=]))')

Rules = dict[str, Any]


def tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if not match:
            raise ValueError(f"policy: not understood: {text[at : at + 30]!r}")
        at = match.end()
        if match[2] is not None:
            found.append(("text", match[2]))
        elif match[3] or match[4]:
            found.append(("word" if match[3] else "mark", match[3] or match[4]))
    return found


def parse(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """The blocks of a policy: kind, label, and what stands inside. No expressions, no numbers: policies have none."""
    todo = tokens(text)
    at = 0

    def take(kind: str, *allowed: str) -> str:
        nonlocal at
        if at >= len(todo) or todo[at][0] != kind or (allowed and todo[at][1] not in allowed):
            raise ValueError(f"policy: {' or '.join(allowed) or kind} expected, found {todo[at][1] if at < len(todo) else 'the end'!r}")
        at += 1
        return todo[at - 1][1]

    def value() -> Any:
        if todo[at : at + 1] != [("mark", "[")]:
            return take("text")
        take("mark", "[")
        items = []
        while todo[at : at + 1] != [("mark", "]")]:
            items.append(take("text"))
            if todo[at : at + 1] == [("mark", ",")]:
                take("mark", ",")
        take("mark", "]")
        return items

    def block() -> dict[str, Any]:
        take("mark", "{")
        inside: dict[str, Any] = {}
        while todo[at : at + 1] != [("mark", "}")]:
            key = take("word")
            if todo[at : at + 1] == [("mark", "=")]:
                take("mark", "=")
                inside[key] = value()
            else:
                label = take("text") if todo[at : at + 1] and todo[at][0] == "text" else ""
                inside.setdefault(key, []).append((label, block()))
        take("mark", "}")
        return inside

    found = []
    while at < len(todo):
        kind = take("word", *LABELLED, *PLAIN)
        label = take("text") if todo[at : at + 1] and todo[at][0] == "text" else ""
        found.append((kind, label, block()))
    return found


def rules(given: str | Rules, scale_more: tuple[str, ...] = ()) -> tuple[str, Rules]:
    """(HCL, parsed) of either; what a server would refuse is a ValueError. What "scale" stands for grew (acl-more)."""
    more = list(scale_more)
    text = written(given) if isinstance(given, dict) else given
    out: Rules = {}
    for kind, label, inside in parse(text):
        policy, named = inside.get("policy", ""), inside.get("capabilities")
        if kind in PLAIN:
            if policy not in ("read", "write", "deny", "list"):
                raise ValueError(f"policy: {kind}: policy {policy!r} is none of read, write, deny")
            out[PLAIN[kind]] = {"Policy": policy}
            continue
        if policy not in SHORT:
            raise ValueError(f"policy: {kind} {label!r}: policy {policy!r} is none of read, write, scale, deny")
        stands_for = SHORT[policy] + (more if policy == "scale" else [])
        both = [*(named or []), *(c for c in stands_for if c not in (named or []))]
        out.setdefault(LABELLED[kind], []).append({"Name": label or "default", "Policy": policy, "Capabilities": both or None})
    return text, out


def written(data: Rules) -> str:
    """HCL of data like RulesJSON."""
    parts = []
    for word, key in LABELLED.items():
        for rule in data.get(key) or []:
            lines = [f'policy = "{rule["Policy"]}"'] if rule.get("Policy") else []
            # What the short form stands for comes back by itself.
            named = [c for c in rule.get("Capabilities") or [] if c not in SHORT.get(rule.get("Policy") or "", [])]
            lines += [f"capabilities = {json.dumps(named)}"] if named else []
            parts.append(f'{word} "{rule.get("Name") or "default"}" {{ {" ".join(lines)} }}')
    for word, key in PLAIN.items():
        if data.get(key):
            parts.append(f'{word} {{ policy = "{data[key]["Policy"]}" }}')
    return " ".join(parts)


@dataclass
class Rights:
    """What the token of a request may do."""

    secret: str = ""
    kind: str = "management"
    known: bool = True
    plain: dict[str, str] = field(default_factory=dict)  # Node, Agent, Operator ... -> strongest policy; deny beats all
    spaces: dict[str, set[str]] = field(default_factory=dict)  # namespace or pattern -> capabilities
    pools: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, secret: str, kind: str, held: list[Rules]) -> "Rights":
        """Policies add up; a deny of the same rule wins over what others allow."""
        rights = cls(secret, kind)
        strength = {"": 0, "list": 1, "read": 2, "write": 3, "deny": 4}
        for one in held:
            for key in PLAIN.values():
                policy = (one.get(key) or {}).get("Policy", "")
                if strength[policy] > strength[rights.plain.get(key, "")]:
                    rights.plain[key] = policy
            for into, key in ((rights.spaces, "Namespaces"), (rights.pools, "NodePools")):
                for rule in one.get(key) or []:
                    into.setdefault(rule["Name"], set()).update(rule["Capabilities"] or ())
        return rights

    @property
    def management(self) -> bool:
        return self.kind == "management"

    def _may(self, key: str, *policies: str) -> bool:
        return self.management or (self.known and self.plain.get(key) in policies)

    @property
    def node_read(self) -> bool:
        return self._may("Node", "read", "write")

    @property
    def node_write(self) -> bool:
        return self._may("Node", "write")

    @property
    def agent_read(self) -> bool:
        return self._may("Agent", "read", "write")

    @property
    def operator_read(self) -> bool:
        return self._may("Operator", "read", "write")

    @property
    def operator_write(self) -> bool:
        return self._may("Operator", "write")

    @staticmethod
    def _closest(rules: dict[str, set[str]], name: str) -> set[str]:
        """The rule of that very name, else the pattern with the fewest characters left to its stars."""
        if name in rules:
            return rules[name]
        fitting = [pattern for pattern in rules if "*" in pattern and fnmatchcase(name, pattern.replace("[", "[[]"))]
        return rules[min(fitting, key=lambda p: (len(name) - len(p.replace("*", "")), p))] if fitting else set()

    def allows(self, namespace: str, capability: str = "") -> bool:
        """Without a capability: any."""
        if self.management:
            return True
        held = self._closest(self.spaces, namespace) if self.known else set()
        return "deny" not in held and (capability in held if capability else bool(held))

    def sees(self, namespace: str) -> bool:
        return self.allows(namespace, "read-job")

    def sees_pool(self, name: str) -> bool:
        held = self._closest(self.pools, name) if self.known else set()
        return self.management or (bool(held) and "deny" not in held)
