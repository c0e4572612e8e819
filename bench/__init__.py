"""Benchmarks of the plan and of the controller: figures for people, no thresholds, nothing that can fail."""
