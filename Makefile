# Every target works on a fresh machine with Python 3.11+, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check format lint types layers install install-test

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
