"""report.html: one self-contained page for people, drawn from what Evaluate has found."""

from steps.report.page import render
from steps.report.subject import Subject

__all__ = ["Subject", "render"]
