"""Tests of lvs_model, the pure Python core."""
