"""Uses local AWS for ten minutes, and measures whether it grows: `make test-soak`.

Eight clients send requests to the REST API while twenty portfolios are scored. SIZE sets the number of
portfolios, and with it the time.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import urllib3
from support.campaign import SEED, size
from support.local_aws.separate import SeparateAws, separate_aws, write_portfolio

from scripts.aws.session import Aws
from scripts.predict.client import ApiClient, client_of
from scripts.score.model import choose_model
from scripts.score.scoring import Order, score

PORTFOLIOS = size(20)
SECONDS_EACH = 30  # a portfolio and the time to the next one
WARM_UP = 4  # portfolios after which local AWS has all that it needs in memory
CLIENTS = 8
COMPANIES = 50_000  # over 32 MB, so that a portfolio has more than one part
LARGEST_GROWTH_MIB = 20
FEATURES = [f"ratio {number}" for number in range(50)]


def send_requests(api: ApiClient, done: threading.Event, seed: list[int]) -> int:
    """Send companies until `done`; return the number of answers."""
    client = ApiClient(api.url, api.key, urllib3.PoolManager(timeout=60))
    generator = np.random.default_rng(seed)
    count = 0
    while not done.is_set():
        answer = client.predict({"instances": generator.random((5, len(FEATURES))).tolist()})
        assert len(answer["predictions"]) == 5
        count += 1
    return count


def score_portfolio(aws: Aws, source: Path, number: int) -> None:
    """Score the portfolio once."""
    started = time.monotonic()
    role = "arn:aws:iam::123456789012:role/soak"
    order = Order(str(source), str(source.with_name("result.csv")), None, f"soak-{number}", role)
    assert score(aws, order, choose_model(aws, None), lambda *_: None).scored == COMPANIES
    time.sleep(max(0.0, SECONDS_EACH - (time.monotonic() - started)))


def test_local_aws_does_not_grow(tmp_path: Path) -> None:
    portfolio = tmp_path / "portfolio.csv"
    write_portfolio(portfolio, FEATURES, COMPANIES, SEED)
    with separate_aws("soak") as separate:
        separate.serve_model(tmp_path, FEATURES)
        sizes, answers = soak(separate, portfolio)
    sys.stderr.write(f"\nMemory after each portfolio: {sizes} MiB; {answers} requests were answered\n")
    assert answers > 0
    assert max(sizes[WARM_UP:]) - sizes[WARM_UP - 1] <= LARGEST_GROWTH_MIB


def soak(separate: SeparateAws, portfolio: Path) -> tuple[list[int], int]:
    """Score portfolios while clients send requests; return the memory after each, and the answers."""
    done = threading.Event()
    api = client_of(separate.aws)
    sizes = []
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(send_requests, api, done, [SEED, number]) for number in range(CLIENTS)]
        try:
            for number in range(WARM_UP + PORTFOLIOS):
                score_portfolio(separate.aws, portfolio, number)
                sizes.append(separate.memory_mib())
        finally:
            done.set()
        return sizes, sum(client.result(timeout=60) for client in clients)
