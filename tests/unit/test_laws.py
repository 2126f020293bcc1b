# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The laws that every module keeps, whatever its system: (a) to (g) of the architecture. A module joins by one line of SUBJECTS or READINGS."""

from __future__ import annotations

import json
import logging

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.door import reconcile
from unit.laws import (
    balancers,
    certbot,
    certificates,
    gcp,
    gcp_dns,
    google_images,
    host_files,
    images,
    kots,
    kots_config,
    kots_restore,
    kots_support,
    nomad,
    nomad_jobs,
    server,
    server_addresses,
    services,
    telegraf,
    trust,
    velero,
    vms,
)
from unit.laws.killing import Killed
from unit.laws.leaking import leaks, outputs
from unit.laws.running import Ran, all_params, by_item, run, run_sliced, stable
from unit.laws.subject import Reading, Subject
from unit.toy import subjects as toy

SUBJECTS: list[Subject] = [
    *toy.subjects(),
    *balancers.subjects(),
    *gcp.subjects(),
    *gcp_dns.subjects(),
    *images.subjects(),
    *google_images.subjects(),
    *nomad.subjects(),
    *nomad_jobs.subjects(),
    *server.subjects(),
    *services.subjects(),
    *velero.subjects(),
    *kots.subjects(),
    *kots_config.subjects(),
    *kots_restore.subjects(),
    *kots_support.subjects(),
    *trust.subjects(),
    *certificates.subjects(),
    *certbot.subjects(),
    *host_files.subjects(),
    *telegraf.subjects(),
    *vms.subjects(),
]
READINGS_KILLED = 6  # between readings a run is killed so often; beside writes always
READINGS: list[Reading] = [
    *images.readings(),
    *google_images.readings(),
    *nomad.readings(),
    *nomad_jobs.readings(),
    *server.readings(),
    *services.readings(),
    *server_addresses.readings(),
    *velero.readings(),
    *kots.readings(),
    *kots_config.readings(),
    *certificates.readings(),
]

FORESEEABLE = [subject for subject in SUBJECTS if subject.foreseeable]
ON_A_HOST = (trust, certificates, certbot, host_files, telegraf, services)
AT_ONCE = [subject for system in ON_A_HOST for subject in system.subjects() if subject.short is None]
SLOW = [subject for subject in SUBJECTS if subject.short is not None]
PAUSES = (0.0, 40.0)  # s between a death and the next run: at once, and after what runs by itself has ended or died


def of(subjects: list[Subject]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("subject", subjects, ids=str)


def ended(subject: Subject, ran: Ran) -> Ran:
    """It ended as this subject should."""
    assert bool(ran.failure) == subject.fails, ran.failure
    return ran


@of(FORESEEABLE)
def test_a_check_mode_predicts_the_real_run(subject: Subject) -> None:
    predicted = ended(subject, run(subject, subject.make(), check=True))
    real = ended(subject, run(subject, subject.make()))
    assert by_item(predicted.steps) == by_item(real.steps)
    assert predicted.changed == real.changed
    assert stable(predicted.result["diff"], subject.volatile) == stable(real.result["diff"], subject.volatile)
    left_out = ("steps", "diff")  # compared above, the steps by item
    assert stable(predicted.result, subject.volatile + left_out) == stable(real.result, subject.volatile + left_out)


@of(SUBJECTS)
def test_a_check_mode_without_waiting_predicts_the_run_without_waiting(subject: Subject) -> None:
    predicted = run(subject, subject.make(), check=True, wait=False)
    real = run(subject, subject.make(), wait=False)
    assert by_item(predicted.steps) == by_item(real.steps)
    assert (predicted.changed, predicted.failure) == (real.changed, real.failure)


@of(AT_ONCE)
def test_where_nothing_is_waited_for_a_run_without_waiting_ends_the_same(subject: Subject) -> None:
    """Several rounds of a module's own steps are no waiting: one that stops after the first leaves a mark, no file and no note, and calls itself changed."""
    world = subject.make()
    ended(subject, run(subject, world, wait=False))
    assert (world.end(), world.harm()) == (subject.ends, [])


@of([subject for subject in SUBJECTS if subject.quiet])
def test_b_a_second_run_is_quiet(subject: Subject) -> None:
    world = subject.make()
    ended(subject, run(subject, world))
    before, wrote = world.end(), world.writes()
    again = ended(subject, run(subject, world))
    assert (again.changed, again.steps) == (False, [])
    assert again.result["diff"]["before"] == again.result["diff"]["after"]
    assert world.writes() == wrote
    assert world.end() == before


@of(SUBJECTS)
def test_c_a_dry_run_writes_nothing(subject: Subject) -> None:
    world = subject.make()
    before = world.end()
    ended(subject, run(subject, world, check=True))
    assert world.tap.points, "it must at least have looked"
    assert world.writes() == []
    assert world.end() == before


@of(SLOW)
@pytest.mark.parametrize("sliced", [False, True], ids=["one slice", "slices"])
def test_d_a_timeout_fails_and_says_what_was_done_and_what_was_waited_for(subject: Subject, sliced: bool) -> None:
    world = subject.make()
    went = (run_sliced if sliced else run)(subject, world, wait_timeout=subject.short)
    assert f"wait_timeout ({subject.short:g} s)" in went.failure
    done, _colon, left = went.failure.partition("waited for: ")
    assert left.strip()
    for word in {str(step["step"]) for step in went.steps} or {"nothing"}:
        assert word in done.partition("done: ")[2]
    full = run(subject, subject.make())
    assert set(went.result) == set(full.result), "a failure has the same keys as success"
    again = ended(subject, run(subject, world))
    if not subject.fails:
        assert world.harm() == []
    assert stable(again.result["diff"]["after"], subject.volatile) == stable(full.result["diff"]["after"], subject.volatile)


@of(SUBJECTS)
def test_e_no_output_shows_a_secret(subject: Subject, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    params = all_params(subject.door, subject.params)
    shown = [repr(subject.door.spec(params))]
    for trouble in (None, *subject.troubles):
        for check in (False, True):
            world = subject.make()
            if trouble:
                trouble(world)
            with world.open():
                shown += outputs(lambda world=world, check=check: reconcile(subject.door, {**params, "wait_timeout": 300.0}, check, world.clock))
    assert leaks(subject.secret, shown, caplog, capfd) == []


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_e_no_output_of_a_reading_shows_a_secret(reading: Reading, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    for trouble in (None, *reading.troubles):
        world = reading.make()
        if trouble:
            trouble(world)
        with world.open():
            shown += outputs(lambda world=world: reading.read(world.clock))
    assert leaks(reading.secret, shown, caplog, capfd) == []


@of(SUBJECTS)
@pytest.mark.parametrize("sliced", [False, True], ids=["one slice", "slices"])
@pytest.mark.parametrize("readings", [READINGS_KILLED, pytest.param(1_000_000, marks=pytest.mark.soak)], ids=["", "everywhere"])
def test_f_killed_anywhere_and_run_again_it_ends_the_same(subject: Subject, sliced: bool, readings: int) -> None:
    go = run_sliced if sliced else run
    clean = subject.make()
    clean.tap.count = lambda: len(clean.writes())
    ended(subject, go(subject, clean))
    assert (clean.end(), clean.harm()) == (subject.ends, [])
    assert len(clean.tap.points) > 2
    wrong = []
    for point in clean.tap.moments(readings, int(sliced)):
        world = subject.make()
        world.tap.kill(point)
        with pytest.raises(Killed) as death:
            go(subject, world)
        world.tap.kill(None)
        # Each contact with both pauses, one in slices and one without.
        world.clock.sleep(PAUSES[(point + sliced) % 2])
        again = go(subject, world)
        if bool(again.failure) != subject.fails or world.end() != subject.ends or world.harm():
            wrong.append((point, str(death.value), again.failure, world.end(), world.harm()))
    assert wrong == []


@of(SUBJECTS)
def test_g_many_slices_and_one_give_the_same_result(subject: Subject) -> None:
    one_world, many_world = subject.make(), subject.make()
    one, many = run(subject, one_world), run_sliced(subject, many_world)
    assert one.failure == many.failure
    assert stable(one.result, subject.volatile) == stable(many.result, subject.volatile)
    assert one_world.end() == many_world.end()
    assert set(one.result) == set(many.result)
    if subject.short is not None:
        assert many.slices > 1, "it waited, so it must have been cut"
        assert many.said


@of(SUBJECTS)
def test_what_travels_between_slices_is_plain_json(subject: Subject) -> None:
    # A tuple that comes back as a list would look like a change of the world after every cut.
    before = run(subject, subject.make()).result["diff"]
    assert before == json.loads(json.dumps(before))


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_b_c_a_reading_changes_nothing_and_repeats_itself(reading: Reading) -> None:
    world = reading.make()
    before = world.end()
    with world.open():
        first, second = reading.read(world.clock), reading.read(world.clock)
    assert first == second
    assert json.loads(json.dumps(first)) == first
    assert world.writes() == []
    assert world.end() == before
    assert len(world.tap.points) > 2
