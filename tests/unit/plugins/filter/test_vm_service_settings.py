# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter of the VM service's settings: it gives what settings.py makes, and a wish that is none is one sentence of Ansible's."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.serverops.circleci.plugins.filter.vm_service_settings import FilterModule
from ansible_collections.serverops.circleci.plugins.module_utils.vms.settings import settings_of

ITEMS: list[dict[str, Any]] = [{"name": "b1", "title": "AWS Region", "group": "vm_service", "type": "text", "secret": False}]


def test_it_gives_the_settings() -> None:
    used = FilterModule().filters()["vm_service_settings"]
    wanted = {"region": "x"}
    assert used(ITEMS, "3.x", wanted) == settings_of(ITEMS, "3.x", wanted, {}) == {"plain": {"b1": "x"}, "secret": {}}


def test_a_wish_that_is_none_is_one_sentence() -> None:
    used = FilterModule().filters()["vm_service_settings"]
    with pytest.raises(AnsibleFilterError, match="vm_service_settings: wanted has nonsense"):
        used(ITEMS, "3.x", {"nonsense": 1})
    with pytest.raises(AnsibleFilterError, match="no key 'b9'"):
        used(ITEMS, "3.x", {"region": "x"}, {"region": "b9"})
