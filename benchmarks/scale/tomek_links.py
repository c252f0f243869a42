"""Measures the search for Tomek links within blocks: `python -m benchmarks.scale.tomek_links`.

Takes growing samples of the training companies of ten times the sample data, which `make bench-scale` keeps,
and applies SMOTE to them. Then searches for links among all rows, and within blocks, as Resample does for
large data.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imblearn.over_sampling import SMOTE
from sklearn.preprocessing import StandardScaler

from benchmarks.common import figures
from benchmarks.common.pages import put, table
from benchmarks.scale.learning_curve import shuffled_companies
from steps.job import log, one_thread
from steps.resample import LARGEST_BLOCK, without_tomek_links

RESULTS = figures.RESULTS / "tomek_links.json"
PAGE = figures.DOCS / "scale.md"
COMMAND = "python -m benchmarks.scale.tomek_links"
SEED = 42


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, store the figures and update docs/scale.md."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale.tomek_links", description=__doc__)
    parser.add_argument("--folder", type=Path, default=figures.BUILD / "scale" / "10")
    parser.add_argument("--companies", type=int, nargs="*", default=[5_000, 10_000, 20_000, 50_000])
    parser.add_argument("--block", type=int, default=LARGEST_BLOCK)
    args = parser.parse_args(argv)
    _, X, y = shuffled_companies(args.folder, "baseline")
    searches: list[dict[str, Any]] = []
    for companies in args.companies:
        with one_thread():
            scaled = StandardScaler().fit_transform(X[:companies])
            resampled, labels = SMOTE(random_state=SEED).fit_resample(scaled, y[:companies])
            search: dict[str, Any] = {"companies": len(scaled), "resampled": len(labels)}
            for scope, largest in (("all", len(labels)), ("blocks", args.block)):
                started = time.process_time()
                kept = without_tomek_links(resampled, labels, largest=largest)
                search[f"removed_{scope}"] = len(labels) - len(kept)
                search[f"cpu_seconds_{scope}"] = round(time.process_time() - started, 1)
        searches.append(search)
        log(str(search))
    document = figures.store(RESULTS, {"data": "sample data", "block": args.block, "searches": searches})
    put(PAGE, COMMAND, chapter(document))


def chapter(document: figures.Document) -> str:
    """Return the stored figures as docs/scale.md shows them."""
    rows = [
        [
            "companies",
            "rows after SMOTE",
            "removed, searching all",
            "removed, in blocks",
            "CPU seconds, all",
            "CPU seconds, in blocks",
        ]
    ]
    rows += [
        [
            f"{search['companies']:,}",
            f"{search['resampled']:,}",
            str(search["removed_all"]),
            str(search["removed_blocks"]),
            f"{search['cpu_seconds_all']:.1f}",
            f"{search['cpu_seconds_blocks']:.1f}",
        ]
        for search in document["searches"]
    ]
    source = figures.source_line(document, COMMAND)
    return f"{source} A block has at most {document['block']:,} rows.\n\n{table(rows)}"


if __name__ == "__main__":
    main()
