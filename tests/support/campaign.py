"""The seed and the size of a campaign: SEED and SIZE in the environment."""

import os

SEED = int(os.environ.get("SEED") or 0)


def size(default: int) -> int:
    """Return how many cases to try."""
    return int(os.environ.get("SIZE") or default)
