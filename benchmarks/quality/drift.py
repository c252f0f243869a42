"""Measures monitoring on the real file: `make bench-drift`.

Half of the firms are training companies, the other half is sent to the service. Measures

(a) how many months have a false alarm of drift, for several kinds of traffic that has not changed;
(b) how often, and after how many days, real changes are found;
(c) the quality that monitoring expects of blocks that the model has not seen, against the real one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.common import figures
from benchmarks.common.pages import put, table
from benchmarks.common.profiles import training_profile
from benchmarks.quality.protocols import blocks_apart
from benchmarks.quality.recipes import firm_numbers, real_data
from steps.dataset.columns import RATIOS
from steps.dataset.reader import read_data
from steps.estimators.recipes import logistic
from steps.frames import target
from steps.job import log, one_thread
from steps.measures.metrics import Floats, brier_score, roc_auc
from steps.monitoring.drift import Reference, column_drifts
from steps.monitoring.expected import expected_quality
from steps.monitoring.profile import Profile
from steps.monitoring.summary import Sample

RESULTS = figures.RESULTS / "drift.json"
PAGE = figures.DOCS / "monitoring.md"
COMMAND = "make bench-drift"
DAYS = 30
VOLUMES = (100, 1_000, 100_000)
# Numbers of blocks with the shift of their borders, for expected against real quality.
BLOCKS = ((10, 0.0), (10, 0.5), (17, 0.0))
LEVELS = ("low", "medium", "high")
BOUNDS = (0.0, 0.05, 0.2)

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class World:
    """The companies that can be sent, and the profile of those of training."""

    profile: Profile
    features: Floats
    probability: Callable[[Floats], Floats]
    is_bankrupt: NDArray[np.bool_]
    block: Rows

    def sample(self, rows: Rows, features: Floats) -> Sample:
        """Return the sample of a day: each company once."""
        _, first = np.unique(rows, return_index=True)
        sent = features[first]
        probability = self.probability(sent)
        return Sample(
            rows[first].astype(np.uint64),
            self.profile.bins(sent, probability),
            self.profile.outside(sent),
            self.profile.in_gap(sent),
            probability,
            np.ones(len(first), dtype=bool),
        )

    def has_alarm(self, rows: Rows, features: Floats) -> bool:
        """Return whether any column drifts on a day."""
        sample = self.sample(rows, features)
        found = column_drifts(self.profile, sample, Reference.training(self.profile), DAYS)
        return any(column.reason for column in found)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, store the figures, and update docs/monitoring.md."""
    parser = argparse.ArgumentParser(prog="benchmarks.quality.drift", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="the data file (default: UCI 572, downloaded)")
    parser.add_argument("--months", type=int, default=20, help="months of each kind of traffic")
    parser.add_argument("--seed", type=int, default=42)
    args = parser.parse_args(argv)
    frame = read_data(real_data(args.data))
    with one_thread():
        world = make_world(frame, args.seed)
        generator = np.random.default_rng(args.seed)
        false_alarms = {
            kind: {
                volume: alarms_per_month(world, kind, volume, args.months, generator) for volume in VOLUMES
            }
            for kind in ("independent", "sent again", "one block")
        }
        log(f"false alarms: {false_alarms}")
        detected = {
            kind: {volume: detection(world, kind, volume, args.months, generator) for volume in VOLUMES}
            for kind in CHANGES
        }
        log(f"detection: {detected}")
        quality = block_quality(frame, args.seed)
    document = figures.store(
        RESULTS,
        {
            "data": "UCI 572",
            "companies": len(world.features),
            "months": args.months,
            "false_alarms": false_alarms,
            "detected": detected,
            "quality": quality,
        },
    )
    put(PAGE, COMMAND, chapter(document))


def make_world(frame: pd.DataFrame, seed: int) -> World:
    """Split the firms in two halves, and fit a logistic regression on one."""
    y, firm = target(frame), firm_numbers(frame)
    names = [name for name in RATIOS if frame[name].nunique() > 1]
    X = frame[names].to_numpy(dtype=float)
    is_training = np.random.default_rng(seed).random(int(firm.max()) + 1)[firm] < 0.5
    model = logistic(names, seed).fit(X[is_training], y[is_training])

    def probability(features: Floats) -> Floats:
        found: Floats = model.predict_proba(features)[:, 1]
        return found

    training, sent = X[is_training], ~is_training
    levels = dict(zip(LEVELS, BOUNDS, strict=True))
    profile = training_profile(names, training, probability(training), levels)
    return World(profile, X[sent], probability, y[sent] == 1, blocks_apart(firm, 10)[sent])


def draw(world: World, kind: str, volume: int, generator: np.random.Generator) -> Rows:
    """Return the companies that are sent on a day."""
    everyone = np.arange(len(world.features))
    if kind == "one block":
        everyone = everyone[world.block == generator.integers(10)]
    if kind == "sent again":
        few = generator.choice(everyone, max(volume // 10, 1))
        return generator.choice(few, volume)
    weights = None
    if kind == "doubled base rate":
        weights = np.where(world.is_bankrupt, 2.0, 1.0)
        weights /= weights.sum()
    return generator.choice(everyone, volume, p=weights)


def alarms_per_month(
    world: World, kind: str, volume: int, months: int, generator: np.random.Generator
) -> float:
    """Return the share of months with at least one alarm, although nothing has changed."""
    alarmed = 0
    for _ in range(months):
        for _day in range(DAYS):
            rows = draw(world, kind, volume, generator)
            if world.has_alarm(rows, world.features[rows]):
                alarmed += 1
                break
    return alarmed / months


def shifted(features: Floats, generator: np.random.Generator) -> Floats:
    """Shift one column by its interquartile range."""
    column = generator.integers(features.shape[1])
    low, high = np.quantile(features[:, column], [0.25, 0.75])
    changed = features.copy()
    changed[:, column] += high - low
    return changed


def swapped(features: Floats, generator: np.random.Generator) -> Floats:
    """Swap two columns."""
    one, other = generator.choice(features.shape[1], 2, replace=False)
    changed = features.copy()
    changed[:, [one, other]] = features[:, [other, one]]
    return changed


def wrong_unit(features: Floats, generator: np.random.Generator) -> Floats:
    """Multiply one column of a tenth of the companies by 1,000: the mistake of one client."""
    column = generator.integers(features.shape[1])
    changed = features.copy()
    changed[generator.random(len(features)) < 0.1, column] *= 1000
    return changed


CHANGES: dict[str, Callable[[Floats, np.random.Generator], Floats] | None] = {
    "a column shifted by its interquartile range": shifted,
    "two columns swapped": swapped,
    "a tenth of the companies with one column in another unit": wrong_unit,
    "doubled base rate": None,
}


def detection(
    world: World, kind: str, volume: int, months: int, generator: np.random.Generator
) -> dict[str, Any]:
    """Return the share of changes that are found within a month, and the median day of those."""
    change = CHANGES[kind]
    days = []
    for _ in range(months):
        # The same change on every day of a month.
        state = generator.integers(2**32)
        for day in range(1, DAYS + 1):
            rows = draw(world, kind, volume, generator)
            features = (
                world.features if change is None else change(world.features, np.random.default_rng(state))
            )
            if world.has_alarm(rows, features[rows]):
                days.append(day)
                break
    return {"found": len(days) / months, "day": float(np.median(days)) if days else None}


def block_quality(frame: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Compare the expected with the real quality of blocks that a fit has not seen."""
    y, firm = target(frame), firm_numbers(frame)
    names = [name for name in RATIOS if frame[name].nunique() > 1]
    X = frame[names].to_numpy(dtype=float)
    rows = []
    for count, shift in BLOCKS:
        block = blocks_apart(firm, count, shift)
        for number in range(int(block.max()) + 1):
            inside = block == number
            model = logistic(names, seed).fit(X[~inside], y[~inside])
            probability = model.predict_proba(X[inside])[:, 1]
            truth = y[inside]
            if truth.sum() < 2:
                continue
            expected = expected_quality(probability, LEVELS, BOUNDS, seed)
            flagged = probability >= BOUNDS[1]
            real = {
                "bankruptcies": float(truth.sum()),
                "roc_auc": roc_auc(truth, probability),
                "brier": brier_score(truth, probability),
                "recall_medium": float(truth[flagged].sum() / truth.sum()),
                "precision_medium": float(truth[flagged].mean()) if flagged.any() else np.nan,
            }
            rows.append(
                {name: (expected[name], value) for name, value in real.items() if not np.isnan(value)}
            )
    return {
        "blocks": len(rows),
        "figures": {
            name: {
                "expected": float(np.mean([row[name][0].value for row in rows if name in row])),
                "real": float(np.mean([row[name][1] for row in rows if name in row])),
                "covered": float(
                    np.mean(
                        [row[name][0].low <= row[name][1] <= row[name][0].high for row in rows if name in row]
                    )
                ),
            }
            for name in ("bankruptcies", "roc_auc", "brier", "recall_medium", "precision_medium")
        },
    }


def chapter(document: figures.Document) -> str:
    """Return the stored figures as docs/monitoring.md shows them."""
    volumes = [f"{volume:,} a day" for volume in VOLUMES]
    alarms = [["traffic that has not changed", *volumes]]
    alarms += [
        [kind, *(f"{100 * found[str(volume)]:.0f} %" for volume in VOLUMES)]
        for kind, found in document["false_alarms"].items()
    ]
    found = [["change", *volumes]]
    found += [
        [kind, *(_detected(by_volume[str(volume)]) for volume in VOLUMES)]
        for kind, by_volume in document["detected"].items()
    ]
    quality = [["mean of the blocks", "expected", "real", "within the interval"]]
    quality += [
        [name.replace("_", " "), f"{each['expected']:.3f}", f"{each['real']:.3f}", f"{each['covered']:.0%}"]
        for name, each in document["quality"]["figures"].items()
    ]
    return (
        f"{figures.source_line(document, COMMAND)} Half of the firms are training companies; the "
        f"{document['companies']:,} companies of the others are sent, drawn at random. "
        f"{document['months']} months of daily runs each.\n\n"
        "Months with a false alarm of drift:\n\n"
        f"{table(alarms, '---:')}\n\n"
        "*Sent again*: each company about ten times a day; with ten companies, nothing is compared. *One "
        "block*: each day the companies of one contiguous block of the file, so of one industry. These "
        "really differ from the training companies, and monitoring says so.\n\n"
        "Changes found within a month, and the median day:\n\n"
        f"{table(found, '---:')}\n\n"
        "Drift cannot find a doubled base rate: the companies hardly differ. Only outcomes show it.\n\n"
        f"Quality that monitoring expects of {document['quality']['blocks']} unseen blocks, against the real "
        "one (logistic regression, flagging from 5 % up):\n\n"
        f"{table(quality, '---:')}"
    )


def _detected(found: dict[str, Any]) -> str:
    return f"{found['found']:.0%}" + (f", day {found['day']:.0f}" if found["day"] else "")


if __name__ == "__main__":
    main()
