"""The command line starts without the libraries that only its commands need."""

from __future__ import annotations

import subprocess
import sys

SLOW = ("boto3", "jinja2", "numpy", "rich", "sagemaker", "sklearn", "ssl", "webbrowser", "werkzeug", "yaml")


def test_slow_libraries_are_imported_by_the_commands_that_need_them() -> None:
    code = f"import sys, scripts.cli; print(sorted(sys.modules.keys() & {set(SLOW)}))"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout == "[]\n"
