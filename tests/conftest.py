"""Settings shared by all tests."""

from __future__ import annotations

import os

# The console of the commands reads its width once, when the first test uses it.
os.environ["COLUMNS"] = "200"
