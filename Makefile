# Every target works on a fresh machine with Python 3.11+, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: bench-sources demo test check format lint types layers install install-test constraints bench-engines

install: $(VENV)/.installed
install-test: $(VENV)/.installed-test

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

demo: install
	$(BIN)/medvlsynther run quickstart

test: install-test
	$(BIN)/python -m pytest

check: format lint types layers test

format: install-test
	$(BIN)/ruff format --check .

lint: install-test
	$(BIN)/ruff check .

types: install-test
	$(BIN)/mypy

layers: install-test
	$(BIN)/lint-imports

# Pins of everything that the gate installs, for Python 3.11 and newer.
constraints:
	test -x $(BIN)/pip-compile || $(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --extra test --extra dicom --extra probes --strip-extras --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --allow-unsafe \
	  --output-file constraints.txt pyproject.toml

# What asking a model costs, against the mock server of benchmarks/.
bench-engines: install-test
	$(BIN)/python benchmarks/engines.py --peer

bench-sources: install-test
	$(BIN)/python benchmarks/biomedica.py
	$(BIN)/python benchmarks/images.py
