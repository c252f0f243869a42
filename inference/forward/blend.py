"""A blend: the equal mean of its members' logits."""

from __future__ import annotations

from collections.abc import Sequence

from inference.errors import ArtifactError
from inference.forward.stage import Floats, Stage, run


class Blend:
    """The mean logit of members, each a chain of stages that takes the same columns.

    Parameters
    ----------
    members
        At least one chain; each gives one column.

    Raises
    ------
    ArtifactError
        If there is no member, or one gives no logit.
    """

    width = 1

    def __init__(self, members: Sequence[Sequence[Stage]]) -> None:
        if not members or any(not stages or stages[-1].width != 1 for stages in members):
            raise ArtifactError("A blend needs at least one member, and each must give one column of logits.")
        self._members = tuple(tuple(stages) for stages in members)

    def __call__(self, X: Floats) -> Floats:
        """Return the mean logits, (n, 1)."""
        total = run(self._members[0], X)
        for stages in self._members[1:]:
            total = total + run(stages, X)
        return total / len(self._members)
