# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions in a restore, as data: which releases of the server follow on each other, and which Velero reads which files of volumes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import version_numbers

RELEASES = ((3, 0), (3, 1), (3, 2), (3, 3), (3, 4))  # none is to be left out in an upgrade (the vendor's guide)
LAST_RESTIC = (1, 18)  # Velero up to it can read what restic wrote; 1.19 cannot
FIRST_KOPIA = (1, 10)
LEAST_SERVER = (3, 1, 0)


def steps_between(old: str, new: str) -> Optional[list[str]]:
    """The releases from one to the other, both included, in the order of an upgrade; None where one of them is not known."""
    ends = [version_numbers(old), version_numbers(new)]
    if any(one is None or one[:2] not in RELEASES for one in ends):
        return None
    low, high = sorted(RELEASES.index(one[:2]) for one in ends if one)
    return [".".join(map(str, one)) for one in RELEASES[low : high + 1]]


def version_trouble(held: str, wanted: str) -> str:
    """Why a backup of `held` does not fit data and clients of `wanted`; empty where it does, or where nothing is known."""
    held_at, wanted_at, path = version_numbers(held), version_numbers(wanted), steps_between(held, wanted)
    if held_at is None or wanted_at is None:
        return ""
    if held_at > wanted_at:
        return f"the backup holds server {held}, newer than {wanted}, which is here: upgrade first ({_path(path, wanted, held)}), then restore"
    if path is None or len(path) > 2:
        return (
            f"the backup holds server {held}, more than one release older than {wanted}, which is here; "
            f"after the restore the way up is {_path(path, held, wanted)}, one release at a time"
        )
    return ""


def uploader_trouble(uploaders: Iterable[str], velero: str) -> str:
    """Why this Velero cannot read the files of the volumes; empty where it can, or its version is not known."""
    here = version_numbers(velero)
    if here is None:
        return ""
    used = set(uploaders)
    if "restic" in used and here[:2] > LAST_RESTIC:
        return f"its volumes were written by restic, which Velero {velero} cannot read any more; install Velero 1.18 or older (velero_install)"
    if "kopia" in used and here[:2] < FIRST_KOPIA:
        return f"its volumes were written by kopia, which Velero {velero} cannot read yet; install Velero 1.10 or newer (velero_install)"
    return ""


def _path(path: Optional[list[str]], old: str, new: str) -> str:
    return " -> ".join(path or [old, "...", new])
