# The commands of a checkout. `make demo` and `make test` need nothing but this file, git and a Python.
PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
# Where the collection looks for Nomad when it is told nothing.
LAB_ARGS ?= --port 4646
SITE_ARGS ?= --kubeconfig build/site.kubeconfig

.DEFAULT_GOAL := help
.PHONY: help setup setup-run setup-check setup-environments setup-bench check test docs demo demo-recovery lab lab-site soak bench clean

help:
	@echo "make demo    rehearse a drain against a simulated cluster and write build/demo/report.html"
	@echo "make demo-recovery  lose a simulated 3.x installation, bring it back and write build/demo-recovery/report.html"
	@echo "make lab     start the simulated cluster and leave it running"
	@echo "make lab-site  start a simulated 3.x installation with its backups and leave it running; build/site.kubeconfig leads to it"
	@echo "make check   the fast tests: style, types, unit tests, laws"
	@echo "make test    every test that decides whether a change is good"
	@echo "make docs    the documentation site, in build/docs-site"
	@echo "make soak    the long runs"
	@echo "make bench   the measurements, ours beside a peer"
	@echo "make setup   only make the environment in $(VENV)"
	@echo "make clean   remove what these commands made"

setup-run:
	@$(PYTHON) tools/make_venv.py $(VENV) requirements/run.txt

setup-check:
	@$(PYTHON) tools/make_venv.py --minimum 3.11 --neighbours $(VENV) requirements/check.txt

setup:
	@$(PYTHON) tools/make_venv.py --minimum 3.11 --neighbours $(VENV) requirements/test.txt

# The other versions of ansible-core and Python that the tests run on, as far as the machine has a Python for them.
setup-environments:
	@$(PYTHON) tools/environments.py

setup-bench:
	@$(PYTHON) tools/make_venv.py --minimum 3.11 $(BENCH_VENV) requirements/bench.txt --no-deps requirements/bench-collections.txt

check: setup-check
	@$(VENV)/bin/python tools/run_steps.py check

test: setup setup-environments
	@$(VENV)/bin/python tools/run_steps.py test

docs: setup
	@$(VENV)/bin/python tools/run_steps.py docs

soak: setup
	@$(VENV)/bin/python tools/run_steps.py soak

bench: setup-bench
	@$(BENCH_VENV)/bin/python tools/run_steps.py bench

demo: setup-run
	@$(VENV)/bin/python tools/demo.py

demo-recovery: setup
	@$(VENV)/bin/python tools/demo_recovery.py

lab: setup-run
	@PYTHONPATH=tests $(VENV)/bin/python -m lab.nomad $(LAB_ARGS)

lab-site: setup-check
	@mkdir -p build
	@PYTHONPATH=tests $(VENV)/bin/python -m lab.site $(SITE_ARGS)

clean:
	rm -rf build $(VENV) $(BENCH_VENV) .venv-core-* .venv-modules-* .venv-importer
