"""What a claim's volume holds: named records, each with the checksum that it had when the workload wrote it."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import hashlib
import random
from dataclasses import dataclass, field
from typing import Any

from lab.kubernetes.state import State

Claim = tuple[str, str]  # namespace, name of the PersistentVolumeClaim


def checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Volume:
    """Files by path. `sums` is what the workload knows them to be; a copy carries the files, and says nothing of sums that nobody wrote."""

    records: dict[str, bytes] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)

    def write(self, path: str, content: bytes) -> None:
        """As the workload writes: content and its checksum."""
        self.records[path] = content
        self.sums[path] = checksum(content)

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(map(len, self.records.values()))

    def problems(self) -> list[str]:
        """What the workload finds wrong with its own data."""
        missing = [f"{path} is missing" for path in sorted(set(self.sums) - set(self.records))]
        damaged = [f"{path} is damaged" for path, content in sorted(self.records.items()) if path in self.sums and checksum(content) != self.sums[path]]
        foreign = [f"{path} has no checksum" for path in sorted(set(self.records) - set(self.sums))]
        return missing + damaged + foreign

    def empty(self) -> None:
        """Somebody wiped the files; the workload still knows what there should be."""
        self.records.clear()

    def damage(self, path: str = "") -> str:
        """One byte of a record (the first, if none is named) is another now. Returns its path."""
        path = path or min(name for name, content in self.records.items() if content)
        content = bytearray(self.records[path])
        content[len(content) // 2] ^= 0xFF
        self.records[path] = bytes(content)
        return path

    def copy(self) -> "Volume":
        """As a file system backup carries it: the checksums lie beside the files."""
        return Volume(dict(self.records), dict(self.sums))


def volumes_of(state: State) -> dict[Claim, Volume]:
    """All volumes of a state, by namespace and claim."""
    if getattr(state, "volumes", None) is None:
        state.volumes = {}  # type: ignore[attr-defined]
    found: dict[Claim, Volume] = state.volumes  # type: ignore[attr-defined]
    return found


def filled(names: list[str], size: int, seed: str) -> Volume:
    """A volume with such records of about `size` bytes; the same seed gives the same bytes."""
    made = Volume()
    chance = random.Random(seed)
    for name in names:
        made.write(name, chance.randbytes(chance.randint(max(1, size // 2), size)))
    return made


def compare(before: dict[Claim, Volume], after: dict[Claim, Volume]) -> list[str]:
    """What a restore did not bring back as it was: claims, records, contents."""
    found: list[str] = []
    for claim, was in sorted(before.items()):
        now = after.get(claim)
        if now is None:
            found.append(f"{claim[0]}/{claim[1]} is gone")
            continue
        for path, content in sorted(was.records.items()):
            if path not in now.records:
                found.append(f"{claim[0]}/{claim[1]}: {path} is missing")
            elif now.records[path] != content:
                found.append(f"{claim[0]}/{claim[1]}: {path} differs")
        found += [f"{claim[0]}/{claim[1]}: {path} was not there before" for path in sorted(set(now.records) - set(was.records))]
    return found


def snapshot(state: State) -> dict[Claim, Volume]:
    """A copy of all volumes, to compare with later."""
    return {claim: volume.copy() for claim, volume in volumes_of(state).items()}


def claims_of(pod: dict[str, Any]) -> dict[str, str]:
    """The pod's volumes that are claims: the volume's name in the pod -> the claim's name."""
    found = {one["name"]: one.get("persistentVolumeClaim", {}).get("claimName", "") for one in pod["spec"].get("volumes") or ()}
    return {name: claim for name, claim in found.items() if claim}
