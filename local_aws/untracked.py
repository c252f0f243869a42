"""Stops moto from keeping every resource in memory, even deleted S3 objects and dropped log events."""

from __future__ import annotations

from typing import Any

from moto.core.common_models import BaseModel
from moto.s3.models import FakeKey


def install() -> None:
    """Make moto release resources without references; it keeps them only to list them at /moto-api/."""
    BaseModel.__new__ = staticmethod(_create)
    # moto would warn that the list of all objects no longer closes the file of this one.
    FakeKey.__del__ = FakeKey.dispose


def _create(cls: type[Any], *_: object, **__: object) -> Any:
    return super(BaseModel, cls).__new__(cls)
