"""Lists by filter and page, as servers from 1.3 on offer them: the part of go-bexpr that callers use."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import re
from collections.abc import Callable
from typing import Any

from lab.nomad.wire import Fail

Test = Callable[[dict[str, Any]], bool]
TOKEN = re.compile(r'\s*(?:(?P<op>==|!=|\(|\))|(?P<text>"[^"]*"|`[^`]*`)|(?P<word>[A-Za-z0-9_./-]+))')
EXPECTED = 'expected: "-", "0", "\\"", "`", [ \\t\\r\\n], [1-9] or [a-zA-Z]'
REFUSED = "failed to create result paginator: failed to read filter expression: "


def parse(text: str) -> Test:
    """`and`, `or`, `not`, brackets, ==, !=, contains, in, matches, `is empty`. Anything else is 400 with the server's kind of text."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def whole(self) -> Test:
        test = self._or()
        if self.text[self.at :].strip():
            self._refuse()
        return test

    def _refuse(self) -> None:
        at = len(self.text[: self.at].rstrip()) if not self.text[self.at :].strip() else self.at
        raise Fail(400, f"{REFUSED}1:{at + 1} ({at}): no match found, {EXPECTED}")

    def _peek(self) -> str:
        found = TOKEN.match(self.text, self.at)
        return found[0].strip() if found else ""

    def _take(self, *wanted: str) -> str:
        found = TOKEN.match(self.text, self.at)
        if found is None or (wanted and found[0].strip() not in wanted):
            self._refuse()
            raise AssertionError
        self.at = found.end()
        return found[0].strip()

    def _or(self) -> Test:
        left = self._and()
        while self._peek() == "or":
            self._take()
            left = _either(left, self._and())
        return left

    def _and(self) -> Test:
        left = self._not()
        while self._peek() == "and":
            self._take()
            left = _both(left, self._not())
        return left

    def _not(self) -> Test:
        if self._peek() == "not":
            self._take()
            inner = self._not()
            return lambda item: not inner(item)
        if self._peek() == "(":
            self._take()
            inner = self._or()
            self._take(")")
            return inner
        return self._match()

    def _match(self) -> Test:
        first = self._take()
        operator = self._take("==", "!=", "contains", "in", "matches", "is", "not")
        if operator == "is":
            negated = self._peek() == "not" and bool(self._take())
            self._take("empty")
            return lambda item: bool(_value(item, first)) == negated
        negated = operator == "not"
        if negated:
            operator = self._take("contains", "in", "matches")
        wanted = self._take()
        if operator == "in":
            first, wanted, operator = wanted, first, "contains"
        test = _compare(first, operator, wanted.strip('"`'))
        return (lambda item: not test(item)) if negated else test


def _both(left: Test, right: Test) -> Test:
    return lambda item: left(item) and right(item)


def _either(left: Test, right: Test) -> Test:
    return lambda item: left(item) or right(item)


def _value(item: dict[str, Any], selector: str) -> Any:
    value: Any = item
    parts = selector.split(".")
    for number, part in enumerate(parts):
        if not isinstance(value, dict):
            return None
        rest = ".".join(parts[number:])
        if rest in value:
            return value[rest]
        value = value.get(part)
    return value


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _compare(selector: str, operator: str, wanted: str) -> Test:
    def test(item: dict[str, Any]) -> bool:
        value = _value(item, selector)
        if operator == "contains":
            return wanted in (value or ())
        if operator == "matches":
            return bool(re.search(wanted, _said(value)))
        return (_said(value) == wanted) == (operator == "==")

    return test


def page(items: list[dict[str, Any]], query: dict[str, str], key: str = "ID") -> tuple[list[dict[str, Any]], str]:
    """The items that `filter`, `next_token` and `per_page` leave, and the token of the next page."""
    if query.get("filter"):
        test = parse(query["filter"])
        items = [item for item in items if test(item)]
    if query.get("next_token"):
        items = [item for item in items if item[key] >= query["next_token"]]
    size = int(query["per_page"]) if query.get("per_page", "").isdigit() else 0
    if not size or len(items) <= size:
        return items, ""
    return items[:size], str(items[size][key])
