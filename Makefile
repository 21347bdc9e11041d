# Needs python3 (3.11 or newer) and make; uses uv where there is one. `make PYTHON=…` chooses the interpreter,
# `make UV=` does without uv.

PYTHON ?= python3
BIN := .venv/bin
BOOTSTRAP := $(PYTHON) scripts/bootstrap.py
SOAKS := benchmarks/loadtest_soak.py benchmarks/serve_soak.py
BENCHMARKS := $(filter-out $(SOAKS),$(wildcard benchmarks/*.py))

.DEFAULT_GOAL := help
.PHONY: help demo test test-compiled compile stack-test fuzz check docs docs-site bench soak soak-serve lock clean

help: ## show this
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: ## a tour: simulated providers, probes, a table; nothing leaves this machine
	@$(BOOTSTRAP) demo
	@$(BIN)/aimon demo

# Most tests wait for servers, so that two processes more than there are cores keep these busy.
WORKERS := $(shell $(PYTHON) -c 'import os; print(min(8, (os.cpu_count() or 1) + 2))')

# Real servers and clocks meet on a machine that does other work: what fails is tried once more, and named at the end.
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist worksteal --reruns 1 --reruns-delay 1 -r aR

test: ## all tests, against real Prometheus, Pushgateway and Alertmanager; `make test ARGS='-n 0 -k sse'`
	@$(BOOTSTRAP) test
	@$(PYTHON) scripts/debian_services.py
	@$(PYTEST) $(ARGS)

compile: ## a wheel in dist/ whose hot modules are compiled (docs/decisions/0017); needs a C compiler
	@$(BOOTSTRAP) test check
	@rm -rf build
	AIMON_COMPILE=1 $(BIN)/python -W ignore setup.py -q build bdist_wheel

# What the compiled modules do is tested by the tests of the same modules.
COMPILED := tests/aimon/call tests/aimon/dialects tests/aimon/exchange tests/aimon/metering tests/loadtests tests/probes/network
test-compiled: compile ## the tests of these modules against that wheel; `make test-compiled ARGS='-k sse'`
	PYTHONPATH=$$(echo build/lib.*) $(PYTEST) $(COMPILED) $(ARGS)

stack-test: ## the image, the compose file and the pods, on a container engine of their own; needs root and Debian
	@$(BOOTSTRAP) test
	@$(BIN)/python scripts/grafana_schema.py
	@$(BIN)/python scripts/stack_test.py $(ARGS)

fuzz: ## generated hostile answers, 20 times as many as in the tests; `make fuzz ARGS='--fuzz 500 -k gemini'`
	@$(BOOTSTRAP) test
	@$(BIN)/pytest -n $(WORKERS) --fuzz 20 $(ARGS) tests/fuzz

check: style types imports lockfile tables site ## style, types, import direction; lock file and documents fit the code

.PHONY: style types imports lockfile tables site checkers
style: checkers
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: checkers
	$(BIN)/mypy .types/aimon $(wildcard benchmarks scripts tests)

# From inside the tree, since import-linter looks into the current folder first.
imports: checkers
	cd .types && ../$(BIN)/lint-imports --no-logo --config ../pyproject.toml --cache-dir ../.import_linter_cache

lockfile: checkers
	@$(BIN)/uv lock --check --offline --quiet 2>/dev/null || { echo "uv.lock does not fit pyproject.toml: make lock"; exit 1; }

tables: checkers
	$(BIN)/python scripts/docs_tables.py --check

# A link to a page or a heading that is not there ends it.
site: checkers
	$(BIN)/zensical build --strict --clean

checkers:
	@$(BOOTSTRAP) test check docs
	@$(BIN)/python scripts/link_tree.py

docs: ## rewrite the tables that the documentation takes from the code, and what is made of the runbook
	@$(BOOTSTRAP) test
	$(BIN)/python scripts/docs_tables.py
	$(BIN)/python -m aimon.dashboards.rules.build

docs-site: ## the documentation as a web site, in site/; `python3 -m http.server -d site` shows it
	@$(BOOTSTRAP) docs
	$(BIN)/zensical build --strict --clean

bench: ## the measured claims of the documentation
	@$(BOOTSTRAP) test
	@for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python $$script || exit; done

soak: ## ten minutes of a load test with faults: memory, open files and counts; `make soak ARGS='--minutes 3'`
	@$(BOOTSTRAP) test
	$(BIN)/python benchmarks/loadtest_soak.py $(ARGS)

soak-serve: ## half an hour of aimon serve with faults, reloads and kills: incidents, counters, memory, open files
	@$(BOOTSTRAP) test
	@$(PYTHON) scripts/debian_services.py
	$(BIN)/python benchmarks/serve_soak.py $(ARGS)

lock: ## renew uv.lock after a change of dependencies; `make lock ARGS=--upgrade` for the newest of all
	@test -x $(BIN)/uv || $(BOOTSTRAP) check
	$(BIN)/uv lock $(ARGS)

clean: ## remove all that make made
	rm -rf .venv .services .stack .types .cache build dist site *.egg-info
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
