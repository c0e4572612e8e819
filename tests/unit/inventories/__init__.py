"""Tests of the ready-made inventories."""
