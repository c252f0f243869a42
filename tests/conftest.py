"""Settings shared by all tests."""

from __future__ import annotations

import os

import pytest

# Assertions in shared checks fail with the values, as those in tests do.
pytest.register_assert_rewrite("support")

# The console of the commands reads its width once, when the first test uses it.
os.environ["COLUMNS"] = "200"


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: archives hold the time, and every worker must collect the same names."""
    return argname if isinstance(val, bytes) else None
