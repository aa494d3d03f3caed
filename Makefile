# Two commands do everything on a fresh machine: `make demo` and `make test`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: demo test test-slow lint bench validate clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.demo: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet -e '.[plot,beams]'
	@touch $@

# PyTorch first and pinned: a range would fetch gigabytes of CUDA packages
$(VENV)/.test: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@

## track 100 000 electrons through the bundled linac on NumPy, with a table and a plot
demo: $(VENV)/.demo
	$(BIN)/caraval demo

## install everything and run the tests
test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m 'not slow'

## the tests that take long
test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m slow

## formatting, lint and types
lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

## measure against Cheetah, side by side in one run
bench: $(VENV)/.test
	$(BIN)/python -m pip install --quiet -r benchmarks/requirements.txt
	$(BIN)/python benchmarks --write

## compare with all reference data at hand, on every backend, and write docs/validation.md
validate: $(VENV)/.test
	$(BIN)/python -m validation --write

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
