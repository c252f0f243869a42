"""Code that runs inside the pipeline's jobs, one entry module per step."""
