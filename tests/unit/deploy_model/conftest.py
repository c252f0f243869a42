"""An account with nothing in it."""

from __future__ import annotations

import pytest
from support.deploy_model.aws import Aws


@pytest.fixture
def aws() -> Aws:
    return Aws()
