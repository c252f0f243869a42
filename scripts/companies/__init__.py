"""Company files: CSV or JSON files of companies to predict."""
