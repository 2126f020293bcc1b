# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find links that lead nowhere: in a built site, and between the Markdown files of the repository. Links to elsewhere are not followed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser loads by itself when it shows the page; `<a>` it only follows when it is told to.
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}
# Relations of <link> that only name a place.
NAMED = {"canonical", "next", "prev", "search", "index", "alternate"}


@dataclass
class Page(HTMLParser):
    """The anchors of a page, where it links to and what it loads."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        for name in ("href", "src"):
            if name in given:
                loaded = (tag, name) in LOADED and not NAMED & set(given.get("rel", "").split())
                (self.loads if loaded else self.links).append(given[name])


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def elsewhere(link: str) -> bool:
    parts = urlsplit(link)
    return bool(parts.scheme or parts.netloc)


def target(page: Path, link: str) -> tuple[Path, str]:
    """The file and the anchor in it that a link of this page means."""
    parts = urlsplit(link)
    path = page if not parts.path else page.parent / unquote(parts.path)
    return path.resolve(), unquote(parts.fragment)


def broken_in_site(site: Path) -> list[str]:
    pages = {path.resolve(): read(path) for path in sorted(site.rglob("*.html"))}
    found = [] if pages else [f"{site} holds no page"]
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        found += [f"{name} loads {link} from elsewhere" for link in page.loads if elsewhere(link) and not link.startswith("data:")]
        for link in (*page.links, *page.loads):
            place, anchor = target(path, link)
            if elsewhere(link):
                continue
            if not place.exists():
                found.append(f"{name}: {link} leads to no file")
            elif anchor and place in pages and anchor not in pages[place].anchors:
                found.append(f"{name}: {link} leads to no anchor")
    return found


def without_code(text: str) -> str:
    """Markdown without its blocks and spans of code, in which a bracket is a bracket."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S))


def anchors_of(text: str) -> set[str]:
    """The names that forges give to the headings: lower case, no punctuation, hyphens for spaces."""
    headings = re.findall(r"^#+ +(.+?) *$", re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_in_markdown(root: Path, names: list[str]) -> list[str]:
    found = []
    for name in names:
        for link in re.findall(r"\]\(([^)\s]+)\)", without_code((root / name).read_text(encoding="utf-8"))):
            place, anchor = target(root / name, link)
            if elsewhere(link):
                continue
            if not place.exists():
                found.append(f"{name}: {link} leads to no file")
            elif anchor and place.suffix == ".md" and anchor not in anchors_of(place.read_text(encoding="utf-8")):
                found.append(f"{name}: {link} leads to no heading")
    return found
