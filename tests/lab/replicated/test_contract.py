"""The lab's Services host against what is known of the real one: a test for each row, on the virtual clock, and hosts broken on purpose that must fail."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.nomad.clock import VirtualClock
from lab.replicated import replicatedctl
from lab.replicated.host import Host
from lab.replicated.items import STORED
from lab.replicated.services import Done, ServicesHost

Row = Callable[[ServicesHost], None]
ROWS: list[Row] = []
FIELDS = {"AppID", "Sequence", "PatchSequence", "State", "DesiredState", "Error", "IsCancellable", "IsTransitioning", "LastModifiedAt"}
OVERRIDES = "etc/circle-installation-customizations"


def row(test: Row) -> Row:
    ROWS.append(test)
    return test


def ctl(host: ServicesHost, *argv: str, stdin: str = "") -> Done:
    return host.run("replicatedctl", *argv, stdin=stdin)


def app(host: ServicesHost) -> dict[str, Any]:
    return ctl(host, "app", "status").json[0]


def pass_time(host: ServicesHost, seconds: float) -> None:
    assert host.clock
    host.clock.sleep(seconds)


def restart(host: ServicesHost) -> None:
    for act in ("stop", "start"):
        assert ctl(host, "app", act, "-a").code == 0
    pass_time(host, 60)


def states(host: ServicesHost, seconds: int) -> list[tuple[str, str, bool]]:
    """State, DesiredState and IsTransitioning, second by second, each once in a row."""
    found: list[tuple[str, str, bool]] = []
    for _second in range(seconds):
        now = app(host)
        shown = (now["State"], now["DesiredState"], now["IsTransitioning"])
        if shown not in found[-1:]:
            found.append(shown)
        pass_time(host, 1)
    return found


# -- the program ------------------------------------------------------------------------------------


@row
def test_the_scripts_own_flags_come_first_and_say_nothing(host: ServicesHost) -> None:
    assert ctl(host, "--no-tty", "-i", "app", "status").json == ctl(host, "app", "status").json


@row
def test_read_commands_print_json_yaml_or_a_template(host: ServicesHost) -> None:
    assert ctl(host, "system", "status", "-o", "json").json == {"Replicated": "ready", "Retraced": "ready"}
    assert ctl(host, "system", "status", "-o", "yaml").out.splitlines() == ["Replicated: ready", "Retraced: ready"]
    assert ctl(host, "params", "export", "--template", "{{.AppUpdateCheckSchedule}}").out == "@hourly"


@row
def test_an_unknown_word_ends_with_1_and_a_sentence(host: ServicesHost) -> None:
    done = ctl(host, "aps")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: unknown command")


@row
def test_what_is_not_modelled_says_so(host: ServicesHost) -> None:
    for command in replicatedctl.NOT_MODELLED:
        done = ctl(host, command)
        assert (done.code, "does not model" in done.err) == (1, True)


@row
def test_the_system_is_ready_or_the_worst_of_its_parts(host: ServicesHost) -> None:
    assert ctl(host, "system", "status", "-q").out == "ready\n"
    with host.look() as now:
        now.restart_daemon()
    assert ctl(host, "system", "status", "-q").out == "initializing\n"
    assert ctl(host, "app", "status").code == 1
    pass_time(host, 30)
    assert ctl(host, "system", "status", "-q").out == "ready\n"
    assert app(host)["State"] == "started", "the app went on meanwhile"


@row
def test_without_the_container_replicated_nothing_answers(host: ServicesHost) -> None:
    with host.look() as now:
        now.state["down"] = True
    done = ctl(host, "system", "status")
    assert (done.code, done.out) == (1, "")
    assert "is not running" in done.err
    assert host.health(), "the app does not need it"


# -- the app -----------------------------------------------------------------------------------------


@row
def test_status_is_a_list_of_one_app_without_o_and_with_a_word_more(host: ServicesHost) -> None:
    for words in ((), ("-o", "json"), ("inspect",)):
        found = ctl(host, "app", "status", *words).json
        assert [set(one) for one in found] == [FIELDS]
        assert (found[0]["State"], found[0]["DesiredState"], found[0]["IsTransitioning"], found[0]["Error"]) == ("started", "started", False, "")


@row
def test_stop_and_start_are_tasks_and_the_state_comes_before_it_is_settled(host: ServicesHost) -> None:
    assert ctl(host, "app", "stop").code == 0
    assert app(host)["State"] == "started", "nothing has begun yet"
    assert states(host, 90) == [
        ("started", "started", False),
        ("stopping", "stopped", True),
        ("stopped", "stopped", True),
        ("stopped", "stopped", False),
    ]
    ctl(host, "app", "start")
    assert states(host, 120) == [
        ("stopped", "stopped", False),
        ("starting", "started", True),
        ("started", "started", True),
        ("started", "started", False),
    ]


@row
def test_q_prints_the_id_of_a_task_that_can_be_looked_at(host: ServicesHost) -> None:
    task = ctl(host, "app", "stop", "-q").out.strip()
    assert ctl(host, "task", "ls", "-q").out.split() == [task]
    told = ctl(host, "task", "inspect", task, "-o", "json").json
    assert [(one["ID"], one["State"]) for one in told] == [(task, "running")]
    pass_time(host, 90)
    assert ctl(host, "task", "inspect", task, "-o", "json").json[0]["State"] == "completed"
    assert ctl(host, "task", "ls", "-q").out == ""
    assert ctl(host, "task", "inspect", "nope").code == 1


@row
def test_attach_waits_for_the_task(host: ServicesHost) -> None:
    assert ctl(host, "app", "stop", "-a").code == 0
    assert (app(host)["State"], app(host)["IsTransitioning"]) == ("stopped", False)


@row
def test_the_exit_code_says_that_a_task_was_taken_not_that_it_did(host: ServicesHost) -> None:
    ctl(host, "app", "stop", "-a")
    host.trouble("fails")
    assert ctl(host, "app", "start").code == 0
    pass_time(host, 200)
    assert (app(host)["State"], app(host)["DesiredState"], app(host)["IsTransitioning"]) == ("stopped", "started", False)
    assert app(host)["Error"]


@row
def test_an_app_can_be_started_and_settled_and_not_healthy(host: ServicesHost) -> None:
    ctl(host, "app", "stop", "-a")
    ctl(host, "app", "start", "-a")
    assert (app(host)["State"], app(host)["IsTransitioning"], host.health()) == ("started", False, False)
    pass_time(host, 30)
    assert host.health()
    host.trouble("unhealthy")
    restart(host)
    assert (app(host)["State"], app(host)["IsTransitioning"], host.health()) == ("started", False, False)


@row
def test_a_start_may_hang_and_a_forced_stop_ends_it(host: ServicesHost) -> None:
    ctl(host, "app", "stop", "-a")
    host.trouble("hangs")
    ctl(host, "app", "start")
    pass_time(host, 3600)
    assert (app(host)["State"], app(host)["IsTransitioning"]) == ("starting", True)
    ctl(host, "app", "stop")
    pass_time(host, 3600)
    assert app(host)["State"] == "starting"
    ctl(host, "app", "stop", "-f")
    pass_time(host, 90)
    assert (app(host)["State"], app(host)["IsTransitioning"]) == ("stopped", False)


@row
def test_starting_what_runs_and_stopping_what_is_stopped_does_nothing(host: ServicesHost) -> None:
    before = host.started()
    ctl(host, "app", "start")
    pass_time(host, 200)
    assert (host.started(), host.count("create")) == (before, 0)
    ctl(host, "app", "stop", "-a")
    ctl(host, "app", "stop", "-a")
    assert (app(host)["State"], host.count("create")) == ("stopped", 0)


@row
def test_versions(host: ServicesHost) -> None:
    assert ctl(host, "app", "inspect").json[0]["Sequence"] == app(host)["Sequence"]
    assert ctl(host, "app-release", "ls", "-o", "json").json[0]["Sequence"] == app(host)["Sequence"]
    assert ctl(host, "version").out.strip() == "2.34.1"
    assert "ExpirationTime" in ctl(host, "license", "inspect").json


# -- settings ----------------------------------------------------------------------------------------


@row
def test_export_has_every_item_and_secrets_only_when_asked(host: ServicesHost) -> None:
    shown, hidden = ctl(host, "app-config", "export").json, ctl(host, "app-config", "export", "--hidden").json
    assert set(shown) == set(hidden) == set(STORED)
    assert shown["hostname"] == hidden["hostname"] == {"value": "circleci.example.com"}
    assert (shown["secret_passphrase"], hidden["secret_passphrase"]) == ({}, {"value": "canary-passphrase-5b1"})
    assert hidden["s3_bucket"] == {}, "what is not set"


@row
def test_view_shows_the_form_a_group_or_names(host: ServicesHost) -> None:
    groups = ctl(host, "app-config", "view").json
    assert {"Name", "Title", "Items"} <= set(groups[0])
    assert [item["Title"] for item in ctl(host, "app-config", "view", "--group", "datadog_metrics").json] == ["Enabled", "API Key"]
    assert ctl(host, "app-config", "view", "-q").out.split() == [group["Name"] for group in groups]


@row
def test_an_import_is_stored_and_not_live_until_the_app_starts_anew(host: ServicesHost) -> None:
    assert ctl(host, "app-config", "import", stdin='{"hostname": {"value": "new.example.com"}}').code == 0
    pass_time(host, 3600)
    assert (host.stored("hostname")["value"], host.live("hostname")["value"]) == ("new.example.com", "circleci.example.com")
    assert host.stored("aws_region") == {"value": "us-east-1"}, "the others stay"
    host.run("docker", "restart", "frontend")
    assert host.env("frontend")["REPLICATED_CONFIG_HOSTNAME"] == "circleci.example.com", "a container alone keeps its environment"
    restart(host)
    assert host.live("hostname")["value"] == "new.example.com"
    assert host.env("frontend")["REPLICATED_CONFIG_HOSTNAME"] == "new.example.com"


@row
def test_apply_config_is_a_restart(host: ServicesHost) -> None:
    ctl(host, "app-config", "set", "hostname", "--value", "new.example.com")
    assert host.live("hostname")["value"] == "circleci.example.com"
    assert ctl(host, "app", "apply-config", "-a").code == 0
    assert (host.live("hostname")["value"], host.count("create")) == ("new.example.com", 1)


@row
def test_files_have_a_name_and_data_and_lose_the_data_they_are_not_given(host: ServicesHost) -> None:
    data = base64.b64encode(b"pem").decode()
    ctl(host, "app-config", "set", "ssl_cert", "--value", "cert.pem", "--data", data)
    for hidden in ((), ("--hidden",)):
        assert ctl(host, "app-config", "export", *hidden).json["ssl_cert"] == {"value": "cert.pem", "data": data}
    ctl(host, "app-config", "import", stdin='{"ssl_cert": {"value": "other.pem"}}')
    assert host.stored("ssl_cert") == {"value": "other.pem"}
    done = ctl(host, "app-config", "set", "ssl_cert", "--value", "cert.pem", "--data", "no base64!")
    assert (done.code, "base64" in done.err) == (1, True)
    ctl(host, "app-config", "set", "trusted_certs", "--value", "a", "--data", data, "--value", "b", "--data", data)
    assert host.stored("trusted_certs") == {"multi_value": ["a", "b"], "multi_data": [data, data]}


@row
def test_an_import_that_is_not_valid_stores_nothing(host: ServicesHost) -> None:
    for bad in ({"hostname": {"value": ""}}, {"ghe_type": {"value": "nope"}}, {"allow_cluster": {"value": "true"}}, {"hostname": "text"}):
        done = ctl(host, "app-config", "import", stdin=json.dumps({"aws_region": {"value": "eu-west-1"}} | bad))
        assert (done.code, done.err[:7]) == (1, "Error: ")
    assert ctl(host, "app-config", "import", stdin="{").code == 1
    assert host.stored("aws_region") == {"value": "us-east-1"}
    assert ctl(host, "app-config", "import", "--skip-validation", stdin='{"hostname": {"value": ""}}').code == 0
    assert host.stored("hostname") == {}


@row
def test_unknown_items_and_those_written_once_are_passed_over_without_a_word(host: ServicesHost) -> None:
    done = ctl(host, "app-config", "import", stdin='{"hostnam": {"value": "x"}, "lab_installation_id": {"value": "i-2"}}')
    assert (done.code, done.out, done.err) == (0, "", "")
    assert host.stored("lab_installation_id") == {"value": "i-1"}
    assert "hostnam" not in ctl(host, "app-config", "export").json
    assert ctl(host, "app-config", "set", "hostnam", "--value", "x").code == 1


@row
def test_a_restart_keeps_settings_and_parameters_and_loses_what_was_done_to_containers(host: ServicesHost) -> None:
    ctl(host, "app-config", "set", "aws_region", "--value", "eu-west-1")
    ctl(host, "params", "set", "LogLevel", "--value", "debug")
    with host.look() as now:
        now.container("frontend")["env"]["BY_HAND"] = "1"
        now.container("frontend")["logs"].append("by hand")
    before = host.run("docker", "inspect", "--format", "{{.Id}}", "frontend").out
    restart(host)
    assert host.stored("aws_region") == host.live("aws_region") == {"value": "eu-west-1"}
    assert ctl(host, "params", "export").json["LogLevel"] == "debug"
    assert "BY_HAND" not in host.env("frontend")
    assert "by hand" not in host.run("docker", "logs", "frontend").out
    assert host.run("docker", "inspect", "--format", "{{.Id}}", "frontend").out != before


@row
def test_parameters_are_overridden_and_given_back(host: ServicesHost) -> None:
    ctl(host, "params", "set", "AppUpdateCheckSchedule", "--value", "@every 5h")
    ctl(host, "params", "import", stdin='{"LogLevel": "debug"}')
    assert ctl(host, "params", "export").json == {"AppUpdateCheckSchedule": "@every 5h", "LogLevel": "debug"}
    ctl(host, "params", "unset", "AppUpdateCheckSchedule")
    assert ctl(host, "params", "export").json["AppUpdateCheckSchedule"] == "@hourly"


@row
def test_the_consoles_password_is_imported_and_reset_means_anonymous(host: ServicesHost) -> None:
    given = {"Password": {"Password": "canary-new-1f4"}}
    assert ctl(host, "console-auth", "import", stdin=json.dumps(given)).code == 0
    assert ctl(host, "console-auth", "export").json == given
    ctl(host, "console-auth", "reset")
    assert "Password" not in ctl(host, "console-auth", "export").json


# -- the older program ---------------------------------------------------------------------------------


@row
def test_the_older_program_knows_the_app_its_settings_and_the_consoles_certificate(host: ServicesHost) -> None:
    ident = app(host)["AppID"]
    assert ident in host.run("replicated", "apps").out
    assert host.run("replicated", "app", ident, "settings").json == ctl(host, "app-config", "export", "--hidden").json
    cert, key = host.directory / "cert", host.directory / "key"
    cert.write_text("CERT")
    key.write_text("KEY")
    assert host.run("replicated", "console", "cert", "set", "h.example.com", str(key), str(cert)).code == 0
    assert "CERT" not in ctl(host, "app-config", "export", "--hidden").out
    host.run("replicated", "app", ident, "stop")
    pass_time(host, 90)
    assert host.run("replicated", "app", ident, "status").out == "Stopped\n"
    assert host.run("replicated", "nope").code == 1


# -- Docker ------------------------------------------------------------------------------------------


@row
def test_ps_shows_what_runs_and_with_a_what_ended(host: ServicesHost) -> None:
    names = host.run("docker", "ps", "--format", "{{.Names}}").out.split()
    assert {"frontend", "telegraf", "replicated"} <= set(names)
    ctl(host, "app", "stop", "-a")
    assert "frontend" not in host.run("docker", "ps", "--format", "{{.Names}}").out.split()
    assert "frontend" in host.run("docker", "ps", "-a", "--format", "{{.Names}}").out.split()
    assert "replicated" in host.run("docker", "ps", "--format", "{{.Names}}").out.split(), "Replicated's own go on"


@row
def test_inspect_tells_times_and_what_is_missing(host: ServicesHost) -> None:
    done = host.run("docker", "inspect", "--format", "{{.Name}} {{.State.Running}} {{.State.StartedAt}}", "frontend", "nope")
    assert done.code == 1
    assert done.out.startswith("/frontend true 2026-")
    assert done.err == "Error: No such object: nope\n"
    assert "REPLICATED_CONFIG_HOSTNAME=circleci.example.com" in host.run("docker", "inspect", "frontend").json[0]["Config"]["Env"]


@row
def test_override_files_are_read_when_a_container_starts(host: ServicesHost) -> None:
    (host.root / OVERRIDES).write_text('export HTTP_PROXY="http://p:3128"\nNOT_EXPORTED=1\n')
    own = host.root / "etc/circleconfig/frontend/customizations"
    own.parent.mkdir()
    own.write_text("export ONLY_HERE=1\n")
    assert "HTTP_PROXY" not in host.env("frontend")
    host.run("docker", "restart", "frontend")
    assert (host.env("frontend")["HTTP_PROXY"], host.env("frontend")["ONLY_HERE"]) == ("http://p:3128", "1")
    assert "NOT_EXPORTED" not in host.env("frontend")
    assert "HTTP_PROXY" not in host.env("nomad")
    restart(host)
    assert (host.env("nomad")["HTTP_PROXY"], "ONLY_HERE" in host.env("nomad")) == ("http://p:3128", False)
    assert host.run("docker", "exec", "nomad", "printenv", "HTTP_PROXY").out == "http://p:3128\n"


@row
def test_telegraf_reads_its_folder_at_its_start_and_names_its_outputs(host: ServicesHost) -> None:
    folder = host.root / "etc/circleconfig/telegraf"
    (folder / "kafka.conf").write_text('[[outputs.kafka]]\n  brokers = ["example.com:9092"]\n')
    assert "kafka" not in host.run("docker", "logs", "telegraf").out
    assert host.run("docker", "restart", "telegraf").code == 0
    assert "Loaded outputs: kafka" in host.run("docker", "logs", "--tail", "1", "telegraf").out
    assert host.count("create") == 0
    (folder / "bad.conf").write_text("[[outputs.kafka]\n")
    host.run("docker", "restart", "telegraf")
    assert "E! [telegraf] Error running agent: Error parsing" in host.run("docker", "logs", "telegraf").out
    assert "telegraf" not in host.run("docker", "ps", "--format", "{{.Names}}").out.split()


@row
def test_a_pair_that_no_server_loads_keeps_the_app_from_being_healthy(host: ServicesHost) -> None:
    junk = base64.b64encode(b"no certificate").decode()
    for name in ("ssl_cert", "ssl_private_key"):
        ctl(host, "app-config", "set", name, "--value", "x.pem", "--data", junk)
    assert host.health(), "not live yet"
    restart(host)
    assert (app(host)["State"], host.health()) == ("started", False)


@pytest.fixture
def host(tmp_path: Path) -> ServicesHost:
    return ServicesHost(tmp_path, clock=VirtualClock())


# -- hosts broken on purpose -----------------------------------------------------------------------------


def _at_once(self: Host) -> str:
    """No task: the app is started when the program ends."""
    task = self._task("start")
    self._come_up(task)
    self._create(task)
    self._set(state="started", moving=False)
    self.state["due"] = []
    self._end(task)
    return task


def _settled_at_once(self: Host, task: str) -> None:
    self._set(state="started")
    self._settled(task)


def _live(self: Host, given: Any, _validate: bool = True) -> None:
    self.state["stored"] |= given
    self.state["live"] |= given


def _all_shown(self: Host, _hidden: bool) -> Any:
    return {name: dict(self.state["stored"].get(name, {})) for name in STORED}


def _only_set(self: Host, hidden: bool) -> Any:
    return {name: value for name, value in self.state["stored"].items() if hidden or not STORED[name].is_secret}


def _keeps(self: Host, _task: str) -> None:
    """Containers that survive: started again, not made anew."""
    for name in self.state["containers"]:
        self._run(name)


def _quiet(_self: Host, _name: str) -> None:
    """docker restart that does nothing."""


MUTANTS: dict[str, tuple[str, Any]] = {
    "a start that is done at once": ("start", _at_once),
    "State started is settled": ("_started", _settled_at_once),
    "an import is live": ("import_items", _live),
    "export shows secrets": ("exported", _all_shown),
    "export leaves out what is not set": ("exported", _only_set),
    "containers survive a restart": ("_create", _keeps),
    "docker restart does nothing": ("restart_container", _quiet),
    "always healthy": ("is_healthy", lambda _self: True),
    "no daemon is ever missing": ("_must_run", lambda _self: None),
    "a stop is ignored": ("_begin_stop", Host._end),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_host_that_is_broken_on_purpose_is_seen(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    method, broken = MUTANTS[name]
    fresh = [ServicesHost(tmp_path / str(number), clock=VirtualClock()) for number in range(len(ROWS))]
    monkeypatch.setattr(Host, method, broken)
    seen = 0
    for test, host in zip(ROWS, fresh, strict=True):
        try:
            test(host)
        except (AssertionError, KeyError):
            seen += 1
    assert seen
