# Everything a newcomer and a contributor types. `make` alone explains itself.
# Written for GNU make 3.81 and later and any POSIX shell. All paths are relative, so the checkout may
# lie anywhere, also under a name with spaces.

PYTHON   ?= python3
UV       ?= uv

KEYWORDS ?= "chess" "makeup"
PLATFORM ?= all
TARGET   ?= 100
CAMPAIGN ?=

# One more than there are processors: a test waits for the database as long as it works.
JOBS     ?= $(shell expr 1 + "$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)")
ROUNDS   ?= 10
UPGRADE  ?=
TESTS    ?=

IN_VENV := .venv/bin/python

# Trust the certificates that the machine trusts, as pip does; uv brings its own otherwise.
UV_SYSTEM_CERTS ?= 1
UV_NATIVE_TLS   ?= $(UV_SYSTEM_CERTS)
export UV_SYSTEM_CERTS UV_NATIVE_TLS
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:
.PHONY: help setup search up test coverage check docs lock soak faults clean

help: ## Print this help
	@echo "Tastemaker. Say one of:"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile
	@echo "For example: make search KEYWORDS='chess \"street food\"' PLATFORM=youtube TARGET=200"
	@echo "Variables: PYTHON=$(PYTHON) (3.11 or newer), UV=$(UV) (empty: plain pip), JOBS=$(JOBS), TESTS (of make test),"
	@echo "           ROUNDS=$(ROUNDS) (of make soak), UPGRADE=1 (of make lock)."

setup: .venv/run.stamp ## Make .venv from the lock file
	@$(IN_VENV) -m compileall -q -j 0 tastemaker
	@echo "Ready. Next: make search, or .venv/bin/tastemaker --help"

search: .venv/run.stamp ## Run a whole influencer search: KEYWORDS, PLATFORM, TARGET, CAMPAIGN
	@.venv/bin/tastemaker search $(KEYWORDS) --platform "$(PLATFORM)" --target "$(TARGET)" \
	  $(if $(CAMPAIGN),--campaign "$(CAMPAIGN)")

up: .venv/run.stamp ## Start the web application with all it needs: HOST, PORT
	@.venv/bin/tastemaker up $(if $(HOST),--host "$(HOST)") $(if $(PORT),--port "$(PORT)")

# With TASTEMAKER_CI set a skipped test is a failed test.
FAST = $(IN_VENV) -m pytest -n $(JOBS) --dist worksteal -m "not slow" $(TESTS) \
  $(if $(TASTEMAKER_CI),-p tests.rules.no_skips --tb=short)

test: .venv/dev.stamp ## Run the fast tests in parallel; TESTS names some of them
	@$(FAST)

# Counting lines doubles what the tests cost. The whole table: .venv/bin/coverage report
coverage: .venv/dev.stamp ## The same, with the lines counted that they run
	@$(FAST) --cov --cov-report=json:.coverage.json
	@$(IN_VENV) -m tests.rules.coverage_gaps .coverage.json

check: .venv/dev.stamp ## Lint, format, types, layers
	@$(IN_VENV) -m ruff check .
	@$(IN_VENV) -m ruff format --check .
	@$(IN_VENV) -m mypy
	@.venv/bin/lint-imports

docs: .venv/dev.stamp ## Write what the documentation takes from the code: the schema, the e-mails
	@$(IN_VENV) -m tests.migrations.schema_page docs/reference/schema.md
	@$(IN_VENV) -m tastemaker.mail.previews docs/reference/emails

soak: .venv/dev.stamp ## Run the slow suites ROUNDS times over, until one fails
	@round=1; while [ $$round -le $(ROUNDS) ]; do \
	  echo "Round $$round of $(ROUNDS)"; \
	  $(IN_VENV) -m pytest -m slow --timeout=3600 || exit 1; \
	  round=$$((round + 1)); \
	done

# LONG=1: every seed, and 1,000 seeded kills of workers. SHORT=1: those of .ci/run. ONLY=A1,B: these alone.
faults: .venv/dev.stamp ## Inject every fault, each with its promise checked by SQL: LONG=1, SHORT=1, ONLY=A1,B
	@$(IN_VENV) -m tests.faults $(if $(LONG),--long) $(if $(SHORT),--short) $(if $(ONLY),--only "$(ONLY)")

clean: ## Remove .venv, caches and coverage files of this checkout; never your data
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis htmlcov dist
	rm -f .coverage .coverage.*
	find tastemaker tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment --------------------------------------------------------------------------------

# An environment that was moved, or whose Python is gone, is made again.
STALE := $(shell test -e .venv/place || exit 0; \
  test "$$(cat .venv/place)" = "$$(pwd -P)" && $(IN_VENV) -c '' 2>/dev/null || echo stale)
ifeq ($(STALE),stale)
.PHONY: .venv/place
endif

.venv/place:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Tastemaker needs Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" -V 2>&1). Name another: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(if $(STALE),rm -rf .venv)
	@if $(IN_VENV) -c 'import pip' 2>/dev/null; then :; \
	elif "$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null; then "$(PYTHON)" -m venv .venv; \
	elif [ -n "$(UV)" ] && command -v "$(UV)" >/dev/null; then "$(UV)" venv -q --allow-existing --python "$(PYTHON)" .venv; \
	else \
	  echo "This Python cannot make environments: install its venv module (on Debian and Ubuntu: apt install python3-venv)." >&2; \
	  exit 1; \
	fi
	@pwd -P > $@

# $(call install,LOCK): everything in LOCK by its hash, then this project itself, editable, with the
# build backend that the lock brought. uv does it in a second; whatever goes wrong with uv, pip does it too.
# Both compile byte code, without which each command compiles some hundred modules.
define install
	@echo "Installing $(1) into .venv (the first time this downloads about 40 MB)"
	@uv=; \
	if [ -n "$(UV)" ]; then \
	  uv=$$(command -v "$(UV)") || \
	  if [ -x .venv/bin/uv ] || $(IN_VENV) -m pip install -q --require-hashes -r requirements/installer.lock; then uv=.venv/bin/uv; \
	  else echo "uv cannot be had here; going on with pip."; fi; \
	fi; \
	if [ -n "$$uv" ]; then \
	  "$$uv" pip install -q --compile-bytecode --python $(IN_VENV) --require-hashes -r $(1) && \
	  "$$uv" pip install -q --python $(IN_VENV) --no-deps --no-build-isolation -e . && exit 0; \
	  echo "uv could not do it; going on with pip."; \
	fi; \
	$(IN_VENV) -m pip install -q --require-hashes -r $(1) && \
	$(IN_VENV) -m pip install -q --no-deps --no-build-isolation -e .
endef

.venv/run.stamp: .venv/place requirements/run.lock pyproject.toml
	$(call install,requirements/run.lock)
	@touch $@

.venv/dev.stamp: .venv/place requirements/dev.lock pyproject.toml
	$(call install,requirements/dev.lock)
	@touch .venv/run.stamp $@

# --- the lock ---------------------------------------------------------------------------------------

COMPILE = .venv/bin/uv pip compile -q --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header

# dev.lock first; run.lock starts from its pins, so that the two never disagree.
lock: .venv/place requirements/installer.lock ## Compile requirements/*.lock from pyproject.toml (UPGRADE=1: newest versions)
	@$(IN_VENV) -m pip install -q --require-hashes -r requirements/installer.lock
	@$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --group build --group dev -o requirements/dev.lock
	@cp requirements/dev.lock requirements/run.lock
	@$(COMPILE) pyproject.toml --group build -o requirements/run.lock
	@echo "uv" | $(COMPILE) $(if $(UPGRADE),--upgrade) - -o requirements/installer.lock
