# The front door: every command that a developer or CI needs. `make` alone prints them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test walk chaos attack outage upgrade cluster cluster-delete e2e check linters format docs dashboards pictures bench lock clean

BIN := .venv/bin
# Many containers set this; without compiled files every process would start slowly.
unexport PYTHONDONTWRITEBYTECODE
ARGS ?=

help: ## Print this list
	@echo 'make COMMAND, where COMMAND is one of:'
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile
	@echo 'ARGS="..." adds arguments, for example: make test ARGS="tests/unit -x"'

setup: ## Create .venv and install what the other commands need
	@bash requirements/install.sh dev

demo: ## Run the services on this machine, without Docker or a Stripe account; Ctrl-C stops them
	@bash requirements/install.sh demo
	@exec $(BIN)/lea-demo run $(ARGS)

# The unit tests of the pure modules, of which coverage is measured. They refuse the network to all threads of their process,
# so integration tests have processes of their own.
PURE := $(addprefix tests/unit/,checkout/waiting commands mcp notifications outbound pages payment secrets serving store stripe \
	test_brand.py test_return_urls.py)
UNIT := $(patsubst %/,%,$(wildcard tests/unit/test_*.py tests/unit/[a-z]*/ tests/unit/checkout/test_*.py tests/unit/checkout/[a-z]*/))

ifeq ($(strip $(filter-out --all,$(ARGS))),)
test: setup ## Run all tests; ARGS=--all tries more examples and measures coverage; with other ARGS, run pytest with these
	@MEASURED='$(PURE)' OTHERS='$(filter-out $(PURE) tests/unit/checkout,$(UNIT))' exec bash tests/all.sh $(ARGS)
else
test: setup
	@exec $(BIN)/pytest $(ARGS)
endif

cluster: ## Create a kind cluster for `skaffold dev`
	@bash k8s-local/cluster.sh up

cluster-delete: ## Delete that cluster
	@bash k8s-local/cluster.sh delete

e2e: setup ## Test the chart on a new kind cluster; needs Docker, kind, kubectl, helm and skaffold
	@exec $(BIN)/pytest tests/e2e -s --timeout=900 $(ARGS)

check: setup ## Check style, types, import layers, dependencies, lock files, the chart and the Dockerfile, exactly as CI does
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python -m dashboards.build --check
	$(BIN)/python -m tests.linters.run
	bash requirements/lock.sh --check

linters: setup ## Install the linters that `make setup` leaves out because of their size, or because they need Go
	@bash tests/linters/install.sh

format: setup ## Format the code and apply ruff's safe fixes
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

docs: setup ## Generate docs/reference and the chart's README from the code
	@$(BIN)/python -m tests.docs.reference
	@$(BIN)/python -m tests.chart.readme

dashboards: setup ## Generate the dashboards, the Prometheus rules and the chart's copies from dashboards/*.py
	@$(BIN)/python -m dashboards.build

pictures: setup ## Take the screenshots in the documentation again; needs Prometheus and Chromium
	@$(BIN)/python -m tests.docs.pictures

walk: setup ## Follow the README on a fresh clone of the last commit, every command as it is written; needs free ports
	@exec $(BIN)/python -m tests.walk.run

chaos: setup ## Inject faults under load and compare the table with Stripe; ARGS=--short takes three minutes, --notifications tests those
	@exec $(BIN)/python tests/chaos/run.py $(ARGS)

attack: setup ## Attack the services beside good events and check every limit; ARGS=--short takes three minutes
	@exec $(BIN)/python tests/attack/run.py $(ARGS)

outage: setup ## Freeze DynamoDB under steady events for 0.5 to 60 s; ARGS="--seconds 4" selects the freezes
	@exec $(BIN)/python tests/outage/run.py $(ARGS)

upgrade: setup ## Run version 0.1.0 and this version on one table; ARGS="--old DIR" names a folder with version 0.1.0
	@exec $(BIN)/python tests/upgrade/run.py $(ARGS)

bench: setup ## Measure the webhook's CPU, latency and memory; ARGS=--help lists the options
	@exec $(BIN)/python tests/bench/run.py $(ARGS)

lock: setup ## Write the lock files; ARGS=--upgrade takes the newest versions
	bash requirements/lock.sh $(ARGS)

clean: ## Remove .venv, all caches, build results and the demo's data
	rm -rf .venv .data .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis build
	find services tests dashboards requirements -name __pycache__ -prune -exec rm -rf {} +
	rm -rf services/*.egg-info
