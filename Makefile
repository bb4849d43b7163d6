# Every target sets up its own environment from nothing but Python 3.11+ and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIPELINE ?= pipelines/quickstart.yaml

.PHONY: help install quickstart test test-vllm lint bench clean

help:
	@echo "make quickstart   a trained student and a table, without key or GPU (about five minutes)"
	@echo "make test         all tests, without network"
	@echo "make test-vllm    tests against a real vLLM server on the CPU (4 GB to download once)"
	@echo "make lint         ruff and mypy --strict"
	@echo "make bench        the figures in docs/benchmarks.md (FILE=rows.jsonl: curation too; PEERS=folder: other tools beside it, installed there)"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "synthgen needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): about two minutes, 2 GB with torch"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

quickstart: install
	$(BIN)/synthgen run $(PIPELINE)

test: install
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/vllm tests

test-vllm: install
	PYTHON=$(PYTHON) sh tests/vllm/environment.sh .venv-vllm
	$(BIN)/python -m pytest tests/vllm

lint: install
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: install
	$(BIN)/python -m benchmarks.generate $(if $(PEERS),--peers $(PEERS) --install)
	$(BIN)/python benchmarks/ledger.py --replies 100000
	$(if $(FILE),$(BIN)/python -m benchmarks.curate $(FILE) $(if $(PEERS),--peers $(PEERS) --install) && $(BIN)/python -m benchmarks.curate_filters $(FILE),@echo "make bench FILE=rows.jsonl measures curation too")

clean:
	rm -rf $(VENV) .venv-vllm .pytest_cache .mypy_cache .ruff_cache
