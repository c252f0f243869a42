"""Judges the champion, the model in service, on the same test companies as the candidates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from steps.job import JobError
from steps.judging.judged_model import JudgedModel, judge

COMPARE_CHOICES = ("yes", "no")


@dataclass(frozen=True)
class Champion:
    """The judged champion, or the reason why it was not judged."""

    judged: JudgedModel | None
    why_not: str = ""


def judge_champion(
    folder: Path, scratch: Path, test: pd.DataFrame, seed: int, choice: str
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
        return Champion(judge(tar, scratch, test, seed, "champion"))
    except JobError as error:
        return Champion(None, error.problem.rstrip("."))
