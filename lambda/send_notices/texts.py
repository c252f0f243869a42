"""Writes the title and the text of each notice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Values that other packages have, too; tests compare them.
SAMPLE_FILE_NAME = "sample-data.csv"
DEFAULT_PROJECT = "bankruptcy"
_METRICS = (
    ("roc_auc", "ROC-AUC", 3),
    ("pr_auc", "PR-AUC", 3),
    ("brier", "Brier score", 4),
    ("recall_at_5_percent_fpr", "Recall at 5 % false positives", 2),
)

Text = tuple[str, str]


class Texts:
    """The titles and texts of a project's notices.

    Parameters
    ----------
    project
        Its name, with which titles begin, and which commands contain.
    """

    def __init__(self, project: str) -> None:
        self._project = project

    def waits(self, version: str, metadata: Mapping[str, str], evaluation: Mapping[str, Any] | None) -> Text:
        """Return the notice that a version waits for approval."""
        figures = ["It was registered without an evaluation."] if evaluation is None else _figures(evaluation)
        report = f"Report: {metadata['ReportUri']}" if "ReportUri" in metadata else ""
        origin = f"Promoted from: {metadata['PromotedFrom']}" if "PromotedFrom" in metadata else ""
        return self._notice(
            f"version {version} waits for approval",
            [*figures, report, origin],
            "To read the report, compare the version with the champion on your companies, and decide:",
            [
                f"report --version {version}",
                f"model preview {version} --on companies.csv",
                f"model approve {version} --wait",
                f'model reject {version} --note "why"',
            ],
            "Notice: a version waits",
        )

    def deployed(self, version: str) -> Text:
        """Return the notice that a version has become the champion."""
        return self._notice(
            f"version {version} is the champion",
            [f"Version {version} was deployed, has passed the smoke test, and now answers requests."],
            "To test the API, or to return to the version before:",
            ["test", 'rollback --note "why"'],
            "Notice: a version was deployed",
        )

    def rolled_back(self, version: str, reason: str) -> Text:
        """Return the notice that the deployment of a version was rolled back."""
        return self._failed(f"version {version} was rolled back", version, reason)

    def given_up(self, version: str, reason: str) -> Text:
        """Return the notice that the deployment of a version was given up."""
        return self._failed(f"version {version} was given up", version, reason)

    def blocked(self, reason: str) -> Text:
        """Return the notice that deploy_model leaves the endpoint alone until a person acts."""
        return self._notice(
            "the endpoint is blocked",
            [reason],
            "To create it again (the API answers 503 in between):",
            ["status", "pause", "resume"],
            "The endpoint is UpdateRollbackFailed",
        )

    def execution_failed(self, execution: str, steps: Iterable[Mapping[str, Any]]) -> Text:
        """Return the notice that an execution failed, with its failed steps."""
        return self._notice(
            f"execution {execution} failed",
            [_failure(step) for step in steps] or ["No step has failed."],
            "To see each step with its error, and the report if Evaluate ended:",
            [f"pipeline status {execution}", f"report {execution}", "pipeline start --wait"],
            "Alarm failed-executions",
        )

    def alarm_ended(self, name: str) -> Text:
        """Return the notice that an alarm has ended."""
        own = name.removeprefix(f"{self._project}-")
        return self._notice(
            f"alarm {own} has ended", ["It is OK."], "To see the service:", ["status"], f"Alarm {own}"
        )

    def _failed(self, title: str, version: str, reason: str) -> Text:
        return self._notice(
            title,
            [f"Reason: {reason or 'unknown'}"],
            "Once the cause is fixed, the last two commands deploy it again:",
            ["status", f'model reject {version} --note "why"', f"model approve {version} --wait"],
            "Alarm versions-given-up",
        )

    def _notice(
        self, title: str, facts: Sequence[str], purpose: str, commands: Sequence[str], section: str
    ) -> Text:
        option = "" if self._project == DEFAULT_PROJECT else f" --project {self._project}"
        text = [
            *(fact for fact in facts if fact),
            "",
            purpose,
            *(f"  bankruptcy {command}{option}" for command in commands),
            "",
            f'Runbook: "{section}" in docs/runbook.md',
        ]
        return f"{self._project}: {title}", "\n".join(text)


def _failure(step: Mapping[str, Any]) -> str:
    # The error of a job can quote values of the data. That of a Fail step only names the report.
    reason = step.get("Metadata", {}).get("Fail", {}).get("ErrorMessage")
    return f"Step {step['StepName']}: {reason}" if reason else f"Step {step['StepName']} failed."


def _figures(evaluation: Mapping[str, Any]) -> list[str]:
    """Return the figures of the selected candidate, and its comparison with the champion."""
    selected, test = evaluation["selected"], evaluation["test"]
    intervals = evaluation["candidates"][selected["candidate"]]["intervals"]
    origin = "sample data, one split" if evaluation["data"]["file"] == SAMPLE_FILE_NAME else "one split"
    return [
        f"Candidate: {selected['candidate']} ({selected['estimator']})",
        f"On {test['companies']:,} unseen companies, {test['bankruptcies']} of them bankrupt ({origin}), "
        "with 95 % intervals:",
        *(f"  {label}: {_interval(intervals[name], f'.{digits}f')}" for name, label, digits in _METRICS),
        f"Compared with the champion: {_comparison(evaluation['champion'])}",
        f"Gate: {evaluation['gate']['reason']}",
    ]


def _comparison(champion: Mapping[str, Any] | None) -> str:
    if champion is None:
        return "there is none."
    if not champion["compared"]:
        return f"no. {champion['reason']}"
    found = champion["comparison"]
    loss = {name: 100 * share for name, share in found["log_loss_increase"].items()}
    return (
        f"{found['verdict']}. ROC-AUC {_interval(found['roc_auc_difference'], '+.3f')}, "
        f"log loss in % {_interval(loss, '+.1f')}"
    )


def _interval(figure: Mapping[str, float], form: str) -> str:
    return f"{figure['value']:{form}} ({figure['low']:{form}} to {figure['high']:{form}})"
