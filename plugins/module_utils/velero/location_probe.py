# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The object by which a backup storage location is tried out: its name, and which of an earlier run's may go. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

# An object and no folder: Velero takes a location with a folder that is not its own for invalid (IsValid of its object store layout).
STEM = "serverops-probe-"
NAME = re.compile(STEM + r"(?P<began>\d{9,11})-[0-9a-f]{32}$")
# A check that runs elsewhere is over by then: five calls, each three times ten seconds at most.
OLD = 300.0  # s


@dataclass(frozen=True)
class ProbeSpec:
    """Which location is to be tried out."""

    namespace: str = "velero"
    location: str = "default"


def probe_spec(params: Mapping[str, Any]) -> ProbeSpec:
    """The wish from the module's parameters; raises BadInput with the first option that cannot be."""
    spec = spec_from_params(ProbeSpec, params)
    for name, value in (("namespace", spec.namespace), ("location", spec.location)):
        if not value.strip():
            raise BadInput(f"{name} is empty; give the name of the {'namespace of Velero' if name == 'namespace' else 'backup storage location'}")
    return spec


def probe_name(began: float, run: str) -> str:
    """The object's own name: when the run began (epoch seconds) and its id."""
    return f"{STEM}{int(began):09d}-{run.replace('-', '')}"


def leftovers(keys: Iterable[str], now: float) -> list[str]:
    """Which of the objects are a probe whose run cannot be at work any more."""
    found = {key: NAME.search(key) for key in keys}
    return sorted(key for key, match in found.items() if match and now - float(match["began"]) > OLD)


def is_read_only(location: Mapping[str, Any]) -> bool:
    """Velero never writes there."""
    return str((location.get("spec") or {}).get("accessMode") or "") == "ReadOnly"


def plan(swept: Iterable[str], read_only: bool) -> list[Json]:
    """The steps that write or follow a write, in order."""
    if read_only:
        return []
    return [*({"step": "sweep", "object": key} for key in swept), {"step": "write"}, {"step": "read"}, {"step": "delete"}]
