"""The errors that commands report to the user instead of a traceback."""


class ScriptError(Exception):
    """A problem that the user can understand and fix.

    Attributes
    ----------
    code : str
        Stable name of the kind of error.
    problem : str
        What went wrong, as one or more sentences.
    hint : str
        What to do next, as one or more sentences; may be empty. Commands stand in backquotes and have
        no options: the command line adds those that the user gave.
    """

    code: str = "failed"

    def __init__(self, problem: str, hint: str = "") -> None:
        # After a list of problems, the hint starts a new line.
        separator = "\n" if "\n" in problem else " "
        super().__init__(f"{problem}{separator}{hint}".rstrip())
        self.problem = problem
        self.hint = hint


class UsageError(ScriptError):
    """The command was called with wrong arguments."""

    code = "wrong_usage"
