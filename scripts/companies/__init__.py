"""Company files: CSV or JSON files with the ratios of companies."""
