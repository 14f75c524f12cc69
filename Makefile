# make demo | make test | make env | make check | make bench | make docs      (ARGS="…" is passed on)
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test env dev check bench docs lock clean

demo: env
	@$(BIN)/fallback demo $(ARGS)

test: dev
	@$(BIN)/python -m pytest $(ARGS)

check: dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .
	@$(BIN)/codespell
	@$(BIN)/sphinx-build -q -n -W -b html docs docs/_build/html

bench: dev
	@$(BIN)/python -m benchmarks $(ARGS)

docs: dev
	@$(BIN)/sphinx-build -n -W -b html docs docs/_build/html

# The set-up: pip alone, from the committed locks with their hashes; a stamp per lock, so that a second run does nothing.
env: $(VENV)/.env-done
dev: $(VENV)/.dev-done

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "fallback needs Python 3.11 or newer; say which: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "this Python has no venv: install the Debian package python3-venv, then run make again" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.env-done: requirements/run.lock pyproject.toml | $(VENV)/bin/pip
	@echo "setting up $(VENV) (once, about a minute)" >&2
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/run.lock
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation --no-index -e .
	@$(BIN)/python -m compileall -q fallback
	@touch $@

$(VENV)/.dev-done: requirements/dev.lock $(VENV)/.env-done
	@echo "setting up the tests' tools (once)" >&2
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/dev.lock
	@touch $@

# Written by uv, read by pip: one lock for all platforms and Pythons, with hashes, without addresses.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra server pyproject.toml requirements/build.in -o requirements/run.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra server --extra postgres --extra web --group dev -c requirements/run.lock pyproject.toml requirements/build.in -o requirements/dev.lock

clean:
	rm -rf $(VENV) docs/_build .pytest_cache .mypy_cache .ruff_cache
