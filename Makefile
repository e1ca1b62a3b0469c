# Needs Python 3.11 or newer with its venv module, make and git. Everything else is installed into .venv.

VENV := .venv
BIN := $(VENV)/bin
# Two states of $(VENV): all that is locked, and what running needs; what is there beyond that stays (--inexact).
STAMP := $(VENV)/.synced
RUNNABLE := $(VENV)/.runnable
ORDERSAGA := $(BIN)/ordersaga
DEMO_ARGS ?=

# A name on the PATH may be a shim of a version manager that runs nothing: ask each whether it works.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo "$$python"; break; }; done)

# Bytecode is kept: compiling every module at every start is half of the start of each of the many processes.
unexport PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: audit bench browser scale docs mutants help demo chaos surge soak faults fuzz properties test test-slow check up stack-clean

help: ## List the targets
	@awk -F ':.*## ' '/^[.a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(RUNNABLE) ## See orders ship, fail and be undone on a stack of its own; KEEP=1 leaves it running
	$(ORDERSAGA) demo $(if $(KEEP),--keep) $(DEMO_ARGS)

chaos: $(STAMP) ## Orders under load while parts are killed and paused and the network fails: SEED=1 MINUTES=3
	$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --minutes $(or $(MINUTES),3) $(CHAOS_ARGS)

surge: $(STAMP) ## 20,000 checkouts for 1,000 units, open loop, judged: RATE=500 (or max) ORDERS= UNITS= APIS=2 WORKERS=2 KILL=1 SEED=1
	$(BIN)/python -m tests.surge --rate $(or $(RATE),500) --orders $(or $(ORDERS),20000) --units $(or $(UNITS),1000) \
		--apis $(or $(APIS),2) --workers $(or $(WORKERS),2) --seed $(or $(SEED),1) $(if $(KILL),--kill) $(SURGE_ARGS)

soak: $(STAMP) ## Steady load, and does anything grow? MINUTES=60 RATE=2; half an hour or more writes docs/soak.md
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),60) --rate $(or $(RATE),2) $(SOAK_ARGS)

up: $(RUNNABLE) ## Run the whole stack on this machine until Ctrl-C
	$(ORDERSAGA) up $(UP_ARGS)

test: $(STAMP) ## Run the tests; choose with TEST_ARGS, e.g. TEST_ARGS="tests/domain -k refund"
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder $(TEST_ARGS)

test-slow: $(STAMP) ## Run the tests of the whole stack: demos with kills and restarts, lost answers, decisions of providers, the runbook
	$(BIN)/pytest -m slow -n 2 --dist loadfile $(TEST_ARGS)

browser: $(STAMP) ## Use every page of the console in a real Chromium; screenshots in build/screenshots; TEST_ARGS="tests/browser -k scripts"
	$(BIN)/pytest -m slow $(or $(TEST_ARGS),tests/browser)

scale: $(STAMP) ## Time searches and the console's pages among 100,000 orders, beside an empty page and an empty shop
	$(BIN)/pytest -m slow $(or $(TEST_ARGS),tests/api/test_search_at_scale.py tests/console/test_order_page_at_scale.py)

fuzz: $(STAMP) ## Send hostile input through every door of a stack: MINUTES=5 SEED=1; what breaks one is kept in build/fuzz
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),5) --seed $(or $(SEED),1) $(FUZZ_ARGS)

faults: $(STAMP) ## Meet seven orders with every fault at every call and await; goes on where it was stopped; CASE='...' plays one, FAULTS_ARGS=--list names all
	$(BIN)/python -m tests.faults $(if $(CASE),--case '$(CASE)') $(FAULTS_ARGS)

bench: $(STAMP) ## Measure the product beside its peers; goes on where it was stopped; BENCH_ARGS="--only B3 --quick"
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

mutants: $(STAMP) ## See that the fault cases catch seeded bugs
	$(BIN)/python -m tests.faults.mutants

properties: $(STAMP) ## Play many random programs against stores, rules and sagas, new ones every time; EXAMPLES=200 of each
	ORDERSAGA_EXAMPLES=$(or $(EXAMPLES),200) $(BIN)/pytest tests/properties tests/domain --timeout 0 $(TEST_ARGS)

check: $(STAMP) ## Lint, format, types, import contracts, size budget
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.architecture.size_budget

audit: $(STAMP) ## Ask the vulnerability service about every locked dependency: `Error 1`: vulnerable, `Error 3`: it could not be asked
	$(BIN)/python -m tests.security.audit $(AUDIT_ARGS)

docs: $(STAMP) ## Build the documents as a site in build/docs/site; the reference from the code; every link checked
	$(BIN)/python -m docs_site

stack-clean: $(RUNNABLE) ## Delete the databases, logs and keys of the stopped stack
	$(ORDERSAGA) stack-clean

.venv: $(STAMP) ## Install everything, as locked

$(STAMP): $(RUNNABLE)
	$(BIN)/uv sync --locked
	@touch $@

$(RUNNABLE): uv.lock pyproject.toml
	@test -n "$(PYTHON)" || { \
		echo "make: no working Python 3.11 or newer with venv among python3.13 python3.12 python3.11 python3;" \
			"install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	@echo "make: installing what running needs into $(VENV), about 85 packages"
	$(BIN)/uv sync --locked --no-default-groups --inexact
	@touch $@
