"""Tests of lvs_facts, lvs_probe and what they are made of, run natively."""
