# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of ca_trust below a folder: files as Java reads them, a store that is really made, hosts that are really asked."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils import door
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from unit.plugins.modules.host_doors import Systemd
from unit.plugins.modules.indoors import check_options, module, process, returned

from lab.certificates import Made, authority, key_of, server
from lab.tls_server import ShowingServer
from lab.trust_stores import TrustedSystem

NAME = "ca_trust"
NOW = datetime.now(timezone.utc)
ROOT = authority("Corporate root")
MIDDLE = authority("Corporate issuing", ROOT)
OLD = authority("Old root")
NEVER_ENDS = {"begins": NOW - timedelta(days=1), "ends": NOW + timedelta(days=300)}
Change = Callable[..., tuple[dict[str, Any], str]]


def entry(name: str, *given: Made | str) -> dict[str, Any]:
    """One of `authorities`; without certificates it is to be dropped."""
    text = "".join(one if isinstance(one, str) else one.pem for one in given)
    return {"name": name, "certificates": text or None, "state": "present" if given else "absent"}


@pytest.fixture(params=["debian", "redhat"])
def system(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrustedSystem:
    made = TrustedSystem(tmp_path, request.param)
    monkeypatch.setenv("PATH", made.path)
    return made


@pytest.fixture
def ghe() -> Iterator[ShowingServer]:
    with ShowingServer(server("ghe", MIDDLE, names=("127.0.0.1",), **NEVER_ENDS), MIDDLE) as running:
        yield running


@pytest.fixture
def change(system: TrustedSystem) -> Change:
    return lambda check=False, **params: changed(system, check, **params)


def changed(system: TrustedSystem, check: bool = False, clock: Any = None, **params: Any) -> tuple[dict[str, Any], str]:
    made = module(NAME).DOOR
    full = {key: option.get("default") for key, option in {**made.options, **door.WAIT_OPTIONS}.items()}
    try:
        outcome = door.reconcile(made, {**full, "_run": None, "name": "corporate", **system.params(), **params}, check, clock)
    except CollectionError as error:
        return {}, str(error)
    return door.result_of(outcome), outcome.failure


class Later(SystemClock):
    """Five minutes from now."""

    def wall(self) -> datetime:
        return super().wall() + timedelta(minutes=5)


def test_a_note_goes_away_once_its_unit_was_restarted(system: TrustedSystem, change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd, params = Systemd(tmp_path, monkeypatch), {"certificates": ROOT.pem, "restart": "nomad"}
    assert change(**params)[0]["restart_required"] and change(**params)[0]["steps"] == []
    systemd.started("nomad.service", datetime.now(timezone.utc) + timedelta(minutes=1))
    predicted, _failure = change(check=True, **params)
    result, failure = change(**params)
    assert failure == "" and result["steps"] == predicted["steps"] == [{"step": "clear", "id": "authorities", "note": "authorities corporate"}]
    assert (result["restart_required"], predicted["restart_required"]) == (False, False) and not change(**params)[0]["changed"]


def test_what_started_before_the_store_was_made_is_still_to_be_restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files were written, the store could not be made, and Nomad was started with the old one."""
    system = TrustedSystem(tmp_path)
    monkeypatch.setenv("PATH", system.path)
    systemd, params = Systemd(tmp_path, monkeypatch), {"certificates": ROOT.pem, "restart": "nomad"}
    (system.root / "trouble").write_text("fails")
    assert "did not make" in changed(system, **params)[1]
    systemd.started("nomad.service", datetime.now(timezone.utc) + timedelta(minutes=1))
    (system.root / "trouble").unlink()
    predicted = changed(system, check=True, clock=Later(), **params)[0]
    result, failure = changed(system, clock=Later(), **params)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["refresh"] and result["steps"] == predicted["steps"]
    assert result["restart_required"] and changed(system, clock=Later(), **params)[0]["restart_required"]


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**module(NAME).DOOR.options, **door.WAIT_OPTIONS})


def test_authorities_are_laid_down_one_a_file_and_taken_up(system: TrustedSystem, change: Change) -> None:
    result, failure = change(certificates=MIDDLE.pem + ROOT.pem)
    assert failure == "" and result["changed"] and system.trusts(ROOT) and system.trusts(MIDDLE) and system.trusts(system.public)
    assert set(result) - {"changed", "diff"} == set(returned(NAME))
    for folder in sorted({system.own, system.services}):
        assert {path.name: path.read_text() for path in folder.iterdir()} == {"corporate.crt": MIDDLE.pem, "corporate.2.crt": ROOT.pem}
        assert all(path.stat().st_mode & 0o777 == 0o644 for path in folder.iterdir())
    assert [step["step"] for step in result["steps"]][-1] == "refresh" and system.refreshed == 1
    assert result["restart_required"] and len(list(system.notes.iterdir())) == 1
    again, failure = change(certificates=ROOT.pem + MIDDLE.pem)
    assert (failure, again["changed"], again["mended"], system.refreshed) == ("", False, ["wrong_order"], 1)


def test_check_mode_predicts_and_writes_nothing(system: TrustedSystem, change: Change) -> None:
    result, failure = change(check=True, certificates=ROOT.pem)
    assert failure == "" and system.files() == {} and system.refreshed == 0 and not system.notes.exists()
    real, _failure = change(certificates=ROOT.pem)
    assert result["steps"] == real["steps"] and result["diff"] == real["diff"] and result["restart_required"] is real["restart_required"] is True


def test_a_store_that_was_not_made_after_a_change_is_made(system: TrustedSystem, change: Change) -> None:
    """As after a run that was killed between the two."""
    change(certificates=ROOT.pem)
    for folder in sorted({system.own, system.services}):
        (folder / "corporate.crt").unlink()
    result, failure = change(state="absent")
    assert failure == "" and [step["step"] for step in result["steps"]] == ["refresh"] and not system.trusts(ROOT)
    assert not change(state="absent")[0]["changed"]


def test_absent_takes_away_what_is_of_that_name_alone(system: TrustedSystem, change: Change) -> None:
    (system.own / "corporate-mail.crt").write_text(OLD.pem)
    (system.own / "notes.txt").write_text("mine")
    change(certificates=MIDDLE.pem + ROOT.pem)
    result, failure = change(state="absent")
    assert failure == "" and result["changed"] and {path.name for path in system.own.iterdir()} == {"corporate-mail.crt", "notes.txt"}
    assert system.trusts(OLD) and not system.trusts(ROOT) and not system.trusts(MIDDLE)
    assert not change(state="absent")[0]["changed"]


def test_a_file_with_more_than_one_plain_certificate_is_written_anew(system: TrustedSystem, change: Change) -> None:
    """As the guide's own line of openssl leaves it: store and keytool take the first one of it alone."""
    (system.services / "corporate.crt").write_text("depth=1\n" + MIDDLE.pem + ROOT.pem)
    result, failure = change(certificates=MIDDLE.pem + ROOT.pem)
    assert failure == "" and result["changed"] and (system.services / "corporate.crt").read_text() == MIDDLE.pem


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (ROOT.pem + ROOT.key_pem, "key_inside"),
        (server("x", ROOT).pem + ROOT.pem, "leaf_instead_of_authority"),
        (MIDDLE.pem, "missing_root"),
        ("nothing of use", "not_pem"),
    ],
)
def test_what_would_not_work_is_refused_by_name_and_nothing_is_changed(system: TrustedSystem, change: Change, text: str, kind: str) -> None:
    result, failure = change(certificates=text)
    assert (result, system.files(), system.refreshed) == ({}, {}, 0)
    assert failure.startswith("certificates: ") and f"({kind})" in failure
    assert not any(line in failure for line in ROOT.key_pem.splitlines()[1:-1])


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"name": "../x"}, "name is '../x'"),
        ({"name": "x.2"}, "name is 'x.2'"),
        ({}, "certificates is needed"),
        ({"name": None}, "name or authorities is needed"),
        ({"authorities": []}, "authorities stands instead of name"),
        ({"name": None, "authorities": [entry("x", ROOT), entry("x", OLD)]}, "authorities has 'x' more than once"),
        ({"name": None, "authorities": [entry("x", ROOT), entry("y", "")]}, "certificates of y is needed"),
        ({"name": None, "authorities": [entry("x", ROOT), entry("../y", OLD)]}, "name is '../y'"),
        ({"certificates": ROOT.pem, "verify_hosts": ["a b"]}, "verify_hosts has 'a b'"),
        ({"certificates": ROOT.pem, "root": "here"}, "root is 'here'"),
    ],
)
def test_bad_options_are_named(system: TrustedSystem, change: Change, params: dict[str, Any], words: str) -> None:
    result, failure = change(**params)
    assert result == {} and words in failure and system.files() == {}


def test_a_host_is_asked_with_the_store_as_it_is_to_be(system: TrustedSystem, change: Change, ghe: ShowingServer) -> None:
    check, failure = change(check=True, certificates=ROOT.pem, verify_hosts=[str(ghe)])
    assert failure == "" and check["hosts"] == [{"host": str(ghe), "trusted": True, "reason": None}] and ghe.asked
    result, failure = change(certificates=ROOT.pem, verify_hosts=[str(ghe)])
    assert failure == "" and result["hosts"] == check["hosts"]
    other, failure = changed(system, name="other", certificates=OLD.pem, verify_hosts=["127.0.0.1:1"])
    assert "nothing is known of it" in failure and not other["hosts"][0]["trusted"] and system.trusts(OLD)


def test_an_authority_is_not_dropped_while_a_host_needs_it(system: TrustedSystem, change: Change, ghe: ShowingServer) -> None:
    change(certificates=ROOT.pem)
    result, failure = change(state="absent", verify_hosts=[str(ghe)])
    assert failure.startswith("nothing was dropped") and result["steps"] == [] and system.trusts(ROOT)
    result, failure = change(certificates=OLD.pem, verify_hosts=[str(ghe)])
    assert failure.startswith("nothing was dropped") and result["steps"] == [] and system.trusts(ROOT)


@pytest.mark.parametrize("wish", [{"state": "absent"}, {"certificates": OLD.pem}], ids=["absent", "another"])
@pytest.mark.parametrize("check", [True, False])
def test_nor_is_one_that_lies_in_a_file_with_others(system: TrustedSystem, change: Change, ghe: ShowingServer, wish: dict[str, Any], check: bool) -> None:
    """As the guide's own line of openssl leaves it."""
    (system.own / "corporate.crt").write_text("depth=1\n" + MIDDLE.pem + ROOT.pem)
    system.bundle.write_text(system.public.pem + MIDDLE.pem + ROOT.pem)
    before = system.files()
    result, failure = change(check=check, verify_hosts=[str(ghe)], **wish)
    assert failure.startswith("nothing was dropped") and result["steps"] == [] and system.files() == before and system.trusts(ROOT)
    ghe.switch(server("ghe", OLD, names=("127.0.0.1",), **NEVER_ENDS))
    result, failure = change(check=check, verify_hosts=[str(ghe)], certificates=OLD.pem)
    assert failure == "" and result["changed"] and system.trusts(ROOT) is check


@pytest.fixture
def ldap() -> Iterator[ShowingServer]:
    with ShowingServer(server("ldap", OLD, names=("127.0.0.1",), **NEVER_ENDS)) as running:
        yield running


def test_several_come_in_one_go_and_the_hosts_are_asked_with_all_of_them(
    system: TrustedSystem, change: Change, ghe: ShowingServer, ldap: ShowingServer
) -> None:
    """One after the other, the first would fail for the host that needs the second."""
    several = {"name": None, "authorities": [entry("corporate", MIDDLE, ROOT), entry("ldap", OLD)], "verify_hosts": [str(ghe), str(ldap)]}
    check, failure = change(check=True, **several)
    assert failure == "" and system.files() == {}
    result, failure = change(**several)
    assert failure == "" and result["steps"] == check["steps"] and system.refreshed == 1
    assert {path.name for path in system.own.iterdir()} == {"corporate.crt", "corporate.2.crt", "ldap.crt"} and len(list(system.notes.iterdir())) == 2
    assert all(host["trusted"] for host in result["hosts"]) and len(result["authorities"]) == 3
    again, failure = change(**several)
    assert failure == "" and not again["changed"] and system.refreshed == 1


def test_what_is_new_is_trusted_and_nothing_dropped_while_a_host_needs_the_old(system: TrustedSystem, change: Change, ldap: ShowingServer) -> None:
    change(name="old", certificates=OLD.pem)
    several = {"name": None, "authorities": [entry("new", ROOT), entry("old")], "verify_hosts": [str(ldap)]}
    result, failure = change(**several)
    assert failure.startswith("nothing was dropped") and [step["step"] for step in result["steps"]][-1] == "refresh"
    assert system.trusts(ROOT) and system.trusts(OLD)
    result, failure = change(**several)
    assert failure.startswith("nothing was dropped") and result["steps"] == []
    ldap.switch(server("ldap", ROOT, names=("127.0.0.1",), **NEVER_ENDS))
    result, failure = change(**several)
    assert failure == "" and result["changed"] and system.trusts(ROOT) and not system.trusts(OLD)


def test_one_that_an_authority_of_another_entry_has_signed(system: TrustedSystem, change: Change) -> None:
    assert "(missing_root)" in change(certificates=MIDDLE.pem)[1]
    result, failure = change(name=None, authorities=[entry("issuing", MIDDLE), entry("root", ROOT)])
    assert failure == "" and result["changed"] and system.trusts(MIDDLE)


def test_one_bad_entry_is_named_and_none_is_laid_down(system: TrustedSystem, change: Change) -> None:
    result, failure = change(name=None, authorities=[entry("good", ROOT), entry("bad", OLD, OLD.key_pem)])
    assert (result, system.files(), system.refreshed) == ({}, {}, 0)
    assert failure.startswith("certificates of bad: ") and "(key_inside)" in failure and OLD.key_pem.splitlines()[1] not in failure


@pytest.mark.parametrize(("trouble", "words"), [("nothing", "0 added"), ("fails", "a hook exited")])
def test_the_store_is_believed_not_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str, words: str) -> None:
    system = TrustedSystem(tmp_path)
    monkeypatch.setenv("PATH", system.path)
    system.trouble(trouble)
    result, failure = changed(system, certificates=ROOT.pem)
    assert "update-ca-certificates did not make" in failure and words in failure
    assert result["restart_required"], "the files are there, and so is the note"


def test_a_host_without_such_a_program_is_told(system: TrustedSystem, change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "is not on PATH" in change(certificates=ROOT.pem)[1]


def test_no_note_is_left_where_nothing_is_to_be_restarted(system: TrustedSystem, change: Change) -> None:
    result, failure = change(certificates=ROOT.pem, restart="none")
    assert failure == "" and not result["restart_required"] and not system.notes.exists()


# There is no system in the folder to change the root to: the real program of this system is led into it by its options.
REAL_BELOW = f"""#!/bin/sh
exec {shutil.which("update-ca-certificates")} --certsconf "$1/etc/ca-certificates.conf" --certsdir "$1/usr/share/ca-certificates" \\
  --localcertsdir "$1/usr/local/share/ca-certificates" --etccertsdir "$1/etc/ssl/certs" --hooksdir "$1/etc/ca-certificates/update.d"
"""


@pytest.mark.skipif(not shutil.which("update-ca-certificates") or not shutil.which("keytool"), reason="needs update-ca-certificates and keytool")
def test_the_real_programs_read_what_was_laid_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = TrustedSystem(tmp_path)
    real: Made = authority("Real", key=key_of("rsa-2048"))
    below = authority("Below", real, key=key_of("p384"))
    (system.programs / "chroot").write_text(REAL_BELOW)
    monkeypatch.setenv("PATH", f"{system.path}:/usr/sbin")
    text = ("noise\n" + real.pem + below.pem).replace("\n", "\r\n")
    result, failure = changed(system, certificates=text)
    assert failure == "" and set(result["mended"]) == {"crlf", "text_beside", "wrong_order"}
    assert system.trusts(real) and system.trusts(below)
    assert not changed(system, certificates=text)[0]["changed"]
    for path, one in zip((system.own / "corporate.crt", system.own / "corporate.2.crt"), (below, real), strict=True):
        store = tmp_path / f"{path.stem}.jks"
        base = ["keytool", "-keystore", str(store), "-storepass", "changeit"]
        subprocess.run([*base, "-importcert", "-noprompt", "-alias", path.stem, "-file", str(path)], check=True, capture_output=True)
        told = subprocess.run([*base, "-list", "-v"], check=True, capture_output=True, text=True).stdout
        assert one.fingerprint.upper() in told.replace(":", "")
    assert changed(system, state="absent")[1] == "" and not system.trusts(real)


def test_a_real_process_shows_no_key_that_somebody_left_in_the_text(tmp_path: Path) -> None:
    system = TrustedSystem(tmp_path)
    ran = process(NAME, {"PATH": system.path}, name="corporate", certificates=ROOT.pem + ROOT.key_pem, **system.params())
    assert ran["failed"] and "key_inside" in ran["msg"]
    assert not [line for line in ROOT.key_pem.splitlines()[1:-1] if line in str(ran)]
    several = process(NAME, {"PATH": system.path}, authorities=[{"name": "x", "certificates": ROOT.pem + ROOT.key_pem}], **system.params())
    assert several["failed"] and "certificates of x" in several["msg"]
    assert not [line for line in ROOT.key_pem.splitlines()[1:-1] if line in str(several)]
