# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which items of a live host are meant by names, and what they are to hold."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.config_model import (
    ConfigSpec,
    File,
    differing,
    find_item,
    wanted_items,
    with_items,
    wrapped,
)
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.model import Held, Item

ITEMS = (
    Item("hostname", "Hostname", "general", "General", "text", held=Held(Secret("old.example.com"))),
    Item("clustered", "Clustering", "general", "General", "bool", default="0"),
    Item("kind", "", "github", "GitHub", "select_one", default="public", options=(("public", "GitHub.com"), ("own", "Enterprise"))),
    Item("cw_on", "Enabled", "cloudwatch_metrics", "AWS CloudWatch Metrics", "bool"),
    Item("dd_on", "Enabled", "datadog_metrics", "Datadog Metrics", "bool"),
    Item("dd_key", "API Key", "datadog_metrics", "Datadog Metrics", "password", held=Held(Secret("the-old-key"))),
    Item("ssl_cert", "SSL Certificate", "privacy", "Privacy", "file", held=Held(Secret("c.pem"), wrapped(b"old"))),
    Item("extra", "Others", "privacy", "Privacy", "file", multiple=True),
    Item("strange"),
)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("hostname", "hostname"),
        ("Hostname", "hostname"),
        ("hostname ", "hostname"),
        ("General/hostname", "hostname"),
        ("datadog_metrics/enabled", "dd_on"),
        ("AWS CloudWatch Metrics/Enabled", "cw_on"),
        ("strange", "strange"),
    ],
)
def test_items_by_key_or_title(name: str, key: str) -> None:
    assert find_item(ITEMS, name).name == key


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hostnam", "near it are hostname"),
        ("SSL Certificat", "near it are ssl_cert"),
        ("zzzz", "replicated_config_info lists"),
        ("Enabled", r"several items: cw_on \(AWS CloudWatch Metrics/Enabled\), dd_on"),
        ("", "no item ''"),
    ],
)
def test_what_is_none_or_several_is_refused(name: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        find_item(ITEMS, name)


def held(value: str) -> Held:
    return Held(Secret(value))


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"hostname": "x"}, {"hostname": held("x")}),
        ({"hostname": 8800}, {"hostname": held("8800")}),
        ({"hostname": None}, {"hostname": Held()}),
        ({"clustered": True}, {"clustered": held("1")}),
        ({"Clustering": "no"}, {"clustered": held("0")}),
        ({"kind": "own"}, {"kind": held("own")}),
        ({"kind": "enterprise"}, {"kind": held("own")}),
    ],
)
def test_values_as_the_settings_hold_them(settings: dict[str, Any], found: dict[str, Held]) -> None:
    assert wanted_items(ConfigSpec(settings), ITEMS) == found


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (ConfigSpec({"clustered": "maybe"}), "is a switch; give true or false"),
        (ConfigSpec({"kind": "other"}), "the choices are public, own"),
        (ConfigSpec({"hostname": ["a", "b"]}), "takes one value"),
        (ConfigSpec({"dd_key": "open"}), "is a password item; give it in secrets"),
        (ConfigSpec({"ssl_cert": "c.pem"}), "is a file item; give it in files"),
        (ConfigSpec({"strange": "x"}), "is a hidden item; give it in secrets"),
        (ConfigSpec({"hostname": "a", "General/Hostname": "b"}), "given twice"),
        (ConfigSpec(secrets={"ssl_cert": Secret("x")}), "is a file item; give it in files"),
        (ConfigSpec(files=(File("hostname", Secret("")),)), "takes no file"),
        (ConfigSpec(files=(File("ssl_cert", Secret("")), File("SSL Certificate", Secret("")))), "given twice"),
    ],
)
def test_what_an_item_cannot_hold_is_refused_without_the_secret(spec: ConfigSpec, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        wanted_items(spec, ITEMS)


def test_only_what_differs_is_due() -> None:
    settings = {"hostname": "old.example.com", "clustered": False, "kind": "GitHub.com"}
    same = ConfigSpec(settings, {"dd_key": Secret("the-old-key")}, (File("ssl_cert", wrapped(b"old")),))
    assert differing(same, ITEMS) == ()
    other = ConfigSpec({"hostname": "new", "clustered": True}, {"dd_key": Secret("the-new-key")}, (File("ssl_cert", wrapped(b"new")),))
    due = differing(other, ITEMS)
    assert [name for name, _held in due] == ["clustered", "dd_key", "hostname", "ssl_cert"]
    assert dict(due)["ssl_cert"] == Held(Secret("c.pem"), wrapped(b"new")), "it keeps its name"
    assert "the-new-key" not in repr(due)
    assert differing(other, with_items(ITEMS, due)) == ()


def test_files_get_a_name_and_several_of_one_item_come_together() -> None:
    spec = ConfigSpec(files=(File("ssl_cert", wrapped(b"old"), "other.pem"), File("extra", wrapped(b"1"), "a"), File("extra", wrapped(b"2"))))
    assert dict(differing(spec, ITEMS)) == {
        "ssl_cert": Held(Secret("other.pem"), wrapped(b"old")),
        "extra": Held(values=(Secret("a"), Secret("extra-2")), datas=(wrapped(b"1"), wrapped(b"2"))),
    }
    fresh = tuple(Item(item.name, item.title, type=item.type, multiple=item.multiple) for item in ITEMS)
    assert dict(differing(ConfigSpec(files=(File("ssl_cert", wrapped(b"x")),)), fresh)) == {"ssl_cert": Held(Secret("ssl_cert.pem"), wrapped(b"x"))}
