# Everything happens in .venv; only `make setup-test`, as root on Debian or Ubuntu, installs system packages.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
WORKERS ?= 2
PROVE_MINUTES ?= 40

.PHONY: help demo train-demo setup-test test lint types check prove clean

help: ## list these targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: .venv/.installed ## install into .venv, then plan, write, review and revise a paper on the example
	$(BIN)/peercycle run examples/preference_learning.bib \
	    --topic "learning from preferences instead of rewards" --candidates 3 --rounds 2

# pip is asked only when pyproject.toml is newer than the last installation: a second `make demo` needs no network.
.venv/.installed: pyproject.toml
	@echo "Installing peercycle into .venv (once; again only when pyproject.toml changes)"
	@bash tools/make_venv.sh
	$(PIP) install -qq --editable .
	@touch $@

# `--group` came with pip 25.1; a fresh .venv has whatever its Python bundles.
.venv/.installed-test: .venv/.installed
	$(PIP) install -qq --upgrade 'pip>=25.1'
	$(PIP) install -qq torch==2.13.0
	$(PIP) install -qq --editable '.[train]' --group test
	@touch $@

.venv/.installed-lint: .venv/.installed-test
	$(PIP) install -qq --group lint
	@touch $@

train-demo: .venv/.installed-train ## train a tiny policy on its own reviewed papers, on a CPU; then run it by its name
	$(BIN)/python examples/citing/demo.py

.venv/.installed-train: .venv/.installed
	$(PIP) install -qq torch==2.13.0
	$(PIP) install -qq --editable '.[train]'
	@touch $@

setup-test: ## install what the tests need (as root on Debian or Ubuntu: system packages too, listed first)
	@bash tools/setup_test.sh

test: setup-test ## run the tests; what cannot be had here is skipped by name
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -rfEs --no-fold-skipped

lint: .venv/.installed-lint ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.installed-lint ## mypy (strict) and pyright
	$(BIN)/mypy
	$(BIN)/pyright

check: lint types test ## lint, types and tests

prove: setup-test ## the long proofs, stopped after PROVE_MINUTES (40)
	$(BIN)/python -P tools/prove.py --minutes $(PROVE_MINUTES) --workers $(WORKERS)

clean: ## remove .venv and .venv-vllm, caches and builds; runs/ stays
	rm -rf .venv .venv-vllm build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
