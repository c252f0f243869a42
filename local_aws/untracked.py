"""Stops moto from keeping each resource for ever, even deleted objects of S3 and dropped log events."""

from __future__ import annotations

from typing import Any

from moto.core.common_models import BaseModel
from moto.s3.models import FakeKey


def install() -> None:
    """Make moto forget the resources that nothing refers to; it only lists them at /moto-api/."""
    BaseModel.__new__ = staticmethod(_create)
    # moto would warn that the list of all objects no longer closes the file of this one.
    FakeKey.__del__ = FakeKey.dispose


def _create(cls: type[Any], *_: object, **__: object) -> Any:
    return super(BaseModel, cls).__new__(cls)
