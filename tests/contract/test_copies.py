"""Values that packages repeat because they cannot import each other are equal."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from deploy_model import publication, registry, serving
from hypothesis import given
from hypothesis import strategies as st
from predict_api import app
from predict_api import contract as api_contract
from predict_api.openapi import schemas
from predict_api.request import body, validation
from predict_api.request import numbers as api_numbers
from send_notices import texts as notice_texts
from support.repository import ROOT
from watch_api import watch
from watch_model import runs

from inference import explain, handlers, numbers, request
from inference.forward import FAMILIES
from local_aws.base.clients import client_environment
from local_aws.cloudformation.template import Template
from pipeline import definition, parameters, project
from scripts.aws.session import local_environment
from scripts.data import outcomes
from scripts.deploy import deployment, endpoint
from scripts.model import contracts
from scripts.predict import output, predictions
from scripts.terminal import options
from steps import evaluate, resample, select_features
from steps.dataset import columns, known_files
from steps.estimators import recipes
from steps.export import serve, served
from steps.judging import champion
from steps.measures import operating_points
from steps.monitoring import outcomes as monitored_outcomes

SERVICE = ROOT / "infra" / "service.yaml"
TEMPLATE = Template(SERVICE.read_text(encoding="utf-8"))
LIST = schemas.CompanyList.model_json_schema()

COPIES: dict[str, list[Any]] = {
    "key of the champion's contract": [
        publication.CONTRACT_KEY,
        api_contract.KEY,
        watch.CONTRACT_KEY,
        runs.CHAMPION,
    ],
    "risk levels": [
        list(app.RISK_LEVELS),
        list(output.LEVELS),
        re.findall(r'"level": "(\w+)"', inspect.getsource(operating_points.OperatingPoints)),
    ],
    "prefix of the champion": [
        publication.CONTRACT_KEY.rpartition("/")[0],
        publication.MODEL_KEY.rpartition("/")[0],
        deployment.NO_CHAMPION.rpartition("/")[0],
    ],
    "default of FeatureCount": [parameters.FEATURE_COUNT, columns.FEATURE_COUNT],
    "largest FeatureCount": [parameters.RANGES["FeatureCount"][1], len(columns.RATIOS)],
    "largest RandomSeed": [parameters.RANGES["RandomSeed"][1], select_features.LARGEST_SEED],
    "values of Estimator": [parameters.ESTIMATORS, list(recipes.ESTIMATORS)],
    "values of Resampler": [parameters.RESAMPLERS, list(resample.RESAMPLERS)],
    "values of RegisterCandidate": [parameters.CANDIDATES, list(evaluate.CHOICES)],
    "values of CompareWithChampion": [parameters.COMPARE_WITH_CHAMPION, list(champion.COMPARE_CHOICES)],
    "candidates": [parameters.CANDIDATES[1:], list(evaluate.CANDIDATES), list(select_features.METHODS)],
    "content types of the model": [definition._CONTENT_TYPES, list(request.MEDIA_TYPES)],
    "file name of the sample data": [notice_texts.SAMPLE_FILE_NAME, known_files.SAMPLE_FILE_NAME],
    "default project": [notice_texts.DEFAULT_PROJECT, options.DEFAULT_PROJECT],
    "largest number": [numbers.LARGEST, api_numbers.LARGEST],
    "companies in one request": [validation.MAX_COMPANIES, predictions.CHUNK_ROWS, LIST["maxItems"]],
    "companies that can be explained at once": [
        validation.MAX_EXPLAINED,
        explain.MAX_COMPANIES,
        predictions.EXPLAINED_ROWS,
    ],
    "features in an explanation": [
        explain.FEATURES,
        schemas.Prediction.model_json_schema()["properties"]["explanation"]["maxItems"],
    ],
    "statuses of a changing endpoint": [serving.MOVING, endpoint.MOVING],
    "failed deployments after which a version is given up": [
        registry.MAX_ATTEMPTS,
        endpoint.MAX_ATTEMPTS,
    ],
    "functions of the container's entry point": [
        sorted(serve.__all__),
        sorted(name for name in vars(handlers) if name.endswith("_fn")),
    ],
    "columns of outcomes": [list(monitored_outcomes.COLUMNS), list(outcomes.Outcome._fields)],
    "pattern of project names": [
        f"^{project._NAME.pattern}$",
        TEMPLATE.parameters["ProjectName"]["AllowedPattern"],
    ],
}


@pytest.mark.parametrize("copies", COPIES.values(), ids=COPIES)
def test_copies_are_equal(copies: list[Any]) -> None:
    assert all(copy == copies[0] for copy in copies[1:]), copies


def test_the_command_line_reads_the_champions_contract() -> None:
    assert f"/{api_contract.KEY}" in inspect.getsource(contracts)


def test_the_gateway_and_the_function_have_the_same_limit_of_bytes() -> None:
    assert f"larger than {body.MAX_BYTES:,} bytes" in SERVICE.read_text(encoding="utf-8")


def test_the_default_of_min_roc_auc_is_the_same_in_the_pipeline_and_in_evaluate() -> None:
    assert f'"--min-roc-auc", type=float, default={parameters.MIN_ROC_AUC}' in inspect.getsource(evaluate)


def test_the_command_line_uses_the_credentials_of_local_aws() -> None:
    variables = local_environment("http://127.0.0.1:4600", "eu-west-1")
    variables.pop("NO_PROXY", None)  # depends on the machine
    assert variables.items() <= client_environment("http://127.0.0.1:4600", "eu-west-1").items()


def test_every_exported_stage_has_a_forward_pass() -> None:
    kinds = re.findall(r'"kind": "([^"]+)"', inspect.getsource(served))
    assert set(kinds) == set(FAMILIES)


@given(values=st.lists(st.floats(), max_size=5))
def test_the_container_and_the_function_accept_the_same_numbers(values: list[float]) -> None:
    accepted = all(not numbers.value_problem(value) for value in values)
    assert numbers.are_in_range(values) is api_numbers.are_in_range(values) is accepted
