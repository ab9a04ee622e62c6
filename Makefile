# `make demo` shows the whole pipeline on this machine, `make test` runs everything that CI runs, and `make torture` attacks
# it for hours: kills, faults, hostile sites, fuzz, a soak. It goes on where it was stopped; ARGUMENTS="--budget 30" shortens it.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
SHARED ?= ../shared
export SHARED

.PHONY: demo test torture sabotage check clean

demo: $(VENV)/installed
	$(BIN)/python -m demo

test: $(VENV)/installed check
	$(BIN)/python -m pytest -n 2 --dist loadgroup

torture: $(VENV)/installed
	$(BIN)/python -m tests.torture $(ARGUMENTS)

sabotage: $(VENV)/installed  # whether the torture notices what it is for
	$(BIN)/python -m tests.torture.sabotage $(ARGUMENTS)

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .state .torture .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable ".[test]"
	touch $@
