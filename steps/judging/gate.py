"""The gate: compares the selected candidate with MinRocAuc and with the champion, and gives the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from steps.judging.champion import Champion
from steps.judging.judged_model import JudgedModel
from steps.measures.intervals import Firms, Interval, log_loss_increase, roc_auc_difference
from steps.measures.metrics import Labels

# Another seed or a few more companies can change the figures by this much although the model is equally good.
# The intervals do not show that, because they only resample the companies.
ROC_AUC_MARGIN = 0.002
LOG_LOSS_MARGIN = 0.02


@dataclass(frozen=True)
class Comparison:
    """The selected candidate compared with another model on the same companies.

    With few bankruptcies, ROC-AUC alone is a weak test: a model can rank nearly as well and still give
    clearly worse probabilities. The log loss shows that, because every company counts in it.

    Attributes
    ----------
    roc_auc
        ROC-AUC of the selected candidate minus that of the other model.
    log_loss
        Log loss of the selected candidate divided by that of the other model, minus 1.
    """

    roc_auc: Interval
    log_loss: Interval

    def significantly_worse(self) -> bool:
        """Return whether the whole interval of a difference is on the worse side of its margin."""
        return self.roc_auc.high < -ROC_AUC_MARGIN or self.log_loss.low > LOG_LOSS_MARGIN

    def verdict(self) -> str:
        """Return how the selected candidate compares, ending in "than" or "from"."""
        if self.significantly_worse():
            return "significantly worse than"
        return (
            "significantly better than"
            if self.roc_auc.low > ROC_AUC_MARGIN
            else "not significantly different from"
        )

    def summary(self) -> str:
        """Return the differences with their intervals as text."""
        auc, loss = self.roc_auc, self.log_loss
        value, low, high = (100 * share for share in (loss.value, loss.low, loss.high))
        return (
            f"ROC-AUC difference {auc.value:+.4f}, 95 % interval {auc.low:+.4f} to {auc.high:+.4f}; "
            f"log loss {value:+.1f} %, 95 % interval {low:+.1f} to {high:+.1f} %"
        )

    def smallest_detectable(self) -> dict[str, float]:
        """Return the smallest loss of ROC-AUC and increase of log loss that would have been significant.

        An interval of the same width would then just exclude what `significantly_worse` allows.
        """
        auc, loss = self.roc_auc, self.log_loss
        return {
            "roc_auc_loss": ROC_AUC_MARGIN + auc.high - auc.value,
            "log_loss_increase": LOG_LOSS_MARGIN + loss.value - loss.low,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as in evaluation.json."""
        return {
            "roc_auc_difference": self.roc_auc.as_dict(),
            "log_loss_increase": self.log_loss.as_dict(),
            "significantly_worse": self.significantly_worse(),
            "verdict": self.verdict().rpartition(" ")[0],
            "smallest_detectable": self.smallest_detectable(),
        }


def compare(y: Labels, selected: JudgedModel, other: JudgedModel, firm: Firms, seed: int) -> Comparison:
    """Compare two models on the test companies, with the same bootstrap resamples of firms for both."""
    mine, theirs = selected.probability, other.probability
    return Comparison(
        roc_auc_difference(y, mine, theirs, firm, seed), log_loss_increase(y, mine, theirs, firm, seed)
    )


def gate(
    selected: JudgedModel, minimum: float, champion: Champion | None, comparison: Comparison | None
) -> dict[str, Any]:
    """Return the values that the pipeline's condition compares, and the reason as text.

    Parameters
    ----------
    selected
        The candidate that would be registered.
    minimum
        The parameter MinRocAuc.
    champion
        The model in service; None if there is none.
    comparison
        With the champion; None if it was not judged.
    """
    auc = selected.roc_auc
    # The same metric, estimated from about five times as many bankruptcies. If the two differ much, training
    # and test companies are not alike, for example because labels were mixed up.
    out_of_fold = float(selected.facts["out_of_fold"]["roc_auc"])
    relation = "reaches" if auc.value >= minimum else "is below"
    first = (
        f"ROC-AUC {_rounded(auc.value, minimum)} on unseen companies "
        f"(95 % interval {auc.low:.3f} to {auc.high:.3f}) {relation} MinRocAuc {minimum}"
    )
    if out_of_fold < minimum:
        first += f"; {_rounded(out_of_fold, minimum)} out of fold, on the training companies, is below it"
    if comparison is not None:
        smallest = comparison.smallest_detectable()
        second = (
            f"it is {comparison.verdict()} the champion ({comparison.summary()}); these companies are too "
            f"few to detect a loss of less than {smallest['roc_auc_loss']:.3f} in ROC-AUC, or an increase of "
            f"less than {100 * smallest['log_loss_increase']:.0f} % in log loss"
        )
    elif champion is not None:
        second = f"it was NOT compared with the champion ({champion.why_not})"
    else:
        second = "there is no champion to compare with"
    worse = comparison is not None and comparison.significantly_worse()
    return {
        "roc_auc": auc.value,
        "out_of_fold_roc_auc": out_of_fold,
        "min_roc_auc": minimum,
        "not_worse_than_champion": 0 if worse else 1,
        "passed": min(auc.value, out_of_fold) >= minimum and not worse,
        "reason": f"{first}; {second}.",
    }


def _rounded(value: float, minimum: float) -> str:
    """Return a value with at least three decimals, enough to show on which side of the minimum it is."""
    digits = 3
    while (round(value, digits) >= minimum) != (value >= minimum):
        digits += 1
    return f"{value:.{digits}f}"
