"""Blend: the mean of its members' logits."""

from __future__ import annotations

from collections.abc import Sequence

from inference.errors import ArtifactError
from inference.forward.stage import Floats, Stage, run


class Blend:
    """Averages the logits of its members, which are chains of stages with the same input.

    Parameters
    ----------
    members
        At least one chain; each returns one column.

    Raises
    ------
    ArtifactError
        If there is no member, or a member does not return one column.
    """

    width = 1

    def __init__(self, members: Sequence[Sequence[Stage]]) -> None:
        if not members or any(not stages or stages[-1].width != 1 for stages in members):
            raise ArtifactError(
                "A blend needs at least one member, and each must return one column of logits."
            )
        self._members = tuple(tuple(stages) for stages in members)

    def __call__(self, X: Floats) -> Floats:
        """Return the mean logits, (n, 1)."""
        total = run(self._members[0], X)
        for stages in self._members[1:]:
            total = total + run(stages, X)
        return total / len(self._members)
