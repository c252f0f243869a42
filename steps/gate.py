"""The gate: whether a judged model may be registered, beside which others, and why, with the figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from steps.intervals import Interval, roc_auc_difference
from steps.job import JobError
from steps.judging import Judged, judge
from steps.metrics import Labels

COMPARE_CHOICES = ("yes", "no")


@dataclass(frozen=True)
class Comparison:
    """ROC-AUC of the winner minus that of another model, on the same companies."""

    difference: Interval

    @property
    def significantly_worse(self) -> bool:
        """Whether the whole 95 % interval lies below 0."""
        return self.difference.high < 0

    @property
    def verdict(self) -> str:
        """How the winner compares, to go before "than" or "from"."""
        if self.significantly_worse:
            return "significantly worse than"
        return "significantly better than" if self.difference.low > 0 else "not significantly different from"

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as it stands in evaluation.json."""
        return {
            "roc_auc_difference": self.difference.as_dict(),
            "significantly_worse": self.significantly_worse,
            "verdict": self.verdict.rpartition(" ")[0],
        }


@dataclass(frozen=True)
class Reigning:
    """The model in service: as judged here, or why it was not."""

    judged: Judged | None
    why_not: str = ""


def compare(y: Labels, winner: Judged, other: Judged, seed: int) -> Comparison:
    """Compare two models on the test companies, resampling the same ones for both."""
    return Comparison(roc_auc_difference(y, winner.probability, other.probability, seed))


def judge_reigning(
    folder: Path, scratch: Path, test: pd.DataFrame, seed: int, choice: str
) -> Reigning | None:
    """Judge the model in service, or say why it can't be.

    Nothing of it is unpickled, since it comes from outside of this execution. One that this code can't read
    or the data can't feed must not keep every later model from being registered: it is left out of the
    comparison, and whoever approves the new model is told.

    Parameters
    ----------
    folder
        Holds its model.tar.gz, unless nothing has been deployed yet.
    scratch
        Where to unpack it.
    test
        The test companies.
    seed
        Of the bootstrap.
    choice
        CompareWithReigning: "no" leaves the model alone.

    Returns
    -------
    Reigning or None
        None where nothing has been deployed yet.
    """
    tar = folder / "model.tar.gz"
    if not tar.is_file():
        return None
    if choice == "no":
        return Reigning(None, "CompareWithReigning is no")
    try:
        return Reigning(judge(tar, scratch, test, seed, "reigning"))
    except JobError as error:
        return Reigning(None, str(error).splitlines()[0].rstrip("."))


def gate(
    winner: Judged, minimum: float, reigning: Reigning | None, comparison: Comparison | None
) -> dict[str, Any]:
    """Return what the pipeline's condition looks at, and the reason in words.

    Parameters
    ----------
    winner
        The candidate that would be registered.
    minimum
        MinRocAuc.
    reigning
        The model in service; None where there is none.
    comparison
        With the reigning model, where it was judged.
    """
    auc = winner.roc_auc
    reached = "reaches" if auc.value >= minimum else "is below"
    first = (
        f"ROC-AUC {_shown(auc.value, minimum)} on unseen companies "
        f"(95 % interval {auc.low:.3f} to {auc.high:.3f}) {reached} MinRocAuc {minimum}"
    )
    if comparison is not None:
        gain = comparison.difference
        second = (
            f"it is {comparison.verdict} the reigning model "
            f"(difference {gain.value:+.4f}, 95 % interval {gain.low:+.4f} to {gain.high:+.4f})"
        )
    elif reigning is not None:
        second = f"it was NOT compared with the reigning model ({reigning.why_not})"
    else:
        second = "there is no reigning model to compare with"
    worse = comparison is not None and comparison.significantly_worse
    return {
        "roc_auc": auc.value,
        "min_roc_auc": minimum,
        "not_worse_than_reigning": 0 if worse else 1,
        "passed": auc.value >= minimum and not worse,
        "reason": f"{first}; {second}.",
    }


def _shown(value: float, minimum: float) -> str:
    """Return a value with as many digits, three at least, as leave it on its side of the minimum."""
    digits = 3
    while (round(value, digits) >= minimum) != (value >= minimum):
        digits += 1
    return f"{value:.{digits}f}"
