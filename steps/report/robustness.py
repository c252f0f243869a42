"""Report section about robustness: rounded inputs, and ratios that move the risk in the wrong direction."""

from __future__ import annotations

import math

from steps.dataset.directions import DIRECTIONS, RAISES
from steps.report.markup import Markup, join, lead, percent
from steps.report.subject import Subject
from steps.report.tables import Row, table

WORDS = (
    "Two tests of the predictions, out of fold. Rounding: all inputs of companies with medium or high risk "
    "are jittered, that is, moved at random by up to half a unit of a significant digit, as by rounding. "
    "Economics: a ratio with a known direction is moved from its 5th to its 95th percentile, while the "
    "company's other ratios do not change."
)


def robustness(subject: Subject) -> Markup:
    """Return the tables of level changes by rounding, and of risks that move in the wrong direction."""
    candidates = subject.evaluation["candidates"]
    # The selected candidate comes first.
    names = sorted(candidates, key=lambda name: name != subject.selected_name)
    found = {name: candidates[name]["robustness"] for name in names}
    rounding = [
        Row(f"digit {digits}", [percent(found[name]["level_changes"][digits]) for name in names])
        for digits in found[names[0]]["level_changes"]
    ]
    listed = [ratio for ratio in DIRECTIONS if any(ratio in found[name]["wrong_way"] for name in names)]
    moves = [
        Row(
            ratio,
            [
                "raises the risk" if DIRECTIONS[ratio][0] == RAISES else "lowers the risk",
                DIRECTIONS[ratio][1],
                *(percent(found[name]["wrong_way"].get(ratio, math.nan)) for name in names),
            ],
        )
        for ratio in listed
    ]
    return join(
        [
            lead(WORDS),
            table(
                ["jittered", *names],
                rounding,
                "Share of companies with medium or high risk whose level changes under jitter.",
            ),
            table(
                ["ratio", "a higher value", "because", *names],
                moves,
                "Share of companies whose risk moves in the wrong direction. "
                "A dash means that the candidate does not use the ratio.",
            ),
        ]
    )
