"""Why a state cannot be used."""

from __future__ import annotations


class StateError(RuntimeError):
    """A state that cannot be used; the message says why, and `hint` what to do."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


class DamagedStateError(Exception):
    """A state that cannot be read as a whole."""
