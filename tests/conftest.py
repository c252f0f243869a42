"""Settings shared by all tests."""

from __future__ import annotations

import gc
import os
import pickle
from functools import cache

import pytest
import typer.main
import typer.testing
from botocore.loaders import JSONFileLoader, Loader

# Assertions in shared checks fail with the values, as those in tests do.
pytest.register_assert_rewrite("support")

# The console of the commands reads its width once, when the first test uses it.
os.environ["COLUMNS"] = "200"

# One thread, as in jobs. Several would wait for each other at every node of a tree while other tests run.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _read_service_descriptions_once() -> None:
    """List and parse botocore's descriptions of the services once in a process; they are megabytes of JSON.

    Each session gets its own copy, because clients and moto change the descriptions.
    """
    load, list_services = JSONFileLoader.load_file, Loader.list_available_services
    packed = cache(lambda path: pickle.dumps(load(JSONFileLoader(), path)))

    @cache
    def listed(type_name: str, *paths: str) -> list[str]:
        loader = Loader(extra_search_paths=[*paths], include_default_search_paths=False)
        services: list[str] = list_services(loader, type_name)
        return services

    JSONFileLoader.load_file = lambda _, path: pickle.loads(packed(path))  # noqa: S301 - our own bytes
    Loader.list_available_services = lambda self, type_name: [*listed(type_name, *self.search_paths)]


_read_service_descriptions_once()


# Typer would build all commands again for each one that a test runs.
vars(typer.testing)["_get_command"] = cache(typer.main.get_command)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run more tests at once than there are cores: they often wait, for a process or for time to pass."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection_finish() -> None:
    """Keep the imported modules and the collected tests out of later searches for garbage."""
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: archives hold the time, and every worker must collect the same names."""
    return argname if isinstance(val, bytes) else None
