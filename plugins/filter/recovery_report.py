# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that makes the blocks of a report page from the journal of a recovery."""

from __future__ import annotations

DOCUMENTATION = r"""
name: recovery_report
short_description: The blocks of a report page, from the journal of a recovery
version_added: 0.1.0
description:
  - Turns the journal that the playbooks serverops.circleci.restore and serverops.circleci.recovery_drill write into the blocks of its report page.
  - The template of the role P(serverops.circleci.journal#role) sets them as a page. A template of your own may set them in another way.
  - Nothing in the result is escaped for HTML; the template has to do that.
positional: _input
options:
  _input:
    description: The journal, as a dictionary.
    type: dict
    required: true
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Say how a run went, from its journal
  ansible.builtin.debug:
    msg: "{{ (lookup('ansible.builtin.file', journal) | from_json | serverops.circleci.recovery_report).outcome.lead }}"
  vars:
    journal: serverops-journal/20261125T012832Z-restore.json
"""

RETURN = r"""
_value:
  description:
    - A dictionary with C(title), C(outcome) (tone, sign, word, lead), C(sections) and C(foot).
    - Each section has C(heading), C(level) and C(blocks); a block has a C(kind), one of V(figures), V(facts), V(orders) and V(table).
  type: dict
"""

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.serverops.circleci.plugins.plugin_utils.recovery_page import page_of


def recovery_report(journal: Any) -> dict[str, Any]:
    """The page for a journal; raises where it is none."""
    if not isinstance(journal, dict) or not {"phase", "kind", "wanted", "steps", "asked"} <= set(journal):
        raise AnsibleFilterError(
            "recovery_report wants the journal of a recovery, a dictionary with phase, kind, wanted and steps; give what the playbook wrote"
        )
    return page_of(journal)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"recovery_report": recovery_report}
