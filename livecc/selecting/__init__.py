"""Decisions from stored scores: select, merge, what-if."""
