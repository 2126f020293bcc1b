# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would this policy allow that call? AWS's rules as far as our policies use them; what they do not use is refused, never guessed. Pure.

The order: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

EACH = "ForAllValues:"
KNOWN = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


@dataclass(frozen=True)
class Call:
    """One action on one resource; `context` holds what AWS knows of the request by the names of condition keys."""

    action: str
    resource: str = "*"
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Right:
    """A call with what it is for, in words."""

    what: str
    call: Call


def allows(policies: Sequence[Mapping[str, Any]], call: Call) -> bool:
    """Whether some statement allows it and none denies it. Raises ValueError for a policy that says more than is understood here."""
    effects = {effect for policy in policies for effect in _effects(policy, call)}
    return "Allow" in effects and "Deny" not in effects


def _effects(policy: Mapping[str, Any], call: Call) -> list[str]:
    return [str(one["Effect"]) for one in _several(policy["Statement"]) if _meets(one, call)]


def _meets(statement: Mapping[str, Any], call: Call) -> bool:
    unknown = set(statement) - KNOWN
    if unknown or statement["Effect"] not in ("Allow", "Deny") or statement.get("Principal", "*") not in ("*", {"AWS": "*"}):
        raise ValueError(f"a statement says what is not understood here: {sorted(unknown) or statement}")
    conditions = [_condition(operator, wanted, call.context) for operator, wanted in statement.get("Condition", {}).items()]
    return (
        any(like(pattern.lower(), call.action.lower()) for pattern in _several(statement["Action"]))
        and any(like(pattern, call.resource) for pattern in _several(statement["Resource"]))
        and all(conditions)
    )


def _condition(operator: str, wanted: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """All keys must hold, each by one of its values. A key that the request has not got fails, with IfExists it holds."""
    had = {name.lower(): value for name, value in context.items()}  # keys are compared without regard to case
    if operator == "Null":
        return all((key.lower() not in had) == (str(value).lower() == "true") for key, value in wanted.items())
    if operator.startswith(EACH):
        return all(_each(operator, _several(values), had.get(key.lower(), "")) for key, values in wanted.items())
    test, lenient = _test(operator.removesuffix("IfExists")), operator.endswith("IfExists")
    return all(any(test(str(one), had[key.lower()]) for one in _several(values)) if key.lower() in had else lenient for key, values in wanted.items())


def _each(operator: str, wanted: Sequence[Any], had: str) -> bool:
    """A key with several values, which the context joins by commas: each must be among those wanted; none is none too many."""
    test = _test(operator.removeprefix(EACH))
    return all(any(test(str(one), part) for one in wanted) for part in had.split(",") if part)


def _test(operator: str) -> Callable[[str, str], bool]:
    if operator not in OPERATORS:
        raise ValueError(f"condition operator {operator} is not understood here")
    return OPERATORS[operator]


def like(pattern: str, text: str) -> bool:
    """A star is any letters, a question mark is one."""
    return re.fullmatch("".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern), text, re.DOTALL) is not None


def _arn_like(pattern: str, text: str) -> bool:
    """Part by part: a star does not reach over a colon, but in the last."""
    wanted, found = pattern.split(":", 5), text.split(":", 5)
    return len(wanted) == len(found) and all(like(one, other) for one, other in zip(wanted, found))


OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, found: wanted == found,
    "StringLike": like,
    "ArnLike": _arn_like,
    "Bool": lambda wanted, found: wanted.lower() == found.lower(),
}


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
