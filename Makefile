# Two commands do everything: `make run` and `make test`. Each sets up what is missing first.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || echo python3)
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false

.PHONY: run test suite check bench ui lint types style layers setup lock clean

run: setup
	@$(BIN)/loupe check
	@$(BIN)/dvc repro report@low_light
	@echo "The low-light rounds are up to date; everything else runs with: dvc repro (exposure fusion alone: dvc repro report@brackets; genetic search: dvc repro genetic_evaluate)."
	@echo "The report is at $(CURDIR)/data/low_light/report/report.html (open it in a browser, it works offline)."

# Types take a minute of one core, beside the tests.
test: setup
	@$(MAKE) --no-print-directory -j 2 types suite

suite: .venv/.apt style layers
	@$(BIN)/python -m pytest -n 2 --dist worksteal

# Style, types, layers, and the tests that take no time: before every commit.
check: setup lint
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" tests/test_stages.py tests/tasks tests/models/test_*.py

lint: types style layers

types: setup
	@$(BIN)/mypy

style: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

layers: setup
	@$(BIN)/lint-imports

bench: setup
	@$(BIN)/python -m benchmarks

ui: setup
	@$(BIN)/python -m flows.serve

setup: .venv/.installed

# uv reads the lock with its hashes; pip installs uv. Compiled once here, as not every machine lets Python keep what it compiles:
# torch and pandas then start in half the time. DVC needs to be told when there is no git.
.venv/.installed: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@echo "Installing the pinned packages (about 7 GB with torch; once)..."
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@git rev-parse --git-dir >/dev/null 2>&1 || $(BIN)/dvc config --local core.no_scm true
	@touch $@

# Chromium and PostgreSQL serve a few tests, which skip and say so where they are absent.
.venv/.apt:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  command -v chromium-headless-shell >/dev/null && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
	  { echo "Installing chromium-headless-shell and postgresql for the tests (once)..."; apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium-headless-shell postgresql >/dev/null; } || \
	  echo "apt-get failed: tests that need postgresql, or a browser where there is no chromium, will be skipped"; \
	fi
	@touch $@

# Writes requirements.lock anew from pyproject.toml.
lock: setup
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev pyproject.toml \
	  --output-file requirements.lock --no-emit-index-url --custom-compile-command "make lock"

clean:
	rm -rf .venv data/* .mypy_cache .ruff_cache .pytest_cache
