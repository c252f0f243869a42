"""Measures scoring a portfolio end to end, from CSV to CSV, on local AWS: ``python -m benchmarks.batch``.

Trains a model on sample data (once), registers it at a local AWS in a process of its own, and scores two
portfolios of sample data of which one is larger, so that memory that grows with the input shows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from rich.markdown import Markdown

from benchmarks.pages import put
from benchmarks.scale import SOURCE, measure
from scripts.aws.files import file_name
from scripts.data.sample import ROWS, generate
from scripts.terminal.console import console

RESULTS = Path(__file__).with_name("results") / "batch.json"
DOCS = Path(__file__).parents[1] / "docs" / "batch.md"
PROJECT = "bench-batch"
ROLE = "arn:aws:iam::123456789012:role/bench"
ENVIRONMENT = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
MINI_BATCH_ROWS = 1000


@dataclass(frozen=True)
class Scored:
    """What scoring one portfolio took.

    Attributes
    ----------
    seconds
        By stage: preparing and uploading, the transform job, collecting the results.
    cpu_seconds
        Of computing, by process: scoring, and local AWS with the model's containers.
    client_mib, local_aws_mib
        The most memory that the scoring process held, and that local AWS has held until its end.
    """

    companies: int
    mebibytes: int
    seconds: dict[str, float]
    cpu_seconds: dict[str, float]
    companies_per_second: int
    client_mib: int
    local_aws_mib: int = 0


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(prog="benchmarks.batch", description=__doc__)
    parser.add_argument("--estimator", default="blend")
    parser.add_argument("--companies", type=int, nargs=2, default=[100_000, 400_000])
    parser.add_argument("--folder", type=Path, default=SOURCE / "build" / "batch", help="for data and models")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--docs", type=Path, default=DOCS, help="page that shows the figures")
    args = parser.parse_args(argv)
    from steps.export.files import unpack_model  # noqa: PLC0415 (The scoring process, too, imports this module.)

    archive = trained(args.folder, args.estimator)
    model = archive.parent / "unpacked"
    unpack_model(archive, model)
    handlers = handler_costs(model)
    runs = []
    with local_aws() as server:
        register(model)
        for companies in args.companies:
            portfolio = write_portfolio(args.folder / f"portfolio-{companies}.csv", companies)
            # A process of its own, whose peak memory is that of this portfolio alone.
            before = cpu_seconds(server)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                scored = pool.submit(score_one, str(portfolio), companies).result()
            scored.cpu_seconds["local AWS and containers"] = round(cpu_seconds(server) - before, 2)
            runs.append(replace(scored, local_aws_mib=peak_mib(server)))
    document = {
        "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "data": "sample data",
        "estimator": args.estimator,
        "container_microseconds_a_company": {name: round(cost, 1) for name, cost in handlers.items()},
        "portfolios": [asdict(scored) for scored in runs],
    }
    args.results.parent.mkdir(parents=True, exist_ok=True)
    args.results.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    put(args.docs, "bench-batch", chapter(document))
    console().print(Markdown(chapter(document)))


def chapter(document: Mapping[str, Any]) -> str:
    """Return the stored figures as docs/batch.md shows them."""
    measured = f"{document['estimator']}, {document['data']}, {document['measured']}, {document['machine']}"
    names = ("prepare", "transform", "collect")
    lines = [
        f"| companies | a second | {' | '.join(f'{name}, s' for name in names)} | "
        "a second of computing | scoring holds | local AWS holds |",
        f"|{'---:|' * 8}",
    ]
    for one in document["portfolios"]:
        seconds = " | ".join(f"{one['seconds'][name]:.1f}" for name in names)
        of_computing = one["companies"] / sum(one["cpu_seconds"].values())
        lines.append(
            f"| {one['companies']:,} | {one['companies_per_second']:,} | {seconds} | {of_computing:,.0f} | "
            f"{one['client_mib']:,} MiB | {one['local_aws_mib']:,} MiB |"
        )
    costs = document["container_microseconds_a_company"]
    handlers = ", ".join(f"`{name}` {cost} µs" for name, cost in costs.items())
    return "\n".join([*lines, "", f"Of a company's time in the container: {handlers} ({measured})."])


def trained(folder: Path, estimator: str) -> Path:
    """Return the archive of a model trained on sample data; it is kept until its code changes."""
    code = sha256()
    for source in sorted(path for name in ("steps", "inference") for path in (SOURCE / name).rglob("*.py")):
        code.update(source.read_bytes())
    workspace = folder / code.hexdigest()[:12]
    archive = workspace / estimator / "model.tar.gz"
    if not archive.exists():
        for step in measure(workspace, 1, ["SelectFeatures", "TrainRecommended"], [estimator]):
            if step.failed:
                sys.exit(f"{step.step} failed; its output above says why.")
    return archive


def handler_costs(folder: Path) -> dict[str, float]:
    """Return what each handler takes of a company's time, in microseconds of computing on one core."""
    from inference import handlers  # noqa: PLC0415
    from steps.job import one_thread  # noqa: PLC0415

    model = handlers.model_fn(str(folder))
    frame = generate(ROWS, 1)
    frame.columns = [name.strip() for name in frame.columns]
    rows = frame[list(model.contract.names)].head(MINI_BATCH_ROWS)
    body = rows.to_csv(index=False, header=False)
    with one_thread():  # as the containers have
        taken = handler_seconds(model, body, "text/csv", time.process_time)
    return {name: seconds / MINI_BATCH_ROWS * 1e6 for name, seconds in taken.items()}


def handler_seconds(
    model: Any, body: str, media_type: str, clock: Callable[[], float], rounds: int = 15
) -> dict[str, float]:
    """Return the seconds, by a clock, that each of the container's handlers takes in this process."""
    from inference import handlers  # noqa: PLC0415

    taken: dict[str, list[float]] = {"input_fn": [], "predict_fn": [], "output_fn": []}
    for _ in range(rounds):
        times = [clock()]
        request = handlers.input_fn(body, media_type)
        times.append(clock())
        predictions = handlers.predict_fn(request, model)
        times.append(clock())
        handlers.output_fn(predictions, media_type)
        times.append(clock())
        for name, start, end in zip(taken, times, times[1:], strict=False):
            taken[name].append(end - start)
    return {name: median(values) for name, values in taken.items()}


def write_portfolio(path: Path, companies: int) -> Path:
    """Write sample companies with a first column of ids; the same for the same number."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8", newline="") as file:
            for seed, start in enumerate(range(0, companies, ROWS)):
                frame = generate(ROWS, seed).head(companies - start)
                frame.insert(0, "id", [f"C{number:08}" for number in range(start, start + len(frame))])
                frame.to_csv(file, index=False, header=seed == 0, lineterminator="\n")
        partial.rename(path)
    return path


def score_one(portfolio: str, companies: int) -> Scored:
    """Score a portfolio, in a process of its own."""
    import resource  # noqa: PLC0415 (Not on Windows.)

    from scripts.aws.session import connect  # noqa: PLC0415
    from scripts.score.model import choose_model  # noqa: PLC0415
    from scripts.score.scoring import Order, score  # noqa: PLC0415

    aws = connect(PROJECT)
    started = time.process_time()
    order = Order(portfolio, f"{portfolio}.result.csv", None, f"{PROJECT}-{companies}", ROLE)
    summary = score(aws, order, choose_model(aws, None), lambda *_: None)
    if summary.scored != companies:
        raise SystemExit(
            f"{summary.scored:,} of {companies:,} companies of {file_name(portfolio)} were scored."
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


@contextmanager
def local_aws() -> Iterator[int]:
    """Serve local AWS in a process of its own, point this one at it, and yield its process's number."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from scripts.cli import main; main()", "local", "start"]
    server = subprocess.Popen([*command, "--port", str(port)], cwd=SOURCE, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        from scripts.aws.session import use_local_aws  # noqa: PLC0415

        use_local_aws(f"http://127.0.0.1:{port}")
        yield server.pid
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("Local AWS did not start within 60 seconds.")


def register(model: Path) -> None:
    """Put a model into bucket and registry, as an execution and a person's approval do."""
    from scripts.aws.session import connect  # noqa: PLC0415

    aws = connect(PROJECT)
    s3, sagemaker = aws.client("s3"), aws.client("sagemaker")
    bucket = aws.project.bucket
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": aws.project.region})
    archive = (model.parent / "model.tar.gz").read_bytes()
    s3.put_object(Bucket=bucket, Key="models/bench/model.tar.gz", Body=archive)
    contract = json.loads((model / "model.json").read_text(encoding="utf-8"))["contract"]
    s3.put_object(Bucket=bucket, Key="models/bench/contract.json", Body=json.dumps(contract).encode())
    sagemaker.create_model_package_group(ModelPackageGroupName=PROJECT)
    container: dict[str, Any] = {
        "Image": "image",
        "ModelDataUrl": f"s3://{bucket}/models/bench/model.tar.gz",
        "Environment": {**ENVIRONMENT, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    }
    sagemaker.create_model_package(
        ModelPackageGroupName=PROJECT,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        CustomerMetadataProperties={"ContractUri": f"s3://{bucket}/models/bench/contract.json"},
    )


def cpu_seconds(pid: int) -> float:
    """Return the seconds of computing of a process and its children that have ended; 0 where not told."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> int:
    """Return the most memory that a process has held; 0 where that is not told."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 2**10 for line in lines if line.startswith("VmHWM:")), 0)


if __name__ == "__main__":
    main()
