# What people run: each target sets up what it needs on a fresh machine. PYTHON= chooses the interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(VENV)/uv/bin/uv

.DEFAULT_GOAL := help
.PHONY: help demo test test-chaos test-api-schema test-api-inputs check format lock clean bench-batch bench-scale

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(UV):
	$(PYTHON) -m venv $(VENV)/uv
	$(VENV)/uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

# Compiled here, once, rather than by the first execution's jobs.
$(READY): requirements.lock setup.cfg pyproject.toml | $(UV)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)  ## the whole workflow on this machine, without AWS (DATA=path for a data file of yours)
	$(BIN)/bankruptcy demo $(if $(DATA),--data $(DATA))

test: $(READY)  ## every test
	$(BIN)/python -m pytest -n auto --dist loadfile

test-chaos: $(READY)  ## 2,000 requests while models change, the endpoint comes and goes, and processes die
	$(BIN)/python -m pytest -s tests/e2e/chaos.py

test-api-schema: $(READY)  ## Schemathesis against the REST API on local AWS: all checks, 2,000 requests and more
	$(BIN)/python tests/e2e/schema_check.py

test-api-inputs: $(READY)  ## 24,000 requests, right, nearly right and absurd, at the API's validator
	EXAMPLES=4000 $(BIN)/python -m pytest tests/unit/test_predict_api_fuzz.py

bench-batch: $(READY)  ## scoring a portfolio from CSV to CSV on local AWS: companies a second, and where the time goes
	$(BIN)/python -m benchmarks.batch

bench-scale: $(READY)  ## every step on 1, 10 and 100 times the rows (FACTORS="1 10": the last takes an hour)
	$(BIN)/python -m benchmarks.scale $(if $(FACTORS),--factors $(FACTORS))

check: $(READY)  ## lint, types, dependency directions, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=lambda $(BIN)/lint-imports
	$(BIN)/cfn-lint infra/*.yaml

format: $(READY)  ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(UV)  ## pin every dependency anew
	$(UV) pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" setup.cfg -o requirements.lock

clean:  ## remove what the targets made
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
