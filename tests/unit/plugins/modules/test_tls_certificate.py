# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of tls_certificate on a Services host of the lab: programs on PATH, ports with TLS, restarts in between."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils import door
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from unit.laws.certificates_world import MIDDLE, ONE, THREE, TWO, CertificateWorld, given
from unit.plugins.modules.indoors import check_options, module, process, returned

from lab.certificates import NOW, Made, key_of, server

NAME = "tls_certificate"
HOST = "circleci.example.com"
Change = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def host() -> CertificateWorld:
    return CertificateWorld()


@pytest.fixture
def change(host: CertificateWorld) -> Change:
    return lambda made=None, check=False, **params: changed(host, made, check, **params)


def changed(host: CertificateWorld, made: Made | None = None, check: bool = False, **params: Any) -> tuple[dict[str, Any], str]:
    found = module(NAME).DOOR
    full = {key: option.get("default") for key, option in {**found.options, **door.WAIT_OPTIONS}.items()}
    with host.open():
        try:
            outcome = door.reconcile(found, {**full, "_run": None, **given(made, **params)}, check, host.clock)
        except CollectionError as error:
            return {}, str(error)
    return door.result_of(outcome), outcome.failure


def restart(host: CertificateWorld) -> None:
    """As replicated_app does, the notes cleared after it."""
    host.restarted()
    host.clear()


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**module(NAME).DOOR.options, **door.WAIT_OPTIONS})


def test_a_pair_is_installed_served_after_the_restart_and_then_left_alone(host: CertificateWorld, change: Change) -> None:
    result, failure = change(ONE)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["install"] and result["restart_required"]
    assert set(result) - {"changed", "diff"} == set(returned(NAME)) and result["served"] is None
    assert imports(host) == 1 and host.host.count("stop") == 0
    waiting, failure = change(ONE)
    assert (failure, waiting["changed"], waiting["restart_required"], waiting["reason"]) == ("", False, True, result["reason"])
    restart(host)
    served, failure = change(ONE)
    assert (failure, served["changed"], served["restart_required"]) == ("", False, False)
    assert served["served"] == ONE.fingerprint == served["certificate"]["fingerprint"]
    assert imports(host) == 0, "since the restart"


def test_a_restart_from_the_console_serves_it_though_its_note_is_still_there(host: CertificateWorld, change: Change) -> None:
    change(ONE)
    host.restarted()
    served, failure = change(ONE)
    assert (failure, served["changed"], served["served"], noted(host)) == ("", False, ONE.fingerprint, ["certificate of the app"])
    assert (served["restart_required"], served["restart_noted"]) == (False, True), "replicated_app clears the note"
    second, failure = change(TWO)
    assert (failure, second["previous"], second["restart_required"]) == ("", ONE.fingerprint, True), "what was served is kept"
    assert change(THREE)[0]["previous"] == ONE.fingerprint, "what was not is not"


def test_a_restart_from_the_console_after_which_another_one_is_served_is_a_failure(host: CertificateWorld, change: Change) -> None:
    change(ONE)
    restart(host)
    change(TWO)
    host.restarted()
    with host.host.look() as now:
        now.state["live"] |= {name: now.state["stored"][name] | {"data": encoded(text)} for name, text in SETTINGS}
    result, failure = change(TWO)
    assert "serves another one" in failure and result["served"] == ONE.fingerprint and result["restart_required"]
    assert change(THREE)[0]["previous"] == ONE.fingerprint, "the second was never served"


def test_while_the_app_is_on_its_way_the_note_still_waits(host: CertificateWorld, change: Change) -> None:
    change(ONE)
    host.host.run("replicatedctl", "app", "stop", "-a")
    stopped, failure = change(ONE)
    assert (failure, stopped["restart_required"], stopped["served"]) == ("", True, None)
    host.host.run("replicatedctl", "app", "start")
    while host.host.count("create") == 0:
        host.clock.sleep(0.2)
    moving, failure = change(ONE)
    assert (failure, moving["restart_required"], moving["served"]) == ("", True, None), "its containers run, and it is not up yet"


def test_what_replicated_refuses_leaves_no_note(host: CertificateWorld, change: Change) -> None:
    with host.host.look() as now:
        now.state["stored"]["ghe_type"] = {"value": "of an older version"}  # for which the whole import is refused
    result, failure = change(ONE)
    assert "ghe_type has no option" in failure and not result["restart_required"] and noted(host) == [] and imports(host) == 0


def test_what_replicated_refuses_takes_no_earlier_note_away(host: CertificateWorld, change: Change) -> None:
    change(ONE)
    with host.host.look() as now:
        now.state["stored"]["ghe_type"] = {"value": "of an older version"}
    result, failure = change(TWO)
    assert "ghe_type has no option" in failure and noted(host) == ["certificate of the app"]
    assert (result["restart_required"], result["restart_noted"]) == (False, True), "a restart would not serve what is wanted"


def test_nor_does_it_make_one_wait_again_that_a_restart_has_served(host: CertificateWorld, change: Change) -> None:
    change(ONE)
    host.restarted()
    before = PendingRestarts(host.notes_path).notes()
    with host.host.look() as now:
        now.state["stored"]["ghe_type"] = {"value": "of an older version"}
    assert "ghe_type has no option" in change(TWO)[1]
    assert PendingRestarts(host.notes_path).notes() == before != ()
    assert not change(ONE)[0]["restart_required"]


def test_what_replicated_has_stored_in_part_is_noted(host: CertificateWorld, change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    right = host._run

    def run(argv: Any, *more: Any) -> Any:
        ran = right(argv, *more)
        if "import" in argv:
            with host.host.look() as now:
                del now.state["stored"]["ssl_private_key"]
        return ran

    monkeypatch.setattr(host, "_run", run)
    assert "its settings hold another certificate" in change(ONE)[1] and noted(host) == ["certificate of the app"]


def test_a_note_of_another_change_is_told_too(host: CertificateWorld, change: Change) -> None:
    assert change(ONE)[0]["restart_noted"], "its own"
    restart(host)
    assert not change(ONE)[0]["restart_noted"]
    PendingRestarts(host.notes_path).leave("settings", "the settings were changed", NOW, "docker")
    assert not change(ONE)[0]["restart_noted"], "of Docker, not of the app"
    PendingRestarts(host.notes_path).leave("settings", "the settings were changed", NOW)
    result, failure = change(ONE)
    assert (failure, result["restart_required"], result["restart_noted"]) == ("", False, True)


def test_check_mode_predicts_and_writes_nothing(host: CertificateWorld, change: Change) -> None:
    check, failure = change(ONE, check=True)
    assert failure == "" and imports(host) == 0 and host.end()["kept"] == [] and noted(host) == []
    real, _failure = change(ONE)
    for key in ("steps", "diff", "restart_required", "restart_noted", "served", "reason", "previous", "certificate"):
        assert check[key] == real[key], key


def test_the_old_pair_is_kept_for_its_owner_alone_and_can_be_put_back(host: CertificateWorld, change: Change) -> None:
    change(ONE)
    restart(host)
    result, failure = change(TWO)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["keep", "install"] and result["previous"] == ONE.fingerprint
    kept = host.kept / "app.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and kept.stat().st_uid == os.geteuid()
    change(THREE)
    assert change(THREE)[0]["previous"] == ONE.fingerprint, "the second was never served, so the first stays kept"
    back, failure = change(state="previous")
    assert failure == "" and back["changed"] and back["certificate"]["fingerprint"] == ONE.fingerprint and back["restart_required"]
    restart(host)
    again, failure = change(state="previous")
    assert (failure, again["changed"], again["served"]) == ("", False, ONE.fingerprint)


def test_without_an_earlier_pair_there_is_none_to_put_back(host: CertificateWorld, change: Change) -> None:
    result, failure = change(state="previous")
    assert result == {} and "there is no earlier pair of the app" in failure and imports(host) == 0


def test_what_is_installed_but_not_served_after_a_restart_is_a_failure(host: CertificateWorld, change: Change) -> None:
    change(ONE)
    restart(host)
    change(TWO)
    host.clear()
    result, failure = change(TWO)
    assert "serves another one" in failure and ONE.fingerprint[:16] in failure and "state previous" in failure
    assert result["served"] == ONE.fingerprint
    host.deaf = True
    result, failure = change(TWO)
    assert "shows no certificate" in failure and result["served"] is None and host.clock.now() > 60


@pytest.mark.parametrize(
    ("params", "kinds"),
    [
        ({"private_key": TWO.key_pem}, ["private_key", "key_mismatch"]),
        ({"certificate": ONE.pem}, ["certificate", "missing_intermediate"]),
        ({"certificate": ONE.pem + MIDDLE.pem + ONE.key_pem}, ["certificate", "key_inside"]),
        ({"host_names": ["other.example.com"]}, ["name_not_in_san", "other.example.com"]),
        ({"min_days": 200}, ["expires_soon", "min_days is 200"]),
        ({"certificate": MIDDLE.pem + ONE.pem, "chain_order": "refuse"}, ["wrong_order"]),
        ({"certificate": ""}, ["certificate is needed"]),
        ({"private_key": ""}, ["private_key is needed"]),
        ({"host_names": ["https://x"]}, ["host_names has 'https://x'"]),
        ({"host_names": ["b\u00fccher.example.com"]}, ["host_names has 'b\u00fccher.example.com'", "xn--"]),
        ({"endpoint": "a b"}, ["endpoint has 'a b'"]),
        ({"min_days": -1}, ["min_days is -1"]),
    ],
)
def test_what_cannot_be_right_is_refused_and_nothing_is_changed(host: CertificateWorld, change: Change, params: dict[str, Any], kinds: list[str]) -> None:
    result, failure = change(ONE, **params)
    assert result == {} and all(kind in failure for kind in kinds), failure
    assert imports(host) == 0 and noted(host) == []
    assert not any(line in failure for line in ONE.key_pem.splitlines()[1:-1])


def test_the_name_of_the_installation_is_what_the_certificate_must_be_for(host: CertificateWorld, change: Change) -> None:
    with host.host.look() as now:
        now.state["stored"]["hostname"] = {"value": "ci.example.org"}
    assert "ci.example.org" in change(ONE)[1] and imports(host) == 0
    with host.host.look() as now:
        now.state["stored"]["hostname"] = {}
    assert "host_names is empty" in change(ONE)[1]


def test_one_that_signed_itself_is_taken_behind_a_load_balancer(host: CertificateWorld, change: Change) -> None:
    own = server(HOST, key=key_of("p256", 8), ends=NOW.replace(year=2036))
    assert "(self_signed)" in change(own, certificate=own.pem)[1]
    assert change(own, certificate=own.pem, self_signed=True)[1] == ""


def test_other_settings_stay_as_they_are(host: CertificateWorld, change: Change) -> None:
    with host.host.look() as now:
        before = {name: value for name, value in now.state["stored"].items() if not name.startswith("ssl_")}
    change(ONE)
    with host.host.look() as now:
        assert {name: value for name, value in now.state["stored"].items() if not name.startswith("ssl_")} == before


def test_what_stands_in_the_settings_and_is_no_certificate_can_be_replaced_and_put_back(host: CertificateWorld, change: Change) -> None:
    with host.host.look() as now:
        now.state["stored"] |= {"ssl_cert": {"value": "x", "data": "bm8="}, "ssl_private_key": {"value": "y", "data": "bm8="}}
    assert change(ONE)[1] == ""
    assert change(state="previous")[1] == "" and host.host.stored("ssl_cert")["data"] == "bm8="


def test_the_console_serves_it_at_once_and_has_no_note(host: CertificateWorld, change: Change) -> None:
    result, failure = change(ONE, target="console")
    assert failure == "" and result["changed"] and result["served"] == ONE.fingerprint and not result["restart_required"]
    assert noted(host) == [] and imports(host) == 0
    assert sorted(path.name for path in host.kept.iterdir()) == ["console-current.json"]
    assert not change(ONE, target="console")[0]["changed"]
    second, failure = change(TWO, target="console")
    assert failure == "" and second["previous"] == ONE.fingerprint and second["served"] == TWO.fingerprint
    back, failure = change(state="previous", target="console")
    assert failure == "" and back["served"] == ONE.fingerprint
    assert not change(state="previous", target="console")[0]["changed"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in host.kept.iterdir())


def test_a_run_for_the_app_tells_whether_one_for_the_console_has_anything_to_do(host: CertificateWorld, change: Change) -> None:
    at = {"console_endpoint": "127.0.0.1"}
    assert change(ONE)[0]["console_current"] is None, "not asked"
    assert change(ONE, **at)[0]["console_current"] is False, "it shows none"
    change(ONE, target="console")
    asked = change(ONE, **at)[0]
    assert (asked["console_current"], asked["changed"]) == (True, False)
    assert change(TWO, **at, check=True)[0]["console_current"] is False, "it has the earlier one"
    left = host.kept / "console-new.key"
    left.write_text("of a run that was killed")
    assert change(ONE, **at)[0]["console_current"] is False, "there is something to tidy up"
    left.unlink()
    (host.kept / "console-current.json").write_text("no pair")
    told, failure = change(ONE, **at)
    assert (told["console_current"], failure) == (False, ""), "the run for the console says why"


def test_the_place_of_the_console_is_its_own_endpoint(change: Change) -> None:
    result, failure = change(ONE, target="console", console_endpoint="127.0.0.1:8801")
    assert result == {} and "console_endpoint is 127.0.0.1:8801, but" in failure and "leave console_endpoint out" in failure


def test_a_console_that_shows_nothing_is_given_the_pair_once(host: CertificateWorld, change: Change) -> None:
    host.deaf = True
    result, failure = change(ONE, target="console")
    assert "shows no certificate" in failure and result["served"] is None and host.journal.count("console cert") == 1


def test_a_console_that_goes_on_serving_another_is_told(host: CertificateWorld, change: Change) -> None:
    change(ONE, target="console")
    host.stubborn = True
    _result, failure = change(TWO, target="console")
    assert "still serves another one" in failure and host.journal.count("console cert") == 3, "once, and once more after a fresh look"


def test_a_host_without_replicated_is_told(host: CertificateWorld, change: Change) -> None:
    host.broken = True
    assert "replicatedctl is neither on PATH" in change(ONE)[1]


def test_a_real_process_shows_no_key_and_says_what_is_wrong_with_it() -> None:
    ran = process(NAME, {"PATH": "/nowhere"}, certificate=ONE.pem + ONE.key_pem, private_key=TWO.key_pem, kept_directory="/nowhere")
    assert ran["failed"]
    for key in (ONE.key_pem, TWO.key_pem):
        assert not [line for line in key.splitlines()[1:-1] if line in str(ran)]


SETTINGS = (("ssl_cert", ONE.pem + MIDDLE.pem), ("ssl_private_key", ONE.key_pem))


def encoded(text: str) -> str:
    """As Replicated keeps files."""
    return base64.b64encode(text.encode()).decode()


def imports(host: CertificateWorld) -> int:
    """How often settings were imported."""
    return host.host.count("import")


def noted(host: CertificateWorld) -> list[str]:
    """What waits for a restart."""
    return list(host.end()["notes"])
