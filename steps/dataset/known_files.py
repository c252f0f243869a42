"""Recognizes the original data file and the sample data, so that the report can warn about other data."""

# The CSV of UCI data set 572: as UCI distributes it (Windows line ends), and with Unix line ends.
UCI_SHA256 = (
    "67bf2e7c75490f7ad3f76bbce57d49cdc25967cdab607527b94f944863fa14d8",
    "cbe49e73a9dfb375fca2bae51a39948c7d283469cb4cf65a12ce0d228afb8fa1",
)
# The same companies with the inferred column firm_id, as `bankruptcy data fetch` stores them.
UCI_WITH_FIRMS_SHA256 = "1df606efb349a40c725202f2529a73c63997a382fba8b492d643dc7916274dd7"
SAMPLE_FILE_NAME = "sample-data.csv"


def data_warning(file_name: str, sha256: str) -> str | None:
    """Return a warning about data that is not UCI 572, with or without inferred firms; None if it is."""
    if sha256 in (*UCI_SHA256, UCI_WITH_FIRMS_SHA256):
        return None
    if file_name == SAMPLE_FILE_NAME:
        return "Sample data: the companies are invented, so these figures say nothing about real companies."
    return f"This is not the UCI data set 572. The figures are about the companies in {file_name}."
