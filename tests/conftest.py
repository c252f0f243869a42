"""Settings shared by all tests."""

from __future__ import annotations

import os
import pickle
from functools import cache

import pytest
from botocore.loaders import JSONFileLoader

# Assertions in shared checks fail with the values, as those in tests do.
pytest.register_assert_rewrite("support")

# The console of the commands reads its width once, when the first test uses it.
os.environ["COLUMNS"] = "200"

# One thread, as in jobs. Several would wait for each other at every node of a tree while other tests run.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _parse_service_descriptions_once() -> None:
    """Parse botocore's descriptions of the services once in a process; they are megabytes of JSON.

    Each session gets its own copy, because clients and moto change the descriptions.
    """
    original = JSONFileLoader.load_file
    packed = cache(lambda path: pickle.dumps(original(JSONFileLoader(), path)))
    JSONFileLoader.load_file = lambda _, path: pickle.loads(packed(path))  # noqa: S301 - our own bytes


_parse_service_descriptions_once()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: archives hold the time, and every worker must collect the same names."""
    return argname if isinstance(val, bytes) else None
