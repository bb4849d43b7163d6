# Every target sets up its own environment from nothing but Python 3.11+ and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIPELINE ?= pipelines/quickstart.yaml
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore tests/vllm
# Where `make generate` writes: pages and schema, and what components decide at which version.
GENERATED := docs tests/golden_versions.json tests/evaluation/golden_evaluation.json tests/tasks/golden/versions.json
CHECKSUMS := find $(GENERATED) -type f | LC_ALL=C sort | xargs cksum

# Tests start hundreds of processes: each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install quickstart check fix generate generated lint test test-ray vllm-environment test-vllm real-student bench docs clean

help:
	@echo "make quickstart   a trained student and a table, without key or GPU (about five minutes)"
	@echo "make check        lint and the fast tests, before each commit (under three minutes)"
	@echo "make fix          what ruff can mend by itself"
	@echo "make generate     the generated pages of docs/, the pipeline schema, and the golden versions"
	@echo "make generated    fails if make generate changes anything"
	@echo "make lint         ruff, ruff format and mypy --strict"
	@echo "make test         all tests, without network"
	@echo "make test-ray     tests on a Ray cluster of several nodes on this machine (75 MB to download once)"
	@echo "make test-vllm    tests against a real vLLM server on the CPU (4 GB to download once)"
	@echo "make real-student SmolLM2-135M-Instruct in data/models/, for pipelines/distill_smollm.yaml (93 MB to download)"
	@echo "make docs         the documentation as a site, in build/site"
	@echo "make bench        the figures in docs/benchmarks.md"
	@echo "                  (FILE=rows.jsonl: curation too; PEERS=folder: other tools beside it)"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "synthgen needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): about two minutes, 2 GB with torch"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

quickstart: install
	$(BIN)/synthgen run $(PIPELINE)

check: lint
	$(PYTEST) -m "not slow" tests

fix: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: install
	$(BIN)/python -m synthgen.reports.pages
	$(BIN)/python -m tests.test_golden_versions
	$(BIN)/python -m tests.evaluation.test_golden_evaluation
	$(BIN)/python -m tests.tasks.test_versions

generated: install
	@before=$$($(CHECKSUMS)) && $(MAKE) --no-print-directory generate && after=$$($(CHECKSUMS)) && \
	if [ "$$before" != "$$after" ]; then \
		echo "generated files were out of date; commit what make generate wrote:" >&2; \
		git status --short $(GENERATED) >&2; exit 1; \
	fi

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: install
	$(PYTEST) tests

test-ray: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	$(BIN)/python -m pytest tests/operations/ray

vllm-environment:
	PYTHON=$(PYTHON) sh tests/vllm/environment.sh .venv-vllm

test-vllm: install vllm-environment
	$(BIN)/python -m pytest tests/vllm

real-student: install
	$(BIN)/python -m tests.real_student data/models/smollm2-135m-instruct

bench: install
	$(BIN)/python -m benchmarks.generate $(if $(PEERS),--peers $(PEERS) --install)
	$(BIN)/python benchmarks/ledger.py --replies 100000
	$(if $(FILE),$(BIN)/python -m benchmarks.curate $(FILE) $(if $(PEERS),--peers $(PEERS) --install) && $(BIN)/python -m benchmarks.curate_filters $(FILE),@echo "make bench FILE=rows.jsonl measures curation too")

docs: .venv-docs/.installed
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict
	@echo "build/site/index.html"

.venv-docs/.installed: Makefile
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check 'mkdocs-material>=9.8,<10'
	@touch $@

clean:
	rm -rf $(VENV) .venv-vllm .venv-docs build/site .pytest_cache .mypy_cache .ruff_cache
