# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation whose app has configuration keys of every type, for the tests of kots_config and kots_config_info."""

from __future__ import annotations

from unit.laws.kots_world import Installation

from lab.kots.model import Item

CANARY = "c4a1f0de-a-password-nobody-reads"
ITEMS = (
    Item("domain", title="Domain", required=True),
    Item("workers", default="4", pattern="^[0-9]+$", says="a number"),
    Item("secret", type="password"),
    Item("autoscale", type="bool", default="0"),
    Item("autoscale_max", title="Most clients", required=True, when="autoscale"),
    Item("provider", type="select_one", default="none", choices=("none", "aws", "gcp")),
    Item("nomad_server_key", type="textarea"),
    Item("ca", type="file"),
    Item("notes", type="textarea"),
    Item("words", type="label"),
    Item("generated", read_only=True, default="made-up"),
    Item("hosts", repeatable=True),
)


def keyed(kots: str = "1.124.18", labels: tuple[str, ...] = ("3.4.0",)) -> Installation:
    """The first of the labels is deployed, the others wait."""
    made = Installation(kots=kots)
    made.app = made.console.add_app(labels=labels, items=ITEMS)
    return made.settle_in()
