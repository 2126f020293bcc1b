# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration target of what judges policies, through ansible-playbook: it asks nobody."""

from __future__ import annotations

from pathlib import Path

from integration.playing import play_target


def test_policies_are_given_and_judged(tmp_path: Path) -> None:
    played = play_target("iam_policy_info", {}, tmp_path)
    assert played.code == 0, played.output
