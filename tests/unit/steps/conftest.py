"""An execution whose candidates are trained, ready for Evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.pipeline.evaluation import Execution


@pytest.fixture
def execution(trained: Any, tmp_path: Path) -> Execution:
    return Execution(trained, tmp_path)
