# Two commands: `make demo` shows the whole pipeline on this machine, `make test` runs everything that CI runs.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
SHARED ?= ../shared
export SHARED

.PHONY: demo test check clean

demo: $(VENV)/installed
	$(BIN)/python -m demo

test: $(VENV)/installed check
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .state .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable ".[test]"
	touch $@
