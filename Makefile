# VizTube's tasks. `make` alone lists them.
#
# What is set on the command line of make reaches the programs as environment variables:
# `make run HOST=0.0.0.0 PORT=8001 DATA_DIR=.data2`.

PYTHON ?= python3
JOBS ?= auto
ARGS ?=
SCALE ?= 1

BIN := .venv/bin
# `exec`, so that a signal to make reaches the program and not a shell in between.
DEV := exec $(BIN)/python -m viztube.ops.dev
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml

# Random text for settings that must be strong but are used once.
RANDOM_KEY = $$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(48))')

# For programs that read the settings but talk to no server.
NO_SERVERS := DATABASE_URL=postgres://viztube:unused@127.0.0.1:1/viztube \
	REDIS_URL=redis://:unused@127.0.0.1:1/0

# The files of a pattern that are ours, those that are yet to be added included.
OURS = git ls-files --cached --others --exclude-standard -- '$(1)'
# By their names, and by their first lines.
SHELL_SCRIPTS = { $(call OURS,*.sh); git grep --untracked -lE '^\#!.*[/ ](ba|da)?sh$$' -- ':!*.py' ':!*.md'; } \
	| sort -u

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-slow browser-test bench lint format lock

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/installed ## Run VizTube with its database here (HOST=, PORT=, DATA_DIR=); Ctrl-C stops
	@$(DEV) run

test: .venv/installed ## Run the quick tests in parallel with coverage (JOBS=, ARGS="-k likes")
	@DEBUG=1 $(DEV) services -- $(BIN)/python -m pytest -n $(JOBS) -m "not slow" \
		--cov --cov-report=term:skip-covered $(ARGS)

# Exit status 5 is pytest's "no tests collected".
define SLOW_TESTS
import sys, pytest
status = pytest.main(sys.argv[1:])
if status == 5:
    print("No test is marked slow, so there is nothing to run.")
sys.exit(0 if status == 5 else status)
endef
export SLOW_TESTS

test-slow: .venv/installed ## Run the tests that take long, one after another (ARGS=)
	@DEBUG=1 $(DEV) services -- $(BIN)/python -c "$$SLOW_TESTS" -m slow $(ARGS)

browser-test: .venv/installed ## Run those of them that drive Chromium (CHROMIUM=, ARGS=)
	@DEBUG=1 $(DEV) services -- $(BIN)/python -m pytest -m browser viztube/ops/tests/browser $(ARGS)

bench: .venv/installed ## Measure how fast it is on this machine, with wrk (SCALE=1000, ARGS="--only list")
	@exec $(BIN)/python deploy/bench/bench.py --scale $(SCALE) $(ARGS)

lint: .venv/installed ## Check style, types, the direction of imports, migrations, settings, deployment
	@# That the lock names everything its packages need.
	$(BIN)/python -m pip check --disable-pip-version-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --quiet --pedantic .github
	$(call OURS,*docker-compose*.yml) | xargs -r $(BIN)/check-jsonschema --builtin-schema vendor.compose-spec
	$(call OURS,*Dockerfile) | xargs -r $(BIN)/hadolint
	@command -v shellcheck >/dev/null || { echo "Shell scripts are checked by shellcheck, which is" \
		"not here: install it (on Debian and Ubuntu: \`sudo apt install shellcheck\`)." >&2; exit 1; }
	$(SHELL_SCRIPTS) | xargs shellcheck
	@# The types of models are read from the settings, which want addresses but do not use them.
	DEBUG=1 $(NO_SERVERS) $(BIN)/mypy
	$(BIN)/lint-imports
	@DEBUG=1 $(DEV) services -- sh -c '$(BIN)/python manage.py makemigrations --check --dry-run && \
		$(BIN)/python manage.py check_migrations'
	@DEBUG=0 PUBLIC_URL=https://viztube.example \
		SECRET_KEY=$(RANDOM_KEY) JWT_SIGNING_KEY=$(RANDOM_KEY) \
		$(NO_SERVERS) $(BIN)/python manage.py check --deploy --fail-level WARNING

format: .venv/installed ## Mend what can be mended in the style of the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: .venv/installed ## Compile both requirements files from pyproject.toml
	$(COMPILE) -o requirements.txt
	$(COMPILE) --extra dev -c requirements.txt -o requirements-dev.txt

# The stamp is written last, so an interrupted installation is taken up again.
.venv/installed: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "VizTube needs Python 3.11 or newer, and $(PYTHON) is not: install it, or name" \
			"another with PYTHON=, like \`make run PYTHON=python3.12\`." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) lacks venv or pip: install them (on Debian and Ubuntu:" \
			"\`sudo apt install python3-venv\`) and try again." >&2; exit 1; }
	@echo "Installing the packages into .venv (about half a minute)."
	@test -x $(BIN)/pip || exec $(PYTHON) -m venv --clear .venv
	@# Without dependencies: the lock names them all, and older pips look past it where a package asks
	@# for an extra of another, take its newest release and then refuse that for want of a hash.
	@exec $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		-r requirements-dev.txt
	@touch $@
