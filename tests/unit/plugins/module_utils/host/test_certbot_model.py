# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How certbot is called, and what it said: texts of certbot 2.1.0 with Pebble 2.4.0."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import HIDDEN, Secret
from ansible_collections.serverops.circleci.plugins.module_utils.host.certbot_model import (
    BEGUN,
    LETS_ENCRYPT,
    CertbotSpec,
    certbot_argv,
    last_run,
    server_of,
    why_it_failed,
    without_secrets,
)

NAME = "circleci.example.com"
HEAD = f"\n{BEGUN}\nSaving debug log to /var/lib/serverops/letsencrypt/logs/letsencrypt.log\n"
FOOT = "Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile /x or re-run Certbot with -v for more details.\n"
HOOK = f"""Hook '--manual-auth-hook' for {NAME} reported error code 3
Hook '--manual-auth-hook' for {NAME} ran with error output:
 Traceback
 the zone is locked
Hook '--manual-cleanup-hook' for {NAME} reported error code 3
Hook '--manual-cleanup-hook' for {NAME} ran with error output:
 the zone is locked, too
Some challenges have failed.
"""
DETAIL = f"""Renewing an existing certificate for {NAME}

Certbot failed to authenticate some domains (authenticator: manual). The Certificate Authority reported these problems:
  Domain: {NAME}
  Type:   unauthorized
  Detail: No TXT records found for DNS challenge

Hint: The Certificate Authority failed to verify the DNS TXT records created by the --manual-auth-hook. Ensure that this hook is functioning correctly.

"""
SPACE = "HTTPSConnectionPool(host='localhost', port=41645): Max retries exceeded with url: /dir"
UNTRUSTED = f"requests.exceptions.SSLError: {SPACE} (Caused by SSLError(SSLCertVerificationError(1, 'certificate verify failed')))\n"


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", ""),
        (
            HEAD + HOOK + FOOT + DETAIL,
            f"Hook '--manual-auth-hook' for {NAME} reported error code 3; the zone is locked; No TXT records found for DNS challenge",
        ),
        (HEAD + "Some challenges have failed.\n" + FOOT + DETAIL, "No TXT records found for DNS challenge"),
        (HEAD + HOOK + FOOT + DETAIL + HEAD + "Some challenges have failed.\n" + FOOT + DETAIL, "No TXT records found for DNS challenge"),
        (HEAD + "Unable to find manual-auth-hook command /nope/x in the PATH.\n(PATH is /usr/bin)\n" + FOOT, None),
        (HEAD + "An unexpected error occurred:\nValueError: Requesting localhost/dir: Connection refused\n" + FOOT, None),
        (HEAD + "An unexpected error occurred:\n" + UNTRUSTED + FOOT, "SSLError(SSLCertVerificationError(1, 'certificate verify failed')))"),
        (HEAD + HOOK + FOOT + DETAIL + f"\n{BEGUN}\ncertbot: error: unrecognized arguments: --dns-x\n", "certbot: error: unrecognized arguments: --dns-x"),
        (HEAD + "Account registered.\nThe requested dns-x plugin does not appear to be installed\n" + FOOT, None),
    ],
)
def test_the_reason_is_found_in_what_it_said(log: str, words: str | None) -> None:
    found = why_it_failed(last_run(log))
    told = [line for line in log.splitlines() if line.startswith(("Unable", "ValueError", "The requested"))]
    assert found == (words if words is not None else told[0].rstrip("."))


def test_long_words_are_cut() -> None:
    assert len(why_it_failed("x" * 9000 + "\n")) == 500


def test_secrets_are_hidden_whole_where_one_begins_like_another() -> None:
    given = CertbotSpec(
        NAME, (NAME,), "dns-x", credentials=Secret("# of the zone\nkey = abcd\nlong=abcdefgh\n"), environment={"T": Secret("tok en"), "N": Secret("1")}
    )
    assert without_secrets("abcdefgh abcd tok en 1 http://u:p@h/", given) == "******** ******** ******** 1 http://********@h/"


KEY = "-----BEGIN PRIVATE KEY-----\nMIIEcanaryone\nMIIEcanarytwo==\n-----END PRIVATE KEY-----\n"
ACCOUNT = json.dumps({"type": "service_account", "private_key_id": "canary-0f3a", "private_key": KEY, "more": [{"token": "canary-deep"}], "port": 1}, indent=2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"credentials": ACCOUNT}, "Could not load: key canary-0f3a, MIIEcanaryone, canary-deep"),
        ({"credentials": ACCOUNT}, "ValueError: b'-----BEGIN PRIVATE KEY-----\\nMIIEcanaryone\\nMIIEcanarytwo==\\n'"),
        ({"credentials": ACCOUNT}, f"bad file: {ACCOUNT}"),
        ({"environment": {"KEY": KEY}}, "\n MIIEcanaryone\n MIIEcanarytwo==\n"),
        ({"environment": {"ACCOUNT": ACCOUNT}}, "no rights for canary-0f3a"),
        ({"credentials": "dns_x_token = 'canary-quoted'\n"}, "no rights for canary-quoted"),
        ({"credentials": "dns_x_token = canary-noted # of ops\n"}, "no rights for canary-noted"),
        ({"credentials": "[zone]\ncanary-of-no-form\n"}, "cannot parse 'canary-of-no-form'"),
    ],
)
def test_secrets_are_hidden_whatever_the_form_that_they_are_given_in(given: dict[str, Any], said: str) -> None:
    credentials = Secret.maybe(given.get("credentials"))
    environment = {name: Secret(value) for name, value in given.get("environment", {}).items()}
    found = without_secrets(said, CertbotSpec(NAME, (NAME,), "dns-x", credentials=credentials, environment=environment))
    assert "canary" in said and "canary" not in found and HIDDEN in found


def argv(names: tuple[str, ...] = (NAME,), force: bool = True, credentials: str = "", **more: Any) -> str:
    given = {"plugin": "manual", **more}
    return " ".join(certbot_argv("certbot", CertbotSpec(NAME, (NAME,), **given), names, force, credentials))


def test_it_is_called_for_a_dns_challenge_with_no_hook_that_could_stop_the_app() -> None:
    found = argv(auth_hook="/x/set", cleanup_hook="/x/clear")
    assert "--authenticator manual --preferred-challenges dns" in found and "--no-directory-hooks" in found
    assert "--manual-auth-hook /x/set --manual-cleanup-hook /x/clear" in found and f"--server {LETS_ENCRYPT}" in found
    assert "--force-renewal" in found and "--register-unsafely-without-email" in found and "propagation" not in found
    plugin = argv(("a.example.com", "*.b.example.com"), False, "/r/x.ini", plugin="dns-x", propagation_seconds=9, account_email="o@example.com", key_type="rsa")
    assert "--dns-x-credentials /r/x.ini --dns-x-propagation-seconds 9 --domain a.example.com --domain *.b.example.com" in plugin
    assert "--keep-until-expiring --key-type rsa" in plugin and "--email o@example.com" in plugin and "--force-renewal" not in plugin


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("", ""),
        ("version = 2.1.0\ncert = /x\n", ""),
        ("[renewalparams]\nserver = https://ca.example.com/dir\n", "https://ca.example.com/dir"),
        ("[renewalparams]\nauthenticator = manual\n", LETS_ENCRYPT),
    ],
)
def test_the_directory_of_a_renewal_file(text: str, server: str) -> None:
    assert server_of(text) == server
