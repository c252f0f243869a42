"""`make check-aws`: asks AWS what only AWS can tell, records it, and compares local AWS with it."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from account.probes import INSTANCE, PROBES
from account.recorder import Recorder
from account.resources import NAME, create_bucket_and_roles, remove_all
from botocore.exceptions import ClientError
from support.repository import ROOT

from local_aws.server import LocalAws
from scripts.aws.session import Aws, connect, use_local_aws
from scripts.errors import ScriptError
from scripts.operate.price_list import hosting_price
from scripts.operate.prices import PAGE, of_instances

RECORDED = ROOT / "tests" / "account" / "recorded.json"
# An update runs the old and the new instance at once.
INSTANCES, HOURS = 2, 1.0
Probes = Mapping[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 unless something differs, is missing or was declined."""
    parser = argparse.ArgumentParser(prog="make check-aws", description=__doc__)
    parser.add_argument("--replay", action="store_true", help="compare local AWS with the recorded answers")
    parser.add_argument("--remove", action="store_true", help="only remove what a killed run has left")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--file", type=Path, default=RECORDED, help="file with the recorded answers")
    options = parser.parse_args(arguments)
    # A terminated run removes its resources like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.replay:
            return _replay(options.file)
        aws = connect(NAME)
        if options.remove:
            remove_all(aws)
            _show(f"Nothing named {NAME} is left in account {aws.project.account}, {aws.project.region}.")
            return 0
        return _record(aws, options.file, asks=not options.yes)
    except ScriptError as error:
        _show(f"{error.problem} {error.hint}".strip())
        return 2


def run(aws: Aws) -> dict[str, Any]:
    """Run all probes, and remove what they made, even if one fails or is interrupted."""
    identity = aws.client("sts").get_caller_identity()
    recorder = Recorder(aws.project.account, [identity["Arn"], identity["UserId"]])
    remove_all(aws)
    recorder.attach(aws.session)
    aws = Aws(aws.session, aws.project)  # makes its own clients, so that all are recorded
    found: dict[str, Any] = {}
    try:
        create_bucket_and_roles(aws)
        for name, probe in PROBES.items():
            recorder.take()
            try:
                facts = probe(aws, recorder)
            except ClientError as error:
                facts = {"error": f"{error.operation_name}: {error.response['Error']['Code']}"}
            found[name] = {"facts": recorder.cleaned(facts), "calls": recorder.take()}
    finally:
        _show(f"Removing everything named {NAME} …")
        remove_all(aws)
    return found


def differences(recorded: Probes, local: Probes) -> Iterator[str]:
    """Yield how local AWS differs from the recorded answers of AWS."""
    for name, probe in recorded.items():
        for fact, value in probe["facts"].items():
            other = local.get(name, {}).get("facts", {}).get(fact, "nothing")
            if other != value:
                yield f"{name}, {fact}: AWS {json.dumps(value)}, local AWS {json.dumps(other)}"
        answers = _answers(probe)
        for operation in sorted(set(answers) & set(_answers(local.get(name, {})))):
            missing = answers[operation] - _answers(local[name])[operation]
            if missing:
                yield f"{name}, {operation}: local AWS does not return {', '.join(sorted(missing))}"


def _answers(probe: Probes) -> dict[str, set[str]]:
    """Return the members of the successful answers by operation."""
    found: dict[str, set[str]] = {}
    for call in probe.get("calls", []):
        if call["status"] < 300:
            found.setdefault(call["operation"], set()).update(call["answer"])
    return found


def _record(aws: Aws, file: Path, *, asks: bool) -> int:
    region = aws.project.region
    _show(f"Creates resources named {NAME} in account {aws.project.account}, {region}, and removes them:")
    _show("a bucket, three roles, a queue, a rule, an alarm, a model package group, a pipeline that is not")
    _show("started, two serverless endpoints, and one endpoint on an instance. It takes about an hour.")
    _show(f"Cost: {_cost(aws)} Other runs of this command must have ended.")
    if asks and input("Continue? [y/N] ").strip().lower() != "y":
        return 2
    probes = run(aws)
    found = {"recorded": f"{datetime.now(UTC):%Y-%m-%d}", "region": region, "probes": probes}
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, probe in probes.items():
        for fact, value in probe["facts"].items():
            _show(f"{name}, {fact}: {json.dumps(value)}")
    _show(f"Written to {file}. Check it for anything private before you commit it.")
    return 0


def _cost(aws: Aws) -> str:
    kind, region = str(INSTANCE["InstanceType"]), aws.project.region
    estimate = of_instances(region, kind, INSTANCES, listed=hosting_price(aws, kind))
    if estimate.usd_per_hour is None:
        estimate, region = of_instances("us-east-1", kind, INSTANCES), "us-east-1"
    instances = (estimate.usd_per_hour or 0.0) * HOURS
    return f"about ${instances:.2f} for {kind} (price of {region}; {PAGE}), and a few cents for the rest."


def _replay(file: Path) -> int:
    if not file.exists():
        _show(f"{file} does not exist: nobody has recorded the answers of AWS yet. Run `make check-aws` with")
        _show("the credentials of an account; docs/aws.md explains what it does.")
        return 2
    recorded = json.loads(file.read_text(encoding="utf-8"))
    with LocalAws(region=recorded["region"], enforce_iam=True) as server:
        use_local_aws(server.url, server.region)
        local = run(connect(NAME))
    found = list(differences(recorded["probes"], local))
    for difference in found:
        _show(difference)
    _show(f"{len(found)} differences from the answers of AWS of {recorded['recorded']}.")
    return 1 if found else 0


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
