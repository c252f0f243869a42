"""What every test starts with."""

from __future__ import annotations

import os

# The console of the commands takes its width when it is first used, by whichever test that is.
os.environ["COLUMNS"] = "200"
