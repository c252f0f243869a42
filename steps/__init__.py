"""Code that runs in the pipeline's jobs, with one entry module per step."""
