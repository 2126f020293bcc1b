# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of variables: one effective value, comments and order kept, nothing guessed."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.host.assignments import (
    ENVIRONMENT,
    EXPORTS,
    checked_name,
    entries,
    is_plain,
    remarks,
    variables,
    with_entries,
    with_variables,
)
from ansible_collections.serverops.circleci.plugins.module_utils.host.shell import statements, value_of
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.module_utils.host import readers

WANTED = {"A": "new"}
NAMES = st.sampled_from(["A", "B", "C_1", "HTTP_PROXY"])
VALUES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\r\n"), max_size=30)
# Lines such as people write; each a whole statement.
LINES = st.sampled_from(
    [
        "# a comment with ' and \"",
        "",
        "  ",
        "export A=1",
        "A=1",
        "export A='x y' B=2 # both",
        'export B="a\\"b\\$c"',
        "export A=`id`",
        'export C_1="$A:$B"',
        "export A",
        "A=1 B=2",
        'export A="over\ntwo lines"',
        "C_1=a\\ b",
        "export HTTP_PROXY=10.0.0.33:3128",
    ]
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'export A="new"\n'),
        ("# c\n", '# c\nexport A="new"\n'),
        ("# no line end", '# no line end\nexport A="new"\n'),
        ("export A=old\nB=1\n", 'export A="new"\nB=1\n'),
        ("A=new\n", 'export A="new"\n'),
        ("export A=new\n", "export A=new\n"),
        ("export A='new' # why\n", "export A='new' # why\n"),
        ("export A=old # why\n", 'export A="new" # why\n'),
        ("export A=1\nexport B=2\nexport A=2\n", 'export B=2\nexport A="new"\n'),
        ("export A=1 # first\nexport A=2\n", '# first\nexport A="new"\n'),
        ("export A=1 B=2\n", 'export B=2\nexport A="new"\n'),
        ("A=1\nexport A\n", 'export A="new"\n'),
        ("export A=old\r\nexport B=2\r\n", 'export A="new"\nexport B=2\n'),
        ('export A="new\r"\n', 'export A="new"\n'),
        ('export A="over\ntwo"\nB=1\n', 'export A="new"\nB=1\n'),
        ("export A=$B\n", 'export A="new"\n'),
        ("export AA=1\necho AA\n", 'export AA=1\necho AA\nexport A="new"\n'),
    ],
)
def test_one_value_afterwards(before: str, after: str) -> None:
    assert with_variables(before, WANTED, EXPORTS) == after
    assert with_variables(after, WANTED, EXPORTS) == after
    assert variables(after)["A"] == "new"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("export A=1\n", ""),
        ("export A=1 # why\n", "# why\n"),
        ("B=1\nexport A=1 C=3\nA=2\n", "B=1\nexport C=3\n"),
        ("B=1", "B=1"),
    ],
)
def test_a_variable_is_taken_away(before: str, after: str) -> None:
    assert with_variables(before, {"A": None}, EXPORTS) == after


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("if true; then export A=1; fi\n", "line 1 is more than an assignment and names A"),
        ("# c\nunset A\n", "line 2"),
        ("export A=1; export B=2\n", "line 1"),
        ("export -n A\n", "line 1"),
        ('x\nexport B="open\n', "line 2 opens a quote"),
        ("(cat <<'EOF'\nA=1\n", "here-document"),
        ("B=1\\", "ends with a backslash"),
        ("B=1\\\n", "ends with a backslash"),
    ],
)
def test_what_could_mean_two_things_is_refused(text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        with_variables(text, WANTED, EXPORTS)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("x", "x"),
        ("'a b'", "a b"),
        ('"a\\"b"', 'a"b'),
        ("a'b'\"c\"\\ d", "ab" + "c d"),
        ('"$"', "$"),
        ('"\\$x"', "$x"),
        ('"\\\\$x"', None),
        ('"\\n"', "\\n"),
        ("$x", None),
        ('"$(id)"', None),
        ("`id`", None),
        ('"\\`id\\`"', "`id`"),
        ("*", None),
        ("~/x", None),
        ("'*~$x'", "*~$x"),
        ("", ""),
    ],
)
def test_the_value_of_a_word(raw: str, value: str | None) -> None:
    assert value_of(raw) == value


@pytest.mark.parametrize("value", ["a#b", "it's", 'a"b', "$x", "a\\b", "a\nb", "x" * 1000])
def test_environment_refuses_what_its_readers_take_differently(value: str) -> None:
    with pytest.raises(BadInput) as error:
        with_variables("", {"A": value}, ENVIRONMENT)
    assert "A" in str(error.value)


def test_environment_has_no_export_and_keeps_words_that_all_readers_take_alike() -> None:
    text = "PATH=\"/usr/bin\"\nexport A=new\nB='x y'\n"
    assert with_variables(text, {"A": "new", "B": "x y", "PATH": "/usr/bin"}, ENVIRONMENT) == text
    assert with_variables('A=n"e"w\n', WANTED, ENVIRONMENT) == "A=new\n"
    assert with_variables("", {"A": "x y"}, ENVIRONMENT) == 'A="x y"\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A=new # why\n", "# why\nA=new\n"),
        ("A=old # why\n", "# why\nA=new\n"),
        ("A='new' # why\nB=2 # stays\n", "# why\nA='new'\nB=2 # stays\n"),
        ("A=new B=2\n", "A=new\nB=2\n"),
        ("export C=3 A=new B=2 # why\n", "# why\nexport C=3\nexport A=new\nexport B=2\n"),
        ("A=new \t\n", "A=new\n"),
        ("  A=new", "  A=new"),
        ("export  A=new\n", "A=new\n"),
        ("A=1 # first\nA=new # last\n", "# first\n# last\nA=new\n"),
    ],
)
def test_in_environment_nothing_stands_behind_a_value(before: str, after: str) -> None:
    """PAM takes the line up to a # for the value: with a comment behind it a blank more, or a quote in its middle."""
    assert with_variables(before, WANTED, ENVIRONMENT) == after
    assert with_variables(after, WANTED, ENVIRONMENT) == after
    assert readers.by_pam(after)["A"] == "new"


def test_variables_of_one_line_of_environment_are_set_at_once() -> None:
    wanted = {"A": "1", "B": "x y", "C": "3"}
    after = with_variables("C=3 A=1 B=2 # why\n", wanted, ENVIRONMENT)
    assert with_variables(after, wanted, ENVIRONMENT) == after and readers.by_pam(after) == variables(after) == wanted
    assert with_variables("A=1 B=2 # why\n", {"A": None}, ENVIRONMENT) == "# why\nB=2\n"


@given(st.lists(LINES), st.dictionaries(NAMES, st.one_of(st.none(), st.text("ab ./:", max_size=8))))
def test_environment_is_read_alike_by_pam(lines: list[str], wanted: dict[str, str | None]) -> None:
    after = with_variables("\n".join(lines), wanted, ENVIRONMENT)
    assert with_variables(after, wanted, ENVIRONMENT) == after
    assert {name: readers.by_pam(after).get(name) for name in wanted} == wanted == {name: variables(after).get(name) for name in wanted}


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "é", "UID", "SECONDS"])
def test_names_that_cannot_be_set_are_refused(name: str) -> None:
    with pytest.raises(BadInput):
        checked_name(name)


def test_lines_that_are_commands_are_told() -> None:
    text = "NO_PROXY=169.254.169.254,10.0.1.238,\n127.0.0.1,localhost,ghe.example.com\n"
    assert remarks(text) == ["line 2 is neither an assignment nor a comment; a shell takes it for a command"]
    assert not is_plain(text) and is_plain("# c\nexport A=1\n\n") and not is_plain("A=$B\n")


@given(st.lists(LINES), st.dictionaries(NAMES, st.one_of(st.none(), VALUES)))
def test_what_is_written_is_read_and_the_rest_stays(lines: list[str], wanted: dict[str, str | None]) -> None:
    text = "\n".join(lines)
    assert "".join(one.text for one in statements(text)) == text
    after = with_variables(text, wanted, EXPORTS)
    assert with_variables(after, wanted, EXPORTS) == after
    now, before = variables(after), variables(text)
    assert {name: now.get(name) for name in wanted} == wanted
    assert {name: value for name, value in now.items() if name not in wanted} == {name: value for name, value in before.items() if name not in wanted}
    assert [line for line in lines if line.startswith("# a")] == [line for line in after.split("\n") if line.startswith("# a")]


@given(st.text(st.sampled_from("AB=1 '\"\\\n#$`;é\r"), max_size=40))
def test_any_text_is_kept_or_refused(text: str) -> None:
    try:
        after = with_variables(text, WANTED, EXPORTS)
    except Refused:
        return
    assert variables(after)["A"] == "new" and with_variables(after, WANTED, EXPORTS) == after


@given(st.lists(st.sampled_from(["# c", "A=1", " A=2", "B=x", "C", "", "A"])), st.dictionaries(NAMES, st.one_of(st.none(), VALUES)))
def test_an_env_file(lines: list[str], wanted: dict[str, str | None]) -> None:
    text = "\n".join(lines)
    after = with_entries(text, wanted)
    assert with_entries(after, wanted) == after
    now = entries(after)
    assert {name: now.get(name) for name in wanted} == wanted
    assert all(value == entries(text)[name] for name, value in now.items() if name not in wanted)


def test_a_value_of_an_env_file_that_holds_a_line_end_is_refused() -> None:
    with pytest.raises(BadInput, match="line end"):
        with_entries("", {"A": "a\nb"})
