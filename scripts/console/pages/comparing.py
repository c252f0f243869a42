"""The page that shows two versions side by side: figures, curves, columns and parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from botocore.exceptions import ClientError
from werkzeug.wrappers import Request, Response

from pipeline.service import read_values
from scripts.console.pages.versions import Found, all_versions, find
from scripts.console.site import Route, Site
from scripts.model.contracts import feature_names, read_contract
from scripts.model.figures import difference_texts, figure_texts, same_companies
from scripts.text import counted
from steps.report.two_versions import curves

# Contracts and the parameters of executions never change.
_SECONDS = 60.0
_SHOWN_APART = ("ExecutionId",)


def compare_page(site: Site, request: Request) -> Response:
    """Show two versions side by side."""
    left, right = (find(site, request.args.get(name, type=int)) for name in ("left", "right"))
    old, new = (_columns(site, each) for each in (left, right))
    names = f"version {left.version.version}", f"version {right.version.version}"
    differences, drawn, judged_alike = {}, None, False
    if left.evaluation is not None and right.evaluation is not None:
        differences = dict(difference_texts(left.evaluation, right.evaluation))
        drawn = curves(left.evaluation, right.evaluation, names)
        judged_alike = same_companies(left.evaluation, right.evaluation)
    labels = dict.fromkeys((*left.metrics, *right.metrics))
    return site.page(
        request,
        "compare.html",
        every=all_versions(site),
        sides=(left, right),
        metrics=[
            (label, left.metrics.get(label, "–"), right.metrics.get(label, "–"), differences.get(label, "–"))
            for label in labels
        ],
        judged_alike=judged_alike,
        is_judged=bool(differences),
        history=[
            (each.version.version, dict(figure_texts(each.evaluation))["against the champion"])
            for each in (left, right)
            if each.evaluation and each.evaluation["champion"]
        ],
        curves=drawn,
        only_left=[name for name in old if name not in new],
        only_right=[name for name in new if name not in old],
        shared=counted(len(set(old) & set(new)), "column"),
        same_order=old == new,
        known=bool(old and new),
        parameters=_rows(*(_parameters(site, each) for each in (left, right))),
        facts=[
            row
            for row in _rows(left.metadata, right.metadata)
            if row[1] != row[2] and row[0] not in _SHOWN_APART
        ],
    )


ROUTES: tuple[Route, ...] = (("GET", "/versions/compare", compare_page),)


def _columns(site: Site, found: Found) -> list[str]:
    uri = found.metadata.get("ContractUri")
    if uri is None:
        return []
    contract = site.reads.get(("contract", uri), lambda: read_contract(site.aws, uri), _SECONDS)
    return feature_names(contract) if contract else []


def _parameters(site: Site, found: Found) -> dict[str, str]:
    """Return the parameters of the execution that registered a version.

    If the execution is gone, or ran in another account, these are the ones that the evaluation records.
    """
    execution = found.metadata.get("ExecutionId")
    if execution is not None:
        place = found.version.arn.partition(":model-package/")[0]
        arn = f"{place}:pipeline/{site.aws.project.pipeline}/execution/{execution}"
        try:
            sagemaker = site.aws.client("sagemaker")
            return site.reads.get(("values", arn), lambda: read_values(sagemaker, arn), _SECONDS)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ResourceNotFound", "ValidationException"):
                raise
    recorded = (found.evaluation or {}).get("provenance", {}).get("parameters", {})
    return {name: str(value) for name, value in recorded.items()}


def _rows(left: Mapping[str, str], right: Mapping[str, str]) -> Sequence[tuple[str, str, str]]:
    names = dict.fromkeys((*left, *right))
    return [(name, left.get(name, "–"), right.get(name, "–")) for name in names]
