# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that makes the blocks of a report page from the journal of a drain."""

from __future__ import annotations

DOCUMENTATION = r"""
name: drain_report
short_description: The blocks of a report page, from the journal of a drain
version_added: 0.1.0
description:
  - Turns the journal that the role P(serverops.circleci.nomad_drain#role) writes into the blocks of its report page, as plain values.
  - The role's own template sets them as a page. A template of your own may set them in another way.
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
    msg: "{{ (lookup('ansible.builtin.file', journal) | from_json | serverops.circleci.drain_report).outcome.lead }}"
  vars:
    journal: serverops-journal/20261124T205907Z-drained.json
"""

RETURN = r"""
_value:
  description:
    - A dictionary with C(title), C(outcome) (tone, sign, word, lead), C(sections) and C(foot).
    - Each section has C(heading), C(level) and C(blocks); a block has a C(kind), one of V(text), V(figures), V(facts), V(orders), V(table) and V(chart).
  type: dict
"""

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.serverops.circleci.plugins.plugin_utils.report_page import page_of


def drain_report(journal: Any) -> dict[str, Any]:
    """The page for a journal; raises where it is none."""
    if not isinstance(journal, dict) or not {"phase", "wanted", "nodes", "asked"} <= set(journal):
        raise AnsibleFilterError("drain_report wants the journal of a drain, a dictionary with phase, wanted, asked and nodes; give what the role wrote")
    return page_of(journal)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"drain_report": drain_report}
