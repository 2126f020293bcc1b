# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the steps of a suite, two lanes side by side, and say in one table and one line how they ended."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

sys.path[:0] = [str(Path(__file__).resolve().parent)]

from environments import CORES, IMPORTER, MODULES, Environment  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
BUILD = ROOT / "build"
IN_COPY = (sys.executable, "tools/in_copy.py")
LINES_OF_A_LOG, LINES_OF_A_TEST = 40, 30
PYTEST = (sys.executable, "-m", "pytest", "-q")


@dataclass(frozen=True)
class Step:
    """One command. It is skipped while one of the paths it needs is not there; with CI=true that is a failure, unless it is optional."""

    name: str
    argv: tuple[str, ...]
    needs: tuple[str, ...] = ()
    timeout: int = 600
    variables: tuple[tuple[str, str], ...] = ()
    without: str = ""
    optional: bool = False

    @property
    def is_pytest(self) -> bool:
        return self.argv[: len(PYTEST)] == PYTEST


@dataclass(frozen=True)
class Result:
    step: Step
    verdict: str
    seconds: float = 0.0
    note: str = ""
    passed: int = 0
    failed: int = 0
    skipped: int = 0


def pytest(name: str, folder: str, *more: str, timeout: int = 600) -> Step:
    return Step(name, (*PYTEST, folder, *more, f"--junitxml=build/results/{name}.xml"), needs=(folder,), timeout=timeout)


def sanity(name: str, python: str, *more: str, timeout: int = 600) -> Step:
    place = f"build/{name}"
    argv = (*IN_COPY, place, python, "tools/sanity.py", *more, "--home", str(ROOT / place / "home"))
    return Step(name, argv, needs=("plugins/modules",), timeout=timeout)


def on(environment: Environment, step: Step, *, optional: bool = False) -> Step:
    return replace(step, needs=(*step.needs, environment.python), without=environment.without, optional=optional)


def drain(environment: Environment, variable: str) -> Step:
    """The playbooks once; the variable tells the test whether this environment is the controller's or the modules'."""
    step = pytest(f"drain-{environment.name}", "tests/integration/test_environments.py", timeout=600)
    return replace(step, variables=((variable, str(ROOT / environment.python)),))


def sanity_on(core: Environment) -> Step:
    """The sanity tests whose findings differ from one ansible-core to the next."""
    decisive = ("validate-modules", "import", "compile", "ansible-doc", "runtime-metadata")
    return sanity(f"sanity-{core.name}", str(ROOT / core.python), *decisive)


DOCS = ("antsibull-docs", "lint-collection-docs", "--plugin-docs", ".")
WAITS = ("-n", "3")  # one more than cores: a third of the time is waited for builds, restarts and other processes
BY_FILE = (*WAITS, "--dist", "loadfile")  # the tests of a file may go on from one another
NOT_LONG = ("-m", "not soak and not bench")
STYLE = (
    Step("ruff", ("ruff", "check", ".")),
    Step("mypy", ("mypy",), needs=("plugins",)),
    Step("yamllint", ("yamllint", "--strict", ".")),
    Step("changelog", ("antsibull-changelog", "lint")),
)
SITE = Step("docs-site", (sys.executable, "tools/docs_site.py"), needs=("docs", "plugins/modules"))
UNIT = pytest("unit", "tests/unit", "-n", "2", *NOT_LONG, timeout=1200)

# Each suite is a list of lanes; a lane runs its steps one after another, lanes run side by side.
SUITES: dict[str, tuple[tuple[Step, ...], ...]] = {
    "check": (STYLE, (UNIT,)),
    "test": (
        (
            UNIT,
            pytest("faults", "tests/faults", *WAITS, *NOT_LONG, timeout=1500),
            pytest("integration", "tests/integration", "--ignore=tests/integration/test_environments.py", *BY_FILE, *NOT_LONG, timeout=2700),
        ),
        (
            *STYLE,
            Step("ansible-lint", (*IN_COPY, "build/lint", "ansible-lint", "--offline", "--strict")),
            # antsibull-docs writes a log into the home of who runs it.
            Step("docs", (*IN_COPY, "build/docs", "env", f"HOME={BUILD / 'docs'}", *DOCS), needs=("plugins/modules",)),
            Step("tarball", (*IN_COPY, "build/tarball", "ansible-galaxy", "collection", "build", "--force", "--output-path", str(BUILD / "dist"))),
            Step("installed", (sys.executable, "tools/installed.py"), needs=("plugins/modules", "playbooks")),
            Step("execution-env", (sys.executable, "tools/execution_environment.py"), needs=("meta/execution-environment.yml",)),
            on(IMPORTER, Step("importer", (str(ROOT / IMPORTER.python), "tools/importer.py"))),
            SITE,
            pytest("hosts", "tests/hosts", *NOT_LONG, timeout=1500),
            Step("molecule", (*IN_COPY, "build/molecule", sys.executable, "tools/scenarios.py"), needs=("molecule/nomad_drain/converge.yml",)),
            sanity("sanity", sys.executable, timeout=1200),
            on(MODULES, sanity("sanity-modules-3.9", sys.executable, "--python", str(ROOT / MODULES.python), "import", "compile"), optional=True),
            *(on(core, sanity_on(core)) for core in CORES),
            pytest("contract", "tests/lab", "-n", "2", *NOT_LONG, timeout=1200),
            *(on(core, drain(core, "PLAYBOOK_PYTHON")) for core in CORES),
            on(MODULES, drain(MODULES, "MODULE_PYTHON"), optional=True),
        ),
    ),
    "docs": ((SITE,),),
    "soak": (
        (
            pytest("soak", "tests", "-m", "soak", timeout=24 * 3600),
            Step("molecule-long", (*IN_COPY, "build/molecule", sys.executable, "tools/scenarios.py", "--long"), timeout=1800),
        ),
    ),
    "bench": ((pytest("bench", "tests/bench", "-m", "bench", "-s", timeout=3600),),),
}


def environment() -> dict[str, str]:
    """The caller's, without what would point the tests at the caller's own cluster, settings or collections."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("NOMAD_", "ANSIBLE_", "K8S_AUTH_"))}
    env["PATH"] = f"{BIN}{os.pathsep}{env.get('PATH', os.defpath)}"
    env["ANSIBLE_HOME"] = str(BUILD / "ansible")
    env["ANSIBLE_ASYNC_DIR"] = str(BUILD / "ansible/async")
    env["PYTHONUNBUFFERED"] = "1"
    env["NO_COLOR"] = "1"
    return env


@dataclass
class Runner:
    """Starts the steps and ends all that are still under way when one run is broken off."""

    running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopped: bool = False

    def lane(self, steps: tuple[Step, ...]) -> list[Result]:
        return [self.run(step) for step in steps]

    def run(self, step: Step) -> Result:
        missing = [path for path in step.needs if not (ROOT / path).exists()]
        if missing:
            result = skipped(step, f"there is no {', '.join(missing)}{': ' if step.without else ''}{step.without}")
        elif self.stopped:
            result = Result(step, "skipped", note="the run was broken off", skipped=1)
        else:
            result = self.execute(step)
        with self.lock:
            print(f"{result.verdict:8}{result.seconds:7.1f} s  {step.name:20}{result.note}", flush=True)
        return result

    def execute(self, step: Step) -> Result:
        began = time.monotonic()
        note = ""
        report_of(step).unlink(missing_ok=True)
        with (BUILD / "logs" / f"{step.name}.log").open("wb") as log:
            log.write(f"$ {' '.join(step.argv)}\n".encode())
            log.flush()
            env = environment() | dict(step.variables)
            process = subprocess.Popen(step.argv, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
            self.running.add(process)
            try:
                process.wait(step.timeout)
            except subprocess.TimeoutExpired:
                note = f"stopped after {step.timeout} s; "
                end(process)
            self.running.discard(process)
        return judged(step, process.returncode, time.monotonic() - began, note)

    def stop(self) -> None:
        self.stopped = True
        for process in list(self.running):
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """The whole session: pytest and molecule start programs of their own."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(10)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def skipped(step: Step, reason: str) -> Result:
    if os.environ.get("CI") == "true" and not step.optional:
        return Result(step, "FAILED", note=f"skipped, which this run does not allow: {reason}", failed=1)
    return Result(step, "skipped", note=reason, skipped=1)


def judged(step: Step, code: int, seconds: float, note: str) -> Result:
    verdict = "passed" if code == 0 else "FAILED"
    if code:
        note += f"see build/logs/{step.name}.log"
    result = Result(step, verdict, seconds, note, passed=int(code == 0), failed=int(code != 0))
    return counted(result) if step.is_pytest and report_of(step).exists() else result


def report_of(step: Step) -> Path:
    return BUILD / "results" / f"{step.name}.xml"


def counted(result: Result) -> Result:
    """A step of pytest counts its tests; one that failed with no test to blame still counts as a failure."""
    total = {key: 0 for key in ("tests", "failures", "errors", "skipped")}
    for suite in ElementTree.parse(report_of(result.step)).getroot().iter("testsuite"):
        for key in total:
            total[key] += int(suite.get(key, 0))
    failed = total["failures"] + total["errors"]
    passed = max(0, total["tests"] - failed - total["skipped"])
    note = f"{passed} passed, {failed} failed, {total['skipped']} skipped{'; ' if result.note else ''}{result.note}"
    return replace(result, note=note, passed=passed, failed=max(failed, result.failed), skipped=total["skipped"])


def why(result: Result) -> list[str]:
    """What a failed step says of its failure: each failed test with its last words, else the end of its log. Logs may be out of reach where CI runs."""
    report, log = report_of(result.step), BUILD / "logs" / f"{result.step.name}.log"
    found = failures(report) if result.step.is_pytest and report.exists() else []
    if not found and log.exists():
        found = log.read_text(errors="replace").splitlines()[-LINES_OF_A_LOG:]
    return [f"--- {result.step.name}", *found]


def failures(report: Path) -> list[str]:
    lines = []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        for told in [*case.findall("failure"), *case.findall("error")]:
            lines.append(f"{case.get('classname')}::{case.get('name')} after {float(case.get('time') or 0):.1f} s")
            lines += (told.text or told.get("message") or "").splitlines()[-LINES_OF_A_TEST:]
    return lines


def chosen(suite: str, names: list[str]) -> list[tuple[Step, ...]]:
    lanes = SUITES[suite]
    known = [step.name for lane in lanes for step in lane]
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"run_steps: no step {', '.join(unknown)} in {suite}; there are {', '.join(known)}")
    picked = [tuple(step for step in lane if not names or step.name in names) for lane in lanes]
    return [lane for lane in picked if lane]


def summary(results: list[Result], seconds: float) -> int:
    print(f"\n{'step':20}{'verdict':10}{'seconds':>8}  note")
    for result in results:
        print(f"{result.step.name:20}{result.verdict:10}{result.seconds:8.1f}  {result.note}")
    print("\n".join(line for result in results if result.verdict == "FAILED" for line in why(result)))
    passed, failed, skips = (sum(getattr(r, key) for r in results) for key in ("passed", "failed", "skipped"))
    print(f"{'in all':30}{seconds:8.1f}\n\n{passed} passed, {failed} failed, {skips} skipped", flush=True)
    return 1 if failed else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("steps", nargs="*", help="only these steps of it")
    args = parser.parse_args()
    lanes = chosen(args.suite, args.steps)
    for folder in ("logs", "results"):
        (BUILD / folder).mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    runner = Runner()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ThreadPoolExecutor(len(lanes)) as pool:
        try:
            results = [result for lane in pool.map(runner.lane, lanes) for result in lane]
        except KeyboardInterrupt:
            runner.stop()
            sys.exit(130)
    sys.exit(summary(results, time.monotonic() - began))


if __name__ == "__main__":
    main()
