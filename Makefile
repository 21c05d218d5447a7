SHELL := /bin/bash
export PATH := $(CURDIR)/.tools/bin:$(HOME)/.local/bin:$(PATH)
bin := .venv/bin
# Tests start many interpreters: without caches each of them compiles everything it imports.
unexport PYTHONDONTWRITEBYTECODE
# One for each core and one more, and eight that begin with the tests that mostly wait for real servers:
# tests/conftest.py.
workers := $(shell echo $$(($$(nproc) + 9)))

.DEFAULT_GOAL := help
.PHONY: help setup lint test soak mutants demo bench run dashboards sbom clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what is missing: uv, Prometheus, Alertmanager, the Python environment
	@scripts/setup

lint: setup ## Check style, format, types and the direction of imports
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/python scripts/mypy
	$(bin)/lint-imports

test: ## Set up, lint, and run all tests against real servers; what CI runs
	@scripts/setup --tests
	@# The linters run beside the tests, which often wait for servers; what they find is printed when they end.
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	($(MAKE) --no-print-directory lint >"$$log" 2>&1; code=$$?; cat "$$log"; exit $$code) & lint=$$!; \
	: Every module is compiled once, which otherwise each worker does.; \
	test -d tests/__pycache__ || $(bin)/pytest --collect-only -qq >/dev/null 2>&1; \
	echo '$(bin)/pytest -n $(workers) --dist loadfile'; \
	$(bin)/pytest -n $(workers) --dist loadfile; tests=$$?; \
	wait $$lint && exit $$tests

soak: ## Run the long proofs; SLOBURN_SOAK says how long, 1 is the length in `make test`
	@scripts/setup --tests --containers
	SLOBURN_SOAK=$${SLOBURN_SOAK:-20} $(bin)/pytest -m soak --timeout=0
	$(bin)/pytest tests/soak/container_proofs.py
	uv run --frozen --group fuzz python -m tests.soak.fuzz_documents $$(($${SLOBURN_SOAK:-20} * 10000))

mutants: setup ## Change the core line by line, and see which changes no test notices; some: ARGS="'app.budget*'"
	@scripts/mutants $(ARGS)

demo: setup ## Start the demo shop with a month of history; Ctrl-C ends it. Choices: make demo ARGS="up --help"
	@$(bin)/sloburn demo $(ARGS)

bench: setup ## Measure what a tick costs; others: make bench ARGS=--help
	$(bin)/python -m bench $(or $(ARGS),cost)

run: setup ## Run the service with the settings of the environment
	@$(bin)/sloburn serve $(ARGS)

dashboards: setup ## Generate the Grafana dashboards
	$(bin)/python grafana/generate.py

sbom: setup ## Write what Sloburn is made of, by its lock files, to build/sbom.cdx.json
	@mkdir -p build
	scripts/sbom > build/sbom.cdx.json

clean: ## Remove caches and build products
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
