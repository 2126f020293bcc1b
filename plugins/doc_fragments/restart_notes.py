# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the option of modules that leave a note where a restart is due; module_utils/host/options.py holds it."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  restart_notes:
    description:
      - Folder of the notes that say what waits for a restart. Nothing is restarted by this module.
    type: path
    default: /var/lib/serverops/pending-restart.d
"""
