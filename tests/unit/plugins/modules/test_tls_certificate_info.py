# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of tls_certificate_info: files, servers and settings, the worst first, and what cannot be seen is not well."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.replicated import expiry_client
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import HostFiles
from unit.laws.certificates_world import HOST, MIDDLE, ONE, CertificateWorld
from unit.plugins.modules.indoors import check_options, module, process, returned

from lab.certificates import DAY, NOW, key_of, server
from lab.nomad.clock import EPOCH
from lab.tls_server import ShowingServer

NAME = "tls_certificate_info"


@pytest.fixture
def host() -> CertificateWorld:
    return CertificateWorld(ONE)


def read(host: CertificateWorld, **params: Any) -> dict[str, Any]:
    made = module(NAME).DOOR
    full = {name: option.get("default") for name, option in made.options.items()}
    with host.open(), mock.patch.object(expiry_client, "HostFiles", HostFiles):
        return dict(made.read({**full, **params}, host.clock))


def ending(days: int, number: int) -> Any:
    return server(f"in {days}", MIDDLE, names=(HOST,), key=key_of("p256", number), ends=EPOCH + days * DAY)


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, module(NAME).DOOR.options)


def test_everything_is_met_the_worst_first(host: CertificateWorld, tmp_path: Path) -> None:
    for name, made in (("soon", ending(20, 1)), ("ended", ending(-2, 2)), ("later", server("later", begins=EPOCH + DAY, ends=EPOCH + 90 * DAY))):
        (tmp_path / f"{name}.pem").write_text(made.pem + made.key_pem)
    files = [str(tmp_path / f"{name}.pem") for name in ("soon", "ended", "later", "missing")]
    result = read(host, files=files, endpoints=["127.0.0.1:443"])
    assert set(result) == set(returned(NAME))
    told = [(Path(line["place"]).name, line["verdict"]) for line in result["certificates"]]
    worst = [("ended.pem", "expired"), ("missing.pem", "unknown"), ("later.pem", "not_yet_valid"), ("soon.pem", "expires_soon")]
    assert told[:4] == worst and {verdict for _place, verdict in told[4:]} == {"ok"}
    assert sorted(line["source"] for line in result["certificates"]) == ["app", "app", "endpoint", "file", "file", "file", "file"]
    assert (result["counts"]["ok"], result["days_left"], result["ok"]) == (3, -3, False)
    assert not [line for line in ONE.key_pem.splitlines()[1:-1] if line in str(result)]


def test_all_is_well_where_all_is_known_and_far_from_its_end(host: CertificateWorld) -> None:
    result = read(host, endpoints=["127.0.0.1:443"])
    assert result["ok"] and {line["fingerprint"] for line in result["certificates"]} == {ONE.fingerprint, MIDDLE.fingerprint}
    assert not read(host, endpoints=["127.0.0.1:443"], warn_days=200)["ok"]


@pytest.mark.parametrize("what", ["deaf", "down"])
def test_what_cannot_be_seen_is_unknown(host: CertificateWorld, what: str) -> None:
    if what == "deaf":
        host.deaf = True
    with host.host.look() as now:
        now.state["down"] = what == "down"
    result = read(host, endpoints=["127.0.0.1:443"])
    unknown = [line for line in result["certificates"] if line["verdict"] == "unknown"]
    assert len(unknown) == 1 and unknown[0]["reason"] and not result["ok"]


def test_a_file_without_a_certificate_says_what_it_is(host: CertificateWorld, tmp_path: Path) -> None:
    path = tmp_path / "store.p12"
    path.write_bytes(ONE.store())
    line = read(host, files=[str(path)], app=False)["certificates"][0]
    assert (line["verdict"], line["faults"]) == ("unknown", ["pkcs12"]) and "PKCS#12" in line["reason"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (ONE.pem.replace("MII", "M*I", 1), "broken_block"),
        (ONE.pem.replace("-----END CERTIFICATE-----\n", ""), "broken_block"),
        (ONE.pem.replace("\n", " ") + "\n", "one_line"),
        (ONE.pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "trusted_certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "bad_certificate"),
        (ONE.key_pem[:-40] + "\n" + ONE.pem, "broken_block"),
    ],
)
def test_one_of_a_file_that_cannot_be_read_is_unknown_beside_those_that_can(host: CertificateWorld, tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "chain.pem"
    path.write_text(text + MIDDLE.pem if fault != "broken_block" else MIDDLE.pem + text)
    result = read(host, files=[str(path)], app=False)
    assert [line["verdict"] for line in result["certificates"]] == ["unknown", "ok"] and not result["ok"]
    assert fault in result["certificates"][0]["faults"] and result["certificates"][0]["reason"] and result["days_left"] is not None


def test_a_key_of_a_file_that_cannot_be_read_is_passed_over(host: CertificateWorld, tmp_path: Path) -> None:
    path = tmp_path / "pair.pem"
    path.write_text(MIDDLE.pem + ONE.key_pem.replace("\n", " "))
    assert read(host, files=[str(path)], app=False)["ok"]


def test_an_authority_of_the_settings_that_cannot_be_read_is_unknown(host: CertificateWorld) -> None:
    text = base64.b64encode(ONE.pem.replace("MII", "M*I", 1).encode()).decode()
    with host.host.look() as now:
        now.state["stored"]["trusted_certs"] = {"multi_value": ["ca.pem"], "multi_data": [text]}
    line = read(host)["certificates"][0]
    assert (line["place"], line["verdict"], line["faults"]) == ("trusted_certs", "unknown", ["broken_block"])


@pytest.mark.parametrize(("params", "words"), [({"endpoints": ["a b"]}, "endpoints has 'a b'"), ({"warn_days": -1}, "warn_days is -1")])
def test_bad_options_are_named(host: CertificateWorld, params: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read(host, **params)


def test_a_real_server_is_asked_by_a_real_process_even_when_its_certificate_has_ended(tmp_path: Path) -> None:
    with ShowingServer(server("old", names=("x",), ends=NOW - DAY)) as old:
        ran = process(NAME, {"PATH": "/nowhere"}, endpoints=[str(old), "127.0.0.1:1"], app=False)
    told = [(line["place"], line["verdict"]) for line in ran["certificates"]]
    assert told == [(str(old), "expired"), ("127.0.0.1:1", "unknown")] and not ran["changed"]
