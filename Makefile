# Two commands for a newcomer: `make demo` and `make test`. Each sets up what it needs.
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed

.PHONY: demo test lint types layers bench reliability clean

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[all]" --group dev
	touch $(STAMP)

demo: $(STAMP)            ## set up, then run the main job
	$(BIN)/rank-retrieve demo

test: $(STAMP) lint types layers   ## set up, then everything that CI checks
	$(BIN)/python -m pytest -n 2 --dist loadgroup
	NUMBA_CPU_NAME=generic $(BIN)/python -m pytest -n 2 --dist loadgroup tests/simd tests/lexical

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

bench: $(STAMP)           ## benchmarks beside the rivals; by hand
	$(BIN)/python -m pip install --quiet --editable ".[all,benchmarks]"
	$(BIN)/python benchmarks/indexing.py

reliability: $(STAMP)     ## the long tier; by hand
	rm -rf build/reliability
	RANK_RETRIEVE_RELIABILITY_REPORT=build/reliability \
	    $(BIN)/python -m pytest -m reliability -n 2 --dist loadgroup --timeout 7200
	$(BIN)/python -m tests.reliability.report build/reliability

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -name '*.nb[ic]' -delete
