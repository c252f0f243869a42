# What people run: each target sets up what it needs on a fresh machine. PYTHON= chooses the interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(VENV)/uv/bin/uv
TOOLKIT := .venv-toolkit

.DEFAULT_GOAL := help
.PHONY: help demo bench-quality bench-judge model-card test golden test-mutants test-faults test-chaos test-api-schema test-api-inputs test-toolkit check format lock clean bench-api bench-functions bench-explain bench-batch bench-scale bench-serving

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

# In words that any Python understands: a resolver would answer with a riddle.
define check-python
@$(PYTHON) -c 'import sys; v = sys.version_info; (3, 11) <= v[:2] <= (3, 13) or sys.exit("Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is %d.%d.%d. Try: make $(MAKECMDGOALS) PYTHON=python3.12" % v[:3])'
endef

$(UV):
	$(check-python)
	$(PYTHON) -m venv $(VENV)/uv
	$(VENV)/uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

# Compiled here, once, rather than by the first execution's jobs.
$(READY): requirements.lock setup.cfg pyproject.toml | $(UV)
	$(check-python)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)  ## the whole workflow on this machine, without AWS (DATA=path for a data file of yours)
	$(BIN)/bankruptcy demo $(if $(DATA),--data "$(DATA)")

test: $(READY)  ## every test
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test-mutants: $(READY)  ## change the gate, the split and the thresholds in 300 ways, and list the changes that no test notices
	$(BIN)/mutmut run
	$(BIN)/mutmut results

test-faults: $(READY)  ## deploy and destroy, cut off at each of their requests and run again (a quarter of an hour)
	$(BIN)/python -m pytest tests/aws/every_fault.py

test-chaos: $(READY)  ## 2,000 requests while models change, the endpoint comes and goes, and processes die
	$(BIN)/python -m pytest -s tests/e2e/chaos.py

test-api-schema: $(READY)  ## Schemathesis against the REST API on local AWS: all checks, 2,000 requests and more
	$(BIN)/python tests/e2e/schema_check.py

test-api-inputs: $(READY)  ## 24,000 requests, right, nearly right and absurd, at the API's validator
	EXAMPLES=4000 $(BIN)/python -m pytest tests/unit/test_predict_api_fuzz.py

$(TOOLKIT)/.ready: tests/toolkit/requirements.lock | $(UV)
	$(check-python)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(TOOLKIT)
	VIRTUAL_ENV=$(TOOLKIT) $(UV) pip sync --quiet --require-hashes --compile-bytecode tests/toolkit/requirements.lock
	@# AWS's image mends its toolkit for today's Python in the same way.
	sed -i.bak 's/collections\.Mapping/collections.abc.Mapping/' \
		$(TOOLKIT)/lib/python3.*/site-packages/sagemaker_containers/_mapping.py
	@touch $@

test-toolkit: $(READY) $(TOOLKIT)/.ready  ## the model and a training job in AWS's own serving and training toolkits
	$(BIN)/python -m pytest tests/toolkit/toolkit_serving.py tests/toolkit/toolkit_training.py

bench-serving: $(READY)  ## predicting against scikit-learn, one request's cost, a worker, the local endpoint (DATA=path)
	$(BIN)/python -m benchmarks.serving $(if $(DATA),--data "$(DATA)")

model-card: $(READY)  ## train on the real file and write the figures of docs/model-card.md (DATA=path)
	$(BIN)/python -m benchmarks.model_card $(if $(DATA),"$(DATA)")

bench-judge: $(READY)  ## served against audited probabilities, and the refusal of a worse model (DATA=path)
	$(BIN)/python -m benchmarks.judge $(if $(DATA),"$(DATA)")

bench-functions: $(READY)  ## cold imports of the functions, and their zips
	$(BIN)/python -m benchmarks.functions

bench-explain: $(READY)  ## what explaining a company costs, next to predicting it
	$(BIN)/python -m benchmarks.explain

bench-api: $(READY)  ## the REST API on local AWS against its targets, and where each millisecond of a request goes
	$(BIN)/python -m benchmarks.api

bench-quality: $(READY)  ## honest figures of every recipe, and the leak (DATA=path unless UCI can be reached; half an hour)
	$(BIN)/python -m benchmarks.quality $(if $(DATA),"$(DATA)") --write

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

golden: $(READY)  ## write the golden pipeline definition and the error table of docs/api.md; review the diff
	PYTHONPATH=.:lambda:tests $(BIN)/python -m support.golden > /dev/null

format: $(READY)  ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(UV)  ## pin every dependency anew
	$(UV) pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" setup.cfg -o requirements.lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --override tests/toolkit/overrides.txt \
		--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		tests/toolkit/requirements.in -o tests/toolkit/requirements.lock

clean:  ## remove what the targets made
	rm -rf $(VENV) $(TOOLKIT) build mutants *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
