"""Verbs as an operator runs them, against hosts that do not exist: their words, and what they cost."""
