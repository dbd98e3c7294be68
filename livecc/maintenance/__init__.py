"""Maintenance of a score cache: reports, pruning, export and import."""
