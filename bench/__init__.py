"""Benchmarks of plan, controller and data path: figures for people, no thresholds, nothing that can fail."""
