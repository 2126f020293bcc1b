"""Amounts as Kubernetes writes them: 250m processors, 512Mi of memory."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import re
from typing import Any

UNITS = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
UNITS |= {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}


def amount(text: Any) -> float:
    """Raises ValueError for what is none."""
    found = re.fullmatch(r"\s*([0-9.]+)(n|u|m|k|M|G|T|Ki|Mi|Gi|Ti)?\s*", str(text))
    if found is None:
        raise ValueError(f"{text!r} is no amount")
    return float(found[1]) * UNITS[found[2] or ""]


def requested(spec: dict[str, Any]) -> dict[str, float]:
    """What a pod asks for: its containers together, or the largest init container if that is more."""

    def of(one: dict[str, Any], name: str) -> float:
        resources = one.get("resources") or {}
        return amount((resources.get("requests") or resources.get("limits") or {}).get(name, 0))

    return {
        name: max(sum(of(one, name) for one in spec.get("containers") or ()), *(of(one, name) for one in spec.get("initContainers") or ()), 0.0)
        for name in ("cpu", "memory")
    }
