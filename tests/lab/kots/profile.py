"""What differs between versions of the console. Only 1.124.18 was recorded; the other stands for the time of 1.40 and is unproven."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """One version of kotsadm."""

    version: str
    proven: bool = True
    selectors: bool = True  # a backup chooses by orLabelSelectors (from 1.109.0), before by one labelSelector
    versions_noted: bool = True  # annotation kots.io/apps-versions (from 1.108.12)
    parts: bool = True  # GET /snapshots counts the parts of a backup
    builds_on: bool = True  # a change of the configuration may name its base (from 1.108.0); before it is always the newest
    month: str = "months"  # the unit that GET /snapshot/config invents; "month" is not taken back


PROFILES = {
    one.version: one
    for one in (
        Profile("1.40.0", proven=False, selectors=False, versions_noted=False, parts=False, builds_on=False, month="month"),
        Profile("1.124.18"),
    )
}
