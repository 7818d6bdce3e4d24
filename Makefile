# Two commands for a newcomer: `make demo` and `make test`. Each sets up what it needs.
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
RUNS = $(VENV)/.installed-to-run
STAMP = $(VENV)/.installed

.PHONY: demo test lint types layers package lowest bench reliability docs clean

# what a user installs; the frameworks of the adapters' tests would be a gigabyte more
$(RUNS): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[all]"
	touch $(RUNS)

$(STAMP): $(RUNS)
	$(BIN)/python -m pip install --quiet --editable ".[all]" --group dev
	touch $(STAMP)

demo: $(RUNS)             ## set up, then run the main job
	$(BIN)/rank-retrieve demo

test: $(STAMP) lint types layers package   ## set up, then everything that CI checks
	$(BIN)/python -m pytest -n 2 --dist loadgroup
	NUMBA_CPU_NAME=generic $(BIN)/python -m pytest -n 2 --dist loadgroup tests/simd tests/lexical

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

package: $(STAMP)         ## build, install in a new environment, try it there
	$(BIN)/python -m tests.packaging.clean_install build/package

lowest:                   ## the oldest dependencies that are allowed; by hand
	$(PYTHON) -m venv --clear build/lowest-venv
	build/lowest-venv/bin/python -m pip install --quiet --editable . hypothesis pytest-timeout \
	    pytest-xdist $$($(PYTHON) -m tests.packaging.lowest)
	NUMBA_CACHE_DIR=build/lowest build/lowest-venv/bin/python -m pytest -n 2 --dist loadgroup \
	    -W "ignore:'click.utils" tests/analysis tests/cli tests/codecs tests/collection \
	    tests/dense tests/encoders tests/filters tests/fusion tests/lexical tests/persistence

bench: $(STAMP)           ## benchmarks beside the rivals; by hand
	$(BIN)/python -m pip install --quiet --editable ".[all,benchmarks]"
	$(BIN)/python benchmarks/indexing.py

reliability: $(STAMP)     ## the long tier; by hand
	rm -rf build/reliability
	RANK_RETRIEVE_RELIABILITY_REPORT=build/reliability \
	    $(BIN)/python -m pytest -m reliability -n 2 --dist loadgroup --timeout 7200
	$(BIN)/python -m tests.reliability.report build/reliability

docs: $(STAMP)            ## the site, in build/site
	$(BIN)/python -m sphinx -W --keep-going -b html docs build/site

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -name '*.nb[ic]' -delete
