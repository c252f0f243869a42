"""The error of a drill that did not end as it should."""

from scripts.errors import ScriptError


class DrillError(ScriptError):
    """Something that the drill shows did not happen."""

    code = "drill_failed"
