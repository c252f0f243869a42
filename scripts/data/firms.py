"""Infers which rows of the UCI file belong to the same firm; the file has no firm id.

Run as ``python -m scripts.data.firms PATH``, where PATH is the real data file: prints the evidence and writes
`uci_firms.csv.gz`, from which ``bankruptcy data fetch`` adds the column `firm_id`.

The method uses one observation (docs/firms-in-uci-572.md): the file lists the same firms repeatedly, in the
same order, once for each year. So two such lists can be aligned like two strands of DNA:

1. The score of two rows measures whether they look more like one firm in two years or like two firms. It is a
   linear discriminant of the absolute differences between the rows' ranks, column by column.
2. The evidence for a pair is the score of the best local alignment through it (T. F. Smith & M. S. Waterman,
   Journal of Molecular Biology 147, 1981).
3. Two rows are linked if the evidence is strong, and if each is the other's best match in its direction.
4. The discriminant is fitted to the links, and the links are found again.

The firms are inferred, not known. A row that is out of order is not linked. Bankrupt companies are listed
separately, so their healthy years stay unlinked. The target is not used.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scripts.data.sample_statistics import repair_units
from steps.dataset.columns import FIRM_ID

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]

FIRMS_PATH = Path(__file__).with_name("uci_firms.csv.gz")

# How many rows below a row are searched for the firm's next row. The longest list has about 210 rows.
REACH = 300
ROUNDS = 4
# Scores have a standard deviation of 1, and means of about +1.5 for one firm and -1.5 for two firms.
SKIP = 2.0  # subtracted when one of the two lists skips a row
LIMIT = 10.0  # more evidence than this from one side counts as this much, so that it ends where a list ends
LEAST = 10.0  # the evidence that a link needs
# The evidence is also computed with rows shuffled within windows of this size: a row keeps its neighbourhood.
SHUFFLED = 20
RIDGE = 1e-4  # keeps the discriminant finite for columns that are functions of others


@dataclass(frozen=True)
class Links:
    """Pairs of rows that follow each other in a firm: the indexes of the earlier and of the later rows."""

    earlier: Rows
    later: Rows

    def pairs(self) -> set[tuple[int, int]]:
        """Return the links as pairs."""
        return set(zip(self.earlier.tolist(), self.later.tolist(), strict=True))


@dataclass(frozen=True)
class Discriminant:
    """Scores pairs of rows by the weighted sum of their rank differences; at `middle` the score is 0."""

    weights: Floats
    middle: float

    def scores(self, ranks: Floats) -> Floats:
        """Return the scores of all pairs, in the order of `_distances`; positive for one firm."""
        return np.float32(self.middle) - _distances(ranks, self.weights)


def infer_links(ratios: npt.NDArray[np.float64]) -> Links:
    """Return which rows belong to one firm.

    Parameters
    ----------
    ratios : array of shape (n, k)
        The ratios in the order of the file, n > `REACH`, in its units.
    """
    ranks = rank_columns(ratios)
    return link(learn(ranks).scores(ranks))


def firm_numbers(links: Links, rows: int) -> Rows:
    """Return the number of each row's firm, shape (rows,), in the order of the firms' first rows."""
    before = np.full(rows, -1)
    before[links.later] = links.earlier
    first = np.arange(rows)
    for row in np.flatnonzero(before >= 0):
        first[row] = first[before[row]]
    numbers: Rows = np.unique(first, return_inverse=True)[1]
    return numbers


def firm_ids(firms: Rows) -> list[str]:
    """Return firm numbers as text: F0001 for the first firm."""
    return [f"F{number + 1:04d}" for number in firms]


def stored_firm_ids() -> list[str]:
    """Return the inferred firm of each row of the UCI file, in its order."""
    return gzip.decompress(FIRMS_PATH.read_bytes()).decode().split()[1:]


def with_firm_ids(original: bytes) -> bytes:
    """Return the UCI file with the column `firm_id` at its end, and with Unix line ends."""
    lines = original.decode().splitlines()
    cells = [FIRM_ID, *stored_firm_ids()]
    return "".join(f"{line},{cell}\n" for line, cell in zip(lines, cells, strict=True)).encode()


def rank_columns(ratios: npt.NDArray[np.float64]) -> Floats:
    """Return the rank of each value in its column, shape (n, k)."""
    return np.column_stack([_ranks(column) for column in ratios.T])


def _ranks(column: npt.NDArray[np.float64]) -> Floats:
    """Return each value's rank between 0 and 1; equal values have the same."""
    values = repair_units(column) if (column > 1).any() else column
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    return (middle[group] / len(column)).astype(np.float32)


def _distances(ranks: Floats, weights: Floats) -> Floats:
    """Return the weighted sum of rank differences of each row and the rows below, shape (n, `REACH`).

    Column k - 1 is for the row k further down. Pairs beyond the end of the file are infinitely far apart.
    """
    rows = len(ranks)
    distances = np.full((rows, REACH), np.inf, dtype=np.float32)
    for offset in range(1, REACH + 1):
        distances[: rows - offset, offset - 1] = np.abs(ranks[:-offset] - ranks[offset:]) @ weights
    return distances


def learn(ranks: Floats) -> Discriminant:
    """Learn the discriminant from links, and find the links with it, `ROUNDS` times."""
    links = _neighbouring(-_distances(ranks, np.ones(ranks.shape[1], dtype=np.float32)))
    for _ in range(ROUNDS - 1):
        links = link(_discriminant(ranks, links).scores(ranks))
    return _discriminant(ranks, links)


def _discriminant(ranks: Floats, links: Links) -> Discriminant:
    """Learn to tell the rows of one firm from rows of two firms in the same industry and years."""
    same = np.abs(ranks[links.earlier] - ranks[links.later])
    # The rows near the later one are other firms of its industry and year.
    nearby = [links.later + step for step in (-8, -7, -6, -5, 5, 6, 7, 8)]
    valid = [(rows >= 0) & (rows < len(ranks)) & (rows != links.earlier) for rows in nearby]
    other = np.concatenate(
        [np.abs(ranks[links.earlier[k]] - ranks[rows[k]]) for rows, k in zip(nearby, valid, strict=True)]
    )
    covariance = (np.cov(same.T) + np.cov(other.T)) / 2 + RIDGE * np.eye(ranks.shape[1])
    gap = other.mean(axis=0) - same.mean(axis=0)
    weights = np.linalg.solve(covariance, gap)
    weights /= np.sqrt(gap @ weights)
    middle = (other.mean(axis=0) + same.mean(axis=0)) @ weights / 2
    return Discriminant(weights.astype(np.float32), float(middle))


def _through(pairs: Floats) -> Floats:
    """Return the evidence for each pair: its score, and those of the best alignments on both sides."""
    evidence = pairs.copy()
    evidence[1:] += _aligned(pairs)[:-1]
    evidence[:-1] += _mirrored(_aligned(_mirrored(pairs)))[1:]
    return evidence


def _aligned(pairs: Floats) -> Floats:
    """Return the score of the best local alignment that ends at or before each pair, at most `LIMIT`."""
    steps = np.arange(REACH, dtype=np.float32) * np.float32(SKIP)
    aligned = np.zeros_like(pairs)
    above = np.zeros(REACH, dtype=np.float32)
    for row, scores in enumerate(pairs):
        # Both rows move on; or only the first one does, which makes the offset smaller; or only the second.
        best = np.maximum(above + scores, 0)
        best[:-1] = np.maximum(best[:-1], above[1:] - SKIP)
        best = np.maximum.accumulate(best + steps) - steps
        above = aligned[row] = np.minimum(best, LIMIT)
    return aligned


def _mirrored(pairs: Floats) -> Floats:
    """Return the pairs of the file read from its end; doing it twice gives the pairs back."""
    mirrored = np.full_like(pairs, -np.inf)
    for offset in range(1, REACH + 1):
        mirrored[: len(pairs) - offset, offset - 1] = pairs[: len(pairs) - offset, offset - 1][::-1]
    return mirrored


def link(pairs: Floats) -> Links:
    """Return the pairs with strong evidence that are each other's best and themselves look like one firm."""
    evidence = _through(pairs)
    earlier, later = _mutual(evidence)
    offset = later - earlier - 1
    sure = (evidence[earlier, offset] >= LEAST) & (pairs[earlier, offset] > 0)
    return Links(earlier[sure], later[sure])


def _neighbouring(pairs: Floats) -> Links:
    """Return the first guess: mutual nearest rows, at the same offset as one of the rows next to them."""
    offset = pairs.argmax(axis=1)
    earlier, later = _mutual(pairs)
    agrees = np.zeros(len(pairs), dtype=bool)
    agrees[1:] |= offset[1:] == offset[:-1]
    agrees[:-1] |= offset[1:] == offset[:-1]
    return Links(earlier[agrees[earlier]], later[agrees[earlier]])


def _mutual(values: Floats) -> tuple[Rows, Rows]:
    """Return the pairs with the largest value among those of the earlier row and those of the later one."""
    rows = len(values)
    from_below = np.full_like(values, -np.inf)
    for offset in range(1, REACH + 1):
        from_below[offset:, offset - 1] = values[: rows - offset, offset - 1]
    later = np.arange(rows) + values.argmax(axis=1) + 1
    earlier = np.flatnonzero(later < rows)
    later = later[earlier]
    mutual = later - from_below[later].argmax(axis=1) - 1 == earlier
    return earlier[mutual], later[mutual]


def shuffled_nearby(rows: int, window: int, seed: int = 0) -> Rows:
    """Return an order of the rows that is random within each window; industries and years stay."""
    generator = np.random.default_rng(seed)
    return np.argsort(np.arange(rows) // window + generator.random(rows), kind="stable")


def evidence(table: pd.DataFrame) -> tuple[Rows, dict[str, str]]:
    """Infer the firms of a table of the real file and return them, with the evidence as text by its label."""
    target, ratios = table.iloc[:, 0].to_numpy(), table.iloc[:, 1:].to_numpy(dtype=np.float64)
    rows = len(ratios)
    ranks = rank_columns(ratios)
    discriminant = learn(ranks)
    links = link(discriminant.scores(ranks))
    halves = [link(learn(half).scores(half)).pairs() for half in (ranks[:, 0::2], ranks[:, 1::2])]
    by_chance = len(link(discriminant.scores(ranks[shuffled_nearby(rows, SHUFFLED)])).earlier)
    firms = firm_numbers(links, rows)
    sizes = np.bincount(firms)
    known = sizes[firms] > 1
    crossing = np.zeros(rows + 1, dtype=np.intp)
    np.add.at(crossing, links.earlier + 1, 1)
    np.add.at(crossing, links.later + 1, -1)
    borders = np.flatnonzero(np.cumsum(crossing)[:rows] == 0)
    starts = borders[np.diff(borders, prepend=-REACH) > 1]
    bankrupt = target == 1
    return firms, {
        "links": f"{len(links.earlier):,}",
        "links from each half of the columns": " and ".join(f"{len(half):,}" for half in halves)
        + f"; {len(halves[0] & halves[1]):,} are the same",
        f"links after shuffling rows in groups of {SHUFFLED}": f"{by_chance:,}",
        "firms": f"{len(sizes):,}",
        "firms with several rows": f"{int((sizes > 1).sum()):,}",
        "rows by the size of their firm": ", ".join(
            f"{size}: {size * int(count):,}" for size, count in enumerate(np.bincount(sizes)) if count
        ),
        "rows that belong to firms with several rows": f"{known.mean():.1%} of all rows, "
        f"{known[bankrupt].mean():.1%} of the bankrupt companies",
        "links by target": ", ".join(
            f"{name} {int(np.sum((target[links.earlier] == a) & (target[links.later] == b))):,}"
            for name, a, b in (
                ("healthy to healthy", 0, 0),
                ("healthy to bankrupt", 0, 1),
                ("bankrupt to healthy", 1, 0),
                ("bankrupt to bankrupt", 1, 1),
            )
        ),
        "first rows of parts that share no firm with the rows above": ", ".join(str(row) for row in starts),
    }


def main() -> None:
    """Print the evidence and write the inferred firms next to this module."""
    import pandas as pd

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path, help="the real data file (CSV, compressed or not)")
    firms, facts = evidence(pd.read_csv(parser.parse_args().path))
    for label, fact in facts.items():
        sys.stdout.write(f"{label}: {fact}\n")
    text = "\n".join([FIRM_ID, *firm_ids(firms)]) + "\n"
    FIRMS_PATH.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
