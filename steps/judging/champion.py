"""Judges the champion, the model in service, on the same test companies as the candidates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from steps.job import JobError
from steps.judging.judged_model import JudgedModel, judge
from steps.split import BY_RATIOS

COMPARE_CHOICES = ("yes", "no")


@dataclass(frozen=True)
class Champion:
    """The judged champion, or the reason why it was not judged."""

    judged: JudgedModel | None
    why_not: str = ""


def judge_champion(
    folder: Path, scratch: Path, test: pd.DataFrame, seed: int, choice: str, rule: str
) -> Champion | None:
    """Judge the champion, or say why that is impossible.

    Nothing in it is unpickled, because it comes from outside this execution. A champion that this code cannot
    read, or that needs columns the data lacks, must not block every later model. It is left out of the
    comparison, and the reason is reported to whoever approves the new model.

    Parameters
    ----------
    folder
        Holds the champion's model.tar.gz, unless nothing has been deployed yet.
    scratch
        Where to unpack it.
    test
        The test companies.
    seed
        Seed of the bootstrap.
    choice
        The parameter CompareWithChampion: "no" skips the champion.
    rule
        The rule that chose the test companies. A champion with another rule is left out, too: it was trained
        on some of them, so its figures would be too good.

    Returns
    -------
    Champion or None
        None if nothing has been deployed yet.
    """
    tar = folder / "model.tar.gz"
    if not tar.is_file():
        return None
    if choice == "no":
        return Champion(None, "CompareWithChampion is no")
    try:
        champion = judge(tar, scratch, test, seed, "champion")
    except JobError as error:
        return Champion(None, error.problem.rstrip("."))
    # Models without this fact are from versions of this code that had one rule.
    trained_by = champion.facts.get("training", {}).get("split_rule", BY_RATIOS)
    if trained_by != rule:
        return Champion(
            None,
            "it was trained on some of the companies that are unseen here: its own unseen companies were "
            f"{trained_by}; now they are {rule}",
        )
    return Champion(champion)
