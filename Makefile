# The front door: every command a developer or CI needs. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos cluster cluster-delete e2e check format docs dashboards pictures bench lock clean

BIN := .venv/bin
# Where it is set, as in many containers, every start would compile all packages anew.
unexport PYTHONDONTWRITEBYTECODE
ARGS ?=

help: ## List the commands
	@echo 'make COMMAND, where COMMAND is one of:'
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile
	@echo 'ARGS="..." is handed on, for example: make test ARGS="tests/unit -x"'

setup: .venv/dev.stamp ## Make .venv with everything that the other commands need

demo: .venv/demo.stamp ## Run the whole flow on this machine, no Docker or Stripe account needed; Ctrl-C ends it
	@exec $(BIN)/lea-demo run $(ARGS)

test: setup ## Run the tests
	@exec $(BIN)/pytest $(ARGS)

cluster: ## Make a kind cluster for `skaffold dev`
	@bash k8s-local/cluster.sh up

cluster-delete: ## Remove that cluster
	@bash k8s-local/cluster.sh delete

e2e: setup ## Test the chart on a kind cluster of its own; needs Docker, kind, kubectl, helm and skaffold
	@exec $(BIN)/pytest tests/e2e -s $(ARGS)

check: setup ## Check style, types, the order of imports and the lock files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	bash requirements/lock.sh --check

format: setup ## Format the code and make the safe repairs
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

docs: setup ## Write the tables of README.md anew from the code
	@$(BIN)/python -m tests.docs.blocks
	@$(BIN)/python -m tests.chart.readme

dashboards: setup ## Write the dashboards and the rules that are made from Python anew
	@$(BIN)/python -m dashboards.build

pictures: setup ## Take the pictures of README.md anew, of a real run; needs Prometheus and Chromium
	@$(BIN)/python -m tests.docs.pictures

chaos: setup ## Break things under load and compare the table with Stripe's truth; ARGS=--short takes minutes
	@exec $(BIN)/python tests/chaos/run.py $(ARGS)

bench: setup ## Measure the webhook against the plain recipe
	@exec $(BIN)/python tests/bench/run.py $(ARGS)

lock: setup ## Write the lock files anew; ARGS=--upgrade takes the newest versions
	bash requirements/lock.sh $(ARGS)

clean: ## Remove all that these commands made: .venv, caches and the demo's data
	rm -rf .venv .data .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis build
	find services tests dashboards -name __pycache__ -prune -exec rm -rf {} +
	rm -rf services/*.egg-info

.venv/dev.stamp: requirements/dev.txt pyproject.toml
	@bash requirements/install.sh dev

# The demo needs half of it, so its first start is quicker; after `make setup` there is nothing left to install.
.venv/demo.stamp: requirements/demo.txt requirements/dev.txt pyproject.toml
	@$(MAKE) --silent --question .venv/dev.stamp && touch $@ || bash requirements/install.sh demo
