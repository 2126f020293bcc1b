# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of what the modules can do: check mode, diff, idempotence."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and predict the change without making it.
  diff_mode:
    description: Returns what is changed, or would be in check mode, as before and after.
  idempotent:
    description: Run again with the same options, it changes nothing.
  async:
    description: Can be run with C(async).
"""

    CHANGES = r"""
options: {}
attributes:
  check_mode:
    support: full
    details: The real decisions are folded in memory; builds are taken to end by themselves.
  diff_mode:
    support: full
  idempotent:
    support: full
  async:
    support: full
    details: Without progress lines, as one slice.
"""

    READS = r"""
options: {}
attributes:
  check_mode:
    support: full
    details: Never changes anything.
  diff_mode:
    support: N/A
    details: Never changes anything.
  idempotent:
    support: full
    details: Never changes anything.
  async:
    support: full
"""

    HOST = r"""
options: {}
attributes:
  action_group:
    description: Takes what is the same for all tasks from C(module_defaults) of the group.
    support: full
    membership: [serverops.circleci.host]
"""

    NOMAD = r"""
options: {}
attributes:
  action_group:
    description: Takes its connection from C(module_defaults) of the group.
    support: full
    membership: [serverops.circleci.nomad]
"""

    KUBERNETES = r"""
options: {}
attributes:
  action_group:
    description: Takes its connection from C(module_defaults) of the group.
    support: full
    membership: [serverops.circleci.kubernetes]
"""

    REPLICATED = r"""
options: {}
attributes:
  action_group:
    description: Takes its options from C(module_defaults) of the group.
    support: full
    membership: [serverops.circleci.replicated]
"""

    GCP = r"""
options: {}
attributes:
  action_group:
    description: Takes its connection from C(module_defaults) of the group.
    support: full
    membership: [serverops.circleci.gcp]
"""
