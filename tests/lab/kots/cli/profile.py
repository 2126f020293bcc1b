"""What differs between versions of the program kots. 1.65.0 was not recorded: it follows what is known of when things came, and is unproven."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """One version of the program."""

    version: str
    proven: bool = True
    json: bool = True  # `-o json` of backup, restore and upstream upgrade (from 1.50.0), and of version
    resources: bool = True  # `get` has a command for each resource (from 1.59.0); before, one for all, without flags of their own
    versions: bool = True  # `get versions` (from 1.61.0)
    current: bool = True  # `--current`, `--sequence` of `set config` (from 1.108.0)
    guides: bool = True  # velero configure-*: no Velero: instructions and exit 0 (from 1.94.0)
    old: bool = False  # spinners, other words for errors, ten seconds of patience with a dead port, restore ls of all namespaces


PROFILES = {
    one.version: one
    for one in (
        Profile("1.40.0", json=False, resources=False, versions=False, current=False, guides=False, old=True),
        Profile("1.65.0", proven=False, current=False, guides=False),
        Profile("1.124.18"),
    )
}
