# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first page of the site, and what is cut from generated ones."""

from __future__ import annotations

import pytest
from docs_site import index, without_contents


def test_the_side_bar_has_the_guides_in_the_order_of_the_table() -> None:
    page = index("# Guides\n\n[B](b.md) and [A](a.md)\n", ["a", "b"])
    assert page.startswith("# Guides\n\n[B](b.md) and [A](a.md)\n")
    assert page.endswith("```{toctree}\n:hidden:\n\nb\na\nreference/index\n```\n")


def test_a_guide_that_the_table_does_not_name_is_refused() -> None:
    with pytest.raises(SystemExit, match="docs/README.md does not name lonely"):
        index("[A](a.md)", ["a", "lonely"])


def test_a_list_of_contents_is_cut_and_nothing_else() -> None:
    page = "Title\n=====\n\n.. contents::\n   :local:\n   :depth: 1\n\n.. _label:\n\nText\n   indented\n"
    assert without_contents(page) == "Title\n=====\n\n\n.. _label:\n\nText\n   indented\n"
