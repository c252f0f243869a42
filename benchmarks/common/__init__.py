"""Helpers shared by the benchmarks: stored figures, pages, processes, models, local AWS."""
