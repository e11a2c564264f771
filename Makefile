# One entrance. `make` alone lists what there is.
PYTHON ?= python3.11
SCENARIO ?= latency-rsa
DEMO ?=
TEST_PROCESSES ?= 2
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
# Python 3.11 comes with a pip that takes twice as long as the one that is pinned. pip compiles packages on one
# core, their own tests too. Here every core compiles, and no tests. Packages have files that are not meant to
# be compiled, so its status says nothing.
PIP_INSTALL := pip install -q --disable-pip-version-check --no-compile
COMPILE := python -m compileall -qq -j 0 -x /tests/ $(VENV)/lib || true
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install demo up down status docs figures screenshots test test-nojit test-long lint clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo "  SCENARIO=name selects one of configs/scenarios (now: $(SCENARIO)); LIGHTLOOP_HOME=folder, where it runs (var)"

install: $(INSTALLED) ## make .venv from the pinned requirements

$(INSTALLED): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "lightloop needs Python 3.11: make PYTHON=/path/to/python3.11 install"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP_INSTALL) -c constraints.txt -U pip
	$(BIN)/$(PIP_INSTALL) -c constraints.txt -r requirements.txt
	PYTHONWARNINGS=ignore $(BIN)/$(PIP_INSTALL) --no-deps -e .
	$(BIN)/$(COMPILE)
	@touch $@

$(INSTALLED_DEV): $(INSTALLED) requirements-dev.txt
	$(BIN)/$(PIP_INSTALL) -c constraints.txt -r requirements-dev.txt
	$(BIN)/$(COMPILE)
	@touch $@

demo: $(INSTALLED) ## start everything, shift the traffic, watch alarm, training, gate and switch; leaves it running
	$(BIN)/lightloop demo --scenario $(SCENARIO)

up: $(INSTALLED) ## start every service
	$(BIN)/lightloop up --scenario $(SCENARIO)

down: $(INSTALLED) ## stop everything
	$(BIN)/lightloop down

status: $(INSTALLED) ## each service with its address and health
	$(BIN)/lightloop status

docs: $(INSTALLED_DEV) ## build the documentation site into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "build/site/index.html"

figures: $(INSTALLED) ## write the figures of README and docs anew from docs/measured
	$(BIN)/python -m benchmarks.figures

lint: $(INSTALLED_DEV) ## import rules, style, types
	$(BIN)/lint-imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

screenshots: $(INSTALLED_DEV) ## the pictures of README and docs, light and dark, from a demo; leaves it running
	$(BIN)/python -m benchmarks.screenshots --scenario $(SCENARIO) $(DEMO)

test: $(INSTALLED_DEV) ## lint beside test-nojit, then every test but the long ones, in TEST_PROCESSES processes
	$(MAKE) -j2 lint test-nojit
	$(BIN)/pytest -m "not long" -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder

test-nojit: $(INSTALLED_DEV) ## the twin against the naive one once more, with nothing compiled
	NUMBA_DISABLE_JIT=1 $(BIN)/pytest -m nojit -W ignore::RuntimeWarning tests/envs

test-long: $(INSTALLED_DEV) ## the long tests
	$(BIN)/pytest -m long

clean: ## remove what was installed and built; the home (var) stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
