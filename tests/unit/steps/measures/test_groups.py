"""Companies are grouped by their probability, for the calibration chart."""

from __future__ import annotations

import numpy as np
import pytest

from steps.measures.groups import calibration_groups


def test_a_group_starts_at_its_lower_bound_and_empty_groups_are_omitted() -> None:
    probability = np.array([0.0, 0.0049, 0.005, 0.2, 0.3, 0.49])
    groups = calibration_groups(np.array([0, 1, 0, 1, 0, 1]), probability)
    assert [(each.companies, each.bankruptcies) for each in groups] == [(2, 1), (1, 0), (3, 2)]
    assert [each.predicted for each in groups] == pytest.approx([0.00245, 0.005, 0.33])


def test_a_probability_of_exactly_1_belongs_to_the_last_group() -> None:
    [group] = calibration_groups(np.array([1, 1, 0]), np.array([1.0, 0.9, 0.5]))
    assert (group.companies, group.bankruptcies, group.predicted) == (3, 2, pytest.approx(0.8))
