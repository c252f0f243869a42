"""Runs the operations that a page starts and that take longer than a request: one at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from scripts.aws.failures import explain
from scripts.errors import ScriptError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Operation:
    """The operation that was started last.

    Parameters
    ----------
    name
        What it does, such as ``Pausing the service``.
    outcome
        Its result, as a sentence; empty while it runs.
    failed
        Whether the outcome is an error.
    """

    name: str
    outcome: str = ""
    failed: bool = False

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return not self.outcome


class Operations:
    """Runs one operation at a time, in a thread that ends with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: Operation | None = None

    @property
    def last(self) -> Operation | None:
        """The operation that was started last; None before the first one."""
        return self._last

    def start(self, name: str, work: Callable[[], str]) -> None:
        """Start an operation, which returns its outcome.

        Raises
        ------
        ScriptError
            If another operation runs.
        """
        with self._lock:
            if self._last is not None and self._last.runs:
                raise ScriptError(f"{self._last.name} has not ended yet.", "Wait for its end.")
            self._last = operation = Operation(name)
        threading.Thread(target=self._run, args=(operation, work), daemon=True).start()

    def _run(self, operation: Operation, work: Callable[[], str]) -> None:
        try:
            ended = replace(operation, outcome=work())
        except Exception as error:
            known = error if isinstance(error, ScriptError) else explain(error)
            if known is None:
                logger.exception("%s failed", operation.name)
                known = ScriptError(f"{operation.name} failed; the console's terminal shows the error.")
            ended = replace(operation, outcome=str(known), failed=True)
        self._last = ended
