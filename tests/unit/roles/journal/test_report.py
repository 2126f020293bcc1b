# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's template: valid HTML that loads nothing, escapes everything, can be read by all, and stays small."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest
from ansible_collections.serverops.circleci.plugins.plugin_utils.report_page import page_of
from jinja2 import Environment, FileSystemLoader, StrictUndefined, nodes
from unit.plugins.plugin_utils.journals import build, journal, named, node, wanted

TEMPLATES = Path(__file__).resolve().parents[4] / "roles/journal/templates"
ENVIRONMENT = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=False, trim_blocks=True, undefined=StrictUndefined)
TEXT = (TEMPLATES / "report.html.j2").read_text()
EVIL = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>\" ' onload=alert(1) {{ 7*7 }}"
KINDS = {
    "drained": journal(node(), node("c2")),
    "unfinished": journal(node(), node("c2", "unfinished", running=[named()], builds=[build(until=None, end=None)]), phase="failed", message="too late"),
    "killed and lost": journal(
        node(verdict="killed", killed=[named()], builds=[build(end="killed")]),
        node("c2", "lost", lost=[named("b2")], history=[{"t": 0.0, "is": "down"}], builds=[build(end="lost")]),
        phase="failed",
        message="c1: 1 build killed by a drain",
    ),
    "refused": journal(phase="failed", message="nodes holds 'c9', but no such client exists"),
    "begun": journal(phase="begun"),
    "check mode": journal(node(), check_mode=True),
    "released": journal(node(verdict="eligible"), wish=wanted(state="eligible"), undo=""),
}


def page(given: dict[str, Any]) -> str:
    return ENVIRONMENT.get_template("report.html.j2").render(journal_page=page_of(given))


def parsed(text: str) -> Element:
    """The page as an HTML parser sees it; raises at the first thing that is not valid syntax."""
    tree: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    return tree


def tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def all_of(tree: Element, *names: str) -> list[Element]:
    return [element for element in tree.iter() if tag(element) in names]


def spoilt(value: Any) -> Any:
    """The same journal with a hostile text for everything that comes from outside."""
    if isinstance(value, dict):
        fixed = ("phase", "verdict", "state", "is", "end", "step")
        return {key: entry if key in fixed else spoilt(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [spoilt(entry) for entry in value]
    return EVIL if isinstance(value, str) else value


every_kind = pytest.mark.parametrize("given", KINDS.values(), ids=KINDS)


@every_kind
def test_the_page_is_valid_html_also_with_hostile_texts(given: dict[str, Any]) -> None:
    assert tag(parsed(page(given))) == tag(parsed(page(spoilt(given)))) == "html"


@every_kind
def test_nothing_from_outside_becomes_an_element_or_an_attribute(given: dict[str, Any]) -> None:
    plain, evil = parsed(page(given)), parsed(page(spoilt(given)))
    assert all_of(evil, "script", "img", "iframe", "object") == []
    assert [name for element in evil.iter() for name in element.attrib if name.startswith("on")] == []
    assert {tag(element) for element in evil.iter()} - {tag(element) for element in plain.iter()} <= {"small"}
    assert "alert(1)" in "".join(evil.itertext()), "it is shown as the text it is"


def test_every_value_that_the_template_puts_out_is_escaped() -> None:
    macros = {macro.name for macro in ENVIRONMENT.parse(TEXT).find_all(nodes.Macro)}
    outputs = [child for output in ENVIRONMENT.parse(TEXT).find_all(nodes.Output) for child in output.nodes if not isinstance(child, nodes.TemplateData)]
    assert len(outputs) > 50
    raw = [child for child in outputs if not (isinstance(child, nodes.Filter) and child.name == "e")]
    assert {child.node.name for child in raw if isinstance(child, nodes.Call)} == macros, "only macros are put out as they are, and each is"
    assert all(isinstance(child, nodes.Call) for child in raw)


@every_kind
def test_nothing_is_loaded_from_anywhere_and_no_script_runs(given: dict[str, Any]) -> None:
    tree = parsed(page(given))
    assert all_of(tree, "script") == []
    assert [element.attrib for element in all_of(tree, "link")] == [{"rel": "icon", "href": "data:,"}]
    assert [element for element in tree.iter() for name in element.attrib if name in ("src", "href", "srcset", "data") and tag(element) != "link"] == []
    policy = next(element.attrib["content"] for element in all_of(tree, "meta") if element.attrib.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'") and "script" not in policy
    style = "".join("".join(element.itertext()) for element in all_of(tree, "style"))
    assert "@import" not in style and set(re.findall(r"url\(([^)]*)\)", style)) == {"#slant", "#cross", "#dots"}


@every_kind
def test_headings_are_in_order_and_the_language_is_told(given: dict[str, Any]) -> None:
    tree = parsed(page(given))
    assert tree.attrib["lang"] == "en"
    levels = [int(tag(element)[1]) for element in all_of(tree, "h1", "h2", "h3")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in zip(levels, levels[1:]))
    assert len(all_of(tree, "main")) == len(all_of(tree, "header")) == len(all_of(tree, "footer")) == 1


@every_kind
def test_tables_have_captions_and_scoped_headers(given: dict[str, Any]) -> None:
    for table in all_of(parsed(page(given)), "table"):
        assert "".join(all_of(table, "caption")[0].itertext()).strip()
        assert {element.attrib["scope"] for element in all_of(table, "th")} == {"col", "row"}
        widths = {len(all_of(row, "th", "td")) for row in all_of(table, "tr")}
        assert len(widths) == 1


@every_kind
def test_every_picture_has_a_title_and_a_description_or_is_hidden_and_ids_are_unique(given: dict[str, Any]) -> None:
    tree = parsed(page(given))
    texts = {element.attrib["id"]: "".join(element.itertext()).strip() for element in tree.iter() if "id" in element.attrib}
    assert len(texts) == len([element for element in tree.iter() if "id" in element.attrib])
    hidden = {id(one) for element in tree.iter() if element.attrib.get("aria-hidden") == "true" for one in element.iter()}
    for picture in all_of(tree, "svg"):
        names = picture.attrib.get("aria-labelledby", "").split()
        assert id(picture) in hidden or (picture.attrib["role"] == "img" and len(names) == 2 and all(texts[name] for name in names))


def test_a_build_s_end_is_told_by_word_and_pattern_and_not_by_colour_alone() -> None:
    text = page(KINDS["killed and lost"])
    assert "killed by a drain at" in text and "lost with its client at" in text
    assert re.search(r"rect\.killed, rect\.lost \{ fill: url\(#cross\)", text)


def colours() -> dict[str, dict[str, str]]:
    """The variables of both schemes; the dark one changes all that the light one names."""
    light, dark = re.findall(r":root \{(.*?)\}", TEXT, re.S)[:2]
    return {name: dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for name, block in (("light", light), ("dark", dark))}


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


TEXTS = [("ink", "paper"), ("ink", "raised"), ("soft", "paper"), ("soft", "raised"), ("ink", "plain-bed"), ("bad", "raised"), ("warn", "raised")]
TEXTS += [(tone, f"{tone}-bed") for tone in ("good", "bad", "warn")]
SHAPES = [(name, "paper") for name in ("shade", "finished", "running", "struck", "off")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough_for_texts_and_shapes_in_both_schemes(scheme: str) -> None:
    found = colours()[scheme]
    assert set(found) == set(colours()["light"])
    assert {pair: contrast(found[pair[0]], found[pair[1]]) for pair in TEXTS if contrast(found[pair[0]], found[pair[1]]) < 4.5} == {}
    assert {pair: contrast(found[pair[0]], found[pair[1]]) for pair in SHAPES if contrast(found[pair[0]], found[pair[1]]) < 3.0} == {}


def test_contrast_is_measured_as_the_guidelines_do() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_a_hundred_clients_with_long_names_make_a_page_of_less_than_a_megabyte_summary_first() -> None:
    builds = [build(f"a-project-with-a-name-that-does-not-end/{number}") for number in range(4)]
    given = journal(*(node(f"client-{number}-" + "x" * 200, builds=builds) for number in range(100)))
    text = page(given)
    assert len(text.encode()) < 1_000_000
    assert text.index("At a glance") < text.index("What to do next") < text.index("Verdicts") < text.index("Timeline")
    assert len(all_of(parsed(text), "desc")) == 500, "a row for each client and each build"
