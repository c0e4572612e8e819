"""Tests of the filters: thin shims over lvs_model."""
