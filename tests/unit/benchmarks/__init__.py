"""Tests of the benchmarks: that they measure, never how long something took."""
