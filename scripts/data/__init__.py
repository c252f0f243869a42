"""The data file: found or downloaded, described, checked, uploaded, or generated as a sample."""
