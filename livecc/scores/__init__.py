"""Scoring every item once: score jobs, the score cache, and tables of scores."""
