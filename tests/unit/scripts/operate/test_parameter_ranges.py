"""Numbers out of their range are refused before an execution starts, and by the first step."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.operate.executions import ExecutionError, start_execution
from steps import select_features
from steps.job import ParameterError


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("FeatureCount", "0", "between 1 and 95"),
        ("FeatureCount", "96", "between 1 and 95"),
        ("RandomSeed", "-1", "between 0 and 4294967295"),
        ("RandomSeed", "99999999999", "between 0 and 4294967295"),
        ("MinRocAuc", "1.5", "between 0 and 1"),
        ("MinRocAuc", "nan", "between 0 and 1"),
    ],
)
def test_a_number_out_of_its_range_starts_nothing(name: str, value: str, allowed: str) -> None:
    aws: Any = None  # nothing is asked of AWS
    with pytest.raises(ExecutionError, match=f"{name} is {value}; it must be {allowed}"):
        start_execution(aws, {name: value})


def test_the_first_step_refuses_a_seed_in_its_own_words() -> None:
    with pytest.raises(ParameterError, match="RandomSeed is -1; it must be between 0 and 4294967295"):
        select_features.main(["--random-seed", "-1"])
