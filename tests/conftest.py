"""Settings shared by all tests."""

from __future__ import annotations

import os
from functools import cache

import pytest
from botocore.loaders import JSONFileLoader

# Assertions in shared checks fail with the values, as those in tests do.
pytest.register_assert_rewrite("support")

# The console of the commands reads its width once, when the first test uses it.
os.environ["COLUMNS"] = "200"


def _parse_service_descriptions_once() -> None:
    """Share botocore's descriptions of the services between sessions, which parse megabytes of JSON each.

    Clients of S3 change the paths in its description, and local AWS needs the original.
    """
    original = JSONFileLoader.load_file
    parsed = cache(lambda path: original(JSONFileLoader(), path))

    def load_file(loader: JSONFileLoader, path: str) -> object:
        return original(loader, path) if f"{os.sep}s3" in path else parsed(path)

    JSONFileLoader.load_file = load_file


_parse_service_descriptions_once()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: archives hold the time, and every worker must collect the same names."""
    return argname if isinstance(val, bytes) else None
