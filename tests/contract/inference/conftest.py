"""The folder of a small model, and a small model behind the handlers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.models import handlers
from support.models.artifacts import CONTRACT, SERVED

from inference.artifact import Model
from inference.handlers import model_fn
from steps.export.files import write_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path, SERVED, CONTRACT, None)
    return tmp_path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """The model of `support.models.handlers`, as version 3."""
    folder = tmp_path_factory.mktemp("model")
    write_model(folder, handlers.SERVED, handlers.CONTRACT, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_PACKAGE_VERSION", "3")
        yield model_fn(str(folder))
