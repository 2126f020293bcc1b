# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links that lead nowhere are found, and only those."""

from __future__ import annotations

from pathlib import Path

import pytest
from links import broken_in_markdown, broken_in_site

GOOD = '<a href="other.html#there">x</a><a href="#here" id="here">x</a><a href="https://example.org/">x</a><link rel="next" href="https://example.org/2">'


def site(folder: Path, body: str) -> Path:
    (folder / "sub").mkdir()
    (folder / "index.html").write_text(f"<html><body>{body}</body></html>")
    (folder / "other.html").write_text('<p id="there">x</p><a href="index.html">back</a>')
    (folder / "sub/deep.html").write_text('<a href="../index.html">up</a>')
    return folder


def test_a_whole_site_has_nothing_broken(tmp_path: Path) -> None:
    assert broken_in_site(site(tmp_path, GOOD)) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('<a href="gone.html">x</a>', "index.html: gone.html leads to no file"),
        ('<a href="other.html#gone">x</a>', "index.html: other.html#gone leads to no anchor"),
        ('<a href="#gone">x</a>', "index.html: #gone leads to no anchor"),
        ('<img src="gone.png">', "index.html: gone.png leads to no file"),
        ('<script src="https://example.org/x.js"></script>', "index.html loads https://example.org/x.js from elsewhere"),
        ('<link rel="stylesheet" href="//example.org/x.css">', "index.html loads //example.org/x.css from elsewhere"),
    ],
)
def test_what_is_broken_is_told(tmp_path: Path, body: str, told: str) -> None:
    assert broken_in_site(site(tmp_path, GOOD + body)) == [told]


def test_an_empty_site_is_none(tmp_path: Path) -> None:
    assert broken_in_site(tmp_path) == [f"{tmp_path} holds no page"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[x](b.md) [x](b.md#two-words-and-v12) [x](https://example.org) `[x](gone.md)`\n```\n[x](gone.md)\n```\n", []),
        ("[x](gone.md)", ["a.md: gone.md leads to no file"]),
        ("[x](b.md#three)", ["a.md: b.md#three leads to no heading"]),
        ("# Here\n[x](#here) [x](#there)", ["a.md: #there leads to no heading"]),
    ],
)
def test_links_between_the_files_of_the_repository(tmp_path: Path, text: str, told: list[str]) -> None:
    (tmp_path / "a.md").write_text(text)
    (tmp_path / "b.md").write_text("# One\n\n## Two words, and `v1.2`\n\n```sh\n# three\n```\n")
    assert broken_in_markdown(tmp_path, ["a.md", "b.md"]) == told
