"""Judgements of people: which clips to judge, what they say about thresholds, better thresholds."""
