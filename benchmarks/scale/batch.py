"""Measures scoring a portfolio on local AWS, from CSV to CSV: `make bench-batch`.

Trains a model on sample data (once), registers it on a local AWS in a separate process, and scores two
portfolios. The second is larger, which shows whether memory grows with the input.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markdown import Markdown

from benchmarks.common import figures
from benchmarks.common.pages import put, table
from benchmarks.common.processes import cpu_seconds, peak_mib
from benchmarks.common.sample import sample_rows, write_sample
from scripts.aws.files import file_name
from scripts.terminal.console import console

if TYPE_CHECKING:
    from inference.artifact import Model

RESULTS = figures.RESULTS / "batch.json"
PAGE = figures.DOCS / "batch.md"
PROJECT = "bench-batch"
MINI_BATCH_ROWS = 1000


@dataclass(frozen=True)
class Scored:
    """Time and memory of scoring one portfolio.

    Attributes
    ----------
    seconds
        By stage: prepare and upload, transform job, collect the results.
    cpu_seconds
        By process: scoring, and local AWS with the model's containers.
    client_mib, local_aws_mib
        The most memory of the scoring process, and of local AWS so far.
    """

    companies: int
    mebibytes: int
    seconds: dict[str, float]
    cpu_seconds: dict[str, float]
    companies_per_second: int
    client_mib: int
    local_aws_mib: int = 0


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and store the figures, and update docs/batch.md."""
    parser = figures.model_parser("benchmarks.scale.batch", __doc__)
    parser.add_argument("--companies", type=int, nargs=2, default=[100_000, 400_000])
    args = parser.parse_args(argv)
    # Imported here: the scoring process imports this module too, and its memory is measured.
    from benchmarks.common.cloud import local_aws, register  # noqa: PLC0415
    from benchmarks.common.models import served_contract, trained_archive, unpacked_model  # noqa: PLC0415
    from scripts.aws.session import connect  # noqa: PLC0415

    archive = trained_archive(args.folder, args.estimator)
    model = unpacked_model(archive)
    container = handler_microseconds(model)
    runs = []
    with local_aws() as server:
        aws = connect(PROJECT)
        location = {"LocationConstraint": aws.project.region}
        aws.client("s3").create_bucket(Bucket=aws.project.bucket, CreateBucketConfiguration=location)
        aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=PROJECT)
        register(aws, archive, served_contract(model), "text/csv")
        for companies in args.companies:
            portfolio = write_sample(args.folder / f"portfolio-{companies}.csv", companies, ids=True)
            before = cpu_seconds(server, with_children=True)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                scored = pool.submit(score_portfolio, str(portfolio), companies).result()
            used = cpu_seconds(server, with_children=True) - before
            scored.cpu_seconds["local AWS and containers"] = round(used, 2)
            runs.append(replace(scored, local_aws_mib=peak_mib(server)))
    document = figures.store(
        RESULTS,
        {
            "data": "sample data",
            "estimator": args.estimator,
            "container_microseconds_a_company": container,
            "portfolios": [asdict(scored) for scored in runs],
        },
    )
    put(PAGE, "make bench-batch", chapter(document))
    console().print(Markdown(chapter(document)))


def chapter(document: figures.Document) -> str:
    """Return the stored figures as docs/batch.md shows them."""
    stages = ("prepare", "transform", "collect")
    rows = [
        [
            "companies",
            "per second",
            *(f"{stage}, s" for stage in stages),
            "per CPU second",
            "memory, scoring",
            "memory, local AWS",
        ]
    ]
    rows += [
        [
            f"{run['companies']:,}",
            f"{run['companies_per_second']:,}",
            *(f"{run['seconds'][stage]:.1f}" for stage in stages),
            f"{run['companies'] / sum(run['cpu_seconds'].values()):,.0f}",
            f"{run['client_mib']:,} MiB",
            f"{run['local_aws_mib']:,} MiB",
        ]
        for run in document["portfolios"]
    ]
    costs = document["container_microseconds_a_company"]
    handlers = ", ".join(f"`{name}` {cost} µs" for name, cost in costs.items())
    source = figures.source_line(document, "make bench-batch")
    return "\n\n".join(
        [
            f"{source} Estimator: {document['estimator']}.",
            table(rows, "---:"),
            f"CPU time of one company in the container: {handlers}.",
        ]
    )


def handler_microseconds(model: Model) -> dict[str, float]:
    """Return the CPU time of each handler for one company, in microseconds."""
    from benchmarks.common.models import handler_seconds  # noqa: PLC0415
    from steps.job import one_thread  # noqa: PLC0415

    rows = sample_rows(model.contract.names, MINI_BATCH_ROWS)
    body = "\n".join(",".join(map(repr, row)) for row in rows.tolist())
    with one_thread():  # as in the containers
        taken = handler_seconds(model, body, "text/csv", time.process_time, rounds=15)
    return {name: round(seconds / MINI_BATCH_ROWS * 1e6, 1) for name, seconds in taken.items()}


def score_portfolio(portfolio: str, companies: int) -> Scored:
    """Score a portfolio; call it in a separate process, because it returns the peak memory of its process."""
    import resource  # noqa: PLC0415 (Not on Windows.)

    from scripts.aws.session import connect  # noqa: PLC0415
    from scripts.score.model import choose_model  # noqa: PLC0415
    from scripts.score.scoring import Order, score  # noqa: PLC0415

    role = "arn:aws:iam::123456789012:role/bench"
    aws = connect(PROJECT)
    started = time.process_time()
    order = Order(portfolio, f"{portfolio}.result.csv", None, f"{PROJECT}-{companies}", role)
    summary = score(aws, order, choose_model(aws, None), lambda *_: None)
    if summary.scored != companies:
        raise SystemExit(
            f"Only {summary.scored:,} of {companies:,} companies in {file_name(portfolio)} were scored."
        )
    unit = 2**20 if platform.system() == "Darwin" else 2**10
    return Scored(
        companies=companies,
        mebibytes=Path(portfolio).stat().st_size // 2**20,
        seconds={name: round(seconds, 2) for name, seconds in summary.seconds.items()},
        cpu_seconds={"scoring": round(time.process_time() - started, 2)},
        companies_per_second=round(companies / sum(summary.seconds.values())),
        client_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit,
    )


if __name__ == "__main__":
    main()
