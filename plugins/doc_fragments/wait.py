# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that every waiting module has; module_utils/door.py holds them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to wait for the end. With V(false) what is due now is done once, and what has not ended is no failure.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait at most. The task then fails, says what was done and what is left, and undoes nothing;
        running the same task again goes on.
    type: float
    default: 18000.0
"""

    NOTHING = r"""
options:
  wait:
    description:
      - Taken as by the other modules, so that one default may serve all. This module waits for nothing but its own steps, so V(false) ends like V(true).
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds that the task may take at most. It then fails, says what was done and what is left, and undoes nothing;
        running the same task again goes on.
    type: float
    default: 18000.0
"""
