# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An app's versions and the items of their configuration, as kotsadm tells them, and what of the app runs in the cluster. Values are secrets until shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import HIDDEN, Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.cluster import is_ready

CHANGE = "Config Change"  # the source of a version that a change of the configuration made (recorded)
WORDS = ("password", "passwd", "passphrase", "secret", "token", "private", "credential", "key")
TRUE, FALSE = ("1", "true"), ("0", "false")
EMPTY = Secret("")


@dataclass(frozen=True)
class Item:
    """An entry of the configuration. `readable`: its value could be opened. `asked`: the app's conditions have it; else it is kept, but plays no part."""

    name: str
    type: str = "text"
    title: str = ""
    group: str = ""
    value: Secret = EMPTY
    default: Secret = EMPTY
    readable: bool = True
    required: bool = False
    hidden: bool = False
    read_only: bool = False
    asked: bool = True
    repeatable: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = ""
    pattern_says: str = ""
    filename: str = ""

    @property
    def effective(self) -> Secret:
        """What the app gets: the value, or the default where there is none."""
        return self.value if self.value.reveal() else self.default

    @property
    def is_password(self) -> bool:
        return self.type == "password"

    @property
    def is_secret(self) -> bool:
        """Whether it is shown to nobody: by its type, by its name, or by what is in it."""
        words = f"{self.name} {self.title}".lower()
        return self.type in ("password", "file") or self.hidden or any(word in words for word in WORDS) or "-----BEGIN" in self.effective.reveal()

    def text(self, given: Any) -> str:
        """A wish as kotsadm writes it down: its switches are 1 and 0."""
        found = given.reveal() if isinstance(given, Secret) else str(given)
        if self.type == "bool" and found.lower() in TRUE + FALSE:
            return "1" if found.lower() in TRUE else "0"
        return found

    def equals(self, given: Any) -> Optional[bool]:
        """Whether the app has this value; None where it cannot be told."""
        if not self.readable:
            return None
        wanted = self.text(given)
        return self.text(self.value) == wanted or (not self.value.reveal() and self.text(self.default) == wanted)


@dataclass(frozen=True)
class Version:
    """A sequence of the app: a release of the vendor with one configuration."""

    sequence: int
    label: str = ""
    status: str = ""
    source: str = ""


@dataclass(frozen=True)
class Preflight:
    """What kotsadm found when it tried whether a version can run here: titles and messages of what failed."""

    failed: tuple[tuple[str, str], ...] = ()
    strict: bool = False


@dataclass(frozen=True)
class ConfigState:
    """`current` is the sequence that is deployed or on its way, `versions` it and those ahead of it, `sealed` why passwords cannot be opened, if so.

    `ordered`: this task had a version made, or kotsadm is still at it.
    """

    versions: tuple[Version, ...] = ()
    current: Optional[int] = None
    newest: int = -1
    configs: Mapping[int, tuple[Item, ...]] = field(default_factory=dict)
    preflights: Mapping[int, Preflight] = field(default_factory=dict)
    unready: tuple[str, ...] = ()
    builds_on_deployed: bool = True
    console: str = ""
    sealed: str = ""
    ordered: bool = False

    def version(self, sequence: Optional[int]) -> Optional[Version]:
        """One of those ahead, or the current one."""
        return next((one for one in self.versions if one.sequence == sequence), None)

    def ahead(self) -> tuple[Version, ...]:
        """Those that wait, the newest first."""
        found = [one for one in self.versions if self.current is None or one.sequence > self.current]
        return tuple(sorted(found, key=lambda one: -one.sequence))


def versions_from_api(body: Any) -> tuple[tuple[Version, ...], Optional[int], int]:
    """The current version and those ahead, the current sequence, the newest one: GET /app/<slug>."""
    stream = body.get("downstream") or {}
    now = stream.get("currentVersion")
    rows = ([now] if now else []) + list(stream.get("pendingVersions") or ())
    found = {one.sequence: one for one in map(_version, rows)}
    newest = max([int(body.get("currentSequence") or 0), *found])
    return tuple(found[number] for number in sorted(found)), _version(now).sequence if now else None, newest


def _version(data: Any) -> Version:
    """By the number of the app's own archive, by which its configuration is asked for and it is deployed."""
    number = data["sequence"] if data.get("parentSequence") is None else data["parentSequence"]
    return Version(int(number), str(data.get("versionLabel") or ""), str(data.get("status") or ""), str(data.get("source") or ""))


def items_from_api(body: Any, opened: Callable[[str], Optional[str]]) -> tuple[Item, ...]:
    """The items of GET /app/<slug>/config/<sequence>, in their order. `opened` gives what a sealed password holds, None where it cannot."""
    return tuple(_item(one, group, opened) for group in body["configGroups"] or () for one in group.get("items") or ())


def _item(data: Any, group: Any, opened: Callable[[str], Optional[str]]) -> Item:
    kind, value = str(data.get("type") or "text"), _text(data.get("value"))
    plain = opened(value) if kind == "password" else value
    rule = ((data.get("validation") or {}).get("regex")) or {}
    return Item(
        name=str(data["name"]),
        type=kind,
        title=str(data.get("title") or ""),
        group=str(group.get("name") or ""),
        value=Secret(value if plain is None else plain),
        default=Secret(_text(data.get("default"))),
        readable=plain is not None,
        required=bool(data.get("required")),
        hidden=bool(data.get("hidden")),
        read_only=bool(data.get("readonly")),
        asked="false" not in (str(data.get("when")).lower(), str(group.get("when")).lower()),
        repeatable=bool(data.get("repeatable")),
        choices=tuple(str(one["name"]) for one in data.get("items") or ()),
        pattern=str(rule.get("pattern") or ""),
        pattern_says=str(rule.get("message") or ""),
        filename=str(data.get("filename") or ""),
    )


def _text(value: Any) -> str:
    return "" if value is None else ("1" if value else "0") if isinstance(value, bool) else str(value)


def preflight_from_api(body: Any) -> Preflight:
    """What failed in GET /app/<slug>/sequence/<n>/preflight/result; its result is JSON in a text, empty where none ran."""
    told = body["preflightResult"] or {}
    found = json.loads(told.get("result") or "{}") or {}
    failed = [(str(one.get("title") or ""), str(one.get("message") or "")) for one in found.get("results") or () if one.get("isFail")]
    failed += [("a preflight could not be tried", str(one.get("error") or "")) for one in found.get("errors") or ()]  # unknown is not passed
    return Preflight(tuple(failed), bool(told.get("hasFailingStrictPreflights")))


# -- what runs -------------------------------------------------------------------------------------------------


def unready_of(workloads: Sequence[Any], pods: Sequence[Any]) -> tuple[str, ...]:
    """What of the app is not as ordered yet: workloads that still roll, and pods that should serve and do not."""
    rolling = [f"{one['kind']} {one['metadata']['name']}" for one in workloads if not _has_rolled(one)]
    waiting = [f"pod {one['metadata']['name']}" for one in pods if _should_serve(one) and not is_ready(one)]
    return tuple(sorted(rolling) + sorted(waiting))


def _should_serve(pod: Any) -> bool:
    return (pod.get("status") or {}).get("phase") != "Succeeded" and not pod["metadata"].get("deletionTimestamp")


def _has_rolled(workload: Any) -> bool:
    """The controller has seen the order, and every replica is of it and ready. Absent counters are zero (recorded)."""
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    wanted = 1 if spec.get("replicas") is None else int(spec["replicas"])
    seen = int(status.get("observedGeneration") or 0) >= int(workload["metadata"].get("generation") or 0)
    counts = [int(status.get(name) or 0) for name in ("updatedReplicas", "readyReplicas")]
    return seen and int(status.get("replicas") or 0) == wanted and min(counts) >= wanted


# -- for results -------------------------------------------------------------------------------------------------


def shown(item: Item, text: Optional[str] = None) -> str:
    """A value of the item (its own, where no other is given) as anybody may see it."""
    found = item.effective.reveal() if text is None else text
    return HIDDEN if item.is_secret and found else found


def version_view(one: Version) -> Json:
    """A version."""
    return {"sequence": one.sequence, "label": one.label, "status": one.status, "source": one.source}
