"""Makes the tables that commands print."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from scripts.aws.registry import metadata_of
from scripts.model.figures import figure_texts
from scripts.operate.words import cost_texts, endpoint_text
from scripts.terminal.console import plain

if TYPE_CHECKING:
    from rich.table import Table

    from pipeline.service import Execution
    from scripts.operate.api_checks import Check
    from scripts.operate.prices import Estimate
    from scripts.operate.status import Status

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


def table(*headings: str | tuple[str, Literal["left", "right"]]) -> Table:
    """Return an empty table; a heading may come with the alignment of its column."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False)
    for heading in headings:
        text, justify = (heading, "left") if isinstance(heading, str) else heading
        made.add_column(text, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return made


def versions_table(versions: Iterable[dict[str, Any]]) -> Table:
    """Return a table with one version in each row, from `scripts.terminal.documents.version_summary`."""
    made = table("version", "approval", "created", "ROC-AUC", "candidate")
    for each in versions:
        made.add_row(
            str(each["version"]),
            each["approval"],
            f"{each['created']:{TIME_FORMAT}}",
            "" if each["roc_auc"] is None else f"{each['roc_auc']:.4f}",
            each["candidate"] or "",
        )
    return made


def executions_table(executions: Iterable[Execution]) -> Table:
    """Return a table with one execution in each row."""
    made = table("execution", "status", "started")
    for each in executions:
        made.add_row(each.id, each.status, f"{each.start:{TIME_FORMAT}}" if each.start else "")
    return made


def package_facts(package: dict[str, Any], evaluation: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Return the facts about a version, from its description in the registry and its evaluation."""
    facts = [
        ("version", str(package["ModelPackageVersion"])),
        ("ARN", package["ModelPackageArn"]),
        ("approval", package["ModelApprovalStatus"]),
        ("note", package.get("ApprovalDescription", "")),
        ("artefact", package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]),
        *(figure_texts(evaluation) if evaluation else ()),
        *sorted(metadata_of(package).items()),
    ]
    return [(label, plain(text)) for label, text in facts if text]


def status_facts(status: Status, resume_command: str) -> list[tuple[str, str]]:
    """Return the facts about the service; the command is shown if it is paused."""
    execution = status.execution
    last = f"{execution.id}  {execution.status}  {execution.start:{TIME_FORMAT}}" if execution else "none yet"
    versions = [
        f"{p.version}  {p.approval}  {p.created:{TIME_FORMAT}}"
        + (f"  [red]{plain(p.failure)}[/]" if p.failure else "")
        for p in status.packages
    ]
    paused = f"[yellow]yes; `{resume_command}` resumes it[/]" if status.paused else "no"
    return [
        ("project", f"{status.project}, {_place_text(status)}"),
        ("pipeline", status.pipeline),
        ("last execution", last),
        ("newest versions", "\n".join(versions) or "none yet"),
        ("endpoint", plain(endpoint_text(status.endpoint))),
        ("champion", _champion_text(status)),
        ("paused", paused),
        ("API", status.api_url),
        ("API key", "required" if status.key_required else "none: the API is open"),
        ("commit", status.commit),
        ("alarms", f"[red]{', '.join(status.alarms)}[/]" if status.alarms else "none in ALARM"),
        ("dead letters", f"[red]{status.dead_letters}[/]" if status.dead_letters else "0"),
        ("cost", "none: local AWS" if status.cost is None else _cost_text(status.cost)),
    ]


def outbox_table(messages: Iterable[dict[str, Any]]) -> Table:
    """Return a table with one message of local AWS in each row."""
    made = table(("", "right"), "time", "topic", "to", "subject")
    for number, message in enumerate(messages, 1):
        made.add_row(
            str(number),
            message["time"],
            message["topic"].rpartition(":")[2],
            plain(", ".join(message["recipients"]) or "nobody"),
            plain(message["subject"]),
        )
    return made


def checks_table(checks: Iterable[Check]) -> Table:
    """Return a table with one check in each row."""
    made = table("", "check", "expected", "got", ("ms", "right"), "answer")
    for check in checks:
        made.add_row(
            "[green]pass[/]" if check.passed else "[red]FAIL[/]",
            check.name,
            check.expected,
            str(check.status or "-"),
            f"{check.latency_ms:.0f}",
            plain(check.remark),
        )
    return made


def _place_text(status: Status) -> str:
    """Return where the service is deployed; local AWS has only one account."""
    return f"{'local AWS' if status.local else f'account {status.account}'}, {status.region}"


def _champion_text(status: Status) -> str:
    if status.champion_version is None:
        return "none yet"
    warning = "" if status.endpoint.serves else "  [yellow]not in service: /predict answers 503[/]"
    return f"version {status.champion_version}{warning}"


def _cost_text(cost: Estimate) -> str:
    estimate, source, not_counted = cost_texts(cost)
    return f"{estimate}\n[dim]{source}\n{not_counted}[/]"
