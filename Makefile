# Every target works from a fresh clone and does its own set-up. `make` alone lists them.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.requirements-$(shell cksum < requirements.txt | tr ' ' '-')

# What a real installation sets; only for Django's deployment check, which opens no connection.
PRODUCTION := SECRET_KEY=only-for-the-deployment-check-of-make-lint-0123456789 \
              FIELD_KEYS=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
              ALLOWED_HOSTS=portwarden.example DATABASE_URL=postgres://nobody@127.0.0.1/none DEBUG=0

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-reset run test lint bench bench-peers fuzz

help: ## List what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make the virtual environment in .venv with exactly the pinned packages

$(STAMP): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "On Debian: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@rm -f $(VENV)/.requirements-*
	@touch $@

demo: $(STAMP) ## Show the portal with a sample registry and a finished scan (PORT=8000)
	@exec $(BIN)/python manage.py demo

demo-reset: $(STAMP) ## Forget everything that `make demo` made
	@exec $(BIN)/python manage.py demo --reset

run: $(STAMP) ## Run the portal on this machine: web server and worker (HOST=127.0.0.1 PORT=8000)
	@exec $(BIN)/python manage.py serve

test: $(STAMP) ## Run all tests; get Chromium and docker-registry if they are missing (PYTEST_ARGS=…)
	@.ci/parts $(BIN)/python
	@$(BIN)/python -m pytest $(PYTEST_ARGS); ended=$$?; .ci/parts --report $(BIN)/python; exit $$ended

lint: $(STAMP) ## ruff, mypy, import-linter, missing migrations, Django's deployment check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	@PORTWARDEN_DATA_DIR=.data/lint $(BIN)/python manage.py makemigrations --check --dry-run
	@env $(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING

bench: $(STAMP) ## Measure how near scanning is to what the machine can do at best (BENCH_LAYOUT=… BENCH_ARGS=…)
	@exec $(BIN)/python -m tests.benchmarks $(BENCH_ARGS)

bench-peers: $(STAMP) ## Read images with Syft beside ours: time, memory, packages (BENCH_LAYOUT=… BENCH_ARGS=…)
	@exec $(BIN)/python -m tests.benchmarks.peers $(BENCH_ARGS)

fuzz: $(STAMP) ## Feed broken bytes to everything that reads layers (TARGET=all SECONDS=60)
	@exec $(BIN)/python -m tests.fuzz $(or $(TARGET),all) --seconds $(or $(SECONDS),60)
