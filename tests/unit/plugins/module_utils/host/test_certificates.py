# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates with each fault of F85, really made: every one is told by its own name, and those that harm nothing are mended or refused by choice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.host import certificates_client as client
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_chain import Asked, Judged, judge_authorities, judge_key, judge_server
from cryptography.hazmat.primitives.serialization import PrivateFormat
from unit.plugins.module_utils.host.certificate_cases import (
    AUTHORITIES,
    CHAIN,
    CHAINS,
    CROSS,
    CROSS_TOO,
    FOREIGN,
    HOST,
    KEYS,
    LEAF,
    MENDED,
    MIDDLE,
    OLD_ROOT,
    ROOT,
    RSA_ROOT,
    SELF,
    signed,
)

from lab.certificates import DAY, NOW, Made, Wish, authority, key_of, make, server


def known(*made: Made) -> tuple[Any, ...]:
    return client.read_material("".join(one.pem for one in made)).papers


def served(text: str | bytes, *, trusted: tuple[Made, ...] = (ROOT, RSA_ROOT), **asked: Any) -> Judged:
    """The verdict on a chain whose host trusts ROOT."""
    near = known(*trusted)
    return judge_server(client.read_material(text, near), Asked(NOW, asked.pop("names", (HOST,)), known=near, **asked))


def trusted(text: str | bytes, **asked: Any) -> Judged:
    """The verdict on authorities."""
    return judge_authorities(client.read_material(text), Asked(NOW, **asked))


def kinds(judged: Judged) -> list[str]:
    return [fault.kind for fault in judged.faults]


OF = pytest.mark.parametrize


def test_a_good_chain_has_no_fault() -> None:
    judged = served(CHAIN)
    assert (kinds(judged), judged.mended) == ([], ())
    assert [paper.fingerprint for paper in judged.papers] == [LEAF.fingerprint, MIDDLE.fingerprint]


@OF("what", CHAINS)
def test_a_fault_of_a_servers_chain_is_named_exactly(what: str) -> None:
    text, kind = CHAINS[what]
    assert kinds(served(text)) == [kind]


@OF("what", MENDED)
def test_what_harms_nothing_is_mended_or_refused_by_choice(what: str) -> None:
    text, kind = MENDED[what]
    mended = served(text)
    assert (kinds(mended), [fault.kind for fault in mended.mended]) == ([], [kind])
    assert [paper.fingerprint for paper in mended.papers] == [LEAF.fingerprint, MIDDLE.fingerprint]
    assert "".join(paper.pem for paper in mended.papers) == CHAIN
    assert kinds(served(text, order="refuse")) == [kind]


@OF("what", AUTHORITIES)
def test_a_fault_of_authorities_is_named_exactly(what: str) -> None:
    text, kind = AUTHORITIES[what]
    assert kinds(trusted(text)) == [kind]


def test_authorities_are_put_in_order_or_refused_by_choice() -> None:
    given = ROOT.pem + MIDDLE.pem
    assert [paper.title for paper in trusted(given).papers] == ["Middle", "Root"]
    assert [fault.kind for fault in trusted(given).mended] == ["wrong_order"]
    assert kinds(trusted(given, order="refuse")) == ["wrong_order"]


def test_the_signature_of_a_root_is_checked_by_nobody() -> None:
    assert kinds(trusted(authority("Very old", sha1=True, key=key_of("rsa-2048")).pem)) == []


@OF("what", KEYS)
def test_a_fault_of_a_key_is_named_exactly_and_shows_nothing_of_it(what: str) -> None:
    text, kind = KEYS[what]
    found = judge_key(client.read_material(text), served(CHAIN).papers[0])
    assert [fault.kind for fault in found] == [kind]
    told = repr(found) + repr(client.read_material(text))
    assert not [line for line in text.splitlines() if len(line) > 40 and "CERTIFICATE" not in text and line in told]


@OF("kind", ["rsa-2048", "p256", "p384"])
@OF("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_the_kinds_of_keys_that_all_take_are_taken_in_both_forms(kind: str, form: PrivateFormat) -> None:
    made = server(HOST, MIDDLE, key=key_of(kind))
    judged = served(signed(made))
    text = made.key_as(form).decode()
    assert (kinds(judged), judge_key(client.read_material(text), judged.papers[0])) == ([], ())
    assert client.key_text("note\r\n" + text.replace("\n", "\r\n")) == text


def test_the_parameters_before_an_ec_key_are_passed_over() -> None:
    text = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + LEAF.key_pem
    assert judge_key(client.read_material(text), served(CHAIN).papers[0]) == ()


@OF(
    ("names", "asked", "kind"),
    [
        (("*.example.com",), "circleci.example.com", None),
        (("*.example.com",), "a.b.example.com", "wildcard_depth"),
        (("*.example.com",), "example.com", "wildcard_depth"),
        (("CircleCI.Example.com",), "circleci.example.com.", None),
        (("circleci.example.com",), "*.example.com", "name_not_in_san"),
        (("10.0.0.5",), "10.0.0.5", None),
        (("circleci.example.com",), "10.0.0.5", "address_not_in_san"),
        (("fe80::1",), "[FE80::1]", None),
    ],
)
def test_names_are_compared_as_clients_do(names: tuple[str, ...], asked: str, kind: str | None) -> None:
    assert kinds(served(signed(server("x", MIDDLE, names=names)), names=(asked,))) == ([kind] if kind else [])


def test_a_certificate_that_ends_soon_is_named_where_days_are_asked_for() -> None:
    text = signed(server(HOST, MIDDLE, ends=NOW + timedelta(days=20)))
    assert (kinds(served(text)), kinds(served(text, min_days=30))) == ([], ["expires_soon"])


def test_one_that_signed_itself_is_taken_where_it_is_allowed_or_trusted() -> None:
    assert kinds(served(SELF.pem, self_signed=True)) == []
    assert kinds(served(SELF.pem, trusted=(SELF,))) == []


def test_a_root_that_is_given_too_must_be_trusted_all_the_same() -> None:
    judged = served(CHAIN + ROOT.pem, trusted=(FOREIGN,))
    assert kinds(judged) == ["unknown_root"] and "name it in authorities" in judged.faults[0].words


def test_one_made_by_openssl_req_is_taken_behind_a_load_balancer() -> None:
    """As the guide has it: an authority by its form, and no alternative names."""
    made = authority(HOST, key=key_of("rsa-2048"))
    judged = served(made.pem, self_signed=True)
    assert (kinds(judged), [fault.kind for fault in judged.mended], [paper.title for paper in judged.papers]) == ([], ["no_san"], [HOST])
    assert kinds(served(made.pem, self_signed=True, order="refuse")) == ["no_san"]
    assert kinds(served(made.pem, self_signed=True, names=("other.example.com",))) == ["no_san"]
    named = authority(HOST, names=(HOST,))
    assert (kinds(served(named.pem, self_signed=True)), kinds(served(named.pem, self_signed=True, names=("x.example.com",)))) == ([], ["name_not_in_san"])
    told = served(made.pem).faults[0]
    assert told.kind == "authority_instead_of_leaf" and "set self_signed" in told.words
    assert "self_signed" not in served(MIDDLE.pem).faults[0].words


def test_a_leaf_of_an_authority_is_no_one_that_signed_itself() -> None:
    assert kinds(served(server(HOST, MIDDLE, names=()).pem + MIDDLE.pem, self_signed=True)) == ["no_san"]
    assert kinds(served(ROOT.pem + MIDDLE.pem, self_signed=True)) == ["authority_instead_of_leaf"]


@OF("trusted", [(ROOT,), (OLD_ROOT,), (ROOT, OLD_ROOT)])
@OF("given", [(CROSS,), (CROSS, ROOT), (ROOT, CROSS), (ROOT, CROSS, OLD_ROOT)])
def test_an_authority_that_an_older_one_has_signed_too_is_sent_along(given: tuple[Made, ...], trusted: tuple[Made, ...]) -> None:
    """Who trusts the new root looks no further, who trusts the old one alone needs it."""
    judged = served(CHAIN + "".join(one.pem for one in given), trusted=trusted)
    assert kinds(judged) == [] and {fault.kind for fault in judged.mended} <= {"root_included", "wrong_order"}
    assert [paper.fingerprint for paper in judged.papers] == [LEAF.fingerprint, MIDDLE.fingerprint, CROSS.fingerprint]


def test_of_two_that_different_authorities_have_signed_the_one_that_leads_somewhere_is_sent() -> None:
    judged = served(CHAIN + CROSS_TOO.pem + CROSS.pem, trusted=(OLD_ROOT,))
    assert (kinds(judged), [fault.kind for fault in judged.mended]) == ([], ["cross_signed"])
    assert judged.papers[-1].fingerprint == CROSS.fingerprint


def test_an_authority_that_is_signed_by_nobody_who_is_trusted_leads_nowhere() -> None:
    assert kinds(served(CHAIN + CROSS.pem, trusted=(FOREIGN,))) == ["missing_intermediate"]


def test_a_name_that_stands_in_no_certificate_is_told() -> None:
    assert kinds(served(signed(server("x", MIDDLE, names=("xn--bcher-kva.example.com",))), names=("b\u00fccher.example.com",))) == ["name_not_ascii"]


def test_several_faults_are_all_told() -> None:
    old = make(Wish("old", names=("old.example.com",), ends=NOW - DAY, key=key_of("rsa-1024")), MIDDLE)
    assert set(kinds(served(signed(old)))) == {"expired_leaf", "rsa_too_short", "name_not_in_san"}


def test_what_a_server_sends_is_read_as_from_a_file() -> None:
    assert client.read_der(LEAF.der) == client.read_material(LEAF.pem).papers[0]
    assert client.fingerprints((CHAIN + ROOT.pem).encode()) == {LEAF.fingerprint, MIDDLE.fingerprint, ROOT.fingerprint}
    assert client.fingerprints(ROOT.der) == {ROOT.fingerprint}
    above = client.authorities_above((FOREIGN.pem + ROOT.pem).encode(), known(MIDDLE))
    assert [paper.title for paper in above] == ["Root"] and above[0].is_self_signed


def test_there_are_more_than_thirty_kinds() -> None:
    found = {kind for table in (CHAINS, MENDED, AUTHORITIES, KEYS) for _text, kind in table.values()}
    assert len(found) > 40
