"""The gate: whether a judged model may be registered, beside which others, and why, with the figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from steps.job import JobError
from steps.judging.judging import Judged, judge
from steps.measures.intervals import Interval, log_loss_increase, roc_auc_difference
from steps.measures.metrics import Labels

COMPARE_CHOICES = ("yes", "no")

# What another seed or a few more companies do to the log loss, on which nobody should be refused.
LOG_LOSS_MARGIN = 0.02


@dataclass(frozen=True)
class Comparison:
    """The selected candidate against another model, on the same companies.

    With few bankruptcies ROC-AUC alone sees little: a model can rank nearly as well and give probabilities
    that are plainly worse. The log loss sees those, and every company counts in it.

    Attributes
    ----------
    roc_auc
        ROC-AUC of the selected candidate minus that of the other.
    log_loss
        Log loss of the selected candidate relative to that of the other, minus 1.
    """

    roc_auc: Interval
    log_loss: Interval

    @property
    def significantly_worse(self) -> bool:
        """Whether a whole 95 % interval lies on the wrong side: of 0, or of the log loss's margin."""
        return self.roc_auc.high < 0 or self.log_loss.low > LOG_LOSS_MARGIN

    @property
    def verdict(self) -> str:
        """How the selected candidate compares, to go before "than" or "from"."""
        if self.significantly_worse:
            return "significantly worse than"
        return "significantly better than" if self.roc_auc.low > 0 else "not significantly different from"

    @property
    def figures(self) -> str:
        """The differences with their intervals, in words."""
        auc, loss = self.roc_auc, self.log_loss
        value, low, high = (100 * share for share in (loss.value, loss.low, loss.high))
        return (
            f"ROC-AUC difference {auc.value:+.4f}, 95 % interval {auc.low:+.4f} to {auc.high:+.4f}; "
            f"log loss {value:+.1f} %, 95 % interval {low:+.1f} to {high:+.1f} %"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as it stands in evaluation.json."""
        return {
            "roc_auc_difference": self.roc_auc.as_dict(),
            "log_loss_increase": self.log_loss.as_dict(),
            "significantly_worse": self.significantly_worse,
            "verdict": self.verdict.rpartition(" ")[0],
        }


@dataclass(frozen=True)
class Champion:
    """The model in service: as judged here, or why it was not."""

    judged: Judged | None
    why_not: str = ""


def compare(y: Labels, selected: Judged, other: Judged, seed: int) -> Comparison:
    """Compare two models on the test companies, resampling the same ones for both."""
    mine, theirs = selected.probability, other.probability
    return Comparison(roc_auc_difference(y, mine, theirs, seed), log_loss_increase(y, mine, theirs, seed))


def judge_champion(
    folder: Path, scratch: Path, test: pd.DataFrame, seed: int, choice: str
) -> Champion | None:
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
        CompareWithChampion: "no" leaves the model alone.

    Returns
    -------
    Champion or None
        None where nothing has been deployed yet.
    """
    tar = folder / "model.tar.gz"
    if not tar.is_file():
        return None
    if choice == "no":
        return Champion(None, "CompareWithChampion is no")
    try:
        return Champion(judge(tar, scratch, test, seed, "champion"))
    except JobError as error:
        return Champion(None, str(error).splitlines()[0].rstrip("."))


def gate(
    selected: Judged, minimum: float, champion: Champion | None, comparison: Comparison | None
) -> dict[str, Any]:
    """Return what the pipeline's condition looks at, and the reason in words.

    Parameters
    ----------
    selected
        The candidate that would be registered.
    minimum
        MinRocAuc.
    champion
        The model in service; None where there is none.
    comparison
        With the champion, where it was judged.
    """
    auc = selected.roc_auc
    # Of the same thing an estimate by five times as many bankruptcies. Where the two part, training companies
    # and unseen ones are not alike: labels were mixed up, say.
    out_of_fold = float(selected.facts["out_of_fold"]["roc_auc"])
    reached = "reaches" if auc.value >= minimum else "is below"
    first = (
        f"ROC-AUC {_shown(auc.value, minimum)} on unseen companies "
        f"(95 % interval {auc.low:.3f} to {auc.high:.3f}) {reached} MinRocAuc {minimum}"
    )
    if out_of_fold < minimum:
        first += f"; {_shown(out_of_fold, minimum)} out of fold, on the training companies, is below it"
    if comparison is not None:
        second = f"it is {comparison.verdict} the champion ({comparison.figures})"
    elif champion is not None:
        second = f"it was NOT compared with the champion ({champion.why_not})"
    else:
        second = "there is no champion to compare with"
    worse = comparison is not None and comparison.significantly_worse
    return {
        "roc_auc": auc.value,
        "out_of_fold_roc_auc": out_of_fold,
        "min_roc_auc": minimum,
        "not_worse_than_champion": 0 if worse else 1,
        "passed": min(auc.value, out_of_fold) >= minimum and not worse,
        "reason": f"{first}; {second}.",
    }


def _shown(value: float, minimum: float) -> str:
    """Return a value with as many digits, three at least, as leave it on its side of the minimum."""
    digits = 3
    while (round(value, digits) >= minimum) != (value >= minimum):
        digits += 1
    return f"{value:.{digits}f}"
