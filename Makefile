PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
MODELS := $(VENV)/models
WORKERS ?= logical
COVERAGE := --cov --cov-branch
PACKAGES := broker adapters apps consent machi smart_data_models
REGISTRY := smart_data_models/built/registry.sqlite

# Tests start hundreds of processes: each would compile every source anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test lint bench conformance crash mutants

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) $(REGISTRY) ## create .venv with the exact locked versions (instant when up to date)

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Machi needs Python 3.11 or newer: make PYTHON=python3.13 setup" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q -j 0 $(PACKAGES)
	@touch $@

$(REGISTRY): requirements-models.lock smart_data_models/assets.py smart_data_models/registry.py smart_data_models/own/*/schema.json | $(STAMP)
	@rm -rf $(MODELS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(MODELS) -r requirements-models.lock
	@$(BIN)/python -m smart_data_models.build $(MODELS)/pysmartdatamodels

run: setup ## start the town: broker on 1026, MQTT on 1883, page on http://localhost:8080
	$(BIN)/machi up

test: setup ## run every check of behaviour, with coverage (ARGS="-k name" narrows it)
	$(BIN)/python -m pytest $(COVERAGE) --numprocesses $(WORKERS) --dist worksteal $(ARGS)

lint: setup ## check style, format, types, import directions and licences
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/licences.py

bench: setup ## measure against a bare ASGI server and write bench/REPORT.md
	$(BIN)/python -m bench

conformance: setup ## run the ETSI suite (SUITE=checkout) and compare with docs/conformance.md
	$(BIN)/python -m tests.conformance --suite "$(SUITE)" $(ARGS)

crash: setup ## kill the broker 50 times under load and compare with what it answered
	$(BIN)/python -m tests.crash --kills 50

mutants: setup ## take away one call of the guard at a time; a test must fail for each
	$(BIN)/python -m tests.mutation
