"""Shows the events of a deployment: one live line on a terminal, every event elsewhere."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from scripts.terminal.console import ask, console, plain, show

if TYPE_CHECKING:
    from scripts.aws.stacks import Event

# The statuses that announce the changes of a change set.
_CHANGES = {"Add", "Modify", "Replace", "Remove"}


class EventLog:
    """Shows events.

    Parameters
    ----------
    verbose
        Whether to show every event, even on a terminal.
    """

    def __init__(self, *, verbose: bool = False) -> None:
        out = console()
        self.line = "Reading the state of the account …"
        self._status = out.status(self.line) if out.is_terminal and not verbose else None
        self._planned: Counter[str] = Counter()
        self._done: dict[str, set[str]] = defaultdict(set)

    def __enter__(self) -> EventLog:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        is_stack = event.subject == event.source
        if event.status in _CHANGES:
            self._planned[event.source] += 1
        elif event.status.endswith("_COMPLETE") and not is_stack:
            self._done[event.source].add(event.subject)
        is_routine = event.status in {"Add", "Modify"} or (event.status.isupper() and not is_stack)
        if self._status is None or not is_routine or _is_bad(event):
            _show(event)
        if self._status:
            done, planned = len(self._done[event.source]), self._planned[event.source]
            count = f" {done}/{planned}" if planned else f" {done}" if done else ""
            self.line = f"{event.source}{count}  {event.subject}  {event.status}"
            self._status.update(self.line)

    def ask(self, question: str) -> bool:
        """Ask the user a question; hide the live line, which would overwrite the answer."""
        if self._status is None:
            return ask(question)
        self._status.stop()
        try:
            return ask(question)
        finally:
            self._status.start()


def _is_bad(event: Event) -> bool:
    return event.status.endswith(("FAILED", "ROLLBACK_IN_PROGRESS"))


def _show(event: Event) -> None:
    colour = "red" if _is_bad(event) else "green" if event.status.endswith("COMPLETE") else "default"
    reason = f"  {plain(event.reason)}" if event.reason else ""
    show(f"[dim]{event.source}[/]  {event.subject}  [{colour}]{event.status}[/]{reason}")
