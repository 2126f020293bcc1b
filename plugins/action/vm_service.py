# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live progress for the module of the same name."""

from __future__ import annotations

from ansible_collections.serverops.circleci.plugins.plugin_utils.slices import SlicedAction


class ActionModule(SlicedAction):
    """Runs the module in slices and prints a line when a machine ends."""

    LABEL = "vms"
