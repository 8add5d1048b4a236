# Each target is a plain command or two. The lines behind ## are what `make help` prints.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo check check-deep test bench sandbox fmt docs clean
.NOTPARALLEL:

# The paths that tests/setup.sh found or made (NODE, PYTHON, CHROMIUM, ...); on a machine that was never set up, none.
TOOLS := if [ -f target/tools/env.sh ]; then . target/tools/env.sh; fi;

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## build, then the whole story against the sandbox, from the approval to the disconnect (BROWSER=1: you click)
	@tests/setup.sh build
	@echo "demo: building (a minute or two the first time)"
	@$(TOOLS) cargo build --locked --bin demo
	@$(TOOLS) env $(if $(filter 1,$(BROWSER)),-u BROWSER) cargo run -q --locked --bin demo -- $(if $(filter 1,$(BROWSER)),--browser)

check: ## everything a change must pass: sets up the tools, then formats, lints, docs, dependencies, tests (as in CI)
	@tests/check.sh

check-deep: ## check, then advisories and the tests again in release mode with their long rounds (DEEP=1)
	@tests/check.sh
	@tests/check.sh deep

test: ## the tests alone, with what is set up already; pass arguments as in `make test ARGS='-p intail-office365'`
	@$(TOOLS) cargo test --locked $(if $(ARGS),$(ARGS),--workspace)

bench: ## benchmarks, each beside its floor and beside msal; six minutes; writes target/bench/results.jsonl
	@tests/setup.sh bench
	@mkdir -p target/bench && rm -f target/bench/results.jsonl
	@echo "bench: building in release mode (some minutes the first time)"
	@$(TOOLS) BENCH_RESULTS=$(CURDIR)/target/bench/results.jsonl cargo bench --workspace --locked --bench '*'

sandbox: ## a Microsoft 365 to develop against, on loopback; pass arguments as in `make sandbox ARGS=--help`
	@tests/setup.sh build
	@$(TOOLS) cargo run --locked -p intail-office365-sandbox -- $(ARGS)

fmt: ## format all code
	@$(TOOLS) cargo fmt --all

docs: ## the library's reference, in target/doc
	@$(TOOLS) cargo doc --locked --workspace --no-deps
	@echo "docs: open target/doc/intail_office365/index.html"

clean: ## remove what was built or installed below this folder
	@rm -rf target tests/browser/node_modules tests/foreign/node_modules tests/bench/peers/node_modules
