"""Random ids in the alphabet that SageMaker uses."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_lowercase + string.digits


def random_id(length: int) -> str:
    """Return a random id of lowercase letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
