"""Measurements that the README and the docs quote; each stores its figures in `results/`."""
