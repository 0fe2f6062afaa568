# make run · make test · make check · make bench: see README.md. Everything lives in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
BUILD_INPUTS := setup.cfg pyproject.toml package-lock.json build.mjs
PORT ?= 8080
SEED ?= $(shell date +%s)

.PHONY: run install test check format assets bench services proof clean help

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.run ## start the server with the demo company on http://127.0.0.1:8080
	@$(BIN)/python build_assets.py --check || $(PIP) install --editable .
	$(BIN)/bpm-server up --demo --port $(PORT)

install: $(VENV)/.dev ## make .venv with everything for development

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(BUILD_INPUTS) | $(BIN)/python
	$(PIP) install --editable .
	@touch $@

$(VENV)/.dev: $(BUILD_INPUTS) | $(BIN)/python
	$(PIP) install --editable ".[dev]"
	-$(BIN)/python build_assets.py --for-tests # without npm, the tests of these clients say what is missing
	@touch $@ $(VENV)/.run

assets: $(VENV)/.dev ## build the front-end assets (done by install too)
	$(BIN)/python build_assets.py

test: $(VENV)/.dev ## run every test that can run here; what cannot says why
	-@$(BIN)/python build_assets.py
	$(BIN)/python -m pytest -n auto --dist worksteal -ra

check: $(VENV)/.dev ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --output-format concise .
	$(BIN)/mypy
	$(BIN)/lint-imports --verbose | tail -n 20

format: $(VENV)/.dev ## format and mend what can be mended
	$(BIN)/ruff check --fix --output-format concise .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure; docs/benchmarks.md keeps the figures
	$(BIN)/python -m benchmarks

proof: $(VENV)/.dev ## the long forms of chaos, fuzz and random tests; SEED=n repeats a run
	BPM_PROOF=1 BPM_RANDOM_PROCESSES=20000 $(BIN)/python -m pytest -ra -n auto --dist worksteal --timeout 7200 \
		--hypothesis-seed=$(SEED) tests/unit/engine/test_random_processes.py tests/integration/test_random_processes.py \
		tests/unit/engine/test_equal_to_spiffworkflow.py tests/unit/feel tests/unit/dmn tests/unit/juel
	BPM_PROOF=1 BPM_SEED=$(SEED) $(BIN)/python -m pytest -ra --timeout 7200 --hypothesis-seed=$(SEED) \
		tests/chaos tests/conformance/test_broken_models.py tests/integration/test_due_timers.py

services: ## install what tests need beside Python: Chromium, RabbitMQ, fonts (Debian; asks for root)
	sh docker/install-services.sh

clean: ## remove everything that can be made again
	rm -rf $(VENV) build dist node_modules bpm_server/web/static/vendor .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
