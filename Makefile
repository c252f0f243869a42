# The commands that people run. Each target first builds the environment that it needs; PYTHON= chooses the
# interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.ready
DEV := $(VENV)/.ready-dev
UV := $(VENV)/uv/bin/uv
export SEED SIZE
TOOLKIT := .venv-toolkit
AWS_CLI := .venv-aws-cli
SDK_V2 := .venv-sdk-v2
AXE := .venv-axe
CYCLONEDX := 7.5.0
# The licences that a dependency may have, and the packages that state theirs only in a file: Apache-2.0.
LICENCES := Apache;BSD;ISC;MIT;Mozilla Public License;MPL;LGPL;PSF;Python Software Foundation
UNSTATED := sagemaker-train
SYNC = VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --require-hashes --compile-bytecode
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11.4 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help demo up test check format pages bench-monitor bench-drift golden audit lock sbom clean test-browser test-toolkit test-clients test-sdk-v2 test-mutants test-chaos test-log test-faults test-signals \
	test-soak test-state check-aws permissions test-executions test-api-schema test-api-inputs test-company-files bench-quality bench-judge firms model-card bench-serving \
	bench-explain bench-api bench-log bench-functions bench-batch bench-scale bench-console pictures

help:  ## show this list; `make TARGET PYTHON=python3.12` chooses the interpreter
	@awk -F ':.*## ' '/^## /{printf "\n%s\n", substr($$0, 4)} /^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)

# Checked in syntax that every Python understands: the installer's own error would not name the cause. 3.11.4 is
# the first 3.11 whose tarfile has the filters that unpack archives safely.
define check-python
@$(PYTHON) -c 'import sys; v = sys.version_info; (3, 11, 4) <= v[:3] < (3, 15) or sys.exit("Python 3.11.4 to 3.14 is needed; $(PYTHON) is %d.%d.%d. Try: make $(MAKECMDGOALS) PYTHON=python3.12" % v[:3])'
endef

$(UV):
	$(check-python)
	$(PYTHON) -m venv $(VENV)/uv
	$(VENV)/uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

# Bytecode is compiled here, once, rather than by the jobs of the first execution.
$(RUN): requirements.lock setup.cfg pyproject.toml | $(UV)
	$(check-python)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(SYNC) requirements.lock
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# The same environment, with the tools for development on top.
$(DEV): requirements-dev.lock $(RUN)
	$(SYNC) requirements-dev.lock
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

## Start here

demo: $(RUN)  ## run the whole workflow on this machine, without AWS (DATA=path for your own data file)
	$(BIN)/bankruptcy demo $(if $(DATA),--data "$(DATA)")

up: $(RUN)  ## run local AWS with the service and a model, and keep them for the next time (DATA=path as for demo)
	$(BIN)/bankruptcy up $(if $(DATA),--data "$(DATA)")

# Compiling the tests takes each of the processes six seconds, so the bytecode is kept, also where the
# environment would forbid it.
test: $(DEV)  ## run the test suite; it needs no network
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

clean:  ## remove everything that these targets have made
	rm -rf $(VENV) $(TOOLKIT) $(AWS_CLI) $(SDK_V2) $(AXE) build dist mutants *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

## Checks

check: $(DEV)  ## lint, types, imports between packages, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=lambda $(BIN)/lint-imports
	$(BIN)/cfn-lint infra/*.yaml

format: $(DEV)  ## format the code and apply the linter's fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

audit: $(DEV)  ## look dependencies up in the database of vulnerabilities (network), and compare their licences with a list
	$(BIN)/pip-licenses --from=mixed --partial-match --allow-only="$(LICENCES)" --ignore-packages $(UNSTATED) > /dev/null
	PYTHONPATH=tests $(BIN)/python -m support.audit

test-browser: $(DEV) $(AXE)/.ready  ## use the console in a real browser (Chromium or Chrome; npm), and attack it and local AWS
	$(BIN)/python -m pytest tests/browser

# The lock pins the package by its hash.
$(AXE)/.ready: tests/browser/axe/package-lock.json
	mkdir -p $(@D)
	cp tests/browser/axe/package.json tests/browser/axe/package-lock.json $(@D)
	npm ci --prefix $(@D) --silent --ignore-scripts --no-audit --no-fund
	@touch $@

golden: $(DEV)  ## write the golden pipeline definition and the error table of docs/api.md; review the difference
	PYTHONPATH=.:lambda:tests $(BIN)/python -m support.golden > /dev/null

permissions: $(DEV)  ## write docs/permissions.md from the calls of the end-to-end test
	WRITE_PERMISSIONS=1 $(BIN)/python -m pytest tests/e2e/test_lifecycle.py

check-aws: $(DEV)  ## ask AWS what only AWS can tell, and record it (an account, an hour); ARGS=--replay compares
	PYTHONPATH=.:lambda:tests $(BIN)/python -m account.check $(ARGS)

pages: $(DEV)  ## write the stored figures into the docs
	$(BIN)/python -m benchmarks.pages

pictures: $(DEV)  ## take the pictures of console and report again, on local AWS with sample data (Chromium or Chrome)
	$(BIN)/python -m benchmarks.console.pictures

lock: $(UV)  ## pin the dependencies again, after a change in setup.cfg
	$(COMPILE) --extra build --excludes requirements-excluded.txt setup.cfg -o requirements.lock
	$(COMPILE) --all-extras --excludes requirements-excluded.txt --constraint requirements.lock \
		setup.cfg -o requirements-dev.lock
	$(COMPILE) --override tests/toolkit/overrides.txt tests/toolkit/requirements.in \
		-o tests/toolkit/requirements.lock
	$(COMPILE) tests/clients/aws_cli/requirements.in -o tests/clients/aws_cli/requirements.lock
	$(COMPILE) tests/clients/sdk_v2/requirements.in -o tests/clients/sdk_v2/requirements.lock

sbom: $(UV)  ## write the bill of materials of the runtime environment (CycloneDX) to dist/
	mkdir -p dist
	$(UV) tool run --quiet --from cyclonedx-bom==$(CYCLONEDX) cyclonedx-py requirements requirements.lock \
		--output-reproducible --of JSON -o dist/sbom.cdx.json

## Campaigns: long tests, outside the suite (SEED= draws other cases, SIZE= more or fewer)

test-toolkit: $(DEV) $(TOOLKIT)/.ready  ## run the model and a training job in AWS's own serving and training code (Linux)
	$(BIN)/python -m pytest tests/toolkit/toolkit_serving.py tests/toolkit/toolkit_training.py

test-clients: $(DEV) $(AWS_CLI)/.ready  ## use the service on local AWS with boto3, the AWS CLI and the SageMaker SDK 3
	$(BIN)/python -m pytest tests/clients/current_clients.py

test-sdk-v2: $(DEV) $(SDK_V2)/.ready  ## use the service on local AWS with the SageMaker SDK 2
	$(BIN)/python -m pytest tests/clients/sdk_v2_client.py

test-mutants: $(DEV)  ## change gate, split and thresholds in 300 ways; list the changes that no test notices
	$(BIN)/mutmut run
	$(BIN)/mutmut results

test-chaos: $(DEV)  ## send 2,000 requests while models change, the endpoint comes and goes, and processes die
	$(BIN)/python -m pytest -s tests/campaigns/chaos.py

test-log: $(DEV)  ## send 100,000 predictions while functions are killed: each is in the log or counted as lost
	SIZE=$(or $(SIZE),100000) $(BIN)/python -m pytest -s tests/e2e/test_prediction_log.py -k killed

test-faults: $(DEV)  ## interrupt deploy and destroy at each of their requests and run them again (15 minutes)
	$(BIN)/python -m pytest tests/campaigns/every_fault.py

test-signals: $(DEV)  ## end demo, score and deploy at random moments with SIGKILL, SIGTERM and SIGINT (Linux, 40 minutes)
	$(BIN)/python -m pytest -s tests/campaigns/signals.py

test-soak: $(DEV)  ## use local AWS for ten minutes, and measure whether it grows (Linux)
	$(BIN)/python -m pytest -s tests/campaigns/soak.py

test-state: $(DEV)  ## kill local AWS with a state at 30 random moments; measure a write and the start of 1 GB (10 minutes)
	$(BIN)/python -m pytest -s tests/campaigns/state.py

test-executions: $(DEV)  ## start 50 executions at once, and measure the memory of local AWS (Linux, 20 minutes)
	$(BIN)/python -m pytest -s tests/campaigns/executions.py

test-api-schema: $(DEV)  ## run Schemathesis against the REST API on local AWS: all checks, over 2,000 requests
	PYTHONPATH=.:lambda:tests $(BIN)/python tests/campaigns/schema_check.py

test-api-inputs: $(DEV)  ## send 24,000 valid, nearly valid and absurd requests to the API's validation
	SIZE=$(or $(SIZE),4000) $(BIN)/python -m pytest --hypothesis-seed=$(or $(SEED),0) tests/unit/predict_api/test_fuzz.py

test-company-files: $(DEV)  ## read 20,000 random company files, half of them damaged, through every command
	SIZE=$(or $(SIZE),10000) $(BIN)/python -m pytest tests/contract/test_random_company_files.py

$(AWS_CLI)/.ready: tests/clients/aws_cli/requirements.lock | $(UV)
$(SDK_V2)/.ready: tests/clients/sdk_v2/requirements.lock | $(UV)
$(AWS_CLI)/.ready $(SDK_V2)/.ready: | $(UV)
	$(check-python)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(@D)
	VIRTUAL_ENV=$(@D) $(UV) pip sync --quiet --require-hashes --compile-bytecode $<
	@touch $@

$(TOOLKIT)/.ready: tests/toolkit/requirements.lock | $(UV)
	$(check-python)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(TOOLKIT)
	VIRTUAL_ENV=$(TOOLKIT) $(UV) pip sync --quiet --require-hashes --compile-bytecode tests/toolkit/requirements.lock
	@# AWS's image patches its toolkit for current Python versions in the same way.
	sed -i.bak 's/collections\.Mapping/collections.abc.Mapping/' \
		$(TOOLKIT)/lib/python3.*/site-packages/sagemaker_containers/_mapping.py
	@touch $@

## Benchmarks: the figures in the docs

bench-quality: $(RUN)  ## judge every recipe in three ways, and the leak (DATA=path unless UCI can be reached; an hour)
	$(BIN)/python -m benchmarks.quality.recipes $(if $(DATA),"$(DATA)") --write

bench-drift: $(RUN)  ## measure false alarms, detection and expected quality of monitoring (DATA=path)
	$(BIN)/python -m benchmarks.quality.drift $(if $(DATA),"$(DATA)")

bench-judge: $(RUN)  ## compare served with audited probabilities, and try the gate on worse models (DATA=path)
	$(BIN)/python -m benchmarks.quality.judge $(if $(DATA),"$(DATA)")

firms: $(RUN)  ## infer the firms of the real file again and compare them with the stored ones (DATA=path)
	$(BIN)/python -m benchmarks.quality.firms $(if $(DATA),"$(DATA)")

model-card: $(RUN)  ## measure the figures of docs/model-card.md on the real file (DATA=path)
	$(BIN)/python -m benchmarks.quality.model_card $(if $(DATA),"$(DATA)")

bench-serving: $(RUN)  ## compare predictions with scikit-learn, and load a worker and the local endpoint (DATA=path)
	$(BIN)/python -m benchmarks.serving.cost $(if $(DATA),--data "$(DATA)")

bench-explain: $(RUN)  ## measure the cost of explaining a company
	$(BIN)/python -m benchmarks.serving.explain

bench-api: $(RUN)  ## measure the REST API on local AWS against its targets, layer by layer
	$(BIN)/python -m benchmarks.api.latency

bench-log: $(RUN)  ## measure what the log of predictions costs a request
	$(BIN)/python -m benchmarks.api.prediction_log

bench-functions: $(RUN)  ## measure the Lambda functions' cold imports and zip sizes
	$(BIN)/python -m benchmarks.api.functions

bench-console: $(RUN)  ## measure the pages of the console with 200 executions and 50 versions on local AWS
	$(BIN)/python -m benchmarks.console.latency

bench-batch: $(RUN)  ## measure scoring a portfolio on local AWS, from CSV to CSV
	$(BIN)/python -m benchmarks.scale.batch

bench-monitor: $(RUN)  ## measure how fast and in how much memory logged predictions are summarized
	$(BIN)/python -m benchmarks.scale.monitoring

bench-scale: $(RUN)  ## measure every step on 1, 10 and 100 times the rows (20 minutes; FACTORS="1 10" takes 5)
	$(BIN)/python -m benchmarks.scale.workflow $(if $(FACTORS),--factors $(FACTORS))
